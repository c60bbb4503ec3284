//! One picture file: its header, its pages as they are stored, and what of it is read when it is trained on.

use std::io::BufReader;
use std::path::Path;

use image::codecs::{gif, png, webp};
use image::metadata::Orientation;
use image::{AnimationDecoder as _, DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader};

use super::DataError;
use super::error::unreadable;
use super::formats::array::ArrayDType;
use super::formats::jpeg::decode_jpeg;
use super::formats::pnm::has_further_picture;
use super::formats::samples::{AlphaKind, Samples, StoredPicture};
use super::formats::tiff::TiffPages;
use crate::platform::files;

/// Most pixels of a picture, 32,768 on a side: larger ones are a mistake or an attack.
const MOST_PIXELS: u64 = 1 << 30;
/// Bytes of a decoded picture above which free memory is checked before decoding.
const LARGE: u64 = 64 << 20;
/// Forms that are read, in words.
pub(crate) const FORMS: &str = "PNG, JPEG, WebP, TIFF, BMP, GIF or PNM";

/// Further pictures in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Further {
    /// There is one picture.
    None,
    /// A TIFF file of so many pages.
    Pages(usize),
    /// An animation of at least two frames.
    Frames,
}

/// Size and color depth of a picture, turned upright, from its header.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureHeader {
    pub height: usize,
    pub width: usize,
    pub gray: bool,
    pub element: ArrayDType,
    pub further: Further,
    /// True if it has channels beside gray or red, green and blue, and alpha, which are left out.
    pub has_extra: bool,
}

/// A file as it is stored: its pages or frames, not turned.
#[derive(Debug)]
pub(crate) struct PictureFile {
    pub format: ImageFormat,
    pub pages: Vec<StoredPicture>,
    /// Frames of an animation that were not read.
    pub frames_left: usize,
    /// Remarks on how it was read.
    pub notes: Vec<String>,
}

/// Metadata of a picture.
#[derive(Debug)]
pub(crate) struct ImageMetadata {
    pub exif: Option<Vec<u8>>,
    pub icc: Option<Vec<u8>>,
    pub xmp: Option<Vec<u8>>,
    /// True if its orientation tag asks for it to be turned.
    pub turned: bool,
}

fn reader(path: &Path) -> Result<(ImageReader<BufReader<files::File>>, Option<ImageFormat>), DataError> {
    let place = path.display().to_string();
    let unreadable = |error: std::io::Error| unreadable(path, &error);
    let length = files::metadata(path).map_err(unreadable)?.len();
    if length == 0 {
        return Err(DataError::malformed(place, "the file is empty; fetch it again"));
    }
    if let Some(problem) = foreign(path) {
        return Err(DataError::malformed(place, problem));
    }
    let reader = ImageReader::open(path).map_err(unreadable)?.with_guessed_format().map_err(unreadable)?;
    let format = reader.format();
    Ok((reader, format))
}

/// Opens a decoder that allocates no more than the picture needs, after a check of its header.
fn decoder(path: &Path) -> Result<impl ImageDecoder + use<>, DataError> {
    let (mut reader, _) = reader(path)?;
    reader.no_limits();
    let decoder = reader.into_decoder().map_err(|error| picture_error(path, &error))?;
    let (width, height) = decoder.dimensions();
    check_size(path, u64::from(height), u64::from(width), decoder.total_bytes())?;
    Ok(decoder)
}

fn check_size(path: &Path, height: u64, width: u64, bytes: u64) -> Result<(), DataError> {
    let place = path.display().to_string();
    if width * height > MOST_PIXELS {
        return Err(DataError::malformed(
            place,
            format!("its header claims {width}x{height} pixels; give pictures of at most 32,768x32,768"),
        ));
    }
    if width == 0 || height == 0 {
        return Err(DataError::malformed(place, "it has no pixels; give another picture"));
    }
    // Asked for large pictures alone: the answer takes longer than a small picture.
    if let Some(free) = (bytes > LARGE).then(crate::platform::free_memory).flatten()
        && bytes.saturating_mul(2) > free as u64
    {
        return Err(DataError::malformed(
            place,
            format!(
                "decoding its {width}x{height} pixels takes {} MB twice over and {} MB of memory are free; give a smaller one",
                bytes >> 20,
                free >> 20
            ),
        ));
    }
    Ok(())
}

