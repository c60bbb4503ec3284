//! The latent space in two dimensions.

use serde::{Deserialize, Serialize};

use crate::data::DataSet;
use crate::metrics::Pca;

/// Rows as points of the latent space in two dimensions, and in a third where there is one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LatentMap {
    /// First two coordinates of each row.
    pub points: Vec<[f32; 2]>,
    /// Third coordinate of each point; empty below three latent units.
    pub depth: Vec<f32>,
    /// Mean squared error of each row; empty if not requested.
    pub errors: Vec<f32>,
    /// Index of each point's row in the data set.
    pub rows: Vec<u32>,
    /// Number of held-out points, which come first; the others are of train rows.
    pub held_out: usize,
    /// Class of each point; empty without labels.
    pub labels: Vec<u16>,
    /// True if the points are the two main components of a wider latent space.
    pub projected: bool,
    /// Training step of the weights.
    pub step: u64,
}

impl LatentMap {
    /// Builds the map of latents `[rows, latent]` of `rows` of `data`. `directions` holds those of the last projection,
    /// so that the map does not flip, and receives the new ones.
    pub fn from_latents(
        latents: &[f32],
        latent: usize,
        data: &DataSet,
        rows: impl Iterator<Item = usize>,
        step: u64,
        directions: &mut Option<Vec<f32>>,
    ) -> Self {
        let (points, depth) = match latent {
            1 => (latents.iter().map(|&z| [z, 0.0]).collect(), Vec::new()),
            2 => (latents.chunks_exact(2).map(|z| [z[0], z[1]]).collect(), Vec::new()),
            // Of so many rows; a projection of more looks the same.
            _ => project(latents, latent, 5000, directions),
        };
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        let label_of = |labels: &Vec<u16>| rows.iter().map(|&row| labels[row as usize]).collect();
        let labels = data.labels.as_ref().map(label_of).unwrap_or_default();
        let held_out = points.len();
        Self { points, depth, labels, errors: Vec::new(), rows, held_out, projected: latent > 2, step }
    }
}

/// Returns latents `[rows, latent]` in two dimensions `[rows, 2]`: unchanged if they have two, with a zero if they have
/// one, else their two main components.
pub fn plane(latents: &[f32], latent: usize) -> Vec<f32> {
    match latent {
        0 => Vec::new(),
        1 => latents.iter().flat_map(|&z| [z, 0.0]).collect(),
        2 => latents.to_vec(),
        _ => project(latents, latent, usize::MAX, &mut None).0.into_iter().flatten().collect(),
    }
}

/// Projects latents to their two main components and the third, fitted to the first `most` rows.
fn project(
    latents: &[f32],
    latent: usize,
    most: usize,
    directions: &mut Option<Vec<f32>>,
) -> (Vec<[f32; 2]>, Vec<f32>) {
    let fitted = &latents[..latents.len().min(most.saturating_mul(latent))];
    let Ok(pca) = Pca::fit(fitted, latent, 3) else { return (Vec::new(), Vec::new()) };
    let count = pca.components();
    if count < 2 {
        return (Vec::new(), Vec::new());
    }
    let mut signs = vec![1.0_f32; count];
    if let Some(before) = directions {
        for (component, sign) in signs.iter_mut().enumerate() {
            let range = component * latent..(component + 1) * latent;
            let agreement: f32 = before
                .get(range.clone())
                .unwrap_or_default()
                .iter()
                .zip(&pca.directions()[range])
                .map(|(a, b)| a * b)
                .sum();
            *sign = if agreement < 0.0 { -1.0 } else { 1.0 };
        }
    }
    let turned = pca.directions().chunks_exact(latent).zip(signs.iter().copied());
    *directions = Some(turned.flat_map(|(direction, sign)| direction.iter().map(move |value| value * sign)).collect());
    let projected = pca.project(latents);
    let places = projected.chunks_exact(count);
    let points = places.clone().map(|z| [z[0] * signs[0], z[1] * signs[1]]).collect();
    (points, places.filter_map(|z| z.get(2).map(|z| z * signs[2])).collect())
}
