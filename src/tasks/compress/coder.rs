//! Entropy coding of integers: tables of integer frequencies and a range coder (Martin 1979) over them.
//!
//! Decoding needs no floats: a table is rebuilt from small integers by integer arithmetic, so that any machine reads
//! what any other wrote.

use constriction::stream::model::{ContiguousCategoricalEntropyModel, DefaultUniformModel};
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode as _, Encode as _};

/// Binary logarithm of the sum of a table's frequencies: they add up to 2^24.
const PRECISION: usize = 24;
/// Level of a symbol that is nearly certain. Levels are half octaves: two less is half as frequent.
const TOP: u8 = 2 * PRECISION as u8;
/// Largest magnitude of a symbol in a table; larger ones are escaped.
pub(super) const REACH: i32 = 2048;
/// Bits of an escaped symbol after the escape.
const ESCAPE_BITS: f64 = 32.0;
/// Number of curvatures that are tried for a bell.
const CURVATURES: u8 = 61;
/// Level of the escape beside a bell: about one symbol of ten thousand.
const BELL_ESCAPE: u8 = TOP - 26;

/// Occurrences of each symbol.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    least: i32,
    counts: Vec<u32>,
    /// Occurrences of symbols beyond the reach.
    outside: u32,
}

impl Counts {
    pub fn count(symbols: impl Iterator<Item = i32> + Clone) -> Self {
        let near = || symbols.clone().filter(|symbol| symbol.abs() <= REACH);
        let (least, most) = (near().min().unwrap_or(0), near().max().unwrap_or(0));
        let mut counts = vec![0; (most - least + 1) as usize];
        near().for_each(|symbol| counts[(symbol - least) as usize] += 1);
        let outside = symbols.filter(|symbol| symbol.abs() > REACH).count() as u32;
        Self { least, counts, outside }
    }

    fn total(&self) -> f64 {
        self.counts.iter().chain([&self.outside]).map(|&count| f64::from(count)).sum::<f64>().max(1.0)
    }

    /// Computes the entropy in bits per symbol, the bits after each escape included: the least that a table can reach.
    pub fn entropy(&self) -> f64 {
        let total = self.total();
        let part = |&count: &u32| {
            let share = f64::from(count) / total;
            if count > 0 { -share * share.log2() } else { 0.0 }
        };
        self.counts.iter().chain([&self.outside]).map(part).sum::<f64>() + ESCAPE_BITS * f64::from(self.outside) / total
    }
}

/// Frequencies of the symbols from `least` on; the last is that of the escape, after which any other number follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrequencyTable {
    pub least: i32,
    /// Levels of the frequencies in half octaves, 0 to 48.
    pub levels: Vec<u8>,
}

impl FrequencyTable {
    /// Builds the table of observed frequencies, smoothed a little so that unseen symbols are not impossible.
    pub fn histogram(counts: &Counts) -> Self {
        /// Symbols beyond the ends that have a frequency of their own.
        const MARGIN: i32 = 2;
        let least = (counts.least - MARGIN).max(-REACH);
        let most = (counts.least + counts.counts.len() as i32 - 1 + MARGIN).min(REACH);
        let seen = |symbol: i32| {
            let at = usize::try_from(symbol - counts.least).ok();
            f64::from(at.and_then(|at| counts.counts.get(at)).copied().unwrap_or(0))
        };
        let total = counts.total();
        let mean = (least..=most).map(|symbol| f64::from(symbol) * seen(symbol)).sum::<f64>() / total;
        let spread = |symbol: i32| (f64::from(symbol) - mean).powi(2) * seen(symbol);
        // A bin is a twelfth of its square wide.
        let variance = (least..=most).map(spread).sum::<f64>() / total + 1.0 / 12.0;
        let bell = |symbol: i32| (-(f64::from(symbol) - mean).powi(2) / (2.0 * variance)).exp() + 1e-9;
        let whole: f64 = (least..=most).map(bell).sum();
        // As much as half a row for each symbol.
        let weight = 0.5 * f64::from(most - least + 1);
        let all = total + weight + 0.5;
        let level = |share: f64| (2.0 * (PRECISION as f64 + share.log2())).round().clamp(0.0, f64::from(TOP)) as u8;
        let levels = (least..=most).map(|symbol| level((seen(symbol) + weight * bell(symbol) / whole) / all));
        let escape = level((f64::from(counts.outside) + 0.5) / all);
        Self { least, levels: levels.chain([escape]).collect() }
    }

    /// Returns the bell around 0 that codes `counts` in the fewest bits, and its arguments for [`Self::from_bell`].
    pub fn bell(counts: &Counts) -> (Self, (u16, u8)) {
        let ends = [counts.least, counts.least + counts.counts.len() as i32 - 1];
        let reach = ends.into_iter().map(i32::unsigned_abs).max().unwrap_or(0).min(REACH as u32) as u16;
        let made = (0..CURVATURES).map(|curvature| (Self::from_bell(reach, curvature), (reach, curvature)));
        let cost = |table: &Self| table.bits(counts);
        let best = made.min_by(|a, b| cost(&a.0).total_cmp(&cost(&b.0)));
        best.unwrap_or_else(|| (Self::from_bell(reach, 0), (reach, 0)))
    }

