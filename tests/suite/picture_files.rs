//! Pictures as people have them: pages, counts of any depth, floats, bars, animations, arrays, and their metadata.

use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use hourglass::data::{ArrayValues, StoredElement, read_npy, write_npy, write_npy_as};
use hourglass::metrics::{mse, noise_level, psnr};
use hourglass::tasks::{DenoiseOptions, Denoised, FileOutcome, denoise};
use image::{GrayImage, RgbImage, RgbaImage};
use tempfile::TempDir;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::encoder::{Rational, TiffEncoder, colortype};
use tiff::tags::Tag;

use crate::support::{cpu, noise};

/// A scene of slopes, waves and discs [height, width] in 0.1..0.9.
pub(crate) fn scene(height: usize, width: usize) -> Vec<f32> {
    let pixel = |y: usize, x: usize| {
        let (v, u) = (y as f32 / height as f32, x as f32 / width as f32);
        let disc = |cy: f32, cx: f32, radius: f32| f32::from(u8::from((v - cy).hypot(u - cx) < radius));
        let light = 0.3 + 0.3 * u + 0.1 * (9.0 * v).sin() + 0.25 * disc(0.3, 0.3, 0.18) - 0.2 * disc(0.7, 0.6, 0.2);
        light.clamp(0.1, 0.9)
    };
    (0..height * width).map(|index| pixel(index / width, index % width)).collect()
}

/// Noise of deviation 1: sums of uniform numbers, near enough to normal ones.
fn normal(count: usize, stream: u32) -> Vec<f32> {
    let parts: Vec<Vec<f32>> = (0..6).map(|part| noise(count, stream + part)).collect();
    (0..count).map(|index| parts.iter().map(|part| part[index]).sum::<f32>() / 2.0_f32.sqrt()).collect()
}

pub(crate) fn noisy(clean: &[f32], sigma: f32, stream: u32) -> Vec<f32> {
    clean.iter().zip(normal(clean.len(), stream)).map(|(value, noise)| value + sigma / 255.0 * noise).collect()
}

pub(crate) fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().map(|value| (255.0 * value).round() as u8).collect()
}

fn unit(values: &[u8]) -> Vec<f32> {
    values.iter().map(|&value| f32::from(value) / 255.0).collect()
}

pub(crate) fn fast() -> DenoiseOptions {
    DenoiseOptions { fast: true, ..DenoiseOptions::default() }
}

pub(crate) fn run(input: &Path, output: &Path, options: &DenoiseOptions) -> Denoised {
    let mut go_on = |_: f64, _: &Path| std::ops::ControlFlow::Continue(());
    denoise(&[input.to_path_buf()], output, options, &cpu(), &mut go_on).expect("it is done")
}

fn cleaned(input: &Path, output: &Path) -> FileOutcome {
    let file = run(input, output, &fast()).files.remove(0);
    assert!(file.error.is_none() && !file.copied, "{file:?}");
    file
}

/// Decibels that `made` is nearer to `clean` than `seen`, whatever their unit.
pub(crate) fn gain(clean: &[f32], seen: &[f32], made: &[f32]) -> f64 {
    psnr(mse(made, clean)) - psnr(mse(seen, clean))
}

fn pages(path: &Path) -> Vec<DecodingResult> {
    let mut decoder = Decoder::new(File::open(path).expect("a file")).expect("a TIFF file");
    let mut pages = vec![decoder.read_image().expect("a page")];
    while decoder.more_images() {
        decoder.next_image().expect("a page");
        pages.push(decoder.read_image().expect("a page"));
    }
    pages
}

#[test]
fn all_pages_and_their_tags_come_out() {
    let folder = TempDir::new().expect("a folder");
    let (height, width) = (64_usize, 80_usize);
    let clean = scene(height, width);
    let (input, output) = (folder.path().join("stack.tif"), folder.path().join("out.tif"));
    let seen: Vec<Vec<u8>> = (0..3).map(|page| bytes(&noisy(&clean, 25.0, 500 + 10 * page))).collect();
    let profile: Vec<u8> = (0..200).map(|byte| byte as u8).collect();
    let mut encoder = TiffEncoder::new(File::create(&input).expect("a file")).expect("an encoder");
    for page in &seen {
        let mut image = encoder.new_image::<colortype::Gray8>(width as u32, height as u32).expect("a page");
        let tags = image.encoder();
        tags.write_tag(Tag::ImageDescription, "pixel 0.065 um").expect("a tag");
        tags.write_tag(Tag::Make, "Maker").expect("a tag");
        tags.write_tag(Tag::Orientation, 6_u16).expect("a tag");
        tags.write_tag(Tag::XResolution, Rational { n: 300, d: 1 }).expect("a tag");
        tags.write_tag(Tag::ResolutionUnit, 2_u16).expect("a tag");
        tags.write_tag(Tag::IccProfile, &profile[..]).expect("a tag");
        image.write_data(page).expect("written");
    }
    drop(encoder);
    let file = cleaned(&input, &output);
    assert_eq!((file.pages, file.not_kept.len()), (Some(3), 0), "{file:?}");
    let made = pages(&output);
    assert_eq!(made.len(), 3);
    for (made, seen) in made.into_iter().zip(&seen) {
        let DecodingResult::U8(made) = made else { panic!("bytes") };
        assert!(gain(&clean, &unit(seen), &unit(&made)) > 6.0);
    }
    let mut decoder = Decoder::new(File::open(&output).expect("a file")).expect("a TIFF file");
    for _ in 0..2 {
        assert_eq!(decoder.get_tag_ascii_string(Tag::ImageDescription).expect("kept"), "pixel 0.065 um");
        assert_eq!(decoder.get_tag_ascii_string(Tag::Make).expect("kept"), "Maker");
        assert_eq!(decoder.get_tag_u32(Tag::Orientation).expect("kept"), 6);
        assert_eq!(decoder.get_tag_u8_vec(Tag::IccProfile).expect("kept"), profile);
        assert_eq!(decoder.get_tag(Tag::XResolution).expect("kept"), tiff::decoder::ifd::Value::Rational(300, 1));
        decoder.next_image().expect("another page");
    }
}

