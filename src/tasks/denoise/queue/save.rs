//! Results of the queue: files, and pixels to be shown.

use std::path::{Path, PathBuf};

use super::protocol::Pixels;
use crate::data::OWN_SUFFIX;
use crate::model::write_whole;
use crate::platform::files;
use crate::tasks::TaskError;
use crate::tasks::denoise::filter::Filtered;
use crate::tasks::denoise::image::{Image, ImageFile, ReadChoices};
use crate::tasks::denoise::strength::Strength;

/// Largest side of a shown image in pixels; every device has textures as large.
const LARGEST_SHOWN: usize = 8192;

/// Writes the result at `amount` beside `original`, under a name that is free; returns its path. `filter` denoises the
/// further pages of a file, which are not shown.
pub(crate) fn save_beside(
    filtered: &Filtered,
    amount: &Strength,
    original: &Path,
    filter: &mut dyn FnMut(Image) -> Result<Filtered, TaskError>,
) -> Result<PathBuf, TaskError> {
    let mut file = ImageFile::read(original, ReadChoices { animated: false, ..filtered.choices() })?;
    let mut images = std::mem::take(&mut file.images);
    let mut is_changed = false;
    let mut made = Vec::with_capacity(images.len());
    for (index, image) in images.drain(..).enumerate() {
        let result = match index {
            0 => filtered.result(amount),
            _ => filter(image.clone())?.result(amount),
        };
        is_changed |= result.is_some();
        made.push(result.unwrap_or(image));
    }
    let stem = original.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let is_gif = original.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gif"));
    let extension = match is_gif {
        // GIF is not written.
        true => Some(".png".to_owned()),
        false => original.extension().map(|extension| format!(".{}", extension.to_string_lossy())),
    };
    let named = |number: usize| {
        let number = if number > 1 { format!("-{number}") } else { String::new() };
        original.with_file_name(format!("{stem}{OWN_SUFFIX}{number}{}", extension.clone().unwrap_or_default()))
    };
    let output = (1..).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(1));
    if is_changed || !file.keeps_form(&output) {
        file.write(&made, original, &output)?;
        return Ok(output);
    }
    let bytes = files::read(original)
        .map_err(|error| crate::data::DataError::Unreadable { path: original.into(), reason: error.to_string() })?;
    write_whole(&output, &bytes)?;
    Ok(output)
}

/// Returns the pixels to be shown of an image.
pub(crate) fn pixels(content: &Image) -> Pixels {
    let [height, width] = content.size;
    let step = height.max(width).div_ceil(LARGEST_SHOWN).max(1);
    let (shown_height, shown_width) = (height.div_ceil(step), width.div_ceil(step));
    let mut rgba = vec![255; shown_height * shown_width * 4];
    let colors = content.colors();
    // Of arrays with other counts of channels, the first.
    let sources = if colors - content.extra() == 3 { [0, 1, 2] } else { [0; 3] };
    let mut planes: Vec<(usize, Vec<usize>)> = Vec::new();
    for (target, source) in sources.into_iter().enumerate() {
        match planes.iter_mut().find(|(known, _)| *known == source) {
            Some((_, targets)) => targets.push(target),
            None => planes.push((source, vec![target])),
        }
    }
    if content.alpha {
        planes.push((content.channels - 1, vec![3]));
    }
    for (source, targets) in planes {
        let plane = content.plane(source);
        for row in 0..shown_height {
            let line = &plane[row * step * width..][..width];
            let out = &mut rgba[row * shown_width * 4..][..shown_width * 4];
            for (pixel, value) in out.chunks_exact_mut(4).zip(line.iter().step_by(step)) {
                let byte = (255.0 * value).round().clamp(0.0, 255.0) as u8;
                targets.iter().for_each(|&target| pixel[target] = byte);
            }
        }
    }
    Pixels { width: shown_width, height: shown_height, step, rgba }
}
