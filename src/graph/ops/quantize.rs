//! Vector quantization with a codebook that follows its members.

use super::call;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::quantize::{Quantize, QuantizeStage};

fn kernel(stage: QuantizeStage, z: &Value, codebook: &Value) -> Quantize {
    let (rows, width) = z.shape.rows_and_columns();
    let samples = z.shape.extents().first().copied().unwrap_or(1).max(1);
    let entries = codebook.shape.extents().first().copied().unwrap_or(0);
    Quantize { stage, rows, rows_per_sample: rows / samples, width, entries }
}

fn check(z: &Value, codebook: &Value) -> Result<(), String> {
    let (_, width) = z.shape.rows_and_columns();
    match *codebook.shape.extents() {
        [entries, columns] if columns == width && entries > 0 && z.shape.elements() > 0 => Ok(()),
        _ => Err(format!("codes of {} do not fit a codebook of {}", z.shape, codebook.shape)),
    }
}

/// Vector quantization: (z `[N, ..., D]`, codebook `[M, D]`) -> the nearest entry for each row of z, and its number
/// `[N, ...]`. The gradient passes straight through (Bengio et al. 2013).
#[derive(Clone, Debug)]
pub struct QuantizeRows;

impl Op for QuantizeRows {
    fn name(&self) -> &'static str {
        "quantize"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        check(inputs[0], inputs[1])?;
        let extents = inputs[0].shape.extents();
        Ok(vec![ValueType::f32(extents), ValueType::f32(&extents[..extents.len() - 1])])
    }

    fn backward(
        &self,
        _: &mut Graph,
        _: &Node,
        douts: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        Ok(vec![douts[0], None])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let kernel = kernel(QuantizeStage::Assign, inputs[0], inputs[1]);
        vec![call(kernel, &[Input(0), Input(1)], &[Output(1), Output(0)])]
    }
}

/// Codebook update: (z, numbers of the entries, codebook `[M, D]`, counts `[M]`, sums `[M, D]`) moves the last three
/// toward the rows of each entry, and restarts unused entries at some row; -> sums and counts of the rows of each entry
/// `[M, D + 1]`.
#[derive(Clone, Debug)]
pub struct CodebookEma {
    /// Share of the old averages in the new ones, in 0..1.
    pub decay: f32,
    /// Mean count of rows per step below which an entry restarts.
    pub restart_below: f32,
    /// Stream of counter-based random numbers.
    pub stream: u32,
}

impl Op for CodebookEma {
    fn name(&self) -> &'static str {
        "move codebook"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [z, _, codebook, counts, sums] = inputs else {
            return Err("z, numbers, codebook, counts and sums go in".to_owned());
        };
        check(z, codebook)?;
        let entries = codebook.shape.extents()[0];
        if counts.shape.extents() != [entries] || sums.shape != codebook.shape {
            return Err(format!("counts {} and sums {} do not fit", counts.shape, sums.shape));
        }
        Ok(vec![ValueType::f32([entries, codebook.shape.extents()[1] + 1])])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let update =
            QuantizeStage::Update { decay: self.decay, restart_below: self.restart_below, stream: self.stream };
        vec![
            call(kernel(QuantizeStage::Members, inputs[0], inputs[2]), &[Input(0), Input(1)], &[Output(0)]),
            call(kernel(update, inputs[0], inputs[2]), &[Input(0), Output(0)], &[Input(2), Input(3), Input(4)]),
        ]
    }
}