/// The same picture and noise in other units: what is taken away is the same, and the unit comes back.
#[test]
fn counts_of_any_depth_are_cleaned_alike() {
    let folder = TempDir::new().expect("a folder");
    let (height, width) = (96_usize, 112_usize);
    let (size, clean) = ((width as u32, height as u32), scene(height, width));
    let seen = noisy(&clean, 22.0, 540);
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.tif"));
    let create = || TiffEncoder::new(File::create(&input).expect("a file")).expect("an encoder");
    let mut gains = Vec::new();
    // Full range, 14, 12 and 10 bits, and a dim signal over the offset of a camera.
    for (offset, span) in [(0.0, 65_535.0), (0.0, 16_000.0), (100.0, 3800.0), (0.0, 1000.0), (2000.0, 400.0)] {
        let counts =
            |values: &[f32]| -> Vec<u16> { values.iter().map(|v| (offset + span * v).round() as u16).collect() };
        create().write_image::<colortype::Gray16>(size.0, size.1, &counts(&seen)).expect("written");
        cleaned(&input, &output);
        let DecodingResult::U16(made) = pages(&output).remove(0) else { panic!("words") };
        let back: Vec<f32> = made.iter().map(|&value| (f32::from(value) - offset) / span).collect();
        gains.push(gain(&clean, &seen, &back));
    }
    for (offset, span) in [(100.0, 2900.0), (-0.5, 1.0), (0.0, 1.0)] {
        let values: Vec<f32> = seen.iter().map(|v| offset + span * v).collect();
        create().write_image::<colortype::Gray32Float>(size.0, size.1, &values).expect("written");
        cleaned(&input, &output);
        let DecodingResult::F32(made) = pages(&output).remove(0) else { panic!("floats") };
        let back: Vec<f32> = made.iter().map(|value| (value - offset) / span).collect();
        gains.push(gain(&clean, &seen, &back));
    }
    let signed: Vec<i16> = seen.iter().map(|v| (6000.0 * v - 3000.0).round() as i16).collect();
    create().write_image::<colortype::GrayI16>(size.0, size.1, &signed).expect("written");
    cleaned(&input, &output);
    let DecodingResult::I16(made) = pages(&output).remove(0) else { panic!("signed words") };
    gains.push(gain(&clean, &seen, &made.iter().map(|&v| (f32::from(v) + 3000.0) / 6000.0).collect::<Vec<_>>()));
    let [least, most] = gains.iter().fold([f64::MAX, f64::MIN], |[low, high], &gain| [low.min(gain), high.max(gain)]);
    assert!(least > 9.0 && most - least < 3.0, "decibels gained: {gains:?}");
    // Black and white can be named, and a clean picture of counts is left alone.
    let named = DenoiseOptions { range: Some([-3000.0, 3000.0]), ..fast() };
    assert_eq!(run(&input, &output, &named).files[0].range, Some([-3000.0, 3000.0]));
    let counts: Vec<u16> = clean.iter().map(|value| (4000.0 * value).round() as u16).collect();
    create().write_image::<colortype::Gray16>(size.0, size.1, &counts).expect("written");
    assert!(run(&input, &output, &fast()).files[0].copied, "nothing to take away");
}

/// A hot pixel comes out as it went in, and the others as they would without it.
#[test]
fn hot_pixels_decide_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (height, width, hot) = (96_usize, 112_usize, 3 * 112 + 45);
    let clean = scene(height, width);
    let seen = noisy(&clean, 18.0, 560);
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.tif"));
    let size = (width as u32, height as u32);
    let words = |value: Option<u16>| {
        let mut counts: Vec<u16> = seen.iter().map(|value| (1000.0 * value).round().max(0.0) as u16).collect();
        counts[hot] = value.unwrap_or(counts[hot]);
        let mut encoder = TiffEncoder::new(File::create(&input).expect("a file")).expect("an encoder");
        encoder.write_image::<colortype::Gray16>(size.0, size.1, &counts).expect("written");
        let file = cleaned(&input, &output);
        let DecodingResult::U16(made) = pages(&output).remove(0) else { panic!("words") };
        (file, [counts, made].map(|values| values.into_iter().map(f32::from).collect::<Vec<f32>>()))
    };
    let floats = |value: Option<f32>| {
        let mut values = seen.clone();
        values[hot] = value.unwrap_or(values[hot]);
        let mut encoder = TiffEncoder::new(File::create(&input).expect("a file")).expect("an encoder");
        encoder.write_image::<colortype::Gray32Float>(size.0, size.1, &values).expect("written");
        let file = cleaned(&input, &output);
        let DecodingResult::F32(made) = pages(&output).remove(0) else { panic!("floats") };
        (file, [values, made])
    };
    let cases = [(1000.0, words(Some(60_000)), words(None)), (1.0, floats(Some(300.0)), floats(None))];
    for (scale, (file, [seen, made]), (without, _)) in cases {
        assert!((made[hot] - seen[hot]).abs() < f32::EPSILON, "{} for {}", made[hot], seen[hot]);
        let told = |note: &String| note.contains("far beyond the others") && note.contains(&seen[hot].to_string());
        assert!(file.notes.iter().any(told), "{:?}", file.notes);
        assert!(!without.notes.iter().any(|note| note.contains("far beyond")), "{:?}", without.notes);
        // White is a little higher for counts, so that sigma is a little less.
        let (sigma, wanted) = (file.sigma.expect("an estimate"), without.sigma.expect("an estimate"));
        assert!((0.7..1.1).contains(&(sigma / wanted)), "sigma {sigma} for {wanted}");
        let rest = |values: &[f32]| -> Vec<f32> {
            values.iter().enumerate().filter(|(at, _)| *at != hot).map(|(_, value)| value / scale).collect()
        };
        let gained =
            gain(&rest(&clean.iter().map(|value| scale * value).collect::<Vec<_>>()), &rest(&seen), &rest(&made));
        assert!(gained > 7.0, "{gained} decibels");
        let mean = |values: &[f32]| rest(values).iter().map(|&value| f64::from(value)).sum::<f64>();
        assert!((mean(&made) / mean(&seen) - 1.0).abs() < 1e-3, "the mean stays");
    }
}

