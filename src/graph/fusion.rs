//! Rewrites that save passes over memory without changing what is computed.

use super::{Graph, ValueId};

/// Folds each gradient through an activation into the op that made the gradient, where that op can take it and
/// nobody else reads the unfolded value.
pub fn fuse(graph: &mut Graph, kept: &[ValueId]) {
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
    let readers = graph.nodes.iter().filter(|reader| reader.inputs.contains(&dout)).count();
    if readers != 1 || kept.contains(&dout) {
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
