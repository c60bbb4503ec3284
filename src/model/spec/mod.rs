//! The spec: one TOML file that says what is trained on what, and alone reproduces the run.

mod checks;
mod engine;
mod live;
mod one_or_two;
mod text;

use serde::{Deserialize, Serialize};

pub use self::engine::{EngineSpec, KernelChoices, Precision};
pub use self::live::{BETA, CORRUPTION, DROPOUT, Edit, LEARNING_RATE, LIVE_FIELDS, SPARSITY, live_text};
use super::layers::{Layer, OutputLayer};
use crate::data::{DataError, DataSet, DataSpec, Preparation};
use crate::kernels::activation::Activation;
use crate::kernels::loss::ReconstructionLoss;

/// The only version there is so far.
pub const SPEC_VERSION: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("unknown preset, {asked:?}{near}, use one of {known}")]
    UnknownPreset { asked: String, near: String, known: String },
    #[error("cannot read the spec, {place}, {problem}")]
    Syntax { place: String, problem: String },
    #[error("the spec does not work, {field}, {problem}")]
    Invalid { field: &'static str, problem: String },
    #[error(transparent)]
    Data(DataError),
    #[error("cannot set a field, {asked}, {problem}")]
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

/// What is done to the input, never to the target; in this order, on the data's own scale (0..1 for images). All but
/// `poisson`, `gaussian`, `gaussian_range`, `salt_and_pepper` and `masking` are for pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorruptionSpec {
    /// Pictures are averaged down by this whole factor, which both sides are multiples of, and bilinearly up again; 0
    /// is off.
    #[serde(skip_serializing_if = "is_default")]
    pub downscale: usize,
    /// Standard deviation of a Gaussian blur, in pixels.
    pub blur: f64,
    /// Deviation of film grain at medium brightness, a quarter of that near black and white; the same in all channels.
    #[serde(skip_serializing_if = "is_default")]
    pub grain: f64,
    /// Mean count of scratches in a picture: fine lines, nearly upright, light or dark.
    #[serde(skip_serializing_if = "is_default")]
    pub scratches: f64,
    /// Mean count of specks of dust in a picture: soft blobs, light or dark.
    #[serde(skip_serializing_if = "is_default")]
    pub dust: f64,
    /// Shot noise of a sensor that counts so many quanta where the value is 1: Poisson(value * peak) / peak, values
    /// below 0 being 0. The fewer, the noisier; 0 is off. With strength s there are peak / s^2.
    #[serde(skip_serializing_if = "is_default")]
    pub poisson: f64,
    /// Standard deviation of Gaussian noise.
    pub gaussian: f64,
    /// Gaussian noise with a deviation drawn for each sample between these two; with `model.condition = "sigma"` the
    /// network is told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaussian_range: Option<[f64; 2]>,
    /// What JPEG leaves at a quality of 1 to 100, drawn for each sample between these two; one number is always that.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "one_or_two::one_or_two")]
    pub jpeg: Option<[u32; 2]>,
    /// Share of values set to 0 or 1.
    pub salt_and_pepper: f64,
    /// Share of values set to 0.
    pub masking: f64,
    /// Share of values of a picture that are replaced by neighbors, and by which alone the output is judged: a denoiser
    /// is so learned from noisy pictures, without a clean one (Noise2Void, Krull et al. 2019). Noise must differ from
    /// pixel to pixel. `strength` does not count here.
    #[serde(skip_serializing_if = "is_default")]
    pub blind_spot: f64,
    /// What all noise is multiplied by (deviations, shares and counts); can be edited live. What is not random in the
    /// pixels, `downscale`, `blur` and `jpeg`, stays as it is.
    pub strength: f64,
}

impl Default for CorruptionSpec {
    fn default() -> Self {
        Self {
            downscale: 0,
            blur: 0.0,
            grain: 0.0,
            scratches: 0.0,
            dust: 0.0,
            poisson: 0.0,
            gaussian: 0.0,
            gaussian_range: None,
            jpeg: None,
            salt_and_pepper: 0.0,
            masking: 0.0,
            blind_spot: 0.0,
            strength: 1.0,
        }
    }
}

