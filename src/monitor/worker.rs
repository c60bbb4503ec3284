//! Worker thread that trains. An observer sends [`Command`]s, receives [`Event`]s, and reads the newest [`Moment`] at
//! any time. The worker owns its device: no frame ever waits for training, and training never for a frame.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::opened_model::{file_name, open_model};
use super::protocol::{Command, Event, RunSource, WorkerOptions, data_in_pieces};
use super::section::Section;
use super::snapshot::{DataSummary, Moment, PlayState, RunId, RunInfo, RunProgress, Snapshot};
use super::training_loop::{LoopOptions, Next, TrainingLoop};
use crate::data::{DataSet, DataSpec, Part};
use crate::device::{Device, DeviceChoice};
use crate::graph::GraphError;
use crate::metrics::Pca;
use crate::model::{AutoSpec, Preset, Spec, TrainSpec, auto_spec, preset};
use crate::platform::{Actor, ActorContext, Task, Wait as _};
use crate::train::{PcaReport, Run, RunDir, Session, TrainError, TrainingPlan, autotune};

/// Time of training on a CPU between two checks for commands.
const SLICE: Duration = Duration::from_millis(15);
/// Time of a submission to a GPU that draws the window too: a frame waits for the submissions before it.
const WATCHED_SUBMISSION: Duration = Duration::from_millis(4);
/// Time of a submission without an observer: far from the two seconds after which Windows resets a GPU.
const UNWATCHED_SUBMISSION: Duration = Duration::from_millis(50);
/// Capacity of the event queue: training waits while it is full.
const EVENTS: usize = 1024;

/// Handle to the thread of a run. Dropping it stops the run, which is saved, and waits for the thread.
#[derive(Debug)]
pub struct Worker {
    /// Receiver of events, dropped first: a thread that waits for room in the queue then goes on.
    events: Receiver<Event>,
    actor: Actor<Command, Moment>,
}

impl Worker {
    /// Starts the thread. `wake` is called after every event and every new moment.
    pub fn spawn(options: WorkerOptions, wake: impl Fn() + Send + 'static) -> Result<Self, TrainError> {
        let (sender, events) = bounded(EVENTS);
        let opened = options.source.opened().map(file_name);
        let message = opened.as_ref().map_or_else(|| "Preparing".to_owned(), |name| format!("Opening {name}"));
        let first = Moment::recorded(Snapshot {
            run: Section::new(RunInfo {
                id: RunId::next(),
                preset: options.source.preset().map(str::to_owned).or(opened),
                spec: options.source.spec().cloned(),
                data: DataSummary { name: name_of_data(&options.source), ..DataSummary::default() },
                ..RunInfo::default()
            }),
            progress: Section::new(RunProgress { message, ..RunProgress::default() }),
            ..Snapshot::default()
        });
        let work = move |context: &ActorContext<Command, Moment>| {
            let channels = Channels { context, events: sender };
            work_on(&options, &channels).wait();
        };
        let actor = Actor::start("hourglass-train", first, wake, work).map_err(TrainError::Worker)?;
        Ok(Self { events, actor })
    }

    /// Sends a command; drops it if the queue is full or the worker has ended.
    pub fn send(&self, command: Command) {
        self.actor.send(command);
    }

    /// Returns a sender of commands, for signal handlers and the like.
    pub fn commands(&self) -> Sender<Command> {
        self.actor.sender()
    }

    /// Returns the receiver of events.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// Returns the newest moment.
    pub fn moment(&self) -> Arc<Moment> {
        self.actor.view()
    }

    /// Returns whether the thread has ended.
    pub fn is_ended(&self) -> bool {
        self.actor.is_ended()
    }
}

/// The worker's side of the channels.
struct Channels<'a> {
    context: &'a ActorContext<Command, Moment>,
    events: Sender<Event>,
}

impl Channels<'_> {
    fn send(&self, event: Event) {
        match event {
            // Progress may be missed; the channel is never waited for here.
            Event::Progress { .. } | Event::Tuning { .. } => drop(self.events.try_send(event)),
            // Nobody listens any more: the run goes on, its files are what counts.
            _ => drop(self.events.send(event)),
        }
        self.context.wake();
    }

    /// Shows a changed copy of the moment.
    fn change(&self, change: impl FnOnce(&mut Moment)) {
        let mut moment = Moment::clone(&self.context.view());
        change(&mut moment);
        self.context.show(moment);
    }

    /// Shows a description of the current work.
    fn say(&self, message: &str) {
        self.change(|moment| moment.snapshot.progress.change(|progress| message.clone_into(&mut progress.message)));
    }

    /// Shows the moment and sends the events of a part of the work.
    fn tell(&self, training: &mut TrainingLoop) {
        let progress = training.take_progress();
        if let Some(moment) = progress.moment {
            self.context.show(moment);
        }
        progress.events.into_iter().for_each(|event| self.send(event));
    }
}

