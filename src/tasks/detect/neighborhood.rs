//! Search of the kept normal rows nearest to a row, and the density part of a score.

use std::ops::Range;

use faer::{Mat, Side};
use rayon::prelude::*;

use crate::data::{DataSet, Part, PreparedColumn, SourceKind};
use crate::device::Device;
use crate::graph::ops::{Dense, Least};
use crate::graph::{BufferView, Executable, Graph, GraphError, Init, Plan, SharedBuffer, SharedBuffers};
use crate::kernels::StepState;
use crate::kernels::activation::Activation;
use crate::kernels::least::LEAST_KEPT;
use crate::metrics::covariance;
use crate::metrics::nearest_rows::squared_distance;
use crate::model::{KNOWN_NEIGHBORS, NEIGHBORS, NearRows};
use crate::platform::Wait as _;
use crate::random::{permutation_keys, permute, stream};
use crate::tasks::TaskError;

/// Rows that are kept, at most, and their bytes. More change little: on eleven tables the mean ROC-AUC of 4096 rows is
/// 0.03 points below that of 10,000, and that of 2000 is 0.2.
const MOST_KEPT: usize = 4096;
const MOST_BYTES: usize = 16 << 20;
/// Least rows to keep.
const LEAST_ROWS: usize = 4;
/// Small distance, as a share of the usual one, that is added to all: many rows of a table of counts are equal.
const FLOOR: f64 = 0.1;
/// Power of the variances of the principal directions that distances along them are divided by: between 0, where
/// columns that go together count once each, and 1/2, where directions of little variance, often noise, count as much
/// as the others. Of 0, 1/8 and 1/4 it has the highest mean ROC-AUC on six tables (`benches/NOTES.md`).
const WHITENING: f64 = 0.125;
/// Rows for each feature up to which nothing is known of directions: the covariance is drawn toward equal variances by
/// twice the features for each row. Directions of few wide rows are those of the rows themselves, and new rows would lie
/// farther off than these.
const ROWS_PER_DIRECTION: f64 = 2.0;
/// Features, at most, whose directions are computed.
const MOST_TURNED: usize = 512;
/// Rows searched at once.
const BATCH: usize = 1024;
/// Rows that global distances are measured to, and the share of them that is near.
const GLOBAL_ROWS: usize = 1024;
const GLOBAL_SHARE: f64 = 0.1;
/// Robust deviations of the logarithm of the global distance beyond which a row is no neighbor, and the largest share
/// of such rows.
const FAR: f64 = 3.0;
const MOST_FAR: f64 = 0.1;
/// Deviation of the logarithm of the model's score beside that of the density part. It sees what no neighbor tells, such
/// as columns that no longer go together in a new place; more of it lowers the mean ROC-AUC on six tables.
const MODEL_SHARE: f64 = 0.15;
/// Quartile of a normal law, in deviations.
const QUARTILE: f64 = 0.6745;

/// Kept rows nearest to a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct KeptNeighbors {
    /// Numbers of the nearest kept rows and their distances, rising; a kept row itself is not among its own.
    pub nearest: Vec<(u32, f32)>,
    /// Mean distance of these rows to their own nearest.
    pub own: f64,
    /// Number of the judged row that is nearest, and its distance.
    pub judged: Option<(usize, f64)>,
}

impl KeptNeighbors {
    /// Mean distance to the nearest kept rows.
    fn distance(&self) -> f64 {
        let count = self.nearest.len().max(1) as f64;
        self.nearest.iter().map(|&(_, distance)| f64::from(distance)).sum::<f64>() / count
    }
}

/// Search of the kept rows on a device.
///
/// Candidates come from |r|^2 - 2 q r by a matrix product in f32 and the least of each row of it; their distances are
/// computed again exactly. A row whose candidates the rounding of the product may have got wrong is compared with all:
/// the result is that of all distances, on every device.
#[derive(Debug)]
pub(super) struct Neighborhood {
    pub near: NearRows,
    features: usize,
    /// Mean of the scaled kept rows, which is taken from all: small numbers lose less.
    mean: Vec<f32>,
    /// Kept rows and judged rows, turned.
    rows: Vec<f32>,
    judged: Vec<f32>,
    /// Largest squared length of a kept row.
    longest: f64,
    device: Device,
    externals: SharedBuffers,
    executable: Executable,
    out: BufferView,
}

