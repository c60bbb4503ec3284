//! Writer of rows in the form that their source has: images, tables, arrays, sound. Every task that makes rows writes
//! them here.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::data::{
    AudioForm, DataSet, ImageShape, MelSpec, PictureAxes, Preparation, PreparedColumn, Scaling, SourceKind,
    StoredElement, write_npy_as, write_wav,
};
use crate::error::Setting;
use crate::model::{Model, ModelFileError, write_whole};
use crate::platform::files;
use crate::tasks::TaskError;

/// Rounds of the search for the phases of a spectrogram; more are not heard.
const PHASE_ITERATIONS: usize = 64;

/// Form of the source of some rows, in which they are written.
#[derive(Clone, Debug)]
pub(crate) struct RowWriter {
    pub kind: SourceKind,
    pub features: usize,
    pub image: Option<ImageShape>,
    /// Number type of the source; `None` for bytes of pictures and 32-bit floats.
    element: Option<StoredElement>,
    /// True if values are shares of 1 that stand for bytes.
    of_bytes: bool,
    /// Values of black and white, or least and largest value of the source; `None` where it is in 0..1.
    range: Option<[f64; 2]>,
    /// Names of the features; empty where they have none.
    columns: Vec<String>,
    /// Columns of a table, which its features stand for; empty for other sources.
    table: Vec<PreparedColumn>,
    /// Extents of a row in the source's array, where it has other ones there.
    row_shape: Vec<usize>,
    /// Meaning of the source's dimensions, where that is not a row for each of the first.
    axes: Option<String>,
    audio: Option<AudioForm>,
    mel: Option<MelSpec>,
    /// Length of a piece of a recording in steps, steps from the start of one to that of the next, and samples per
    /// second.
    window: usize,
    stride: usize,
    rate: u32,
}

/// Rows to be written, in the source's own units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedRows<'r> {
    /// Values `[rows, features]`.
    pub values: &'r [f32],
    /// Name of each row, after which its file is named.
    pub names: &'r [String],
    /// Class of each row, if there are any: folders are named after them, and tables have them in a last column.
    pub labels: Option<&'r [String]>,
}

impl RowWriter {
    /// Returns the writer of the rows that `model` takes and makes.
    pub fn from_model(model: &Model) -> Self {
        let (data, preparation) = (&model.spec.data, &model.preparation);
        let window = data.window.unwrap_or(1);
        Self {
            kind: preparation.source,
            features: model.features,
            image: model.data_shape().image,
            element: preparation.element,
            of_bytes: stands_for_bytes(preparation),
            range: data.range.or(preparation.range),
            columns: preparation.features.clone(),
            table: preparation.columns.clone(),
            row_shape: preparation.row_shape.clone(),
            axes: data.axes.clone(),
            audio: data.audio,
            mel: preparation.mel.clone(),
            window,
            stride: data.stride.unwrap_or(window).min(window),
            rate: data.rate.unwrap_or(8000),
        }
    }

    pub fn from_data(data: &DataSet) -> Self {
        let window = data.options.window.unwrap_or(1);
        Self {
            kind: data.kind,
            features: data.features,
            image: data.image,
            element: data.preparation.element,
            of_bytes: stands_for_bytes(&data.preparation),
            range: data.options.range.or(data.preparation.range),
            columns: data.preparation.features.clone(),
            table: data.preparation.columns.clone(),
            row_shape: data.preparation.row_shape.clone(),
            axes: data.options.axes.clone(),
            audio: data.options.audio,
            mel: data.preparation.mel.clone(),
            window,
            stride: data.options.stride.unwrap_or(window).min(window),
            rate: data.options.rate.unwrap_or(8000),
        }
    }

    /// Returns whether rows can be files in a folder.
    fn is_files(&self) -> bool {
        match self.kind {
            SourceKind::Images | SourceKind::Audio => true,
            SourceKind::Array => self.image.is_some(),
            _ => false,
        }
    }

    /// Refuses an `output` that cannot hold such rows, before anything is computed.
    pub fn check(&self, output: &Path) -> Result<(), TaskError> {
        match extension(output).as_deref() {
            Some("npy" | "csv") => Ok(()),
            None if self.is_files() => Ok(()),
            _ => {
                let right = if self.is_files() { "a folder, or a .npy or .csv file" } else { "a .csv or .npy file" };
                Err(TaskError::Setting {
                    setting: Setting::OUTPUT,
                    problem: format!("{} cannot hold {}; give {right}", output.display(), self.kind.name()),
                })
            }
        }
    }

