//! A static graph of ops with shapes checked on insertion; autodiff and fusion rewrite it; a [`Plan`] turns it into
//! kernel calls and memory; an [`Executable`] runs the plan on a device.

mod activation_checkpointing;
mod autodiff;
mod execute;
mod fusion;
mod half_storage;
pub mod ops;
mod plan;

use std::sync::Arc;

pub use self::activation_checkpointing::checkpoint_activations;
pub use self::autodiff::differentiate;
pub use self::execute::compare::{Deviation, compare_on_noise, run_kernel};
pub use self::execute::timing::{time_kernel, timing_noise};
pub use self::execute::{
    CallBuffers, CpuExecutable, Executable, MAX_STEPS_PER_SUBMISSION, ObservedCall, SharedBuffers,
};
pub use self::fusion::fuse;
pub use self::half_storage::store_as_f16;
pub use self::plan::{BufferView, Call, Location, Plan, PlanBytes};
use crate::device::DeviceError;
use crate::error::{Advice, ErrorKind};
use crate::kernels::Kernel;
use crate::kernels::activation::Activation;
use crate::kernels::pointwise::PointwiseStage;
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

impl GraphError {
    /// Returns whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Shape { .. } => ErrorKind::Usage,
            Self::Device(error) => error.kind(),
            Self::NotDifferentiable(_) | Self::Plan(_) => ErrorKind::Work,
        }
    }

    /// Returns what would help.
    pub fn advice(&self) -> Option<Advice> {
        match self {
            Self::Device(error) => error.advice(),
            _ => None,
        }
    }
}

/// Index of a value in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) usize);

/// Index of a parameter in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(pub(crate) usize);

/// Memory that outlives a plan and is shared between plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SharedBuffer {
    /// The rows of the data set.
    Data,
    /// Rows given directly, for encoding, decoding and the like.
    Input,
    /// Classes of the rows of the data set, one hot.
    Classes,
    /// Conditions given directly.
    Conditions,
    /// Latent numbers given directly.
    Latents,
    Parameters,
    Gradients,
    Moment1,
    Moment2,
    /// Moving average of the parameters.
    Average,
    /// What weight decay is multiplied by, for each block of parameters.
    DecayMask,
    /// What is learned without gradients: running means and variances, codebooks.
    Statistics,
    /// The ring of losses: slots of steps by parts of the objective.
    Losses,
}

impl SharedBuffer {
    pub fn label(self) -> &'static str {
        match self {
            Self::Data => "data.rows",
            Self::Input => "data.input",
            Self::Classes => "data.classes",
            Self::Conditions => "data.conditions",
            Self::Latents => "latents.input",
            Self::Parameters => "parameters",
            Self::Gradients => "gradients",
            Self::Moment1 => "optimizer.moment1",
            Self::Moment2 => "optimizer.moment2",
            Self::Average => "parameters.average",
            Self::DecayMask => "optimizer.decay_mask",
            Self::Statistics => "statistics",
            Self::Losses => "losses.ring",
        }
    }
}

/// Where a value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// In memory that the plan assigns.
    Activation,
    External(SharedBuffer),
    Parameter(ParameterId),
    /// In the flat buffer of gradients, at the parameter's place.
    Gradient(ParameterId),
    /// In the flat buffer of statistics; the id counts those.
    Statistic(ParameterId),
}

#[derive(Clone, Debug)]
pub struct Value {
    pub shape: Shape,
    pub dtype: DType,
    pub label: String,
    pub source: ValueSource,
}

/// What an array starts from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Uniform in [-bound, bound).
    Uniform(f32),
    Constant(f32),
    /// The two by turns.
    Pairs([f32; 2]),
    /// A Gaussian of this deviation over the first two axes, its sum 1.
    Gaussian(f32),
}

/// How an array lies in a file, where that differs from memory: axes reordered, then seen in another shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLayout {
    /// The array in memory, perhaps with more axes than its shape has.
    pub extents: Vec<usize>,
    /// The axes of memory in the file's order.
    pub order: Vec<usize>,
    /// Shape in the file.
    pub shape: Vec<usize>,
}

