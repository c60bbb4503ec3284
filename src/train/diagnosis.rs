//! Diagnosis of a run in words: each finding with its evidence and one suggestion.

use super::TrainError;
use super::epoch_report::EpochReport;
use super::evaluator::{Evaluator, LayerHealth};
use super::finding::{BesidePca, Finding};
use super::test_metrics::{PcaReport, TestMetrics};
use crate::data::{DataSet, Part};
use crate::kernels::activation::Activation;
use crate::model::{LEARNING_RATE, ModelKind, Spec};
use crate::style;

/// Evidence for the diagnosis of a run.
#[derive(Clone, Copy, Debug)]
pub struct DiagnosisInput<'a> {
    /// Spec of the run, with its live edits.
    pub spec: &'a Spec,
    /// Reports of the epochs so far.
    pub epochs: &'a [EpochReport],
    /// Metrics on the test part; `None` if not measured.
    pub test: Option<&'a TestMetrics>,
    /// PCA on the test part; `None` if not measured or not comparable.
    pub pca: Option<&'a PcaReport>,
    /// Metrics on validation rows.
    pub figures: &'a DiagnosticMetrics,
    /// True if training is over: a loss that still falls is no finding before.
    pub ended: bool,
}

/// Metrics of a model on validation rows.
#[derive(Clone, Debug, Default)]
pub struct DiagnosticMetrics {
    /// Dead and saturated units of each layer.
    pub health: Vec<LayerHealth>,
    /// Mean divergence of each latent unit, in nats; empty but for variational models.
    pub divergence: Vec<f64>,
    /// Mean squared errors of the constant mean of the train part and of the model.
    pub mean_mse: Option<(f64, f64)>,
    /// Class votes of the nearest latents; `None` without classes or with too few rows of them.
    pub regions: Option<Regions>,
}

/// Class votes of the nearest latents.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    /// Names of the classes; a number where there is none.
    pub classes: Vec<String>,
    /// Counts `[classes, classes]`: row by class, column by vote.
    pub votes: Vec<usize>,
}

/// Rows for the health of layers and the error of outputs; a sample is enough.
const FIGURE_ROWS: usize = 1000;
/// Rows whose latents are compared with each other.
const REGION_ROWS: usize = 5000;
/// Number of neighbors that vote.
const NEIGHBORS: usize = 10;

impl DiagnosticMetrics {
    /// Measures the weights of `evaluator`; `mean_mse` is the result of [`mean_mse`].
    pub(crate) async fn gather(evaluator: &mut Evaluator, data: &DataSet, mean_mse: f64) -> Result<Self, TrainError> {
        let validation = data.part(Part::Validation);
        let rows = validation.start..validation.end.min(validation.start + FIGURE_ROWS);
        let health = evaluator.health(rows.clone()).await?;
        let outputs = evaluator.outputs(rows.clone(), true, false).await?;
        let own = crate::metrics::mse(&outputs.outputs, &data.rows_f32(rows)?);
        let regions = Regions::measure(evaluator, data).await?;
        Ok(Self { health, divergence: outputs.divergence, mean_mse: Some((mean_mse, own)), regions })
    }
}

impl Regions {
    async fn measure(evaluator: &mut Evaluator, data: &DataSet) -> Result<Option<Self>, TrainError> {
        let classes = data.classes();
        let validation = data.part(Part::Validation);
        let rows = validation.start..validation.end.min(validation.start + REGION_ROWS);
        let Some(labels) = data.labels.as_ref().filter(|_| classes > 1 && rows.len() >= 20 * classes) else {
            return Ok(None);
        };
        let labels: Vec<usize> = labels[rows.clone()].iter().map(|&label| usize::from(label)).collect();
        let latents = evaluator.outputs(rows.clone(), false, false).await?.latents;
        let latent = latents.len() / rows.len().max(1);
        if latent == 0 || latents.iter().any(|value| !value.is_finite()) {
            return Ok(None);
        }
        let votes = crate::metrics::knn_confusion(&latents, &labels, latent, classes, NEIGHBORS);
        let name = |class: usize| data.classes.get(class).cloned().unwrap_or_else(|| class.to_string());
        Ok(Some(Self { classes: (0..classes).map(name).collect(), votes }))
    }

