//! Data of one's own: read rightly, divided rightly, prepared from the train part alone, refused in words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hourglass::data::{
    DataSet, DataSpec, FIXED, Fit, Part, Preparation, PreparedColumn, Scaling, SourceKind, SplitKind, near_duplicates,
};
use hourglass::model::{Spec, auto_spec, preset};
use hourglass::platform::Wait as _;
use hourglass::train::Session;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use crate::support::{cpu, devices};

fn open(options: &DataSpec) -> Result<DataSet, String> {
    DataSet::open(options, 0.1, 1).map_err(|error| error.to_string())
}

fn spec_of(path: &Path) -> DataSpec {
    DataSpec::from_source(path.display().to_string())
}

fn refused(options: &DataSpec, words: &[&str]) {
    let error = open(options).expect_err("it cannot be used");
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
    assert!(!error.contains('\n') && error.len() < 600, "one line: {error}");
}

/// A file with this content in `folder`.
fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    std::fs::write(&path, content).expect("it can be written");
    path
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data").join(name)
}

/// Left half red, right half blue.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 200]) })
}

fn write(picture: &DynamicImage, path: &Path, format: ImageFormat) {
    picture.save_with_format(path, format).expect("it is written");
}

/// Rows of the source by their names.
fn row_called(data: &DataSet, name: &str) -> Vec<f32> {
    let row = (0..data.rows).find(|&row| data.row_name(row) == name).unwrap_or_else(|| panic!("{name} is there"));
    data.rows_f32(row..row + 1).expect("a row")
}

/// How far a lossy format may be off, of 255.
const LOSSY: f32 = 12.0 / 255.0;

#[test]
fn pictures_of_every_format_become_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = DynamicImage::ImageRgb8(halves(40, 20));
    let formats = [
        ("a.png", ImageFormat::Png),
        ("b.jpg", ImageFormat::Jpeg),
        ("c.webp", ImageFormat::WebP),
        ("d.tiff", ImageFormat::Tiff),
        ("e.bmp", ImageFormat::Bmp),
        ("f.gif", ImageFormat::Gif),
        ("g.ppm", ImageFormat::Pnm),
    ];
    for (name, format) in formats {
        write(&picture, &folder.path().join(name), format);
    }
    // Deeper, with an alpha channel that hides nothing, and four times as large.
    write(&DynamicImage::ImageRgb16(picture.to_rgb16()), &folder.path().join("h.png"), ImageFormat::Png);
    write(&DynamicImage::ImageRgba8(picture.to_rgba8()), &folder.path().join("i.png"), ImageFormat::Png);
    write(&DynamicImage::ImageRgb8(halves(160, 80)), &folder.path().join("j.png"), ImageFormat::Png);
    file(folder.path(), "notes.json", "{}");
    let options = DataSpec { size: Some([10, 20]), fit: Some(Fit::Crop), ..spec_of(folder.path()) };
    let data = open(&options).expect("pictures");
    assert_eq!((data.kind, data.rows, data.features), (SourceKind::Images, 10, 600));
    for name in formats.map(|(name, _)| name).into_iter().chain(["h.png", "i.png", "j.png"]) {
        let row = row_called(&data, name);
        // Away from the edge between the halves, where resizing mixes.
        for (at, wanted) in [(0, [200.0, 0.0, 0.0]), (3 * (20 * 9 + 18), [0.0, 0.0, 200.0])] {
            for (value, wanted) in row[at..at + 3].iter().zip(wanted) {
                assert!((value - wanted / 255.0).abs() <= LOSSY, "{name}: {value} for {wanted}");
            }
        }
    }
}

/// An APP1 segment that says how the picture is to be turned (Exif 2.32, TIFF tag 0x0112).
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut turned = jpeg[..2].to_vec();
    turned.extend([0xff, 0xe1]);
    turned.extend((exif.len() as u16 + 2).to_be_bytes());
    turned.extend(&exif);
    turned.extend(&jpeg[2..]);
    turned
}

#[test]
fn a_photograph_lies_the_way_up_that_its_tag_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut jpeg = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(halves(32, 16)).write_to(&mut jpeg, ImageFormat::Jpeg).expect("a JPEG");
    for i in 0..10 {
        // 6: the left edge as stored is the top edge as seen... turned clockwise by a quarter.
        file(folder.path(), &format!("{i}.jpg"), with_orientation(jpeg.get_ref(), 6));
    }
    let data = open(&DataSpec { fit: Some(Fit::Crop), ..spec_of(folder.path()) }).expect("photographs");
    let image = data.image.expect("pictures");
    assert_eq!((image.height, image.width), (32, 16));
    let row = data.rows_f32(0..1).expect("a row");
    let (top, bottom) = (&row[..3], &row[3 * (16 * 31)..3 * (16 * 31) + 3]);
    assert!(top[0] > 0.6 && top[2] < 0.2 && bottom[0] < 0.2 && bottom[2] > 0.6, "{top:?} {bottom:?}");
}

#[test]
fn pictures_are_fitted_by_crop_pad_or_stretch_and_alpha_shows_white() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..10 {
        write(&DynamicImage::ImageRgb8(halves(64, 32)), &folder.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let corner = |fit| {
        let options = DataSpec { size: Some([16, 16]), fit: Some(fit), ..spec_of(folder.path()) };
        let row = open(&options).expect("pictures").rows_f32(0..1).expect("a row");
        [row[0], row[3 * (16 * 8)], row[3 * (16 * 8 + 15) + 2]]
    };
    let red = 200.0 / 255.0;
    for (fit, wanted) in [(Fit::Crop, [red, red, red]), (Fit::Pad, [0.0, red, red]), (Fit::Stretch, [red, red, red])] {
        for (value, wanted) in corner(fit).iter().zip(wanted) {
            assert!((value - wanted).abs() <= LOSSY, "{fit:?}: {:?}", corner(fit));
        }
    }
    let clear = tempfile::tempdir().expect("a folder");
    for i in 0..10 {
        let picture = RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 0]));
        write(&DynamicImage::ImageRgba8(picture), &clear.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let data = open(&spec_of(clear.path())).expect("pictures");
    assert!(data.rows_f32(0..1).expect("a row").iter().all(|&value| value == 1.0));
    let kept = open(&DataSpec { channels: Some(4), ..spec_of(clear.path()) }).expect("pictures");
    assert!(kept.rows_f32(0..1).expect("a row").iter().all(|&value| value == 0.0));
}

