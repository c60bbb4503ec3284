//! Pictures: found in folders, their headers read, and their rows decided.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, OnceLock};

use rayon::prelude::*;

use super::folders::{files_under, is_picture, name_below, note_skipped};
use super::formats::array::ArrayDType;
use super::formats::samples::{Samples, StoredPicture, held_range, value_range};
use super::image_rows::{ImageCrop, ImageRows, PicturePlace};
use super::own_results::{note_on_own, without_own_results};
use super::picture_file::{FORMS, Further, PictureHeader, count_frames, decode_stored, further_headers, header};
use super::source::{Labels, file_labels};
use super::spec::{DataSpec, Fit, PageChoice, SplitKind};
use super::{DataError, ElementType, ImageShape};
use crate::error::Setting;

/// Largest side, in pixels, of pictures of one size that are taken as they are.
const OWN_SIZE: usize = 256;
/// Side, in pixels, of the rows of other pictures, where the spec names none.
const USUAL_SIDE: usize = 64;
/// Least number of large pictures that are taken whole: fewer are cut in pieces, as they are too few to learn from.
const FEW: usize = 200;
/// Pieces of a picture in an epoch, at most, where the spec names none.
const MOST_PIECES: usize = 256;
/// Pictures of more than 8 bits that are looked at for the values of black and white.
const RANGE_SAMPLES: usize = 64;
/// Share of black to white below which the values of a picture are one flat gray.
const FLAT: f32 = 0.02;
/// Share of the lines of a single picture in the smallest of its parts.
const LEAST_BAND: f64 = 0.15;
/// Files from which on their pages stay together in one part.
const KEEPS_TOGETHER: usize = 10;

/// Returns whether `path` is named as a picture or an `.npy` file.
fn is_picture_or_array(path: &Path) -> bool {
    is_picture(path) || path.extension().is_some_and(|extension| extension == "npy")
}

/// Pictures and `.npy` files under `folder`, sorted by name, without those that `denoise` wrote; `notes` names what could
/// not be read and what is left out, and counts what was passed over.
pub(crate) fn pictures_and_arrays(folder: &Path, notes: &mut Vec<String>) -> Vec<PathBuf> {
    note_skipped(folder, is_picture_or_array, notes);
    without_own_results(files_under(folder, is_picture_or_array, notes), notes)
}

/// Set of pictures after their headers were read.
#[derive(Debug)]
pub(super) struct ImageSet {
    pub source: ImageRows,
    /// Names of the rows.
    pub names: Vec<String>,
    pub labels: Option<Labels>,
    /// Part of each row, where folders are named after parts.
    pub given: Option<(Vec<u8>, SplitKind)>,
    /// The picture or file that each row belongs to, where rows are pieces or pages.
    pub groups: Option<Vec<u32>>,
    /// Number type of the samples, where all pictures have more than 8 bits.
    pub stored: Option<ArrayDType>,
}

impl ImageSet {
    pub fn rows(&self) -> usize {
        self.source.units.len()
    }

    /// Removes the rows of files that cannot be decoded.
    ///
    /// # Errors
    /// The error of the first of these files, where no row is left, or too few where the rows are to have parts.
    pub fn without(
        mut self,
        damaged: Vec<(usize, DataError)>,
        has_parts: bool,
        notes: &mut Vec<String>,
    ) -> Result<Self, DataError> {
        /// Rows of a set that has a train, a validation and a test part.
        const LEAST_ROWS: usize = 3;
        if damaged.is_empty() {
            return Ok(self);
        }
        let bad: std::collections::HashSet<u32> = damaged.iter().map(|(file, _)| *file as u32).collect();
        let keeps: Vec<bool> = self.source.units.iter().map(|unit| !bad.contains(&unit.file)).collect();
        let left = keeps.iter().filter(|&&is_kept| is_kept).count();
        let too_few = left == 0 || has_parts && left < LEAST_ROWS && keeps.len() >= LEAST_ROWS;
        leave_out(damaged.into_iter().map(|(_, error)| error).collect(), too_few, notes)?;
        keep(&mut self.source.units, &keeps);
        keep(&mut self.names, &keeps);
        if let Some(labels) = &mut self.labels {
            keep(&mut labels.of_rows, &keeps);
        }
        if let Some((given, _)) = &mut self.given {
            keep(given, &keeps);
        }
        if let Some(groups) = &mut self.groups {
            keep(groups, &keeps);
            // Groups are counted by the highest of them.
            let mut left = groups.clone();
            left.dedup();
            groups.iter_mut().for_each(|group| *group = left.binary_search(group).unwrap_or(0) as u32);
        }
        Ok(self)
    }

