//! Codec between rows of latents and the bytes of a file: steps, tables, and the table of each place.

use super::coder::{Coder, Counts, FrequencyTable};
use super::quantizer::Quantizer;
use super::varint::{ByteReader, put_number, put_signed};

/// Places of a row at most: more would let a small damaged file claim much memory.
const MOST_PLACES: usize = 1 << 24;

/// Meaning of a row of symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Latents, in steps of the quantizer.
    Latents(Quantizer),
    /// Indices of codebook entries, `places` in a row.
    Codes { places: usize },
}

/// Stored form of the frequency tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Frequencies on train rows, in half octaves; a table for each place.
    Histograms,
    /// Frequencies on train rows, in half octaves; one table for all places.
    SharedHistogram,
    /// Normal distribution for each place, as two small numbers.
    Bells,
}

impl TableKind {
    const ALL: [Self; 3] = [Self::Histograms, Self::SharedHistogram, Self::Bells];

    fn number(self) -> u8 {
        match self {
            Self::Histograms => 0,
            Self::SharedHistogram => 1,
            Self::Bells => 2,
        }
    }
}

/// Tables and their assignment to places, to convert symbols to bytes and back.
#[derive(Clone, Debug)]
pub(super) struct Codec {
    pub meaning: Meaning,
    pub form: TableKind,
    tables: Vec<FrequencyTable>,
    /// Reach and curvature of each table of [`TableKind::Bells`].
    bells: Vec<(u16, u8)>,
    /// Number of classes of the label before the symbols of a row; 0 where rows have no labels.
    classes: usize,
}

impl Codec {
    /// Fits codecs to the symbols `train` `[rows, places]`, one for each applicable form of tables.
    pub fn fit(meaning: &Meaning, classes: usize, train: &[i32]) -> Vec<Self> {
        let places = meaning.places().max(1);
        let counts: Vec<Counts> =
            (0..places).map(|place| Counts::count(train.iter().skip(place).step_by(places).copied())).collect();
        let made = TableKind::ALL.into_iter().filter_map(|form| {
            let (tables, bells) = match (form, meaning) {
                (TableKind::Histograms, _) => (counts.iter().map(FrequencyTable::histogram).collect(), Vec::new()),
                (TableKind::SharedHistogram, Meaning::Codes { .. }) => {
                    (vec![FrequencyTable::histogram(&Counts::count(train.iter().copied()))], Vec::new())
                }
                (TableKind::Bells, Meaning::Latents(_)) => counts.iter().map(FrequencyTable::bell).unzip(),
                _ => return None,
            };
            Some(Self { meaning: meaning.clone(), form, tables, bells, classes })
        });
        made.collect()
    }

    /// Returns the number of symbols in a row, its label included.
    pub fn width(&self) -> usize {
        self.meaning.places() + usize::from(self.classes > 0)
    }

    pub fn coder(&self) -> Result<Coder, String> {
        let places = self.meaning.places();
        let of_place = (0..places).map(|place| if self.tables.len() == 1 { 0 } else { place });
        if self.classes == 0 {
            return Coder::new(&self.tables, of_place.collect());
        }
        let mut tables = self.tables.clone();
        tables.push(FrequencyTable::uniform(self.classes));
        Coder::new(&tables, std::iter::once(self.tables.len()).chain(of_place).collect())
    }

    /// Returns rows of symbols with the label of each in front, where rows have labels.
    pub fn with_labels(&self, symbols: &[i32], labels: &[usize]) -> Vec<i32> {
        if self.classes == 0 {
            return symbols.to_vec();
        }
        let rows = symbols.chunks_exact(self.meaning.places().max(1)).enumerate();
        rows.flat_map(|(row, symbols)| {
            let label = labels.get(row).copied().unwrap_or(0) as i32;
            std::iter::once(label).chain(symbols.iter().copied())
        })
        .collect()
    }

