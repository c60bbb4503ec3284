//! The spec: one TOML file that says what is trained on what, and alone reproduces the run.

use serde::{Deserialize, Serialize};

use super::layers::{Layer, OutputForm};
use crate::kernels::activation::Activation;
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
    #[serde(default, skip_serializing_if = "is_default")]
    pub corruption: CorruptionSpec,
    #[serde(default, skip_serializing_if = "is_default")]
    pub augmentation: AugmentationSpec,
    pub model: ModelSpec,
    #[serde(default)]
    pub objective: ObjectiveSpec,
    #[serde(default)]
    pub optimizer: OptimizerSpec,
    #[serde(default, skip_serializing_if = "is_default")]
    pub schedule: ScheduleSpec,
    #[serde(default)]
    pub train: TrainSpec,
    #[serde(default)]
    pub engine: EngineSpec,
    /// Live edits, in the order of their steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSpec {
    /// `mnist` (embedded), or the path of an IDX file or of a folder with MNIST's file names.
    pub source: String,
    /// How values are scaled: `unit` divides bytes by 255.
    pub scale: String,
    /// Rows of the train part to use; all where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// Height and width of the pictures, filled in from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// Channels of the pictures, filled in from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// Classes of the labels, filled in from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
}

impl Default for DataSpec {
    fn default() -> Self {
        Self {
            source: "mnist".to_owned(),
            scale: "unit".to_owned(),
            rows: None,
            size: None,
            channels: None,
            classes: None,
        }
    }
}

/// What is done to the input, never to the target; in this order, on the data's own scale (0..1 for images).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorruptionSpec {
    /// Standard deviation of a Gaussian blur, in pixels.
    pub blur: f64,
    /// Standard deviation of Gaussian noise.
    pub gaussian: f64,
    /// Gaussian noise with a deviation drawn for each sample between these two; with `model.condition = "sigma"` the
    /// network is told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaussian_range: Option<[f64; 2]>,
    /// Share of values set to 0 or 1.
    pub salt_and_pepper: f64,
    /// Share of values set to 0.
    pub masking: f64,
    /// What all noise is multiplied by; can be edited live.
    pub strength: f64,
}

impl Default for CorruptionSpec {
    fn default() -> Self {
        Self { blur: 0.0, gaussian: 0.0, gaussian_range: None, salt_and_pepper: 0.0, masking: 0.0, strength: 1.0 }
    }
}

impl CorruptionSpec {
    /// Whether anything is done at all.
    pub fn is_active(&self) -> bool {
        self.gaussian_range.is_some()
            || [self.blur, self.gaussian, self.salt_and_pepper, self.masking].iter().any(|&amount| amount > 0.0)
    }
}

/// How training pictures are moved at random, target and input alike.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentationSpec {
    /// Pixels, in any direction.
    pub shift: f64,
    /// Degrees, either way.
    pub rotate: f64,
    /// Relative: 0.1 is from 0.9 to 1.1.
    pub scale: f64,
    /// Left and right change places half of the time.
    pub flip_horizontal: bool,
    pub flip_vertical: bool,
    /// Standard deviation of noise added to input and target alike.
    pub noise: f64,
}

impl AugmentationSpec {
    pub fn moves(&self) -> bool {
        self.shift != 0.0 || self.rotate != 0.0 || self.scale != 0.0 || self.flip_horizontal || self.flip_vertical
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Encoder, bottleneck, decoder.
    #[default]
    Autoencoder,
    /// The encoder gives means and log variances, the decoder sees a sample (Kingma & Welling 2014).
    Variational,
    /// Codes of `latent` numbers are replaced by the nearest of `codebook` entries (van den Oord et al. 2017).
    VectorQuantized,
    /// Codes are drawn to the prior by their maximum mean discrepancy (Tolstikhin et al. 2018).
    Wasserstein,
    /// No bottleneck: from a corrupted input to the clean one.
    Denoiser,
}

/// What the network is told besides its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    #[default]
    None,
    /// The class of each row, one hot.
    Labels,
    /// The deviation of each sample's Gaussian noise.
    Sigma,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    #[serde(default)]
    pub kind: ModelKind,
    /// Layers from the data to the latent numbers; the last is `latent`.
    pub encoder: Vec<Layer>,
    /// Count of latent numbers (of each code, for a vector-quantized model; 0 for a denoiser).
    pub latent: usize,
    /// Layers back; the last is `output`. Left out, it mirrors the encoder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decoder: Vec<Layer>,
    /// Only so many of the latent numbers, the largest, are kept of each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Entries of the codebook of a vector-quantized model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codebook: Option<usize>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub condition: ConditionKind,
    /// The output is added to the network's (corrupted) input: it learns what to change.
    #[serde(default, skip_serializing_if = "is_default")]
    pub residual: bool,
}

