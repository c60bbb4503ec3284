//! Background threads of Explore: decoding of the newest request on the CPU, search for the nearest train rows, and
//! export. Frames never wait for them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::app::workspace::ById;
use crate::data::DataSet;
use crate::inference::{FlatModel, InferenceError, LoadedModel};
use crate::monitor::Section;
use crate::platform::{Instant, Wait as _};
use crate::tasks::export_decoded;

/// Origin of the latents of a slot.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Origin {
    /// Fixed point of the latent space.
    Point(Vec<f32>),
    /// Row of the data set, encoded with the newest weights.
    Row(ById<DataSet>, u32),
    /// First row of a file.
    File(PathBuf),
}

/// Number of slots: the two ends of the interpolation, then the three terms of the arithmetic.
pub(super) const SLOTS: usize = 5;
/// Steps of an interpolation, both ends included.
pub(super) const STEPS: usize = 13;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct DecodeRequest {
    pub model: Section<FlatModel>,
    pub latents: Vec<f32>,
    /// Latents of the grid.
    pub grid: Vec<f32>,
    pub label: usize,
    pub slots: [Option<Origin>; SLOTS],
    /// Row whose latents the sliders are to take.
    pub taken: Option<Origin>,
}

/// Rows with their latents.
#[derive(Clone, Debug, Default)]
pub(super) struct DecodedRows {
    pub latents: Vec<f32>,
    pub values: Vec<f32>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct DecodedLatents {
    pub model: Option<Section<FlatModel>>,
    pub features: usize,
    pub image: Option<[usize; 3]>,
    pub one: Arc<DecodedRows>,
    pub grid: Arc<DecodedRows>,
    /// Content of each slot: the row itself, or its decoded point.
    pub slots: [Option<Arc<DecodedRows>>; SLOTS],
    pub interpolation: Arc<DecodedRows>,
    pub sum: Arc<DecodedRows>,
    /// Latents of the requested row.
    pub taken: Option<(Origin, Vec<f32>)>,
    pub problem: Option<String>,
    /// Reason for an empty slot.
    pub slot_problem: Option<String>,
}

/// Loaded model that encodes and decodes. Newer weights of the same network are written into it.
struct LatentCodec {
    model: Section<FlatModel>,
    loaded: LoadedModel,
}

impl LatentCodec {
    /// Loads `model` into `slot`; returns whether anything changed.
    fn update(slot: &mut Option<Self>, model: &Section<FlatModel>) -> Result<bool, InferenceError> {
        match slot {
            Some(codec) if codec.model == *model => return Ok(false),
            Some(codec) if Arc::ptr_eq(&codec.model.network, &model.network) => {
                codec.loaded.set_weights(&model.weights)?;
                codec.model = model.clone();
            }
            _ => *slot = Some(Self { model: model.clone(), loaded: LoadedModel::on_one_thread(model)? }),
        }
        Ok(true)
    }

    fn decode(&mut self, latents: Vec<f32>, label: usize) -> Result<Arc<DecodedRows>, InferenceError> {
        let values = self.loaded.decode(&latents, label).wait()?;
        Ok(Arc::new(DecodedRows { latents, values }))
    }

    fn encode(&mut self, values: Vec<f32>, label: usize) -> Result<Arc<DecodedRows>, InferenceError> {
        let latents = self.loaded.encode(&values, &[label]).wait()?;
        Ok(Arc::new(DecodedRows { latents, values }))
    }
}

fn message(error: InferenceError) -> String {
    error.to_string()
}

/// State of the decoding thread.
#[derive(Default)]
pub(super) struct Decoding {
    codec: Option<LatentCodec>,
    files: HashMap<PathBuf, Result<Vec<f32>, String>>,
    before: Option<DecodeRequest>,
}

impl Decoding {
    pub fn answer(&mut self, request: DecodeRequest, before: &DecodedLatents) -> DecodedLatents {
        let model = &request.model;
        let shape = model.network.data_shape();
        let image = shape.image.map(|image| [image.height, image.width, image.channels]);
        let mut next =
            DecodedLatents { model: Some(model.clone()), features: shape.features, image, ..DecodedLatents::default() };
        if let Err(problem) = self.work(&request, before, &mut next) {
            next.problem = Some(problem);
        }
        self.before = Some(request);
        next
    }