#[test]
fn flat_parts_do_not_hide_the_noise_beside_them() {
    let folder = TempDir::new().expect("a folder");
    let (height, width) = (128_usize, 128_usize);
    let clean = scene(height, width);
    let picture = noisy(&clean, 25.0, 580);
    let (input, output) = (folder.path().join("in.png"), folder.path().join("out.png"));
    let sigma_of = |values: Vec<u8>, width: usize| {
        let height = values.len() / width;
        let image = GrayImage::from_raw(width as u32, height as u32, values).expect("it fits");
        image.save(&input).expect("written");
        let file = run(&input, &output, &fast()).files.remove(0);
        (file.sigma.expect("an estimate"), image::open(&output).expect("readable").to_luma8().into_raw())
    };
    // Black bars of a third and of a half of the area above and below.
    for bar in [32, 64] {
        let mut framed = vec![0; bar * width];
        framed.extend(bytes(&picture));
        framed.extend(vec![0; bar * width]);
        let (sigma, made) = sigma_of(framed, width);
        assert!((sigma - 25.0).abs() < 3.0, "bars of {bar} lines: sigma {sigma}");
        let inner = &made[bar * width..][..height * width];
        assert!(gain(&clean, &picture, &unit(inner)) > 8.0);
        assert!(made[..(bar - 8) * width].iter().all(|&value| value == 0), "bars stay black");
    }
    // On a white page.
    let (page, margin) = (224_usize, 48_usize);
    let mut white = vec![255; page * page];
    for (y, line) in bytes(&picture).chunks_exact(width).enumerate() {
        white[(y + margin) * page + margin..][..width].copy_from_slice(line);
    }
    let (sigma, _) = sigma_of(white, page);
    assert!((sigma - 25.0).abs() < 3.0, "white page: sigma {sigma}");
    // Letters on white, without noise.
    let letters: Vec<u8> = (0..128 * 128).map(|at| if at / 128 % 20 < 12 && at % 24 < 5 { 0 } else { 255 }).collect();
    let (_, made) = sigma_of(letters.clone(), 128);
    assert_eq!(made, letters, "a clean page is copied");
    // Transparent around a disc, of one hidden color.
    let rgba: Vec<u8> = bytes(&picture)
        .iter()
        .enumerate()
        .flat_map(|(at, &value)| {
            let (y, x) = ((at / width) as f32 - 64.0, (at % width) as f32 - 64.0);
            if y.hypot(x) < 50.0 { [value, value, value, 255] } else { [0; 4] }
        })
        .collect();
    RgbaImage::from_raw(width as u32, height as u32, rgba).expect("it fits").save(&input).expect("written");
    let sigma = run(&input, &output, &fast()).files[0].sigma.expect("an estimate");
    // Equal noise in all three channels is told from that of one by its planes: two of them have none.
    assert!(sigma > 20.0 / 3.0_f64.sqrt(), "cut-out: sigma {sigma}");
    let half: Vec<f32> = picture.iter().copied().chain(vec![0.0; height * width]).collect();
    let level = 255.0 * noise_level(&half, 2 * height, width).expect("large enough");
    assert!((level - 25.0).abs() < 3.0, "{level}");
}

#[test]
fn brightness_and_color_stay() {
    let folder = TempDir::new().expect("a folder");
    let (height, width) = (96_usize, 120_usize);
    let clean: Vec<f32> = scene(height, width).iter().flat_map(|v| [0.9 * v, 0.6 * v + 0.1, 0.4 * v]).collect();
    let seen = bytes(&noisy(&clean, 25.0, 620));
    let (input, output) = (folder.path().join("in.png"), folder.path().join("out.png"));
    RgbImage::from_raw(width as u32, height as u32, seen.clone()).expect("it fits").save(&input).expect("written");
    cleaned(&input, &output);
    let made = image::open(&output).expect("readable").to_rgb8().into_raw();
    for channel in 0..3 {
        let mean = |values: &[u8]| values.iter().skip(channel).step_by(3).map(|&v| f64::from(v)).sum::<f64>();
        let shift = mean(&made) / mean(&seen) - 1.0;
        assert!(shift.abs() < 1e-3, "channel {channel} moved by {shift}");
    }
}

fn gif(path: &Path, frames: usize) {
    let mut file = Cursor::new(Vec::new());
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut file);
        for frame in 0..frames {
            let values = bytes(&noisy(&scene(64, 64), 25.0, 640 + 10 * frame as u32));
            let rgba = values.iter().flat_map(|&value| [value, value, value, 255]).collect();
            let picture = RgbaImage::from_raw(64, 64, rgba).expect("it fits");
            encoder.encode_frame(image::Frame::new(picture)).expect("a frame");
        }
    }
    std::fs::write(path, file.into_inner()).expect("written");
}

#[test]
fn frames_are_kept_or_named() {
    let folder = TempDir::new().expect("a folder");
    let input = folder.path().join("in.gif");
    gif(&input, 3);
    let file = cleaned(&input, &folder.path().join("first.png"));
    assert!(file.not_kept.iter().any(|name| name.contains("animation (2 further frames")), "{:?}", file.not_kept);
    let file = cleaned(&input, &folder.path().join("all.tif"));
    assert_eq!((file.pages, pages(&folder.path().join("all.tif")).len()), (Some(3), 3));
    assert_eq!(file.not_kept, ["frame times"]);
    // Of a folder it becomes PNG.
    let inputs = folder.path().join("in");
    std::fs::create_dir(&inputs).expect("a folder");
    gif(&inputs.join("one.gif"), 1);
    let file = run(&inputs, &folder.path().join("out"), &fast()).files.remove(0);
    assert!(file.not_kept.is_empty() && folder.path().join("out/one.png").is_file(), "{file:?}");
}

