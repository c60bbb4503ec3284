//! Pictures cleaned: what is taken away, what is left alone, what files keep, and what is refused in which words.

use std::path::{Path, PathBuf};
use std::process::Command;

use hourglass::data::{ArrayValues, DataSet, DataSpec, read_npy, write_npy};
use hourglass::metrics::{mse, noise_level, psnr};
use hourglass::model::shipped_denoiser;
use hourglass::tasks::{DenoiseOptions, Denoised, Denoiser, Sigma, Strength, denoise};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{cpu, devices, noise};

/// A scene of slopes, stripes and discs [height, width] in 0..1: smooth places, edges and texture, none of it random.
fn scene(height: usize, width: usize) -> Vec<f32> {
    let pixel = |y: usize, x: usize| {
        let (v, u) = (y as f32 / height as f32, x as f32 / width as f32);
        let slope = 0.25 + 0.4 * u + 0.15 * v;
        let disc = if (u - 0.3).hypot(v - 0.6) < 0.18 { 0.3 } else { 0.0 };
        let stripes = if u > 0.7 { 0.12 * (60.0 * u + 25.0 * v).sin() } else { 0.0 };
        (slope + disc + stripes).clamp(0.0, 1.0)
    };
    (0..height * width).map(|index| pixel(index / width, index % width)).collect()
}

fn noisy(clean: &[f32], sigma: f32, stream: u32) -> Vec<f32> {
    // Sums of uniform numbers: near enough to normal ones for what is tested here.
    let parts: Vec<Vec<f32>> = (0..6).map(|part| noise(clean.len(), stream + part)).collect();
    let deviation = (6.0_f32 / 3.0).sqrt();
    let normal = |index: usize| parts.iter().map(|part| part[index]).sum::<f32>() / deviation;
    clean.iter().enumerate().map(|(index, value)| value + sigma / 255.0 * normal(index)).collect()
}

fn floats(path: &Path) -> Vec<f32> {
    match read_npy(path, u64::MAX).expect("an array").values {
        ArrayValues::Floats(values) => values,
        other => panic!("floats, not {other:?}"),
    }
}

fn run(inputs: &[&Path], output: &Path, options: &DenoiseOptions) -> Denoised {
    let inputs: Vec<PathBuf> = inputs.iter().map(|path| path.to_path_buf()).collect();
    let mut go_on = |_: f64, _: &Path| std::ops::ControlFlow::Continue(());
    denoise(&inputs, output, options, &cpu(), &mut go_on).expect("it is done")
}

fn fast() -> DenoiseOptions {
    DenoiseOptions { fast: true, ..DenoiseOptions::default() }
}

fn decibels(a: &[f32], b: &[f32]) -> f64 {
    psnr(mse(a, b))
}

#[test]
fn noise_goes_and_what_lies_under_it_stays() {
    let folder = TempDir::new().expect("a folder");
    let ([height, width], sigma) = ([160, 192], 25.0);
    let clean = scene(height, width);
    let seen = noisy(&clean, sigma, 300);
    let (input, reference) = (folder.path().join("in.npy"), folder.path().join("clean.npy"));
    write_npy(&input, &[height, width], &seen).expect("written");
    write_npy(&reference, &[height, width], &clean).expect("written");
    let mut made = Vec::new();
    for (name, is_fast) in [("fast.npy", true), ("best.npy", false)] {
        let output = folder.path().join(name);
        let options = DenoiseOptions { fast: is_fast, reference: Some(reference.clone()), ..DenoiseOptions::default() };
        let done = run(&[&input], &output, &options);
        let comparison = done.files[0].comparison.expect("compared");
        let result = floats(&output);
        let (before, after) = (decibels(&seen, &clean), decibels(&result, &clean));
        assert!((comparison.psnr.expect("a figure") - after).abs() < 1e-3, "{comparison:?} {after}");
        assert!(after > before + 9.0, "{before} dB in, {after} dB out");
        let estimated = done.files[0].sigma.expect("an estimate");
        assert!((estimated - f64::from(sigma)).abs() < 2.0, "{estimated}");
        made.push(after);
    }
    assert!(made[1] > made[0], "eight looks are better than one: {made:?}");
}

