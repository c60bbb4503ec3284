//! Slices, reshapes, and broadcasts of one row to many pixels.

use super::{add_call, call};
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::partial_sums::{ColumnSums, SplitK};
use crate::kernels::slice::SliceKernel;
use crate::tensor::Shape;

/// Slice: (x `[..., C]`) -> columns offset .. offset + width of the last axis.
#[derive(Clone, Debug)]
pub struct Slice {
    /// First column of the slice.
    pub offset: usize,
    /// Columns of the slice, at least 1.
    pub width: usize,
}

impl Op for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let mut extents = inputs[0].shape.extents().to_vec();
        let Some(last) = extents.last_mut() else { return Err("a scalar has no parts".to_owned()) };
        if self.width == 0 || self.offset + self.width > *last {
            return Err(format!("columns {} to {} are not in {last}", self.offset, self.offset + self.width));
        }
        *last = self.width;
        Ok(vec![ValueType::f32(extents)])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dout) = douts[0] else { return Ok(vec![None]) };
        let x = node.inputs[0];
        let (rows, out_columns) = graph.value(x).shape.rows_and_columns();
        let kernel = SliceKernel::Pad { rows, columns: self.width, out_columns, offset: self.offset };
        Ok(vec![Some(add_call(graph, kernel, &[dout], x, &node.label)?)])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (rows, columns) = inputs[0].shape.rows_and_columns();
        let kernel = SliceKernel::Slice { rows, columns, out_columns: self.width, offset: self.offset };
        vec![call(kernel, &[Input(0)], &[Output(0)])]
    }
}

/// Reshape: (x) -> x in another shape of as many elements. No kernel runs.
#[derive(Clone, Debug)]
pub struct Reshape(pub Shape);

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        if inputs[0].shape.elements() != self.0.elements() {
            return Err(format!("{} does not have as many elements as {}", inputs[0].shape, self.0));
        }
        Ok(vec![ValueType { shape: self.0.clone(), dtype: inputs[0].dtype }])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dout) = douts[0] else { return Ok(vec![None]) };
        let shape = graph.value(node.inputs[0]).shape.clone();
        Ok(vec![Some(graph.add(Self(shape), &[dout], &format!("gradient of {}", node.label))?)])
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        Vec::new()
    }

    fn is_alias(&self) -> bool {
        true
    }
}

/// Stop of gradients: (x) -> x, through which no gradient flows back. No kernel runs.
#[derive(Clone, Debug)]
pub struct StopGradient;

impl Op for StopGradient {
    fn name(&self) -> &'static str {
        "stop gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType { shape: inputs[0].shape.clone(), dtype: inputs[0].dtype }])
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        Vec::new()
    }

    fn is_alias(&self) -> bool {
        true
    }

    fn blocks_gradient(&self) -> bool {
        true
    }
}

/// Broadcast addition: (x `[N, ..., C]`, rows `[N, C]` or `[1, C]`) -> x + the row of its sample at every pixel.
#[derive(Clone, Debug)]
pub struct AddRows;

impl Op for AddRows {
    fn name(&self) -> &'static str {
        "broadcast add"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [x, rows] = inputs else { return Err("x and rows go in".to_owned()) };
        let (_, columns) = x.shape.rows_and_columns();
        let samples = x.shape.extents().first().copied().unwrap_or(0);
        let fits = matches!(*rows.shape.extents(), [n, c] if c == columns && (n == samples || n == 1));
        if !fits || x.shape.elements() == 0 {
            return Err(format!("rows of {} cannot be added to {}", rows.shape, x.shape));
        }
        Ok(vec![ValueType::f32(x.shape.extents())])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        needs: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dout) = douts[0] else { return Ok(vec![None; 2]) };
        let drows = if needs[1] {
            let rows = graph.value(node.inputs[1]).shape.clone();
            let label = format!("gradient of {}", node.label);
            graph.add_op(std::sync::Arc::new(SumRows { rows }), &[dout], &label)?.first().copied()
        } else {
            None
        };
        Ok(vec![needs[0].then_some(dout), drows])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (rows, columns) = inputs[0].shape.rows_and_columns();
        let sharing = rows / inputs[1].shape.rows_and_columns().0;
        let kernel = SliceKernel::AddRows { rows, columns, sharing };
        vec![call(kernel, &[Input(0), Input(1)], &[Output(0)])]
    }
}

/// Gradient of a broadcast: (dout `[N, ..., C]`) -> sums over the pixels of each sample (or of all), and the partial
/// sums that they are made from.
#[derive(Clone, Debug)]
struct SumRows {
    rows: Shape,
}

impl SumRows {
    /// Rows summed for one row of the result, and the parts that each such sum is split in.
    fn split(&self, dout: &Value) -> (usize, usize) {
        const ROWS_AT_MOST: usize = 4096;
        let (rows, _) = dout.shape.rows_and_columns();
        let together = rows / self.rows.rows_and_columns().0;
        let parts = (1..=together)
            .find(|parts| together.is_multiple_of(*parts) && together / parts <= ROWS_AT_MOST)
            .unwrap_or(1);
        (together, parts)
    }
}

impl Op for SumRows {
    fn name(&self) -> &'static str {
        "broadcast gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let (count, columns) = self.rows.rows_and_columns();
        let (_, parts) = self.split(inputs[0]);
        Ok(vec![ValueType::f32(self.rows.extents()), ValueType::f32([count * parts, columns])])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (rows, columns) = inputs[0].shape.rows_and_columns();
        let (count, _) = self.rows.rows_and_columns();
        let (together, parts) = self.split(inputs[0]);
        let first = SplitK { slots: count * parts, slot_rows: together / parts };
        let second = SplitK { slots: count, slot_rows: parts };
        vec![
            call(ColumnSums { rows, columns, split: first }, &[Input(0)], &[Output(1)]),
            call(ColumnSums { rows: count * parts, columns, split: second }, &[Output(1)], &[Output(0)]),
        ]
    }
}

/// Scaling of samples: (x `[N, ...]`, numbers `[N, 1]`) -> each sample times its number. For corruption: no gradient
/// flows back.
#[derive(Clone, Debug)]
pub struct ScaleRows;

impl Op for ScaleRows {
    fn name(&self) -> &'static str {
        "scale samples"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [x, numbers] = inputs else { return Err("x and numbers go in".to_owned()) };
        if x.shape.elements() == 0 || x.shape.extents().first() != Some(&numbers.shape.elements()) {
            return Err(format!("{} numbers do not fit {}", numbers.shape, x.shape));
        }
        Ok(vec![ValueType::f32(x.shape.extents())])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (rows, columns) = inputs[0].shape.rows_and_columns();
        let sharing = rows / inputs[1].shape.elements();
        vec![call(SliceKernel::ScaleRows { rows, columns, sharing }, &[Input(0), Input(1)], &[Output(0)])]
    }
}