/// Returns whether rows of `data` are compared with kept ones: those of a table, or of an array that holds no pictures.
pub(super) fn is_for(data: &DataSet) -> bool {
    matches!(data.kind, SourceKind::Table | SourceKind::Array) && data.image.is_none()
}

impl Neighborhood {
    /// Prepares the search of `near` on `device`.
    pub fn new(near: NearRows, device: &Device) -> Result<Self, TaskError> {
        let features = near.scale.len();
        let mut mean = vec![0.0_f64; features];
        for row in near.values.chunks_exact(features) {
            mean.iter_mut().zip(row).zip(&near.scale).for_each(|((sum, x), s)| *sum += f64::from(x * s));
        }
        let kept = near.kept();
        let mean: Vec<f32> = mean.iter().map(|sum| (sum / kept as f64) as f32).collect();
        let rows = turned(&near.values, &mean, &near.scale, &near.metric);
        let judged = turned(&near.judged, &mean, &near.scale, &near.metric);
        let squares: Vec<f64> = rows.chunks_exact(features).map(squared_length).collect();
        let mut graph = Graph::new();
        let queries = graph.external(SharedBuffer::Input, [BATCH, features]);
        let weights = graph.parameter("near.rows", [kept, features], Init::Constant(0.0));
        let bias = graph.parameter("near.squares", [kept], Init::Constant(0.0));
        let dense = Dense { activation: Activation::Identity };
        let distances = graph.add(dense, &[queries, weights, bias], "distances")?;
        let least = graph.add(Least, &[distances], "nearest")?;
        let plan = Plan::new(&graph, &[least])?;
        let mut externals = SharedBuffers::default();
        externals.allocate(device, SharedBuffer::Parameters, graph.flat_elements() * 4);
        externals.allocate_for(device, &plan);
        let mut flat = vec![0.0_f32; graph.flat_elements()];
        for parameter in graph.parameters() {
            let place = &mut flat[parameter.offset..];
            if parameter.name == "near.rows" {
                place.iter_mut().zip(&rows).for_each(|(to, value)| *to = -2.0 * value);
            } else {
                place.iter_mut().zip(&squares).for_each(|(to, value)| *to = *value as f32);
            }
        }
        externals.write(device, SharedBuffer::Parameters, bytemuck::cast_slice(&flat))?;
        let executable = Executable::new(device, &plan, &externals)?;
        let missing = || TaskError::Defect("the numbers of the nearest rows cannot be read".to_owned());
        let out = plan.view(least).ok_or_else(missing)?;
        let longest = squares.iter().fold(0.0_f64, |longest, &square| longest.max(square));
        Ok(Self { near, features, mean, rows, judged, longest, device: device.clone(), externals, executable, out })
    }

    /// Finds the neighbors of each of `rows` `[_, features]`.
    pub fn find(&mut self, rows: &[f32]) -> Result<Vec<KeptNeighbors>, TaskError> {
        let mut found = Vec::with_capacity(rows.len() / self.features.max(1));
        for rows in rows.chunks(BATCH * self.features) {
            let queries = turned(rows, &self.mean, &self.near.scale, &self.near.metric);
            let candidates = self.candidates(&queries)?;
            found.par_extend(
                queries
                    .par_chunks_exact(self.features)
                    .zip(candidates.par_chunks_exact(LEAST_KEPT))
                    .map(|(query, candidates)| self.neighbors(query, candidates)),
            );
        }
        Ok(found)
    }

    /// Returns the numbers of the kept rows that seem nearest to each of at most [`BATCH`] turned rows.
    fn candidates(&mut self, queries: &[f32]) -> Result<Vec<f32>, GraphError> {
        self.externals.write(&self.device, SharedBuffer::Input, bytemuck::cast_slice(queries))?;
        self.executable.run(&[StepState { rows: BATCH as u32, ..StepState::default() }])?;
        let mut numbers = self.executable.read(self.out).wait()?;
        numbers.truncate(queries.len() / self.features * LEAST_KEPT);
        Ok(numbers)
    }

