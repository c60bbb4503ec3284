//! Multinomial logistic regression, the linear probe of a representation: its accuracy shows how far planes separate
//! the classes.

use std::collections::VecDeque;

use rayon::prelude::*;

use super::matmul::Matrix;

/// Rows of a piece; pieces are added up in order.
const PIECE_ROWS: usize = 512;
/// Steps that L-BFGS remembers.
const MEMORY: usize = 10;
/// Share of the promised descent that a step must bring (Armijo).
const DESCENT: f64 = 1e-4;

/// Regularization and stopping rules of [`Logistic::fit`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogisticOptions {
    /// Inverse strength of the L2 penalty: the weight of the summed losses of all rows against half the squared
    /// weights; 1 by default.
    pub c: f64,
    /// Largest absolute component of the gradient (of the mean over rows) at which the fit ends; 1e-4 by default.
    pub tolerance: f64,
    /// Limit of the L-BFGS steps; 500 by default.
    pub steps: usize,
}

impl Default for LogisticOptions {
    fn default() -> Self {
        Self { c: 1.0, tolerance: 1e-4, steps: 500 }
    }
}

/// Fitted logistic regression.
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    /// Weights `[classes, features + 1]`, the constant last.
    weights: Vec<f64>,
    features: usize,
    classes: usize,
}

impl Logistic {
    /// Minimizes mean cross-entropy + |weights|^2 / (2 c n), constants left alone, from zero by L-BFGS (Liu & Nocedal
    /// 1989) over `rows` `[n, features]` of the classes `labels` in 0..`classes`. `None` without rows, features or two
    /// classes.
    pub fn fit(
        rows: &[f32],
        features: usize,
        labels: &[usize],
        classes: usize,
        options: &LogisticOptions,
    ) -> Option<Self> {
        let n = labels.len();
        if n == 0 || features == 0 || classes < 2 || rows.len() != n * features || labels.iter().any(|&l| l >= classes)
        {
            return None;
        }
        let mut model = Self { weights: vec![0.0; classes * (features + 1)], features, classes };
        let penalty = 1.0 / (options.c * n as f64);
        let (mut loss, mut gradient) = model.loss(rows, labels, penalty);
        let mut history: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
        for _ in 0..options.steps {
            if gradient.iter().all(|g| g.abs() <= options.tolerance) {
                break;
            }
            let direction = descent(&gradient, &history);
            let slope = dot(&direction, &gradient);
            let mut size = if history.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
            let before = model.weights.clone();
            let found = (0..40).find_map(|_| {
                model.weights = before.iter().zip(&direction).map(|(w, d)| w + size * d).collect();
                let (next, next_gradient) = model.loss(rows, labels, penalty);
                let enough = next <= loss + DESCENT * size * slope;
                size *= 0.5;
                enough.then_some((next, next_gradient))
            });
            let Some((next, next_gradient)) = found else {
                // No step descends any more: rounding is all that is left.
                model.weights = before;
                break;
            };
            let step: Vec<f64> = model.weights.iter().zip(&before).map(|(a, b)| a - b).collect();
            let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
            let curvature = dot(&step, &change);
            if curvature > 1e-12 * dot(&change, &change) {
                if history.len() == MEMORY {
                    history.pop_front();
                }
                history.push_back((step, change, 1.0 / curvature));
            }
            (loss, gradient) = (next, next_gradient);
        }
        Some(model)
    }

    /// Computes the objective and its gradient.
    fn loss(&self, rows: &[f32], labels: &[usize], penalty: f64) -> (f64, Vec<f64>) {
        let (features, classes, n) = (self.features, self.classes, labels.len() as f64);
        let pieces: Vec<(f64, Vec<f64>)> = rows
            .par_chunks(PIECE_ROWS * features)
            .zip(labels.par_chunks(PIECE_ROWS))
            .map(|(rows, labels)| {
                let rows = with_ones(rows, features);
                let mut residual = self.probabilities_of(&rows);
                let mut loss = 0.0;
                for (row, &label) in residual.chunks_exact_mut(classes).zip(labels) {
                    loss -= row[label].max(f64::MIN_POSITIVE).ln();
                    row[label] -= 1.0;
                }
                let gradient = Matrix::new(&residual, classes).transposed().times(Matrix::new(&rows, features + 1));
                (loss, gradient)
            })
            .collect();
        let mut loss = 0.0;
        let mut gradient = vec![0.0; self.weights.len()];
        for (part, part_gradient) in &pieces {
            loss += part / n;
            gradient.iter_mut().zip(part_gradient).for_each(|(sum, g)| *sum += g / n);
        }
        for (i, (g, &w)) in gradient.iter_mut().zip(&self.weights).enumerate() {
            if (i + 1) % (features + 1) != 0 {
                loss += 0.5 * penalty * w * w;
                *g += penalty * w;
            }
        }
        (loss, gradient)
    }

    /// Computes the probabilities `[n, classes]` of rows `[n, features + 1]`.
    fn probabilities_of(&self, rows: &[f64]) -> Vec<f64> {
        let width = self.features + 1;
        let mut logits = Matrix::new(rows, width).times(Matrix::new(&self.weights, width).transposed());
        for row in logits.chunks_exact_mut(self.classes) {
            let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|z| (z - highest).exp()).sum();
            row.iter_mut().for_each(|z| *z = (*z - highest).exp() / sum);
        }
        logits
    }

    /// Computes the class probabilities `[n, classes]` of rows `[n, features]`.
    pub fn probabilities(&self, rows: &[f32]) -> Vec<f64> {
        let pieces = rows.par_chunks(PIECE_ROWS * self.features);
        let pieces: Vec<Vec<f64>> = pieces.map(|rows| self.probabilities_of(&with_ones(rows, self.features))).collect();
        pieces.into_iter().flatten().collect()
    }

    /// Returns the likeliest class of each row of `[n, features]`; of equally likely ones the lowest.
    pub fn classes(&self, rows: &[f32]) -> Vec<usize> {
        let likeliest =
            |row: &[f64]| (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best });
        self.probabilities(rows).chunks_exact(self.classes).map(likeliest).collect()
    }
}

fn with_ones(rows: &[f32], features: usize) -> Vec<f64> {
    rows.chunks_exact(features).flat_map(|row| row.iter().map(|&x| f64::from(x)).chain([1.0])).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Computes the descent direction: minus the gradient times the estimate of the inverse Hessian (Nocedal's two loops).
fn descent(gradient: &[f64], history: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(history.len());
    for (step, change, inverse) in history.iter().rev() {
        let share = inverse * dot(step, &direction);
        direction.iter_mut().zip(change).for_each(|(d, c)| *d -= share * c);
        shares.push(share);
    }
    if let Some((_, change, inverse)) = history.back() {
        let scale = 1.0 / (inverse * dot(change, change));
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for ((step, change, inverse), share) in history.iter().zip(shares.iter().rev()) {
        let back = inverse * dot(change, &direction);
        direction.iter_mut().zip(step).for_each(|(d, s)| *d += (share - back) * s);
    }
    direction
}