    /// Returns the share of the votes for rows of `class` that are for it.
    fn accuracy(&self, class: usize) -> f64 {
        let votes = &self.votes[class * self.classes.len()..(class + 1) * self.classes.len()];
        votes[class] as f64 / votes.iter().sum::<usize>().max(1) as f64
    }

    /// Returns the two classes most confused with each other, and the confused share of their rows.
    fn closest(&self) -> Option<(usize, usize, f64)> {
        let count = self.classes.len();
        let of = |class: usize| self.votes[class * count..(class + 1) * count].iter().sum::<usize>();
        let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
        let shares = pairs.map(|(a, b)| {
            let taken = self.votes[a * count + b] + self.votes[b * count + a];
            (a, b, taken as f64 / (of(a) + of(b)).max(1) as f64)
        });
        shares.max_by(|a, b| a.2.total_cmp(&b.2))
    }
}

/// Returns the mean squared error on some rows of `part` of the constant mean of the train part.
pub(crate) fn mean_mse(data: &DataSet, part: Part) -> Result<f64, TrainError> {
    let (train, held) = (data.part(Part::Train), data.part(part));
    let means = column_means(data, train.start..train.end.min(train.start + 5000))?;
    let targets = data.rows_f32(held.start..held.end.min(held.start + FIGURE_ROWS))?;
    let squared: f64 = targets
        .chunks_exact(data.features)
        .flat_map(|row| row.iter().zip(&means).map(|(&x, &mean)| (f64::from(x) - mean).powi(2)))
        .sum();
    Ok(squared / targets.len().max(1) as f64)
}

fn column_means(data: &DataSet, rows: std::ops::Range<usize>) -> Result<Vec<f64>, TrainError> {
    let count = rows.len().max(1) as f64;
    let mut sums = vec![0.0; data.features];
    for row in data.rows_f32(rows)?.chunks_exact(data.features) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

/// Returns all findings, the most severe first.
pub fn diagnose(evidence: &DiagnosisInput<'_>) -> Vec<Finding> {
    // Values that findings name are those that the run has now, not those that it began with.
    let mut spec = evidence.spec.clone();
    spec.optimizer.learning_rate = evidence.spec.learning_rate_at(u64::MAX);
    spec.objective.beta = evidence.spec.whole_beta_at(u64::MAX);
    let evidence = &DiagnosisInput { spec: &spec, ..*evidence };
    let checks =
        [collapse, blurred, rate_too_high, overfitting, dead_units, worse_than_pca, rate_too_low, shared_region];
    checks.iter().filter_map(|check| check(evidence)).collect()
}

fn finding(code: &'static str, message: String) -> Option<Finding> {
    Some(Finding { code: code.into(), message })
}

fn collapse(evidence: &DiagnosisInput<'_>) -> Option<Finding> {
    /// Divergence in nats below which a unit carries no information.
    const SILENT: f64 = 0.01;
    if evidence.spec.model.kind != ModelKind::Variational || evidence.figures.divergence.is_empty() {
        return None;
    }
    let (units, silent) =
        (evidence.figures.divergence.len(), evidence.figures.divergence.iter().filter(|&&kl| kl < SILENT).count());
    // Spare units of a wide latent space are as they should be; most of a narrow one are not.
    if silent * 4 < units * 3 {
        return None;
    }
    finding(
        "posterior_collapse",
        format!(
            "posterior collapse: {silent} of {units} latent units have a KL divergence below {SILENT} nats. Lower \
             objective.beta (now {}), or set objective.free_bits = 0.1.",
            evidence.spec.objective.beta
        ),
    )
}

/// Course of the train loss over the last epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trend {
    /// Too few epochs to tell.
    Unknown,
    /// Each of the last epochs was better than the one before by a share that counts.
    Falling,
    /// No progress, or none in one of the last epochs.
    Stalled,
    /// Loss well above what it was, and not for one epoch alone.
    Rising,
}

