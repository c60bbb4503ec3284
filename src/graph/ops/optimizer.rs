//! Optimizer update and gradient clipping.

use super::call;
use crate::graph::Operand::{Input, Output};
use crate::graph::{Lowered, Op, Value, ValueType};
use crate::kernels::optimizer::{ClipFactor, DECAY_BLOCK, GradientSquares, Update, UpdateRule};

/// Optimizer update: (gradients, decay mask, where clipped the clip factor, parameters, moment1, for Adam moment2,
/// where kept the average), all flat, updates the parameters and all after them in place.
#[derive(Clone, Debug)]
pub struct UpdateParameters(pub Update);

impl Op for UpdateParameters {
    fn name(&self) -> &'static str {
        "optimizer"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let update = &self.0;
        let reads = 2 + usize::from(update.clipped);
        let writes =
            2 + usize::from(matches!(update.rule, UpdateRule::Adam { .. })) + usize::from(update.average.is_some());
        let whole = |value: &&Value| value.shape.elements() == update.count;
        if inputs.len() != reads + writes
            || !whole(&inputs[0])
            || inputs[1].shape.elements() != update.count / DECAY_BLOCK
            || !inputs[reads..].iter().all(whole)
        {
            return Err(format!("flat buffers of {} go in", update.count));
        }
        Ok(Vec::new())
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let reads = 2 + usize::from(self.0.clipped);
        // The shader names the clip factor in any case: the mask stands in for it.
        let clip = Input(if self.0.clipped { 2 } else { 1 });
        let writes: Vec<_> = (reads..inputs.len()).map(Input).collect();
        vec![call(self.0.clone(), &[Input(0), Input(1), clip], &writes)]
    }
}

/// Gradient clipping: (gradients, flat) -> the factor that keeps their norm within `max_norm` and their norm `[2]`, and
/// partial sums of squares.
#[derive(Clone, Debug)]
pub struct ClipGradients {
    /// Largest norm of all gradients together.
    pub max_norm: f32,
}

impl Op for ClipGradients {
    fn name(&self) -> &'static str {
        "clip gradients"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let partials = GradientSquares { count: inputs[0].shape.elements() }.partials();
        Ok(vec![ValueType::f32([2]), ValueType::f32([partials])])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let squares = GradientSquares { count: inputs[0].shape.elements() };
        let factor = ClipFactor { partials: squares.partials(), max_norm: self.max_norm };
        vec![call(squares, &[Input(0)], &[Output(1)]), call(factor, &[Output(1)], &[Output(0)])]
    }
}