fn picture_error(path: &Path, error: &image::ImageError) -> DataError {
    let problem = match error {
        image::ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file ends before the picture does; fetch it again".to_owned()
        }
        image::ImageError::Unsupported(_) => {
            format!("it is of a kind that is not read here ({error}); give {FORMS}")
        }
        _ => format!("it is damaged or no picture ({error}); fetch it again"),
    };
    // Decoders break lines.
    let words: Vec<&str> = problem.split_whitespace().collect();
    DataError::malformed(path.display().to_string(), words.join(" "))
}

/// Extensions of pictures that are not read, in lower case, with what they are and what to do.
const FOREIGN: [(&[&str], &str, &str); 3] = [
    (&["heic", "heif", "hif"], "HEIC", "export it as JPEG, PNG or TIFF"),
    (&["avif", "jxl", "jp2", "j2k", "jpx"], "a newer picture format", "export it as PNG, TIFF or JPEG"),
    (
        &[
            "dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "raf", "orf", "rw2", "pef", "srw", "x3f",
            "raw", "3fr", "iiq",
        ],
        "a camera's raw file",
        "develop it and export it as 16-bit TIFF or PNG",
    ),
];

/// Returns the reason why a picture of another program's or camera's format is not read, and what to export instead.
pub(super) fn foreign(path: &Path) -> Option<String> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let start = {
        use std::io::Read as _;
        let mut start = Vec::new();
        files::File::open(path).ok()?.take(12).read_to_end(&mut start).ok()?;
        start
    };
    let brand = (start.get(4..8) == Some(b"ftyp")).then(|| start.get(8..12)).flatten();
    let by_content = match brand {
        Some(b"avif" | b"avis") => Some(1),
        Some(b"crx ") => Some(2),
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => Some(0),
        Some(_) => None,
        None if start.starts_with(b"\xff\x0a") || start.starts_with(b"\0\0\0\x0cJXL ") => Some(1),
        None if start.starts_with(b"\0\0\0\x0cjP  ") => Some(1),
        None if start.starts_with(b"FUJIFILMCCD-") || start.get(8..10) == Some(b"CR") => Some(2),
        None => None,
    };
    let by_name = || FOREIGN.iter().position(|(extensions, _, _)| extensions.contains(&&extension[..]));
    // The name alone decides where the content could be anything, as raw files are TIFF to look at.
    let readable = || extension != "raw" && by_name() != Some(2) && image::guess_format(&start).is_ok();
    let (_, kind, remedy) = by_content.or_else(|| by_name().filter(|_| !readable())).and_then(|at| FOREIGN.get(at))?;
    let named = match extension.to_uppercase() {
        upper if upper.is_empty() || upper == *kind => String::new(),
        upper => format!(" ({upper})"),
    };
    Some(format!("it is {kind}{named}, which is not read here; {remedy}"))
}

/// Returns what a file that is no picture here, by its extension in lower case, should be exported as.
pub(super) fn foreign_extension(extension: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(extensions, _, _)| extensions.contains(&extension)).map(|(_, _, remedy)| *remedy)
}

/// Returns whether the animation at `path` has a second frame.
fn further_frames(path: &Path, format: Option<ImageFormat>) -> Further {
    let open = || files::File::open(path).ok().map(BufReader::new);
    let moves = match format {
        Some(ImageFormat::Gif) => open()
            .and_then(|file| gif::GifDecoder::new(file).ok())
            .is_some_and(|gif| gif.into_frames().nth(1).is_some()),
        Some(ImageFormat::WebP) => {
            open().and_then(|file| webp::WebPDecoder::new(file).ok()).is_some_and(|webp| webp.has_animation())
        }
        Some(ImageFormat::Png) => {
            open().and_then(|file| png::PngDecoder::new(file).ok()).is_some_and(|png| png.is_apng().unwrap_or(false))
        }
        _ => false,
    };
    if moves { Further::Frames } else { Further::None }
}

