//! What a model makes of each row of some data, written in the form that the data has: pictures, tables, arrays, sound.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::evaluate::Opened;
use crate::data::{AudioForm, DataError, DataSet, Part, SourceKind, write_npy, write_wav};
use crate::device::Device;
use crate::metrics;
use crate::model::{ModelFileError, write_whole};
use crate::train::TrainError;

/// Rounds of finding phases for a spectrogram; more are not heard.
const PHASE_ITERATIONS: usize = 64;

/// The object that `reconstruct --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reconstruction {
    pub model: String,
    pub data: String,
    pub rows: usize,
    /// Mean over all values, on the scale that the network sees.
    pub mse: f64,
    pub output: String,
    /// Files written.
    pub files: usize,
}

/// Runs every row of `source` through the model at `path` and writes what comes out to `output`: one `.npy` or `.csv` file,
/// or a folder of PNG or WAV files.
///
/// # Errors
/// When the data does not fit the model, or `output` cannot hold what its kind becomes.
pub fn reconstruct(path: &Path, source: &str, output: &Path, device: &Device) -> Result<Reconstruction, TrainError> {
    let Opened { model, mut evaluator, data } = Opened::new(path, Some(source), device)?;
    let rows = data.part(Part::Test);
    let mut made = evaluator.outputs(rows.clone(), true, false)?.outputs;
    let mse = metrics::mse(&made, &data.rows_f32(rows.clone())?);
    model.preparation.undo(&mut made);
    let extension = output.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let files = match (extension.as_deref(), data.kind) {
        (Some("npy"), _) => write_array(&data, &made, output)?,
        (Some("csv"), _) => write_table(&data, &made, output)?,
        (None, SourceKind::Images) => write_pictures(&data, &made, output)?,
        (None, SourceKind::Audio) => write_sounds(&data, &made, output)?,
        (None, SourceKind::Array) if data.image.is_some() => write_pictures(&data, &made, output)?,
        _ => {
            let folder = matches!(data.kind, SourceKind::Images | SourceKind::Audio);
            let right = if folder { "a folder, or a .npy or .csv file" } else { "a .csv or .npy file" };
            return Err(DataError::Option {
                field: "--output",
                problem: format!("{} cannot hold {}; give {right}", output.display(), data.kind.name()),
            }
            .into());
        }
    };
    Ok(Reconstruction {
        model: path.display().to_string(),
        data: source.to_owned(),
        rows: rows.len(),
        mse,
        output: output.display().to_string(),
        files,
    })
}

fn write_array(data: &DataSet, made: &[f32], output: &Path) -> Result<usize, TrainError> {
    let rows = made.len() / data.features.max(1);
    let shape = match data.image {
        Some(image) if image.channels > 1 => vec![rows, image.height, image.width, image.channels],
        Some(image) => vec![rows, image.height, image.width],
        None => vec![rows, data.features],
    };
    write_npy(output, &shape, made)?;
    Ok(1)
}

fn write_table(data: &DataSet, made: &[f32], output: &Path) -> Result<usize, TrainError> {
    let unwritable = |problem: String| ModelFileError::Unwritable { path: output.into(), problem };
    let mut table = csv::Writer::from_writer(Vec::new());
    let names = &data.preparation.features;
    let header: Vec<String> = match names.len() == data.features {
        true => names.clone(),
        false => (0..data.features).map(|i| format!("value {}", i + 1)).collect(),
    };
    table.write_record(&header).map_err(|error| unwritable(error.to_string()))?;
    for row in made.chunks_exact(data.features) {
        table.write_record(row.iter().map(f32::to_string)).map_err(|error| unwritable(error.to_string()))?;
    }
    let bytes = table.into_inner().map_err(|error| unwritable(error.to_string()))?;
    write_whole(output, &bytes)?;
    Ok(1)
}