#[test]
fn arrays_come_back_in_their_shape_and_type() {
    let folder = TempDir::new().expect("a folder");
    let (height, width) = (64_usize, 72_usize);
    let clean = scene(height, width);
    let (input, output) = (folder.path().join("in.npy"), folder.path().join("out.npy"));
    let frames: Vec<f32> = (0..5).flat_map(|frame| noisy(&clean, 25.0, 700 + 10 * frame)).collect();
    let repeated: Vec<f32> = clean.iter().copied().cycle().take(frames.len()).collect();
    for (count, element, scale) in [
        (5, StoredElement::F32, 1.0),
        (3, StoredElement::F64, 1.0),
        (5, StoredElement::U8, 255.0),
        (5, StoredElement::U16, 4000.0),
    ] {
        let len = count * height * width;
        let counts: Vec<f32> = frames[..len].iter().map(|value| scale * value).collect();
        write_npy_as(&input, &[count, height, width], &counts, element).expect("written");
        let file = cleaned(&input, &output);
        // Three planes are colors, five are times: both are said.
        assert!(file.notes.iter().any(|note| note.contains(if count == 3 { "CYX" } else { "TYX" })), "{file:?}");
        assert_eq!(std::fs::read(&output).expect("read")[..128], std::fs::read(&input).expect("read")[..128]);
        let array = read_npy(&output, u64::MAX).expect("an array");
        let made: Vec<f32> = match array.values {
            ArrayValues::Bytes(values) => values.into_iter().map(f32::from).collect(),
            ArrayValues::Floats(values) => values,
        };
        let made: Vec<f32> = made.into_iter().map(|value| value / scale).collect();
        assert!(gain(&repeated[..len], &frames[..len], &made) > 6.0);
    }
    let options = DenoiseOptions { axes: Some("YXT".to_owned()), ..fast() };
    write_npy(&input, &[height, width, 2], &frames[..2 * height * width]).expect("written");
    assert_eq!(run(&input, &output, &options).files[0].pages, Some(2));
}

#[test]
fn other_formats_are_refused_with_what_to_do() {
    let folder = TempDir::new().expect("a folder");
    let place = |name: &str| -> PathBuf { folder.path().join(name) };
    let heic = [&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], &[0; 200]].concat();
    std::fs::write(place("a.HEIC"), &heic).expect("written");
    std::fs::write(place("b.jpg"), &heic).expect("written");
    std::fs::write(place("c.dng"), [&b"II*\0"[..], &[0; 200]].concat()).expect("written");
    std::fs::write(place("d.avif"), [&b"\0\0\0\x1cftypavif"[..], &[0; 100]].concat()).expect("written");
    std::fs::write(place("e.txt"), "words").expect("written");
    let seen = bytes(&noisy(&scene(64, 64), 25.0, 760));
    GrayImage::from_raw(64, 64, seen).expect("it fits").save(place("f.png")).expect("written");
    for (name, words) in [("a.HEIC", "JPEG"), ("b.jpg", "HEIC"), ("c.dng", "raw file"), ("d.avif", "PNG")] {
        let out = place("out").join(name);
        let file = run(&place(name), &out, &fast()).files.remove(0);
        let error = file.error.expect("it is refused");
        assert!(error.contains(words) && error.contains("export"), "{error}");
    }
    let done = run(folder.path(), &TempDir::new().expect("a folder").path().join("out"), &fast());
    let counted = |note: &String| ["1 .heic", "1 .dng", "1 .avif", "1 .txt"].iter().all(|kind| note.contains(kind));
    assert!(done.notes.iter().any(counted), "{:?}", done.notes);
}

fn hourglass(arguments: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_hourglass")).args(arguments).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    errors
}

/// Results of arrays have their type and their unit, and pictures of them can be seen.
#[test]
fn rows_come_back_in_the_unit_of_their_source() {
    let folder = TempDir::new().expect("a folder");
    let place = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let count = 40;
    let unit: Vec<f32> = (0..count)
        .flat_map(|picture| (0..64).map(move |at| 0.1 + 0.8 * f32::from(u8::from((at % 8 + picture) % 8 < 4))))
        .collect();
    let kinds = [
        ("u8", StoredElement::U8, 0.0, 255.0, None),
        ("u16", StoredElement::U16, 0.0, 65_535.0, None),
        ("pm1", StoredElement::F32, -1.0, 2.0, Some("stretched")),
        ("f64", StoredElement::F64, 100.0, 3000.0, Some("stretched")),
    ];
    for (name, element, low, span, said) in kinds {
        let (data, run, model) =
            (place(&format!("{name}.npy")), place(name), place(&format!("{name}/model.safetensors")));
        let values: Vec<f32> = unit.iter().map(|value| low + span * value).collect();
        write_npy_as(Path::new(&data), &[count, 8, 8], &values, element).expect("written");
        let spec = ["--preset", "undercomplete", "--epochs", "120", "--device", "cpu", "--seed", "1"];
        hourglass(&[&["train", "--data", &data, "--out", &run, "--set", "train.batch_size=8"], &spec[..]].concat());
        let out = place(&format!("{name}-out.npy"));
        hourglass(&["reconstruct", &model, "--data", &data, "-o", &out, "--device", "cpu"]);
        // The header says the type and the shape.
        assert_eq!(std::fs::read(&out).expect("read")[..128], std::fs::read(&data).expect("read")[..128], "{name}");
        let made: Vec<f32> = match read_npy(Path::new(&out), u64::MAX).expect("an array").values {
            ArrayValues::Bytes(values) => values.into_iter().map(f32::from).collect(),
            ArrayValues::Floats(values) => values,
        };
        let back: Vec<f32> = made.iter().map(|value| (value - low) / span).collect();
        assert!(mse(&back, &unit) < 0.1, "{name}: {}", mse(&back, &unit));
        let pictures = place(&format!("{name}-png"));
        let errors = hourglass(&["reconstruct", &model, "--data", &data, "-o", &pictures, "--device", "cpu"]);
        assert_eq!(said.is_some(), errors.contains("stretched"), "{name}: {errors}");
        let first = std::fs::read_dir(&pictures).expect("a folder").next().expect("a file").expect("a file").path();
        let shown = image::open(first).expect("a picture").to_luma16().into_raw();
        let middle = shown.iter().map(|&value| f32::from(value) / 65_535.0).sum::<f32>() / 64.0;
        assert!((0.3..0.7).contains(&middle), "{name}: neither white nor black: {middle}");
    }
}

