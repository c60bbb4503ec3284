//! Data of one's own: read rightly, divided rightly, prepared from the train part alone, refused in words.

mod arrays;
mod audio;
mod columns;
mod files;
mod images;
mod jpeg;
mod labels;
mod odd_cells;
#[cfg(feature = "parquet")]
mod parquet_tables;
mod preparation;
mod series;
mod split;
mod tables;
mod text;
mod training;

use std::path::{Path, PathBuf};

use hourglass::data::{DataSet, DataSpec};
use hourglass::model::Spec;
use image::{DynamicImage, ImageFormat};

fn open(options: &DataSpec) -> Result<DataSet, String> {
    DataSet::open(options, 0.1, 1).map_err(|error| error.to_string())
}

fn spec_of(path: &Path) -> DataSpec {
    DataSpec::from_source(path.display().to_string())
}

/// Asserts that the data is refused in one line that says all of `words`.
fn refused(options: &DataSpec, words: &[&str]) {
    let error = open(options).expect_err("it cannot be used");
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
    assert!(!error.contains('\n') && error.len() < 600, "one line: {error}");
}

/// Writes a file with this content to `folder`. Returns its path.
fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    std::fs::write(&path, content).expect("it can be written");
    path
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data").join(name)
}

fn save_image(picture: &DynamicImage, path: &Path, format: ImageFormat) {
    picture.save_with_format(path, format).expect("it is written");
}

/// Returns a table with everything in it: words, gaps, dates, quotes.
fn people() -> String {
    let mut text = "name,height,\"hair, color\",born,member,age\n".to_owned();
    for i in 0..60 {
        let height = if i % 7 == 3 { "NA".to_owned() } else { format!("{:.1}", 150.0 + f64::from(i)) };
        let hair = ["\"black\"", "\"fair, light\"", "red"][i as usize % 3];
        let born = format!("{}-{:02}-{:02} {:02}:00:00", 1980 + i % 30, 1 + i % 12, 1 + i % 28, i % 24);
        text.push_str(&format!("p{i},{height},{hair},{born},yes,{}\n", 20 + i % 5));
    }
    text
}

/// Returns `spec` for `data` with a few short epochs.
fn shortened(mut spec: Spec, data: &DataSet) -> Spec {
    spec.take_options(data);
    spec.train.batch_size = 8;
    spec.train.epochs = 3;
    spec
}
