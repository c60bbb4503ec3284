//! MNIST (LeCun, Cortes & Burges; CC BY-SA 3.0), embedded in the binary, and folders with files of its names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data_set::pack;
use super::formats::idx::{Images, images, images_from, labels_beside, labels_from};
use super::split::SplitPlan;
use super::{DataError, DataSet, DataSpec, Preparation, Scaling, SourceKind, Values};

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";

/// Validation rows: the last 5,000 of the 60,000.
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

/// Joins the parts one after the other; a byte stands for its value / 255.
fn join(
    name: String,
    train: &Images,
    train_labels: Option<Vec<u16>>,
    test: &Images,
    test_labels: Option<Vec<u16>>,
    validation: usize,
) -> DataSet {
    let features = train.shape.values();
    let rows = train.rows + test.rows;
    let labels = train_labels.zip(test_labels).map(|(mut train, test)| {
        train.extend(test);
        train
    });
    let packed = pack(train.bytes.chunks_exact(features).chain(test.bytes.chunks_exact(features)), features);
    let classes: Vec<String> = labels
        .as_ref()
        .and_then(|labels| labels.iter().max())
        .map_or_else(Vec::new, |&highest| (0..=highest).map(|label| label.to_string()).collect());
    let mut preparation = Preparation::new(SourceKind::Array, Scaling::Unit);
    preparation.classes.clone_from(&classes);
    let options = DataSpec {
        scale: Some(Scaling::Unit),
        size: Some([train.shape.height, train.shape.width]),
        channels: Some(train.shape.channels),
        classes: labels.is_some().then_some(classes.len()),
        ..DataSpec::default()
    };
    DataSet {
        name,
        kind: SourceKind::Array,
        values: Values::Bytes(Arc::new(packed)),
        rows,
        features,
        image: Some(train.shape),
        labels,
        classes,
        train: 0..train.rows - validation,
        validation: train.rows - validation..train.rows,
        test: train.rows..rows,
        order: None,
        names: None,
        groups: None,
        windows: None,
        preparation,
        options,
        missing: 0,
        remarks: Arc::default(),
        form: None,
        notes: Vec::new(),
    }
}

/// The file of that name in `folder`, gzipped or not.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file())
}

/// Returns whether a folder has MNIST's file names.
pub(super) fn is_mnist_folder(folder: &Path) -> bool {
    find(folder, TRAIN_IMAGES).is_some()
}

/// The train images of a folder that has no test images.
pub(super) fn train_images_alone(folder: &Path) -> Option<PathBuf> {
    find(folder, TRAIN_IMAGES).filter(|_| find(folder, TEST_IMAGES).is_none())
}

pub(super) fn folder_name(folder: &Path) -> String {
    folder.file_name().map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Reads a folder with MNIST's file names (gzipped or not), the t10k files as its test part. All of it is one part
/// where `whole`.
pub(super) fn from_folder(
    folder: &Path,
    options: &DataSpec,
    plan: &SplitPlan,
    whole: bool,
) -> Result<DataSet, DataError> {
    let name = folder_name(folder);
    let place = folder.display().to_string();
    let missing =
        |name: &str| DataError::malformed(&place, format!("it holds no {name}; give a folder with IDX files"));
    let train_path = find(folder, TRAIN_IMAGES).ok_or_else(|| missing(TRAIN_IMAGES))?;
    let test_path = find(folder, TEST_IMAGES).ok_or_else(|| missing(TEST_IMAGES))?;
    let train = images(&train_path)?;
    let train_labels = labels_beside(&train_path, train.rows)?;
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
        if train.rows == 60_000 { VALIDATION_ROWS } else { (train.rows as f64 * plan.validation_fraction) as usize };
    if !whole && (validation == 0 || validation >= train.rows) {
        let problem = format!("{} images cannot be split in train and validation; give more", train.rows);
        return Err(DataError::malformed(place, problem));
    }
    let mut set = join(name, &train, train_labels, &test, test_labels, validation);
    set.options = DataSpec { source: options.source.clone(), rows: options.rows, ..set.options };
    if whole {
        (set.train, set.validation, set.test) = (0..0, 0..0, 0..set.rows);
    }
    Ok(set)
}
