//! Variants of rows: decoded latents near theirs, or latents drawn from the distribution of their class.

use std::path::Path;

use serde::Serialize;

use super::posterior::{Posterior, moments, normals, to_codebook};
use super::sample::class_names;
use crate::data::{DataError, Part};
use crate::device::Device;
use crate::error::Setting;
use crate::metrics;
use crate::platform::Wait as _;
use crate::tasks::TaskError;
use crate::tasks::evaluate::OpenedModel;
use crate::tasks::export::{NamedRows, RowWriter, file_and_rest};

/// Options of [`augment`].
#[derive(Clone, Debug)]
pub struct AugmentOptions {
    /// Number of variants of each row.
    pub count: usize,
    /// Standard deviation of the noise, as a share of that of each latent unit over the rows.
    pub strength: f64,
    /// True if latents are drawn from a mixture fitted to those of the row's class, instead of adding noise to the
    /// row's own.
    pub by_class: bool,
    /// Components of those mixtures; up to ten, by the count of rows, where `None`.
    pub components: Option<usize>,
    /// Seed of the noise and of the mixtures.
    pub seed: u64,
}

impl Default for AugmentOptions {
    /// Returns the options to make one variant a row, with 0.3 standard deviations of noise.
    fn default() -> Self {
        Self { count: 1, strength: 0.3, by_class: false, components: None, seed: 1 }
    }
}

/// The object that `augment --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Augmentation {
    /// Path of the model file.
    pub model: String,
    /// Source of the rows, as given.
    pub data: String,
    /// Number of rows of the data.
    pub rows: usize,
    /// Number of variants of all rows together.
    pub variants: usize,
    /// Names of the classes that variants have; empty where the rows have no labels.
    pub classes: Vec<String>,
    /// Mean squared difference of variants from their rows, on the scale that the network sees; `None` by class, where
    /// a variant is of no row.
    pub mse: Option<f64>,
    /// Mean squared error of the reconstructions of the rows themselves, on the same scale.
    pub reconstruction_mse: f64,
    /// Path of the file or folder written.
    pub output: String,
    /// Number of files written.
    pub files: usize,
    /// Remarks on the data in words: omissions and their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Makes `options.count` variants of each row of `source` through the model at `path`: first one of each row, in order,
