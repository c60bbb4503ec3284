//! Data sets from the spec's `[data]` section: kind of the source, rows, their parts and their scaling.

mod arrays;
mod audio;
mod kind;
mod raw;
mod tables;
mod texts;

use std::path::Path;
use std::sync::Arc;

use self::raw::{RawRows, RawValues};
pub(super) use self::tables::{match_columns, read_leniently};
use super::array_rows::FileRows;
use super::data_set::pack;
use super::error::unreadable;
use super::formats::array::ArrayDType;
use super::formats::columns::{ColumnValues, Table};
use super::formats::table;
use super::images::ImageSet;
pub(super) use super::labels::{Labels, file_labels};
use super::odd_columns::far_values;
use super::preparation::Preparation;
use super::spec::{DataSpec, Fit, Scaling, SourceKind, SplitKind, is_omitted};
use super::split::{RowAttributes, RowSplit, SplitPlan, divide};
use super::tfidf::TextVectors;
use super::windows::WindowRows;
use super::{DataError, DataSet, ElementType, Values, images, mnist};
use crate::error::Setting;
use crate::platform::files;

/// Most bytes of a series' windows that are held in memory; more are cut as they are read.
const WINDOWS_IN_MEMORY: usize = 256 << 20;

impl DataSet {
    /// Opens the data that `options` describe, split and prepared. MNIST comes with its split: the last 5,000 of the
    /// 60,000 are validation, the 10,000 are test.
    ///
    /// `validation_fraction` is of what the test part leaves; `seed` decides the order of rows.
    ///
    /// # Errors
    /// If the source cannot be used: the error names the problem, its place and what would be right.
    pub fn open(options: &DataSpec, validation_fraction: f64, seed: u64) -> Result<Self, DataError> {
        open(options, &SplitPlan { validation_fraction, seed, for_detector: false }, None)
    }

    /// Same as [`Self::open`], for a detector: windows of a series that are held out lie in one stretch of time.
    ///
    /// # Errors
    /// Same as [`Self::open`].
    pub(crate) fn open_for_detector(
        options: &DataSpec,
        validation_fraction: f64,
        seed: u64,
    ) -> Result<Self, DataError> {
        open(options, &SplitPlan { validation_fraction, seed, for_detector: true }, None)
    }

    /// Builds a data set of `values` `[rows, features]`, divided, scaled and prepared as those of an array in a file.
    ///
    /// # Errors
    /// When the values are no whole rows or not finite, or too few for the parts.
    pub fn from_array(
        values: Vec<f32>,
        features: usize,
        options: &DataSpec,
        validation_fraction: f64,
        seed: u64,
    ) -> Result<Self, DataError> {
        let name = "the array".to_owned();
        if features == 0 || values.is_empty() || !values.len().is_multiple_of(features) {
            let problem = format!("{} values are no rows of {features}", values.len());
            return Err(DataError::malformed(name, problem));
        }
        arrays::check_finite(&values, features, &name)?;
        let mut options = DataSpec { source: name.clone(), kind: Some(SourceKind::Array), ..options.clone() };
        options.scale.get_or_insert(options.usual_scaling());
        let read = RawRows::new(values.len() / features, features, RawValues::Floats(values));
        let plan = SplitPlan { validation_fraction, seed, for_detector: false };
        finish(name, SourceKind::Array, read, options, &plan, None, Vec::new())
    }

    /// Opens the data that `options` describe as one part, in its own order, prepared as `fitted` was: the meaning of
    /// `--data` for a trained model.
    pub fn open_whole(options: &DataSpec, fitted: &Preparation) -> Result<Self, DataError> {
        open(options, &SplitPlan { validation_fraction: 0.0, seed: 1, for_detector: false }, Some(fitted))
    }
}

/// Value above which floats are no shares of 1 but numbers of bytes; noise may lead a little beyond 1.
const BEYOND_UNIT: f32 = 2.0;

