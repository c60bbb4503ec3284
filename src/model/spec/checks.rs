//! Checks of a spec: refusals name the field and what would be right.

use super::text::newer_version;
use super::{
    ConditionKind, DROPOUT, LEARNING_RATE, LIVE_FIELDS, ModelKind, SPEC_VERSION, SparsityKind, Spec, SpecError,
};
use crate::kernels::activation::Activation;
use crate::kernels::gemm_variant::GemmVariant;
use crate::kernels::loss::ReconstructionLoss;
use crate::model::layers::Layer;

impl Spec {
    /// Refuses a spec that cannot be trained.
    pub fn check(&self) -> Result<(), SpecError> {
        let invalid = |field, problem: &str| Err(SpecError::Invalid { field, problem: problem.to_owned() });
        if let Some(problem) = newer_version(u64::from(self.version), u64::from(SPEC_VERSION)) {
            return Err(SpecError::Invalid { field: "version", problem });
        }
        if self.version != SPEC_VERSION {
            return Err(SpecError::Invalid {
                field: "version",
                problem: format!("{} is not known here, use {SPEC_VERSION}", self.version),
            });
        }
        self.data.check().map_err(|(field, problem)| SpecError::Invalid { field, problem })?;
        if let Some(name) =
            self.engine.kernels.iter().flat_map(|k| k.variants.values()).find(|n| !GemmVariant::is_name(n))
        {
            return Err(SpecError::Invalid {
                field: "engine.kernels",
                problem: format!("there is no kernel variant {name:?}, leave the section out and let them be tuned"),
            });
        }
        self.check_model()?;
        self.check_objective()?;
        let optimizer = &self.optimizer;
        if !(optimizer.learning_rate.is_finite() && optimizer.learning_rate > 0.0) {
            return invalid("optimizer.learning_rate", "it must be a number above 0, for example 0.001");
        }
        if ![optimizer.beta1, optimizer.beta2].iter().all(|beta| (0.0..1.0).contains(beta)) {
            return invalid("optimizer.beta1", "beta1 and beta2 must be at least 0 and below 1");
        }
        if !(optimizer.epsilon.is_finite() && optimizer.epsilon > 0.0) {
            return invalid("optimizer.epsilon", "it must be above 0, for example 1e-8");
        }
        if !(optimizer.weight_decay.is_finite() && optimizer.weight_decay >= 0.0) {
            return invalid("optimizer.weight_decay", "it must be 0 or more");
        }
        if !(0.0..1.0).contains(&optimizer.momentum) {
            return invalid("optimizer.momentum", "it must be at least 0 and below 1");
        }
        if optimizer.clip_norm.is_some_and(|norm| !(norm.is_finite() && norm > 0.0)) {
            return invalid("optimizer.clip_norm", "it must be above 0, for example 1.0");
        }
        if optimizer.ema.is_some_and(|share| !(0.0..1.0).contains(&share)) {
            return invalid("optimizer.ema", "it must be at least 0 and below 1, for example 0.999");
        }
        let schedule = &self.schedule;
        let fractions = [schedule.final_fraction, schedule.gamma];
        if !fractions.iter().all(|share| (0.0..=1.0).contains(share)) || schedule.gamma == 0.0 {
            return invalid("schedule.gamma", "gamma and final_fraction must lie between 0 and 1");
        }
        if schedule.every == 0 {
            return invalid("schedule.every", "it must be at least 1 epoch");
        }
        if schedule.epochs == Some(0) {
            return invalid("schedule.epochs", "it must be at least 1, or left out");
        }
        self.check_corruption()?;
        let augmentation = &self.augmentation;
        let moves = [augmentation.shift, augmentation.rotate, augmentation.scale, augmentation.noise];
        if !moves.iter().all(|amount| amount.is_finite() && *amount >= 0.0) || augmentation.scale >= 1.0 {
            return invalid("augmentation", "amounts must be 0 or more, and scale below 1");
        }
        let train = &self.train;
        if train.epochs == 0 || train.steps == Some(0) {
            return invalid("train.epochs", "epochs and steps must be at least 1");
        }
        if !(1..=1_000_000).contains(&train.batch_size) {
            return invalid("train.batch_size", "use 1 to 1000000");
        }
        if train.seed > i64::MAX as u64 {
            return invalid("train.seed", "use 0 to 9223372036854775807");
        }
        if !(train.validation_fraction > 0.0 && train.validation_fraction < 1.0) {
            return invalid("train.validation_fraction", "it must lie between 0 and 1, for example 0.1");
        }
        if train.early_stopping == Some(0) {
            return invalid("train.early_stopping", "it must be at least 1 epoch, or left out");
        }
        if self.data.rows.is_some_and(|rows| rows < train.batch_size) {
            return invalid("data.rows", "it must be at least train.batch_size");
        }
        for edit in &self.edits {
            if !LIVE_FIELDS.contains(&edit.field.as_str()) {
                return Err(SpecError::Invalid {
                    field: "edits.field",
                    problem: format!("{:?} cannot be edited live, use one of {}", edit.field, LIVE_FIELDS.join(", ")),
                });
            }
            let least_is_allowed = edit.field != LEARNING_RATE && edit.value == 0.0;
            if !(edit.value.is_finite() && (edit.value > 0.0 || least_is_allowed)) {
                return invalid("edits.value", "it must be a number above 0");
            }
            if edit.field == DROPOUT && edit.value >= 1.0 {
                return invalid("edits.value", "dropout must be at least 0 and below 1");
            }
            if self.live_value(&edit.field, edit.step).is_none() {
                let problem = format!("this model has nothing that {} could change", edit.field);
                return Err(SpecError::Invalid { field: "edits.field", problem });
            }
        }
        Ok(())
    }