/// Bytes of `picture` as a JPEG of high quality.
fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 92);
    picture.write_with_encoder(encoder).expect("written");
    file.into_inner()
}

#[test]
fn a_jpeg_that_is_cut_or_damaged_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let (input, output) = (folder.path().join("in.jpg"), folder.path().join("out.jpg"));
    let seen: Vec<u8> = bytes(&noisy(&scene(64, 72), 25.0, 820)).into_iter().flat_map(|value| [value; 3]).collect();
    let whole = jpeg(&RgbImage::from_raw(72, 64, seen).expect("it fits"));
    for share in [5, 7, 9] {
        std::fs::write(&input, &whole[..whole.len() * share / 10]).expect("written");
        let error = run(&input, &output, &fast()).files.remove(0).error.expect("it is refused");
        assert!(error.contains("ends before the picture does"), "{error}");
    }
    // Zeros where the rest was to come.
    let mut blank = whole.clone();
    blank[whole.len() / 2..].fill(0);
    std::fs::write(&input, &blank).expect("written");
    assert!(run(&input, &output, &fast()).files[0].error.is_some());
    // A restart marker that no other comes before: what lies between is missing.
    let middle = (whole.len() / 2..).find(|&at| whole[at] != 0xff && whole[at - 1] != 0xff).expect("coded samples");
    let torn = [&whole[..middle], &[0xff, 0xd3], &whole[middle..]].concat();
    std::fs::write(&input, &torn).expect("written");
    let error = run(&input, &output, &fast()).files.remove(0).error.expect("it is refused");
    assert!(error.contains("damaged"), "{error}");
    // Cut, and ended all the same; and without a part in the middle.
    let ended = [&whole[..whole.len() * 7 / 10], &[0xff, 0xd9]].concat();
    let part = whole.iter().enumerate().filter(|(at, _)| !(middle..middle + 300).contains(at)).map(|(_, byte)| *byte);
    for damaged in [ended, part.collect()] {
        std::fs::write(&input, damaged).expect("written");
        let error = run(&input, &output, &fast()).files.remove(0).error.expect("it is refused");
        assert!(error.contains("in the middle of it"), "{error}");
    }
    // Cameras append previews.
    std::fs::write(&input, [&whole[..], &[0; 40], &whole[..200]].concat()).expect("written");
    cleaned(&input, &output);
}

struct Rgbx;
impl colortype::ColorType for Rgbx {
    type Inner = u8;
    const TIFF_VALUE: tiff::tags::PhotometricInterpretation = tiff::tags::PhotometricInterpretation::RGB;
    const BITS_PER_SAMPLE: &'static [u16] = &[8; 3];
    const SAMPLE_FORMAT: &'static [tiff::tags::SampleFormat] = &[tiff::tags::SampleFormat::Uint; 3];
    fn horizontal_predict(row: &[u8], result: &mut Vec<u8>) {
        result.extend_from_slice(row);
    }
}

/// Writes red, green, blue and further samples of these kinds (0 unspecified, 1 and 2 alpha).
fn save_bands(path: &Path, size: [usize; 2], kinds: &[u16], samples: &[u8]) {
    use tiff::tags::ExtraSamples;
    let mut encoder = TiffEncoder::new(File::create(path).expect("a file")).expect("an encoder");
    let mut image = encoder.new_image::<Rgbx>(size[1] as u32, size[0] as u32).expect("a page");
    let kinds: Vec<ExtraSamples> = kinds.iter().filter_map(|&kind| ExtraSamples::from_u16(kind)).collect();
    image.extra_samples(&kinds).expect("samples");
    image.write_data(samples).expect("written");
}

#[test]
fn bands_beside_the_colors_come_out() {
    let folder = TempDir::new().expect("a folder");
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.tif"));
    let (height, width) = (64_usize, 80_usize);
    let clean = scene(height, width);
    for kinds in [&[0][..], &[0, 0], &[2, 0], &[0, 2]] {
        let channels = 3 + kinds.len();
        let planes: Vec<Vec<f32>> =
            (0..channels).map(|channel| noisy(&clean, 25.0, 840 + 10 * channel as u32)).collect();
        let is_alpha = |channel: usize| channel >= 3 && kinds[channel - 3] == 2;
        let seen: Vec<u8> = (0..height * width * channels)
            .map(|at| (at / channels, at % channels))
            .map(|(pixel, channel)| if is_alpha(channel) { 200 } else { bytes(&[planes[channel][pixel]])[0] })
            .collect();
        save_bands(&input, [height, width], kinds, &seen);
        let file = cleaned(&input, &output);
        assert!(file.not_kept.is_empty() && file.channels == Some(channels), "{file:?}");
        let mut decoder = Decoder::new(File::open(&output).expect("a file")).expect("a TIFF file");
        let said = decoder.get_tag_u16_vec(Tag::ExtraSamples).expect("said");
        assert_eq!(said, kinds, "in their order");
        // The bytes as they lie in the file: the decoder leaves bands out.
        assert_eq!(decoder.get_tag_u32(Tag::SamplesPerPixel).expect("said"), channels as u32);
        let file = std::fs::read(&output).expect("read");
        let mut made = Vec::new();
        let offsets = decoder.get_tag_u32_vec(Tag::StripOffsets).expect("strips");
        let lengths = decoder.get_tag_u32_vec(Tag::StripByteCounts).expect("strips");
        for (offset, length) in offsets.into_iter().zip(lengths) {
            made.extend(&file[offset as usize..(offset + length) as usize]);
        }
        assert_eq!(made.len(), seen.len());
        for channel in 0..channels {
            let of = |values: &[u8]| values.iter().skip(channel).step_by(channels).copied().collect::<Vec<u8>>();
            if is_alpha(channel) {
                assert_eq!(of(&made), of(&seen));
            } else {
                let gained = gain(&clean, &unit(&of(&seen)), &unit(&of(&made)));
                assert!(gained > 6.0, "channel {channel} of {kinds:?}: {gained}");
            }
        }
    }
}

