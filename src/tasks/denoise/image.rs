//! Image or array in memory: its planes as floats, and its encoding in the format of its file.

use std::ops::Range;
use std::path::Path;

use image::ImageFormat;
use rayon::prelude::*;

use super::metadata::{KeptMetadata, has_gif_comment};
use crate::data::{
    AlphaKind, ArrayValues, DataError, PictureAxes, Samples, StoredElement, StoredPicture, axes_of_pictures,
    encode_tiff, note_on_rounding, read_described, read_npy_typed, read_pictures, value_range, write_npy_as,
};
use crate::error::Setting;
use crate::model::write_whole;
use crate::platform::{files, free_memory};
use crate::tasks::TaskError;

/// Ratio of the spans from black to white of two pictures of a file above which each has its own.
const UNLIKE_SPANS: f32 = 4.0;
/// Pictures of a file whose black and white are named in a note.
const SHOWN_RANGES: usize = 4;

/// A page, a frame or a picture of an array, with the values that stand for black and white.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub size: [usize; 2],
    pub channels: usize,
    pub alpha: bool,
    /// Values that become 0 and 1.
    pub range: [f32; 2],
    pub stored: StoredPicture,
}

/// Pixels of a picture with values far beyond those of all others.
#[derive(Clone, Debug)]
pub(super) struct FarPixels {
    /// Numbers of the pixels, line by line.
    pub places: Vec<usize>,
    /// Count of the picture's pixels.
    count: usize,
    /// Value farthest from the others, as stored.
    pub farthest: f32,
    /// Least and largest value of nearly all others, as stored.
    pub limits: [f32; 2],
}

impl FarPixels {
    /// Returns the mask of the other pixels among the `visible` ones, all where `None`.
    pub fn others(&self, visible: Option<Vec<bool>>) -> Vec<bool> {
        let mut others = visible.unwrap_or_else(|| vec![true; self.count]);
        for &place in &self.places {
            if let Some(other) = others.get_mut(place) {
                *other = false;
            }
        }
        others
    }
}

/// Arrangement of the pictures of a file.
#[derive(Clone, Debug)]
enum FileForm {
    Picture(ImageFormat),
    Array { shape: Vec<usize>, axes: PictureAxes, element: StoredElement },
}

/// Pictures of a file.
#[derive(Clone, Debug)]
pub(super) struct ImageFile {
    /// Pages of a TIFF file, frames of an animation, pictures of an array, or the one picture there is.
    pub images: Vec<Image>,
    /// Decisions about the file, in words.
    pub notes: Vec<String>,
    form: FileForm,
    /// Frames of an animation that are not among the images.
    frames_left: usize,
}

/// Returns whether `path` is read as an array.
pub(super) fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

/// Returns the format that a file's name asks for.
fn format_named(path: &Path) -> Option<ImageFormat> {
    path.extension().and_then(ImageFormat::from_extension)
}

pub(super) fn malformed(path: &Path, problem: impl Into<String>) -> DataError {
    DataError::Malformed { place: path.display().to_string(), problem: problem.into() }
}

/// Choices about a file that is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadChoices<'a> {
    /// Values of black and white; by what the file holds where `None`.
    pub range: Option<[f64; 2]>,
    /// Meaning of an array's dimensions; by its shape where `None`.
    pub axes: Option<&'a str>,
    /// True if all frames of an animation are read.
    pub animated: bool,
}

impl ImageFile {
    #[tracing::instrument(level = "debug", name = "read_picture", skip_all, fields(path = %path.display()))]
    pub fn read(path: &Path, choices: ReadChoices<'_>) -> Result<Self, DataError> {
        let mut file = if is_array(path) {
            Self::read_array(path, choices.axes)?
        } else {
            let read = read_pictures(path, choices.animated)?;
            let images = read.pages.into_iter().map(Image::new).collect();
            Self { images, notes: read.notes, form: FileForm::Picture(read.format), frames_left: read.frames_left }
        };
        let lacking = |image: &Image| Some((image.stored.note_on_no_data()?, image.stored.lacking()?));
        let gaps: Vec<Option<(String, Vec<bool>)>> = file.images.par_iter().map(lacking).collect();
        let rounding = file.images.iter().zip(&gaps).find_map(|(image, gaps)| match (&image.stored.samples, gaps) {
            (Samples::Wide { values, element }, None) => note_on_rounding(values, *element),
            (Samples::Wide { values, element }, Some((_, lacking))) => {
                let pixels = values.chunks_exact(image.channels.max(1)).zip(lacking);
                let held: Vec<f32> =
                    pixels.filter(|(_, lacks)| !**lacks).flat_map(|(pixel, _)| pixel.iter().copied()).collect();
                note_on_rounding(&held, *element)
            }
            _ => None,
        });
        for (note, _) in gaps.into_iter().flatten() {
            if !file.notes.contains(&note) {
                file.notes.push(note);
            }
        }
        file.notes.extend(rounding);
        file.set_range(choices.range);
        Ok(file)
    }

