//! What denoisers undo: film, shot noise and JPEG against plain f64 loops, their statistics, and specs that have them.

use std::sync::Arc;

use hourglass::device::{Device, DeviceChoice};
use hourglass::graph::ops::{BlindSpot, Film, Jpeg, Pointwise};
use hourglass::kernels::film::{self, FilmWear, MOST_MARKS};
use hourglass::kernels::pointwise::{self, NORMAL_FROM_RATE, PointwiseStage};
use hourglass::kernels::{Kernel, StepState, blind_spot, jpeg};
use hourglass::model::{DataShape, Network, Spec, preset};
use hourglass::platform::Wait as _;
use hourglass::random::{philox4x32, unit_float};
use hourglass::train::Session;

use crate::ops::{Case, case};
use crate::support::{Tolerance, bytes, cpu, devices, digit_shape, digits, noise, run_kernel};

/// Key and step of the cases in `ops`.
const SEED: [u32; 2] = [3, 5];
const STEP: u32 = 7;
const STREAM: u32 = 9;

/// How near to where it would be rounded the other way a number may lie before a device may do so, in levels of 0..255:
/// f32 rounds a level to 3e-5, and cosine coefficients, which are sums of 64, to a few times that.
const LEVEL_MARGIN: f64 = 5e-5;
const COEFFICIENT_MARGIN: f64 = 1e-4;
/// The same for uniform numbers against a distribution function: WGSL allows e^-30 an error of 63 roundings.
const PROBABILITY_MARGIN: f64 = 1e-5;
/// And for rounded normal numbers, of a deviation of a hundred, which f32 has to 1e-5.
const COUNT_MARGIN: f64 = 1e-4;

/// Samples, size, channels.
type ImageSizes = (usize, [usize; 2], usize);
const SIZES: [ImageSizes; 5] = [(1, [1, 1], 1), (2, [7, 9], 3), (2, [29, 31], 1), (2, [64, 65], 3), (2, [8, 8], 4)];

fn words(counter: usize, purpose: u32) -> [u32; 4] {
    philox4x32([counter as u32, STREAM, STEP, purpose], SEED)
}

/// Standard normal numbers in f64 by Box and Muller, as `normal4` makes them.
fn normals(words: [u32; 4]) -> [f64; 4] {
    let pair = |a: u32, b: u32| {
        let radius = (-2.0 * ((f64::from(a >> 8) + 1.0) / 16_777_216.0).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * f64::from(b >> 8) / 16_777_216.0).sin_cos();
        [radius * cos, radius * sin]
    };
    let ([a, b], [c, d]) = (pair(words[0], words[1]), pair(words[2], words[3]));
    [a, b, c, d]
}

/// The count whose distribution function is the first above `u`, and how far `u` is from another.
fn poisson(rate: f64, u: f64) -> (f64, f64) {
    let (mut count, mut probability, mut below) = (0.0, (-rate).exp(), 0.0);
    loop {
        let total = below + probability;
        if u < total || (count > rate && probability < 1e-15) {
            let from_below = if count == 0.0 { 1.0 } else { u - below };
            return (count, from_below.min(total - u));
        }
        count += 1.0;
        below = total;
        probability *= rate / count;
    }
}

/// Values that fill 0..1 and go a little beyond, a slope under the noise so that some coefficients are large.
fn picture((n, [h, w], c): ImageSizes, stream: u32) -> (Vec<usize>, Vec<f32>) {
    let mut values = noise(n * h * w * c, stream);
    for (i, value) in values.iter_mut().enumerate() {
        let slope = (i / c % w) as f32 / w as f32 + (i / c / w % h) as f32 / h as f32;
        *value = 0.5 * slope + 0.3 * *value;
    }
    (vec![n, h, w, c], values)
}