#[test]
fn sixteen_bits_are_kept_where_all_pictures_have_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..10_u16 {
        let picture = image::ImageBuffer::from_pixel(8, 8, image::Luma([40_001 + i]));
        write(&DynamicImage::ImageLuma16(picture), &folder.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let data = open(&spec_of(folder.path())).expect("pictures");
    assert_eq!(data.image.expect("pictures").channels, 1);
    let value = row_called(&data, "3.png")[0];
    assert!((value - 40_004.0 / 65_535.0).abs() < 1e-6, "{value}");
}

#[test]
fn pieces_move_with_the_epoch_and_no_picture_is_in_two_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..5_u8 {
        // Every pixel says where it is, and whose it is.
        let picture = RgbImage::from_fn(100, 70, |x, y| Rgb([x as u8, y as u8, i * 40]));
        write(&DynamicImage::ImageRgb8(picture), &folder.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let options = DataSpec { size: Some([16, 24]), fit: Some(Fit::Patches), ..spec_of(folder.path()) };
    let data = open(&options).expect("pictures");
    let mut owners: Vec<Vec<u8>> = Vec::new();
    for part in [Part::Train, Part::Validation, Part::Test] {
        let rows: Vec<usize> = data.part(part).collect();
        let bytes = data.read(&rows, FIXED).expect("pieces");
        let mut whose: Vec<u8> = bytes.chunks_exact(data.stride()).map(|piece| piece[2]).collect();
        for piece in bytes.chunks_exact(data.stride()) {
            for (at, pixel) in piece.chunks_exact(3).enumerate() {
                let (y, x) = (at / 24, at % 24);
                let moved = [piece[0] + x as u8, piece[1] + y as u8, piece[2]];
                assert_eq!(pixel, moved, "a piece is cut, not resized");
            }
        }
        whose.sort_unstable();
        whose.dedup();
        owners.push(whose);
    }
    let mut all = owners.concat();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((count, all.len()), (5, 5), "{owners:?}");
    let rows: Vec<usize> = data.part(Part::Train).collect();
    let of_epoch = |epoch| data.read(&rows, epoch).expect("pieces");
    assert_eq!(of_epoch(3), of_epoch(3));
    assert_ne!(of_epoch(3), of_epoch(4));
    assert_eq!(of_epoch(FIXED), of_epoch(FIXED));
}

#[test]
fn folders_name_classes_and_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["train", "val", "test"] {
        for class in ["cat", "dog"] {
            for i in 0..4 {
                let path = folder.path().join(part).join(class).join(format!("{i}.png"));
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                write(&DynamicImage::ImageRgb8(halves(16, 16)), &path, ImageFormat::Png);
            }
        }
    }
    let data = open(&spec_of(folder.path())).expect("pictures");
    assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (8, 8, 8));
    assert_eq!(data.options.split, Some(SplitKind::Folders));
    assert_eq!(data.classes, ["cat", "dog"]);
    for row in 0..data.rows {
        let name = data.row_name(row);
        let part = ["train", "val", "test"][usize::from(row >= 8) + usize::from(row >= 16)];
        assert!(name.starts_with(part), "{name} in {part}");
        let class = data.labels.as_ref().expect("labels")[row];
        assert!(name.contains(data.classes[usize::from(class)].as_str()), "{name} is {class}");
    }
}

const PEOPLE: &str = "name,height,\"hair, color\",born,member,age\n";

/// A table with everything in it: words, gaps, dates, quotes.
fn people() -> String {
    let mut text = PEOPLE.to_owned();
    for i in 0..60 {
        let height = if i % 7 == 3 { "NA".to_owned() } else { format!("{:.1}", 150.0 + f64::from(i)) };
        let hair = ["\"black\"", "\"fair, light\"", "red"][i as usize % 3];
        let born = format!("{}-{:02}-{:02} {:02}:00:00", 1980 + i % 30, 1 + i % 12, 1 + i % 28, i % 24);
        text.push_str(&format!("p{i},{height},{hair},{born},yes,{}\n", 20 + i % 5));
    }
    text
}

#[test]
fn columns_become_features_by_their_type() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "people.csv", people());
    let data = open(&DataSpec { labels: Some("age".to_owned()), ..spec_of(&path) }).expect("a table");
    assert_eq!((data.kind, data.rows, data.missing), (SourceKind::Table, 60, 9));
    assert_eq!(data.classes, ["20", "21", "22", "23", "24"]);
    let names = &data.preparation.features;
    // The names of people tell them apart and nothing more, and all are members.
    for absent in ["name", "member"] {
        assert!(!names.iter().any(|name| name.starts_with(absent)), "{names:?}");
        assert!(data.notes.iter().any(|note| note.contains(absent)), "{:?}", data.notes);
    }
    for there in [
        "height",
        "hair, color=black",
        "hair, color=fair, light",
        "hair, color=other",
        "born day sine",
        "born year cosine",
    ] {
        assert!(names.iter().any(|name| name == there), "{there} is not in {names:?}");
    }
    let row_of = |source: usize| {
        let order = data.order.as_ref().expect("an order");
        order.iter().position(|&row| row as usize == source).expect("it is there")
    };
    let feature = |source: usize, name: &str| {
        let at = names.iter().position(|own| own == name).expect("a feature");
        data.rows_f32(row_of(source)..row_of(source) + 1).expect("a row")[at]
    };
    // Row 10 is fair, row 12 was born at noon: half a turn.
    assert_eq!(feature(10, "hair, color=fair, light"), 1.0);
    assert_eq!(feature(10, "hair, color=black"), 0.0);
    assert!((feature(12, "born day cosine") + 1.0).abs() < 1e-6);
    // What is missing is the mean, which is 0 once scaled.
    assert!(feature(3, "height").abs() < 1e-6, "{}", feature(3, "height"));
    let train = data.rows_f32(data.part(Part::Train)).expect("rows");
    let heights: Vec<f64> = train.chunks_exact(data.features).map(|row| f64::from(row[0])).collect();
    let mean = heights.iter().sum::<f64>() / heights.len() as f64;
    assert!(mean.abs() < 1e-6, "{mean}");
}

