//! A mixture of Gaussians fitted by expectation maximization (Dempster, Laird & Rubin 1977), in f64.

use rayon::prelude::*;

use crate::random::{key, normal4, philox4x32, stream, unit_float};

/// Error of [`GaussianMixture::fit`].
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[non_exhaustive]
pub enum MixtureError {
    /// Fewer than two rows for each component, or no components.
    #[error("a mixture cannot be fitted, {rows} rows for {components} components, give at least two rows for each")]
    TooFew { rows: usize, components: usize },
    /// Row with a value that is not finite, counted from 1.
    #[error("a mixture cannot be fitted, row {row} holds a value that is not finite")]
    NotFinite { row: usize },
}

/// Shape of the components' covariances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// Ellipsoids in any direction.
    Full,
    /// Ellipsoids along the axes: D numbers instead of D^2.
    Diagonal,
}

/// Limit of the rounds, and the gain in mean log-likelihood below which no further one is made.
const ROUNDS: usize = 100;
const LEAST_GAIN: f64 = 1e-4;
/// Variance added to those of standardized rows: a component on a single row keeps some width.
const LEAST_VARIANCE: f64 = 1e-4;
/// Rows of one task; tasks are added up in order, so that the bits do not depend on threads.
const ROWS_PER_TASK: usize = 512;

/// Fitted mixture of Gaussians. Rows are standardized inside: the fit is the same on any scale of any of their values.
#[derive(Clone, Debug)]
pub struct GaussianMixture {
    width: usize,
    covariance: Covariance,
    /// Mean of all rows, by value.
    shift: Vec<f64>,
    scale: Vec<f64>,
    /// Shares of the components, `[components]`.
    weights: Vec<f64>,
    /// Means of the components in standardized units, `[components, width]`.
    means: Vec<f64>,
    /// Lower Cholesky factors `[components, width, width]`, or deviations `[components, width]`.
    factors: Vec<f64>,
    /// Mean over the rows, in nats.
    log_likelihood: f64,
    rounds: usize,
}

/// Sums of a task: weights, weighted sums, weighted products.
struct MixtureSums {
    log_likelihood: f64,
    counts: Vec<f64>,
    sums: Vec<f64>,
    products: Vec<f64>,
}

