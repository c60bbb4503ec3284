//! Labels of more classes than a byte counts, and numbers that are no labels.

use hourglass::data::DataSpec;
use image::{Rgb, RgbImage};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{file, open, spec_of};
use crate::support::noise;

#[test]
fn a_label_column_may_have_thousands_of_classes() {
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
}

#[test]
fn folders_may_name_hundreds_of_classes() {
    let folder = tempfile::tempdir().expect("a folder");
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
}

/// Whole numbers that repeat are classes; the target of a regression is none, and a note says so.
#[test]
fn array_labels_are_classes_where_they_repeat() {
    let folder = tempfile::tempdir().expect("a folder");
    let array = |name: &str, value: fn(usize) -> f32| {
        let bytes = |values: Vec<f32>| values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        let x = bytes(noise(1200 * 4, 3));
        let y = bytes((0..1200).map(value).collect());
        let tensor = |shape: Vec<usize>, data| TensorView::new(Dtype::F32, shape, data);
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
