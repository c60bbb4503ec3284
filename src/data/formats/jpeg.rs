//! JPEG: pictures that are whole. `image` fills in gray for what is missing or damaged, and says nothing of it.

use image::{DynamicImage, ImageBuffer};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

const SCAN: u8 = 0xda;
const END: u8 = 0xd9;
const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;
/// Problem of a file that stops too early.
const CUT: &str = "the file ends before the picture does; fetch it again";

/// Decodes `bytes`, a JPEG file, as [`image`] does, but refuses what is cut off or damaged, in words.
pub(crate) fn decode_jpeg(bytes: &[u8]) -> Result<DynamicImage, String> {
    check_whole(bytes)?;
    match decoded(bytes, true) {
        // Bytes between two headers are passed over: nothing of the picture is missing.
        Err(problem) if problem.contains("Extra bytes") => decoded(bytes, false),
        other => other,
    }
    .map_err(|problem| {
        let problem = if problem.contains("Exhausted") { CUT.to_owned() } else { damaged(&problem) };
        problem.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}

fn damaged(problem: &str) -> String {
    format!("it is damaged or no picture ({problem}); fetch it again")
}

fn decoded(bytes: &[u8], strict: bool) -> Result<DynamicImage, String> {
    let options =
        DecoderOptions::default().set_strict_mode(strict).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let in_words = |error: zune_jpeg::errors::DecodeErrors| error.to_string();
    decoder.decode_headers().map_err(in_words)?;
    let gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let color = if gray { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(color));
    let (width, height) = decoder.dimensions().ok_or_else(|| "it names no size".to_owned())?;
    let pixels = decoder.decode().map_err(in_words)?;
    let [width, height] = [width, height].map(|side| u32::try_from(side).unwrap_or(0));
    let made = match gray {
        true => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        false => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
    };
    made.ok_or_else(|| "its pixels are not those of its size".to_owned())
}

/// Walks the segments of `bytes` to the end of the picture (ITU-T T.81, annex B). Previews behind it are not looked at.
fn check_whole(bytes: &[u8]) -> Result<(), String> {
    let byte = |at: usize| bytes.get(at).copied();
    let (mut at, mut coding) = (2, ScanCoding::default());
    loop {
        let from = bytes.get(at..).unwrap_or_default();
        at += from.iter().position(|&byte| byte == 0xff).ok_or(CUT)?;
        while byte(at) == Some(0xff) {
            at += 1;
        }
        let marker = byte(at).ok_or(CUT)?;
        at += 1;
        match marker {
            END => return Ok(()),
            0 | 1 => continue,
            marker if RESTARTS.contains(&marker) => continue,
            _ => {}
        }
        let length = byte(at).zip(byte(at + 1)).map(|(high, low)| usize::from(high) << 8 | usize::from(low));
        let end = at + length.ok_or(CUT)?.max(2);
        let segment = bytes.get(at + 2..end).ok_or(CUT)?;
        at = end;
        if marker == SCAN {
            let behind = end_of_scan(bytes, at)?;
            let coded = bytes.get(at..behind).unwrap_or_default();
            if coding.scan(segment).is_some_and(|scan| !scan.is_whole(coded)) {
                return Err(damaged("a part in the middle of it is missing or changed"));
            }
            at = behind;
        } else {
            coding.read(marker, segment);
        }
    }
}

/// Codes of a table by their first 16 bits: length in bits, 0 for no code, and symbol.
type Codes = Vec<(u8, u8)>;

/// Facts by which coded samples are walked through.
#[derive(Default)]
struct ScanCoding {
    /// Identifier, and blocks across and down in a unit, of each component; empty unless samples are coded one block
    /// after the other by Huffman's codes.
    components: Vec<(u8, [usize; 2])>,
    size: [usize; 2],
    /// Tables of constant parts, then of others.
    tables: [[Option<Codes>; 4]; 2],
    restart: usize,
}

/// Coded samples of some components: how many units there are, and the tables of the blocks in each.
struct CodedScan<'a> {
    units: usize,
    blocks: Vec<[&'a Codes; 2]>,
    restart: usize,
}

impl ScanCoding {
    /// Reads what `segment` says of the coding; what is wrong in it is found by the decoder.
    fn read(&mut self, marker: u8, segment: &[u8]) {
        match (marker, segment) {
            (0xc0 | 0xc1, &[_, high, low, wide_high, wide_low, _, ref components @ ..]) => {
                self.size = [[high, low], [wide_high, wide_low]].map(|side| usize::from(u16::from_be_bytes(side)));
                let of = |&[id, blocks, _]: &[u8; 3]| (id, [usize::from(blocks >> 4), usize::from(blocks & 15)]);
                self.components = components.as_chunks::<3>().0.iter().map(of).collect();
            }
            (0xdd, &[high, low, ..]) => self.restart = usize::from(u16::from_be_bytes([high, low])),
            (0xc4, mut rest) => {
                while let Some((&kind, after)) = rest.split_first()
                    && let Some((counts, after)) = after.split_first_chunk::<16>()
                {
                    let count = counts.iter().map(|&count| usize::from(count)).sum::<usize>().min(after.len());
                    let (symbols, after) = after.split_at(count);
                    let place = self.tables.get_mut(usize::from(kind >> 4));
                    if let Some(table) = place.and_then(|tables| tables.get_mut(usize::from(kind & 15))) {
                        *table = Some(codes_of(counts, symbols));
                    }
                    rest = after;
                }
            }
            _ => {}
        }
    }

    /// Returns the scan that `segment` begins; `None` where its coding is another, or its size is not known yet.
    fn scan(&self, segment: &[u8]) -> Option<CodedScan<'_>> {
        let (&count, rest) = segment.split_first()?;
        let named = rest.as_chunks::<2>().0.get(..usize::from(count))?;
        let most = |side: usize| self.components.iter().map(|(_, blocks)| blocks[side]).max().filter(|&most| most > 0);
        let [across, down] = [most(0)?, most(1)?];
        let mut blocks = Vec::new();
        let mut alone = [across, down];
        for &[id, tables] in named {
            let (_, of) = self.components.iter().find(|(known, _)| *known == id)?;
            let table = |kind: usize, number: u8| self.tables[kind].get(usize::from(number))?.as_ref();
            let tables = [table(0, tables >> 4)?, table(1, tables & 15)?];
            alone = *of;
            let times = if named.len() > 1 { of[0] * of[1] } else { 1 };
            blocks.extend(std::iter::repeat_n(tables, times));
        }
        let [height, width] = self.size;
        let units = match named.len() {
            0 => return None,
            // A component alone has no more blocks than its samples fill.
            1 => {
                let blocks_of = |side: usize, own: usize, most: usize| (side * own).div_ceil(most).div_ceil(8);
                blocks_of(width, alone[0], across) * blocks_of(height, alone[1], down)
            }
            _ => width.div_ceil(8 * across) * height.div_ceil(8 * down),
        };
        (units > 0).then_some(CodedScan { units, blocks, restart: self.restart })
    }
}

/// Returns the codes of a table by the count of those of each length, and their symbols (annex C).
fn codes_of(counts: &[u8; 16], symbols: &[u8]) -> Codes {
    let mut codes = Vec::with_capacity(1 << 16);
    let mut symbols = symbols.iter();
    for (length, &count) in (1_u8..).zip(counts) {
        for symbol in symbols.by_ref().take(usize::from(count)) {
            codes.extend(std::iter::repeat_n((length, *symbol), 1 << (16 - length)));
        }
    }
    codes.resize(1 << 16, (0, 0));
    codes
}

impl CodedScan<'_> {
    /// Walks through the blocks of the scan; returns whether all of them are there, and no more than padding behind.
    fn is_whole(&self, coded: &[u8]) -> bool {
        let mut bits = CodedBits { coded, at: 0, held: 0, count: 0, beyond: 0 };
        for unit in 0..self.units {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 && !bits.pass_restart() {
                return false;
            }
            for tables in &self.blocks {
                if !bits.pass_block(tables) {
                    return false;
                }
            }
        }
        bits.rest_is_padding()
    }
}

