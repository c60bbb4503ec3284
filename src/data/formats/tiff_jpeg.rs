//! Pages of TIFF whose strips or tiles are JPEG of brightness and color: decoded as files of JPEG are, as the decoder of
//! TIFF shifts colors that have fewer samples.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use tiff::decoder::{ChunkType, Decoder};
use tiff::tags::{CompressionMethod, Tag};

use super::jpeg::decode_jpeg;
use crate::data::DataError;
use crate::data::error::unreadable;
use crate::platform::files;

/// Place of a page's strips or tiles in its file.
#[derive(Debug)]
pub(super) struct JpegChunks {
    /// Height and width of the page.
    size: [usize; 2],
    /// Height and width of a whole strip or tile.
    chunk: [usize; 2],
    /// Offset and length of each, row by row.
    places: Vec<(u64, u64)>,
    /// Tables that all share, a JPEG file without a picture; may be empty.
    tables: Vec<u8>,
}

impl JpegChunks {
    /// Returns the chunks of the page that `decoder` is at; `None` where they are not JPEG of interleaved samples.
    pub fn of<R: Read + Seek>(decoder: &mut Decoder<R>) -> Option<Self> {
        let (width, height) = decoder.dimensions().ok()?;
        let mut numbers = |tag: Tag| decoder.find_tag_unsigned_vec::<u64>(tag).ok().flatten();
        let mut is = |tag: Tag, wanted: u16| Some(numbers(tag)?.first() == Some(&u64::from(wanted)));
        if !is(Tag::Compression, CompressionMethod::ModernJPEG.to_u16())?
            || is(Tag::PlanarConfiguration, 2) == Some(true)
        {
            return None;
        }
        let tables = match decoder.find_tag(Tag::JPEGTables).ok()? {
            Some(tables) => tables.into_u8_vec().ok()?,
            None => Vec::new(),
        };
        let tags = match decoder.get_chunk_type() {
            ChunkType::Tile => [Tag::TileOffsets, Tag::TileByteCounts],
            ChunkType::Strip => [Tag::StripOffsets, Tag::StripByteCounts],
        };
        let [offsets, lengths] = tags.map(|tag| decoder.find_tag_unsigned_vec::<u64>(tag).ok().flatten());
        let places: Vec<(u64, u64)> = offsets?.into_iter().zip(lengths?).collect();
        let (chunk_width, chunk_height) = decoder.chunk_dimensions();
        let [size, chunk] = [[height, width], [chunk_height, chunk_width]].map(|of| of.map(|side| side as usize));
        let needed = size[0].div_ceil(chunk[0].max(1)) * size[1].div_ceil(chunk[1].max(1));
        (places.len() >= needed).then_some(Self { size, chunk, places, tables })
    }

    /// Reads the page from the file at `path`: red, green and blue.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, DataError> {
        let [height, width] = self.size;
        let [chunk_height, chunk_width] = self.chunk.map(|side| side.max(1));
        let across = width.div_ceil(chunk_width);
        let mut file = files::File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut pixels = vec![0; 3 * height * width];
        for (index, &(offset, length)) in self.places.iter().enumerate().take(across * height.div_ceil(chunk_height)) {
            let (top, left) = (index / across * chunk_height, index % across * chunk_width);
            let mut own = Vec::new();
            file.seek(SeekFrom::Start(offset)).map_err(|error| unreadable(path, &error))?;
            file.by_ref().take(length).read_to_end(&mut own).map_err(|error| unreadable(path, &error))?;
            // The end of the tables and the start of the picture fall away.
            let tables = self.tables.get(..self.tables.len().saturating_sub(2)).unwrap_or_default();
            let bytes = if tables.is_empty() { own } else { [tables, own.get(2..).unwrap_or_default()].concat() };
            let picture = decode_jpeg(&bytes)
                .map_err(|problem| DataError::malformed(path.display().to_string(), problem))?
                .picture
                .into_rgb8();
            let lines = (height - top).min(picture.height() as usize).min(chunk_height);
            let values = 3 * (width - left).min(picture.width() as usize).min(chunk_width);
            let needed = [(height - top).min(chunk_height), 3 * (width - left).min(chunk_width)];
            if [lines, values] != needed {
                return Err(DataError::malformed(
                    path.display().to_string(),
                    "the file ends before the picture does; fetch it again",
                ));
            }
            let stride = 3 * picture.width() as usize;
            for (line, from) in picture.as_raw().chunks_exact(stride.max(1)).take(lines).enumerate() {
                let at = 3 * ((top + line) * width + left);
                if let (Some(place), Some(from)) = (pixels.get_mut(at..at + values), from.get(..values)) {
                    place.copy_from_slice(from);
                }
            }
        }
        Ok(pixels)
    }
}

/// Red, green and blue of JPEG's luma and chroma (ITU-T T.871).
pub(super) fn to_rgb(values: &[u8]) -> Vec<u8> {
    values
        .as_chunks::<3>()
        .0
        .iter()
        .flat_map(|&[luma, blue, red]| {
            let (luma, blue, red) = (f32::from(luma), f32::from(blue) - 128.0, f32::from(red) - 128.0);
            [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue]
                .map(|value| value.round() as u8)
        })
        .collect()
}
