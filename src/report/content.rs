//! Content of a report, gathered from a run's directory.

use std::sync::Arc;

use serde_json::Value;

use crate::data::{DataSet, Part, SourceKind};
use crate::device::Device;
use crate::inference::{LoadedModel, UnitUse, draw_latents};
use crate::metrics::Pca;
use crate::model::{Model, ModelKind, Network, Spec};
use crate::monitor::{LatentMap, PAIRS, Pairs};
use crate::platform::Wait as _;
use crate::plot::{Raster, RowView};
use crate::style::LIGHT;
use crate::tasks::{TaskError, evaluator_over};
use crate::train::{
    Diagnosis, DiagnosisInput, DiagnosticMetrics, EpochReport, Evaluator, PcaReport, RunDir, RunEvidence, TestMetrics,
    pca_beside, recorded_findings, seen_rows,
};

/// Points of the map: enough to see where classes lie, few enough to hover over in any browser.
const MAP_POINTS: usize = 1500;
/// Largest side in pixels of the pictures shown over the map.
const THUMB_SIDE: usize = 32;
pub(crate) const THUMBS_ACROSS: usize = 50;
/// Samples on a side of the square sheet of samples.
pub(crate) const SAMPLES: usize = 4;
/// Most columns of a table whose errors are listed.
const COLUMNS: usize = 40;

/// Column of a table, with its reconstruction error on the test part.
#[derive(Debug)]
pub(crate) struct ColumnError {
    pub name: String,
    pub mse: f64,
    pub pca: Option<f64>,
}

/// Facts about the data.
#[derive(Debug, Default)]
pub(crate) struct DataFacts {
    pub name: String,
    pub kind: String,
    pub rows: usize,
    pub parts: [usize; 3],
    /// Values of a row in words.
    pub row: String,
    pub notes: Vec<String>,
}

/// Content of a report. Parts that a run does not have are empty.
#[derive(Debug)]
pub(crate) struct ReportContent {
    pub run: String,
    pub spec: Spec,
    pub spec_text: String,
    pub epochs: Vec<EpochReport>,
    /// Record that the run wrote at its end; null where it did not end.
    pub recorded: Value,
    /// Findings and remarks, of the model as it is where its data is there, else as recorded.
    pub diagnosis: Diagnosis,
    pub data: Option<DataFacts>,
    /// Reasons for missing data or a missing model.
    pub missing: Vec<String>,
    pub widths: Vec<usize>,
    pub parameters: usize,
    pub test: Option<TestMetrics>,
    pub pca: Option<PcaReport>,
    pub pairs: Pairs,
    pub map: LatentMap,
    pub classes: Vec<String>,
    /// Picture for each point of the map.
    pub thumbs: Vec<Raster>,
    pub samples: Vec<Raster>,
    pub columns: Vec<ColumnError>,
}

