//! Ranges and smoothing of charted values.

/// Running mean over `share` of the curve.
pub fn smooth_by(points: &[[f32; 2]], share: f64) -> Vec<[f32; 2]> {
    let window = ((points.len() as f64 * share) as usize).max(1);
    let mut sum = 0.0;
    points
        .iter()
        .enumerate()
        .map(|(i, p)| {
            sum += f64::from(p[1]);
            if i >= window {
                sum -= f64::from(points[i - window][1]);
            }
            [p[0], (sum / (i + 1).min(window) as f64) as f32]
        })
        .collect()
}

/// Returns the range of the y axis: everything after the first steep fall; `None` without finite values.
pub fn curve_range(smoothed: &[[f32; 2]], validation: &[[f32; 2]]) -> Option<(f64, f64)> {
    let skip = smoothed.len() / 25;
    let values = smoothed.iter().skip(skip).chain(validation).map(|p| f64::from(p[1])).filter(|v| v.is_finite());
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values {
        low = low.min(value);
        high = high.max(value);
    }
    if !low.is_finite() {
        return None;
    }
    let margin = ((high - low) * 0.08).max(high.abs() * 1e-3).max(1e-9);
    Some((low - margin, high + margin))
}

/// Part of the plane that a map shows.
#[derive(Clone, Copy, Debug)]
pub struct MapView {
    /// Middle `[x, y]`, in the units of the points.
    pub center: [f32; 2],
    /// Half of the width and of the height, a margin of 8% included.
    pub half: [f32; 2],
}

/// Returns a view around the middle 99.5% of the points on each axis, so that a few outliers do not shrink the rest to
/// a dot; `None` without finite points.
pub fn map_view(points: &[[f32; 2]]) -> Option<MapView> {
    let bounds = |axis: usize| {
        let mut values: Vec<f32> = points.iter().map(|p| p[axis]).filter(|v| v.is_finite()).collect();
        if values.is_empty() {
            return None;
        }
        values.sort_by(f32::total_cmp);
        let cut = values.len() / 400;
        Some((values[cut], values[values.len() - 1 - cut]))
    };
    let ((x0, x1), (y0, y1)) = (bounds(0)?, bounds(1)?);
    let half = |low: f32, high: f32| ((high - low) / 2.0 * 1.08).max(1e-3);
    Some(MapView { center: [(x0 + x1) / 2.0, (y0 + y1) / 2.0], half: [half(x0, x1), half(y0, y1)] })
}