/// Relative fall of the train loss in an epoch from which on it is progress.
const PROGRESS: f64 = 0.01;
/// Relative fall of the train loss up to which it is at rest, whatever it fell before.
const REST: f64 = 0.001;
/// Relative rise of the train loss above its lowest from which on it is no noise.
const RISE: f64 = 0.2;
/// Fewest epochs that make a trend: two differ by chance, and by the start from random weights.
const TREND_EPOCHS: usize = 3;

/// Returns the train losses of the epochs since the objective last changed, by a live edit or a warm-up.
fn comparable_losses(evidence: &DiagnosisInput<'_>) -> Vec<f64> {
    let of_objective = evidence.spec.edits.iter().filter(|edit| edit.field != LEARNING_RATE);
    let edited = of_objective.map(|edit| edit.step).max().unwrap_or(0);
    let warmup = evidence.spec.objective.beta_warmup_epochs;
    let begins = std::iter::once(0).chain(evidence.epochs.iter().map(|epoch| epoch.step));
    let same = evidence.epochs.iter().zip(begins).filter(|(epoch, begin)| {
        // An epoch in which the objective changed is of neither.
        *begin >= edited && f64::from(epoch.epoch) > warmup
    });
    same.map(|(epoch, _)| epoch.train_loss).filter(|loss| loss.is_finite()).collect()
}

/// Returns the trend of the train loss. While a run goes on, two epochs in a row must bring nothing before it has
/// stalled; at its end both count together, as no more will come.
fn trend(losses: &[f64], ended: bool) -> Trend {
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let rose = |loss: f64, share: f64| loss > lowest + share * lowest.abs().max(1e-12);
    let falls = |before: f64, after: f64| before - after > PROGRESS * before.abs();
    match losses {
        // Twice the loss of before is no chance, whatever follows.
        [.., _, last] if rose(*last, 1.0) => Trend::Rising,
        [.., a, b, c] if losses.len() >= TREND_EPOCHS => {
            if rose(*b, RISE) && rose(*c, RISE) && !falls(*b, *c) {
                Trend::Rising
            } else if falls(*b, *c)
                || *b - *c > REST * b.abs() && *a - *c > 2.0 * PROGRESS * a.abs()
                || (!ended && (falls(*a, *b) || losses.len() == TREND_EPOCHS))
            {
                Trend::Falling
            } else {
                Trend::Stalled
            }
        }
        _ => Trend::Unknown,
    }
}

/// Returns whether the train loss falls in every epoch, however little: steps are small, not large.
fn creeps(losses: &[f64]) -> bool {
    losses.len() > TREND_EPOCHS && losses.windows(2).all(|pair| pair[1] < pair[0])
}

/// Share of the error of the mean from which on outputs are worse than the mean, and not like it.
const WORSE: f64 = 1.1;

fn blurred(evidence: &DiagnosisInput<'_>) -> Option<Finding> {
    let (mean, own) = evidence.figures.mean_mse?;
    if own < 0.95 * mean {
        return None;
    }
    let losses = comparable_losses(evidence);
    let trend = trend(&losses, evidence.ended);
    let what = if own > WORSE * mean { "worse than" } else { "close to" };
    let seen = format!("outputs are {what} the mean of the data: MSE {own:.5}, and {mean:.5} for the mean itself.");
    let advice = match trend {
        // Every model begins so.
        Trend::Unknown | Trend::Falling if !evidence.ended => return None,
        Trend::Unknown | Trend::Falling => {
            let epochs = evidence.epochs.len();
            format!("{epochs} epochs may be too few to tell: train longer (train.epochs).")
        }
        Trend::Stalled if creeps(&losses) => format!(
            "Train loss falls in every epoch, and slowly: train longer (train.epochs), or raise \
             optimizer.learning_rate (now {}).",
            evidence.spec.optimizer.learning_rate
        ),
        Trend::Stalled | Trend::Rising if own > WORSE * mean => format!(
            "Lower optimizer.learning_rate (now {}), or train longer (train.epochs).",
            evidence.spec.optimizer.learning_rate
        ),
        Trend::Stalled | Trend::Rising => format!(
            "The bottleneck passes little information: lower optimizer.learning_rate (now {}) or the penalties of the \
             objective.",
            evidence.spec.optimizer.learning_rate
        ),
    };
    finding("blurred_to_mean", format!("{seen} {advice}"))
}

