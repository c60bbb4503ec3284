//! Decoding latent numbers of a model, and what a window shows of a model that is opened rather than trained.

use std::path::Path;
use std::sync::Arc;

use crate::data::{DataError, DataSet, Part};
use crate::device::{Device, DeviceChoice};
use crate::graph::{Executable, External, Externals, GraphError, View};
use crate::kernels::StepState;
use crate::kernels::random::{key, normal4, philox4x32};
use crate::model::{Model, Network};
use crate::train::{
    DataSummary, Evaluator, LatentMap, Pairs, PlayState, ShelvedRun, Snapshot, TrainError, UnitUse, Wish, curve_of,
    pick,
};

/// Rows that the window decodes in one run.
const BATCH: usize = 64;
/// Rows that a task decodes in one run.
const TASK_BATCH: usize = 256;

/// A model's decoder, by itself.
#[derive(Debug)]
pub struct Decoder {
    executable: Executable,
    externals: Externals,
    device: Device,
    output: View,
    latent: usize,
    features: usize,
    classes: usize,
    batch: usize,
}

impl Decoder {
    /// On one thread of the processor, so that whoever trains beside it keeps the others.
    ///
    /// # Errors
    /// When the model has no bottleneck to decode from, or lacks what its spec names.
    pub fn new(model: &Model) -> Result<Self, TrainError> {
        let device = Device::open(DeviceChoice::Cpu, Some(1)).map_err(GraphError::from)?;
        Self::with_batch(model, &device, BATCH)
    }

    /// On `device`, for many rows.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn on(model: &Model, device: &Device) -> Result<Self, TrainError> {
        Self::with_batch(model, device, TASK_BATCH)
    }

    fn with_batch(model: &Model, device: &Device, batch: usize) -> Result<Self, TrainError> {
        let shape = model.data_shape();
        let network = Network::new(&model.spec, shape)?;
        let (parameters, statistics) = model.to_flat(&network, Path::new("model"))?;
        let (plan, output) = network.decoding_pass(batch)?;
        let mut externals = Externals::default();
        externals.allocate(device, External::Statistics, network.statistic_elements() * 4);
        externals.allocate_for(device, &plan);
        externals.write(device, External::Parameters, bytemuck::cast_slice(&parameters))?;
        externals.write(device, External::Statistics, bytemuck::cast_slice(&statistics))?;
        let executable = Executable::new(device, &plan, &externals)?;
        let (latent, features) = (network.latent(), network.features());
        let device = device.clone();
        Ok(Self { executable, externals, device, output, latent, features, classes: shape.classes, batch })
    }

    pub fn latent(&self) -> usize {
        self.latent
    }

    /// Classes that the model is conditioned on; 0 for others.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Rows [rows, features] from latent numbers [rows, latent], all of class `label` where the model has classes.
    pub fn decode(&mut self, latents: &[f32], label: usize) -> Result<Vec<f32>, TrainError> {
        self.decode_rows(latents, &vec![label; latents.len() / self.latent.max(1)])
    }

    /// As [`Self::decode`], each row of its own class; `labels` has one for each row, or none for a model without classes.
    pub fn decode_rows(&mut self, latents: &[f32], labels: &[usize]) -> Result<Vec<f32>, TrainError> {
        let (latent, classes) = (self.latent.max(1), self.classes);
        let mut made = Vec::with_capacity(latents.len() / latent * self.features);
        for (run, rows) in latents.chunks(self.batch * latent).enumerate() {
            let count = rows.len() / latent;
            self.externals.write(&self.device, External::Latents, bytemuck::cast_slice(rows))?;
            if classes > 0 {
                let one_hot = one_hot(labels.get(run * self.batch..).unwrap_or_default(), self.batch, classes);
                self.externals.write(&self.device, External::Conditions, bytemuck::cast_slice(&one_hot))?;
            }
            self.executable.run(&[StepState { rows: count as u32, ..StepState::default() }])?;
            made.extend(self.executable.read(View { bytes: count * self.features * 4, ..self.output })?);
        }
        Ok(made)
    }
}

