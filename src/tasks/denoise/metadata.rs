//! Metadata of an image file, carried over to its denoised file.

use img_parts::Bytes;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::{Png, PngChunk};

use crate::data::{OWN_KEYWORD, OWN_MARK};

/// Chunks of a PNG that belong to its original pixels.
const PIXELS: [&[u8; 4]; 7] = [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"bKGD", b"hIST"];
const ANIMATION: [&[u8; 4]; 3] = [b"acTL", b"fcTL", b"fdAT"];

/// Bytes of a file with its metadata, their names, and the names of those lost.
#[derive(Debug, Default)]
pub(super) struct KeptMetadata {
    pub bytes: Vec<u8>,
    pub kept: Vec<String>,
    pub lost: Vec<String>,
}

fn add(names: &mut Vec<String>, name: impl Into<String>) {
    let name = name.into();
    if !names.contains(&name) {
        names.push(name);
    }
}

/// Returns `made`, a PNG, with all metadata of `original`, byte for byte.
pub(super) fn carry_png(original: &[u8], made: Vec<u8>) -> KeptMetadata {
    let (Ok(from), Ok(mut to)) =
        (Png::from_bytes(Bytes::copy_from_slice(original)), Png::from_bytes(Bytes::copy_from_slice(&made)))
    else {
        return KeptMetadata {
            bytes: made,
            kept: Vec::new(),
            lost: vec!["its chunks, which cannot be read".to_owned()],
        };
    };
    let mut carried = KeptMetadata::default();
    let mut chunks: Vec<PngChunk> = Vec::new();
    for chunk in from.chunks() {
        let kind = chunk.kind();
        let name = match &kind {
            b"eXIf" => "EXIF".to_owned(),
            b"iCCP" => "ICC profile".to_owned(),
            _ => String::from_utf8_lossy(&kind).into_owned(),
        };
        if ANIMATION.contains(&&kind) {
            add(&mut carried.lost, "animation");
        } else if kind == *b"PLTE" {
            add(&mut carried.lost, "palette");
        } else if !PIXELS.contains(&&kind) {
            add(&mut carried.kept, name);
            chunks.push(chunk.clone());
        }
    }
    let mark = [OWN_KEYWORD.as_bytes(), &[0], OWN_MARK.as_bytes()].concat();
    chunks.retain(|chunk| chunk.contents() != &mark[..]);
    // The mark of a result, by which it is not taken for an original later.
    chunks.insert(0, PngChunk::new(*b"tEXt", mark.into()));
    // After IHDR: what describes color has to come before the pixels.
    to.chunks_mut().splice(1..1, chunks);
    carried.bytes = to.encoder().bytes().to_vec();
    carried
}

/// Returns `made`, a JPEG, with the segments of `original` that do not belong to its pixels, byte for byte.
pub(super) fn carry_jpeg(original: &[u8], made: Vec<u8>, inks: bool) -> KeptMetadata {
    let (Ok(from), Ok(mut to)) =
        (Jpeg::from_bytes(Bytes::copy_from_slice(original)), Jpeg::from_bytes(Bytes::copy_from_slice(&made)))
    else {
        return KeptMetadata {
            bytes: made,
            kept: Vec::new(),
            lost: vec!["its segments, which cannot be read".to_owned()],
        };
    };
    let mut carried = KeptMetadata::default();
    let mut segments: Vec<JpegSegment> = Vec::new();
    for segment in from.segments() {
        let (marker, contents) = (segment.marker(), segment.contents());
        let name = match marker {
            markers::APP0 => "JFIF",
            markers::APP1 if contents.starts_with(b"Exif\0") => "EXIF",
            markers::APP1 if contents.starts_with(b"http://ns.adobe.com/x") => "XMP",
            markers::APP2 if contents.starts_with(b"ICC_PROFILE\0") => "ICC profile",
            markers::APP2 if contents.starts_with(b"MPF\0") => {
                add(&mut carried.lost, "further pictures in the file");
                continue;
            }
            markers::APP13 => "IPTC",
            markers::COM => "comment",
            // It says how the old pixels were coded.
            markers::APP14 => continue,
            marker if (markers::APP0..=markers::APP15).contains(&marker) => "application data",
            _ => continue,
        };
        if inks && name == "ICC profile" {
            add(&mut carried.lost, "ICC profile of inks (it is written as RGB)");
            continue;
        }
        add(&mut carried.kept, name);
        segments.push(segment.clone());
    }
    if segments.iter().any(|segment| segment.marker() == markers::APP0) {
        to.remove_segments_by_marker(markers::APP0);
    }
    segments.retain(|segment| segment.marker() != markers::COM || segment.contents() != OWN_MARK.as_bytes());
    segments.push(JpegSegment::new_with_contents(markers::COM, Bytes::from_static(OWN_MARK.as_bytes())));
    let after = to.segments().iter().take_while(|segment| segment.marker() == markers::APP0).count();
    to.segments_mut().splice(after..after, segments);
    carried.bytes = to.encoder().bytes().to_vec();
    carried
}
