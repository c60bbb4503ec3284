//! Dense layers.

use hourglass::graph::ops::Dense;
use hourglass::kernels::activation::Activation;

use super::{Case, activate, case, check_family, input};

/// Returns dense layers of awkward sizes.
fn dense_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (index, (n, d, k)) in
        // The last two are summed in parts of the batch.
        [
            (1, 1, 1),
            (7, 7, 7),
            (63, 65, 64),
            (64, 64, 64),
            (65, 63, 257),
            (128, 256, 2),
            (9, 100, 260),
            (1030, 7, 5),
            (1100, 68, 4),
        ]
        .into_iter()
        .enumerate()
    {
        let activation = [Activation::Relu, Activation::Tanh, Activation::Identity, Activation::Elu][index % 4];
        cases.push(case(
            "dense",
            format!("{n}x{d}x{k}"),
            vec![input(&[n, d], 1), input(&[k, d], 2), input(&[k], 3)],
            move |graph, ids| Ok(vec![graph.add(Dense { activation }, ids, "dense")?]),
            move |arrays| {
                let y = (0..n * k).map(|i| {
                    let (row, unit) = (i / k, i % k);
                    let sum: f64 = (0..d).map(|j| arrays[0][row * d + j] * arrays[1][unit * d + j]).sum();
                    activate(activation, sum + arrays[2][unit])
                });
                vec![y.collect()]
            },
        ));
    }
    cases
}

#[test]
fn dense_ops_match_f64_and_their_gradients() {
    check_family("dense", &dense_cases());
}
