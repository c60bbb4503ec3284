//! Separation of groups of points (Rousseeuw 1987, "Silhouettes: a graphical aid to the interpretation and validation
//! of cluster analysis").

use super::matmul::for_each_row;

/// Silhouette (b - a) / max(a, b) of each of `points` `[n, features]`: a is the mean distance to others of its own
/// group, b to those of the nearest other group. A point that is alone in its group has 0. `groups` has a number from 0
/// for each point.
///
/// Distances are to the points that `references` names (their numbers; all of them for the exact value), as n^2
/// distances are too many where n is large. `None` where the references are not of two groups or more, or none has two
/// points.
pub fn silhouettes(points: &[f32], features: usize, groups: &[usize], references: &[usize]) -> Option<Vec<f64>> {
    let kinds = groups.iter().max()? + 1;
    let (rows, reference_groups): (Vec<f32>, Vec<usize>) = match references.len() == groups.len() {
        true => (points.to_vec(), groups.to_vec()),
        false => (
            references.iter().flat_map(|&row| &points[row * features..(row + 1) * features]).copied().collect(),
            references.iter().map(|&row| groups[row]).collect(),
        ),
    };
    let mut counts = vec![0_usize; kinds];
    reference_groups.iter().for_each(|&group| counts[group] += 1);
    let filled = counts.iter().filter(|&&count| count > 0).count();
    if filled < 2 || counts.iter().all(|&count| count < 2) {
        return None;
    }
    let mut place = vec![usize::MAX; groups.len()];
    references.iter().enumerate().for_each(|(i, &row)| place[row] = i);
    Some(for_each_row(points, &rows, features, |row, distances| {
        let own = groups[row];
        let mut sums = vec![0.0; kinds];
        for (i, (&distance, &group)) in distances.iter().zip(&reference_groups).enumerate() {
            // Its distance to itself is 0, however the others are rounded.
            sums[group] += if i == place[row] { 0.0 } else { distance.sqrt() };
        }
        let others = counts[own] - usize::from(place[row] != usize::MAX && counts[own] > 0);
        if others == 0 {
            return 0.0;
        }
        let a = sums[own] / others as f64;
        let means =
            (0..kinds).filter(|&kind| kind != own && counts[kind] > 0).map(|kind| sums[kind] / counts[kind] as f64);
        let b = means.fold(f64::INFINITY, f64::min);
        let largest = a.max(b);
        if largest > 0.0 && largest.is_finite() { (b - a) / largest } else { 0.0 }
    }))
}