#[test]
fn color_is_no_worse_than_its_channels_one_by_one() {
    let folder = TempDir::new().expect("a folder");
    let size = [128, 128];
    let gray = scene(size[0], size[1]);
    let clean: Vec<f32> = gray.iter().flat_map(|v| [*v, 0.8 * v + 0.1, 0.5 + 0.3 * v]).collect();
    let seen = noisy(&clean, 25.0, 310);
    let together = folder.path().join("color.npy");
    write_npy(&together, &[size[0], size[1], 3], &seen).expect("written");
    let options = DenoiseOptions { strength: Strength { sigma: Sigma::Given(25.0), strength: 1.0 }, ..fast() };
    run(&[&together], &folder.path().join("together.npy"), &options);
    let joint = floats(&folder.path().join("together.npy"));
    let mut apart = vec![0.0; joint.len()];
    for channel in 0..3 {
        let one: Vec<f32> = seen.iter().skip(channel).step_by(3).copied().collect();
        let (input, output) = (folder.path().join("one.npy"), folder.path().join("one-out.npy"));
        write_npy(&input, &size, &one).expect("written");
        run(&[&input], &output, &options);
        for (place, value) in floats(&output).into_iter().enumerate() {
            apart[3 * place + channel] = value;
        }
    }
    let (joint, apart) = (decibels(&joint, &clean), decibels(&apart, &clean));
    assert!(joint >= apart, "together {joint} dB, one by one {apart} dB");
}

/// What is taken away where that is little tells noise from texture: clean pictures come back as they are.
#[test]
fn clean_pictures_are_not_harmed() {
    let folder = TempDir::new().expect("a folder");
    let (height, width) = (200, 240);
    // Fine texture over a quarter of the picture, flat letters on the rest.
    let clean: Vec<f32> = scene(height, width)
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            let (y, x) = (index / width, index % width);
            let texture = if y < 100 && x < 120 { 0.15 * ((x * 7 + y * 13) % 5) as f32 / 5.0 } else { 0.0 };
            let letter = if y > 120 && x % 24 < 5 && y % 20 < 14 { 0.0 } else { 1.0 };
            (value + texture).min(1.0) * letter
        })
        .collect();
    let bytes: Vec<u8> = clean.iter().map(|value| (255.0 * value).round() as u8).collect();
    let input = folder.path().join("clean.png");
    GrayImage::from_raw(width as u32, height as u32, bytes.clone()).expect("it fits").save(&input).expect("written");
    let output = folder.path().join("out.png");
    run(&[&input], &output, &DenoiseOptions::default());
    let made = image::open(&output).expect("readable").to_luma8().into_raw();
    let as_floats = |bytes: &[u8]| bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect::<Vec<f32>>();
    let kept = decibels(&as_floats(&made), &as_floats(&bytes));
    assert!(kept >= 42.0, "{kept} dB against itself");
}

#[test]
fn strength_goes_from_a_copy_to_the_whole() {
    let folder = TempDir::new().expect("a folder");
    let clean = scene(96, 96);
    let seen = noisy(&clean, 20.0, 320);
    let input = folder.path().join("in.npy");
    write_npy(&input, &[96, 96], &seen).expect("written");
    let of = |strength: f64| {
        let output = folder.path().join(format!("out-{strength}.npy"));
        let amount = Strength { sigma: Sigma::Given(20.0), strength };
        let done = run(&[&input], &output, &DenoiseOptions { strength: amount, ..fast() });
        assert_eq!(done.files[0].copied, strength == 0.0);
        output
    };
    assert_eq!(std::fs::read(of(0.0)).expect("read"), std::fs::read(&input).expect("read"));
    let (half, whole) = (floats(&of(0.5)), floats(&of(1.0)));
    for ((half, whole), seen) in half.iter().zip(&whole).zip(&seen) {
        assert!((half - (seen + whole) / 2.0).abs() < 1e-5);
    }
}

/// The bound is one of noise: a model that undoes scratches too is not held to it, whatever noise there is.
#[test]
fn what_is_more_than_noise_is_not_bounded_by_noise() {
    let folder = TempDir::new().expect("a folder");
    let size = [128, 128];
    let (input, model) = (folder.path().join("in.npy"), folder.path().join("model.safetensors"));
    write_npy(&input, &size, &scene(size[0], size[1])).expect("written");
    let output = folder.path().join("out.npy");
    assert!(run(&[&input], &output, &fast()).files[0].copied);
    let mut restoring = shipped_denoiser().expect("it is whole");
    restoring.spec.corruption.scratches = 0.3;
    restoring.save(&model).expect("saved");
    let done = run(&[&input], &output, &DenoiseOptions { model: Some(model), ..fast() });
    assert!(!done.files[0].copied, "{:?}", done.files[0]);
    assert_ne!(floats(&output), floats(&input));
}

