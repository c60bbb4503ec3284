//! Numbers as people write them: decimal and thousands marks, percent, currencies, units, parentheses.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Characters that stand between groups of three digits, each with its decimal marks.
const THOUSANDS: [(char, &[char]); 4] = [(',', &['.']), ('.', &[',']), (' ', &['.', ',']), ('\'', &['.', ','])];
/// Signs and codes of currencies that may stand before a number.
const CURRENCIES: [&str; 24] = [
    "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₴", "฿", "US$", "A$", "C$", "R$", "USD", "EUR", "GBP", "CHF", "JPY",
    "CNY", "INR", "SEK", "NOK", "DKK",
];
/// Suffixes that scale a number, and their factors; where blanks may stand before them, true.
const SUFFIXES: [(&str, f64, bool); 11] = [
    ("k", 1e3, false),
    ("K", 1e3, false),
    ("M", 1e6, false),
    ("G", 1e9, false),
    ("B", 1e9, false),
    ("T", 1e12, false),
    ("Mio", 1e6, true),
    ("mn", 1e6, true),
    ("bn", 1e9, true),
    ("Mrd", 1e9, true),
    ("Tsd", 1e3, true),
];
/// Most characters of a unit behind a number.
const LONGEST_UNIT: usize = 8;
/// Most different units that are counted in a column.
const MOST_UNITS: usize = 8;

/// Writing of the numbers of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumberFormat {
    /// Mark before the fraction: `.` or `,`.
    pub decimal: char,
    /// Mark between groups of three digits; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// Unit behind the numbers or currency before them, as written; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// True if suffixes such as k and M scale the numbers that have them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub scaled: bool,
    /// Most digits behind the decimal mark, with which numbers are written; `None` to write all that there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<u8>,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self { decimal: '.', thousands: None, unit: None, scaled: false, places: None }
    }
}

impl NumberFormat {
    /// Returns whether numbers are written as in program code: a decimal point and nothing else.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the number in a cell; `None` where it holds another thing.
    pub(crate) fn parse(&self, cell: &str) -> Option<f64> {
        if self.decimal == '.'
            && self.thousands.is_none()
            && let Ok(value) = cell.parse()
        {
            return Some(value);
        }
        let parts = Parts::new(cell)?;
        let factor = match (&self.unit, parts.unit.is_empty()) {
            (_, true) => 1.0,
            (Some(unit), false) if *unit == parts.unit => 1.0,
            (None, false) if self.scaled => parts.factor?,
            _ => return None,
        };
        let value = number_of(&parts.body, self.decimal, self.thousands)
            .or_else(|| grouped(&parts.body, self.decimal).filter(|_| self.thousands.is_none()))?;
        Some(if parts.negative { -value * factor } else { value * factor })
    }

    /// Returns a number with as many digits as the source has at most, the decimal mark and the unit of this format,
    /// without thousands marks.
    pub fn write(&self, value: f64) -> String {
        let text = match self.places {
            Some(places) => format!("{value:.*}", usize::from(places)),
            None => (value as f32).to_string(),
        };
        // Rounding leaves no negative zero.
        let is_zero = text.starts_with('-') && text.bytes().skip(1).all(|byte| matches!(byte, b'0' | b'.'));
        let text = if is_zero { &text[1..] } else { &text }.replace('.', &self.decimal.to_string());
        match self.unit.as_deref() {
            // Codes of currencies stand apart, their signs do not.
            Some(unit) if CURRENCIES.contains(&unit) => {
                // The sign stands before the currency.
                let (sign, text) = text.split_at(usize::from(text.starts_with('-')));
                let blank = if unit.ends_with(char::is_alphabetic) { " " } else { "" };
                format!("{sign}{unit}{blank}{text}")
            }
            Some(unit @ ("%" | "‰")) => format!("{text}{unit}"),
            Some(unit) => format!("{text} {unit}"),
            None => text,
        }
    }

    /// Returns a short example of the format: what it makes of a number above a thousand.
    pub(crate) fn example(&self) -> String {
        let mark = self.thousands.map(String::from).unwrap_or_default();
        format!("1{mark}234{}5", self.decimal)
    }

    /// Returns whether two formats have the same marks.
    pub(crate) fn has_marks_of(&self, other: &Self) -> bool {
        (self.decimal, self.thousands) == (other.decimal, other.thousands)
    }
}

