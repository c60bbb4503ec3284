//! A picture through a model: what it would change, of which any amount can then be made.

use std::ops::ControlFlow;

use super::amount::{Amount, CLEAN, Noise, Sigma};
use super::content::Content;
use super::model::Denoiser;
use super::planes::{Mixture, mixtures};
use crate::train::TrainError;

/// What a model would change of one plane, in the units of the picture.
#[derive(Debug)]
struct Change {
    /// A color where `None`.
    mixture: Option<Mixture>,
    color: usize,
    noise: Noise,
    /// Empty where the model was not asked.
    values: Vec<f32>,
}

/// A picture and what a model would change of it.
#[derive(Debug)]
pub(super) struct Filtered {
    pub seen: Content,
    changes: Vec<Change>,
}

impl Filtered {
    /// Asks the model about each plane of `seen`; where `amount` leaves it to the estimate and that finds nothing, not
    /// even that. `progress` hears the share that is done, and may end the work.
    pub fn new(
        seen: Content,
        amount: &Amount,
        denoiser: &mut Denoiser,
        progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Self, TrainError> {
        let colors = seen.colors();
        // A model of three channels takes those of a color picture together; one of one channel takes opponent planes.
        let together = denoiser.channels() == 3 && colors == 3;
        let planes = if denoiser.channels() == 1 { mixtures(colors) } else { vec![None; colors] };
        let mut changes = Vec::with_capacity(planes.len());
        for (index, mixture) in planes.into_iter().enumerate() {
            let (values, factor) = plane(&seen, index, mixture);
            let noise = Noise::by_patches(&values, seen.size, factor);
            changes.push(Change { mixture, color: index, noise, values: Vec::new() });
        }
        let is_clean = |noise: &Noise| noise.by_patches.unwrap_or(0.0) <= CLEAN;
        let skipped = amount.strength == 0.0
            || amount.sigma == Sigma::Auto && changes.iter().all(|change| is_clean(&change.noise));
        if skipped {
            return Ok(Self { seen, changes });
        }
        if together {
            let input = interleaved(&(0..3).map(|color| seen.plane(color)).collect::<Vec<_>>(), 3);
            let answer = denoiser.run(&input, seen.size, progress)?;
            for (color, change) in changes.iter_mut().enumerate() {
                let pairs = answer.iter().zip(&input).skip(color).step_by(3);
                change.take(pairs.map(|(made, seen)| made - seen).collect(), seen.size);
            }
            return Ok(Self { seen, changes });
        }
        let count = changes.len() as f64;
        for (index, change) in changes.iter_mut().enumerate() {
            let (values, factor) = plane(&seen, change.color, change.mixture);
            let channels = denoiser.channels();
            let input = if channels == 1 { values } else { interleaved(&[values], channels) };
            let mut hear = |done: f64| progress((index as f64 + done) / count);
            let answer = denoiser.run(&input, seen.size, &mut hear)?;
            let pixels = answer.chunks_exact(channels).zip(input.chunks_exact(channels));
            // Of a model of three channels that was shown one three times over, the mean.
            let difference = |(made, seen): (&[f32], &[f32])| {
                made.iter().zip(seen).map(|(made, seen)| made - seen).sum::<f32>() / (factor * channels as f32)
            };
            change.take(pixels.map(difference).collect(), seen.size);
        }
        Ok(Self { seen, changes })
    }

    /// Whether the model was not asked, because nothing was to be changed.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.values.is_empty())
    }

    /// Whether the model was not asked and `amount` would have it asked.
    pub fn lacks(&self, amount: &Amount) -> bool {
        self.is_empty() && amount.strength > 0.0 && amount.sigma != Sigma::Auto
    }

    /// The noise's standard deviation on the scale of 0..255: root mean square over the planes; `None` where none is
    /// large enough to tell.
    pub fn sigma(&self) -> Option<f64> {
        let known: Vec<f64> = self.changes.iter().filter_map(|change| change.noise.sigma()).collect();
        let squares: f64 = known.iter().map(|sigma| sigma.powi(2)).sum();
        (!known.is_empty()).then(|| (squares / known.len() as f64).sqrt())
    }

    /// The picture with `amount` of the changes made; `None` where nothing is changed.
    pub fn result(&self, amount: &Amount) -> Option<Content> {
        let share = |change: &Change| if change.values.is_empty() { 0.0 } else { change.noise.share(amount) as f32 };
        let shares: Vec<f32> = self.changes.iter().map(share).collect();
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
            made.set_plane(color, &values);
        }
        Some(made)
    }
}

impl Change {
    fn take(&mut self, values: Vec<f32>, size: [usize; 2]) {
        self.noise = self.noise.with_change(&values, size);
        self.values = values;
    }
}

/// What the network takes of plane `index`, and how strong noise is there.
fn plane(seen: &Content, index: usize, mixture: Option<Mixture>) -> (Vec<f32>, f32) {
    match mixture {
        Some(mixture) => (mixture.of(|color| seen.plane(color)), mixture.factor),
        None => (seen.plane(index), 1.0),
    }
}

/// Planes as pixels of `channels` values; one plane stands for all of them.
fn interleaved(planes: &[Vec<f32>], channels: usize) -> Vec<f32> {
    let pixels = planes.first().map_or(0, Vec::len);
    (0..pixels).flat_map(|pixel| (0..channels).map(move |channel| planes[channel % planes.len()][pixel])).collect()
}
