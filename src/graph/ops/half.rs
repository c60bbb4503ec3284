//! Conversions to and from 16-bit floats.

use super::call;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Lowered, Op, Value, ValueType};
use crate::kernels::half::HalfConversion;
use crate::tensor::DType;

/// Conversion to half precision: (x) -> x as 16-bit floats.
#[derive(Clone, Debug)]
pub struct StoreF16;

impl Op for StoreF16 {
    fn name(&self) -> &'static str {
        "halve"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType { shape: inputs[0].shape.clone(), dtype: DType::F16 }])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let count = inputs[0].shape.elements();
        vec![call(HalfConversion { to_whole: false, count }, &[Input(0)], &[Output(0)])]
    }
}

/// Conversion from half precision: (x as 16-bit floats) -> x.
#[derive(Clone, Debug)]
pub struct LoadF16;

impl Op for LoadF16 {
    fn name(&self) -> &'static str {
        "unhalve"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType::f32(inputs[0].shape.extents())])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let count = inputs[0].shape.elements();
        vec![call(HalfConversion { to_whole: true, count }, &[Input(0)], &[Output(0)])]
    }
}