    fn check_corruption(&self) -> Result<(), SpecError> {
        let invalid = |field, problem: &str| Err(SpecError::Invalid { field, problem: problem.to_owned() });
        let corruption = &self.corruption;
        let amounts = [corruption.blur, corruption.grain, corruption.gaussian, corruption.strength];
        let range = corruption.gaussian_range.unwrap_or([0.0, 1.0]);
        if !amounts.iter().chain(&range).all(|amount| amount.is_finite() && *amount >= 0.0) || range[0] > range[1] {
            return invalid("corruption", "amounts must be 0 or more, ranges from the smaller to the larger");
        }
        if corruption.downscale == 1 || corruption.downscale > 64 {
            return invalid("corruption.downscale", "use a whole factor from 2 to 64, or 0 for none");
        }
        if corruption.blur > 20.0 {
            return invalid("corruption.blur", "use at most 20 pixels");
        }
        if ![corruption.scratches, corruption.dust].iter().all(|count| (0.0..=16.0).contains(count)) {
            return invalid("corruption.dust", "dust and scratches are mean counts in a picture, from 0 to 16");
        }
        if corruption.poisson != 0.0 && !(0.01..=1e6).contains(&corruption.poisson) {
            return invalid("corruption.poisson", "use a peak count of 0.01 to 1000000, or 0 for none");
        }
        if corruption.jpeg.is_some_and(|[low, high]| !(1 <= low && low <= high && high <= 100)) {
            return invalid("corruption.jpeg", "use a quality of 1 to 100, or two from the smaller to the larger");
        }
        if ![corruption.salt_and_pepper, corruption.masking].iter().all(|share| (0.0..=1.0).contains(share)) {
            return invalid("corruption.masking", "masking and salt_and_pepper are shares between 0 and 1");
        }
        if !(0.0..=0.5).contains(&corruption.blind_spot) {
            return invalid("corruption.blind_spot", "it is a share of the values from 0 to 0.5, for example 0.02");
        }
        let measurable = [ReconstructionLoss::Mse, ReconstructionLoss::L1].contains(&self.objective.loss);
        if corruption.blind_spot > 0.0 && !measurable {
            return invalid("corruption.blind_spot", "it goes with objective.loss = \"mse\" or \"l1\"");
        }
        Ok(())
    }

