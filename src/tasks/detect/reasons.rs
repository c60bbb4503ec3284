//! Reasons for the score of a row: the seen and the expected values of its columns.

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use super::neighborhood::KeptNeighbors;
use super::reconstructions::{Chunk, relative_errors, squared_distance};
use super::scorer::{ChunkScores, Scorer};
use crate::data::{CellRemark, ImageShape, NumberFormat, Preparation, PreparedColumn};
use crate::inference::{FlatModel, LoadedModel};
use crate::kernels::least::{LEAST_KEPT, least};
use crate::model::{Detector, Model, NEIGHBORS, NearRows};
use crate::platform::Wait as _;
use crate::tasks::TaskError;

/// Significant digits of numbers, and of those that differ from what is expected in later digits, at most.
const DIGITS: i32 = 4;
const MOST_DIGITS: i32 = 12;
/// Columns that are named for each row, at most.
const REASONS: usize = 3;

/// Kept rows that a row is compared with to find the columns that differ, at most.
const COMPARED: usize = 1024;
/// Columns that are tried as the first reason, and those of them as further ones, at most.
const TRIED: usize = 64;
const TRIED_AGAIN: usize = 6;
/// Severity from which on a row's reasons are sought with care: about one row in so many is looked at so.
const CAREFUL: f64 = 20.0;

/// Column and its features.
#[derive(Debug)]
struct Span {
    column: PreparedColumn,
    features: Range<usize>,
}

/// Finder of the reasons for scores.
#[derive(Debug)]
pub(super) struct Reasons {
    spans: Vec<Span>,
    features: usize,
    decoder: Option<LoadedModel>,
    /// Kept rows, once they are needed.
    compared: Option<Compared>,
}

impl Reasons {
    pub fn new(model: &Model) -> Self {
        let spans = spans(&model.preparation, model.features, model.data_shape().image);
        // Without a bottleneck there is nothing to decode from.
        let can_decode = |model: &LoadedModel| model.classes() == 0 && model.network().check_bottleneck().is_ok();
        let flat = FlatModel::from_model(model, Path::new("model"));
        let decoder = flat.and_then(|flat| LoadedModel::on_one_thread(&flat)).ok().filter(can_decode);
        Self { spans, features: model.features, decoder, compared: None }
    }

    /// Returns the expected values of rows `[rows, features]`: the reconstructions by the first member or, where
    /// latents are farther out than those of normal rows, the decoded nearest latents within that distance.
    pub fn expected(&mut self, seen: &Chunk, detector: &Detector) -> Result<Vec<f32>, TaskError> {
        let (features, member) = (self.features, &detector.members[0]);
        let mut expected = seen.made[0].clone();
        let latent = member.latent_mean.len();
        let Some(decoder) = self.decoder.as_mut().filter(|decoder| latent > 0 && decoder.latent() == latent) else {
            return Ok(expected);
        };
        let (mut far, mut pulled) = (Vec::new(), Vec::new());
        for row in 0..seen.rows {
            let latents = seen.latent(0, row, latent);
            let distance = squared_distance(member, latents).sqrt();
            let usual = f64::from(member.usual_distance);
            if distance > usual {
                far.push(row);
                let pull = |(&z, &mean): (&f32, &f32)| {
                    (f64::from(mean) + (f64::from(z) - f64::from(mean)) * usual / distance) as f32
                };
                pulled.extend(latents.iter().zip(&member.latent_mean).map(pull));
            }
        }
        let made = decoder.decode(&pulled, 0).wait()?;
        for (&row, made) in far.iter().zip(made.chunks_exact(features)) {
            expected[row * features..(row + 1) * features].copy_from_slice(made);
        }
        Ok(expected)
    }

