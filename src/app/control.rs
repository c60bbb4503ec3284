//! Control of the training: start, stop, undo, redo, devices.

use std::path::PathBuf;
use std::sync::Arc;

use super::application::App;
use super::frame::restart::Restarts;
use super::trainer::{Former, Trainer};
use super::undo::{Design, ModelOrigin};
use super::workspace::{Place, WorkspaceEvent};
use crate::data::DataSet;
use crate::device::DeviceChoice;
use crate::model::{ModelSize, Spec};
use crate::monitor::{Command, Moment, PlayState, PreviewRequest, RunSource};
use crate::platform::Task;

/// Returns whether the data of a run are open, or a model is; before that it makes room for the former run if it fails.
fn is_open(moment: &Moment) -> bool {
    let state = moment.snapshot.progress.state;
    moment.snapshot.run.data.rows > 0 || !matches!(state, PlayState::Preparing | PlayState::Failed)
}

impl App {
    /// Stops the current run, and starts that of the options.
    pub(crate) fn start(&mut self) {
        let (source, model) = self.same_run();
        self.start_run(source, model, self.options.run.device);
    }

    /// Returns the source of the present run once more; a model that was found by opening is not sought again.
    fn same_run(&self) -> (RunSource, ModelOrigin) {
        let is_fitted = matches!(self.options.run.source, RunSource::Suggest { .. });
        match self.design().filter(|design| is_fitted && matches!(design, Design::Complete { .. })) {
            Some(design) => self.source_of(design),
            None => (self.options.run.source.clone(), self.model.clone()),
        }
    }

    /// Starts the run of `source`. The current run stands by until the data of the new one are open.
    pub(super) fn start_run(&mut self, source: RunSource, model: ModelOrigin, device: DeviceChoice) {
        let former_design = self.design();
        let former_source = std::mem::replace(&mut self.options.run.source, source);
        let former_device = std::mem::replace(&mut self.options.run.device, device);
        self.error = None;
        if self.trainer.is_some() {
            self.notice = None;
        }
        match (self.options.start)(self.options.run.clone()) {
            Ok(trainer) => {
                self.opened_model_routed = false;
                // Whoever starts another run has left the one before.
                self.restarts = Restarts::default();
                // A named folder holds one run, and a checkpoint is resumed once; later starts are new runs.
                self.options.run.out = None;
                if let RunSource::Resume { spec, preset, .. } = &self.options.run.source {
                    let (spec, preset) = (spec.clone(), preset.clone());
                    self.options.run.source = RunSource::Train { spec, preset, data: None };
                }
                let former_model = std::mem::replace(&mut self.model, model);
                let next = trainer.moment();
                self.set_aside(is_open(&next), |trainer, moment| {
                    let progress = &moment.snapshot.progress;
                    let is_over = matches!(progress.state, PlayState::Finished | PlayState::Failed);
                    Former {
                        trainer,
                        source: former_source,
                        device: former_device,
                        model: former_model,
                        design: former_design,
                        folder: moment.folder.clone().filter(|_| !is_over),
                        was_playing: progress.state == PlayState::Playing,
                    }
                });
                self.moment = next;
                self.trainer = Some(trainer);
                self.requested_previews = PreviewRequest::default();
                self.settle();
                self.tell(self.place, WorkspaceEvent::Started);
            }
            Err(error) => {
                (self.options.run.source, self.options.run.device) = (former_source, former_device);
                self.error = Some(error.to_string());
            }
        }
    }

    /// Lets the current run stand by; retires it if there is nothing to go back to or the next one is open already.
    fn set_aside(&mut self, next_is_open: bool, former: impl FnOnce(Box<dyn Trainer>, &Moment) -> Former) {
        let Some(trainer) = self.trainer.take() else { return };
        if self.former.is_some() || next_is_open || !is_open(&self.moment) {
            self.retire(trainer);
            return;
        }
        let former = former(trainer, &self.moment);
        if former.was_playing {
            // It leaves the machine to the preparation.
            former.trainer.send(Command::Pause);
        }
        self.former = Some(former);
    }