/// Cases of every device; `ops` runs them and writes their errors in its table.
pub fn corruption_cases(cases: &mut Vec<Case>) {
    for (index, sizes) in SIZES.into_iter().enumerate() {
        let (n, size, c) = sizes;
        let text = format!("{n}x{size:?}x{c}");
        for wear in [
            FilmWear { grain: 0.3, ..FilmWear::default() },
            FilmWear { grain: 0.2, scratches: 9.0, dust: 12.0 },
            FilmWear { scratches: 2.0, dust: 0.0, grain: 0.0 },
        ] {
            let mut worn = case(
                "film",
                format!("{text} {wear:?}").replace("FilmWear ", ""),
                vec![picture(sizes, 100)],
                move |graph, ids| Ok(vec![graph.add(Film { wear, stream: STREAM }, ids, "film")?]),
                move |arrays| vec![worn_film(&arrays[0], sizes, wear)],
            );
            worn.differentiable = false;
            cases.push(worn);
        }
        for quality in [[100, 100], [50, 90], [1, 30]] {
            let mut coded = case(
                "jpeg",
                format!("{text} at {quality:?}"),
                vec![picture(sizes, 110 + index as u32)],
                move |graph, ids| Ok(vec![graph.add(Jpeg { quality, stream: STREAM }, ids, "jpeg")?]),
                move |arrays| vec![coded_picture(&arrays[0], sizes, quality).0],
            );
            coded.differentiable = false;
            coded.doubtful = Some(Box::new(move |arrays| coded_picture(&arrays[0], sizes, quality).1));
            cases.push(coded);
        }
    }
    for sizes in SIZES {
        for rate in [0.05, 1.0] {
            let mut spotted = case(
                "blind spots",
                format!("{sizes:?} at {rate}"),
                vec![picture(sizes, 120)],
                move |graph, ids| graph.add_op(Arc::new(BlindSpot { rate, stream: STREAM }), ids, "blind spots"),
                move |arrays| filled_spots(&arrays[0], sizes, rate),
            );
            spotted.differentiable = false;
            cases.push(spotted);
        }
    }
    for count in [1, 7, 64, 257, 5003] {
        for peak in [1.5, 40.0, 900.0] {
            let mut shot = case(
                "shot noise",
                format!("{count} of {peak}"),
                vec![(vec![count, 1], noise(count, 107))],
                move |graph, ids| {
                    let stage = PointwiseStage::ShotNoise { peak, stream: STREAM };
                    Ok(vec![graph.add(Pointwise::one(stage), ids, "shot noise")?])
                },
                move |arrays| vec![counted(&arrays[0], f64::from(peak)).0],
            );
            shot.differentiable = false;
            shot.doubtful = Some(Box::new(move |arrays| counted(&arrays[0], f64::from(peak)).1));
            cases.push(shot);
        }
    }
}

/// A picture with its spots filled, and where they are: every neighbor is looked for, the place counted among them.
fn filled_spots(x: &[f64], (n, [h, w], c): ImageSizes, rate: f32) -> Vec<Vec<f64>> {
    let (mut out, mut spots) = (x.to_vec(), vec![0.0; x.len()]);
    let window = |place: usize, side: usize| {
        let first = place.saturating_sub(2).min(side.saturating_sub(5));
        first..(first + 5).min(side)
    };
    for (item, spot) in spots.iter_mut().enumerate() {
        let (pixel, channel) = (item / c, item % c);
        let (image, row, column) = (pixel / (h * w), pixel / w % h, pixel % w);
        let neighbors: Vec<usize> = window(row, h)
            .flat_map(|y| window(column, w).map(move |z| (y, z)))
            .filter(|&place| place != (row, column))
            .map(|(y, z)| ((image * h + y) * w + z) * c + channel)
            .collect();
        let drawn = words(item, 0);
        if unit_float(drawn[0]) < rate && !neighbors.is_empty() {
            out[item] = x[neighbors[((drawn[1] >> 16) as usize * neighbors.len()) >> 16]];
            *spot = 1.0;
        }
    }
    assert_eq!(n * h * w * c, x.len());
    vec![out, spots]
}

