//! Small square pictures side by side in one PNG.

use std::path::Path;

use super::Raster;
use super::error::{PictureError, write_picture};
use crate::style::{DARK, Rgb};

/// Pixels between cells.
const GAP: usize = 6;
/// Pixels on a side of a cell, about.
const CELL: usize = 112;

/// Writes `cells`, which are all of one size, in lines of `columns`. Small ones are enlarged to whole multiples of
/// their pixels.
pub(crate) fn write_sheet(cells: &[Raster], columns: usize, path: &Path) -> Result<(), PictureError> {
    let unwritable = |problem: String| PictureError::Unwritable { path: path.into(), problem };
    let own = cells.first().map_or(1, |cell| cell.side);
    let times = (CELL / own.max(1)).max(1);
    let side = own * times;
    let lines = cells.len().div_ceil(columns.max(1));
    let size = |count: usize| count * (side + GAP) + GAP;
    let (width, height) = (u32::try_from(size(columns)), u32::try_from(size(lines)));
    let (Ok(width), Ok(height)) = (width, height) else {
        return Err(unwritable(format!("{} pictures are too many for one; ask for fewer", cells.len())));
    };
    let Rgb(r, g, b) = DARK.background;
    let mut sheet = image::RgbImage::from_pixel(width, height, image::Rgb([r, g, b]));
    for (i, cell) in cells.iter().enumerate() {
        let (left, top) = (size(i % columns), size(i / columns));
        for y in 0..side {
            for x in 0..side {
                let Rgb(r, g, b) = cell.pixels[y / times * cell.side + x / times];
                sheet.put_pixel((left + x) as u32, (top + y) as u32, image::Rgb([r, g, b]));
            }
        }
    }
    let mut png = std::io::Cursor::new(Vec::new());
    sheet.write_to(&mut png, image::ImageFormat::Png).map_err(|error| unwritable(error.to_string()))?;
    write_picture(path, &png.into_inner())
}