    /// Returns the nearest kept rows of a turned row, the nearest first: one more than its neighbors, as it may be kept
    /// itself.
    fn nearest(&self, query: &[f32], candidates: &[f32], wanted: usize) -> Vec<(f64, u32)> {
        let row = |number: u32| &self.rows[number as usize * self.features..(number as usize + 1) * self.features];
        let distance = |number: u32| (squared_distance(query, row(number)), number);
        let rises = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let kept = self.near.kept();
        let mut found: Vec<(f64, u32)> = candidates.iter().map(|&number| distance(number as u32)).collect();
        let last = found.last().map_or(0.0, |last| last.0);
        found.sort_by(rises);
        found.dedup();
        let square = squared_length(query);
        // Sums of D products in f32 are off by less than D + 2 roundings of their terms, which |q| and |r| bound.
        let rounding = (self.features + 2) as f64 * f64::from(f32::EPSILON) * (square + self.longest);
        let is_proven = found.get(wanted - 1).is_some_and(|furthest| furthest.0 < last - 2.0 * rounding);
        if !is_proven && found.len() < kept {
            found = (0..kept as u32).map(distance).collect();
            if wanted < found.len() {
                found.select_nth_unstable_by(wanted, rises);
                found.truncate(wanted);
            }
            found.sort_by(rises);
        }
        found.truncate(wanted);
        found
    }

    fn neighbors(&self, query: &[f32], candidates: &[f32]) -> KeptNeighbors {
        let known = self.near.known();
        let wanted = (known + 1).min(self.near.kept());
        let found = self.nearest(query, candidates, wanted.min(NEIGHBORS + 1));
        // A row at no distance is that row: its neighbors are the others, as they are for a row that is not kept.
        let itself = found.first().filter(|first| first.0 == 0.0).map(|first| first.1);
        let others = found.iter().filter(|found| Some(found.1) != itself);
        let nearest: Vec<(u32, f32)> =
            others.take(NEIGHBORS.min(known)).map(|&(square, number)| (number, square.sqrt() as f32)).collect();
        let own = nearest.iter().map(|&(number, _)| self.own_distance(number, itself)).sum::<f64>();
        let judged = self
            .judged
            .chunks_exact(self.features)
            .map(|row| squared_distance(query, row).sqrt())
            .enumerate()
            .min_by(|a, b| a.1.total_cmp(&b.1));
        KeptNeighbors { own: own / nearest.len().max(1) as f64, nearest, judged }
    }

    /// Returns the mean distance of a kept row to its nearest others without `left_out`.
    fn own_distance(&self, number: u32, left_out: Option<u32>) -> f64 {
        let known = self.near.known();
        let span = number as usize * known..(number as usize + 1) * known;
        let others = self.near.numbers[span.clone()].iter().zip(&self.near.distances[span]);
        let others = others.filter(|(other, _)| Some(**other) != left_out).take(NEIGHBORS.min(known));
        let (sum, count) = others.fold((0.0, 0), |(sum, count), (_, &distance)| (sum + f64::from(distance), count + 1));
        sum / f64::from(count.max(1))
    }

    /// Returns the density part of a score, a logarithm.
    ///
    /// A row nearer to a judged row than to its neighbors is as that one is: the part rises or falls by how much nearer
    /// it is, the same in dense and in empty places.
    pub fn density(&self, neighbors: &KeptNeighbors) -> f64 {
        let usual = f64::from(self.near.usual);
        let far = |distance: f64| (distance / usual + FLOOR).ln();
        let mean = neighbors.distance();
        let nearer = |(_, distance): (usize, f64)| 2.0 * ((1.0 + FLOOR) / (distance / mean.max(1e-12) + FLOOR)).ln();
        let nearer = neighbors.judged.map_or(0.0, nearer);
        let judged = match self.judgment(neighbors) {
            Some(true) => nearer,
            Some(false) => -nearer,
            None => 0.0,
        };
        2.0 * far(mean) - far(neighbors.own) + judged
    }

    /// Returns the judgment of the row that these neighbors belong to, true for abnormal: that of the nearest judged
    /// row, if it is nearer than they are.
    pub fn judgment(&self, neighbors: &KeptNeighbors) -> Option<bool> {
        let (number, distance) = neighbors.judged?;
        (distance < neighbors.distance()).then(|| self.near.is_abnormal[number])
    }

    /// Settles the usual score, and the weight of the model's score, by the density parts and the model's scores of normal
    /// rows that took no part in fitting; returns the scores of these rows.
    pub fn settle(&mut self, densities: &[f64], of_model: &[f64]) -> Vec<f64> {
        let logs: Vec<f64> = of_model.iter().map(|&score| log_score(score)).collect();
        let spread = deviation(&logs);
        let weight = if spread > 1e-9 { MODEL_SHARE * deviation(densities) / spread } else { 0.0 };
        self.near.weight = weight as f32;
        let sums = densities.iter().zip(&logs).map(|(density, log)| density + f64::from(self.near.weight) * log);
        self.near.offset = (sums.clone().sum::<f64>() / densities.len().max(1) as f64) as f32;
        let offset = f64::from(self.near.offset);
        sums.map(|sum| (sum - offset).exp()).collect()
    }

