//! Batch, layer and group normalization.

use std::collections::BTreeMap;
use std::sync::Arc;

use hourglass::graph::Init;
use hourglass::graph::ops::{Normalization, Normalize};
use hourglass::kernels::activation::Activation;

use super::{Case, activate, case, check_family, input};

/// Returns normalizations over rows and over pictures.
fn normalization_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let batch = Normalization::Batch { momentum: 0.1 };
    let group = |groups| Normalization::Group { groups };
    let shapes: Vec<(Normalization, Vec<usize>)> = vec![
        (batch, vec![65, 7]),
        (batch, vec![3, 29, 31, 5]),
        (batch, vec![2, 40, 40, 4]),
        (group(1), vec![7, 257]),
        (group(1), vec![1, 63]),
        (group(2), vec![2, 13, 11, 6]),
        (group(2), vec![3, 9, 7, 12]),
        (group(3), vec![2, 4, 5, 12]),
        (group(4), vec![1, 64, 65, 4]),
        (group(1), vec![3, 5, 4, 3]),
    ];
    for (index, (kind, extents)) in shapes.into_iter().enumerate() {
        let activation = [Activation::Identity, Activation::Relu, Activation::Tanh][index % 3];
        let channels = *extents.last().expect("channels");
        let inputs = vec![input(&extents, 60), input(&[channels], 61), input(&[channels], 62)];
        let name = if kind == batch { "batch norm" } else { "group norm" };
        let sizes = format!("{extents:?} {kind:?}");
        let samples = extents[0];
        let pixels = extents.iter().product::<usize>() / samples / channels;
        cases.push(case(
            name,
            sizes,
            inputs,
            move |graph, ids| {
                let op = Normalize { kind, epsilon: 1e-5, activation };
                let mut inputs = ids.to_vec();
                if kind == batch {
                    inputs.push(graph.statistic("running", [channels, 2], Init::Pairs([0.0, 1.0])));
                }
                Ok(vec![graph.add_op(Arc::new(op), &inputs, "norm")?[0]])
            },
            move |arrays| {
                let x = &arrays[0];
                let set = |i: usize| match kind {
                    Normalization::Group { groups } => (i / (pixels * channels), i % channels / (channels / groups)),
                    _ => (0, i % channels),
                };
                let mut sums = BTreeMap::new();
                for (i, &value) in x.iter().enumerate() {
                    let sum: &mut (f64, f64) = sums.entry(set(i)).or_default();
                    sum.0 += value;
                    sum.1 += 1.0;
                }
                let mut squares = BTreeMap::new();
                for (i, &value) in x.iter().enumerate() {
                    let (sum, count) = sums[&set(i)];
                    *squares.entry(set(i)).or_insert(0.0) += (value - sum / count).powi(2) / count;
                }
                let y = x.iter().enumerate().map(|(i, &value)| {
                    let (sum, count) = sums[&set(i)];
                    let normal = (value - sum / count) / (squares[&set(i)] + 1e-5).sqrt();
                    activate(activation, normal * arrays[1][i % channels] + arrays[2][i % channels])
                });
                vec![y.collect()]
            },
        ));
    }
    cases
}

#[test]
fn normalization_ops_match_f64_and_their_gradients() {
    check_family("normalization", &normalization_cases());
}