/// Whether a loss is averaged over the values of a row or summed; rows are averaged in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    Mean,
    Sum,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SparsityKind {
    /// Sum of absolute latent numbers.
    #[default]
    L1,
    /// KL divergence of each latent unit's mean activation from `sparsity_target`; the latent layer ends in sigmoid.
    Kl,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectiveSpec {
    /// `mse`, `bce`, `l1`, `huber` or `gaussian`.
    pub loss: ReconstructionLoss,
    /// `mean` over the values of a row or their `sum`; the sum, as in the ELBO, unless given, for variational models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduction: Option<Reduction>,
    /// Variance of the Gaussian likelihood.
    #[serde(skip_serializing_if = "is_one")]
    pub variance: f64,
    /// Weight of the KL divergence of a variational model.
    #[serde(skip_serializing_if = "is_one")]
    pub beta: f64,
    /// Epochs over which beta rises from 0.
    #[serde(skip_serializing_if = "is_default")]
    pub beta_warmup_epochs: f64,
    /// Nats of divergence that each latent unit has for nothing (Kingma et al. 2016).
    #[serde(skip_serializing_if = "is_default")]
    pub free_bits: f64,
    /// Bounds of the logarithm of the variance.
    #[serde(skip_serializing_if = "is_usual_clamp")]
    pub log_variance: [f64; 2],
    /// Weight of the sparsity of the latent numbers.
    #[serde(skip_serializing_if = "is_default")]
    pub sparsity: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub sparsity_kind: SparsityKind,
    /// Wanted mean activation for `kl`.
    #[serde(skip_serializing_if = "is_usual_target")]
    pub sparsity_target: f64,
    /// Weight of what dead units make of the error, for `top_k`.
    #[serde(skip_serializing_if = "is_default")]
    pub auxiliary: f64,
    /// Weight of the contractive penalty |f(x + s e) - f(x)|^2 / s^2.
    #[serde(skip_serializing_if = "is_default")]
    pub contractive: f64,
    /// Weight of 1 - SSIM.
    #[serde(skip_serializing_if = "is_default")]
    pub ssim: f64,
    /// Weight of the discrepancy of a Wasserstein model.
    #[serde(skip_serializing_if = "is_usual_mmd")]
    pub mmd: f64,
    /// Weight of the distance from the codebook.
    #[serde(skip_serializing_if = "is_usual_commitment")]
    pub commitment: f64,
}

fn is_one(value: &f64) -> bool {
    *value == 1.0
}

fn is_usual_clamp(value: &[f64; 2]) -> bool {
    *value == [-10.0, 10.0]
}

fn is_usual_target(value: &f64) -> bool {
    *value == 0.05
}

fn is_usual_mmd(value: &f64) -> bool {
    *value == 10.0
}

fn is_usual_commitment(value: &f64) -> bool {
    *value == 0.25
}

impl Default for ObjectiveSpec {
    fn default() -> Self {
        Self {
            loss: ReconstructionLoss::default(),
            reduction: None,
            variance: 1.0,
            beta: 1.0,
            beta_warmup_epochs: 0.0,
            free_bits: 0.0,
            log_variance: [-10.0, 10.0],
            sparsity: 0.0,
            sparsity_kind: SparsityKind::L1,
            sparsity_target: 0.05,
            auxiliary: 0.0,
            contractive: 0.0,
            ssim: 0.0,
            mmd: 10.0,
            commitment: 0.25,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Kingma & Ba 2015; weight decay is added to the gradient.
    #[default]
    Adam,
    /// Loshchilov & Hutter 2019: weight decay apart from the gradient.
    Adamw,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerSpec {
    pub kind: OptimizerKind,
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Of weights; biases and the gains of normalization are left alone.
    pub weight_decay: f64,
    /// Of `sgd`.
    #[serde(skip_serializing_if = "is_usual_momentum")]
    pub momentum: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub nesterov: bool,
    /// Largest norm of all gradients together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Share of the old in a moving average of the weights, which is then what is measured and saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
}

fn is_usual_momentum(value: &f64) -> bool {
    *value == 0.9
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
            momentum: 0.9,
            nesterov: false,
            clip_norm: None,
            ema: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    #[default]
    Constant,
    /// Half a cosine from 1 to `final_fraction` over the run.
    Cosine,
    /// Times `gamma` every `every` epochs.
    Step,
    /// Times `gamma` when validation has not improved for `patience` epochs.
    Plateau,
}

/// What the learning rate is multiplied by as the run goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleSpec {
    pub kind: ScheduleKind,
    /// Steps over which the rate rises from 0.
    pub warmup_steps: u64,
    pub final_fraction: f64,
    pub gamma: f64,
    pub every: u32,
    pub patience: u32,
}

impl Default for ScheduleSpec {
    fn default() -> Self {
        Self { kind: ScheduleKind::Constant, warmup_steps: 0, final_fraction: 0.0, gamma: 0.5, every: 10, patience: 3 }
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
    /// The run stops when validation has not improved for so many epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<u32>,
    /// Share of the rows that are not test which validates; MNIST has its own split.
    pub validation_fraction: f64,
}

impl Default for TrainSpec {
    fn default() -> Self {
        Self { epochs: 10, steps: None, batch_size: 128, seed: 1, early_stopping: None, validation_fraction: 0.1 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSpec {
    /// `f32`, or `f16` to keep what the backward pass needs in half the memory.
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
    /// One of [`LIVE_FIELDS`].
    pub field: String,
    pub value: f64,
}

/// Fields that can be edited live.
pub const LEARNING_RATE: &str = "optimizer.learning_rate";
pub const BETA: &str = "objective.beta";
pub const SPARSITY: &str = "objective.sparsity";
pub const CORRUPTION: &str = "corruption.strength";
pub const LIVE_FIELDS: [&str; 4] = [LEARNING_RATE, BETA, SPARSITY, CORRUPTION];

/// The name nearest to `asked` that is near enough to be meant.
pub(crate) fn nearest<'k>(asked: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(asked, name), name))
        .filter(|&(distance, name)| distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// serde's message with the nearest known name first: its list can be long.
fn with_nearest(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((asked, known)) if message.starts_with("unknown") => match nearest(asked, known.iter().copied()) {
            Some(near) => format!("{message} (perhaps {near})"),
            None => message.to_owned(),
        },
        _ => message.to_owned(),
    }
}

impl Spec {
    /// Reads a spec; `place` names it in errors.
    pub fn from_toml(text: &str, place: &str) -> Result<Self, SpecError> {
        let spec: Self = toml::from_str(text).map_err(|error| SpecError::Syntax {
            place: match error.span() {
                Some(span) => format!("{place} line {}", text[..span.start.min(text.len())].lines().count().max(1)),
                None => place.to_owned(),
            },
            problem: with_nearest(&one_line(error.message())),
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
        if !["f32", "f16"].contains(&self.engine.precision.as_str()) {
            return invalid("engine.precision", "use \"f32\" or \"f16\"");
        }
        self.check_model()?;
        self.check_objective()?;
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
        if !(0.0..1.0).contains(&optimizer.momentum) {
            return invalid("optimizer.momentum", "it must be at least 0 and below 1");
        }
        if optimizer.clip_norm.is_some_and(|norm| !(norm.is_finite() && norm > 0.0)) {
            return invalid("optimizer.clip_norm", "it must be above 0, for example 1.0");
        }
        if optimizer.ema.is_some_and(|share| !(0.0..1.0).contains(&share)) {
            return invalid("optimizer.ema", "it must be at least 0 and below 1, for example 0.999");
        }
        let schedule = &self.schedule;
        let fractions = [schedule.final_fraction, schedule.gamma];
        if !fractions.iter().all(|share| (0.0..=1.0).contains(share)) || schedule.gamma == 0.0 {
            return invalid("schedule.gamma", "gamma and final_fraction must lie between 0 and 1");
        }
        if schedule.every == 0 {
            return invalid("schedule.every", "it must be at least 1 epoch");
        }
        let corruption = &self.corruption;
        let amounts = [corruption.blur, corruption.gaussian, corruption.strength];
        let range = corruption.gaussian_range.unwrap_or([0.0, 1.0]);
        if !amounts.iter().chain(&range).all(|amount| amount.is_finite() && *amount >= 0.0) || range[0] > range[1] {
            return invalid("corruption", "amounts must be 0 or more, ranges from the smaller to the larger");
        }
        if corruption.blur > 20.0 {
            return invalid("corruption.blur", "use at most 20 pixels");
        }
        if ![corruption.salt_and_pepper, corruption.masking].iter().all(|share| (0.0..=1.0).contains(share)) {
            return invalid("corruption.masking", "masking and salt_and_pepper are shares between 0 and 1");
        }
        let augmentation = &self.augmentation;
        let moves = [augmentation.shift, augmentation.rotate, augmentation.scale, augmentation.noise];
        if !moves.iter().all(|amount| amount.is_finite() && *amount >= 0.0) || augmentation.scale >= 1.0 {
            return invalid("augmentation", "amounts must be 0 or more, and scale below 1");
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
        if train.early_stopping == Some(0) {
            return invalid("train.early_stopping", "it must be at least 1 epoch, or left out");
        }
        if self.data.rows.is_some_and(|rows| rows < train.batch_size) {
            return invalid("data.rows", "it must be at least train.batch_size");
        }
        for edit in &self.edits {
            if !LIVE_FIELDS.contains(&edit.field.as_str()) {
                return Err(SpecError::Invalid {
                    field: "edits.field",
                    problem: format!("{:?} cannot be edited live, use one of {}", edit.field, LIVE_FIELDS.join(", ")),
                });
            }
            let least_is_allowed = edit.field != LEARNING_RATE && edit.value == 0.0;
            if !(edit.value.is_finite() && (edit.value > 0.0 || least_is_allowed)) {
                return invalid("edits.value", "it must be a number above 0");
            }
        }
        Ok(())
    }

    fn check_model(&self) -> Result<(), SpecError> {
        let invalid = |field, problem: &str| Err(SpecError::Invalid { field, problem: problem.to_owned() });
        let model = &self.model;
        let denoiser = model.kind == ModelKind::Denoiser;
        let inner = |layers: &[Layer]| !layers.iter().any(|l| matches!(l, Layer::Latent { .. } | Layer::Output { .. }));
        if denoiser {
            if !inner(&model.encoder) || model.latent != 0 || model.top_k.is_some() {
                return invalid("model.encoder", "a denoiser has no \"latent\" layer, latent = 0, and no top_k");
            }
        } else {
            if !(1..=1_000_000).contains(&model.latent) {
                return invalid("model.latent", "use 1 to 1000000");
            }
            match model.encoder.split_last() {
                Some((Layer::Latent { .. }, rest)) if inner(rest) => {}
                _ => return invalid("model.encoder", "it must end in \"latent\" and have no other such layer"),
            }
        }
        match model.decoder.split_last() {
            None if !denoiser => {}
            Some((Layer::Output { .. }, rest)) if inner(rest) => {}
            _ => return invalid("model.decoder", "it must end in \"output\" or \"output ACTIVATION\", once"),
        }
        if model.top_k.is_some_and(|keep| keep == 0 || keep > model.latent) {
            return invalid("model.top_k", "it must be at least 1 and at most model.latent");
        }
        let quantized = model.kind == ModelKind::VectorQuantized;
        if quantized != model.codebook.is_some() || model.codebook.is_some_and(|n| !(1..=65_536).contains(&n)) {
            return invalid("model.codebook", "a vector_quantized model, and no other, has 1 to 65536 entries");
        }
        if model.condition == ConditionKind::Sigma && self.corruption.gaussian_range.is_none() {
            return invalid("model.condition", "sigma is known only with corruption.gaussian_range");
        }
        let conditioned = model.encoder.iter().chain(&model.decoder).any(|layer| *layer == Layer::Condition);
        if conditioned != (model.condition != ConditionKind::None) {
            return invalid("model.condition", "it goes together with \"condition\" layers");
        }
        if let Some(Layer::Latent { activation }) = model.encoder.last()
            && *activation != Activation::Identity
            && model.kind != ModelKind::Autoencoder
        {
            return invalid("model.encoder", "only an autoencoder's \"latent\" may have an activation");
        }
        Ok(())
    }

    fn check_objective(&self) -> Result<(), SpecError> {
        let invalid = |field, problem: &str| Err(SpecError::Invalid { field, problem: problem.to_owned() });
        let objective = &self.objective;
        let (_, output_activation) = self.output();
        if objective.loss == ReconstructionLoss::Bce && output_activation != Activation::Sigmoid {
            return invalid("objective.loss", "bce needs probabilities: end the decoder in \"output sigmoid\"");
        }
        if objective.loss == ReconstructionLoss::Bce && self.model.residual {
            return invalid("model.residual", "a residual output is no probability: use mse, l1 or huber");
        }
        let weights = [
            objective.beta,
            objective.beta_warmup_epochs,
            objective.free_bits,
            objective.sparsity,
            objective.auxiliary,
            objective.contractive,
            objective.ssim,
            objective.mmd,
            objective.commitment,
        ];
        if !weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) {
            return invalid("objective", "weights must be 0 or more");
        }
        if !(objective.variance.is_finite() && objective.variance > 0.0) {
            return invalid("objective.variance", "it must be above 0");
        }
        let [low, high] = objective.log_variance;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return invalid("objective.log_variance", "use a lower and an upper bound, for example [-10.0, 10.0]");
        }
        if !(objective.sparsity_target > 0.0 && objective.sparsity_target < 1.0) {
            return invalid("objective.sparsity_target", "it must lie between 0 and 1");
        }
        if objective.sparsity > 0.0 && self.model.kind != ModelKind::Autoencoder {
            return invalid("objective.sparsity", "only an autoencoder can be made sparse");
        }
        if objective.sparsity > 0.0
            && objective.sparsity_kind == SparsityKind::Kl
            && !matches!(self.model.encoder.last(), Some(Layer::Latent { activation: Activation::Sigmoid }))
        {
            return invalid(
                "objective.sparsity_kind",
                "kl needs activations in 0..1: end the encoder in \"latent sigmoid\"",
            );
        }
        if objective.auxiliary > 0.0 && self.model.top_k.is_none() {
            return invalid("objective.auxiliary", "it is for models with model.top_k");
        }
        if objective.contractive > 0.0 && self.model.kind == ModelKind::Denoiser {
            return invalid("objective.contractive", "a denoiser has no code to contract");
        }
        Ok(())
    }

    /// Form and activation of the last layer: of a mirrored decoder, as many values as the data has, in 0..1.
    pub fn output(&self) -> (OutputForm, Activation) {
        match self.model.decoder.last() {
            Some(Layer::Output { form, activation }) => (*form, *activation),
            _ => (OutputForm::Dense, Activation::Sigmoid),
        }
    }

    /// What a chart of the objective is called.
    pub fn objective_title(&self) -> &'static str {
        let likelihood = matches!(self.objective.loss, ReconstructionLoss::Bce | ReconstructionLoss::Gaussian);
        match self.model.kind {
            ModelKind::Variational if likelihood && self.sums_over_values() => "Negative ELBO",
            _ => self.objective.loss.title(),
        }
    }

    /// Whether the loss of a row is the sum over its values.
    pub fn sums_over_values(&self) -> bool {
        let by_kind = self.model.kind == ModelKind::Variational;
        self.objective.reduction.map_or(by_kind, |reduction| reduction == Reduction::Sum)
    }

    fn live(&self, field: &str, otherwise: f64, step: u64) -> f64 {
        self.edits.iter().rev().find(|edit| edit.step <= step && edit.field == field).map_or(otherwise, |e| e.value)
    }

    /// The learning rate asked for at `step`, live edits applied, before any schedule.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        self.live(LEARNING_RATE, self.optimizer.learning_rate, step)
    }

    /// What the schedule multiplies the learning rate by at `step` of `total`.
    pub fn schedule_at(&self, step: u64, steps_per_epoch: u64, total: u64) -> f64 {
        let schedule = &self.schedule;
        let warmup = ((step + 1) as f64 / (schedule.warmup_steps + 1) as f64).min(1.0);
        let factor = match schedule.kind {
            ScheduleKind::Constant | ScheduleKind::Plateau => 1.0,
            ScheduleKind::Cosine => {
                let after = step.saturating_sub(schedule.warmup_steps) as f64;
                let whole = total.saturating_sub(schedule.warmup_steps).max(1) as f64;
                let cosine = 0.5 + 0.5 * (std::f64::consts::PI * (after / whole).min(1.0)).cos();
                schedule.final_fraction + (1.0 - schedule.final_fraction) * cosine
            }
            ScheduleKind::Step => {
                let drops = step / steps_per_epoch.max(1) / u64::from(schedule.every);
                schedule.gamma.powi(i32::try_from(drops).unwrap_or(i32::MAX))
            }
        };
        warmup * factor
    }

    /// The weight of the divergence at `step`, live edits and warm-up applied.
    pub fn beta_at(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let beta = self.whole_beta_at(step);
        let warmup = self.objective.beta_warmup_epochs * steps_per_epoch as f64;
        if warmup > 0.0 { beta * ((step + 1) as f64 / warmup).min(1.0) } else { beta }
    }

    /// The same once the warm-up is over.
    pub fn whole_beta_at(&self, step: u64) -> f64 {
        self.live(BETA, self.objective.beta, step)
    }

    pub fn sparsity_at(&self, step: u64) -> f64 {
        self.live(SPARSITY, self.objective.sparsity, step)
    }

    pub fn corruption_at(&self, step: u64) -> f64 {
        self.live(CORRUPTION, self.corruption.strength, step)
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
