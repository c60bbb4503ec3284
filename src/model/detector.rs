//! Statistics that make a model a detector of abnormal rows: usual errors of normal rows that it was not trained on,
//! and the distribution of normal latents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{NearRows, Severity};
use crate::metrics::Pca;
use crate::tensor::{HostTensor, Shape};

/// Beginning of the names of a detector's tensors in the model file.
const PREFIX: &str = "detector.";

/// Rule by which a threshold was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ThresholdBy {
    /// Given share of held-out normal rows above the threshold.
    FalseAlarms,
    /// Highest F1 on held-out normal rows and labeled abnormal ones.
    F1,
    /// Given number of false alarms a day, of rows with times.
    AlarmsADay,
    /// Least cost of false alarms and missed rows, each missed row at the cost of a given number of false alarms.
    Cost,
}

/// Detector of abnormal rows, beside the model that reconstructs them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    /// Column that marks abnormal rows, never a feature; `None` where none was named.
    pub label: Option<String>,
    /// Labels of abnormal rows; where empty, anything but 0, false, normal or nothing.
    pub abnormal: Vec<String>,
    /// Score above which a row is abnormal.
    pub threshold: f64,
    /// Rule by which the threshold was chosen.
    pub threshold_by: ThresholdBy,
    /// Share of normal rows expected above the threshold, from rows that took no part in fitting.
    pub false_alarms: f64,
    /// Factors of the scores of steps of a series near its ends, by rising reach; empty where no step needs one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<CutFactors>,
    /// Scale of severity; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Kept normal rows of a table; `None` for other data.
    #[serde(skip)]
    pub near: Option<NearRows>,
    /// Members of the ensemble; the score of a row is the mean of theirs.
    #[serde(skip)]
    pub members: Vec<DetectorMember>,
    /// PCA of the train rows, to compare with; `None` where rows are too wide.
    #[serde(skip)]
    pub pca: Option<Pca>,
}

/// Factors of the scores of steps near an end of a series. The score of a step is the mean over the windows that hold
/// it, and that of few windows is high more often.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutFactors {
    /// Steps from the end, the step itself included, from which on the factors hold.
    pub reach: usize,
    /// Factor after the series' beginning, above 0 to 1.
    pub begin: f64,
    /// Factor before the series' end, above 0 to 1.
    pub end: f64,
}

/// Model of the ensemble, with its usual errors and latents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetectorMember {
    /// Tensors of the model by name; none for the first member, which has the model's own.
    pub weights: BTreeMap<String, HostTensor>,
    /// Usual squared error of each feature `[features]`, such that the mean of errors relative to it is 1 over normal
    /// rows that were not trained on.
    pub usual_errors: Vec<f32>,
    /// Mean latents `[latent]` of normal rows; empty where latents do not count for the score.
    pub latent_mean: Vec<f32>,
    /// Whitening matrix `[latent, latent]`, lower triangular: makes latents of normal rows white, of variance 1.
    pub latent_whitening: Vec<f32>,
    /// Mean divergence from the prior, in nats; above 0 for variational models, whose scores are negative ELBOs.
    pub usual_divergence: f32,
    /// Distance from the mean, in white units, that nearly all normal rows are within.
    pub usual_distance: f32,
}

