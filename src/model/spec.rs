//! The spec: one TOML file that says what is trained on what, and alone reproduces the run.

use serde::{Deserialize, Serialize};

use super::layers::Layer;
use crate::kernels::loss::ReconstructionLoss;

/// The only version there is so far.
pub const SPEC_VERSION: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("unknown preset, {asked:?}, use one of {known}")]
    UnknownPreset { asked: String, known: String },
    #[error("cannot read the spec, {place}, {problem}")]
    Syntax { place: String, problem: String },
    #[error("the spec does not work, {field}, {problem}")]
    Invalid { field: &'static str, problem: String },
    #[error("cannot set a field, --set {asked}, {problem}")]
    Set { asked: String, problem: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of this format.
    pub version: u32,
    #[serde(default)]
    pub data: DataSpec,
    pub model: ModelSpec,
    #[serde(default)]
    pub objective: ObjectiveSpec,
    #[serde(default)]
    pub optimizer: OptimizerSpec,
    #[serde(default)]
    pub train: TrainSpec,
    #[serde(default)]
    pub engine: EngineSpec,
    /// Live edits, in the order of their steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSpec {
    /// `mnist` (embedded), or the path of an IDX file or of a folder with MNIST's file names.
    pub source: String,
    /// How values are scaled: `unit` divides bytes by 255.
    pub scale: String,
    /// Height and width of the pictures, filled in from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// Channels of the pictures, filled in from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
}

impl Default for DataSpec {
    fn default() -> Self {
        Self { source: "mnist".to_owned(), scale: "unit".to_owned(), size: None, channels: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Encoder, bottleneck, decoder.
    #[default]
    Autoencoder,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    #[serde(default)]
    pub kind: ModelKind,
    /// Layers from the data to the latent numbers; the last is `latent`.
    pub encoder: Vec<Layer>,
    /// Count of latent numbers.
    pub latent: usize,
    /// Layers back; the last is `output`.
    pub decoder: Vec<Layer>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectiveSpec {
    /// `mse` or `bce`, the mean over values and rows.
    pub loss: ReconstructionLoss,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Kingma & Ba 2015; with `weight_decay` above 0 it is AdamW (Loshchilov & Hutter 2019).
    #[default]
    Adam,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerSpec {
    pub kind: OptimizerKind,
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for OptimizerSpec {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Adam,
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSpec {
    pub epochs: u32,
    /// Upper bound of steps; whichever of this and `epochs` comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    pub batch_size: usize,
    pub seed: u64,
    /// Share of the rows that are not test which validates; MNIST has its own split.
    pub validation_fraction: f64,
}

impl Default for TrainSpec {
    fn default() -> Self {
        Self { epochs: 10, steps: None, batch_size: 128, seed: 1, validation_fraction: 0.1 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSpec {
    /// `f32`.
    pub precision: String,
}

impl Default for EngineSpec {
    fn default() -> Self {
        Self { precision: "f32".to_owned() }
    }
}

/// A field that was changed while the run went on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// It holds from this step on.
    pub step: u64,
    /// `optimizer.learning_rate`.
    pub field: String,
    pub value: f64,
}

/// Fields that can be edited live.
pub const LEARNING_RATE: &str = "optimizer.learning_rate";

impl Spec {
    /// Reads a spec; `place` names it in errors.
    pub fn from_toml(text: &str, place: &str) -> Result<Self, SpecError> {
        let spec: Self = toml::from_str(text).map_err(|error| SpecError::Syntax {
            place: match error.span() {
                Some(span) => format!("{place} line {}", text[..span.start.min(text.len())].lines().count().max(1)),
                None => place.to_owned(),
            },
            problem: one_line(error.message()),
        })?;
        spec.check()?;
        Ok(spec)
    }

    /// # Errors
    /// When a number cannot be written in TOML: integers beyond 63 bits.
    pub fn to_toml(&self) -> Result<String, SpecError> {
        toml::to_string(self).map_err(|error| SpecError::Syntax {
            place: "writing spec.toml".to_owned(),
            problem: one_line(&error.to_string()),
        })
    }

    /// This spec with `--set KEY=VALUE` applied, in order.
    pub fn with_set(&self, settings: &[String]) -> Result<Self, SpecError> {
        if settings.is_empty() {
            return Ok(self.clone());
        }
        let mut table: toml::Table = toml::from_str(&self.to_toml()?)
            .map_err(|error| SpecError::Syntax { place: "the spec".to_owned(), problem: one_line(error.message()) })?;
        for asked in settings {
            let problem = |problem: String| SpecError::Set { asked: asked.clone(), problem };
            let (key, value) = asked
                .split_once('=')
                .ok_or_else(|| problem("write it as KEY=VALUE, for example train.epochs=5".to_owned()))?;
            set(&mut table, key.trim(), parse_value(value.trim())).map_err(problem)?;
        }
        let text = toml::to_string(&table)
            .map_err(|error| SpecError::Syntax { place: "--set".to_owned(), problem: one_line(&error.to_string()) })?;
        Self::from_toml(&text, "--set").map_err(|error| match error {
            SpecError::Syntax { problem, .. } => SpecError::Set { asked: settings.join(" --set "), problem },
            other => other,
        })
    }

    /// Refuses what cannot be trained.
    pub fn check(&self) -> Result<(), SpecError> {
        let invalid = |field, problem: &str| Err(SpecError::Invalid { field, problem: problem.to_owned() });
        if self.version != SPEC_VERSION {
            return Err(SpecError::Invalid {
                field: "version",
                problem: format!("{} is not known here, use {SPEC_VERSION}", self.version),
            });
        }
        if self.data.scale != "unit" {
            return invalid("data.scale", "use \"unit\"");
        }
        if self.engine.precision != "f32" {
            return invalid("engine.precision", "use \"f32\"");
        }
        let model = &self.model;
        if !(1..=1_000_000).contains(&model.latent) {
            return invalid("model.latent", "use 1 to 1000000");
        }
        let inner = |layers: &[Layer]| layers.iter().all(|layer| matches!(layer, Layer::Dense { .. }));
        match model.encoder.split_last() {
            Some((Layer::Latent, rest)) if inner(rest) => {}
            _ => return invalid("model.encoder", "it must be dense layers and end in \"latent\""),
        }
        let Some((Layer::Output { activation }, rest)) = model.decoder.split_last() else {
            return invalid("model.decoder", "it must end in \"output\" or \"output ACTIVATION\"");
        };
        if !inner(rest) {
            return invalid("model.decoder", "before \"output\" it must be dense layers");
        }
        if self.objective.loss == ReconstructionLoss::Bce
            && *activation != crate::kernels::activation::Activation::Sigmoid
        {
            return invalid("objective.loss", "bce needs probabilities: end the decoder in \"output sigmoid\"");
        }
        let optimizer = &self.optimizer;
        if !(optimizer.learning_rate.is_finite() && optimizer.learning_rate > 0.0) {
            return invalid("optimizer.learning_rate", "it must be a number above 0, for example 0.001");
        }
        if ![optimizer.beta1, optimizer.beta2].iter().all(|beta| (0.0..1.0).contains(beta)) {
            return invalid("optimizer.beta1", "beta1 and beta2 must be at least 0 and below 1");
        }
        if !(optimizer.epsilon.is_finite() && optimizer.epsilon > 0.0) {
            return invalid("optimizer.epsilon", "it must be above 0, for example 1e-8");
        }
        if !(optimizer.weight_decay.is_finite() && optimizer.weight_decay >= 0.0) {
            return invalid("optimizer.weight_decay", "it must be 0 or more");
        }
        let train = &self.train;
        if train.epochs == 0 || train.steps == Some(0) {
            return invalid("train.epochs", "epochs and steps must be at least 1");
        }
        if !(1..=1_000_000).contains(&train.batch_size) {
            return invalid("train.batch_size", "use 1 to 1000000");
        }
        if train.seed > i64::MAX as u64 {
            return invalid("train.seed", "use 0 to 9223372036854775807");
        }
        if !(train.validation_fraction > 0.0 && train.validation_fraction < 1.0) {
            return invalid("train.validation_fraction", "it must lie between 0 and 1, for example 0.1");
        }
        for edit in &self.edits {
            if edit.field != LEARNING_RATE {
                return invalid("edits.field", "only optimizer.learning_rate can be edited live");
            }
            if !(edit.value.is_finite() && edit.value > 0.0) {
                return invalid("edits.value", "a learning rate must be above 0");
            }
        }
        Ok(())
    }

    /// The learning rate that holds at `step`, live edits applied.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        self.edits
            .iter()
            .rev()
            .find(|edit| edit.step <= step && edit.field == LEARNING_RATE)
            .map_or(self.optimizer.learning_rate, |edit| edit.value)
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A TOML value, or text where it is none.
fn parse_value(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn set(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<(), String> {
    match key.split_once('.') {
        None if key.is_empty() => Err("the key is empty; write for example train.epochs=5".to_owned()),
        None => {
            // A whole number where the spec has a fraction: 1 means 1.0.
            let value = match (table.get(key), value) {
                (Some(toml::Value::Float(_)), toml::Value::Integer(whole)) => toml::Value::Float(whole as f64),
                (_, value) => value,
            };
            table.insert(key.to_owned(), value);
            Ok(())
        }
        Some((section, rest)) => {
            let entry = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            match entry {
                toml::Value::Table(inner) => set(inner, rest, value),
                _ => Err(format!("{section} is no section; write for example train.epochs=5")),
            }
        }
    }
}