/// A model's encoder, by itself.
#[derive(Debug)]
pub struct Encoder {
    executable: Executable,
    externals: Externals,
    device: Device,
    code: View,
    latent: usize,
    features: usize,
    /// Classes that the encoder is told; 0 where it is told none.
    classes: usize,
}

impl Encoder {
    /// On one thread of the processor.
    ///
    /// # Errors
    /// When the model lacks what its spec names.
    pub fn new(model: &Model) -> Result<Self, TrainError> {
        let device = Device::open(DeviceChoice::Cpu, Some(1)).map_err(GraphError::from)?;
        let shape = model.data_shape();
        let network = Network::new(&model.spec, shape)?;
        let (parameters, statistics) = model.to_flat(&network, Path::new("model"))?;
        let (plan, code) = network.encoding_pass(BATCH)?;
        let mut externals = Externals::default();
        externals.allocate(&device, External::Statistics, network.statistic_elements() * 4);
        externals.allocate_for(&device, &plan);
        externals.write(&device, External::Parameters, bytemuck::cast_slice(&parameters))?;
        externals.write(&device, External::Statistics, bytemuck::cast_slice(&statistics))?;
        let executable = Executable::new(&device, &plan, &externals)?;
        let (latent, features) = (network.latent(), network.features());
        let classes = if plan.externals.contains_key(&External::Conditions) { shape.classes } else { 0 };
        Ok(Self { executable, externals, device, code, latent, features, classes })
    }

    /// Latent numbers [rows, latent] of rows [rows, features]; `labels` has the class of each, or none for a model without
    /// classes.
    pub fn encode(&mut self, rows: &[f32], labels: &[usize]) -> Result<Vec<f32>, TrainError> {
        let mut made = Vec::with_capacity(rows.len() / self.features.max(1) * self.latent);
        for (run, rows) in rows.chunks(BATCH * self.features.max(1)).enumerate() {
            let count = rows.len() / self.features.max(1);
            self.externals.write(&self.device, External::Input, bytemuck::cast_slice(rows))?;
            if self.classes > 0 {
                let labels = labels.get(run * BATCH..).unwrap_or_default();
                let one_hot = one_hot(labels, BATCH, self.classes);
                self.externals.write(&self.device, External::Conditions, bytemuck::cast_slice(&one_hot))?;
            }
            self.executable.run(&[StepState { rows: count as u32, ..StepState::default() }])?;
            made.extend(self.executable.read(View { bytes: count * self.latent * 4, ..self.code })?);
        }
        Ok(made)
    }
}

/// The classes of the first `rows` rows, one hot.
fn one_hot(labels: &[usize], rows: usize, classes: usize) -> Vec<f32> {
    let told = |i: usize| labels.get(i / classes).copied() == Some(i % classes);
    (0..rows * classes).map(|i| f32::from(u8::from(told(i)))).collect()
}

/// Draws of latent numbers [rows, latent] around each unit's mean with its deviation times `temperature`; `number` tells
/// draws apart.
pub fn draw_latents(units: &[UnitUse], rows: usize, temperature: f32, number: u32) -> Vec<f32> {
    let latent = units.len();
    let normals = (0..(rows * latent).div_ceil(4) as u32)
        .flat_map(|block| normal4(philox4x32([block, crate::kernels::random::stream::OPS, number, 1], key(1))));
    normals
        .take(rows * latent)
        .enumerate()
        .map(|(i, normal)| {
            let unit = &units[i % latent];
            unit.prior_mean + unit.prior_deviation * temperature * normal
        })
        .collect()
}

