//! Decoding latent numbers of a model, and what a window shows of a model that is opened rather than trained.

use std::path::Path;
use std::sync::Arc;

use super::{DataSummary, LatentMap, Pairs, PlayState, PreviewRequest, RunId, Snapshot, pick};
use crate::data::{DataError, DataSet, Part};
use crate::device::{Device, DeviceChoice};
use crate::graph::GraphError;
use crate::inference::{FlatModel, LoadedModel, UnitUse};
use crate::model::Model;
use crate::train::{Evaluator, SavedRun, TrainError, curve_of, estimate_cost};

/// Returns a snapshot of the model at `path`: its layers, and held-out rows of its own data on its map where those are
/// still there.
pub fn open_model(path: &Path) -> Result<Snapshot, TrainError> {
    let model = Model::load(path)?;
    let flat = FlatModel::from_model(&model, path)?;
    let network = &flat.network;
    let mut snapshot = Snapshot {
        run: RunId::next(),
        state: PlayState::Finished,
        preset: Some(file_name(path)),
        spec: Some(model.spec.clone()),
        widths: network.widths(),
        parameters: network.parameter_count(),
        learning_rate: model.spec.optimizer.learning_rate,
        ..Snapshot::default()
    };
    if let Some(run) = path.parent().and_then(SavedRun::read) {
        tell_of_run(&mut snapshot, &run);
    }
    let spec = &model.spec;
    let data: Result<Arc<DataSet>, DataError> = spec.open_data().map(Arc::new);
    let mut units = vec![UnitUse::prior(); network.latent()];
    if let Ok(data) = data.as_ref()
        && data.features == model.features
    {
        let device = Device::open(DeviceChoice::Cpu, None).map_err(GraphError::from)?;
        let mut evaluator = Evaluator::over(&LoadedModel::from_flat(&flat, &device)?, data)?;
        let rows = data.part(Part::Validation);
        let outputs = evaluator.outputs(rows.clone(), true, false)?;
        units = UnitUse::from_latents(&outputs.latents, network.latent(), spec);
        let mut map = LatentMap::from_latents(&outputs.latents, network.latent(), data, rows.clone(), 0, &mut None);
        let wanted = data.rows_f32(rows.clone())?;
        let features = data.features;
        let first = rows.start;
        let chosen = pick(data, &PreviewRequest::default());
        let of_chosen = |values: &[f32]| -> Vec<f32> {
            chosen
                .iter()
                .flat_map(|&row| &values[(row - first) * features..(row - first + 1) * features])
                .copied()
                .collect()
        };
        let inputs = of_chosen(&wanted);
        let labels = data.labels.as_ref().map(|labels| chosen.iter().map(|&row| labels[row]).collect());
        snapshot.pairs = Arc::new(Pairs {
            image: data.image,
            features,
            seen: inputs.clone(),
            inputs,
            outputs: of_chosen(&outputs.outputs),
            labels: labels.unwrap_or_default(),
            rows: chosen,
        });
        let pairs = outputs.outputs.chunks_exact(data.features).zip(wanted.chunks_exact(data.features));
        map.errors = pairs.map(|(made, wanted)| crate::metrics::mse(made, wanted) as f32).collect();
        snapshot.map = Arc::new(map);
        snapshot.rows = Some(Arc::clone(data));
        snapshot.cost = estimate_cost(spec, data).ok().map(Arc::new);
        snapshot.device = Some(device.info().clone());
        snapshot.data = DataSummary::new(data);
    }
    snapshot.units = Arc::new(units);
    snapshot.has_detector = model.detector.is_some();
    snapshot.model = Some(Arc::new(flat));
    Ok(snapshot)
}

/// Returns the last part of a path, for people.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Adds the curves and figures of the run that wrote a model.
fn tell_of_run(snapshot: &mut Snapshot, run: &SavedRun) {
    let last = run.epochs.last();
    snapshot.preset = run.preset.clone().or_else(|| Some(run.name.clone()));
    snapshot.run_dir = Some(run.path.clone());
    snapshot.train_curve = Arc::new(curve_of(&run.epochs));
    let validation = run.epochs.iter().map(|epoch| [epoch.epoch as f32, epoch.validation_loss as f32]);
    snapshot.validation_curve = Arc::new(validation.collect());
    snapshot.best = run.best();
    snapshot.step = last.map_or(0, |epoch| epoch.step);
    snapshot.total_steps = snapshot.step;
    snapshot.steps_per_epoch = last.map_or(0, |epoch| epoch.step / u64::from(epoch.epoch.max(1)));
    snapshot.seconds = last.map_or(0.0, |epoch| epoch.seconds);
    snapshot.saved_step = Some(snapshot.step);
}
