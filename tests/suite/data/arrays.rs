//! Arrays with labels from a file, and arrays that are refused.

use hourglass::data::{DataSet, DataSpec, Scaling, SourceKind, StoredElement, write_npy, write_npy_as};

use super::{file, open, refused, spec_of};
use crate::support::noise;

#[test]
fn arrays_take_labels_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let values = noise(30 * 12, 9);
    let npy = folder.path().join("a.npy");
    write_npy(&npy, &[30, 12], &values).expect("an array");
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
    write_npy(&npy, &[30, 12], &holes).expect("an array");
    refused(&spec_of(&npy), &["row 4", "value 5", "NaN"]);
}

#[test]
fn dimensions_mean_what_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let npy = folder.path().join("a.npy");
    let open_as = |shape: &[usize], axes: Option<&str>| {
        let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|at| at as f32 / 1e5).collect();
        write_npy(&npy, shape, &values).expect("an array");
        open(&DataSpec { axes: axes.map(str::to_owned), ..spec_of(&npy) })
    };
    let shape = |data: &DataSet| data.image.map(|image| [image.height, image.width, image.channels]);
    let stack = open_as(&[40, 16, 20], None).expect("a stack");
    assert_eq!((stack.rows, shape(&stack)), (40, Some([16, 20, 1])));
    // A picture in color, either way round, is cut in pieces, and that is said.
    for wide in [[64, 72, 3], [3, 64, 72]] {
        let one = open_as(&wide, None).expect("one picture");
        assert_eq!(shape(&one), Some([8, 8, 3]));
        assert!(one.notes.iter().any(|note| note.contains("one picture of 64x72") && note.contains("data.axes")));
    }
    let rows = open_as(&[64, 72, 3], Some("NYX")).expect("rows");
    assert_eq!((rows.rows, shape(&rows)), (64, Some([72, 3, 1])));
    let turned = open_as(&[16, 20, 40], Some("YXT")).expect("a stack");
    assert_eq!((turned.rows, shape(&turned)), (40, Some([16, 20, 1])));
    let first = (0..turned.rows).find(|&row| turned.row_name(row) == "row 2").expect("there");
    let value = turned.rows_f32(first..first + 1).expect("a row")[1];
    assert!((value - 41.0 / 1e5).abs() < 1e-6, "{value}");
    write_npy(&npy, &[100, 64, 3], &noise(100 * 64 * 3, 71)).expect("an array");
    assert_eq!(open(&spec_of(&npy)).expect("rows").rows, 100, "three values a step are no picture");
    // Alike both ways: rows, and the doubt is said.
    let wave = |at: usize| (at / 64) as f32 / 10.0 + (at % 64) as f32 / 12.0;
    let values: Vec<f32> = (0..64 * 64).map(|at| wave(at).sin()).collect();
    write_npy(&npy, &[64, 64], &values).expect("an array");
    let smooth = open(&spec_of(&npy)).expect("rows");
    assert_eq!(smooth.rows, 64);
    assert!(smooth.notes.iter().any(|note| note.contains("YX") && note.contains("data.axes")), "{:?}", smooth.notes);
    refused(&DataSpec { axes: Some("TQ".to_owned()), ..spec_of(&npy) }, &["data.axes", "TQ"]);
    refused(&DataSpec { axes: Some("TYX".to_owned()), ..spec_of(&npy) }, &["data.axes", "has 2"]);
}

#[test]
fn parts_of_an_archive_are_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(folder.path().join("k.npz")).expect("a file"));
    let plain = zip::write::SimpleFileOptions::default();
    for (name, rows, width) in [("x_train", 40, 6), ("y_train", 40, 0), ("x_test", 10, 6), ("y_test", 10, 0)] {
        let shape: Vec<usize> = if width > 0 { vec![rows, width] } else { vec![rows] };
        let count = shape.iter().product();
        let values: Vec<f32> = match width {
            0 => (0..count).map(|row| (row % 2) as f32).collect(),
            _ => noise(count, 44),
        };
        let beside = folder.path().join("one.npy");
        write_npy(&beside, &shape, &values).expect("an array");
        archive.start_file(format!("{name}.npy"), plain).expect("a member");
        std::io::Write::write_all(&mut archive, &std::fs::read(&beside).expect("read")).expect("written");
    }
    archive.finish().expect("an archive");
    let path = folder.path().join("k.npz");
    let data = open(&spec_of(&path)).expect("parts");
    assert_eq!((data.rows, data.test.len(), data.classes.len()), (50, 10, 2));
    assert!(data.notes.iter().any(|note| note.contains("x_test is the test part") && note.contains("y_train")));
    let alone = open(&DataSpec { array: Some("x_train".to_owned()), ..spec_of(&path) }).expect("one array");
    assert_eq!(alone.rows, 40);
}

/// Writes arrays of bytes, of a shape each, to an archive.
fn save_bytes(path: &std::path::Path, arrays: &[(&str, &[usize])]) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).expect("a file"));
    for (name, shape) in arrays {
        let values: Vec<f32> = noise(shape.iter().product(), 45).iter().map(|value| 127.0 + 99.0 * value).collect();
        let beside = path.with_extension("npy");
        write_npy_as(&beside, shape, &values, StoredElement::U8).expect("an array");
        archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).expect("a member");
        std::io::Write::write_all(&mut archive, &std::fs::read(&beside).expect("read")).expect("written");
    }
    archive.finish().expect("an archive");
}