    fn work(
        &mut self,
        request: &DecodeRequest,
        before: &DecodedLatents,
        next: &mut DecodedLatents,
    ) -> Result<(), String> {
        if LatentCodec::update(&mut self.codec, &request.model).map_err(message)? {
            self.before = None;
        }
        let same = self.before.as_ref().filter(|last| last.model == request.model && last.label == request.label);
        let unchanged = |of: fn(&DecodeRequest) -> &Vec<f32>| same.is_some_and(|last| of(last) == of(request));
        let (keeps_one, keeps_grid) = (unchanged(|request| &request.latents), unchanged(|request| &request.grid));
        let keeps_slots = same.is_some_and(|last| last.slots == request.slots);
        let label = request.label;
        let Some(codec) = &mut self.codec else { return Ok(()) };
        next.one = match keeps_one {
            true => before.one.clone(),
            false => codec.decode(request.latents.clone(), label).map_err(message)?,
        };
        next.grid = match keeps_grid {
            true => before.grid.clone(),
            false => codec.decode(request.grid.clone(), label).map_err(message)?,
        };
        if let Some(wanted) = &request.taken {
            let rows = Self::rows_of(&mut self.files, codec, wanted, label)?;
            next.taken = Some((wanted.clone(), rows.latents.clone()));
        }
        if keeps_slots {
            (next.slots, next.interpolation, next.sum) =
                (before.slots.clone(), before.interpolation.clone(), before.sum.clone());
            next.slot_problem.clone_from(&before.slot_problem);
            return Ok(());
        }
        for (slot, origin) in next.slots.iter_mut().zip(&request.slots) {
            if let Some(origin) = origin {
                match Self::rows_of(&mut self.files, codec, origin, label) {
                    Ok(rows) => *slot = Some(rows),
                    Err(problem) => next.slot_problem = Some(problem),
                }
            }
        }
        if let [Some(a), Some(b), ..] = &next.slots {
            let latents = (0..STEPS).flat_map(|step| {
                let share = step as f32 / (STEPS - 1) as f32;
                a.latents.iter().zip(&b.latents).map(move |(a, b)| (1.0 - share) * a + share * b)
            });
            next.interpolation = codec.decode(latents.collect(), label).map_err(message)?;
        }
        if let [_, _, Some(a), Some(b), Some(c)] = &next.slots {
            let sum = a.latents.iter().zip(&b.latents).zip(&c.latents).map(|((a, b), c)| a - b + c).collect();
            next.sum = codec.decode(sum, label).map_err(message)?;
        }
        Ok(())
    }

    fn rows_of(
        files: &mut HashMap<PathBuf, Result<Vec<f32>, String>>,
        codec: &mut LatentCodec,
        origin: &Origin,
        label: usize,
    ) -> Result<Arc<DecodedRows>, String> {
        match origin {
            Origin::Point(latents) => codec.decode(latents.clone(), label).map_err(message),
            Origin::Row(data, row) => {
                let row = *row as usize;
                let values = data.0.rows_f32(row..row + 1).map_err(|error| error.to_string())?;
                let of_row = data.0.labels.as_ref().and_then(|labels| labels.get(row)).copied();
                codec.encode(values, of_row.map_or(label, usize::from)).map_err(message)
            }
            Origin::File(path) => {
                let model = codec.model.clone();
                let read = files.entry(path.clone()).or_insert_with(|| first_row(&model, path));
                codec.encode(read.clone()?, label).map_err(message)
            }
        }
    }
}

/// Reads the first row of a file, prepared like the model's own data.
fn first_row(model: &FlatModel, path: &std::path::Path) -> Result<Vec<f32>, String> {
    let source = path.display().to_string();
    let data = model.network.spec().open_other_data(&source, &model.preparation).map_err(|error| error.to_string())?;
    let features = model.network.features();
    if data.features != features {
        return Err(format!("{source} has {} values per row, and the model takes {features}", data.features));
    }
    if data.rows == 0 {
        return Err(format!("{source} has no rows"));
    }
    data.rows_f32(0..1).map_err(|error| error.to_string())
}

/// Request for the train rows nearest to a point.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NearRequest {
    pub model: Section<FlatModel>,
    pub data: ById<DataSet>,
    pub latents: Vec<f32>,
    pub count: usize,
}

