//! Threshold of the score above which a row is abnormal.

use crate::model::ThresholdBy;

/// Returns the value at or below which `share` of `sorted` lies.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::INFINITY)
}

/// Share of false alarms that is as good as none: a threshold for none is no lower than that for this.
pub(super) const LEAST_RATE: f64 = 1e-4;
/// Rows expected above the threshold, below which the scores' own spread has a say in it.
const FEW_ABOVE: f64 = 5.0;

/// Returns the score that a share `rate` of normal rows exceeds, from `sorted` scores of rows that took no part in
/// fitting.
///
/// A row more is as likely to have any rank among n others, so that the score of rank ceil((n + 1)(1 - rate)) is
/// exceeded by `rate` of rows at most (split-conformal prediction: Lei et al. 2018), on average over draws of the rows.
/// Where few rows lie above it the draw decides, and the threshold is no lower than what [`extended`] makes of all
/// scores.
pub(super) fn for_rate(sorted: &[f64], rate: f64) -> f64 {
    let rows = sorted.len() as f64;
    // A share such as 0.01 is not exact in binary.
    let rank = ((rows + 1.0) * (1.0 - rate) - 1e-9).ceil() as usize;
    let ranked = sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::INFINITY);
    let rate = rate.max(LEAST_RATE);
    match extended(sorted, rate, rows) {
        Some(extended) if rows * rate < FEW_ABOVE => extended.max(ranked),
        _ => ranked,
    }
}

/// Returns the share of normal rows that `threshold` is expected to be exceeded by: a further row has any rank with the
/// same probability among the scores, which are worth `independent` ones.
pub(super) fn expected_share(sorted: &[f64], threshold: f64, independent: f64) -> f64 {
    let above = (sorted.len() - sorted.partition_point(|&score| score <= threshold)) as f64;
    (above * independent / sorted.len().max(1) as f64 + 1.0) / (independent + 1.0)
}

/// Returns the number of rows that it takes to tell that a share `rate` of them exceeds a score; `None` for no share.
pub(super) fn rows_to_tell(rate: f64) -> Option<usize> {
    (rate > 0.0).then(|| (1.0 / rate - 1.0 - 1e-9).ceil().max(0.0) as usize)
}

/// Returns the bound that a further score exceeds with probability `rate` if their cube roots are Gaussian, as those of
/// sums of squares nearly are (Wilson & Hilferty 1931): mean + t s sqrt(1 + 1/n), with t of n - 1 degrees of freedom,
/// and the standard error of that quantile on top; n is the number of scores that are `independent`. `None` for fewer
/// than three scores.
pub(super) fn extended(scores: &[f64], rate: f64, independent: f64) -> Option<f64> {
    if scores.len() < 3 {
        return None;
    }
    let all = scores.len() as f64;
    let rows = independent.clamp(3.0, all);
    let mean = scores.iter().map(|score| score.max(0.0).cbrt()).sum::<f64>() / all;
    let variance = scores.iter().map(|score| (score.max(0.0).cbrt() - mean).powi(2)).sum::<f64>() / (all - 1.0);
    let t = student(rate, rows - 1.0);
    let error = (1.0 / rows + t * t / (2.0 * (rows - 1.0))).sqrt();
    let bound = mean + (t * (1.0 + 1.0 / rows).sqrt() + error) * variance.sqrt();
    Some(bound.max(0.0).powi(3)).filter(|bound| bound.is_finite())
}