    /// Writes rows to one `.npy` or `.csv` file, or to a folder of PNG or WAV files; returns the count of files. Beside
    /// an array with labels there is a text file with one on each line.
    pub fn write(&self, rows: NamedRows<'_>, output: &Path) -> Result<usize, TaskError> {
        self.check(output)?;
        match (extension(output).as_deref(), self.kind) {
            (Some("npy"), _) => self.write_array(rows, output),
            (Some(_), _) => self.write_table(rows, output),
            (None, SourceKind::Audio) => self.write_sounds(rows, output),
            (None, _) => self.write_pictures(rows, output),
        }
    }

    fn write_array(&self, rows: NamedRows<'_>, output: &Path) -> Result<usize, TaskError> {
        let count = rows.values.len() / self.features.max(1);
        let shape = match self.image {
            Some(image) if image.channels > 1 => vec![count, image.height, image.width, image.channels],
            Some(image) => vec![count, image.height, image.width],
            None => vec![count, self.features],
        };
        let values = self.in_units(rows.values);
        match self.arranged(count) {
            Some((shape, axes)) => {
                let mut there = vec![0.0; values.len()];
                let places = (0..count).flat_map(|row| axes.places(row));
                for (place, value) in places.zip(values) {
                    if let Some(there) = there.get_mut(place) {
                        *there = value;
                    }
                }
                write_npy_as(output, &shape, &there, self.array_element())?;
            }
            None if self.has_row_shape() => {
                let shape: Vec<usize> = std::iter::once(count).chain(self.row_shape.iter().copied()).collect();
                write_npy_as(output, &shape, &self.in_source_order(values), self.array_element())?;
            }
            None => write_npy_as(output, &shape, &values, self.array_element())?,
        }
        let Some(labels) = rows.labels else { return Ok(1) };
        write_whole(&output.with_extension("labels.txt"), (labels.join("\n") + "\n").as_bytes())?;
        Ok(2)
    }

    fn has_row_shape(&self) -> bool {
        let is_array = self.kind == SourceKind::Array && !self.row_shape.is_empty();
        is_array && self.row_shape.iter().product::<usize>() == self.features
    }

    /// Returns `values` of whole rows as the source's array has them: with channels first where it has.
    fn in_source_order(&self, values: Vec<f32>) -> Vec<f32> {
        match self.image {
            Some(image) if image.channels > 1 => {
                let (pixels, channels) = (image.height * image.width, image.channels);
                let places = (0..channels).flat_map(|channel| (0..pixels).map(move |pixel| pixel * channels + channel));
                let places: Vec<usize> = places.collect();
                values.chunks_exact(self.features).flat_map(|row| places.iter().map(|&place| row[place])).collect()
            }
            _ => values,
        }
    }

    /// Returns the shape that an array of `count` pictures has by the source's meaning of its dimensions, and their
    /// places in it; `None` where rows come one after the other.
    fn arranged(&self, count: usize) -> Option<(Vec<usize>, PictureAxes)> {
        let (image, letters) = (self.image?, self.axes.as_ref()?.to_ascii_uppercase());
        let is_count = |letter: char| matches!(letter, 'N' | 'T' | 'Z');
        // Of two dimensions of pictures only the source knows the extents.
        if self.kind != SourceKind::Array || letters.chars().filter(|&letter| is_count(letter)).count() != 1 {
            return None;
        }
        let extent = |letter: char| match letter {
            'Y' => image.height,
            'X' => image.width,
            'C' => image.channels,
            _ => count,
        };
        let shape: Vec<usize> = letters.chars().map(extent).collect();
        let axes = PictureAxes::new(&shape, &letters).ok()??;
        let holds_all = shape.iter().product::<usize>() == count * image.values();
        holds_all.then_some((shape, axes))
    }

    /// Returns whether rows are pictures of 8 bits: in 0..1, which stands for bytes.
    fn is_byte_pictures(&self) -> bool {
        self.kind == SourceKind::Images && self.element.is_none() && self.range.is_none()
    }

    /// Returns the number type of an array of rows: that of the source, 32-bit floats where it has none.
    fn array_element(&self) -> StoredElement {
        let of_source = if self.is_byte_pictures() { Some(StoredElement::U8) } else { self.element };
        of_source.unwrap_or(StoredElement::F32)
    }

