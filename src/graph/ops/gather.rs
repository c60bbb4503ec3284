//! Selection of batches from a data set.

use std::sync::Arc;

use crate::graph::{Lowered, Op, Operand, Value, ValueType};
use crate::kernels::gather::GatherRows;
use crate::tensor::DType;

/// Gather of a batch: (data `[rows, features]`, packed bytes or floats) -> `[batch, features]`, the rows that the
/// step's state selects; bytes are scaled to 0..1.
#[derive(Clone, Debug)]
pub struct Gather {
    /// Rows of the batch, at least 1.
    pub batch: usize,
    /// Rows of the part that is visited in permuted order.
    pub part_rows: usize,
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [data] = inputs else { return Err("one data set goes in".to_owned()) };
        if data.shape.rank() != 2 || data.shape.elements() == 0 {
            return Err(format!("data must be rows of values, not {}", data.shape));
        }
        if self.batch == 0 {
            return Err("a batch needs at least one row".to_owned());
        }
        Ok(vec![ValueType::f32([self.batch, data.shape.extents()[1]])])
    }

    fn lower(&self, inputs: &[&Value], outputs: &[&Value]) -> Vec<Lowered> {
        let (batch, features) = outputs[0].shape.rows_and_columns();
        vec![Lowered {
            kernel: Arc::new(GatherRows {
                batch,
                features,
                part_rows: self.part_rows,
                packed: inputs[0].dtype == DType::PackedU8,
            }),
            reads: vec![Operand::Input(0)],
            writes: vec![Operand::Output(0)],
        }]
    }
}