impl GaussianMixture {
    /// Fits `components` Gaussians to rows `[rows, width]`. The same seed results in the same bits.
    pub fn fit(
        rows: &[f32],
        width: usize,
        components: usize,
        covariance: Covariance,
        seed: u64,
    ) -> Result<Self, MixtureError> {
        let count = rows.len().checked_div(width).unwrap_or(0);
        if components == 0 || count < 2 * components {
            return Err(MixtureError::TooFew { rows: count, components });
        }
        if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
            return Err(MixtureError::NotFinite { row: at / width + 1 });
        }
        let (shift, scale) = spread(rows, width);
        let standard: Vec<f64> =
            rows.iter().enumerate().map(|(i, &x)| (f64::from(x) - shift[i % width]) / scale[i % width]).collect();
        let means = starts(&standard, width, components, seed);
        let square = if covariance == Covariance::Full { width * width } else { width };
        let identity = |at: usize| match covariance {
            Covariance::Full => f64::from(u8::from(at % square / width == at % square % width)),
            Covariance::Diagonal => 1.0,
        };
        let mut mixture = Self {
            width,
            covariance,
            shift,
            scale,
            weights: vec![1.0 / components as f64; components],
            means,
            factors: (0..components * square).map(identity).collect(),
            log_likelihood: f64::NEG_INFINITY,
            rounds: 0,
        };
        // One round of the fit is from here on: expectation, then maximization.
        while mixture.rounds < ROUNDS {
            let sums = mixture.expect(&standard);
            let reached = sums.log_likelihood / count as f64;
            let gain = reached - mixture.log_likelihood;
            mixture.log_likelihood = reached;
            if gain < LEAST_GAIN {
                break;
            }
            mixture.maximize(&sums, count);
            mixture.rounds += 1;
        }
        // Standardized rows are denser by the product of the scales.
        mixture.log_likelihood -= mixture.scale.iter().map(|scale| scale.ln()).sum::<f64>();
        Ok(mixture)
    }

    /// Number of Gaussians.
    pub fn components(&self) -> usize {
        self.weights.len()
    }

    /// Mean log-likelihood of the fitted rows, in nats per row.
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Rounds of expectation and maximization that the fit took, 100 at most.
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// Shares of the components, `[components]`, which add up to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Means `[components, width]` in the rows' own units.
    pub fn means(&self) -> Vec<f64> {
        let place = |(i, mean): (usize, &f64)| mean * self.scale[i % self.width] + self.shift[i % self.width];
        self.means.iter().enumerate().map(place).collect()
    }

    /// Draws rows `[count, width]`, with the deviations of the components times `temperature`.
    pub fn sample(&self, count: usize, temperature: f64, seed: u64) -> Vec<f32> {
        let width = self.width;
        let blocks = width.div_ceil(4) as u32 + 1;
        let mut drawn = Vec::with_capacity(count * width);
        for row in 0..count as u32 {
            let words = |block: u32| philox4x32([row, stream::MIXTURE, 1, block], key(seed));
            let mut left = f64::from(unit_float(words(0)[0]));
            let chosen = self.weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            let chosen = chosen.unwrap_or(self.weights.len() - 1);
            let normals: Vec<f64> = (1..blocks).flat_map(|block| normal4(words(block))).map(f64::from).collect();
            let means = &self.means[chosen * width..(chosen + 1) * width];
            for (i, mean) in means.iter().enumerate() {
                let away = match self.covariance {
                    Covariance::Full => {
                        let line = &self.factors[(chosen * width + i) * width..][..=i];
                        line.iter().zip(&normals).map(|(l, n)| l * n).sum::<f64>()
                    }
                    Covariance::Diagonal => self.factors[chosen * width + i] * normals[i],
                };
                drawn.push(((mean + temperature * away) * self.scale[i] + self.shift[i]) as f32);
            }
        }
        drawn
    }

    /// Writes the log density of a standardized row under each component, its weight included, to `out`; `solved` is
    /// room for a row.
    fn log_densities(&self, row: &[f64], solved: &mut [f64], out: &mut [f64]) {
        let width = self.width;
        for (k, out) in out.iter_mut().enumerate() {
            let mean = &self.means[k * width..(k + 1) * width];
            let (mut distance, mut log_volume) = (0.0, 0.0);
            for i in 0..width {
                let mut away = row[i] - mean[i];
                let own = match self.covariance {
                    Covariance::Full => {
                        let line = &self.factors[(k * width + i) * width..][..=i];
                        away -= line[..i].iter().zip(&*solved).map(|(l, s)| l * s).sum::<f64>();
                        line[i]
                    }
                    Covariance::Diagonal => self.factors[k * width + i],
                };
                solved[i] = away / own;
                distance += solved[i] * solved[i];
                log_volume += own.ln();
            }
            *out = self.weights[k].ln() - log_volume - 0.5 * (distance + width as f64 * std::f64::consts::TAU.ln());
        }
    }

    fn expect(&self, rows: &[f64]) -> MixtureSums {
        let (width, components) = (self.width, self.components());
        let square = self.factors.len() / components;
        let zero = || MixtureSums {
            log_likelihood: 0.0,
            counts: vec![0.0; components],
            sums: vec![0.0; components * width],
            products: vec![0.0; components * square],
        };
        let mut total = zero();
        // Few parts at a time: each is as large as the model.
        for group in rows.chunks(16 * ROWS_PER_TASK * width) {
            let parts: Vec<MixtureSums> = group
                .par_chunks(ROWS_PER_TASK * width)
                .map(|rows| {
                    let mut part = zero();
                    let (mut densities, mut solved) = (vec![0.0; components], vec![0.0; width]);
                    for row in rows.chunks_exact(width) {
                        self.log_densities(row, &mut solved, &mut densities);
                        let highest = densities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        let sum: f64 = densities.iter().map(|density| (density - highest).exp()).sum();
                        part.log_likelihood += highest + sum.ln();
                        for (k, density) in densities.iter().enumerate() {
                            let share = (density - highest).exp() / sum;
                            if share > 1e-12 {
                                part.add(k, share, row, square);
                            }
                        }
                    }
                    part
                })
                .collect();
            for part in &parts {
                total.log_likelihood += part.log_likelihood;
                let add = |to: &mut Vec<f64>, from: &[f64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                add(&mut total.counts, &part.counts);
                add(&mut total.sums, &part.sums);
                add(&mut total.products, &part.products);
            }
        }
        total
    }

    fn maximize(&mut self, sums: &MixtureSums, rows: usize) {
        let width = self.width;
        let square = self.factors.len() / self.components();
        for (k, &count) in sums.counts.iter().enumerate() {
            self.weights[k] = (count / rows as f64).max(f64::MIN_POSITIVE);
            // A component that hardly any row belongs to stays where it is and fades away.
            if count < 1.0 {
                continue;
            }
            let mean: Vec<f64> = sums.sums[k * width..(k + 1) * width].iter().map(|sum| sum / count).collect();
            let products = &sums.products[k * square..(k + 1) * square];
            let factors = match self.covariance {
                Covariance::Full => {
                    let entry = |i: usize, j: usize| {
                        let least = if i == j { LEAST_VARIANCE } else { 0.0 };
                        products[i * width + j] / count - mean[i] * mean[j] + least
                    };
                    cholesky(width, entry)
                }
                Covariance::Diagonal => (0..width)
                    .map(|i| ((products[i] / count - mean[i] * mean[i]).max(0.0) + LEAST_VARIANCE).sqrt())
                    .collect(),
            };
            self.means[k * width..(k + 1) * width].copy_from_slice(&mean);
            self.factors[k * square..(k + 1) * square].copy_from_slice(&factors);
        }
    }
}

