//! Spec for data that comes without one, chosen by the kind and the number of rows.

use super::layers::{Layer, OutputLayer};
use super::mirrored_decoder::mirrored;
use super::pca_start::PCA_START;
use super::shape::DataShape;
use super::spec::{
    AugmentationSpec, CorruptionSpec, EngineSpec, ModelKind, ModelSpec, ObjectiveSpec, OptimizerKind, OptimizerSpec,
    SPEC_VERSION, ScheduleKind, ScheduleSpec, Spec, SpecError, TrainSpec,
};
use super::step_work::step_work;
use crate::data::{DataError, DataSet, Fit, ImageShape, Part, Scaling, SourceKind};
use crate::error::Setting;
use crate::kernels::activation::Activation;
use crate::nn::ConvGeometry;
use crate::style::counted;

/// Shortest side of images in pixels; smaller ones are rows of numbers to a network.
const LEAST_SIDE: usize = 16;
/// Approximate steps of a suggested run, for any number of rows.
const STEPS: usize = 6000;
/// Approximate steps of a suggested denoiser: each is the work of many others.
const DENOISER_STEPS: usize = 1500;
/// Steps of a run that begins as PCA, where rows are narrow and a step is cheap; features of such rows, fewer than this.
const NARROW_STEPS: usize = 18_000;
const NARROW: usize = 100;
/// Operations of such a run, at most (two minutes on two cores), unless the least steps take more.
const MOST_WORK: f64 = 8e12;
const LEAST_STEPS: usize = 300;
/// Pictures of the train part from which on a decoder of its own is learned from them.
const FEW_PICTURES: usize = 5000;
/// Standard deviation of the strongest noise that a suggested denoiser learns to take away: 51 of 255.
const NOISE: f64 = 0.2;
/// Upper bound of suggested epochs: with fewer steps in each, two validations would differ little.
const MOST_EPOCHS: usize = 500;

/// Spec chosen for data, and the reasons for it in one sentence.
#[derive(Clone, Debug)]
pub struct AutoSpec {
    /// Complete spec, checked.
    pub spec: Spec,
    /// Reasons for the model, the loss and the end of the run, in one sentence.
    pub reasons: String,
}

/// Chooses a model and an objective for `data`: an autoencoder that begins as PCA, with curved layers beside it; for
/// pieces of pictures a denoiser.
///
/// # Errors
/// When rows hold a single value: there is nothing to make smaller.
pub fn auto_spec(data: &DataSet) -> Result<AutoSpec, SpecError> {
    let mut chosen = plain_spec(data)?;
    if chosen.spec.model.kind == ModelKind::Denoiser {
        return Ok(chosen);
    }
    let what = begin_as_pca(&mut chosen.spec.model, data);
    regularized(&mut chosen.spec, data);
    fit_length(&mut chosen.spec, data)?;
    chosen.spec.check()?;
    chosen.reasons = reasons(&what, data);
    Ok(chosen)
}

