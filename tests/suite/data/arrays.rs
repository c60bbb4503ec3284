//! Arrays with labels from a file, and arrays that are refused.

use hourglass::data::{DataSet, DataSpec, Scaling, SourceKind, write_npy};

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
