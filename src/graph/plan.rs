//! Lowering of a graph to a flat list of kernel calls with their memory, independent of the device.
//!
//! Activations share memory by liveness: a block is free again after the last call that reads it. Blocks are
//! separate buffers, because GPUs order dispatches by whole buffers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Graph, GraphError, Operand, SharedBuffer, ValueId, ValueSource};
use crate::kernels::Kernel;

/// A block of memory that a call touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// Buffer shared with other plans.
    External(SharedBuffer),
    /// Block that the plan itself owns, as an index into [`Plan::blocks`].
    Block(usize),
}

/// A range of bytes in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferView {
    /// Block that holds the range.
    pub place: Location,
    /// Start of the range, in bytes.
    pub offset: usize,
    /// Length of the range, in bytes.
    pub bytes: usize,
}

impl BufferView {
    fn overlaps(&self, other: &Self) -> bool {
        self.place == other.place && self.offset < other.offset + other.bytes && other.offset < self.offset + self.bytes
    }
}

/// Kernel call with the memory that it reads and writes.
#[derive(Clone, Debug)]
pub struct Call {
    /// Kernel with all sizes fixed.
    pub kernel: Arc<dyn Kernel>,
    /// Memory read, in the kernel's order.
    pub reads: Vec<BufferView>,
    /// Memory written, in the kernel's order; it overlaps nothing else that the call uses.
    pub writes: Vec<BufferView>,
    /// Names of the layer and of the kernel, for messages and traces.
    pub label: String,
}

impl Call {
    /// Returns the sizes of its kernel in a few characters; where the kernel has none, the counts of values read and
    /// written.
    pub fn shape(&self) -> String {
        let own = self.kernel.shape();
        if !own.is_empty() {
            return own;
        }
        let list = |views: &[BufferView]| {
            let mut counts: Vec<String> = views.iter().map(|view| (view.bytes / 4).to_string()).collect();
            counts.dedup();
            counts.join(",")
        };
        format!("{}>{}", list(&self.reads), list(&self.writes))
    }
}

/// Bytes that running a plan takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanBytes {
    /// Blocks that the plan owns.
    pub activations: usize,
    /// Memory shared with other plans: data, parameters, gradients, moments.
    pub external: usize,
}

/// Kernel calls of a graph and the memory that they need.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Kernel calls in the order in which they run.
    pub calls: Vec<Call>,
    /// Sizes of the plan's own blocks, in bytes.
    pub blocks: Vec<usize>,
    /// Sizes of the shared buffers, in bytes.
    pub externals: BTreeMap<SharedBuffer, usize>,
    kept: BTreeMap<ValueId, BufferView>,
}

impl Plan {
    /// Plans `graph`; the values in `kept` can be read after a run.
    pub fn new(graph: &Graph, kept: &[ValueId]) -> Result<Self, GraphError> {
        Planner::new(graph, kept).plan()
    }

    /// A plan of one kernel alone, each of its buffers a block of the given size in bytes: the reads first, then the
    /// writes. For tests and benchmarks.
    pub fn from_kernel(kernel: Arc<dyn Kernel>, reads: &[usize], writes: &[usize]) -> Self {
        let views: Vec<BufferView> = reads
            .iter()
            .chain(writes)
            .enumerate()
            .map(|(block, &bytes)| BufferView { place: Location::Block(block), offset: 0, bytes })
            .collect();
        let (read_views, write_views) = views.split_at(reads.len());
        let label = kernel.name().to_owned();
        let call = Call { kernel, reads: read_views.to_vec(), writes: write_views.to_vec(), label };
        Self {
            calls: vec![call],
            blocks: reads.iter().chain(writes).copied().collect(),
            externals: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Returns the memory of a kept value; `None` for other values.
    pub fn view(&self, value: ValueId) -> Option<BufferView> {
        self.kept.get(&value).copied()
    }

    /// Returns the bytes that running the plan takes.
    pub fn bytes(&self) -> PlanBytes {
        PlanBytes { activations: self.blocks.iter().sum(), external: self.externals.values().sum() }
    }
}

struct Planner<'g> {
    graph: &'g Graph,
    /// Value that owns the memory of each value: itself, except for aliases.
    root: Vec<ValueId>,
    /// Location of a root that one of its aliases requires.
    forced: BTreeMap<ValueId, ValueSource>,
    kept: &'g [ValueId],
    /// The last node that touches each value.
    last_use: Vec<usize>,
    views: Vec<Option<BufferView>>,
    blocks: Vec<usize>,
    free: Vec<usize>,
    externals: BTreeMap<SharedBuffer, usize>,
}

impl<'g> Planner<'g> {
    fn new(graph: &'g Graph, kept: &'g [ValueId]) -> Self {
        let mut root: Vec<ValueId> = (0..graph.values.len()).map(ValueId).collect();
        let mut forced = BTreeMap::new();
        for node in graph.nodes.iter().filter(|node| node.op.is_alias()) {
            if let ([input], [output]) = (&node.inputs[..], &node.outputs[..]) {
                root[output.0] = root[input.0];
                let source = graph.value(*output).source;
                if source != ValueSource::Activation {
                    forced.insert(root[input.0], source);
                }
            }
        }
        let mut last_use = vec![0; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            for value in node.inputs.iter().chain(&node.outputs) {
                last_use[root[value.0].0] = index;
            }
        }
        for value in kept {
            last_use[root[value.0].0] = usize::MAX;
        }
        Self {
            graph,
            root,
            forced,
            kept,
            last_use,
            views: vec![None; graph.values.len()],
            blocks: Vec::new(),
            free: Vec::new(),
            externals: BTreeMap::new(),
        }
    }