impl Detector {
    /// Returns the detector's tensors by their names in the model file.
    pub(super) fn tensors(&self) -> BTreeMap<String, HostTensor> {
        let mut tensors = BTreeMap::new();
        for (number, member) in self.members.iter().enumerate() {
            let latent = member.latent_mean.len();
            let mut put = |name: &str, shape: &[usize], data: &[f32]| {
                let tensor = HostTensor { shape: Shape::new(shape), data: data.to_vec() };
                tensors.insert(format!("{PREFIX}{number}.{name}"), tensor);
            };
            put("usual_errors", &[member.usual_errors.len()], &member.usual_errors);
            put("latent_mean", &[latent], &member.latent_mean);
            put("latent_whitening", &[latent, latent], &member.latent_whitening);
            put("usual_distance", &[1], &[member.usual_distance]);
            put("usual_divergence", &[1], &[member.usual_divergence]);
            for (name, tensor) in &member.weights {
                tensors.insert(format!("{PREFIX}{number}.model.{name}"), tensor.clone());
            }
        }
        tensors.extend(self.near.iter().flat_map(NearRows::tensors));
        if let Some(pca) = &self.pca {
            let features = pca.mean().len();
            let mean = HostTensor::new([features], pca.mean().to_vec());
            let directions = HostTensor::new([pca.components(), features], pca.directions().to_vec());
            tensors.extend([(format!("{PREFIX}pca.mean"), mean), (format!("{PREFIX}pca.directions"), directions)]);
        }
        tensors
    }

    /// Takes the detector's tensors out of those of a model file.
    pub(super) fn take_tensors(
        &mut self,
        tensors: &mut BTreeMap<String, HostTensor>,
        features: usize,
    ) -> Result<(), String> {
        let pca = ["mean", "directions"].map(|name| tensors.remove(&format!("{PREFIX}pca.{name}")));
        if let [Some(mean), Some(directions)] = pca {
            let is_whole = mean.data.len() == features && directions.data.len().is_multiple_of(features.max(1));
            self.pca = is_whole.then(|| Pca::from_parts(mean.data, directions.data));
        }
        self.near = NearRows::take(tensors, features)?;
        let names: Vec<String> = tensors.keys().filter(|name| name.starts_with(PREFIX)).cloned().collect();
        for name in names {
            let Some(tensor) = tensors.remove(&name) else { continue };
            let mut parts = name[PREFIX.len()..].splitn(2, '.');
            let number = parts.next().and_then(|number| number.parse::<usize>().ok()).filter(|&number| number < 1000);
            let (Some(number), Some(rest)) = (number, parts.next()) else {
                return Err(format!("{name} belongs to no member of its detector, fit it again"));
            };
            if self.members.len() <= number {
                self.members.resize_with(number + 1, DetectorMember::default);
            }
            let member = &mut self.members[number];
            match rest {
                "usual_errors" => member.usual_errors = tensor.data,
                "latent_mean" => member.latent_mean = tensor.data,
                "latent_whitening" => member.latent_whitening = tensor.data,
                "usual_divergence" => member.usual_divergence = tensor.data.first().copied().unwrap_or(0.0),
                "usual_distance" => member.usual_distance = tensor.data.first().copied().unwrap_or(0.0),
                rest => {
                    let name = rest.strip_prefix("model.").unwrap_or(rest).to_owned();
                    member.weights.insert(name, tensor);
                }
            }
        }
        let sane = |member: &DetectorMember| {
            let latent = member.latent_mean.len();
            member.usual_errors.len() == features
                && member.usual_errors.iter().all(|&error| error.is_finite() && error > 0.0)
                && member.latent_whitening.len() == latent * latent
                && member.latent_mean.iter().chain(&member.latent_whitening).all(|value| value.is_finite())
                && member.usual_distance.is_finite()
                && member.usual_divergence.is_finite()
        };
        let is_factor = |factor: f64| factor > 0.0 && factor <= 1.0;
        let cuts = self.cuts.iter().all(|cut| is_factor(cut.begin) && is_factor(cut.end));
        if !cuts || !self.cuts.is_sorted_by_key(|cut| cut.reach) {
            return Err("its detector has impossible factors for the ends of a series, fit it again".to_owned());
        }
        if self.severity.as_ref().is_some_and(|severity| !severity.is_sane()) {
            return Err("its detector has an impossible scale of severity, fit it again".to_owned());
        }
        if self.members.is_empty() || !self.members.iter().all(sane) || !self.threshold.is_finite() {
            return Err(format!("its detector does not belong to {features} values, fit it again"));
        }
        Ok(())
    }
}
