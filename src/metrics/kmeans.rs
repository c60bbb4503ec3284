//! k-means clustering (Lloyd 1982) with k-means++ starts (Arthur & Vassilvitskii 2007, "k-means++: the advantages of
//! careful seeding").

use super::matmul::for_each_row;
use crate::random::Sampler;

/// Starts, of which the best is kept.
const STARTS: u32 = 10;
/// Limit of the rounds of a start; few need as many.
const ROUNDS: usize = 300;

/// Clusters of points.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    /// Centers `[k, features]`, the largest group first.
    pub centers: Vec<f32>,
    /// The group of each point, from 0.
    pub groups: Vec<usize>,
    /// Sum of the squared distances of all points to the centers of their groups.
    pub inertia: f64,
}

/// Clusters `points` `[n, features]` in `k` groups, the best of ten seeded starts; `None` unless there are at least k
/// points.
pub fn kmeans(points: &[f32], features: usize, k: usize, seed: u64) -> Option<KMeans> {
    let n = points.len().checked_div(features)?;
    if k == 0 || n < k {
        return None;
    }
    let runs =
        (0..STARTS).map(|start| settle(points, features, spread(points, features, k, &mut Sampler::new(seed, start))));
    let best = runs.min_by(|a, b| a.inertia.total_cmp(&b.inertia))?;
    Some(by_size(best, features, k))
}

/// Draws k points as first centers, each by its squared distance to those before.
fn spread(points: &[f32], features: usize, k: usize, draws: &mut Sampler) -> Vec<f32> {
    let n = points.len() / features;
    let first = draws.below(n);
    let mut centers = points[first * features..(first + 1) * features].to_vec();
    let mut distances = vec![f64::INFINITY; n];
    while centers.len() < k * features {
        let newest = &centers[centers.len() - features..];
        let to_newest = for_each_row(points, newest, features, |_, distances| distances[0]);
        distances.iter_mut().zip(to_newest).for_each(|(least, distance)| *least = least.min(distance));
        let mut left = draws.unit() * distances.iter().sum::<f64>();
        let reached = |&distance: &f64| {
            left -= distance;
            left < 0.0
        };
        // All points lie on centers where the sum is 0: any is as good.
        let next = distances.iter().position(reached).unwrap_or_else(|| draws.below(n));
        centers.extend_from_slice(&points[next * features..(next + 1) * features]);
    }
    centers
}

/// Clusters `points` `[n, features]` from first centers `[k, features]`; `None` unless there are at least k points.
pub fn kmeans_from(points: &[f32], features: usize, centers: &[f32]) -> Option<KMeans> {
    let k = centers.len().checked_div(features)?;
    if k == 0 || points.len() < centers.len() {
        return None;
    }
    Some(by_size(settle(points, features, centers.to_vec()), features, k))
}

/// Assigns points to the nearest centers and moves centers to the means of their points, until no point changes group.
fn settle(points: &[f32], features: usize, mut centers: Vec<f32>) -> KMeans {
    let k = centers.len() / features;
    let mut groups = Vec::new();
    for round in 0.. {
        let nearest = for_each_row(points, &centers, features, |_, distances| {
            (1..k).fold((0, distances[0]), |best, i| if distances[i] < best.1 { (i, distances[i]) } else { best })
        });
        let moved: Vec<usize> = nearest.iter().map(|&(group, _)| group).collect();
        if moved == groups || round == ROUNDS {
            break;
        }
        groups = moved;
        let mut sums = vec![0.0_f64; k * features];
        let mut counts = vec![0_usize; k];
        for (row, &group) in points.chunks_exact(features).zip(&groups) {
            counts[group] += 1;
            sums[group * features..(group + 1) * features].iter_mut().zip(row).for_each(|(s, &x)| *s += f64::from(x));
        }
        for group in 0..k {
            let center = &mut centers[group * features..(group + 1) * features];
            if counts[group] == 0 {
                // A center without points goes to the point that is farthest from its own.
                let far = (0..nearest.len()).max_by(|&a, &b| nearest[a].1.total_cmp(&nearest[b].1)).unwrap_or(0);
                center.copy_from_slice(&points[far * features..(far + 1) * features]);
                continue;
            }
            let mean = sums[group * features..].iter().map(|sum| (sum / counts[group] as f64) as f32);
            center.iter_mut().zip(mean).for_each(|(c, mean)| *c = mean);
        }
    }
    let of_row = |(row, &group): (&[f32], &usize)| -> f64 {
        let center = &centers[group * features..(group + 1) * features];
        row.iter().zip(center).map(|(&x, &c)| (f64::from(x) - f64::from(c)).powi(2)).sum()
    };
    let inertia = points.chunks_exact(features).zip(&groups).map(of_row).sum();
    KMeans { centers, groups, inertia }
}

/// Renumbers the groups by their numbers of points, the largest first.
fn by_size(found: KMeans, features: usize, k: usize) -> KMeans {
    let mut counts = vec![0_usize; k];
    found.groups.iter().for_each(|&group| counts[group] += 1);
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by_key(|&group| (std::cmp::Reverse(counts[group]), group));
    let mut number = vec![0; k];
    order.iter().enumerate().for_each(|(new, &old)| number[old] = new);
    let center = |&old: &usize| found.centers[old * features..(old + 1) * features].iter().copied();
    KMeans {
        centers: order.iter().flat_map(center).collect(),
        groups: found.groups.iter().map(|&group| number[group]).collect(),
        inertia: found.inertia,
    }
}
