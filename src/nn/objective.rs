//! Losses with their record, and the update of the parameters.

use std::sync::Arc;

use crate::graph::ops::{ClipGradients, ElementLoss, RecordLossPart, UpdateParameters};
use crate::graph::{Graph, GraphError, SharedBuffer, ValueId};
use crate::kernels::loss::LossTerm;
use crate::kernels::optimizer::{DECAY_BLOCK, Update, UpdateRule};

/// Slots in the ring of losses: as many steps can run before the host must read it.
pub const LOSS_SLOTS: usize = 1024;

/// Number of parts in a slot.
pub const LOSS_PARTS: usize = 8;

/// Part of an objective, with its place in a slot of the ring. Parts are recorded as they are, before any weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ObjectivePart {
    /// Reconstruction loss between output and target.
    Reconstruction,
    /// KL divergence from the prior, no less than the free bits.
    Divergence,
    /// Sparsity penalty of the code: L1 norm, or KL divergence from a target rate.
    Sparsity,
    /// Maximum mean discrepancy from the prior.
    Discrepancy,
    /// Squared distance of the codes from their entries of the codebook.
    Commitment,
    /// Squared change of the code per unit of a small random change of the input.
    Contraction,
    /// Squared error of the reconstruction by dead units alone.
    Auxiliary,
    /// Structural dissimilarity, 1 - SSIM.
    Similarity,
}

impl ObjectivePart {
    /// All parts, in the order of their places in a slot.
    pub const ALL: [Self; LOSS_PARTS] = [
        Self::Reconstruction,
        Self::Divergence,
        Self::Sparsity,
        Self::Discrepancy,
        Self::Commitment,
        Self::Contraction,
        Self::Auxiliary,
        Self::Similarity,
    ];

    /// Returns its name in `metrics.jsonl`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconstruction => "reconstruction",
            Self::Divergence => "kl",
            Self::Sparsity => "sparsity",
            Self::Discrepancy => "mmd",
            Self::Commitment => "commitment",
            Self::Contraction => "contraction",
            Self::Auxiliary => "auxiliary",
            Self::Similarity => "ssim_loss",
        }
    }

    /// Returns its place in a slot.
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|&part| part == self).unwrap_or(0)
    }
}

/// Adds the ring of losses `[LOSS_SLOTS, LOSS_PARTS]`.
pub fn ring(graph: &mut Graph) -> ValueId {
    graph.external(SharedBuffer::Losses, [LOSS_SLOTS, LOSS_PARTS])
}

/// Records the sum of the first `count` partial sums as a part of the objective.
pub fn record(graph: &mut Graph, partials: ValueId, part: ObjectivePart, count: usize) -> Result<(), GraphError> {
    let ring = ring(graph);
    graph.add_op(Arc::new(RecordLossPart { part: part.index(), count }), &[partials, ring], "loss")?;
    Ok(())
}

/// Adds a loss of `prediction` against `target` and its record; returns the loss to differentiate.
pub fn element_loss(
    graph: &mut Graph,
    term: LossTerm,
    part: ObjectivePart,
    prediction: ValueId,
    target: ValueId,
) -> Result<ValueId, GraphError> {
    let partials = graph.add(ElementLoss::new(term), &[prediction, target], part.name())?;
    let count = graph.value(partials).shape.elements();
    record(graph, partials, part, count)?;
    Ok(partials)
}

/// Adds one `update` of all parameters, their gradients first clipped to the norm `clip_norm` where there is one.
pub fn clip_and_update(graph: &mut Graph, update: Update, clip_norm: Option<f32>) -> Result<(), GraphError> {
    let count = graph.flat_elements();
    let gradients = graph.external(SharedBuffer::Gradients, [count]);
    let mut inputs = vec![gradients, graph.external(SharedBuffer::DecayMask, [count / DECAY_BLOCK])];
    if let Some(max_norm) = clip_norm {
        inputs.push(graph.add_op(Arc::new(ClipGradients { max_norm }), &[gradients], "gradient norm")?[0]);
    }
    let mut flat = vec![SharedBuffer::Parameters, SharedBuffer::Moment1];
    if matches!(update.rule, UpdateRule::Adam { .. }) {
        flat.push(SharedBuffer::Moment2);
    }
    if update.average.is_some() {
        flat.push(SharedBuffer::Average);
    }
    for external in flat {
        inputs.push(graph.external(external, [count]));
    }
    let update = Update { count, clipped: clip_norm.is_some(), ..update };
    graph.add_op(Arc::new(UpdateParameters(update)), &inputs, "optimizer")?;
    Ok(())
}