#[test]
fn inks_and_their_profile_are_named() {
    let folder = TempDir::new().expect("a folder");
    let (input, output) = (folder.path().join("in.jpg"), folder.path().join("out.jpg"));
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data/cmyk.jpg");
    let inks = std::fs::read(fixture).expect("a picture of inks");
    let with_profile = |picture: &[u8], space: &[u8]| {
        let profile = [&[0; 16][..], space, &[0; 108]].concat();
        let segment = [&b"ICC_PROFILE\0\x01\x01"[..], &profile].concat();
        let length = (segment.len() as u16 + 2).to_be_bytes();
        [&picture[..2], &[0xff, 0xe2], &length, &segment, &picture[2..]].concat()
    };
    std::fs::write(&input, with_profile(&inks, b"CMYK")).expect("written");
    let strong = DenoiseOptions {
        strength: hourglass::tasks::Strength { sigma: hourglass::tasks::Sigma::Given(25.0), strength: 1.0 },
        ..fast()
    };
    let file = run(&input, &output, &strong).files.remove(0);
    assert!(!file.copied && file.error.is_none(), "{file:?}");
    assert!(file.not_kept.iter().any(|name| name.contains("inks")), "{file:?}");
    assert!(file.not_kept.iter().any(|name| name.contains("ICC profile")), "{file:?}");
    let made = std::fs::read(&output).expect("read");
    assert!(!made.windows(4).any(|four| four == b"CMYK"), "no profile of inks in a picture of colors");
    // The profile of its own colors stays.
    let seen: Vec<u8> = bytes(&noisy(&scene(64, 64), 25.0, 900)).into_iter().flat_map(|value| [value; 3]).collect();
    let picture = jpeg(&RgbImage::from_raw(64, 64, seen).expect("it fits"));
    std::fs::write(&input, with_profile(&picture, b"RGB ")).expect("written");
    let file = cleaned(&input, &output);
    assert!(file.not_kept.is_empty() && file.kept.iter().any(|name| name == "ICC profile"), "{file:?}");
}

#[test]
fn pages_of_other_types_or_brightness_have_their_own_white() {
    let folder = TempDir::new().expect("a folder");
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.tif"));
    let (height, width) = (96_u32, 112_u32);
    let clean = scene(height as usize, width as usize);
    let seen = noisy(&clean, 25.0, 920);
    let words = |span: f32| -> Vec<u16> { seen.iter().map(|value| (span * value).round() as u16).collect() };
    let mut encoder = TiffEncoder::new(File::create(&input).expect("a file")).expect("an encoder");
    encoder.write_image::<colortype::Gray8>(width, height, &bytes(&seen)).expect("written");
    encoder.write_image::<colortype::Gray16>(width, height, &words(4000.0)).expect("written");
    encoder.write_image::<colortype::Gray16>(width, height, &words(65_535.0)).expect("written");
    encoder.write_image::<colortype::Gray32Float>(width, height, &seen).expect("written");
    drop(encoder);
    let file = cleaned(&input, &output);
    assert!(
        file.notes.iter().any(|note| note.contains("several number types") && note.contains("`range`")),
        "{file:?}"
    );
    for (page, made) in pages(&output).into_iter().enumerate() {
        let made: Vec<f32> = match made {
            DecodingResult::U8(values) => unit(&values),
            DecodingResult::U16(values) => {
                let span = if page == 1 { 4000.0 } else { 65_535.0 };
                values.into_iter().map(|value| f32::from(value) / span).collect()
            }
            DecodingResult::F32(values) => values,
            other => panic!("{other:?}"),
        };
        let gained = gain(&clean, &seen, &made);
        assert!(gained > 7.0, "page {}: {gained}", page + 1);
    }
}

