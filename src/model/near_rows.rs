//! Kept normal rows of a detector: a row is abnormal if it lies far from them, measured by how near to each other they
//! lie there.

use std::collections::BTreeMap;

use crate::tensor::{HostTensor, Shape};

/// Neighbors that a row is compared with.
pub(crate) const NEIGHBORS: usize = 5;
/// Neighbors of each kept row that are known: one more, so that there are enough without any one.
pub(crate) const KNOWN_NEIGHBORS: usize = NEIGHBORS + 1;
/// Beginning of the names of the tensors.
const PREFIX: &str = "detector.near.";

/// Kept normal rows, the metric of distances between rows, and rows that people judged.
///
/// With a the mean distance of a row to its [`NEIGHBORS`] nearest kept rows, o the mean of the same of those rows
/// themselves, and m its mean over all kept rows, the density part of a score is 2 ln(a/m + f) - ln(o/m + f): distance
/// twice, relative to that of the neighbors once. The small f keeps equal rows from deciding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NearRows {
    /// Kept rows `[kept, features]`, prepared as the network takes them.
    pub values: Vec<f32>,
    /// Factor of each feature `[features]` before distances are measured.
    pub scale: Vec<f32>,
    /// Symmetric matrix `[features, features]` that scaled rows are multiplied by; empty where it is the identity.
    pub metric: Vec<f32>,
    /// Distances of each kept row to its nearest others `[kept, known]`, rising.
    pub distances: Vec<f32>,
    /// Numbers of these others `[kept, known]`.
    pub numbers: Vec<u32>,
    /// Mean distance m of a kept row to its nearest others.
    pub usual: f32,
    /// Logarithm of the score of normal rows, on average, which is taken from that of a row.
    pub offset: f32,
    /// Weight of the logarithm of the model's score beside the density part.
    pub weight: f32,
    /// Rows that people judged `[judged, features]`, prepared.
    pub judged: Vec<f32>,
    /// Judgment of each of them: true for abnormal.
    pub is_abnormal: Vec<bool>,
}

impl NearRows {
    /// Number of kept rows.
    pub fn kept(&self) -> usize {
        self.values.len() / self.scale.len().max(1)
    }

    /// Neighbors of each kept row that are known: [`KNOWN_NEIGHBORS`], and fewer where fewer rows are kept.
    pub fn known(&self) -> usize {
        self.distances.len() / self.kept().max(1)
    }

    /// Bytes that the kept rows take in the file.
    pub fn bytes(&self) -> usize {
        let numbers = self.values.len() + self.metric.len() + 2 * self.distances.len() + self.judged.len();
        numbers * size_of::<f32>()
    }

    pub(super) fn tensors(&self) -> BTreeMap<String, HostTensor> {
        let features = self.scale.len();
        let mut tensors = BTreeMap::new();
        let mut put = |name: &str, shape: &[usize], data: Vec<f32>| {
            tensors.insert(format!("{PREFIX}{name}"), HostTensor { shape: Shape::new(shape), data });
        };
        put("values", &[self.kept(), features], self.values.clone());
        put("scale", &[features], self.scale.clone());
        let side = if self.metric.is_empty() { 0 } else { features };
        put("metric", &[side, side], self.metric.clone());
        put("distances", &[self.kept(), self.known()], self.distances.clone());
        // Numbers of at most a few thousand rows are whole in f32.
        let numbers = self.numbers.iter().map(|&number| number as f32).collect();
        put("numbers", &[self.kept(), self.known()], numbers);
        put("usual", &[3], vec![self.usual, self.offset, self.weight]);
        put("judged", &[self.is_abnormal.len(), features], self.judged.clone());
        let judgments = self.is_abnormal.iter().map(|&abnormal| if abnormal { 1.0 } else { 0.0 }).collect();
        put("judgments", &[self.is_abnormal.len()], judgments);
        tensors
    }

    /// Takes the kept rows out of the tensors of a model file; `None` where it has none.
    pub(super) fn take(tensors: &mut BTreeMap<String, HostTensor>, features: usize) -> Result<Option<Self>, String> {
        let mut take = |name: &str| tensors.remove(&format!("{PREFIX}{name}")).map(|tensor| tensor.data);
        let Some(values) = take("values") else { return Ok(None) };
        let mut rest = ["scale", "metric", "distances", "numbers", "usual", "judged", "judgments"]
            .map(|name| take(name).unwrap_or_default())
            .into_iter();
        let mut next = || rest.next().unwrap_or_default();
        let mut near = Self { values, scale: next(), metric: next(), distances: next(), ..Self::default() };
        near.numbers = next().iter().map(|&number| number as u32).collect();
        if let [usual, offset, weight] = next()[..] {
            (near.usual, near.offset, near.weight) = (usual, offset, weight);
        }
        near.judged = next();
        near.is_abnormal = next().iter().map(|&judgment| judgment > 0.5).collect();
        match near.is_sane(features) {
            true => Ok(Some(near)),
            false => {
                Err(format!("the normal rows that it keeps are not whole rows of {features} values, fit it again"))
            }
        }
    }

    fn is_sane(&self, features: usize) -> bool {
        let (kept, known) = (self.kept(), self.known());
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        self.scale.len() == features
            && kept > 1
            && self.values.len() == kept * features
            && (self.metric.is_empty() || self.metric.len() == features * features)
            && known == KNOWN_NEIGHBORS.min(kept - 1)
            && self.distances.len() == kept * known
            && self.numbers.len() == kept * known
            && self.numbers.iter().all(|&number| (number as usize) < kept)
            && self.judged.len() == self.is_abnormal.len() * features
            && [&self.values, &self.scale, &self.metric, &self.distances, &self.judged].iter().all(|part| finite(part))
            && self.usual.is_finite()
            && self.usual > 0.0
            && self.offset.is_finite()
            && self.weight.is_finite()
    }
}