#[test]
fn arrays_that_are_not_used_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("two.npz");
    save_bytes(&path, &[("a", &[40, 6]), ("b", &[40, 8])]);
    let data = open(&spec_of(&path)).expect("one of them");
    let told = |note: &String| note.contains("takes \"b\"; \"a\" is not used; setting `data.array=a`");
    assert!(data.features == 8 && data.notes.iter().any(told), "{:?}", data.notes);
    let named = open(&DataSpec { array: Some("a".to_owned()), ..spec_of(&path) }).expect("the other");
    assert!(named.features == 6 && !named.notes.iter().any(|note| note.contains("not used")), "{:?}", named.notes);
    // Parts of other widths are no parts of one set.
    save_bytes(&path, &[("x_train", &[40, 6]), ("x_test", &[10, 7])]);
    let data = open(&spec_of(&path)).expect("the larger one");
    assert!(data.rows == 40 && data.notes.iter().any(|note| note.contains("x_test")), "{:?}", data.notes);
    save_bytes(&path, &[("x", &[40, 6]), ("y", &[80])]);
    refused(&spec_of(&path), &["80 labels for 40 rows", "setting `data.labels=none`"]);
}

#[test]
fn doubtful_shapes_and_scales_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let npy = folder.path().join("a.npy");
    write_npy(&npy, &[16, 16, 60], &noise(16 * 16 * 60, 46)).expect("an array");
    let data = open(&spec_of(&npy)).expect("rows");
    assert!(data.notes.iter().any(|note| note.contains("setting `data.axes=YXT`")), "{:?}", data.notes);
    for (shape, words) in [
        (&[80, 96, 7][..], &["80 parts", "`data.axes=YXT`", "7 pictures of 80x96"][..]),
        (&[80, 96, 2], &["80 parts", "2 pictures of 80x96"]),
        (&[120, 40, 3], &["120 parts", "`data.axes=YXC`", "3 channels"]),
        (&[20, 3, 2, 8, 8], &["20 rows of 384 values each", "`data.axes=NNZYX`"]),
        (&[20, 5, 8, 8], &["20 rows of 320 values each", "`data.axes=NZYX`"]),
        (&[20, 3, 8, 8], &["20 pictures of 8x8 and 3 channels, which come first", "data.axes"]),
    ] {
        write_npy(&npy, shape, &noise(shape.iter().product(), 49)).expect("an array");
        let data = open(&spec_of(&npy)).expect("rows");
        let is_told = |note: &String| words.iter().all(|word| note.contains(word));
        assert!(data.notes.iter().any(is_told), "{shape:?}: {:?}", data.notes);
    }
    for shape in [&[40, 6][..], &[20, 8, 9], &[20, 8, 8, 3]] {
        write_npy(&npy, shape, &noise(shape.iter().product(), 49)).expect("an array");
        assert!(open(&spec_of(&npy)).expect("rows").notes.is_empty(), "{shape:?}");
    }
    let far: Vec<f32> = noise(40 * 6, 47).iter().map(|value| 3e9 + 1e6 * value).collect();
    write_npy_as(&npy, &[40, 6], &far, StoredElement::I64).expect("an array");
    let data = open(&spec_of(&npy)).expect("rows");
    assert!(data.notes.iter().any(|note| note.contains("in steps of 256")), "{:?}", data.notes);
}

/// Numbers of another type than those of the fit are named, but for floats of another width.
#[test]
fn numbers_of_another_type_than_those_of_the_fit_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let npy = folder.path().join("a.npy");
    let save = |element| {
        let values: Vec<f32> = noise(40 * 6, 50).iter().map(|value| (100.0 + 20.0 * value).round()).collect();
        write_npy_as(&npy, &[40, 6], &values, element).expect("an array");
    };
    save(StoredElement::U16);
    let seen = open(&DataSpec { scale: Some(Scaling::Zscore), ..spec_of(&npy) }).expect("counts");
    let notes = |element| {
        save(element);
        DataSet::open_whole(&spec_of(&npy), &seen.preparation).expect("numbers").notes
    };
    assert!(notes(StoredElement::U16).is_empty());
    for (element, words) in [
        (StoredElement::I16, "are signed 16-bit whole numbers"),
        (StoredElement::U8, "are 8-bit whole numbers"),
        (StoredElement::F32, "are 32-bit floats"),
    ] {
        let notes = notes(element);
        let is_told = |note: &String| note.contains(words) && note.contains("trained on 16-bit whole numbers");
        assert!(notes.iter().any(is_told), "{notes:?}");
    }
}

/// A model of bytes takes counts of 16 bits by their depth, and refuses what it cannot know the scale of.
#[test]
fn models_of_bytes_say_what_they_take_for_white() {
    let folder = tempfile::tempdir().expect("a folder");
    let npy = folder.path().join("a.npy");
    let unit: Vec<f32> = noise(40 * 64, 48).iter().map(|value| 0.5 + 0.49 * value).collect();
    let save = |span: f32, element| {
        let values: Vec<f32> = unit.iter().map(|value| span * value).collect();
        write_npy_as(&npy, &[40, 8, 8], &values, element).expect("an array");
    };
    save(255.0, StoredElement::U8);
    let seen = open(&spec_of(&npy)).expect("bytes");
    let again = || DataSet::open_whole(&spec_of(&npy), &seen.preparation);
    save(4095.0, StoredElement::U16);
    let data = again().expect("counts");
    assert!(data.notes.iter().any(|note| note.contains("taken as 0 to 4095")), "{:?}", data.notes);
    assert!(data.rows_f32(0..40).expect("rows").iter().all(|value| (0.0..=1.0).contains(value)));
    save(4000.0, StoredElement::F32);
    let error = again().expect_err("it is refused").to_string();
    assert!(error.contains("trained on bytes") && error.contains("0 to 255"), "{error}");
}
