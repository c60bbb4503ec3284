//! Scores of the steps of a series: each step is in several windows, and its score is the mean over them.
//!
//! Windows begin at every step, so that where a file begins changes no score but those near its ends, which fewer
//! windows hold. A mean of fewer is high more often; factors that are measured on held-out steps, as if they lay near an
//! end, make alarms there as rare as elsewhere.

use std::collections::HashMap;
use std::ops::Range;

use super::reasons::{Reasons, numbers};
use super::reconstructions::{BROKEN_RULE, Chunk, Reconstructor};
use super::threshold::{LEAST_RATE, extended, quantile};
use crate::data::{DataSet, DataSpec, WindowLayout};
use crate::model::{CutFactors, Detector, Model};
use crate::tasks::TaskError;

/// Held-out parts of step scores that are kept to measure the factors, at most: 64 MB.
const MOST_PARTS: usize = 8 << 20;
/// Held-out steps above the threshold from which on their count says where it lies. Of fewer the tail is estimated.
const TELLING: f64 = 10.0;
/// Held-out steps in all windows around them from which on those near the ends are not needed.
const ENOUGH_STEPS: usize = 100;

/// Sums over windows of the scores and values of the steps in them.
#[derive(Debug)]
struct StepSums {
    columns: usize,
    /// Number of windows that hold each step.
    counts: Vec<u32>,
    /// First and last place of each step in the windows that hold it.
    places: Vec<[u32; 2]>,
    scores: Vec<f64>,
    /// Relative squared errors `[steps, columns]`.
    shares: Vec<f64>,
    expected: Vec<f64>,
    seen: Vec<f64>,
    /// Place in a window and part of the score, for each window that holds a step; empty where they are not kept.
    parts: Vec<Vec<(u32, f32)>>,
    /// Parts that may still be kept.
    parts_left: usize,
}

impl StepSums {
    fn new(layout: &WindowLayout) -> Self {
        let (steps, columns) = (layout.steps, layout.columns);
        let cells = || vec![0.0; steps * columns];
        let (shares, expected, seen) = (cells(), cells(), cells());
        let places = vec![[u32::MAX, 0]; steps];
        let (counts, scores) = (vec![0; steps], vec![0.0; steps]);
        Self { columns, counts, places, scores, shares, expected, seen, parts: Vec::new(), parts_left: 0 }
    }

    fn keeping_parts(layout: &WindowLayout) -> Self {
        Self { parts: vec![Vec::new(); layout.steps], parts_left: MOST_PARTS, ..Self::new(layout) }
    }

    /// Adds a window that starts at step `start`; its distance in latent space is divided among its steps.
    fn add(&mut self, start: usize, row: usize, rows: &Chunk, expected: &[f32], detector: &Detector) {
        let (columns, features) = (self.columns, expected.len() / rows.rows.max(1));
        let span = row * features..(row + 1) * features;
        let (seen, expected) = (&rows.seen[span.clone()], &expected[span.clone()]);
        let steps = features / columns;
        let mut scores = vec![0.0; steps];
        for (number, member) in detector.members.iter().enumerate() {
            let part = columns as f64 / features as f64;
            let (apart, usual) = rows.apart(number, row, member);
            let apart = apart * part;
            let weight = (columns as f64 + usual * part) * detector.members.len() as f64;
            let errors: Vec<f64> = rows.errors(number, row, member, features).collect();
            for (score, errors) in scores.iter_mut().zip(errors.chunks_exact(columns)) {
                *score += (errors.iter().sum::<f64>() + apart) / weight;
            }
        }
        let usual = &detector.members[0].usual_errors;
        let keeps = self.parts_left >= steps && !self.parts.is_empty();
        self.parts_left = self.parts_left.saturating_sub(steps);
        for (step, &score) in scores.iter().enumerate() {
            let at = start + step;
            self.counts[at] += 1;
            self.scores[at] += score;
            let [first, last] = self.places[at];
            self.places[at] = [first.min(step as u32), last.max(step as u32)];
            if keeps {
                self.parts[at].push((step as u32, score as f32));
            }
            for column in 0..columns {
                let (from, to) = (step * columns + column, at * columns + column);
                let (seen, expected) = (f64::from(seen[from]), f64::from(expected[from]));
                self.shares[to] += (seen - expected).powi(2) / f64::from(usual[from]);
                self.seen[to] += seen;
                self.expected[to] += expected;
            }
        }
    }

    /// Returns the mean score of a step over the windows that hold it; `None` where none does.
    fn mean(&self, step: usize) -> Option<f64> {
        let count = *self.counts.get(step).filter(|count| **count > 0)?;
        Some(self.scores[step] / f64::from(count))
    }
}

