//! Changes of resolution: pooling, upsampling, pixel shuffling.

use hourglass::graph::Op as _;
use hourglass::graph::ops::{Resample, Resampling};

use super::{Case, case, check_family, input};

/// Returns changes of resolution, up and down.
fn resampling_cases() -> Vec<Case> {
    use Resampling::{AveragePool, Bilinear, MaxPool, Nearest, PixelShuffle, PixelUnshuffle};
    let mut cases = Vec::new();
    let shapes = [
        (Nearest, 2, [29, 31], 3),
        (Nearest, 3, [1, 1], 1),
        (Nearest, 3, [7, 5], 8),
        (Bilinear, 2, [7, 9], 4),
        (Bilinear, 3, [5, 1], 5),
        (AveragePool, 2, [29, 31], 3),
        (AveragePool, 3, [7, 9], 1),
        (AveragePool, 3, [10, 8], 12),
        (MaxPool, 2, [29, 31], 5),
        (MaxPool, 3, [8, 9], 4),
        (PixelShuffle, 2, [7, 5], 12),
        (PixelUnshuffle, 3, [9, 6], 2),
    ];
    for (kind, s, size, c) in shapes {
        let [h, w] = size;
        let n = 2;
        let at = move |x: &[f64], i: usize, y: usize, z: usize, k: usize| x[((i * h + y) * w + z) * c + k];
        cases.push(case(
            Resample { kind, factor: s }.name(),
            format!("{n}x{size:?}x{c} by {s}"),
            vec![input(&[n, h, w, c], 50)],
            move |graph, ids| Ok(vec![graph.add(Resample { kind, factor: s }, ids, "resample")?]),
            move |arrays| {
                let x = &arrays[0];
                let (oh, ow, oc) = match kind {
                    Nearest | Bilinear => (h * s, w * s, c),
                    AveragePool | MaxPool => (h / s, w / s, c),
                    PixelShuffle => (h * s, w * s, c / s / s),
                    PixelUnshuffle => (h / s, w / s, c * s * s),
                };
                let mut out = Vec::new();
                for i in 0..n {
                    for y in 0..oh {
                        for z in 0..ow {
                            for k in 0..oc {
                                let block = || (0..s * s).map(|b| at(x, i, y * s + b / s, z * s + b % s, k));
                                out.push(match kind {
                                    Nearest => at(x, i, y / s, z / s, k),
                                    AveragePool => block().sum::<f64>() / (s * s) as f64,
                                    MaxPool => block().fold(f64::NEG_INFINITY, f64::max),
                                    PixelShuffle => at(x, i, y / s, z / s, (k * s + y % s) * s + z % s),
                                    PixelUnshuffle => {
                                        let b = k % (s * s);
                                        at(x, i, y * s + b / s, z * s + b % s, k / (s * s))
                                    }
                                    Bilinear => {
                                        let ends = |to: usize, count: usize| {
                                            let center = ((to as f64 + 0.5) / s as f64 - 0.5).max(0.0);
                                            let low = center.floor() as usize;
                                            (low, (low + 1).min(count - 1), center - center.floor())
                                        };
                                        let ((y0, y1, fy), (x0, x1, fx)) = (ends(y, h), ends(z, w));
                                        let row = |r| (1.0 - fx) * at(x, i, r, x0, k) + fx * at(x, i, r, x1, k);
                                        (1.0 - fy) * row(y0) + fy * row(y1)
                                    }
                                });
                            }
                        }
                    }
                }
                vec![out]
            },
        ));
    }
    cases
}

#[test]
fn resampling_ops_match_f64_and_their_gradients() {
    check_family("resampling", &resampling_cases());
}