    /// Takes `range` for black and white of all pictures but those of 8 bits; else what the pictures of each number
    /// type hold together, or each alone where some are far brighter than others.
    fn set_range(&mut self, range: Option<[f64; 2]>) {
        if let Some(range) = range {
            let deep = self.images.iter_mut().filter(|image| !matches!(image.stored.samples, Samples::Bytes(_)));
            deep.for_each(|image| image.range = range.map(|value| value as f32));
            return;
        }
        let element_of = |image: &Image| image.stored.samples.element();
        let mut elements: Vec<StoredElement> = Vec::new();
        for image in &self.images {
            if !elements.contains(&element_of(image)) {
                elements.push(element_of(image));
            }
        }
        let mut alone = false;
        for &element in &elements {
            let pictures: Vec<&StoredPicture> =
                self.images.iter().filter(|image| element_of(image) == element).map(|image| &image.stored).collect();
            let own: Vec<[f32; 2]> = pictures.par_iter().map(|&picture| value_range(&[picture])).collect();
            let spans = || own.iter().map(|[low, high]| high - low);
            let [least, most] = [spans().fold(f32::MAX, f32::min), spans().fold(0.0, f32::max)];
            let chosen = if UNLIKE_SPANS * least < most { own } else { vec![value_range(&pictures); pictures.len()] };
            alone |= UNLIKE_SPANS * least < most;
            let images = self.images.iter_mut().filter(|image| element_of(image) == element);
            images.zip(chosen).for_each(|(image, range)| image.range = range);
        }
        if alone || elements.len() > 1 {
            let why = if elements.len() > 1 { "of several number types" } else { "of unlike brightness" };
            let shown: Vec<String> = self.images.iter().enumerate().take(SHOWN_RANGES).map(range_in_words).collect();
            let more = if self.images.len() > SHOWN_RANGES { " and so on" } else { "" };
            self.notes.push(format!(
                "its pictures are {why}, so each is measured by its own black and white: {}{more}; {} says otherwise",
                shown.join(", "),
                Setting::RANGE
            ));
            return;
        }
        let Some(first) = self.images.first() else { return };
        if let Some([low, high]) = first.unusual_range() {
            self.notes.push(format!(
                "its values from {low} to {high} are taken as black to white, which sigma 0 to 255 stands for; {} says \
                 otherwise",
                Setting::RANGE
            ));
        }
    }