    fn check_model(&self) -> Result<(), SpecError> {
        let invalid = |field, problem: &str| Err(SpecError::Invalid { field, problem: problem.to_owned() });
        let model = &self.model;
        let denoiser = model.kind == ModelKind::Denoiser;
        let inner = |layers: &[Layer]| !layers.iter().any(|l| matches!(l, Layer::Latent { .. } | Layer::Output { .. }));
        if denoiser {
            if !inner(&model.encoder) || model.latent != 0 || model.top_k.is_some() {
                return invalid("model.encoder", "a denoiser has no \"latent\" layer, latent = 0, and no top_k");
            }
        } else {
            if !(1..=1_000_000).contains(&model.latent) {
                return invalid("model.latent", "use 1 to 1000000");
            }
            match model.encoder.split_last() {
                Some((Layer::Latent { .. }, rest)) if inner(rest) => {}
                _ => return invalid("model.encoder", "it must end in \"latent\" and have no other such layer"),
            }
        }
        match model.decoder.split_last() {
            None if !denoiser => {}
            Some((Layer::Output { .. }, rest)) if inner(rest) => {}
            _ => return invalid("model.decoder", "it must end in \"output\" or \"output ACTIVATION\", once"),
        }
        if model.top_k.is_some_and(|keep| keep == 0 || keep > model.latent) {
            return invalid("model.top_k", "it must be at least 1 and at most model.latent");
        }
        let quantized = model.kind == ModelKind::VectorQuantized;
        if quantized != model.codebook.is_some() || model.codebook.is_some_and(|n| !(1..=65_536).contains(&n)) {
            return invalid("model.codebook", "a vector_quantized model, and no other, has 1 to 65536 entries");
        }
        if model.condition == ConditionKind::Sigma && self.corruption.gaussian_range.is_none() {
            return invalid("model.condition", "sigma is known only with corruption.gaussian_range");
        }
        let conditioned = model.encoder.iter().chain(&model.decoder).any(|layer| *layer == Layer::Condition);
        if conditioned != (model.condition != ConditionKind::None) {
            return invalid("model.condition", "it goes together with \"condition\" layers");
        }
        if let Some(Layer::Latent { activation }) = model.encoder.last()
            && *activation != Activation::Identity
            && model.kind != ModelKind::Autoencoder
        {
            return invalid("model.encoder", "only an autoencoder's \"latent\" may have an activation");
        }
        Ok(())
    }

    fn check_objective(&self) -> Result<(), SpecError> {
        let invalid = |field, problem: &str| Err(SpecError::Invalid { field, problem: problem.to_owned() });
        let objective = &self.objective;
        let (_, output_activation) = self.output();
        if objective.loss == ReconstructionLoss::Bce && output_activation != Activation::Sigmoid {
            return invalid("objective.loss", "bce needs probabilities: end the decoder in \"output sigmoid\"");
        }
        if objective.loss == ReconstructionLoss::Bce && self.model.residual {
            return invalid("model.residual", "a residual output is no probability: use mse, l1 or huber");
        }
        let weights = [
            objective.beta,
            objective.beta_warmup_epochs,
            objective.free_bits,
            objective.sparsity,
            objective.auxiliary,
            objective.contractive,
            objective.ssim,
            objective.mmd,
            objective.commitment,
        ];
        if !weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) {
            return invalid("objective", "weights must be 0 or more");
        }
        if !(objective.variance.is_finite() && objective.variance > 0.0) {
            return invalid("objective.variance", "it must be above 0");
        }
        let [low, high] = objective.log_variance;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return invalid("objective.log_variance", "use a lower and an upper bound, for example [-10.0, 10.0]");
        }
        if !(objective.sparsity_target > 0.0 && objective.sparsity_target < 1.0) {
            return invalid("objective.sparsity_target", "it must lie between 0 and 1");
        }
        if objective.sparsity > 0.0 && self.model.kind != ModelKind::Autoencoder {
            return invalid("objective.sparsity", "only an autoencoder can be made sparse");
        }
        if objective.sparsity > 0.0
            && objective.sparsity_kind == SparsityKind::Kl
            && !matches!(self.model.encoder.last(), Some(Layer::Latent { activation: Activation::Sigmoid }))
        {
            return invalid(
                "objective.sparsity_kind",
                "kl needs activations in 0..1: end the encoder in \"latent sigmoid\"",
            );
        }
        if objective.auxiliary > 0.0 && self.model.top_k.is_none() {
            return invalid("objective.auxiliary", "it is for models with model.top_k");
        }
        if objective.contractive > 0.0 && self.model.kind == ModelKind::Denoiser {
            return invalid("objective.contractive", "a denoiser has no code to contract");
        }
        Ok(())
    }
}
