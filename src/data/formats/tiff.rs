//! TIFF: every page of a file with its samples as they are stored, and pages written again with their tags.
//!
//! `image` reads the first page alone, of 8 and 16 bits, and drops all tags but the color profile. What microscopes and
//! scanners write holds many pages, signed and floating samples, resolutions and descriptions.

use std::io::{Cursor, Read, Seek};
use std::path::Path;

use tiff::decoder::{BufferLayoutPreference, ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::{ByteOrder, CompressionMethod, PhotometricInterpretation as Photometric, Tag, Type, ValueBuffer};
use tiff::{ColorType, Directory, TiffError, TiffFormatError, TiffUnsupportedError};

use super::array::{ArrayDType, malformed};
use super::no_data::beyond_floats;
use super::samples::{AlphaKind, Samples, StoredPicture};
use super::tiff_jpeg::{JpegChunks, to_rgb};
use crate::data::DataError;
use crate::data::error::unreadable;
use crate::platform::files;

/// Most pages of a file: more are a mistake or an attack.
const MOST_PAGES: usize = 1 << 20;
/// Problem of a picture whose palette cannot be read.
const PALETTE_DAMAGED: &str = "its palette is damaged; fetch it again, or save it as RGB";
/// Tags that say how pixels are stored; they are written anew.
const STRUCTURE: [u16; 33] = [
    256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 288, 289, 292, 293, 317, 320, 322, 323, 324, 325, 330, 332,
    333, 334, 336, 338, 339, 347, 512, 529, 530, 531,
];
/// Tags of 32,768 and above that hold values alone. Others may hold places in the file, which would be wrong.
const KNOWN: [u16; 18] = [
    33_432, 33_550, 33_723, 33_922, 34_264, 34_377, 34_675, 34_735, 34_736, 34_737, 37_724, 42_112, 42_113, 50_838,
    50_839, 51_123, 65_100, 65_101,
];

trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// Facts of a page, from its tags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TiffHeader {
    pub height: usize,
    pub width: usize,
    pub gray: bool,
    pub element: ArrayDType,
    /// Number of the orientation, 1 for upright.
    pub orientation: u8,
    /// Bytes of the decoded samples.
    pub bytes: u64,
    /// Channels beside colors and alpha.
    pub extra: usize,
}

/// Pages of an open file, one after the other.
pub(crate) struct TiffPages {
    decoder: Decoder<Box<dyn ReadSeek>>,
    path: std::path::PathBuf,
    length: u64,
    at: usize,
    /// Directories in front of each page that is a picture of its own: smaller copies and masks are passed over.
    places: Vec<usize>,
    /// Smaller copies and masks among the directories.
    pub passed_over: usize,
}

impl TiffPages {
    /// Opens `path` at its first page; `all` counts the pages, which reads all directories.
    pub fn open(path: &Path, all: bool) -> Result<Self, DataError> {
        let file = files::File::open(path).map_err(|error| unreadable(path, &error))?;
        let length = file.metadata().map_err(|error| unreadable(path, &error))?.len();
        let decoder = decoder_of(Box::new(std::io::BufReader::new(file)), length, path)?;
        let mut pages = Self { decoder, path: path.to_owned(), length, at: 0, places: vec![0], passed_over: 0 };
        if all {
            let mut index = 0;
            while pages.decoder.more_images() && index < MOST_PAGES {
                index += 1;
                pages.decoder.next_image().map_err(|error| {
                    malformed(&path.display().to_string(), format!("page {}: {}", index + 1, words(&error)))
                })?;
                pages.at = index;
                let flags = pages.number(Tag::NewSubfileType).unwrap_or(0);
                let reduced = flags & 5 != 0 || pages.number(Tag::SubfileType) == Some(2);
                if reduced {
                    pages.passed_over += 1;
                } else {
                    pages.places.push(index);
                }
            }
        }
        Ok(pages)
    }

    pub fn count(&self) -> usize {
        self.places.len()
    }

    fn number(&mut self, tag: Tag) -> Option<u32> {
        self.decoder.find_tag_unsigned(tag).ok().flatten()
    }

