//! The optimiser's sweep.

use std::sync::Arc;

use crate::graph::{Lowered, Op, Operand, Value, ValueType};
use crate::kernels::optimizer::Adam;

/// (gradients, parameters, moment1, moment2), all flat: updates the last three in place.
#[derive(Clone, Debug)]
pub struct AdamUpdate(pub Adam);

impl Op for AdamUpdate {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        if inputs.len() != 4 || inputs.iter().any(|input| input.shape.elements() != self.0.count) {
            return Err(format!("four flat buffers of {} go in", self.0.count));
        }
        Ok(Vec::new())
    }

    fn lower(&self, _: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        vec![Lowered {
            kernel: Arc::new(self.0.clone()),
            reads: vec![Operand::Input(0)],
            writes: vec![Operand::Input(1), Operand::Input(2), Operand::Input(3)],
        }]
    }
}
