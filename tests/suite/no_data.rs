//! Pixels without data in rasters: left as they are, to the last bit, and said.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use hourglass::data::{DataSet, DataSpec, Fit};
use tempfile::TempDir;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

use crate::picture_files::{bytes, fast, gain, noisy, run, scene};

const SIZE: [usize; 2] = [96, 112];

/// Writes `values` as a page of floats; `named` is the value that its tag says to stand for no data.
fn write(path: &Path, values: &[f32], named: Option<&str>) {
    let mut encoder = TiffEncoder::new(File::create(path).expect("a file")).expect("an encoder");
    let mut page =
        encoder.new_image::<colortype::Gray32Float>(SIZE[1] as u32, SIZE[0] as u32).expect("room for a page");
    if let Some(named) = named {
        page.encoder().write_tag(Tag::Unknown(42_113), named).expect("a tag");
    }
    page.write_data(values).expect("written");
}

fn read(path: &Path) -> Vec<f32> {
    match Decoder::new(File::open(path).expect("a file")).expect("a TIFF file").read_image().expect("a page") {
        DecodingResult::F32(values) => values,
        other => panic!("{other:?}"),
    }
}

/// Returns whether a pixel is in a corner, on an edge or alone in the middle: where rasters have no data.
fn is_gap(at: usize) -> bool {
    let (row, column) = (at / SIZE[1], at % SIZE[1]);
    row + column < 40 || column > 100 || at == 48 * SIZE[1] + 60
}

#[test]
fn pixels_without_data_are_left_as_they_are_and_said() {
    let folder = TempDir::new().expect("a folder");
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.tif"));
    let clean = scene(SIZE[0], SIZE[1]);
    let seen = noisy(&clean, 25.0, 1310);
    let kept = |values: &[f32]| -> Vec<f32> {
        values.iter().enumerate().filter(|(at, _)| !is_gap(*at)).map(|(_, value)| *value).collect()
    };
    for (gap, named, word) in [
        (f32::NAN, None, "NaN"),
        (-9999.0, Some("-9999"), "-9999"),
        (-32_768.0, None, "-32768"),
        (f32::MIN, None, "-3.4028235e38"),
        (f32::MAX, Some("3.4028234663852886e+38"), "3.4028235e38"),
        // By the tag alone: it is no usual one, and lies among the others.
        (0.5, Some("0.5"), "0.5"),
        // Heights in meters, far from 0..1.
        (-9999.0, None, "-9999"),
    ] {
        let heights = word == "-9999" && named.is_none();
        let unit = |value: f32| if heights { 300.0 + 900.0 * value } else { value };
        let values: Vec<f32> =
            seen.iter().enumerate().map(|(at, &value)| if is_gap(at) { gap } else { unit(value) }).collect();
        write(&input, &values, named);
        let file = run(&input, &output, &fast()).files.remove(0);
        assert!(file.error.is_none() && !file.copied, "{word}: {file:?}");
        let told = |note: &String| note.contains("hold no data") && note.contains(word);
        assert!(file.notes.iter().any(told), "{word}: {:?}", file.notes);
        assert!(!file.notes.iter().any(|note| note.contains("far beyond")), "{word}: {:?}", file.notes);
        let made = read(&output);
        for (at, (made, value)) in made.iter().zip(&values).enumerate().filter(|(at, _)| is_gap(*at)) {
            assert_eq!(made.to_bits(), value.to_bits(), "{word}: pixel {at}");
        }
        let back = |values: &[f32]| -> Vec<f32> {
            values.iter().map(|&value| if heights { (value - 300.0) / 900.0 } else { value }).collect()
        };
        let gained = gain(&kept(&clean), &back(&kept(&values)), &back(&kept(&made)));
        assert!(gained > 5.0, "{word}: {gained} dB");
    }
}

/// A gray PNG of 4 bits a sample: 16 levels, filled up from line to line.
fn shallow_png(values: &[f32]) -> Vec<u8> {
    let mut lines = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    for line in values.chunks_exact(SIZE[1]) {
        let levels: Vec<u8> = line.iter().map(|value| (15.0 * value).round().clamp(0.0, 15.0) as u8).collect();
        let packed: Vec<u8> = levels.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        lines.write_all(&[&[0], &packed[..]].concat()).expect("packed");
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let sides = [SIZE[1] as u32, SIZE[0] as u32].map(u32::to_be_bytes).concat();
    let head = [&sides[..], &[4, 0, 0, 0, 0]].concat();
    for (kind, content) in [(b"IHDR", head), (b"IDAT", lines.finish().expect("packed")), (b"IEND", Vec::new())] {
        let mut checksum = flate2::Crc::new();
        checksum.update(&[&kind[..], &content].concat());
        file.extend((content.len() as u32).to_be_bytes());
        file.extend([&kind[..], &content, &checksum.sum().to_be_bytes()].concat());
    }
    file
}

#[test]
fn shallow_samples_and_further_pictures_are_named_as_lost() {
    let folder = TempDir::new().expect("a folder");
    let seen = noisy(&scene(SIZE[0], SIZE[1]), 40.0, 1340);
    let (input, output) = (folder.path().join("in.png"), folder.path().join("out.png"));
    std::fs::write(&input, shallow_png(&seen)).expect("written");
    let file = run(&input, &output, &fast()).files.remove(0);
    assert!(file.error.is_none() && !file.copied, "{file:?}");
    assert_eq!(file.not_kept, ["4 bits a sample (written as 8)"]);
    let (input, output) = (folder.path().join("in.pgm"), folder.path().join("out.pgm"));
    let head = format!("P5 {} {} 255\n", SIZE[1], SIZE[0]).into_bytes();
    let picture = [head, bytes(&seen)].concat();
    std::fs::write(&input, [&picture[..], &picture].concat()).expect("written");
    let file = run(&input, &output, &fast()).files.remove(0);
    assert!(file.notes.iter().any(|note| note.contains("further pictures")), "{file:?}");
    std::fs::write(&input, &picture).expect("written");
    let file = run(&input, &output, &fast()).files.remove(0);
    assert!(!file.notes.iter().any(|note| note.contains("further pictures")), "{file:?}");
}

#[test]
fn pixels_without_data_are_named_in_training_and_do_not_decide_the_range() {
    let folder = TempDir::new().expect("a folder");
    for picture in 0..12 {
        let seen = noisy(&scene(SIZE[0], SIZE[1]), 10.0, 1320 + picture);
        let values: Vec<f32> = seen
            .iter()
            .enumerate()
            .map(|(at, value)| if is_gap(at) { -9999.0 } else { 300.0 + 900.0 * value })
            .collect();
        write(&folder.path().join(format!("{picture}.tif")), &values, None);
    }
    let options = DataSpec {
        size: Some(SIZE),
        fit: Some(Fit::Crop),
        ..DataSpec::from_source(folder.path().display().to_string())
    };
    let data = DataSet::open(&options, 0.1, 1).expect("pictures");
    let told = |note: &String| note.contains("12 pictures") && note.contains("hold no data");
    assert!(data.notes.iter().any(told), "{:?}", data.notes);
    let [low, high] = data.options.range.expect("a range");
    assert!((0.0..400.0).contains(&low) && (1000.0..1400.0).contains(&high), "{low} to {high}");
    let row = data.rows_f32(0..1).expect("a row");
    assert_eq!(row[0], 0.0);
    assert!(row[48 * SIZE[1] + 50] > 0.2);
}
