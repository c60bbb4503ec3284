//! Severity of a score: about one in so many normal rows is as abnormal.

use serde::{Deserialize, Serialize};

/// Scores of which each is a step of the scale; beyond them steps grow.
const SINGLE: usize = 32;
/// Growth from step to step.
const GROWTH: f64 = 1.1;
/// Rows above a score, at most, from which on the tail that is fitted says how rare it is.
const FEW: usize = 5;
/// Share of the rows whose scores the tail is fitted to.
const TAIL: f64 = 0.1;
/// Mean logarithm of the excess where fewer rows than [`LEAST_TAIL`] are in the tail.
const USUAL_EXCESS: f64 = 0.25;
const LEAST_TAIL: usize = 5;
/// Largest severity: rarer ones are guesses.
const MOST: f64 = 1e9;

/// Scale of severity, from scores of normal rows that took no part in fitting.
///
/// Up to the last few of them it is the count of rows that are above; beyond, a Pareto tail fitted to the highest tenth
/// (Hill 1975, "A simple general approach to inference about the tail of a distribution").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Severity {
    /// Number of normal rows.
    pub rows: usize,
    /// Scores of some of them, falling.
    pub scores: Vec<f64>,
    /// Number of rows above each of these scores.
    pub above: Vec<usize>,
    /// Mean logarithm of the scores of the tail, relative to its beginning.
    pub excess: f64,
}

impl Severity {
    /// Fits the scale to scores of normal rows, rising; `None` where there are none above 0.
    pub fn fit(sorted: &[f64]) -> Option<Self> {
        let rows = sorted.len();
        if sorted.last().is_none_or(|&last| last.is_nan() || last <= 0.0) {
            return None;
        }
        let (mut scores, mut above) = (Vec::new(), Vec::new());
        let mut rank = 0;
        while rank < rows {
            let score = sorted[rows - 1 - rank];
            // The scale is in logarithms.
            if score <= 0.0 {
                break;
            }
            scores.push(score);
            above.push(rank);
            rank = (rank + 1).max(if rank < SINGLE { 0 } else { (rank as f64 * GROWTH) as usize });
        }
        let tail = ((rows as f64 * TAIL) as usize).min(rows - 1);
        let begin = sorted[rows - 1 - tail];
        let excess = match tail >= LEAST_TAIL && begin > 0.0 {
            true => sorted[rows - tail..].iter().map(|score| (score / begin).ln()).sum::<f64>() / tail as f64,
            false => USUAL_EXCESS,
        };
        Some(Self { rows, scores, above, excess: excess.max(1e-3) })
    }

    /// Returns N such that about one in N normal rows has this score or a higher one, 1 to 10^9.
    pub fn one_in(&self, score: f64) -> f64 {
        let of = |above: f64| (self.rows as f64 + 1.0) / (above + 1.0);
        let few = FEW.min(self.rows / FEW).min(self.scores.len().saturating_sub(1));
        let Some(&anchor) = self.scores.get(few) else { return 1.0 };
        if score >= anchor {
            let rarer = (score / anchor).ln() / self.excess;
            return (of(self.above[few] as f64) * rarer.exp()).min(MOST);
        }
        // The first that is no higher; of those between two steps the logarithms are in proportion.
        let at = self.scores.partition_point(|&step| step > score);
        let Some(&lower) = self.scores.get(at) else { return 1.0 };
        let upper = self.scores[at - 1];
        let share = if upper > lower { (score / lower).ln() / (upper / lower).ln() } else { 0.0 };
        let (low, high) = (of(self.above[at] as f64).ln(), of(self.above[at - 1] as f64).ln());
        (low + share * (high - low)).exp().clamp(1.0, MOST)
    }

    /// Returns [`Self::one_in`] with two digits that count, as a whole number.
    pub fn rounded(&self, score: f64) -> u64 {
        let severity = self.one_in(score);
        let unit = 10.0_f64.powf((severity.log10().floor() - 1.0).max(0.0));
        ((severity / unit).round() * unit) as u64
    }

    pub(super) fn is_sane(&self) -> bool {
        let falling = self.scores.windows(2).all(|pair| pair[0] >= pair[1]);
        let rising = self.above.windows(2).all(|pair| pair[0] < pair[1]);
        falling
            && rising
            && self.scores.len() == self.above.len()
            && self.scores.iter().all(|&score| score > 0.0 && score.is_finite())
            && self.above.last().is_none_or(|&last| last < self.rows)
            && self.excess > 0.0
            && self.excess.is_finite()
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    /// Scores of a Pareto law of exponent 4: one in N is above N^(1/4).
    fn pareto(rows: usize) -> Vec<f64> {
        (1..=rows).map(|at| (1.0 - at as f64 / (rows + 1) as f64).powf(-0.25)).collect()
    }

    #[test]
    fn one_in_so_many_normal_rows_is_as_abnormal() {
        let scale = Severity::fit(&pareto(5000)).expect("a scale");
        for one_in in [2.0, 10.0, 100.0, 400.0, 5_000.0, 1e6] {
            let found = scale.one_in(f64::powf(one_in, 0.25));
            // Interpolation between steps of a tenth; beyond the rows the fitted exponent of the tail, good to 2%.
            let bound = if one_in > 1000.0 { 0.3 } else { 0.02 };
            assert!((found / one_in - 1.0).abs() < bound, "{found} for one in {one_in}");
        }
        assert_eq!(scale.rounded(scale.scores[SINGLE]), 150);
        assert_eq!(scale.one_in(0.0), 1.0);
        assert_eq!(scale.one_in(1e30), MOST);
    }

    #[test]
    fn severity_rises_with_the_score() {
        for rows in [1, 3, 12, 60, 777] {
            let scale = Severity::fit(&pareto(rows)).expect("a scale");
            assert!(scale.is_sane());
            let found: Vec<f64> = (0..400).map(|at| scale.one_in(0.9 + 0.02 * f64::from(at))).collect();
            assert!(found.is_sorted(), "{rows} rows: {found:?}");
        }
        assert_eq!(Severity::fit(&[]), None);
        assert_eq!(Severity::fit(&[0.0, 0.0]), None);
    }
}
