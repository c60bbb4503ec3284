//! Measures by nearest points: classes by vote, and the trustworthiness of a map's neighbors.

use super::matmul::for_each_row;

/// Returns the class of each of `queries` `[m, features]` by the vote of its `k` nearest `points` `[n, features]`,
/// whose classes are `labels`. Of points equally far the first count; of classes with equally many votes the lowest
/// wins.
pub fn knn_classes(points: &[f32], labels: &[usize], queries: &[f32], features: usize, k: usize) -> Vec<usize> {
    let classes = labels.iter().max().map_or(0, |&highest| highest + 1);
    let k = k.min(labels.len());
    for_each_row(queries, points, features, |_, distances| {
        let mut votes = vec![0_usize; classes];
        nearest(distances, k, None).into_iter().for_each(|point| votes[labels[point]] += 1);
        let most = votes.iter().max().copied().unwrap_or(0);
        votes.iter().position(|&count| count == most).unwrap_or(0)
    })
}

/// Confusion matrix of classes by the nearest points: `[classes, classes]`, row by the class of a point, column by the
/// vote of its `k` nearest. The last fifth of the points are classified, the others vote.
pub fn knn_confusion(points: &[f32], labels: &[usize], features: usize, classes: usize, k: usize) -> Vec<usize> {
    let voters = labels.len() - labels.len() / 5;
    let mut counts = vec![0; classes * classes];
    let (near, asked) = points.split_at((voters * features).min(points.len()));
    let votes = knn_classes(near, &labels[..voters], asked, features, k);
    for (&class, vote) in labels[voters..].iter().zip(votes) {
        if let Some(count) = counts.get_mut(class * classes + vote) {
            *count += 1;
        }
    }
    counts
}

/// Trustworthiness of the `k` nearest points on a map as neighbors in the original space, in 0..1 (Venna & Kaski 2001,
/// "Neighborhood preservation in nonlinear projection methods"): 1 - 2 / (n k (2n - 3k - 1)) times the sum, over all
/// points and their neighbors on the map that are no such neighbors, of the rank there beyond k.
///
/// `points` `[n, features]` and `map` `[n, map_features]` are row for row the same. `None` unless k < n / 2.
pub fn trustworthiness(points: &[f32], features: usize, map: &[f32], map_features: usize, k: usize) -> Option<f64> {
    let n = points.len().checked_div(features)?;
    if k == 0 || 2 * k >= n || map.len() != n * map_features {
        return None;
    }
    let on_map = for_each_row(map, map, map_features, |row, distances| nearest(distances, k, Some(row)));
    let beyond: Vec<f64> = for_each_row(points, points, features, |row, distances| {
        let rank = |neighbor: usize| {
            let far = distances[neighbor];
            // Itself comes first; of points equally far, the first.
            let closer = |&(other, &distance): &(usize, &f64)| {
                other != row && (distance < far || distance == far && other < neighbor)
            };
            1 + distances.iter().enumerate().filter(closer).count()
        };
        on_map[row].iter().map(|&neighbor| rank(neighbor).saturating_sub(k) as f64).sum()
    });
    let (n, k) = (n as f64, k as f64);
    Some(1.0 - 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)) * beyond.iter().sum::<f64>())
}

/// Returns the indices of the `k` least of `distances` without `left_out`; of equal ones the first.
fn nearest(distances: &[f64], k: usize, left_out: Option<usize>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..distances.len()).filter(|&i| Some(i) != left_out).collect();
    let rising = |a: &usize, b: &usize| distances[*a].total_cmp(&distances[*b]).then(a.cmp(b));
    if k > 0 && k < order.len() {
        order.select_nth_unstable_by(k - 1, rising);
    }
    order.truncate(k);
    order
}
