//! The model file: one safetensors file that Python opens with the ordinary package.
//!
//! Equal training gives equal bytes: tensors in sorted order, one metadata entry with sorted keys, and nothing of
//! time, host or path in it.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};

use super::detector::Detector;
use super::network::Network;
use super::shape::DataShape;
use super::spec::{ConditionKind, SPEC_VERSION, Spec, newer_version, with_nearest};
use super::weights::Weights;
use crate::data::{ImageShape, Preparation, Scaling, SourceKind};
use crate::error::ErrorKind;
use crate::graph::Parameter;
use crate::platform::files;
use crate::tensor::{HostTensor, Shape};

/// Version of the metadata.
const FORMAT: u64 = 1;

/// Failure to read or write a model file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[non_exhaustive]
pub enum ModelFileError {
    /// File at `path` that cannot be read, with the system's message.
    #[error("cannot read the model, {}, {problem}", path.display())]
    Unreadable { path: PathBuf, problem: String },
    /// File at `path` that is damaged or holds no model of this program.
    #[error("not a model of this program, {}, {problem}", path.display())]
    Malformed { path: PathBuf, problem: String },
    /// File at `path` that cannot be written.
    #[error("cannot write, {}, {problem}", path.display())]
    Unwritable { path: PathBuf, problem: String },
}

impl ModelFileError {
    /// Returns the cause: usage for a file that cannot be read, work for one that cannot be written.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreadable { .. } | Self::Malformed { .. } => ErrorKind::Usage,
            Self::Unwritable { .. } => ErrorKind::Work,
        }
    }
}

/// Trained model in host memory.
#[derive(Clone, Debug)]
pub struct Model {
    /// Spec that the model was trained by.
    pub spec: Spec,
    /// Values of a row.
    pub features: usize,
    /// Names of the classes, where the data had any.
    pub labels: Option<Vec<String>>,
    /// Preparation of the data, applied to all rows that the model is given.
    pub preparation: Preparation,
    /// Statistics that make it a detector of abnormal rows; `None` for other models.
    pub detector: Option<Detector>,
    /// Tensors by name, `encoder.N.weight` and so on; dense weights `[out, in]`.
    pub tensors: BTreeMap<String, HostTensor>,
}

impl Model {
    /// Returns a model with the tensors of `network` out of its flat buffers, a preparation without fitted values, and
    /// no detector.
    pub fn from_flat(spec: &Spec, network: &Network, labels: Option<Vec<String>>, weights: &Weights) -> Self {
        let Weights { parameters, statistics } = weights;
        let written = network.statistics().iter().filter(|statistic| is_written(statistic));
        let tensors = network
            .parameters()
            .iter()
            .map(|parameter| (parameter, parameters))
            .chain(written.map(|statistic| (statistic, statistics)))
            .map(|(array, flat)| {
                let values = &flat[array.offset..array.offset + array.shape.elements()];
                let values = array.file.as_ref().map_or_else(|| values.to_vec(), |file| file.to_file(values));
                (array.name.clone(), HostTensor::new(array.file_shape().extents(), values))
            })
            .collect();
        let preparation = Preparation::new(SourceKind::Array, Scaling::Unit);
        // What a device chose says nothing of the model, and a file has no host in it.
        let mut spec = spec.clone();
        spec.engine.kernels = None;
        Self { spec, features: network.features(), labels, preparation, detector: None, tensors }
    }

