//! Pictures as part of a page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::ImageEncoder as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use crate::plot::Raster;

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Encodes an RGB picture as the source of an image: a PNG in a data URL, empty where encoding fails.
fn source(pixels: &[u8], width: usize, height: usize) -> String {
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive);
    // Writing to memory fails only where sizes do not fit the pixels, and here they do.
    let written = encoder.write_image(pixels, width as u32, height as u32, image::ExtendedColorType::Rgb8);
    match written {
        Ok(()) => format!("data:image/png;base64,{}", base64(&png)),
        Err(_) => String::new(),
    }
}

pub(crate) fn picture(raster: &Raster) -> String {
    let pixels: Vec<u8> = raster.pixels.iter().flat_map(|pixel| [pixel.0, pixel.1, pixel.2]).collect();
    source(&pixels, raster.side, raster.side)
}

/// Encodes pictures of equal size as one image, in rows of `across`, each at its place by its number.
pub(crate) fn sheet(rasters: &[Raster], across: usize) -> String {
    let side = rasters.first().map_or(1, |raster| raster.side);
    let down = rasters.len().div_ceil(across).max(1);
    let width = side * across;
    let mut pixels = vec![0_u8; width * side * down * 3];
    for (number, raster) in rasters.iter().enumerate() {
        let (left, top) = (number % across * side, number / across * side);
        for (y, line) in raster.pixels.chunks_exact(side).enumerate() {
            let start = ((top + y) * width + left) * 3;
            for (to, pixel) in pixels[start..start + side * 3].chunks_exact_mut(3).zip(line) {
                to.copy_from_slice(&[pixel.0, pixel.1, pixel.2]);
            }
        }
    }
    source(&pixels, width, side * down)
}