/// Chooses a model and an objective for `data` whose weights all begin at random: that of a detector, for which the
/// lowest error is not the best one.
///
/// # Errors
/// Same as [`auto_spec`].
pub fn plain_spec(data: &DataSet) -> Result<AutoSpec, SpecError> {
    let rows = data.part(Part::Train).len();
    let features = data.features;
    check_features(data)?;
    let unit = data.preparation.kind == Scaling::Unit;
    let picture = data.image.filter(|image| image.height.min(image.width) >= LEAST_SIDE);
    let batch = match rows {
        0..1000 => 32,
        1000..5000 => 64,
        _ => 128,
    };
    let batch = batch.min(rows.max(1));
    let steps_per_epoch = (rows / batch).max(1);
    let pieces = picture.is_some() && data.options.fit == Some(Fit::Patches);
    let steps = if pieces { DENOISER_STEPS } else { STEPS };
    let train = TrainSpec {
        batch_size: batch,
        epochs: (steps / steps_per_epoch).clamp(5, MOST_EPOCHS) as u32,
        early_stopping: Some((steps / steps_per_epoch / 8).clamp(5, 60) as u32),
        ..TrainSpec::default()
    };
    let activation = if unit { Activation::Sigmoid } else { Activation::Identity };
    let mut corruption = CorruptionSpec::default();
    let (model, reasons_of_model) = match picture {
        // Pieces of photographs have more to say than a few numbers hold; to clean them is what they are good for.
        Some(image) if data.options.fit == Some(Fit::Patches) => {
            corruption.gaussian_range = Some([0.0, NOISE]);
            let reasons = format!(
                "pieces of {}x{}: a denoiser, eight convolutions without a bottleneck, for Gaussian noise up to {NOISE}",
                image.width, image.height
            );
            (denoiser(image), reasons)
        }
        Some(image) => {
            let depth = if image.height.min(image.width) >= 48 { 3 } else { 2 };
            let latent = latents_for(features, data.image);
            let mut encoder =
                layers(&["conv 16 3x3 stride 2 relu", "conv 32 3x3 stride 2 relu", "conv 64 3x3 stride 2 relu"]);
            encoder.truncate(depth);
            encoder.push(Layer::Latent { activation: Activation::Identity });
            let shape = DataShape { features, image: data.image, classes: 0 };
            let mut decoder = mirrored(&encoder, shape).unwrap_or_default();
            if let Some(Layer::Output { activation: last, .. }) = decoder.last_mut() {
                *last = activation;
            }
            let model = model_of(encoder, latent, decoder);
            let what = format!(
                "pictures of {}x{}: {depth} strided convolutions there and back, {latent} numbers in the middle",
                image.width, image.height
            );
            (model, what)
        }
        None => {
            let latent = latents_for(features, None);
            let hidden = (2 * features).clamp(32, 256);
            let bend = if unit { Activation::Relu } else { Activation::Silu };
            // What is linear goes straight through, as in PCA; hidden layers add what PCA cannot see.
            let straight = format!("dense {features}");
            let curved = format!("dense {hidden} {}", bend.name());
            let encoder = layers(&["save row", &curved, &straight, "add row", "latent"]);
            let last = if activation == Activation::Identity { "output same" } else { "output same sigmoid" };
            let decoder = layers(&[&straight, "save line", &curved, &straight, "add line", last]);
            let what = format!(
                "rows of {features} values: a straight way and a curved one through {hidden} units on each side, {latent} \
                 numbers in the middle"
            );
            (model_of(encoder, latent, decoder), what)
        }
    };
    let mut spec = Spec {
        version: SPEC_VERSION,
        data: data.options.clone(),
        corruption,
        augmentation: AugmentationSpec::default(),
        model,
        objective: ObjectiveSpec::default(),
        optimizer: OptimizerSpec::default(),
        schedule: ScheduleSpec { kind: ScheduleKind::Cosine, final_fraction: 0.02, ..ScheduleSpec::default() },
        train,
        engine: EngineSpec::default(),
        edits: Vec::new(),
    };
    regularized(&mut spec, data);
    spec.check()?;
    Ok(AutoSpec { spec, reasons: reasons(&reasons_of_model, data) })
}

/// Returns the reasons for a model, the loss and the end of the run in one sentence.
fn reasons(model: &str, data: &DataSet) -> String {
    let rate = match data.kind {
        SourceKind::Text => "words weighed by how rare they are",
        _ => match data.preparation.kind {
            Scaling::Unit => "values in 0..1",
            Scaling::None => "values as they are",
            _ => "values scaled by the train part",
        },
    };
    format!("{model}; mean squared error of {rate}; stops when validation no longer improves")
}

/// Sets the learning rate and the length of a run that begins as PCA: a high rate takes wide rows away from it.
fn fit_length(spec: &mut Spec, data: &DataSet) -> Result<(), SpecError> {
    let is_picture = data.image.is_some_and(|image| image.height.min(image.width) >= LEAST_SIDE);
    let rows = data.part(Part::Train).len();
    let (rate, most) = match (is_picture, data.features < NARROW) {
        (false, true) => (2e-3, NARROW_STEPS),
        (false, false) => (7e-4, STEPS),
        (true, _) if rows < FEW_PICTURES => (3e-4, STEPS),
        (true, _) => (1e-3, STEPS),
    };
    spec.optimizer.learning_rate = rate;
    let steps = ((MOST_WORK / step_work(spec, data)?) as usize).clamp(LEAST_STEPS, most);
    let per_epoch = (rows / spec.train.batch_size).max(1);
    let epochs = (steps / per_epoch).clamp(5, MOST_EPOCHS);
    spec.train.epochs = epochs as u32;
    spec.train.early_stopping = Some((epochs / 8).clamp(5, 60) as u32);
    Ok(())
}