    /// Returns the flat buffers of `network`, filled from the tensors; `path` is where the model is from, for errors.
    pub fn to_flat(&self, network: &Network, path: &Path) -> Result<Weights, ModelFileError> {
        let fill = |arrays: &[Parameter], elements: usize, mut flat: Vec<f32>| {
            // All shapes first: a spec that lies must not make us allocate what it claims.
            let mut found = Vec::with_capacity(arrays.len());
            for array in arrays.iter().filter(|array| is_written(array)) {
                let tensor = self.tensors.get(&array.name).filter(|tensor| tensor.shape == array.file_shape());
                let tensor = tensor.ok_or_else(|| ModelFileError::Malformed {
                    path: path.into(),
                    problem: format!("its spec asks for {} of {}, which is not in it", array.name, array.file_shape()),
                })?;
                found.push((array, tensor));
            }
            flat.resize(elements, 0.0);
            for (array, tensor) in found {
                let values =
                    array.file.as_ref().map_or_else(|| tensor.data.clone(), |file| file.to_memory(&tensor.data));
                flat[array.offset..array.offset + values.len()].copy_from_slice(&values);
            }
            Ok(flat)
        };
        let parameters = fill(network.parameters(), network.flat_elements(), Vec::new())?;
        if network.statistics().is_empty() {
            return Ok(Weights { parameters, statistics: Vec::new() });
        }
        // What is not written is made anew.
        let made =
            crate::nn::initial_statistics(network.statistics(), network.statistic_elements(), self.spec.train.seed);
        let statistics = fill(network.statistics(), network.statistic_elements(), made)?;
        Ok(Weights { parameters, statistics })
    }

    /// Returns the shape of its rows, by its own account.
    pub fn data_shape(&self) -> DataShape {
        let data = &self.spec.data;
        let sane = |&(size, channels): &([usize; 2], usize)| size.iter().chain([&channels]).all(|&n| n < 1 << 16);
        let image = data.size.zip(data.channels).filter(sane).map(|([height, width], channels)| ImageShape {
            height,
            width,
            channels,
        });
        let classes = match self.spec.model.condition {
            ConditionKind::Labels => data.classes.unwrap_or(0),
            _ => 0,
        };
        DataShape { features: self.features, image: image.filter(|image| image.values() == self.features), classes }
    }

    /// Returns a hash that differs between models that decode the same latents to other rows (FNV-1a over tensors,
    /// layers and scaling). Where the model was trained and what else is known of it does not count.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            for &byte in bytes {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        let words = json!({
            "features": self.features,
            "model": serde_json::to_value(&self.spec.model).unwrap_or_default(),
            "loss": serde_json::to_value(self.spec.objective.loss).unwrap_or_default(),
            "scaler": serde_json::to_value(&self.preparation).unwrap_or_default(),
        });
        add(sorted(words).to_string().as_bytes());
        for (name, tensor) in &self.tensors {
            add(name.as_bytes());
            add(tensor.shape.to_string().as_bytes());
            tensor.data.iter().for_each(|value| add(&value.to_bits().to_le_bytes()));
        }
        hash
    }

    /// Returns the bytes of the model's safetensors file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let spec = serde_json::to_value(&self.spec).map_err(|error| error.to_string())?;
        let mut metadata = json!({
            "format": FORMAT,
            "features": self.features,
            "labels": self.labels,
            "scaler": serde_json::to_value(&self.preparation).map_err(|error| error.to_string())?,
            "seed": self.spec.train.seed,
            "spec": spec,
        });
        if let Some(detector) = &self.detector {
            metadata["detector"] = serde_json::to_value(detector).map_err(|error| error.to_string())?;
        }
        let entry = HashMap::from([("hourglass".to_owned(), sorted(metadata).to_string())]);
        match &self.detector {
            Some(detector) => {
                let mut tensors = detector.tensors();
                tensors.extend(self.tensors.clone());
                tensor_file(&tensors, entry)
            }
            None => tensor_file(&self.tensors, entry),
        }
    }

    /// Writes the model file, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), ModelFileError> {
        let unwritable = |problem| ModelFileError::Unwritable { path: path.into(), problem };
        write_whole(path, &self.to_bytes().map_err(unwritable)?)
    }

    /// Reads a model file.
    pub fn load(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = files::read(path).map_err(|error| ModelFileError::Unreadable {
            path: path.into(),
            problem: match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such file, give a model.safetensors".to_owned(),
                _ => error.to_string(),
            },
        })?;
        Self::from_bytes(&bytes, path)
    }

    /// Reads a model from the bytes of its file; `path` is where they are from, for errors.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ModelFileError> {
        let malformed = |problem: String| ModelFileError::Malformed { path: path.into(), problem };
        let (mut tensors, metadata) = read_tensor_file(bytes).map_err(malformed)?;
        let metadata = metadata.get("hourglass").ok_or_else(|| {
            malformed("it has no `hourglass` metadata, give a model saved by this program".to_owned())
        })?;
        let metadata: Value = serde_json::from_str(metadata)
            .map_err(|error| malformed(format!("its metadata is damaged ({error}), save it again")))?;
        let newer = |version: &Value, known| version.as_u64().and_then(|version| newer_version(version, known));
        if let Some(problem) = newer(&metadata["format"], FORMAT) {
            return Err(malformed(problem));
        }
        if metadata["format"].as_u64() != Some(FORMAT) {
            return Err(malformed(format!("its format is {}, this version reads {FORMAT}", metadata["format"])));
        }
        let spec: Spec = serde_json::from_value(metadata["spec"].clone()).map_err(|error| {
            let of_newer = newer(&metadata["spec"]["version"], u64::from(SPEC_VERSION));
            malformed(of_newer.unwrap_or_else(|| {
                format!("its spec is not understood ({}), save it again", with_nearest(&error.to_string()))
            }))
        })?;
        spec.check().map_err(|error| malformed(error.to_string()))?;
        let features = metadata["features"]
            .as_u64()
            .and_then(|features| usize::try_from(features).ok())
            .filter(|features| (1..=100_000_000).contains(features))
            .ok_or_else(|| malformed("its metadata has no count of features, save it again".to_owned()))?;
        let labels = serde_json::from_value(metadata["labels"].clone())
            .map_err(|error| malformed(format!("its labels are not understood ({error})")))?;
        // Models of before this was kept were all trained on bytes.
        let preparation = match metadata.get("scaler").filter(|scaler| scaler.get("source").is_some()) {
            Some(scaler) => serde_json::from_value(scaler.clone())
                .map_err(|error| malformed(format!("its scaler is not understood ({error}), save it again")))?,
            None => Preparation::new(SourceKind::Array, Scaling::Unit),
        };
        preparation.check(features).map_err(malformed)?;
        let detector = match metadata.get("detector") {
            Some(detector) => {
                let mut detector: Detector = serde_json::from_value(detector.clone())
                    .map_err(|error| malformed(format!("its detector is not understood ({error}), fit it again")))?;
                detector.take_tensors(&mut tensors, features).map_err(malformed)?;
                Some(detector)
            }
            None => None,
        };
        Ok(Self { spec, features, labels, preparation, detector, tensors })
    }
}