    /// Retires the former run once the data of the current one are open, or goes back to it where they cannot be used.
    pub(super) fn settle(&mut self) {
        let run = self.moment.snapshot.run.id;
        if is_open(&self.moment) {
            if let Some(former) = self.former.take() {
                self.retire(former.trainer);
            }
            if self.settled != Some(run) {
                self.settled = Some(run);
                self.remember_data();
                self.say_replacement();
            }
        } else if self.moment.snapshot.progress.state == PlayState::Failed && self.former.is_some() {
            let problem = self.moment.snapshot.progress.message.clone();
            self.go_back_to_former();
            self.error = Some(format!("{problem}. The run before is back: choose other data or another model"));
        }
    }

    /// Returns whether a run stands by that the preparation of another can be canceled for.
    pub(crate) fn can_cancel(&self) -> bool {
        self.former.is_some()
    }

    /// Goes back to the run that stands by.
    pub(crate) fn go_back_to_former(&mut self) {
        let Some(former) = self.former.take() else { return };
        if let Some(trainer) = self.trainer.take() {
            self.retire(trainer);
        }
        (self.options.run.source, self.options.run.device) = (former.source, former.device);
        (self.model, self.restarts) = (former.model, Restarts::default());
        if let Some(design) = former.design {
            self.history.forget(&design);
            self.last_design = Some(design);
        }
        if former.was_playing {
            former.trainer.send(Command::Play);
        }
        self.moment = former.trainer.moment();
        self.trainer = Some(former.trainer);
        self.requested_previews = PreviewRequest::default();
        self.opened_model_routed = true;
    }

    /// Stops a run and saves it on another thread.
    fn retire(&mut self, trainer: Box<dyn Trainer>) {
        self.retiring.retain(|task| !task.is_ended());
        match Task::start("hourglass-retire", || {}, move |_: &mut dyn FnMut(()) -> _| drop(trainer)) {
            Ok(task) => self.retiring.push(task),
            // Without a thread the closure is dropped here, and the run is saved on this one.
            Err(problem) => self.error = Some(problem),
        }
    }

