//! Quality of the latents of held-out rows as a representation, and that of PCA of the same size.

use serde::Serialize;

use super::intervals::{self, Intervals};
use crate::data::{DataSet, Part};
use crate::inference::LoadedModel;
use crate::metrics::{Logistic, LogisticOptions, Pca, knn_classes, silhouettes, trustworthiness};
use crate::random::Sampler;
use crate::tasks::TaskError;
use crate::tasks::represent::features::{Features, TEST_ROWS, TRAIN_ROWS, draw_rows, drawn, right, scaled};

/// Rows that classifiers are trained on, and rows they are tested on; drawn where there are more.
const MOST_ROWS: usize = 10_000;
/// Test rows whose mutual distances are computed, at most.
const MOST_MUTUAL: usize = 2000;
/// Neighbors that vote, and those that a map should keep.
const NEIGHBORS: usize = 5;

/// Quality of a representation: the separation of classes, and the trustworthiness of its map.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Representation {
    /// Silhouette of the classes, mean over `mutual_rows` of the test part; `None` without labels.
    pub silhouette: Option<f64>,
    /// Accuracy of 5 nearest neighbors among `train_rows` of the train part, on `rows` of the test part; `None` without
    /// labels.
    pub knn_accuracy: Option<f64>,
    /// Accuracy of a multinomial logistic regression (C = 1) on the same rows; `None` without labels.
    pub probe_accuracy: Option<f64>,
    /// Trustworthiness of the map in two dimensions: how far the 5 nearest on it are neighbors as rows, over
    /// `mutual_rows`; needs no labels.
    pub trustworthiness: Option<f64>,
    /// Labeled rows of the train part that classifiers were trained on; 0 without labels.
    pub train_rows: usize,
    /// Rows of the test part that were used.
    pub rows: usize,
    /// Rows of the test part whose mutual distances were computed.
    pub mutual_rows: usize,
    /// 95% bootstrap intervals of silhouette and accuracies, by name.
    pub intervals: Intervals,
}

/// Rows by which representations are compared.
pub(super) struct ComparedRows {
    test: Features,
    train: Option<Features>,
    /// Indices of rows of `test` whose mutual distances are computed.
    mutual: Vec<usize>,
    /// True if the decoder sees the latents alone.
    has_bottleneck: bool,
    seed: u64,
}

impl ComparedRows {
    pub fn new(model: &LoadedModel, data: &DataSet, train: Option<&DataSet>, seed: u64) -> Result<Self, TaskError> {
        let has_bottleneck = model.network().check_bottleneck().is_ok();
        let features_of = |data: &DataSet, part, stream| {
            let rows = drawn(data, &draw_rows(data, part, MOST_ROWS, seed, stream))?;
            Features::encode(model, rows)
        };
        let test = features_of(data, Part::Test, TEST_ROWS)?;
        let labeled = train.filter(|train| train.labels.is_some() && test.labels.is_some() && has_bottleneck);
        let train = labeled.map(|train| features_of(train, Part::Train, TRAIN_ROWS)).transpose()?;
        let mutual = Sampler::new(seed, 3).choose(MOST_MUTUAL, test.rows());
        Ok(Self { test, train, mutual, has_bottleneck, seed })
    }

    /// Measures the latents of the model; all `None` where the decoder sees more than the latents.
    pub fn of_model(&self) -> Representation {
        if !self.has_bottleneck {
            return Representation::default();
        }
        let train = self.train.as_ref().map(|train| &train.latents[..]);
        self.measure(train, &self.test.latents, self.test.latent)
    }

    pub fn of_pca(&self, pca: &Pca) -> Representation {
        let train = self.train.as_ref().map(|train| pca.project(&train.raw));
        self.measure(train.as_deref(), &pca.project(&self.test.raw), pca.components())
    }

    fn measure(&self, train: Option<&[f32]>, points: &[f32], width: usize) -> Representation {
        let take = |values: &[f32], width: usize| -> Vec<f32> {
            self.mutual.iter().flat_map(|&row| &values[row * width..(row + 1) * width]).copied().collect()
        };
        let (raw, near) = (take(&self.test.raw, self.test.features), take(points, width));
        let map = crate::monitor::plane(&near, width);
        let mut found = Representation {
            trustworthiness: trustworthiness(&raw, self.test.features, &map, 2, NEIGHBORS),
            rows: self.test.rows(),
            mutual_rows: self.mutual.len(),
            ..Representation::default()
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let mut by_row: Vec<(&'static str, Vec<f64>)> = Vec::new();
        if let Some(labels) = &self.test.labels {
            let labels: Vec<usize> = self.mutual.iter().map(|&row| labels[row]).collect();
            let all: Vec<usize> = (0..labels.len()).collect();
            let scores = silhouettes(&near, width, &labels, &all);
            found.silhouette = scores.as_deref().map(mean);
            by_row.extend(scores.map(|scores| ("silhouette", scores)));
        }
        if let (Some(train), Some(learned)) = (train, &self.train)
            && let (Some(labels), Some(truth)) = (&learned.labels, self.test.labels_as(learned))
        {
            let classes = labels.iter().max().map_or(0, |&highest| highest + 1);
            let voted = right(&knn_classes(train, labels, points, width, NEIGHBORS), &truth);
            let (train, points) = scaled(train, points, width);
            let probe = Logistic::fit(&train, width, labels, classes, &LogisticOptions::default());
            let probed = probe.map(|probe| right(&probe.classes(&points), &truth));
            (found.train_rows, found.knn_accuracy) = (labels.len(), Some(mean(&voted)));
            found.probe_accuracy = probed.as_deref().map(mean);
            by_row.push(("knn_accuracy", voted));
            by_row.extend(probed.map(|probed| ("probe_accuracy", probed)));
        }
        found.intervals =
            intervals::bootstrap_intervals(by_row.iter().map(|(name, values)| (*name, &values[..])), self.seed);
        found
    }
}
