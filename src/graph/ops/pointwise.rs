//! Element-wise ops.

use std::sync::Arc;

use crate::graph::{Graph, GraphError, Lowered, Node, Op, Operand, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::pointwise as kernels;
use crate::kernels::pointwise::{MAX_OPERANDS, PointwiseStage};

/// Chain of element-wise stages: (first, operands of the binary stages in their order) -> the stages applied to first.
#[derive(Clone, Debug)]
pub struct Pointwise {
    /// Stages in the order in which they are applied.
    pub stages: Vec<PointwiseStage>,
}

impl Pointwise {
    /// Returns the op of a single stage.
    pub fn one(stage: PointwiseStage) -> Self {
        Self { stages: vec![stage] }
    }
}

impl Op for Pointwise {
    fn name(&self) -> &'static str {
        match self.stages[..] {
            [PointwiseStage::Activate(activation)] => activation.name(),
            [PointwiseStage::ActivateBackward(_)] => "activation gradient",
            [PointwiseStage::Add] => "add",
            [PointwiseStage::Dropout { .. }] => "dropout",
            [PointwiseStage::Gaussian { .. }] => "gaussian noise",
            [PointwiseStage::Mask { .. }] => "masking",
            [PointwiseStage::SaltAndPepper { .. }] => "salt and pepper",
            [PointwiseStage::ShotNoise { .. }] => "shot noise",
            _ => "pointwise",
        }
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let wanted = 1 + self.stages.iter().filter(|stage| stage.reads_operand()).count();
        if inputs.len() != wanted {
            return Err(format!("{wanted} inputs go in, not {}", inputs.len()));
        }
        let first = inputs[0];
        if let Some(other) = inputs.iter().find(|input| input.shape != first.shape) {
            return Err(format!("shapes {} and {} differ", first.shape, other.shape));
        }
        if first.shape.elements() == 0 {
            return Err(format!("{} is empty", first.shape));
        }
        Ok(vec![ValueType { shape: first.shape.clone(), dtype: first.dtype }])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        needs: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dout) = douts[0] else { return Ok(vec![None; node.inputs.len()]) };
        let label = format!("gradient of {}", node.label);
        let mut through = |stage: PointwiseStage, inputs: &[ValueId]| {
            graph.add(Self::one(stage), inputs, &label).map(|gradient| vec![Some(gradient)])
        };
        match self.stages[..] {
            [PointwiseStage::Activate(activation)] => {
                let saved = if activation.saves_input() { node.inputs[0] } else { node.outputs[0] };
                Ok(vec![Some(activation_gradient(graph, activation, dout, saved, &node.label)?)])
            }
            [PointwiseStage::Add] => Ok(needs.iter().map(|&need| need.then_some(dout)).collect()),
            [PointwiseStage::Gaussian { .. }] => Ok(vec![Some(dout)]),
            [PointwiseStage::KeepWhereNonzero] => {
                let kept = through(PointwiseStage::KeepWhereNonzero, &[dout, node.inputs[1]])?;
                Ok(kept.into_iter().chain([None]).collect())
            }
            [stage @ (PointwiseStage::Scale(_) | PointwiseStage::Dropout { .. } | PointwiseStage::Mask { .. })] => {
                through(stage, &[dout])
            }
            [PointwiseStage::SaltAndPepper { rate, stream }] => {
                through(PointwiseStage::SaltAndPepperBackward { rate, stream }, &[dout])
            }
            _ => Err(GraphError::NotDifferentiable(node.label.clone())),
        }
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let kernel = kernels::PointwiseKernel { stages: self.stages.clone(), count: inputs[0].shape.elements() };
        // The shader names as many operands as a chain can have: what is not there is the first input again.
        let reads = (0..=MAX_OPERANDS).map(|i| Operand::Input(if i < inputs.len() { i } else { 0 })).collect();
        vec![Lowered { kernel: Arc::new(kernel), reads, writes: vec![Operand::Output(0)] }]
    }

    fn as_pointwise(&self) -> Option<&[PointwiseStage]> {
        Some(&self.stages)
    }

    fn as_activation_backward(&self) -> Option<Activation> {
        match self.stages[..] {
            [PointwiseStage::ActivateBackward(activation)] if !activation.saves_input() => Some(activation),
            _ => None,
        }
    }
}

/// Returns `dout` for the identity, else its product with the derivative; `saved` is the output or input that the
/// activation saves.
pub(super) fn activation_gradient(
    graph: &mut Graph,
    activation: Activation,
    dout: ValueId,
    saved: ValueId,
    label: &str,
) -> Result<ValueId, GraphError> {
    if activation == Activation::Identity {
        return Ok(dout);
    }
    let stage = PointwiseStage::ActivateBackward(activation);
    graph.add(Pointwise::one(stage), &[dout, saved], &format!("gradient of {label}"))
}