impl MixtureSums {
    fn add(&mut self, k: usize, share: f64, row: &[f64], square: usize) {
        let width = row.len();
        self.counts[k] += share;
        for (sum, x) in self.sums[k * width..(k + 1) * width].iter_mut().zip(row) {
            *sum += share * x;
        }
        let products = &mut self.products[k * square..(k + 1) * square];
        if square == width {
            products.iter_mut().zip(row).for_each(|(sum, x)| *sum += share * x * x);
            return;
        }
        for (i, x) in row.iter().enumerate() {
            // The lower half is all that a Cholesky factor is made from.
            let line = &mut products[i * width..=i * width + i];
            line.iter_mut().zip(row).for_each(|(sum, y)| *sum += share * x * y);
        }
    }
}

/// Computes the lower factor `[width, width]` of a symmetric matrix from `entry`, which returns its lower entries.
/// Pivots that rounding made negative count as the least variance.
fn cholesky(width: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut factor = vec![0.0; width * width];
    for i in 0..width {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|c| factor[i * width + c] * factor[j * width + c]).sum();
            let left = entry(i, j) - dot;
            factor[i * width + j] = if i == j { left.max(LEAST_VARIANCE).sqrt() } else { left / factor[j * width + j] };
        }
    }
    factor
}

/// Computes the mean and the deviation of each value over rows; the deviation is 1 for values that do not vary.
fn spread(rows: &[f32], width: usize) -> (Vec<f64>, Vec<f64>) {
    let count = (rows.len() / width) as f64;
    let column = |i: usize| rows.iter().skip(i).step_by(width).map(|&x| f64::from(x));
    (0..width)
        .map(|i| {
            let mean = column(i).sum::<f64>() / count;
            let deviation = (column(i).map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
            (mean, if deviation > 1e-9 { deviation } else { 1.0 })
        })
        .unzip()
}

/// Draws rows far from each other, each with a chance that grows with its squared distance from those before it
/// (k-means++, Arthur & Vassilvitskii 2007).
fn starts(rows: &[f64], width: usize, components: usize, seed: u64) -> Vec<f64> {
    let count = rows.len() / width;
    let draw = |number: usize| f64::from(unit_float(philox4x32([number as u32, stream::MIXTURE, 0, 0], key(seed))[0]));
    let row = |at: usize| &rows[at * width..(at + 1) * width];
    let mut chosen = ((draw(0) * count as f64) as usize).min(count - 1);
    let mut means = row(chosen).to_vec();
    let mut distances = vec![f64::INFINITY; count];
    for number in 1..components {
        for (at, distance) in distances.iter_mut().enumerate() {
            let apart: f64 = row(at).iter().zip(row(chosen)).map(|(a, b)| (a - b) * (a - b)).sum();
            *distance = distance.min(apart);
        }
        let mut left = draw(number) * distances.iter().sum::<f64>();
        chosen = distances
            .iter()
            .position(|distance| {
                left -= distance;
                left < 0.0
            })
            .unwrap_or(count - 1);
        means.extend_from_slice(row(chosen));
    }
    means
}