    /// Returns `values` in the unit of the source: whole numbers within the type where it holds those.
    fn in_units(&self, values: &[f32]) -> Vec<f32> {
        let [low, span] = match self.kind {
            // Rows of pictures are in 0..1 whatever their files hold.
            SourceKind::Images if self.is_byte_pictures() => [0.0, 255.0],
            SourceKind::Images if self.element.is_some() => self.black_and_span(),
            _ if self.of_bytes => [0.0, 255.0],
            _ => [0.0, 1.0],
        };
        let scaled = values.iter().map(|value| value * span + low);
        match self.array_element() {
            StoredElement::U8 => scaled.map(|value| value.round().clamp(0.0, 255.0)).collect(),
            StoredElement::U16 => scaled.map(|value| value.round().clamp(0.0, 65_535.0)).collect(),
            _ => scaled.collect(),
        }
    }

    fn write_table(&self, rows: NamedRows<'_>, output: &Path) -> Result<usize, TaskError> {
        let unwritable = |problem: String| ModelFileError::Unwritable { path: output.into(), problem };
        let mut table = csv::Writer::from_writer(Vec::new());
        let mut header: Vec<String> = match (self.table.is_empty(), self.columns.len() == self.features) {
            (false, _) => self.table.iter().map(|column| column.name().to_owned()).collect(),
            (true, true) => self.columns.clone(),
            (true, false) => (0..self.features).map(|i| format!("value {}", i + 1)).collect(),
        };
        if rows.labels.is_some() {
            header.push("label".to_owned());
        }
        table.write_record(&header).map_err(|error| unwritable(error.to_string()))?;
        let in_units = if self.table.is_empty() { self.in_units(rows.values) } else { rows.values.to_vec() };
        for (row, values) in in_units.chunks_exact(self.features).enumerate() {
            let label = rows.labels.and_then(|labels| labels.get(row)).cloned();
            let cells: Vec<String> = match self.table.is_empty() {
                true => values.iter().map(f32::to_string).collect(),
                false => cells(&self.table, values),
            };
            table.write_record(cells.into_iter().chain(label)).map_err(|error| unwritable(error.to_string()))?;
        }
        let bytes = table.into_inner().map_err(|error| unwritable(error.to_string()))?;
        write_whole(output, &bytes)?;
        Ok(1)
    }

    fn write_pictures(&self, rows: NamedRows<'_>, folder: &Path) -> Result<usize, TaskError> {
        let Some(image) = self.image else { return Ok(0) };
        let (width, height) = (image.width as u32, image.height as u32);
        let unwritable = |path: &Path, problem: String| ModelFileError::Unwritable { path: path.into(), problem };
        let tone = self.tone(rows.values);
        let mut taken = HashSet::new();
        for (row, values) in rows.values.chunks_exact(self.features).enumerate() {
            let bytes = tone.samples(values);
            let path = rows.place(folder, row, &rows.names[row], "png", &mut taken);
            make_folder(path.parent().unwrap_or(folder))?;
            let color = match (image.channels, tone.is_deep) {
                (1, false) => image::ExtendedColorType::L8,
                (3, false) => image::ExtendedColorType::Rgb8,
                (_, false) => image::ExtendedColorType::Rgba8,
                (1, true) => image::ExtendedColorType::L16,
                (3, true) => image::ExtendedColorType::Rgb16,
                (_, true) => image::ExtendedColorType::Rgba16,
            };
            let mut png = std::io::Cursor::new(Vec::new());
            let encoder = image::codecs::png::PngEncoder::new(&mut png);
            image::ImageEncoder::write_image(encoder, &bytes, width, height, color)
                .map_err(|error| unwritable(&path, error.to_string()))?;
            write_whole(&path, png.get_ref())?;
        }
        Ok(rows.values.len() / self.features)
    }

    /// Returns the value of black and how far white is from it, of picture files.
    fn black_and_span(&self) -> [f32; 2] {
        let own = match self.element {
            Some(StoredElement::U8) => [0.0, 255.0],
            Some(StoredElement::U16) => [0.0, 65_535.0],
            _ => [0.0, 1.0],
        };
        let [low, high] = self.range.unwrap_or(own);
        [low as f32, (high - low) as f32]
    }