#[test]
fn csv_dialects_are_detected() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = |separator: &str, decimal: &str| -> String {
        (0..30).map(|i| format!("{i}{decimal}5{separator}{}{decimal}25\n", i * i % 17)).collect()
    };
    let gz = {
        use std::io::Write as _;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(format!("a,b\n{}", rows(",", ".")).as_bytes()).expect("packed");
        packed.finish().expect("packed")
    };
    let plain = open(&spec_of(&file(folder.path(), "a.csv", format!("a,b\n{}", rows(",", "."))))).expect("a table");
    assert_eq!(plain.preparation.features, ["a", "b"]);
    let wanted = plain.rows_f32(0..30).expect("rows");
    let crlf = format!("\u{feff}a,b\r\n{}", rows(",", ".").replace('\n', "\r\n"));
    for (name, content) in [
        ("b.tsv", format!("a\tb\n{}", rows("\t", ".")).into_bytes()),
        ("c.csv", format!("a;b\n{}", rows(";", ",")).into_bytes()),
        ("d.csv.gz", gz),
        ("e.csv", crlf.into_bytes()),
    ] {
        let data =
            open(&spec_of(&file(folder.path(), name, content))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(data.preparation.features, ["a", "b"], "{name}");
        assert_eq!(data.rows_f32(0..30).expect("rows"), wanted, "{name}");
    }
    let bare = open(&spec_of(&file(folder.path(), "f.csv", rows(",", ".")))).expect("a table");
    assert_eq!(bare.preparation.features, ["column 1", "column 2"]);
    assert_eq!(bare.rows_f32(0..30).expect("rows"), wanted);
    // Real files: no header and the label last; a header and the label named.
    let digits =
        open(&DataSpec { labels: Some("last".to_owned()), ..spec_of(&fixture("digits8x8.csv.gz")) }).expect("digits");
    assert_eq!((digits.rows, digits.classes.len()), (1797, 10));
    let cancer = DataSpec { labels: Some("malignant".to_owned()), ..spec_of(&fixture("breast_cancer.csv")) };
    let cancer = open(&cancer).expect("breast cancer");
    assert_eq!((cancer.rows, cancer.features, cancer.classes.len()), (569, 30, 2));
    assert_eq!(cancer.options.split, Some(SplitKind::Stratified));
}

#[test]
fn scaling_follows_its_formulas_and_can_be_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let text: String = (0..40).map(|i| format!("{},{}\n", i, (i * 7 % 40) * 10)).collect();
    let path = file(folder.path(), "a.csv", format!("a,b\n{text}"));
    for scale in [Scaling::Zscore, Scaling::Minmax, Scaling::Robust] {
        let data = open(&DataSpec { scale: Some(scale), ..spec_of(&path) }).expect("a table");
        let order = data.order.clone().expect("an order");
        let train: Vec<f64> = order[data.train.clone()].iter().map(|&row| f64::from(row)).collect();
        let mut sorted = train.clone();
        sorted.sort_by(f64::total_cmp);
        let mean = train.iter().sum::<f64>() / train.len() as f64;
        let deviation = (train.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / train.len() as f64).sqrt();
        let at = |share: f64| {
            let place = share * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        let wanted = |x: f64| match scale {
            Scaling::Zscore => (x - mean) / deviation,
            Scaling::Minmax => (x - sorted[0]) / (sorted[sorted.len() - 1] - sorted[0]),
            _ => (x - at(0.5)) / (at(0.75) - at(0.25)),
        };
        let mut rows = data.rows_f32(0..data.rows).expect("rows");
        for (row, values) in rows.chunks_exact(2).enumerate() {
            let difference = (f64::from(values[0]) - wanted(f64::from(order[row]))).abs();
            assert!(difference < 1e-5, "{scale:?}: {difference}");
        }
        data.preparation.undo(&mut rows);
        for (row, values) in rows.chunks_exact(2).enumerate() {
            assert!((values[0] - order[row] as f32).abs() < 1e-4 && values[1] >= -1e-4, "{scale:?}: {values:?}");
        }
    }
}

#[test]
fn nothing_of_held_out_rows_reaches_what_is_fitted() {
    let folder = tempfile::tempdir().expect("a folder");
    let base: Vec<Vec<String>> =
        (0..50).map(|i| vec![format!("{}", i % 13), format!("{:.2}", f64::from(i) * 0.3), "red".to_owned()]).collect();
    let text = |rows: &[Vec<String>]| {
        let lines: String = rows.iter().map(|row| format!("{}\n", row.join(","))).collect();
        format!("a,b,c\n{}\n", lines.trim_end())
    };
    let opened = |rows: &[Vec<String>], scale| {
        let path = file(folder.path(), "a.csv", text(rows));
        open(&DataSpec { scale: Some(scale), categorical: vec!["c".to_owned()], ..spec_of(&path) }).expect("a table")
    };
    let mut varied = base.clone();
    varied.iter_mut().step_by(2).for_each(|row| row[2] = "blue".to_owned());
    for scale in [Scaling::Zscore, Scaling::Minmax, Scaling::Robust] {
        let before = opened(&varied, scale);
        let order = before.order.clone().expect("an order");
        let mut planted = varied.clone();
        for &row in &order[before.validation.start..] {
            planted[row as usize] = vec!["9e9".to_owned(), "-9e9".to_owned(), "never seen".to_owned()];
        }
        let after = opened(&planted, scale);
        assert_eq!(after.order, before.order);
        assert_eq!(after.preparation, before.preparation, "{scale:?}");
        let train = |data: &DataSet| data.rows_f32(data.part(Part::Train)).expect("rows");
        assert_eq!(train(&after), train(&before));
        // And the test can tell: planted in train, they are seen.
        let mut seen = varied.clone();
        order[..30].iter().for_each(|&row| seen[row as usize][0] = "9e9".to_owned());
        assert_ne!(opened(&seen, scale).preparation, before.preparation);
    }
}

