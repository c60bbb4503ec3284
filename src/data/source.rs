//! From what the spec's `[data]` section names to a data set: what kind it is, its rows, their parts, their scaling.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::array::{ArrayFile, ArrayValues};
use super::audio::MelSpec;
use super::images::Gallery;
use super::options::{AudioForm, DataSpec, Scaling, SourceKind, SplitKind, TextUnit};
use super::prepare::Preparation;
use super::rows::{self, FileRows, Found, Numbers};
use super::split::{Divided, Facts, Plan, divide};
use super::table::{self, Table};
use super::text::{self, Document, TextVectors};
use super::{
    DataError, DataSet, Element, ImageShape, RowSource, Values, audio, images, mnist, pack, series, unreadable,
};

/// Columns of these names are labels where nothing else is said and they have few values.
const LABEL_NAMES: [&str; 5] = ["label", "labels", "class", "target", "species"];
/// More different values than this are no classes.
const FEW_CLASSES: usize = 64;
/// Numbers that words are hashed to, where the spec does not say.
const USUAL_DIMENSIONS: usize = 1024;
/// Bands and frames of a piece of a spectrogram, where the spec does not say.
const USUAL_BANDS: usize = 32;
const USUAL_FRAMES: usize = 32;
/// The logarithm of the power of silence in a spectrogram: ln 1e-10.
const SILENCE: f32 = -23.025_85;
/// Samples of a piece of a waveform, where the spec does not say.
const USUAL_SAMPLES: usize = 1024;

/// Bytes of memory that are free; `None` where the system does not tell.
pub fn free_memory() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok()?.checked_mul(1024)
}