    pub fn shape(&self) -> ImageShape {
        self.source.shape
    }

    pub fn element(&self) -> ElementType {
        self.source.element
    }
}

/// Removes the values that `keeps` does not keep.
fn keep<T>(values: &mut Vec<T>, keeps: &[bool]) {
    let mut keeps = keeps.iter();
    values.retain(|_| keeps.next().is_some_and(|keep| *keep));
}

fn part_named(name: &str) -> Option<u8> {
    match name.to_lowercase().as_str() {
        "train" | "training" => Some(0),
        "val" | "valid" | "validation" => Some(1),
        "test" | "testing" => Some(2),
        _ => None,
    }
}

/// Reads headers and chooses a size; fills in what `options` leave open.
pub(super) fn open(
    path: &Path,
    options: &mut DataSpec,
    seed: u64,
    notes: &mut Vec<String>,
) -> Result<ImageSet, DataError> {
    let place = path.display().to_string();
    let single = path.is_file();
    let files = if single {
        notes.extend(note_on_own(path));
        vec![path.to_owned()]
    } else {
        note_skipped(path, is_picture, notes);
        without_own_results(files_under(path, is_picture, notes), notes)
    };
    if files.is_empty() {
        let why = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        return Err(DataError::malformed(
            place,
            format!("no pictures are in this folder{why}; give one with {FORMS} files"),
        ));
    }
    let looked: Vec<Result<PictureHeader, DataError>> = files.par_iter().map(|file| header(file)).collect();
    let (mut found, mut bad) = (Vec::new(), Vec::new());
    for (file, looked) in files.into_iter().zip(looked) {
        match looked {
            Ok(header) => found.push((file, header)),
            Err(error) => bad.push(error),
        }
    }
    leave_out(bad, found.is_empty(), notes)?;
    let file_count = found.len();
    let (good, headers, file_of) = with_pages(found, options.pages, notes)?;
    let extra = headers.iter().filter(|header| header.has_extra).count();
    if extra > 0 {
        notes.push(format!(
            "of {extra} pictures the channels beside red, green, blue and alpha are left out, such as near infrared; \
             save each as a gray picture to use it"
        ));
    }
    let element_of = |header: &PictureHeader| header.element;
    let stored = headers
        .first()
        .map(element_of)
        .filter(|first| *first != ArrayDType::U8 && headers.iter().all(|header| header.element == *first));
    if options.range.is_none() {
        options.range = range_of_pictures(&good, &headers, notes)?;
    }
    let gray = headers.iter().all(|header| header.gray);
    let channels = *options.channels.get_or_insert(if gray { 1 } else { 3 });
    if !matches!(channels, 1 | 3 | 4) {
        let problem = format!("it is {channels}, pictures have 1 (gray), 3 (color) or 4 (with alpha)");
        return Err(DataError::Setting { setting: Setting::spec_key("data.channels"), problem });
    }
    let deep = headers.iter().all(|header| header.element != ArrayDType::U8);
    let element = if deep { ElementType::Float } else { ElementType::Byte };
    let first = headers[0];
    let alike = headers.iter().all(|header| (header.height, header.width) == (first.height, first.width));
    let small = first.height <= OWN_SIZE && first.width <= OWN_SIZE;
    let least = headers.iter().map(|header| header.height.min(header.width)).min().unwrap_or(1);
    let own = alike && small && (headers.len() >= FEW || first.height.max(first.width) <= 2 * USUAL_SIDE);
    let fit = *options.fit.get_or_insert(match options.size {
        // Nothing of a whole picture is cut away.
        Some(size) if options.whole && headers.iter().any(|header| [header.height, header.width] != size) => {
            Fit::Stretch
        }
        None if options.whole && !own => Fit::Stretch,
        _ if options.whole => Fit::Crop,
        Some(_) if headers.len() >= FEW => Fit::Crop,
        None if own || headers.len() >= FEW => Fit::Crop,
        _ => Fit::Patches,
    });
    if let (Fit::Crop, Some([height, width])) = (fit, options.size) {
        let others = headers.iter().filter(|header| [header.height, header.width] != [height, width]).count();
        if others > 0 {
            notes.push(format!("{others} of {} pictures are brought to {height}x{width}", headers.len()));
        }
    }
    let usual = match fit {
        Fit::Patches => USUAL_SIDE.min(least),
        _ => USUAL_SIDE,
    };
    let is_size_open = options.size.is_none();
    let [height, width] = *options.size.get_or_insert(match fit {
        Fit::Crop | Fit::Pad | Fit::Stretch if own => [first.height, first.width],
        Fit::Stretch if options.whole && alike => within_side(first.height, first.width, usual),
        _ => [usual; 2],
    });
    if options.whole && fit == Fit::Stretch {
        let others = headers.iter().filter(|header| [header.height, header.width] != [height, width]).count();
        if others > 0 {
            let shrink = (first.height as f64 / height as f64).max(first.width as f64 / width as f64);
            let lost = if shrink > 1.5 {
                format!(
                    ", and faults of fewer than {} pixels may be lost; for another size: setting `data.size`",
                    shrink.ceil()
                )
            } else {
                String::new()
            };
            notes.push(format!(
                "{others} of {} pictures are brought to {height}x{width} as a whole{lost}",
                headers.len()
            ));
        }
    }
    let shape = ImageShape { height, width, channels };
    if fit == Fit::Patches && is_size_open {
        notes.extend(note_on_pieces(&good, &headers, [height, width]));
    }
    if fit == Fit::Patches
        && let Some(at) = headers.iter().position(|header| header.height < height || header.width < width)
    {
        let problem = format!(
            "{} is {}x{}, smaller than pieces of {height}x{width}; {}, or setting `data.fit=\"crop\"`",
            good[at].path.display(),
            headers[at].height,
            headers[at].width,
            smaller_pieces(headers[at].height as f64, headers[at].width)
        );
        return Err(DataError::Setting { setting: Setting::spec_key("data.size"), problem });
    }

    let relative: Vec<String> = good.iter().map(|file| name_below(&file.path, path)).collect();
    let given = parts_of(&relative);
    let labels = file_labels(&relative, given.is_some(), options)?;
    // Too few to keep some apart: the lower part of each is held out instead.
    let by_lines = fit == Fit::Patches && good.len() < 3 && given.is_none();
    let has_pages = good.len() > file_count;
    let together = has_pages && file_count >= KEEPS_TOGETHER;
    if has_pages && !together && given.is_none() {
        notes.push("pages of one file may lie in several parts: there are few files".to_owned());
    }
    let group_of = |file: usize| if together { file_of[file] } else { file as u32 };
    let mut units = Vec::new();
    let (mut groups, mut unit_parts) = (Vec::new(), Vec::new());
    for (file, header) in headers.iter().enumerate() {
        if fit != Fit::Patches {
            units.push(ImageCrop { file: file as u32, lines: [0.0, 1.0] });
            groups.push(group_of(file));
            unit_parts.extend(given.as_ref().map(|given| given[file]));
            continue;
        }
        let area = (header.height * header.width).div_ceil(height * width).min(MOST_PIECES);
        let pieces = options.patches.unwrap_or(area).max(1);
        let bands: &[(u8, [f32; 2], usize)] = match by_lines {
            // Of ten lines of pieces, eight are for training.
            true => &[(0, [0.0, 0.7], 8), (1, [0.7, 0.85], 1), (2, [0.85, 1.0], 1)],
            false => &[(0, [0.0, 1.0], 10)],
        };
        for &(part, lines, tenths) in bands {
            if (lines[1] - lines[0]) * (header.height as f32) < height as f32 {
                let problem = format!(
                    "a single picture of {}x{} has no room to hold out pieces of {height}x{width}; {}",
                    header.height,
                    header.width,
                    smaller_pieces(LEAST_BAND * header.height as f64, header.width)
                );
                return Err(DataError::Setting { setting: Setting::spec_key("data.size"), problem });
            }
            for _ in 0..(pieces * tenths).div_ceil(10) {
                units.push(ImageCrop { file: file as u32, lines });
                groups.push(group_of(file));
                unit_parts.extend(match (by_lines, &given) {
                    (true, _) => Some(part),
                    (false, given) => given.as_ref().map(|given| given[file]),
                });
            }
        }
    }
    let mut piece_of: HashMap<u32, usize> = HashMap::new();
    let names = units
        .iter()
        .map(|unit| {
            let piece = piece_of.entry(unit.file).or_default();
            *piece += 1;
            let file = unit.file as usize;
            let alone = good[file].page == 0 && good.get(file + 1).is_none_or(|next| next.page == 0);
            let name = match alone {
                true => relative[file].clone(),
                false => format!("{}, page {}", relative[file], good[file].page + 1),
            };
            if fit == Fit::Patches { format!("{name}, piece {piece}") } else { name }
        })
        .collect();
    if by_lines {
        notes.push("too few pictures to hold some out: the lower 30% of each are validation and test".to_owned());
    }
    let labels = labels.map(|labels| labels.of_files(units.iter().map(|unit| unit.file)));
    let whole: usize = headers
        .iter()
        .map(|header| match fit {
            Fit::Patches => header.height * header.width * channels * element.stride(4) / 4,
            _ => element.stride(shape.values()),
        })
        .sum();
    let room = crate::platform::free_memory().is_none_or(|free| whole < free / 3);
    let cache = room.then(|| good.iter().map(|_| OnceLock::new()).collect());
    let given_kind = if by_lines { SplitKind::Given } else { SplitKind::Folders };
    Ok(ImageSet {
        given: (!unit_parts.is_empty()).then_some((unit_parts, given_kind)),
        groups: (together || fit == Fit::Patches && !by_lines).then_some(groups),
        source: ImageRows {
            files: good,
            range: options.range,
            units,
            shape,
            element,
            fit,
            seed,
            cache,
            blended: AtomicUsize::new(0),
            flaws: Mutex::default(),
        },
        stored,
        names,
        labels,
    })
}

