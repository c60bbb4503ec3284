//! Predicted noise of an image, of which any share can then be removed.

use std::ops::ControlFlow;

use super::image::{FarPixels, Image, ReadChoices};
use super::model::Denoiser;
use super::opponent_planes::{Mixture, mixtures};
use super::strength::{CLEAN, NoiseEstimate, Sigma, Strength, UNLIKE, found};
use crate::metrics::NoiseArea;
use crate::tasks::TaskError;

/// Ratio of the refined sigma to the given one above which the model is not run again.
const SAME: f64 = 0.96;
/// Shifts of a plane to the mean that it had; three leave less than rounding does.
const MEAN_ROUNDS: usize = 3;

/// Change that a model predicts for one plane, in the units of the image.
#[derive(Debug)]
struct PredictedNoise {
    /// Mixture of colors of the plane; a single color where `None`.
    mixture: Option<Mixture>,
    color: usize,
    noise: NoiseEstimate,
    /// Factor of the noise in the input of the model, relative to the image.
    factor: f64,
    /// Parts that say something of the noise; all where `None`.
    area: Option<NoiseArea>,
    /// Change of each pixel; empty where the model was not run.
    values: Vec<f32>,
}

/// Image and the changes that a model predicts for it.
#[derive(Debug)]
pub(super) struct Filtered {
    pub seen: Image,
    changes: Vec<PredictedNoise>,
    /// Pixels that are seen and not far beyond the others; all where `None`.
    visible: Option<Vec<bool>>,
    /// Pixels far beyond the others, which come out as they are; `None` without any.
    far: Option<FarPixels>,
    /// Noise level given to a model conditioned on sigma; `None` for others, and where the model was not run.
    given_sigma: Option<Sigma>,
    /// Sigma of the strongest noise that the model was trained on, on the scale of 0..255.
    largest: Option<f64>,
    /// True if the noise level bounds the change.
    bounded: bool,
    /// Values of black and white that the model was trained on; those that each picture holds where `None`.
    range: Option<[f64; 2]>,
}

impl Filtered {
    /// Runs the model on each plane of `seen`, unless the strength of `amount` is 0, or the change is bounded by an
    /// estimate that finds no noise. `progress` receives the share that is done, and may end the work.
    #[tracing::instrument(level = "debug", name = "filter", skip_all)]
    pub fn new(
        seen: Image,
        amount: &Strength,
        denoiser: &mut Denoiser,
        progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Self, TaskError> {
        let colors = seen.colors();
        // A model of three channels takes those of a color picture together; one of one channel takes opponent planes.
        let together = denoiser.channels() == 3 && colors == 3;
        let planes = if denoiser.channels() == 1 { mixtures(colors, seen.extra()) } else { vec![None; colors] };
        let mut changes = Vec::with_capacity(planes.len());
        let (largest, bounded) = (denoiser.largest_sigma(), denoiser.removes_noise_alone());
        // A model of more than noise may have been trained to mend them.
        let far = if bounded { seen.far_pixels() } else { None };
        let visible = match &far {
            Some(far) => Some(far.others(seen.visible())),
            None => seen.visible(),
        };
        for (index, mixture) in planes.into_iter().enumerate() {
            let (values, factor) = plane(&seen, index, mixture, visible.as_deref());
            let area = NoiseArea::new(&values, seen.size[0], seen.size[1], visible.as_deref());
            let noise = NoiseEstimate::by_patches(&values, seen.size, factor, area.as_ref());
            changes.push(PredictedNoise {
                mixture,
                color: index,
                noise,
                factor: f64::from(factor),
                area,
                values: Vec::new(),
            });
        }
        let is_clean = |noise: &NoiseEstimate| noise.by_patches.unwrap_or(0.0) <= CLEAN;
        let range = denoiser.range();
        let skipped = amount.strength == 0.0
            || bounded && amount.sigma == Sigma::Auto && changes.iter().all(|change| is_clean(&change.noise));
        if skipped {
            return Ok(Self { seen, changes, visible, far, given_sigma: None, largest, bounded, range });
        }
        let told = denoiser.takes_sigma().then_some(amount.sigma);
        if together {
            let planes: Vec<Vec<f32>> = (0..3).map(|color| seen.plane_in(color, visible.as_deref())).collect();
            let input = interleaved(&planes, 3);
            let sigma = root_mean_square(changes.iter().map(|change| change.sigma_for(amount)));
            let answer = denoiser.run(&input, seen.size, sigma, progress)?;
            for (color, change) in changes.iter_mut().enumerate() {
                let pairs = answer.iter().zip(&input).skip(color).step_by(3);
                change.take(pairs.map(|(made, seen)| made - seen).collect(), seen.size, told.map(|_| sigma));
            }
            return Ok(Self { seen, changes, visible, far, given_sigma: told, largest, bounded, range });
        }
        let count = changes.len() as f64;
        for (index, change) in changes.iter_mut().enumerate() {
            let (values, factor) = plane(&seen, change.color, change.mixture, visible.as_deref());
            let channels = denoiser.channels();
            let input = if channels == 1 { values } else { interleaved(&[values], channels) };
            let difference = |answer: &[f32]| -> Vec<f32> {
                let pixels = answer.chunks_exact(channels).zip(input.chunks_exact(channels));
                // Of a model of three channels that was shown one three times over, the mean.
                let of = |(made, seen): (&[f32], &[f32])| {
                    made.iter().zip(seen).map(|(made, seen)| made - seen).sum::<f32>() / (factor * channels as f32)
                };
                pixels.map(of).collect()
            };
            let mut hear = |done: f64| progress((index as f64 + done) / count);
            let mut sigma = change.sigma_for(amount);
            if told == Some(Sigma::Auto) {
                // A look at it says more of the noise than its patches do: where texture raised the estimate, the model
                // is told less and asked again.
                let looks = denoiser.ensemble(1);
                let first = 1.0 / (looks + 1) as f64;
                let answer = denoiser.run(&input, seen.size, sigma, &mut |done| hear(first * done));
                denoiser.ensemble(looks);
                let values = difference(&answer?);
                let found = found(&values, seen.size, sigma / change.factor, change.area.as_ref());
                let refined = found.map_or(sigma, |found| sigma.min(change.factor * found));
                if looks == 1 && refined > SAME * sigma {
                    change.take(values, seen.size, Some(sigma));
                    continue;
                }
                sigma = refined;
                let answer = denoiser.run(&input, seen.size, sigma, &mut |done| hear(first + (1.0 - first) * done))?;
                change.take(difference(&answer), seen.size, told.map(|_| sigma));
                continue;
            }
            let answer = denoiser.run(&input, seen.size, sigma, &mut hear)?;
            change.take(difference(&answer), seen.size, told.map(|_| sigma));
        }
        Ok(Self { seen, changes, visible, far, given_sigma: told, largest, bounded, range })
    }

    /// Returns the share of a change that is made.
    fn share(&self, change: &PredictedNoise, amount: &Strength) -> f64 {
        match change.values.is_empty() {
            true => 0.0,
            false if self.bounded => change.noise.share(amount),
            false => amount.strength,
        }
    }

    /// Returns the choices by which further pictures of the same file are read alike.
    pub fn choices(&self) -> ReadChoices<'static> {
        ReadChoices { range: self.range, ..ReadChoices::default() }
    }