/// Decodes the frames of the animation at `path`, composed as they are shown.
fn frames(path: &Path, format: ImageFormat) -> Result<Vec<DynamicImage>, DataError> {
    let failed = |error: image::ImageError| picture_error(path, &error);
    let file = BufReader::new(files::File::open(path).map_err(|error| unreadable(path, &error))?);
    let frames = match format {
        ImageFormat::Gif => gif::GifDecoder::new(file).map_err(failed)?.into_frames(),
        ImageFormat::WebP => webp::WebPDecoder::new(file).map_err(failed)?.into_frames(),
        _ => png::PngDecoder::new(file).and_then(png::PngDecoder::apng).map_err(failed)?.into_frames(),
    };
    let mut all = Vec::new();
    let (mut bytes, mut limit) = (0_u64, None);
    for frame in frames {
        let frame = frame.map_err(failed)?.into_buffer();
        bytes += frame.as_raw().len() as u64;
        if bytes > LARGE {
            let free =
                *limit.get_or_insert_with(|| crate::platform::free_memory().map_or(u64::MAX, |free| free as u64));
            if bytes.saturating_mul(2) > free {
                let problem = format!("its frames take more than {} MB; give fewer of them", bytes >> 20);
                return Err(DataError::malformed(path.display().to_string(), problem));
            }
        }
        all.push(DynamicImage::ImageRgba8(frame));
    }
    if all.is_empty() {
        return Err(DataError::malformed(path.display().to_string(), "it holds no frame; fetch it again"));
    }
    Ok(all)
}

/// Reads the header of the picture at `path`, and whether there are more in the file.
pub(super) fn header(path: &Path) -> Result<PictureHeader, DataError> {
    use image::ExtendedColorType as Color;
    let (_, format) = reader(path)?;
    if format == Some(ImageFormat::Tiff) {
        let mut pages = TiffPages::open(path, true)?;
        let first = pages.header(0)?;
        check_size(path, first.height as u64, first.width as u64, first.bytes)?;
        let turned = first.orientation >= 5;
        let (height, width) = if turned { (first.width, first.height) } else { (first.height, first.width) };
        let further = if pages.count() > 1 { Further::Pages(pages.count()) } else { Further::None };
        return Ok(PictureHeader {
            height,
            width,
            gray: first.gray,
            element: first.element,
            further,
            has_extra: first.extra > 0,
        });
    }
    let mut decoder = decoder(path)?;
    let (width, height) = decoder.dimensions();
    let turned = decoder.orientation().is_ok_and(|orientation| orientation.to_exif() >= 5);
    let (height, width) = if turned { (width, height) } else { (height, width) };
    let original = decoder.original_color_type();
    let gray = matches!(
        original,
        Color::L1
            | Color::L2
            | Color::L4
            | Color::L8
            | Color::L16
            | Color::La8
            | Color::La16
            | Color::La1
            | Color::La2
            | Color::La4
    );
    let deep = decoder.color_type().bytes_per_pixel() / decoder.color_type().channel_count() > 1;
    let element = if deep { ArrayDType::U16 } else { ArrayDType::U8 };
    let further = further_frames(path, format);
    let (height, width) = (height as usize, width as usize);
    Ok(PictureHeader { height, width, gray, element, further, has_extra: false })
}

/// Reads the facts of the pages of the TIFF file at `path` but the first.
pub(super) fn further_headers(path: &Path, first: PictureHeader) -> Result<Vec<PictureHeader>, DataError> {
    let mut pages = TiffPages::open(path, true)?;
    (1..pages.count())
        .map(|page| {
            let of = pages.header(page)?;
            let turned = of.orientation >= 5;
            let (height, width) = if turned { (of.width, of.height) } else { (of.height, of.width) };
            let (further, has_extra) = (first.further, of.extra > 0);
            Ok(PictureHeader { height, width, gray: of.gray, element: of.element, further, has_extra })
        })
        .collect()
}

/// Returns the number of frames of the animation at `path`.
pub(super) fn count_frames(path: &Path) -> Result<usize, DataError> {
    let (_, format) = reader(path)?;
    Ok(frames(path, format.unwrap_or(ImageFormat::Gif))?.len())
}

