//! Scores of rows by a detector's models, its kept rows, and rules.

use super::neighborhood::{KeptNeighbors, Neighborhood};
use super::reconstructions::Chunk;
use crate::device::Device;
use crate::model::Detector;
use crate::tasks::TaskError;

/// Scores of a chunk of rows.
#[derive(Debug)]
pub(super) struct ChunkScores {
    pub scores: Vec<f64>,
    /// KeptNeighbors of each row among the kept ones; empty for detectors that keep none.
    pub neighbors: Vec<KeptNeighbors>,
}

/// Detector at work on a device.
#[derive(Debug)]
pub(super) struct Scorer<'a> {
    pub detector: &'a Detector,
    /// Search of the kept rows; `None` for detectors that keep none.
    pub search: Option<Neighborhood>,
    features: usize,
}

impl<'a> Scorer<'a> {
    pub fn new(detector: &'a Detector, features: usize, device: &Device) -> Result<Self, TaskError> {
        let search = detector.near.clone().map(|near| Neighborhood::new(near, device)).transpose()?;
        Ok(Self { detector, search, features })
    }

    /// Scores the rows of a chunk.
    pub fn score(&mut self, rows: &Chunk) -> Result<ChunkScores, TaskError> {
        let mut scores = rows.model_scores(&self.detector.members, self.features);
        let mut neighbors = Vec::new();
        if let Some(search) = &mut self.search {
            neighbors = search.find(&rows.seen)?;
            for (score, neighbors) in scores.iter_mut().zip(&neighbors) {
                *score = search.score(neighbors, *score);
            }
        }
        rows.add_broken_rules(&mut scores);
        Ok(ChunkScores { scores, neighbors })
    }
}