#[test]
fn series_are_cut_in_windows_and_divided_by_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = "timestamp,value,label\n".to_owned();
    for i in 0..600 {
        // A hole of a day after row 299, and one value missing.
        let hour = if i < 300 { i } else { i + 24 };
        let value = if i == 450 { String::new() } else { i.to_string() };
        text.push_str(&format!("2020-01-{:02} {:02}:00:00,{value},{}\n", 1 + hour / 24, hour % 24, u8::from(i == 100)));
    }
    let path = file(folder.path(), "series.csv", text);
    let options = DataSpec { window: Some(8), stride: Some(2), scale: Some(Scaling::None), ..spec_of(&path) };
    let data = open(&options).expect("a series");
    assert_eq!((data.kind, data.features), (SourceKind::Series, 8));
    assert_eq!(data.options.split, Some(SplitKind::Time));
    let rows = |part| data.rows_f32(data.part(part)).expect("rows");
    let (train, validation, test) = (rows(Part::Train), rows(Part::Validation), rows(Part::Test));
    for window in train.chunks_exact(8).chain(validation.chunks_exact(8)).chain(test.chunks_exact(8)) {
        for (at, value) in window.iter().enumerate() {
            assert_eq!(*value, window[0] + at as f32, "in order, nothing missing");
        }
        assert!(!(window[0] < 300.0 && window[7] >= 300.0), "no window spans the hole");
    }
    let last = |rows: &[f32]| rows.iter().copied().fold(0.0, f32::max);
    let first = |rows: &[f32]| rows.iter().copied().fold(f32::MAX, f32::min);
    assert!(last(&train) < first(&validation) && last(&validation) < first(&test), "no step is in two parts");
    let labels = data.labels.as_ref().expect("labels");
    let abnormal: Vec<usize> = (0..data.rows).filter(|&row| labels[row] == 1).collect();
    assert!(
        !abnormal.is_empty()
            && abnormal.iter().all(|&row| {
                let window = data.rows_f32(row..row + 1).expect("a row");
                window[0] <= 100.0 && window[7] >= 100.0
            })
    );
    assert!(data.row_name(0).starts_with("2020-01-"), "{}", data.row_name(0));
    // Each window by itself: level and size are taken away.
    let scaled = open(&DataSpec { scale: Some(Scaling::Window), ..options }).expect("a series");
    let rows = scaled.rows_f32(0..scaled.rows).expect("rows");
    assert!(rows.chunks_exact(8).all(|window| window.iter().sum::<f32>().abs() < 1e-4));
}

#[test]
fn parts_are_seeded_stratified_or_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let text: String = (0..200).map(|i| format!("{},{}\n", i, ["rare", "common", "common", "common"][i % 4])).collect();
    let path = file(folder.path(), "a.csv", format!("x,label\n{text}"));
    let opened = |seed, split| {
        let options = DataSpec { split, ..spec_of(&path) };
        DataSet::open(&options, 0.1, seed).expect("a table")
    };
    let data = opened(1, None);
    assert_eq!(data.options.split, Some(SplitKind::Stratified));
    for part in [Part::Train, Part::Validation, Part::Test] {
        let rows = data.part(part);
        let labels = &data.labels.as_ref().expect("labels")[rows.clone()];
        let rare = labels.iter().filter(|&&label| data.classes[usize::from(label)] == "rare").count();
        assert!((rare as f64 - rows.len() as f64 / 4.0).abs() <= 1.0, "{rare} of {}", rows.len());
    }
    assert_eq!(opened(1, None).order, data.order);
    assert_ne!(opened(2, None).order, data.order);
    let fraction = opened(1, Some(SplitKind::Fraction));
    assert_eq!((fraction.train.len(), fraction.validation.len(), fraction.test.len()), (162, 18, 20));
    let mut order = fraction.order.as_ref().expect("an order").to_vec();
    order.sort_unstable();
    assert_eq!(order, (0..200).collect::<Vec<u32>>(), "each row is in one part");

    let list = |name: &str, rows: std::ops::Range<usize>| {
        let lines: String = rows.map(|row| format!("{row}\n")).collect();
        file(folder.path(), name, lines).display().to_string()
    };
    let lists = [list("train.txt", 1..101), list("validation.txt", 101..151), list("test.txt", 151..201)];
    let listed = open(&DataSpec { lists: Some(lists), ..spec_of(&path) }).expect("a table");
    assert_eq!(listed.options.split, Some(SplitKind::Files));
    assert_eq!((listed.train.len(), listed.validation.len(), listed.test.len()), (100, 50, 50));
    assert!(listed.order.as_ref().expect("an order")[..100].iter().all(|&row| row < 100));
    let wrong = [list("train.txt", 1..101), list("validation.txt", 101..151), list("test.txt", 151..300)];
    refused(&DataSpec { lists: Some(wrong), ..spec_of(&path) }, &["test.txt", "line 51", "201", "number from 1"]);
}

#[test]
fn near_duplicates_across_the_split_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let noise = crate::support::noise(200 * 40, 3);
    let line = |row: usize, shift: f32| {
        let cells: Vec<String> =
            noise[row * 40..(row + 1) * 40].iter().map(|value| format!("{}", value + shift)).collect();
        format!("{}\n", cells.join(","))
    };
    let clean: String = (0..200).map(|row| line(row, 0.0)).collect();
    let found = |text: &str| {
        let path = file(folder.path(), "a.csv", text);
        near_duplicates(&open(&spec_of(&path)).expect("a table")).expect("compared")
    };
    let none = found(&clean);
    assert_eq!((none.equal, none.near), (0, 0));
    // Every row twice, and every row again but for a little.
    let twice = found(&format!("{clean}{clean}"));
    assert!(twice.equal > twice.compared / 2, "{twice:?}");
    let nearly: String = (0..200).map(|row| line(row, 0.003)).collect();
    let nearly = found(&format!("{clean}{nearly}"));
    assert!(nearly.equal == 0 && nearly.near > nearly.compared / 2, "{nearly:?}");
    assert_eq!(nearly.examples.len(), 3);
}

