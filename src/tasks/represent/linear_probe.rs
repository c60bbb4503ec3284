//! Accuracy of classifiers by number of labels, on the frozen latents of a model, on raw values and on PCA.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::features::{Features, TEST_ROWS, TRAIN_ROWS, draw_rows, drawn, right, scaled};
use crate::data::{DataError, Part};
use crate::device::Device;
use crate::error::Setting;
use crate::inference::LoadedModel;
use crate::metrics::{Logistic, LogisticOptions, Pca, knn_classes};
use crate::model::Model;
use crate::random::Sampler;
use crate::tasks::TaskError;
use crate::tasks::evaluate::open::own_data;

/// Draws of labels whose results are averaged.
const DRAWS: u32 = 5;
/// Numbers of labels where none are asked for, before all of them.
const USUAL_COUNTS: [usize; 2] = [10, 100];
/// Rows that classifiers are tested on, at most.
const MOST_TEST: usize = 10_000;
/// Neighbors that vote; one where there are few of each class.
const NEIGHBORS: usize = 5;

/// Number of labeled rows that classifiers are trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelCount {
    /// Given number of rows, drawn by the shares of the classes.
    Some(usize),
    /// All rows of the train part.
    All,
}

/// Accuracies of one number of labels on one kind of features.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeResult {
    /// Kind of features: `latents`, `pca` or `raw`.
    pub features: &'static str,
    /// Features of a row.
    pub width: usize,
    /// Labeled rows, of all classes together.
    pub labels: usize,
    /// Number of draws of labeled rows: 5, or 1 where all are used.
    pub draws: u32,
    /// Accuracy of multinomial logistic regression, C = 1, as the mean over draws.
    pub probe: f64,
    /// Standard deviation of `probe` over draws; `None` for a single one.
    pub probe_sd: Option<f64>,
    /// Accuracy of as many nearest neighbors as `neighbors`, as the mean over draws.
    pub knn: f64,
    /// Standard deviation of `knn` over draws; `None` for a single one.
    pub knn_sd: Option<f64>,
    /// Neighbors that vote: 5, or 1 for fewer than 5 labels a class on average.
    pub neighbors: usize,
}

/// The object that `probe --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeReport {
    /// Path of the model file.
    pub model: String,
    /// Source of the rows: the one given, or else that of the training.
    pub data: String,
    /// Rows of the train part that labels are drawn from.
    pub train_rows: usize,
    /// Rows of the test part that classifiers were tested on, 10000 at most.
    pub test_rows: usize,
    /// Accuracies for each number of labels and each kind of features.
    pub results: Vec<ProbeResult>,
    /// Remarks on the data in words: omissions and their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Options of [`probe`].
#[derive(Clone, Debug)]
pub struct Probe {
    /// Numbers of labels to measure at; where empty, 10, 100 and all, of which those that cannot show every class
    /// become as many as there are classes.
    pub labels: Vec<LabelCount>,
    /// Seed of the draws of rows and of labels.
    pub seed: u64,
}

/// Fits classifiers to the latents of the model at `path` for its own data, or for `data` divided in halves: trained on
/// labeled rows of the train part, tested on the test part. PCA is fitted on the train part without labels.
///
/// # Errors
/// When the data has no labels, does not fit the model, or has more classes than there are to be labels.
#[tracing::instrument(level = "debug", name = "probe", skip_all)]
pub fn probe(path: &Path, data: Option<&str>, options: &Probe, device: &Device) -> Result<ProbeReport, TaskError> {
    let model = Model::load(path)?;
    let loaded = LoadedModel::new(&model, path, device)?;
    loaded.network().check_bottleneck()?;
    let spec = &model.spec;
    let set = match data {
        None => own_data(spec)?,
        Some(source) => {
            let whole = spec.open_other_data(source, &model.preparation)?;
            Arc::new(halved(whole))
        }
    };
    let place = data.unwrap_or(&spec.data.source).to_owned();
    if set.features != model.features {
        let (found, expected) = (set.features, model.features);
        return Err(DataError::WrongWidth { place, found, expected }.into());
    }
    if set.labels.is_none() {
        let problem = "it has no labels; name their column with data.labels when training".to_owned();
        return Err(DataError::Malformed { place, problem }.into());
    }
    let features_of = |part, most, stream| {
        let rows = draw_rows(&set, part, most, options.seed, stream);
        Features::encode(&loaded, drawn(&set, &rows)?)
    };
    let train = features_of(Part::Train, usize::MAX, TRAIN_ROWS)?;
    let test = features_of(Part::Test, MOST_TEST, TEST_ROWS)?;
    if test.rows() == 0 {
        let problem = format!("it has no test rows for the probe; give other labeled data with {}", Setting::DATA);
        return Err(DataError::Malformed { place, problem }.into());
    }
    let (Some(labels), Some(truth)) = (&train.labels, &test.labels) else {
        return Err(DataError::Malformed { place, problem: "it has no labels".to_owned() }.into());
    };
    let classes = labels.iter().chain(truth).max().map_or(0, |&highest| highest + 1);
    let mut features = vec![("latents", train.latent, train.latents.clone(), test.latents.clone())];
    if let Some(components) = loaded.network().comparable_components()
        && let Ok(pca) = Pca::fit(&train.raw, train.features, components)
    {
        features.push(("pca", pca.components(), pca.project(&train.raw), pca.project(&test.raw)));
    }
    features.push(("raw", train.features, train.raw.clone(), test.raw.clone()));

    let mut notes = set.notes.clone();
    let counts = match &options.labels[..] {
        [] => usual_counts(labels, &mut notes),
        asked => asked.to_vec(),
    };
    let mut results = Vec::new();
    for count in counts {
        let draws: Vec<Vec<usize>> = match count {
            LabelCount::Some(count) if count < labels.len() => (0..DRAWS)
                .map(|draw| stratified(labels, classes, count, &mut Sampler::new(options.seed, 100 + draw)))
                .collect::<Result<_, _>>()?,
            _ => vec![(0..labels.len()).collect()],
        };
        for (name, width, train, test) in &features {
            let runs = draws.iter().map(|rows| once(train, test, *width, labels, truth, rows, classes));
            let runs: Vec<[f64; 2]> = runs.collect();
            let labels = draws.first().map_or(0, Vec::len);
            let (probe, probe_sd) = mean_and_deviation(runs.iter().map(|run| run[0]));
            let (knn, knn_sd) = mean_and_deviation(runs.iter().map(|run| run[1]));
            results.push(ProbeResult {
                features: name,
                width: *width,
                labels,
                draws: runs.len() as u32,
                probe,
                probe_sd,
                knn,
                knn_sd,
                neighbors: neighbors(labels, classes),
            });
        }
    }
    Ok(ProbeReport {
        model: path.display().to_string(),
        data: place,
        train_rows: train.rows(),
        test_rows: test.rows(),
        results,
        notes,
    })
}