/// Adds a linear path beside the curved layers of a plain model, from which the weights begin as PCA; returns the model
/// in words.
fn begin_as_pca(model: &mut ModelSpec, data: &DataSet) -> String {
    model.start = Some(PCA_START.to_owned());
    let (features, latent) = (data.features, model.latent);
    // A sigmoid would bend what is straight.
    let is_unit = data.preparation.kind == Scaling::Unit;
    let bound = if is_unit { Activation::LeakyClamp } else { Activation::Identity };
    let output = Layer::Output { form: OutputLayer::Same, activation: bound };
    let Some(image) = data.image.filter(|image| image.height.min(image.width) >= LEAST_SIDE) else {
        // The linear path is there already.
        model.decoder.pop();
        model.decoder.push(output);
        return format!(
            "rows of {features} values: PCA with {} to begin with, and curved layers beside it, kept if validation \
             gains by them",
            counted(latent, "component")
        );
    };
    let whole = format!("reshape {}x{}x{}", image.height, image.width, image.channels);
    let straight = format!("dense {features}");
    let mut encoder = layers(&["save row"]);
    encoder.extend(model.encoder.iter().filter(|layer| matches!(layer, Layer::Conv { .. })).cloned());
    encoder.extend(layers(&[&format!("dense {latent}"), &straight, &whole, "add row", "latent"]));
    let is_few = data.part(Part::Train).len() < FEW_PICTURES;
    let mut decoder = if is_few {
        // Few pictures teach what is alike at every place: details beside what PCA brings back.
        let even = image.height.is_multiple_of(2) && image.width.is_multiple_of(2);
        let mut words = vec![straight.as_str(), whole.as_str(), "save line"];
        let last = format!("conv {} 3x3", image.channels * if even { 4 } else { 1 });
        words.extend(even.then_some("unshuffle 2"));
        words.extend(["conv 32 3x3 relu", "conv 32 3x3 relu", last.as_str()]);
        words.extend(even.then_some("shuffle 2"));
        words.push("add line");
        layers(&words)
    } else {
        let mut decoder = layers(&["save code"]);
        for layer in &model.decoder {
            decoder.push(match layer {
                Layer::Output { form: OutputLayer::ConvTranspose(geometry), .. } => {
                    let geometry = ConvGeometry { filters: image.channels, ..*geometry };
                    Layer::ConvTranspose { geometry, activation: Activation::Identity }
                }
                layer => layer.clone(),
            });
        }
        decoder.extend(layers(&["save curve", "load code", &straight, &whole, "add curve"]));
        decoder
    };
    decoder.push(output);
    (model.encoder, model.decoder) = (encoder, decoder);
    format!(
        "pictures of {}x{}: PCA with {} to begin with, and convolutions beside it, kept if validation gains by them",
        image.width,
        image.height,
        counted(latent, "component")
    )
}

/// Refuses rows of a single value: there is nothing to make smaller.
pub(super) fn check_features(data: &DataSet) -> Result<(), SpecError> {
    if data.features < 2 {
        // Columns that were there and are not used say more than what is left.
        let left_out: Vec<&str> =
            data.notes.iter().filter(|note| note.contains("left out")).map(String::as_str).collect();
        let why = if left_out.is_empty() { String::new() } else { format!(" ({})", left_out.join("; ")) };
        return Err(SpecError::Data(DataError::Malformed {
            place: data.name.clone(),
            problem: format!(
                "its rows hold one value{why}, which an autoencoder cannot make smaller; give more columns, or take \
                 windows of a series ({})",
                Setting::spec_key("data.window=64")
            ),
        }));
    }
    Ok(())
}

/// Sets the weight decay of `spec` by the rows of `data`.
pub(super) fn regularized(spec: &mut Spec, data: &DataSet) {
    let rows = data.part(Part::Train).len();
    if rows < 20_000 {
        spec.optimizer.kind = OptimizerKind::Adamw;
        // Fewer rows than values can be learned by heart; what begins as PCA must not decay.
        let by_heart = rows < data.features && spec.model.start.is_none();
        spec.optimizer.weight_decay = if by_heart { 1.0 } else { 0.01 };
    }
}

/// Returns the count of latents for rows of `features` values.
pub(super) fn latents_for(features: usize, image: Option<ImageShape>) -> usize {
    match image.filter(|image| image.height.min(image.width) >= LEAST_SIDE) {
        Some(_) => (features / 48).clamp(16, 128),
        // Wide enough to be worth having, never as wide as the row.
        None => ((1.5 * (features as f64).sqrt()) as usize).clamp(1, features.saturating_sub(1).clamp(1, 64)),
    }
}

/// Returns convolutions from a noisy image to what must be added to it, at half its size where that is even: four times
/// as many pixels are seen for the same work (as in FFDNet, Zhang et al. 2018).
fn denoiser(image: ImageShape) -> ModelSpec {
    let even = image.height.is_multiple_of(2) && image.width.is_multiple_of(2);
    let inner = "conv 48 3x3 relu";
    let mut encoder = vec![inner; 4];
    let last = format!("conv {} 3x3", image.channels * if even { 4 } else { 1 });
    let mut decoder = vec![inner, inner, inner, last.as_str()];
    if even {
        encoder.insert(0, "unshuffle 2");
        decoder.push("shuffle 2");
    }
    decoder.push("output same");
    ModelSpec { kind: ModelKind::Denoiser, residual: true, ..model_of(layers(&encoder), 0, layers(&decoder)) }
}

fn model_of(encoder: Vec<Layer>, latent: usize, decoder: Vec<Layer>) -> ModelSpec {
    ModelSpec {
        kind: ModelKind::Autoencoder,
        encoder,
        latent,
        decoder,
        top_k: None,
        codebook: None,
        condition: super::spec::ConditionKind::None,
        residual: false,
        start: None,
    }
}

/// Parses layers from the words of a spec, all of them known here.
fn layers(words: &[&str]) -> Vec<Layer> {
    words.iter().filter_map(|words| words.parse().ok()).collect()
}