/// Reads the picture at `path` as its file has it, not turned: all its pages, and all its frames where `animated`.
pub(crate) fn read_pictures(path: &Path, animated: bool) -> Result<PictureFile, DataError> {
    let (_, format) = reader(path)?;
    if format == Some(ImageFormat::Tiff) {
        let mut pages = TiffPages::open(path, true)?;
        let mut bytes = 0;
        for page in 0..pages.count() {
            let header = pages.header(page)?;
            bytes += header.bytes;
            check_size(path, header.height as u64, header.width as u64, bytes)?;
        }
        let read = (0..pages.count()).map(|page| pages.read(page)).collect::<Result<_, DataError>>()?;
        return Ok(PictureFile { format: ImageFormat::Tiff, pages: read, frames_left: 0, notes: Vec::new() });
    }
    let moves = further_frames(path, format) == Further::Frames;
    let format = format.ok_or_else(|| {
        DataError::malformed(path.display().to_string(), format!("its content is no known picture; give {FORMS}"))
    })?;
    if moves && animated {
        let pages = frames(path, format)?.into_iter().map(stored).collect();
        return Ok(PictureFile { format, pages, frames_left: 0, notes: Vec::new() });
    }
    let (picture, flaw) = whole(path, format, decoder(path)?)?;
    let notes = flaw.into_iter().map(str::to_owned).collect();
    let frames_left = if moves { frames(path, format)?.len() - 1 } else { 0 };
    let picture = if format == ImageFormat::Gif { stored(picture) } else { stored_as_is(picture) };
    Ok(PictureFile { format, pages: vec![picture], frames_left, notes })
}

fn stored(picture: DynamicImage) -> StoredPicture {
    let size = [picture.height() as usize, picture.width() as usize];
    let color = picture.color();
    // GIF has room for one transparent color, and most pictures do without.
    let is_opaque = |picture: &image::RgbaImage| picture.pixels().all(|pixel| pixel.0[3] == 255);
    let samples = match picture {
        DynamicImage::ImageLuma16(pixels) => Samples::Words(pixels.into_raw()),
        DynamicImage::ImageLumaA16(pixels) => Samples::Words(pixels.into_raw()),
        DynamicImage::ImageRgb16(pixels) => Samples::Words(pixels.into_raw()),
        DynamicImage::ImageRgba16(pixels) => Samples::Words(pixels.into_raw()),
        DynamicImage::ImageRgb32F(pixels) => Samples::Wide { values: pixels.into_raw(), element: ArrayDType::F32 },
        DynamicImage::ImageRgba32F(pixels) => Samples::Wide { values: pixels.into_raw(), element: ArrayDType::F32 },
        DynamicImage::ImageRgba8(pixels) if is_opaque(&pixels) => {
            let samples = Samples::Bytes(DynamicImage::ImageRgba8(pixels).into_rgb8().into_raw());
            let (alpha, no_data) = (AlphaKind::None, Vec::new());
            return StoredPicture { size, channels: 3, alpha, extra: 0, no_data, samples };
        }
        bytes => Samples::Bytes(bytes.into_bytes()),
    };
    let alpha = if color.has_alpha() { AlphaKind::Straight } else { AlphaKind::None };
    let channels = usize::from(color.channel_count());
    StoredPicture { size, channels, alpha, extra: 0, no_data: Vec::new(), samples }
}

/// Decodes picture `page` of the file at `path`, turned upright; samples of more than 8 bits as 16 bits from black to
/// white, those of `range`. Returns a flaw of the file, too.
pub(super) fn decode(
    path: &Path,
    page: usize,
    range: Option<[f64; 2]>,
) -> Result<(DynamicImage, Option<&'static str>), DataError> {
    let OrientedPicture { stored, orientation, flaw } = decode_stored(path, page)?;
    let mut picture =
        shown(stored, range).map_err(|problem| DataError::malformed(path.display().to_string(), problem))?;
    picture.apply_orientation(orientation);
    Ok((picture, flaw))
}