#[tracing::instrument(level = "debug", name = "open_data", skip_all, fields(source = %options.source))]
pub(super) fn open(options: &DataSpec, plan: &SplitPlan, fitted: Option<&Preparation>) -> Result<DataSet, DataError> {
    options.check().map_err(|(field, problem)| DataError::Setting { setting: Setting::spec_key(field), problem })?;
    if options.source == "mnist" {
        let mut set = mnist::embedded()?;
        if fitted.is_some() {
            (set.train, set.validation, set.test) = (0..0, 0..0, 0..set.rows);
        }
        return Ok(set);
    }
    let path = Path::new(&options.source);
    let metadata = files::metadata(path).map_err(|error| unreadable(path, &error))?;
    let mut options = options.clone();
    let mut notes = Vec::new();
    if let Some(fitted) = fitted {
        // A model of arrays that are pictures takes pictures in any other form too.
        let shaped = options.size.is_some() && options.channels.is_some();
        let pictures = || matches!(kind::kind_of(path, metadata.is_dir(), &mut Vec::new()), Ok(SourceKind::Images));
        let other = fitted.source == SourceKind::Array && shaped && pictures();
        options.kind = Some(if other { SourceKind::Images } else { fitted.source });
        if other {
            options.fit.get_or_insert(Fit::Crop);
        }
        options.scale = Some(fitted.kind);
        options.labels_optional = true;
        let is_array = || matches!(kind::kind_of(path, false, &mut Vec::new()), Ok(SourceKind::Array));
        if fitted.source == SourceKind::Images && !metadata.is_dir() && is_array() {
            return Err(DataError::malformed(
                path.display().to_string(),
                "it is an array, and the model was trained on picture files; save it as PNG or TIFF pictures",
            ));
        }
        if fitted.source == SourceKind::Images && fitted.element == Some(ArrayDType::U16) {
            // What the model saw, however dark these pictures are.
            options.range.get_or_insert([0.0, 65_535.0]);
        }
    }
    if metadata.is_dir() {
        files::read_dir(path).map_err(|error| unreadable(path, &error))?;
        if mnist::is_mnist_folder(path) && options.kind.is_none_or(|kind| kind == SourceKind::Array) {
            let Some(alone) = mnist::train_images_alone(path) else {
                return mnist::from_folder(path, &options, plan, fitted.is_some());
            };
            let alone = DataSpec { source: alone.display().to_string(), ..options.clone() };
            let unit = Preparation::new(SourceKind::Array, Scaling::Unit);
            let mut set = open(&alone, plan, fitted.is_some().then_some(&unit))?;
            (set.name, set.options.source) = (mnist::folder_name(path), options.source);
            return Ok(set);
        }
    } else if metadata.len() == 0 {
        let place = path.display().to_string();
        return Err(DataError::malformed(place, "the file is empty; give one with data in it"));
    }
    let mut kind = match options.kind {
        Some(kind) => kind,
        None => kind::kind_of(path, metadata.is_dir(), &mut notes)?,
    };
    let read = match kind {
        SourceKind::Images => read_images(path, &mut options, plan.seed, fitted.is_none(), &mut notes)?,
        SourceKind::Table | SourceKind::Series => {
            let known = fitted.map(Preparation::known_columns);
            let wanted = known.as_deref().filter(|columns| !columns.is_empty());
            let table = match options.lenient && kind == SourceKind::Series {
                true => read_leniently(path, &options, wanted, &mut notes)?,
                false => table::read_table(path, &options, wanted, &mut notes)?,
            };
            tables::read_table(table, path, &mut kind, &mut options, fitted, plan.for_detector, &mut notes)?
        }
        SourceKind::Array => arrays::read_array(path, &mut options, &mut notes)?,
        SourceKind::Audio => audio::read_audio(path, &mut options, fitted, &mut notes)?,
        SourceKind::Text => texts::read_text(path, &mut options, &mut notes)?,
    };
    options.kind = Some(kind);
    let name = path.file_name().map_or_else(|| options.source.clone(), |name| name.to_string_lossy().into_owned());
    finish(name, kind, read, options, plan, fitted, notes)
}