/// Adds the windows `rows` of `data` to `sums`.
fn add_windows(
    sums: &mut StepSums,
    reconstructions: &mut Reconstructor,
    detector: &Detector,
    data: &DataSet,
    rows: Range<usize>,
    mut reasons: Option<&mut Reasons>,
) -> Result<(), TaskError> {
    let Some(layout) = data.windows.as_deref() else { return Ok(()) };
    let mut at = rows.start;
    while let Some(chunk) = reconstructions.next()? {
        let expected = match reasons.as_deref_mut() {
            Some(reasons) => reasons.expected(&chunk, detector)?,
            None => chunk.made[0].clone(),
        };
        for row in 0..chunk.rows {
            let number = data.order.as_ref().map_or(at, |order| order[at] as usize);
            if let Some(&start) = layout.starts.get(number) {
                sums.add(start as usize, row, &chunk, &expected, detector);
            }
            at += 1;
        }
    }
    Ok(())
}

/// Computes the scores of the held-out steps in the windows `rows`, sorted, and sets the detector's threshold to what
/// `share` of such steps exceeds, with its factors for steps near an end.
pub(super) fn calibrate_steps(
    reconstructions: &mut Reconstructor,
    detector: &mut Detector,
    data: &DataSet,
    rows: Range<usize>,
    share: f64,
) -> Result<Vec<f64>, TaskError> {
    let Some(layout) = data.windows.as_deref() else { return Ok(Vec::new()) };
    let mut sums = StepSums::keeping_parts(layout);
    add_windows(&mut sums, reconstructions, detector, data, rows, None)?;
    let reach = |step: usize| sums.places[step][1].saturating_sub(sums.places[step][0]) as usize + 1;
    let stride = data.options.stride.unwrap_or(1);
    let most = (0..layout.steps).filter(|&step| sums.counts[step] > 0).map(reach).max().unwrap_or(1);
    let of_reach = |least: usize| -> Vec<f64> {
        let wide = (0..layout.steps).filter(|&step| sums.counts[step] > 0 && reach(step) >= least);
        wide.filter_map(|step| sums.mean(step)).collect()
    };
    let mut scores = of_reach((most + 1).saturating_sub(stride));
    if scores.len() < ENOUGH_STEPS {
        scores = of_reach(most / 2);
    }
    scores.sort_by(f64::total_cmp);
    detector.threshold = threshold(&scores, share, layout.window);
    detector.cuts = cut_factors(&sums.parts, layout.window, stride, detector.threshold, share);
    Ok(scores)
}

/// Returns the number of independent scores that those of `steps` steps are worth. Neighbors share windows, so that they
/// are more alike than steps far apart, and less than one number: as many as steps would be too many, and as many as
/// windows that do not overlap too few. Their geometric mean keeps to the share of false alarms that is asked for, in
/// series of 40 to 3,000 steps.
pub(super) fn independent(steps: usize, window: usize) -> f64 {
    let steps = steps as f64;
    (steps * (steps / window.max(1) as f64 + 1.0)).sqrt().min(steps)
}

/// Returns the score that `share` of normal steps exceeds: of many, as many as that of those seen; of few, the quantile
/// of a gamma distribution of the same mean and variance where that is higher, and the bound that as many independent
/// ones allow. Scores are means of squares, and those of normal errors follow it.
fn threshold(sorted: &[f64], share: f64, window: usize) -> f64 {
    let seen = quantile(sorted, 1.0 - share);
    if sorted.len() < 2 {
        return seen;
    }
    let share = share.max(LEAST_RATE);
    let (count, alone) = (sorted.len() as f64, independent(sorted.len(), window));
    let mut high = seen;
    if count * share < TELLING {
        let mean = sorted.iter().sum::<f64>() / count;
        let variance = sorted.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / (count - 1.0);
        high = high.max(gamma_quantile(mean, variance, 1.0 - share));
    }
    if alone * share < TELLING {
        high = extended(sorted, share, alone).map_or(high, |bound| high.max(bound));
    }
    high
}

/// Computes a quantile of the gamma distribution of this mean and variance by the approximation of Wilson and Hilferty
/// (1931): its cube root is nearly normal.
fn gamma_quantile(mean: f64, variance: f64, share: f64) -> f64 {
    if !(mean > 0.0 && variance > 0.0) {
        return mean;
    }
    let ninth = variance / (9.0 * mean * mean);
    mean * (1.0 - ninth + normal_quantile(share) * ninth.sqrt()).max(0.0).powi(3)
}