/// Picture as it is stored, with its orientation and what is missing of it.
#[derive(Debug)]
pub(super) struct OrientedPicture {
    pub stored: StoredPicture,
    orientation: Orientation,
    flaw: Option<&'static str>,
}

/// Decodes picture `page` of the file at `path` as it is stored. Channels beside red, green, blue
/// and alpha are left out.
pub(super) fn decode_stored(path: &Path, page: usize) -> Result<OrientedPicture, DataError> {
    let (_, format) = reader(path)?;
    if format == Some(ImageFormat::Tiff) {
        let mut pages = TiffPages::open(path, page > 0)?;
        let header = pages.header(page)?;
        check_size(path, header.height as u64, header.width as u64, header.bytes)?;
        let orientation = Orientation::from_exif(header.orientation).unwrap_or(Orientation::NoTransforms);
        let stored = pages.read(page)?.without_extra();
        return Ok(OrientedPicture { flaw: blackened(&stored), stored, orientation });
    }
    if page > 0 {
        let frame = frames(path, format.unwrap_or(ImageFormat::Gif))?.into_iter().nth(page);
        let lost = || DataError::malformed(path.display().to_string(), "it has fewer frames than when it was opened");
        let stored = stored(frame.ok_or_else(lost)?);
        return Ok(OrientedPicture { stored, orientation: Orientation::NoTransforms, flaw: None });
    }
    let mut decoder = decoder(path)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (picture, flaw) = whole(path, format.unwrap_or(ImageFormat::Png), decoder)?;
    Ok(OrientedPicture { stored: stored_as_is(picture), orientation, flaw })
}

/// Decodes the picture of `decoder`, that at `path`, and refuses it where a part is missing; returns a lesser flaw, too.
fn whole(
    path: &Path,
    format: ImageFormat,
    decoder: impl ImageDecoder,
) -> Result<(DynamicImage, Option<&'static str>), DataError> {
    if format == ImageFormat::Jpeg {
        drop(decoder);
        let bytes = files::read(path).map_err(|error| unreadable(path, &error))?;
        return decode_jpeg(&bytes)
            .map(|decoded| (decoded.picture, decoded.note))
            .map_err(|problem| DataError::malformed(path.display().to_string(), problem));
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| picture_error(path, &error))?;
    // Gray is stored as a palette, which is decoded as color.
    let is_gray = |pixels: &image::RgbImage| pixels.pixels().all(|image::Rgb([r, g, b])| r == g && g == b);
    let picture = match picture {
        DynamicImage::ImageRgb8(pixels) if format == ImageFormat::Bmp && has_palette(path) && is_gray(&pixels) => {
            DynamicImage::ImageLuma8(DynamicImage::ImageRgb8(pixels).into_luma8())
        }
        other => other,
    };
    let is_film = format == ImageFormat::Pnm && files::read(path).is_ok_and(|bytes| has_further_picture(&bytes));
    Ok((picture, is_film.then_some("further pictures in the file are left out; save each as a file of its own")))
}

/// Returns whether the BMP file at `path` has a palette: at most 8 bits a pixel, by a header of 40 bytes or more.
fn has_palette(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = Vec::new();
    let read = files::File::open(path).map(|file| file.take(30).read_to_end(&mut start));
    matches!(read, Ok(Ok(30))) && start.get(14).is_some_and(|&size| size >= 40) && matches!(start.get(28), Some(1..=8))
}

/// Same as [`stored`], with its alpha channel even where that is opaque.
fn stored_as_is(picture: DynamicImage) -> StoredPicture {
    match picture {
        DynamicImage::ImageRgba8(pixels) => StoredPicture {
            size: [pixels.height() as usize, pixels.width() as usize],
            channels: 4,
            alpha: AlphaKind::Straight,
            extra: 0,
            no_data: Vec::new(),
            samples: Samples::Bytes(pixels.into_raw()),
        },
        other => stored(other),
    }
}

/// Returns the flaw of a picture whose pixels without data are black where it is trained on; `None` where all have data,
/// and where a value is no number, which is refused.
fn blackened(picture: &StoredPicture) -> Option<&'static str> {
    let flaw = "pixels hold no data, by its tag GDAL_NODATA or a value far beyond all others, and are taken as black";
    picture.lacking().map(|_| flaw)
}

