//! Structural similarity (Wang, Bovik, Sheikh & Simoncelli 2004, "Image quality assessment: from error visibility to
//! structural similarity").

const SIGMA: f64 = 1.5;
/// Radius in pixels of the Gaussian window of 11: the tails beyond 3.5 sigma are cut.
const RADIUS: usize = 5;
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// Mean SSIM of two one-channel images `[height, width]` with values in 0..1 (data range 1), biased covariance, over
/// the places whose whole window lies inside; `None` for images smaller than the window.
pub fn ssim(a: &[f32], b: &[f32], height: usize, width: usize) -> Option<f64> {
    let window = 2 * RADIUS + 1;
    if height < window || width < window || a.len() != height * width || b.len() != a.len() {
        return None;
    }
    let weights = gaussian();
    let blur = |value: &dyn Fn(f64, f64) -> f64| {
        let values: Vec<f64> = a.iter().zip(b).map(|(&a, &b)| value(f64::from(a), f64::from(b))).collect();
        filter(&values, height, width, &weights)
    };
    let mean_a = blur(&|a, _| a);
    let mean_b = blur(&|_, b| b);
    let square_a = blur(&|a, _| a * a);
    let square_b = blur(&|_, b| b * b);
    let product = blur(&|a, b| a * b);
    let total: f64 = (0..mean_a.len())
        .map(|i| {
            let (ma, mb) = (mean_a[i], mean_b[i]);
            let (va, vb, cov) = (square_a[i] - ma * ma, square_b[i] - mb * mb, product[i] - ma * mb);
            ((2.0 * ma * mb + C1) * (2.0 * cov + C2)) / ((ma * ma + mb * mb + C1) * (va + vb + C2))
        })
        .sum();
    Some(total / mean_a.len() as f64)
}

fn gaussian() -> Vec<f64> {
    let raw: Vec<f64> = (0..=2 * RADIUS).map(|i| (-((i as f64 - RADIUS as f64) / SIGMA).powi(2) / 2.0).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|weight| weight / sum).collect()
}

/// Applies a separable filter over the places where the window fits. Weights are added in their order, a whole line of
/// places at a time.
fn filter(values: &[f64], height: usize, width: usize, weights: &[f64]) -> Vec<f64> {
    let inner_width = width - 2 * RADIUS;
    let inner_height = height - 2 * RADIUS;
    let add = |out: &mut [f64], weight: f64, line: &[f64]| {
        out.iter_mut().zip(line).for_each(|(out, value)| *out += weight * value);
    };
    let mut rows = vec![0.0; height * inner_width];
    for (out, line) in rows.chunks_exact_mut(inner_width).zip(values.chunks_exact(width)) {
        for (k, &weight) in weights.iter().enumerate() {
            add(out, weight, &line[k..]);
        }
    }
    let mut out = vec![0.0; inner_height * inner_width];
    for (y, out) in out.chunks_exact_mut(inner_width).enumerate() {
        for (k, &weight) in weights.iter().enumerate() {
            add(out, weight, &rows[(y + k) * inner_width..]);
        }
    }
    out
}
