//! A training run before it has a device's memory: spec, data, network and the plan of a step.

use std::sync::Arc;

use super::TrainError;
use super::cost::CostEstimate;
use super::data_loader::DataPlacement;
use super::evaluator::evaluation_batch;
use crate::data::DataSet;
use crate::device::Device;
use crate::graph::{GraphError, Plan};
use crate::model::{Network, RowSource, Spec, data_shape};

/// The plan of a training step, made once a start: the check of memory reads it, autotuning measures its kernels, and a
/// [`Session`](super::Session) runs it.
#[derive(Debug)]
pub struct TrainingPlan {
    pub(super) spec: Spec,
    pub(super) data: Arc<DataSet>,
    pub(super) network: Arc<Network>,
    pub(super) placement: DataPlacement,
    pub(super) plan: Plan,
}

impl TrainingPlan {
    /// Plans `spec` for `data`, with the train part limited where the spec says so.
    ///
    /// # Errors
    /// When the spec is wrong or does not fit the data, or `device` has no room for it.
    #[tracing::instrument(level = "debug", name = "plan_training", skip_all)]
    pub fn new(spec: Spec, data: Arc<DataSet>, device: &Device) -> Result<Self, TrainError> {
        spec.check()?;
        let (mut spec, mut data) = (spec, data);
        spec.take_options(&data);
        if let Some(rows) = spec.data.rows
            && rows < data.train.len()
        {
            Arc::make_mut(&mut data).limit_train(rows);
        }
        let network = Network::new(&spec, data_shape(&spec, &data))?;
        network.check_start()?;
        let batch = spec.train.batch_size;
        if batch > data.train.len() {
            return Err(TrainError::BatchTooLarge { batch, rows: data.train.len() });
        }
        let placement = DataPlacement::choose(&data, device, batch);
        let rows = placement.buffer_rows(&data, evaluation_batch(&network, data.rows));
        let source = RowSource::Data { rows, part_rows: data.train.len(), element: data.element() };
        let plan = network.training_pass(batch, source)?;
        device.check_room(plan.bytes().activations + plan.bytes().external).map_err(GraphError::from)?;
        Ok(Self { spec, data, network: Arc::new(network), placement, plan })
    }

    /// Returns the network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the cost of training.
    pub fn cost(&self) -> CostEstimate {
        CostEstimate::new(&self.network, &self.plan, self.data.train.len())
    }
}