/// Computes a quantile of the normal distribution, to 4.5e-4 (Abramowitz and Stegun 26.2.23).
fn normal_quantile(share: f64) -> f64 {
    let tail = share.min(1.0 - share).max(f64::MIN_POSITIVE);
    let t = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - above / below) * if share < 0.5 { -1.0 } else { 1.0 }
}

/// Measures by how much scores from the windows on one side of a step alone are too high: as many as `share` of those
/// of held-out steps exceed the threshold once they are multiplied. `parts` are places and scores of each step.
fn cut_factors(parts: &[Vec<(u32, f32)>], window: usize, stride: usize, threshold: f64, share: f64) -> Vec<CutFactors> {
    let next = |&reach: &usize| Some((reach * 5 / 4).max(reach + 1));
    let mut reaches: Vec<usize> = std::iter::successors(Some(1), next).take_while(|&reach| reach < window).collect();
    reaches.reverse();
    let mut cuts: Vec<CutFactors> = Vec::new();
    let [mut begin, mut end] = [1.0_f64; 2];
    for reach in reaches {
        // Scores by the places of a range, of the steps that are in windows there as far as it goes.
        let scores = |places: Range<usize>| -> Vec<f64> {
            let mean = |parts: &Vec<(u32, f32)>| {
                let within = || parts.iter().filter(|(place, _)| places.contains(&(*place as usize)));
                let (first, last) = (within().map(|part| part.0).min()?, within().map(|part| part.0).max()?);
                let is_whole = first as usize - places.start < stride && places.end - last as usize <= stride;
                let sum = within().map(|(_, score)| f64::from(*score)).sum::<f64>();
                is_whole.then(|| sum / within().count() as f64)
            };
            let mut scores: Vec<f64> = parts.iter().filter_map(mean).collect();
            scores.sort_by(f64::total_cmp);
            scores
        };
        // Farther from the end there are more windows: the factor only falls toward it.
        let factor = |scores: &[f64], farther: f64| match self::threshold(scores, share, window) {
            high if high.is_finite() && high > threshold && threshold > 0.0 => (threshold / high).min(farther),
            _ => farther,
        };
        begin = factor(&scores(0..reach), begin);
        end = factor(&scores(window - reach..window), end);
        cuts.push(CutFactors { reach, begin, end });
    }
    cuts.reverse();
    cuts.retain(|cut| cut.begin < 1.0 || cut.end < 1.0);
    cuts
}

/// Returns the factor of the score of a step with these first and last places in the windows of `window` steps that
/// hold it.
fn cut_factor(cuts: &[CutFactors], [first, last]: [u32; 2], window: usize) -> f64 {
    let reach = (last.saturating_sub(first) as usize).saturating_add(1);
    if reach >= window {
        return 1.0;
    }
    // Those of the next shorter reach, or of the shortest there is.
    let before = cuts.partition_point(|cut| cut.reach <= reach);
    let Some(cut) = cuts.get(before.saturating_sub(1)) else { return 1.0 };
    match (first == 0, last as usize + 1 == window) {
        (true, false) => cut.begin,
        (false, true) => cut.end,
        _ => cut.begin.min(cut.end),
    }
}

/// Returns a score and reasons for each row of the series, in the source's order; `None` for those that no whole window
/// holds and that break no rule.
pub(super) fn score_rows(
    reconstructions: &mut Reconstructor,
    model: &Model,
    detector: &Detector,
    data: &DataSet,
    rows: Range<usize>,
) -> Result<Vec<Option<(f64, String)>>, TaskError> {
    let Some(layout) = data.windows.as_deref() else { return Ok(Vec::new()) };
    let mut sums = StepSums::new(layout);
    add_windows(&mut sums, reconstructions, detector, data, rows, Some(&mut Reasons::new(model)))?;
    let columns = sums.columns;
    let scale = |column: usize| {
        let at = |list: &[f64], usual: f64| list.get(column % list.len().max(1)).copied().unwrap_or(usual);
        (at(&model.preparation.offset, 0.0), at(&model.preparation.scale, 1.0))
    };
    let of_step = |&step: &u32| {
        let step = step as usize;
        let (mean, count) = (sums.mean(step)?, f64::from(sums.counts[step]));
        let mut worst: Vec<usize> = (0..columns).collect();
        worst.sort_by(|&a, &b| sums.shares[step * columns + b].total_cmp(&sums.shares[step * columns + a]));
        let words = |&column: &usize| {
            let (offset, scale) = scale(column);
            let value = |sums: &[f64]| sums[step * columns + column] / count * scale + offset;
            let name = data.options.columns.get(column).map_or("value", String::as_str);
            let (seen, expected) = numbers(value(&sums.seen), value(&sums.expected));
            format!("{name}={seen} (expected {expected})")
        };
        let reasons: Vec<String> = worst.iter().take(3).map(words).collect();
        Some((mean * cut_factor(&detector.cuts, sums.places[step], layout.window), reasons.join("; ")))
    };
    let mut broken: HashMap<u32, Vec<String>> = HashMap::new();
    for remark in layout.remarks.iter().filter(|remark| remark.breaks_rule) {
        if let Some(rule) = model.preparation.rules.get(remark.column) {
            let words = format!("{}={} (expected {})", rule.name(), remark.text, rule.cell(&[]));
            broken.entry(remark.row).or_default().push(words);
        }
    }
    let of_row = |(row, step): (usize, &u32)| {
        let scored = of_step(step);
        let Some(rules) = broken.get(&(row as u32)) else { return scored };
        let added = BROKEN_RULE * rules.len() as f64;
        let (score, reasons) = scored.unwrap_or_default();
        let all: Vec<&str> =
            rules.iter().map(String::as_str).chain((!reasons.is_empty()).then_some(&*reasons)).collect();
        Some((score + added, all.join("; ")))
    };
    Ok(layout.step_of_row.iter().enumerate().map(of_row).collect())
}