/// `, perhaps "NAME"` where one of `known` is near.
pub(super) fn nearest(name: &str, known: &[String]) -> String {
    let near = known.iter().map(|known| (strsim::jaro_winkler(name, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    near.filter(|(likeness, _)| *likeness > 0.8).map_or_else(String::new, |(_, known)| format!(", perhaps {known:?}"))
}

/// The numbers of a source before they are prepared.
enum Body {
    /// [rows, features] of bytes that mean their 255th part.
    Bytes(Vec<u8>),
    /// [rows, features]
    Floats(Vec<f32>),
    Table(Table),
    Documents(Vec<String>),
    Source(Arc<dyn RowSource>, Element),
    /// Rows of a file larger than memory.
    File(ArrayFile),
}

/// What was read, before rows are divided and scaled.
struct Read {
    rows: usize,
    features: usize,
    image: Option<ImageShape>,
    body: Body,
    labels: Option<(Vec<u8>, Vec<String>)>,
    names: Option<Vec<String>>,
    feature_names: Vec<String>,
    groups: Option<Vec<u32>>,
    given: Option<(Vec<u8>, SplitKind)>,
    overlap: Option<usize>,
    /// Values that have an offset and a scale each, over and over; each value of a row where not given.
    period: Option<usize>,
    mel: Option<MelSpec>,
}

impl Read {
    fn new(rows: usize, features: usize, body: Body) -> Self {
        Self {
            rows,
            features,
            image: None,
            body,
            labels: None,
            names: None,
            feature_names: Vec::new(),
            groups: None,
            given: None,
            overlap: None,
            period: None,
            mel: None,
        }
    }
}

pub(super) fn open(options: &DataSpec, plan: &Plan, fitted: Option<&Preparation>) -> Result<DataSet, DataError> {
    options.check().map_err(|(field, problem)| DataError::Option { field, problem })?;
    if options.source == "mnist" {
        let mut set = mnist::embedded()?;
        if fitted.is_some() {
            (set.train, set.validation, set.test) = (0..0, 0..0, 0..set.rows);
        }
        return Ok(set);
    }
    let path = Path::new(&options.source);
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let mut options = options.clone();
    let mut notes = Vec::new();
    if let Some(fitted) = fitted {
        options.kind = Some(fitted.source);
        options.scale = Some(fitted.kind);
    }
    if metadata.is_dir() {
        std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        if mnist::is_mnist_folder(path) && options.kind.is_none_or(|kind| kind == SourceKind::Array) {
            return mnist::from_folder(path, &options, plan, fitted.is_some());
        }
    } else if metadata.len() == 0 {
        let place = path.display().to_string();
        return Err(DataError::malformed(place, "the file is empty; give one with data in it"));
    }
    let mut kind = match options.kind {
        Some(kind) => kind,
        None => kind_of(path, metadata.is_dir(), &mut notes)?,
    };
    let read = match kind {
        SourceKind::Images => read_images(path, &mut options, plan.seed, &mut notes)?,
        SourceKind::Table | SourceKind::Series => {
            let wanted = fitted.map(|fitted| fitted.columns.as_slice()).filter(|columns| !columns.is_empty());
            let table = table::read_table(path, &options, wanted)?;
            read_table(table, path, &mut kind, &mut options, fitted, &mut notes)?
        }
        SourceKind::Array => read_array(path, &mut options, &mut notes)?,
        SourceKind::Audio => read_audio(path, &mut options, fitted, &mut notes)?,
        SourceKind::Text => read_text(path, &mut options)?,
    };
    options.kind = Some(kind);
    let name = path.file_name().map_or_else(|| options.source.clone(), |name| name.to_string_lossy().into_owned());
    finish(name, kind, read, options, plan, fitted, notes)
}

/// What a path holds, by names first and by the first bytes where those say nothing.
fn kind_of(path: &Path, is_folder: bool, notes: &mut Vec<String>) -> Result<SourceKind, DataError> {
    let by_name = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if images::is_picture(path) {
            Some(SourceKind::Images)
        } else if ends(&[".csv", ".tsv", ".parquet"]) {
            Some(SourceKind::Table)
        } else if ends(&[".npy", ".npz", ".safetensors", ".idx"]) || name.contains("-idx") || name.contains(".idx") {
            Some(SourceKind::Array)
        } else if ends(&[".wav"]) {
            Some(SourceKind::Audio)
        } else if ends(&[".txt", ".md"]) {
            Some(SourceKind::Text)
        } else {
            None
        }
    };
    let place = path.display().to_string();
    if is_folder {
        let mut ignored = Vec::new();
        let files = images::files_under(path, |_| true, &mut ignored);
        let mut counts = [SourceKind::Images, SourceKind::Audio, SourceKind::Text].map(|kind| (0_usize, kind));
        for file in &files {
            let found = by_name(file);
            counts.iter_mut().filter(|(_, kind)| found == Some(*kind)).for_each(|(count, _)| *count += 1);
        }
        let most = counts.into_iter().max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 0);
        return most.map(|(_, kind)| kind).ok_or_else(|| {
            let why = if ignored.is_empty() { String::new() } else { format!(" ({})", ignored.join("; ")) };
            let what = if files.is_empty() {
                "the folder is empty".to_owned()
            } else {
                format!("none of its {} files", files.len())
            };
            let what = if files.is_empty() { what } else { format!("{what} is a picture, a recording or a text") };
            DataError::malformed(
                &place,
                format!("{what}{why}; give a folder of pictures, WAV or text files, or name one table or array in it"),
            )
        });
    }
    if let Some(kind) = by_name(path) {
        return Ok(kind);
    }
    let mut start = [0_u8; 16];
    let read = {
        use std::io::Read as _;
        let mut file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
        file.read(&mut start).map_err(|error| unreadable(path, &error))?
    };
    let start = &start[..read];
    let kind = if start.starts_with(b"\x93NUMPY") || start.starts_with(b"PK\x03\x04") || start.starts_with(&[0, 0, 8]) {
        SourceKind::Array
    } else if start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WAVE") {
        SourceKind::Audio
    } else if image::guess_format(start).is_ok() {
        SourceKind::Images
    } else {
        return Err(DataError::malformed(
            place,
            "its name and its first bytes say nothing known here; give pictures, CSV, TSV, NPY, NPZ, safetensors, IDX, WAV \
             or text, or name what it is: --set data.kind=table",
        ));
    };
    notes.push(format!("taken for {} by its first bytes", kind.name()));
    Ok(kind)
}

