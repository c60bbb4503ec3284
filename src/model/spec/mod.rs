//! The spec: one TOML file that describes data, model and training, and alone reproduces the run.

mod checks;
mod engine;
mod live;
mod one_or_two;
mod text;

use serde::{Deserialize, Serialize};

pub use self::engine::{EngineSpec, KernelChoices, Precision};
pub use self::live::{BETA, CORRUPTION, DROPOUT, Edit, LEARNING_RATE, LIVE_FIELDS, SPARSITY, live_text};
pub(super) use self::text::{newer_version, with_nearest};
use super::layers::{Layer, OutputLayer};
use crate::data::{DataError, DataSet, DataSpec, Preparation};
use crate::kernels::activation::Activation;
use crate::kernels::loss::ReconstructionLoss;

/// Version of the spec's format, the only one so far.
pub const SPEC_VERSION: u32 = 1;

/// Failure to read, check or change a spec.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[non_exhaustive]
pub enum SpecError {
    /// Name `asked` of no preset; `near` suggests the nearest name, or is empty, and `known` lists all.
    #[error("unknown preset, {asked:?}{near}, use one of {known}")]
    UnknownPreset { asked: String, near: String, known: String },
    /// Text at `place` that is no TOML or no spec, or a spec that cannot be written as TOML.
    #[error("cannot read the spec, {place}, {problem}")]
    Syntax { place: String, problem: String },
    /// Value of `field` that cannot be trained with; `problem` has what would be right.
    #[error("the spec does not work, {field}, {problem}")]
    Invalid { field: &'static str, problem: String },
    /// Preset that is not for the data; `problem` has the reason and what to use instead.
    #[error("the preset does not apply, {preset}, {problem}")]
    DoesNotApply { preset: &'static str, problem: String },
    /// Data that no spec can be chosen for.
    #[error(transparent)]
    Data(DataError),
    /// Setting `asked`, written KEY=VALUE, that cannot be applied.
    #[error("cannot set a field, {asked}, {problem}")]
    Set { asked: String, problem: String },
}

/// Complete description of a run, as its TOML file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of this format.
    pub version: u32,
    /// Source of the rows, their preparation and their split.
    #[serde(default)]
    pub data: DataSpec,
    /// Corruption of the input, which the model learns to undo; none by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub corruption: CorruptionSpec,
    /// Random changes of training rows; none by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub augmentation: AugmentationSpec,
    /// Kind and layers of the network.
    pub model: ModelSpec,
    /// Losses and their weights.
    #[serde(default)]
    pub objective: ObjectiveSpec,
    /// Update rule and learning rate.
    #[serde(default)]
    pub optimizer: OptimizerSpec,
    /// Schedule of the learning rate; constant by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schedule: ScheduleSpec,
    /// Length, batch size, seed and validation of the run.
    #[serde(default)]
    pub train: TrainSpec,
    /// Precision, memory and kernel variants.
    #[serde(default)]
    pub engine: EngineSpec,
    /// Live edits, in the order of their steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Corruption of the input, never of the target; in this order, on the data's own scale (0..1 for images). All but
/// `poisson`, `gaussian`, `gaussian_range`, `salt_and_pepper` and `masking` are for images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorruptionSpec {
    /// Whole factor by which images are averaged down, and bilinearly interpolated up again; both sides are multiples
    /// of it. 0 is off.
    #[serde(skip_serializing_if = "is_default")]
    pub downscale: usize,
    /// Standard deviation of a Gaussian blur, in pixels.
    pub blur: f64,
    /// Standard deviation of film grain at medium brightness, a quarter of that near black and white; the same in all
    /// channels.
    #[serde(skip_serializing_if = "is_default")]
    pub grain: f64,
    /// Mean count of scratches in an image: fine lines, nearly upright, light or dark.
    #[serde(skip_serializing_if = "is_default")]
    pub scratches: f64,
    /// Mean count of specks of dust in an image: soft blobs, light or dark.
    #[serde(skip_serializing_if = "is_default")]
    pub dust: f64,
    /// Shot noise of a sensor that counts so many quanta where the value is 1: Poisson(value * peak) / peak, values
    /// below 0 being 0. The fewer, the noisier; 0 is off. With strength s there are peak / s^2.
    #[serde(skip_serializing_if = "is_default")]
    pub poisson: f64,
    /// Standard deviation of Gaussian noise.
    pub gaussian: f64,
    /// Range of the standard deviation of Gaussian noise, drawn for each sample; with `model.condition = "sigma"` the
    /// network receives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaussian_range: Option<[f64; 2]>,
    /// Range of the quality of JPEG compression, 1 to 100, drawn for each sample; a single number is a fixed quality.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "one_or_two::one_or_two")]
    pub jpeg: Option<[u32; 2]>,
    /// Share of values set to 0 or 1.
    pub salt_and_pepper: f64,
    /// Share of values set to 0.
    pub masking: f64,
    /// Share of the values of an image replaced by neighbors, by which alone the output is judged: a denoiser so learns
    /// from noisy images, without a clean one (Noise2Void, Krull et al. 2019). Noise must differ from pixel to pixel.
    /// `strength` does not count here.
    #[serde(skip_serializing_if = "is_default")]
    pub blind_spot: f64,
    /// Factor of all noise (deviations, shares and counts), 1 by default; can be edited live. What is not random in the
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
    /// Returns whether there is noise that `strength` multiplies.
    pub fn has_strength(&self) -> bool {
        let amounts =
            [self.grain, self.scratches, self.dust, self.poisson, self.gaussian, self.salt_and_pepper, self.masking];
        self.gaussian_range.is_some() || amounts.iter().any(|&amount| amount > 0.0)
    }

    /// Returns whether anything is corrupted at all.
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

/// Random changes of training rows, alike in target and input; all but `noise` are for images.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentationSpec {
    /// Largest shift in pixels, in any direction.
    pub shift: f64,
    /// Largest rotation in degrees, either way.
    pub rotate: f64,
    /// Largest relative change of size: 0.1 is from 0.9 to 1.1.
    pub scale: f64,
    /// True to swap left and right half of the time.
    pub flip_horizontal: bool,
    /// True to swap top and bottom half of the time.
    pub flip_vertical: bool,
    /// Standard deviation of noise added to input and target alike.
    pub noise: f64,
}

impl AugmentationSpec {
    /// Returns whether images are shifted, rotated, scaled or flipped.
    pub fn moves(&self) -> bool {
        self.shift != 0.0 || self.rotate != 0.0 || self.scale != 0.0 || self.flip_horizontal || self.flip_vertical
    }
}

/// Kind of a model, by its bottleneck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelKind {
    /// Plain autoencoder: encoder, bottleneck, decoder.
    #[default]
    Autoencoder,
    /// Variational autoencoder: the encoder returns means and log variances, the decoder sees a sample (Kingma &
    /// Welling 2014).
    Variational,
    /// Vector-quantized autoencoder: codes of `latent` numbers are replaced by the nearest of `codebook` entries (van
    /// den Oord et al. 2017).
    VectorQuantized,
    /// Wasserstein autoencoder: codes are pulled to the prior by their maximum mean discrepancy (Tolstikhin et al.
    /// 2018).
    Wasserstein,
    /// Network without a bottleneck, from a corrupted input to the clean one.
    Denoiser,
}

