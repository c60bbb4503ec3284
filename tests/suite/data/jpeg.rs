//! JPEG: colors that are those that libjpeg reads, and files that are nearly whole.

use std::path::Path;

use hourglass::data::{DataError, DataSet, DataSpec, Fit, Preparation, Scaling, SourceKind};

use super::{file, fixture, spec_of};

/// Opens pictures of the fixtures' size as rows.
fn whole(path: &Path) -> Result<DataSet, DataError> {
    let options = DataSpec { size: Some([77, 95]), fit: Some(Fit::Crop), ..spec_of(path) };
    DataSet::open_whole(&options, &Preparation::new(SourceKind::Images, Scaling::Unit))
}

fn row_of(data: &DataSet, name: &str) -> Vec<f32> {
    let row = (0..data.rows).find(|&row| data.row_name(row) == name).expect("a row of this name");
    data.rows_f32(row..row + 1).expect("a row")
}

/// Colors of JPEG with fewer samples than brightness, in files of their own and in TIFF, against libjpeg.
#[test]
fn colors_of_jpeg_are_not_shifted() {
    /// Steps of one value by which inverse transforms of cosines round apart, after colors are made of them.
    const APART: f32 = 4.0;
    let folder = fixture("../pictures");
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).expect("expected values")).expect("JSON");
    let data = whole(&folder).expect("pictures");
    for (name, expected) in expected.as_object().expect("an object") {
        let row: Vec<f32> = row_of(&data, name).iter().map(|value| 255.0 * value).collect();
        for (channel, mean) in expected["means"].as_array().expect("means").iter().enumerate() {
            let values: Vec<f64> = row.iter().skip(channel).step_by(3).map(|&value| f64::from(value)).collect();
            let (made, mean) = (values.iter().sum::<f64>() / values.len() as f64, mean.as_f64().expect("a number"));
            assert!((made / mean - 1.0).abs() < 1e-3, "{name}: channel {channel} has {made} for {mean}");
        }
        for (value, wanted) in row.iter().step_by(97).zip(expected["every_97th"].as_array().expect("values")) {
            let wanted = wanted.as_f64().expect("a number") as f32;
            assert!((value - wanted).abs() <= APART, "{name}: {value} for {wanted}");
        }
    }
}

#[test]
fn jpeg_without_its_end_is_read_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let complete = std::fs::read(fixture("../pictures/quarter.jpg")).expect("a picture");
    let progressive = std::fs::read(fixture("../pictures/progressive.jpg")).expect("a picture");
    let opened = |bytes: &[u8]| {
        let path = folder.path().join("a/a.jpg");
        file(folder.path(), "a/a.jpg", bytes);
        whole(&path)
    };
    let plain = opened(&complete).expect("a picture");
    assert!(plain.notes.is_empty(), "{:?}", plain.notes);
    for less in [1, 2] {
        let data = opened(&complete[..complete.len() - less]).expect("all of its picture is there");
        assert_eq!(data.rows_f32(0..1).expect("a row"), plain.rows_f32(0..1).expect("a row"));
        assert!(data.notes.iter().any(|note| note.contains("mark of its end")), "{:?}", data.notes);
    }
    assert!(opened(&complete[..complete.len() - 9]).is_err(), "some of its picture is missing");
    // The last scan of a progressive picture: missing as a whole, and in its middle; both ended as if whole.
    let last = progressive.windows(2).rposition(|two| two == [0xff, 0xda]).expect("a scan");
    let tables = progressive[..last].windows(2).rposition(|two| two == [0xff, 0xc4]).expect("its table");
    let data = opened(&[&progressive[..tables], &[0xff, 0xd9]].concat()).expect("a coarser picture");
    assert!(data.notes.iter().any(|note| note.contains("coarser than it was")), "{:?}", data.notes);
    let middle = last + (progressive.len() - last) * 2 / 3;
    let error = opened(&[&progressive[..middle], &[0xff, 0xd9]].concat()).expect_err("a part is missing").to_string();
    assert!(error.contains("in the middle of it"), "{error}");
}