/// Returns tensors and metadata as the bytes of a safetensors file. At most one metadata entry: the file's writer keeps
/// them in a hash map, whose order changes from run to run.
pub(crate) fn tensor_file(
    tensors: &BTreeMap<String, HostTensor>,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, String> {
    let views: Vec<(&String, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            TensorView::new(Dtype::F32, tensor.shape.extents().to_vec(), bytemuck::cast_slice(&tensor.data))
                .map(|view| (name, view))
        })
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
}

type NamedTensors = (BTreeMap<String, HostTensor>, HashMap<String, String>);

pub(crate) fn read_tensor_file(bytes: &[u8]) -> Result<NamedTensors, String> {
    let damaged = |error: safetensors::SafeTensorError| format!("it is no whole safetensors file ({error})");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("{name} is {:?}, only f32 is read", view.dtype()));
        }
        let data: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if Shape::new(view.shape()).elements() != data.len() {
            return Err(format!("{name} does not fill its shape"));
        }
        tensors.insert(name, HostTensor::new(view.shape(), data));
    }
    Ok((tensors, header.metadata().clone().unwrap_or_default()))
}

/// Returns whether an array is part of a model: kernels of corruptions are made anew.
fn is_written(array: &Parameter) -> bool {
    !array.name.starts_with("corruption.")
}

/// Returns the same JSON with the keys of every object in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Writes a file whole or not at all: a temporary file beside it, flushed to the disk, then renamed.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ModelFileError> {
    files::write_whole(path, |file| file.write_all(bytes))
        .map_err(|error| ModelFileError::Unwritable { path: path.into(), problem: error.to_string() })
}
