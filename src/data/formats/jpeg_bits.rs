//! Bits of JPEG's coded samples (ITU-T T.81, annexes F and G): passed code by code, and copied to files of their own.

use std::ops::RangeInclusive;

pub(super) const RESTARTS: RangeInclusive<u8> = 0xd0..=0xd7;

/// Codes of a table.
#[derive(Debug)]
pub(super) struct Codes {
    /// By the first 16 bits: length in bits, 0 for no code, and symbol.
    by_bits: Vec<(u8, u8)>,
    /// Count of codes of each length, and all symbols, as the file has them.
    stored: Vec<u8>,
}

impl Codes {
    /// Returns the content of a segment of table `kind` that holds these codes.
    pub fn segment(&self, kind: u8) -> Vec<u8> {
        [&[kind], &self.stored[..]].concat()
    }
}

/// Returns the codes of a table by the count of those of each length, and their symbols (annex C).
pub(super) fn codes_of(counts: &[u8; 16], symbols: &[u8]) -> Codes {
    let stored = [&counts[..], symbols].concat();
    let mut by_bits = Vec::with_capacity(1 << 16);
    let mut symbols = symbols.iter();
    for (length, &count) in (1_u8..).zip(counts) {
        for symbol in symbols.by_ref().take(usize::from(count)) {
            let room = (1_usize << 16).saturating_sub(by_bits.len());
            by_bits.extend(std::iter::repeat_n((length, *symbol), room.min(1 << (16 - length))));
        }
    }
    by_bits.resize(1 << 16, (0, 0));
    Codes { by_bits, stored }
}

/// JPEG file that is written bit by bit.
#[derive(Debug)]
pub(super) struct BitSink {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
    restarts: u8,
}

impl BitSink {
    pub fn new() -> Self {
        Self { bytes: vec![0xff, 0xd8], held: 0, count: 0, restarts: 0 }
    }

    pub fn segment(&mut self, marker: u8, content: &[u8]) {
        let [high, low] = (content.len() as u16 + 2).to_be_bytes();
        self.bytes.extend([0xff, marker, high, low]);
        self.bytes.extend_from_slice(content);
    }

    /// Appends the lowest `count` of `bits`, at most 16.
    fn put(&mut self, bits: u32, count: u32) {
        self.held = self.held << count | bits & ((1 << count) - 1);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
    }

    fn fill_up(&mut self) {
        if self.count > 0 {
            self.put(0xff, 8 - self.count);
        }
    }

    pub fn restart(&mut self) {
        self.fill_up();
        self.bytes.extend([0xff, RESTARTS.start() + self.restarts]);
        self.restarts = (self.restarts + 1) & 7;
    }

    pub fn end_scan(&mut self) {
        self.fill_up();
        self.restarts = 0;
    }

    pub fn finished(mut self) -> Vec<u8> {
        self.bytes.extend([0xff, 0xd9]);
        self.bytes
    }
}

/// Bits of coded samples, the first one highest.
#[derive(Debug)]
pub(super) struct CodedBits<'a> {
    coded: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
    /// Bits among those held that are not in the file.
    beyond: u32,
}

impl<'a> CodedBits<'a> {
    pub fn new(coded: &'a [u8]) -> Self {
        Self { coded, at: 0, held: 0, count: 0, beyond: 0 }
    }

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

    /// Passes `count` bits, at most 16, and copies them to `sink`; returns them.
    fn take(&mut self, count: u32, sink: &mut Option<BitSink>) -> u32 {
        let bits = (self.look() >> (16 - count)) as u32;
        self.count -= count;
        if let Some(sink) = sink {
            sink.put(bits, count);
        }
        bits
    }

    /// Passes a code; returns its symbol.
    fn code(&mut self, codes: &Codes, sink: &mut Option<BitSink>) -> Option<u8> {
        let (length, symbol) = codes.by_bits.get(self.look()).copied().filter(|(length, _)| *length > 0)?;
        self.take(u32::from(length), sink);
        Some(symbol)
    }

    /// Passes a code and the bits of its value; returns its symbol.
    fn valued_code(&mut self, codes: &Codes, sink: &mut Option<BitSink>) -> Option<u8> {
        let symbol = self.code(codes, sink)?;
        self.take(u32::from(symbol & 15), sink);
        Some(symbol)
    }

    /// Returns whether all bits passed are in the file.
    fn is_within(&self) -> bool {
        self.count >= self.beyond
    }