    /// Returns how values become samples of a PNG: as they are where the source has bytes, words or 0..1, else stretched
    /// from the least to the largest value of the source.
    fn tone(&self, values: &[f32]) -> PngTone {
        let plain = |factor: f32| PngTone { low: 0.0, factor, is_deep: false, stretched: None };
        match (self.kind, self.element) {
            (SourceKind::Images, None | Some(StoredElement::U8)) => plain(255.0),
            (SourceKind::Images, Some(StoredElement::U16)) => {
                let [low, span] = self.black_and_span();
                PngTone { low: -low / span.max(f32::MIN_POSITIVE), factor: span, is_deep: true, stretched: None }
            }
            (SourceKind::Images, Some(_)) => {
                let [low, span] = self.black_and_span();
                let stretched = Some([f64::from(low), f64::from(low + span)]);
                PngTone { low: 0.0, factor: 65_535.0, is_deep: true, stretched }
            }
            (_, Some(StoredElement::U8)) => plain(if self.of_bytes { 255.0 } else { 1.0 }),
            (_, Some(StoredElement::U16)) => PngTone { low: 0.0, factor: 1.0, is_deep: true, stretched: None },
            _ => match self.range {
                // Numbers of bytes in another type.
                Some([low, high]) if low >= 0.0 && high > 2.0 && high <= 255.0 => plain(1.0),
                Some([low, high]) if high > low => PngTone {
                    low: low as f32,
                    factor: (255.0 / (high - low)) as f32,
                    is_deep: false,
                    stretched: Some([low, high]),
                },
                // Models of earlier versions do not say: what is not in 0..1 is in 0..255.
                _ if values.iter().any(|&value| value > 2.0) => plain(1.0),
                _ => plain(255.0),
            },
        }
    }

    /// Returns the remark that pictures at `output` are stretched to be seen, where they are not in the source's units,
    /// that on the form of recordings, or that on digits which cells of a table lose.
    pub fn remark(&self, output: &Path) -> Option<String> {
        if extension(output).is_none() && self.kind == SourceKind::Audio {
            let phases = if self.mel.is_some() { ", with the phases that fit their spectrograms" } else { "" };
            return Some(format!(
                "recordings are written as WAV of 16 bits, one channel and {} samples a second{phases}",
                self.rate
            ));
        }
        if extension(output).is_some_and(|extension| extension == "csv") {
            return self.remark_on_digits();
        }
        let is_pictures = extension(output).is_none() && self.is_files();
        let [low, high] = self.tone(&[]).stretched.filter(|_| is_pictures)?;
        Some(format!("values from {low} to {high} are stretched to black and white; a .npy file has them as they are"))
    }

    /// Returns the remark on columns of a table whose cells have more digits than rows of a network hold.
    fn remark_on_digits(&self) -> Option<String> {
        let coarse = |column: &PreparedColumn| {
            let PreparedColumn::Number { name, offset, scale, format, .. } = column else { return None };
            // Nearly all values lie within three deviations.
            let most = (offset.abs() + 3.0 * scale.abs()) as f32;
            let step = most.is_finite().then(|| f32::from_bits(most.to_bits() + 1) - most)?;
            let own = 0.1_f64.powi(i32::from(format.places?));
            (f64::from(step) > own).then(|| format!("{name:?} in steps of {step}"))
        };
        let columns: Vec<String> = self.table.iter().filter_map(coarse).collect();
        let shown = columns.get(..3).unwrap_or(&columns).join(", ");
        let more = if columns.len() > 3 { format!(" and {} more", columns.len() - 3) } else { String::new() };
        let are = "have more digits than rows of a network, which are 32-bit floats, and are written";
        (!columns.is_empty()).then(|| format!("columns {are} {shown}{more}; subtract an offset first to keep them"))
    }

    /// Writes the pieces of each recording one after the other, as sound.
    fn write_sounds(&self, rows: NamedRows<'_>, folder: &Path) -> Result<usize, TaskError> {
        let file_of = |row: usize| file_and_rest(&rows.names[row]).0;
        let mut taken = HashSet::new();
        let count = rows.values.len() / self.features.max(1);
        let (mut row, mut files) = (0, 0);
        make_folder(folder)?;
        while row < count {
            let file = file_of(row);
            let end = (row..count).find(|&next| file_of(next) != file).unwrap_or(count);
            let mut steps = Vec::new();
            for piece in row..end {
                let values = &rows.values[piece * self.features..(piece + 1) * self.features];
                let kept = if piece + 1 == end { self.window } else { self.stride };
                match (self.image, self.audio) {
                    (Some(image), Some(AudioForm::Mel)) => {
                        // Frame after frame, low bands first; the picture has them from the top down.
                        for frame in 0..kept {
                            steps.extend((0..image.height).rev().map(|line| values[line * image.width + frame]));
                        }
                    }
                    _ => steps.extend_from_slice(&values[..kept]),
                }
            }
            let samples = match &self.mel {
                Some(mel) => mel.prepare()?.griffin_lim(&steps, PHASE_ITERATIONS),
                None => steps,
            };
            let path = rows.place(folder, row, file, "wav", &mut taken);
            make_folder(path.parent().unwrap_or(folder))?;
            write_wav(&path, self.rate, &samples)?;
            files += 1;
            row = end;
        }
        Ok(files)
    }
}

