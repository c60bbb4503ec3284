//! Squared errors row by row, by which two states of a model are compared.

use super::{Evaluator, TrainError};
use crate::data::{DataSet, Part};

/// Rows whose errors are computed at once.
const ROWS_AT_ONCE: usize = 4096;

/// Squared error of each validation row, the mean over its values.
#[derive(Debug)]
pub(super) struct RowErrors(Vec<f64>);

impl RowErrors {
    /// Measures the model in `evaluator` on the validation part of `data`, from the input that training has.
    pub async fn measure(evaluator: &mut Evaluator, data: &DataSet) -> Result<Self, TrainError> {
        let mut errors = Vec::new();
        let rows = data.part(Part::Validation);
        for first in rows.clone().step_by(ROWS_AT_ONCE) {
            let some = first..rows.end.min(first + ROWS_AT_ONCE);
            let targets = data.rows_f32(some.clone())?;
            let outputs = evaluator.outputs(some, true, true).await?.outputs;
            let of_row = |(output, target): (&[f32], &[f32])| {
                let squares = output.iter().zip(target).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
                squares.sum::<f64>() / target.len().max(1) as f64
            };
            let features = data.features.max(1);
            errors.extend(outputs.chunks_exact(features).zip(targets.chunks_exact(features)).map(of_row));
        }
        Ok(Self(errors))
    }

    /// Returns whether these errors are below `others` by more than the standard error of the mean difference.
    pub fn gains_over(&self, others: &Self) -> bool {
        let gains: Vec<f64> = others.0.iter().zip(&self.0).map(|(other, own)| other - own).collect();
        let count = gains.len().max(2) as f64;
        let mean = gains.iter().sum::<f64>() / count;
        let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (count - 1.0);
        mean > (variance / count).sqrt()
    }
}
