//! Denoising model on a device, for images of any size.

use std::ops::ControlFlow;
use std::path::Path;

use super::self_ensemble::{ALL, Symmetry};
use super::tiles::{OVERLAP, Tiling};
use crate::data::{Fit, ImageShape, Scaling};
use crate::device::Device;
use crate::error::Setting;
use crate::graph::{self, GraphError, Plan, SharedBuffer};
use crate::inference::{LoadedModel, LoadedPass};
use crate::model::{ConditionKind, DataShape, Layer, Model, ModelFileError, Network, NormKind, OutputLayer, Spec};
use crate::platform::{Wait as _, free_memory};
use crate::tasks::TaskError;

/// Largest side of a tile in pixels; larger ones save little: their overlap is a sixth of the work already.
const LARGEST_TILE: usize = 768;
/// Tiles of one run at most: enough to fill a large GPU.
const LARGEST_BATCH: usize = 16;
/// Largest default memory limit in bytes, else a quarter of the free memory: more gains nothing.
const USUAL_MEMORY: usize = 1 << 30;

/// Image sizes that a network takes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sizes {
    /// Any multiple of this number of pixels.
    Multiple(usize),
    /// Only the `[height, width]` of the training: pieces of images.
    Pieces([usize; 2]),
}

/// Compiled pass for tiles of one size.
#[derive(Debug)]
struct TilePlan {
    tile: [usize; 2],
    batch: usize,
    pass: LoadedPass,
}

/// Denoising model ready to run over images of any size, tile by tile.
#[derive(Debug)]
pub struct Denoiser {
    model: LoadedModel,
    channels: usize,
    sizes: Sizes,
    memory: usize,
    /// Number of symmetries of each image over which the output is averaged.
    views: usize,
    ready: Option<TilePlan>,
}

impl Denoiser {
    /// Loads a model for denoising on `device`. `memory` is the limit of the network's bytes (a quarter of the free
    /// memory, 1 GiB at most, where `None`); `path` is the origin of the model, for errors.
    ///
    /// # Errors
    /// When the model is not for images in 0..1, is of a fixed size and was not trained on patches, or `memory` has no
    /// room for its smallest tile.
    pub fn new(model: Model, path: &Path, device: &Device, memory: Option<usize>) -> Result<Self, TaskError> {
        let unsuited = |problem: String| ModelFileError::Malformed { path: path.into(), problem };
        let shape = model.data_shape();
        let Some(image) = shape.image else {
            return Err(
                unsuited("it is not a model of pictures, give one that was trained on pictures".to_owned()).into()
            );
        };
        let preparation = &model.preparation;
        if !matches!(preparation.kind, Scaling::Unit | Scaling::None) || !preparation.offset.is_empty() {
            let problem = "it was trained on scaled values, train one with data.scale = \"unit\"";
            return Err(unsuited(problem.to_owned()).into());
        }
        if model.spec.model.condition == ConditionKind::Labels {
            return Err(unsuited("it is conditioned on labels, give one that is not, or is on sigma".to_owned()).into());
        }
        if !matches!(image.channels, 1 | 3) {
            let problem = format!("it takes {} channels, give one for gray (1) or color (3)", image.channels);
            return Err(unsuited(problem).into());
        }
        let takes_patches = model.spec.data.fit == Some(Fit::Patches);
        let model = LoadedModel::new(&model, path, device)?;
        let sizes = match multiple_of(model.network(), image) {
            Some(multiple) => Sizes::Multiple(multiple),
            None if takes_patches => Sizes::Pieces([image.height, image.width]),
            None => {
                let problem = format!(
                    "it takes only pictures of {}x{}, give a convolutional model or one trained on patches (data.fit = \
                     \"patches\")",
                    image.height, image.width
                );
                return Err(unsuited(problem).into());
            }
        };
        let usual = free_memory().map_or(USUAL_MEMORY, |free| (free / 4).min(USUAL_MEMORY));
        let memory = memory.unwrap_or(usual);
        let denoiser = Self { model, channels: image.channels, sizes, memory, views: 1, ready: None };
        denoiser.largest_tile()?;
        Ok(denoiser)
    }

    /// Returns the number of channels that the network takes at once: 1 or 3.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Returns whether the model was trained to remove noise.
    pub fn removes_noise(&self) -> bool {
        let corruption = &self.spec().corruption;
        let amounts = [corruption.gaussian, corruption.poisson, corruption.grain, corruption.blind_spot];
        corruption.gaussian_range.is_some() || amounts.iter().any(|&amount| amount > 0.0)
    }

