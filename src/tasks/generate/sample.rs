//! New rows from a model: latents drawn from its prior, or from the distribution of its train rows' latents, and
//! decoded. The train row nearest to each sample is found, so that copies are seen.

use std::path::Path;

use serde::Serialize;

use super::posterior::{MixtureReport, Posterior, TrainLatents, class_of, has_prior, normals, to_codebook};
use crate::data::{DataSet, Part};
use crate::device::Device;
use crate::error::Setting;
use crate::inference::LoadedModel;
use crate::metrics::nearest_rows;
use crate::model::{Model, write_whole};
use crate::platform::Wait as _;
use crate::plot::{RowView, write_sheet};
use crate::style::DARK;
use crate::tasks::TaskError;
use crate::tasks::export::{NamedRows, RowWriter, extension};

/// Train rows that are compared at a time.
const CHUNK: usize = 4096;
/// Held-out rows whose distance to the nearest train row is taken as usual.
const HELD_ROWS: usize = 64;

/// Options of [`sample`].
#[derive(Clone, Debug)]
pub struct SampleOptions {
    /// Number of rows to draw.
    pub count: usize,
    /// Factor of the standard deviations.
    pub temperature: f64,
    /// Class, by name or number; where `None`, a conditional model draws each in turn.
    pub label: Option<String>,
    /// True if latents are drawn from a mixture fitted to those of the train rows, rather than from the prior.
    pub posterior: bool,
    /// Components of that mixture; up to ten, by the count of rows, where `None`.
    pub components: Option<usize>,
    /// Seed of the draws and of the mixture.
    pub seed: u64,
}

impl Default for SampleOptions {
    /// Returns the options to draw 16 rows from the prior.
    fn default() -> Self {
        Self { count: 16, temperature: 1.0, label: None, posterior: false, components: None, seed: 1 }
    }
}

/// Train row that is nearest to a sample.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearest {
    /// Number of the sample, from 1.
    pub sample: usize,
    /// Name of the train row.
    pub train_row: String,
    /// Mean squared difference, on the scale that the network sees.
    pub mse: f64,
}

/// The object that `sample --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SampleReport {
    /// Path of the model file.
    pub model: String,
    /// Number of samples.
    pub samples: usize,
    /// Distribution of the latents: `prior` or `posterior`.
    pub latents: &'static str,
    /// Factor of the standard deviations.
    pub temperature: f64,
    /// Mixture that the latents were drawn from; `None` for the prior.
    pub mixture: Option<MixtureReport>,
    /// Path of the file or folder written.
    pub output: String,
    /// Number of files written.
    pub files: usize,
    /// Nearest train row of each sample; empty where the train rows are no longer available.
    pub nearest: Vec<Nearest>,
    /// Median of the mean squared difference of held-out rows from their nearest train rows, the usual distance of rows
    /// that are no copies; `None` where the train rows are no longer available.
    pub held_out_mse: Option<f64>,
    /// Remarks on the draws, in words.
    pub notes: Vec<String>,
}

