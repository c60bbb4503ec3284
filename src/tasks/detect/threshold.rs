//! Threshold of the score above which a row is abnormal.

use crate::model::ThresholdBy;

/// Returns the value at or below which `share` of `sorted` lies.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::INFINITY)
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
