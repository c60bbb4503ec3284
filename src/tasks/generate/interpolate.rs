//! Paths through the latent space: from one row to another, along each unit, and sums of rows.

use std::path::Path;

use serde::Serialize;

use super::posterior::{TrainLatents, class_of, is_active, moments, to_codebook};
use super::sample::class_names;
use crate::data::{DataError, Part};
use crate::device::Device;
use crate::error::Setting;
use crate::inference::LoadedModel;
use crate::model::{Model, ModelFileError};
use crate::platform::Wait as _;
use crate::plot::{RowView, write_sheet};
use crate::style::DARK;
use crate::tasks::TaskError;
use crate::tasks::evaluate::OpenedModel;
use crate::tasks::export::{NamedRows, RowWriter, extension};

/// Steps of a traversal, and the distance of its ends from the mean in standard deviations.
const TRAVERSE_STEPS: usize = 9;
const TRAVERSE_REACH: f64 = 2.5;
/// Units that are traversed, at most, those of the largest deviation first.
const TRAVERSE_UNITS: usize = 64;

/// The object that `interpolate --json` and `arithmetic --json` print.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Interpolation {
    /// Path of the model file.
    pub model: String,
    /// Names of the rows or classes that go in.
    pub from: Vec<String>,
    /// Number of rows written.
    pub rows: usize,
    /// True for a great circle, false for a straight line and for `arithmetic`.
    pub spherical: bool,
    /// Path of the file or folder written.
    pub output: String,
    /// Number of files written.
    pub files: usize,
}

/// The object that `traverse --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Traversal {
    /// Path of the model file.
    pub model: String,
    /// Latent units from 0, one for each line of the image, that of the largest deviation first.
    pub units: Vec<usize>,
    /// Standard deviation of each unit over the train rows.
    pub deviations: Vec<f64>,
    /// Number of steps along each unit.
    pub steps: usize,
    /// Distance of the ends from the mean, in standard deviations of the unit.
    pub reach: f64,
    /// Path of the file or folder written.
    pub output: String,
    /// Number of files written.
    pub files: usize,
}

/// Lookup of latents by the names on the command line.
struct LatentLookup<'m> {
    path: &'m Path,
    source: String,
    device: &'m Device,
    opened: Option<OpenedModel>,
    train: Option<TrainLatents>,
}

/// Point in the latent space.
struct LatentPoint {
    name: String,
    latents: Vec<f32>,
    /// Class of the point, where the data has labels.
    class: Option<usize>,
}

impl<'m> LatentLookup<'m> {
    /// Builds a lookup; `data` is the source in which numbers of rows count, that of the training where `None`.
    fn new(path: &'m Path, model: &Model, data: Option<&str>, device: &'m Device) -> Self {
        let source = data.unwrap_or(&model.spec.data.source).to_owned();
        Self { path, source, device, opened: None, train: None }
    }

    /// Reads `asked`: a file with one row, the number of a row from 1, or `class:NAME`, the mean of a class of train
    /// rows.
    fn find(&mut self, asked: &str) -> Result<LatentPoint, TaskError> {
        let name = asked.to_owned();
        if let Some(class) = asked.strip_prefix("class:") {
            let train = match self.train.take() {
                Some(train) => train,
                None => TrainLatents::open(self.path, self.device)?,
            };
            let train = self.train.insert(train);
            let class = class_of(&train.data.classes, train.data.classes(), class)?;
            let latents = moments(&train.of_class(class), train.latent);
            let latents = latents.iter().map(|(mean, _)| *mean as f32).collect();
            return Ok(LatentPoint { name, latents, class: Some(class) });
        }
        if Path::new(asked).exists() {
            let mut opened = OpenedModel::new(self.path, Some(asked), self.device)?;
            let rows = opened.data.part(Part::Test).len();
            if rows != 1 {
                let problem = format!("it has {rows} rows; give {} {asked} and the numbers of the rows", Setting::DATA);
                return Err(DataError::Malformed { place: name, problem }.into());
            }
            return latents_at(&mut opened, 0, name);
        }
        let Ok(row) = asked.parse::<usize>() else {
            let problem = "it is not a file; give a file, the number of a row from 1, or class:NAME".to_owned();
            return Err(DataError::Malformed { place: name, problem }.into());
        };
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => OpenedModel::new(self.path, Some(&self.source), self.device)?,
        };
        let opened = self.opened.insert(opened);
        let rows = opened.data.part(Part::Test).len();
        if !(1..=rows).contains(&row) {
            let problem = format!("there is no row {row}, use a number from 1 to {rows}");
            return Err(DataError::Malformed { place: self.source.clone(), problem }.into());
        }
        let name = opened.data.row_name(row - 1);
        latents_at(opened, row - 1, name)
    }
}