fn rate_too_high(evidence: &DiagnosisInput<'_>) -> Option<Finding> {
    let losses = comparable_losses(evidence);
    let (first, last) = (*losses.first()?, *losses.last()?);
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let trend = trend(&losses, evidence.ended);
    let above_mean = |share: f64| evidence.figures.mean_mse.is_some_and(|(mean, own)| own > share * mean);
    let learned = first - last > 2.0 * PROGRESS * first.abs();
    let found = match trend {
        Trend::Unknown | Trend::Falling => false,
        Trend::Rising => true,
        // What falls in every epoch takes steps that are too small.
        Trend::Stalled if creeps(&losses) => false,
        // Worse than the mean of the data, or about as bad and no better than at the start.
        Trend::Stalled => above_mean(WORSE) || (!learned && above_mean(0.9)),
    };
    if !found {
        return None;
    }
    let what = match trend {
        Trend::Rising => format!("{lowest:.5} at best"),
        _ => format!("{first:.5} after the first"),
    };
    let epochs = evidence.epochs.last().map_or(0, |epoch| epoch.epoch);
    finding(
        "learning_rate_too_high",
        format!(
            "learning rate too high: train loss is {last:.5} after {epochs} epochs ({what}). Lower \
             optimizer.learning_rate (now {}) to a third.",
            evidence.spec.optimizer.learning_rate
        ),
    )
}

fn rate_too_low(evidence: &DiagnosisInput<'_>) -> Option<Finding> {
    /// Relative fall of the validation loss in each of the last epochs from which on a run has ended too early.
    const SHARE: f64 = 0.08;
    let [.., a, b, c] = evidence.epochs else { return None };
    let falls = |before: &EpochReport, after: &EpochReport| {
        before.validation_loss - after.validation_loss > SHARE * before.validation_loss.abs()
    };
    if !(evidence.ended && falls(a, b) && falls(b, c)) {
        return None;
    }
    finding(
        "learning_rate_too_low",
        format!(
            "not converged: validation loss still falls by {:.0}% per epoch at the end. Train longer, or raise \
             optimizer.learning_rate (now {}).",
            // Of a likelihood the loss may be negative: its fall is a share of its size.
            100.0 * (b.validation_loss - c.validation_loss) / b.validation_loss.abs().max(f64::MIN_POSITIVE),
            evidence.spec.optimizer.learning_rate
        ),
    )
}

fn overfitting(evidence: &DiagnosisInput<'_>) -> Option<Finding> {
    let last = evidence.epochs.last()?;
    let best = evidence.epochs.iter().min_by(|a, b| a.validation_loss.total_cmp(&b.validation_loss))?;
    // Where noise is added in training alone the two losses are not of the same thing.
    let gap = last.validation_loss - last.train_loss;
    let parted = gap > 0.25 * last.train_loss.abs() && last.validation_loss > 1.02 * best.validation_loss;
    // While validation still gets better, more training does no harm, however far below it the train loss is.
    let is_past = best.epoch < last.epoch;
    let far_apart = is_past && evidence.epochs.len() >= 3 && gap > 0.6 * last.train_loss.abs();
    if !parted && !far_apart {
        return None;
    }
    // A loss may be negative, as a Gaussian likelihood is: then there is no ratio.
    let beside = match last.train_loss > 0.0 {
        true => format!("{:.1} times train loss", last.validation_loss / last.train_loss),
        false => format!("{gap:.5} above train loss"),
    };
    finding(
        "overfitting",
        format!(
            "overfitting: validation loss is {beside}, {:.5} against {:.5} (best {:.5} in epoch {}). Use more data, a \
             smaller model, dropout or weight decay; by default the best epoch is saved.",
            last.validation_loss, last.train_loss, best.validation_loss, best.epoch
        ),
    )
}

