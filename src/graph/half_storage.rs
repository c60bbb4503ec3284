//! Storage in 16-bit floats of the activations that the forward pass leaves for the backward pass.

use super::ops::{LoadF16, StoreF16};
use super::{Graph, GraphError, GraphMark, Node, ValueId, ValueSource};

/// Elements from which a value is converted: smaller ones are not worth two more passes over them.
const ELEMENTS_AT_LEAST: usize = 4096;

/// Converts the activations that the backward pass reads to 16-bit floats after their last use in the forward pass, and
/// back before the backward pass reads them. The forward pass ends at `forward`; arithmetic stays in 32 bits.
pub fn store_as_f16(graph: &mut Graph, forward: GraphMark) -> Result<(), GraphError> {
    let mut forward_nodes = forward.nodes;
    // What the backward pass itself makes is none of it, though a loss may make it early.
    for id in (0..forward.values).map(ValueId) {
        let value = graph.value(id);
        if value.source != ValueSource::Activation || value.shape.elements() < ELEMENTS_AT_LEAST {
            continue;
        }
        let reads = |node: &Node| node.inputs.contains(&id);
        let Some(made) = graph.nodes[..forward_nodes].iter().position(|node| node.outputs.contains(&id)) else {
            continue;
        };
        let last = graph.nodes[..forward_nodes].iter().rposition(reads).unwrap_or(made);
        let Some(first) = graph.nodes[forward_nodes..].iter().position(reads).map(|at| forward_nodes + at) else {
            continue;
        };
        // What is read again at once, as the output by the loss, gains nothing.
        if first <= last + 3 {
            continue;
        }
        let label = format!("{} in half", value.label);
        let before = graph.nodes.len();
        let half = graph.add(StoreF16, &[id], &label)?;
        let whole = graph.add(LoadF16, &[half], &label)?;
        let added = graph.nodes.split_off(before);
        for input in graph.nodes[forward_nodes..].iter_mut().flat_map(|node| &mut node.inputs) {
            if *input == id {
                *input = whole;
            }
        }
        for (node, place) in added.into_iter().zip([last + 1, first + 1]) {
            graph.nodes.insert(place, node);
        }
        forward_nodes += 1;
    }
    Ok(())
}
