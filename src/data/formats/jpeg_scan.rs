//! Segments and coded samples of JPEG (ITU-T T.81), walked through: whether all of the picture is there, and the
//! samples of its colors as files of their own.

use super::jpeg_bits::{BitSink, CodedBits, Codes, RESTARTS, codes_of};

const SCAN: u8 = 0xda;
const END: u8 = 0xd9;
/// Problem of a file that stops too early.
pub(super) const CUT: &str = "the file ends before the picture does; fetch it again";

/// Facts about a file whose picture is whole, or nearly.
#[derive(Debug, Default)]
pub(super) struct WalkedJpeg {
    /// Gray JPEG files of the blue and the red difference; empty unless these have fewer samples than brightness.
    pub planes: Vec<Vec<u8>>,
    /// Pixels across and down that share a sample of color.
    pub ratio: [usize; 2],
    /// False if the mark of the end is missing.
    pub is_ended: bool,
    /// False if parts that refine the picture are missing.
    is_refined: bool,
}

impl WalkedJpeg {
    pub fn note(&self) -> Option<&'static str> {
        match (self.is_refined, self.is_ended) {
            (false, _) => {
                Some("the last parts of its progressive JPEG are missing, so it is coarser than it was; fetch it again")
            }
            (true, false) => Some("the JPEG lacks the mark of its end, but all of its picture is there"),
            (true, true) => None,
        }
    }
}

pub(super) fn damaged(problem: &str) -> String {
    format!("it is damaged or no picture ({problem}); fetch it again")
}

/// Walks the segments of `bytes` to the end of the picture (annex B). Previews behind it are not looked at.
pub(super) fn walk(bytes: &[u8]) -> Result<WalkedJpeg, String> {
    let byte = |at: usize| bytes.get(at).copied();
    let (mut at, mut coding) = (2, ScanCoding::default());
    loop {
        let from = bytes.get(at..).unwrap_or_default();
        match from.iter().position(|&byte| byte == 0xff) {
            Some(place) => at += place,
            None => return coding.finished(false),
        }
        while byte(at) == Some(0xff) {
            at += 1;
        }
        let Some(marker) = byte(at) else { return coding.finished(false) };
        at += 1;
        match marker {
            END => return coding.finished(true),
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
            if coding.walk_scan(segment, coded) == Some(false) {
                let problem = "a part in the middle of it is missing or changed";
                return Err(if behind == bytes.len() { CUT.to_owned() } else { damaged(problem) });
            }
            at = behind;
        } else {
            coding.read(marker, segment);
        }
    }
}

/// Returns the place of the marker behind the scan whose coded samples begin at `at`, or of the end of the file.
fn end_of_scan(bytes: &[u8], mut at: usize) -> Result<usize, String> {
    let mut restarts = 0;
    loop {
        let from = bytes.get(at..).unwrap_or_default();
        let Some(place) = from.iter().position(|&byte| byte == 0xff) else { return Ok(bytes.len()) };
        at += place;
        match bytes.get(at + 1).copied() {
            None => return Ok(bytes.len()),
            Some(0) => at += 2,
            Some(0xff) => at += 1,
            Some(marker) if RESTARTS.contains(&marker) => {
                if marker & 7 != restarts {
                    return Err(damaged("a part in the middle of it is missing"));
                }
                restarts = (restarts + 1) & 7;
                at += 2;
            }
            Some(_) => return Ok(at),
        }
    }
}

/// Component of a picture.
#[derive(Debug)]
struct JpegComponent {
    id: u8,
    /// Blocks across and down in a unit.
    blocks: [usize; 2],
    quantizer: u8,
    /// Lowest bit known of each coefficient.
    known: [Option<u8>; 64],
    /// Coefficients of each block that are not 0, of a progressive picture.
    set: Vec<u64>,
    /// File of its own, where it is wanted.
    plane: Option<BitSink>,
}

/// Facts by which coded samples are walked through.
#[derive(Debug, Default)]
struct ScanCoding {
    /// Empty unless samples are coded by Huffman's codes.
    components: Vec<JpegComponent>,
    is_progressive: bool,
    /// True if a scan could not be walked through.
    is_unknown: bool,
    /// Height and width.
    size: [usize; 2],
    /// Tables of constant parts, then of others.
    tables: [[Option<Codes>; 4]; 2],
    restart: usize,
    /// Whole bytes that fill up the last scan.
    padding: usize,
    /// Segments of quantization tables before the first scan.
    quantizers: Vec<Vec<u8>>,
}

/// Part of the coefficients that a scan holds.
#[derive(Clone, Copy, Debug)]
struct ScanBand {
    first: u8,
    last: u8,
    /// True if the scan adds one bit to coefficients.
    refines: bool,
}

