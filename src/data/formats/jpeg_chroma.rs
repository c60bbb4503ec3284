//! Colors of JPEG that have fewer samples than brightness: interpolated, and made red, green and blue.

use image::{GrayImage, RgbImage};
use rayon::prelude::*;

/// Returns the picture of `pixels`, brightness and two differences that are not looked at, with the colors of `chroma`,
/// blue and red differences of one sample for each `[across, down]` pixels; `None` where the sizes do not fit. The
/// arithmetic is that of libjpeg, whose rounding alternates between neighbors, so that the mean of a color is not
/// shifted.
pub(super) fn with_chroma(mut pixels: RgbImage, chroma: [&GrayImage; 2], ratio: [usize; 2]) -> Option<RgbImage> {
    let [width, height] = [pixels.width() as usize, pixels.height() as usize];
    let [across, down] = ratio;
    let fits = |plane: &&GrayImage| {
        plane.width() as usize == width.div_ceil(across) && plane.height() as usize == height.div_ceil(down)
    };
    if width == 0 || !chroma.iter().all(fits) {
        return None;
    }
    let [blue, red] = chroma.map(|plane| ChromaPlane { plane, ratio });
    pixels.par_chunks_exact_mut(3 * width).enumerate().for_each_init(
        || (Vec::new(), [Vec::new(), Vec::new()]),
        |(sums, [blues, reds]), (line, pixels)| {
            blue.read_line(line, sums, blues);
            red.read_line(line, sums, reds);
            let colors = blues.iter().zip(reds.iter());
            for (pixel, (&blue, &red)) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(colors) {
                *pixel = rgb(pixel[0], blue, red);
            }
        },
    );
    Some(pixels)
}

/// Color of JFIF, in fixed point of 16 bits.
fn rgb(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (luma, blue, red) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    let clamped = |value: i32| value.clamp(0, 255) as u8;
    [
        clamped(luma + ((91_881 * red + HALF) >> 16)),
        clamped(luma + ((-22_554 * blue - 46_802 * red + HALF) >> 16)),
        clamped(luma + ((116_130 * blue + HALF) >> 16)),
    ]
}

/// Differences of one color at each pixel.
struct ChromaPlane<'a> {
    plane: &'a GrayImage,
    ratio: [usize; 2],
}

impl ChromaPlane<'_> {
    /// Writes the differences at the pixels of `line` to `out`; of a sample's neighbors the nearer counts thrice.
    fn read_line(&self, line: usize, sums: &mut Vec<i32>, out: &mut Vec<u8>) {
        let [width, height] = [self.plane.width() as usize, self.plane.height() as usize];
        let [across, down] = self.ratio;
        let samples = |line: usize| self.plane.as_raw().get(line * width..(line + 1) * width).unwrap_or_default();
        let near = (line / down).min(height.saturating_sub(1));
        let is_upper = line.is_multiple_of(2);
        let far = if is_upper { near.saturating_sub(1) } else { (near + 1).min(height.saturating_sub(1)) };
        out.clear();
        // libjpeg interpolates by two alone, and lines of at least three samples.
        let is_smooth_across = across == 2 && width > 2;
        let is_smooth_down = down == 2 && (across == 1 || is_smooth_across);
        if !(is_smooth_down || down == 1 && is_smooth_across) {
            out.extend(samples(near).iter().flat_map(|&sample| std::iter::repeat_n(sample, across)));
            return;
        }
        sums.clear();
        let pairs = samples(near).iter().zip(samples(far));
        sums.extend(pairs.map(|(&near, &far)| match is_smooth_down {
            true => 3 * i32::from(near) + i32::from(far),
            false => i32::from(near),
        }));
        if across == 1 {
            let rounding = if is_upper { 1 } else { 2 };
            out.extend(sums.iter().map(|sum| ((sum + rounding) >> 2) as u8));
            return;
        }
        let (left, right, shift) = if is_smooth_down { (8, 7, 4) } else { (1, 2, 2) };
        for (at, &sum) in sums.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| sums.get(at)).copied().unwrap_or(sum);
            let after = sums.get(at + 1).copied().unwrap_or(sum);
            out.extend([((3 * sum + before + left) >> shift) as u8, ((3 * sum + after + right) >> shift) as u8]);
        }
    }
}