/// Returns the advice to use pieces that have room in `lines` lines of `width` pixels.
pub(super) fn smaller_pieces(lines: f64, width: usize) -> String {
    let room = (lines as usize).min(width);
    match room / 8 * 8 {
        0 => "give a larger one".to_owned(),
        side => format!("use smaller ones, such as setting `data.size=[{side},{side}]`"),
    }
}

/// Returns a size of the same aspect ratio whose longer side is `side`; the shorter is at least a quarter of it, so
/// that convolutions have room.
fn within_side(height: usize, width: usize, side: usize) -> [usize; 2] {
    let longer = height.max(width).max(1);
    // Whole multiples of four: convolutions halve it twice and more.
    let scaled = |of: usize| ((of * side).div_ceil(longer)).next_multiple_of(4).clamp(side / 4, side);
    [scaled(height), scaled(width)]
}

/// Pictures with their headers, and the number of the file of each.
type FoundPictures = (Vec<PicturePlace>, Vec<PictureHeader>, Vec<u32>);

/// Returns the pictures of files, their headers, and the file of each: all pages of a TIFF file unless the first alone
/// is asked for, and all frames of an animation where all are.
fn with_pages(
    found: Vec<(PathBuf, PictureHeader)>,
    choice: Option<PageChoice>,
    notes: &mut Vec<String>,
) -> Result<FoundPictures, DataError> {
    let (mut places, mut headers, mut file_of) = (Vec::new(), Vec::new(), Vec::new());
    let (mut taken, mut pages, mut passed) = (0, 0, 0);
    for (file, (path, first)) in found.into_iter().enumerate() {
        let more = match (first.further, choice) {
            (Further::Pages(_), None | Some(PageChoice::All)) => further_headers(&path, first)?,
            (Further::Frames, Some(PageChoice::All)) => vec![first; count_frames(&path)?.saturating_sub(1)],
            _ => Vec::new(),
        };
        if !more.is_empty() {
            (taken, pages) = (taken + 1, pages + more.len() + 1);
        } else if first.further != Further::None {
            passed += 1;
        }
        for (page, header) in std::iter::once(first).chain(more).enumerate() {
            places.push(PicturePlace { path: path.clone(), page });
            headers.push(header);
            file_of.push(file as u32);
        }
    }
    let key = Setting::spec_key("data.pages");
    if taken > 0 {
        notes.push(format!(
            "files with several pages: {taken}; their {pages} pages are pictures of their own ({key} = \"first\" takes \
             the first of each)"
        ));
    }
    if passed > 0 {
        notes.push(format!(
            "of {passed} files with further pages or frames only the first is used ({key} = \"all\" takes them)"
        ));
    }
    Ok((places, headers, file_of))
}