/// Returns the numbers of labels to measure at where none are asked for.
fn usual_counts(labels: &[usize], notes: &mut Vec<String>) -> Vec<LabelCount> {
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let least = classes.len();
    let mut counts = USUAL_COUNTS.map(|count| count.max(least)).to_vec();
    counts.dedup();
    if USUAL_COUNTS.iter().any(|&count| count < least) {
        notes.push(format!("fewer than {least} labels cannot show {least} classes: they start at {least}"));
    }
    counts.into_iter().map(LabelCount::Some).chain([LabelCount::All]).collect()
}

/// Divides other data in two parts: every second row to train on, so that rows in the order of their classes are
/// divided alike.
fn halved(mut whole: crate::data::DataSet) -> crate::data::DataSet {
    let order: Vec<usize> = (0..whole.rows).step_by(2).chain((1..whole.rows).step_by(2)).collect();
    let learned = whole.rows.div_ceil(2);
    if let Ok(values) = whole.chosen_f32(&order) {
        let labels = whole.labels.as_ref().map(|labels| order.iter().map(|&row| labels[row]).collect());
        whole.values = crate::data::Values::Floats(Arc::new(values));
        whole.labels = labels;
    }
    (whole.train, whole.validation, whole.test) = (0..learned, learned..learned, learned..whole.rows);
    whole
}

fn neighbors(labels: usize, classes: usize) -> usize {
    if labels < NEIGHBORS * classes { 1 } else { NEIGHBORS }
}

/// Returns the accuracies of the probe and of nearest neighbors that are trained on `rows` of `train`.
fn once(
    train: &[f32],
    test: &[f32],
    width: usize,
    labels: &[usize],
    truth: &[usize],
    rows: &[usize],
    classes: usize,
) -> [f64; 2] {
    let learned: Vec<f32> = rows.iter().flat_map(|&row| &train[row * width..(row + 1) * width]).copied().collect();
    let known: Vec<usize> = rows.iter().map(|&row| labels[row]).collect();
    let accuracy = |guesses: &[usize]| right(guesses, truth).iter().sum::<f64>() / truth.len().max(1) as f64;
    let voted = accuracy(&knn_classes(&learned, &known, test, width, neighbors(rows.len(), classes)));
    let (learned, test) = scaled(&learned, test, width);
    let probe = Logistic::fit(&learned, width, &known, classes, &LogisticOptions::default());
    [probe.map_or(f64::NAN, |probe| accuracy(&probe.classes(&test))), voted]
}

/// Draws `count` rows, as many of each class as its share requires and at least one of each.
fn stratified(labels: &[usize], classes: usize, count: usize, draws: &mut Sampler) -> Result<Vec<usize>, TaskError> {
    let mut of_class = vec![Vec::new(); classes];
    labels.iter().enumerate().for_each(|(row, &label)| of_class[label].push(row));
    let present = of_class.iter().filter(|rows| !rows.is_empty()).count();
    if count < present {
        let problem = format!("{count} labels cannot show {present} classes; give {present} or more");
        return Err(TaskError::Setting { setting: Setting::LABELS, problem });
    }
    of_class.iter_mut().for_each(|rows| draws.shuffle(rows));
    let mut taken: Vec<usize> = of_class.iter().map(|rows| usize::from(!rows.is_empty())).collect();
    while taken.iter().sum::<usize>() < count {
        // The class that is farthest behind its share is next; of equal ones the first.
        let behind = |class: usize| of_class[class].len() as f64 / (taken[class] as f64 + 0.5);
        let open = (0..classes).filter(|&class| taken[class] < of_class[class].len());
        let Some(next) = open.reduce(|best, class| if behind(class) > behind(best) { class } else { best }) else {
            break;
        };
        taken[next] += 1;
    }
    let chosen = of_class.iter().zip(&taken).flat_map(|(rows, &count)| rows[..count].iter().copied());
    let mut chosen: Vec<usize> = chosen.collect();
    chosen.sort_unstable();
    Ok(chosen)
}

/// Computes the mean, and the standard deviation of a sample where there are several values.
fn mean_and_deviation(values: impl Iterator<Item = f64>) -> (f64, Option<f64>) {
    let values: Vec<f64> = values.collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt()))
}
