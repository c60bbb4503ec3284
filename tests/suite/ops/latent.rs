//! Ops of latent numbers: samples, divergences, sparsity, quantization.

use std::sync::Arc;

use hourglass::graph::ops::{GaussianKl, Mmd, QuantizeRows, RandomNumbers, SampleLatent, SparsityKl, TopK};
use hourglass::kernels::random::Distribution;

use super::{Case, case, check_family, input, random};

/// Returns samples and losses of the latent numbers, top-k and quantization.
fn latent_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, l) in [(1, 1), (65, 2), (7, 20)] {
        let clamp = [-1.5, 1.5];
        let moments = |stream| {
            let (extents, values) = input(&[n, 2 * l], stream);
            (extents, values.iter().map(|v| 2.0 * v).collect::<Vec<f32>>())
        };
        cases.push(case(
            "reparameterized sample",
            format!("{n}x{l}"),
            vec![moments(94)],
            move |graph, ids| Ok(vec![graph.add(SampleLatent { stream: 6, clamp }, ids, "sample")?]),
            move |arrays| {
                let z = (0..n * l).map(|i| {
                    let (row, unit) = (i / l, i % l);
                    let log_variance = arrays[0][(row * 2 + 1) * l + unit].clamp(-1.5, 1.5);
                    arrays[0][row * 2 * l + unit] + (log_variance / 2.0).exp() * random(i, 6).1
                });
                vec![z.collect()]
            },
        ));
        let mut loss = case(
            "KL divergence, free bits",
            format!("{n}x{l}"),
            vec![moments(95)],
            move |graph, ids| Ok(vec![graph.add(GaussianKl { clamp, free_bits: 0.6 }, ids, "kl")?]),
            move |arrays| {
                let mut gated = 0.0;
                let mut plain = 0.0;
                for unit in 0..l {
                    let sum: f64 = (0..n)
                        .map(|row| {
                            let mean = arrays[0][row * 2 * l + unit];
                            let log_variance = arrays[0][(row * 2 + 1) * l + unit].clamp(-1.5, 1.5);
                            0.5 * (mean * mean + log_variance.exp() - 1.0 - log_variance)
                        })
                        .sum();
                    gated += (sum / n as f64).max(0.6);
                    plain += sum / n as f64;
                }
                vec![vec![gated, plain]]
            },
        );
        loss.is_loss = true;
        cases.push(loss);
        let mut mmd = case(
            "maximum mean discrepancy",
            format!("{n}x{l}"),
            vec![input(&[n, l], 96)],
            move |graph, ids| {
                let random = RandomNumbers { extents: vec![n, l], stream: 8, distribution: Distribution::Normal };
                let prior = graph.add(random, &[], "prior")?;
                Ok(vec![graph.add(Mmd { weight: 1.0 }, &[ids[0], prior], "mmd")?])
            },
            move |arrays| {
                let prior: Vec<f64> = (0..n * l).map(|i| random(i, 8).1).collect();
                let row = |values: &[f64], i: usize| values[i * l..(i + 1) * l].to_vec();
                let kernel = |a: &[f64], b: &[f64]| {
                    let d: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
                    [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
                        .iter()
                        .map(|s| 2.0 * l as f64 * s / (2.0 * l as f64 * s + d))
                        .sum::<f64>()
                };
                let count = n.max(2) as f64;
                let mut total = 0.0;
                for i in 0..n {
                    for j in 0..n {
                        if i != j {
                            total += (kernel(&row(&arrays[0], i), &row(&arrays[0], j))
                                + kernel(&row(&prior, i), &row(&prior, j)))
                                / (count * (count - 1.0));
                        }
                        total -= 2.0 * kernel(&row(&arrays[0], i), &row(&prior, j)) / (count * count);
                    }
                }
                vec![vec![total]]
            },
        );
        mmd.is_loss = true;
        cases.push(mmd);
    }
    for (n, d) in [(1, 3), (65, 7), (600, 65)] {
        let (extents, values) = input(&[n, d], 97);
        let inside = values.iter().map(|v| 0.5 + 0.45 * v).collect();
        let mut loss = case(
            "sparsity KL",
            format!("{n}x{d}"),
            vec![(extents, inside)],
            |graph, ids| graph.add_op(Arc::new(SparsityKl { rate: 0.05 }), ids, "rate").map(|ids| ids[..1].to_vec()),
            move |arrays| {
                let unit = |unit: usize| {
                    let mean = (0..n).map(|row| arrays[0][row * d + unit]).sum::<f64>() / n as f64;
                    0.05 * (0.05 / mean).ln() + 0.95 * (0.95 / (1.0 - mean)).ln()
                };
                vec![vec![(0..d).map(unit).sum()]]
            },
        );
        loss.is_loss = true;
        cases.push(loss);
    }
    for (n, d, keep) in [(1, 1, 1), (7, 65, 5), (3, 257, 64), (2, 8, 8)] {
        cases.push(case(
            "top k",
            format!("{keep} of {n}x{d}"),
            vec![input(&[n, d], 98)],
            move |graph, ids| Ok(vec![graph.add(TopK { keep, dead_after: None }, ids, "top")?]),
            move |arrays| {
                let rows = arrays[0].chunks(d).flat_map(|row| {
                    let mut order: Vec<usize> = (0..d).collect();
                    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
                    let kept = order[..keep].to_vec();
                    (0..d).map(|i| if kept.contains(&i) { row[i] } else { 0.0 }).collect::<Vec<_>>()
                });
                vec![rows.collect()]
            },
        ));
    }
    for (n, pixels, d, entries) in [(1, 1, 1, 1), (3, 5, 7, 9), (2, 9, 4, 65)] {
        let mut quantized = case(
            "quantize",
            format!("{n}x{pixels}x{d} by {entries}"),
            vec![input(&[n, pixels, 1, d], 99), input(&[entries, d], 100)],
            |graph, ids| graph.add_op(Arc::new(QuantizeRows), ids, "codes"),
            move |arrays| {
                let (mut rows, mut codes) = (Vec::new(), Vec::new());
                for z in arrays[0].chunks(d) {
                    let distance = |entry: &[f64]| z.iter().zip(entry).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
                    let best = arrays[1].chunks(d).map(distance).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
                    let best = best.expect("an entry").0;
                    codes.push(best as f64);
                    rows.extend_from_slice(&arrays[1][best * d..(best + 1) * d]);
                }
                vec![rows, codes]
            },
        );
        quantized.differentiable = false;
        cases.push(quantized);
    }
    cases
}

#[test]
fn latent_ops_match_f64_and_their_gradients() {
    check_family("latent", &latent_cases());
}
