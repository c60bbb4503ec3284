//! Metadata of an image file, carried over to its denoised file.

use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::{Png, PngChunk};
use img_parts::{Bytes, ImageICC as _};

use crate::data::{OWN_KEYWORD, OWN_MARK};

/// Chunks of a PNG that belong to its original pixels.
const PIXELS: [&[u8; 4]; 7] = [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"bKGD", b"hIST"];
const ANIMATION: [&[u8; 4]; 3] = [b"acTL", b"fcTL", b"fdAT"];

/// Returns whether a color profile (ICC.1, bytes 16 to 19: its color space) is that of other colors than those written.
/// What names no color space is left alone.
pub(super) fn is_of_other_colors(profile: &[u8], is_gray: bool) -> bool {
    match profile.get(16..20) {
        Some(b"RGB ") => is_gray,
        Some(b"GRAY") => !is_gray,
        Some(b"CMYK" | b"CMY " | b"Lab " | b"XYZ " | b"YCbr" | b"HSV " | b"HLS ") => true,
        _ => false,
    }
}

/// Name of a color profile that is left out because the colors are others now.
pub(super) const OTHER_PROFILE: &str = "ICC profile of other colors than those written";

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

/// Returns `made`, a PNG, gray or in color, with all metadata of `original`, byte for byte.
pub(super) fn carry_png(original: &[u8], made: Vec<u8>, is_gray: bool) -> KeptMetadata {
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
    // Bits of a sample, and the kind of color: 0 is gray.
    if let Some([bits @ 1..8, 0]) = from.chunk_by_type(*b"IHDR").and_then(|head| head.contents().get(8..10)) {
        add(&mut carried.lost, format!("{bits} bits a sample (written as 8)"));
    }
    let has_other_profile = from.icc_profile().is_some_and(|profile| is_of_other_colors(&profile, is_gray));
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
        } else if kind == *b"bKGD" {
            add(&mut carried.lost, "background color");
        } else if kind == *b"iCCP" && has_other_profile {
            add(&mut carried.lost, OTHER_PROFILE);
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

/// Returns whether `segment` begins a picture of four inks (ITU-T T.81, B.2.2: the count of components).
fn is_of_inks(segment: &JpegSegment) -> bool {
    let marker = segment.marker();
    let is_frame = (0xc0..=0xcf).contains(&marker) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
    is_frame && segment.contents().get(5) == Some(&4)
}

/// Returns `made`, a JPEG, gray or in color, with the segments of `original` that do not belong to its pixels, byte for
/// byte.
pub(super) fn carry_jpeg(original: &[u8], made: Vec<u8>, is_gray: bool) -> KeptMetadata {
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
    let has_other_profile = from.icc_profile().is_some_and(|profile| is_of_other_colors(&profile, is_gray));
    if from.segments().iter().any(is_of_inks) {
        add(&mut carried.lost, "inks (written as RGB)");
    }
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
        if has_other_profile && name == "ICC profile" {
            add(&mut carried.lost, OTHER_PROFILE);
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

/// Facts of a file that another format, or its own as it is written here, does not hold.
#[derive(Debug, Default)]
pub(super) struct BmpFacts {
    /// Bits of a pixel.
    pub bits: u16,
    /// Bytes of the resolution; `None` where there is none.
    pub resolution: Option<[u8; 8]>,
}

/// Place of the resolution in a BMP file, of two numbers of 32 bits.
pub(super) const BMP_RESOLUTION: std::ops::Range<usize> = 38..46;

/// Reads the facts of a BMP file; those of other files are empty.
pub(super) fn bmp_facts(bytes: &[u8]) -> BmpFacts {
    let header = bytes.get(14..18).and_then(|size| size.try_into().ok()).map_or(0, u32::from_le_bytes);
    if !bytes.starts_with(b"BM") || header < 40 {
        return BmpFacts::default();
    }
    let bits = bytes.get(28..30).and_then(|bits| bits.try_into().ok()).map_or(0, u16::from_le_bytes);
    let resolution = bytes.get(BMP_RESOLUTION).and_then(|place| <[u8; 8]>::try_from(place).ok());
    BmpFacts { bits, resolution: resolution.filter(|place| *place != [0; 8]) }
}

/// Returns whether a GIF file has a comment (GIF89a, section 24).
pub(super) fn has_gif_comment(bytes: &[u8]) -> bool {
    let byte = |at: usize| bytes.get(at).copied();
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let Some(flags) = byte(10).filter(|_| bytes.starts_with(b"GIF8")) else { return false };
    let mut at = 13 + table(flags);
    loop {
        at = match (byte(at), byte(at + 1)) {
            (Some(0x21), Some(0xfe)) => return true,
            (Some(0x21), Some(_)) => at + 2,
            (Some(0x2c), _) => match byte(at + 9) {
                // The size of codes follows the colors.
                Some(flags) => at + 10 + table(flags) + 1,
                None => return false,
            },
            _ => return false,
        };
        while let Some(length @ 1..) = byte(at) {
            at += usize::from(length) + 1;
        }
        at += 1;
    }
}

/// Returns whether the header of a PNM file has a comment.
pub(super) fn has_pnm_comment(bytes: &[u8]) -> bool {
    let numbers = if matches!(bytes.get(1), Some(b'1' | b'4')) { 2 } else { 3 };
    let words = bytes.get(2..).unwrap_or_default().split(|byte| byte.is_ascii_whitespace());
    // A comment comes before the last number of the header.
    let mut found = 0;
    for word in words.filter(|word| !word.is_empty()) {
        if word.contains(&b'#') {
            return true;
        }
        found += 1;
        if found == numbers {
            break;
        }
    }
    false
}
