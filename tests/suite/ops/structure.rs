//! Ops that move, cut and broadcast values.

use hourglass::graph::ops::{AddRows, Least, Pointwise, Reshape, ScaleRows, Slice, StopGradient};
use hourglass::kernels::least::LEAST_KEPT;
use hourglass::kernels::pointwise::PointwiseStage;
use hourglass::tensor::Shape;

use super::{Case, GRADIENT_ERROR, case, check_family, error, input, on_all_devices, run, target};

/// Returns slices, broadcasts, views and scaled rows.
fn structure_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (rows, columns, offset, width) in [(1, 1, 0, 1), (7, 65, 3, 62), (63, 4, 2, 1), (9, 68, 8, 24)] {
        cases.push(case(
            "slice",
            format!("{rows}x{columns} at {offset}+{width}"),
            vec![input(&[rows, columns], 80)],
            move |graph, ids| Ok(vec![graph.add(Slice { offset, width }, ids, "slice")?]),
            move |arrays| {
                vec![arrays[0].chunks(columns).flat_map(|row| row[offset..offset + width].to_vec()).collect()]
            },
        ));
    }
    for (n, pixels, c, shared) in [(3, 35, 5, false), (2, 1, 64, false), (4, 9, 3, true), (1, 9000, 4, false)] {
        let rows = if shared { 1 } else { n };
        cases.push(case(
            "broadcast add",
            format!("{n}x{pixels}x{c} + {rows}x{c}"),
            vec![input(&[n, pixels, 1, c], 81), input(&[rows, c], 82)],
            move |graph, ids| Ok(vec![graph.add(AddRows, ids, "broadcast")?]),
            move |arrays| {
                let row = |i: usize| if shared { 0 } else { i / (pixels * c) };
                vec![arrays[0].iter().enumerate().map(|(i, x)| x + arrays[1][row(i) * c + i % c]).collect()]
            },
        ));
    }
    cases.push(case(
        "reshape",
        "5x6".to_owned(),
        vec![input(&[5, 6], 83)],
        |graph, ids| Ok(vec![graph.add(Reshape(Shape::new([5, 2, 3])), ids, "view")?]),
        |arrays| vec![arrays[0].clone()],
    ));
    for (n, c) in [(3, 35), (65, 4)] {
        let mut scaled = case(
            "scale samples",
            format!("{n}x{c}"),
            vec![input(&[n, c], 84), input(&[n, 1], 85)],
            move |graph, ids| Ok(vec![graph.add(ScaleRows, ids, "scale")?]),
            move |arrays| vec![arrays[0].iter().enumerate().map(|(i, x)| x * arrays[1][i / c]).collect()],
        );
        scaled.differentiable = false;
        cases.push(scaled);
    }
    for (n, m) in [(1, 1), (7, 65), (63, 4), (3, 64), (5, 1000), (2, 8)] {
        // Values of few levels: most are tied, and the lower column comes first.
        let (extents, values) = input(&[n, m], 86);
        let values = values.iter().map(|value| (value * 4.0).round() + 0.0).collect();
        let mut least = case(
            "least",
            format!("{n}x{m}"),
            vec![(extents, values)],
            |graph, ids| Ok(vec![graph.add(Least, ids, "least")?]),
            move |arrays| {
                let of_row = |row: &[f64]| {
                    let mut columns: Vec<usize> = (0..m).collect();
                    columns.sort_by(|&a, &b| row[a].total_cmp(&row[b]).then(a.cmp(&b)));
                    (0..LEAST_KEPT).map(|at| columns.get(at).map_or(m - 1, |&column| column) as f64).collect::<Vec<_>>()
                };
                vec![arrays[0].chunks(m).flat_map(of_row).collect()]
            },
        );
        least.differentiable = false;
        cases.push(least);
    }
    cases
}

#[test]
fn structure_ops_match_f64_and_their_gradients() {
    check_family("structure", &structure_cases());
}

/// Gradient of a + stop(b): by b it is zero, by a as if b were constant.
#[test]
fn no_gradient_passes_a_stop() {
    let stopped = case(
        "stop gradient",
        String::new(),
        vec![input(&[5, 6], 87), input(&[5, 6], 88)],
        |graph, ids| {
            let stopped = graph.add(StopGradient, &ids[1..], "stop")?;
            Ok(vec![graph.add(Pointwise::one(PointwiseStage::Add), &[ids[0], stopped], "add")?])
        },
        |_| Vec::new(),
    );
    on_all_devices(|name, device| {
        let outputs = run(&stopped, device);
        let pairs = outputs.values[0].iter().zip(target(0, 30));
        let expected: Vec<f64> = pairs.map(|(&y, goal)| 2.0 * f64::from(y - goal) / 5.0).collect();
        assert!(error(&outputs.gradients[0], &expected) < GRADIENT_ERROR, "{name}");
        assert!(outputs.gradients[1].iter().all(|&gradient| gradient == 0.0), "{name}");
    });
}