fn make_folder(folder: &Path) -> Result<(), ModelFileError> {
    std::fs::create_dir_all(folder)
        .map_err(|error| ModelFileError::Unwritable { path: folder.into(), problem: error.to_string() })
}

/// A file in `folder` named after a row, which may lie in a folder of its own: `cat/1.jpg, piece 2` is `cat/1 piece 2.png`.
fn place_of(folder: &Path, name: &str, extension: &str) -> PathBuf {
    let (file, piece) = name.split_once(", ").unwrap_or((name, ""));
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let name = if piece.is_empty() { format!("{stem}.{extension}") } else { format!("{stem} {piece}.{extension}") };
    // Rows are named after files that were found below a folder: no step leads out of it.
    let steps = Path::new(&name).components().filter(|step| matches!(step, std::path::Component::Normal(_)));
    steps.fold(folder.to_owned(), |path, step| path.join(step))
}

fn write_pictures(data: &DataSet, made: &[f32], folder: &Path) -> Result<usize, TrainError> {
    let Some(image) = data.image else { return Ok(0) };
    let (width, height) = (image.width as u32, image.height as u32);
    let unwritable = |path: &Path, problem: String| ModelFileError::Unwritable { path: path.into(), problem };
    // Sources that are not in 0..1 are in 0..255.
    let top = if made.iter().any(|&value| value > 2.0) { 1.0 } else { 255.0 };
    for (row, values) in made.chunks_exact(data.features).enumerate() {
        let bytes: Vec<u8> = values.iter().map(|value| (value * top).round().clamp(0.0, 255.0) as u8).collect();
        let path = place_of(folder, &data.row_name(row), "png");
        make_folder(path.parent().unwrap_or(folder))?;
        let colour = match image.channels {
            1 => image::ExtendedColorType::L8,
            3 => image::ExtendedColorType::Rgb8,
            _ => image::ExtendedColorType::Rgba8,
        };
        let mut png = std::io::Cursor::new(Vec::new());
        image::ImageEncoder::write_image(image::codecs::png::PngEncoder::new(&mut png), &bytes, width, height, colour)
            .map_err(|error| unwritable(&path, error.to_string()))?;
        write_whole(&path, png.get_ref())?;
    }
    Ok(made.len() / data.features)
}

/// The pieces of each recording one after the other, as sound.
fn write_sounds(data: &DataSet, made: &[f32], folder: &Path) -> Result<usize, TrainError> {
    let (window, rate) = (data.options.window.unwrap_or(1), data.options.rate.unwrap_or(8000));
    let stride = data.options.stride.unwrap_or(window).min(window);
    let file_of = |row: usize| {
        let name = data.row_name(row);
        name.split_once(", ").map_or(name.clone(), |(file, _)| file.to_owned())
    };
    let rows = made.len() / data.features.max(1);
    let (mut row, mut files) = (0, 0);
    make_folder(folder)?;
    while row < rows {
        let file = file_of(row);
        let end = (row..rows).find(|&next| file_of(next) != file).unwrap_or(rows);
        let mut steps = Vec::new();
        for piece in row..end {
            let values = &made[piece * data.features..(piece + 1) * data.features];
            let kept = if piece + 1 == end { window } else { stride };
            match (data.image, data.options.audio) {
                (Some(image), Some(AudioForm::Mel)) => {
                    // Frame after frame, low bands first; the picture has them from the top down.
                    for frame in 0..kept {
                        steps.extend((0..image.height).rev().map(|line| values[line * image.width + frame]));
                    }
                }
                _ => steps.extend_from_slice(&values[..kept]),
            }
        }
        let samples = match &data.preparation.mel {
            Some(mel) => mel.prepare()?.griffin_lim(&steps, PHASE_ITERATIONS),
            None => steps,
        };
        let path = place_of(folder, &file, "wav");
        make_folder(path.parent().unwrap_or(folder))?;
        write_wav(&path, rate, &samples)?;
        files += 1;
        row = end;
    }
    Ok(files)
}