impl ModelKind {
    /// Returns the name of the kind in words.
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

/// Condition that a network receives besides its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConditionKind {
    /// No condition: the input alone.
    #[default]
    None,
    /// Class of each row, one-hot.
    Labels,
    /// Standard deviation of each sample's Gaussian noise.
    Sigma,
}

/// Kind and layers of a network: section `model` of a spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Kind of the bottleneck; that of a plain autoencoder by default.
    #[serde(default)]
    pub kind: ModelKind,
    /// Layers from the data to the latents; the last is `latent`, but for a denoiser.
    pub encoder: Vec<Layer>,
    /// Count of latents (of each code, for a vector-quantized model; 0 for a denoiser).
    pub latent: usize,
    /// Layers from the latents back to the data; the last is `output`. Left out, they mirror the encoder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decoder: Vec<Layer>,
    /// Count of latents that are kept of each row, the largest; all where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Entries of the codebook of a vector-quantized model; `None` for any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codebook: Option<usize>,
    /// Condition that `condition` layers add; none by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub condition: ConditionKind,
    /// True if the output is added to the network's (corrupted) input: it learns the difference.
    #[serde(default, skip_serializing_if = "is_default")]
    pub residual: bool,
    /// Model of the same layers whose weights training starts from, instead of random ones: a file, or `denoiser`, the
    /// one that comes with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

/// Reduction of a loss over the values of a row; rows are averaged in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Mean over the values of a row.
    Mean,
    /// Sum over the values of a row.
    Sum,
}

/// Penalty that makes latents sparse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SparsityKind {
    /// Sum of absolute latents.
    #[default]
    L1,
    /// KL divergence of each latent unit's mean activation from `sparsity_target`; the latent layer ends in sigmoid.
    Kl,
}