/// A network that is told how strong the noise is does as it is told, and color is told plane by plane.
#[test]
fn more_is_taken_away_where_more_noise_is_told() {
    let size = [96, 96];
    let seen = noisy(&scene(size[0], size[1]), 20.0, 360);
    for device in devices() {
        let model = shipped_denoiser().expect("it is whole");
        let mut denoiser = Denoiser::new(model, Path::new("denoiser"), &device, None).expect("it suits");
        assert!(denoiser.takes_sigma());
        let mut removed = |sigma: f64| {
            let mut go_on = |_: f64| std::ops::ControlFlow::Continue(());
            let made = denoiser.run(&seen, size, sigma, &mut go_on).expect("it runs");
            decibels(&made, &seen)
        };
        let (little, right, much) = (removed(5.0), removed(20.0), removed(40.0));
        assert!(little > right && right > much, "{little} {right} {much} on {}", device.info().adapter);
    }
}

/// Removed noise is uncorrelated between neighbors; where it is correlated, a warning is given.
#[test]
fn what_is_unlike_the_training_data_is_said() {
    let folder = TempDir::new().expect("a folder");
    let size = [160, 192];
    let clean = scene(size[0], size[1]);
    let white = noisy(&clean, 25.0, 370);
    // Noise of blocks of three pixels, as of a picture that was enlarged.
    let coarse = noisy(&vec![0.0; 54 * 64], 25.0, 380);
    let blocks: Vec<f32> =
        clean.iter().enumerate().map(|(i, v)| v + coarse[i / size[1] / 3 * 64 + i % size[1] / 3]).collect();
    for (values, is_like) in [(white, true), (blocks, false)] {
        let (input, output) = (folder.path().join("in.npy"), folder.path().join("out.npy"));
        write_npy(&input, &size, &values).expect("written");
        let options = DenoiseOptions { strength: Strength { sigma: Sigma::Given(25.0), strength: 1.0 }, ..fast() };
        let done = run(&[&input], &output, &options);
        let said = done.files[0].notes.iter().any(|note| note.contains("unlike"));
        assert_eq!(said, !is_like, "{:?}", done.files[0].notes);
    }
}

/// A picture in tiles is the picture in one: what a network of this depth sees beyond a tile's margin hardly counts.
#[test]
fn tiles_leave_no_seams() {
    /// Full scale is 1.
    const SEAM: f32 = 1e-3;
    let (height, width) = (330, 410);
    let seen = noisy(&scene(height, width), 25.0, 330);
    for device in devices() {
        let answer = |memory: Option<usize>, several: bool| {
            let model = shipped_denoiser().expect("it is whole");
            let mut denoiser = Denoiser::new(model, Path::new("denoiser"), &device, memory).expect("it suits");
            let mut runs = 0;
            let mut go_on = |_: f64| {
                runs += 1;
                std::ops::ControlFlow::Continue(())
            };
            let made = denoiser.run(&seen, [height, width], 25.0, &mut go_on).expect("it runs");
            assert_eq!(runs > 1, several, "{runs} runs of the network");
            made
        };
        let (tiled, whole) = (answer(Some(12 << 20), true), answer(None, false));
        let worst = tiled.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < SEAM, "{worst} of full scale on {}", device.info().adapter);
    }
}

#[test]
fn noise_is_estimated_within_a_tenth() {
    let clean = scene(256, 256);
    for sigma in [5.0, 10.0, 25.0, 50.0] {
        let seen = noisy(&clean, sigma, 340);
        let estimated = 255.0 * noise_level(&seen, 256, 256).expect("large enough");
        assert!((estimated / f64::from(sigma) - 1.0).abs() < 0.1, "{estimated} for {sigma}");
    }
    assert_eq!(noise_level(&clean[..400], 20, 20), None);
}