/// Counts over the peak, and whether rounding may make another of them.
fn counted(x: &[f64], peak: f64) -> (Vec<f64>, Vec<bool>) {
    let elements = x.iter().enumerate().map(|(i, &x)| {
        let rate = x.max(0.0) * peak;
        if rate < f64::from(NORMAL_FROM_RATE) {
            let u = f64::from(unit_float(words(i / 4, 0)[i % 4]));
            let (count, margin) = poisson(rate, u);
            (count / peak, rate > 0.0 && margin < PROBABILITY_MARGIN)
        } else {
            let value = rate + rate.sqrt() * normals(words(i / 4, 1))[i % 4] + 0.5;
            let margin = (value - value.round()).abs();
            (value.floor().max(0.0) / peak, margin < COUNT_MARGIN || rate - f64::from(NORMAL_FROM_RATE) < COUNT_MARGIN)
        }
    });
    elements.unzip()
}

fn worn_film(x: &[f64], (n, [h, w], c): ImageSizes, wear: FilmWear) -> Vec<f64> {
    let [grain, scratches, dust] = [wear.grain, wear.scratches, wear.dust].map(f64::from);
    let (tile_rows, tile_columns) = ((h + 2).div_ceil(2), (w + 2).div_ceil(2));
    let (height, width) = (h as f64, w as f64);
    let mut out = x.to_vec();
    for image in 0..n {
        let normal = |y: usize, z: usize| {
            let tile = (image * tile_rows + y / 2) * tile_columns + z / 2;
            normals(words(tile, 0))[y % 2 * 2 + z % 2]
        };
        let count = |rate: f64, word: u32| (poisson(rate, f64::from(unit_float(word))).0 as usize).min(MOST_MARKS);
        let counts = words(image, 1);
        let halves = |index: usize, purpose: u32| {
            let words = words(image * MOST_MARKS + index, purpose);
            (words.map(|word| f64::from(word >> 16) / 65_536.0), words.map(|word| f64::from(word % 65_536) / 65_536.0))
        };
        for y in 0..h {
            for z in 0..w {
                let pixel = &mut out[((image * h + y) * w + z) * c..][..c];
                let mean = (pixel.iter().sum::<f64>() / c as f64).clamp(0.0, 1.0);
                let mut g = 0.0;
                for (i, row) in [1.0, 2.0, 1.0].into_iter().enumerate() {
                    for (j, column) in [1.0, 2.0, 1.0].into_iter().enumerate() {
                        g += row * column / 6.0 * normal(y + i, z + j);
                    }
                }
                pixel.iter_mut().for_each(|value| *value += grain * (0.25 + 3.0 * mean * (1.0 - mean)) * g);
                let mut lay = |share: f64, tone: f64| pixel.iter_mut().for_each(|v| *v += share * (tone - *v));
                let (py, px) = (y as f64 + 0.5, z as f64 + 0.5);
                for index in 0..count(scratches, counts[0]) {
                    let (a, b) = halves(index, 2);
                    let along = py - a[0] * height;
                    let across = px - a[1] * width - 0.08 * (2.0 * a[2] - 1.0) * along;
                    let wide = (0.3 + 0.5 * b[0] + 0.5 - across.abs()).clamp(0.0, 1.0);
                    let long = ((0.1 + 0.4 * a[3]) * height + 0.5 - along.abs()).clamp(0.0, 1.0);
                    lay(wide * long * (0.4 + 0.6 * b[2]), f64::from(u8::from(b[1] >= 0.5)));
                }
                for index in 0..count(dust, counts[1]) {
                    let (a, b) = halves(index, 3);
                    let radius = 1.0 + 0.06 * height.min(width) * a[2].powi(2);
                    let squares = (py - a[0] * height).powi(2) + (px - a[1] * width).powi(2);
                    let cover = (1.0 - squares / radius.powi(2)).max(0.0).powi(2);
                    lay(cover * (0.5 + 0.5 * b[2]), f64::from(u8::from(b[1] >= 0.5)));
                }
            }
        }
    }
    out
}