#[test]
fn forms_of_old_formats_are_kept_or_named() {
    let folder = TempDir::new().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let seen = noisy(&scene(64, 64), 25.0, 940);
    // PGM stays PGM, with its largest value.
    let counts = seen.iter().flat_map(|value| ((4095.0 * value).round() as u16).to_be_bytes());
    let pgm: Vec<u8> = b"P5\n# made here\n64 64\n4095\n".iter().copied().chain(counts).collect();
    std::fs::write(place("in.pgm"), pgm).expect("written");
    let file = cleaned(&place("in.pgm"), &place("out.pgm"));
    let made = std::fs::read(place("out.pgm")).expect("read");
    let header: Vec<&[u8]> = made.split(u8::is_ascii_whitespace).take(4).collect();
    assert_eq!(header, [&b"P5"[..], b"64", b"64", b"4095"]);
    assert_eq!(file.not_kept, ["comment"]);
    let ppm: Vec<u8> =
        b"P6 64 64 255\n".iter().copied().chain(bytes(&seen).into_iter().flat_map(|value| [value; 3])).collect();
    std::fs::write(place("in.ppm"), ppm).expect("written");
    cleaned(&place("in.ppm"), &place("out.ppm"));
    assert!(std::fs::read(place("out.ppm")).expect("read").starts_with(b"P6"));
    // Of 16 bits too, and as text.
    for most in [4095.0, 65_535.0] {
        let counts: Vec<u16> = seen.iter().flat_map(|value| [(most * value).round() as u16; 3]).collect();
        let header = format!("64 64\n{most}\n");
        let binary =
            format!("P6\n{header}").into_bytes().into_iter().chain(counts.iter().flat_map(|v| v.to_be_bytes()));
        let text = format!("P3\n{header}{}\n", counts.iter().map(u16::to_string).collect::<Vec<_>>().join("\n"));
        for (start, bytes) in
            [(format!("P6\n{header}"), binary.collect()), (format!("P3\n{header}"), text.into_bytes())]
        {
            std::fs::write(place("in.ppm"), bytes).expect("written");
            let file = cleaned(&place("in.ppm"), &place("out.ppm"));
            assert!(file.not_kept.is_empty() && file.bits == Some(16), "{file:?}");
            assert!(std::fs::read(place("out.ppm")).expect("read").starts_with(start.as_bytes()));
            let made = image::open(place("out.ppm")).expect("readable").to_luma16().into_raw();
            let made: Vec<f32> = made.into_iter().map(|value| f32::from(value) / 65_535.0).collect();
            assert!(gain(&scene(64, 64), &seen, &made) > 6.0);
        }
    }
    // Gray of a palette stays gray, and the resolution is kept.
    GrayImage::from_raw(64, 64, bytes(&seen)).expect("it fits").save(place("in.bmp")).expect("written");
    let mut bmp = std::fs::read(place("in.bmp")).expect("read");
    bmp[38..46].copy_from_slice(&[0x12, 0x2e, 0, 0, 0x12, 0x2e, 0, 0]);
    std::fs::write(place("in.bmp"), &bmp).expect("written");
    let file = cleaned(&place("in.bmp"), &place("out.bmp"));
    let made = std::fs::read(place("out.bmp")).expect("read");
    assert_eq!((&made[38..46], made[28], file.channels), (&bmp[38..46], 8, Some(1)));
    assert_eq!((file.kept, file.not_kept), (vec!["resolution".to_owned()], Vec::new()));
    // The color behind a PNG, and comments of a GIF, are named.
    let mut png = Cursor::new(Vec::new());
    let gray = GrayImage::from_raw(64, 64, bytes(&seen)).expect("it fits");
    gray.write_to(&mut png, image::ImageFormat::Png).expect("written");
    let mut png = img_parts::png::Png::from_bytes(png.into_inner().into()).expect("a PNG");
    png.chunks_mut().insert(1, img_parts::png::PngChunk::new(*b"bKGD", vec![0, 100].into()));
    std::fs::write(place("in.png"), png.encoder().bytes()).expect("written");
    assert_eq!(cleaned(&place("in.png"), &place("out.png")).not_kept, ["background color"]);
    gif(&place("in.gif"), 1);
    let mut with_comment = std::fs::read(place("in.gif")).expect("read");
    assert_eq!(with_comment.pop(), Some(0x3b), "the end of a GIF");
    with_comment.extend(b"\x21\xfe\x05hello\0\x3b");
    std::fs::write(place("in.gif"), with_comment).expect("written");
    assert_eq!(cleaned(&place("in.gif"), &place("out-gif.png")).not_kept, ["comment"]);
    // Colors of a palette become RGB, which is said.
    let palette = 14 + usize::from(bmp[14]);
    bmp[palette + 4 * 100] = 0;
    for entry in 0..256 {
        bmp[palette + 4 * entry] /= 2;
    }
    std::fs::write(place("in.bmp"), &bmp).expect("written");
    let file = cleaned(&place("in.bmp"), &place("out.bmp"));
    assert!(file.not_kept.iter().any(|name| name.contains("palette")), "{file:?}");
}

#[test]
fn colors_stay_within_alpha_and_cut_outs_have_no_rim() {
    let folder = TempDir::new().expect("a folder");
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.tif"));
    let (height, width) = (64_usize, 80_usize);
    let seen = bytes(&noisy(&scene(height, width), 25.0, 960));
    // Multiplied by alpha: no color is above it.
    let rgba: Vec<u8> = seen
        .iter()
        .enumerate()
        .flat_map(|(at, &value)| {
            let alpha = if at % width < 40 { 120 } else { 255_u8 };
            [value.min(alpha), value.min(alpha), alpha, alpha]
        })
        .collect();
    save_bands(&input, [height, width], &[1], &rgba);
    cleaned(&input, &output);
    let DecodingResult::U8(made) = pages(&output).remove(0) else { panic!("bytes") };
    assert!(made.chunks_exact(4).all(|pixel| pixel[..3].iter().all(|&color| color <= pixel[3])));
    // A square of light gray over hidden black.
    let (input, output) = (folder.path().join("in.png"), folder.path().join("out.png"));
    let square = noisy(&vec![0.8; 96 * 96], 20.0, 980);
    let is_inside = |at: usize| (24..72).contains(&(at / 96)) && (24..72).contains(&(at % 96));
    let cut: Vec<u8> = (0..96 * 96)
        .flat_map(|at| match is_inside(at) {
            true => [bytes(&[square[at]])[0]; 3].into_iter().chain([255]).collect(),
            false => vec![0; 4],
        })
        .collect();
    RgbaImage::from_raw(96, 96, cut).expect("it fits").save(&input).expect("written");
    cleaned(&input, &output);
    let made = image::open(&output).expect("readable").to_rgba8();
    let mean = |pixels: &mut dyn Iterator<Item = (u32, u32)>| {
        let values: Vec<f32> = pixels.map(|(x, y)| f32::from(made.get_pixel(x, y).0[1])).collect();
        values.iter().sum::<f32>() / values.len() as f32
    };
    let middle = mean(&mut (30..66).flat_map(|x| (30..66).map(move |y| (x, y))));
    for side in [24, 71] {
        for rim in [mean(&mut (24..72).map(|x| (x, side))), mean(&mut (24..72).map(|y| (side, y)))] {
            assert!((rim - middle).abs() < 12.0, "rim {side}: {rim}, middle {middle}");
        }
    }
}

