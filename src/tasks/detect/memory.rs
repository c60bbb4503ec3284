//! Memory of a fit, known before it starts.

use super::calibration::MOST_LATENTS;
use super::folds;
use super::reconstructions::CHUNK_BYTES;
use crate::data::{DataSet, LOOK_BYTES, Values};
use crate::device::Device;
use crate::error::Setting;
use crate::tasks::TaskError;
use crate::train::TrainingPlan;

/// Bytes of host memory that a fit takes, in its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FitMemory {
    /// Plan of a training step, with data and parameters. On a GPU they are not in this memory, and its own room is
    /// checked when they are allocated.
    pub training: usize,
    /// Rows of further folds, and rows being scored with their reconstructions.
    pub rows: usize,
    /// Usual errors and covariances of latents, of all parts of all folds.
    pub statistics: usize,
}

impl FitMemory {
    /// Predicts the memory of fitting `members` models to `data` on `device`, as `plan` says.
    pub fn new(plan: &TrainingPlan, data: &DataSet, members: usize, device: &Device) -> Self {
        let folds = if folds::are_few(data) { 1 + folds::MOST_FOLDS } else { 1 };
        let copied = match data.values {
            Values::Source { .. } => 0,
            Values::Bytes(_) | Values::Floats(_) => (folds - 1).saturating_mul(data.bytes()),
        };
        let latent = plan.network().latent();
        let parts = folds * folds::parts(data, folds);
        Self {
            training: if device.free_bytes().is_some() { plan.cost().memory_bytes } else { 0 },
            // Rows as they are, and as each member makes them.
            rows: copied
                .saturating_add(CHUNK_BYTES * 2)
                .saturating_add(data.features.saturating_mul(4 * (1 + members))),
            statistics: statistics(data.features, latent, parts),
        }
    }

    /// Bytes of a PCA of the train rows: rows twice, and the decomposition of their covariance.
    pub fn of_pca(data: &DataSet) -> usize {
        let rows = data.train.len().saturating_mul(data.features * 4).min(LOOK_BYTES);
        // Sums and products of 16 tasks, the matrix, its vectors, and as much again for the decomposition.
        let square = data.features.saturating_mul(data.features);
        rows.saturating_mul(2).saturating_add(square.saturating_mul(16 * 4 + 6 * 8))
    }

    /// Refuses what `free` bytes have no room for; all of it where they are not known.
    ///
    /// # Errors
    /// When the parts are more than `free`, in words.
    pub fn check(&self, free: Option<usize>) -> Result<(), TaskError> {
        let needed = self.training.saturating_add(self.rows).saturating_add(self.statistics);
        let Some(free) = free.filter(|free| needed > *free) else { return Ok(()) };
        let problem = format!(
            "a fit takes {} MB of memory ({} for training, {} for rows, {} for what is usual) and {} MB are free; use \
             fewer or smaller layers, a smaller train.batch_size, or rows of fewer values (data.exclude, data.size)",
            needed >> 20,
            self.training >> 20,
            self.rows >> 20,
            self.statistics >> 20,
            free >> 20
        );
        Err(TaskError::Setting { setting: Setting::spec_key("model.encoder"), problem })
    }
}

/// Returns the bytes of usual errors and of the covariances of latents in `parts` parts. Latents whose covariance is
/// not computed take none.
fn statistics(features: usize, latent: usize, parts: usize) -> usize {
    let square = if latent > MOST_LATENTS { 0 } else { latent * latent };
    // Sums of errors and usual errors of each part; sums of products of each part of a fold, those of all its rows, a
    // covariance and its root; whitenings of all parts.
    let of_parts = (8 + 4) * features.saturating_add(square);
    parts.saturating_mul(of_parts).saturating_add(4 * 8 * square)
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn covariances_are_bounded_and_what_has_no_room_is_refused() {
        // The widest covariance there is, in the most parts: 20 of five folds.
        let widest = statistics(4096, MOST_LATENTS, 20);
        assert!(widest < 300 << 20, "{widest}");
        assert!(statistics(4096, 49_152, 20) < 1 << 20, "more latents are left out");
        let memory = FitMemory { training: 600 << 20, rows: 300 << 20, statistics: 200 << 20 };
        assert!(memory.check(None).is_ok() && memory.check(Some(1100 << 20)).is_ok());
        let error = memory.check(Some(1000 << 20)).expect_err("no room").to_string();
        assert!(error.contains("1100 MB") && error.contains("1000 MB are free"), "{error}");
    }
}