    /// Returns `column=seen (expected E)` of each row, for the columns that make it abnormal, the first of them first:
    /// those of the largest relative errors or, where normal rows are kept, those without which it lies nearest to
    /// them.
    pub fn of_rows(
        &mut self,
        rows: &Chunk,
        scored: &ChunkScores,
        scorer: &Scorer<'_>,
    ) -> Result<Vec<String>, TaskError> {
        let features = self.features;
        let (expected, shares) = match &scorer.search {
            Some(search) => {
                if self.compared.is_none() {
                    self.compared = Some(Compared::new(&search.near));
                }
                self.beside_near_rows(rows, scored, &search.near, scorer.detector)
            }
            None => {
                let expected = self.expected(rows, scorer.detector)?;
                let usual = &scorer.detector.members[0].usual_errors;
                let of = |row: usize| {
                    let span = row * features..(row + 1) * features;
                    let errors: Vec<f64> = relative_errors(&rows.seen[span.clone()], &expected[span], usual).collect();
                    self.spans.iter().map(|span| errors[span.features.clone()].iter().sum::<f64>()).collect()
                };
                let shares: Vec<Vec<f64>> = (0..rows.rows).into_par_iter().map(of).collect();
                (expected, shares)
            }
        };
        let judged = |row: usize| {
            let neighbors = scored.neighbors.get(row)?;
            let abnormal = scorer.search.as_ref()?.judgment(neighbors)?;
            Some(if abnormal { "abnormal" } else { "normal" })
        };
        let of = |(row, shares): (usize, &Vec<f64>)| {
            let span = row * features..(row + 1) * features;
            let (seen, expected) = (&rows.seen[span.clone()], &expected[span]);
            let mut worst: Vec<(f64, &Span)> =
                self.spans.iter().zip(shares).map(|(span, &share)| (share, span)).collect();
            // Remarks are in the order of rows.
            let first = rows.remarks.partition_point(|remark| (remark.row as usize) < row);
            let of_row = rows.remarks[first..].iter().take_while(|remark| remark.row as usize == row);
            let remarks: Vec<&CellRemark> = of_row.collect();
            let of_span = |at: usize| remarks.iter().copied().find(|remark| remark.column == at);
            // Broken rules come first, whatever the errors are.
            for (at, (share, _)) in worst.iter_mut().enumerate() {
                if of_span(at).is_some_and(|remark| remark.breaks_rule) {
                    *share = f64::INFINITY;
                }
            }
            let most = REASONS.min(worst.len());
            if most > 0 {
                worst.select_nth_unstable_by(most - 1, |a, b| b.0.total_cmp(&a.0));
            }
            worst.truncate(most);
            worst.sort_by(|a, b| b.0.total_cmp(&a.0));
            let telling = worst.into_iter().filter_map(|(_, span)| {
                let remark = self.spans.iter().position(|own| std::ptr::eq(own, span)).and_then(of_span);
                let (own, expected) = span.values(seen, expected);
                let seen = remark.map_or(own, |remark| remark.text.clone());
                // What is as expected is no reason.
                (seen != expected).then(|| format!("{}={seen} (expected {expected})", span.column.name()))
            });
            let like = judged(row).map(|judgment| format!("near a row judged {judgment}"));
            like.into_iter().chain(telling).collect::<Vec<_>>().join("; ")
        };
        Ok(shares.par_iter().enumerate().map(of).collect())
    }

    /// Returns the expected values of rows `[rows, features]` beside kept normal rows, and a share for each column of
    /// each row.
    fn beside_near_rows(
        &self,
        rows: &Chunk,
        scored: &ChunkScores,
        near: &NearRows,
        detector: &Detector,
    ) -> (Vec<f32>, Vec<Vec<f64>>) {
        let careful = |score: f64| detector.severity.as_ref().is_none_or(|scale| scale.one_in(score) >= CAREFUL);
        let mut expected = vec![0.0; rows.rows * self.features];
        let of = |(row, (expected, (&score, neighbors))): (usize, (&mut [f32], (&f64, &KeptNeighbors)))| {
            let seen = &rows.seen[row * self.features..(row + 1) * self.features];
            add_mean_of(near, neighbors.nearest.iter().map(|found| found.0 as usize), expected);
            let mut shares: Vec<f64> =
                self.spans.iter().map(|span| scaled_square(seen, expected, &near.scale, &span.features)).collect();
            if let Some(compared) = self.compared.as_ref().filter(|_| careful(score)) {
                self.name_reasons(seen, near, compared, expected, &mut shares);
            }
            shares
        };
        let of_rows = scored.scores.par_iter().zip(&scored.neighbors);
        let shares = expected.par_chunks_exact_mut(self.features).zip(of_rows).enumerate().map(of).collect();
        (expected, shares)
    }