/// A PNG whose header claims so many pixels, its checksum right.
fn boasting_png(side: u32) -> Vec<u8> {
    let mut small = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(halves(4, 4)).write_to(&mut small, ImageFormat::Png).expect("a PNG");
    let mut bytes = small.into_inner();
    bytes[16..20].copy_from_slice(&side.to_be_bytes());
    bytes[20..24].copy_from_slice(&side.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    bytes
}

#[test]
fn hostile_pictures_are_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("empty")).expect("made");
    for (name, end) in [("unix.csv", "\n"), ("windows.csv", "\r\n")] {
        // Lines 1 to 12, the fifth of them empty and two after another too short.
        let mut lines: Vec<String> =
            std::iter::once("a,b,c".to_owned()).chain((1..12).map(|i| format!("{i},2,3"))).collect();
        (lines[4], lines[8], lines[9]) = (String::new(), "1,2".to_owned(), "1".to_owned());
        std::fs::write(at(name), lines.join(end) + end).expect("written");
        refused(&spec_of(&at(name)), &[name, "line 9 has 2 cells"]);
        lines[8] = "1,2,3".to_owned();
        std::fs::write(at(name), lines.join(end) + end).expect("written");
        refused(&spec_of(&at(name)), &[name, "line 10 has 1 cells"]);
    }
    refused(&spec_of(&at("empty")), &["empty", "give a folder"]);
    refused(&spec_of(&at("nowhere")), &["nowhere", "no such file"]);
    refused(&spec_of(&file(folder.path(), "zero.png", "")), &["zero.png", "empty"]);
    let mut png = std::io::Cursor::new(Vec::new());
    let noisy = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 7 + y * 13) as u8, (x * y) as u8, (x ^ y) as u8]));
    DynamicImage::ImageRgb8(noisy.clone()).write_to(&mut png, ImageFormat::Png).expect("a PNG");
    let mut jpeg = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(noisy).write_to(&mut jpeg, ImageFormat::Jpeg).expect("a JPEG");
    let (png, jpeg) = (png.into_inner(), jpeg.into_inner());
    refused(&spec_of(&file(folder.path(), "cut/a.png", &png[..png.len() / 2])), &["a.png", "ends before"]);
    refused(&spec_of(&file(folder.path(), "header/a.jpg", &jpeg[..100])), &["a.jpg"]);
    refused(&spec_of(&file(folder.path(), "boast/a.png", boasting_png(100_000))), &["a.png", "100000x100000"]);
    refused(&spec_of(&file(folder.path(), "text/a.png", "no picture at all")), &["a.png"]);
    // One bad file among good ones is named and left out.
    for i in 0..12 {
        file(folder.path(), &format!("mixed/{i}.png"), &png);
    }
    file(folder.path(), "mixed/bad.png", &png[..200]);
    let data = open(&DataSpec { fit: Some(Fit::Crop), ..spec_of(&at("mixed")) }).expect("the others");
    assert_eq!(data.rows, 12);
    assert!(data.notes.iter().any(|note| note.contains("bad.png") && note.contains("ends before")), "{:?}", data.notes);
    // One picture cannot be a train, a validation and a test part.
    refused(
        &DataSpec { fit: Some(Fit::Crop), ..spec_of(&file(folder.path(), "one/a.png", &png)) },
        &["1 rows", "at least 10"],
    );
    // A cut JPEG has rows: what decodes of it is taken as readers of pictures do, or it is refused; it never panics.
    let _ = open(&spec_of(&file(folder.path(), "half/a.jpg", &jpeg[..jpeg.len() * 2 / 3])));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(at("mixed"), at("mixed").join("again")).expect("a link");
        let looped = open(&DataSpec { fit: Some(Fit::Crop), ..spec_of(&at("mixed")) }).expect("the loop is left");
        assert_eq!(looped.rows, 12);
        assert!(looped.notes.iter().any(|note| note.contains("link back")), "{:?}", looped.notes);
    }
}

#[test]
fn hostile_tables_are_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = |name: &str, content: &str, words: &[&str]| {
        refused(&spec_of(&file(folder.path(), name, content)), words);
    };
    let rows: String = (0..20).map(|i| format!("{i},{}\n", i * 3 % 7)).collect();
    case("zero.csv", "", &["zero.csv", "empty"]);
    case("header.csv", "a,b\n", &["header.csv", "no rows"]);
    case("ragged.csv", &format!("a,b\n{rows}1,2,3\n"), &["line 22", "3 cells", "2"]);
    case("words.csv", &format!("a,b\n{rows}5,seven\n"), &["row 21", "\"b\"", "seven", "categorical"]);
    case("infinite.csv", &format!("a,b\n{rows}inf,1\n"), &["row 21", "\"a\"", "infinite"]);
    case("constant.csv", &format!("a,b\n{}", "1,2\n".repeat(20)), &["no column", "every row"]);
    case("missing.csv", &format!("a,b\n{}", "NA,\n".repeat(20)), &["no column", "no row for training has a value"]);
    case("one.csv", "a,b\n1,2\n", &["1 rows", "at least 10"]);
    case("twice.csv", &format!("a,a\n{rows}"), &["two columns", "\"a\""]);
    case("binary.csv", "a,b\n1,\0\n", &["bytes that no text has"]);
    refused(
        &DataSpec {
            labels: Some("colur".to_owned()),
            ..spec_of(&file(folder.path(), "l.csv", format!("color,b\n{rows}")))
        },
        &["no column", "colur", "perhaps \"color\""],
    );
    refused(
        &DataSpec { exclude: vec!["c".to_owned()], ..spec_of(&file(folder.path(), "x.csv", format!("a,b\n{rows}"))) },
        &["no column", "\"c\""],
    );
    // NaN is a missing value, and one constant column among others is left out and said.
    let text: String = (0..20)
        .map(|i| format!("{},{},7\n", if i == 4 { "NaN".to_owned() } else { i.to_string() }, i * 3 % 7))
        .collect();
    let data = open(&spec_of(&file(folder.path(), "nan.csv", format!("a,b,c\n{text}")))).expect("a table");
    assert_eq!((data.missing, data.features), (1, 2));
    assert!(data.notes.iter().any(|note| note.contains("\"c\"")), "{:?}", data.notes);
    let unknown = file(folder.path(), "thing.bin", [7_u8; 64]);
    refused(&spec_of(&unknown), &["thing.bin", "data.kind"]);
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "secret.csv", "a,b\n1,2\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("closed");
    // The superuser reads everything: there is nothing to refuse then.
    if std::fs::File::open(&path).is_err() {
        refused(&spec_of(&path), &["secret.csv", "permission denied", "readable"]);
    }
    let dangling = folder.path().join("gone.csv");
    std::os::unix::fs::symlink(folder.path().join("never"), &dangling).expect("a link");
    refused(&spec_of(&dangling), &["gone.csv", "no such file"]);
}