    fn read_array(path: &Path, axes: Option<&str>) -> Result<Self, DataError> {
        let (array, element) = read_npy_typed(path, free_memory().map_or(u64::MAX, |free| free as u64 / 4))?;
        let shape = array.shape;
        let wrong = |problem: String| malformed(path, format!("its shape is {shape:?}: {problem}"));
        let usual = axes_of_pictures(&shape);
        let letters = axes
            .or(usual)
            .ok_or_else(|| wrong(format!("give HxW, HxWxC or a stack of them, or name {}", Setting::AXES)))?;
        let of = PictureAxes::new(&shape, letters).map_err(wrong)?;
        let of = of.ok_or_else(|| malformed(path, format!("{letters:?} names no lines (Y) and columns (X)")))?;
        let samples = match (array.values, element) {
            (ArrayValues::Bytes(values), _) => Samples::Bytes(values),
            (ArrayValues::Floats(values), StoredElement::U16) => {
                Samples::Words(values.into_iter().map(|value| value as u16).collect())
            }
            (ArrayValues::Floats(values), element) => Samples::Wide { values, element },
        };
        fn gathered<T: Copy>(values: &[T], axes: &PictureAxes, picture: usize) -> Vec<T> {
            axes.places(picture).filter_map(|place| values.get(place).copied()).collect()
        }
        let images = (0..of.pictures)
            .map(|picture| {
                let samples = match &samples {
                    Samples::Bytes(values) => Samples::Bytes(gathered(values, &of, picture)),
                    Samples::Words(values) => Samples::Words(gathered(values, &of, picture)),
                    Samples::Wide { values, element } => {
                        Samples::Wide { values: gathered(values, &of, picture), element: *element }
                    }
                };
                let (size, channels) = (of.size, of.channels);
                let (alpha, no_data) = (AlphaKind::None, Vec::new());
                let mut stored = StoredPicture { size, channels, alpha, extra: 0, no_data, samples };
                stored.find_no_data();
                Image::new(stored)
            })
            .collect();
        let mut notes = Vec::new();
        // Of two dimensions, and of a last one of 1, 3 or 4, there is nothing to doubt.
        let sure = shape.len() == 2 || letters == "YXC" && matches!(shape.last(), Some(1 | 3 | 4));
        if axes.is_none() && !sure {
            let [height, width] = of.size;
            let what = match (of.pictures, of.channels) {
                (1, channels) => format!("one picture of {height}x{width} and {channels} channels"),
                (pictures, 1) => format!("{pictures} pictures of {height}x{width}"),
                (pictures, channels) => format!("{pictures} pictures of {height}x{width} and {channels} channels"),
            };
            notes
                .push(format!("its shape {shape:?} is taken for {what} ({letters}); {} says otherwise", Setting::AXES));
        }
        Ok(Self { images, notes, form: FileForm::Array { shape, axes: of, element }, frames_left: 0 })
    }

    /// Returns whether a file at `output` would have this one's format, so that a copy of it will do.
    pub fn keeps_form(&self, output: &Path) -> bool {
        match &self.form {
            FileForm::Array { .. } => true,
            FileForm::Picture(format) => written_format(*format, output) == *format,
        }
    }

    /// Writes `images`, the changed ones of this file, to `output` in the format of `original`, or in the one that
    /// `output` is named after where that cannot be written, with its metadata; returns the names of the metadata kept,
    /// and of those lost.
    #[tracing::instrument(level = "debug", name = "write_picture", skip_all, fields(path = %output.display()))]
    pub fn write(
        &self,
        images: &[Image],
        original: &Path,
        output: &Path,
    ) -> Result<(Vec<String>, Vec<String>), TaskError> {
        let format = match &self.form {
            FileForm::Array { shape, axes, element } => {
                let mut values = vec![0.0; shape.iter().product()];
                for (picture, image) in images.iter().enumerate() {
                    for (at, place) in axes.places(picture).enumerate() {
                        if let Some(value) = values.get_mut(place) {
                            *value = image.stored.samples.at(at);
                        }
                    }
                }
                write_npy_as(output, shape, &values, *element)?;
                return Ok(Default::default());
            }
            FileForm::Picture(format) => *format,
        };
        let made = written_format(format, output);
        let mut carried = match (made, images) {
            (ImageFormat::Tiff, images) => {
                let pages: Vec<&StoredPicture> = images.iter().map(|image| &image.stored).collect();
                let source = (format == ImageFormat::Tiff).then_some(original);
                let encoded = encode_tiff(&pages, source)?;
                KeptMetadata { bytes: encoded.bytes, kept: encoded.kept, lost: encoded.lost }
            }
            (_, []) => return Err(malformed(original, "it holds no picture; give another").into()),
            (_, [first, ..]) => first.encoded(original, format, made)?,
        };
        if self.frames_left > 0 {
            carried.lost.retain(|name| name != "animation");
            let frames = self.frames_left;
            carried
                .lost
                .push(format!("animation ({frames} further frames: name the output .tif to keep them as pages)"));
        }
        if made != format {
            for name in described_names(original, format)? {
                carried.lost.push(name);
            }
            if images.len() > 1 {
                carried.lost.push("frame times".to_owned());
            }
        }
        write_whole(output, &carried.bytes)?;
        Ok((carried.kept, carried.lost))
    }
}

/// Returns the format that a file of `format` is written in at `output`: its own, but for GIF, which is written in the
/// one that the output is named after, and for animations kept as the pages of a TIFF file.
fn written_format(format: ImageFormat, output: &Path) -> ImageFormat {
    match format_named(output) {
        Some(named) if format == ImageFormat::Gif || named == ImageFormat::Tiff => named,
        _ => format,
    }
}