/// Train rows near a point, the nearest first, with their distances.
#[derive(Clone, Debug, Default)]
pub(super) struct Near {
    /// Model and data of the answer.
    pub of: Option<(Section<FlatModel>, ById<DataSet>)>,
    pub rows: Vec<(u32, f32)>,
    /// Number of rows compared.
    pub among: usize,
}

/// Most train rows compared: enough to lie near any point, few enough to encode quickly.
const NEAR_ROWS: usize = 10_000;

/// State of the thread that searches the train rows.
#[derive(Default)]
pub(super) struct Looking {
    codec: Option<LatentCodec>,
    of: Option<(Section<FlatModel>, ById<DataSet>)>,
    latents: Vec<f32>,
    encoded: Option<Instant>,
    took: Duration,
}

impl Looking {
    pub fn answer(&mut self, request: &NearRequest) -> Near {
        let of = (request.model.clone(), request.data.clone());
        let is_same = |(model, data): &(Section<FlatModel>, ById<DataSet>)| {
            Arc::ptr_eq(&model.network, &request.model.network) && *data == request.data
        };
        // Weights change every second while a run trains: encoding again takes at most a tenth of one core.
        let rested = self.encoded.is_none_or(|at| at.elapsed() > 10 * self.took);
        let is_other = !self.of.as_ref().is_some_and(is_same);
        if (self.of.as_ref() != Some(&of) && rested) || is_other || self.latents.is_empty() {
            let started = Instant::now();
            self.latents = encode_train(&mut self.codec, &request.model, &request.data.0).unwrap_or_default();
            (self.took, self.encoded, self.of) = (started.elapsed(), Some(Instant::now()), Some(of.clone()));
        }
        let latent = request.latents.len().max(1);
        let away = |row: &[f32]| row.iter().zip(&request.latents).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        let mut near: Vec<(u32, f32)> =
            self.latents.chunks_exact(latent).enumerate().map(|(row, latents)| (row as u32, away(latents))).collect();
        near.sort_by(|a, b| a.1.total_cmp(&b.1));
        near.truncate(request.count);
        let first = request.data.0.train.start as u32;
        let rows = near.into_iter().map(|(row, distance)| (first + row, distance.sqrt())).collect();
        Near { of: Some(of), rows, among: self.latents.len() / latent }
    }
}

fn encode_train(codec: &mut Option<LatentCodec>, model: &Section<FlatModel>, data: &DataSet) -> Option<Vec<f32>> {
    /// Rows encoded at once.
    const CHUNK: usize = 2000;
    LatentCodec::update(codec, model).ok()?;
    let loaded = &mut codec.as_mut()?.loaded;
    let rows = data.train.start..data.train.end.min(data.train.start + NEAR_ROWS);
    let mut latents = Vec::new();
    for start in rows.clone().step_by(CHUNK) {
        let part = start..rows.end.min(start + CHUNK);
        let labels =
            data.labels.as_ref().map(|labels| labels[part.clone()].iter().map(|&label| label.into()).collect());
        let labels: Vec<usize> = labels.unwrap_or_default();
        latents.extend(loaded.encode(&data.rows_f32(part).ok()?, &labels).wait().ok()?);
    }
    Some(latents)
}

/// Rows to export.
#[derive(Clone, Debug)]
pub(super) struct ExportRequest {
    pub model: Section<FlatModel>,
    pub rows: Arc<DecodedRows>,
    pub columns: usize,
}

impl ExportRequest {
    /// Writes the rows in the format of the path's extension; returns the path, or the error in words.
    pub fn write(self, path: PathBuf) -> Result<PathBuf, String> {
        export_decoded(&self.model.to_model(), &self.rows.values, &self.rows.latents, self.columns, &path)
            .map_err(|error| error.to_string())?;
        Ok(path)
    }
}