/// A JPEG segment or PNG chunk as a viewer or editor would leave it.
fn exif(orientation: u8) -> Vec<u8> {
    // Little endian TIFF with one entry: orientation (0x0112), short, one of them.
    let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    bytes.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

#[test]
fn exif_and_icc_are_kept_to_the_byte_and_pixels_stay_as_stored() {
    use img_parts::{ImageEXIF as _, ImageICC as _};
    let folder = TempDir::new().expect("a folder");
    let (width, height) = (120, 80);
    let clean = scene(height, width);
    let bytes: Vec<u8> = noisy(&clean, 20.0, 350).iter().map(|v| (255.0 * v).round().clamp(0.0, 255.0) as u8).collect();
    let rgb: Vec<u8> = bytes.iter().flat_map(|&v| [v; 3]).collect();
    let picture = RgbImage::from_raw(width as u32, height as u32, rgb).expect("it fits");
    // A phone held upright: a quarter turn.
    let (exif, icc) = (exif(6), (0..300_u32).map(|i| (i * 7) as u8).collect::<Vec<u8>>());
    for (name, format) in [("phone.jpg", ImageFormat::Jpeg), ("phone.png", ImageFormat::Png)] {
        let mut made = std::io::Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(picture.clone()).write_to(&mut made, format).expect("it encodes");
        let mut file = img_parts::DynImage::from_bytes(made.into_inner().into()).expect("ours").expect("known");
        file.set_exif(Some(exif.clone().into()));
        file.set_icc_profile(Some(icc.clone().into()));
        let input = folder.path().join(name);
        std::fs::write(&input, file.encoder().bytes()).expect("written");
        let output = folder.path().join("out").join(name);
        std::fs::create_dir_all(folder.path().join("out")).expect("a folder");
        let done = run(&[&input], &output, &fast());
        assert!(!done.files[0].copied, "there is noise in it");
        assert!(["EXIF", "ICC profile"].iter().all(|kept| done.files[0].kept.iter().any(|name| name == kept)));
        let made = std::fs::read(&output).expect("read");
        let file = img_parts::DynImage::from_bytes(made.into()).expect("whole").expect("known");
        assert_eq!(file.exif().as_deref(), Some(&exif[..]), "{name}");
        assert_eq!(file.icc_profile().as_deref(), Some(&icc[..]), "{name}");
        // Stored as before: width and height have not changed places.
        let stored = image::open(&output).expect("readable");
        assert_eq!((stored.width(), stored.height()), (width as u32, height as u32), "{name}");
    }
}

#[test]
fn depth_and_alpha_come_out_as_they_went_in() {
    let folder = TempDir::new().expect("a folder");
    let (width, height) = (72_u32, 64_u32);
    let values = noisy(&scene(64, 72), 25.0, 360);
    let word = |value: f32| (65_535.0 * value).round().clamp(0.0, 65_535.0) as u16;
    let deep: Vec<u16> = values.iter().map(|&v| word(v)).collect();
    let alpha: Vec<u8> = (0..deep.len()).map(|index| (index % 251) as u8).collect();
    let rgba: Vec<u8> = deep.iter().zip(&alpha).flat_map(|(v, a)| [(v >> 8) as u8, (v >> 8) as u8, 90, *a]).collect();
    let gray16 = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(width, height, deep.clone()).expect("it fits");
    gray16.save(folder.path().join("deep.png")).expect("written");
    gray16.save(folder.path().join("deep.tif")).expect("written");
    image::RgbaImage::from_raw(width, height, rgba)
        .expect("it fits")
        .save(folder.path().join("alpha.png"))
        .expect("ok");
    let out = folder.path().join("out");
    let amount = Strength { sigma: Sigma::Given(25.0), strength: 1.0 };
    let done = run(&[folder.path()], &out, &DenoiseOptions { strength: amount, ..fast() });
    assert_eq!((done.done, done.failed), (3, 0), "{:?}", done.files);
    for name in ["deep.png", "deep.tif"] {
        let DynamicImage::ImageLuma16(made) = image::open(out.join(name)).expect("readable") else {
            panic!("{name} is 16 bit gray")
        };
        assert_ne!(made.into_raw(), deep);
    }
    let made = image::open(out.join("alpha.png")).expect("readable").to_rgba8();
    assert!(made.pixels().zip(&alpha).all(|(pixel, alpha)| pixel.0[3] == *alpha));
}

fn hourglass(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hourglass")).args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn one_bad_file_is_reported_and_the_rest_are_done() {
    let folder = TempDir::new().expect("a folder");
    let inputs = folder.path().join("in");
    std::fs::create_dir(&inputs).expect("a folder");
    let values: Vec<u8> =
        noisy(&scene(64, 64), 25.0, 370).iter().map(|v| (255.0 * v).round().clamp(0.0, 255.0) as u8).collect();
    let good = GrayImage::from_raw(64, 64, values).expect("it fits");
    good.save(inputs.join("good.png")).expect("written");
    let whole = std::fs::read(inputs.join("good.png")).expect("read");
    std::fs::write(inputs.join("cut.png"), &whole[..whole.len() / 2]).expect("written");
    std::fs::write(inputs.join("empty.jpg"), []).expect("written");
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let out = folder.path().join("out");
    let (code, stdout, stderr) =
        hourglass(&["denoise", &path(&inputs), "-o", &path(&out), "--device", "cpu", "--fast", "--json"]);
    assert_eq!(code, Some(1), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("one object");
    assert_eq!((report["done"].as_u64(), report["failed"].as_u64()), (Some(1), Some(2)), "{report}");
    assert!(out.join("good.png").is_file() && !out.join("cut.png").exists());
    assert!(stderr.contains("cut.png") && stderr.contains("empty.jpg") && !stderr.contains("panicked"), "{stderr}");

    // The original is never written over, and a wrong number is refused in words.
    let original = path(&inputs.join("good.png"));
    for (arguments, words) in [
        (vec!["denoise", &original, "-o", &original], "give another place"),
        (vec!["denoise", &original, "-o", "x.png", "--strength", "2"], "0 to 1"),
        (vec!["denoise", &original, "-o", "x.png", "--sigma", "-3"], "auto or a number"),
        (vec!["denoise", "nothing.png", "-o", "x.png"], "nothing.png"),
        (vec!["denoise", &original, "-o", "x.jpg"], "another format"),
    ] {
        let (code, _, stderr) = hourglass(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
    assert_eq!(std::fs::read(&original).expect("read"), whole);
}

/// Results of the program are no originals: they are left out of folders, by its name or by the mark in it, and taken where
/// it is named, with a note.
#[test]
fn own_results_are_not_read_back_as_originals() {
    let folder = TempDir::new().expect("a folder");
    let [height, width] = [48, 64];
    // A level that is given, so that no result is a copy of its original.
    let strength = Strength { sigma: Sigma::Given(25.0), ..Strength::default() };
    let given = DenoiseOptions { fast: true, strength, ..DenoiseOptions::default() };
    let gray = |values: &[f32]| {
        let bytes = values.iter().map(|value| (255.0 * value).clamp(0.0, 255.0).round() as u8).collect();
        GrayImage::from_raw(width as u32, height as u32, bytes).expect("it fits")
    };
    let seen = gray(&noisy(&scene(height, width), 25.0, 700));
    let photos = folder.path().join("photos");
    std::fs::create_dir_all(&photos).expect("a folder");
    for name in ["a.png", "b.jpg", "roof-denoised-2.png", "b-denoised.jpg", "denoised.png", "c-denoised-old.png"] {
        seen.save(photos.join(name)).expect("written");
    }
    // Their results lie in a folder below, under the same names, with a mark in each.
    let inside = photos.join("clean");
    let done = run(&[&photos], &inside, &given);
    let names = |done: &Denoised| -> Vec<String> {
        let name = |input: &String| Path::new(input).file_name().expect("a name").to_string_lossy().into_owned();
        done.files.iter().map(|file| name(&file.input)).collect()
    };
    let originals = ["a.png", "b.jpg", "c-denoised-old.png", "denoised.png"];
    assert_eq!(names(&done), originals, "a name alone, or with something else at its end, is an original");
    assert!(done.notes.iter().any(|note| note.contains("left out: denoise wrote them")), "{:?}", done.notes);
    let again = run(&[&photos], &folder.path().join("again"), &given);
    assert_eq!(names(&again), originals, "those below are left out by their marks");
    // A folder for training holds the same rows as before there were results.
    let settings = DataSpec { size: Some([16, 16]), ..DataSpec::from_source(photos.display().to_string()) };
    let data = DataSet::open(&settings, 0.2, 1).expect("pictures");
    let names_of_rows = data.names.as_ref().expect("names");
    assert!(names_of_rows.iter().all(|name| originals.iter().any(|original| name.starts_with(original))));
    assert!(data.notes.iter().any(|note| note.contains("left out: denoise wrote them")), "{:?}", data.notes);
    // A file that is named is taken, and said to be what it is.
    for file in ["photos/b-denoised.jpg", "photos/clean/a.png"] {
        let done = run(&[&folder.path().join(file)], &folder.path().join("named").join(file), &given);
        assert_eq!(done.done, 1);
        assert!(done.notes.iter().any(|note| note.contains("was written by denoise")), "{:?}", done.notes);
    }
    // So is a folder of nothing else.
    let all = run(&[&inside], &folder.path().join("twice"), &given);
    assert_eq!(names(&all), originals);
    assert!(all.notes.iter().any(|note| note.contains("all 4 pictures of this folder")), "{:?}", all.notes);
}