async fn work_on(options: &WorkerOptions, channels: &Channels<'_>) {
    let mut training = None;
    let Err(error) = prepare_and_train(options, channels, &mut training).await else { return };
    // What came before the error is told first.
    if let Some(training) = &mut training {
        channels.tell(training);
    }
    let mut message = error.to_string();
    // What was learned before it went wrong is kept; numbers that went wrong are not.
    if let Some(run) = training.as_mut().map(TrainingLoop::run_mut).filter(|run| run.best().is_some()) {
        match run.save_kept().await {
            Ok(()) => message.push_str("; the best state before that is saved"),
            Err(error) => message.push_str(&format!("; saving failed too: {error}")),
        }
    }
    channels.change(|moment| {
        moment.live = false;
        moment.snapshot.progress.change(|progress| {
            (progress.state, progress.message) = (PlayState::Failed, message.clone());
            progress.advice = error.advice();
        });
    });
    channels.send(Event::Failed { message, kind: error.kind(), advice: error.advice() });
}

async fn prepare_and_train(
    options: &WorkerOptions,
    channels: &Channels<'_>,
    slot: &mut Option<TrainingLoop>,
) -> Result<(), TrainError> {
    if let RunSource::Open(path) = &options.source {
        let mut opened = open_model(path).await?;
        let id = channels.context.view().snapshot.run.id;
        opened.snapshot.run.change(|run| run.id = id);
        channels.context.show(opened);
        return Ok(());
    }
    let run = prepare(options, channels).await?;
    let (info, auto_reason) = (RunInfo::clone(&channels.context.view().snapshot.run), auto_reason(options, &run));
    channels.send(Event::Ready {
        info: run.session().device_info().clone(),
        auto_reason,
        steps_per_epoch: run.session().steps_per_epoch(),
        total_steps: run.session().total_steps(),
        batch: run.spec().train.batch_size,
    });
    let mut pca = options.watched.then(|| fit_pca(&run)).flatten();
    let budget = match (run.session().device(), options.watched) {
        (Device::Cpu(_), _) => SLICE,
        (Device::Gpu(_), true) => WATCHED_SUBMISSION,
        (Device::Gpu(_), false) => UNWATCHED_SUBMISSION,
    };
    let WorkerOptions { watched, with_test, start_paused, .. } = *options;
    let training = slot.insert(TrainingLoop::new(run, info, LoopOptions { watched, with_test, start_paused }).await);
    loop {
        if let Some(report) = pca.as_ref().and_then(Task::take) {
            pca = None;
            report.into_iter().for_each(|(pca, report)| training.set_pca(pca, report));
        }
        channels.tell(training);
        match training.next() {
            Next::Nothing => return Ok(()),
            Next::Command => match channels.context.next() {
                Some(command) => training.obey(command).await?,
                None => training.stop().await?,
            },
            Next::Advance => match channels.context.try_next() {
                Ok(command) => training.obey(command).await?,
                Err(TryRecvError::Disconnected) if !training.is_stopped() => training.stop().await?,
                Err(_) => training.advance(budget).await?,
            },
        }
    }
}

/// Returns the reason for an automatic choice of the device; empty if the device was named.
fn auto_reason(options: &WorkerOptions, run: &Run) -> &'static str {
    if options.device == DeviceChoice::Auto { run.session().device().reason_for_auto() } else { "" }
}

/// Opens data and device, plans and compiles.
async fn prepare(options: &WorkerOptions, channels: &Channels<'_>) -> Result<Run, TrainError> {
    let ChosenModel { mut spec, data, preset, reasons } = open_data(&options.source, channels)?;
    spec.take_options(&data);

    channels.change(|moment| {
        moment.snapshot.run.change(|run| {
            (run.data, run.reasons) = (DataSummary::new(&data), reasons);
            run.preset.clone_from(&preset);
        });
    });
    channels.say("Starting the device");
    let device = Device::open(options.device, options.threads).map_err(GraphError::from)?;
    // Before the network is built for other rows: it would be said not to fit, and not why.
    if let RunSource::Resume { folder, .. } = &options.source {
        RunDir::open(folder)?.check_data(&data, options.changed_data)?;
    }
    let mut plan = TrainingPlan::new(spec, data, &device)?;
    let device = if matches!(options.source, RunSource::Resume { .. }) {
        device
    } else {
        autotune(&mut plan, device, options.tune, |done, all| {
            channels.say(&format!("Choosing kernels for this GPU, {} of {all}", done + 1));
            channels.send(Event::Tuning { done, all });
        })?
    };
    channels.say(if matches!(device, Device::Gpu(_)) { "Compiling the shaders" } else { "Building the network" });
    let session = Session::from_plan(plan, device)?;
    let mut run = match &options.source {
        RunSource::Resume { folder, .. } => {
            let dir = RunDir::open(folder)?;
            if options.changed_data {
                Run::resume_on_any_data(session, preset, dir, options.keep_last).await?
            } else {
                Run::resume(session, preset, dir, options.keep_last).await?
            }
        }
        _ => {
            let name = preset.as_deref().unwrap_or("run");
            let dir = match &options.out {
                Some(path) => RunDir::create(path)?,
                None => RunDir::create_numbered(&crate::train::default_runs_folder(), name)?,
            };
            Run::new(session, preset, Some(dir), options.keep_last).await?
        }
    };
    run.count_from(options.started);
    Ok(run)
}