    pub fn pass_bits(&mut self, count: u32, sink: &mut Option<BitSink>) -> bool {
        self.take(count, sink);
        self.is_within()
    }

    /// Passes the constant part of a block.
    pub fn pass_constant(&mut self, constant: &Codes, sink: &mut Option<BitSink>) -> bool {
        matches!(self.valued_code(constant, sink), Some(0..=15)) && self.is_within()
    }

    /// Passes a block of 64 samples (annex F); returns whether it is one.
    pub fn pass_block(&mut self, [constant, others]: [&Codes; 2], sink: &mut Option<BitSink>) -> bool {
        let Some(0..=15) = self.valued_code(constant, sink) else { return false };
        let mut passed = 1;
        while passed < 64 {
            let Some(symbol) = self.valued_code(others, sink) else { return false };
            match symbol {
                0xf0 => passed += 16,
                symbol if symbol & 15 == 0 => break,
                symbol => passed += usize::from(symbol >> 4) + 1,
            }
        }
        passed <= 64 && self.is_within()
    }

    /// Passes the code of a run of blocks that end here; returns the number of blocks behind this one.
    fn run_behind(&mut self, symbol: u8, sink: &mut Option<BitSink>) -> usize {
        let more = u32::from(symbol >> 4);
        (1_usize << more) + self.take(more, sink) as usize - 1
    }

    /// Passes coefficients `band` of a block, the first time they are coded (annex G.1.2.2).
    pub fn pass_band(
        &mut self,
        codes: &Codes,
        band: RangeInclusive<u8>,
        set: &mut u64,
        run: &mut usize,
        sink: &mut Option<BitSink>,
    ) -> bool {
        if *run > 0 {
            *run -= 1;
            return true;
        }
        let mut place = *band.start();
        while place <= *band.end() {
            let Some(symbol) = self.code(codes, sink) else { return false };
            let bits = symbol & 15;
            match (symbol >> 4, bits) {
                (15, 0) => place += 16,
                (_, 0) => {
                    *run = self.run_behind(symbol, sink);
                    break;
                }
                (zeros, bits) => {
                    self.take(u32::from(bits), sink);
                    place += zeros;
                    *set |= 1_u64.checked_shl(u32::from(place)).unwrap_or(0);
                    place += 1;
                }
            }
        }
        place <= 64 && self.is_within()
    }

    /// Passes one more bit of coefficients `band` of a block (annex G.1.2.3).
    pub fn pass_refined(
        &mut self,
        codes: &Codes,
        band: RangeInclusive<u8>,
        set: &mut u64,
        run: &mut usize,
        sink: &mut Option<BitSink>,
    ) -> bool {
        let (mut place, last) = (*band.start(), *band.end());
        let mut is_ended = *run > 0;
        if is_ended {
            *run -= 1;
        }
        while place <= last {
            let mut zeros = 64;
            let mut is_new = false;
            if !is_ended {
                let Some(symbol) = self.code(codes, sink) else { return false };
                match (symbol >> 4, symbol & 15) {
                    (15, 0) => zeros = 15,
                    (_, 0) => {
                        *run = self.run_behind(symbol, sink);
                        is_ended = true;
                    }
                    (before, 1) => {
                        self.take(1, sink);
                        (zeros, is_new) = (before, true);
                    }
                    _ => return false,
                }
            }
            // Coefficients that are known get a bit each; those that are 0 are counted.
            while place <= last {
                let bit = 1_u64 << place;
                if *set & bit != 0 {
                    self.take(1, sink);
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                place += 1;
            }
            if is_new && place <= last {
                *set |= 1_u64 << place;
            }
            place += 1;
        }
        self.is_within()
    }

    /// Returns the number of whole bytes before the next marker, if nothing but bits of one value is left there: some
    /// programs fill up more than a byte. `None` where there is more.
    pub fn padding(&mut self) -> Option<usize> {
        let held = self.count.saturating_sub(self.beyond) / 8;
        let is_padding = |byte: u8| matches!(byte, 0 | 0xff);
        let mut whole = (0..held).all(|byte| is_padding((self.held >> (self.beyond + 8 * byte)) as u8));
        let mut count = held as usize;
        while let Some((byte, behind)) = self.next() {
            whole &= is_padding(byte);
            count += 1;
            self.at = behind;
        }
        whole.then_some(count)
    }

    /// Passes a restart marker; returns whether it is where it should be.
    pub fn pass_restart(&mut self) -> bool {
        let is_there = self.padding().is_some()
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
