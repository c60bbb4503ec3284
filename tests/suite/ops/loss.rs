//! Reconstruction losses and SSIM, and losses of a batch that is not full.

use std::sync::Arc;

use hourglass::graph::ops::{ElementLoss, SsimLoss, StopGradient};
use hourglass::kernels::loss::{LossTerm, ReconstructionLoss};

use super::{Case, case, check_family, input, to_f64};
use crate::support::noise;

/// Returns every loss of outputs against targets.
fn loss_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in ReconstructionLoss::ALL {
        for (n, d, sum_over_values) in [(1, 1, false), (7, 65, false), (3, 1030, true)] {
            let (extents, values) = input(&[n, d], 90);
            let term = LossTerm { sum_over_values, variance: 0.5, ..LossTerm::mean(kind) };
            let goal = noise(n * d, 91);
            let goal64: Vec<f64> = goal.iter().map(|&g| 0.5 + 0.5 * f64::from(g)).collect();
            let half: Vec<f32> = goal.iter().map(|&g| 0.5 + 0.5 * g).collect();
            let mut loss = case(
                &format!("loss {kind:?}"),
                format!("{n}x{d} {}", if sum_over_values { "sum" } else { "mean" }),
                vec![(extents, values.iter().map(|v| 2.0 * v).collect()), (vec![n, d], half)],
                move |graph, ids| {
                    let goal = graph.add(StopGradient, &ids[1..], "goal")?;
                    Ok(vec![graph.add(ElementLoss::new(term), &[ids[0], goal], "loss")?])
                },
                move |arrays| {
                    let scale = (n * if sum_over_values { 1 } else { d }) as f64;
                    let values = arrays[0].iter().zip(&goal64).map(|(&y, &x)| {
                        let e: f64 = y - x;
                        let value = match kind {
                            ReconstructionLoss::Mse => e * e,
                            ReconstructionLoss::Bce => y.max(0.0) - y * x + (-y.abs()).exp().ln_1p(),
                            ReconstructionLoss::L1 => e.abs(),
                            ReconstructionLoss::Huber => {
                                if e.abs() <= 1.0 {
                                    e * e / 2.0
                                } else {
                                    e.abs() - 0.5
                                }
                            }
                            ReconstructionLoss::Gaussian => e * e + 0.5 * (std::f64::consts::PI).ln(),
                            other => panic!("{other:?} has no formula here"),
                        };
                        value / scale
                    });
                    vec![vec![values.sum()]]
                },
            );
            loss.is_loss = true;
            cases.push(loss);
        }
    }
    for (n, size, c) in [(1, [11, 11], 1), (2, [29, 31], 1), (1, [13, 12], 3)] {
        let [h, w] = size;
        let unit = |stream| {
            let (extents, values) = input(&[n, h, w, c], stream);
            (extents, values.iter().map(|v| 0.5 + 0.5 * v).collect::<Vec<f32>>())
        };
        let goal = unit(93).1;
        let goal64 = to_f64(&goal);
        let mut loss = case(
            "loss SSIM",
            format!("{n}x{size:?}x{c}"),
            vec![unit(92), unit(93)],
            move |graph, ids| {
                let goal = graph.add(StopGradient, &ids[1..], "goal")?;
                graph.add_op(Arc::new(SsimLoss { weight: 1.0 }), &[ids[0], goal], "ssim").map(|ids| ids[..1].to_vec())
            },
            move |arrays| vec![vec![1.0 - ssim(&arrays[0], &goal64, n, size, c)]],
        );
        loss.is_loss = true;
        cases.push(loss);
    }
    cases.push(ragged_case());
    cases
}

/// Returns a loss of a ragged last batch: rows without data add nothing to it and have no gradient.
fn ragged_case() -> Case {
    let (n, rows, d) = (7, 3, 65);
    let goal = noise(n * d, 91);
    let mut loss = case(
        "loss Mse, ragged",
        format!("{rows} of {n}x{d}"),
        vec![input(&[n, d], 90), (vec![n, d], goal.clone())],
        |graph, ids| {
            let goal = graph.add(StopGradient, &ids[1..], "goal")?;
            Ok(vec![graph.add(ElementLoss::new(LossTerm::mean(ReconstructionLoss::Mse)), &[ids[0], goal], "loss")?])
        },
        move |arrays| {
            let squares = arrays[0][..rows * d].iter().zip(&goal).map(|(y, &x)| (y - f64::from(x)).powi(2));
            vec![vec![squares.sum::<f64>() / (rows * d) as f64]]
        },
    );
    (loss.rows, loss.is_loss) = (rows, true);
    loss
}

/// Computes the mean structural similarity with a Gaussian window of 11x11 (Wang et al. 2004).
fn ssim(a: &[f64], b: &[f64], n: usize, [h, w]: [usize; 2], c: usize) -> f64 {
    let raw: Vec<f64> = (-5..=5).map(|i| (-f64::from(i * i) / 4.5).exp()).collect();
    let total: f64 = raw.iter().sum();
    let (mut sum, mut count) = (0.0, 0.0);
    for i in 0..n {
        for y in 0..h - 10 {
            for x in 0..w - 10 {
                for k in 0..c {
                    let [mut ma, mut mb, mut aa, mut bb, mut ab] = [0.0; 5];
                    for dy in 0..11 {
                        for dx in 0..11 {
                            let weight = raw[dy] * raw[dx] / total / total;
                            let at = ((i * h + y + dy) * w + x + dx) * c + k;
                            ma += weight * a[at];
                            mb += weight * b[at];
                            aa += weight * a[at] * a[at];
                            bb += weight * b[at] * b[at];
                            ab += weight * a[at] * b[at];
                        }
                    }
                    let (va, vb, cov) = (aa - ma * ma, bb - mb * mb, ab - ma * mb);
                    sum +=
                        (2.0 * ma * mb + 1e-4) * (2.0 * cov + 9e-4) / ((ma * ma + mb * mb + 1e-4) * (va + vb + 9e-4));
                    count += 1.0;
                }
            }
        }
    }
    sum / count
}

#[test]
fn loss_ops_match_f64_and_their_gradients() {
    check_family("loss", &loss_cases());
}