/// Value of a number with marks of both kinds, which leave no doubt though the column has had none between thousands.
fn grouped(body: &str, decimal: char) -> Option<f64> {
    let fits = |&&(mark, decimals): &&(char, &[char])| {
        decimals.contains(&decimal) && body.contains(mark) && (body.contains(decimal) || !matches!(mark, '.' | ','))
    };
    let (mark, _) = THOUSANDS.iter().find(fits)?;
    number_of(body, decimal, Some(*mark))
}

/// Digits behind the decimal point that all of `values` need, at most; `None` above six.
pub(crate) fn places_of(values: impl Iterator<Item = f64>) -> Option<u8> {
    const MOST_PLACES: u8 = 6;
    let mut places = 0;
    for value in values {
        let is_written = |places: u8| {
            let shifted = value * 10_f64.powi(i32::from(places));
            (shifted - shifted.round()).abs() <= 1e-9 * shifted.abs().max(1e-3)
        };
        while !is_written(places) {
            places += 1;
            if places > MOST_PLACES {
                return None;
            }
        }
    }
    Some(places)
}

/// A cell taken apart: sign, number and unit.
struct Parts<'a> {
    negative: bool,
    body: Cow<'a, str>,
    unit: String,
    /// Factor that the unit stands for, if it is a suffix such as k.
    factor: Option<f64>,
}

impl<'a> Parts<'a> {
    fn new(cell: &'a str) -> Option<Self> {
        let cell = cell.trim();
        // Accountants write losses in parentheses.
        let (mut rest, mut negative) = match cell.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
            Some(inner) => (inner.trim(), true),
            None => (cell, false),
        };
        let mut unit = String::new();
        let mut signs = usize::from(negative);
        loop {
            if let Some(after) = rest.strip_prefix(['-', '\u{2212}', '+']) {
                negative |= !rest.starts_with('+');
                signs += 1;
                rest = after.trim_start();
            } else if let Some(found) =
                CURRENCIES.iter().filter(|sign| rest.starts_with(**sign)).max_by_key(|sign| sign.len())
                && unit.is_empty()
            {
                unit = (*found).to_owned();
                rest = rest[found.len()..].trim_start();
            } else if let Some(inner) = rest.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'))
                && signs == 0
            {
                (rest, negative, signs) = (inner.trim(), true, 1);
            } else {
                break;
            }
        }
        // Some programs write the sign behind the number.
        if let Some(before) = rest.strip_suffix('-')
            && signs == 0
        {
            (rest, negative, signs) = (before.trim_end(), true, 1);
        }
        if signs > 1 || !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == ',') {
            return None;
        }
        let end = number_end(rest);
        let after = rest[end..].trim();
        let is_glued = rest[end..].starts_with(|c: char| !c.is_whitespace());
        let fits = |&&(name, _, apart): &&(&str, f64, bool)| after.trim_end_matches('.') == name && (apart || is_glued);
        let suffix = SUFFIXES.iter().find(fits);
        if !after.is_empty() {
            if !unit.is_empty() || suffix.is_none() && !is_unit(after) {
                return None;
            }
            unit = suffix.map_or(after, |(name, ..)| *name).to_owned();
        }
        let body = rest[..end].trim_end();
        // Blanks of every width group digits.
        let body = match body.is_ascii() {
            true => Cow::Borrowed(body),
            false => Cow::Owned(body.replace(is_blank, " ").replace('\u{2019}', "'")),
        };
        Some(Self { negative, body, unit, factor: suffix.map(|(_, factor, _)| *factor) })
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{202f}' | '\u{2009}')
}

fn is_unit(text: &str) -> bool {
    let of_unit = |c: char| c.is_alphabetic() || matches!(c, '%' | '‰' | '°' | '/' | '²' | '³' | '$' | '€' | '£' | '¥');
    text.chars().count() <= LONGEST_UNIT && text.chars().all(of_unit) && text.starts_with(|c: char| c != '/')
}

/// Bytes of the number at the start of `text`: digits, marks, blanks between digits, an exponent.
fn number_end(text: &str) -> usize {
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let next = text[at + c.len_utf8()..].chars().next();
        let is_part = match c {
            '0'..='9' | '.' | ',' => true,
            '\'' | '\u{2019}' | ' ' => next.is_some_and(|next| next.is_ascii_digit()) && at > 0,
            c if is_blank(c) => next.is_some_and(|next| next.is_ascii_digit()) && at > 0,
            'e' | 'E' => {
                let rest = text[at + 1..].strip_prefix(['+', '-']).unwrap_or(&text[at + 1..]);
                rest.starts_with(|c: char| c.is_ascii_digit())
            }
            '+' | '-' => text[..at].ends_with(['e', 'E']),
            _ => false,
        };
        if !is_part {
            break;
        }
        end = at + c.len_utf8();
    }
    end
}