    /// Builds a normal distribution in integers: symbols up to `reach` either way, whose level falls with their square.
    pub fn from_bell(reach: u16, curvature: u8) -> Self {
        let reach = i32::from(reach).min(REACH);
        let rate = half_octaves(curvature.min(CURVATURES));
        let level = |symbol: i32| {
            let square = u64::from(symbol.unsigned_abs()).pow(2);
            TOP - (square.saturating_mul(rate) >> 20).min(u64::from(TOP)) as u8
        };
        Self { least: -reach, levels: (-reach..=reach).map(level).chain([BELL_ESCAPE]).collect() }
    }

    /// Builds a table of equal frequencies for the symbols 0..count.
    pub fn uniform(count: usize) -> Self {
        Self { least: 0, levels: vec![TOP; count].into_iter().chain([0]).collect() }
    }

    /// Returns the frequencies of the levels, at least 1 each, 2^24 together.
    fn frequencies(&self) -> Vec<u32> {
        const WHOLE: u64 = 1 << PRECISION;
        let weights: Vec<u64> = self.levels.iter().map(|&level| half_octaves(level.min(TOP))).collect();
        let sum: u64 = weights.iter().sum::<u64>().max(1);
        let left = WHOLE - (weights.len() as u64).min(WHOLE);
        let mut frequencies: Vec<u32> = weights.iter().map(|weight| (1 + weight * left / sum) as u32).collect();
        let given: u64 = frequencies.iter().map(|&frequency| u64::from(frequency)).sum();
        // What rounding left goes to the most frequent, the first of several.
        let most = (0..frequencies.len()).rev().max_by_key(|&at| frequencies[at]).unwrap_or(0);
        if let Some(frequency) = frequencies.get_mut(most) {
            *frequency += WHOLE.saturating_sub(given) as u32;
        }
        frequencies
    }

    /// Computes the bits that symbols of these counts take.
    fn bits(&self, counts: &Counts) -> f64 {
        let frequencies = self.frequencies();
        let bits_of = |at: usize| PRECISION as f64 - f64::from(frequencies[at]).log2();
        let escape = self.levels.len() - 1;
        let escaped = bits_of(escape) + ESCAPE_BITS;
        let of = |(i, &count): (usize, &u32)| {
            let at = usize::try_from(counts.least + i as i32 - self.least).ok().filter(|&at| at < escape);
            f64::from(count) * at.map_or(escaped, bits_of)
        };
        counts.counts.iter().enumerate().map(of).sum::<f64>() + f64::from(counts.outside) * escaped
    }
}

/// Computes 2^(level / 2), rounded down.
fn half_octaves(level: u8) -> u64 {
    /// Square root of 2, times 2^31.
    const ROOT: u64 = 3_037_000_499;
    let whole = u32::from(level / 2);
    if level.is_multiple_of(2) { 1 << whole } else { (ROOT << whole) >> 31 }
}

type Frequencies = ContiguousCategoricalEntropyModel<u32, Vec<u32>, PRECISION>;

/// Range coder between rows of symbols and bytes.
#[derive(Debug)]
pub(super) struct Coder {
    /// First symbol of each table, index of its escape, and its frequencies.
    tables: Vec<(i32, usize, Frequencies)>,
    /// Index of the table of each symbol in a row.
    places: Vec<usize>,
}

impl Coder {
    /// Builds a coder for rows whose symbol `i` has the table `tables[places[i]]`.
    pub fn new(tables: &[FrequencyTable], places: Vec<usize>) -> Result<Self, String> {
        let tables = tables.iter().map(|table| {
            let made = Frequencies::from_nonzero_fixed_point_probabilities(table.frequencies(), false);
            let frequencies = made.map_err(|()| "a table of frequencies has no symbols".to_owned())?;
            Ok((table.least, table.levels.len() - 1, frequencies))
        });
        let tables: Vec<_> = tables.collect::<Result<_, String>>()?;
        if places.iter().any(|&place| place >= tables.len()) {
            return Err("a symbol has no table of frequencies".to_owned());
        }
        Ok(Self { tables, places })
    }