impl ScanCoding {
    /// Reads what `segment` says of the coding; what is wrong in it is found by the decoder.
    fn read(&mut self, marker: u8, segment: &[u8]) {
        match (marker, segment) {
            (0xc0..=0xc2, &[depth, high, low, wide_high, wide_low, _, ref components @ ..]) => {
                self.size = [[high, low], [wide_high, wide_low]].map(|side| usize::from(u16::from_be_bytes(side)));
                self.is_progressive = marker == 0xc2;
                let of = |&[id, blocks, quantizer]: &[u8; 3]| JpegComponent {
                    id,
                    blocks: [usize::from(blocks >> 4), usize::from(blocks & 15)],
                    quantizer,
                    known: [None; 64],
                    set: Vec::new(),
                    plane: None,
                };
                self.components = components.as_chunks::<3>().0.iter().map(of).collect();
                self.begin_planes(marker, depth);
            }
            (0xdb, content) => {
                self.quantizers.push(content.to_vec());
                self.planes().for_each(|plane| plane.segment(0xdb, content));
            }
            (0xdd, &[high, low, ..]) => {
                self.restart = usize::from(u16::from_be_bytes([high, low]));
                self.planes().for_each(|plane| plane.segment(0xdd, &[high, low]));
            }
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

    fn planes(&mut self) -> impl Iterator<Item = &mut BitSink> {
        self.components.iter_mut().filter_map(|of| of.plane.as_mut())
    }

    /// Returns the most blocks across and down in a unit.
    fn most(&self) -> Option<[usize; 2]> {
        let most = |side: usize| self.components.iter().map(|of| of.blocks[side]).max().filter(|&most| most > 0);
        Some([most(0)?, most(1)?])
    }

    /// Begins files of the colors, where each has one block in a unit and brightness has more.
    fn begin_planes(&mut self, marker: u8, depth: u8) {
        let Some([across, down]) = self.most() else { return };
        let [height, width] = self.size;
        let [luma, colors @ ..] = &mut self.components[..] else { return };
        let fits = colors.len() == 2 && colors.iter().all(|color| color.blocks == [1, 1]) && depth == 8;
        if !fits || luma.blocks != [across, down] || across * down == 1 || height * width == 0 {
            return;
        }
        for color in colors {
            let [high, low] = (height.div_ceil(down) as u16).to_be_bytes();
            let [wide_high, wide_low] = (width.div_ceil(across) as u16).to_be_bytes();
            let mut plane = BitSink::new();
            self.quantizers.iter().for_each(|content| plane.segment(0xdb, content));
            if self.restart > 0 {
                plane.segment(0xdd, &(self.restart as u16).to_be_bytes());
            }
            let frame = [depth, high, low, wide_high, wide_low, 1, color.id, 0x11, color.quantizer];
            plane.segment(marker, &frame);
            color.plane = Some(plane);
        }
    }

    /// Returns the plan of the scan that `segment` begins; `None` where its size or its tables are not known.
    fn plan(&self, segment: &[u8]) -> Option<ScanPlan> {
        let (&count, rest) = segment.split_first()?;
        let named = rest.as_chunks::<2>().0.get(..usize::from(count))?;
        let [across, down] = self.most()?;
        let &[first, last, bits, ..] = rest.get(2 * usize::from(count)..)? else { return None };
        let band = match self.is_progressive {
            true => ScanBand { first, last, refines: bits >> 4 > 0 },
            false => ScanBand { first: 0, last: 63, refines: false },
        };
        if band.last > 63 || band.first > band.last {
            return None;
        }
        let mut blocks = Vec::new();
        for &[id, tables] in named {
            let at = self.components.iter().position(|of| of.id == id)?;
            let times = if named.len() > 1 { self.components[at].blocks.iter().product() } else { 1 };
            blocks.extend(std::iter::repeat_n((at, [tables >> 4, tables & 15].map(usize::from)), times));
        }
        let [height, width] = self.size;
        let units = match named.len() {
            0 => return None,
            // A component alone has no more blocks than its samples fill.
            1 => {
                let alone = self.components[blocks.first()?.0].blocks;
                let blocks_of = |side: usize, own: usize, most: usize| (side * own).div_ceil(most).div_ceil(8);
                blocks_of(width, alone[0], across) * blocks_of(height, alone[1], down)
            }
            _ => width.div_ceil(8 * across) * height.div_ceil(8 * down),
        };
        // Bands above the constant part hold one component.
        let fits = !self.is_progressive || band.first == 0 && band.last == 0 || band.first > 0 && named.len() == 1;
        (units > 0 && fits).then_some(ScanPlan { units, blocks, band, lowest: bits & 15 })
    }

    /// Walks through a scan; returns whether all of its blocks are there, and no more than padding behind. `None` where
    /// its coding is another, or its size is not known yet.
    fn walk_scan(&mut self, segment: &[u8], coded: &[u8]) -> Option<bool> {
        let Some(plan) = self.plan(segment) else {
            self.is_unknown = true;
            return None;
        };
        let used: Vec<usize> =
            (0..self.components.len()).filter(|at| plan.blocks.iter().any(|of| of.0 == *at)).collect();
        self.begin_scan(&plan, &used, segment);
        let walked = self.walk_blocks(&plan, coded);
        if walked.is_none() {
            self.is_unknown = true;
        }
        for at in used {
            let component = &mut self.components[at];
            if let Some(plane) = &mut component.plane {
                plane.end_scan();
            }
            let lowest = if self.is_progressive { plan.lowest } else { 0 };
            component.known[usize::from(plan.band.first)..=usize::from(plan.band.last)].fill(Some(lowest));
        }
        walked
    }

    fn begin_scan(&mut self, plan: &ScanPlan, used: &[usize], segment: &[u8]) {
        let band = segment.get(segment.len().saturating_sub(3)..).unwrap_or_default();
        for &at in used {
            let component = &mut self.components[at];
            if self.is_progressive && plan.band.first > 0 && component.set.is_empty() {
                component.set = vec![0; plan.units];
            }
            let Some(plane) = &mut component.plane else { continue };
            let Some((_, tables)) = plan.blocks.iter().find(|(of, _)| *of == at) else { continue };
            for (kind, &table) in tables.iter().enumerate() {
                if let Some(Some(codes)) = self.tables[kind].get(table) {
                    plane.segment(0xc4, &codes.segment((kind << 4 | table) as u8));
                }
            }
            let tables = (tables[0] << 4 | tables[1]) as u8;
            plane.segment(SCAN, &[&[1, component.id, tables], band].concat());
        }
    }

    fn walk_blocks(&mut self, plan: &ScanPlan, coded: &[u8]) -> Option<bool> {
        let mut bits = CodedBits::new(coded);
        // Blocks left in which the band has no further coefficients.
        let mut run = 0_usize;
        let band = plan.band;
        for unit in 0..plan.units {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                if run > 0 || !bits.pass_restart() {
                    return Some(false);
                }
                for &(at, _) in &plan.blocks {
                    if let Some(plane) = &mut self.components[at].plane {
                        plane.restart();
                    }
                }
            }
            for &(at, tables) in &plan.blocks {
                let of = &mut self.components[at];
                let table = |kind: usize| self.tables[kind].get(tables[kind])?.as_ref();
                let passed = match (band.first, self.is_progressive) {
                    (_, false) => bits.pass_block([table(0)?, table(1)?], &mut of.plane),
                    (0, true) if band.refines => bits.pass_bits(1, &mut of.plane),
                    (0, true) => bits.pass_constant(table(0)?, &mut of.plane),
                    (first, true) => {
                        let set = of.set.get_mut(unit)?;
                        let band = first..=band.last;
                        match plan.band.refines {
                            true => bits.pass_refined(table(1)?, band, set, &mut run, &mut of.plane),
                            false => bits.pass_band(table(1)?, band, set, &mut run, &mut of.plane),
                        }
                    }
                };
                if !passed {
                    return Some(false);
                }
            }
        }
        let padding = bits.padding();
        self.padding = padding.unwrap_or(0);
        Some(run == 0 && padding.is_some())
    }

    /// Returns what was found, at the mark of the end or at that of the file.
    fn finished(self, is_ended: bool) -> Result<WalkedJpeg, String> {
        if self.components.is_empty() || self.is_unknown {
            return match is_ended {
                true => Ok(WalkedJpeg { is_ended, is_refined: true, ..WalkedJpeg::default() }),
                false => Err(CUT.to_owned()),
            };
        }
        let ratio = self.most().unwrap_or([1, 1]);
        // Zeros in the place of what is missing may be taken for samples, which then end too early.
        let is_filled_up = !is_ended && self.padding > 0;
        if is_filled_up || self.components.iter().any(|of| of.known[0].is_none()) {
            return Err(CUT.to_owned());
        }
        let is_refined = self.components.iter().all(|of| of.known.iter().all(|&known| known == Some(0)));
        let planes = self.components.into_iter().filter_map(|of| of.plane).map(BitSink::finished).collect();
        Ok(WalkedJpeg { planes, ratio, is_ended, is_refined })
    }
}

/// Coded samples of some components: how many units there are, and the component and tables of each block.
#[derive(Debug)]
struct ScanPlan {
    units: usize,
    blocks: Vec<(usize, [usize; 2])>,
    band: ScanBand,
    /// Lowest bit that the scan holds.
    lowest: u8,
}