#[tracing::instrument(level = "debug", name = "read_pictures", skip_all)]
fn read_images(
    path: &Path,
    options: &mut DataSpec,
    seed: u64,
    has_parts: bool,
    notes: &mut Vec<String>,
) -> Result<RawRows, DataError> {
    /// Most bytes that are decoded at once, so that damage is known before training.
    const AT_ONCE: usize = 256 << 20;
    let mut gallery = images::open(path, options, seed, notes)?;
    if gallery.source.decoded_bytes() <= AT_ONCE {
        let damaged = gallery.source.damaged();
        gallery = gallery.without(damaged, has_parts, notes)?;
    }
    if let (blended @ 1.., true) = (gallery.source.blended(), has_parts) {
        notes.push(format!(
            "pictures with transparent parts: {blended}; they are blended with white (setting `data.channels=4` keeps \
             them as they are)"
        ));
    }
    notes.extend(gallery.source.flaws_in_words());
    options.scale = Some(Scaling::Unit);
    let shape = gallery.shape();
    let (rows, element) = (gallery.rows(), gallery.element());
    let ImageSet { source, names, labels, given, groups, stored } = gallery;
    Ok(RawRows {
        image: Some(shape),
        labels,
        names: Some(names),
        given,
        groups,
        element: stored,
        ..RawRows::new(rows, shape.values(), RawValues::Source(Arc::new(source), element))
    })
}

/// Removes the omitted rows from their parts.
fn without(divided: RowSplit, omitted: &[[u32; 2]], place: &str) -> Result<RowSplit, DataError> {
    let is_kept = |row: u32| !is_omitted(omitted, row);
    let counted = |rows: &[u32]| rows.iter().filter(|&&row| is_kept(row)).count();
    let (train, held) = divided.order.split_at(divided.train);
    let (train, validation) = (counted(train), counted(&held[..divided.validation]));
    if train == 0 || validation == 0 {
        let problem = format!(
            "of the rows that are not left out {train} are train and {validation} validation; give more of them"
        );
        return Err(DataError::malformed(place, problem));
    }
    let order = divided.order.into_iter().filter(|&row| is_kept(row)).collect();
    Ok(RowSplit { order, train, validation, kind: divided.kind })
}

/// Notes the values of a table that are far from all others of their column; returns the rows of them that are left out,
/// as a detector's normal rows have none.
fn far_rows(table: &Table, options: &DataSpec, for_detector: bool, notes: &mut Vec<String>) -> Vec<u32> {
    /// Values that are named, at most.
    const NAMED: usize = 10;
    let mut left_out = Vec::new();
    let mut told = Vec::new();
    for (name, cells) in table.names.iter().zip(&table.columns).filter(|(name, _)| !options.keep.contains(name)) {
        let ColumnValues::Numbers(values) = cells else { continue };
        for far in far_values(values, |row| !is_omitted(&options.omit, row as u32)) {
            let words = far.words(name);
            if for_detector {
                left_out.push(far.row as u32);
                told.push(format!(
                    "{words}: the row is left out, as no normal one; if it is right: setting `data.keep=[{name:?}]`"
                ));
            } else {
                told.push(format!("{words}: it decides the scale of the column; correct it or leave it empty"));
            }
        }
    }
    let more = told.len().saturating_sub(NAMED);
    notes.extend(told.into_iter().take(NAMED));
    if more > 0 {
        notes.push(format!("{more} more values are as far from all others of their columns"));
    }
    left_out
}