/// T.81, tables K.1 and K.2, line by line.
const LUMINANCE: &str =
    "16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55  14 13 16 24 40 57 69 56  14 17 22 29 51 87 80 62
    18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92  49 64 78 87 103 121 120 101  72 92 95 98 112 100 103 99";
const CHROMINANCE: &str =
    "17 18 24 47 99 99 99 99  18 21 26 66 99 99 99 99  24 26 56 99 99 99 99 99  47 66 99 99 99 99 99 99
    99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99";

fn step_of(table: &str, place: usize, quality: u32) -> f64 {
    let base: u32 = table.split_whitespace().nth(place).expect("64 of them").parse().expect("a number");
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    f64::from(((base * percent + 50) / 100).clamp(1, 255))
}

/// The picture as JPEG leaves it, by the definition of the transform, and whether a value lies in a block that rounding
/// may make another.
fn coded_picture(x: &[f64], (n, [h, w], c): ImageSizes, [low, high]: [u32; 2]) -> (Vec<f64>, Vec<bool>) {
    let mut out = vec![0.0; x.len()];
    let mut doubtful = vec![false; x.len()];
    let basis = |frequency: usize, place: usize| {
        let norm = if frequency == 0 { 0.125_f64.sqrt() } else { 0.5 };
        norm * ((2 * place + 1) as f64 * frequency as f64 * std::f64::consts::PI / 16.0).cos()
    };
    let cosines: Vec<[f64; 8]> = (0..8).map(|u| std::array::from_fn(|k| basis(u, k))).collect();
    for image in 0..n {
        let u = f64::from(unit_float(words(image, 0)[0]));
        let quality = low + ((u * f64::from(high - low + 1)) as u32).min(high - low);
        let blocks = (0..h).step_by(8).flat_map(|top| (0..w).step_by(8).map(move |left| (top, left)));
        for (top, left) in blocks {
            let doubt = std::cell::Cell::new(false);
            let doubt_if = |near: bool| doubt.set(doubt.get() || near);
            let level = |y: usize, z: usize, k: usize| {
                let value = x[((image * h + y.min(h - 1)) * w + z.min(w - 1)) * c + k].clamp(0.0, 1.0) * 255.0 + 0.5;
                doubt_if((value - value.round()).abs() < LEVEL_MARGIN);
                value.floor()
            };
            let mut decoded = vec![[0.0; 64]; c];
            for (component, decoded) in decoded.iter_mut().enumerate() {
                let samples: Vec<f64> = (0..64)
                    .map(|place| {
                        let at = |k| level(top + place / 8, left + place % 8, k);
                        if c != 3 {
                            return at(component) - 128.0;
                        }
                        let (r, g, b) = (at(0), at(1), at(2));
                        // T.871 in 65536ths, as every codec has it; the chrominances' halves are rounded down.
                        match component {
                            0 => ((19_595.0 * r + 38_470.0 * g + 7_471.0 * b) / 65_536.0 + 0.5).floor() - 128.0,
                            1 => ((32_768.0 * b - 11_058.0 * r - 21_710.0 * g) / 65_536.0 - 0.5).ceil(),
                            _ => ((32_768.0 * r - 27_439.0 * g - 5_329.0 * b) / 65_536.0 - 0.5).ceil(),
                        }
                    })
                    .collect();
                let mut coefficients = [0.0; 64];
                for (place, coefficient) in coefficients.iter_mut().enumerate() {
                    let (down, along) = (&cosines[place / 8], &cosines[place % 8]);
                    let mut sum: f64 = (0..64).map(|i| samples[i] * down[i / 8] * along[i % 8]).sum();
                    let table = if c == 3 && component > 0 { CHROMINANCE } else { LUMINANCE };
                    let step = step_of(table, place, quality);
                    // Frequencies 0 and 4 are whole numbers over 8, which lie on halves often: every device has them exactly.
                    let exact = place / 8 % 4 == 0 && place % 4 == 0;
                    sum = if exact { (8.0 * sum).round() / 8.0 } else { sum };
                    let share = sum.abs() / step + 0.5;
                    doubt_if(!exact && (share - share.round()).abs() * step < COEFFICIENT_MARGIN);
                    *coefficient = sum.signum() * share.floor() * step;
                }
                for (place, value) in decoded.iter_mut().enumerate() {
                    let terms =
                        (0..64).map(|i| coefficients[i] * cosines[i / 8][place / 8] * cosines[i % 8][place % 8]);
                    *value = terms.sum();
                }
            }
            for y in top..(top + 8).min(h) {
                for z in left..(left + 8).min(w) {
                    let place = (y - top) * 8 + z - left;
                    for k in 0..c {
                        let value = match (c, k) {
                            (3, 0) => decoded[0][place] + 1.402 * decoded[2][place],
                            (3, 1) => decoded[0][place] - 0.344_136 * decoded[1][place] - 0.714_136 * decoded[2][place],
                            (3, 2) => decoded[0][place] + 1.772 * decoded[1][place],
                            _ => decoded[k][place],
                        };
                        let at = ((image * h + y) * w + z) * c + k;
                        out[at] = ((value + 128.0) / 255.0).clamp(0.0, 1.0);
                        doubtful[at] = doubt.get();
                    }
                }
            }
        }
    }
    (out, doubtful)
}

