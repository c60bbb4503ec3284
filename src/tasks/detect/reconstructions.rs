//! Rows and their reconstructions by a detector's models, in chunks.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use crate::data::{CellRemark, DataError, DataSet, Preparation, TableChunk, TableStream};
use crate::device::Device;
use crate::inference::LoadedModel;
use crate::model::{DetectorMember, Model};
use crate::platform::{Task, Wait as _};
use crate::tasks::TaskError;
use crate::tasks::evaluate::evaluator_over;
use crate::train::Evaluator;

/// Narrow rows that are scored at once, at most.
const CHUNK_ROWS: usize = 8192;
/// Bytes of wide rows that are scored at once, at most.
pub(super) const CHUNK_BYTES: usize = 64 << 20;

/// Score of a cell that no normal row has, such as a new word or another value of a column that always had the same one:
/// usual rows have a score of 1.
pub(super) const BROKEN_RULE: f64 = 100.0;

/// Chunk of rows, prepared as the network takes them, and their reconstructions.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub rows: usize,
    /// Values `[rows, features]`.
    pub seen: Vec<f32>,
    /// Reconstructions `[rows, features]` of each member.
    pub made: Vec<Vec<f32>>,
    /// Latents `[rows, latent]` of each member; empty where there is no bottleneck.
    pub latents: Vec<Vec<f32>>,
    /// Divergence from the prior `[rows]` of each member, in nats; empty but for variational models.
    pub divergences: Vec<Vec<f64>>,
    /// Label of each row; empty without labels.
    pub labels: Vec<Option<String>>,
    /// Rows that could not be read, with the problem in words.
    pub unusable: Vec<(usize, String)>,
    /// Cells of tables that the values do not show, by rows.
    pub remarks: Vec<CellRemark>,
}

/// A table and its next rows.
type ReadRows = (TableStream, Result<Option<TableChunk>, DataError>);

#[derive(Debug)]
struct TableRows {
    /// Rows that are read while others are scored, on a thread of its own; `None` at the end.
    ahead: Option<Task<(), ReadRows>>,
    keep_going: bool,
    /// Rows that are read before any is scored.
    capacity: usize,
    preparation: Preparation,
}

impl TableRows {
    fn new(
        stream: TableStream,
        keep_going: bool,
        capacity: usize,
        preparation: Preparation,
    ) -> Result<Self, TaskError> {
        let mut rows = Self { ahead: None, keep_going, capacity, preparation };
        rows.read(stream)?;
        Ok(rows)
    }

    /// Starts to read the next rows of `stream`.
    fn read(&mut self, stream: TableStream) -> Result<(), TaskError> {
        let (capacity, keep_going, mut stream) = (self.capacity, self.keep_going, stream);
        let read = move |_: &mut dyn FnMut(()) -> _| {
            let next = stream.next(capacity, keep_going);
            (stream, next)
        };
        self.ahead = Some(Task::start("hourglass-table", || {}, read).map_err(TaskError::Defect)?);
        Ok(())
    }

    /// Returns the next rows, and starts to read those after them; `None` at the end.
    fn next(&mut self) -> Result<Option<TableChunk>, TaskError> {
        let Some(ahead) = self.ahead.take() else { return Ok(None) };
        let lost = || TaskError::Defect("the thread that reads the table ended".to_owned());
        let (stream, next) = ahead.finish().ok_or_else(lost)?;
        let next = next?;
        if next.is_some() {
            self.read(stream)?;
        }
        Ok(next)
    }
}

#[derive(Debug)]
enum ChunkSource {
    Table(Box<TableRows>),
    Whole { data: Arc<DataSet>, left: Range<usize>, step: usize },
}

/// Models of a detector over rows, chunk by chunk.
#[derive(Debug)]
pub(super) struct Reconstructor {
    members: Vec<Evaluator>,
    rows: ChunkSource,
    features: usize,
}

/// Returns the number of rows of `features` values that are scored at once by `members`, each of which reconstructs
/// them all.
fn chunk(features: usize, members: usize) -> usize {
    (CHUNK_BYTES / (features * members.max(1) * 4).max(1)).clamp(1, CHUNK_ROWS)
}

fn evaluators(
    models: &[Model],
    data: &Arc<DataSet>,
    device: &Device,
    path: &Path,
) -> Result<Vec<Evaluator>, TaskError> {
    models.iter().map(|model| evaluator_over(&LoadedModel::new(model, path, device)?, data)).collect()
}

impl Reconstructor {
    /// Prepares `models` for `rows` of `data`; `path` is the origin of the models, for errors.
    pub fn over(
        models: &[Model],
        data: &Arc<DataSet>,
        rows: Range<usize>,
        device: &Device,
        path: &Path,
    ) -> Result<Self, TaskError> {
        let members = evaluators(models, data, device, path)?;
        let rows = ChunkSource::Whole { data: Arc::clone(data), left: rows, step: chunk(data.features, models.len()) };
        Ok(Self { members, rows, features: data.features })
    }

    /// Prepares `models`, of which there is one at least, for the rows of a table as they are read.
    pub fn streaming(
        models: &[Model],
        stream: TableStream,
        keep_going: bool,
        device: &Device,
        path: &Path,
    ) -> Result<Self, TaskError> {
        let (features, preparation) = (models[0].features, models[0].preparation.clone());
        let capacity = chunk(features, models.len());
        let empty = Arc::new(DataSet::from_rows(vec![0.0; capacity * features], features, &preparation));
        let members = evaluators(models, &empty, device, path)?;
        let rows = TableRows::new(stream, keep_going, capacity, preparation)?;
        Ok(Self { members, rows: ChunkSource::Table(Box::new(rows)), features })
    }