impl ReportContent {
    pub fn gather(dir: &RunDir, device: &Device) -> Result<Self, TaskError> {
        let spec = dir.read_spec()?;
        let name = dir.path().canonicalize().unwrap_or_else(|_| dir.path().to_owned());
        let mut story = Self {
            run: name.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            spec_text: spec.to_toml()?,
            epochs: dir.read_metrics(),
            recorded: dir.read_report().unwrap_or(Value::Null),
            diagnosis: Diagnosis::default(),
            spec,
            data: None,
            missing: Vec::new(),
            widths: Vec::new(),
            parameters: 0,
            test: None,
            pca: None,
            pairs: Pairs::default(),
            map: LatentMap::default(),
            classes: Vec::new(),
            thumbs: Vec::new(),
            samples: Vec::new(),
            columns: Vec::new(),
        };
        story.diagnosis = story.recorded_diagnosis();
        let path = dir.model_path();
        if !path.is_file() {
            story
                .missing
                .push("The run has not written a model yet: it was stopped early or is still in progress.".into());
            return Ok(story);
        }
        let model = Model::load(&path)?;
        let mut loaded = LoadedModel::new(&model, &path, device)?;
        let network = Arc::clone(loaded.network());
        (story.widths, story.parameters) = (network.widths(), network.parameter_count());
        let data = match model.spec.open_data() {
            Ok(data) if data.features == model.features => data,
            Ok(_) => {
                story.missing.push("The data have changed since the run: the report is without them.".into());
                story.draw_samples(&mut loaded, &[UnitUse::prior()].repeat(network.latent()), None);
                return Ok(story);
            }
            Err(error) => {
                story.missing.push(format!("The data are not available ({error}): the report is without them."));
                story.draw_samples(&mut loaded, &[UnitUse::prior()].repeat(network.latent()), None);
                return Ok(story);
            }
        };
        let data = Arc::new(data);
        let mut evaluator = evaluator_over(&loaded, &data)?;
        story.describe(&data);
        story.measure(&network, &data, &mut evaluator)?;
        story.diagnose(dir.has_ended(&story.epochs), &data, &mut evaluator)?;
        story.show_pairs(&data, &mut evaluator)?;
        let latents = story.show_map(&network, &data, &mut evaluator)?;
        if network.latent() > 0 {
            let units = UnitUse::from_latents(&latents, network.latent(), &model.spec);
            let view = story.pairs.view();
            story.draw_samples(&mut loaded, &units, Some(view));
        }
        Ok(story)
    }

    /// Returns the recorded findings, with what the epochs say.
    fn recorded_diagnosis(&self) -> Diagnosis {
        let Some(findings) = recorded_findings(&self.recorded) else {
            return Diagnosis::none("the run has not ended with a diagnosis.");
        };
        let (spec, epochs, figures) = (&self.spec, &self.epochs, &DiagnosticMetrics::default());
        let evidence = DiagnosisInput { spec, epochs, test: None, pca: None, figures, ended: true };
        Diagnosis::of_findings(&evidence, findings)
    }

    /// Diagnoses the model on the validation part, as the window does.
    fn diagnose(&mut self, ended: bool, data: &DataSet, evaluator: &mut Evaluator) -> Result<(), TaskError> {
        if data.validation.is_empty() {
            return Ok(());
        }
        let (test, pca) = (self.test.as_ref(), self.pca.as_ref());
        let run = RunEvidence { spec: &self.spec, epochs: &self.epochs, test, pca, ended };
        self.diagnosis = Diagnosis::measure(evaluator, data, run).wait()?;
        Ok(())
    }

    fn describe(&mut self, data: &DataSet) {
        self.classes.clone_from(&data.classes);
        self.data = Some(DataFacts {
            name: data.name.clone(),
            kind: data.kind.name().to_owned(),
            rows: data.rows,
            parts: [data.train.len(), data.validation.len(), data.test.len()],
            row: data.row_words(),
            notes: data.notes.clone(),
        });
    }

    fn measure(&mut self, network: &Network, data: &DataSet, evaluator: &mut Evaluator) -> Result<(), TaskError> {
        if data.test.is_empty() {
            return Ok(());
        }
        let rows = data.rows_f32(data.part(Part::Test))?;
        self.test = Some(TestMetrics::measure(evaluator, network, data).wait()?);
        let seen = seen_rows(evaluator, network, data, data.part(Part::Test)).wait()?;
        self.pca = pca_beside(network, data, &seen, &rows);
        if data.kind != SourceKind::Table || data.preparation.features.is_empty() {
            return Ok(());
        }
        let made = evaluator.outputs(data.part(Part::Test), true, true).wait()?.outputs;
        let beside = match network.comparable_components() {
            Some(components) => Pca::fit(&data.some_f32(Part::Train)?, data.features, components).ok(),
            None => None,
        };
        let beside = beside.map(|pca| pca.reconstruct(&seen));
        let mse_of = |made: &[f32], feature: usize| {
            let of = |values: &[f32]| -> Vec<f64> {
                values.iter().skip(feature).step_by(data.features).map(|&value| f64::from(value)).collect()
            };
            let (made, seen) = (of(made), of(&rows));
            made.iter().zip(&seen).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / seen.len().max(1) as f64
        };
        let column = |(feature, name): (usize, &String)| ColumnError {
            name: name.clone(),
            mse: mse_of(&made, feature),
            pca: beside.as_ref().map(|beside| mse_of(beside, feature)),
        };
        self.columns = data.preparation.features.iter().enumerate().map(column).collect();
        self.columns.sort_by(|a, b| b.mse.total_cmp(&a.mse));
        self.columns.truncate(COLUMNS);
        Ok(())
    }

