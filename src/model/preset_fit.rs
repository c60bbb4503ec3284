//! Presets fitted to data of any shape: the flavor stays, the layers, the likelihood and the length of the run follow
//! the rows.

use std::fmt;
use std::str::FromStr;

use super::auto_spec::{AutoSpec, check_features, latents_for, regularized};
use super::layers::{Layer, NormKind, OutputLayer};
use super::mirrored_decoder::mirrored;
use super::presets::Preset;
use super::row_statistics::RowStatistics;
use super::shape::DataShape;
use super::spec::{ConditionKind, ModelKind, Spec, SpecError};
use super::step_work::step_work;
use crate::data::{DataSet, Fit, ImageShape, Part, Scaling};
use crate::error::Setting;
use crate::kernels::activation::Activation;
use crate::kernels::loss::ReconstructionLoss;
use crate::nn::ConvGeometry;
use crate::style::three_digits;

/// Values of a digit, and variance of one of them over the digits of MNIST: what the presets were made for.
const DIGIT_VALUES: f64 = 784.0;
const DIGIT_VARIANCE: f64 = 0.0672;
/// Steps of an epoch of MNIST in batches of 128.
const DIGIT_STEPS: u32 = 429;
/// Shortest side of pictures that convolutions are worth for.
const LEAST_SIDE: usize = 8;
/// Side that strided convolutions bring a picture to, about.
const INNER_SIDE: f64 = 7.0;
/// Operations of a fitted run, at most: some ten seconds on two cores.
const MOST_WORK: f64 = 8e11;
/// Steps of a fitted run, at least, whatever they cost.
const LEAST_STEPS: u64 = 300;
/// Epochs of a fitted run, at most: with fewer steps in each, two validations would differ little.
const MOST_EPOCHS: u64 = 500;
/// Units and filters of a layer, at most.
const MOST_UNITS: f64 = 512.0;
const MOST_FILTERS: f64 = 128.0;

/// Size of a preset's layers beside the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ModelSize {
    /// Layers of half the width.
    Small,
    /// Layers as the preset has them.
    #[default]
    Medium,
    /// Layers of twice the width.
    Large,
}

impl ModelSize {
    /// All sizes, the smallest first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// Returns the name of the size.
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// Returns the factor of the width of layers.
    pub(super) fn factor(self) -> f64 {
        match self {
            Self::Small => 0.5,
            Self::Medium => 1.0,
            Self::Large => 2.0,
        }
    }
}

impl fmt::Display for ModelSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ModelSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|size| size.name() == text);
        found.ok_or_else(|| format!("model size, {text:?}, use small, medium or large"))
    }
}

impl Preset {
    /// Returns whether the preset is one for pieces of pictures, which [`DataSet`]s must be opened for.
    pub fn takes_pieces(&self) -> bool {
        self.spec.data.fit == Some(Fit::Patches)
    }

    /// Refuses data that the preset does not apply to.
    ///
    /// # Errors
    /// The reason, and what to use instead.
    pub fn check_data(&self, data: &DataSet) -> Result<(), SpecError> {
        let refuse = |problem: String| Err(SpecError::DoesNotApply { preset: self.name, problem });
        if self.spec.model.condition == ConditionKind::Labels && data.classes() == 0 {
            return refuse(format!(
                "the data has no labels; name them ({}), or use variational",
                Setting::spec_key("data.labels=COLUMN")
            ));
        }
        let needs_pictures =
            self.takes_pieces() || self.spec.corruption.blur > 0.0 || self.spec.model.condition == ConditionKind::Sigma;
        let Some(image) = data.image.filter(|image| image.height.min(image.width) >= LEAST_SIDE) else {
            if needs_pictures {
                let rows = data.row_words();
                return refuse(format!("it is for pictures of at least 8x8 and the data is {rows}; use denoising"));
            }
            return Ok(());
        };
        let halves = self.spec.model.condition == ConditionKind::Sigma && !self.takes_pieces();
        if halves && !(image.height.is_multiple_of(4) && image.width.is_multiple_of(4)) {
            let near = |side: usize| side.next_multiple_of(4);
            let size = Setting::spec_key("data.size").name();
            return refuse(format!(
                "it halves pictures twice and these are {}x{}; bring them to another size (setting `{size}=[{},{}]`), \
                 or use denoising-gaussian",
                image.width,
                image.height,
                near(image.height),
                near(image.width),
            ));
        }
        Ok(())
    }

