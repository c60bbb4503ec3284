//! Arrays with labels from a file, and arrays that are refused.

use hourglass::data::{DataSpec, Scaling, SourceKind, write_npy};

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