impl CorruptionSpec {
    /// Whether there is noise that `strength` multiplies.
    pub fn has_strength(&self) -> bool {
        let amounts =
            [self.grain, self.scratches, self.dust, self.poisson, self.gaussian, self.salt_and_pepper, self.masking];
        self.gaussian_range.is_some() || amounts.iter().any(|&amount| amount > 0.0)
    }

    /// Whether anything is done at all.
    pub fn is_active(&self) -> bool {
        let amounts = [
            self.blur,
            self.grain,
            self.scratches,
            self.dust,
            self.poisson,
            self.gaussian,
            self.salt_and_pepper,
            self.masking,
            self.blind_spot,
        ];
        let ranged = self.gaussian_range.is_some() || self.jpeg.is_some();
        ranged || self.downscale > 0 || amounts.iter().any(|&amount| amount > 0.0)
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

impl ModelKind {
    /// As people say it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Autoencoder => "autoencoder",
            Self::Variational => "variational",
            Self::VectorQuantized => "vector-quantized",
            Self::Wasserstein => "Wasserstein",
            Self::Denoiser => "denoiser",
        }
    }
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
    /// A model of the same layers whose weights training begins with, instead of random ones: a file, or `denoiser`,
    /// the one that comes with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
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
    /// Epochs that a cosine is laid over, where they are not those of the run: it goes on at the last rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// The same for `train.steps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
}

impl Default for ScheduleSpec {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::Constant,
            warmup_steps: 0,
            final_fraction: 0.0,
            gamma: 0.5,
            every: 10,
            patience: 3,
            epochs: None,
            steps: None,
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

impl Spec {
    /// The data of this spec, split and prepared.
    ///
    /// # Errors
    /// What is wrong with it, where, and what would be right.
    pub fn open_data(&self) -> Result<DataSet, DataError> {
        DataSet::open(&self.data_options(), self.train.validation_fraction, self.train.seed)
    }

    /// Every row of `source` as one part, prepared as that of a model of this spec was.
    pub fn open_other_data(&self, source: &str, fitted: &Preparation) -> Result<DataSet, DataError> {
        DataSet::open_whole(&DataSpec { source: source.to_owned(), ..self.data_options() }, fitted)
    }

    fn data_options(&self) -> DataSpec {
        DataSpec { bounded: self.output().1 == Activation::Sigmoid, ..self.data.clone() }
    }

    /// Records what was left open and has been chosen by what the data is.
    pub fn take_options(&mut self, data: &DataSet) {
        let (rows, device_megabytes) = (self.data.rows, self.data.device_megabytes);
        self.data = DataSpec { rows, device_megabytes, bounded: false, ..data.options.clone() };
    }

    /// Form and activation of the last layer: of a mirrored decoder, as many values as the data has, in 0..1.
    pub fn output(&self) -> (OutputLayer, Activation) {
        match self.model.decoder.last() {
            Some(Layer::Output { form, activation }) => (*form, *activation),
            _ => (OutputLayer::Dense, Activation::Sigmoid),
        }
    }

    /// What a chart of the objective is called.
    pub fn objective_title(&self) -> &'static str {
        self.objective_titles()[0]
    }

    /// The same, and what stands for it where there is little room.
    pub fn objective_titles(&self) -> [&'static str; 2] {
        let likelihood = matches!(self.objective.loss, ReconstructionLoss::Bce | ReconstructionLoss::Gaussian);
        match self.model.kind {
            ModelKind::Variational if likelihood && self.sums_over_values() => ["Negative ELBO", "-ELBO"],
            _ => [self.objective.loss.title(), self.objective.loss.short_title()],
        }
    }

    /// Returns whether the loss is the mean squared error of clean rows and nothing beside it: what PCA's error may be
    /// compared with.
    pub fn loss_is_plain_mse(&self) -> bool {
        let objective = &self.objective;
        let penalties = [objective.sparsity, objective.contractive, objective.ssim, objective.auxiliary];
        objective.loss.is_mse()
            && !self.sums_over_values()
            && !self.corruption.is_active()
            && self.model.kind == ModelKind::Autoencoder
            && penalties.iter().all(|&weight| weight == 0.0)
    }

    /// Whether the loss of a row is the sum over its values.
    pub fn sums_over_values(&self) -> bool {
        let by_kind = self.model.kind == ModelKind::Variational;
        self.objective.reduction.map_or(by_kind, |reduction| reduction == Reduction::Sum)
    }
}