/// Names of the metadata that a file of `format` has, none of which another format gets.
fn described_names(original: &Path, format: ImageFormat) -> Result<Vec<String>, DataError> {
    let header = read_described(original)?;
    let has_comment = format == ImageFormat::Gif && has_gif_comment(&bytes_of(original)?);
    let named = [
        (header.exif.is_some(), "EXIF"),
        (header.icc.is_some(), "ICC profile"),
        (header.xmp.is_some(), "XMP"),
        (has_comment, "comment"),
    ];
    Ok(named.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name.to_owned()).collect())
}

pub(super) fn bytes_of(original: &Path) -> Result<Vec<u8>, DataError> {
    files::read(original).map_err(|error| malformed(original, error.to_string()))
}

impl Image {
    fn new(stored: StoredPicture) -> Self {
        Self {
            size: stored.size,
            channels: stored.channels,
            alpha: stored.alpha != AlphaKind::None,
            range: stored.samples.own_range(),
            stored,
        }
    }

    /// Returns the values of black and white where they are not those of the number type.
    pub fn unusual_range(&self) -> Option<[f32; 2]> {
        (self.range != self.stored.samples.own_range()).then_some(self.range)
    }

    /// Returns the least and the largest value of a plane that samples can hold; `None` for floats.
    pub fn limits(&self) -> Option<[f32; 2]> {
        let [low, high] = match self.stored.samples {
            Samples::Bytes(_) => [0.0, 255.0],
            Samples::Words(_) => [0.0, 65_535.0],
            Samples::Wide { .. } => return None,
        };
        let (black, span) = (self.range[0], self.span(0));
        Some([(low - black) / span, (high - black) / span])
    }

    /// Returns the bits of a sample.
    pub fn bits(&self) -> usize {
        8 * self.stored.samples.element().size()
    }

    /// Returns the number of channels, alpha left out.
    pub fn colors(&self) -> usize {
        self.channels - usize::from(self.alpha)
    }

    /// Returns the number of channels that are no color of red, green and blue beside them, alpha left out.
    pub fn extra(&self) -> usize {
        self.stored.extra
    }

    /// Returns channel `channel` `[height, width]`, black to white as 0..1; values beyond them are kept.
    pub fn plane(&self, channel: usize) -> Vec<f32> {
        let step = self.channels;
        let ([low, _], span) = (self.scale(channel), self.span(channel));
        match &self.stored.samples {
            Samples::Bytes(values) => {
                values.iter().skip(channel).step_by(step).map(|&value| (f32::from(value) - low) / span).collect()
            }
            Samples::Words(values) => {
                values.iter().skip(channel).step_by(step).map(|&value| (f32::from(value) - low) / span).collect()
            }
            Samples::Wide { values, .. } => {
                values.iter().skip(channel).step_by(step).map(|&value| (value - low) / span).collect()
            }
        }
    }

    /// Returns the values that stand for 0 and 1 in a channel: alpha keeps the scale of its type.
    fn scale(&self, channel: usize) -> [f32; 2] {
        if self.alpha && channel + 1 == self.channels { self.stored.samples.own_range() } else { self.range }
    }

    fn span(&self, channel: usize) -> f32 {
        let [low, high] = self.scale(channel);
        if high > low { high - low } else { 1.0 }
    }

    /// Replaces channel `channel` by `plane`, rounded and clipped as the samples are.
    pub fn set_plane(&mut self, channel: usize, plane: &[f32]) {
        let step = self.channels;
        let ([low, _], span) = (self.scale(channel), self.span(channel));
        match &mut self.stored.samples {
            Samples::Bytes(values) => {
                let places = values.iter_mut().skip(channel).step_by(step);
                places.zip(plane).for_each(|(place, value)| *place = (value * span + low).round() as u8);
            }
            Samples::Words(values) => {
                let places = values.iter_mut().skip(channel).step_by(step);
                places.zip(plane).for_each(|(place, value)| *place = (value * span + low).round() as u16);
            }
            // Of values in 0..1 as they are nothing is lost by rounding.
            Samples::Wide { values, .. } if self.range == [0.0, 1.0] => {
                values.iter_mut().skip(channel).step_by(step).zip(plane).for_each(|(place, value)| *place = *value);
            }
            Samples::Wide { values, .. } => {
                let places = values.iter_mut().skip(channel).step_by(step);
                places.zip(plane).for_each(|(place, value)| *place = value * span + low);
            }
        }
    }