/// Returns the remark that numbers of an array are of another type than those that a model was trained on.
fn note_on_other_type(fitted: &Preparation, kind: SourceKind, element: Option<ArrayDType>) -> Option<String> {
    let is_array = kind == SourceKind::Array && fitted.source == SourceKind::Array;
    let [own, here] = [fitted.element, element].map(|element| element.unwrap_or(ArrayDType::F32));
    let is_float =
        |element: ArrayDType| matches!(element, ArrayDType::F16 | ArrayDType::Bf16 | ArrayDType::F32 | ArrayDType::F64);
    if !is_array || own == here || is_float(own) && is_float(here) {
        return None;
    }
    let words = |element: ArrayDType| {
        let is_signed = matches!(element, ArrayDType::I8 | ArrayDType::I16 | ArrayDType::I32 | ArrayDType::I64);
        format!("{}{}", if is_signed { "signed " } else { "" }, element.words())
    };
    Some(format!(
        "its numbers are {}, and those that the model was trained on {}: give them in the same unit and range",
        words(here),
        words(own)
    ))
}

/// Adds to the `error` of too few rows that others were left out, by `notes`.
fn with_left_out(error: DataError, notes: &[String]) -> DataError {
    let left_out = || notes.iter().filter(|note| note.starts_with("left out: ") || note.ends_with("are left out"));
    let (Some(first), DataError::Malformed { place, problem }) = (left_out().next(), &error) else { return error };
    let more = match left_out().count() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    DataError::malformed(place, format!("{problem} ({first}{more})"))
}

/// Returns sorted runs of rows with `rows` among them.
fn with_rows(runs: &[[u32; 2]], mut rows: Vec<u32>) -> Vec<[u32; 2]> {
    if rows.is_empty() {
        return runs.to_vec();
    }
    rows.extend(runs.iter().flat_map(|&[first, count]| first..first.saturating_add(count)));
    rows.sort_unstable();
    rows.dedup();
    rows.chunk_by(|a, b| a + 1 == *b).map(|run| [run[0], run.len() as u32]).collect()
}

