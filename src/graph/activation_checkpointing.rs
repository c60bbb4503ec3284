//! Activation checkpointing: the backward pass computes most activations a second time instead of keeping them, which
//! trades time for memory (Chen et al. 2016). Ops have no state and random numbers are counter-based, so the second
//! time gives the same bits.

use std::collections::{HashMap, HashSet};

use super::{Graph, GraphMark, Node, ValueId, ValueSource};

/// Elements from which an activation may be recomputed: smaller ones are kept in any case.
const ELEMENTS_AT_LEAST: usize = 4096;

/// Keeps about the square root of the count of activations that the backward pass reads, and recomputes the others, a
/// stretch at a time, when they are first read. The forward pass ends at `forward`.
pub fn checkpoint_activations(graph: &mut Graph, forward: GraphMark) {
    let mut again = Recomputation::new(graph, forward);
    let backward = graph.nodes.split_off(forward.nodes);
    for mut node in backward {
        for input in &mut node.inputs {
            if again.dropped.contains(input) {
                *input = again.make(graph, *input);
            }
        }
        graph.nodes.push(node);
    }
}

struct Recomputation {
    dropped: HashSet<ValueId>,
    /// Values of the forward pass that the backward pass reads as they are.
    kept: HashSet<ValueId>,
    /// Number of the forward node that makes each value.
    maker: HashMap<ValueId, usize>,
    /// Copies of the values that have been recomputed.
    made: HashMap<ValueId, ValueId>,
}

impl Recomputation {
    fn new(graph: &Graph, forward: GraphMark) -> Self {
        let (before, after) = graph.nodes.split_at(forward.nodes);
        let read_later: HashSet<ValueId> = after.iter().flat_map(|node| node.inputs.iter().copied()).collect();
        let candidates: Vec<ValueId> = before
            .iter()
            .filter(|node| can_repeat(graph, node))
            .flat_map(|node| node.outputs.iter().copied())
            .filter(|id| id.0 < forward.values && read_later.contains(id))
            .filter(|id| graph.value(*id).source == ValueSource::Activation)
            .filter(|id| graph.value(*id).shape.elements() >= ELEMENTS_AT_LEAST)
            .collect();
        let stretch = (candidates.len() as f64).sqrt().ceil().max(1.0) as usize;
        // The last of each stretch is what the next begins from; the last stretch is read at once.
        let until = candidates.len().saturating_sub(stretch);
        let within = |index: &usize| !(index + 1).is_multiple_of(stretch);
        let dropped: HashSet<ValueId> = (0..until).filter(within).map(|index| candidates[index]).collect();
        let kept = read_later.difference(&dropped).copied().collect();
        let makers =
            before.iter().enumerate().flat_map(|(index, node)| node.outputs.iter().map(move |&id| (id, index)));
        Self { dropped, kept, maker: makers.collect(), made: HashMap::new() }
    }

    /// Appends the ops that recompute `value`, unless that is done; returns the copy of `value`.
    fn make(&mut self, graph: &mut Graph, value: ValueId) -> ValueId {
        if let Some(&there) = self.made.get(&value) {
            return there;
        }
        // What was kept is read as it is, and so is what comes from outside or cannot be made again.
        let maker = self.maker.get(&value).filter(|_| !self.kept.contains(&value));
        let Some(node) = maker.map(|&index| graph.nodes[index].clone()).filter(|node| can_repeat(graph, node)) else {
            return value;
        };
        let inputs = node.inputs.iter().map(|&input| self.make(graph, input)).collect();
        let mut outputs = Vec::with_capacity(node.outputs.len());
        for &output in &node.outputs {
            let copy = graph.value(output).clone();
            let copy = graph.add_value(super::Value { source: ValueSource::Activation, ..copy });
            self.made.insert(output, copy);
            outputs.push(copy);
        }
        graph.nodes.push(Node { op: node.op, inputs, outputs, label: format!("{} again", node.label) });
        self.made.get(&value).copied().unwrap_or(value)
    }
}

/// Returns whether a node gives the same result a second time: not if it reads or writes arrays learned without
/// gradients, which may have changed.
fn can_repeat(graph: &Graph, node: &Node) -> bool {
    !node.inputs.iter().any(|input| matches!(graph.value(*input).source, ValueSource::Statistic(_)))
}
