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

/// Error of building, planning or running a graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Shapes that an op or the plan cannot take: `layer` names the op or value, `problem` the mismatch.
    #[error("the layers do not fit, {layer}, {problem}")]
    Shape {
        /// Label of the op or value.
        layer: String,
        /// Description of the mismatch.
        problem: String,
    },
    /// Op without a backward pass between a parameter and a loss; holds its label.
    #[error("{0} cannot be differentiated, it has no backward pass, use another op")]
    NotDifferentiable(String),
    /// Defect of the program: an inconsistent graph or plan; holds a description.
    #[error("the plan is inconsistent, {0}, this is a defect of the program")]
    Plan(String),
    /// Error of the device, passed on unchanged.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl GraphError {
    /// Returns the kind of the error: wrong usage or failed work.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Shape { .. } => ErrorKind::Usage,
            Self::Device(error) => error.kind(),
            Self::NotDifferentiable(_) | Self::Plan(_) => ErrorKind::Work,
        }
    }

    /// Returns the advice of a device error; `None` for other errors.
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
    /// Trainable parameters, flat.
    Parameters,
    /// Gradients of the parameters, flat, at the parameters' offsets.
    Gradients,
    /// First moment of the optimizer: Adam's moving average of gradients, or the momentum of SGD.
    Moment1,
    /// Second moment of Adam: moving average of squared gradients.
    Moment2,
    /// Moving average of the parameters.
    Average,
    /// Factor of weight decay for each block of parameters.
    DecayMask,
    /// Arrays learned without gradients: running means and variances, codebooks.
    Statistics,
    /// Ring of losses: slots of steps by parts of the objective.
    Losses,
}

impl SharedBuffer {
    /// Returns the name of the buffer on the device and in messages, such as `optimizer.moment1`.
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

/// Location of a value's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// Memory that the plan assigns.
    Activation,
    /// Start of a shared buffer.
    External(SharedBuffer),
    /// Flat buffer of parameters, at the parameter's offset.
    Parameter(ParameterId),
    /// Flat buffer of gradients, at the parameter's offset.
    Gradient(ParameterId),
    /// Flat buffer of statistics, at the offset of the statistic; the id counts statistics.
    Statistic(ParameterId),
}

/// Tensor of a graph, with its place in memory.
#[derive(Clone, Debug)]
pub struct Value {
    /// Extents, the outermost axis first.
    pub shape: Shape,
    /// Storage of its elements.
    pub dtype: DType,
    /// Name for messages: that of the layer, parameter or shared buffer.
    pub label: String,
    /// Location of its memory.
    pub source: ValueSource,
}

/// Initial values of a parameter or statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Uniform in [-bound, bound).
    Uniform(f32),
    /// The same value everywhere.
    Constant(f32),
    /// Two values in alternation.
    Pairs([f32; 2]),
    /// Gaussian of this standard deviation, in elements, over the first two axes, with sum 1 per channel.
    Gaussian(f32),
}

/// Layout of an array in a file, where it differs from memory: axes reordered, then reshaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLayout {
    /// Extents of the array in memory, perhaps with more axes than its shape has.
    pub extents: Vec<usize>,
    /// Axes of memory in the file's order.
    pub order: Vec<usize>,
    /// Shape in the file.
    pub shape: Vec<usize>,
}

impl FileLayout {
    /// Returns the index in memory for each index in the file.
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

    /// Returns the elements of `memory` in the file's order.
    pub fn to_file(&self, memory: &[f32]) -> Vec<f32> {
        self.places().into_iter().map(|place| memory[place]).collect()
    }

    /// Returns the elements of `file` in the order of memory.
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
    /// Name in checkpoints, such as `encoder.0.weight`; unique among parameters or statistics.
    pub name: String,
    /// Extents in memory; [`Self::file_shape`] has those in a file.
    pub shape: Shape,
    /// Offset in the flat buffer, in elements.
    pub offset: usize,
    /// Value of the graph that reads the array.
    pub value: ValueId,
    /// Initial values before training.
    pub initial: Init,
    /// True if weight decay applies: not to biases and gains.
    pub decays: bool,
    /// Layout in a file; `None` where it is that of memory.
    pub file: Option<FileLayout>,
}

impl Parameter {
    /// Returns its shape in a file.
    pub fn file_shape(&self) -> Shape {
        self.file.as_ref().map_or_else(|| self.shape.clone(), |file| Shape::new(file.shape.clone()))
    }
}

/// Alignment of parameters in the flat buffer, in elements: 256 bytes, as every device requires.
pub const PARAMETER_ALIGNMENT: usize = 64;

