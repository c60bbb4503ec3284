//! Ops that treat every element alike.

use std::sync::Arc;

use crate::graph::{Graph, GraphError, Lowered, Node, Op, Operand, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::pointwise as kernels;

fn same_shapes(inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
    let first = inputs.first().ok_or("an input is missing")?;
    if let Some(other) = inputs.iter().find(|input| input.shape != first.shape) {
        return Err(format!("shapes {} and {} differ", first.shape, other.shape));
    }
    Ok(vec![ValueType { shape: first.shape.clone(), dtype: first.dtype }])
}

/// (x) -> activation(x)
#[derive(Clone, Debug)]
pub struct Activate(pub Activation);

impl Op for Activate {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        same_shapes(inputs)
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dout) = douts[0] else { return Ok(vec![None]) };
        Ok(vec![Some(activation_gradient(graph, self.0, dout, node.outputs[0], &node.label)?)])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        vec![Lowered {
            kernel: Arc::new(kernels::ActivationForward { activation: self.0, count: inputs[0].shape.elements() }),
            reads: vec![Operand::Input(0)],
            writes: vec![Operand::Output(0)],
        }]
    }
}

/// `dout` itself for the identity, else the op that multiplies it by the derivative.
pub(super) fn activation_gradient(
    graph: &mut Graph,
    activation: Activation,
    dout: ValueId,
    output: ValueId,
    label: &str,
) -> Result<ValueId, GraphError> {
    if activation == Activation::Identity {
        return Ok(dout);
    }
    graph.add(ActivateGradient(activation), &[dout, output], &format!("gradient of {label}"))
}

/// (dout, y = activation(x)) -> dout * activation'(x)
#[derive(Clone, Debug)]
pub struct ActivateGradient(pub Activation);

impl Op for ActivateGradient {
    fn name(&self) -> &'static str {
        "activation gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        same_shapes(inputs)
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        vec![Lowered {
            kernel: Arc::new(kernels::ActivationBackward { activation: self.0, count: inputs[0].shape.elements() }),
            reads: vec![Operand::Input(0), Operand::Input(1)],
            writes: vec![Operand::Output(0)],
        }]
    }

    fn as_activation_backward(&self) -> Option<Activation> {
        Some(self.0)
    }
}

/// (a, b) -> a + b
#[derive(Clone, Debug)]
pub struct Add;

impl Op for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        same_shapes(inputs)
    }

    fn backward(
        &self,
        _: &mut Graph,
        _: &Node,
        douts: &[Option<ValueId>],
        needs: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        Ok(needs.iter().map(|&need| if need { douts[0] } else { None }).collect())
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        vec![Lowered {
            kernel: Arc::new(kernels::Add { count: inputs[0].shape.elements() }),
            reads: vec![Operand::Input(0), Operand::Input(1)],
            writes: vec![Operand::Output(0)],
        }]
    }
}