/// Returns the options by which a series is cut to be scored: windows that begin at every step. A detector that was
/// fitted on windows that begin at some places of a window alone knows no others, and keeps to them.
pub(super) fn every_step(spec: &DataSpec) -> DataSpec {
    let (stride, window) = (spec.stride.unwrap_or(1), spec.window.unwrap_or(1));
    let stride = if common_divisor(stride, window) == 1 { 1 } else { stride };
    DataSpec { stride: Some(stride), ..spec.clone() }
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_scores_tell_less_than_many() {
        // Deciles of chi-squared with one degree of freedom: mean near 1, 99% below 6.63.
        let few = [0.004, 0.03, 0.1, 0.2, 0.35, 0.57, 0.87, 1.32, 2.07, 4.2];
        let high = threshold(&few, 0.01, 1);
        assert!((6.6..16.0).contains(&high), "{high}");
        // Of steps that share windows there are fewer that tell.
        let alike = threshold(&few, 0.01, 5);
        assert!(alike > high, "{alike}");
        assert!(threshold(&few, 0.0, 5) >= threshold(&few, 0.0001, 5));
        let many: Vec<f64> = (0..2000).map(f64::from).collect();
        assert_eq!(threshold(&many, 0.01, 1), 1979.0);
        assert_eq!(threshold(&[], 0.01, 1), f64::INFINITY);
        assert_eq!([independent(8, 4), independent(24, 12)].map(|alone| alone.round()), [5.0, 8.0]);
        // Chi-squared of 4 degrees of freedom: mean 4, variance 8, 99% below 13.277.
        assert!((gamma_quantile(4.0, 8.0, 0.99) - 13.277).abs() < 0.05);
        assert!((normal_quantile(0.975) - 1.96).abs() < 1e-3 && (normal_quantile(0.01) + 2.326).abs() < 1e-3);
    }

    #[test]
    fn ends_are_judged_by_what_their_windows_would_say() {
        // In the first place of a window errors are four times as large, and a step in a hundred is twice as far off.
        let score =
            |step: usize, place: usize| if place == 0 { 4.0 } else { 1.0 } * if step.is_multiple_of(97) { 2.0 } else { 1.0 };
        let window = 8;
        let parts: Vec<Vec<(u32, f32)>> = (0..2000)
            .map(|step| (0..window).rev().map(|place| (place as u32, score(step, place) as f32)).collect())
            .collect();
        let mean = |step: usize| (0..window).map(|place| score(step, place)).sum::<f64>() / window as f64;
        let mut scores: Vec<f64> = (0..2000).map(mean).collect();
        scores.sort_by(f64::total_cmp);
        let limit = threshold(&scores, 0.01, window);
        let cuts = cut_factors(&parts, window, 1, limit, 0.01);
        let factor = |first, last| cut_factor(&cuts, [first, last], window);
        assert_eq!(factor(0, 7), 1.0);
        assert!((factor(0, 0) - limit / 8.0).abs() < 1e-6, "{cuts:?}");
        assert!((factor(0, 1) - limit / 5.0).abs() < 1e-6, "{cuts:?}");
        assert_eq!(factor(7, 7), 1.0, "late places are as good as all");
        assert_eq!(factor(3, 3), factor(0, 0), "between two ends, the more careful");
    }
}