/// Labels of files: by their folders, by the first part of their names, or none. `relative` are their paths.
pub(super) fn file_labels(
    relative: &[String],
    has_parts: bool,
    options: &mut DataSpec,
) -> Result<Option<(Vec<u8>, Vec<String>)>, DataError> {
    let folder = |name: &String| {
        let mut steps: Vec<&str> = name.split(['/', '\\']).collect();
        steps.pop();
        if has_parts && !steps.is_empty() {
            steps.remove(0);
        }
        steps.first().map(|step| (*step).to_owned())
    };
    let prefix = |name: &String| {
        let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
        file.split_once('_').map(|(prefix, _)| prefix.to_owned())
    };
    let words: Vec<Option<String>> = match options.labels.as_deref() {
        Some("none") => return Ok(None),
        None | Some("folders") => relative.iter().map(folder).collect(),
        Some("prefix") => relative.iter().map(prefix).collect(),
        Some(list) => {
            let text = std::fs::read_to_string(list).map_err(|error| unreadable(Path::new(list), &error))?;
            text.lines().map(|line| Some(line.trim().to_owned())).collect()
        }
    };
    let wanted = options.labels.is_some();
    if words.len() != relative.len() {
        let problem = format!("it has {} lines for {} files; write one label a line", words.len(), relative.len());
        return Err(DataError::malformed(options.labels.clone().unwrap_or_default(), problem));
    }
    let mut names: Vec<String> = words.iter().flatten().cloned().collect();
    table::sort_names(&mut names);
    let every = words.iter().all(Option::is_some);
    if !every || !(2..=256).contains(&names.len()) {
        if wanted {
            let problem = format!(
                "{:?} gives {} different labels{}; 2 to 256 of them are needed",
                options.labels.as_deref().unwrap_or_default(),
                names.len(),
                if every { "" } else { " and leaves files without one" }
            );
            return Err(DataError::Option { field: "data.labels", problem });
        }
        return Ok(None);
    }
    options.labels.get_or_insert_with(|| "folders".to_owned());
    let of = |word: &Option<String>| names.iter().position(|name| Some(name) == word.as_ref()).unwrap_or(0) as u8;
    Ok(Some((words.iter().map(of).collect(), names)))
}

fn read_images(path: &Path, options: &mut DataSpec, seed: u64, notes: &mut Vec<String>) -> Result<Read, DataError> {
    /// So much is decoded at once, so that damage is known before training.
    const AT_ONCE: usize = 256 << 20;
    let mut gallery = images::open(path, options, seed, notes)?;
    if gallery.source.decoded_bytes() <= AT_ONCE {
        let damaged = gallery.source.damaged();
        gallery = gallery.without(damaged, notes)?;
    }
    options.scale = Some(Scaling::Unit);
    let shape = gallery.shape();
    let (rows, element) = (gallery.rows(), gallery.element());
    let Gallery { source, names, labels, given, groups } = gallery;
    Ok(Read {
        image: Some(shape),
        labels,
        names: Some(names),
        given,
        groups,
        ..Read::new(rows, shape.values(), Body::Source(Arc::new(source), element))
    })
}