    /// Returns the next chunk; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Chunk>, TaskError> {
        let (mut next, range) = match &mut self.rows {
            ChunkSource::Table(table) => {
                let Some(chunk) = table.next()? else { return Ok(None) };
                let mut values = chunk.values.clone();
                values.resize(table.capacity * self.features, 0.0);
                let data = Arc::new(DataSet::from_rows(values, self.features, &table.preparation));
                for member in &mut self.members {
                    member.replace_rows(Arc::clone(&data))?;
                }
                let next = Chunk {
                    rows: chunk.rows,
                    seen: chunk.values,
                    labels: chunk.labels,
                    unusable: chunk.unusable,
                    remarks: chunk.remarks,
                    ..Chunk::default()
                };
                (next, 0..chunk.rows)
            }
            ChunkSource::Whole { data, left, step } => {
                if left.start >= left.end {
                    return Ok(None);
                }
                let range = left.start..left.end.min(left.start + *step);
                left.start = range.end;
                let mut next = Chunk { rows: range.len(), seen: data.rows_f32(range.clone())?, ..Chunk::default() };
                let of_rows = data.remarks.iter().filter(|remark| range.contains(&(remark.row as usize)));
                let moved = |remark: &CellRemark| CellRemark { row: remark.row - range.start as u32, ..remark.clone() };
                next.remarks = of_rows.map(moved).collect();
                if let Some(labels) = &data.labels {
                    let name = |row: usize| data.classes.get(usize::from(labels[row])).cloned();
                    next.labels = range.clone().map(name).collect();
                }
                (next, range)
            }
        };
        for member in &mut self.members {
            let outputs = member.outputs(range.clone(), true, false).wait()?;
            next.made.push(outputs.outputs);
            next.divergences.push(divergences(&outputs.moments, outputs.latents.len() / range.len().max(1)));
            next.latents.push(outputs.latents);
        }
        Ok(Some(next))
    }
}

impl Chunk {
    /// Computes the score of each row by the models: the mean over `members`.
    pub fn model_scores(&self, members: &[DetectorMember], features: usize) -> Vec<f64> {
        let of = |row: usize| {
            let parts = members.iter().enumerate().map(|(at, member)| {
                let (apart, usual) = self.apart(at, row, member);
                (self.errors(at, row, member, features).sum::<f64>() + apart) / (features as f64 + usual)
            });
            parts.sum::<f64>() / members.len().max(1) as f64
        };
        (0..self.rows).into_par_iter().map(of).collect()
    }

    /// Adds to `scores` of the rows what broken rules add.
    pub fn add_broken_rules(&self, scores: &mut [f64]) {
        for remark in self.remarks.iter().filter(|remark| remark.breaks_rule) {
            scores[remark.row as usize] += BROKEN_RULE;
        }
    }

    /// Returns the distance of a row's latents from those of normal rows, and its usual value: the squared Mahalanobis
    /// distance, or twice the divergence from the prior of a variational model, so that errors and this add up to twice
    /// a negative ELBO.
    pub fn apart(&self, at: usize, row: usize, member: &DetectorMember) -> (f64, f64) {
        if member.usual_divergence > 0.0 {
            return (2.0 * self.divergences[at][row], 2.0 * f64::from(member.usual_divergence));
        }
        let latent = member.latent_mean.len();
        (squared_distance(member, self.latent(at, row, latent)), latent as f64)
    }

    pub fn latent(&self, member: usize, row: usize, latent: usize) -> &[f32] {
        &self.latents[member][row * latent..(row + 1) * latent]
    }

    /// Returns the squared errors of a row, each divided by its usual value.
    pub fn errors<'a>(
        &'a self,
        at: usize,
        row: usize,
        member: &'a DetectorMember,
        features: usize,
    ) -> impl Iterator<Item = f64> + 'a {
        let span = row * features..(row + 1) * features;
        relative_errors(&self.seen[span.clone()], &self.made[at][span], &member.usual_errors)
    }
}

/// Computes the divergence of N(mean, deviation^2) from N(0, 1) for each row of moments `[rows, 2 latent]`: means, then
/// logarithms of variances.
fn divergences(moments: &[f32], latent: usize) -> Vec<f64> {
    let of = |row: &[f32]| {
        let (means, logs) = row.split_at(latent);
        let part = |(&mean, &log): (&f32, &f32)| {
            let (mean, log) = (f64::from(mean), f64::from(log));
            0.5 * (mean * mean + log.exp() - 1.0 - log)
        };
        means.iter().zip(logs).map(part).sum()
    };
    moments.chunks_exact((2 * latent).max(1)).map(of).collect()
}

/// Computes (seen - made)^2 / usual, feature by feature.
pub(super) fn relative_errors<'a>(
    seen: &'a [f32],
    made: &'a [f32],
    usual: &'a [f32],
) -> impl Iterator<Item = f64> + 'a {
    seen.iter().zip(made).zip(usual).map(|((&seen, &made), &usual)| {
        let error = f64::from(seen) - f64::from(made);
        error * error / f64::from(usual)
    })
}

/// Computes |W (z - mean)|^2: the squared Mahalanobis distance of a row's latents from those of normal rows.
pub(super) fn squared_distance(member: &DetectorMember, latents: &[f32]) -> f64 {
    let latent = member.latent_mean.len();
    let from_mean: Vec<f64> =
        latents.iter().zip(&member.latent_mean).map(|(&z, &mean)| f64::from(z) - f64::from(mean)).collect();
    (0..latent)
        .map(|row| {
            let weights = &member.latent_whitening[row * latent..row * latent + row + 1];
            weights.iter().zip(&from_mean).map(|(&w, &z)| f64::from(w) * z).sum::<f64>().powi(2)
        })
        .sum()
}