/// Returns the value that Student's t of `freedom` degrees exceeds with probability `rate`, at most a half (Abramowitz
/// & Stegun 1964, 26.2.23 and 26.7.5: within 1% from 5 degrees on).
fn student(rate: f64, freedom: f64) -> f64 {
    let t = (-2.0 * rate.clamp(1e-12, 0.5).ln()).sqrt();
    let z =
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    let s = z * z;
    z * (1.0
        + (s + 1.0) / (4.0 * freedom)
        + ((5.0 * s + 16.0) * s + 3.0) / (96.0 * freedom.powi(2))
        + (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / (384.0 * freedom.powi(3)))
}

/// Returns the threshold of the highest F1, or of the least cost of false alarms and missed rows, each of which costs
/// `miss_cost` false alarms. `normal` is sorted; it stands for as many normal rows as there are of all.
pub(super) fn by_labels(normal: &[f64], abnormal: &[f64], by: ThresholdBy, miss_cost: f64) -> f64 {
    let mut abnormal = abnormal.to_vec();
    abnormal.sort_by(f64::total_cmp);
    let mut all: Vec<f64> = normal.iter().chain(&abnormal).copied().collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let above = |sorted: &[f64], score: f64| (sorted.len() - sorted.partition_point(|&other| other <= score)) as f64;
    let worth = |score: f64| {
        let (false_alarms, found) = (above(normal, score), above(&abnormal, score));
        let missed = abnormal.len() as f64 - found;
        match by {
            ThresholdBy::Cost => -(false_alarms + miss_cost * missed),
            _ => 2.0 * found / (2.0 * found + false_alarms + missed).max(1.0),
        }
    };
    // Below all of them, everything is abnormal.
    let mut best = all.first().map_or((f64::INFINITY, f64::NEG_INFINITY), |&lowest| {
        let below = lowest - lowest.abs().max(1.0) * 1e-6;
        (below, worth(below))
    });
    for (at, &score) in all.iter().enumerate() {
        if worth(score) > best.1 {
            // Halfway to the next score: neither side is favored.
            let next = all.get(at + 1).copied().unwrap_or(score);
            best = (score + 0.5 * (next - score), worth(score));
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_scores_that_were_seen() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&sorted, 0.0), 1.0);
        assert_eq!(quantile(&sorted, 0.5), 2.0);
        assert_eq!(quantile(&sorted, 0.75), 3.0);
        assert_eq!(quantile(&sorted, 0.99), 4.0);
        assert_eq!(quantile(&[], 0.5), f64::INFINITY);
    }

    #[test]
    fn thresholds_of_a_rate_have_the_rank_of_a_further_row() {
        // Of 999 rows that are spread evenly, ten of a thousand lie at or above the 990th of a thousand.
        let even: Vec<f64> = (1..1000).map(f64::from).collect();
        assert_eq!(for_rate(&even, 0.01), 990.0);
        assert!((expected_share(&even, 990.0, 999.0) - 0.01).abs() < 1e-12);
        assert!((expected_share(&even, 5000.0, 999.0) - 0.001).abs() < 1e-12);
        assert_eq!([0.01, 0.001, 0.05].map(rows_to_tell), [Some(99), Some(999), Some(19)]);
        assert_eq!(rows_to_tell(0.0), None);
        assert!(for_rate(&even, 0.0) >= for_rate(&even, LEAST_RATE) && for_rate(&even, 0.0) >= 999.0);
        assert_eq!(for_rate(&[], 0.01), f64::INFINITY);
    }

    #[test]
    fn values_of_student_are_those_of_the_tables() {
        for (rate, freedom, expected) in
            [(0.01, 10.0, 2.764), (0.01, 60.0, 2.390), (0.05, 5.0, 2.015), (0.001, 30.0, 3.385)]
        {
            let found = student(rate, freedom);
            assert!((found / expected - 1.0).abs() < 0.01, "{found} and {expected}");
        }
    }

    /// Of new scores of the same kind the share above is near what was asked for, however few rows there are and
    /// whatever they are drawn from.
    #[test]
    fn rates_of_new_rows_are_near_what_was_asked() {
        /// Draws of rows to choose a threshold by, and new rows.
        const DRAWS: usize = 60;
        const NEW: usize = 20_000;
        // Sums of squares of Gaussian numbers: of a narrow table, of a wide one, and with tails.
        for (squares, has_tails) in [(4_usize, false), (40, false), (12, true)] {
            let mut sampler = crate::random::Sampler::new(squares as u64, 901);
            let mut draw = |count: usize| -> Vec<f64> {
                let mut row = || {
                    let sum: f64 = (0..squares).map(|_| sampler.normal().powi(2)).sum();
                    let tail = if has_tails { (0.3 * sampler.normal()).exp() } else { 1.0 };
                    sum * tail / squares as f64
                };
                let mut scores: Vec<f64> = (0..count).map(|_| row()).collect();
                scores.sort_by(f64::total_cmp);
                scores
            };
            let new = draw(NEW);
            for rows in [65, 100, 200, 500, 1000] {
                let shares: Vec<f64> = (0..DRAWS)
                    .map(|_| {
                        let threshold = for_rate(&draw(rows), 0.01);
                        (NEW - new.partition_point(|&score| score <= threshold)) as f64 / NEW as f64
                    })
                    .collect();
                let mean = shares.iter().sum::<f64>() / DRAWS as f64;
                let worse = shares.iter().filter(|&&share| share > 0.03).count();
                assert!(mean <= 0.012, "{mean} of {rows} rows of {squares} squares");
                assert!(worse <= DRAWS / 20, "{worse} of {DRAWS} draws of {rows} rows of {squares} squares");
                assert!(mean > 0.002, "{mean} of {rows} rows: what is abnormal is missed");
            }
        }
    }

    #[test]
    fn thresholds_part_what_labels_part() {
        let normal = [1.0, 2.0, 3.0, 10.0];
        // 4 to 9 finds both at the cost of one false alarm: F1 0.8.
        assert_eq!(by_labels(&normal, &[9.0, 20.0], ThresholdBy::F1, 1.0), 6.0);
        // A missed row costs little: only the surest is called abnormal.
        assert_eq!(by_labels(&normal, &[9.0, 20.0], ThresholdBy::Cost, 0.5), 15.0);
        assert_eq!(by_labels(&normal, &[9.0, 20.0], ThresholdBy::Cost, 5.0), 6.0);
        // It costs so much that everything is.
        assert!(by_labels(&normal, &[0.5, 20.0], ThresholdBy::Cost, 100.0) < 0.5);
    }
}