fn latents_at(opened: &mut OpenedModel, row: usize, name: String) -> Result<LatentPoint, TaskError> {
    let latents = opened.evaluator.outputs(row..row + 1, false, false).wait()?.latents;
    let class = opened.data.labels.as_ref().and_then(|labels| labels.get(row)).map(|&label| usize::from(label));
    Ok(LatentPoint { name, latents, class })
}

/// Decoder and writer of the rows of a path.
struct PathWriter {
    model: Model,
    loaded: LoadedModel,
    writer: RowWriter,
    label: Option<usize>,
}

impl PathWriter {
    fn new(path: &Path, output: &Path, label: Option<&str>, device: &Device) -> Result<Self, TaskError> {
        let model = Model::load(path)?;
        let form = RowWriter::from_model(&model);
        if extension(output).as_deref() != Some("png") {
            form.check(output)?;
        }
        let mut loaded = LoadedModel::new(&model, path, device)?;
        loaded.prepare_decoder()?;
        let names = class_names(&model, None);
        let label = label.map(|asked| class_of(&names, loaded.classes(), asked)).transpose()?;
        Ok(Self { model, loaded, writer: form, label })
    }

    /// Decodes `latents` `[rows, latent]`, conditioned on the class asked for or else `class`, and writes them to
    /// `output`: a PNG with `columns` of them in a line, or in the source's own form.
    fn write(
        &mut self,
        mut latents: Vec<f32>,
        class: Option<usize>,
        columns: usize,
        output: &Path,
    ) -> Result<usize, TaskError> {
        to_codebook(&self.model, &mut latents);
        let mut made = self.loaded.decode(&latents, self.label.or(class).unwrap_or(0)).wait()?;
        if extension(output).as_deref() == Some("png") {
            let image = self.writer.image.map(|image| [image.height, image.width, image.channels]);
            let view = RowView::new(image, &made);
            let draw = |row: &[f32]| view.draw(row, None, DARK.ink(DARK.second));
            let cells: Vec<_> = made.chunks_exact(self.writer.features).map(draw).collect();
            write_sheet(&cells, columns, output)?;
            return Ok(1);
        }
        self.model.preparation.undo(&mut made);
        let names: Vec<String> = (1..=made.len() / self.writer.features).map(|step| format!("step {step}")).collect();
        self.writer.write(NamedRows { values: &made, names: &names, labels: None }, output)
    }
}

/// Options of [`interpolate`], [`arithmetic`] and [`traverse`].
#[derive(Clone, Copy, Debug)]
pub struct InterpolateOptions<'o> {
    /// Source in which numbers of rows count; that of the training where `None`.
    pub data: Option<&'o str>,
    /// Class that a conditional model is given, by name or number; that of the first row where `None`.
    pub label: Option<&'o str>,
    /// Path of the output: a PNG, or a file or folder in the form of the source.
    pub output: &'o Path,
}