fn state(corruption: f32) -> StepState {
    StepState { seed: SEED, step: STEP, corruption, ..StepState::default() }
}

fn mean_and_variance(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    (mean, values.map(|value| (value - mean).powi(2)).sum::<f64>() / count)
}

/// On both sides of where counts become rounded normal numbers, whose variance has 1/12 more.
#[test]
fn shot_noise_has_the_mean_and_variance_of_poisson_counts() {
    const COUNT: usize = 60_000;
    /// The seed is fixed; twenty figures beyond this would come once in a thousand seeds.
    const STANDARD_ERRORS: f64 = 4.0;
    for device in devices() {
        for rate in [0.3, 3.0, 29.0, 31.0, 300.0] {
            for strength in [1.0, 0.5] {
                let light = 500.0 / (strength * strength);
                let x = vec![(rate / light) as f32; COUNT];
                let kernel =
                    pointwise::PointwiseKernel::one(PointwiseStage::ShotNoise { peak: 500.0, stream: STREAM }, COUNT);
                let reads = [bytes(&x); 4];
                let out = run_kernel(&device, Arc::new(kernel), &reads, &[COUNT], &[], state(strength as f32));
                let counts = out[0].iter().map(|&value| f64::from(value) * light);
                assert!(counts.clone().all(|count| (count - count.round()).abs() < 1e-3 && count >= 0.0));
                let (mean, variance) = mean_and_variance(counts);
                let mean_error = (rate / COUNT as f64).sqrt();
                let variance_error = (rate * (1.0 + 2.0 * rate) / COUNT as f64).sqrt();
                let what = format!("{} rate {rate} strength {strength}: {mean} and {variance}", device.info());
                assert!((mean - rate).abs() < STANDARD_ERRORS * mean_error, "{what}");
                let more = if rate >= f64::from(NORMAL_FROM_RATE) { 1.0 / 12.0 } else { 0.0 };
                assert!((variance - rate - more).abs() < STANDARD_ERRORS * variance_error, "{what}");
            }
        }
    }
}