/// Op of a graph with the values that it reads and makes.
#[derive(Clone, Debug)]
pub struct Node {
    /// Operation with its settings.
    pub op: Arc<dyn Op>,
    /// Values read, in the op's order; some ops also update theirs in place.
    pub inputs: Vec<ValueId>,
    /// Values made, in the op's order.
    pub outputs: Vec<ValueId>,
    /// Name of the layer, for messages and traces.
    pub label: String,
}

/// A kernel call before memory is assigned: indices into the node's inputs and outputs.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// Kernel with all sizes fixed.
    pub kernel: Arc<dyn Kernel>,
    /// Values read, in the kernel's order.
    pub reads: Vec<Operand>,
    /// Values written, in the kernel's order; inputs among them are updated in place.
    pub writes: Vec<Operand>,
}

/// Value of a node by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Index into [`Node::inputs`].
    Input(usize),
    /// Index into [`Node::outputs`].
    Output(usize),
}

/// Shape and storage of a value that an op makes.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueType {
    /// Extents, the outermost axis first.
    pub shape: Shape,
    /// Storage of its elements.
    pub dtype: DType,
}

impl ValueType {
    /// Returns the type of an f32 value with these extents.
    pub fn f32(extents: impl Into<Vec<usize>>) -> Self {
        Self { shape: Shape::new(extents), dtype: DType::F32 }
    }
}

/// One operation: its shape rule, its gradient, and the kernels that carry it out.
pub trait Op: std::fmt::Debug + Send + Sync {
    /// Returns the kind of the operation, such as `transposed conv`.
    fn name(&self) -> &'static str;

    /// Returns the types of the outputs, or a description of the mismatch of the inputs.
    fn infer(&self, inputs: &[&Value]) -> Result<Vec<ValueType>, String>;

    /// Adds the backward ops; returns a gradient for each input that needs one.
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

    /// Returns the kernels that carry it out, in order.
    fn lower(&self, inputs: &[&Value], outputs: &[&Value]) -> Vec<Lowered>;

    /// Returns whether the only output is the only input in another shape: no kernel runs and no memory is taken.
    fn is_alias(&self) -> bool {
        false
    }

    /// Returns whether no gradient flows back through it.
    fn blocks_gradient(&self) -> bool {
        false
    }

    /// Returns the stages of an element-wise op: the first takes input 0 and the binary ones the others. `None` for
    /// other ops.
    fn as_pointwise(&self) -> Option<&[PointwiseStage]> {
        None
    }

    /// Returns the activation whose gradient this op is, given (dout, output of the activation); `None` for other ops.
    fn as_activation_backward(&self) -> Option<Activation> {
        None
    }

    /// Returns this op with the derivative of `activation` folded into output `index`, where the activation's output is
    /// the input numbered `outputs_of`; `None` where it cannot.
    fn with_activation_backward(&self, index: usize, activation: Activation, outputs_of: usize) -> Option<Arc<dyn Op>> {
        let _ = (index, activation, outputs_of);
        None
    }
}

/// Size of a graph at some time, which separates earlier nodes and values from later ones.
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
    /// Returns an empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a value of this graph.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// Returns the ops in the order in which they run.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns the present size of the graph.
    pub fn mark(&self) -> GraphMark {
        GraphMark { nodes: self.nodes.len(), values: self.values.len() }
    }

    /// Returns the trainable arrays in the order of their offsets.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Returns the arrays learned without gradients in the order of their offsets.
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

    /// Returns a stream of random numbers that no other op of this graph has.
    pub fn next_stream(&mut self) -> u32 {
        self.streams += 1;
        crate::random::stream::OPS + self.streams - 1
    }

    fn add_value(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        ValueId(self.values.len() - 1)
    }

    /// Adds an f32 value at the start of a shared buffer.
    pub fn external(&mut self, external: SharedBuffer, extents: impl Into<Vec<usize>>) -> ValueId {
        self.external_typed(external, Shape::new(extents), DType::F32)
    }

    /// Adds a value at the start of a shared buffer, stored as `dtype`.
    pub fn external_typed(&mut self, external: SharedBuffer, shape: Shape, dtype: DType) -> ValueId {
        self.add_value(Value {
            shape,
            dtype,
            label: external.label().to_owned(),
            source: ValueSource::External(external),
        })
    }

    /// Adds a trainable array; returns the existing one where another layer has taken this name.
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

    /// Adds an array that is learned without gradients; returns the existing one under this name.
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

    /// Sets the weight decay and the file layout of the parameter or statistic `value`.
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

    /// Replaces the op that makes `output` with `op`, which adds outputs made from the same inputs; returns all
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

    /// Keeps only the ops that `outputs` depend on: losses and updates of statistics are left out.
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