    /// Returns the preset fitted to `data`, with layers of another size where asked for: complete, and checked.
    ///
    /// On the embedded digits a preset of medium size stays as it is.
    ///
    /// # Errors
    /// When the preset does not apply to the data, or rows cannot be read.
    pub fn fitted(&self, data: &DataSet, size: ModelSize) -> Result<AutoSpec, SpecError> {
        check_features(data)?;
        self.check_data(data)?;
        let is_digits = data.options.source == "mnist" && data.features == 784;
        if (is_digits && size == ModelSize::Medium) || self.takes_pieces() {
            let spec = Spec { data: data.options.clone(), ..self.spec.clone() };
            return Ok(AutoSpec { spec, reasons: format!("{}: {}", self.name, self.summary) });
        }
        let statistics = RowStatistics::measure(data).map_err(SpecError::Data)?;
        let fitting = Fitting { preset: self, data, size, statistics, is_digits };
        fitting.run()
    }
}

/// Preset on its way to a spec for some data.
struct Fitting<'a> {
    preset: &'a Preset,
    data: &'a DataSet,
    size: ModelSize,
    statistics: RowStatistics,
    is_digits: bool,
}

impl Fitting<'_> {
    fn run(self) -> Result<AutoSpec, SpecError> {
        let mut spec = Spec { data: self.data.options.clone(), ..self.preset.spec.clone() };
        let picture = self.data.image.filter(|image| image.height.min(image.width) >= LEAST_SIDE);
        let is_told_sigma = spec.model.condition == ConditionKind::Sigma;
        self.fit_latents(&mut spec);
        let what = match picture {
            Some(_) if is_told_sigma => {
                for layer in spec.model.encoder.iter_mut().chain(&mut spec.model.decoder) {
                    if let Layer::Conv { geometry, .. } = layer {
                        geometry.filters = self.filters(geometry.filters);
                    }
                }
                "convolutions and skip connections".to_owned()
            }
            Some(image) if self.is_convolutional() => self.convolutional(&mut spec, image),
            _ if self.is_convolutional() => self.dense_in_place_of_convolutions(&mut spec),
            _ => self.dense(&mut spec),
        };
        self.fit_output(&mut spec);
        if !self.is_digits {
            self.fit_objective(&mut spec)?;
            self.fit_corruption(&mut spec);
            self.fit_length(&mut spec)?;
            regularized(&mut spec, self.data);
            if spec.model.kind != ModelKind::Denoiser && !spec.corruption.is_active() {
                spec.augmentation.flip_horizontal = self.statistics.is_mirrored;
            }
        }
        spec.check()?;
        let loss = match spec.objective.loss {
            ReconstructionLoss::Bce => "Bernoulli likelihood, for ink in 0..1".to_owned(),
            ReconstructionLoss::Gaussian => {
                format!("Gaussian likelihood of variance {}", crate::style::figure(spec.objective.variance))
            }
            loss => loss.title().to_lowercase(),
        };
        let mut reasons = format!("{} for {}: {what}; {loss}", self.preset.name, self.data.row_words());
        let usual = self.preset.spec.train.batch_size;
        if spec.train.batch_size < usual {
            reasons += &format!("; batches of {} instead of {usual}, as the rows are few", spec.train.batch_size);
        }
        if spec.augmentation.flip_horizontal {
            reasons += "; half of the pictures mirrored at random, as mirrored ones look alike here";
        }
        Ok(AutoSpec { spec, reasons })
    }

    fn is_convolutional(&self) -> bool {
        self.preset.spec.model.encoder.iter().any(|layer| matches!(layer, Layer::Conv { .. }))
    }

    /// Returns the width of a layer that has `units` for digits.
    fn units(&self, units: usize) -> usize {
        let units = units as f64;
        let wide = units * (self.data.features as f64 / DIGIT_VALUES).sqrt();
        let fitted = if self.is_digits { units } else { wide.max(32.0_f64.min(units)).min(MOST_UNITS.max(units)) };
        (fitted * self.size.factor()).round().max(1.0) as usize
    }

    fn filters(&self, filters: usize) -> usize {
        (filters as f64 * self.size.factor()).round().max(1.0) as usize
    }

    /// Sets the count of latents and of those that are kept, by the size of a row.
    fn fit_latents(&self, spec: &mut Spec) {
        if self.is_digits || spec.model.latent == 0 {
            return;
        }
        let features = self.data.features;
        let most = features.saturating_sub(1).max(1);
        let share = latents_for(features, self.data.image) as f64 / latents_for(784, Some(DIGITS)) as f64;
        let scaled = |latents: usize| ((latents as f64 * share).round() as usize).clamp(2.min(most), most.min(256));
        let model = &mut spec.model;
        match model.kind {
            // Numbers of each code of a codebook, not of a row.
            ModelKind::VectorQuantized => {}
            // Many units, few of them at work.
            _ if model.top_k.is_some() || spec.objective.sparsity > 0.0 => {
                model.latent = self.units(model.latent);
                model.top_k = model.top_k.map(|kept| scaled(kept).min(model.latent));
            }
            // Two numbers are a map to look at.
            _ if model.latent == 2 => model.latent = 2.min(most),
            _ => model.latent = scaled(model.latent),
        }
    }

    /// Fits the width of dense layers.
    fn dense(&self, spec: &mut Spec) -> String {
        for layer in spec.model.encoder.iter_mut().chain(&mut spec.model.decoder) {
            if let Layer::Dense { units, .. } = layer {
                *units = self.units(*units);
            }
        }
        let words = |layers: &[Layer]| layers.iter().map(Layer::to_string).collect::<Vec<_>>().join(", ");
        format!("{} of {}", words(&spec.model.encoder), spec.model.latent)
    }

    /// Replaces convolutions by dense layers, for rows that are no pictures.
    fn dense_in_place_of_convolutions(&self, spec: &mut Spec) -> String {
        let relu = Activation::Relu;
        let normalized = self.has_norms();
        let dense = |units: usize| {
            let units = self.units(units);
            if normalized {
                let norm = Layer::Normalize { kind: NormKind::Batch, activation: relu };
                vec![Layer::Dense { units, activation: Activation::Identity }, norm]
            } else {
                vec![Layer::Dense { units, activation: relu }]
            }
        };
        let widths: &[usize] = if spec.model.kind == ModelKind::Variational { &[400] } else { &[256, 128] };
        let model = &mut spec.model;
        model.encoder = widths.iter().flat_map(|&units| dense(units)).collect();
        model.decoder = widths.iter().rev().flat_map(|&units| dense(units)).collect();
        if model.kind == ModelKind::VectorQuantized {
            // Each row becomes symbols, as a picture does.
            let symbols = (2 * latents_for(self.data.features, None)).max(4);
            let activation = Activation::Identity;
            model.encoder.push(Layer::Dense { units: symbols * model.latent, activation });
            model.encoder.push(Layer::Reshape { height: symbols, width: 1, channels: model.latent });
        }
        model.encoder.push(Layer::Latent { activation: Activation::Identity });
        model.decoder.push(Layer::Output { form: OutputLayer::Dense, activation: Activation::Sigmoid });
        "dense layers in place of convolutions, as the rows are no pictures of at least 8x8".to_owned()
    }

    fn has_norms(&self) -> bool {
        self.preset.spec.model.encoder.iter().any(|layer| matches!(layer, Layer::Normalize { .. }))
    }

    /// Lays out strided convolutions down to about 7 pixels a side, and their way back.
    fn convolutional(&self, spec: &mut Spec, image: ImageShape) -> String {
        let norms = self.has_norms();
        let convolutions: Vec<Layer> =
            spec.model.encoder.iter().filter(|layer| matches!(layer, Layer::Conv { .. })).cloned().collect();
        let side = image.height.min(image.width) as f64;
        let halvings = ((side / INNER_SIDE).log2().round() as usize).clamp(1, 5);
        let is_strided = |layer: &Layer| matches!(layer, Layer::Conv { geometry, .. } if geometry.stride != [1, 1]);
        let (strided, whole): (Vec<Layer>, Vec<Layer>) = convolutions.into_iter().partition(is_strided);
        let mut encoder = Vec::new();
        let mut last = 1;
        let mut push = |mut layer: Layer, doubled: f64| {
            if let Layer::Conv { geometry, activation, .. } = &mut layer {
                geometry.filters = (self.filters(geometry.filters) as f64 * doubled).min(MOST_FILTERS) as usize;
                last = geometry.filters;
                if norms {
                    *activation = Activation::Identity;
                }
            }
            encoder.push(layer);
            if norms {
                encoder.push(Layer::Normalize { kind: NormKind::Batch, activation: Activation::Relu });
            }
        };
        for layer in whole {
            push(layer, 1.0);
        }
        for halving in 0..halvings {
            let known = halving.min(strided.len().saturating_sub(1));
            if let Some(layer) = strided.get(known) {
                push(layer.clone(), f64::powi(2.0, (halving - known) as i32));
            }
        }
        encoder.push(Layer::Latent { activation: Activation::Identity });
        let shape = DataShape { features: self.data.features, image: Some(image), classes: 0 };
        let mut decoder = Vec::new();
        for layer in mirrored(&encoder, shape).unwrap_or_default() {
            match layer {
                // Codes lie at the places of the picture already.
                Layer::Dense { .. } if spec.model.kind == ModelKind::VectorQuantized => {}
                Layer::Reshape { .. } if spec.model.kind == ModelKind::VectorQuantized => {
                    let words = format!("conv {last} 3x3 relu");
                    decoder.extend(words.parse::<Layer>());
                }
                Layer::ConvTranspose { geometry, .. } if norms => {
                    decoder.push(Layer::ConvTranspose { geometry, activation: Activation::Identity });
                    decoder.push(Layer::Normalize { kind: NormKind::Batch, activation: Activation::Relu });
                }
                // As it is written: the data decide the channels.
                Layer::Output { form: OutputLayer::ConvTranspose(geometry), activation } => {
                    let form = OutputLayer::ConvTranspose(ConvGeometry { filters: 1, ..geometry });
                    decoder.push(Layer::Output { form, activation });
                }
                Layer::Dense { units, .. } => decoder.push(Layer::Dense { units, activation: Activation::Relu }),
                layer => decoder.push(layer),
            }
        }
        (spec.model.encoder, spec.model.decoder) = (encoder, decoder);
        format!(
            "{halvings} strided convolutions there and back, {} in the middle",
            crate::style::counted(spec.model.latent, "latent")
        )
    }

    /// Bounds the output to 0..1 where the values are, and nowhere else.
    fn fit_output(&self, spec: &mut Spec) {
        if let Some(Layer::Output { activation, .. }) = spec.model.decoder.last_mut()
            && self.data.preparation.kind != Scaling::Unit
        {
            *activation = Activation::Identity;
        }
    }

    /// Chooses the likelihood by the values, and brings penalties to the size of their squares.
    fn fit_objective(&self, spec: &mut Spec) -> Result<(), SpecError> {
        let is_ink = self.statistics.is_ink;
        let loss = &mut spec.objective.loss;
        if *loss == ReconstructionLoss::Bce && !is_ink {
            *loss = match spec.model.kind {
                ModelKind::Variational => ReconstructionLoss::Gaussian,
                _ => ReconstructionLoss::Mse,
            };
        }
        if *loss == ReconstructionLoss::Gaussian {
            spec.objective.variance =
                RowStatistics::left_by_pca(self.data, spec.model.latent).map_err(SpecError::Data)?;
        }
        if spec.objective.loss != ReconstructionLoss::Gaussian {
            let share = self.statistics.variance / DIGIT_VARIANCE;
            let objective = &mut spec.objective;
            for weight in [&mut objective.sparsity, &mut objective.contractive] {
                *weight = three_digits(*weight * share);
            }
            if spec.model.kind == ModelKind::Wasserstein {
                objective.mmd = three_digits(objective.mmd * share);
            }
        }
        Ok(())
    }

    /// Scales noise by the spread of the values; what is not ink is told apart from less of it.
    fn fit_corruption(&self, spec: &mut Spec) {
        let corruption = &mut spec.corruption;
        corruption.gaussian = self.noise(corruption.gaussian);
        corruption.gaussian_range = corruption.gaussian_range.map(|range| range.map(|bound| self.noise(bound)));
        if !self.statistics.is_ink {
            corruption.salt_and_pepper = three_digits(corruption.salt_and_pepper / 3.0);
            corruption.masking = three_digits(corruption.masking / 2.0);
        }
        if let Some(image) = self.data.image {
            corruption.blur = three_digits(corruption.blur * image.height.min(image.width) as f64 / 28.0).min(20.0);
        }
    }

    /// Returns the standard deviation of noise that has `amount` on digits.
    fn noise(&self, amount: f64) -> f64 {
        let share = amount / DIGIT_VARIANCE.sqrt();
        let share = if self.statistics.is_ink { share } else { share / 3.0 };
        three_digits(share * self.statistics.variance.sqrt())
    }

    /// Chooses batch and epochs by the rows and by the work of a step.
    fn fit_length(&self, spec: &mut Spec) -> Result<(), SpecError> {
        let rows = self.data.part(Part::Train).len();
        let few = match rows {
            0..1000 => 32,
            1000..5000 => 64,
            _ => usize::MAX,
        };
        let batch = spec.train.batch_size.min(few).min(rows.max(1));
        spec.train.batch_size = batch;
        let work = step_work(spec, self.data)?;
        let usual = u64::from(spec.train.epochs.saturating_mul(DIGIT_STEPS));
        let steps = ((MOST_WORK / work) as u64).max(LEAST_STEPS).min(usual);
        let per_epoch = (rows / batch).max(1) as u64;
        let epochs = steps.div_ceil(per_epoch).clamp(1, MOST_EPOCHS);
        spec.train.epochs = epochs as u32;
        spec.train.steps = (steps < per_epoch).then_some(steps);
        if epochs >= 40 {
            spec.train.early_stopping = Some((epochs / 8) as u32);
        }
        let warmup = &mut spec.objective.beta_warmup_epochs;
        *warmup = (*warmup * epochs as f64 / f64::from(self.preset.spec.train.epochs)).round();
        Ok(())
    }
}

/// Digits of MNIST.
const DIGITS: ImageShape = ImageShape { height: 28, width: 28, channels: 1 };