/// Unit variance before the amount, neighbors that go together by 2/3, and a quarter of it near black.
#[test]
fn grain_has_the_variance_and_the_size_that_it_says() {
    let (batch, size, channels) = (16, [64, 64], 1);
    let count = batch * size[0] * size[1];
    // Neighbors go together: their squares of correlation add up to 3.8, and so a variance has the error of as many
    // fewer numbers. Four times sqrt(2 * 3.8 / 65536).
    const BOUND: f64 = 0.043;
    for device in devices() {
        for (value, deviation) in [(0.5, 1.0), (0.0, 0.25), (1.0, 0.25)] {
            let x = vec![value; count];
            let wear = FilmWear { grain: 1.0, ..FilmWear::default() };
            let kernel = film::FilmKernel { wear, batch, size, channels, stream: STREAM };
            let out = run_kernel(&device, Arc::new(kernel), &[bytes(&x)], &[count], &[], state(1.0)).remove(0);
            let grain: Vec<f64> = out.iter().map(|&v| f64::from(v - value) / deviation).collect();
            let (mean, variance) = mean_and_variance(grain.iter().copied());
            assert!(mean.abs() < BOUND && (variance - 1.0).abs() < BOUND, "{}: {mean} {variance}", device.info());
            for (step, expected) in [(1, 2.0 / 3.0), (2, 1.0 / 6.0), (3, 0.0)] {
                let pairs = grain.chunks(64).flat_map(|row| row.windows(step + 1).map(move |w| w[0] * w[step]));
                let (correlation, _) = mean_and_variance(pairs);
                assert!((correlation - expected).abs() < BOUND, "{}: {step} {correlation}", device.info());
            }
        }
    }
}

/// As a sum: flat blocks are whole numbers all the way, and lie on halves of the step at many a quality.
#[test]
fn flat_blocks_stay_flat_through_jpeg() {
    /// The level over 255 is all that is rounded.
    const FLAT: Tolerance = Tolerance { absolute: 2e-7, relative: 0.0 };
    let x: Vec<f32> = (0..256).flat_map(|level| [level as f32 / 255.0; 64]).collect();
    for device in devices() {
        for quality in [1, 10, 25, 50, 75, 90, 99, 100] {
            let kernel =
                jpeg::JpegKernel { quality: [quality; 2], batch: 256, size: [8; 2], channels: 1, stream: STREAM };
            let out = run_kernel(&device, Arc::new(kernel), &[bytes(&x)], &[x.len()], &[], state(1.0)).remove(0);
            let step = step_of(LUMINANCE, 0, quality);
            let expected: Vec<f64> = (0..256)
                .flat_map(|level| {
                    // f64's round goes away from zero at halves, as the rule does.
                    let coefficient = (8.0 * f64::from(level - 128) / step).round() * step;
                    [((coefficient / 8.0 + 128.0) / 255.0).clamp(0.0, 1.0); 64]
                })
                .collect();
            FLAT.check(&format!("{} quality {quality}", device.info()), &out, &expected);
        }
    }
}

/// A coarser quality is farther from the picture; the finest moves no value of gray by two levels and a half.
#[test]
fn jpeg_of_the_finest_quality_changes_next_to_nothing() {
    for (channels, levels) in [(1, 2.5), (3, 5.0)] {
        let sizes = (2, [64, 65], channels);
        let (_, x) = picture(sizes, 120);
        let clean: Vec<f32> = x.iter().map(|value| value.clamp(0.0, 1.0)).collect();
        for device in devices() {
            let error = |quality: u32| {
                let (batch, size, channels) = sizes;
                let kernel = jpeg::JpegKernel { quality: [quality; 2], batch, size, channels, stream: STREAM };
                let out = run_kernel(&device, Arc::new(kernel), &[bytes(&x)], &[x.len()], &[], state(0.0)).remove(0);
                let differences = out.iter().zip(&clean).map(|(a, b)| f64::from(a - b).abs());
                differences.fold(0.0_f64, f64::max)
            };
            let [finest, fine, coarse] = [100, 80, 10].map(error);
            assert!(255.0 * finest < levels && finest < fine && fine < coarse, "{finest} {fine} {coarse}");
        }
    }
}

fn corrupted(settings: &[&str]) -> Spec {
    let settings: Vec<String> = settings.iter().map(|setting| format!("corruption.{setting}")).collect();
    preset("undercomplete").expect("there").spec.with_set(&settings).expect("they set")
}

