//! Cost of training a spec, estimated from its plan before anything is allocated.

use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::data::DataSet;
use crate::graph::Plan;
use crate::model::{LayerLocation, Network, RowSource, Spec, data_shape};

/// Cost of training a spec on some data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CostEstimate {
    /// Every layer from the input to the output, and the values that a row has after it.
    pub outline: Vec<(LayerLocation, usize)>,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Bytes that training holds on the device.
    pub memory_bytes: usize,
    /// Cost of an epoch in arbitrary units, for ratios alone.
    pub epoch_cost: f64,
}

impl CostEstimate {
    /// Reads the `plan` of a training step of `network`, on `train_rows` rows an epoch.
    pub(super) fn new(network: &Network, plan: &Plan, train_rows: usize) -> Self {
        /// Operations in the time of Adam's update of a parameter: between 76 on two cores (0.34 ns where products run
        /// at 220 GFLOP/s) and 47 on lavapipe (3.5 ns at 13.5 GFLOP/s), by `hourglass bench`.
        const UPDATE_COST: f64 = 60.0;
        /// Operations in the time of a kernel call: 59 us on lavapipe; next to nothing on a CPU, where small kernels
        /// run at less than their best rate instead.
        const CALL_COST: f64 = 8e5;
        let work: f64 = plan.calls.iter().map(|call| call.kernel.flops() + CALL_COST).sum();
        let bytes = plan.bytes();
        let steps = (train_rows / network.spec().train.batch_size.max(1)) as f64;
        Self {
            outline: network.outline().to_vec(),
            parameters: network.parameter_count(),
            memory_bytes: bytes.activations + bytes.external,
            epoch_cost: steps * (work + UPDATE_COST * network.parameter_count() as f64),
        }
    }
}

/// Estimates the cost of training `spec` on `data` from its plan.
///
/// # Errors
/// If the spec is wrong or does not fit the data.
pub fn estimate_cost(spec: &Spec, data: &DataSet) -> Result<CostEstimate, TrainError> {
    spec.check()?;
    let network = Network::new(spec, data_shape(spec, data))?;
    let batch = spec.train.batch_size;
    let subject = RowSource::Data { rows: data.rows, part_rows: data.train.len(), element: data.element() };
    let plan = network.training_pass(batch, subject)?;
    Ok(CostEstimate::new(&network, &plan, data.train.len()))
}
