//! Sparse codes: TopK, and a target rate of activation.

use super::pointwise::Pointwise;
use super::{add_call, call};
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::partial_sums::{ColumnSums, ReducePartialSums, SplitK};
use crate::kernels::pointwise::PointwiseStage;
use crate::kernels::sparse::{Sparse, SparseStage};

fn codes(value: &Value) -> Result<(usize, usize), String> {
    match *value.shape.extents() {
        [batch, units] if batch * units > 0 => Ok((batch, units)),
        _ => Err(format!("codes [N, D] go in, not {}", value.shape)),
    }
}

/// Selection of the largest: (h `[N, D]`) -> the `keep` largest of each row; with `dead_after`, (h, silent steps `[D]`)
/// -> the largest among units that were silent for longer.
#[derive(Clone, Debug)]
pub struct TopK {
    /// Units kept in each row, 1 to D.
    pub keep: usize,
    /// Steps of silence beyond which a unit is dead, to select dead units alone; `None` for all units.
    pub dead_after: Option<f32>,
}

impl Op for TopK {
    fn name(&self) -> &'static str {
        "top k"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let (batch, units) = codes(inputs[0])?;
        if self.keep == 0 || self.keep > units {
            return Err(format!("{} of {units} units cannot be kept", self.keep));
        }
        Ok(vec![ValueType::f32([batch, units])])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let mut gradients = vec![None; node.inputs.len()];
        if let Some(dout) = douts[0] {
            let label = format!("gradient of {}", node.label);
            let op = Pointwise::one(PointwiseStage::KeepWhereNonzero);
            gradients[0] = Some(graph.add(op, &[dout, node.outputs[0]], &label)?);
        }
        Ok(gradients)
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (batch, units) = inputs[0].shape.rows_and_columns();
        let (stage, second) = match self.dead_after {
            Some(dead_after) => (SparseStage::TopDead { keep: self.keep, dead_after }, Input(1)),
            None => (SparseStage::TopK { keep: self.keep }, Input(0)),
        };
        vec![call(Sparse { stage, batch, units }, &[Input(0), second], &[Output(0)])]
    }
}

/// Count of silent steps: (h `[N, D]`, silent steps `[D]`) counts for each unit the steps since it was last active.
#[derive(Clone, Debug)]
pub struct DeadUnitCount;

impl Op for DeadUnitCount {
    fn name(&self) -> &'static str {
        "count silent steps"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let (_, units) = codes(inputs[0])?;
        if inputs[1].shape.extents() != [units] {
            return Err(format!("counts of {} do not fit {units} units", inputs[1].shape));
        }
        Ok(Vec::new())
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (batch, units) = inputs[0].shape.rows_and_columns();
        vec![call(Sparse { stage: SparseStage::SilentSteps, batch, units }, &[Input(0)], &[Input(1)])]
    }
}

/// Sparsity penalty (Ng 2011): (h `[N, D]` in 0..1) -> KL(rate || mean activation) of each unit, with the sums and
/// partial sums of activations. The trained loss is multiplied by the step's weight of sparsity.
#[derive(Clone, Debug)]
pub struct SparsityKl {
    /// Target mean activation of a unit, between 0 and 1.
    pub rate: f32,
}

impl Op for SparsityKl {
    fn name(&self) -> &'static str {
        "sparsity KL"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let (batch, units) = codes(inputs[0])?;
        if !(self.rate > 0.0 && self.rate < 1.0) {
            return Err(format!("a rate of {} does not lie between 0 and 1", self.rate));
        }
        let slots = SplitK::new(batch, units).slots;
        Ok(vec![ValueType::f32([units]), ValueType::f32([units]), ValueType::f32([slots, units])])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        _: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let h = node.inputs[0];
        let (batch, units) = graph.value(h).shape.rows_and_columns();
        let kernel = Sparse { stage: SparseStage::KlTargetBackward { rate: self.rate }, batch, units };
        Ok(vec![Some(add_call(graph, kernel, &[node.outputs[1]], h, &node.label)?)])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (batch, units) = inputs[0].shape.rows_and_columns();
        let split = SplitK::new(batch, units);
        let kernel = Sparse { stage: SparseStage::KlTarget { rate: self.rate }, batch, units };
        vec![
            call(ColumnSums { rows: batch, columns: units, split }, &[Input(0)], &[Output(2)]),
            call(ReducePartialSums::plain(units, split.slots), &[Output(2)], &[Output(1)]),
            call(kernel, &[Output(1)], &[Output(0)]),
        ]
    }
}
