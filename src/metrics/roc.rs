//! Measures of how well scores separate two kinds of rows.

/// Area under the receiver operating characteristic: the chance that a positive row has a higher score than another
/// row, ties counting half (Mann & Whitney 1947). `None` without rows of both kinds.
pub fn roc_auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len().min(positive.len())).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut below, mut wins, mut count) = (0.0, 0.0, 0.0);
    for tie in order.chunk_by(|&a, &b| scores[a].total_cmp(&scores[b]).is_eq()) {
        let positives = tie.iter().filter(|&&row| positive[row]).count() as f64;
        let others = tie.len() as f64 - positives;
        wins += positives * (below + 0.5 * others);
        below += others;
        count += positives;
    }
    (count > 0.0 && below > 0.0).then(|| wins / (count * below))
}

/// Average precision: the mean of the precision at each positive row, going down the scores (the area under the steps
/// of the precision-recall curve); rows of equal score come at once. `None` without a positive row.
pub fn average_precision(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let total = positive.iter().filter(|&&positive| positive).count() as f64;
    let mut area = 0.0;
    let mut before = 0.0;
    for [found, false_alarms] in operating_points(scores, positive) {
        area += (found - before) * found / (found + false_alarms).max(1.0);
        before = found;
    }
    (total > 0.0).then(|| area / total)
}

/// Counts `[positive, others]` of the rows at or above each distinct score, from the highest score to the lowest.
pub fn operating_points(scores: &[f64], positive: &[bool]) -> Vec<[f64; 2]> {
    let mut order: Vec<usize> = (0..scores.len().min(positive.len())).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut point = [0.0; 2];
    let next = |tie: &[usize]| {
        for &row in tie {
            point[usize::from(!positive[row])] += 1.0;
        }
        point
    };
    order.chunk_by(|&a, &b| scores[a].total_cmp(&scores[b]).is_eq()).map(next).collect()
}
