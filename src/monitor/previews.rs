//! Previews of held-out rows for an observer: pairs, the latent map, the health of layers, findings. All of it costs
//! time that training would have; each part keeps to a small share of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::latent_map::LatentMap;
use super::layer_health::{Filters, LayerState};
use super::pairs::{PAIRS, Pairs};
use super::section::Section;
use super::snapshot::Health;
use crate::data::{DataSet, Part};
use crate::graph::SharedBuffer;
use crate::inference::UnitUse;
use crate::metrics::Pca;
use crate::platform::Instant;
use crate::train::{Diagnosis, DiagnosisInput, DiagnosticMetrics, Run, TrainError};

/// Largest share of the time for pairs and maps, and for each of the other two parts.
const SHARE: f64 = 0.03;
/// Same share for pairs and map in the first seconds, when the observer waits for the first picture.
const SHARE_AT_FIRST: f64 = 0.1;
const AT_FIRST: Duration = Duration::from_secs(4);
/// Least time between checks of layers and findings.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Validation rows whose squared error is followed, independent of the loss.
const MSE_ROWS: usize = 500;
/// Held-out rows on the map, at most.
const MAP_ROWS: usize = 5000;
/// Rows on a map with those of training, at most.
const WHOLE_MAP_ROWS: usize = 60_000;
/// Rows whose outputs are in memory at once while errors are summed up.
const ERROR_ROWS: usize = 2000;

/// Request of an observer for previews of rows.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PreviewRequest {
    /// Index of the row pinned to each place among the pairs; rows of other places are picked.
    pub pinned: [Option<usize>; PAIRS],
    /// Number of requests for other rows so far.
    pub turn: usize,
    /// Adds train rows to the map beside those held out.
    pub train_rows: bool,
    /// Adds the error of each row on the map.
    pub errors: bool,
}

/// Time and duration of the last refresh of a preview.
#[derive(Debug, Default)]
struct Clock {
    made: Option<Instant>,
    secs: f64,
}

impl Clock {
    fn is_due(&self, least: Duration, share: f64) -> bool {
        let enough = least.as_secs_f64().max(self.secs / share);
        self.made.is_none_or(|made| made.elapsed().as_secs_f64() > enough)
    }

    fn note(&mut self, started: Instant) {
        self.secs = started.elapsed().as_secs_f64();
        self.made = Some(Instant::now());
    }
}

#[derive(Debug, Default)]
pub(crate) struct Previews {
    /// Time of the first preview.
    begun: Option<Instant>,
    request: PreviewRequest,
    pairs_rows: Vec<usize>,
    pub pairs: Section<Pairs>,
    pub map: Section<LatentMap>,
    pub units: Section<Vec<UnitUse>>,
    pub validation_mse: Option<f64>,
    /// PCA at the latent size of the model, once it is fitted.
    pca: Option<Pca>,
    /// Mean squared error of that PCA on the same rows, given the same input.
    pub pca_mse: Option<f64>,
    /// Rows that both errors are measured on.
    pub error_rows: usize,
    pub health: Section<Health>,
    /// Metrics of the last check, by which later epochs are judged until the next one.
    figures: Option<DiagnosticMetrics>,
    /// Epochs that the findings know of.
    judged_epochs: usize,
    /// Directions of the last projection, so that the map does not flip.
    map_directions: Option<Vec<f32>>,
    /// Mean squared error of the constant mean of the train part.
    mean_mse: Option<f64>,
    rows: Clock,
    whole_map: Clock,
    check: Clock,
}

impl Previews {
    pub fn new(data: &DataSet) -> Self {
        let wish = PreviewRequest::default();
        Self { pairs_rows: pick(data, &wish), request: wish, ..Self::default() }
    }

    /// Replaces the request; the next [`Self::make`] answers it.
    pub fn take(&mut self, wish: PreviewRequest, data: &DataSet) {
        self.pairs_rows = pick(data, &wish);
        self.whole_map = Clock::default();
        self.request = wish;
    }

    /// Compares with `pca` from the next [`Self::make`] on.
    pub fn set_pca(&mut self, pca: Pca) {
        (self.pca, self.pca_mse) = (Some(pca), None);
    }

