//! Held-out rows beside their reconstructions.

use serde::{Deserialize, Serialize};

use crate::data::ImageShape;
use crate::plot::{Raster, RowView};
use crate::style::Palette;

/// Number of held-out rows shown beside their reconstructions.
pub const PAIRS: usize = 10;

/// Held-out rows and their reconstructions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Pairs {
    /// Shape of rows that are pictures; `None` for other rows.
    pub image: Option<ImageShape>,
    /// Values of a row.
    pub features: usize,
    /// Clean rows, `[rows, features]`.
    pub inputs: Vec<f32>,
    /// Input of the network, `[rows, features]`: `inputs`, in training with the spec's corruption.
    pub seen: Vec<f32>,
    /// Reconstructions, `[rows, features]`.
    pub outputs: Vec<f32>,
    /// Class of each row; empty without labels.
    pub labels: Vec<u16>,
    /// Index of each row in the data set.
    pub rows: Vec<usize>,
}

impl Pairs {
    /// Returns the number of rows.
    pub fn count(&self) -> usize {
        self.inputs.len() / self.features.max(1)
    }

    /// Returns the rendering of the rows.
    pub fn view(&self) -> RowView {
        RowView::new(self.image.map(|image| [image.height, image.width, image.channels]), &self.inputs)
    }

    /// Returns whether the network's input visibly differs from the clean rows, by more than 1e-3 in a value.
    pub fn corrupted(&self) -> bool {
        const VISIBLE: f32 = 1e-3;
        let differ = |(seen, input): (&f32, &f32)| (seen - input).abs() > VISIBLE;
        self.seen.len() == self.inputs.len() && self.seen.iter().zip(&self.inputs).any(differ)
    }

    /// Draws one of the four pictures of pair `item`; `which` is 0 for the clean row, 1 for the network's input, 2 for
    /// its output, and else the error.
    pub fn raster(&self, view: &RowView, which: usize, item: usize, palette: &Palette) -> Raster {
        let row = |values: &[f32]| -> Vec<f32> {
            values.get(item * self.features..(item + 1) * self.features).map(<[f32]>::to_vec).unwrap_or_default()
        };
        let input = row(&self.inputs);
        match which {
            0 => view.draw(&input, None, palette.ink(palette.second)),
            1 => view.draw(&row(&self.seen), Some(&input), palette.ink(palette.bad)),
            2 => view.draw(&row(&self.outputs), Some(&input), palette.ink(palette.accent)),
            _ => view.error(&row(&self.outputs), &input, palette.ink(palette.bad)),
        }
    }
}
