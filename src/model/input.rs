//! Input of a network: the batch, its augmentation, and the corruption to be undone.

use super::builder::NetworkBuilder;
use super::network::RowSource;
use super::shape::{ANOTHER_MODEL, DataShape, misfit};
use super::spec::{ConditionKind, Spec};
use crate::data::ElementType;
use crate::graph::ops::{
    BlindSpot, DepthwiseConv, Film, Gather, Jpeg, RandomNumbers, Resample, Resampling, ScaleRows, Warp,
};
use crate::graph::{GraphError, Init, SharedBuffer, ValueId};
use crate::kernels::activation::Activation;
use crate::kernels::augment::WarpBounds;
use crate::kernels::film::FilmWear;
use crate::kernels::pointwise::PointwiseStage;
use crate::kernels::random::Distribution;
use crate::random::stream;
use crate::tensor::{DType, Shape};

/// Settings of the input of one pass.
#[derive(Clone, Copy)]
pub(super) struct Input<'s> {
    pub spec: &'s Spec,
    pub data: DataShape,
    pub batch: usize,
    pub subject: RowSource,
    /// True if augmentation applies.
    pub training: bool,
    pub corrupted: bool,
}

/// Numbers of the random streams, alike in every pass, whether they are used or not.
struct Streams {
    warp: u32,
    augmentation_noise: u32,
    sigma: u32,
    noise_of_sigma: u32,
    gaussian: u32,
    salt_and_pepper: u32,
    masking: u32,
}

impl Streams {
    /// Takes the numbers of all streams, in an order that is part of the meaning of a spec: another would change the
    /// bits of every run.
    fn next_of(builder: &mut NetworkBuilder) -> Self {
        let mut next = || builder.graph.next_stream();
        Self {
            warp: next(),
            augmentation_noise: next(),
            sigma: next(),
            noise_of_sigma: next(),
            gaussian: next(),
            salt_and_pepper: next(),
            masking: next(),
        }
    }
}

/// Reshapes rows to images `[batch, height, width, channels]`; `name` is the layer or field that needs them, for
/// errors.
pub(super) fn as_image(
    builder: &mut NetworkBuilder,
    data: DataShape,
    x: ValueId,
    name: &str,
) -> Result<ValueId, GraphError> {
    let image =
        data.image.ok_or_else(|| misfit(name, format!("the rows of this data are no pictures; {ANOTHER_MODEL}")))?;
    let batch = builder.shape(x).extents()[0];
    builder.reshape(x, vec![batch, image.height, image.width, image.channels], name)
}

