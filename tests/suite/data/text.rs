//! Lines of text as weighted counts of words.

use hourglass::data::{DataSpec, SourceKind};

use super::{file, open, spec_of};

#[test]
fn word_weights_are_fitted_on_the_train_part() {
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
}
