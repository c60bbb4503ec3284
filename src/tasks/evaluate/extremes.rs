//! Pictures of what a model does best and worst.

use std::path::Path;

use crate::data::{DataSet, Part};
use crate::model::ModelFileError;
use crate::style::{DARK, RowView};
use crate::tasks::sheet::write_sheet;
use crate::train::{Evaluator, TrainError};

/// Rows of a picture.
const SHOWN: usize = 8;

/// Writes `best.png` and `worst.png` to `folder`: on each line a test row as the network saw it, what it made of it, and how
/// far that is from the clean row. `errors` has one for each test row; gives the paths.
pub(super) fn write(
    evaluator: &mut Evaluator,
    data: &DataSet,
    errors: &[f64],
    folder: &Path,
) -> Result<Vec<String>, TrainError> {
    let part = data.part(Part::Test);
    let mut order: Vec<usize> = (0..errors.len()).collect();
    order.sort_by(|&a, &b| errors[a].total_cmp(&errors[b]).then(a.cmp(&b)));
    let made = evaluator.outputs(part.clone(), true, true)?;
    std::fs::create_dir_all(folder)
        .map_err(|error| ModelFileError::Unwritable { path: folder.into(), problem: error.to_string() })?;
    let width = data.features;
    let image = data.image.map(|image| [image.height, image.width, image.channels]);
    let ink = DARK.ink(DARK.second);
    let mut written = Vec::new();
    let worst_first: Vec<usize> = order.iter().rev().take(SHOWN).copied().collect();
    for (name, rows) in [("best.png", &order[..order.len().min(SHOWN)]), ("worst.png", &worst_first[..])] {
        let clean = data.chosen_f32(&rows.iter().map(|row| part.start + row).collect::<Vec<usize>>())?;
        let view = RowView::of(image, &clean);
        let mut cells = Vec::new();
        for (&row, clean) in rows.iter().zip(clean.chunks_exact(width)) {
            let of = |values: &'_ [f32]| values[row * width..(row + 1) * width].to_vec();
            let (seen, output) = (of(&made.seen), of(&made.outputs));
            cells.extend([view.draw(&seen, None, ink), view.draw(&output, None, ink), view.error(&output, clean, ink)]);
        }
        let path = folder.join(name);
        write_sheet(&cells, 3, &path)?;
        written.push(path.display().to_string());
    }
    Ok(written)
}
