//! Held-out rows beside their reconstructions.

use serde::{Deserialize, Serialize};

use crate::data::ImageShape;
use crate::plot::{Raster, RowView};
use crate::style::Palette;

/// Held-out rows shown beside their reconstructions.
pub const PAIRS: usize = 10;

/// Held-out rows and what the model makes of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Pairs {
    pub image: Option<ImageShape>,
    pub features: usize,
    /// `[rows, features]`
    pub inputs: Vec<f32>,
    /// What the network sees of them: the same, but for denoising models.
    pub seen: Vec<f32>,
    pub outputs: Vec<f32>,
    pub labels: Vec<u16>,
    /// Their numbers in the data set.
    pub rows: Vec<usize>,
}

impl Pairs {
    pub fn count(&self) -> usize {
        self.inputs.len() / self.features.max(1)
    }

    /// How its rows are shown.
    pub fn view(&self) -> RowView {
        RowView::new(self.image.map(|image| [image.height, image.width, image.channels]), &self.inputs)
    }

    /// Whether the network sees something else than the input, as far as an eye can tell.
    pub fn corrupted(&self) -> bool {
        const VISIBLE: f32 = 1e-3;
        let differ = |(seen, input): (&f32, &f32)| (seen - input).abs() > VISIBLE;
        self.seen.len() == self.inputs.len() && self.seen.iter().zip(&self.inputs).any(differ)
    }

    /// One of the four pictures of a pair: input, seen, output, error.
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