    /// Stops the run and waits until everything is saved, before the program ends.
    pub fn close(&mut self) {
        let former = self.former.take().map(|former| former.trainer);
        for trainer in self.trainer.take().into_iter().chain(former) {
            self.retire(trainer);
        }
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

    /// Returns the choice that the model of the current run came from.
    pub(super) fn model_choice(&self) -> ModelOrigin {
        let found = self.moment.snapshot.run.preset.clone();
        match &self.options.run.source {
            // A preset that does not apply was replaced by the suggested model.
            RunSource::Suggest { .. } => found.map_or(ModelOrigin::Suggested, ModelOrigin::Preset),
            // Of a file that is no preset's, the name of the file stands in its place.
            RunSource::Open(_) => {
                let is_preset = |name: &String| self.workspaces.train.has_preset(name);
                found.filter(is_preset).map_or(ModelOrigin::Custom, ModelOrigin::Preset)
            }
            source => source.preset().map_or_else(|| self.model.clone(), |name| ModelOrigin::Preset(name.to_owned())),
        }
    }

    /// Returns the current design without live edits; `None` before anything is known of it.
    pub(super) fn design(&self) -> Option<Design> {
        let model = self.model_choice();
        let source = &self.options.run.source;
        // A spec that was found by opening is in the snapshot.
        let found = self.moment.snapshot.run.spec.as_ref().filter(|_| source.spec().is_none());
        match (found.or(source.spec()), source) {
            (Some(spec), _) => {
                let edits = if found.is_some() { Vec::new() } else { spec.edits.clone() };
                Some(Design::Complete { spec: Box::new(Spec { edits, ..spec.clone() }), model })
            }
            (None, RunSource::Suggest { data, seed, preset, .. }) => {
                let model = preset.clone().map_or(ModelOrigin::Suggested, ModelOrigin::Preset);
                Some(Design::Fitted { data: data.clone(), model, seed: *seed })
            }
            _ => self.last_design.clone(),
        }
    }

    /// Returns the seed of the current design.
    pub(crate) fn seed(&self) -> u64 {
        let source = &self.options.run.source;
        if let RunSource::Suggest { seed, .. } = source {
            return *seed;
        }
        let spec = source.spec().or(self.moment.snapshot.run.spec.as_ref());
        let last = self.last_design.as_ref().map(Design::seed);
        spec.map(|spec| spec.train.seed).or(last).unwrap_or(1)
    }

    /// Returns the rows on display if they are those that `spec` names.
    fn rows_of(&self, spec: &Spec) -> Option<Arc<DataSet>> {
        let present = self.moment.snapshot.run.spec.as_ref()?;
        let is_same = present.data == spec.data
            && present.train.seed == spec.train.seed
            && present.train.validation_fraction == spec.train.validation_fraction;
        self.moment.rows.clone().filter(|_| is_same)
    }

    /// Returns the source of a run of `design`, with its data if they are open.
    pub(super) fn source_of(&self, design: Design) -> (RunSource, ModelOrigin) {
        match design {
            Design::Complete { spec, model } => {
                let (data, preset) = (self.rows_of(&spec), model.preset().map(str::to_owned));
                (RunSource::Train { spec, preset, data }, model)
            }
            Design::Fitted { data, model, seed } => {
                let (open, preset) = (self.open_rows(&data, seed), model.preset().map(str::to_owned));
                let (size, or_suggested) = (ModelSize::default(), false);
                (RunSource::Suggest { data, open, seed, preset, size, or_suggested }, model)
            }
        }
    }

    /// Starts a run of `design`.
    fn train_design(&mut self, design: Design) {
        self.last_design = Some(design.clone());
        if !matches!(self.place, Place::Train | Place::Explore) {
            self.go_to(Place::Train);
        }
        let (source, model) = self.source_of(design);
        self.start_run(source, model, self.options.run.device);
    }

    pub(super) fn record_design(&mut self) {
        if let Some(design) = self.design() {
            self.history.record(design);
        }
    }

    /// Starts a run of another spec, which Ctrl+Z undoes; an edit of layers that is not applied is over.
    pub(crate) fn change_design(&mut self, spec: Spec, preset: Option<String>) {
        let model = preset.map_or(ModelOrigin::Custom, ModelOrigin::Preset);
        self.change_to(Design::Complete { spec: Box::new(spec), model });
    }

    /// Starts the run of `source`, whose model is of `model`, which Ctrl+Z undoes.
    pub(super) fn change_source(&mut self, source: RunSource, model: ModelOrigin) {
        self.record_design();
        self.workspaces.train.discard_edit();
        self.go_to(Place::Train);
        self.start_run(source, model, self.options.run.device);
    }

    /// Starts a run of another design, which Ctrl+Z undoes; an edit of layers that is not applied is over.
    pub(super) fn change_to(&mut self, design: Design) {
        self.record_design();
        self.workspaces.train.discard_edit();
        self.train_design(design);
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

    pub(crate) fn choose_device(&mut self, device: DeviceChoice) {
        self.options.settings.device = device.to_string();
        let (source, model) = self.same_run();
        self.start_run(source, model, device);
    }

    /// Opens a saved model in place of a run.
    pub(crate) fn open_model(&mut self, path: PathBuf) {
        self.start_run(RunSource::Open(path), ModelOrigin::Custom, self.options.run.device);
    }

    /// Resumes the run in `path` with `spec`.
    pub(crate) fn resume(&mut self, path: PathBuf, spec: Spec, preset: Option<String>) {
        self.record_design();
        let model = preset.clone().map_or(ModelOrigin::Custom, ModelOrigin::Preset);
        self.last_design = Some(Design::Complete { spec: Box::new(spec.clone()), model: model.clone() });
        self.go_to(Place::Train);
        let source = RunSource::Resume { folder: path, spec: Box::new(spec), preset };
        self.start_run(source, model, self.options.run.device);
    }
}