/// Losses and their weights: section `objective` of a spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectiveSpec {
    /// Reconstruction loss: `mse`, `bce`, `l1`, `huber` or `gaussian`; `mse` by default.
    pub loss: ReconstructionLoss,
    /// Reduction of the loss over the values of a row, `mean` or `sum`. Where `None`, the sum, as in the ELBO, for
    /// variational models, and the mean for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduction: Option<Reduction>,
    /// Variance of the Gaussian likelihood, above 0; 1 by default.
    #[serde(skip_serializing_if = "is_one")]
    pub variance: f64,
    /// Weight of the KL divergence of a variational model; 1 by default.
    #[serde(skip_serializing_if = "is_one")]
    pub beta: f64,
    /// Epochs over which beta rises from 0; 0 by default.
    #[serde(skip_serializing_if = "is_default")]
    pub beta_warmup_epochs: f64,
    /// Nats of divergence that each latent unit has without penalty (Kingma et al. 2016); 0 by default.
    #[serde(skip_serializing_if = "is_default")]
    pub free_bits: f64,
    /// Bounds of the logarithm of the variance of latents; -10 and 10 by default.
    #[serde(skip_serializing_if = "is_usual_clamp")]
    pub log_variance: [f64; 2],
    /// Weight of the sparsity penalty on the latents; 0, the default, is off.
    #[serde(skip_serializing_if = "is_default")]
    pub sparsity: f64,
    /// Penalty that `sparsity` weighs; `l1` by default.
    #[serde(skip_serializing_if = "is_default")]
    pub sparsity_kind: SparsityKind,
    /// Target of the mean activation for `kl`, between 0 and 1; 0.05 by default.
    #[serde(skip_serializing_if = "is_usual_target")]
    pub sparsity_target: f64,
    /// Weight of the loss by which dead units reconstruct the error, for `top_k`; 0, the default, is off.
    #[serde(skip_serializing_if = "is_default")]
    pub auxiliary: f64,
    /// Weight of the contractive penalty |f(x + s e) - f(x)|^2 / s^2; 0, the default, is off.
    #[serde(skip_serializing_if = "is_default")]
    pub contractive: f64,
    /// Weight of 1 - SSIM; 0, the default, is off.
    #[serde(skip_serializing_if = "is_default")]
    pub ssim: f64,
    /// Weight of the maximum mean discrepancy of a Wasserstein model; 10 by default.
    #[serde(skip_serializing_if = "is_usual_mmd")]
    pub mmd: f64,
    /// Weight of the distance from the codebook; 0.25 by default.
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

/// Update rule of an optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OptimizerKind {
    /// Adam (Kingma & Ba 2015); weight decay is added to the gradient.
    #[default]
    Adam,
    /// AdamW (Loshchilov & Hutter 2019): weight decay apart from the gradient.
    Adamw,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

/// Update rule and learning rate: section `optimizer` of a spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerSpec {
    /// Update rule; Adam by default.
    pub kind: OptimizerKind,
    /// Learning rate before any schedule, above 0; 0.001 by default. Can be edited live.
    pub learning_rate: f64,
    /// Decay of the moving average of gradients, for Adam and AdamW; 0.9 by default.
    pub beta1: f64,
    /// Decay of the moving average of squared gradients, for Adam and AdamW; 0.999 by default.
    pub beta2: f64,
    /// Term of the denominator that keeps it from 0, for Adam and AdamW; 1e-8 by default.
    pub epsilon: f64,
    /// Decay of weights, 0 by default; biases and the gains of normalization are left alone.
    pub weight_decay: f64,
    /// Momentum of `sgd`, 0.9 by default.
    #[serde(skip_serializing_if = "is_usual_momentum")]
    pub momentum: f64,
    /// True for Nesterov's momentum in `sgd`.
    #[serde(skip_serializing_if = "is_default")]
    pub nesterov: bool,
    /// Largest norm of all gradients together; no clipping where `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Share of the old in a moving average of the weights, which is then measured and saved; no average where `None`.
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

/// Course of the learning rate over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ScheduleKind {
    /// The same rate throughout.
    #[default]
    Constant,
    /// Half a cosine from 1 to `final_fraction` over the run.
    Cosine,
    /// Drop by the factor `gamma` every `every` epochs.
    Step,
    /// Drop by the factor `gamma` when validation has not improved for more than `patience` epochs.
    Plateau,
}

/// Factor of the learning rate over a run: section `schedule` of a spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleSpec {
    /// Course of the factor; constant by default.
    pub kind: ScheduleKind,
    /// Steps over which the rate rises from 0; 0 by default.
    pub warmup_steps: u64,
    /// Factor at the end of a cosine, 0 to 1; 0 by default.
    pub final_fraction: f64,
    /// Factor at each drop of `step` or `plateau`, above 0 and at most 1; 0.5 by default.
    pub gamma: f64,
    /// Epochs between two drops of `step`; 10 by default.
    pub every: u32,
    /// Epochs without improvement that `plateau` lets pass; 3 by default.
    pub patience: u32,
    /// Epochs of a cosine, where they are not those of the run: it goes on at the last rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Upper bound of the steps of a cosine with `epochs` of its own, as `train.steps` is of the run.
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