    /// Returns the score of a row from its neighbors and the score of the model: 1 is usual.
    pub fn score(&self, neighbors: &KeptNeighbors, of_model: f64) -> f64 {
        let log = self.density(neighbors) + f64::from(self.near.weight) * log_score(of_model);
        // Far from overflow, which would make equals of very different rows.
        (log - f64::from(self.near.offset)).min(600.0).exp()
    }
}

fn squared_length(row: &[f32]) -> f64 {
    row.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

/// Returns the logarithm of a model's score, which may be 0.
pub(super) fn log_score(score: f64) -> f64 {
    score.max(1e-12).ln()
}

/// Returns rows `[_, features]` as distances are measured between them: scaled, less `mean`, times `metric`.
fn turned(rows: &[f32], mean: &[f32], scale: &[f32], metric: &[f32]) -> Vec<f32> {
    let features = mean.len();
    let mut out = vec![0.0_f32; rows.len()];
    out.par_chunks_exact_mut(features).zip(rows.par_chunks_exact(features)).for_each(|(out, row)| {
        let scaled = row.iter().zip(scale).zip(mean).map(|((x, s), m)| x * s - m);
        if metric.is_empty() {
            out.iter_mut().zip(scaled).for_each(|(out, value)| *out = value);
            return;
        }
        // The matrix is symmetric: its rows are its columns.
        for (value, line) in scaled.zip(metric.chunks_exact(features)) {
            out.iter_mut().zip(line).for_each(|(out, weight)| *out += value * weight);
        }
    });
    out
}

/// Returns the factor of each feature: numbers are divided by their deviations in `rows`, shares of categories and
/// times of day are between 0 and 1 or -1 and 1 and stay so.
fn scales(data: &DataSet, rows: &[f32]) -> Vec<f32> {
    let features = data.features;
    let count = (rows.len() / features).max(1) as f64;
    let mut sums = vec![[0.0_f64; 2]; features];
    for row in rows.chunks_exact(features) {
        for ([sum, squares], &x) in sums.iter_mut().zip(row) {
            *sum += f64::from(x);
            *squares += f64::from(x) * f64::from(x);
        }
    }
    let mut is_number = vec![true; features];
    let mut first = 0;
    for column in &data.preparation.columns {
        let count = column.features().len();
        is_number
            .iter_mut()
            .skip(first)
            .take(count)
            .for_each(|is| *is = matches!(column, PreparedColumn::Number { .. }));
        first += count;
    }
    let of = |([sum, squares], is_number): (&[f64; 2], &bool)| {
        let mean = sum / count;
        let deviation = (squares / count - mean * mean).max(0.0).sqrt();
        if *is_number && deviation > 1e-12 { deviation.recip() as f32 } else { 1.0 }
    };
    sums.iter().zip(&is_number).map(of).collect()
}

/// Returns the symmetric matrix V diag(w^-[`WHITENING`]) V^T of the covariance V diag(w) V^T of scaled rows, drawn toward
/// equal variances; none where they are equal, and for too many features.
fn metric(rows: &[f32], scale: &[f32]) -> Vec<f32> {
    let features = scale.len();
    let count = rows.len() / features.max(1);
    let drawn = ROWS_PER_DIRECTION * features as f64 / count.max(1) as f64;
    if features > MOST_TURNED || drawn >= 1.0 {
        return Vec::new();
    }
    let scaled = turned(rows, &vec![0.0; features], scale, &[]);
    let mut sums = vec![0.0_f64; features];
    for row in scaled.chunks_exact(features) {
        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let mean: Vec<f32> = sums.iter().map(|sum| (sum / count as f64) as f32).collect();
    let covariance = covariance(&scaled, &mean);
    let matrix = Mat::from_fn(features, features, |i, j| covariance[i * features + j] / count as f64);
    let Ok(eigen) = matrix.self_adjoint_eigen(Side::Lower) else { return Vec::new() };
    let variances: Vec<f64> = (0..features).map(|at| eigen.S()[at].max(0.0)).collect();
    let equal = variances.iter().sum::<f64>() / features as f64;
    if equal <= 0.0 {
        return Vec::new();
    }
    let vectors = eigen.U();
    let of_variance = |variance: &f64| ((1.0 - drawn) * variance + drawn * equal).powf(-WHITENING);
    let factors: Vec<f64> = variances.iter().map(of_variance).collect();
    let lines: Vec<Vec<f32>> = (0..features)
        .into_par_iter()
        .map(|i| {
            let of = |j: usize| (0..features).map(|c| vectors[(i, c)] * factors[c] * vectors[(j, c)]).sum::<f64>();
            (0..features).map(|j| of(j) as f32).collect()
        })
        .collect();
    // Symmetric to the bit.
    (0..features * features)
        .map(|at| lines[(at / features).max(at % features)][(at / features).min(at % features)])
        .collect()
}

/// Returns the places, among turned rows, of those that lie so far from most others that they are no neighbors: the
/// logarithm of their mean distance to the nearest tenth of the rows is far out.
fn far_rows(rows: &[f32], features: usize) -> Vec<usize> {
    let count = rows.len() / features;
    let near = ((count.min(GLOBAL_ROWS) as f64 * GLOBAL_SHARE) as usize).max(NEIGHBORS);
    if count < 10 * NEIGHBORS {
        return Vec::new();
    }
    let references = &rows[..count.min(GLOBAL_ROWS) * features];
    let distances: Vec<f64> = rows
        .par_chunks_exact(features)
        .map(|row| {
            let mut distances: Vec<f64> =
                references.chunks_exact(features).map(|other| squared_distance(row, other)).collect();
            distances.select_nth_unstable_by(near, f64::total_cmp);
            let sum: f64 = distances[..=near].iter().map(|square| square.sqrt()).sum();
            (sum / near as f64).max(1e-12).ln()
        })
        .collect();
    let mut sorted = distances.clone();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((count - 1) as f64 * share).round() as usize];
    let bound = (at(0.5) + FAR * (at(0.75) - at(0.5)) / QUARTILE).max(at(1.0 - MOST_FAR));
    (0..count).filter(|&row| distances[row] > bound).collect()
}

/// Keeps rows of `data` as neighbors; returns them with the number of rows left out for lying far from all others.
/// `None` for fewer than a few rows.
pub(super) fn keep(data: &DataSet, seed: u64, device: &Device) -> Result<Option<(NearRows, usize)>, TaskError> {
    let features = data.features;
    let most = MOST_KEPT.min(MOST_BYTES / (4 * features.max(1))).max(LEAST_ROWS);
    if data.rows < LEAST_ROWS || features == 0 {
        return Ok(None);
    }
    let some = data.some_f32(Part::Train)?;
    let scale = scales(data, &some);
    let metric = metric(&some, &scale);
    let keys = permutation_keys(seed, 0, stream::NEIGHBORS);
    let count = data.rows.min(most);
    let mut chosen: Vec<usize> = (0..count as u32).map(|at| permute(at, data.rows as u32, keys) as usize).collect();
    chosen.sort_unstable();
    let mut values = data.chosen_f32(&chosen)?;
    let rows = turned(&values, &vec![0.0; features], &scale, &metric);
    let far = far_rows(&rows, features);
    if !far.is_empty() {
        let mut at = 0..;
        values = values
            .chunks_exact(features)
            .filter(|_| at.next().is_some_and(|at| far.binary_search(&at).is_err()))
            .flatten()
            .copied()
            .collect();
    }
    let mut near = NearRows { values, scale, metric, ..NearRows::default() };
    let known = KNOWN_NEIGHBORS.min(near.kept() - 1);
    // Unit distances until they are known.
    (near.usual, near.weight) = (1.0, 0.0);
    let mut search = Neighborhood::new(near, device)?;
    let queries = search.rows.clone();
    let mut candidates = Vec::new();
    for queries in queries.chunks(BATCH * features) {
        candidates.extend(search.candidates(queries)?);
    }
    let others: Vec<Vec<(f64, u32)>> = queries
        .par_chunks_exact(features)
        .zip(candidates.par_chunks_exact(LEAST_KEPT))
        .enumerate()
        .map(|(row, (query, candidates))| {
            let mut found = search.nearest(query, candidates, known + 1);
            // Of several equal rows the row itself may not be among the first.
            let itself = found.iter().position(|found| found.1 as usize == row).unwrap_or(known);
            found.remove(itself);
            found
        })
        .collect();
    let mut near = search.near;
    near.distances = others.iter().flatten().map(|&(square, _)| square.sqrt() as f32).collect();
    near.numbers = others.iter().flatten().map(|&(_, number)| number).collect();
    let first = near.distances.chunks_exact(known).flat_map(|row| &row[..NEIGHBORS.min(known)]);
    let (sum, count) = first.fold((0.0_f64, 0_usize), |(sum, count), &one| (sum + f64::from(one), count + 1));
    near.usual = ((sum / count.max(1) as f64) as f32).max(1e-6);
    Ok(Some((near, far.len())))
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Returns the rows of `data` that the scores of normal rows are measured on: all of them or, where they are many, the
/// held-out ones and some of the others.
pub(super) fn measured(held: &Range<usize>) -> Range<usize> {
    /// Rows, at most, unless more are held out.
    const MOST: usize = 100_000;
    // Train rows come first, in random order.
    held.end.saturating_sub(MOST).min(held.start)..held.end
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::data::{DataSet, Preparation, Scaling};
    use crate::random::{normal4, philox4x32};

    const FEATURES: usize = 5;

    /// Rows of few levels, of which many are equal, and some far from zero.
    fn rows(count: usize, seed: u32) -> Vec<f32> {
        let row = |at: usize| {
            let values = [0, 1].map(|part| normal4(philox4x32([at as u32, part, seed, 0], [1, 2])));
            let far = if at.is_multiple_of(50) { 3000.0 } else { 0.0 };
            values.concat().into_iter().take(FEATURES).map(move |value| value.round() + far)
        };
        (0..count).flat_map(row).collect()
    }

    #[test]
    fn neighbors_are_those_of_all_distances_with_rows_and_without_themselves() {
        let values = rows(400, 1);
        let data = DataSet::from_rows(values, FEATURES, &Preparation::new(SourceKind::Array, Scaling::None));
        let data = DataSet { train: 0..400, validation: 400..400, test: 400..400, ..data };
        let device = Device::open(crate::device::DeviceChoice::Cpu, None).expect("a device");
        let (near, _) = keep(&data, 1, &device).expect("rows").expect("enough of them");
        let kept = near.kept();
        let mut search = Neighborhood::new(near, &device).expect("a search");
        let distance = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
        };
        let turned_rows = search.rows.clone();
        let others = |query: &[f32], itself: Option<usize>| {
            let mut all: Vec<(f64, usize)> = turned_rows
                .chunks_exact(FEATURES)
                .enumerate()
                .filter(|(number, _)| Some(*number) != itself)
                .map(|(number, row)| (distance(query, row), number))
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            all.into_iter().map(|found| found.0).take(NEIGHBORS).collect::<Vec<f64>>()
        };
        // Kept rows, and others.
        let queries = [search.near.values.clone(), rows(100, 2)].concat();
        let found = search.find(&queries).expect("found");
        let turned_queries = turned(&queries, &search.mean, &search.near.scale, &search.near.metric);
        for (at, query) in turned_queries.chunks_exact(FEATURES).enumerate() {
            let equal = turned_rows.chunks_exact(FEATURES).position(|row| row == query);
            assert!(at >= kept || equal.is_some());
            let expected = others(query, equal);
            // Distances are stored in f32.
            for (found, expected) in found[at].nearest.iter().zip(&expected) {
                assert!((f64::from(found.1) - expected).abs() <= 1e-6 * (1.0 + expected), "{found:?}, {expected}");
            }
            let own = found[at].nearest.iter().map(|&(number, _)| {
                let number = number as usize;
                let row = &turned_rows[number * FEATURES..(number + 1) * FEATURES];
                let mut all: Vec<f64> = turned_rows
                    .chunks_exact(FEATURES)
                    .enumerate()
                    .filter(|(other, _)| *other != number && Some(*other) != equal)
                    .map(|(_, other)| distance(row, other))
                    .collect();
                all.sort_by(f64::total_cmp);
                all[..NEIGHBORS].iter().sum::<f64>() / NEIGHBORS as f64
            });
            let own = own.sum::<f64>() / NEIGHBORS as f64;
            assert!((found[at].own - own).abs() <= 1e-5 * (1.0 + own), "row {at}: {} and {own}", found[at].own);
        }
    }
}
