//! Control of the training: start, stop, undo, redo, presets, devices.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::application::App;
use super::frame::restart::Restarts;
use super::undo::Design;
use super::workspace::{Place, WorkspaceEvent};
use crate::data::DataSpec;
use crate::device::DeviceChoice;
use crate::model::{ModelSize, Spec, preset};
use crate::monitor::{Command, Moment, PlayState, PreviewRequest, RunSource, Worker, WorkerOptions};
use crate::platform::Task;
use crate::train::TrainError;

/// Handle to a run. Dropping it stops the run and waits until it is saved.
pub trait Trainer: Send {
    /// Returns the newest moment.
    fn moment(&self) -> Arc<Moment>;
    fn send(&self, command: Command);
}

impl Trainer for Worker {
    fn moment(&self) -> Arc<Moment> {
        // The window reads moments only; unread events would fill their queue.
        while self.events().try_recv().is_ok() {}
        Self::moment(self)
    }

    fn send(&self, command: Command) {
        Self::send(self, command);
    }
}

/// Function that starts a run.
pub type StartTrainer = Box<dyn Fn(WorkerOptions) -> Result<Box<dyn Trainer>, TrainError>>;

impl App {
    /// Stops the current run, and starts that of the options.
    pub(crate) fn start(&mut self) {
        self.stop_in_background();
        self.error = None;
        self.opened_model_routed = false;
        // Whoever starts another run has left the one before.
        self.restarts = Restarts::default();
        match (self.options.start)(self.options.run.clone()) {
            Ok(trainer) => {
                // A named folder holds one run, and a checkpoint is resumed once; later starts are new runs.
                self.options.run.out = None;
                if let RunSource::Resume { spec, preset, .. } = &self.options.run.source {
                    let (spec, preset) = (spec.clone(), preset.clone());
                    self.options.run.source = RunSource::Train { spec, preset, data: None };
                }
                self.moment = trainer.moment();
                self.trainer = Some(trainer);
                self.requested_previews = PreviewRequest::default();
                self.tell(self.place, WorkspaceEvent::Started);
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    fn stop_in_background(&mut self) {
        self.retiring.retain(|task| !task.is_ended());
        let Some(trainer) = self.trainer.take() else { return };
        self.notice = None;
        match Task::start("hourglass-retire", || {}, move |_: &mut dyn FnMut(()) -> _| drop(trainer)) {
            Ok(task) => self.retiring.push(task),
            // Without a thread the closure is dropped here, and the run is saved on this one.
            Err(problem) => self.error = Some(problem),
        }
    }

    /// Stops the run and waits until everything is saved, before the program ends.
    pub fn close(&mut self) {
        self.stop_in_background();
        for task in self.retiring.drain(..) {
            // A panic there has been printed already.
            let _: Option<()> = task.finish();
        }
    }

    pub(crate) fn send(&self, command: Command) {
        if let Some(trainer) = &self.trainer {
            trainer.send(command);
        }
    }

    pub(crate) fn can_step(&self) -> bool {
        matches!(self.moment.snapshot.progress.state, PlayState::Playing | PlayState::Paused)
    }

    pub(crate) fn play_or_pause(&mut self) {
        match self.moment.snapshot.progress.state {
            PlayState::Playing => self.send(Command::Pause),
            PlayState::Paused => self.send(Command::Play),
            PlayState::Finished | PlayState::Failed => self.restart(),
            PlayState::Preparing | PlayState::Finishing => {}
        }
    }

    /// Returns whether a run is in progress.
    pub(crate) fn is_running(&self) -> bool {
        let over = matches!(self.moment.snapshot.progress.state, PlayState::Finished | PlayState::Failed);
        self.trainer.is_some() && self.options.run.source.opened().is_none() && !over
    }

    /// Returns the current design without live edits; `None` until the spec of a source is known.
    pub(super) fn design(&self) -> Option<Design> {
        let source = &self.options.run.source;
        // A spec that was found by opening is in the snapshot.
        match self.moment.snapshot.run.spec.as_ref().filter(|_| source.spec().is_none()) {
            Some(spec) => Some(Design { spec: Spec { edits: Vec::new(), ..spec.clone() }, preset: None }),
            None => Design::from_source(source).or_else(|| self.design.clone()),
        }
    }

    /// Returns the seed of the current design.
    pub(crate) fn seed(&self) -> u64 {
        let spec = self.options.run.source.spec().or(self.moment.snapshot.run.spec.as_ref());
        spec.or(self.design.as_ref().map(|design| &design.spec)).map_or(1, |spec| spec.train.seed)
    }

    fn train_design(&mut self, design: Design) {
        let run = &mut self.options.run;
        let data = match &run.source {
            RunSource::Train { spec, data, .. } if spec.data == design.spec.data => data.clone(),
            _ => None,
        };
        self.design = Some(design.clone());
        run.source = design.into_source(data);
        if !matches!(self.place, Place::Train | Place::Explore) {
            self.go_to(Place::Train);
        }
        self.start();
    }

    fn record_design(&mut self) {
        if let Some(design) = self.design() {
            self.history.record(design);
        }
    }

    /// Starts a run of another spec, which Ctrl+Z undoes; an edit of layers that is not applied is over.
    pub(crate) fn change_design(&mut self, spec: Spec, preset: Option<String>) {
        self.record_design();
        self.workspaces.train.discard_edit();
        self.train_design(Design { spec, preset });
    }

    pub(crate) fn undo(&mut self) {
        if self.workspaces.all().into_iter().any(|workspace| workspace.undo()) || self.undo_restart() {
            return;
        }
        match self.design().and_then(|now| self.history.undo(now)) {
            Some(before) => self.train_design(before),
            None => self.notice = Some("Nothing to undo".to_owned()),
        }
    }

    pub(crate) fn redo(&mut self) {
        match self.design().and_then(|now| self.history.redo(now)) {
            Some(after) => self.train_design(after),
            None => self.notice = Some("Nothing to redo".to_owned()),
        }
    }

    /// Starts the preset `name` with the current seed and device, on the data at `source` if given.
    pub(crate) fn choose_preset(&mut self, name: &str, source: Option<String>) {
        match preset(name) {
            Ok(found) => {
                let mut spec = found.spec;
                if let Some(source) = source {
                    spec.data.source = source;
                }
                spec.train.seed = self.seed();
                self.change_design(spec, Some(found.name.to_owned()));
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    pub(crate) fn choose_device(&mut self, device: DeviceChoice) {
        self.options.run.device = device;
        self.options.settings.device = device.to_string();
        self.start();
    }

    /// Trains a suggested model on the data at `path`.
    pub(crate) fn train_on(&mut self, path: &Path) {
        self.record_design();
        let data = Box::new(DataSpec::from_source(&path.display().to_string()));
        let (seed, size) = (self.seed(), ModelSize::default());
        self.options.run.source = RunSource::Suggest { data, seed, preset: None, size };
        self.go_to(Place::Train);
        self.start();
    }

    /// Opens a saved model in place of a run.
    pub(crate) fn open_model(&mut self, path: PathBuf) {
        self.options.run.source = RunSource::Open(path);
        self.start();
    }

    /// Resumes the run in `path` with `spec`.
    pub(crate) fn resume(&mut self, path: PathBuf, spec: Spec, preset: Option<String>) {
        self.record_design();
        self.design = Some(Design { spec: spec.clone(), preset: preset.clone() });
        self.options.run.source = RunSource::Resume { folder: path, spec: Box::new(spec), preset };
        self.go_to(Place::Train);
        self.start();
    }
}
