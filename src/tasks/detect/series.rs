//! Scores of the steps of a series: each step is in several windows, and its score is the mean over them.

use std::ops::Range;

use super::reasons::{Reasons, number};
use super::reconstructions::{Chunk, Reconstructor};
use crate::data::{DataSet, WindowLayout};
use crate::model::{Detector, Model};
use crate::tasks::TaskError;

/// Sums over windows of the scores and values of the steps in them.
#[derive(Debug)]
struct StepSums {
    columns: usize,
    /// Number of windows that hold each step.
    counts: Vec<u32>,
    scores: Vec<f64>,
    /// Relative squared errors `[steps, columns]`.
    shares: Vec<f64>,
    expected: Vec<f64>,
    seen: Vec<f64>,
}

impl StepSums {
    fn new(places: &WindowLayout) -> Self {
        let (steps, columns) = (places.steps, places.columns);
        let cells = || vec![0.0; steps * columns];
        let (shares, expected, seen) = (cells(), cells(), cells());
        Self { columns, counts: vec![0; steps], scores: vec![0.0; steps], shares, expected, seen }
    }

    /// Adds a window that starts at step `start`; its distance in latent space is divided among its steps.
    fn add(&mut self, start: usize, row: usize, rows: &Chunk, expected: &[f32], detector: &Detector) {
        let (columns, features) = (self.columns, expected.len() / rows.rows.max(1));
        let span = row * features..(row + 1) * features;
        let (seen, expected) = (&rows.seen[span.clone()], &expected[span.clone()]);
        let steps = features / columns;
        for (number, member) in detector.members.iter().enumerate() {
            let part = columns as f64 / features as f64;
            let (apart, usual) = rows.apart(number, row, member);
            let apart = apart * part;
            let weight = (columns as f64 + usual * part) * detector.members.len() as f64;
            let errors: Vec<f64> = rows.errors(number, row, member, features).collect();
            for step in 0..steps {
                let error: f64 = errors[step * columns..(step + 1) * columns].iter().sum();
                self.scores[start + step] += (error + apart) / weight;
            }
        }
        let usual = &detector.members[0].usual_errors;
        for step in 0..steps {
            self.counts[start + step] += 1;
            for column in 0..columns {
                let (from, to) = (step * columns + column, (start + step) * columns + column);
                let (seen, expected) = (f64::from(seen[from]), f64::from(expected[from]));
                self.shares[to] += (seen - expected).powi(2) / f64::from(usual[from]);
                self.seen[to] += seen;
                self.expected[to] += expected;
            }
        }
    }
}

fn sums(
    reconstructions: &mut Reconstructor,
    detector: &Detector,
    data: &DataSet,
    rows: Range<usize>,
    places: &WindowLayout,
    mut reasons: Option<&mut Reasons>,
) -> Result<StepSums, TaskError> {
    let mut sums = StepSums::new(places);
    let mut at = rows.start;
    while let Some(chunk) = reconstructions.next()? {
        let expected = match reasons.as_deref_mut() {
            Some(reasons) => reasons.expected(&chunk, detector)?,
            None => chunk.made[0].clone(),
        };
        for row in 0..chunk.rows {
            let number = data.order.as_ref().map_or(at, |order| order[at] as usize);
            if let Some(&start) = places.starts.get(number) {
                sums.add(start as usize, row, &chunk, &expected, detector);
            }
            at += 1;
        }
    }
    Ok(sums)
}

/// Returns the scores of the steps that the windows `rows` hold.
pub(super) fn scores_of_steps(
    reconstructions: &mut Reconstructor,
    detector: &Detector,
    data: &DataSet,
    rows: Range<usize>,
) -> Result<Vec<f64>, TaskError> {
    let Some(places) = data.windows.as_deref() else { return Ok(Vec::new()) };
    let sums = sums(reconstructions, detector, data, rows, places, None)?;
    let held = sums.scores.iter().zip(&sums.counts).filter(|(_, count)| **count > 0);
    Ok(held.map(|(sum, &count)| sum / f64::from(count)).collect())
}

/// Returns a score and reasons for each step of the series; `None` for those that no whole window holds.
pub(super) fn score_steps(
    reconstructions: &mut Reconstructor,
    model: &Model,
    detector: &Detector,
    data: &DataSet,
    rows: Range<usize>,
) -> Result<Vec<Option<(f64, String)>>, TaskError> {
    let Some(places) = data.windows.as_deref() else { return Ok(Vec::new()) };
    let sums = sums(reconstructions, detector, data, rows, places, Some(&mut Reasons::new(model)))?;
    let columns = sums.columns;
    let scale = |column: usize| {
        let at = |list: &[f64], usual: f64| list.get(column % list.len().max(1)).copied().unwrap_or(usual);
        (at(&model.preparation.offset, 0.0), at(&model.preparation.scale, 1.0))
    };
    let of = |step: usize| {
        let count = f64::from(*sums.counts.get(step).filter(|count| **count > 0)?);
        let mut worst: Vec<usize> = (0..columns).collect();
        worst.sort_by(|&a, &b| sums.shares[step * columns + b].total_cmp(&sums.shares[step * columns + a]));
        let words = |&column: &usize| {
            let (offset, scale) = scale(column);
            let value = |sums: &[f64]| number(sums[step * columns + column] / count * scale + offset);
            let name = data.options.columns.get(column).map_or("value", String::as_str);
            format!("{name}={} (expected {})", value(&sums.seen), value(&sums.expected))
        };
        let reasons: Vec<String> = worst.iter().take(3).map(words).collect();
        Some((sums.scores[step] / count, reasons.join("; ")))
    };
    Ok((0..places.steps).map(of).collect())
}