/// Bits of coded samples, the first one highest.
struct CodedBits<'a> {
    coded: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
    /// Bits among those held that are not in the file.
    beyond: u32,
}

impl CodedBits<'_> {
    /// Returns the next byte, and the place behind it; `None` at a marker and at the end.
    fn next(&self) -> Option<(u8, usize)> {
        match (self.coded.get(self.at).copied()?, self.coded.get(self.at + 1)) {
            (0xff, Some(0)) => Some((0xff, self.at + 2)),
            (0xff, _) => None,
            (byte, _) => Some((byte, self.at + 1)),
        }
    }

    /// Returns the next 16 bits without passing them.
    fn look(&mut self) -> usize {
        while self.count <= 48 {
            let byte = match self.next() {
                Some((byte, behind)) => {
                    self.at = behind;
                    byte
                }
                None => {
                    self.beyond += 8;
                    0
                }
            };
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
        (self.held >> (self.count - 16)) as usize & 0xffff
    }

    /// Passes a code and the bits of its value; returns its symbol.
    fn pass_code(&mut self, codes: &Codes) -> Option<u8> {
        let (length, symbol) = codes.get(self.look()).copied().filter(|(length, _)| *length > 0)?;
        self.count -= u32::from(length);
        self.look();
        self.count -= u32::from(symbol & 15);
        Some(symbol)
    }

    /// Passes a block of 64 samples (annex F); returns whether it is one.
    fn pass_block(&mut self, [constant, others]: &[&Codes; 2]) -> bool {
        let Some(0..=15) = self.pass_code(constant) else { return false };
        let mut passed = 1;
        while passed < 64 {
            let Some(symbol) = self.pass_code(others) else { return false };
            match symbol {
                0xf0 => passed += 16,
                symbol if symbol & 15 == 0 => break,
                symbol => passed += usize::from(symbol >> 4) + 1,
            }
        }
        passed <= 64 && self.count >= self.beyond
    }

    /// Returns whether nothing but bits of one value is left before the next marker: some programs fill up more than a
    /// byte.
    fn rest_is_padding(&mut self) -> bool {
        let held = self.count.saturating_sub(self.beyond) / 8;
        let is_padding = |byte: u8| matches!(byte, 0 | 0xff);
        let mut whole = (0..held).all(|byte| is_padding((self.held >> (self.beyond + 8 * byte)) as u8));
        while let Some((byte, behind)) = self.next() {
            whole &= is_padding(byte);
            self.at = behind;
        }
        whole
    }

    /// Passes a restart marker; returns whether it is where it should be.
    fn pass_restart(&mut self) -> bool {
        let is_there = self.rest_is_padding()
            && self
                .coded
                .get(self.at..)
                .unwrap_or_default()
                .iter()
                .find(|&&byte| byte != 0xff)
                .is_some_and(|marker| RESTARTS.contains(marker));
        self.at += self.coded.get(self.at..).unwrap_or_default().iter().take_while(|&&byte| byte == 0xff).count() + 1;
        (self.held, self.count, self.beyond) = (0, 0, 0);
        is_there
    }
}

/// Returns the place of the marker behind the scan whose coded samples begin at `at`.
fn end_of_scan(bytes: &[u8], mut at: usize) -> Result<usize, String> {
    let mut restarts = 0;
    loop {
        let from = bytes.get(at..).unwrap_or_default();
        at += from.iter().position(|&byte| byte == 0xff).ok_or(CUT)?;
        match bytes.get(at + 1).copied().ok_or(CUT)? {
            0 => at += 2,
            0xff => at += 1,
            marker if RESTARTS.contains(&marker) => {
                if marker & 7 != restarts {
                    return Err(damaged("a part in the middle of it is missing"));
                }
                restarts = (restarts + 1) & 7;
                at += 2;
            }
            _ => return Ok(at),
        }
    }
}