    /// Finds the columns without which a row lies nearest to the kept rows, one after the other: neighbors of a row
    /// with a strange value have such values too, and differ from it elsewhere. The shares of these columns become the
    /// largest, and their expected values those of the rows that are nearest without them.
    fn name_reasons(
        &self,
        seen: &[f32],
        near: &NearRows,
        compared: &Compared,
        expected: &mut [f32],
        shares: &mut [f64],
    ) {
        let others = compared.count;
        let mut order: Vec<usize> = (0..self.spans.len()).collect();
        order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]));
        // Squared differences of each column that is tried `[tried, others]`, and of all columns.
        let mut parts = vec![0.0_f32; order.len().min(TRIED) * others];
        let mut left = vec![0.0_f32; others];
        for (place, &at) in order.iter().enumerate() {
            let mut rest = vec![0.0_f32; if place < TRIED { 0 } else { others }];
            let part = if place < TRIED { &mut parts[place * others..(place + 1) * others] } else { &mut rest };
            for feature in self.spans[at].features.clone() {
                let value = seen[feature] * near.scale[feature];
                let column = &compared.columns[feature * others..(feature + 1) * others];
                part.iter_mut().zip(column).for_each(|(sum, other)| *sum += (value - other) * (value - other));
            }
            left.iter_mut().zip(&*part).for_each(|(left, part)| *left += part);
        }
        order.truncate(TRIED);
        let largest = shares.iter().fold(0.0_f64, |largest, &share| largest.max(share));
        let mut tried: Vec<usize> = (0..order.len()).collect();
        let mut distances = vec![0.0_f32; others];
        for number in 0..REASONS.min(order.len()) {
            let part = |place: usize| &parts[place * others..(place + 1) * others];
            let mut without: Vec<(f32, usize, [u32; LEAST_KEPT])> = Vec::with_capacity(tried.len());
            for &place in &tried {
                let pairs = left.iter().zip(part(place));
                distances.iter_mut().zip(pairs).for_each(|(distance, (left, part))| *distance = left - part);
                let nearest = least(&distances);
                let sum = nearest.iter().take(NEIGHBORS.min(others)).map(|&other| distances[other as usize]).sum();
                without.push((sum, place, nearest));
            }
            without.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((_, place, nearest)) = without.first() else { return };
            let at = order[*place];
            let features = self.spans[at].features.clone();
            let mut mean = vec![0.0; self.features];
            let nearest = nearest.iter().take(NEIGHBORS.min(others));
            add_mean_of(near, nearest.map(|&other| other as usize * compared.step), &mut mean);
            expected[features.clone()].copy_from_slice(&mean[features]);
            shares[at] = largest + (REASONS - number) as f64;
            left.iter_mut().zip(part(*place)).for_each(|(left, part)| *left -= part);
            tried = without.iter().skip(1).take(TRIED_AGAIN).map(|found| found.1).collect();
        }
    }
}

/// Kept rows that rows are compared with, column by column.
#[derive(Debug)]
struct Compared {
    /// Scaled values `[features, count]`.
    columns: Vec<f32>,
    count: usize,
    /// Kept rows from one to the next.
    step: usize,
}

impl Compared {
    fn new(near: &NearRows) -> Self {
        let features = near.scale.len();
        let step = near.kept().div_ceil(COMPARED);
        let rows: Vec<&[f32]> = near.values.chunks_exact(features).step_by(step).collect();
        let column = |feature: usize| rows.iter().map(move |row| row[feature] * near.scale[feature]);
        Self { columns: (0..features).flat_map(column).collect(), count: rows.len(), step }
    }
}

/// Adds the mean of kept rows, by their numbers, to `sum`.
fn add_mean_of(near: &NearRows, numbers: impl Iterator<Item = usize>, sum: &mut [f32]) {
    let mut count = 0.0_f32;
    for number in numbers {
        let row = &near.values[number * sum.len()..(number + 1) * sum.len()];
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        count += 1.0;
    }
    sum.iter_mut().for_each(|sum| *sum /= count.max(1.0));
}

/// Computes the squared difference of two rows in the features of a column, scaled.
fn scaled_square(a: &[f32], b: &[f32], scale: &[f32], features: &Range<usize>) -> f64 {
    let of = features.clone().map(|at| {
        let difference = (a[at] - b[at]) * scale[at];
        f64::from(difference * difference)
    });
    of.sum()
}

impl Span {
    /// Returns a seen and an expected value.
    fn values(&self, seen: &[f32], expected: &[f32]) -> (String, String) {
        let at = self.features.start;
        match &self.column {
            PreparedColumn::Number { offset, scale, .. } => {
                let value = |values: &[f32]| f64::from(values[at]) * scale + offset;
                numbers(value(seen), value(expected))
            }
            _ => (self.value(seen), self.value(expected)),
        }
    }

