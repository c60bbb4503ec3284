//! Passes of a network: training, evaluation, decoding and the like, each planned from the same body.

use super::{EvaluationMode, LayerProbe, Network, Pass, RowSource};
use crate::graph::{
    BufferView, GraphError, Plan, SharedBuffer, ValueId, checkpoint_activations, differentiate, fuse, store_as_f16,
};
use crate::model::Precision;
use crate::nn;

impl Network {
    /// Plans a training step: batch, forward, losses, backward, optimizer.
    pub fn training_pass(&self, batch: usize, subject: RowSource) -> Result<Plan, GraphError> {
        let mut built = self.build(batch, subject, true, EvaluationMode { sampled: true, corrupted: true })?;
        let graph = &mut built.builder.graph;
        let forward = graph.mark();
        differentiate(graph, &built.losses)?;
        let clip_norm = self.spec.optimizer.clip_norm.map(|norm| norm as f32);
        nn::clip_and_update(graph, self.update(), clip_norm)?;
        if self.spec.engine.recompute {
            checkpoint_activations(graph, forward);
        }
        if self.spec.engine.precision == Precision::F16 {
            store_as_f16(graph, forward)?;
        }
        fuse(graph, &[]);
        Plan::new(graph, &[])
    }

    /// Plans an evaluation: batch, forward and losses, with latents and output to read.
    pub fn evaluation_pass(&self, batch: usize, subject: RowSource, mode: EvaluationMode) -> Result<Pass, GraphError> {
        let mut built = self.build(batch, subject, false, mode)?;
        let output = self.finished_output(&mut built.builder, built.prediction)?;
        let (latent, seen) = (built.encoded.latent, built.seen);
        let (divergence, codes, moments) = (built.divergence, built.encoded.codes, built.encoded.moments);
        let kept = [latent, output, seen].into_iter().chain(divergence).chain(codes).chain(moments);
        let kept: Vec<ValueId> = kept.collect();
        let plan = Plan::new(&built.builder.graph, &kept)?;
        let view = |value: ValueId| {
            plan.view(value).ok_or_else(|| GraphError::Plan("an evaluation keeps what is read of it".to_owned()))
        };
        Ok(Pass {
            latent: view(latent)?,
            output: view(output)?,
            seen: view(seen)?,
            moments: moments.map(view).transpose()?,
            divergence: divergence.map(view).transpose()?,
            codes: codes.map(view).transpose()?,
            plan,
        })
    }

    /// Plans a forward pass on corrupted rows, with the outputs of all layers that end in an activation to read.
    pub fn probing_pass(&self, batch: usize, subject: RowSource) -> Result<(Plan, Vec<LayerProbe>), GraphError> {
        let built = self.build(batch, subject, false, EvaluationMode { sampled: false, corrupted: true })?;
        let probes: Vec<LayerProbe> = built
            .builder
            .activations
            .iter()
            .map(|(layer, activation, value)| LayerProbe {
                layer: layer.clone(),
                activation: *activation,
                value: *value,
                units: built.builder.shape(*value).extents().last().copied().unwrap_or(1),
            })
            .collect();
        let kept: Vec<ValueId> = probes.iter().map(|probe| probe.value).collect();
        let mut graph = built.builder.graph;
        graph.retain_for(&kept);
        Ok((Plan::new(&graph, &kept)?, probes))
    }

    /// Plans the decoder from latents given directly to the output, which can be read at the returned view.
    pub fn decoding_pass(&self, batch: usize) -> Result<(Plan, BufferView), GraphError> {
        self.check_bottleneck()?;
        // Parameters take their places in the order of a whole network's.
        let mut built =
            self.build(batch, RowSource::Input, false, EvaluationMode { sampled: false, corrupted: false })?;
        let extents = built.builder.shape(built.encoded.z).extents().to_vec();
        let z = built.builder.graph.external(SharedBuffer::Latents, extents);
        let prediction = self.decode(&mut built.builder, z, None)?;
        let output = self.finished_output(&mut built.builder, prediction)?;
        built.builder.graph.retain_for(&[output]);
        let plan = Plan::new(&built.builder.graph, &[output])?;
        let view = plan.view(output).ok_or_else(|| GraphError::Plan("a decoder keeps its output".to_owned()))?;
        Ok((plan, view))
    }

    /// Plans a pass from rows given directly, as they are, to the output alone, which can be read at the returned view:
    /// the least memory that a pass takes.
    pub fn filtering_pass(&self, batch: usize) -> Result<(Plan, BufferView), GraphError> {
        let mut built =
            self.build(batch, RowSource::Input, false, EvaluationMode { sampled: false, corrupted: false })?;
        let output = self.finished_output(&mut built.builder, built.prediction)?;
        let mut graph = built.builder.graph;
        graph.retain_for(&[output]);
        let plan = Plan::new(&graph, &[output])?;
        let view = plan.view(output).ok_or_else(|| GraphError::Plan("a filter keeps its output".to_owned()))?;
        Ok((plan, view))
    }

    /// Plans the encoder from rows given directly, as they are, to their latents (means, where they are drawn), which
    /// can be read at the returned view.
    pub fn encoding_pass(&self, batch: usize) -> Result<(Plan, BufferView), GraphError> {
        let built = self.build(batch, RowSource::Input, false, EvaluationMode { sampled: false, corrupted: false })?;
        let latent = built.encoded.latent;
        let mut graph = built.builder.graph;
        graph.retain_for(&[latent]);
        let plan = Plan::new(&graph, &[latent])?;
        let view = plan.view(latent).ok_or_else(|| GraphError::Plan("an encoder keeps its codes".to_owned()))?;
        Ok((plan, view))
    }
}
