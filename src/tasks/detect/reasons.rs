//! Reasons for the score of a row: the seen and the expected values of its columns.

use std::ops::Range;
use std::path::Path;

use super::reconstructions::{Chunk, relative_errors, squared_distance};
use crate::data::{CellRemark, ImageShape, NumberFormat, Preparation, PreparedColumn};
use crate::inference::{FlatModel, LoadedModel};
use crate::model::{Detector, Model};
use crate::platform::Wait as _;
use crate::tasks::TaskError;

/// Columns that are named for each row, at most.
const REASONS: usize = 3;

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
    preparation: Preparation,
    features: usize,
    decoder: Option<LoadedModel>,
}

impl Reasons {
    pub fn new(model: &Model) -> Self {
        let spans = spans(&model.preparation, model.features, model.data_shape().image);
        // Without a bottleneck there is nothing to decode from.
        let can_decode = |model: &LoadedModel| model.classes() == 0 && model.network().check_bottleneck().is_ok();
        let flat = FlatModel::from_model(model, Path::new("model"));
        let decoder = flat.and_then(|flat| LoadedModel::on_one_thread(&flat)).ok().filter(can_decode);
        Self { spans, preparation: model.preparation.clone(), features: model.features, decoder }
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

    /// Returns `column=seen (expected E)` of each row, for the columns of the largest relative errors, the largest
    /// first.
    pub fn of_rows(&mut self, rows: &Chunk, detector: &Detector) -> Result<Vec<String>, TaskError> {
        let mut expected = self.expected(rows, detector)?;
        let (features, usual) = (self.features, &detector.members[0].usual_errors);
        let shares: Vec<Vec<f64>> = (0..rows.rows)
            .map(|row| {
                let span = row * features..(row + 1) * features;
                relative_errors(&rows.seen[span.clone()], &expected[span], usual).collect()
            })
            .collect();
        let mut seen = rows.seen.clone();
        self.preparation.undo(&mut seen);
        self.preparation.undo(&mut expected);
        let of = |(row, shares): (usize, &Vec<f64>)| {
            let span = row * features..(row + 1) * features;
            let (seen, expected) = (&seen[span.clone()], &expected[span]);
            let mut worst: Vec<(f64, &Span)> =
                self.spans.iter().map(|span| (shares[span.features.clone()].iter().sum::<f64>(), span)).collect();
            let remarks: Vec<&CellRemark> = rows.remarks.iter().filter(|remark| remark.row as usize == row).collect();
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
                let seen = remark.map_or_else(|| span.value(seen), |remark| remark.text.clone());
                let expected = span.value(expected);
                // What is as expected is no reason.
                (seen != expected).then(|| format!("{}={seen} (expected {expected})", span.column.name()))
            });
            telling.collect::<Vec<_>>().join("; ")
        };
        Ok(shares.iter().enumerate().map(of).collect())
    }
}

impl Span {
    fn value(&self, values: &[f32]) -> String {
        let at = &self.features;
        match &self.column {
            PreparedColumn::Constant { value, .. } => value.clone(),
            PreparedColumn::Number { .. } => number(f64::from(values[at.start])),
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

/// Formats a number with four significant digits.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value:.0}");
    }
    let places = 3 - value.abs().log10().floor() as i32;
    match places {
        ..=-12 | 9.. => format!("{value:.3e}"),
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
        let column = |at: usize| {
            let column = PreparedColumn::Number {
                name: name(at),
                fill: 0.0,
                offset: 0.0,
                scale: 1.0,
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
    use super::number;

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
            assert_eq!(number(value), text);
        }
    }
}