    /// Returns whether the model was trained to remove noise alone: scratches, blocks and blur are no noise, and the
    /// noise level does not bound them.
    pub fn removes_noise_alone(&self) -> bool {
        let corruption = &self.spec().corruption;
        let others = [
            corruption.scratches,
            corruption.dust,
            corruption.blur,
            corruption.salt_and_pepper,
            corruption.masking,
            corruption.downscale as f64,
        ];
        self.removes_noise() && corruption.jpeg.is_none() && others.iter().all(|&amount| amount == 0.0)
    }

    /// Returns the standard deviation of the strongest Gaussian noise of the training, on the scale of 0..255, where
    /// that is known.
    pub fn largest_sigma(&self) -> Option<f64> {
        let corruption = &self.spec().corruption;
        let ranged = corruption.gaussian_range.map_or(0.0, |[_, high]| high);
        let largest = 255.0 * corruption.strength * ranged.max(corruption.gaussian);
        (largest > 0.0).then_some(largest)
    }

    /// Returns the values of black and white that the model was trained on, where they are not those of the number type.
    pub fn range(&self) -> Option<[f64; 2]> {
        self.spec().data.range
    }

    fn spec(&self) -> &Spec {
        self.model.network().spec()
    }

    /// Builds the plan for `batch` tiles.
    fn plan(&self, tile: [usize; 2], batch: usize) -> Result<(Plan, graph::BufferView), GraphError> {
        network_for(self.spec(), tile, self.channels)?.filtering_pass(batch)
    }

    /// Returns the bytes that running `batch` tiles takes, and those of the largest array among them.
    fn bytes(&self, tile: [usize; 2], batch: usize) -> Result<(usize, usize), GraphError> {
        let (plan, _) = self.plan(tile, batch)?;
        let bytes = plan.bytes();
        Ok((bytes.activations + bytes.external, plan.blocks.iter().copied().max().unwrap_or(0)))
    }

    fn has_room(&self, tile: [usize; 2], batch: usize) -> Result<bool, GraphError> {
        let (all, largest) = self.bytes(tile, batch)?;
        Ok(all <= self.memory && largest <= self.model.device().max_binding_bytes())
    }

    /// Returns the `[height, width]` of the largest tile that the memory has room for.
    fn largest_tile(&self) -> Result<[usize; 2], TaskError> {
        let multiple = match self.sizes {
            Sizes::Pieces(size) => return Ok(size),
            Sizes::Multiple(multiple) => multiple,
        };
        let least = (2 * OVERLAP).next_multiple_of(multiple);
        let mut side = LARGEST_TILE.next_multiple_of(multiple);
        while !self.has_room([side; 2], 1)? {
            if side <= least {
                let needed = self.bytes([least; 2], 1)?.0.div_ceil(1 << 20);
                return Err(TaskError::Setting {
                    setting: Setting::MEMORY,
                    problem: format!(
                        "the smallest tile takes {needed} MB and {} are allowed; give at least {needed}",
                        self.memory >> 20
                    ),
                });
            }
            side = (side * 3 / 4).next_multiple_of(multiple).clamp(least, side - 1);
        }
        Ok([side; 2])
    }

    /// Compiles the pass for the tiles of images of `size`, where it is not ready yet.
    fn prepare(&mut self, size: [usize; 2]) -> Result<Tiling, TaskError> {
        let most = self.largest_tile()?;
        let tiling = match self.sizes {
            Sizes::Multiple(multiple) => Tiling::new(size, most, multiple, false),
            Sizes::Pieces(_) => Tiling::new(size, most, 1, true),
        };
        let tile = tiling.tile();
        let mut batch = tiling.count().min(LARGEST_BATCH);
        while batch > 1 && !self.has_room(tile, batch)? {
            batch -= 1;
        }
        if self.ready.as_ref().is_none_or(|ready| (ready.tile, ready.batch) != (tile, batch)) {
            // The old one goes before the new one comes.
            self.ready = None;
            let (plan, output) = self.plan(tile, batch)?;
            self.ready = Some(TilePlan { tile, batch, pass: self.model.compile(&plan, output, batch)? });
        }
        Ok(tiling)
    }