    pub fn is_due(&self) -> bool {
        let is_first = self.begun.is_none_or(|begun| begun.elapsed() < AT_FIRST);
        self.rows.is_due(Duration::from_millis(200), if is_first { SHARE_AT_FIRST } else { SHARE })
    }

    /// Computes pairs and map anew from the current weights, and the other parts if due.
    pub async fn make(&mut self, run: &mut Run) -> Result<(), TrainError> {
        let started = Instant::now();
        self.begun.get_or_insert(started);
        self.make_pairs(run).await?;
        let validation = held_out(run.session().data());
        let latent = run.session().network().latent();
        if !self.request.train_rows {
            self.make_map(run).await?;
        } else {
            // The units are followed whatever the map shows.
            let collected = run.session_mut().outputs(validation, false, false).await?;
            self.units = Section::new(UnitUse::from_latents(&collected.latents, latent, run.spec()));
        }
        self.rows.note(started);
        if self.request.train_rows && self.whole_map.is_due(Duration::ZERO, SHARE) {
            let started = Instant::now();
            self.make_map(run).await?;
            self.whole_map.note(started);
        }
        if self.check.is_due(CHECK_INTERVAL, SHARE) {
            self.make_check(run).await?;
        } else if run.epochs().len() != self.judged_epochs {
            self.judge(run);
        }
        Ok(())
    }

    async fn make_map(&mut self, run: &mut Run) -> Result<(), TrainError> {
        let data = Arc::clone(run.session().data());
        let (latent, step) = (run.session().network().latent(), run.session().step());
        let held_out = held_out(&data);
        let collected = run.session_mut().outputs(held_out.clone(), false, false).await?;
        self.units = Section::new(UnitUse::from_latents(&collected.latents, latent, run.spec()));
        let mut latents = collected.latents;
        let train = data.part(Part::Train);
        let train = train.start..train.end.min(train.start + WHOLE_MAP_ROWS.saturating_sub(held_out.len()));
        let mut parts = vec![held_out];
        if self.request.train_rows {
            latents.extend(run.session_mut().outputs(train.clone(), false, false).await?.latents);
            parts.push(train);
        }
        let rows = parts.iter().cloned().flatten();
        let mut map = LatentMap::from_latents(&latents, latent, &data, rows, step, &mut self.map_directions);
        map.held_out = parts[0].len();
        if self.request.errors {
            for part in parts {
                for start in part.clone().step_by(ERROR_ROWS) {
                    let rows = start..part.end.min(start + ERROR_ROWS);
                    let made = run.session_mut().outputs(rows.clone(), true, true).await?;
                    map.errors.extend(row_errors(&made.outputs, &data.rows_f32(rows)?, data.features));
                }
            }
        }
        self.map = Section::new(map);
        Ok(())
    }

    async fn make_pairs(&mut self, run: &mut Run) -> Result<(), TrainError> {
        let data = Arc::clone(run.session().data());
        let validation = data.part(Part::Validation);
        let some = validation.start..validation.end.min(validation.start + MSE_ROWS);
        let made = run.session_mut().outputs(some.clone(), true, true).await?;
        self.error_rows = some.len();
        let targets = data.rows_f32(some)?;
        self.validation_mse = Some(crate::metrics::mse(&made.outputs, &targets));
        // The noise of these rows is always the same, and so is this error.
        if let (Some(pca), None) = (&self.pca, self.pca_mse) {
            let is_corrupted = run.spec().corruption.is_active();
            let seen = if is_corrupted { &made.seen } else { &targets };
            let lost: f64 = pca.squared_errors_from(seen, &targets).iter().sum();
            self.pca_mse = Some(lost / targets.len().max(1) as f64);
        }
        let mut pairs = Pairs { image: data.image, features: data.features, ..Pairs::default() };
        // What is shown of the noise is what training sees now; figures keep the noise that they can be compared by.
        let step = run.session().step();
        let (now, fixed) = (run.spec().corruption_at(step), run.spec().corruption.strength);
        run.session_mut().evaluator().set_corruption(now);
        for &row in &self.pairs_rows {
            let made = run.session_mut().outputs(row..row + 1, true, true).await?;
            pairs.inputs.extend(data.rows_f32(row..row + 1)?);
            pairs.seen.extend(made.seen);
            pairs.outputs.extend(made.outputs);
            pairs.labels.extend(data.labels.as_ref().map(|labels| labels[row]));
        }
        run.session_mut().evaluator().set_corruption(fixed);
        pairs.rows.clone_from(&self.pairs_rows);
        self.pairs = Section::new(pairs);
        Ok(())
    }

