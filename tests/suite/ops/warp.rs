//! Random shifts, turns, zooms and mirror images of augmentation.

use hourglass::graph::ops::Warp;
use hourglass::kernels::augment::WarpBounds;
use hourglass::random::{philox4x32, unit_float};

use super::{Case, case, check_family, input};

/// Returns warps of gray and color pictures.
fn warp_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (size, c) in [([29, 31], 1), ([9, 8], 3)] {
        let bounds = WarpBounds { shift: 2.0, rotate: 0.1, scale: 0.2, mirror: [true, true] };
        let n = 5;
        let mut warped = case(
            "warp",
            format!("{n}x{size:?}x{c}"),
            vec![input(&[n, size[0], size[1], c], 86)],
            move |graph, ids| Ok(vec![graph.add(Warp { bounds, stream: 9 }, ids, "warp")?]),
            move |arrays| vec![warp(&arrays[0], n, size, c, bounds)],
        );
        warped.differentiable = false;
        cases.push(warped);
    }
    cases
}

/// Warps pictures by bilinear interpolation, zero outside.
fn warp(x: &[f64], n: usize, [h, w]: [usize; 2], c: usize, bounds: WarpBounds) -> Vec<f64> {
    let mut out = Vec::new();
    for i in 0..n {
        let words = |last| philox4x32([i as u32, 9, 7, last], [3, 5]);
        let draw = words(0).map(|word| 2.0 * f64::from(unit_float(word)) - 1.0);
        let coins = words(1);
        let (sin, cos) = (std::f64::consts::TAU * f64::from(bounds.rotate) * draw[2]).sin_cos();
        let factor = 1.0 / (1.0 + f64::from(bounds.scale) * draw[3]);
        let (cy, cx) = ((h as f64 - 1.0) / 2.0, (w as f64 - 1.0) / 2.0);
        for y in 0..h {
            for z in 0..w {
                let dy = (y as f64 - cy) * if coins[0] & 1 != 0 { -1.0 } else { 1.0 };
                let dx = (z as f64 - cx) * if coins[1] & 1 != 0 { -1.0 } else { 1.0 };
                let fy = factor * (cos * dy - sin * dx) + cy + f64::from(bounds.shift) * draw[0];
                let fx = factor * (sin * dy + cos * dx) + cx + f64::from(bounds.shift) * draw[1];
                for k in 0..c {
                    let at = |r: f64, q: f64| {
                        let inside = r >= 0.0 && q >= 0.0 && r < h as f64 && q < w as f64;
                        if inside { x[((i * h + r as usize) * w + q as usize) * c + k] } else { 0.0 }
                    };
                    let (r, q, sy, sx) = (fy.floor(), fx.floor(), fy - fy.floor(), fx - fx.floor());
                    let row = |r: f64| (1.0 - sx) * at(r, q) + sx * at(r, q + 1.0);
                    out.push((1.0 - sy) * row(r) + sy * row(r + 1.0));
                }
            }
        }
    }
    out
}

#[test]
fn warp_ops_match_f64() {
    check_family("warp", &warp_cases());
}