/// Length, batch size, seed and validation of a run: section `train` of a spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSpec {
    /// Passes over the train part; 10 by default.
    pub epochs: u32,
    /// Upper bound of steps; whichever of this and `epochs` comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Rows of a batch, from 1 to 1,000,000; 128 by default.
    pub batch_size: usize,
    /// Seed of initial weights, order of rows and all noise; 1 by default.
    pub seed: u64,
    /// Epochs without improvement of validation after which the run stops; `None` for no such stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<u32>,
    /// Share for validation of the rows that are not test, 0.1 by default; MNIST has its own split.
    pub validation_fraction: f64,
}

impl Default for TrainSpec {
    fn default() -> Self {
        Self { epochs: 10, steps: None, batch_size: 128, seed: 1, early_stopping: None, validation_fraction: 0.1 }
    }
}

impl Spec {
    /// Opens the data of this spec, split and prepared, with the train part limited where the spec says so.
    ///
    /// # Errors
    /// What is wrong with it, where, and what would be right.
    pub fn open_data(&self) -> Result<DataSet, DataError> {
        let mut data = DataSet::open(&self.data_options(), self.train.validation_fraction, self.train.seed)?;
        data.limit_train(self.data.rows.unwrap_or(usize::MAX));
        Ok(data)
    }

    /// Opens every row of `source` as one part, prepared by `fitted` as the data of a model of this spec was.
    pub fn open_other_data(&self, source: &str, fitted: &Preparation) -> Result<DataSet, DataError> {
        DataSet::open_whole(&DataSpec { source: source.to_owned(), ..self.data_options() }, fitted)
    }

    fn data_options(&self) -> DataSpec {
        DataSpec { bounded: self.output().1 == Activation::Sigmoid, ..self.data.clone() }
    }

    /// Records the options that were left open and have been chosen from the data.
    pub fn take_options(&mut self, data: &DataSet) {
        let (rows, device_megabytes) = (self.data.rows, self.data.device_megabytes);
        self.data = DataSpec { rows, device_megabytes, bounded: false, ..data.options.clone() };
    }

    /// Returns form and activation of the last layer: of a mirrored decoder, as many values as the data has, in 0..1.
    pub fn output(&self) -> (OutputLayer, Activation) {
        match self.model.decoder.last() {
            Some(Layer::Output { form, activation }) => (*form, *activation),
            _ => (OutputLayer::Dense, Activation::Sigmoid),
        }
    }

    /// Returns the title of a chart of the objective.
    pub fn objective_title(&self) -> &'static str {
        self.objective_titles()[0]
    }

    /// Returns the title of a chart of the objective, and a short one where there is little room.
    pub fn objective_titles(&self) -> [&'static str; 2] {
        let likelihood = matches!(self.objective.loss, ReconstructionLoss::Bce | ReconstructionLoss::Gaussian);
        match self.model.kind {
            ModelKind::Variational if likelihood && self.sums_over_values() => ["Negative ELBO", "-ELBO"],
            _ => [self.objective.loss.title(), self.objective.loss.short_title()],
        }
    }

    /// Returns whether the loss is the mean squared error of clean rows and nothing beside it, which PCA's error may be
    /// compared with.
    pub fn loss_is_plain_mse(&self) -> bool {
        self.objective.loss.is_mse()
            && !self.sums_over_values()
            && !self.corruption.is_active()
            && self.objective.auxiliary == 0.0
            && self.aim_beside_squared_error().is_none()
    }

    /// Returns the aim of the model beside the squared error, for which that error ranks it neither above nor below PCA
    /// on the same input, in words after "the model"; `None` where the comparison settles something. Every place
    /// that puts the two side by side asks here.
    pub fn aim_beside_squared_error(&self) -> Option<&'static str> {
        let objective = &self.objective;
        match self.model.kind {
            ModelKind::Variational | ModelKind::Wasserstein => return Some("also keeps its latents near a prior"),
            ModelKind::Denoiser | ModelKind::VectorQuantized => return Some("has no bottleneck of plain numbers"),
            ModelKind::Autoencoder => {}
        }
        if objective.sparsity > 0.0 || objective.contractive > 0.0 {
            return Some("also keeps a penalty on its latents low");
        }
        if objective.ssim > 0.0 {
            return Some("is also trained for structural similarity");
        }
        if self.model.condition != ConditionKind::None {
            return Some("is told more than the row");
        }
        match objective.loss {
            ReconstructionLoss::L1 | ReconstructionLoss::Huber => Some("is trained for another error"),
            // The mean minimizes all three.
            ReconstructionLoss::Mse | ReconstructionLoss::Bce | ReconstructionLoss::Gaussian => None,
        }
    }

    /// Returns whether the loss of a row is the sum over its values.
    pub fn sums_over_values(&self) -> bool {
        let by_kind = self.model.kind == ModelKind::Variational;
        self.objective.reduction.map_or(by_kind, |reduction| reduction == Reduction::Sum)
    }
}