/// Decides between a table and a series, takes labels out, and leaves the rest to be prepared.
fn read_table(
    mut table: Table,
    path: &Path,
    kind: &mut SourceKind,
    options: &mut DataSpec,
    fitted: Option<&Preparation>,
    notes: &mut Vec<String>,
) -> Result<Read, DataError> {
    let place = path.display().to_string();
    let label_column = match options.labels.as_deref() {
        Some("none") => None,
        Some("last") => table.names.len().checked_sub(1),
        Some(name) => {
            let by_number =
                || name.parse::<usize>().ok().filter(|n| (1..=table.names.len()).contains(n)).map(|n| n - 1);
            let found = table.find(name).or_else(by_number);
            // Rows to be scored may come without the labels that a model was fitted with.
            if found.is_none() && fitted.is_none() && !Path::new(name).is_file() {
                let near = nearest(name, &table.names);
                let problem = format!("{place} has no column {name:?}{near}; it has {}", table.names.join(", "));
                return Err(DataError::Option { field: "data.labels", problem });
            }
            found
        }
        None => {
            let found = table.names.iter().position(|name| LABEL_NAMES.contains(&name.to_lowercase().as_str()));
            let found = found.filter(|&at| {
                table::classes(&table.columns[at], &[]).is_some_and(|(_, names)| names.len() <= FEW_CLASSES)
            });
            if let Some(at) = found {
                notes.push(format!("column {:?} is taken for labels, not for a feature", table.names[at]));
            }
            found
        }
    };
    let known = fitted.map(|fitted| fitted.classes.clone()).unwrap_or_default();
    let mut labels = None;
    if let Some(at) = label_column {
        let (name, cells) = table.take(at);
        labels = table::classes(&cells, &known);
        if labels.is_none() {
            notes.push(format!("column {name:?} has too many or too few different values to be classes: not used"));
        }
        options.labels = Some(name);
    }
    if options.kind.is_none() && fitted.is_none() && (options.window.is_some() || series::is_series(&table)) {
        *kind = SourceKind::Series;
    }
    if *kind == SourceKind::Series {
        let windows = series::cut(&table, options, &place, notes)?;
        let window = options.window.unwrap_or(1);
        // A window is of the highest class in it: what is abnormal anywhere in it makes it so.
        let labels = labels.map(|(labels, names)| {
            let of = |&start: &usize| labels[start..start + window].iter().copied().max().unwrap_or(0);
            (windows.starts.iter().map(of).collect(), names)
        });
        options.scale.get_or_insert(options.usual_scaling());
        return Ok(Read {
            labels,
            names: Some(windows.names),
            feature_names: windows.feature_names,
            overlap: Some(windows.overlap),
            period: Some(options.columns.len()),
            ..Read::new(windows.rows, windows.features, Body::Floats(windows.values))
        });
    }
    if table.columns.is_empty() {
        return Err(DataError::malformed(place, "it has no column beside the labels; give a table with features"));
    }
    options.scale.get_or_insert(options.usual_scaling());
    let rows = table.rows;
    Ok(Read { labels, ..Read::new(rows, 0, Body::Table(table)) })
}

