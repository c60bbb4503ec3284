//! Values kept in half the memory.

use super::call;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Lowered, Op, Value, ValueType};
use crate::kernels::half::Halves;
use crate::tensor::DType;

/// (x) -> x as 16-bit floats
#[derive(Clone, Debug)]
pub struct Halve;

impl Op for Halve {
    fn name(&self) -> &'static str {
        "halve"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType { shape: inputs[0].shape.clone(), dtype: DType::F16 }])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let count = inputs[0].shape.elements();
        vec![call(Halves { to_whole: false, count }, &[Input(0)], &[Output(0)])]
    }
}

/// (x as 16-bit floats) -> x
#[derive(Clone, Debug)]
pub struct Unhalve;

impl Op for Unhalve {
    fn name(&self) -> &'static str {
        "unhalve"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType::f32(inputs[0].shape.extents())])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let count = inputs[0].shape.elements();
        vec![call(Halves { to_whole: true, count }, &[Input(0)], &[Output(0)])]
    }
}