/// What a window shows of the model at `path`: its layers, and held-out rows of its own data on its map where those are
/// still there.
pub fn open_model(path: &Path) -> Result<Snapshot, TrainError> {
    let model = Model::load(path)?;
    let shape = model.data_shape();
    let network = Network::new(&model.spec, shape)?;
    let (parameters, statistics) = model.to_flat(&network, path)?;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut snapshot = Snapshot {
        state: PlayState::Finished,
        preset: Some(name),
        spec: Some(model.spec.clone()),
        widths: network.widths(),
        parameters: network.parameter_count(),
        learning_rate: model.spec.optimizer.learning_rate,
        ..Snapshot::default()
    };
    if let Some(run) = path.parent().and_then(ShelvedRun::read) {
        tell_of_run(&mut snapshot, &run);
    }
    let spec = &model.spec;
    let data: Result<Arc<DataSet>, DataError> = spec.open_data().map(Arc::new);
    let mut units = vec![UnitUse::prior(); network.latent()];
    if let Ok(data) = data.as_ref()
        && data.features == model.features
    {
        let device = Device::open(DeviceChoice::Cpu, None).map_err(GraphError::from)?;
        let mut externals = Externals::default();
        let mut evaluator = Evaluator::new(&network, data, &device, &mut externals)?;
        externals.write(&device, External::Parameters, bytemuck::cast_slice(&parameters))?;
        if !network.statistics().is_empty() {
            externals.write(&device, External::Statistics, bytemuck::cast_slice(&statistics))?;
        }
        let rows = data.part(Part::Validation);
        let outputs = evaluator.outputs(rows.clone(), true, false)?;
        units = UnitUse::of(&outputs.latents, network.latent(), spec);
        let mut map = LatentMap::of(&outputs.latents, network.latent(), data, rows.clone(), 0, &mut None);
        let wanted = data.rows_f32(rows.clone())?;
        let features = data.features;
        let first = rows.start;
        let chosen = pick(data, &Wish::default());
        let of_chosen = |values: &[f32]| -> Vec<f32> {
            chosen
                .iter()
                .flat_map(|&row| &values[(row - first) * features..(row - first + 1) * features])
                .copied()
                .collect()
        };
        let inputs = of_chosen(&wanted);
        let labels = data.labels.as_ref().map(|labels| chosen.iter().map(|&row| labels[row]).collect());
        snapshot.pairs = Arc::new(Pairs {
            image: data.image,
            features,
            seen: inputs.clone(),
            inputs,
            outputs: of_chosen(&outputs.outputs),
            labels: labels.unwrap_or_default(),
            rows: chosen,
        });
        let pairs = outputs.outputs.chunks_exact(data.features).zip(wanted.chunks_exact(data.features));
        map.errors = pairs.map(|(made, wanted)| crate::metrics::mse(made, wanted) as f32).collect();
        snapshot.map = Arc::new(map);
        snapshot.rows = Some(Arc::clone(data));
        snapshot.device = Some(device.info().clone());
        snapshot.data = DataSummary::of(data);
    }
    snapshot.units = Arc::new(units);
    snapshot.model = Some(Arc::new(model));
    Ok(snapshot)
}

/// What is known of the run that a model was kept by.
fn tell_of_run(snapshot: &mut Snapshot, run: &ShelvedRun) {
    let last = run.epochs.last();
    snapshot.preset = run.preset.clone().or_else(|| Some(run.name.clone()));
    snapshot.run_dir = Some(run.path.clone());
    snapshot.train_curve = Arc::new(curve_of(&run.epochs));
    let validation = run.epochs.iter().map(|epoch| [epoch.epoch as f32, epoch.validation_loss as f32]);
    snapshot.validation_curve = Arc::new(validation.collect());
    snapshot.best = run.best();
    snapshot.step = last.map_or(0, |epoch| epoch.step);
    snapshot.total_steps = snapshot.step;
    snapshot.steps_per_epoch = last.map_or(0, |epoch| epoch.step / u64::from(epoch.epoch.max(1)));
    snapshot.seconds = last.map_or(0.0, |epoch| epoch.seconds);
    snapshot.saved_step = Some(snapshot.step);
}
