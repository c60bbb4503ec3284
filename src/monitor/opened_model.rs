//! Contents of a model that is opened rather than trained.

use std::path::Path;
use std::sync::Arc;

use super::latent_map::LatentMap;
use super::pairs::Pairs;
use super::previews::{PreviewRequest, pick};
use super::section::Section;
use super::snapshot::{DataSummary, Health, LossHistory, Moment, PlayState, RunId, RunInfo, RunProgress, Snapshot};
use crate::data::{DataError, DataSet, Part};
use crate::device::{Device, DeviceChoice};
use crate::graph::GraphError;
use crate::inference::{FlatModel, LoadedModel, UnitUse};
use crate::model::{Model, Spec};
use crate::train::{
    Diagnosis, DiagnosisInput, DiagnosticMetrics, Evaluator, SavedRun, TrainError, curve_of, estimate_cost,
};

/// Opens the model at `path` for inspection: its layers, and the map of held-out rows of its own data if that is still
/// there.
pub async fn open_model(path: &Path) -> Result<Moment, TrainError> {
    let model = Model::load(path)?;
    let flat = FlatModel::from_model(&model, path)?;
    let network = Arc::clone(&flat.network);
    let mut info = RunInfo {
        id: RunId::next(),
        preset: Some(file_name(path)),
        spec: Some(model.spec.clone()),
        widths: network.widths(),
        parameters: network.parameter_count(),
        has_detector: model.detector.is_some(),
        ..RunInfo::default()
    };
    let mut progress = RunProgress {
        state: PlayState::Finished,
        learning_rate: model.spec.optimizer.learning_rate,
        ..RunProgress::default()
    };
    let mut snapshot = Snapshot::default();
    let mut folder = None;
    if let Some(run) = path.parent().and_then(SavedRun::read) {
        let (step, steps_per_epoch) = tell_of_run(&mut progress, &run);
        (info.total_steps, info.steps_per_epoch) = (step, steps_per_epoch);
        info.preset = run.preset.clone().or_else(|| Some(run.name.clone()));
        snapshot.curves = Section::new(curves_of_run(&run));
        snapshot.health = Section::new(health_of_run(&model.spec, &run));
        folder = Some(run.path);
    }
    let spec = &model.spec;
    let data: Result<Arc<DataSet>, DataError> = spec.open_data().map(Arc::new);
    let data = data.ok().filter(|data| data.features == model.features);
    let mut units = vec![UnitUse::prior(); network.latent()];
    if let Some(data) = &data {
        let device = Device::open(DeviceChoice::Cpu, None).map_err(GraphError::from)?;
        let mut evaluator = Evaluator::over(&LoadedModel::from_flat(&flat, &device)?, data)?;
        let rows = data.part(Part::Validation);
        let outputs = evaluator.outputs(rows.clone(), true, false).await?;
        units = UnitUse::from_latents(&outputs.latents, network.latent(), spec);
        let mut map = LatentMap::from_latents(&outputs.latents, network.latent(), data, rows.clone(), 0, &mut None);
        let wanted = data.rows_f32(rows.clone())?;
        let pairs = outputs.outputs.chunks_exact(data.features).zip(wanted.chunks_exact(data.features));
        map.errors = pairs.map(|(made, wanted)| crate::metrics::mse(made, wanted) as f32).collect();
        snapshot.pairs = Section::new(pairs_of(data, &wanted, &outputs.outputs));
        snapshot.map = Section::new(map);
        info.cost = estimate_cost(spec, data).ok();
        info.device = Some(device.info().clone());
        info.data = DataSummary::new(data);
    }
    // Names of classes are the model's own where its data is gone.
    if let (true, Some(labels)) = (info.data.classes.is_empty(), &flat.labels) {
        info.data.classes = labels.to_vec();
    }
    snapshot.units = Section::new(units);
    snapshot.model = Some(Section::new(flat));
    (snapshot.run, snapshot.progress) = (Section::new(info), Section::new(progress));
    Ok(Moment { snapshot, rows: data, folder, live: false })
}

/// Returns some rows of the validation part beside their reconstructions; `inputs` and `outputs` are of the whole part.
fn pairs_of(data: &DataSet, inputs: &[f32], outputs: &[f32]) -> Pairs {
    let (features, first) = (data.features, data.part(Part::Validation).start);
    let rows = pick(data, &PreviewRequest::default());
    let of_rows = |values: &[f32]| -> Vec<f32> {
        rows.iter().flat_map(|&row| &values[(row - first) * features..(row - first + 1) * features]).copied().collect()
    };
    let inputs = of_rows(inputs);
    let labels = data.labels.as_ref().map(|labels| rows.iter().map(|&row| labels[row]).collect());
    Pairs {
        image: data.image,
        features,
        seen: inputs.clone(),
        inputs,
        outputs: of_rows(outputs),
        labels: labels.unwrap_or_default(),
        rows,
    }
}

/// Returns the last part of a path, for display.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Adds the progress of the run that wrote a model; returns its steps, and those of an epoch.
fn tell_of_run(progress: &mut RunProgress, run: &SavedRun) -> (u64, u64) {
    let last = run.epochs.last();
    progress.best = run.best();
    progress.step = last.map_or(0, |epoch| epoch.step);
    progress.seconds = last.map_or(0.0, |epoch| epoch.seconds);
    progress.saved_step = Some(progress.step);
    (progress.step, last.map_or(0, |epoch| epoch.step / u64::from(epoch.epoch.max(1))))
}

/// Returns the findings that the run recorded at its end, with what its epochs say today.
fn health_of_run(spec: &Spec, run: &SavedRun) -> Health {
    let Diagnosis { findings, remarks } = match &run.diagnosis {
        Some(recorded) => {
            let figures = DiagnosticMetrics::default();
            let spec = run.spec.as_ref().unwrap_or(spec);
            let evidence =
                DiagnosisInput { spec, epochs: &run.epochs, test: None, pca: None, figures: &figures, ended: true };
            Diagnosis::of_findings(&evidence, recorded.clone())
        }
        None => Diagnosis::none("the run has not recorded a diagnosis. Report makes one."),
    };
    Health { findings, remarks, ..Health::default() }
}

fn curves_of_run(run: &SavedRun) -> LossHistory {
    let validation = run.epochs.iter().map(|epoch| [epoch.epoch as f32, epoch.validation_loss as f32]);
    LossHistory { train: curve_of(&run.epochs), validation: validation.collect(), pca: None }
}