#[test]
fn other_rows_are_prepared_as_those_of_training_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "people.csv", people());
    let options = DataSpec { labels: Some("age".to_owned()), ..spec_of(&path) };
    let data = open(&options).expect("a table");
    let whole = |name: &str, text: String| {
        let other = DataSpec { source: file(folder.path(), name, text).display().to_string(), ..data.options.clone() };
        DataSet::open_whole(&other, &data.preparation).map_err(|error| error.to_string())
    };
    // The same rows in their own order; columns elsewhere, one more, and no labels.
    let same = whole("same.csv", people()).expect("the same");
    assert_eq!((same.test.len(), same.features), (60, data.features));
    let order = data.order.as_ref().expect("an order");
    for row in 0..data.rows {
        let there = order[row] as usize;
        assert_eq!(data.rows_f32(row..row + 1).unwrap(), same.rows_f32(there..there + 1).unwrap());
    }
    let turned: String = people()
        .lines()
        .map(|line| {
            let mut cells = csv_cells(line);
            cells.pop();
            cells.reverse();
            format!("{},9\n", cells.join(","))
        })
        .collect();
    let turned = whole("turned.csv", turned.replacen(",9\n", ",extra\n", 1)).expect("columns are found by name");
    assert_eq!(turned.rows_f32(0..60).unwrap(), same.rows_f32(0..60).unwrap());
    assert!(turned.notes.iter().any(|note| note.contains("extra")), "{:?}", turned.notes);
    let error = whole("less.csv", "name,born\na,2000-01-01\n".to_owned()).expect_err("columns are missing");
    assert!(error.contains("height") && error.contains("no column"), "{error}");
}

/// The cells of a line, quotes kept.
fn csv_cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        quoted ^= c == '"';
        match c {
            ',' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().expect("a cell").push(c),
        }
    }
    cells
}

fn short(mut spec: Spec, data: &DataSet) -> Spec {
    spec.take_options(data);
    spec.train.batch_size = 8;
    spec.train.epochs = 3;
    spec
}

/// Losses of some steps, the validation loss, and latents.
fn trace(spec: &Spec, data: &DataSet, device: hourglass::device::Device) -> (Vec<f32>, f64, Vec<f32>, bool) {
    let mut session = Session::new(spec.clone(), Arc::new(data.clone()), device).expect("a session");
    let mut losses = Vec::new();
    while session.train(64).wait().expect("it trains") > 0 {
        losses.extend(session.take_losses(true).wait().expect("losses").into_iter().map(|(_, loss)| loss));
    }
    let (validation, _) = session.evaluate(Part::Validation).wait().expect("validation");
    let latents = session.outputs(data.part(Part::Test), false, true).wait().expect("latents").latents;
    (losses, validation, latents, session.waited_for_data().is_some())
}

#[test]
fn streamed_data_gives_the_same_bits_as_resident_data() {
    let data = crate::support::digits();
    for device in devices() {
        let mut spec = preset("denoising-gaussian").expect("a preset").spec;
        spec.data.rows = Some(4000);
        spec.train.epochs = 2;
        spec.train.batch_size = 100;
        let mut few = DataSet::clone(&data);
        few.limit_train(4000);
        few.validation = few.validation.start..few.validation.start + 700;
        few.test = few.test.start..few.test.start + 300;
        let whole = trace(&spec, &few, device.clone());
        few.options.device_megabytes = Some(1);
        let streamed = trace(&spec, &few, device.clone());
        assert!(!whole.3 && streamed.3, "one lies there, the other streams");
        assert_eq!(whole.0, streamed.0, "{}", device.info());
        assert_eq!((whole.1, &whole.2), (streamed.1, &streamed.2), "{}", device.info());
    }
}