const ALL: [&str; 11] = [
    "downscale=2",
    "blur=0.5",
    "grain=0.1",
    "scratches=1",
    "dust=2",
    "poisson=60",
    "gaussian_range=[0.0, 0.1]",
    "gaussian=0.05",
    "jpeg=[30, 90]",
    "salt_and_pepper=0.02",
    "masking=0.1",
];

#[test]
fn all_corruptions_train_together_on_all_devices() {
    /// Noise differs by 1e-7, which now and then rounds a level or a coefficient of JPEG another way, in some ten of a
    /// hundred thousand pixels.
    const FIRST_LOSS: f64 = 1e-5;
    let spec = corrupted(&ALL);
    assert!(spec.corruption.is_active());
    assert_eq!(Spec::from_toml(&spec.to_toml().expect("it writes"), "test").expect("it reads"), spec);
    let one_thread = Device::open(DeviceChoice::Cpu, Some(1)).expect("a thread starts");
    let losses: Vec<Vec<f32>> = std::iter::once(one_thread)
        .chain(devices())
        .map(|device| {
            let mut session = Session::new(spec.clone(), digits(), device).expect("a session");
            session.train(12).wait().expect("it trains");
            session.take_losses(true).wait().expect("losses").into_iter().map(|(_, loss)| loss).collect()
        })
        .collect();
    // The same bits whatever the number of threads.
    assert_eq!(losses[0], losses[1]);
    for of_device in &losses {
        assert!(of_device.last() < of_device.first(), "{of_device:?}");
        assert!((f64::from(of_device[0] / losses[0][0]) - 1.0).abs() < FIRST_LOSS, "{losses:?}");
    }
}

/// A spec means the same noise whatever ops come after it: these have streams of their own.
#[test]
fn further_corruptions_leave_the_streams_of_others_alone() {
    let seen = |settings: &[&str]| {
        let mut session = Session::new(corrupted(settings), digits(), cpu()).expect("a session");
        session.outputs(0..5, true, true).wait().expect("outputs").seen
    };
    let alone = seen(&["masking=0.5"]);
    let together = seen(&["grain=0.3", "dust=9", "jpeg=30", "poisson=20", "masking=0.5"]);
    let clean = digits().rows_f32(0..5).expect("rows");
    let masked = alone.iter().zip(&clean).enumerate().filter(|(_, (seen, clean))| **seen == 0.0 && **clean > 0.0);
    let masked: Vec<usize> = masked.map(|(place, _)| place).collect();
    assert!(masked.len() > 100 && masked.into_iter().all(|place| together[place] == 0.0));
}

/// What is not random in the pixels has no strength; what is, is gone without it (`training` tries them one by one).
#[test]
fn downscaling_blur_and_jpeg_have_no_strength() {
    let seen = |setting: &str, strength: &str| {
        let spec = corrupted(&[setting, &format!("strength={strength}")]);
        let mut session = Session::new(spec, digits(), cpu()).expect("a session");
        session.outputs(0..20, true, true).wait().expect("outputs").seen
    };
    let clean = digits().rows_f32(0..20).expect("rows");
    for setting in ["downscale=2", "blur=0.5", "jpeg=20"] {
        let whole = seen(setting, "1.0");
        assert!(hourglass::metrics::mse(&whole, &clean) > 1e-4, "{setting}");
        assert_eq!(seen(setting, "0.0"), whole, "{setting}");
    }
    let noises: Vec<&str> =
        ALL.into_iter().filter(|s| !["downscale", "blur", "jpeg"].iter().any(|kept| s.starts_with(kept))).collect();
    let mut settings = noises.clone();
    settings.push("strength=0.0");
    let mut session = Session::new(corrupted(&settings), digits(), cpu()).expect("a session");
    assert!(hourglass::metrics::mse(&session.outputs(0..20, true, true).wait().expect("outputs").seen, &clean) < 1e-12);
}