fn dead_units(evidence: &DiagnosisInput<'_>) -> Option<Finding> {
    if let Some(share) = evidence.test.and_then(|test| test.dead_units)
        && share > 0.3
    {
        return finding(
            "dead_units",
            format!(
                "dead units: {:.0}% of the latent units are never among the top {}. Set objective.auxiliary = 0.03, or \
                 use fewer units.",
                100.0 * share,
                evidence.spec.model.top_k.unwrap_or(0)
            ),
        );
    }
    let worst = evidence
        .figures
        .health
        .iter()
        .max_by_key(|layer| 1000 * (layer.dead + layer.saturated) / layer.units.max(1))?;
    let idle = worst.dead + worst.saturated;
    if idle * 2 < worst.units || worst.layer.starts_with("decoder") && is_output(evidence, &worst.layer) {
        return None;
    }
    let (name, how) =
        if worst.dead > 0 { ("dead", "never active") } else { ("saturated", "nearly always at an end of their range") };
    finding(
        "dead_units",
        format!(
            "{name} units: {idle} of {} in {} are {how}. Lower optimizer.learning_rate (now {}), or use leaky_relu.",
            worst.units, worst.layer, evidence.spec.optimizer.learning_rate
        ),
    )
}

/// Returns whether `layer` is the output. Borders of pictures that are always black saturate it as they should.
fn is_output(evidence: &DiagnosisInput<'_>, layer: &str) -> bool {
    let last = evidence.spec.model.decoder.len().saturating_sub(1);
    evidence.spec.model.decoder.is_empty() || layer == format!("decoder.{last}")
}

fn worse_than_pca(evidence: &DiagnosisInput<'_>) -> Option<Finding> {
    on_pca(evidence).filter(|finding| finding.code == "worse_than_pca")
}

/// Returns the comparison with PCA on the test part.
fn on_pca(evidence: &DiagnosisInput<'_>) -> Option<Finding> {
    let (test, pca) = (evidence.test?, evidence.pca?);
    let rows = style::counted(test.rows, "test row");
    BesidePca {
        spec: evidence.spec,
        components: pca.components,
        own: test.mse,
        pca: pca.mse,
        rows: &rows,
        ended: evidence.ended,
    }
    .finding()
}

fn shared_region(evidence: &DiagnosisInput<'_>) -> Option<Finding> {
    /// Share of confused rows of two classes from which on they share a region.
    const SHARE: f64 = 0.15;
    let regions = evidence.figures.regions.as_ref()?;
    let (a, b, share) = regions.closest().filter(|(_, _, share)| *share > SHARE)?;
    let latent = evidence.spec.model.latent;
    let way_out = match latent {
        1 => "; 1 latent leaves little room".to_owned(),
        2 | 3 => format!("; {latent} latents leave little room"),
        _ => String::new(),
    };
    finding(
        "shared_region",
        format!(
            "{} and {} share a region: {:.0}% of their nearest neighbors are of the other class, {:.0}% and {:.0}% of \
             their own{way_out}.",
            regions.classes[a],
            regions.classes[b],
            100.0 * share,
            100.0 * regions.accuracy(a),
            100.0 * regions.accuracy(b),
        ),
    )
}

/// Share of the train loss by which validation may be above it and still be called no sign of overfitting.
const CLEAR_GAP: f64 = 0.1;
/// Epochs from which on two losses are a trend.
const TREND: usize = 2;

/// Findings of a model with what is to be said beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// Problems and notices, the most severe first, as [`diagnose`] returns them.
    pub findings: Vec<Finding>,
    /// Remarks: the comparison with PCA, what was looked for and not found, or that nothing was.
    pub remarks: Vec<Finding>,
}

impl Diagnosis {
    /// Judges by `evidence`.
    pub fn new(evidence: &DiagnosisInput<'_>) -> Self {
        Self::of_findings(evidence, diagnose(evidence))
    }

    /// Returns `findings`, made anew or recorded, with the remarks that `evidence` allows.
    pub fn of_findings(evidence: &DiagnosisInput<'_>, findings: Vec<Finding>) -> Self {
        let mut remarks: Vec<Finding> = on_pca(evidence).into_iter().collect();
        // A comparison with PCA that was lost is no fault of the training alone.
        if findings.iter().all(Finding::is_on_pca) {
            remarks.extend(calm(evidence));
        }
        Self { findings, remarks }
    }