    /// Computes the states of layers, the filters and the findings.
    async fn make_check(&mut self, run: &mut Run) -> Result<(), TrainError> {
        let started = Instant::now();
        let data = Arc::clone(run.session().data());
        let parameters = run.session_mut().read_flat(SharedBuffer::Parameters).await?;
        let gradients = run.session_mut().read_flat(SharedBuffer::Gradients).await?;
        let mean_mse = match self.mean_mse {
            Some(mse) => mse,
            None => *self.mean_mse.insert(crate::train::mean_mse(&data, Part::Validation)?),
        };
        let figures = run
            .session_mut()
            .with_evaluator(async |evaluator| DiagnosticMetrics::gather(evaluator, &data, mean_mse).await)
            .await?;
        let network = run.session().network();
        let layers = LayerState::from_network(network, &parameters, &gradients, &figures.health);
        let filters = Filters::new(network, &parameters);
        self.figures = Some(figures);
        self.health = Section::new(Health { layers, filters, ..Health::default() });
        self.judge(run);
        self.check.note(started);
        Ok(())
    }

    /// Takes the findings anew, from the metrics of the last check and all epochs.
    fn judge(&mut self, run: &Run) {
        // Before the first epoch nothing can be said.
        let Some(figures) = self.figures.as_ref().filter(|_| !run.epochs().is_empty()) else { return };
        let Diagnosis { findings, remarks } = Diagnosis::new(&DiagnosisInput {
            spec: run.spec(),
            epochs: run.epochs(),
            test: None,
            pca: None,
            figures,
            ended: run.is_done(),
        });
        self.judged_epochs = run.epochs().len();
        self.health.change(|health| (health.findings, health.remarks) = (findings, remarks));
    }

    /// Marks all parts as due for the next [`Self::make`].
    pub fn expire(&mut self) {
        (self.rows, self.whole_map, self.check) = (Clock::default(), Clock::default(), Clock::default());
    }
}

fn held_out(data: &DataSet) -> std::ops::Range<usize> {
    let validation = data.part(Part::Validation);
    validation.start..validation.end.min(validation.start + MAP_ROWS)
}

/// Mean squared error of each row.
fn row_errors(made: &[f32], wanted: &[f32], features: usize) -> Vec<f32> {
    let rows = made.chunks_exact(features.max(1)).zip(wanted.chunks_exact(features.max(1)));
    rows.map(|(made, wanted)| crate::metrics::mse(made, wanted) as f32).collect()
}

/// Picks held-out rows to show: one of each class first, then the next ones; pinned rows at their places.
pub fn pick(data: &DataSet, wish: &PreviewRequest) -> Vec<usize> {
    let validation = data.part(Part::Validation);
    let mut by_class: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (&label, row) in data.labels.iter().flat_map(|labels| &labels[validation.clone()]).zip(validation.clone()) {
        by_class.entry(label).or_default().push(row);
    }
    let count = validation.len().max(1);
    let ordered = (0..validation.len()).map(|i| validation.start + (i + wish.turn * PAIRS) % count);
    let of_classes = by_class.values().map(|rows| rows[wish.turn % rows.len()]);
    let pinned: Vec<usize> = wish.pinned.iter().flatten().copied().filter(|row| validation.contains(row)).collect();
    let mut candidates: Vec<usize> = Vec::new();
    for row in of_classes.chain(ordered) {
        if candidates.len() == PAIRS {
            break;
        }
        if !candidates.contains(&row) {
            candidates.push(row);
        }
    }
    // The row that would be picked for a pinned place gives way; others keep theirs.
    let mut rows: Vec<usize> = Vec::new();
    for (place, candidate) in candidates.into_iter().enumerate() {
        let pin = wish.pinned[place].filter(|row| validation.contains(row));
        match pin {
            Some(row) => rows.push(row),
            None if pinned.contains(&candidate) => {
                let next = validation.clone().find(|row| !pinned.contains(row) && !rows.contains(row));
                rows.push(next.unwrap_or(candidate));
            }
            None => rows.push(candidate),
        }
    }
    rows
}
