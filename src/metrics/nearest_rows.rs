//! Nearest rows of one set to those of another.

use rayon::prelude::*;

/// Candidates of one task: they stay in the cache while all queries are compared with them.
const CANDIDATES_PER_TASK: usize = 64;

/// Returns, for each of `queries` `[_, features]`, the nearest of `candidates` `[_, features]` and their mean squared
/// difference: the first of several that are as near, `(0, infinity)` where there are none.
pub fn nearest_rows(queries: &[f32], candidates: &[f32], features: usize) -> Vec<(usize, f64)> {
    let features = features.max(1);
    let none = vec![(0, f64::INFINITY); queries.len() / features];
    let found: Vec<Vec<(usize, f64)>> = candidates
        .par_chunks(CANDIDATES_PER_TASK * features)
        .enumerate()
        .map(|(task, candidates)| {
            let mut best = none.clone();
            for (query, best) in queries.chunks_exact(features).zip(&mut best) {
                for (i, candidate) in candidates.chunks_exact(features).enumerate() {
                    let distance = squared_distance(query, candidate) / features as f64;
                    if distance < best.1 {
                        *best = (task * CANDIDATES_PER_TASK + i, distance);
                    }
                }
            }
            best
        })
        .collect();
    found.into_iter().fold(none, |mut best, task| {
        for (best, found) in best.iter_mut().zip(task) {
            if found.1 < best.1 {
                *best = found;
            }
        }
        best
    })
}

/// Computes the squared distance in lanes that the compiler vectorizes; equal rows are at 0 exactly.
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in a_lanes.zip(b_lanes) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a - b) * (a - b);
        }
    }
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() + f64::from(rest)
}