/// then another of each. Folders are named after the rows' labels, arrays have theirs in a text file beside them,
/// tables in a last column.
///
/// Cells of a table are as those of its source: rounded to the digits that a column has at most, so that whole numbers
/// stay whole, with its units and its form of dates; a `.npy` file has the values as they are.
///
/// # Errors
/// When the data does not fit the model, has no labels where they are needed, or `output` cannot hold what it is.
#[tracing::instrument(level = "debug", name = "augment", skip_all)]
pub fn augment(
    path: &Path,
    source: &str,
    output: &Path,
    options: &AugmentOptions,
    device: &Device,
) -> Result<Augmentation, TaskError> {
    let OpenedModel { model, mut loaded, mut evaluator, data } = OpenedModel::new(path, Some(source), device)?;
    let form = RowWriter::from_data(&data);
    form.check(output)?;
    loaded.prepare_decoder()?;
    let rows = data.part(Part::Test);
    let own = evaluator.outputs(rows.clone(), true, false).wait()?;
    let latent = loaded.latent();
    let classes: Option<Vec<usize>> =
        data.labels.as_ref().map(|labels| labels.iter().map(|&label| usize::from(label)).collect());
    let mut latents = Vec::with_capacity(options.count * own.latents.len());
    if options.by_class {
        let Some(classes) = &classes else {
            let problem = format!(
                "it has no labels; name them when the model is trained (data.labels), or leave {} out",
                Setting::BY_CLASS
            );
            return Err(DataError::Malformed { place: source.to_owned(), problem }.into());
        };
        latents = drawn_by_class(&own.latents, latent, classes, options)?;
    } else {
        let deviations = moments(&own.latents, latent);
        let noise = normals(options.count * own.latents.len(), options.seed);
        for (i, noise) in noise.iter().enumerate() {
            let at = i % own.latents.len();
            let away = options.strength * deviations[at % latent].1 * f64::from(*noise);
            latents.push((f64::from(own.latents[at]) + away) as f32);
        }
    }
    to_codebook(&model, &mut latents);
    let repeated = |of: &[usize]| of.iter().copied().cycle().take(of.len() * options.count).collect::<Vec<_>>();
    let of_rows = repeated(classes.as_deref().unwrap_or_default());
    let mut made = loaded.decode_rows(&latents, &of_rows).wait()?;
    let seen = data.rows_f32(rows.clone())?;
    let mse = (!options.by_class).then(|| {
        let of_variant = made.chunks_exact(seen.len().max(1)).map(|variant| metrics::mse(variant, &seen));
        of_variant.sum::<f64>() / options.count as f64
    });
    model.preparation.undo(&mut made);
    let names = class_names(&model, Some(&data));
    let class_name = |&class: &usize| names.get(class).cloned().unwrap_or_else(|| class.to_string());
    let labels: Option<Vec<String>> = classes.is_some().then(|| of_rows.iter().map(class_name).collect());
    let variants = (1..=options.count).flat_map(|variant| rows.clone().map(move |row| (variant, row)));
    let row_names: Vec<String> = variants.map(|(variant, row)| variant_name(&data.row_name(row), variant)).collect();
    let files = form.write(NamedRows { values: &made, names: &row_names, labels: labels.as_deref() }, output)?;
    let mut notes = data.notes.clone();
    notes.extend(form.remark(output));
    let mut used: Vec<String> = labels.unwrap_or_default();
    used.sort();
    used.dedup();
    Ok(Augmentation {
        model: path.display().to_string(),
        data: source.to_owned(),
        rows: rows.len(),
        variants: row_names.len(),
        classes: used,
        mse,
        reconstruction_mse: metrics::mse(&own.outputs, &seen),
        output: output.display().to_string(),
        files,
        notes,
    })
}

/// Draws latents for each variant of each row from the mixture of the row's class.
fn drawn_by_class(
    own: &[f32],
    latent: usize,
    classes: &[usize],
    options: &AugmentOptions,
) -> Result<Vec<f32>, TaskError> {
    let mut latents = vec![0.0; options.count * own.len()];
    let most = classes.iter().copied().max().unwrap_or(0);
    for class in 0..=most {
        let members: Vec<usize> = (0..classes.len()).filter(|&row| classes[row] == class).collect();
        if members.is_empty() {
            continue;
        }
        let of_class: Vec<f32> =
            members.iter().flat_map(|&row| &own[row * latent..(row + 1) * latent]).copied().collect();
        let fitted = Posterior::fit(&of_class, latent, options.components, options.seed)?;
        let drawn = fitted.sample(members.len() * options.count, 1.0, options.seed + class as u64);
        let places =
            (0..options.count).flat_map(|variant| members.iter().map(move |row| variant * classes.len() + row));
        for (place, draw) in places.zip(drawn.chunks_exact(latent)) {
            latents[place * latent..(place + 1) * latent].copy_from_slice(draw);
        }
    }
    Ok(latents)
}

/// Returns the name of a variant: `cat/1.jpg, piece 2` of variant 3 is `cat/1 variant 3.jpg, piece 2`, so that pieces
/// of one file stay together.
fn variant_name(name: &str, variant: usize) -> String {
    let (file, rest) = file_and_rest(name);
    let piece = if rest.is_empty() { String::new() } else { format!(", {rest}") };
    let folder = file.rfind('/').map_or(0, |slash| slash + 1);
    match file[folder..].rfind('.') {
        Some(dot) => format!("{} variant {variant}{}{piece}", &file[..folder + dot], &file[folder + dot..]),
        None => format!("{file} variant {variant}{piece}"),
    }
}