    /// Returns whether the model was not run, because nothing was to be changed.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.values.is_empty())
    }

    /// Returns whether `amount` requires a run of the model, the first or one at another sigma.
    pub fn lacks(&self, amount: &Strength) -> bool {
        let told_otherwise = self.given_sigma.is_some_and(|told| told != amount.sigma);
        amount.strength > 0.0 && (told_otherwise || self.is_empty() && amount.sigma != Sigma::Auto)
    }

    /// Returns the estimated standard deviation of the noise on the scale of 0..255: root mean square over the planes;
    /// `None` where none is large enough for an estimate.
    pub fn sigma(&self) -> Option<f64> {
        let mut known = self.changes.iter().filter_map(|change| change.noise.sigma()).peekable();
        known.peek()?;
        Some(root_mean_square(known))
    }

    /// Returns the reasons to inspect the result closely, in words.
    pub fn warnings(&self, amount: &Strength) -> Vec<String> {
        let mut warnings = Vec::new();
        let sigma = match amount.sigma {
            Sigma::Given(sigma) => Some(sigma),
            Sigma::Auto => self.sigma(),
        };
        if let (Some(sigma), Some(largest)) = (sigma, self.largest)
            && sigma > 1.1 * largest
        {
            warnings.push(format!(
                "its noise, sigma {sigma:.0}, exceeds the {largest:.0} that the model was trained on: expect \
                 artifacts, or train a model on stronger noise (corruption.gaussian_range)"
            ));
        }
        let weight =
            |change: &PredictedNoise| if self.share(change, amount) > 0.0 { change.noise.removed.powi(2) } else { 0.0 };
        let whole: f64 = self.changes.iter().map(weight).sum();
        let agreed: f64 = self.changes.iter().map(|change| weight(change) * change.noise.correlation).sum();
        if self.bounded && whole > 0.0 && agreed / whole > UNLIKE {
            warnings.push(
                "the removed part is not noise alone: the picture or its noise is unlike the model's training data; \
                 compare closely, lower the strength, or train a model of the preset `restore` on your own pictures"
                    .to_owned(),
            );
        }
        warnings.extend(self.far.as_ref().map(|far| {
            let [low, high] = far.limits;
            format!(
                "pixels far beyond the others, such as hot ones: {}, by values up to {} where nearly all are from \
                 {low} to {high}; they are left as they are and say nothing of the noise",
                far.places.len(),
                far.farthest
            )
        }));
        warnings
    }

    /// Returns the image with `amount` of the changes made; `None` where nothing is changed.
    pub fn result(&self, amount: &Strength) -> Option<Image> {
        let shares: Vec<f32> = self.changes.iter().map(|change| self.share(change, amount) as f32).collect();
        if shares.iter().all(|&share| share == 0.0) {
            return None;
        }
        let mut made = self.seen.clone();
        for color in 0..self.seen.colors() {
            let mut values = self.seen.plane(color);
            for (change, &share) in self.changes.iter().zip(&shares) {
                let weight = match change.mixture {
                    Some(mixture) => share * mixture.share_of(color),
                    None if change.color == color => share,
                    None => 0.0,
                };
                if weight != 0.0 {
                    values.iter_mut().zip(&change.values).for_each(|(value, change)| *value += weight * change);
                }
            }
            let before = self.seen.plane(color);
            if let Some(visible) = &self.visible {
                let hidden = values.iter_mut().zip(&before).zip(visible).filter(|(_, is_seen)| !**is_seen);
                hidden.for_each(|((value, before), _)| *value = *before);
            }
            if self.bounded {
                self.keep_mean(&before, &mut values);
            }
            made.set_plane(color, &values);
        }
        if let Some(far) = &self.far {
            made.keep_pixels(&self.seen, &far.places);
        }
        if let Some(lacking) = self.seen.stored.lacking() {
            // To the last bit, which the way through black and white does not keep.
            let places: Vec<usize> = (0..lacking.len()).filter(|&place| lacking[place]).collect();
            made.keep_pixels(&self.seen, &places);
        }
        made.hold_within_alpha();
        Some(made)
    }

    /// Shifts the changed `values` so that their mean is that of the plane `seen`: noise has none, so that brightness and
    /// color stay. Bars, clipped and transparent parts are left as they are.
    fn keep_mean(&self, seen: &[f32], values: &mut [f32]) {
        let area = self.changes.first().and_then(|change| change.area.as_ref());
        let width = self.seen.size[1].max(1);
        let is_seen =
            |at: usize| self.visible.as_ref().and_then(|visible| visible.get(at)).is_none_or(|is_seen| *is_seen);
        let live: Vec<bool> = (0..seen.len())
            .map(|at| is_seen(at) && area.is_none_or(|area| area.is_live(at / width, at % width)))
            .collect();
        let limits = self.seen.limits();
        let held = |value: f32| limits.map_or(value, |[low, high]| value.clamp(low, high));
        // What is clipped takes no part in a shift, so that more than one may be needed.
        for _ in 0..MEAN_ROUNDS {
            let (mut lost, mut count) = (0.0, 0_usize);
            let pixels = seen.iter().zip(values.iter()).zip(&live).enumerate().filter(|(at, _)| is_seen(*at));
            for (_, ((&before, &after), &is_live)) in pixels {
                lost += f64::from(before) - f64::from(held(after));
                count += usize::from(is_live && after == held(after));
            }
            let shift = (lost / count.max(1) as f64) as f32;
            values.iter_mut().zip(&live).filter(|(_, is_live)| **is_live).for_each(|(value, _)| *value += shift);
        }
    }
}

