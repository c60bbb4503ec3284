//! Batches out of a data set.

use std::sync::Arc;

use crate::graph::{Lowered, Op, Operand, Value, ValueType};
use crate::kernels::gather::GatherRows;
use crate::tensor::DType;

/// (data [rows, features] packed bytes) -> [batch, features] in 0..1, the rows that the step's state names.
#[derive(Clone, Debug)]
pub struct Gather {
    pub batch: usize,
    pub part_rows: usize,
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [data] = inputs else { return Err("one data set goes in".to_owned()) };
        if data.dtype != DType::PackedU8 || data.shape.rank() != 2 || data.shape.elements() == 0 {
            return Err(format!("data must be rows of bytes, not {}", data.shape));
        }
        if self.batch == 0 {
            return Err("a batch needs at least one row".to_owned());
        }
        Ok(vec![ValueType::f32([self.batch, data.shape.extents()[1]])])
    }

    fn lower(&self, _: &[&Value], outputs: &[&Value]) -> Vec<Lowered> {
        let (batch, features) = outputs[0].shape.rows_and_columns();
        vec![Lowered {
            kernel: Arc::new(GatherRows { batch, features, part_rows: self.part_rows }),
            reads: vec![Operand::Input(0)],
            writes: vec![Operand::Output(0)],
        }]
    }
}
