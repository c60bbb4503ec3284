//! Ops of one value at a time: activations, sums, dropout and noise.

use hourglass::graph::ops::Pointwise;
use hourglass::kernels::activation::Activation;
use hourglass::kernels::pointwise::PointwiseStage;

use super::{Case, activate, case, check_family, input, random};

/// Returns every pointwise stage, at counts around those of a workgroup.
fn pointwise_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in [1, 7, 63, 64, 65, 257] {
        for kind in Activation::ALL.into_iter().skip(1) {
            let (extents, values) = input(&[count, 1], 70);
            let scaled = values.iter().map(|value| 3.0 * value).collect();
            cases.push(case(
                &format!("activation {}", kind.name()),
                count.to_string(),
                vec![(extents, scaled)],
                move |graph, ids| {
                    Ok(vec![graph.add(Pointwise::one(PointwiseStage::Activate(kind)), ids, "activation")?])
                },
                move |arrays| vec![arrays[0].iter().map(|&x| activate(kind, x)).collect()],
            ));
        }
        cases.push(case(
            "add",
            count.to_string(),
            vec![input(&[count, 1], 71), input(&[count, 1], 72)],
            |graph, ids| Ok(vec![graph.add(Pointwise::one(PointwiseStage::Add), ids, "add")?]),
            |arrays| vec![arrays[0].iter().zip(&arrays[1]).map(|(a, b)| a + b).collect()],
        ));
        let rate = 0.3;
        for (name, stage) in [
            ("dropout", PointwiseStage::Dropout { rate, stream: 4 }),
            ("masking", PointwiseStage::Mask { rate, stream: 4 }),
            ("gaussian noise", PointwiseStage::Gaussian { sigma: rate, stream: 4 }),
            ("salt and pepper", PointwiseStage::SaltAndPepper { rate, stream: 4 }),
        ] {
            cases.push(case(
                name,
                count.to_string(),
                vec![input(&[count, 1], 73)],
                move |graph, ids| Ok(vec![graph.add(Pointwise::one(stage), ids, "random")?]),
                move |arrays| {
                    let rate = f64::from(rate);
                    let changed = arrays[0].iter().enumerate().map(|(i, &x)| {
                        let (u, normal) = random(i, 4);
                        match stage {
                            PointwiseStage::Dropout { .. } if u < rate => 0.0,
                            PointwiseStage::Dropout { .. } => x / (1.0 - rate),
                            PointwiseStage::Mask { .. } if u < rate => 0.0,
                            PointwiseStage::Gaussian { .. } => x + rate * normal,
                            PointwiseStage::SaltAndPepper { .. } if u < rate / 2.0 => 0.0,
                            PointwiseStage::SaltAndPepper { .. } if u >= 1.0 - rate / 2.0 => 1.0,
                            _ => x,
                        }
                    });
                    vec![changed.collect()]
                },
            ));
        }
    }
    cases
}

#[test]
fn pointwise_ops_match_f64_and_their_gradients() {
    check_family("pointwise", &pointwise_cases());
}