#[test]
fn values_that_are_rounded_are_told() {
    let folder = TempDir::new().expect("a folder");
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.tif"));
    let seen = noisy(&scene(64, 64), 25.0, 990);
    let far: Vec<f64> = seen.iter().map(|&value| 1e9 + 100.0 * f64::from(value)).collect();
    let mut encoder = TiffEncoder::new(File::create(&input).expect("a file")).expect("an encoder");
    encoder.write_image::<colortype::Gray64Float>(64, 64, &far).expect("written");
    drop(encoder);
    let file = run(&input, &output, &fast()).files.remove(0);
    assert!(file.notes.iter().any(|note| note.contains("steps of 64") && note.contains("offset")), "{file:?}");
    // Nothing can be subtracted from numbers that begin at 0.
    let large: Vec<u32> = seen.iter().map(|value| (4e9 * value.clamp(0.0, 1.0)) as u32).chain([0]).skip(1).collect();
    let mut encoder = TiffEncoder::new(File::create(&input).expect("a file")).expect("an encoder");
    encoder.write_image::<colortype::Gray32>(64, 64, &large).expect("written");
    drop(encoder);
    let file = run(&input, &output, &fast()).files.remove(0);
    assert!(file.notes.iter().any(|note| note.contains("is lost") && !note.contains("offset")), "{file:?}");
}

/// Rows of 8-bit pictures are bytes in arrays and counts in tables; dimensions come back as they were.
#[test]
fn rows_of_pictures_and_of_named_dimensions_come_back() {
    let folder = TempDir::new().expect("a folder");
    let place = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let pictures = place("pictures");
    std::fs::create_dir(&pictures).expect("a folder");
    let value = |picture: usize, at: usize| 0.1 + 0.8 * f32::from(u8::from((at % 8 + picture) % 8 < 4));
    for picture in 0..40 {
        let values: Vec<f32> = (0..64).map(|at| value(picture, at)).collect();
        let file = Path::new(&pictures).join(format!("{picture:02}.png"));
        GrayImage::from_raw(8, 8, bytes(&values)).expect("it fits").save(file).expect("written");
    }
    let spec = ["--preset", "undercomplete", "--epochs", "20", "--device", "cpu", "--seed", "1"];
    let train = |data: &str, run: &str, more: &[&str]| {
        let own = ["train", "--data", data, "--out", run, "--set", "train.batch_size=8"];
        hourglass(&[&own[..], more, &spec[..]].concat());
        format!("{run}/model.safetensors")
    };
    let model = train(&pictures, &place("run"), &[]);
    let (npy, csv) = (place("out.npy"), place("out.csv"));
    for out in [&npy, &csv] {
        hourglass(&["reconstruct", &model, "--data", &pictures, "-o", out, "--device", "cpu"]);
    }
    let ArrayValues::Bytes(made) = read_npy(Path::new(&npy), u64::MAX).expect("an array").values else {
        panic!("bytes")
    };
    let table = std::fs::read_to_string(&csv).expect("read");
    let cells: Vec<f32> =
        table.lines().skip(1).flat_map(|line| line.split(',')).map(|cell| cell.parse().expect("a number")).collect();
    assert_eq!(cells, made.into_iter().map(f32::from).collect::<Vec<f32>>());
    assert!(cells.iter().any(|&value| value > 100.0));
    // Arrays are no pictures to it.
    let array = place("array.npy");
    write_npy(Path::new(&array), &[40, 8, 8], &[0.5; 40 * 64]).expect("written");
    let refusal = hourglass::tasks::reconstruct(Path::new(&model), &array, Path::new(&npy), &cpu());
    let refusal = refusal.expect_err("it is refused").to_string();
    assert!(refusal.contains("trained on picture files") && refusal.contains("PNG or TIFF"), "{refusal}");
    // Times last.
    let stack: Vec<f32> = (0..64 * 40).map(|at| value(at % 40, at / 40)).collect();
    let data = place("stack.npy");
    write_npy(Path::new(&data), &[8, 8, 40], &stack).expect("written");
    let model = train(&data, &place("stack-run"), &["--set", "data.axes=YXT"]);
    hourglass(&["reconstruct", &model, "--data", &data, "-o", &npy, "--device", "cpu"]);
    assert_eq!(read_npy(Path::new(&npy), u64::MAX).expect("an array").shape, [8, 8, 40]);
    // Channels first, each on a level of its own, and dimensions that are no pictures.
    for shape in [&[40, 3, 8, 8][..], &[40, 2, 4, 8, 3]] {
        let level = |at: usize| 0.1 + 0.35 * (at / 64 % 3) as f32;
        let values: Vec<f32> = (0..40 * 192).map(|at| level(at) + 0.1 * value(at / 192, at % 64)).collect();
        let data = place("first.npy");
        write_npy(Path::new(&data), shape, &values).expect("written");
        let model = train(&data, &place(&format!("run-{}", shape.len())), &[]);
        hourglass(&["reconstruct", &model, "--data", &data, "-o", &npy, "--device", "cpu"]);
        let made = read_npy(Path::new(&npy), u64::MAX).expect("an array");
        assert_eq!(made.shape, shape);
        let ArrayValues::Floats(made) = made.values else { panic!("floats") };
        let error = made.iter().zip(&values).map(|(made, value)| (made - value).abs()).sum::<f32>() / made.len() as f32;
        assert!(error < 0.1, "{shape:?}: {error}");
    }
}