fn read_array(path: &Path, options: &mut DataSpec, notes: &mut Vec<String>) -> Result<Read, DataError> {
    let place = path.display().to_string();
    let Found { shape, numbers, labels } = rows::find(path, options, limit())?;
    let (&count, inner) = shape.split_first().filter(|(_, inner)| !inner.is_empty()).ok_or_else(|| {
        DataError::malformed(
            &place,
            format!("it has shape {shape:?}; give rows x values, or pictures x height x width"),
        )
    })?;
    let features: usize = inner.iter().product();
    if count == 0 || features == 0 {
        return Err(DataError::malformed(place, format!("it has shape {shape:?} and so no values; give some")));
    }
    let (image, channels_first) = pictures_of(inner, features, options, &place)?;
    let period = image.map(|image| image.channels);
    let mut body = match numbers {
        Numbers::Here(ArrayValues::Bytes(bytes)) => Body::Bytes(bytes),
        Numbers::Here(ArrayValues::Floats(floats)) => {
            if let Some(at) = floats.iter().position(|value| !value.is_finite()) {
                let (row, value, seen) = (at / features + 1, at % features + 1, floats[at]);
                return Err(DataError::malformed(
                    place,
                    format!("row {row}, value {value} is {seen}; replace what is missing or infinite"),
                ));
            }
            Body::Floats(floats)
        }
        Numbers::There(_) if channels_first => {
            return Err(DataError::malformed(
                place,
                "it is larger than memory and has its channels first; save it with channels last (N, H, W, C)",
            ));
        }
        Numbers::There(file) => {
            notes.push("larger than half of the free memory: rows are read from the file while training".to_owned());
            Body::File(file)
        }
    };
    if let (true, Some(image)) = (channels_first, image) {
        body = match body {
            Body::Bytes(bytes) => Body::Bytes(channels_last(&bytes, image)),
            Body::Floats(floats) => Body::Floats(channels_last(&floats, image)),
            other => other,
        };
    }
    let bytes = matches!(&body, Body::Bytes(_)) || matches!(&body, Body::File(file) if FileRows::holds_bytes(file));
    let in_unit = |floats: &[f32]| period.is_some() && floats.iter().all(|value| (0.0..=1.0).contains(value));
    options.scale.get_or_insert(match &body {
        _ if bytes => Scaling::Unit,
        Body::Floats(floats) if in_unit(floats) => Scaling::None,
        _ => options.usual_scaling(),
    });
    if let (Body::Bytes(bytes), false) = (&body, options.scale == Some(Scaling::Unit)) {
        body = Body::Floats(bytes.iter().map(|&byte| f32::from(byte)).collect());
    }
    let labels = match labels {
        Some(words) if words.len() == count => classes_of(&words),
        Some(words) => {
            let problem = format!("there are {} labels for {count} rows; give one for each", words.len());
            return Err(DataError::malformed(place, problem));
        }
        None => None,
    };
    Ok(Read { image, labels, period, ..Read::new(count, features, body) })
}

/// What pictures the rows of an array are, by its shape or by the spec; and whether channels come before pixels.
fn pictures_of(
    inner: &[usize],
    features: usize,
    options: &DataSpec,
    place: &str,
) -> Result<(Option<ImageShape>, bool), DataError> {
    let shape = |height, width, channels| Some(ImageShape { height, width, channels });
    let channels = |count: usize| matches!(count, 1 | 3 | 4);
    Ok(match (inner, options.size) {
        (&[height, width], _) => (shape(height, width, 1), false),
        (&[height, width, last], _) if channels(last) => (shape(height, width, last), false),
        (&[first, height, width], _) if channels(first) => (shape(height, width, first), first > 1),
        // Rows that are pictures because the spec says so.
        (_, Some([height, width])) => {
            let image = ImageShape { height, width, channels: options.channels.unwrap_or(1) };
            if image.values() != features {
                let problem =
                    format!("{height}x{width}x{} is not the {features} values of a row of {place}", image.channels);
                return Err(DataError::Option { field: "data.size", problem });
            }
            (Some(image), false)
        }
        _ => (None, false),
    })
}

/// A class for each word, and their names; `None` where they are too many or one.
fn classes_of(words: &[String]) -> Option<(Vec<u8>, Vec<String>)> {
    let mut names = words.to_vec();
    table::sort_names(&mut names);
    if !(2..=256).contains(&names.len()) {
        return None;
    }
    let of: HashMap<&str, u8> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u8)).collect();
    Some((words.iter().map(|word| of.get(word.as_str()).copied().unwrap_or(0)).collect(), names))
}

/// [rows, C, H, W] as [rows, H, W, C].
fn channels_last<T: Copy>(values: &[T], image: ImageShape) -> Vec<T> {
    let (pixels, channels) = (image.height * image.width, image.channels);
    values
        .chunks_exact(pixels * channels)
        .flat_map(|row| (0..pixels * channels).map(move |i| row[i % channels * pixels + i / channels]))
        .collect()
}

