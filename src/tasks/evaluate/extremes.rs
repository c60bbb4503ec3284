//! Pictures of what a model does best and worst.

use std::path::Path;

use crate::data::{DataSet, Part};
use crate::model::ModelFileError;
use crate::platform::{Wait as _, files};
use crate::plot::{Raster, RowView, write_sheet};
use crate::style::DARK;
use crate::tasks::TaskError;
use crate::train::Evaluator;

/// Rows of a picture.
const SHOWN: usize = 8;

/// A test row as the network saw it, what it made of it, and how far that is from the clean row.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtremeRow {
    /// Its place in the test part, from 1.
    pub row: usize,
    pub mse: f64,
    pub seen: Raster,
    pub output: Raster,
    pub error: Raster,
}

/// What a model does best and what it does worst, each from its extreme inwards.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extremes {
    pub best: Vec<ExtremeRow>,
    pub worst: Vec<ExtremeRow>,
}

impl Extremes {
    /// `errors` has one for each test row.
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

    /// Writes `best.png` and `worst.png` to `folder`, a line a row; gives the paths.
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