#[test]
fn floats_and_pieces_train_on_every_device() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..4_u32 {
        let picture = RgbImage::from_fn(90, 80, |x, y| Rgb([(x * (i + 1)) as u8, (y * 2) as u8, (x + y) as u8]));
        write(&DynamicImage::ImageRgb8(picture), &folder.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let pieces =
        open(&DataSpec { size: Some([16, 16]), fit: Some(Fit::Patches), ..spec_of(folder.path()) }).expect("pieces");
    let table = DataSpec { labels: Some("malignant".to_owned()), ..spec_of(&fixture("breast_cancer.csv")) };
    let table = open(&table).expect("a table");
    // Two devices add in another order; steps carry it on.
    const AGREE: f64 = 2e-4;
    for data in [&pieces, &table] {
        let spec = short(auto_spec(data).expect("a suggestion").spec, data);
        let traces: Vec<_> = devices().into_iter().map(|device| trace(&spec, data, device)).collect();
        for (losses, ..) in &traces {
            assert!(losses.len() > 10 && losses.iter().all(|loss| loss.is_finite()));
            for (loss, first) in losses.iter().zip(&traces[0].0) {
                assert!(
                    (f64::from(*loss) - f64::from(*first)).abs() <= AGREE * f64::from(*first).abs().max(1e-3),
                    "{loss} {first}"
                );
            }
        }
    }
}

#[test]
fn automatic_specs_beat_pca_on_tables() {
    for (name, labels) in [("breast_cancer.csv", "malignant"), ("digits8x8.csv.gz", "last")] {
        let data = open(&DataSpec { labels: Some(labels.to_owned()), ..spec_of(&fixture(name)) }).expect("a table");
        let suggestion = auto_spec(&data).expect("a suggestion");
        assert!(suggestion.spec.model.latent < data.features, "{}", suggestion.reasons);
        let session = Session::new(suggestion.spec, Arc::new(data), cpu()).expect("a session");
        let mut run = hourglass::train::Run::new(session, None, None, false).wait().expect("a run");
        while !run.is_done() {
            run.advance(256).wait().expect("it trains");
        }
        let report = run.report(true).wait().expect("a report");
        let (test, pca) = (report.test.expect("a test"), report.pca.expect("PCA"));
        assert!(test.mse < pca.mse, "{name}: {} where PCA has {}", test.mse, pca.mse);
        assert!(test.bce.is_none(), "scaled values have no cross entropy");
    }
}

#[test]
fn a_model_keeps_what_its_data_was_scaled_by() {
    let table = DataSpec { labels: Some("malignant".to_owned()), ..spec_of(&fixture("breast_cancer.csv")) };
    let data = open(&table).expect("a table");
    let spec = short(auto_spec(&data).expect("a suggestion").spec, &data);
    let mut session = Session::new(spec, Arc::new(data.clone()), cpu()).expect("a session");
    let weights = session.weights().wait().expect("weights");
    let model = session.model(&weights);
    let bytes = model.to_bytes().expect("bytes");
    let read = hourglass::model::Model::from_bytes(&bytes, Path::new("model")).expect("it reads back");
    assert_eq!(read.preparation, data.preparation);
    assert!(matches!(&read.preparation.columns[0], PreparedColumn::Number { name, .. } if name == "mean_radius"));
    assert_eq!(read.labels.as_deref(), Some(["0".to_owned(), "1".to_owned()].as_slice()));
    let empty = Preparation::new(SourceKind::Table, Scaling::Zscore);
    assert!(empty.check(30).is_ok() && read.preparation.check(31).is_err());
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_tables_are_read_as_csv_is() {
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.parquet");
    let schema = "message rows { REQUIRED DOUBLE a; OPTIONAL INT64 b; REQUIRED BYTE_ARRAY c (UTF8);
        REQUIRED INT64 d (TIMESTAMP_MILLIS); }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).expect("a schema"));
    let output = std::fs::File::create(&path).expect("a file");
    let mut writer =
        SerializedFileWriter::new(output, schema, Arc::new(WriterProperties::builder().build())).expect("a writer");
    let mut group = writer.next_row_group().expect("rows");
    let mut column = group.next_column().expect("a").expect("a");
    let a: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.5).collect();
    column.typed::<DoubleType>().write_batch(&a, None, None).expect("written");
    column.close().expect("closed");
    // Every tenth is missing.
    let mut column = group.next_column().expect("b").expect("b");
    let b: Vec<i64> = (0..40).filter(|i| i % 10 != 0).map(|i| i * i % 13).collect();
    let there: Vec<i16> = (0..40).map(|i| i16::from(i % 10 != 0)).collect();
    column.typed::<Int64Type>().write_batch(&b, Some(&there), None).expect("written");
    column.close().expect("closed");
    let mut column = group.next_column().expect("c").expect("c");
    let c: Vec<ByteArray> = (0..40).map(|i| ByteArray::from(["red", "blue"][i % 2])).collect();
    column.typed::<ByteArrayType>().write_batch(&c, None, None).expect("written");
    column.close().expect("closed");
    let mut column = group.next_column().expect("d").expect("d");
    let d: Vec<i64> = (0..40).map(|i| 1_577_836_800_000 + i * 3_600_000).collect();
    column.typed::<Int64Type>().write_batch(&d, None, None).expect("written");
    column.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");

    let text: String = (0..40)
        .map(|i| {
            let b = if i % 10 == 0 { String::new() } else { (i * i % 13).to_string() };
            let color = ["red", "blue"][i % 2];
            format!("{},{b},{color},2020-01-{:02} {:02}:00:00\n", i as f64 * 0.5, 1 + i / 24, i % 24)
        })
        .collect();
    let csv = file(folder.path(), "a.csv", format!("a,b,c,d\n{text}"));
    let as_table = |path: &Path| open(&DataSpec { kind: Some(SourceKind::Table), ..spec_of(path) }).expect("a table");
    let (one, other) = (as_table(&path), as_table(&csv));
    assert_eq!((one.missing, &one.preparation.columns), (4, &other.preparation.columns));
    assert_eq!(one.rows_f32(0..40).unwrap(), other.rows_f32(0..40).unwrap());
    let half = std::fs::read(&path).expect("bytes");
    refused(&spec_of(&file(folder.path(), "half.parquet", &half[..half.len() / 2])), &["half.parquet", "Parquet"]);
}

/// A sum of two tones.
fn tones(length: usize, low: f32) -> Vec<f32> {
    (0..length)
        .map(|i| {
            let at = i as f32 / 8000.0 * std::f32::consts::TAU;
            0.4 * (at * low).sin() + 0.2 * (at * (low * 2.5)).sin()
        })
        .collect()
}

#[test]
fn recordings_become_rows_and_rows_recordings() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..12 {
        let name = format!("{}_{i}.wav", ["low", "high"][i % 2]);
        let samples = tones(7000, [200.0, 700.0][i % 2] + 5.0 * i as f32);
        hourglass::data::write_wav(&folder.path().join(name), 8000, &samples).expect("a recording");
    }
    let data = open(&DataSpec { labels: Some("prefix".to_owned()), ..spec_of(folder.path()) }).expect("recordings");
    assert_eq!((data.kind, data.classes.clone()), (SourceKind::Audio, vec!["high".to_owned(), "low".to_owned()]));
    let image = data.image.expect("spectrograms");
    assert_eq!((image.height, image.width), (32, 32));
    // Low tones are at the bottom: the lower half of their pictures holds more.
    for row in 0..data.rows {
        let values = data.rows_f32(row..row + 1).expect("a row");
        let brightest = (0..32).max_by(|&a, &b| values[a * 32 + 4].total_cmp(&values[b * 32 + 4])).expect("a line");
        let low = data.classes[usize::from(data.labels.as_ref().expect("labels")[row])] == "low";
        assert_eq!(brightest > 22, low, "line {brightest} of a {} tone", data.row_name(row));
    }
    // Each recording is in one part alone.
    let file_of = |row: usize| data.row_name(row).split(',').next().expect("a file").to_owned();
    let in_part = |part| data.part(part).map(file_of).collect::<std::collections::BTreeSet<String>>();
    assert!(in_part(Part::Train).is_disjoint(&in_part(Part::Test)));
    let raw = DataSpec { audio: Some(hourglass::data::AudioForm::Raw), ..spec_of(folder.path()) };
    assert_eq!(open(&raw).expect("waveforms").features, 1024);

    // There and back through a model: a recording for each recording, of about its length.
    let mut spec = short(auto_spec(&data).expect("a suggestion").spec, &data);
    spec.train.epochs = 100;
    let mut session = Session::new(spec, Arc::new(data), cpu()).expect("a session");
    while session.train(64).wait().expect("it trains") > 0 {}
    let weights = session.weights().wait().expect("weights");
    let model = folder.path().join("model.safetensors");
    session.model(&weights).save(&model).expect("saved");
    let out = folder.path().join("out");
    let source = folder.path().display().to_string();
    let made = hourglass::tasks::reconstruct(&model, &source, &out, &cpu()).expect("recordings");
    assert_eq!(made.files, 12);
    let sound = hourglass::data::read_wav(&out.join("low_0.wav"), u64::MAX).expect("a recording");
    assert!(sound.rate == 8000 && sound.samples.len() > 6000 && sound.samples.iter().any(|value| value.abs() > 0.01));
}