impl PredictedNoise {
    /// Returns the sigma of the noise in the input of the model, on the scale of 0..255.
    fn sigma_for(&self, amount: &Strength) -> f64 {
        self.factor * self.noise.sigma_for(amount)
    }

    /// Stores the change `values`; `told` is the sigma that the model was given for its input, `None` for a blind
    /// model.
    fn take(&mut self, values: Vec<f32>, size: [usize; 2], told: Option<f64>) {
        let told = told.map(|told| told / self.factor);
        self.noise = self.noise.with_change(&values, size, told, self.area.as_ref());
        self.values = values;
    }
}

fn root_mean_square(values: impl Iterator<Item = f64>) -> f64 {
    let (mut squares, mut count) = (0.0, 0.0_f64);
    for value in values {
        (squares, count) = (squares + value * value, count + 1.0);
    }
    (squares / count.max(1.0)).sqrt()
}

/// Returns the input of the network for plane `index`, and the factor of the noise in it.
fn plane(seen: &Image, index: usize, mixture: Option<Mixture>, visible: Option<&[bool]>) -> (Vec<f32>, f32) {
    match mixture {
        Some(mixture) => (mixture.apply(|color| seen.plane_in(color, visible)), mixture.factor),
        None => (seen.plane_in(index, visible), 1.0),
    }
}

/// Interleaves planes to pixels of `channels` values; one plane stands for all of them.
fn interleaved(planes: &[Vec<f32>], channels: usize) -> Vec<f32> {
    let pixels = planes.first().map_or(0, Vec::len);
    (0..pixels).flat_map(|pixel| (0..channels).map(move |channel| planes[channel % planes.len()][pixel])).collect()
}
