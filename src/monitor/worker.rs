//! The thread that trains. Whoever watches sends [`Command`]s, receives [`Event`]s, and reads the newest [`Snapshot`]
//! whenever it likes. The worker owns its device: no frame ever waits for training, and training never for a frame.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::opened_model::{file_name, open_model};
use super::protocol::{Command, Event, RunSource, WorkerChannels, WorkerOptions};
use super::snapshot::{DataSummary, PlayState, RunId, Snapshot};
use super::training_loop::TrainingLoop;
use crate::data::{DataSet, DataSpec};
use crate::device::{Device, DeviceChoice};
use crate::graph::GraphError;
use crate::model::{Spec, TrainSpec, auto_spec};
use crate::train::{Run, RunDir, Session, TrainError, TrainingPlan, autotune};

/// A handle to the thread. Dropping it stops the run, which is saved, and waits for the thread.
#[derive(Debug)]
pub struct Worker {
    commands: Sender<Command>,
    events: Receiver<Event>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. `wake` is called whenever there is something new to look at.
    pub fn spawn(options: WorkerOptions, wake: impl Fn() + Send + 'static) -> Result<Self, TrainError> {
        let (command_sender, command_receiver) = bounded(64);
        let (event_sender, event_receiver) = bounded(1024);
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot {
            run: RunId::next(),
            preset: options.source.preset().map(str::to_owned).or_else(|| options.source.opened().map(file_name)),
            spec: options.source.spec().cloned(),
            message: options
                .source
                .opened()
                .map_or_else(|| "Preparing".to_owned(), |path| format!("Opening {}", file_name(path))),
            ..Snapshot::default()
        }));
        let shared = Arc::clone(&snapshot);
        let thread = std::thread::Builder::new()
            .name("hourglass-train".to_owned())
            .spawn(move || {
                let channels = WorkerChannels {
                    commands: command_receiver,
                    events: event_sender,
                    snapshot: shared,
                    wake: Box::new(wake),
                };
                run_worker(options, &channels);
                (channels.wake)();
            })
            .map_err(|error| TrainError::Worker(error.to_string()))?;
        Ok(Self { commands: command_sender, events: event_receiver, snapshot, thread: Some(thread) })
    }

    /// Sends a command; one to a worker that has ended is dropped.
    pub fn send(&self, command: Command) {
        // A full queue of 64 means that the worker is gone or buried: the newest command may be lost, a frame may not.
        let _ = self.commands.try_send(command);
    }

    /// A sender for signal handlers and the like.
    pub fn commands(&self) -> Sender<Command> {
        self.commands.clone()
    }

    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Returns whether the thread has ended.
    pub fn is_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // The queue may be full of older commands and the worker may be blocked on a full queue of events: make room
        // until it has heard.
        while !thread.is_finished() {
            let _ = self.commands.try_send(Command::Stop);
            while self.events.try_recv().is_ok() {}
            std::thread::sleep(Duration::from_millis(2));
        }
        // A panic has been printed by the thread itself.
        let _ = thread.join();
    }
}

fn run_worker(options: WorkerOptions, channels: &WorkerChannels) {
    let mut run = None;
    let result = drive(&options, channels, &mut run);
    if let Err(error) = result {
        let mut message = error.to_string();
        // What was learned before it went wrong is kept; numbers that went wrong are not.
        if let Some(run) = run.as_mut().filter(|run| run.best().is_some()) {
            match run.save_kept() {
                Ok(()) => message.push_str("; the best state before it is saved"),
                Err(error) => message.push_str(&format!("; saving failed too: {error}")),
            }
        }
        channels.update_snapshot(|snapshot| {
            (snapshot.state, snapshot.answers) = (PlayState::Failed, false);
            snapshot.message.clone_from(&message);
        });
        channels.send(Event::Failed { message, usage: error.is_usage() });
    }
}

fn drive(options: &WorkerOptions, channels: &WorkerChannels, slot: &mut Option<Run>) -> Result<(), TrainError> {
    if let RunSource::Open(path) = &options.source {
        let opened = open_model(path)?;
        channels.update_snapshot(|snapshot| *snapshot = Snapshot { run: snapshot.run, ..opened });
        return Ok(());
    }
    channels.update_snapshot(|snapshot| snapshot.message = "Loading the data".to_owned());
    let (mut spec, data) = open_data(&options.source)?;
    spec.take_options(&data);

    channels.update_snapshot(|snapshot| {
        snapshot.message = "Starting the device".to_owned();
        snapshot.data = DataSummary::new(&data);
    });
    let device = Device::open(options.device, options.threads).map_err(GraphError::from)?;
    let auto_reason = if options.device == DeviceChoice::Auto { device.reason_for_auto() } else { "" };
    let mut plan = TrainingPlan::new(spec, data, &device)?;
    let device = if matches!(options.source, RunSource::Resume { .. }) {
        device
    } else {
        autotune(&mut plan, device, options.tune, |done, all| {
            channels.update_snapshot(|snapshot| {
                snapshot.message = format!("Choosing kernels for this GPU, {} of {all}", done + 1);
            });
            // Nobody need hear of each; the channel is never waited for here.
            let _ = channels.events.try_send(Event::Tuning { done, all });
        })?
    };
    let made = if matches!(device, Device::Gpu(_)) { "Compiling the shaders" } else { "Building the network" };
    channels.update_snapshot(|snapshot| made.clone_into(&mut snapshot.message));
    let session = Session::from_plan(plan, device)?;
    let preset = options.source.preset().map(str::to_owned);
    let run = match &options.source {
        RunSource::Resume { folder, .. } => Run::resume(session, preset, RunDir::open(folder)?, options.keep_last)?,
        _ => {
            let name = preset.as_deref().unwrap_or("run");
            let dir = match &options.out {
                Some(path) => RunDir::create(path)?,
                None => RunDir::create_numbered(&crate::train::default_runs_folder(), name)?,
            };
            Run::new(session, preset, Some(dir), options.keep_last)?
        }
    };
    let run = slot.insert(run);
    run.count_from(options.started);
    channels.send(Event::Ready {
        info: run.session().device_info().clone(),
        auto_reason,
        steps_per_epoch: run.session().steps_per_epoch(),
        total_steps: run.session().total_steps(),
        batch: run.spec().train.batch_size,
    });
    TrainingLoop::new(options, channels, run).drive()
}

/// Returns the spec that is trained, and its data.
fn open_data(source: &RunSource) -> Result<(Spec, Arc<DataSet>), TrainError> {
    match source {
        RunSource::Train { spec, data: Some(data), .. } => Ok((Spec::clone(spec), Arc::clone(data))),
        RunSource::Train { spec, .. } | RunSource::Resume { spec, .. } => {
            let data = spec.open_data()?;
            Ok((Spec::clone(spec), Arc::new(data)))
        }
        RunSource::Suggest { source, seed } => {
            let fraction = TrainSpec::default().validation_fraction;
            let data = DataSet::open(&DataSpec::from_source(source), fraction, *seed)?;
            let mut spec = auto_spec(&data)?.spec;
            spec.train.seed = *seed;
            Ok((spec, Arc::new(data)))
        }
        RunSource::Open(path) => Err(TrainError::Worker(format!("{} is looked at, not trained", path.display()))),
    }
}