    fn plan(mut self) -> Result<Plan, GraphError> {
        let graph = self.graph;
        let mut calls = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            for &value in node.inputs.iter().chain(&node.outputs) {
                self.place(value)?;
            }
            if node.op.is_alias() {
                self.release(index);
                continue;
            }
            let inputs: Vec<_> = node.inputs.iter().map(|id| graph.value(*id)).collect();
            let outputs: Vec<_> = node.outputs.iter().map(|id| graph.value(*id)).collect();
            for lowered in node.op.lower(&inputs, &outputs) {
                let view = |operand: &Operand| {
                    let id = match *operand {
                        Operand::Input(i) => node.inputs.get(i),
                        Operand::Output(i) => node.outputs.get(i),
                    };
                    id.and_then(|id| self.views[id.0])
                        .ok_or_else(|| GraphError::Plan(format!("{} has no {operand:?}", node.label)))
                };
                let call = Call {
                    reads: lowered.reads.iter().map(view).collect::<Result<_, _>>()?,
                    writes: lowered.writes.iter().map(view).collect::<Result<_, _>>()?,
                    label: format!("{} ({})", node.label, lowered.kernel.name()),
                    kernel: lowered.kernel,
                };
                check_disjoint(&call)?;
                calls.push(call);
            }
            self.release(index);
        }
        let kept = self
            .kept
            .iter()
            .map(|&id| {
                let view = self.views[id.0];
                let label = &graph.value(id).label;
                view.map(|view| (id, view)).ok_or_else(|| GraphError::Plan(format!("{label} is kept but never made")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Plan { calls, blocks: self.blocks, externals: self.externals, kept })
    }

    /// Frees the blocks whose last use was node `index`.
    fn release(&mut self, index: usize) {
        let node = &self.graph.nodes[index];
        let mut done: Vec<usize> = node
            .inputs
            .iter()
            .chain(&node.outputs)
            .map(|value| self.root[value.0])
            .filter(|root| self.last_use[root.0] == index)
            .filter_map(|root| match self.views[root.0]?.place {
                Location::Block(block) => Some(block),
                Location::External(_) => None,
            })
            .collect();
        done.sort_unstable();
        done.dedup();
        self.free.extend(done);
    }

    /// Assigns memory to `value`, once.
    fn place(&mut self, value: ValueId) -> Result<(), GraphError> {
        if self.views[value.0].is_some() {
            return Ok(());
        }
        let root = self.root[value.0];
        if root != value {
            self.place(root)?;
            self.views[value.0] = self.views[root.0];
            return Ok(());
        }
        let described = self.graph.value(value);
        let bytes = described.dtype.bytes(&described.shape);
        if u32::try_from(bytes / 4).is_err() {
            return Err(GraphError::Shape {
                layer: described.label.clone(),
                problem: format!("{} is more than 4 billion values, use a smaller batch or layer", described.shape),
            });
        }
        let flat = self.graph.flat_elements() * 4;
        let parameter = |id: super::ParameterId| self.graph.parameters[id.0].offset * 4;
        let source = self.forced.get(&value).copied().unwrap_or(described.source);
        let view = match source {
            ValueSource::Statistic(id) => {
                self.externals.insert(SharedBuffer::Statistics, self.graph.statistic_elements() * 4);
                let offset = self.graph.statistics[id.0].offset * 4;
                BufferView { place: Location::External(SharedBuffer::Statistics), offset, bytes }
            }
            ValueSource::External(external) => {
                let size = self.externals.entry(external).or_default();
                *size = (*size).max(bytes);
                BufferView { place: Location::External(external), offset: 0, bytes }
            }
            ValueSource::Parameter(id) => {
                self.externals.insert(SharedBuffer::Parameters, flat);
                BufferView { place: Location::External(SharedBuffer::Parameters), offset: parameter(id), bytes }
            }
            ValueSource::Gradient(id) => {
                self.externals.insert(SharedBuffer::Gradients, flat);
                BufferView { place: Location::External(SharedBuffer::Gradients), offset: parameter(id), bytes }
            }
            ValueSource::Activation => BufferView { place: Location::Block(self.take_block(bytes)), offset: 0, bytes },
        };
        self.views[value.0] = Some(view);
        Ok(())
    }

    /// Returns the free block that fits best, else the largest free one grown, else a new one.
    fn take_block(&mut self, bytes: usize) -> usize {
        let best = (0..self.free.len())
            .min_by_key(|&place| {
                let size = self.blocks[self.free[place]];
                if size >= bytes { (0, size - bytes) } else { (1, bytes - size) }
            })
            .map(|place| self.free.swap_remove(place));
        match best {
            Some(block) => {
                self.blocks[block] = self.blocks[block].max(bytes.next_multiple_of(16));
                block
            }
            None => {
                self.blocks.push(bytes.next_multiple_of(16));
                self.blocks.len() - 1
            }
        }
    }
}

/// Checks that no call writes memory that it also uses otherwise: CPU views stay safe and GPU bindings valid.
fn check_disjoint(call: &Call) -> Result<(), GraphError> {
    for (i, write) in call.writes.iter().enumerate() {
        let twice = call.writes[i + 1..].iter().any(|other| write.overlaps(other));
        if twice || call.reads.iter().any(|read| read.place == write.place) {
            return Err(GraphError::Plan(format!("{} writes memory that it also uses otherwise", call.label)));
        }
    }
    Ok(())
}
