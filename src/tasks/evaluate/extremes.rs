//! Images of the best and the worst reconstructions of a model.

use std::path::Path;

use crate::data::{DataSet, Part};
use crate::model::ModelFileError;
use crate::platform::{Wait as _, files};
use crate::plot::{Raster, RowView, write_sheet};
use crate::style::DARK;
use crate::tasks::TaskError;
use crate::train::Evaluator;

/// Rows of an image, at most.
const SHOWN: usize = 8;

/// Test row as the network saw it, its reconstruction, and its error against the clean row.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtremeRow {
    /// Number of the row in the test part, from 1.
    pub row: usize,
    /// Mean squared error against the clean row.
    pub mse: f64,
    /// Image of the input of the network.
    pub seen: Raster,
    /// Image of the reconstruction.
    pub output: Raster,
    /// Heat map of the absolute error; dark is small.
    pub error: Raster,
}

/// Best and worst reconstructions of a model, each from its extreme inwards.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extremes {
    /// Rows of the smallest mean squared errors, the smallest first, 8 at most.
    pub best: Vec<ExtremeRow>,
    /// Rows of the largest mean squared errors, the largest first, 8 at most.
    pub worst: Vec<ExtremeRow>,
}

impl Extremes {
    /// Finds the best and the worst rows by `errors`, which has one for each test row, and draws them.
    pub(super) fn new(evaluator: &mut Evaluator, data: &DataSet, errors: &[f64]) -> Result<Self, TaskError> {
        let part = data.part(Part::Test);
        let mut order: Vec<usize> = (0..errors.len()).collect();
        order.sort_by(|&a, &b| errors[a].total_cmp(&errors[b]).then(a.cmp(&b)));
        let made = evaluator.outputs(part.clone(), true, true).wait()?;
        let width = data.features;
        let image = data.image.map(|image| [image.height, image.width, image.channels]);
        let ink = DARK.ink(DARK.second);
        let draw = |rows: &[usize]| -> Result<Vec<ExtremeRow>, TaskError> {
            let clean = data.chosen_f32(&rows.iter().map(|row| part.start + row).collect::<Vec<usize>>())?;
            let view = RowView::new(image, &clean);
            let drawn = rows.iter().zip(clean.chunks_exact(width)).map(|(&row, clean)| {
                let of = |values: &[f32]| values[row * width..(row + 1) * width].to_vec();
                let (seen, output) = (of(&made.seen), of(&made.outputs));
                ExtremeRow {
                    row: row + 1,
                    mse: errors[row],
                    seen: view.draw(&seen, None, ink),
                    output: view.draw(&output, None, ink),
                    error: view.error(&output, clean, ink),
                }
            });
            Ok(drawn.collect())
        };
        let worst_first: Vec<usize> = order.iter().rev().take(SHOWN).copied().collect();
        Ok(Self { best: draw(&order[..order.len().min(SHOWN)])?, worst: draw(&worst_first)? })
    }

    /// Writes `best.png` and `worst.png` to `folder`, a line for each row; returns the paths.
    pub(super) fn write(&self, folder: &Path) -> Result<Vec<String>, TaskError> {
        files::create_dir_all(folder)
            .map_err(|error| ModelFileError::Unwritable { path: folder.into(), problem: error.to_string() })?;
        let mut written = Vec::new();
        for (name, rows) in [("best.png", &self.best), ("worst.png", &self.worst)] {
            let cells: Vec<Raster> =
                rows.iter().flat_map(|row| [row.seen.clone(), row.output.clone(), row.error.clone()]).collect();
            let path = folder.join(name);
            write_sheet(&cells, 3, &path)?;
            written.push(path.display().to_string());
        }
        Ok(written)
    }
}