    /// Returns the value of the column in prepared `values`.
    fn value(&self, values: &[f32]) -> String {
        let at = &self.features;
        match &self.column {
            PreparedColumn::Constant { value, .. } if value.is_empty() => "nothing".to_owned(),
            PreparedColumn::Constant { value, .. } => value.clone(),
            PreparedColumn::Number { offset, scale, .. } => {
                number(f64::from(values[at.start]) * scale + offset, DIGITS)
            }
            PreparedColumn::Category { values: names, .. } => {
                let best = at.clone().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(at.start);
                names.get(best - at.start).cloned().unwrap_or_else(|| "other".to_owned())
            }
            PreparedColumn::Time { day, week, .. } => {
                let angle = f64::from(values[at.start]).atan2(f64::from(values[at.start + 1]));
                let turn = (angle / std::f64::consts::TAU).rem_euclid(1.0);
                let minutes = (turn * 1440.0).round() as u32 % 1440;
                match (day, week) {
                    (true, _) => format!("{:02}:{:02}", minutes / 60, minutes % 60),
                    (false, true) => format!("day {} of the week", (turn * 7.0) as u32 % 7 + 1),
                    (false, false) => format!("day {} of the year", (turn * 365.0) as u32 % 365 + 1),
                }
            }
        }
    }
}

/// Returns the cells of prepared rows `[_, features]`, each as `column=value`, joined by `; `.
pub(super) fn cells_of_rows(model: &Model, rows: &[f32]) -> Vec<String> {
    let spans = spans(&model.preparation, model.features, model.data_shape().image);
    let of = |row: &[f32]| {
        let cell = |span: &Span| format!("{}={}", span.column.name(), span.value(row));
        spans.iter().map(cell).collect::<Vec<_>>().join("; ")
    };
    rows.chunks_exact(model.features.max(1)).map(of).collect()
}

/// Formats a seen and an expected number with as many digits as tell them apart.
pub(super) fn numbers(seen: f64, expected: f64) -> (String, String) {
    let in_digits = |digits| (number(seen, digits), number(expected, digits));
    let apart = (DIGITS..=MOST_DIGITS).map(in_digits).find(|(seen, expected)| seen != expected);
    apart.unwrap_or_else(|| in_digits(DIGITS))
}

/// Formats a number with so many significant digits.
fn number(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value:.0}");
    }
    let places = digits - 1 - value.abs().log10().floor() as i32;
    match places {
        ..=-12 | 9.. => format!("{value:.*e}", digits as usize - 1),
        1.. => {
            let text = format!("{value:.*}", places as usize);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{value:.0}"),
    }
}

fn spans(preparation: &Preparation, features: usize, image: Option<ImageShape>) -> Vec<Span> {
    if preparation.columns.is_empty() {
        let name = |at: usize| match (preparation.features.get(at), image) {
            (Some(name), _) => name.clone(),
            (None, Some(ImageShape { width, channels, .. })) => {
                let (pixel, channel) = (at / channels, at % channels);
                let place = format!("pixel {},{}", pixel % width, pixel / width);
                if channels > 1 { format!("{place} channel {}", channel + 1) } else { place }
            }
            (None, None) => format!("value {}", at + 1),
        };
        let of = |list: &[f64], at: usize, usual: f64| list.get(at % list.len().max(1)).copied().unwrap_or(usual);
        let column = |at: usize| {
            let column = PreparedColumn::Number {
                name: name(at),
                fill: 0.0,
                offset: of(&preparation.offset, at, 0.0),
                scale: of(&preparation.scale, at, 1.0),
                format: NumberFormat::default(),
            };
            Span { column, features: at..at + 1 }
        };
        return (0..features).map(column).collect();
    }
    let mut first = 0;
    let span = |column: &PreparedColumn| {
        let start = first;
        first += column.features().len();
        Span { column: column.clone(), features: start..first }
    };
    preparation.columns.iter().map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::{DIGITS, number, numbers};

    #[test]
    fn numbers_have_four_digits_that_count() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-0.5, "-0.5"),
            (12.3456, "12.35"),
            (1234.56, "1235"),
            (98765.4, "98765"),
            (0.000_123_4, "0.0001234"),
            (1.5e20, "1.500e20"),
            (2e-9, "2.000e-9"),
        ] {
            assert_eq!(number(value, DIGITS), text);
        }
    }

    #[test]
    fn numbers_that_differ_are_told_apart() {
        for (seen, expected, words) in [
            (1013.41, 1013.25, ("1013.4", "1013.2")),
            (1e9 + 8.0, 1e9, ("1000000008", "1000000000")),
            (2.5, 2.5, ("2.5", "2.5")),
            (12.3456, 99.0, ("12.35", "99")),
        ] {
            let found = numbers(seen, expected);
            assert_eq!((found.0.as_str(), found.1.as_str()), words);
        }
    }
}