impl FileLayout {
    /// For each place in the file, the place in memory.
    fn places(&self) -> Vec<usize> {
        let mut strides = vec![1; self.extents.len()];
        for axis in (1..self.extents.len()).rev() {
            strides[axis - 1] = strides[axis] * self.extents[axis];
        }
        let mut places = vec![0];
        for &axis in &self.order {
            places = places
                .iter()
                .flat_map(|place| (0..self.extents[axis]).map(move |i| (place, i)))
                .map(|(place, i)| place + i * strides[axis])
                .collect();
        }
        places
    }

    pub fn to_file(&self, memory: &[f32]) -> Vec<f32> {
        self.places().into_iter().map(|place| memory[place]).collect()
    }

    pub fn to_memory(&self, file: &[f32]) -> Vec<f32> {
        let mut memory = vec![0.0; file.len()];
        for (place, &value) in self.places().into_iter().zip(file) {
            memory[place] = value;
        }
        memory
    }
}

/// A trainable array, or one of statistics; all of a kind lie in one flat buffer.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub shape: Shape,
    /// Place in the flat buffer, in elements.
    pub offset: usize,
    pub value: ValueId,
    pub initial: Init,
    /// Whether weight decay applies: not to biases and gains.
    pub decays: bool,
    pub file: Option<FileLayout>,
}

impl Parameter {
    /// Its shape in a file.
    pub fn file_shape(&self) -> Shape {
        self.file.as_ref().map_or_else(|| self.shape.clone(), |file| Shape::new(file.shape.clone()))
    }
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

    /// Whether the only output is the only input seen in another shape: no kernel runs and no memory is taken.
    fn is_alias(&self) -> bool {
        false
    }

    /// Whether nothing flows back through it.
    fn blocks_gradient(&self) -> bool {
        false
    }

    /// If it treats every element alike: its stages, of which the first takes input 0 and the binary ones the others.
    fn as_pointwise(&self) -> Option<&[PointwiseStage]> {
        None
    }

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

/// How far a graph had grown at some time: what was there before, and what came after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphMark {
    nodes: usize,
    values: usize,
}

/// An arena of values and ops in the order in which they run.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    values: Vec<Value>,
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    statistics: Vec<Parameter>,
    streams: u32,
}