/// Value of an unsigned number under one reading of its marks.
fn number_of(body: &str, decimal: char, thousands: Option<char>) -> Option<f64> {
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => body.split_at(at),
        None => (body, ""),
    };
    let (whole, fraction) = match mantissa.split_once(decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.is_some_and(|fraction| !digits(fraction)) {
        return None;
    }
    let whole: Cow<'_, str> = match thousands {
        Some(mark) if whole.contains(mark) => {
            let groups: Vec<&str> = whole.split(mark).collect();
            let (first, last) = (groups.first()?, groups.last()?);
            // Indian numbers group by two above the thousand.
            let inner = &groups[1..groups.len() - 1];
            let even = inner.iter().all(|group| group.len() == 3) || inner.iter().all(|group| group.len() == 2);
            let right = (1..=3).contains(&first.len()) && !first.starts_with('0') && last.len() == 3 && even;
            if !right || !groups.iter().all(|group| digits(group)) {
                return None;
            }
            Cow::Owned(groups.concat())
        }
        _ => Cow::Borrowed(whole),
    };
    if !digits(&whole) || whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    if decimal == '.' && matches!(whole, Cow::Borrowed(_)) {
        return body.parse().ok();
    }
    format!("{whole}.{}{exponent}", fraction.filter(|fraction| !fraction.is_empty()).unwrap_or("0")).parse().ok()
}

/// One reading of the marks in numbers.
type Marks = (char, Option<char>);

/// Readings in the order in which they are preferred where all of them fit.
fn readings() -> Vec<Marks> {
    let mut all = vec![('.', None), (',', None)];
    all.extend(THOUSANDS.iter().flat_map(|(mark, decimals)| decimals.iter().map(|&decimal| (decimal, Some(*mark)))));
    all
}

/// Evidence on the writing of numbers, gathered from the cells of a column.
#[derive(Clone, Debug)]
pub(crate) struct NumberEvidence {
    readings: Vec<Marks>,
    /// Cells that each reading takes for numbers, by unit; "" is no unit.
    fits: BTreeMap<String, Vec<usize>>,
    /// First cell that readings with another decimal mark take for other numbers.
    doubtful: Option<String>,
    /// Units that are suffixes such as k wherever they stand.
    suffixes: BTreeSet<String>,
}

/// Outcome of the evidence of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NumberFinding {
    pub format: NumberFormat,
    /// Cells that are numbers in this format.
    pub cells: usize,
    /// Cell that another reading, which fits as well, takes for another number.
    pub doubtful: Option<String>,
    /// True if the cells leave no doubt of the decimal mark.
    pub decides: bool,
    /// Cells that are numbers without a unit.
    pub bare: usize,
    /// Suffixes that scale numbers; empty where none do.
    pub suffixes: Vec<String>,
}

impl NumberEvidence {
    /// Builds evidence of no cell, for the readings that the given marks leave.
    pub fn new(decimal: Option<char>, thousands: Option<char>) -> Self {
        let fits = |&(own, mark): &Marks| {
            decimal.is_none_or(|decimal| own == decimal) && thousands.is_none_or(|wanted| mark == Some(wanted))
        };
        let mut readings: Vec<Marks> = readings().into_iter().filter(fits).collect();
        if readings.is_empty() {
            readings.push((decimal.unwrap_or('.'), thousands));
        }
        Self { readings, fits: BTreeMap::new(), doubtful: None, suffixes: BTreeSet::new() }
    }

    /// Adds a cell that is not missing.
    pub fn push(&mut self, cell: &str) {
        let Some(parts) = Parts::new(cell) else {
            // "inf" and "nan" are numbers in program code.
            if cell.parse::<f64>().is_ok() {
                self.count("", |_| true);
            }
            return;
        };
        if self.fits.len() >= MOST_UNITS && !self.fits.contains_key(&parts.unit) {
            return;
        }
        if parts.factor.is_some() && !self.suffixes.contains(&parts.unit) {
            self.suffixes.insert(parts.unit.clone());
        }
        if parts.body.bytes().all(|byte| byte.is_ascii_digit()) {
            self.count(&parts.unit, |_| true);
            return;
        }
        let values: Vec<Option<f64>> =
            self.readings.iter().map(|&(decimal, thousands)| number_of(&parts.body, decimal, thousands)).collect();
        if self.doubtful.is_none() {
            let mut found = values.iter().flatten();
            let first = found.next();
            if found.any(|value| Some(value) != first) {
                self.doubtful = Some(cell.to_owned());
            }
        }
        self.count(&parts.unit, |reading| values[reading].is_some());
    }

