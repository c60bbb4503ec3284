//! Graph rewrites that save passes over memory without changing results.

use std::sync::Arc;

use super::ops::Pointwise;
use super::{Graph, ValueId, ValueSource};
use crate::kernels::pointwise::{MAX_OPERANDS, MAX_STAGES, PointwiseStage};

/// Folds each gradient through an activation into the op that made the gradient, and neighboring element-by-element ops
/// into one, where no other op reads the intermediate value.
pub fn fuse(graph: &mut Graph, kept: &[ValueId]) {
    fold_activations(graph, kept);
    let mut index = 0;
    while index < graph.nodes.len() {
        match join_pointwise(graph, index, kept) {
            // The earlier of the two is gone: the later one has moved down.
            Some(()) => index = index.saturating_sub(1),
            None => index += 1,
        }
    }
}

/// Joins the element-by-element node at `index` with the one that makes its first input.
fn join_pointwise(graph: &mut Graph, index: usize, kept: &[ValueId]) -> Option<()> {
    let node = &graph.nodes[index];
    let stages = node.op.as_pointwise()?;
    let first = *node.inputs.first()?;
    let producer = graph.producer(first)?;
    let maker = &graph.nodes[producer];
    let earlier = maker.op.as_pointwise()?;
    let alone = readers(graph, first) == 1 && node.inputs.iter().filter(|&&input| input == first).count() == 1;
    if !alone || kept.contains(&first) || graph.value(first).source != ValueSource::Activation {
        return None;
    }
    let joined: Vec<PointwiseStage> = earlier.iter().chain(stages).copied().collect();
    let operands = maker.inputs.len() - 1 + node.inputs.len() - 1;
    if joined.len() > MAX_STAGES || operands > MAX_OPERANDS {
        return None;
    }
    let inputs: Vec<ValueId> = maker.inputs.iter().chain(&node.inputs[1..]).copied().collect();
    let node = &mut graph.nodes[index];
    node.op = Arc::new(Pointwise { stages: joined });
    node.inputs = inputs;
    graph.nodes.remove(producer);
    Some(())
}

fn readers(graph: &Graph, value: ValueId) -> usize {
    graph.nodes.iter().filter(|reader| reader.inputs.contains(&value)).count()
}

fn fold_activations(graph: &mut Graph, kept: &[ValueId]) {
    let mut index = 0;
    while index < graph.nodes.len() {
        if fold_activation_backward(graph, index, kept).is_some() {
            graph.nodes.remove(index);
        } else {
            index += 1;
        }
    }
}

fn fold_activation_backward(graph: &mut Graph, index: usize, kept: &[ValueId]) -> Option<()> {
    let node = &graph.nodes[index];
    let activation = node.op.as_activation_backward()?;
    let [dout, output] = node.inputs[..] else { return None };
    let folded = *node.outputs.first()?;
    if readers(graph, dout) != 1 || kept.contains(&dout) {
        return None;
    }
    let producer = graph.producer(dout)?;
    let maker = &graph.nodes[producer];
    let place = maker.outputs.iter().position(|&made| made == dout)?;
    let outputs_of = maker.inputs.iter().position(|&input| input == output)?;
    let op = maker.op.with_activation_backward(place, activation, outputs_of)?;
    graph.nodes[producer].op = op;
    graph.nodes[producer].outputs[place] = folded;
    Some(())
}
