//! The models whose plans are tested: every preset at its own size, and at awkward ones.

use crate::data::{ElementType, ImageShape};
use crate::graph::ops::Least;
use crate::graph::{Graph, GraphError, Plan, SharedBuffer, SharedBuffers};
use crate::model::{ConditionKind, DataShape, EvaluationMode, ModelKind, Network, RowSource, Spec, presets};
use crate::nn;
use crate::random::{philox4x32, unit_float};
use crate::train::TrainError;

/// Specs with features that no preset has.
const EXTRA: [(&str, &str); 4] = [
    ("layers", include_str!("../../assets/selftest/layers.toml")),
    ("pictures", include_str!("../../assets/selftest/pictures.toml")),
    ("variational", include_str!("../../assets/selftest/variational.toml")),
    ("corruptions", include_str!("../../assets/selftest/corruptions.toml")),
];

/// Rows of a batch that fills no vector, tile or workgroup.
const AWKWARD_BATCH: usize = 7;

/// Image shapes of the tests at awkward sizes, the most awkward first: of odd sides and three channels where the layers
/// allow it; decoders with fixed sizes take the digits' alone.
const AWKWARD_IMAGES: [ImageShape; 4] = [
    ImageShape { height: 27, width: 29, channels: 3 },
    ImageShape { height: 28, width: 36, channels: 3 },
    ImageShape { height: 28, width: 36, channels: 1 },
    ImageShape { height: 28, width: 28, channels: 1 },
];

const CLASSES: usize = 10;

/// Network at one size, with its batch size.
#[derive(Debug)]
pub(super) struct TestedModel {
    pub name: String,
    pub network: Network,
    pub batch: usize,
    element: ElementType,
}

impl TestedModel {
    /// Rows of the data set, all of them in the permuted part.
    pub fn rows(&self) -> usize {
        2 * self.batch + 3
    }

    /// Rows of the batch that hold data: not all, where there are several.
    pub fn valid_rows(&self) -> usize {
        self.batch - self.batch / 5
    }

    /// Plans of a training step, an evaluation and, where there is a bottleneck, of decoding.
    pub fn plans(&self) -> Result<Vec<Plan>, GraphError> {
        let source = RowSource::Data { rows: self.rows(), part_rows: self.rows(), element: self.element };
        let mut plans = vec![self.network.training_pass(self.batch, source)?];
        for mode in [false, true].map(|noisy| EvaluationMode { sampled: noisy, corrupted: noisy }) {
            plans.push(self.network.evaluation_pass(AWKWARD_BATCH, source, mode)?.plan);
        }
        if self.network.spec().model.kind != ModelKind::Denoiser && !self.network.has_skips() {
            plans.push(self.network.decoding_pass(AWKWARD_BATCH)?.0);
        }
        Ok(plans)
    }

    /// Returns the external buffers of a plan as in the middle of a run: rows of noise, initial weights, moments of
    /// small gradients.
    pub fn fill(&self, plan: &Plan, device: &crate::device::Device) -> Result<SharedBuffers, GraphError> {
        let mut buffers = SharedBuffers::default();
        buffers.allocate_for(device, plan);
        for (index, (&buffer, &bytes)) in plan.externals.iter().enumerate() {
            let floats = |value: &dyn Fn(f32) -> f32| noise(bytes / 4, index as u32).map(value).collect::<Vec<f32>>();
            let (network, parameters, statistics) =
                (&self.network, self.network.parameters(), self.network.statistics());
            let mut values = match buffer {
                SharedBuffer::Data if self.element == ElementType::Byte => {
                    let packed: Vec<u8> = noise(bytes, index as u32).map(|x| (255.0 * x) as u8).collect();
                    buffers.write(device, buffer, &packed)?;
                    continue;
                }
                SharedBuffer::Classes => {
                    let stride = CLASSES.next_multiple_of(4);
                    let packed: Vec<u8> =
                        (0..bytes).map(|at| 255 * u8::from(at % stride == at / stride % CLASSES)).collect();
                    buffers.write(device, buffer, &packed)?;
                    continue;
                }
                SharedBuffer::Data | SharedBuffer::Input | SharedBuffer::Conditions => floats(&|x| x),
                SharedBuffer::Latents => floats(&|x| 4.0 * x - 2.0),
                SharedBuffer::Parameters | SharedBuffer::Average => {
                    nn::initial_parameters(parameters, network.flat_elements(), 1)
                }
                SharedBuffer::Statistics => nn::initial_statistics(statistics, network.statistic_elements(), 1),
                SharedBuffer::DecayMask => network.decay_mask(),
                SharedBuffer::Moment1 => floats(&|x| 1e-3 * (x - 0.5)),
                SharedBuffer::Moment2 => floats(&|x| 1e-6 * x),
                SharedBuffer::Gradients | SharedBuffer::Losses => continue,
            };
            // Plans that need fewer of them have the first alone.
            values.truncate(bytes / 4);
            buffers.write(device, buffer, bytemuck::cast_slice(&values))?;
        }
        Ok(buffers)
    }
}