impl Input<'_> {
    /// Builds the clean rows and those that the network sees, both `[batch, features]`; sets the builder's condition.
    pub fn build(self, builder: &mut NetworkBuilder) -> Result<(ValueId, ValueId), GraphError> {
        let rows = self.rows(builder)?;
        let streams = Streams::next_of(builder);
        let clean = self.augment(builder, rows, &streams)?;
        let seen = self.corrupt(builder, clean, &streams)?;
        Ok((clean, seen))
    }

    fn rows(&self, builder: &mut NetworkBuilder) -> Result<ValueId, GraphError> {
        let Self { batch, data: DataShape { features, classes, .. }, .. } = *self;
        let labeled = self.spec.model.condition == ConditionKind::Labels;
        match self.subject {
            RowSource::Input => {
                if labeled {
                    builder.condition = Some(builder.graph.external(SharedBuffer::Conditions, [batch, classes]));
                }
                Ok(builder.graph.external(SharedBuffer::Input, [batch, features]))
            }
            RowSource::Data { rows, part_rows, element } => {
                let graph = &mut builder.graph;
                let mut gather = |external, columns, dtype| {
                    let data = graph.external_typed(external, Shape::new([rows, columns]), dtype);
                    graph.add(Gather { batch, part_rows }, &[data], "batch")
                };
                let dtype = match element {
                    ElementType::Byte => DType::PackedU8,
                    ElementType::Float => DType::F32,
                };
                let clean = gather(SharedBuffer::Data, features, dtype)?;
                if labeled {
                    builder.condition = Some(gather(SharedBuffer::Classes, classes, DType::PackedU8)?);
                }
                Ok(clean)
            }
        }
    }

    fn augment(&self, builder: &mut NetworkBuilder, mut x: ValueId, streams: &Streams) -> Result<ValueId, GraphError> {
        let augmentation = &self.spec.augmentation;
        if !self.training {
            return Ok(x);
        }
        if augmentation.moves() {
            let bounds = WarpBounds {
                shift: augmentation.shift as f32,
                rotate: (augmentation.rotate / 360.0) as f32,
                scale: augmentation.scale as f32,
                mirror: [augmentation.flip_horizontal, augmentation.flip_vertical],
            };
            let op = Warp { bounds, stream: streams.warp };
            x = self.on_images(builder, x, "augmentation", |builder, image| {
                builder.graph.add(op, &[image], "augmentation")
            })?;
        }
        if augmentation.noise > 0.0 {
            let noise = self.normals(builder, streams.augmentation_noise, "augmentation")?;
            let noise = builder.one(PointwiseStage::Scale(augmentation.noise as f32), &[noise], "augmentation")?;
            x = builder.one(PointwiseStage::Add, &[x, noise], "augmentation")?;
        }
        Ok(x)
    }

    /// Applies the stages of [`super::CorruptionSpec`], in its order.
    fn corrupt(&self, builder: &mut NetworkBuilder, clean: ValueId, streams: &Streams) -> Result<ValueId, GraphError> {
        let corruption = &self.spec.corruption;
        let mut seen = clean;
        if self.corrupted && corruption.downscale > 0 {
            seen = self.downscale(builder, seen, corruption.downscale)?;
        }
        if corruption.blur > 0.0 {
            // Made in any case: statistics take their places in the same order in every pass.
            let blurred = self.blur(builder, seen, corruption.blur)?;
            seen = if self.corrupted { blurred } else { seen };
        }
        if self.corrupted {
            seen = self.film(builder, seen)?;
        }
        if self.corrupted && corruption.poisson > 0.0 {
            let stage = PointwiseStage::ShotNoise { peak: corruption.poisson as f32, stream: stream::SHOT_NOISE };
            seen = builder.one(stage, &[seen], "corruption")?;
        }
        if let Some(range) = corruption.gaussian_range {
            seen = self.noise_of_drawn_sigma(builder, seen, range, streams)?;
        }
        if self.corrupted && corruption.gaussian > 0.0 {
            let stage = PointwiseStage::Gaussian { sigma: corruption.gaussian as f32, stream: streams.gaussian };
            seen = builder.one(stage, &[seen], "corruption")?;
        }
        if let (true, Some(quality)) = (self.corrupted, corruption.jpeg) {
            seen = self.on_images(builder, seen, "corruption.jpeg", |builder, image| {
                builder.graph.add(Jpeg { quality, stream: stream::JPEG }, &[image], "corruption")
            })?;
        }
        if self.corrupted {
            for (amount, stage) in [
                (
                    corruption.salt_and_pepper,
                    PointwiseStage::SaltAndPepper {
                        rate: corruption.salt_and_pepper as f32,
                        stream: streams.salt_and_pepper,
                    },
                ),
                (corruption.masking, PointwiseStage::Mask { rate: corruption.masking as f32, stream: streams.masking }),
            ] {
                if amount > 0.0 {
                    seen = builder.one(stage, &[seen], "corruption")?;
                }
            }
            if corruption.blind_spot > 0.0 {
                seen = self.blind_spots(builder, seen)?;
            }
        }
        Ok(seen)
    }

    /// Replaces values by neighbors, and sets the builder's spots.
    fn blind_spots(&self, builder: &mut NetworkBuilder, x: ValueId) -> Result<ValueId, GraphError> {
        const NAME: &str = "corruption.blind_spot";
        let image = as_image(builder, self.data, x, NAME)?;
        let op = BlindSpot { rate: self.spec.corruption.blind_spot as f32, stream: stream::BLIND_SPOT };
        let made = builder.graph.add_op(std::sync::Arc::new(op), &[image], "corruption")?;
        let rows = vec![self.batch, self.data.features];
        builder.spots = Some(builder.reshape(made[1], rows.clone(), NAME)?);
        builder.reshape(made[0], rows, NAME)
    }

    fn film(&self, builder: &mut NetworkBuilder, x: ValueId) -> Result<ValueId, GraphError> {
        let corruption = &self.spec.corruption;
        let worn = [
            ("corruption.grain", corruption.grain),
            ("corruption.scratches", corruption.scratches),
            ("corruption.dust", corruption.dust),
        ];
        let Some((name, _)) = worn.iter().find(|(_, amount)| *amount > 0.0) else { return Ok(x) };
        let [grain, scratches, dust] = worn.map(|(_, amount)| amount as f32);
        let op = Film { wear: FilmWear { grain, scratches, dust }, stream: stream::FILM };
        self.on_images(builder, x, name, |builder, image| builder.graph.add(op, &[image], "corruption"))
    }

    /// Adds Gaussian noise with a deviation drawn for each sample. A network conditioned on it receives the deviation:
    /// 0 where nothing is corrupted, or for rows given directly the one given with them.
    fn noise_of_drawn_sigma(
        &self,
        builder: &mut NetworkBuilder,
        x: ValueId,
        [low, high]: [f64; 2],
        streams: &Streams,
    ) -> Result<ValueId, GraphError> {
        let (low, width) = if self.corrupted { (low as f32, (high - low) as f32) } else { (0.0, 0.0) };
        let distribution = Distribution::Uniform { low, width };
        let random = RandomNumbers { extents: vec![self.batch, 1], stream: streams.sigma, distribution };
        let mut sigma = builder.graph.add(random, &[], "corruption")?;
        let mut seen = x;
        if self.corrupted {
            sigma = builder.one(PointwiseStage::CorruptionStrength, &[sigma], "corruption")?;
            let noise = self.normals(builder, streams.noise_of_sigma, "corruption")?;
            let noise = builder.graph.add(ScaleRows, &[noise, sigma], "corruption")?;
            seen = builder.one(PointwiseStage::Add, &[x, noise], "corruption")?;
        }
        if self.spec.model.condition == ConditionKind::Sigma {
            let given = !self.corrupted && self.subject == RowSource::Input;
            builder.condition = Some(match given {
                true => builder.graph.external(SharedBuffer::Conditions, [self.batch, 1]),
                false => sigma,
            });
        }
        Ok(seen)
    }

    fn normals(&self, builder: &mut NetworkBuilder, stream: u32, label: &str) -> Result<ValueId, GraphError> {
        let extents = vec![self.batch, self.data.features];
        builder.graph.add(RandomNumbers { extents, stream, distribution: Distribution::Normal }, &[], label)
    }

    /// Averages each image down by `factor`, and interpolates it up again.
    fn downscale(&self, builder: &mut NetworkBuilder, x: ValueId, factor: usize) -> Result<ValueId, GraphError> {
        const NAME: &str = "corruption.downscale";
        if let Some(image) = self.data.image
            && (image.height % factor != 0 || image.width % factor != 0)
        {
            let problem = format!(
                "pictures of {}x{} pixels are no whole blocks of {factor}x{factor}, use a factor of both sides",
                image.height, image.width
            );
            return Err(misfit(NAME, problem));
        }
        self.on_images(builder, x, NAME, |builder, image| {
            let small = builder.graph.add(Resample { kind: Resampling::AveragePool, factor }, &[image], NAME)?;
            builder.graph.add(Resample { kind: Resampling::Bilinear, factor }, &[small], NAME)
        })
    }

    /// Blurs each image by a Gaussian of `sigma` pixels, its edges by the zeros around it.
    fn blur(&self, builder: &mut NetworkBuilder, x: ValueId, sigma: f64) -> Result<ValueId, GraphError> {
        const NAME: &str = "corruption.blur";
        self.on_images(builder, x, NAME, |builder, image| {
            let channels = builder.shape(image).extents()[3];
            let radius = ((3.0 * sigma).ceil() as usize).max(1);
            let side = 2 * radius + 1;
            let extents = [side, side, channels];
            let weight = builder.graph.statistic(NAME, extents, Init::Gaussian(sigma as f32));
            let bias = builder.graph.statistic("corruption.zero", [channels], Init::Constant(0.0));
            let activation = Activation::Identity;
            let op = DepthwiseConv { stride: [1; 2], padding: [radius; 2], dilation: 1, activation };
            builder.graph.add(op, &[image, weight, bias], NAME)
        })
    }

    /// Applies `change` to the rows as images of the same size, and returns rows again.
    fn on_images(
        &self,
        builder: &mut NetworkBuilder,
        x: ValueId,
        name: &str,
        change: impl FnOnce(&mut NetworkBuilder, ValueId) -> Result<ValueId, GraphError>,
    ) -> Result<ValueId, GraphError> {
        let image = as_image(builder, self.data, x, name)?;
        let changed = change(builder, image)?;
        builder.reshape(changed, vec![self.batch, self.data.features], name)
    }
}
