//! Work of a training step, by which runs are made as long as their time allows.

use super::network::{Network, RowSource};
use super::shape::data_shape;
use super::spec::{Spec, SpecError};
use crate::data::DataSet;
use crate::graph::GraphError;

/// Operations in the time of the update of a parameter; see `train::cost`.
const UPDATE_WORK: f64 = 60.0;

/// Estimates the operations of a training step of `spec` on `data`.
pub(super) fn step_work(spec: &Spec, data: &DataSet) -> Result<f64, SpecError> {
    let problem = |error: GraphError| SpecError::Invalid { field: "model", problem: error.to_string() };
    let network = Network::new(spec, data_shape(spec, data)).map_err(problem)?;
    let source = RowSource::Data { rows: data.rows, part_rows: data.train.len(), element: data.element() };
    let plan = network.training_pass(spec.train.batch_size, source).map_err(problem)?;
    let flops: f64 = plan.calls.iter().map(|call| call.kernel.flops()).sum();
    Ok((flops + UPDATE_WORK * network.parameter_count() as f64).max(1.0))
}