/// Returns the plan that finds the least of rows of numbers, as detectors do; no model has it.
pub(super) fn search_plan() -> Result<Plan, GraphError> {
    let mut graph = Graph::new();
    let values = graph.external(SharedBuffer::Input, [AWKWARD_BATCH, 203]);
    let least = graph.add(Least, &[values], "least")?;
    Plan::new(&graph, &[least])
}

/// Returns the external buffers of [`search_plan`]: noise of few levels, so that many values are equal.
pub(super) fn fill_search(plan: &Plan, device: &crate::device::Device) -> Result<SharedBuffers, GraphError> {
    let mut buffers = SharedBuffers::default();
    buffers.allocate_for(device, plan);
    let bytes = plan.externals.get(&SharedBuffer::Input).copied().unwrap_or(0);
    let values: Vec<f32> = noise(bytes / 4, 0).map(|x| (40.0 * x).floor()).collect();
    buffers.write(device, SharedBuffer::Input, bytemuck::cast_slice(&values))?;
    Ok(buffers)
}

/// Returns the models that a self-test runs; without `full_size` at awkward sizes alone.
pub(super) fn models(full_size: bool) -> Result<Vec<TestedModel>, TrainError> {
    let mut specs: Vec<(String, Spec)> = Vec::new();
    for (name, text) in EXTRA {
        specs.push((name.to_owned(), Spec::from_toml(text, name)?));
    }
    specs.extend(presets()?.into_iter().map(|preset| (preset.name.to_owned(), preset.spec)));
    let mut models = Vec::new();
    for (name, spec) in specs {
        let build = |image: &ImageShape| Network::new(&spec, shape(&spec, *image));
        let [most, more, some, none] = &AWKWARD_IMAGES;
        let network = build(most).or_else(|_| build(more)).or_else(|_| build(some)).or_else(|_| build(none))?;
        // Floats and bytes in turns: both ways into a network are taken.
        let element = if models.len() % 2 == 0 { ElementType::Float } else { ElementType::Byte };
        models.push(TestedModel { name: name.clone(), network, batch: AWKWARD_BATCH, element });
        if full_size {
            let side = spec.data.size.map_or([28, 28], |size| size);
            let image = ImageShape { height: side[0], width: side[1], channels: 1 };
            let network = Network::new(&spec, shape(&spec, image))?;
            models.push(TestedModel { name, network, batch: spec.train.batch_size, element: ElementType::Byte });
        }
    }
    Ok(models)
}

fn shape(spec: &Spec, image: ImageShape) -> DataShape {
    let classes = if spec.model.condition == ConditionKind::Labels { CLASSES } else { 0 };
    DataShape { features: image.values(), image: Some(image), classes }
}

/// Returns `count` numbers in [0, 1), different for each `stream`.
fn noise(count: usize, stream: u32) -> impl Iterator<Item = f32> {
    let blocks = 0..u32::try_from(count.div_ceil(4)).unwrap_or(u32::MAX);
    blocks.flat_map(move |block| philox4x32([block, stream, 0, 0], [23, 29])).map(unit_float).take(count)
}
