//! Losses of an objective, and the statistics learned beside them without gradients.

use std::sync::Arc;

use super::body::Built;
use super::{DEAD_AFTER_STEPS, Network};
use crate::graph::ops::{CodebookEma, DeadUnitCount, GaussianKl, Mmd, RandomNumbers, SparsityKl, SsimLoss, TopK};
use crate::graph::{GraphError, Init, ValueId};
use crate::kernels::activation::Activation;
use crate::kernels::loss::{LossTerm, ReconstructionLoss};
use crate::kernels::pointwise::PointwiseStage;
use crate::kernels::random::Distribution;
use crate::model::input::as_image;
use crate::model::spec::{ModelKind, SparsityKind};
use crate::nn::{self, ObjectivePart};

fn squares(weight: f64) -> LossTerm {
    LossTerm { weight: weight as f32, ..LossTerm::mean(ReconstructionLoss::Mse) }
}

impl Network {
    /// Adds the losses to differentiate, each recorded as its part. Their order decides which stream of random numbers
    /// each has, and stays.
    pub(super) fn objective(&self, built: &mut Built, training: bool, batch: usize) -> Result<(), GraphError> {
        let objective = &self.spec.objective;
        let mut losses = vec![self.reconstruction(built, batch)?];
        losses.extend(self.divergence(built)?);
        if objective.sparsity > 0.0 {
            losses.push(self.sparsity(built)?);
        }
        if self.spec.model.kind == ModelKind::Wasserstein {
            losses.push(self.discrepancy(built, batch)?);
        }
        losses.extend(self.commitment(built, training)?);
        losses.extend(self.auxiliary(built, training)?);
        if objective.contractive > 0.0 {
            losses.push(self.contraction(built)?);
        }
        if objective.ssim > 0.0 {
            losses.push(self.similarity(built)?);
        }
        built.losses = losses;
        Ok(())
    }

    fn reconstruction(&self, built: &mut Built, batch: usize) -> Result<ValueId, GraphError> {
        let objective = &self.spec.objective;
        let builder = &mut built.builder;
        let (mut judged, mut target) = (built.prediction, built.clean);
        if let Some(spots) = builder.spots {
            // Scaled so that the mean over all values is the mean over the spots.
            let rate = self.spec.corruption.blind_spot as f32;
            let scale = if objective.loss == ReconstructionLoss::Mse { rate.sqrt().recip() } else { rate.recip() };
            for value in [&mut judged, &mut target] {
                let rows = builder.reshape(*value, vec![batch, self.data.features], "blind spots")?;
                let kept = builder.one(PointwiseStage::KeepWhereNonzero, &[rows, spots], "blind spots")?;
                *value = builder.one(PointwiseStage::Scale(scale), &[kept], "blind spots")?;
            }
        }
        let term = LossTerm {
            sum_over_values: self.spec.sums_over_values(),
            variance: objective.variance as f32,
            ..LossTerm::mean(objective.loss)
        };
        nn::element_loss(&mut builder.graph, term, ObjectivePart::Reconstruction, judged, target)
    }

    /// Adds the divergence from the prior, of a variational model.
    fn divergence(&self, built: &mut Built) -> Result<Option<ValueId>, GraphError> {
        let Some(moments) = built.encoded.moments else { return Ok(None) };
        let objective = &self.spec.objective;
        let clamp = objective.log_variance.map(|bound| bound as f32);
        let op = GaussianKl { clamp, free_bits: objective.free_bits as f32 };
        let graph = &mut built.builder.graph;
        let divergence = graph.add(op, &[moments], "kl")?;
        nn::record(graph, divergence, ObjectivePart::Divergence, self.spec.model.latent)?;
        built.divergence = Some(divergence);
        Ok(built.divergence)
    }

    fn sparsity(&self, built: &mut Built) -> Result<ValueId, GraphError> {
        let objective = &self.spec.objective;
        let (graph, z) = (&mut built.builder.graph, built.encoded.z);
        match objective.sparsity_kind {
            SparsityKind::L1 => {
                let term = LossTerm {
                    sum_over_values: true,
                    has_target: false,
                    is_sparsity: true,
                    ..LossTerm::mean(ReconstructionLoss::L1)
                };
                nn::element_loss(graph, term, ObjectivePart::Sparsity, z, z)
            }
            SparsityKind::Kl => {
                let op = SparsityKl { rate: objective.sparsity_target as f32 };
                let made = graph.add_op(Arc::new(op), &[z], "sparsity")?;
                nn::record(graph, made[0], ObjectivePart::Sparsity, self.spec.model.latent)?;
                Ok(made[0])
            }
        }
    }

    /// Adds the discrepancy between the batch's codes and as many draws from the prior, of a Wasserstein model.
    fn discrepancy(&self, built: &mut Built, batch: usize) -> Result<ValueId, GraphError> {
        let graph = &mut built.builder.graph;
        let stream = graph.next_stream();
        let extents = vec![batch, self.spec.model.latent];
        let random = RandomNumbers { extents, stream, distribution: Distribution::Normal };
        let prior = graph.add(random, &[], "prior")?;
        let op = Mmd { weight: self.spec.objective.mmd as f32 };
        let discrepancy = graph.add(op, &[built.encoded.z, prior], "mmd")?;
        nn::record(graph, discrepancy, ObjectivePart::Discrepancy, batch)?;
        Ok(discrepancy)
    }