/// Decodes `steps` rows from `a` to `b`, both ends among them, in a straight line or, where `spherical`, along the
/// great circle (White 2016), on which draws from a normal prior lie.
///
/// # Errors
/// When the ends are not found, or the model has no bottleneck.
#[tracing::instrument(level = "debug", name = "interpolate", skip_all)]
pub fn interpolate(
    path: &Path,
    [a, b]: [&str; 2],
    steps: usize,
    spherical: bool,
    options: InterpolateOptions<'_>,
    device: &Device,
) -> Result<Interpolation, TaskError> {
    let mut maker = PathWriter::new(path, options.output, options.label, device)?;
    let mut places = LatentLookup::new(path, &maker.model, options.data, device);
    let (a, b) = (places.find(a)?, places.find(b)?);
    let angle = spherical.then(|| angle_between(&a.latents, &b.latents));
    let mut latents = Vec::with_capacity(steps * a.latents.len());
    for step in 0..steps {
        let share = step as f64 / steps.saturating_sub(1).max(1) as f64;
        let (from, to) = match angle {
            // Along a line where the circle is one, or is not determined.
            Some(angle) if angle.sin() > 1e-6 => {
                (((1.0 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin())
            }
            _ => (1.0 - share, share),
        };
        let between = |(&a, &b): (&f32, &f32)| (f64::from(a) * from + f64::from(b) * to) as f32;
        latents.extend(a.latents.iter().zip(&b.latents).map(between));
    }
    let files = maker.write(latents, a.class, steps, options.output)?;
    Ok(Interpolation {
        model: path.display().to_string(),
        from: vec![a.name, b.name],
        rows: steps,
        spherical,
        output: options.output.display().to_string(),
        files,
    })
}

/// Decodes rows for a, b, c and a - b + c.
///
/// # Errors
/// Same as [`interpolate`].
#[tracing::instrument(level = "debug", name = "arithmetic", skip_all)]
pub fn arithmetic(
    path: &Path,
    terms: [&str; 3],
    options: InterpolateOptions<'_>,
    device: &Device,
) -> Result<Interpolation, TaskError> {
    let mut maker = PathWriter::new(path, options.output, options.label, device)?;
    let mut places = LatentLookup::new(path, &maker.model, options.data, device);
    let (a, b, c) = (places.find(terms[0])?, places.find(terms[1])?, places.find(terms[2])?);
    let sum = a.latents.iter().zip(&b.latents).zip(&c.latents).map(|((a, b), c)| a - b + c);
    let latents: Vec<f32> = [&a.latents, &b.latents, &c.latents].into_iter().flatten().copied().chain(sum).collect();
    let files = maker.write(latents, a.class, 4, options.output)?;
    Ok(Interpolation {
        model: path.display().to_string(),
        from: vec![a.name, b.name, c.name],
        rows: 4,
        spherical: false,
        output: options.output.display().to_string(),
        files,
    })
}

/// Decodes points along each active latent unit, all others held at those of `row` (or at the mean of the train rows):
/// one line of the image for each unit, that of the largest deviation first.
///
/// # Errors
/// When no unit is active, or the data of the training is no longer available.
#[tracing::instrument(level = "debug", name = "traverse", skip_all)]
pub fn traverse(
    path: &Path,
    row: Option<&str>,
    options: InterpolateOptions<'_>,
    device: &Device,
) -> Result<Traversal, TaskError> {
    let mut maker = PathWriter::new(path, options.output, options.label, device)?;
    let train = TrainLatents::open(path, device)?;
    let moments = moments(&train.latents, train.latent);
    let mut units: Vec<usize> = (0..train.latent).filter(|&unit| is_active(&maker.model, moments[unit].1)).collect();
    units.sort_by(|&a, &b| moments[b].1.total_cmp(&moments[a].1));
    units.truncate(TRAVERSE_UNITS);
    if units.is_empty() {
        let problem = "no latent unit is active: the posterior has collapsed, train with a smaller beta".to_owned();
        return Err(ModelFileError::Malformed { path: path.into(), problem }.into());
    }
    let middle = match row {
        Some(row) => LatentLookup::new(path, &maker.model, options.data, device).find(row)?,
        None => LatentPoint {
            name: "the middle".to_owned(),
            latents: moments.iter().map(|(mean, _)| *mean as f32).collect(),
            class: None,
        },
    };
    let mut latents = Vec::with_capacity(units.len() * TRAVERSE_STEPS * train.latent);
    for &unit in &units {
        for step in 0..TRAVERSE_STEPS {
            let away = TRAVERSE_REACH * (2.0 * step as f64 / (TRAVERSE_STEPS - 1) as f64 - 1.0);
            let start = latents.len();
            latents.extend_from_slice(&middle.latents);
            latents[start + unit] = (moments[unit].0 + away * moments[unit].1) as f32;
        }
    }
    let files = maker.write(latents, middle.class, TRAVERSE_STEPS, options.output)?;
    Ok(Traversal {
        model: path.display().to_string(),
        deviations: units.iter().map(|&unit| moments[unit].1).collect(),
        units,
        steps: TRAVERSE_STEPS,
        reach: TRAVERSE_REACH,
        output: options.output.display().to_string(),
        files,
    })
}

/// Computes the angle between two vectors, from 0 to pi; 0 where one of them is zero.
fn angle_between(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { (dot(a, b) / lengths).clamp(-1.0, 1.0).acos() } else { 0.0 }
}