    /// Separates symbols and labels: the inverse of [`Self::with_labels`].
    pub fn without_labels(&self, symbols: Vec<i32>) -> Result<(Vec<i32>, Vec<usize>), String> {
        if self.classes == 0 {
            return Ok((symbols, Vec::new()));
        }
        let label = |row: &[i32]| usize::try_from(row[0]).ok().filter(|&label| label < self.classes);
        let labels: Option<Vec<usize>> = symbols.chunks_exact(self.width()).map(label).collect();
        let labels = labels.ok_or_else(|| "a label in it is outside its classes".to_owned())?;
        Ok((symbols.chunks_exact(self.width()).flat_map(|row| &row[1..]).copied().collect(), labels))
    }

    pub fn put(&self, out: &mut Vec<u8>) {
        out.push(self.form.number());
        put_number(out, self.classes as u64);
        put_number(out, self.meaning.places() as u64);
        match &self.meaning {
            Meaning::Codes { .. } => out.push(1),
            Meaning::Latents(quantizer) => {
                out.push(0);
                let mut before = 0;
                for &exponent in &quantizer.exponents {
                    put_signed(out, i64::from(exponent - before));
                    before = exponent;
                }
                quantizer.offsets.iter().for_each(|&offset| put_signed(out, i64::from(offset)));
            }
        }
        if self.form == TableKind::Bells {
            self.bells.iter().for_each(|&(reach, _)| put_number(out, u64::from(reach)));
            out.extend(self.bells.iter().map(|&(_, curvature)| curvature));
            return;
        }
        for table in &self.tables {
            put_signed(out, i64::from(table.least));
            put_number(out, table.levels.len() as u64);
            // Neighbors are nearly as frequent: small differences squeeze well.
            let mut before = 0_u8;
            for &level in &table.levels {
                out.push(level.wrapping_sub(before));
                before = level;
            }
        }
    }

    pub fn take(from: &mut ByteReader<'_>) -> Result<Self, String> {
        let number = from.byte()?;
        let form = TableKind::ALL.into_iter().find(|form| form.number() == number);
        let form = form.ok_or_else(|| format!("its tables have the unknown kind {number}"))?;
        let (classes, places) = (from.count(1 << 16)?, from.count(MOST_PLACES)?);
        let meaning = match from.byte()? {
            1 => Meaning::Codes { places },
            _ => {
                let mut before = 0;
                let mut exponents = Vec::new();
                for _ in 0..places {
                    before = from.signed_within(before, 1 << 20)?;
                    exponents.push(before as i32);
                }
                let offsets: Result<_, String> =
                    (0..places).map(|_| Ok(from.signed_within(0, 1 << 31)? as i32)).collect();
                Meaning::Latents(Quantizer { exponents, offsets: offsets? })
            }
        };
        if form == TableKind::Bells {
            let reaches: Result<Vec<u16>, String> = (0..places).map(|_| Ok(from.count(1 << 15)? as u16)).collect();
            let bells: Result<Vec<(u16, u8)>, String> =
                reaches?.into_iter().map(|reach| Ok((reach, from.byte()?))).collect();
            let bells = bells?;
            let tables = bells.iter().map(|&(reach, curvature)| FrequencyTable::from_bell(reach, curvature)).collect();
            return Ok(Self { meaning, form, tables, bells, classes });
        }
        let mut tables = Vec::new();
        for _ in 0..if form == TableKind::SharedHistogram { 1 } else { places } {
            let least = from.signed_within(0, 1 << 30)? as i32;
            let count = from.count(1 << 20)?;
            let mut before = 0_u8;
            let levels = from.bytes(count)?.iter().map(|&step| {
                before = before.wrapping_add(step);
                before
            });
            let levels: Vec<u8> = levels.collect();
            if levels.len() < 2 {
                return Err("one of its tables is empty".to_owned());
            }
            tables.push(FrequencyTable { least, levels });
        }
        Ok(Self { meaning, form, tables, bells: Vec::new(), classes })
    }
}

impl Meaning {
    /// Returns the number of symbols in a row, its label left out.
    pub fn places(&self) -> usize {
        match self {
            Self::Latents(quantizer) => quantizer.units(),
            Self::Codes { places } => *places,
        }
    }
}
