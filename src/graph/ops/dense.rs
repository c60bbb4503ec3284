//! Dense layers.

use std::sync::Arc;

use super::call;
use super::pointwise::activation_gradient;
use crate::graph::{Graph, GraphError, Lowered, Node, Op, Operand, Value, ValueId, ValueType};
use crate::kernels::activation::Activation;
use crate::kernels::dense::{DenseBackward, DenseForward, dense_split};
use crate::kernels::gemm_variant::GemmVariant;
use crate::kernels::partial_sums::ReducePartialSums;

/// Dense layer: (x `[N, D]`, weight `[K, D]`, bias `[K]`) -> activation(x weight^T + bias) `[N, K]`.
#[derive(Clone, Debug)]
pub struct Dense {
    /// Activation of the output.
    pub activation: Activation,
}

impl Op for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [x, weight, bias] = inputs else { return Err("x, weight and bias go in".to_owned()) };
        let ([n, d], [k, wd]) = (x.shape.extents(), weight.shape.extents()) else {
            return Err(format!("a dense layer takes rows of features, not {}", x.shape));
        };
        if d != wd {
            return Err(format!("{d} features come in and the weights {} take {wd}", weight.shape));
        }
        if bias.shape.extents() != [*k] {
            return Err(format!("a bias of {} does not fit {k} units", bias.shape));
        }
        if [n, d, k].into_iter().any(|&extent| extent == 0) {
            return Err(format!("{} through {} is empty", x.shape, weight.shape));
        }
        Ok(vec![ValueType::f32([*n, *k])])
    }

    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        needs: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let Some(dout) = douts[0] else { return Ok(vec![None; 3]) };
        let dout = activation_gradient(graph, self.activation, dout, node.outputs[0], &node.label)?;
        let op = DenseGradient { needs_dinp: needs[0], input_activation: Activation::Identity };
        let inputs = [dout, node.inputs[0], node.inputs[1]];
        let made = graph.add_op(Arc::new(op), &inputs, &format!("gradient of {}", node.label))?;
        Ok(vec![needs[0].then(|| made[2]), Some(made[0]), Some(made[1])])
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (batch, inputs_width) = inputs[0].shape.rows_and_columns();
        let kernel = DenseForward {
            batch,
            inputs: inputs_width,
            outputs: inputs[1].shape.extents()[0],
            activation: self.activation,
            variant: GemmVariant::default(),
        };
        vec![call(kernel, &[Operand::Input(0), Operand::Input(1), Operand::Input(2)], &[Operand::Output(0)])]
    }
}

/// Gradients of a dense layer: (dout `[N, K]`, x `[N, D]`, weight `[K, D]`) -> dweight `[K, D]`, dbias `[K]`(, dinp
/// `[N, D]`), and of large batches the sums over parts of it that dweight and dbias are made from.
#[derive(Clone, Debug)]
pub struct DenseGradient {
    /// True if the gradient of x is needed too.
    pub needs_dinp: bool,
    /// The activation that made x; its derivative is folded into dinp.
    pub input_activation: Activation,
}

impl Op for DenseGradient {
    fn name(&self) -> &'static str {
        "dense gradient"
    }

    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String> {
        let [dout, x, weight] = inputs else { return Err("dout, x and weight go in".to_owned()) };
        if dout.shape.extents().last() != weight.shape.extents().first() {
            return Err(format!("a gradient of {} does not fit weights {}", dout.shape, weight.shape));
        }
        let units = weight.shape.extents()[0];
        let mut types = vec![ValueType::f32(weight.shape.extents()), ValueType::f32([units])];
        if self.needs_dinp {
            types.push(ValueType::f32(x.shape.extents()));
        }
        let (batch, inputs) = x.shape.rows_and_columns();
        let slots = dense_split(batch, inputs, units).slots;
        if slots > 1 {
            types.extend([ValueType::f32([slots, units, inputs]), ValueType::f32([slots, units])]);
        }
        Ok(types)
    }

    fn lower(&self, inputs: &[&Value], _: &[&Value]) -> Vec<Lowered> {
        let (batch, width) = inputs[1].shape.rows_and_columns();
        let units = inputs[2].shape.extents()[0];
        let split = dense_split(batch, width, units);
        let kernel = DenseBackward {
            batch,
            inputs: width,
            outputs: units,
            needs_dinp: self.needs_dinp,
            input_activation: self.input_activation,
            split,
            variant: GemmVariant::default(),
        };
        let count = if self.needs_dinp { 3 } else { 2 };
        let reads: Vec<Operand> = (0..count).map(Operand::Input).collect();
        let mut writes: Vec<Operand> = (0..count).map(Operand::Output).collect();
        if split.slots == 1 {
            return vec![call(kernel, &reads, &writes)];
        }
        let partials = [Operand::Output(count), Operand::Output(count + 1)];
        writes[..2].copy_from_slice(&partials);
        let reduce = ReducePartialSums {
            bias: Some((units, split.slots)),
            ..ReducePartialSums::plain(units * width, split.slots)
        };
        vec![call(kernel, &reads, &writes), call(reduce, &partials, &[Operand::Output(0), Operand::Output(1)])]
    }

    fn with_activation_backward(&self, index: usize, activation: Activation, outputs_of: usize) -> Option<Arc<dyn Op>> {
        // Output 2 is dinp, input 1 is x: the output of the activation to fold in.
        (index == 2 && outputs_of == 1 && self.input_activation == Activation::Identity)
            .then(|| Arc::new(Self { input_activation: activation, ..self.clone() }) as Arc<dyn Op>)
    }
}
