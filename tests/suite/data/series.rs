//! Series of a table in windows.

use hourglass::data::{DataSpec, Part, Scaling, SourceKind, SplitKind};

use super::{file, open, spec_of};

#[test]
fn series_are_cut_in_windows_and_split_by_time() {
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