    fn failed(&self, error: &TiffError) -> DataError {
        let place = self.path.display().to_string();
        let page = if self.places.len() > 1 { format!("page {}: ", self.at + 1) } else { String::new() };
        malformed(&place, format!("{page}{}", words(error)))
    }

    /// Goes to `page`, from 0.
    fn seek(&mut self, page: usize) -> Result<(), DataError> {
        let place = self.places.get(page).copied().unwrap_or(page);
        if place != self.at {
            self.decoder.seek_to_image(place).map_err(|error| self.failed(&error))?;
            self.at = place;
        }
        Ok(())
    }

    /// Reads the facts of `page`, from 0.
    pub fn header(&mut self, page: usize) -> Result<TiffHeader, DataError> {
        self.seek(page)?;
        let (width, height) = self.decoder.dimensions().map_err(|error| self.failed(&error))?;
        let (palette, bits) = (self.is_palette(), self.number_first(Tag::BitsPerSample).unwrap_or(1));
        let (gray, samples) = match self.decoder.colortype() {
            _ if palette => (false, 3),
            Ok(ColorType::Gray(_)) => (true, 1),
            Ok(ColorType::Multiband { num_samples, .. }) => (num_samples <= 2, u64::from(num_samples)),
            Ok(ColorType::RGB(_) | ColorType::RGBA(_)) => (false, self.samples_a_pixel()),
            Ok(color @ (ColorType::CMYK(8 | 16) | ColorType::YCbCr(8))) => (false, u64::from(color.num_samples())),
            Ok(other) => return Err(self.refused(&format!("{other:?}"))),
            Err(error) => return Err(self.failed(&error)),
        };
        let format = self.number_first(Tag::SampleFormat).unwrap_or(1);
        let element = match (format, bits) {
            (1 | 4, 1 | 2 | 4 | 8) => ArrayDType::U8,
            (1 | 4, 16) => ArrayDType::U16,
            (1 | 4, 32) => ArrayDType::U32,
            (1 | 4, 64) => ArrayDType::U64,
            (2, 8) => ArrayDType::I8,
            (2, 16) => ArrayDType::I16,
            (2, 32) => ArrayDType::I32,
            (2, 64) => ArrayDType::I64,
            (3, 16) => ArrayDType::F16,
            (3, 32) => ArrayDType::F32,
            (3, 64) => ArrayDType::F64,
            _ => return Err(self.refused(&format!("sample format {format}, {bits} bits"))),
        };
        let orientation = self.number(Tag::Orientation).and_then(|number| u8::try_from(number).ok()).unwrap_or(1);
        let bytes = (u64::from(width) * u64::from(height)).saturating_mul(samples * element.size() as u64);
        let element = if palette { ArrayDType::U8 } else { element };
        let extra = self.extra_channels(palette);
        Ok(TiffHeader { height: height as usize, width: width as usize, gray, element, orientation, bytes, extra })
    }

    fn samples_a_pixel(&mut self) -> u64 {
        u64::from(self.number(Tag::SamplesPerPixel).unwrap_or(1))
    }

    /// Kinds of the samples behind the colors: 1 and 2 are alpha.
    fn extra_kinds(&mut self) -> Vec<u16> {
        self.decoder.find_tag_unsigned_vec(Tag::ExtraSamples).ok().flatten().unwrap_or_default()
    }

    /// Count of the channels beside colors and alpha; those of gray pictures are all taken for colors.
    fn extra_channels(&mut self, palette: bool) -> usize {
        let kinds = self.extra_kinds();
        let (colors, is_alpha) = match self.decoder.colortype() {
            _ if palette => (1, false),
            Ok(ColorType::RGB(_)) => (3, kinds.iter().any(|kind| matches!(kind, 1 | 2))),
            Ok(ColorType::RGBA(_)) => (3, true),
            Ok(ColorType::CMYK(_)) => (4, false),
            Ok(ColorType::YCbCr(_)) => (3, false),
            _ => return 0,
        };
        (self.samples_a_pixel() as usize).saturating_sub(colors + usize::from(is_alpha))
    }

    fn number_first(&mut self, tag: Tag) -> Option<u32> {
        self.decoder.find_tag_unsigned_vec::<u32>(tag).ok().flatten()?.first().copied()
    }