/// Returns the values of black and white of pictures of more than 8 bits, where they are not those of their number
/// type: by what some of them hold. Counts of 10, 12 or 14 bits have their own white.
fn range_of_pictures(
    places: &[PicturePlace],
    headers: &[PictureHeader],
    notes: &mut Vec<String>,
) -> Result<Option<[f64; 2]>, DataError> {
    let deep: Vec<(&PicturePlace, ArrayDType)> = places
        .iter()
        .zip(headers)
        .filter(|(_, header)| header.element != ArrayDType::U8)
        .map(|(place, header)| (place, header.element))
        .collect();
    let on_types = note_on_types(&deep);
    let is_of_one_type = on_types.is_none();
    notes.extend(on_types);
    let step = deep.len().div_ceil(RANGE_SAMPLES).max(1);
    let some: Vec<&PicturePlace> = deep.into_iter().step_by(step).map(|(place, _)| place).collect();
    // Damaged files are found and named when rows are read.
    let (some, pictures): (Vec<&PicturePlace>, Vec<StoredPicture>) = some
        .into_par_iter()
        .filter_map(|place| decode_stored(&place.path, place.page).ok().map(|picture| (place, picture.stored)))
        .unzip();
    let Some(first) = pictures.first() else { return Ok(None) };
    let (own, element) = (first.samples.own_range(), first.samples.element());
    let [low, high] = value_range(&pictures.iter().collect::<Vec<_>>());
    if is_of_one_type {
        notes.extend(note_on_flat(&some, &pictures, [low, high]));
    }
    if [low, high] == own {
        return Ok(None);
    }
    let is_counts = matches!(first.samples, Samples::Words(_)) && low == 0.0;
    let white = if is_counts { (high.max(255.0) as u32 + 1).next_power_of_two() as f32 - 1.0 } else { high };
    let held = if is_counts { format!(", as they hold up to {high}") } else { String::new() };
    notes.push(format!(
        "values from {low} to {white} of pictures of {} are taken as black to white{held}; {} says otherwise",
        element.words(),
        Setting::spec_key("data.range")
    ));
    Ok(Some([f64::from(low), f64::from(white)]))
}