/// Returns a picture of bytes or words of `picture`, colors not multiplied by alpha.
fn shown(picture: StoredPicture, range: Option<[f64; 2]>) -> Result<DynamicImage, String> {
    let has_alpha = picture.alpha != AlphaKind::None;
    let own = picture.samples.own_range().map(f64::from);
    let [low, high] = range.unwrap_or(own);
    let StoredPicture { size, channels, alpha, samples, .. } = picture.without_gaps(low as f32);
    let top = own[1];
    let word = |value: f64| (65_535.0 * (value - low) / (high - low)).round() as u16;
    let step = channels.max(1);
    // Alpha is on the scale of its type, whatever the colors are on.
    let scaled = |at: usize, value: f64| match has_alpha && at % step == step - 1 {
        true => (65_535.0 * value / top).round() as u16,
        false => word(value),
    };
    let samples = match samples {
        Samples::Words(values) if [low, high] != own => {
            Samples::Words(values.iter().enumerate().map(|(at, &value)| scaled(at, f64::from(value))).collect())
        }
        Samples::Wide { values, .. } => {
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(format!("it holds {value}; replace what is missing or infinite"));
            }
            Samples::Words(values.iter().enumerate().map(|(at, &value)| scaled(at, f64::from(value))).collect())
        }
        other => other,
    };
    let [height, width] = size.map(|side| side as u32);
    let samples = if alpha == AlphaKind::Premultiplied { divided_by_alpha(samples, step) } else { samples };
    let made = match (samples, step, has_alpha) {
        (Samples::Bytes(values), 1, _) => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageLuma8),
        (Samples::Bytes(values), 2, true) => {
            ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageLumaA8)
        }
        (Samples::Bytes(values), 3, _) => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageRgb8),
        (Samples::Bytes(values), 4, true) => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageRgba8),
        (Samples::Words(values), 1, _) => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageLuma16),
        (Samples::Words(values), 2, true) => {
            ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageLumaA16)
        }
        (Samples::Words(values), 3, _) => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageRgb16),
        (Samples::Words(values), 4, true) => {
            ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageRgba16)
        }
        _ => None,
    };
    made.ok_or_else(|| {
        format!("it has {channels} channels, which are no gray and no RGB; save each as a gray picture of its own")
    })
}

/// Colors as they are without alpha.
fn divided_by_alpha(samples: Samples, channels: usize) -> Samples {
    fn divided<T: Copy + Into<u32> + TryFrom<u32>>(values: &mut [T], channels: usize, most: u32) {
        for pixel in values.chunks_exact_mut(channels) {
            let Some((alpha, colors)) = pixel.split_last_mut() else { continue };
            let alpha: u32 = (*alpha).into();
            if alpha == 0 {
                continue;
            }
            for color in colors {
                let value: u32 = (*color).into();
                let whole = (u64::from(value) * u64::from(most) + u64::from(alpha / 2)) / u64::from(alpha);
                if let Ok(whole) = T::try_from(whole.min(u64::from(most)) as u32) {
                    *color = whole;
                }
            }
        }
    }
    match samples {
        Samples::Bytes(mut values) => {
            divided(&mut values, channels, 255);
            Samples::Bytes(values)
        }
        Samples::Words(mut values) => {
            divided(&mut values, channels, 65_535);
            Samples::Words(values)
        }
        other => other,
    }
}

/// Reads the metadata of the picture at `path`, no TIFF; metadata that cannot be read count as none.
pub(crate) fn read_described(path: &Path) -> Result<ImageMetadata, DataError> {
    let mut decoder = decoder(path)?;
    Ok(ImageMetadata {
        exif: decoder.exif_metadata().unwrap_or_default(),
        icc: decoder.icc_profile().unwrap_or_default(),
        xmp: decoder.xmp_metadata().unwrap_or_default(),
        turned: decoder.orientation().is_ok_and(|orientation| orientation != Orientation::NoTransforms),
    })
}
