//! Losses and their record.

use std::sync::Arc;

use crate::graph::{Graph, GraphError, Lowered, Node, Op, Operand, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::loss::{LOSS_CHUNK, LossBackward, LossForward, ReconstructionLoss};
use crate::kernels::reduce::ReduceSum;

fn same(inputs: &[&Value]) -> Result<(), String> {
    let [prediction, target] = inputs else { return Err("prediction and target go in".to_owned()) };
    if prediction.shape != target.shape {
        return Err(format!("the output is {} and the input {}", prediction.shape, target.shape));
    }
    Ok(())
}

/// (prediction [N, D], target [N, D]) -> partial sums of the loss
#[derive(Clone, Debug)]
pub struct Reconstruction(pub ReconstructionLoss);

impl Op for Reconstruction {
    fn name(&self) -> &'static str {
        "reconstruction loss"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        same(inputs)?;
        Ok(vec![ValueType::f32([inputs[0].shape.elements().div_ceil(LOSS_CHUNK)])])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        _: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let op = ReconstructionGradient { loss: self.0, activation: Activation::Identity };
        let gradient = graph.add(op, &node.inputs, &format!("gradient of {}", node.label))?;
        Ok(vec![Some(gradient), None])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (batch, features) = inputs[0].shape.rows_and_columns();
        vec![Lowered {
            kernel: Arc::new(LossForward { loss: self.0, batch, features }),
            reads: vec![Operand::Input(0), Operand::Input(1)],
            writes: vec![Operand::Output(0)],
        }]
    }
}

/// (prediction, target) -> gradient of the loss by the prediction
#[derive(Clone, Debug)]
pub struct ReconstructionGradient {
    pub loss: ReconstructionLoss,
    pub activation: Activation,
}

impl Op for ReconstructionGradient {
    fn name(&self) -> &'static str {
        "reconstruction loss gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        same(inputs)?;
        Ok(vec![ValueType::f32(inputs[0].shape.extents())])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (batch, features) = inputs[0].shape.rows_and_columns();
        vec![Lowered {
            kernel: Arc::new(LossBackward { loss: self.loss, batch, features, activation: self.activation }),
            reads: vec![Operand::Input(0), Operand::Input(1)],
            writes: vec![Operand::Output(0)],
        }]
    }

    fn with_activation_backward(&self, index: usize, activation: Activation, outputs_of: usize) -> Option<Arc<dyn Op>> {
        (index == 0 && outputs_of == 0 && self.activation == Activation::Identity)
            .then(|| Arc::new(Self { activation, ..self.clone() }) as Arc<dyn Op>)
    }
}

/// (partial sums, ring of losses): ring[slot of the step] = their sum
#[derive(Clone, Debug)]
pub struct RecordLoss;

impl Op for RecordLoss {
    fn name(&self) -> &'static str {
        "record loss"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        if inputs.len() == 2 { Ok(Vec::new()) } else { Err("partial sums and a ring go in".to_owned()) }
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        vec![Lowered {
            kernel: Arc::new(ReduceSum { count: inputs[0].shape.elements() }),
            reads: vec![Operand::Input(0)],
            writes: vec![Operand::Input(1)],
        }]
    }
}
