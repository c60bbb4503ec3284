//! Diagonal Gaussians in latent space, and distances of codes from the prior.

use super::{add_call, call};
use crate::graph::Operand::{Input, Output};
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Value, ValueId, ValueType};
use crate::kernels::latent::{Latent, LatentStage};
use crate::kernels::mmd::MmdKernel;
use crate::kernels::random::{Distribution, RandomFill};

fn moments(value: &Value) -> Result<(usize, usize), String> {
    match *value.shape.extents() {
        [batch, both] if both % 2 == 0 && value.shape.elements() > 0 => Ok((batch, both / 2)),
        _ => Err(format!("means and log variances [N, 2L] go in, not {}", value.shape)),
    }
}

/// Reparameterized sample: (moments `[N, 2L]`) -> z `[N, L]` = mean + deviation * noise, the noise made again in the
/// backward pass.
#[derive(Clone, Debug)]
pub struct SampleLatent {
    /// Stream of counter-based random numbers.
    pub stream: u32,
    /// Bounds of the logarithm of the variance.
    pub clamp: [f32; 2],
}

impl SampleLatent {
    fn kernel(&self, stage: LatentStage, moments: &Value) -> Latent {
        let (batch, both) = moments.shape.rows_and_columns();
        Latent { stage, batch, latent: both / 2, stream: self.stream, clamp: self.clamp, free_bits: 0.0 }
    }
}

impl Op for SampleLatent {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let (batch, latent) = moments(inputs[0])?;
        Ok(vec![ValueType::f32([batch, latent])])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dz) = douts[0] else { return Ok(vec![None]) };
        let moments = node.inputs[0];
        let kernel = self.kernel(LatentStage::SampleBackward, graph.value(moments));
        Ok(vec![Some(add_call(graph, kernel, &[moments, dz], moments, &node.label)?)])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        vec![call(self.kernel(LatentStage::Sample, inputs[0]), &[Input(0)], &[Output(0)])]
    }
}

/// KL divergence: (moments `[N, 2L]`) -> divergences `[2, L]` from N(0, 1) in nats, the mean over rows for each unit:
/// no less than `free_bits` (the trained loss, times the step's beta), then as they are.
#[derive(Clone, Debug)]
pub struct GaussianKl {
    /// Bounds of the logarithm of the variance.
    pub clamp: [f32; 2],
    /// Nats of divergence that each unit may have without penalty.
    pub free_bits: f32,
}

impl GaussianKl {
    fn kernel(&self, stage: LatentStage, moments: &Value) -> Latent {
        let (batch, both) = moments.shape.rows_and_columns();
        Latent { stage, batch, latent: both / 2, stream: 0, clamp: self.clamp, free_bits: self.free_bits }
    }
}

impl Op for GaussianKl {
    fn name(&self) -> &'static str {
        "KL divergence"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let (_, latent) = moments(inputs[0])?;
        Ok(vec![ValueType::f32([2, latent])])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        _: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let (moments, divergences) = (node.inputs[0], node.outputs[0]);
        let kernel = self.kernel(LatentStage::DivergenceBackward, graph.value(moments));
        Ok(vec![Some(add_call(graph, kernel, &[moments, divergences], moments, &node.label)?)])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        vec![call(self.kernel(LatentStage::Divergence, inputs[0]), &[Input(0)], &[Output(0)])]
    }
}

/// Source of random numbers: () -> random numbers of a shape, new each step.
#[derive(Clone, Debug)]
pub struct RandomNumbers {
    /// Shape of the result.
    pub extents: Vec<usize>,
    /// Stream of counter-based random numbers.
    pub stream: u32,
    /// Raw bits, uniform or normal.
    pub distribution: Distribution,
}

impl Op for RandomNumbers {
    fn name(&self) -> &'static str {
        "random numbers"
    }

    fn infer(&self, _: &[&Value]) -> Result<Vec<ValueType>, String> {
        Ok(vec![ValueType::f32(self.extents.clone())])
    }

    fn lower(&self, _: &[&Value], outputs: &[&Value]) -> Vec<Lowered> {
        let count = outputs[0].shape.elements();
        vec![call(RandomFill { count, stream: self.stream, distribution: self.distribution }, &[], &[Output(0)])]
    }
}

/// Maximum mean discrepancy: (z `[N, L]`, samples of the prior `[N, L]`) -> the contribution of each row `[N]`.
#[derive(Clone, Debug)]
pub struct Mmd {
    /// Factor of the gradient with respect to z; the contributions are not multiplied.
    pub weight: f32,
}

impl Mmd {
    fn kernel(&self, z: &Value, backward: bool) -> MmdKernel {
        let (batch, latent) = z.shape.rows_and_columns();
        MmdKernel { backward, batch, latent, weight: self.weight }
    }
}

impl Op for Mmd {
    fn name(&self) -> &'static str {
        "maximum mean discrepancy"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        match (inputs[0].shape.extents(), inputs[1].shape.extents()) {
            ([n, l], prior) if prior == [*n, *l] && n * l > 0 => Ok(vec![ValueType::f32([*n])]),
            _ => Err(format!("codes {} and samples {} differ", inputs[0].shape, inputs[1].shape)),
        }
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        _: &[Option<ValueId>],
        _: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let kernel = self.kernel(graph.value(node.inputs[0]), true);
        Ok(vec![Some(add_call(graph, kernel, &node.inputs, node.inputs[0], &node.label)?), None])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        vec![call(self.kernel(inputs[0], false), &[Input(0), Input(1)], &[Output(0)])]
    }
}
