//! Uncertainty of a mean over rows by the bootstrap (Efron 1979, "Bootstrap methods: another look at the jackknife").

use rayon::prelude::*;

use crate::random::Sampler;

/// Resamples of an interval: its ends are known to about a twentieth of its width.
pub const RESAMPLES: u32 = 1000;

/// The middle 95% of the means of [`RESAMPLES`] resamples of `values`, each as many values drawn with replacement
/// (percentile interval). `None` for fewer than two values, or where some are not finite.
pub fn mean_interval(values: &[f64], seed: u64) -> Option<[f64; 2]> {
    if values.len() < 2 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut means: Vec<f64> = (0..RESAMPLES)
        .into_par_iter()
        .map(|resample| {
            let mut draws = Sampler::new(seed, resample);
            (0..values.len()).map(|_| values[draws.below(values.len())]).sum::<f64>() / values.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    // Between its neighbors, as NumPy's percentile has it.
    let at = |share: f64| {
        let place = share * (means.len() - 1) as f64;
        let (below, part) = (place.floor() as usize, place.fract());
        let above = means[(below + 1).min(means.len() - 1)];
        means[below] + part * (above - means[below])
    };
    Some([at(0.025), at(0.975)])
}