/// Divides the rows, fits what is to be fitted on train, and prepares all of them.
#[tracing::instrument(level = "debug", name = "split_and_prepare", skip_all, fields(rows = read.rows))]
fn finish(
    name: String,
    kind: SourceKind,
    read: RawRows,
    mut options: DataSpec,
    plan: &SplitPlan,
    fitted: Option<&Preparation>,
    mut notes: Vec<String>,
) -> Result<DataSet, DataError> {
    let place = options.source.clone();
    let facts = RowAttributes {
        rows: read.rows,
        groups: read.groups.as_deref(),
        labels: read.labels.as_ref().map(|labels| labels.of_rows.as_slice()),
        given: read.given.as_ref().map(|(given, _)| given.as_slice()),
        given_kind: read.given.as_ref().map(|(_, kind)| *kind),
        overlap: read.overlap,
        windows: match &read.body {
            RawValues::Windows(windows) => Some((windows.starts.as_slice(), windows.window)),
            _ => None,
        },
        names: read.names.as_deref(),
    };
    let divided = match fitted {
        Some(_) => {
            let order = (0..u32::try_from(read.rows).unwrap_or(u32::MAX)).collect();
            RowSplit { order, train: 0, validation: 0, kind: SplitKind::Given }
        }
        None => divide(&facts, &options, plan, &place).map_err(|error| with_left_out(error, &notes))?,
    };
    if let (RawValues::Table(table), None) = (&read.body, fitted) {
        let far = far_rows(table, &options, plan.for_detector, &mut notes);
        options.omit = with_rows(&options.omit, far);
    }
    // Steps of a series that are left out are holes, and windows know them already.
    let divided = match kind {
        SourceKind::Series => divided,
        _ if options.omit.is_empty() || fitted.is_some() => divided,
        _ => without(divided, &options.omit, &place)?,
    };
    options.split = fitted.is_none().then_some(divided.kind);
    let train = &divided.order[..divided.train];
    let scaling = options.scale.unwrap_or(Scaling::None);
    let (pace, rules) = match &read.body {
        RawValues::Windows(windows) => (windows.pace, windows.rules.clone()),
        _ => (None, Vec::new()),
    };
    let mut preparation = fitted.cloned().unwrap_or_else(|| Preparation {
        pace,
        rules,
        mel: read.mel.clone(),
        features: read.feature_names.clone(),
        readings: read.readings.clone(),
        classes: read.labels.as_ref().map(|labels| labels.names.clone()).unwrap_or_default(),
        element: read.element,
        range: read.range,
        ..Preparation::new(kind, scaling)
    });
    // Rows are written as those that are read here, whatever the model was trained on.
    preparation.row_shape = read.row_shape;
    notes.extend(fitted.and_then(|fitted| note_on_other_type(fitted, kind, read.element)));
    let (mut features, mut missing) = (read.features, 0);
    let (mut remarks, mut form) = (Vec::new(), read.form.clone());
    let gathered = |values: &[f32], features: usize| -> Vec<f32> {
        divided
            .order
            .iter()
            .flat_map(|&row| &values[row as usize * features..(row as usize + 1) * features])
            .copied()
            .collect()
    };
    let values = match read.body {
        RawValues::Bytes(bytes) => {
            let rows = divided.order.iter().map(|&row| &bytes[row as usize * features..(row as usize + 1) * features]);
            Values::Bytes(Arc::new(pack(rows, features)))
        }
        RawValues::Floats(floats) => {
            let mut rows = gathered(&floats, features);
            drop(floats);
            if fitted.is_none() && scaling == Scaling::Unit {
                // Numbers that are not bytes, and mean the same.
                (preparation.offset, preparation.scale) = (vec![0.0], vec![255.0]);
            }
            if fitted.is_none() && matches!(scaling, Scaling::Zscore | Scaling::Minmax | Scaling::Robust) {
                preparation.fit(&rows[..train.len() * features], read.period.unwrap_or(features));
            }
            // Windows of several columns have as many scales as columns, over and over.
            let misfit = !features.is_multiple_of(preparation.offset.len().max(1));
            let of_bytes = fitted.is_some() && kind == SourceKind::Array && scaling == Scaling::Unit;
            if of_bytes && preparation.offset.is_empty() && rows.iter().any(|&value| value > BEYOND_UNIT) {
                let most = rows.iter().fold(0.0_f32, |most, &value| most.max(value));
                let white = match read.element {
                    _ if most <= 2.0 * 255.0 && read.element != Some(ArrayDType::U16) || most <= 255.0 => 255.0,
                    Some(ArrayDType::U16) => (most as u32 + 1).next_power_of_two() as f32 - 1.0,
                    _ => {
                        let problem = format!(
                            "it holds values up to {most}, and the model was trained on bytes; bring them to 0 to 255"
                        );
                        return Err(DataError::malformed(options.source, problem));
                    }
                };
                rows.iter_mut().for_each(|value| *value /= white);
                notes.push(format!("the model was trained on bytes: values up to {most} are taken as 0 to {white}"));
            }
            if !misfit {
                preparation.apply(&mut rows, features);
            }
            Values::Floats(Arc::new(rows))
        }
        RawValues::Windows(windows) => {
            if fitted.is_none() && matches!(scaling, Scaling::Zscore | Scaling::Minmax | Scaling::Robust) {
                preparation.fit(&windows.steps_of(train), windows.columns);
            }
            if fitted.is_none() && scaling == Scaling::Unit {
                (preparation.offset, preparation.scale) = (vec![0.0], vec![255.0]);
            }
            let values = divided.order.len().saturating_mul(features);
            if values * size_of::<f32>() <= WINDOWS_IN_MEMORY {
                let mut rows = Vec::with_capacity(values);
                divided.order.iter().for_each(|&row| rows.extend_from_slice(windows.row(row)));
                if features.is_multiple_of(preparation.offset.len().max(1)) {
                    preparation.apply(&mut rows, features);
                }
                Values::Floats(Arc::new(rows))
            } else {
                let source = Arc::new(WindowRows { windows, preparation: preparation.clone() });
                Values::Source { source, element: ElementType::Float, order: Arc::new(divided.order.clone()) }
            }
        }
        RawValues::Table(table) => {
            missing = table.columns.iter().map(ColumnValues::missing).sum();
            if fitted.is_none() {
                preparation.fit_table(&table, train, &options.keep, &mut notes);
                if preparation.features.is_empty() {
                    return Err(DataError::malformed(
                        place,
                        format!("no column has values that differ ({}); give a table with features", notes.join("; ")),
                    ));
                }
            } else {
                match_columns(&preparation, &table.names, &place, &mut notes)?;
            }
            features = preparation.features.len();
            remarks = match fitted {
                None => preparation.broken_rules(&table, &divided.order),
                Some(_) => preparation.remarks(&table, &divided.order),
            };
            form = Some(table.form.clone()).filter(|form| !form.is_empty());
            Values::Floats(Arc::new(preparation.table_rows(&table, &divided.order)))
        }
        RawValues::Documents(documents) => {
            if fitted.is_none() {
                let of_train = train.iter().map(|&row| documents[row as usize].as_str());
                preparation.text = Some(TextVectors::fit(of_train, features, options.bigrams, false)?);
            }
            let Some(vectors) = &preparation.text else {
                return Err(DataError::malformed(
                    place,
                    "the model was not trained on text; give what it was trained on",
                ));
            };
            features = vectors.dims();
            let rows = divided.order.iter().flat_map(|&row| vectors.transform(&documents[row as usize])).collect();
            Values::Floats(Arc::new(rows))
        }
        RawValues::File(file) => {
            if fitted.is_none() && matches!(scaling, Scaling::Zscore | Scaling::Minmax | Scaling::Robust) {
                let most = (super::LOOK_BYTES / (features * 4)).max(1);
                let some = FileRows::raw(&file, &train[..train.len().min(most)])?;
                preparation.fit(&some, read.period.unwrap_or(features));
            }
            let bytes = FileRows::holds_bytes(&file);
            if fitted.is_none() && scaling == Scaling::Unit && !bytes {
                (preparation.offset, preparation.scale) = (vec![0.0], vec![255.0]);
            }
            let source = FileRows { file, preparation: preparation.clone(), packed: bytes && scaling == Scaling::Unit };
            let element = source.element();
            Values::Source { source: Arc::new(source), element, order: Arc::new(divided.order.clone()) }
        }
        RawValues::Source(source, element) => {
            Values::Source { source, element, order: Arc::new(divided.order.clone()) }
        }
    };
    let rows = divided.order.len();
    let held = divided.train + divided.validation;
    options.size = read.image.map(|image| [image.height, image.width]);
    options.channels = read.image.map(|image| image.channels);
    let (labels, classes) = read.labels.map(|labels| (labels.of_rows, labels.names)).unzip();
    options.classes = classes.as_ref().map(Vec::len);
    Ok(DataSet {
        name,
        kind,
        values,
        rows,
        features,
        image: read.image,
        labels: labels.map(|labels| divided.order.iter().map(|&row| labels[row as usize]).collect()),
        classes: classes.unwrap_or_default(),
        train: 0..divided.train,
        validation: divided.train..held,
        test: held..rows,
        groups: read.groups.map(|groups| Arc::new(divided.order.iter().map(|&row| groups[row as usize]).collect())),
        order: Some(Arc::new(divided.order)),
        names: read.names.map(Arc::new),
        windows: read.windows.map(Arc::new),
        preparation,
        options,
        missing,
        remarks: Arc::new(remarks),
        form,
        notes,
    })
}