/// Returns the remark that pictures of more than 8 bits, which share one black and white, are of several number types.
fn note_on_types(deep: &[(&PicturePlace, ArrayDType)]) -> Option<String> {
    let mut kinds: Vec<(ArrayDType, &PicturePlace, usize)> = Vec::new();
    for &(place, element) in deep {
        match kinds.iter_mut().find(|(of, _, _)| *of == element) {
            Some((_, _, count)) => *count += 1,
            None => kinds.push((element, place, 1)),
        }
    }
    kinds.sort_by_key(|&(_, _, count)| std::cmp::Reverse(count));
    let shown: Vec<String> = kinds
        .iter()
        .map(|(element, place, count)| {
            let is_signed = matches!(element, ArrayDType::I8 | ArrayDType::I16 | ArrayDType::I32 | ArrayDType::I64);
            let sign = if is_signed { "signed " } else { "" };
            format!("{count} of {sign}{}, such as {}", element.words(), place.path.display())
        })
        .collect();
    (kinds.len() > 1).then(|| {
        format!(
            "pictures of several number types share one black and white, so some may be black, white or gray all over: \
             {}; give pictures of one type, or {}",
            shown.join("; "),
            Setting::spec_key("data.range")
        )
    })
}

/// Returns the remark that some of `pictures`, those at `places`, are flat where `range` is black to white.
fn note_on_flat(places: &[&PicturePlace], pictures: &[StoredPicture], range: [f32; 2]) -> Option<String> {
    let [black, white] = range;
    let is_flat =
        |[low, high]: &[f32; 2]| high.max(black).min(white) - low.max(black).min(white) < FLAT * (white - black);
    let held = |(place, picture): (&&PicturePlace, &StoredPicture)| {
        Some((place.path.display().to_string(), held_range(picture)?))
    };
    let flat: Vec<(String, [f32; 2])> =
        places.iter().zip(pictures).filter_map(held).filter(|(_, held)| is_flat(held)).collect();
    let (place, [low, high]) = flat.first()?;
    Some(format!(
        "of {} pictures that were looked at, {} span less than {:.0}% of the {black} to {white} from black to white \
         and are flat to a model, such as {place} of {low} to {high}; give pictures of one kind and scale, or {}",
        pictures.len(),
        flat.len(),
        100.0 * FLAT,
        Setting::spec_key("data.range")
    ))
}