#[test]
fn text_is_weighed_by_the_train_part_and_arrays_bring_their_labels() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines: String =
        (0..60).map(|i| format!("the {} fox number{i} jumps\n", ["red", "brown", "lazy"][i % 3])).collect();
    let path = file(folder.path(), "lines.txt", &lines);
    let options = DataSpec { dimensions: Some(64), ..spec_of(&path) };
    let data = open(&options).expect("text");
    assert_eq!((data.kind, data.rows, data.features), (SourceKind::Text, 60, 64));
    let rows = data.rows_f32(0..60).expect("rows");
    for row in rows.chunks_exact(64) {
        let length = row.iter().map(|value| value * value).sum::<f32>();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    // A held-out line of other words changes no weight.
    let last = data.order.as_ref().expect("an order")[data.test.start] as usize;
    let changed: String = lines
        .lines()
        .enumerate()
        .map(|(i, line)| if i == last { "unheard of words entirely\n".to_owned() } else { format!("{line}\n") })
        .collect();
    std::fs::write(&path, changed).expect("written");
    assert_eq!(open(&options).expect("text").preparation, data.preparation);

    let values = crate::support::noise(30 * 12, 9);
    let npy = folder.path().join("a.npy");
    hourglass::data::write_npy(&npy, &[30, 12], &values).expect("an array");
    let labels =
        file(folder.path(), "labels.txt", (0..30).map(|i| format!("{}\n", ["x", "y"][i % 2])).collect::<String>());
    let data = open(&DataSpec { labels: Some(labels.display().to_string()), ..spec_of(&npy) }).expect("an array");
    assert_eq!(
        (data.kind, data.features, data.classes.clone()),
        (SourceKind::Array, 12, vec!["x".to_owned(), "y".to_owned()])
    );
    assert_eq!(data.options.scale, Some(Scaling::Zscore));
    let short = file(folder.path(), "short.txt", "x\ny\n");
    refused(&DataSpec { labels: Some(short.display().to_string()), ..spec_of(&npy) }, &["2 labels for 30 rows"]);
    let mut holes = values.clone();
    holes[3 * 12 + 4] = f32::NAN;
    hourglass::data::write_npy(&npy, &[30, 12], &holes).expect("an array");
    refused(&spec_of(&npy), &["row 4", "value 5", "NaN"]);
}

/// More classes than a byte counts: thousands of names in a folder, a column or an array.
#[test]
fn labels_may_have_thousands_of_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    let word_of = |row: usize| format!("plate {}", row * 7 % 3000);
    let rows: String = (0..6000).map(|row| format!("{},{},{}\n", row % 17, row % 29, word_of(row))).collect();
    let table = file(folder.path(), "plates.csv", format!("a,b,plate\n{rows}"));
    let data = open(&DataSpec { labels: Some("plate".to_owned()), ..spec_of(&table) }).expect("a table");
    assert_eq!(data.classes.len(), 3000);
    let labels = data.labels.as_ref().expect("labels");
    for row in 0..data.rows {
        let own = data.order.as_ref().map_or(row, |order| order[row] as usize);
        assert_eq!(data.classes[usize::from(labels[row])], word_of(own));
    }
    let packed = data.one_hot([5], 3000);
    assert_eq!(packed.iter().position(|&byte| byte == 255), Some(usize::from(labels[5])));
    assert_eq!(packed.iter().filter(|&&byte| byte > 0).count(), 1);

    let pictures = folder.path().join("pictures");
    for class in 0..300_usize {
        for item in 0..2_usize {
            let shade = (class + item) as u8;
            let path = pictures.join(format!("kind {class}")).join(format!("{item}.png"));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            RgbImage::from_pixel(8, 8, Rgb([shade; 3])).save(&path).expect("saved");
        }
    }
    let data = open(&spec_of(&pictures)).expect("pictures");
    assert_eq!((data.rows, data.classes.len()), (600, 300));

    // Words and whole numbers that come back are classes; what a regression would learn is none, and that is said.
    let array = |name: &str, value: fn(usize) -> f32| {
        let bytes = |values: Vec<f32>| values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        let x = bytes(crate::support::noise(1200 * 4, 3));
        let y = bytes((0..1200).map(value).collect());
        let tensor =
            |shape: Vec<usize>, data| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, data);
        let tensors = [("x", tensor(vec![1200, 4], &x).expect("x")), ("y", tensor(vec![1200], &y).expect("y"))];
        file(folder.path(), name, safetensors::serialize(tensors, None).expect("a file"))
    };
    let classes = open(&spec_of(&array("classes.safetensors", |row| (row % 500) as f32))).expect("an array");
    assert_eq!(classes.classes.len(), 500);
    let target = array("target.safetensors", |row| row as f32 / 7.0);
    let data = open(&spec_of(&target)).expect("an array");
    assert!(data.labels.is_none());
    assert!(data.notes.iter().any(|note| note.contains("data.labels")), "{:?}", data.notes);
    let asked = open(&DataSpec { labels: Some("y".to_owned()), ..spec_of(&target) }).expect("an array");
    assert_eq!(asked.classes.len(), 1200);
}
