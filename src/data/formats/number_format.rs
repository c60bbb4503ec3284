//! Numbers as people write them: decimal and thousands marks, percent, currencies, units, parentheses.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Characters that stand between groups of three digits, each with its decimal marks.
const THOUSANDS: [(char, &[char]); 4] = [(',', &['.']), ('.', &[',']), (' ', &['.', ',']), ('\'', &['.', ','])];
/// Signs and codes of currencies that may stand before a number.
const CURRENCIES: [&str; 24] = [
    "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₴", "฿", "US$", "A$", "C$", "R$", "USD", "EUR", "GBP", "CHF", "JPY",
    "CNY", "INR", "SEK", "NOK", "DKK",
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
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self { decimal: '.', thousands: None, unit: None }
    }
}

impl NumberFormat {
    /// Returns whether numbers are written as in program code: a decimal point and nothing else.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the number in a cell; `None` where it holds another thing.
    pub(crate) fn parse(&self, cell: &str) -> Option<f64> {
        if self.is_plain()
            && let Ok(value) = cell.parse()
        {
            return Some(value);
        }
        let parts = Parts::new(cell)?;
        match (&self.unit, parts.unit.is_empty()) {
            (_, true) => {}
            (Some(unit), false) if *unit == parts.unit => {}
            _ => return None,
        }
        let value = number_of(&parts.body, self.decimal, self.thousands)?;
        Some(if parts.negative { -value } else { value })
    }

    /// Returns a number written in this format, without its thousands marks.
    pub fn write(&self, value: f64) -> String {
        let text = value.to_string().replace('.', &self.decimal.to_string());
        match self.unit.as_deref() {
            Some(unit) if CURRENCIES.contains(&unit) => format!("{unit} {text}"),
            Some(unit) => format!("{text} {unit}"),
            None => text,
        }
    }
}

/// A cell taken apart: sign, number and unit.
struct Parts<'a> {
    negative: bool,
    body: Cow<'a, str>,
    unit: String,
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
        if !after.is_empty() {
            if !unit.is_empty() || !is_unit(after) {
                return None;
            }
            unit = after.to_owned();
        }
        let body = rest[..end].trim_end();
        // Blanks of every width group digits.
        let body = if body.is_ascii() { Cow::Borrowed(body) } else { Cow::Owned(body.replace(is_blank, " ")) };
        Some(Self { negative, body, unit })
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
            '\'' | ' ' => next.is_some_and(|next| next.is_ascii_digit()) && at > 0,
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
        Self { readings, fits: BTreeMap::new(), doubtful: None }
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
        let total = |reading: usize| bare[reading] + unit.map_or(0, |(_, counts)| counts[reading]);
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
                unit: unit.filter(|(_, counts)| counts[chosen] > 0).map(|(unit, _)| unit.clone()),
            },
            cells: most,
            doubtful,
            decides: most > 0 && !both,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NumberEvidence, NumberFormat};

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
        let (format, read, _) = finding(&["5 kg", "7 g", "8 kg"], None);
        assert_eq!((format.unit.as_deref(), read[1]), (Some("kg"), None));
        for word in ["A12", "12-34", "1.2.3", "3 of 4", "--5", "x", "1,2,3"] {
            assert_eq!(finding(&[word], None).1, [None], "{word}");
        }
    }
}