/// Returns a name of the data that is to be opened, for display.
fn name_of_data(source: &RunSource) -> String {
    match source.data() {
        Some(data) if data.source == "mnist" => "digits".to_owned(),
        Some(data) => file_name(Path::new(&data.source)),
        None => String::new(),
    }
}

/// Model of a run, and the opened data that it is trained on.
struct ChosenModel {
    spec: Spec,
    data: Arc<DataSet>,
    /// Name of the preset that the spec is of, if any.
    preset: Option<String>,
    /// Reasons for a model that was chosen to suit the data; empty for a given one.
    reasons: String,
}

/// Opens the data of the run and, where it is to suit them, chooses the model.
fn open_data(source: &RunSource, channels: &Channels<'_>) -> Result<ChosenModel, TrainError> {
    let opening = || channels.say(&format!("Opening {}", name_of_data(source)));
    let given = |spec: &Spec, data| {
        let preset = source.preset().map(str::to_owned);
        Ok(ChosenModel { spec: spec.clone(), data, preset, reasons: String::new() })
    };
    match source {
        RunSource::Train { spec, data: Some(data), .. } => given(spec, Arc::clone(data)),
        RunSource::Train { spec, .. } | RunSource::Resume { spec, .. } => {
            opening();
            given(spec, Arc::new(spec.open_data()?))
        }
        RunSource::Suggest { data, open, seed, preset: name, size, or_suggested } => {
            let found = name.as_deref().map(preset).transpose()?;
            let read = |options: &DataSpec| {
                opening();
                let mut rows = DataSet::open(options, TrainSpec::default().validation_fraction, *seed)?;
                rows.limit_train(options.rows.unwrap_or(usize::MAX));
                Ok::<_, TrainError>(Arc::new(rows))
            };
            // Pieces are opened for their preset alone, and only as far as it applies.
            let whole = match (&found, open) {
                (Some(preset), _) if preset.takes_pieces() => None,
                (_, Some(open)) => Some(Arc::clone(open)),
                (_, None) => Some(read(data)?),
            };
            let fit = |preset: Preset| {
                let rows = match &whole {
                    Some(rows) => Arc::clone(rows),
                    None => read(&DataSpec { rows: data.rows, ..data_in_pieces(&preset, &data.source) })?,
                };
                channels.say(&format!("Fitting the model {} to the data", preset.name));
                let AutoSpec { spec, reasons } = preset.fitted(&rows, *size)?;
                Ok::<_, TrainError>(ChosenModel { spec, data: rows, preset: Some(preset.name.to_owned()), reasons })
            };
            let mut prepared = match found.map(fit) {
                Some(Ok(prepared)) => prepared,
                Some(Err(problem)) if !or_suggested => return Err(problem),
                refused => {
                    let rows = whole.map_or_else(|| read(data), Ok)?;
                    channels.say("Choosing a model that suits the data");
                    let AutoSpec { spec, mut reasons } = auto_spec(&rows)?;
                    if let Some(Err(problem)) = refused {
                        reasons = format!("The suggested model is trained: {problem}");
                    }
                    ChosenModel { spec, data: rows, preset: None, reasons }
                }
            };
            (prepared.spec.train.seed, prepared.spec.data.rows) = (*seed, data.rows);
            Ok(prepared)
        }
        RunSource::Open(path) => {
            Err(TrainError::Worker(format!("{} is opened to explore it, not to train it", path.display())))
        }
    }
}

/// Starts to fit PCA of as many components as the model has latent units to the train part, beside the training, and to
/// measure it on validation. `None` if the two cannot be compared or no thread starts; the task returns `None` if PCA
/// cannot be fitted.
fn fit_pca(run: &Run) -> Option<Task<(), Option<(Pca, PcaReport)>>> {
    let components = run.session().network().comparable_components()?;
    let data = Arc::clone(run.session().data());
    let fit = move |_: &mut dyn FnMut(()) -> _| {
        // Data that cannot be read stops the run itself, with its own words.
        let (train, validation) = (data.some_f32(Part::Train).ok()?, data.some_f32(Part::Validation).ok()?);
        let pca = Pca::fit(&train, data.features, components).ok()?;
        let mse = pca.reconstruction_mse(&validation);
        let report = PcaReport { components: pca.components(), mse };
        Some((pca, report))
    };
    Task::start("hourglass-pca", || {}, fit).ok()
}