#[test]
fn corruption_that_cannot_be_is_refused_in_words() {
    let spec = preset("undercomplete").expect("there").spec;
    for (setting, word) in [
        ("downscale=1", "corruption.downscale"),
        ("downscale=-2", "downscale"),
        ("jpeg=[90, 30]", "corruption.jpeg"),
        ("jpeg=0", "corruption.jpeg"),
        ("jpeg=high", "[30, 90]"),
        ("poisson=-1.0", "corruption.poisson"),
        ("poisson=nan", "corruption.poisson"),
        ("grain=inf", "corruption"),
        ("dust=99.0", "mean counts"),
        ("scratches=-1", "mean counts"),
    ] {
        let error = spec.with_set(&[format!("corruption.{setting}")]).expect_err(setting).to_string();
        assert!(error.contains(word) && !error.contains('\n'), "{setting}: {error}");
    }
    assert_eq!(corrupted(&["jpeg=40"]).corruption.jpeg, Some([40, 40]));
    let digits = digit_shape();
    let thirds = Network::new(&corrupted(&["downscale=3"]), digits).expect_err("28 is no multiple of 3").to_string();
    for word in ["corruption.downscale", "28x28", "3x3"] {
        assert!(thirds.contains(word), "{thirds}");
    }
    let rows = DataShape { image: None, ..digits };
    for setting in ["downscale=2", "grain=0.1", "scratches=1", "dust=1", "jpeg=50"] {
        let error = Network::new(&corrupted(&[setting]), rows).expect_err(setting).to_string();
        let (field, _) = setting.split_once('=').expect("a setting");
        assert!(error.contains(&format!("corruption.{field}")) && error.contains("no pictures"), "{error}");
    }
    Network::new(&corrupted(&["poisson=20"]), rows).expect("counts need no picture");
}

/// For `shaders`: every kernel of these families.
pub fn corruption_kernels() -> Vec<Arc<dyn Kernel>> {
    let (batch, size, stream) = (2, [9, 7], STREAM);
    let wear = FilmWear { grain: 0.1, scratches: 1.0, dust: 1.0 };
    vec![
        Arc::new(film::FilmKernel { wear, batch, size, channels: 3, stream }),
        Arc::new(jpeg::JpegKernel { quality: [30, 90], batch, size, channels: 3, stream }),
        Arc::new(blind_spot::BlindSpotKernel { rate: 0.1, batch, size, channels: 3, stream }),
        Arc::new(pointwise::PointwiseKernel::one(PointwiseStage::ShotNoise { peak: 30.0, stream }, 5)),
    ]
}

/// With blind spots the loss is that of the spots alone, and what is not a spot has no gradient: a model that repeats its
/// input is judged by its neighbors.
#[test]
fn blind_spots_alone_are_judged() {
    let mut spec = preset("self-restore").expect("a preset").spec;
    spec.corruption.blind_spot = 0.1;
    spec.train.batch_size = 16;
    spec.optimizer.ema = None;
    let losses = |device: Device| {
        let mut session = Session::new(spec.clone(), digits(), device).expect("a session");
        session.train(12).wait().expect("steps");
        session.take_losses(true).wait().expect("losses").into_iter().map(|(_, loss)| loss).collect::<Vec<f32>>()
    };
    let all: Vec<Vec<f32>> = devices().into_iter().map(losses).collect();
    for losses in &all {
        assert!(losses.iter().all(|loss| loss.is_finite() && *loss > 0.0), "{losses:?}");
        assert!((losses[0] / all[0][0] - 1.0).abs() < 1e-4, "{losses:?} {:?}", all[0]);
    }
    // The first loss by hand: nothing is learned yet, so that it is about the mean square of a digit's pixels, far above
    // what a tenth of them would sum to over all values.
    let mean_square = 0.1;
    assert!((0.3..3.0).contains(&(all[0][0] / mean_square)), "{:?}", all[0]);
    let mut spec = preset("self-restore").expect("a preset").spec;
    spec.objective.loss = hourglass::kernels::loss::ReconstructionLoss::Huber;
    assert!(spec.check().expect_err("spots are scaled").to_string().contains("blind_spot"));
}