    /// Gathers pairs for rows of the test part, or of validation where there is none: one of each class first.
    fn show_pairs(&mut self, data: &DataSet, evaluator: &mut Evaluator) -> Result<(), TaskError> {
        let part = if data.test.is_empty() { data.part(Part::Validation) } else { data.part(Part::Test) };
        let mut rows: Vec<usize> = Vec::new();
        if let Some(labels) = &data.labels {
            let first = |class: usize| part.clone().find(|&row| usize::from(labels[row]) == class);
            rows.extend((0..data.classes().min(PAIRS)).filter_map(first));
        }
        let others: Vec<usize> = part.clone().filter(|row| !rows.contains(row)).take(PAIRS - rows.len()).collect();
        rows.extend(others);
        let mut pairs = Pairs { image: data.image, features: data.features, ..Pairs::default() };
        for row in rows {
            let made = evaluator.outputs(row..row + 1, true, true).wait()?;
            pairs.inputs.extend(data.rows_f32(row..row + 1)?);
            if self.spec.corruption.is_active() {
                pairs.seen.extend(made.seen);
            }
            pairs.outputs.extend(made.outputs);
            pairs.labels.extend(data.labels.as_ref().map(|labels| labels[row]));
        }
        self.pairs = pairs;
        Ok(())
    }

    /// Maps validation rows to two dimensions; returns their latents.
    fn show_map(
        &mut self,
        network: &Network,
        data: &DataSet,
        evaluator: &mut Evaluator,
    ) -> Result<Vec<f32>, TaskError> {
        let validation = data.part(Part::Validation);
        let rows = validation.start..validation.end.min(validation.start + MAP_POINTS);
        if network.latent() == 0 || rows.len() < 3 {
            return Ok(Vec::new());
        }
        let latents = evaluator.outputs(rows.clone(), false, false).wait()?.latents;
        self.map = LatentMap::from_latents(&latents, network.latent(), data, rows.clone(), 0, &mut None);
        if let Some(image) = data.image.filter(|image| image.height.max(image.width) <= THUMB_SIDE) {
            let values = data.rows_f32(rows)?;
            let view = RowView::new(Some([image.height, image.width, image.channels]), &values);
            let draw = |row: &[f32]| view.draw(row, None, LIGHT.ink(LIGHT.second));
            self.thumbs = values.chunks_exact(data.features).map(draw).collect();
        }
        Ok(latents)
    }

    /// Draws samples from the distribution of the latents, for variational and Wasserstein models.
    fn draw_samples(&mut self, model: &mut LoadedModel, units: &[UnitUse], view: Option<RowView>) {
        if !matches!(model.network().spec().model.kind, ModelKind::Variational | ModelKind::Wasserstein) {
            return;
        }
        let latents = draw_latents(units, SAMPLES * SAMPLES, 1.0, 0);
        let classes = model.classes();
        let labels: Vec<usize> = (0..SAMPLES * SAMPLES).map(|number| number % classes.max(1)).collect();
        let made = model.decode_rows(&latents, &labels).wait().unwrap_or_default();
        let image = model.network().data_shape().image.map(|image| [image.height, image.width, image.channels]);
        let view = view.unwrap_or_else(|| RowView::new(image, &made));
        let draw = |row: &[f32]| view.draw(row, None, LIGHT.ink(LIGHT.accent));
        self.samples = made.chunks_exact(model.network().features()).map(draw).collect();
    }
}