/// Draws rows from the model at `path` and writes them to `output`: a PNG with the nearest train row to the right of
/// each, an array, a table, or a folder of files.
///
/// Cells of a table are as those of its source: rounded to the digits that a column has at most, so that whole numbers
/// stay whole, with its units and its form of dates; a `.npy` file has the values as they are.
///
/// # Errors
/// When the model has no bottleneck, the class is unknown, or what it was trained on is needed and not there.
#[tracing::instrument(level = "debug", name = "sample", skip_all)]
pub fn sample(path: &Path, output: &Path, options: &SampleOptions, device: &Device) -> Result<SampleReport, TaskError> {
    let model = Model::load(path)?;
    let form = RowWriter::from_model(&model);
    let grid = extension(output).as_deref() == Some("png");
    if !grid {
        form.check(output)?;
    }
    let mut loaded = LoadedModel::new(&model, path, device)?;
    loaded.prepare_decoder()?;
    let mut notes = Vec::new();
    let posterior = options.posterior || !has_prior(&model);
    if posterior && !options.posterior {
        notes.push("the model has no prior: samples are drawn from the latents of its train rows".to_owned());
    }
    let train = match TrainLatents::open(path, device) {
        Ok(train) => Some(train),
        Err(error) if posterior => return Err(error),
        Err(error) => {
            notes.push(format!("no nearest train rows: {error}"));
            None
        }
    };
    let names = class_names(&model, train.as_ref().map(|train| &*train.data));
    let label = options.label.as_deref().map(|asked| class_of(&names, loaded.classes(), asked)).transpose()?;
    if label.is_some() && loaded.classes() == 0 && !posterior {
        let problem = format!(
            "the model is not conditioned on classes; add {} to draw from the latents of that class",
            Setting::POSTERIOR
        );
        return Err(TaskError::Setting { setting: Setting::LABEL, problem });
    }
    let (mut latents, fitted) = match train.as_ref().filter(|_| posterior) {
        Some(train) => {
            let of_class = label.map(|label| train.of_class(label));
            let some = of_class.as_deref().unwrap_or(&train.latents);
            let posterior = Posterior::fit(some, train.latent, options.components, options.seed)?;
            (posterior.sample(options.count, options.temperature, options.seed), Some(posterior.report()))
        }
        None => {
            let mut drawn = normals(options.count * loaded.latent(), options.seed);
            drawn.iter_mut().for_each(|z| *z = (f64::from(*z) * options.temperature) as f32);
            (drawn, None)
        }
    };
    to_codebook(&model, &mut latents);
    // Without a class of choice a conditional model draws each in turn.
    let classes: Vec<usize> =
        (0..options.count).map(|row| label.unwrap_or_else(|| row % loaded.classes().max(1))).collect();
    let mut made = loaded.decode_rows(&latents, &classes).wait()?;
    let near = train.as_ref().map(|train| Neighbors::new(&made, &train.data)).transpose()?;

    let files = if grid {
        draw_grid(&form, &made, near.as_ref(), output)?;
        1
    } else {
        model.preparation.undo(&mut made);
        notes.extend(form.remark(output));
        let row_names: Vec<String> = (0..options.count).map(|row| format!("sample {}", row + 1)).collect();
        let class_name = |&class: &usize| names.get(class).cloned().unwrap_or_else(|| class.to_string());
        let labels: Option<Vec<String>> =
            (loaded.classes() > 0 || label.is_some()).then(|| classes.iter().map(class_name).collect());
        form.write(NamedRows { values: &made, names: &row_names, labels: labels.as_deref() }, output)?
    };
    let mut report = SampleReport {
        model: path.display().to_string(),
        samples: options.count,
        latents: if posterior { "posterior" } else { "prior" },
        temperature: options.temperature,
        mixture: fitted,
        output: output.display().to_string(),
        files,
        nearest: Vec::new(),
        held_out_mse: None,
        notes,
    };
    if let (Some(near), Some(train)) = (near, train) {
        let entry = |(i, &(row, mse)): (usize, &(usize, f64))| Nearest {
            sample: i + 1,
            train_row: train.data.row_name(row),
            mse,
        };
        report.nearest = near.rows.iter().enumerate().map(entry).collect();
        report.held_out_mse = Some(near.held_out_mse);
        if extension(output).is_none() {
            let lines =
                report.nearest.iter().map(|near| format!("{},{:?},{}\n", near.sample, near.train_row, near.mse));
            let text: String = std::iter::once("sample,train_row,mse\n".to_owned()).chain(lines).collect();
            write_whole(&output.join("nearest.csv"), text.as_bytes())?;
            report.files += 1;
        }
    }
    Ok(report)
}

/// Returns the names of the classes of the model's data.
pub(crate) fn class_names(model: &Model, data: Option<&DataSet>) -> Vec<String> {
    let of_data = || data.map(|data| data.classes.clone());
    model.labels.clone().filter(|names| !names.is_empty()).or_else(of_data).unwrap_or_default()
}

/// Train rows that are nearest to some others.
struct Neighbors {
    /// Index in the data set and mean squared difference.
    rows: Vec<(usize, f64)>,
    /// Values `[rows, features]`.
    values: Vec<f32>,
    held_out_mse: f64,
}

impl Neighbors {
    /// Finds the train rows of `data` that are nearest to `made` `[rows, features]`.
    fn new(made: &[f32], data: &DataSet) -> Result<Self, TaskError> {
        let held = data.part(Part::Validation);
        let held = data.rows_f32(held.start..held.end.min(held.start + HELD_ROWS))?;
        let queries = [made, &held].concat();
        let count = made.len() / data.features;
        let mut best = vec![(0, f64::INFINITY); queries.len() / data.features];
        let train = data.part(Part::Train);
        for start in train.clone().step_by(CHUNK) {
            let candidates = data.rows_f32(start..train.end.min(start + CHUNK))?;
            for (best, (row, mse)) in best.iter_mut().zip(nearest_rows(&queries, &candidates, data.features)) {
                if mse < best.1 {
                    *best = (start + row, mse);
                }
            }
        }
        let mut usual: Vec<f64> = best.split_off(count).into_iter().map(|(_, mse)| mse).collect();
        usual.sort_by(f64::total_cmp);
        let mut values = Vec::with_capacity(made.len());
        for &(row, _) in &best {
            values.extend(data.rows_f32(row..row + 1)?);
        }
        Ok(Self { rows: best, values, held_out_mse: usual.get(usual.len() / 2).copied().unwrap_or(f64::NAN) })
    }
}

/// Draws each sample with its nearest train row to the right.
fn draw_grid(form: &RowWriter, made: &[f32], near: Option<&Neighbors>, output: &Path) -> Result<(), TaskError> {
    let neighbors = near.map_or(&[][..], |near| &near.values);
    let image = form.image.map(|image| [image.height, image.width, image.channels]);
    let view = RowView::new(image, &[made, neighbors].concat());
    let mut cells = Vec::new();
    for (row, values) in made.chunks_exact(form.features).enumerate() {
        cells.push(view.draw(values, None, DARK.ink(DARK.second)));
        if let Some(near) = neighbors.get(row * form.features..(row + 1) * form.features) {
            cells.push(view.draw(near, None, DARK.ink(DARK.accent)));
        }
    }
    let count = made.len() / form.features;
    let across = (1..=count).find(|side| side * side >= count).unwrap_or(1);
    Ok(write_sheet(&cells, across * if near.is_some() { 2 } else { 1 }, output)?)
}
