//! Histogram of anomaly scores.

/// Bins of the histogram per factor of ten, and the powers of ten that it covers.
pub(super) const PER_DECADE: usize = 20;
pub(super) const LOWEST: i32 = -3;
pub(super) const DECADES: usize = 9;

/// Counts of rows by score: normal ones (or all, without labels), and abnormal ones.
#[derive(Debug)]
pub(super) struct Histogram {
    pub bins: Vec<[u64; 2]>,
    pub has_labels: bool,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { bins: vec![[0; 2]; DECADES * PER_DECADE], has_labels: false }
    }
}

impl Histogram {
    pub fn add(&mut self, score: f64, abnormal: Option<bool>) {
        let place = ((score.max(1e-300).log10() - f64::from(LOWEST)) * PER_DECADE as f64).floor();
        let bin = place.clamp(0.0, (self.bins.len() - 1) as f64) as usize;
        self.bins[bin][usize::from(abnormal == Some(true))] += 1;
        self.has_labels |= abnormal.is_some();
    }
}