    pub fn encode(&self, symbols: &[i32]) -> Result<Vec<u8>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("a symbol cannot be coded ({error})");
        let halves = DefaultUniformModel::new(1 << 16);
        let mut encoder = DefaultRangeEncoder::new();
        for (symbol, &place) in symbols.iter().zip(self.places.iter().cycle()) {
            let (least, escape, frequencies) = &self.tables[place];
            let at = symbol.checked_sub(*least).and_then(|at| usize::try_from(at).ok()).filter(|at| at < escape);
            encoder.encode_symbol(at.unwrap_or(*escape), frequencies).map_err(|error| failed(&error))?;
            if at.is_none() {
                let bits = symbol.cast_unsigned();
                encoder.encode_symbol((bits >> 16) as usize, halves).map_err(|error| failed(&error))?;
                encoder.encode_symbol((bits & 0xFFFF) as usize, halves).map_err(|error| failed(&error))?;
            }
        }
        let words = encoder.into_compressed().unwrap_or_else(|never| match never {});
        Ok(words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    /// Decodes `rows` rows of symbols from `bytes`.
    pub fn decode(&self, bytes: &[u8], rows: usize) -> Result<Vec<i32>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("its symbols cannot be read ({error})");
        let halves = DefaultUniformModel::new(1 << 16);
        let words: Vec<u32> = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let mut decoder = DefaultRangeDecoder::from_compressed(words).unwrap_or_else(|never| match never {});
        let mut symbols = Vec::with_capacity(rows * self.places.len());
        for _ in 0..rows {
            for &place in &self.places {
                let (least, escape, frequencies) = &self.tables[place];
                let at = decoder.decode_symbol(frequencies).map_err(|error| failed(&error))?;
                let symbol = if at == *escape {
                    let high: usize = decoder.decode_symbol(halves).map_err(|error| failed(&error))?;
                    let low: usize = decoder.decode_symbol(halves).map_err(|error| failed(&error))?;
                    ((high as u32) << 16 | low as u32).cast_signed()
                } else {
                    least.wrapping_add(at as i32)
                };
                symbols.push(symbol);
            }
        }
        Ok(symbols)
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    fn roundtrip(tables: &[FrequencyTable], places: &[usize], symbols: &[i32]) -> usize {
        let coder = Coder::new(tables, places.to_vec()).expect("tables");
        let bytes = coder.encode(symbols).expect("coded");
        assert_eq!(coder.decode(&bytes, symbols.len() / places.len()).expect("read"), symbols);
        bytes.len()
    }

    fn numbers(count: usize, below: u32) -> Vec<i32> {
        let word = |i| crate::random::philox4x32([i, 0, 0, 0], [5, 6])[0];
        (0..count as u32).map(|i| (word(i) % below) as i32).collect()
    }

    #[test]
    fn one_symbol_costs_nothing() {
        let same = vec![7; 10_000];
        let table = FrequencyTable::histogram(&Counts::count(same.iter().copied()));
        // Neighbors and the escape keep a little: about three bits for a thousand symbols.
        assert!(roundtrip(&[table], &[0], &same) < 16);
        assert!(roundtrip(&[FrequencyTable::uniform(1)], &[0], &vec![0; 10_000]) <= 8);
    }

    #[test]
    fn two_and_many_symbols_take_their_entropy() {
        let two = numbers(20_000, 2);
        let table = FrequencyTable::histogram(&Counts::count(two.iter().copied()));
        assert!(roundtrip(&[table], &[0], &two) < 20_000 / 8 * 101 / 100);
        let many = numbers(20_000, 4000);
        let table = FrequencyTable::uniform(4000);
        // log2 4000 is 11.97 bits.
        assert!(roundtrip(&[table], &[0], &many) < 20_000 * 12 / 8);
        let own = FrequencyTable::histogram(&Counts::count(many.iter().map(|symbol| symbol - 2000)));
        roundtrip(&[own], &[0], &many);
    }

    #[test]
    fn what_no_table_has_is_escaped() {
        let table = FrequencyTable::from_bell(3, 40);
        let strange = [0, 3, -3, 4, -4, 5000, -70_000, i32::MAX, i32::MIN, 0, 1];
        roundtrip(std::slice::from_ref(&table), &[0], &strange);
        let two = [FrequencyTable::uniform(3), table];
        roundtrip(&two, &[0, 1, 1], &[2, 0, 9, 0, -1, 2, 77, 1, i32::MIN]);
        roundtrip(&two, &[0, 1], &[]);
    }

    #[test]
    fn frequencies_are_whole_and_add_up() {
        let tables = [
            FrequencyTable::uniform(1),
            FrequencyTable::uniform(65_535),
            FrequencyTable::from_bell(2048, 0),
            FrequencyTable::from_bell(0, 60),
        ];
        for table in tables {
            let frequencies = table.frequencies();
            assert!(frequencies.iter().all(|&frequency| frequency > 0));
            assert_eq!(frequencies.iter().map(|&frequency| u64::from(frequency)).sum::<u64>(), 1 << PRECISION);
        }
        // What is on the disk of users: these numbers never change.
        assert_eq!(half_octaves(0), 1);
        assert_eq!((half_octaves(47), half_octaves(48)), (11_863_283, 16_777_216));
    }

    #[test]
    fn a_bell_codes_normal_numbers_nearly_as_well_as_their_histogram() {
        let normal: Vec<i32> = (0..20_000_u32)
            .map(|i| crate::random::normal4(crate::random::philox4x32([i, 1, 0, 0], [5, 6]))[0])
            .map(|x| (x * 5.0).round() as i32)
            .collect();
        let counts = Counts::count(normal.iter().copied());
        let bell = roundtrip(&[FrequencyTable::bell(&counts).0], &[0], &normal);
        let ideal = counts.entropy() * 20_000.0 / 8.0;
        assert!((bell as f64) < 1.03 * ideal, "{bell} bytes, entropy {ideal}");
    }
}