    /// Lowers colors that are multiplied by alpha to it: more would be brighter than white.
    pub fn hold_within_alpha(&mut self) {
        fn hold<T: Copy + PartialOrd>(values: &mut [T], channels: usize) {
            for pixel in values.chunks_exact_mut(channels.max(1)) {
                let Some((&mut alpha, colors)) = pixel.split_last_mut() else { continue };
                colors.iter_mut().filter(|color| **color > alpha).for_each(|color| *color = alpha);
            }
        }
        if self.stored.alpha != AlphaKind::Premultiplied || self.unusual_range().is_some() {
            return;
        }
        match &mut self.stored.samples {
            Samples::Bytes(values) => hold(values, self.channels),
            Samples::Words(values) => hold(values, self.channels),
            Samples::Wide { values, .. } => hold(values, self.channels),
        }
    }

    /// Returns where a picture is seen, `[height, width]`: everywhere but at pixels that are transparent or lack data.
    /// `None` without any.
    pub fn visible(&self) -> Option<Vec<bool>> {
        let opaque: Option<Vec<bool>> =
            self.alpha.then(|| self.plane(self.channels - 1).into_iter().map(|alpha| alpha > 0.0).collect());
        let Some(lacking) = self.stored.lacking() else { return opaque };
        let mut visible = opaque.unwrap_or_else(|| vec![true; lacking.len()]);
        visible.iter_mut().zip(lacking).for_each(|(is_seen, lacks)| *is_seen &= !lacks);
        Some(visible)
    }

    /// Returns the few pixels far beyond the others and beyond black and white, such as hot ones and cosmic rays: one
    /// of them would raise the noise estimate of the whole picture. Noise itself does not lead that far. `None` without
    /// any, and for 8 bits, where nothing is beyond black and white.
    pub fn far_pixels(&self) -> Option<FarPixels> {
        /// Pixels at either end that may be far beyond the others, as a divisor, and the least number of them.
        const FEW: usize = 1000;
        const LEAST: usize = 4;
        if matches!(self.stored.samples, Samples::Bytes(_)) {
            return None;
        }
        let visible = self.visible();
        let is_seen = |at: usize| visible.as_ref().and_then(|visible| visible.get(at)).is_none_or(|is_seen| *is_seen);
        let pixels = self.size[0] * self.size[1];
        let mut places: Vec<usize> = Vec::new();
        let (mut limits, mut farthest, mut distance) = ([f32::INFINITY, f32::NEG_INFINITY], 0.0, 0.0);
        for channel in 0..self.colors() {
            let (black, span) = (self.scale(channel)[0], self.span(channel));
            let is_beyond = |value: f32, low: f32, high: f32| value < low || value > high;
            let at = |pixel: usize| self.stored.samples.at(pixel * self.channels + channel);
            let mut sorted: Vec<f32> = (0..pixels).filter(|&pixel| is_seen(pixel)).map(at).collect();
            let few = (sorted.len() / FEW).max(LEAST);
            let (dark, bright) = (black - span, black + 2.0 * span);
            if sorted.len() <= 2 * few || !sorted.iter().any(|&value| is_beyond(value, dark, bright)) {
                continue;
            }
            sorted.sort_unstable_by(f32::total_cmp);
            let (Some(&low), Some(&high)) = (sorted.get(few), sorted.get(sorted.len() - 1 - few)) else { continue };
            // The span of nearly all is six deviations of noise or more, and its largest values lie within nine.
            let (least, most) = ((low - (high - low)).min(dark), (high + (high - low)).max(bright));
            let before = places.len();
            places.extend((0..pixels).filter(|&pixel| is_seen(pixel) && is_beyond(at(pixel), least, most)));
            let Some(found) = places.get(before..).filter(|found| !found.is_empty()) else { continue };
            limits = [limits[0].min(low), limits[1].max(high)];
            for value in found.iter().map(|&pixel| at(pixel)) {
                let beyond = (low - value).max(value - high);
                if beyond > distance {
                    (distance, farthest) = (beyond, value);
                }
            }
        }
        places.sort_unstable();
        places.dedup();
        (!places.is_empty()).then_some(FarPixels { places, count: pixels, farthest, limits })
    }