fn flat_elements(arrays: &[Parameter]) -> usize {
    arrays.last().map_or(PARAMETER_ALIGNMENT, |p| (p.offset + p.shape.elements()).next_multiple_of(PARAMETER_ALIGNMENT))
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

    pub fn mark(&self) -> GraphMark {
        GraphMark { nodes: self.nodes.len(), values: self.values.len() }
    }

    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    pub fn statistics(&self) -> &[Parameter] {
        &self.statistics
    }

    /// Elements of the flat buffers of parameters, gradients and moments, padding included.
    pub fn flat_elements(&self) -> usize {
        flat_elements(&self.parameters)
    }

    /// Elements of the flat buffer of statistics, padding included.
    pub fn statistic_elements(&self) -> usize {
        flat_elements(&self.statistics)
    }

    /// A stream of random numbers that no other op of this graph has.
    pub fn next_stream(&mut self) -> u32 {
        self.streams += 1;
        crate::random::stream::OPS + self.streams - 1
    }

    fn add_value(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        ValueId(self.values.len() - 1)
    }

    /// Memory from outside, f32.
    pub fn external(&mut self, external: SharedBuffer, extents: impl Into<Vec<usize>>) -> ValueId {
        self.external_typed(external, Shape::new(extents), DType::F32)
    }

    pub fn external_typed(&mut self, external: SharedBuffer, shape: Shape, dtype: DType) -> ValueId {
        self.add_value(Value {
            shape,
            dtype,
            label: external.label().to_owned(),
            source: ValueSource::External(external),
        })
    }

    /// A trainable array; the one that is there already, where another layer has taken this name.
    pub fn parameter(&mut self, name: &str, extents: impl Into<Vec<usize>>, initial: Init) -> ValueId {
        if let Some(there) = self.parameters.iter().find(|parameter| parameter.name == name) {
            return there.value;
        }
        let id = ParameterId(self.parameters.len());
        let offset = if self.parameters.is_empty() { 0 } else { self.flat_elements() };
        let parameter = self.array(name, extents, initial, offset, ValueSource::Parameter(id));
        let value = parameter.value;
        self.parameters.push(parameter);
        value
    }

    /// An array that is learned without gradients, or the one that is there already under this name.
    pub fn statistic(&mut self, name: &str, extents: impl Into<Vec<usize>>, initial: Init) -> ValueId {
        if let Some(there) = self.statistics.iter().find(|statistic| statistic.name == name) {
            return there.value;
        }
        let id = ParameterId(self.statistics.len());
        let offset = if self.statistics.is_empty() { 0 } else { self.statistic_elements() };
        let statistic = self.array(name, extents, initial, offset, ValueSource::Statistic(id));
        let value = statistic.value;
        self.statistics.push(statistic);
        value
    }

    fn array(
        &mut self,
        name: &str,
        extents: impl Into<Vec<usize>>,
        initial: Init,
        offset: usize,
        source: ValueSource,
    ) -> Parameter {
        let shape = Shape::new(extents);
        let value = self.add_value(Value { shape: shape.clone(), dtype: DType::F32, label: name.to_owned(), source });
        Parameter { name: name.to_owned(), shape, offset, value, initial, decays: true, file: None }
    }

    /// Says how the parameter or statistic `value` is decayed and written.
    pub fn describe_parameter(&mut self, value: ValueId, decays: bool, file: Option<FileLayout>) {
        let array = match self.values[value.0].source {
            ValueSource::Parameter(id) => &mut self.parameters[id.0],
            ValueSource::Statistic(id) => &mut self.statistics[id.0],
            _ => return,
        };
        array.decays = decays;
        array.file = file;
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
                self.add_value(Value { shape, dtype, label: label.to_owned(), source: ValueSource::Activation })
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

    /// Puts `op`, which makes more of the same inputs, in the place of the op that makes `output` first; gives all
    /// outputs.
    fn widen(&mut self, output: ValueId, op: Arc<dyn Op>) -> Result<Vec<ValueId>, GraphError> {
        let Some(index) = self.producer(output) else {
            return Err(GraphError::Plan(format!("{} is made by nobody", self.value(output).label)));
        };
        let node = self.nodes[index].clone();
        let inputs: Vec<&Value> = node.inputs.iter().map(|id| &self.values[id.0]).collect();
        let types = op
            .infer(&inputs)
            .map_err(|problem| GraphError::Shape { layer: format!("{} ({})", node.label, op.name()), problem })?;
        for ValueType { shape, dtype } in types.into_iter().skip(node.outputs.len()) {
            let label = format!("gradient of {}", node.label);
            let value = self.add_value(Value { shape, dtype, label, source: ValueSource::Activation });
            self.nodes[index].outputs.push(value);
        }
        self.nodes[index].op = op;
        Ok(self.nodes[index].outputs.clone())
    }

    /// Keeps only what `outputs` are made from: losses and updates of statistics are left out.
    pub fn retain_for(&mut self, outputs: &[ValueId]) {
        let mut needed = vec![false; self.values.len()];
        for output in outputs {
            needed[output.0] = true;
        }
        let mut kept = Vec::with_capacity(self.nodes.len());
        for node in std::mem::take(&mut self.nodes).into_iter().rev() {
            if node.outputs.iter().any(|output| needed[output.0]) {
                for input in &node.inputs {
                    needed[input.0] = true;
                }
                kept.push(node);
            }
        }
        kept.reverse();
        self.nodes = kept;
    }

    /// Index of the node that makes `value`.
    fn producer(&self, value: ValueId) -> Option<usize> {
        self.nodes.iter().position(|node| node.outputs.contains(&value))
    }
}