    /// Returns what no diagnosis has looked at, for `reason`.
    pub fn none(reason: &str) -> Self {
        Self { findings: Vec::new(), remarks: vec![Finding::not_checked(reason)] }
    }

    /// Measures and judges the weights in `evaluator`.
    pub(crate) async fn measure(
        evaluator: &mut Evaluator,
        data: &DataSet,
        run: RunEvidence<'_>,
    ) -> Result<Self, TrainError> {
        let RunEvidence { spec, epochs, test, pca, ended } = run;
        let mean_mse = mean_mse(data, Part::Validation)?;
        let figures = DiagnosticMetrics::gather(evaluator, data, mean_mse).await?;
        Ok(Self::new(&DiagnosisInput { spec, epochs, test, pca, figures: &figures, ended }))
    }

    /// Returns all lines in the order of display: problems, the comparison with PCA, other remarks.
    pub fn lines(&self) -> impl Iterator<Item = &Finding> {
        // The remark on PCA says the same as the finding.
        let has_remark = self.remarks.iter().any(Finding::is_on_pca);
        self.findings.iter().filter(move |finding| !(has_remark && finding.is_on_pca())).chain(&self.remarks)
    }
}

/// Evidence that a run has of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunEvidence<'a> {
    /// Spec of the run, with its live edits.
    pub spec: &'a Spec,
    /// Reports of the epochs; empty where they are not known.
    pub epochs: &'a [EpochReport],
    /// Metrics on the test part; `None` if not measured.
    pub test: Option<&'a TestMetrics>,
    /// PCA on the test part; `None` if not measured or not comparable.
    pub pca: Option<&'a PcaReport>,
    /// True if training is over.
    pub ended: bool,
}

/// Returns the remarks on a model without faults: those looked for, a gap of the losses, or that nothing was looked at.
fn calm(evidence: &DiagnosisInput<'_>) -> Vec<Finding> {
    let last = evidence.epochs.last().filter(|_| evidence.epochs.len() >= TREND);
    let losses = last.map(|last| (last.train_loss, last.validation_loss));
    let share = losses.map(|(train, validation)| (validation - train) / train.abs().max(f64::MIN_POSITIVE));
    let is_apart = share.is_some_and(|share| share > CLEAR_GAP || !share.is_finite());
    let mut remarks = Vec::new();
    if let Some((train, validation)) = losses.filter(|_| is_apart) {
        let beside = match train > 0.0 {
            true => format!("{:.2} times train loss", validation / train),
            false => format!("{:.5} above train loss", validation - train),
        };
        let words = format!(
            "validation loss is {beside}: {validation:.5} against {train:.5}. A gap that grows while validation rises \
             is overfitting."
        );
        remarks.push(Finding::new("validation_gap", words));
    }
    let health = &evidence.figures.health;
    let can_die =
        |layer: &LayerHealth| matches!(layer.activation, Activation::Relu | Activation::Sigmoid | Activation::Tanh);
    let looked_for = [
        ("overfitting", losses.is_some() && !is_apart),
        ("posterior collapse", !evidence.figures.divergence.is_empty()),
        ("dead units", health.iter().any(can_die) || evidence.test.is_some_and(|test| test.dead_units.is_some())),
    ];
    let looked_for: Vec<&str> = looked_for.into_iter().filter(|(_, looked)| *looked).map(|(name, _)| name).collect();
    let names = match &looked_for[..] {
        [] => None,
        [one] => Some((*one).to_owned()),
        [first @ .., last] => Some(format!("{} or {last}", first.join(", "))),
    };
    if let Some(names) = names {
        let evidence = match (losses, is_apart) {
            (Some((train, validation)), false) => format!(": train loss {train:.5}, validation loss {validation:.5}."),
            (Some(_), true) => String::new(),
            (None, _) => format!(": overfitting is not checked, it takes {TREND} epochs."),
        };
        remarks.push(Finding::new("no_sign", format!("no sign of {names}{evidence}")));
    }
    if remarks.is_empty() {
        remarks.push(Finding::not_checked("no epochs are recorded, and no layer has units that can die."));
    }
    remarks
}
