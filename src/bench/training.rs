//! Speed of whole training steps: of presets on the digits, and of a denoiser on patches of noise.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::data::{DataSet, DataSpec, ElementType, ImageShape, Preparation, Scaling, SourceKind};
use crate::device::Device;
use crate::model::{DataShape, RowSource, Spec, preset};
use crate::platform::{Instant, Wait as _};
use crate::random::{philox4x32, unit_float};
use crate::train::{Session, TrainError};

/// A denoiser of 64 channels on patches of 64x64, three layers between the first and the last.
pub(crate) const DENOISER: &str = "denoiser-64";

/// The models whose steps are measured: dense, convolutional, variational, and the denoiser.
pub(crate) const MODELS: [&str; 4] = ["undercomplete", "convolutional", "map", DENOISER];

/// Speed and memory of the training step of one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingSpeed {
    /// Name of the preset, or `denoiser-64`.
    pub model: String,
    /// Rows of a batch.
    pub batch: usize,
    /// Training steps per second, by the median of nine samples.
    pub steps_per_second: f64,
    /// Dispatches (calls, on a CPU) of one training step.
    pub dispatches: usize,
    /// Device memory in bytes: activations, parameters, gradients, moments and data.
    pub bytes: usize,
    /// Host time in microseconds to record one step; `None` (null in JSON) on a CPU, which records nothing.
    pub record_us: Option<f64>,
    /// Seconds from an open device to the end of the first step.
    pub first_step_s: f64,
}

/// Spec to measure, on the digits or on pictures of noise.
pub(crate) struct BenchModel {
    pub name: String,
    pub spec: Spec,
    /// Side in pixels of square gray pictures of noise; `None` for the digits.
    pub side: Option<usize>,
}

impl BenchModel {
    pub fn from_preset(name: &str, spec: Spec) -> Result<Self, TrainError> {
        Ok(Self { name: name.to_owned(), spec, side: None })
    }

    pub fn named(name: &str) -> Result<Self, TrainError> {
        if name != DENOISER {
            return Self::from_preset(name, preset(name)?.spec);
        }
        let layers = [r#""conv 64 3x3 relu""#; 4].join(", ");
        Self::pictures(name, &layers, 64, 8)
    }

    /// Builds a denoiser with `layers` before its last, of one channel, for pictures of `side` by `side`.
    pub fn pictures(name: &str, layers: &str, side: usize, batch: usize) -> Result<Self, TrainError> {
        let text = format!(
            "version = 1\n[corruption]\ngaussian = 0.1\n[model]\nkind = \"denoiser\"\nlatent = 0\nresidual = true\n\
             encoder = [{layers}]\ndecoder = [\"output conv 3x3\"]\n[train]\nbatch_size = {batch}\n"
        );
        Ok(Self { name: name.to_owned(), spec: Spec::from_toml(&text, name)?, side: Some(side) })
    }

    fn image(&self) -> ImageShape {
        let side = self.side.unwrap_or(28);
        ImageShape { height: side, width: side, channels: 1 }
    }

    pub fn shape(&self) -> DataShape {
        let image = self.image();
        DataShape { features: image.values(), image: Some(image), classes: if self.side.is_some() { 0 } else { 10 } }
    }

    pub fn subject(&self) -> RowSource {
        let rows = 4 * self.spec.train.batch_size;
        RowSource::Data { rows, part_rows: rows, element: ElementType::Byte }
    }

    fn data(&self) -> Result<DataSet, TrainError> {
        if self.side.is_none() {
            return Ok(DataSet::open(&DataSpec::default(), 0.1, 1)?);
        }
        let (image, batch) = (self.image(), self.spec.train.batch_size);
        // Enough for epochs that are not over at once.
        let rows = (4 * batch).max(64);
        let count = rows * image.values();
        let blocks = 0..u32::try_from(count.div_ceil(4)).unwrap_or(u32::MAX);
        let values = blocks.flat_map(|block| philox4x32([block, 0, 0, 0], [5, 5])).map(unit_float).take(count);
        let preparation = Preparation::new(SourceKind::Images, Scaling::Unit);
        let mut data = DataSet::from_rows(values.collect(), image.values(), &preparation);
        data.image = Some(image);
        (data.train, data.validation, data.test) = (0..rows - 2, rows - 2..rows - 1, rows - 1..rows);
        Ok(data)
    }
}

/// Measures the training step of a preset, or of [`DENOISER`].
pub(crate) fn measure_model(device: &Device, name: &str) -> Result<TrainingSpeed, TrainError> {
    measure(device, BenchModel::named(name)?)
}

pub(crate) fn measure(device: &Device, model: BenchModel) -> Result<TrainingSpeed, TrainError> {
    const SAMPLE: Duration = Duration::from_millis(400);
    // Enough that what else the machine does for a second or two is not the median.
    const SAMPLES: usize = 9;
    let data = Arc::new(model.data()?);
    let mut spec = model.spec;
    // A run long enough that no sample meets its end.
    spec.train.epochs = 1_000_000;
    spec.train.steps = None;
    let batch = spec.train.batch_size;
    let started = Instant::now();
    let mut session = Session::new(spec, data, device.clone())?;
    session.train(1).wait()?;
    session.take_losses(true).wait()?;
    let first_step_s = started.elapsed().as_secs_f64();
    let mut time = |steps: usize| -> Result<f64, TrainError> {
        let started = Instant::now();
        let mut taken = 0;
        while taken < steps {
            taken += session.train(steps - taken).wait()?;
        }
        session.take_losses(true).wait()?;
        Ok(started.elapsed().as_secs_f64() / steps as f64)
    };
    let once = time(2)?;
    let steps = (SAMPLE.as_secs_f64() / once.max(1e-6)).clamp(1.0, 1000.0) as usize;
    let mut samples = (0..SAMPLES).map(|_| time(steps)).collect::<Result<Vec<_>, _>>()?;
    samples.sort_by(f64::total_cmp);
    let (record_secs, recorded) = session.recording();
    let bytes = session.bytes();
    Ok(TrainingSpeed {
        model: model.name,
        batch,
        steps_per_second: 1.0 / samples[samples.len() / 2],
        dispatches: session.dispatches(),
        bytes: bytes.activations + bytes.external,
        record_us: (recorded > 0).then(|| record_secs * 1e6 / recorded as f64),
        first_step_s,
    })
}