/// Returns the remark that pictures of unlike sizes are cut in pieces of `size`, where a small one decides the size, or
/// the others would have been taken whole.
fn note_on_pieces(places: &[PicturePlace], headers: &[PictureHeader], size: [usize; 2]) -> Option<String> {
    let mut count_of: HashMap<[usize; 2], usize> = HashMap::new();
    for header in headers {
        *count_of.entry([header.height, header.width]).or_default() += 1;
    }
    let is_usual = |(of, count): (&[usize; 2], &usize)| {
        2 * count > headers.len() && *of.iter().max().unwrap_or(&0) <= 2 * USUAL_SIDE
    };
    let decides = size.iter().any(|&side| side < USUAL_SIDE) || count_of.iter().any(is_usual);
    if count_of.len() < 2 || !decides {
        return None;
    }
    let named = |(place, header): (&PicturePlace, &PictureHeader)| {
        format!("{} of {}x{}", place.path.display(), header.height, header.width)
    };
    let pairs = || places.iter().zip(headers);
    let smallest = pairs().min_by_key(|(_, of)| (of.height.min(of.width), of.height * of.width)).map(named)?;
    let largest = pairs().max_by_key(|(_, of)| (of.height * of.width, of.height.max(of.width))).map(named)?;
    let [height, width] = size;
    Some(format!(
        "pictures differ in size, so they are cut in pieces of {height}x{width}: the smallest is {smallest}, the \
         largest {largest}; leave out those unlike the others, or name the size of all by setting `data.size` and take \
         them whole by setting `data.fit=\"crop\"`"
    ))
}

/// Adds the files that were left out to `notes`; where nothing is left, the first of them is the error.
fn leave_out(bad: Vec<DataError>, none_left: bool, notes: &mut Vec<String>) -> Result<(), DataError> {
    const SHOWN: usize = 5;
    let count = bad.len();
    let mut bad = bad.into_iter();
    if none_left && let Some(error) = bad.next() {
        return Err(error);
    }
    notes.extend(bad.take(SHOWN).map(|error| format!("left out: {error}")));
    if count > SHOWN {
        notes.push(format!("and {} other files are left out", count - SHOWN));
    }
    Ok(())
}

/// The part of each file, where the folders at the top are named after parts and train is among them.
fn parts_of(relative: &[String]) -> Option<Vec<u8>> {
    let part = |name: &String| {
        let (top, _) = name.split_once(['/', '\\'])?;
        part_named(top)
    };
    let parts: Option<Vec<u8>> = relative.iter().map(part).collect();
    parts.filter(|parts| parts.contains(&0) && parts.iter().any(|&part| part > 0))
}
