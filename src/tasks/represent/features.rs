//! Rows drawn from data, and their latents by a frozen model, for probes and maps.

use std::sync::Arc;

use crate::data::{DataError, DataSet, Part};
use crate::inference::LoadedModel;
use crate::platform::Wait as _;
use crate::random::Sampler;
use crate::tasks::TaskError;
use crate::tasks::evaluate::evaluator_over;

/// Bytes of rows that are held at once as floats, at most.
const MOST_BYTES: usize = 1 << 30;

/// Random streams of the draws of rows.
pub(crate) const TRAIN_ROWS: u32 = 1;
pub(crate) const TEST_ROWS: u32 = 2;

/// Draws at most `count` rows of a part with `seed`; returns their indices, rising.
pub(crate) fn draw_rows(data: &DataSet, part: Part, count: usize, seed: u64, stream: u32) -> Vec<usize> {
    let rows = data.part(part);
    let most = (MOST_BYTES / (4 * data.features.max(1))).max(1);
    let chosen = Sampler::new(seed, stream).choose(count.min(most), rows.len());
    chosen.into_iter().map(|row| rows.start + row).collect()
}

/// Returns `rows` as data of their own, all of them its test part.
pub(crate) fn drawn(data: &DataSet, rows: &[usize]) -> Result<DataSet, DataError> {
    let values = data.chosen_f32(rows)?;
    let labels = data.labels.as_ref().map(|labels| rows.iter().map(|&row| labels[row]).collect());
    Ok(DataSet {
        image: data.image,
        labels,
        classes: data.classes.clone(),
        options: data.options.clone(),
        ..DataSet::from_rows(values, data.features, &data.preparation)
    })
}

/// Latents `[rows, latent]` of clean rows.
pub(crate) struct Features {
    pub latents: Vec<f32>,
    pub latent: usize,
    /// Values `[rows, features]`.
    pub raw: Vec<f32>,
    pub features: usize,
    pub labels: Option<Vec<usize>>,
    pub classes: Vec<String>,
}

impl Features {
    pub fn encode(model: &LoadedModel, rows: DataSet) -> Result<Self, TaskError> {
        let rows = Arc::new(rows);
        let latents = match rows.rows {
            0 => Vec::new(),
            _ => evaluator_over(model, &rows)?.outputs(rows.part(Part::Test), false, false).wait()?.latents,
        };
        Ok(Self {
            latents,
            latent: model.latent(),
            raw: rows.rows_f32(rows.part(Part::Test))?,
            features: rows.features,
            labels: rows.labels.as_ref().map(|labels| labels.iter().map(|&label| usize::from(label)).collect()),
            classes: rows.classes.clone(),
        })
    }

    pub fn rows(&self) -> usize {
        self.raw.len() / self.features.max(1)
    }

    /// Returns the labels by the numbers that `others` have for classes of the same names; beyond theirs where they
    /// have none.
    pub fn labels_as(&self, others: &Self) -> Option<Vec<usize>> {
        let number = |&label: &usize| match self.classes.get(label) {
            Some(name) if !others.classes.is_empty() => {
                others.classes.iter().position(|other| other == name).unwrap_or(usize::MAX)
            }
            _ => label,
        };
        Some(self.labels.as_ref()?.iter().map(number).collect())
    }
}

/// Returns `train` and `test` `[rows, width]` less the mean of train, scaled by one number for all features to a mean
/// variance in train of 1: the penalty of a probe then weighs alike whatever the scale, and no feature is amplified.
pub(crate) fn scaled(train: &[f32], test: &[f32], width: usize) -> (Vec<f32>, Vec<f32>) {
    let count = (train.len() / width.max(1)).max(1) as f64;
    let mut means = vec![0.0_f64; width];
    for row in train.chunks_exact(width) {
        means.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x) / count);
    }
    let centered = |row: &[f32]| row.iter().zip(&means).map(|(&x, mean)| f64::from(x) - mean).collect::<Vec<f64>>();
    let squares: f64 = train.chunks_exact(width).flat_map(centered).map(|x| x * x).sum();
    let scale = if squares > 0.0 { (count * width as f64 / squares).sqrt() } else { 1.0 };
    let apply = |rows: &[f32]| rows.chunks_exact(width).flat_map(centered).map(|x| (x * scale) as f32).collect();
    (apply(train), apply(test))
}

/// Returns 1 for each of `guesses` that is right, else 0.
pub(crate) fn right(guesses: &[usize], labels: &[usize]) -> Vec<f64> {
    guesses.iter().zip(labels).map(|(guess, label)| f64::from(u8::from(guess == label))).collect()
}
