//! MNIST (LeCun, Cortes & Burges; CC BY-SA 3.0), embedded in the binary, and folders with files of its names.

use std::path::Path;

use super::idx::{Images, images, images_from, labels_beside, labels_from};
use super::{DataError, DataSet, pack};

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";

/// Of the 60,000, the last 5,000 are kept for validation.
const VALIDATION_ROWS: usize = 5000;

pub(super) fn embedded() -> Result<DataSet, DataError> {
    let train = images_from(include_bytes!("../../assets/mnist/train-images-idx3-ubyte.gz"), "embedded MNIST")?;
    let test = images_from(include_bytes!("../../assets/mnist/t10k-images-idx3-ubyte.gz"), "embedded MNIST")?;
    let train_labels =
        labels_from(include_bytes!("../../assets/mnist/train-labels-idx1-ubyte.gz"), "embedded MNIST", train.rows)?;
    let test_labels =
        labels_from(include_bytes!("../../assets/mnist/t10k-labels-idx1-ubyte.gz"), "embedded MNIST", test.rows)?;
    Ok(join("digits".to_owned(), &train, Some(train_labels), &test, Some(test_labels), VALIDATION_ROWS))
}

fn join(
    name: String,
    train: &Images,
    train_labels: Option<Vec<u8>>,
    test: &Images,
    test_labels: Option<Vec<u8>>,
    validation: usize,
) -> DataSet {
    let features = train.shape.values();
    let rows = train.rows + test.rows;
    let labels = train_labels.zip(test_labels).map(|(mut train, test)| {
        train.extend(test);
        train
    });
    DataSet {
        name,
        packed: pack(train.bytes.chunks_exact(features).chain(test.bytes.chunks_exact(features)), features),
        rows,
        features,
        image: Some(train.shape),
        labels,
        train: 0..train.rows - validation,
        validation: train.rows - validation..train.rows,
        test: train.rows..rows,
    }
}

/// A folder with MNIST's file names (gzipped or not): with the t10k files it has its own test part.
pub(super) fn from_folder(folder: &Path, validation_fraction: f64, seed: u64) -> Result<DataSet, DataError> {
    std::fs::read_dir(folder)
        .map_err(|error| DataError::Unreadable { path: folder.into(), reason: super::reason(&error) })?;
    let find =
        |name: &str| [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file());
    let Some(train_path) = find(TRAIN_IMAGES) else {
        return Err(DataError::Malformed {
            place: folder.display().to_string(),
            problem: format!("it holds no {TRAIN_IMAGES} or {TRAIN_IMAGES}.gz; give a folder with IDX files"),
        });
    };
    let name = folder.file_name().map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned());
    let train = images(&train_path)?;
    let train_labels = labels_beside(&train_path, train.rows)?;
    let Some(test_path) = find(TEST_IMAGES) else {
        return DataSet::from_rows(name, train, train_labels, validation_fraction, seed);
    };
    let test = images(&test_path)?;
    let test_labels = labels_beside(&test_path, test.rows)?;
    if test.shape != train.shape {
        return Err(DataError::WrongWidth {
            place: test_path.display().to_string(),
            found: test.shape.values(),
            expected: train.shape.values(),
        });
    }
    let validation =
        if train.rows == 60_000 { VALIDATION_ROWS } else { (train.rows as f64 * validation_fraction) as usize };
    if validation == 0 || validation >= train.rows {
        return Err(DataError::Malformed {
            place: folder.display().to_string(),
            problem: format!("{} images cannot be split in train and validation; give more", train.rows),
        });
    }
    Ok(join(name, &train, train_labels, &test, test_labels, validation))
}