    /// Sets the number of an image's eight symmetries over which the output is averaged (1 by default); returns the
    /// previous number. The gain is a tenth or two of a decibel, the cost as many times the work.
    pub fn ensemble(&mut self, views: usize) -> usize {
        std::mem::replace(&mut self.views, views.clamp(1, ALL))
    }

    /// Returns whether the network is conditioned on the noise level.
    pub fn takes_sigma(&self) -> bool {
        self.spec().model.condition == ConditionKind::Sigma
    }

    /// Returns the network's output for `values` `[height, width, channels]`; `sigma` is the standard deviation of
    /// their noise on the scale of 0..255, for a network conditioned on it; `progress` receives the share that is done,
    /// and may end the work.
    pub fn run(
        &mut self,
        values: &[f32],
        size: [usize; 2],
        sigma: f64,
        progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Vec<f32>, TaskError> {
        if self.views == 1 {
            return self.run_once(values, size, sigma, progress);
        }
        let (channels, share) = (self.channels, 1.0 / self.views as f32);
        let mut out = vec![0.0; values.len()];
        for index in 0..self.views {
            let view = Symmetry(index);
            let mut hear = |done: f64| progress((index as f64 + done) * f64::from(share));
            let answer = self.run_once(&view.apply(values, size, channels), view.size(size), sigma, &mut hear)?;
            view.add_back(&answer, share, size, channels, &mut out);
        }
        Ok(out)
    }

    fn run_once(
        &mut self,
        values: &[f32],
        size: [usize; 2],
        sigma: f64,
        progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Vec<f32>, TaskError> {
        let tiling = self.prepare(size)?;
        // What lies beyond its training it cannot make anything of.
        let told = self.takes_sigma().then(|| (sigma.min(self.largest_sigma().unwrap_or(sigma)) / 255.0) as f32);
        let channels = self.channels;
        let lost = || GraphError::Plan("a plan for tiles was lost".to_owned());
        let TilePlan { tile, batch, pass } = self.ready.as_mut().ok_or_else(lost)?;
        let tile_values = tile[0] * tile[1] * channels;
        if let Some(told) = told {
            pass.write(SharedBuffer::Conditions, &vec![told; *batch])?;
        }
        let mut out = vec![0.0; values.len()];
        let mut input = Vec::with_capacity(*batch * tile_values);
        let indices: Vec<usize> = (0..tiling.count()).collect();
        for indices in indices.chunks(*batch) {
            input.clear();
            indices.iter().for_each(|&index| tiling.cut(index, values, channels, &mut input));
            pass.write(SharedBuffer::Input, &input)?;
            let made = pass.run(indices.len()).wait()?;
            for (&index, tile) in indices.iter().zip(made.chunks_exact(tile_values)) {
                tiling.blend(index, tile, channels, &mut out);
            }
            let done = indices.last().map_or(1.0, |last| (last + 1) as f64 / tiling.count() as f64);
            if progress(done).is_break() {
                return Err(TaskError::Canceled);
            }
        }
        Ok(out)
    }
}

fn network_for(spec: &Spec, size: [usize; 2], channels: usize) -> Result<Network, GraphError> {
    let image = ImageShape { height: size[0], width: size[1], channels };
    let mut spec = spec.clone();
    spec.data.size = Some(size);
    Network::new(&spec, DataShape { features: image.values(), image: Some(image), classes: 0 })
}

/// Returns the number whose multiples are sizes that `network` takes; `None` for one of a fixed size.
fn multiple_of(network: &Network, image: ImageShape) -> Option<usize> {
    let looks_at_all = |layer: &Layer| match layer {
        Layer::Dense { .. } | Layer::Tied { .. } | Layer::Latent { .. } | Layer::Reshape { .. } => true,
        Layer::Normalize { kind, .. } => *kind != NormKind::Batch,
        Layer::Output { form, .. } => matches!(form, OutputLayer::Dense | OutputLayer::Tied(_)),
        _ => false,
    };
    let spec = network.spec();
    if spec.model.encoder.iter().chain(network.decoder()).any(looks_at_all) {
        return None;
    }
    // The layers themselves say what fits: a size just beyond a large power of two is a multiple of no more than its rest.
    (0..7).map(|power| 1 << power).find(|rest| network_for(spec, [128 + rest; 2], image.channels).is_ok())
}
