//! A static graph of ops with shapes checked on insertion; autodiff and fusion rewrite it; a [`Plan`] turns it into
//! kernel calls and memory; an [`Executable`] runs the plan on a device.

mod autodiff;
mod execute;
mod fusion;
pub mod ops;
mod plan;

use std::sync::Arc;

pub use autodiff::differentiate;
pub use execute::{Executable, Externals, MAX_STEPS_PER_SUBMISSION};
pub use fusion::fuse;
pub use plan::{Call, Place, Plan, PlanBytes, View};

use crate::device::DeviceError;
use crate::kernels::Kernel;
use crate::kernels::activation::Activation;
use crate::tensor::{DType, Shape};

#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    #[error("the layers do not fit, {layer}, {problem}")]
    Shape { layer: String, problem: String },
    #[error("{0} cannot be differentiated, it has no backward pass, use another op")]
    NotDifferentiable(String),
    #[error("the plan is inconsistent, {0}, this is a defect of the program")]
    Plan(String),
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Index of a value in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) usize);

/// Index of a parameter in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(pub(crate) usize);

/// Memory that outlives a plan and is shared between plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum External {
    /// The rows of the data set.
    Data,
    /// Rows given directly, for encoding, decoding and the like.
    Input,
    Parameters,
    Gradients,
    Moment1,
    Moment2,
    /// The ring of losses.
    Losses,
}

impl External {
    pub fn label(self) -> &'static str {
        match self {
            Self::Data => "data.rows",
            Self::Input => "data.input",
            Self::Parameters => "parameters",
            Self::Gradients => "gradients",
            Self::Moment1 => "optimizer.moment1",
            Self::Moment2 => "optimizer.moment2",
            Self::Losses => "losses.ring",
        }
    }
}

/// Where a value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In memory that the plan assigns.
    Activation,
    External(External),
    Parameter(ParameterId),
    /// In the flat buffer of gradients, at the parameter's place.
    Gradient(ParameterId),
}

#[derive(Clone, Debug)]
pub struct Value {
    pub shape: Shape,
    pub dtype: DType,
    pub label: String,
    pub source: Source,
}

/// A trainable array; all of them lie in one flat buffer.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub shape: Shape,
    /// Place in the flat buffer, in elements.
    pub offset: usize,
    pub value: ValueId,
    /// Half-width of the uniform distribution that it starts from.
    pub initial_bound: f32,
}

/// Views of parameters start at multiples of this many elements (256 bytes), as every device asks.
pub const PARAMETER_ALIGNMENT: usize = 64;

#[derive(Clone, Debug)]
pub struct Node {
    pub op: Arc<dyn Op>,
    pub inputs: Vec<ValueId>,
    pub outputs: Vec<ValueId>,
    pub label: String,
}

/// A kernel call before memory is assigned: indices into the node's inputs and outputs.
#[derive(Clone, Debug)]
pub struct Lowered {
    pub kernel: Arc<dyn Kernel>,
    pub reads: Vec<Operand>,
    pub writes: Vec<Operand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    Input(usize),
    Output(usize),
}

/// What an op says about the values that go in or come out.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueType {
    pub shape: Shape,
    pub dtype: DType,
}

impl ValueType {
    pub fn f32(extents: impl Into<Vec<usize>>) -> Self {
        Self { shape: Shape::new(extents), dtype: DType::F32 }
    }
}

/// One operation: what it makes of shapes, how it is differentiated, and which kernels carry it out.
pub trait Op: std::fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// Types of the outputs, or what is wrong with the inputs.
    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String>;

    /// Adds the backward ops; gives a gradient for each input that needs one.
    ///
    /// `douts`: gradients of the outputs, where there are any.
    fn backward(
        &self,
        graph: &mut Graph,
        node: &Node,
        douts: &[Option<ValueId>],
        needs: &[bool],
    ) -> Result<Vec<Option<ValueId>>, GraphError> {
        let _ = (graph, douts, needs);
        Err(GraphError::NotDifferentiable(node.label.clone()))
    }

    /// The kernels that carry it out, in order.
    fn lower(&self, inputs: &[&Value], outputs: &[&Value]) -> Vec<Lowered>;

    /// If this is the gradient through an activation: which, as (dout, output of the activation).
    fn as_activation_backward(&self) -> Option<Activation> {
        None
    }

    /// This op with the derivative of `activation` folded into output `index`, where the activation's output is the
    /// input numbered `outputs_of`; `None` where it cannot.
    fn with_activation_backward(&self, index: usize, activation: Activation, outputs_of: usize) -> Option<Arc<dyn Op>> {
        let _ = (index, activation, outputs_of);
        None
    }
}

/// An arena of values and ops in the order in which they run.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    values: Vec<Value>,
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
}

impl Graph {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Elements of the flat buffers of parameters, gradients and moments, padding included.
    pub fn flat_elements(&self) -> usize {
        self.parameters
            .last()
            .map_or(PARAMETER_ALIGNMENT, |p| (p.offset + p.shape.elements()).next_multiple_of(PARAMETER_ALIGNMENT))
    }

    fn add_value(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        ValueId(self.values.len() - 1)
    }

    /// Memory from outside, f32.
    pub fn external(&mut self, external: External, extents: impl Into<Vec<usize>>) -> ValueId {
        self.external_typed(external, Shape::new(extents), DType::F32)
    }

    pub fn external_typed(&mut self, external: External, shape: Shape, dtype: DType) -> ValueId {
        self.add_value(Value { shape, dtype, label: external.label().to_owned(), source: Source::External(external) })
    }

    /// A trainable array that starts uniform in [-initial_bound, initial_bound).
    pub fn parameter(&mut self, name: &str, extents: impl Into<Vec<usize>>, initial_bound: f32) -> ValueId {
        let shape = Shape::new(extents);
        let offset = if self.parameters.is_empty() { 0 } else { self.flat_elements() };
        let id = ParameterId(self.parameters.len());
        let value = self.add_value(Value {
            shape: shape.clone(),
            dtype: DType::F32,
            label: name.to_owned(),
            source: Source::Parameter(id),
        });
        self.parameters.push(Parameter { name: name.to_owned(), shape, offset, value, initial_bound });
        value
    }

    /// Adds an op with any number of outputs.
    pub fn add_op(&mut self, op: Arc<dyn Op>, inputs: &[ValueId], label: &str) -> Result<Vec<ValueId>, GraphError> {
        let input_values: Vec<&Value> = inputs.iter().map(|id| &self.values[id.0]).collect();
        let types = op
            .infer(&input_values)
            .map_err(|problem| GraphError::Shape { layer: format!("{label} ({})", op.name()), problem })?;
        let outputs: Vec<ValueId> = types
            .into_iter()
            .map(|ValueType { shape, dtype }| {
                self.add_value(Value { shape, dtype, label: label.to_owned(), source: Source::Activation })
            })
            .collect();
        self.nodes.push(Node { op, inputs: inputs.to_vec(), outputs: outputs.clone(), label: label.to_owned() });
        Ok(outputs)
    }

    /// Adds an op with one output.
    pub fn add(&mut self, op: impl Op + 'static, inputs: &[ValueId], label: &str) -> Result<ValueId, GraphError> {
        let outputs = self.add_op(Arc::new(op), inputs, label)?;
        outputs.first().copied().ok_or_else(|| GraphError::Plan(format!("{label} has no output")))
    }

    /// Index of the node that makes `value`.
    fn producer(&self, value: ValueId) -> Option<usize> {
        self.nodes.iter().position(|node| node.outputs.contains(&value))
    }
}