    /// Copies the pixels at `places` from the picture `from`, of the same size, with all their channels.
    pub fn keep_pixels(&mut self, from: &Self, places: &[usize]) {
        fn copy<T: Copy>(to: &mut [T], from: &[T], places: &[usize], channels: usize) {
            for place in places.iter().map(|place| place * channels..(place + 1) * channels) {
                if let (Some(to), Some(from)) = (to.get_mut(place.clone()), from.get(place)) {
                    to.copy_from_slice(from);
                }
            }
        }
        let channels = self.channels;
        match (&mut self.stored.samples, &from.stored.samples) {
            (Samples::Bytes(to), Samples::Bytes(from)) => copy(to, from, places, channels),
            (Samples::Words(to), Samples::Words(from)) => copy(to, from, places, channels),
            (Samples::Wide { values: to, .. }, Samples::Wide { values: from, .. }) => copy(to, from, places, channels),
            _ => {}
        }
    }

    /// Returns channel `channel` as [`Self::plane`] does, pixels that are not `visible` filled with the nearest color of
    /// their line, or that of the nearest line which has one: what lies hidden there would shine through the edge of a
    /// cut-out.
    pub fn plane_in(&self, channel: usize, visible: Option<&[bool]>) -> Vec<f32> {
        let mut plane = self.plane(channel);
        let (Some(visible), width) = (visible, self.size[1].max(1)) else { return plane };
        let mut above: Option<Vec<f32>> = None;
        let mut hidden = 0;
        for (index, seen) in visible.chunks_exact(width).enumerate() {
            let Some(line) = plane.get_mut(index * width..(index + 1) * width) else { break };
            let Some(first) = seen.iter().position(|&is_seen| is_seen) else {
                match &above {
                    Some(above) => line.copy_from_slice(above),
                    None => hidden = index + 1,
                }
                continue;
            };
            let mut last = line.get(first).copied().unwrap_or(0.0);
            for (value, &is_seen) in line.iter_mut().zip(seen) {
                if is_seen {
                    last = *value;
                } else {
                    *value = last;
                }
            }
            above = Some(line.to_vec());
        }
        // Lines over the first that is seen.
        let end = (hidden * width).min(plane.len());
        let (top, rest) = plane.split_at_mut(end);
        if let Some(below) = rest.get(..width) {
            top.chunks_exact_mut(width).for_each(|line| line.copy_from_slice(below));
        }
        // Nothing is seen of it.
        if above.is_none() {
            plane.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
        }
        plane
    }

    /// Returns the part in `rows` and `columns`, which lie within the image.
    pub fn crop(&self, rows: Range<usize>, columns: Range<usize>) -> Self {
        fn cut<T: Copy>(values: &[T], line: usize, rows: &Range<usize>, columns: &Range<usize>) -> Vec<T> {
            rows.clone().flat_map(|row| values[row * line..][columns.clone()].iter().copied()).collect()
        }
        let line = self.size[1] * self.channels;
        let within = columns.start * self.channels..columns.end * self.channels;
        let samples = match &self.stored.samples {
            Samples::Bytes(values) => Samples::Bytes(cut(values, line, &rows, &within)),
            Samples::Words(values) => Samples::Words(cut(values, line, &rows, &within)),
            Samples::Wide { values, element } => {
                Samples::Wide { values: cut(values, line, &rows, &within), element: *element }
            }
        };
        let size = [rows.len(), columns.len()];
        let no_data = self.stored.no_data.clone();
        Self { size, stored: StoredPicture { size, samples, no_data, ..self.stored }, ..*self }
    }

    /// Writes `part` over the image, its upper left corner at `(top, left)`.
    pub fn paste(&mut self, part: &Self, top: usize, left: usize) {
        for channel in 0..self.channels {
            let (mut whole, piece) = (self.plane(channel), part.plane(channel));
            for (row, line) in piece.chunks_exact(part.size[1]).enumerate() {
                whole[(top + row) * self.size[1] + left..][..line.len()].copy_from_slice(line);
            }
            self.set_plane(channel, &whole);
        }
    }
}

fn range_in_words((index, image): (usize, &Image)) -> String {
    format!("{} to {} in picture {}", image.range[0], image.range[1], index + 1)
}