/// Returns the cells of a row of a table that its features stand for.
fn cells(columns: &[PreparedColumn], features: &[f32]) -> Vec<String> {
    let mut rest = features;
    let cell = |column: &PreparedColumn| {
        let (own, after) = rest.split_at(column.features().len().min(rest.len()));
        rest = after;
        column.cell(own)
    };
    columns.iter().map(cell).collect()
}

/// Returns whether rows of an array of bytes are shares of 1, which undoing the preparation leaves as they are.
fn stands_for_bytes(preparation: &Preparation) -> bool {
    let is_plain = preparation.kind == Scaling::Unit && preparation.offset.is_empty();
    is_plain && preparation.source == SourceKind::Array && preparation.element == Some(StoredElement::U8)
}

/// Mapping of values to the samples of a PNG.
#[derive(Clone, Copy, Debug)]
struct PngTone {
    low: f32,
    factor: f32,
    /// True if samples have 16 bits.
    is_deep: bool,
    /// Values that became black and white, where they are not the source's own.
    stretched: Option<[f64; 2]>,
}

impl PngTone {
    fn samples(&self, values: &[f32]) -> Vec<u8> {
        let scaled = values.iter().map(|value| ((value - self.low) * self.factor).round());
        match self.is_deep {
            true => scaled.flat_map(|value| (value as u16).to_ne_bytes()).collect(),
            false => scaled.map(|value| value as u8).collect(),
        }
    }
}

/// Returns `label` with the characters that no file system's names have, or that lead elsewhere, replaced.
fn as_file_name(label: &str) -> String {
    let is_wrong = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*');
    label.replace(is_wrong, "_")
}

impl NamedRows<'_> {
    /// Returns the path of a file for a row, in a folder named after its class where it has one and does not lie in it
    /// already; none of those `taken`.
    fn place(&self, folder: &Path, row: usize, name: &str, extension: &str, taken: &mut HashSet<PathBuf>) -> PathBuf {
        let label = self.labels.and_then(|labels| labels.get(row)).map(|label| as_file_name(label));
        let folder = match label.filter(|label| Path::new(name).iter().next() != Some(label.as_ref())) {
            // A name of dots alone would lead elsewhere.
            Some(label) if label.chars().all(|c| c == '.') => folder.join("_"),
            Some(label) => folder.join(label),
            None => folder.to_owned(),
        };
        let (file, rest) = file_and_rest(name);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        // Of x.png and x.jpg the second keeps its whole name.
        let stems = [stem.to_owned(), file.to_owned()].into_iter().chain((2..).map(|n| format!("{file} {n}")));
        for stem in stems {
            let path = place_of(&folder, &stem, rest, extension);
            if taken.insert(path.clone()) {
                return path;
            }
        }
        place_of(&folder, stem, rest, extension)
    }
}

/// Splits the name of a row into its file and its page or piece: `cat, dog.jpg, piece 2` into `cat, dog.jpg` and
/// `piece 2`.
pub(crate) fn file_and_rest(name: &str) -> (&str, &str) {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let cut = |name: &str, word: &str| {
        let at = name.rfind(word)?;
        is_number(name.get(at + word.len()..)?).then_some(at)
    };
    let piece = cut(name, ", piece ");
    let before = piece.map_or(name, |at| &name[..at]);
    let at = cut(before, ", page ").or(piece);
    at.map_or((name, ""), |at| (&name[..at], &name[at + 2..]))
}

/// Returns the extension of a file's name, in lowercase.
pub(crate) fn extension(path: &Path) -> Option<String> {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase())
}

fn make_folder(folder: &Path) -> Result<(), ModelFileError> {
    files::create_dir_all(folder)
        .map_err(|error| ModelFileError::Unwritable { path: folder.into(), problem: error.to_string() })
}

/// Returns the path of a file in `folder`, or in a folder of its own there: `cat/1` and `piece 2` are
/// `cat/1 piece 2.png`.
fn place_of(folder: &Path, stem: &str, rest: &str, extension: &str) -> PathBuf {
    let name = if rest.is_empty() { format!("{stem}.{extension}") } else { format!("{stem} {rest}.{extension}") };
    // Rows are named after files that were found below a folder: no step leads out of it.
    let steps = Path::new(&name).components().filter(|step| matches!(step, std::path::Component::Normal(_)));
    steps.fold(folder.to_owned(), |path, step| path.join(step))
}
