//! Selection of the least values of rows.

use super::call;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Lowered, Op, Value, ValueType};
use crate::kernels::least::{LEAST_KEPT, LeastColumns};

/// Selection of the least: (values `[N, M]`) -> the columns of the [`LEAST_KEPT`] least values of each row
/// `[N, LEAST_KEPT]`, the least first. Numbers of columns have no gradient.
#[derive(Clone, Debug)]
pub struct Least;

impl Op for Least {
    fn name(&self) -> &'static str {
        "least"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        match *inputs[0].shape.extents() {
            // Columns are counted in f32.
            [rows, columns] if rows > 0 && (1..=1 << 24).contains(&columns) => {
                Ok(vec![ValueType::f32([rows, LEAST_KEPT])])
            }
            _ => Err(format!("rows of 1 to 2^24 values go in, not {}", inputs[0].shape)),
        }
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (rows, columns) = inputs[0].shape.rows_and_columns();
        vec![call(LeastColumns { rows, columns }, &[Input(0)], &[Output(0)])]
    }
}
