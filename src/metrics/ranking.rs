//! How well scores tell two kinds of rows apart.

/// Area under the receiver operating characteristic: the chance that a positive row has a higher score than another row,
/// ties counting half (Mann & Whitney 1947). `None` without rows of both kinds.
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