    fn is_palette(&mut self) -> bool {
        self.number(Tag::PhotometricInterpretation) == Some(u32::from(Photometric::RGBPalette.to_u16()))
    }

    fn refused(&self, kind: &str) -> DataError {
        malformed(
            &self.path.display().to_string(),
            format!("TIFF of this kind ({kind}) is not read; save it as gray or RGB of 8, 16 or 32 bits"),
        )
    }

    /// Decodes `page`, from 0, not turned by its orientation. Inks become RGB, palettes their colors.
    pub fn read(&mut self, page: usize) -> Result<StoredPicture, DataError> {
        let header = self.header(page)?;
        let color = match self.is_palette() {
            true => return self.read_palette(header),
            false => self.decoder.colortype().map_err(|error| self.failed(&error))?,
        };
        if color == ColorType::YCbCr(8)
            && let Some(chunks) = JpegChunks::of(&mut self.decoder)
        {
            let samples = Samples::Bytes(chunks.read(&self.path)?);
            let size = [header.height, header.width];
            return Ok(plain_rgb(size, samples));
        }
        let bits = self.number_first(Tag::BitsPerSample).unwrap_or(1);
        if bits < 8 && self.number(Tag::PlanarConfiguration) == Some(2) {
            return Err(self.refused("planes of fewer than 8 bits"));
        }
        let is_rgb = matches!(color, ColorType::RGB(_) | ColorType::RGBA(_));
        let (samples, channels, mut no_data) = match is_rgb && header.extra > 0 {
            // Of red, green and blue the decoder leaves out what lies beside them; of gray it keeps all.
            true => decode(&mut self.as_gray("its tags are damaged; fetch it again")?, header),
            false => decode(&mut self.decoder, header),
        }
        .map_err(|error| self.failed(&error))?;
        let samples = match samples {
            Samples::Bytes(packed) if bits < 8 => {
                let most = (1_u16 << bits) - 1;
                Samples::Bytes(
                    unpacked(&packed, bits, header.width * channels)
                        .map(|value| (u16::from(value) * 255 / most) as u8)
                        .collect(),
                )
            }
            other => other,
        };
        let kinds = self.extra_kinds();
        let gray_alpha = matches!(color, ColorType::Multiband { num_samples: 2, .. });
        let alpha_place = kinds.iter().position(|kind| matches!(kind, 1 | 2));
        let alpha = match (color, alpha_place.and_then(|place| kinds.get(place)).copied()) {
            (ColorType::RGB(_) | ColorType::RGBA(_), Some(1)) => AlphaKind::Premultiplied,
            (ColorType::RGB(_) | ColorType::RGBA(_), Some(2)) | (ColorType::RGBA(_), _) => AlphaKind::Straight,
            (_, Some(1)) if gray_alpha => AlphaKind::Premultiplied,
            (_, Some(2)) if gray_alpha => AlphaKind::Straight,
            _ => AlphaKind::None,
        };
        let (samples, channels) = match (color, samples) {
            (ColorType::CMYK(_), Samples::Bytes(inks)) => (Samples::Bytes(without_inks(&inks, 255)), 3),
            (ColorType::CMYK(_), Samples::Words(inks)) => (Samples::Words(without_inks(&inks, 65_535)), 3),
            (ColorType::YCbCr(_), Samples::Bytes(values)) => (Samples::Bytes(to_rgb(&values)), 3),
            (_, samples) => (samples, channels),
        };
        let extra = if is_rgb { header.extra } else { 0 };
        let samples = match alpha {
            AlphaKind::None => samples,
            _ if extra == 0 => samples,
            _ => moved(samples, channels, 3 + alpha_place.unwrap_or(0), channels - 1),
        };
        let pixels = header.height * header.width;
        if samples.len() != pixels * channels {
            return Err(malformed(
                &self.path.display().to_string(),
                "the file ends before the picture does; fetch it again",
            ));
        }
        // Tag of GDAL: the value as text.
        let named = self.decoder.get_tag_ascii_string(Tag::Unknown(42_113)).ok();
        no_data.extend(named.and_then(|text| text.trim_matches([' ', '\0']).parse::<f64>().ok()));
        let size = [header.height, header.width];
        let mut picture = StoredPicture { size, channels, alpha, extra, no_data, samples };
        picture.find_no_data();
        Ok(picture)
    }