    /// Adds the distance of codes to their entries, of a vector-quantized model; in training the entries follow the
    /// codes.
    fn commitment(&self, built: &mut Built, training: bool) -> Result<Option<ValueId>, GraphError> {
        let (Some(code), Some(numbers)) = (built.encoded.before_codebook, built.encoded.codes) else {
            return Ok(None);
        };
        let model = &self.spec.model;
        let entry = built.builder.stop_gradient(built.encoded.z, "commitment")?;
        let graph = &mut built.builder.graph;
        let term = squares(self.spec.objective.commitment);
        let loss = nn::element_loss(graph, term, ObjectivePart::Commitment, code, entry)?;
        if training {
            let entries = model.codebook.unwrap_or(1);
            let bound = 1.0 / entries as f32;
            let extents = [entries, model.latent];
            let codebook = graph.statistic("codebook.weight", extents, Init::Uniform(bound));
            let counts = graph.statistic("codebook.counts", [entries], Init::Constant(0.0));
            let sums = graph.statistic("codebook.sums", extents, Init::Constant(0.0));
            let op = CodebookEma { decay: 0.99, restart_below: 0.05, stream: graph.next_stream() };
            graph.add_op(Arc::new(op), &[code, numbers, codebook, counts, sums], "codebook")?;
        }
        Ok(Some(loss))
    }

    /// Adds the loss by which dead units of a TopK code reconstruct the error; in training counts the steps of silent
    /// units.
    fn auxiliary(&self, built: &mut Built, training: bool) -> Result<Option<ValueId>, GraphError> {
        let Some(before) = built.encoded.before_top else { return Ok(None) };
        let (model, objective) = (&self.spec.model, &self.spec.objective);
        let builder = &mut built.builder;
        let silent = builder.graph.statistic("latent.silent_steps", [model.latent], Init::Constant(0.0));
        let mut loss = None;
        if objective.auxiliary > 0.0 {
            // Dead units try to make what is missing (Gao et al. 2024); where the output is not linear, the whole.
            let keep = (model.latent / 2).clamp(1, 2 * model.top_k.unwrap_or(1));
            let op = TopK { keep, dead_after: Some(DEAD_AFTER_STEPS) };
            let dead = builder.graph.add(op, &[before, silent], "auxiliary")?;
            let made = self.decode(builder, dead, None)?;
            let made = self.finished_output(builder, made)?;
            let target = if self.output_activation() == Activation::Identity {
                let output = builder.stop_gradient(built.prediction, "auxiliary")?;
                let negative = builder.one(PointwiseStage::Scale(-1.0), &[output], "auxiliary")?;
                builder.one(PointwiseStage::Add, &[negative, built.clean], "auxiliary")?
            } else {
                built.clean
            };
            let term = squares(objective.auxiliary);
            loss = Some(nn::element_loss(&mut builder.graph, term, ObjectivePart::Auxiliary, made, target)?);
        }
        if training {
            builder.graph.add_op(Arc::new(DeadUnitCount), &[built.encoded.z, silent], "silent units")?;
        }
        Ok(loss)
    }

    /// Adds the contractive penalty: the change of codes where the input moves a little.
    fn contraction(&self, built: &mut Built) -> Result<ValueId, GraphError> {
        /// Length of the step: small against data in 0..1, large against the rounding of f32.
        const STEP: f32 = 0.03;
        let (builder, encoded) = (&mut built.builder, &built.encoded);
        let extents = builder.shape(built.seen).extents().to_vec();
        let stream = builder.graph.next_stream();
        let random = RandomNumbers { extents, stream, distribution: Distribution::Normal };
        let noise = builder.graph.add(random, &[], "contraction")?;
        let step = builder.one(PointwiseStage::Scale(STEP), &[noise], "contraction")?;
        let moved = builder.one(PointwiseStage::Add, &[step, built.seen], "contraction")?;
        let x = self.encode(builder, moved, None)?;
        let mut code = self.code(builder, x)?;
        let mut original = encoded.moments.or(encoded.before_codebook).or(encoded.before_top).unwrap_or(encoded.z);
        if encoded.moments.is_some() {
            code = builder.slice(code, 0, self.spec.model.latent, "contraction")?;
            original = encoded.latent;
        }
        let code = builder.one(PointwiseStage::Scale(1.0 / STEP), &[code], "contraction")?;
        let original = builder.one(PointwiseStage::Scale(1.0 / STEP), &[original], "contraction")?;
        let term = LossTerm { sum_over_values: true, ..squares(self.spec.objective.contractive) };
        nn::element_loss(&mut builder.graph, term, ObjectivePart::Contraction, code, original)
    }

    /// Adds the structural dissimilarity of output and target as images.
    fn similarity(&self, built: &mut Built) -> Result<ValueId, GraphError> {
        let builder = &mut built.builder;
        let output = self.finished_output(builder, built.prediction)?;
        let output = as_image(builder, self.data, output, "objective.ssim")?;
        let target = as_image(builder, self.data, built.clean, "objective.ssim")?;
        let op = SsimLoss { weight: self.spec.objective.ssim as f32 };
        let made = builder.graph.add_op(Arc::new(op), &[output, target], "ssim")?;
        let count = builder.graph.value(made[0]).shape.elements();
        nn::record(&mut builder.graph, made[0], ObjectivePart::Similarity, count)?;
        Ok(made[0])
    }
}
