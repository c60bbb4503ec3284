//! Choices of data and model, each of which keeps the other.

use std::path::{Path, PathBuf};

use super::application::App;
use super::undo::{Design, ModelOrigin};
use super::workspace::{DataChoice, Place};
use crate::data::{DataSet, DataSpec, Fit};
use crate::model::{ModelSize, Preset, Spec, TrainSpec, preset};
use crate::monitor::{RunSource, data_in_pieces};

/// Name of the embedded digits as a source of data.
const DIGITS: &str = "mnist";

/// Returns whether `data` are the embedded digits as the presets are made for.
fn is_digits(data: &DataSpec) -> bool {
    data.source == DIGITS && data.size.is_none_or(|size| size == [28, 28]) && data.fit.is_none()
}

impl App {
    /// Returns the settings of the present data.
    fn present_data(&self) -> DataSpec {
        let found = self.moment.snapshot.run.spec.as_ref().map(|spec| &spec.data);
        let source = self.options.run.source.data();
        let last = self.last_design.as_ref().map(|design| match design {
            Design::Complete { spec, .. } => &spec.data,
            Design::Fitted { data, .. } => data,
        });
        found.or(source).or(last).cloned().unwrap_or_default()
    }

    /// Returns the settings of the present data without what belongs to the present model alone: pieces of pictures are
    /// whole pictures again.
    fn whole_data(&self) -> DataSpec {
        let data = self.present_data();
        let source = |whole: &&DataSpec| whole.source == data.source;
        match self.whole.as_ref().filter(source) {
            Some(whole) if data.fit == Some(Fit::Patches) => whole.clone(),
            _ if self.takes_pieces() => DataSpec::from_source(data.source),
            _ => data,
        }
    }

    /// Returns whether the present model is a preset of pieces of pictures.
    fn takes_pieces(&self) -> bool {
        let found = self.model_choice().preset().map(preset);
        found.is_some_and(|found| found.is_ok_and(|preset| preset.takes_pieces()))
    }

    /// Returns the present rows if they are those of `data`, split by `seed`.
    pub(super) fn open_rows(&self, data: &DataSpec, seed: u64) -> Option<std::sync::Arc<DataSet>> {
        let present = self.moment.snapshot.run.spec.as_ref()?;
        let is_same = present.data == *data
            && present.train.seed == seed
            && present.train.validation_fraction == TrainSpec::default().validation_fraction;
        self.moment.rows.clone().filter(|_| is_same)
    }

    /// Starts the preset `name` with the current seed and device, on the data at `source` if given, else on the present
    /// data.
    pub(crate) fn choose_preset(&mut self, name: &str, source: Option<String>) {
        let found = match preset(name) {
            Ok(found) => found,
            Err(error) => {
                self.error = Some(error.to_string());
                return;
            }
        };
        let data = match source {
            Some(source) => DataSpec::from_source(source),
            None => self.whole_data(),
        };
        let design = self.design_of(found, data);
        self.change_to(design);
    }

    /// Returns the design of a preset for `data`.
    fn design_of(&mut self, preset: Preset, data: DataSpec) -> Design {
        let (model, seed) = (ModelOrigin::Preset(preset.name.to_owned()), self.seed());
        let complete = |data: DataSpec| {
            let mut spec = Spec { data, ..preset.spec.clone() };
            spec.train.seed = seed;
            Design::Complete { spec: Box::new(spec), model: model.clone() }
        };
        if preset.takes_pieces() {
            let pieces = data_in_pieces(&preset, &data.source);
            self.whole = Some(data);
            return complete(pieces);
        }
        if is_digits(&data) {
            return complete(data);
        }
        Design::Fitted { data: Box::new(data), model, seed }
    }

    /// Starts the model that is suggested for the present data.
    pub(crate) fn choose_suggested(&mut self) {
        let (data, seed) = (Box::new(self.whole_data()), self.seed());
        self.change_to(Design::Fitted { data, model: ModelOrigin::Suggested, seed });
    }

    /// Trains a model of the present kind on other data, which may have to be asked for.
    pub(super) fn choose_data(&mut self, choice: DataChoice) {
        match choice {
            DataChoice::Digits => self.train_on_data(DataSpec::default()),
            DataChoice::Path(path) => self.train_on(&path),
            DataChoice::AskFile => self.ask_for_data(false),
            DataChoice::AskFolder => self.ask_for_data(true),
        }
    }

    /// Trains a model of the present kind on the data at `path`, or the suggested one where it does not apply.
    pub(crate) fn train_on(&mut self, path: &Path) {
        self.train_on_data(DataSpec::from_source(path.display().to_string()));
    }

    fn train_on_data(&mut self, data: DataSpec) {
        let (seed, choice) = (self.seed(), self.model_choice());
        let named = choice.preset().and_then(|name| preset(name).ok());
        let known = named.as_ref().filter(|preset| is_digits(&data) && !preset.takes_pieces()).cloned();
        if let Some(preset) = known {
            let design = self.design_of(preset, data);
            self.go_to(Place::Train);
            self.change_to(design);
            return;
        }
        // Pieces are cut of picture files alone.
        let named = named.filter(|preset| !(preset.takes_pieces() && data.source == DIGITS));
        let model = named.map_or(ModelOrigin::Suggested, |preset| ModelOrigin::Preset(preset.name.to_owned()));
        let preset = model.preset().map(str::to_owned);
        let is_replaced = preset.is_none() && choice != ModelOrigin::Suggested;
        let (data, size) = (Box::new(data), ModelSize::default());
        let source = RunSource::Suggest { data, open: None, seed, preset, size, or_suggested: true };
        self.change_source(source, model);
        if is_replaced {
            let what =
                choice.preset().map_or_else(|| "A model of your own".to_owned(), |name| format!("The model {name}"));
            self.notice = Some(format!("{what} stays with its data: the suggested model is trained on these"));
        }
    }

    /// Puts the data of the run among those opened lately.
    pub(super) fn remember_data(&mut self) {
        let Some(source) = self.options.run.source.data().map(|data| &data.source) else { return };
        if source != DIGITS && self.moment.snapshot.run.data.rows > 0 {
            let path = std::path::absolute(source).unwrap_or_else(|_| PathBuf::from(source));
            self.options.settings.remember(path.display().to_string());
        }
    }

    /// Says so where a preset was replaced by the suggested model.
    pub(super) fn say_replacement(&mut self) {
        let run = &self.moment.snapshot.run;
        let asked = matches!(&self.options.run.source, RunSource::Suggest { preset: Some(_), .. });
        if asked && run.preset.is_none() && !run.reasons.is_empty() {
            self.notice = Some(run.reasons.clone());
        }
    }
}