    /// Opens the page as a gray one of as many samples; `problem` is that of a page without the tag that says it.
    fn as_gray(&mut self, problem: &str) -> Result<Decoder<Box<dyn ReadSeek>>, DataError> {
        let place = self.path.display().to_string();
        let wrong = || malformed(&place, problem);
        let directory = self.decoder.ifd_pointer();
        let mut bytes = files::read(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        let at = directory.and_then(|at| photometric_place(&bytes, at.0)).ok_or_else(wrong)?;
        let little = bytes.starts_with(b"II");
        let gray = Photometric::BlackIsZero.to_u16();
        let written = if little { gray.to_le_bytes() } else { gray.to_be_bytes() };
        bytes.get_mut(at..at + 2).ok_or_else(wrong)?.copy_from_slice(&written);
        let mut decoder = decoder_of(Box::new(Cursor::new(bytes)), self.length, &self.path)?;
        decoder.seek_to_image(self.at).map_err(|error| self.failed(&error))?;
        Ok(decoder)
    }

    /// Reads a palette's places as gray, which the decoder does once the tag says so, and looks their colors up.
    fn read_palette(&mut self, header: TiffHeader) -> Result<StoredPicture, DataError> {
        let place = self.path.display().to_string();
        let wrong = || malformed(&place, PALETTE_DAMAGED);
        let bits = self.number_first(Tag::BitsPerSample).unwrap_or(8);
        let map = self.decoder.find_tag_unsigned_vec::<u16>(Tag::ColorMap).ok().flatten().unwrap_or_default();
        let colors = 1_usize << bits.min(8);
        if bits > 8 || map.len() < 3 * colors {
            return Err(wrong());
        }
        let mut decoder = self.as_gray(PALETTE_DAMAGED)?;
        let (samples, _, _) = decode(&mut decoder, header).map_err(|error| self.failed(&error))?;
        let Samples::Bytes(packed) = samples else { return Err(wrong()) };
        // Some programs wrote 8 bits where the format asks for 16.
        let shift = if map.iter().all(|&value| value < 256) { 0 } else { 8 };
        let color = |place: u8| [0, 1, 2].map(|plane| (map[plane * colors + usize::from(place)] >> shift) as u8);
        let places: Vec<u8> = unpacked(&packed, bits, header.width).collect();
        let rgb = places.into_iter().flat_map(color).collect();
        let size = [header.height, header.width];
        Ok(plain_rgb(size, Samples::Bytes(rgb)))
    }

    /// Form of `page`, from 0, that is written again, and its tags.
    pub(super) fn form(&mut self, page: usize) -> Result<PageForm, DataError> {
        self.seek(page)?;
        let photometric = self.number(Tag::PhotometricInterpretation).unwrap_or(1);
        let bits = self.number_first(Tag::BitsPerSample).unwrap_or(8);
        let compression = self.number(Tag::Compression).unwrap_or(1) as u16;
        let mut lost = Vec::new();
        match photometric {
            3 => lost.push("palette (written as RGB)".to_owned()),
            5 => lost.push("inks (written as RGB)".to_owned()),
            6 => lost.push("YCbCr (written as RGB)".to_owned()),
            _ => {}
        }
        if bits < 8 && photometric != 3 {
            lost.push(format!("{bits} bits a sample (written as 8)"));
        }
        let extra = self.extra_channels(photometric == 3);
        if extra > 0 && photometric != 2 {
            lost.push(format!("channels beside the colors ({extra})"));
        }
        let method = CompressionMethod::from_u16_exhaustive(compression);
        if !matches!(
            method,
            CompressionMethod::None
                | CompressionMethod::LZW
                | CompressionMethod::Deflate
                | CompressionMethod::OldDeflate
                | CompressionMethod::PackBits
        ) {
            lost.push(format!("{method:?} compression (written as Deflate)"));
        }
        let there: Vec<Tag> = self.decoder.image_ifd().directory().iter().map(|(tag, _)| tag).collect();
        let mut tags = Vec::new();
        for tag in there.iter().copied().filter(|tag| !STRUCTURE.contains(&tag.to_u16())) {
            let number = tag.to_u16();
            let inks = photometric == 5 && tag == Tag::IccProfile;
            let sub = matches!(tag, Tag::ExifDirectory | Tag::GpsDirectory);
            if sub {
                continue;
            }
            match self.value(None, tag).filter(|_| !inks && (number < 32_768 || KNOWN.contains(&number))) {
                Some(value) => tags.push((number, value)),
                None => lost.push(tag_name(number)),
            }
        }
        let mut directories = Vec::new();
        for tag in [Tag::ExifDirectory, Tag::GpsDirectory].into_iter().filter(|tag| there.contains(tag)) {
            match self.sub_directory(tag) {
                Some(values) => directories.push((tag, values)),
                None => lost.push(tag_name(tag.to_u16())),
            }
        }
        if there.contains(&Tag::SubIfd) {
            lost.push("smaller copies".to_owned());
        }
        let alpha_place = self.extra_kinds().iter().position(|kind| matches!(kind, 1 | 2)).unwrap_or(0);
        Ok(PageForm {
            alpha_place,
            is_gray: matches!(photometric, 0 | 1),
            white_is_zero: photometric == 0,
            compression: method,
            tags,
            directories,
            lost,
        })
    }

    /// Reads the directory that `tag` points to: its values, but for pointers to further ones.
    fn sub_directory(&mut self, tag: Tag) -> Option<Vec<(u16, ValueBuffer)>> {
        const INTEROPERABILITY: u16 = 40_965;
        let pointer = self.decoder.find_tag(tag).ok()??.into_ifd_pointer().ok()?;
        let directory = self.decoder.read_directory(pointer).ok()?;
        let tags: Vec<Tag> = directory.iter().map(|(tag, _)| tag).collect();
        let mut values = Vec::new();
        for tag in tags.into_iter().filter(|tag| tag.to_u16() != INTEROPERABILITY) {
            values.push((tag.to_u16(), self.value(Some(&directory), tag)?));
        }
        Some(values)
    }

    fn value(&mut self, directory: Option<&Directory>, tag: Tag) -> Option<ValueBuffer> {
        let mut value = ValueBuffer::empty(Type::BYTE);
        let found = match directory {
            Some(directory) => self.decoder.read_directory_tags(directory).find_tag_buf(tag, &mut value),
            None => self.decoder.image_ifd().find_tag_buf(tag, &mut value),
        };
        found.ok()??;
        value.set_byte_order(ByteOrder::native());
        Some(value)
    }
}

/// Tags and storage of a page, which are written again beside its samples.
pub(super) struct PageForm {
    /// Place of alpha among the channels behind the colors.
    pub alpha_place: usize,
    pub is_gray: bool,
    pub white_is_zero: bool,
    pub compression: CompressionMethod,
    pub tags: Vec<(u16, ValueBuffer)>,
    pub directories: Vec<(Tag, Vec<(u16, ValueBuffer)>)>,
    pub lost: Vec<String>,
}

fn decoder_of(source: Box<dyn ReadSeek>, length: u64, path: &Path) -> Result<Decoder<Box<dyn ReadSeek>>, DataError> {
    // No value is larger than its file; what pixels take is checked by their header before they are read.
    let mut limits = Limits::unlimited();
    limits.ifd_value_size = usize::try_from(length).unwrap_or(usize::MAX);
    let decoder = Decoder::new(source).map_err(|error| malformed(&path.display().to_string(), words(&error)))?;
    Ok(decoder.with_limits(limits))
}

fn plain_rgb(size: [usize; 2], samples: Samples) -> StoredPicture {
    StoredPicture { size, channels: 3, alpha: AlphaKind::None, extra: 0, no_data: Vec::new(), samples }
}

/// Samples, their number a pixel, and values beyond what samples hold.
type DecodedSamples = (Samples, usize, Vec<f64>);

/// Reads the samples of the decoder's page, interleaved.
fn decode(decoder: &mut Decoder<Box<dyn ReadSeek>>, header: TiffHeader) -> Result<DecodedSamples, TiffError> {
    let mut result = DecodingResult::U8(Vec::new());
    let tile_height = decoder.chunk_dimensions().1.max(1) as usize;
    let is_cut = decoder.get_chunk_type() == ChunkType::Tile && !header.height.is_multiple_of(tile_height);
    let layout = match is_cut && decoder.image_buffer_layout()?.planes > 1 {
        true => read_cut_planes(decoder, &mut result)?,
        false => decoder.read_image_to_buffer(&mut result)?,
    };
    let channels = usize::from(decoder.colortype()?.num_samples()).max(1);
    let planes = if layout.planes > 1 { channels } else { 1 };
    let element = header.element;
    let beyond = if let DecodingResult::F64(values) = &result { beyond_floats(values) } else { Vec::new() };
    let wide = |values: Vec<f32>| Samples::Wide { values: interleaved(values, planes), element };
    let samples = match result {
        DecodingResult::U8(values) => Samples::Bytes(interleaved(values, planes)),
        DecodingResult::U16(values) => Samples::Words(interleaved(values, planes)),
        DecodingResult::U32(values) => wide(values.into_iter().map(|value| value as f32).collect()),
        DecodingResult::U64(values) => wide(values.into_iter().map(|value| value as f32).collect()),
        DecodingResult::I8(values) => wide(values.into_iter().map(f32::from).collect()),
        DecodingResult::I16(values) => wide(values.into_iter().map(f32::from).collect()),
        DecodingResult::I32(values) => wide(values.into_iter().map(|value| value as f32).collect()),
        DecodingResult::I64(values) => wide(values.into_iter().map(|value| value as f32).collect()),
        DecodingResult::F16(values) => wide(values.into_iter().map(half::f16::to_f32).collect()),
        DecodingResult::F32(values) => wide(values),
        DecodingResult::F64(values) => wide(values.into_iter().map(|value| value as f32).collect()),
    };
    Ok((samples, channels, beyond))
}

/// Reads the planes of the decoder's page tile by tile, where the last row of tiles reaches beyond the picture: of all
/// planes but the first the decoder takes these tiles for whole, and writes beyond the plane.
fn read_cut_planes(
    decoder: &mut Decoder<Box<dyn ReadSeek>>,
    result: &mut DecodingResult,
) -> Result<BufferLayoutPreference, TiffError> {
    let layout = decoder.image_buffer_layout()?;
    // What pixels take was checked by their header.
    result.resize_to(&layout, &Limits::unlimited())?;
    let (width, height) = decoder.dimensions()?;
    let (tile_width, tile_height) = decoder.chunk_dimensions();
    let [across, down] = [width.div_ceil(tile_width.max(1)), height.div_ceil(tile_height.max(1))];
    let stride_of = |stride: Option<std::num::NonZeroUsize>| stride.map_or(0, usize::from);
    let (line_bytes, plane_bytes) = (stride_of(layout.row_stride), stride_of(layout.plane_stride));
    let tile_line = line_bytes / width.max(1) as usize * tile_width as usize;
    let mut buffer = result.as_buffer(0);
    let whole = buffer.as_bytes_mut();
    let mut tile = Vec::new();
    let of_plane = across.saturating_mul(down);
    for index in 0..of_plane.saturating_mul(layout.planes as u32) {
        let (plane, row, column) = (index / of_plane, index / across % down, index % across);
        let of = decoder.image_chunk_buffer_layout(index)?;
        tile.clear();
        tile.resize(of.len, 0);
        decoder.read_chunk_bytes(index, &mut tile)?;
        let stride = stride_of(of.row_stride).max(1);
        let lines = (height - row * tile_height).min(tile_height) as usize;
        let first = plane as usize * plane_bytes + (row * tile_height) as usize * line_bytes;
        for (line, values) in tile.chunks_exact(stride).take(lines).enumerate() {
            let at = first + line * line_bytes + column as usize * tile_line;
            if let Some(place) = whole.get_mut(at..at + stride) {
                place.copy_from_slice(values);
            }
        }
    }
    Ok(layout)
}

/// Moves channel `from` of each pixel to place `to`; those between close up.
pub(super) fn moved(mut samples: Samples, channels: usize, from: usize, to: usize) -> Samples {
    fn rotate<T>(values: &mut [T], channels: usize, from: usize, to: usize) {
        for pixel in values.chunks_exact_mut(channels.max(1)) {
            if let Some(part) = pixel.get_mut(from.min(to)..=from.max(to)) {
                if from < to { part.rotate_left(1) } else { part.rotate_right(1) }
            }
        }
    }
    match &mut samples {
        Samples::Bytes(values) => rotate(values, channels, from, to),
        Samples::Words(values) => rotate(values, channels, from, to),
        Samples::Wide { values, .. } => rotate(values, channels, from, to),
    }
    samples
}

fn interleaved<T: Copy>(values: Vec<T>, planes: usize) -> Vec<T> {
    if planes < 2 {
        return values;
    }
    let pixels = values.len() / planes;
    (0..pixels * planes).filter_map(|at| values.get(at % planes * pixels + at / planes).copied()).collect()
}

/// Values of fewer than 8 bits, whose lines begin at whole bytes.
fn unpacked(packed: &[u8], bits: u32, line: usize) -> impl Iterator<Item = u8> {
    let line_bytes = (line * bits as usize).div_ceil(8).max(1);
    let mask = ((1_u16 << bits.min(8)) - 1) as u8;
    packed.chunks_exact(line_bytes).flat_map(move |bytes| {
        (0..line).map(move |at| {
            let first = at * bits as usize;
            bytes.get(first / 8).map_or(0, |byte| byte >> (8 - bits as usize - first % 8) & mask)
        })
    })
}

/// Red, green and blue of cyan, magenta, yellow and black, as printed on white paper by ideal inks.
fn without_inks<T: Copy + Into<u32> + TryFrom<u32> + Default>(inks: &[T], most: u32) -> Vec<T> {
    inks.as_chunks::<4>()
        .0
        .iter()
        .flat_map(|&[cyan, magenta, yellow, black]| {
            [cyan, magenta, yellow].map(|ink| {
                let light = (u64::from(most - ink.into()) * u64::from(most - black.into()) + u64::from(most / 2))
                    / u64::from(most);
                T::try_from(light as u32).unwrap_or_default()
            })
        })
        .collect()
}

/// Place of the photometric tag's value in the directory at `start`.
fn photometric_place(bytes: &[u8], start: u64) -> Option<usize> {
    let little = bytes.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let big = number(2, 2)? == 43;
    let (count_bytes, entry_bytes, value_at) = if big { (8, 20, 12) } else { (2, 12, 8) };
    let start = usize::try_from(start).ok()?;
    let count = number(start, count_bytes)?.min(65_536) as usize;
    let entries = start.checked_add(count_bytes)?;
    let entry = (0..count)
        .map(|index| entries + index * entry_bytes)
        .find(|&at| number(at, 2) == Some(u64::from(Tag::PhotometricInterpretation.to_u16())))?;
    Some(entry + value_at)
}

fn words(error: &TiffError) -> String {
    match error {
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file ends before the picture does; fetch it again".to_owned()
        }
        TiffError::FormatError(TiffFormatError::TiffSignatureNotFound | TiffFormatError::TiffSignatureInvalid) => {
            "it does not start like a TIFF file; fetch it again".to_owned()
        }
        TiffError::UnsupportedError(TiffUnsupportedError::UnsupportedCompressionMethod(method)) => {
            format!("its compression ({method:?}) is not read; save it uncompressed, or with LZW or Deflate")
        }
        TiffError::UnsupportedError(kind) => {
            format!("TIFF of this kind ({kind}) is not read; save it as gray or RGB of 8, 16 or 32 bits")
        }
        other => format!("it is damaged or no picture ({other}); fetch it again"),
    }
}

/// Name of a tag in reports.
pub(super) fn tag_name(number: u16) -> String {
    let known = match number {
        269 | 285 | 297 => "page name",
        270 => "description",
        271 => "make",
        272 => "model",
        274 => "orientation tag",
        282 | 283 | 296 => "resolution",
        286 | 287 => "position",
        305 => "software",
        306 => "date",
        315 => "artist",
        316 => "computer",
        700 => "XMP",
        33_432 => "copyright",
        33_723 => "IPTC",
        34_665 => "EXIF",
        34_675 => "ICC profile",
        34_853 => "GPS",
        33_550 | 33_922 | 34_264 | 34_735..=34_737 => "georeference",
        50_838 | 50_839 => "ImageJ metadata",
        _ => return format!("tag {number}"),
    };
    known.to_owned()
}
