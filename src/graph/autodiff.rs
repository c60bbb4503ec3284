//! Reverse-mode differentiation as a rewriting of the graph: the backward pass is ordinary ops appended to it.

use std::collections::HashMap;

use super::ops::Pointwise;
use super::{Graph, GraphError, ValueId, ValueSource};
use crate::kernels::pointwise::PointwiseStage;

/// Appends the gradient of the sum of `losses` with respect to every parameter that it depends on, and places each in
/// the flat buffer of gradients. Losses must come from ops that need no gradient of their own output (loss ops).
pub fn differentiate(graph: &mut Graph, losses: &[ValueId]) -> Result<(), GraphError> {
    let depends = depends_on_parameters(graph);
    let mut gradients: HashMap<ValueId, ValueId> = HashMap::new();
    // The graph grows while we walk: only what was there before is differentiated.
    for index in (0..graph.nodes.len()).rev() {
        let node = graph.nodes[index].clone();
        let douts: Vec<Option<ValueId>> = node.outputs.iter().map(|output| gradients.get(output).copied()).collect();
        if !node.outputs.iter().any(|output| losses.contains(output)) && douts.iter().all(Option::is_none) {
            continue;
        }
        let needs: Vec<bool> = node.inputs.iter().map(|input| depends[input.0]).collect();
        if !needs.iter().any(|&need| need) || node.op.blocks_gradient() {
            continue;
        }
        let dinps = node.op.backward(graph, &node, &douts, &needs)?;
        for (&input, dinp) in node.inputs.iter().zip(dinps) {
            let Some(dinp) = dinp else { continue };
            let total = match gradients.get(&input) {
                None => dinp,
                Some(&earlier) => {
                    let label = format!("gradient of {}", graph.value(input).label);
                    graph.add(Pointwise::one(PointwiseStage::Add), &[earlier, dinp], &label)?
                }
            };
            gradients.insert(input, total);
        }
    }
    for (index, parameter) in graph.parameters.clone().iter().enumerate() {
        let Some(&gradient) = gradients.get(&parameter.value) else { continue };
        let owners = graph.parameters.iter().filter(|other| gradients.get(&other.value) == Some(&gradient)).count();
        let gradient = if owners == 1 {
            gradient
        } else {
            // One value is the gradient of several parameters: each gets a copy in its own place.
            graph.add(
                Pointwise::one(PointwiseStage::Scale(1.0)),
                &[gradient],
                &format!("gradient of {}", parameter.name),
            )?
        };
        graph.values[gradient.0].source = ValueSource::Gradient(super::ParameterId(index));
    }
    Ok(())
}

/// Returns for each value whether it depends on a parameter.
fn depends_on_parameters(graph: &Graph) -> Vec<bool> {
    let mut depends: Vec<bool> =
        graph.values.iter().map(|value| matches!(value.source, ValueSource::Parameter(_))).collect();
    for node in &graph.nodes {
        if !node.op.blocks_gradient() && node.inputs.iter().any(|input| depends[input.0]) {
            for output in &node.outputs {
                depends[output.0] = true;
            }
        }
    }
    depends
}
