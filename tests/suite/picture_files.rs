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
fn scene(height: usize, width: usize) -> Vec<f32> {
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

fn noisy(clean: &[f32], sigma: f32, stream: u32) -> Vec<f32> {
    clean.iter().zip(normal(clean.len(), stream)).map(|(value, noise)| value + sigma / 255.0 * noise).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().map(|value| (255.0 * value).round() as u8).collect()
}

fn unit(values: &[u8]) -> Vec<f32> {
    values.iter().map(|&value| f32::from(value) / 255.0).collect()
}

fn fast() -> DenoiseOptions {
    DenoiseOptions { fast: true, ..DenoiseOptions::default() }
}

fn run(input: &Path, output: &Path, options: &DenoiseOptions) -> Denoised {
    let mut go_on = |_: f64, _: &Path| std::ops::ControlFlow::Continue(());
    denoise(&[input.to_path_buf()], output, options, &cpu(), &mut go_on).expect("it is done")
}

fn cleaned(input: &Path, output: &Path) -> FileOutcome {
    let file = run(input, output, &fast()).files.remove(0);
    assert!(file.error.is_none() && !file.copied, "{file:?}");
    file
}

/// Decibels that `made` is nearer to `clean` than `seen`, whatever their unit.
fn gain(clean: &[f32], seen: &[f32], made: &[f32]) -> f64 {
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
    assert!(file.not_kept.is_empty(), "{:?}", file.not_kept);
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
