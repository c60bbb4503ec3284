//! Export of decoded rows: a sheet of tiles, an animation, or the numbers themselves.

use std::path::Path;
use std::time::Duration;

use super::rows::{NamedRows, RowWriter, extension};
use crate::data::write_npy;
use crate::error::Setting;
use crate::model::{Model, ModelFileError, write_whole};
use crate::plot::{Raster, RowView, write_sheet};
use crate::style::{DARK, Rgb};
use crate::tasks::TaskError;

/// Approximate side of an animation, in pixels.
const FILM: usize = 224;
/// Duration of each frame of an animation, and that of its ends.
const FRAME: Duration = Duration::from_millis(120);
const END: Duration = Duration::from_millis(600);

/// Writes `rows` `[rows, features]` of `model` to `path`, by its extension: `png`, tiles in lines of `columns`; `gif`,
/// an animation there and back; `npy`, the rows in their source's units, with `latents` `[rows, latent]` in a file of
/// their own beside.
///
/// # Errors
/// When the file cannot be written or has another extension.
pub fn export_decoded(
    model: &Model,
    rows: &[f32],
    latents: &[f32],
    columns: usize,
    path: &Path,
) -> Result<(), TaskError> {
    let form = RowWriter::from_model(model);
    let view = RowView::new(form.image.map(|image| [image.height, image.width, image.channels]), rows);
    let cells = || -> Vec<Raster> {
        rows.chunks_exact(form.features.max(1)).map(|row| view.draw(row, None, DARK.ink(DARK.second))).collect()
    };
    match extension(path).as_deref() {
        Some("png") => write_sheet(&cells(), columns, path)?,
        Some("gif") => write_film(&cells(), path)?,
        Some("npy") => {
            let mut rows = rows.to_vec();
            model.preparation.undo(&mut rows);
            let count = rows.len() / form.features.max(1);
            let names: Vec<String> = (1..=count).map(|row| format!("row {row}")).collect();
            form.write(NamedRows { values: &rows, names: &names, labels: None }, path)?;
            write_npy(&path.with_extension("latents.npy"), &[count, latents.len() / count.max(1)], latents)?;
        }
        _ => {
            let problem = format!("{} must end in .png, .gif or .npy", path.display());
            return Err(TaskError::Setting { setting: Setting::OUTPUT, problem });
        }
    }
    Ok(())
}

fn write_film(cells: &[Raster], path: &Path) -> Result<(), ModelFileError> {
    let unwritable = |problem: String| ModelFileError::Unwritable { path: path.into(), problem };
    let mut gif = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
        encoder.set_repeat(image::codecs::gif::Repeat::Infinite).map_err(|error| unwritable(error.to_string()))?;
        let back = (1..cells.len().saturating_sub(1)).rev();
        for i in (0..cells.len()).chain(back) {
            let cell = &cells[i];
            let times = (FILM / cell.side.max(1)).max(1);
            let side = (cell.side * times) as u32;
            let picture = image::RgbaImage::from_fn(side, side, |x, y| {
                let Rgb(r, g, b) = cell.pixels[y as usize / times * cell.side + x as usize / times];
                image::Rgba([r, g, b, 255])
            });
            let stands = if i == 0 || i + 1 == cells.len() { END } else { FRAME };
            let delay = image::Delay::from_saturating_duration(stands);
            encoder
                .encode_frame(image::Frame::from_parts(picture, 0, 0, delay))
                .map_err(|error| unwritable(error.to_string()))?;
        }
    }
    write_whole(path, &gif)
}
