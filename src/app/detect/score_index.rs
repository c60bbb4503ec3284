//! Sorted scores for fast counts, histogram bars and ROC points while the threshold moves.

use crate::metrics::operating_points;
use crate::tasks::ScannedRows;

/// Most points of the drawn ROC curve.
const ROC_POINTS: usize = 600;

/// Metrics of a threshold by the labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quality {
    pub precision: Option<f64>,
    pub recall: f64,
    pub f1: f64,
    /// Share of the normal rows above the threshold.
    pub false_alarms: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ScoreIndex {
    /// Sorted scores of all rows, of those labeled normal and of those labeled abnormal.
    sorted: Vec<f64>,
    normal: Vec<f64>,
    abnormal: Vec<f64>,
    /// Lowest and highest drawn score.
    pub range: [f64; 2],
    /// ROC points as [true positive rate, false positive rate].
    pub roc: Vec<[f64; 2]>,
    pub roc_auc: Option<f64>,
}

fn above(sorted: &[f64], threshold: f64) -> usize {
    sorted.len() - sorted.partition_point(|&score| score <= threshold)
}

impl ScoreIndex {
    pub fn new(scan: &ScannedRows, threshold: f64) -> Self {
        let of = |wanted: Option<bool>| {
            let rows = scan.scores.iter().enumerate().filter(|(row, score)| {
                let truth = scan.truth.as_ref().and_then(|truth| truth.get(*row));
                !score.is_nan() && (wanted.is_none() || truth.copied() == wanted)
            });
            let mut scores: Vec<f64> = rows.map(|(_, &score)| score).collect();
            scores.sort_by(f64::total_cmp);
            scores
        };
        let (sorted, normal, abnormal) = (of(None), of(Some(false)), of(Some(true)));
        let low = sorted.iter().copied().find(|&score| score > 0.0).unwrap_or(0.1).min(threshold.max(1e-6) * 0.8);
        let high = sorted.last().copied().unwrap_or(10.0).max(threshold * 1.25).max(low * 4.0);
        let mut roc = Vec::new();
        if let (Some(truth), Some(_)) = (&scan.truth, scan.roc_auc) {
            let known = scan.scores.iter().zip(truth).filter(|(score, _)| !score.is_nan());
            let (scores, truth): (Vec<f64>, Vec<bool>) = known.map(|(&score, &truth)| (score, truth)).unzip();
            let points = operating_points(&scores, &truth);
            let [found, alarms] = points.last().copied().unwrap_or([1.0, 1.0]);
            let step = (points.len() / ROC_POINTS).max(1);
            roc.push([0.0, 0.0]);
            roc.extend(points.iter().step_by(step).map(|point| [point[0] / found, point[1] / alarms]));
            roc.push([1.0, 1.0]);
        }
        Self { sorted, normal, abnormal, range: [low, high], roc, roc_auc: scan.roc_auc }
    }

    pub fn has_labels(&self) -> bool {
        self.roc_auc.is_some()
    }

    pub fn rows(&self) -> usize {
        self.sorted.len()
    }

    /// Returns the number of rows above `threshold`.
    pub fn above(&self, threshold: f64) -> usize {
        above(&self.sorted, threshold)
    }

    /// Counts rows in `count` bars of equal width on a log scale: normal or unlabeled rows, and abnormal rows.
    pub fn bars(&self, count: usize) -> Vec<[u32; 2]> {
        let [low, high] = self.range;
        let edge = |bar: usize| (low.ln() + (high.ln() - low.ln()) * bar as f64 / count as f64).exp();
        let within = |sorted: &[f64], bar: usize| {
            let from = if bar == 0 { 0 } else { sorted.partition_point(|&score| score <= edge(bar)) };
            let to =
                if bar + 1 == count { sorted.len() } else { sorted.partition_point(|&score| score <= edge(bar + 1)) };
            (to - from.min(to)) as u32
        };
        let rest = if self.has_labels() { &self.normal } else { &self.sorted };
        let marked: &[f64] = if self.has_labels() { &self.abnormal } else { &[] };
        (0..count).map(|bar| [within(rest, bar), within(marked, bar)]).collect()
    }

    /// Returns the metrics at `threshold`; `None` without labels.
    pub fn at(&self, threshold: f64) -> Option<Quality> {
        self.roc_auc?;
        let (found, alarms) = (above(&self.abnormal, threshold) as f64, above(&self.normal, threshold) as f64);
        let total = self.abnormal.len() as f64;
        Some(Quality {
            precision: (found + alarms > 0.0).then(|| found / (found + alarms)),
            recall: found / total.max(1.0),
            f1: 2.0 * found / (total + found + alarms).max(1.0),
            false_alarms: alarms / (self.normal.len() as f64).max(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_count_what_is_above_them() {
        let scan = ScannedRows {
            scores: vec![0.5, 1.0, 2.0, f64::NAN, 8.0],
            truth: Some(vec![false, false, true, true, true]),
            roc_auc: Some(1.0),
            ..ScannedRows::default()
        };
        let view = ScoreIndex::new(&scan, 1.5);
        assert_eq!((view.rows(), view.above(1.5), view.above(2.0)), (4, 2, 1));
        let at = Quality { precision: Some(1.0), recall: 1.0, f1: 1.0, false_alarms: 0.0 };
        assert_eq!(view.at(1.5), Some(at));
        assert_eq!(view.at(100.0).and_then(|at| at.precision), None);
        let bars = view.bars(16);
        let sums = bars.iter().fold([0, 0], |sum, bar| [sum[0] + bar[0], sum[1] + bar[1]]);
        assert_eq!(sums, [2, 2], "{bars:?}");
    }
}
