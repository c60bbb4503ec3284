//! Losses and their record.

use std::sync::Arc;

use super::conv::image;
use super::pointwise::Pointwise;
use super::{add_call, call};
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::loss::{LOSS_CHUNK, Loss, LossTerm};
use crate::kernels::pointwise::PointwiseStage;
use crate::kernels::reduce::ReduceSum;
use crate::kernels::ssim::{SSIM_WINDOW, Ssim, SsimStage};

fn same(inputs: &[&Value]) -> Result<(), String> {
    let [prediction, target] = inputs else { return Err("prediction and target go in".to_owned()) };
    if prediction.shape != target.shape {
        return Err(format!("the output is {} and the input {}", prediction.shape, target.shape));
    }
    if prediction.shape.elements() == 0 {
        return Err("there is nothing to compare".to_owned());
    }
    Ok(())
}

/// Rows of the batch, and values of a row whatever its shape.
fn samples(value: &Value) -> (usize, usize) {
    let batch = value.shape.extents().first().copied().unwrap_or(1).max(1);
    (batch, value.shape.elements() / batch)
}

/// Element-wise loss: (prediction `[N, ...]`, target `[N, ...]`; for a penalty the prediction twice) -> partial sums of
/// the loss, and in training its gradient by the prediction: one pass over memory makes both.
#[derive(Clone, Debug)]
pub struct ElementLoss {
    /// Loss with its scaling.
    pub term: LossTerm,
    /// Activation whose derivative is folded into the gradient; `None` outside training.
    gradient: Option<Activation>,
}

impl ElementLoss {
    /// Returns the loss alone; differentiation adds its gradient.
    pub fn new(term: LossTerm) -> Self {
        Self { term, gradient: None }
    }
}

impl Op for ElementLoss {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        same(inputs)?;
        let mut types = vec![ValueType::f32([inputs[0].shape.elements().div_ceil(LOSS_CHUNK)])];
        if self.gradient.is_some() {
            types.push(ValueType::f32(inputs[0].shape.extents()));
        }
        Ok(types)
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        _: &[Option<ValueId>],
        needs: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let with_gradient = Self { gradient: Some(Activation::Identity), ..self.clone() };
        let gradient = graph.widen(node.outputs[0], Arc::new(with_gradient))?[1];
        // What is compared is the difference (the target is a model's own output only in such losses).
        let negative = match needs[1] && self.term.has_target {
            true => {
                let label = format!("gradient of {}", node.label);
                Some(graph.add(Pointwise::one(PointwiseStage::Scale(-1.0)), &[gradient], &label)?)
            }
            false => None,
        };
        Ok(vec![needs[0].then_some(gradient), negative])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (batch, features) = samples(inputs[0]);
        let kernel = Loss { term: self.term, batch, features, gradient: self.gradient };
        let outputs: &[_] = if self.gradient.is_some() { &[Output(0), Output(1)] } else { &[Output(0)] };
        vec![call(kernel, &[Input(0), Input(1)], outputs)]
    }

    fn with_activation_backward(&self, index: usize, activation: Activation, outputs_of: usize) -> Option<Arc<dyn Op>> {
        (index == 1 && outputs_of == 0 && self.gradient == Some(Activation::Identity))
            .then(|| Arc::new(Self { gradient: Some(activation), ..self.clone() }) as Arc<dyn Op>)
    }
}

/// SSIM loss: (prediction `[N, H, W, C]`, target, values in 0..1) -> partial sums of 1 - SSIM, and the maps that they
/// are made from.
#[derive(Clone, Debug)]
pub struct SsimLoss {
    /// Factor of the gradient; the partial sums are not multiplied.
    pub weight: f32,
}

impl SsimLoss {
    fn kernel(&self, stage: SsimStage, prediction: &Value) -> Ssim {
        let (batch, size, channels) = image(prediction).unwrap_or((0, [SSIM_WINDOW; 2], 0));
        Ssim { stage, batch, size, channels, weight: self.weight }
    }
}

impl Op for SsimLoss {
    fn name(&self) -> &'static str {
        "SSIM"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        same(inputs)?;
        let (batch, [height, width], channels) = image(inputs[0])?;
        if height < SSIM_WINDOW || width < SSIM_WINDOW {
            return Err(format!(
                "SSIM needs images of at least {SSIM_WINDOW} by {SSIM_WINDOW}, not {height} by {width}"
            ));
        }
        let inner = [batch, height + 1 - SSIM_WINDOW, width + 1 - SSIM_WINDOW, channels, 4];
        let places: usize = inner[..4].iter().product();
        Ok(vec![ValueType::f32([places.div_ceil(LOSS_CHUNK)]), ValueType::f32(inner)])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        _: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let (prediction, maps) = (node.inputs[0], node.outputs[1]);
        let kernel = self.kernel(SsimStage::Backward, graph.value(prediction));
        let reads = [prediction, node.inputs[1], maps];
        Ok(vec![Some(add_call(graph, kernel, &reads, prediction, &node.label)?), None])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        vec![
            call(self.kernel(SsimStage::Maps, inputs[0]), &[Input(0), Input(1)], &[Output(1)]),
            call(self.kernel(SsimStage::Sums, inputs[0]), &[Output(1)], &[Output(0)]),
        ]
    }
}

/// Record of a loss: (partial sums, ring of losses `[slots, parts]`) writes the sum of the first `count` to the step's
/// slot of the ring.
#[derive(Clone, Debug)]
pub struct RecordLossPart {
    /// Index of the part within a slot.
    pub part: usize,
    /// Number of partial sums that are added.
    pub count: usize,
}

impl Op for RecordLossPart {
    fn name(&self) -> &'static str {
        "record loss"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        match inputs {
            [partials, ring] if partials.shape.elements() >= self.count && ring.shape.rank() == 2 => Ok(Vec::new()),
            _ => Err("partial sums and a ring go in".to_owned()),
        }
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (_, parts) = inputs[1].shape.rows_and_columns();
        vec![call(ReduceSum { count: self.count, parts, part: self.part }, &[Input(0)], &[Input(1)])]
    }
}