    fn count(&mut self, unit: &str, fits: impl Fn(usize) -> bool) {
        let counts = match self.fits.get_mut(unit) {
            Some(counts) => counts,
            None => self.fits.entry(unit.to_owned()).or_insert_with(|| vec![0; self.readings.len()]),
        };
        counts.iter_mut().enumerate().filter(|(reading, _)| fits(*reading)).for_each(|(_, count)| *count += 1);
    }

    /// Returns the format that fits most cells. `decimal` is the mark that the rest of the file speaks for: it decides
    /// where the column leaves a doubt. Without one, a point is a decimal point, and a comma is a decimal comma where
    /// `comma`.
    pub fn finding(&self, decimal: Option<char>, comma: bool) -> NumberFinding {
        let none = vec![0; self.readings.len()];
        let bare = self.fits.get("").unwrap_or(&none);
        let unit = self
            .fits
            .iter()
            .filter(|(unit, _)| !unit.is_empty())
            .max_by_key(|(_, counts)| counts.iter().copied().max());
        // Suffixes scale where cells with and without them, or with several of them, stand together.
        let scaling: Vec<(&String, &Vec<usize>)> =
            self.fits.iter().filter(|(unit, _)| self.suffixes.contains(*unit)).collect();
        let stand_together = !scaling.is_empty() && (bare.iter().any(|&count| count > 0) || scaling.len() > 1);
        let of_scaling = |reading: usize| scaling.iter().map(|(_, counts)| counts[reading]).sum::<usize>();
        let of_unit = |reading: usize| unit.map_or(0, |(_, counts)| counts[reading]);
        let most_of = |of: &dyn Fn(usize) -> usize| (0..self.readings.len()).map(of).max().unwrap_or(0);
        let scaled = stand_together && most_of(&of_scaling) >= most_of(&of_unit);
        let total = |reading: usize| bare[reading] + if scaled { of_scaling(reading) } else { of_unit(reading) };
        let most = (0..self.readings.len()).map(total).max().unwrap_or(0);
        let best: Vec<usize> = (0..self.readings.len()).filter(|&reading| total(reading) == most).collect();
        let of = |mark: char| best.iter().copied().find(|&reading| self.readings[reading].0 == mark);
        let both = of('.').is_some() && of(',').is_some();
        let doubtful = self.doubtful.as_ref().filter(|_| both);
        let usual = doubtful.map(|cell| if cell.contains(',') && comma { ',' } else { '.' });
        let chosen = decimal.or(usual).and_then(of).or_else(|| best.first().copied()).unwrap_or(0);
        let (decimal_mark, mark) = self.readings[chosen];
        let doubtful = doubtful.filter(|_| decimal.is_none()).cloned();
        NumberFinding {
            format: NumberFormat {
                decimal: decimal_mark,
                thousands: mark,
                unit: unit.filter(|(_, counts)| counts[chosen] > 0 && !scaled).map(|(unit, _)| unit.clone()),
                scaled,
                places: None,
            },
            cells: most,
            doubtful,
            decides: most > 0 && !both,
            bare: bare[chosen],
            suffixes: if scaled { scaling.into_iter().map(|(unit, _)| unit.clone()).collect() } else { Vec::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NumberEvidence, NumberFormat, places_of};

    fn finding(cells: &[&str], decimal: Option<char>) -> (NumberFormat, Vec<Option<f64>>, bool) {
        let mut evidence = NumberEvidence::new(None, None);
        cells.iter().for_each(|cell| evidence.push(cell));
        let found = evidence.finding(decimal, true);
        let values = cells.iter().map(|cell| found.format.parse(cell)).collect();
        (found.format, values, found.doubtful.is_some())
    }

    #[test]
    fn marks_are_read_as_the_whole_column_allows() {
        let cases: [(&[&str], &[f64], bool); 12] = [
            (&["950", "1.064", "1.500,25"], &[950.0, 1064.0, 1500.25], false),
            (&["950", "1,064", "1,500.25"], &[950.0, 1064.0, 1500.25], false),
            (&["0.125", "12.345"], &[0.125, 12.345], false),
            (&["0,5", "12,345"], &[0.5, 12.345], false),
            (&["1 234,5", "12"], &[1234.5, 12.0], false),
            (&["1'234.5", "12"], &[1234.5, 12.0], false),
            (&["1\u{202f}234", "1\u{a0}234\u{a0}567"], &[1234.0, 1_234_567.0], false),
            (&["12,34,567", "1,00,000.5"], &[1_234_567.0, 100_000.5], false),
            (&["1.064", "2.118"], &[1.064, 2.118], true),
            (&["1e5", "-2.5E-3"], &[1e5, -2.5e-3], false),
            (&["(12.3)", "4"], &[-12.3, 4.0], false),
            (&["12.5-", "\u{2212}3", ".5"], &[-12.5, -3.0, 0.5], false),
        ];
        for (cells, values, doubt) in cases {
            let (format, read, doubtful) = finding(cells, None);
            assert_eq!(read, values.iter().map(|&value| Some(value)).collect::<Vec<_>>(), "{cells:?} {format:?}");
            assert_eq!(doubtful, doubt, "{cells:?}");
        }
        let (_, read, doubtful) = finding(&["1.064", "2.118"], Some(','));
        assert_eq!((read, doubtful), (vec![Some(1064.0), Some(2118.0)], false));
    }

    #[test]
    fn numbers_are_written_as_the_source_writes_them() {
        let of = |unit: Option<&str>, decimal: char, places: Option<u8>| NumberFormat {
            decimal,
            unit: unit.map(str::to_owned),
            places,
            ..NumberFormat::default()
        };
        for (format, value, text) in [
            (of(None, '.', Some(0)), -0.4, "0"),
            (of(None, ',', Some(2)), 1234.567, "1234,57"),
            (of(Some("%"), '.', Some(1)), 12.34, "12.3%"),
            (of(Some("$"), '.', Some(2)), -12.5, "-$12.50"),
            (of(Some("EUR"), ',', Some(0)), 12.5, "EUR 12"),
            (of(Some("kg"), '.', None), 12.5, "12.5 kg"),
        ] {
            assert_eq!(format.write(value), text);
            assert!(format.parse(text).is_some(), "{text}");
        }
        assert_eq!(places_of([1.0, 2.25, 3.5].into_iter()), Some(2));
        assert_eq!(places_of([1.0, 1.0 / 3.0].into_iter()), None);
        // A mark of thousands that the look did not hold.
        assert_eq!(of(None, ',', None).parse("1.234,5"), Some(1234.5));
        assert_eq!(of(None, ',', None).parse("1.234"), None);
    }

    #[test]
    fn units_are_those_of_the_whole_column() {
        for (cells, unit) in [
            (["12%", "3.5 %"], "%"),
            (["$1,200.50", "-$3"], "$"),
            (["5 kg", "7kg"], "kg"),
            (["20.5 °C", "-3 °C"], "°C"),
            (["EUR 5", "EUR 1,200"], "EUR"),
        ] {
            let (format, read, _) = finding(&cells, None);
            assert_eq!(format.unit.as_deref(), Some(unit));
            assert!(read.iter().all(Option::is_some), "{cells:?}");
        }
        for (cells, values) in [
            (&["1.2k", "950", "3.4M"] as &[&str], [1200.0, 950.0, 3.4e6]),
            (&["2 Mio.", "950", "1,5 Mrd"], [2e6, 950.0, 1.5e9]),
            (&["$(12.00)", "$3", "($4.50)"], [-12.0, 3.0, -4.5]),
            (&["1\u{2019}234.5", "12", "1'000"], [1234.5, 12.0, 1000.0]),
        ] {
            let (format, read, _) = finding(cells, None);
            assert_eq!(read, values.map(Some), "{cells:?} {format:?}");
        }
        // Kelvin stand apart from their numbers, and alone a suffix is a unit.
        assert_eq!(finding(&["300 K", "310 K"], None).1, [Some(300.0), Some(310.0)]);
        assert_eq!(finding(&["300k", "310k"], None).0.unit.as_deref(), Some("k"));
        let (format, read, _) = finding(&["5 kg", "7 g", "8 kg"], None);
        assert_eq!((format.unit.as_deref(), read[1]), (Some("kg"), None));
        for word in ["A12", "12-34", "1.2.3", "3 of 4", "--5", "x", "1,2,3"] {
            assert_eq!(finding(&[word], None).1, [None], "{word}");
        }
    }
}