/// Bytes that a source may unpack to: half of what is free.
pub(super) fn limit() -> u64 {
    free_memory().map_or(u64::MAX, |free| free as u64 / 2)
}

fn read_audio(
    path: &Path,
    options: &mut DataSpec,
    fitted: Option<&Preparation>,
    notes: &mut Vec<String>,
) -> Result<Read, DataError> {
    use rayon::prelude::*;
    let place = path.display().to_string();
    let is_wav = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav"));
    let files = if path.is_file() { vec![path.to_owned()] } else { images::files_under(path, is_wav, notes) };
    let sounds: Vec<Result<audio::Sound, DataError>> =
        files.par_iter().map(|file| audio::read_wav(file, limit())).collect();
    let (mut good, mut kept) = (Vec::new(), Vec::new());
    let mut first_error = None;
    for (file, sound) in files.iter().zip(sounds) {
        match sound {
            Ok(sound) => {
                kept.push(sound);
                good.push(file);
            }
            Err(error) => {
                notes.push(format!("left out: {error}"));
                first_error.get_or_insert(error);
            }
        }
    }
    if kept.is_empty() {
        return Err(first_error.unwrap_or_else(|| DataError::malformed(place, "it holds no WAV files; give some")));
    }
    // The rate that most have: as little as possible is resampled.
    let mut rates: Vec<u32> = kept.iter().map(|sound| sound.rate).collect();
    rates.sort_unstable();
    let most = rates.chunk_by(|a, b| a == b).max_by_key(|same| same.len()).and_then(|same| same.first());
    let known = fitted.and_then(|fitted| fitted.mel.clone());
    let rate = *options.rate.get_or_insert(known.as_ref().map_or(most.copied().unwrap_or(8000), |mel| mel.rate));
    let form = *options.audio.get_or_insert(AudioForm::Mel);
    let bands = *options.bands.get_or_insert(USUAL_BANDS);
    let mel = known.unwrap_or_else(|| usual_mel(rate, bands));
    let transform = mel.prepare()?;
    let window = *options.window.get_or_insert(match form {
        AudioForm::Mel => USUAL_FRAMES,
        AudioForm::Raw => USUAL_SAMPLES,
    });
    let stride = *options.stride.get_or_insert(window);
    let step = match form {
        AudioForm::Mel => mel.bands,
        AudioForm::Raw => 1,
    };
    let lengths: Vec<Vec<f32>> = kept
        .into_par_iter()
        .map(|sound| {
            let samples = audio::resample(&sound.samples, sound.rate, rate)?;
            Ok(match form {
                AudioForm::Mel => transform.log_mel(&samples),
                AudioForm::Raw => samples,
            })
        })
        .collect::<Result<_, DataError>>()?;
    let quiet = match form {
        AudioForm::Mel => SILENCE,
        AudioForm::Raw => 0.0,
    };
    let relative: Vec<String> =
        good.iter().map(|file| file.strip_prefix(path).unwrap_or(file).to_string_lossy().into_owned()).collect();
    let file_labels = file_labels(&relative, false, options)?;
    let (mut values, mut groups, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (file, whole) in lengths.iter().enumerate() {
        let steps = whole.len() / step;
        // The last piece is filled up with silence, unless it would be mostly that.
        let pieces = 1 + steps.saturating_sub(window / 2 + 1) / stride.max(1);
        for piece in 0..pieces {
            let start = piece * stride;
            for at in start..start + window {
                match whole.get(at * step..(at + 1) * step) {
                    Some(frame) => values.extend_from_slice(frame),
                    None => values.extend(std::iter::repeat_n(quiet, step)),
                }
            }
            groups.push(file as u32);
            names.push(format!("{}, piece {}", relative[file], piece + 1));
        }
    }
    let rows = groups.len();
    // A spectrogram as people look at it: low bands at the bottom, time to the right.
    let image = (form == AudioForm::Mel).then_some(ImageShape { height: mel.bands, width: window, channels: 1 });
    if let Some(image) = image {
        values = values
            .chunks_exact(image.values())
            .flat_map(|piece| {
                (0..image.values()).map(move |i| {
                    let (line, frame) = (i / image.width, i % image.width);
                    piece[frame * image.height + (image.height - 1 - line)]
                })
            })
            .collect();
    }
    options.scale.get_or_insert(options.usual_scaling());
    let labels = file_labels
        .map(|(labels, classes)| (groups.iter().map(|&group| labels[group as usize]).collect::<Vec<u8>>(), classes));
    Ok(Read {
        image,
        labels,
        names: Some(names),
        // One recording has no others to be held out: its pieces are divided in order of time.
        overlap: (good.len() < 3).then_some(window.div_ceil(stride).saturating_sub(1)),
        groups: (good.len() >= 3).then_some(groups),
        period: Some(1),
        mel: (form == AudioForm::Mel).then_some(mel),
        ..Read::new(rows, window * step, Body::Floats(values))
    })
}

/// Windows of about 32 milliseconds, half over each other, from the lowest tone that is heard to the highest that there is.
fn usual_mel(rate: u32, bands: usize) -> MelSpec {
    let window = ((f64::from(rate) * 0.032) as usize).next_power_of_two().clamp(64, 8192);
    MelSpec { rate, window, hop: window / 2, bands, low_hz: 20.0, high_hz: f64::from(rate) / 2.0 }
}

fn read_text(path: &Path, options: &mut DataSpec) -> Result<Read, DataError> {
    let unit = *options.text.get_or_insert(if path.is_file() { TextUnit::Lines } else { TextUnit::Documents });
    let read = text::read_documents(path, limit())?;
    let (mut documents, mut names) = (Vec::with_capacity(read.len()), Vec::with_capacity(read.len()));
    for Document { name, text } in read {
        match unit {
            TextUnit::Lines if !path.is_file() => {
                for (line, text) in text.lines().enumerate() {
                    documents.push(text.to_owned());
                    names.push(format!("{name}, line {}", line + 1));
                }
            }
            TextUnit::Lines => {
                documents.push(text);
                names.push(format!("line {name}"));
            }
            TextUnit::Documents => {
                documents.push(text);
                names.push(name);
            }
        }
    }
    let dimensions = *options.dimensions.get_or_insert(USUAL_DIMENSIONS);
    options.scale = Some(Scaling::None);
    let labels = match unit {
        TextUnit::Documents => file_labels(&names, false, options)?,
        TextUnit::Lines => match options.labels.as_deref() {
            None | Some("none") => None,
            Some(_) => file_labels(&names, false, options)?,
        },
    };
    let rows = documents.len();
    Ok(Read { labels, names: Some(names), ..Read::new(rows, dimensions, Body::Documents(documents)) })
}

/// Divides the rows, fits what is to be fitted on train, and prepares all of them.
fn finish(
    name: String,
    kind: SourceKind,
    read: Read,
    mut options: DataSpec,
    plan: &Plan,
    fitted: Option<&Preparation>,
    mut notes: Vec<String>,
) -> Result<DataSet, DataError> {
    let place = options.source.clone();
    let facts = Facts {
        rows: read.rows,
        groups: read.groups.as_deref(),
        labels: read.labels.as_ref().map(|(labels, _)| labels.as_slice()),
        given: read.given.as_ref().map(|(given, _)| given.as_slice()),
        given_kind: read.given.as_ref().map(|(_, kind)| *kind),
        overlap: read.overlap,
        names: read.names.as_deref(),
    };
    let divided = match fitted {
        Some(_) => {
            let order = (0..u32::try_from(read.rows).unwrap_or(u32::MAX)).collect();
            Divided { order, train: 0, validation: 0, kind: SplitKind::Given }
        }
        None => divide(&facts, &options, plan, &place)?,
    };
    options.split = fitted.is_none().then_some(divided.kind);
    let train = &divided.order[..divided.train];
    let scaling = options.scale.unwrap_or(Scaling::None);
    let mut preparation = fitted.cloned().unwrap_or_else(|| Preparation {
        mel: read.mel.clone(),
        features: read.feature_names.clone(),
        classes: read.labels.as_ref().map(|(_, names)| names.clone()).unwrap_or_default(),
        ..Preparation::new(kind, scaling)
    });
    let (mut features, mut missing) = (read.features, 0);
    let gathered = |values: &[f32], features: usize| -> Vec<f32> {
        divided
            .order
            .iter()
            .flat_map(|&row| &values[row as usize * features..(row as usize + 1) * features])
            .copied()
            .collect()
    };
    let values = match read.body {
        Body::Bytes(bytes) => {
            let rows = divided.order.iter().map(|&row| &bytes[row as usize * features..(row as usize + 1) * features]);
            Values::Bytes(Arc::new(pack(rows, features)))
        }
        Body::Floats(floats) => {
            let mut rows = gathered(&floats, features);
            drop(floats);
            if fitted.is_none() && scaling == Scaling::Unit {
                // Numbers that are not bytes, and mean the same.
                (preparation.offset, preparation.scale) = (vec![0.0], vec![255.0]);
            }
            if fitted.is_none() && matches!(scaling, Scaling::Zscore | Scaling::Minmax | Scaling::Robust) {
                preparation.fit(&rows[..train.len() * features], read.period.unwrap_or(features));
            }
            let misfit = preparation.offset.len() > 1 && preparation.offset.len() != features;
            if !misfit {
                preparation.apply(&mut rows, features);
            }
            Values::Floats(Arc::new(rows))
        }
        Body::Table(table) => {
            missing = table.columns.iter().map(table::Cells::missing).sum();
            if fitted.is_none() {
                preparation.fit_table(&table, train, &mut notes);
                if preparation.columns.is_empty() {
                    return Err(DataError::malformed(
                        place,
                        format!("no column has values that differ ({}); give a table with features", notes.join("; ")),
                    ));
                }
            } else {
                match_columns(&preparation, &table, &place, &mut notes)?;
            }
            features = preparation.features.len();
            Values::Floats(Arc::new(preparation.table_rows(&table, &divided.order)))
        }
        Body::Documents(documents) => {
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
        Body::File(file) => {
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
        Body::Source(source, element) => Values::Source { source, element, order: Arc::new(divided.order.clone()) },
    };
    let rows = divided.order.len();
    let held = divided.train + divided.validation;
    options.size = read.image.map(|image| [image.height, image.width]);
    options.channels = read.image.map(|image| image.channels);
    let (labels, classes) = read.labels.unzip();
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
        order: Some(Arc::new(divided.order)),
        names: read.names.map(Arc::new),
        preparation,
        options,
        missing,
        notes,
    })
}

/// Columns that the model was fitted on must be there; others are ignored, and that is said.
fn match_columns(fitted: &Preparation, table: &Table, place: &str, notes: &mut Vec<String>) -> Result<(), DataError> {
    let missing: Vec<&str> =
        fitted.columns.iter().map(super::Column::name).filter(|name| table.find(name).is_none()).collect();
    if !missing.is_empty() {
        return Err(DataError::malformed(
            place,
            format!(
                "it has no column {}; give a table with the columns that the model was fitted on",
                missing.join(", ")
            ),
        ));
    }
    let extra: Vec<&String> =
        table.names.iter().filter(|name| !fitted.columns.iter().any(|column| column.name() == name.as_str())).collect();
    if !extra.is_empty() {
        let names: Vec<&str> = extra.iter().map(|name| name.as_str()).collect();
        notes.push(format!("ignored, the model does not know them: {}", names.join(", ")));
    }
    Ok(())
}
