//! Reading of the columns of a table, decided from all of their cells.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::{ColumnReading, is_missing};
use super::date_evidence::{DateEvidence, DateFinding, is_time_name};
use super::date_format::DateFormat;
use super::first_lines::MOST;
use super::missing_codes::date_for_none;
use super::number_format::{NumberEvidence, NumberFinding, NumberFormat};
use crate::data::PreparedColumn;
use crate::data::spec::DataSpec;

/// Least share of other two-letter codes beside which "NA" is a code too.
const CODES: f64 = 0.95;
/// Share of the cells of a column of few words above which "NA" is one of them.
const GOOD_SHARE: f64 = 0.05;
/// Most different words of a column in which they are few.
const FEW_WORDS: usize = 32;
/// Least digits of a code with leading zeros; shorter ones are hours, days and months.
const CODE_DIGITS: usize = 4;

/// Evidence on one column.
#[derive(Clone, Debug)]
pub(crate) struct ColumnProfile {
    numbers: NumberEvidence,
    dates: DateEvidence,
    filled: usize,
    /// Cells with a usual code for a missing value or one of the spec's, by the code as written.
    codes: BTreeMap<String, usize>,
    /// Cells with a usual code that the spec does not name among its own.
    unnamed: BTreeMap<String, usize>,
    /// Cells that hold two capital letters, "NA" left out.
    two_letters: usize,
    /// Different cells, up to one more than are few.
    words: BTreeSet<String>,
    zeros: ZeroEvidence,
    /// Writing of the cells that a model was fitted with, and the cells that can be read so.
    own: Option<ColumnReading>,
    own_cells: usize,
}

/// Evidence on codes of digits with leading zeros.
#[derive(Clone, Debug, Default)]
struct ZeroEvidence {
    /// First cell of digits alone that begins with a zero.
    first: Option<String>,
    /// Such cells of at least [`CODE_DIGITS`] digits.
    leading: usize,
    /// Cells of digits alone, perhaps behind a plus sign and with blanks between them.
    digits: usize,
    /// Digits of the shortest and the longest of them.
    extent: [usize; 2],
}

impl ZeroEvidence {
    fn push(&mut self, cell: &str) {
        let digits = cell.bytes().filter(u8::is_ascii_digit).count();
        let rest = cell.strip_prefix('+').unwrap_or(cell);
        if digits == 0 || !rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ') {
            return;
        }
        // A number beyond all that is counted, with a plus sign, is one to be called.
        let is_code = rest.starts_with('0') || rest.len() < cell.len() && digits > 7;
        self.digits += 1;
        self.extent = match self.extent {
            [0, 0] => [digits; 2],
            [least, most] => [least.min(digits), most.max(digits)],
        };
        if is_code && digits > 1 {
            self.leading += usize::from(digits >= CODE_DIGITS);
            self.first.get_or_insert_with(|| cell.to_owned());
        }
    }

    /// Returns whether the cells, `filled` of them, are codes: all of one length, or most with leading zeros.
    fn are_codes(&self, filled: usize) -> bool {
        let [least, most] = self.extent;
        self.digits == filled && self.leading > 0 && (least == most || self.leading * 2 > filled)
    }
}

/// Readings of all columns, and what is to be told of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableReading {
    pub columns: Vec<ColumnReading>,
    /// Findings on marks and dates, in words; empty where all is usual.
    pub found: Vec<String>,
    /// Doubts, with the settings that decide them.
    pub notes: Vec<String>,
    /// Codes that are taken for missing values: those of the spec, or the usual ones that are there.
    pub codes: Vec<String>,
}

impl ColumnProfile {
    /// Builds the profile of a column without cells; `own` is its writing when a model was fitted.
    pub fn new(options: &DataSpec, own: Option<ColumnReading>) -> Self {
        Self {
            numbers: NumberEvidence::new(options.decimal, options.thousands),
            dates: DateEvidence::default(),
            filled: 0,
            codes: BTreeMap::new(),
            unnamed: BTreeMap::new(),
            two_letters: 0,
            words: BTreeSet::new(),
            zeros: ZeroEvidence::default(),
            own,
            own_cells: 0,
        }
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: &str, options: &DataSpec) {
        if is_missing(cell, &options.missing) {
            match self.codes.get_mut(cell) {
                Some(count) => *count += 1,
                None if cell.is_empty() => {}
                None => drop(self.codes.insert(cell.to_owned(), 1)),
            }
            return;
        }
        // In a column of words none is a word in any case.
        if !options.missing.is_empty() && is_missing(cell, &[]) && !cell.eq_ignore_ascii_case("none") {
            *self.unnamed.entry(cell.to_owned()).or_default() += 1;
        }
        match date_for_none(cell) {
            // It says how dates are written all the same.
            Some(date) if !date.is_empty() => {
                self.filled += 1;
                self.dates.push(&date);
                return;
            }
            Some(_) => return,
            None => {}
        }
        self.filled += 1;
        self.two_letters += usize::from(cell.len() == 2 && cell.bytes().all(|byte| byte.is_ascii_uppercase()));
        if self.words.len() <= FEW_WORDS && !self.words.contains(cell) {
            self.words.insert(cell.to_owned());
        }
        self.zeros.push(cell);
        self.numbers.push(cell);
        self.dates.push(cell);
        self.own_cells += usize::from(match &self.own {
            Some(ColumnReading::Numbers(format)) => format.parse(cell).is_some(),
            Some(ColumnReading::Times(format)) => format.parse(cell).is_some(),
            _ => false,
        });
    }

    fn holds(&self, cells: usize) -> bool {
        cells as f64 >= MOST * self.filled as f64
    }

    /// Codes for a missing value that are words here, in a column of words: "none" always, "NA" beside other codes of
    /// two letters, and where few words are many times "NA".
    fn codes_that_are_words(&self, options: &DataSpec) -> Vec<String> {
        if !options.missing.is_empty() || self.filled == 0 {
            return Vec::new();
        }
        let is_word = |&(code, &count): &(&String, &usize)| {
            let all = (self.filled + count) as f64;
            let is_code = self.two_letters as f64 >= CODES * self.filled as f64;
            let is_common = self.words.len() <= FEW_WORDS && count as f64 > GOOD_SHARE * all;
            code.eq_ignore_ascii_case("none") || code == "NA" && (is_code || is_common)
        };
        self.codes.iter().filter(is_word).map(|(code, _)| code.clone()).collect()
    }

    /// Returns the writing that fits the cells where they are not all as a model knows them: its own if nothing reads
    /// more of them.
    fn own_or<T>(&self, own: T, found: Option<(T, usize)>) -> T {
        match found {
            Some((other, cells)) if self.own_cells < self.filled && cells > self.own_cells => other,
            _ => own,
        }
    }
}

/// The one value of `votes`, if all are equal and there is any.
fn agreed<T: Copy + PartialEq>(votes: impl Iterator<Item = T>) -> Option<T> {
    let mut votes = votes;
    let first = votes.next()?;
    votes.all(|vote| vote == first).then_some(first)
}

/// Parts of the name that a column of days and one of times of day have when they are joined.
pub(crate) fn joined_name(date: &str, clock: &str) -> String {
    format!("{date} {clock}")
}

/// Returns the writing of the column `name` when a model was fitted on `wanted`: its own, or that of a part of the
/// times that it was joined to.
pub(crate) fn known_reading(wanted: Option<&[PreparedColumn]>, name: &str) -> Option<ColumnReading> {
    let wanted = wanted?;
    if let Some(known) = wanted.iter().find(|known| known.name() == name) {
        return Some(known.reading());
    }
    let part = |known: &PreparedColumn| match known.reading() {
        ColumnReading::Times(format) if known.name().strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')) => {
            Some(format)
        }
        ColumnReading::Times(_) if known.name().strip_suffix(name).is_some_and(|rest| rest.ends_with(' ')) => {
            Some(DateFormat::TimeOfDay)
        }
        _ => None,
    };
    let joined = wanted.iter().filter(|known| matches!(known, PreparedColumn::Time { .. })).find_map(part);
    joined.map(ColumnReading::Times)
}

/// Returns the column `name` of those that a model was fitted on.
fn known_column<'a>(wanted: Option<&'a [PreparedColumn]>, name: &str) -> Option<&'a PreparedColumn> {
    wanted?.iter().find(|known| known.name() == name)
}

/// Returns the decimal mark by which a cell that may mean two numbers is among those that a model was fitted on; `None`
/// where it is by both or by neither, and for cells that leave no doubt.
fn nearer_decimal(profile: &ColumnProfile, known: Option<&PreparedColumn>, comma: bool) -> Option<char> {
    /// Deviations up to which a number is among others, and from which on it is not.
    const NEAR: f64 = 10.0;
    const FAR: f64 = 50.0;
    let Some(PreparedColumn::Number { offset, scale, .. }) = known else { return None };
    // Columns of a series are scaled elsewhere.
    if (*offset, *scale) == (0.0, 1.0) {
        return None;
    }
    let cell = profile.numbers.finding(None, comma).doubtful?;
    let distance = |mark: char| {
        let value = profile.numbers.finding(Some(mark), comma).format.parse(&cell);
        value.map_or(f64::INFINITY, |value| (value - offset).abs() / scale.abs().max(f64::MIN_POSITIVE))
    };
    let (point, comma) = (distance('.'), distance(','));
    match (point, comma) {
        _ if point <= NEAR && comma >= FAR => Some('.'),
        _ if comma <= NEAR && point >= FAR => Some(','),
        _ => None,
    }
}

/// Decides the reading of each column; those in `wanted`, on which a model was fitted, keep their types, and their
/// writing where all cells can be read so. `comma` is true if a comma is likelier to be decimal.
pub(crate) fn decide(
    profiles: &[ColumnProfile],
    names: &[String],
    options: &DataSpec,
    wanted: Option<&[PreparedColumn]>,
    comma: bool,
) -> TableReading {
    let mut out = TableReading::default();
    let used = |name: &String| !options.exclude.contains(name);
    let numbers: Vec<NumberFinding> = profiles.iter().map(|profile| profile.numbers.finding(None, comma)).collect();
    let is_number = |at: usize| profiles[at].filled > 0 && profiles[at].holds(numbers[at].cells);
    let votes = (0..profiles.len()).filter(|&at| is_number(at) && numbers[at].decides);
    let decimal = options.decimal.or_else(|| agreed(votes.map(|at| numbers[at].format.decimal)));
    let dates: Vec<Option<DateFinding>> = profiles.iter().map(|profile| profile.dates.finding(options.dates)).collect();
    let order = options.dates.or_else(|| {
        let decided = dates.iter().flatten().filter(|found| found.decides || found.by_order);
        agreed(decided.map(|found| found.format))
    });
    // Columns that cannot be read as they were tell of those that could be read in both ways.
    let changed = agreed(profiles.iter().zip(&numbers).filter_map(|(profile, found)| {
        let Some(ColumnReading::Numbers(own)) = &profile.own else { return None };
        let is_other = found.decides && found.cells > profile.own_cells && found.format.decimal != own.decimal;
        is_other.then_some(found.format.decimal)
    }));
    for (profile, name) in profiles.iter().zip(names) {
        let known = known_reading(wanted, name);
        let own_decimal = match &known {
            Some(ColumnReading::Numbers(format)) => Some(format.decimal),
            _ => None,
        };
        let own_order = match &known {
            Some(ColumnReading::Times(format)) => Some(*format),
            _ => None,
        };
        let elsewhere = changed.or(decimal);
        let near = || elsewhere.is_none().then(|| nearer_decimal(profile, known_column(wanted, name), comma)).flatten();
        // Cells that are not written as they were are read as those of any file would be.
        let is_own = profile.own_cells == profile.filled;
        let hint = elsewhere.or_else(near).or(own_decimal.filter(|_| is_own));
        let number = profile.numbers.finding(hint, comma);
        let date = profile.dates.finding(order.or(own_order));
        let epoch = profile.dates.number_finding(is_time_name(name)).filter(|_| !options.keep.contains(name));
        let is_word = known.is_none() && options.categorical.contains(name);
        let reading = match &known {
            Some(ColumnReading::Numbers(own)) => {
                let follows = changed.is_some_and(|decimal| decimal != own.decimal)
                    && number.cells >= profile.own_cells
                    && number.format.decimal != own.decimal
                    && profile.numbers.finding(None, comma).doubtful.is_some();
                let found = NumberFormat { places: own.places, ..number.format.clone() };
                let format = match follows {
                    true => found,
                    false => profile.own_or(own.clone(), Some((found, number.cells))),
                };
                if used(name) {
                    tell_changed_numbers(name, own, &format, &number, &mut out.notes);
                }
                ColumnReading::Numbers(format)
            }
            Some(ColumnReading::Times(own)) => {
                let found = match (&date, epoch) {
                    (Some(date), _) => Some((date.format, date.cells)),
                    (None, epoch) => epoch.map(|epoch| (epoch, profile.filled)),
                };
                let format = profile.own_or(*own, found);
                if used(name) && format != *own {
                    out.notes.push(format!(
                        "column {name:?}: dates were {} when the model was fitted, here {}",
                        own.words(),
                        format.words()
                    ));
                }
                ColumnReading::Times(format)
            }
            Some(words) => words.clone(),
            None if is_word => ColumnReading::of_words(profile.codes_that_are_words(options)),
            None if profile.zeros.are_codes(profile.filled) && epoch.is_none() && !options.keep.contains(name) => {
                if used(name) {
                    out.notes.push(format!(
                        "column {name:?}: its digits, such as {}, are codes, not numbers; to use them as numbers: \
                         setting `data.keep=[{name:?}]`",
                        profile.zeros.first.as_deref().unwrap_or_default()
                    ));
                }
                ColumnReading::of_words(profile.codes_that_are_words(options))
            }
            // A column without any value in it is numbers that are missing.
            None if profile.holds(number.cells) => match epoch.filter(|_| profile.filled > 0) {
                Some(epoch) => ColumnReading::Times(options.dates.filter(|wanted| wanted.is_epoch()).unwrap_or(epoch)),
                None => {
                    if let Some(cell) = profile.zeros.first.as_ref().filter(|cell| cell.len() > 2 && used(name)) {
                        out.notes.push(format!(
                            "column {name:?}: digits with leading zeros, such as {cell}, are read as numbers; if they \
                             are codes: setting `data.categorical=[{name:?}]`"
                        ));
                    }
                    ColumnReading::Numbers(number.format.clone())
                }
            },
            None if date.as_ref().is_some_and(|date| profile.holds(date.cells)) => {
                ColumnReading::Times(date.as_ref().map_or(DateFormat::Ymd, |date| date.format))
            }
            None => {
                let codes = profile.codes_that_are_words(options);
                if used(name) && codes.iter().any(|code| code == "NA") {
                    let why = match profile.two_letters as f64 >= CODES * profile.filled as f64 {
                        true => "as its other two-letter codes are".to_owned(),
                        false => format!("for {} of its cells hold it", profile.codes.get("NA").unwrap_or(&0)),
                    };
                    out.notes.push(format!(
                        "column {name:?}: \"NA\" is a value {why}; if it means a missing one: setting \
                         `data.missing=[\"NA\"]`"
                    ));
                }
                ColumnReading::of_words(codes)
            }
        };
        if used(name) {
            let told = match known.is_some() && !is_own && elsewhere.is_none() {
                true => NumberFinding { doubtful: numbers[out.columns.len()].doubtful.clone(), ..number },
                false => number,
            };
            tell(name, &reading, &told, date.as_ref(), wanted.is_some(), &mut out);
        }
        out.columns.push(reading);
    }
    if wanted.is_none() {
        out.notes.extend(tell_missing(profiles, names, &out.columns, options));
        out.notes.extend(tell_unnamed(profiles, names, options));
        let pairs = profiles.iter().zip(&out.columns);
        let taken = pairs.flat_map(|(of, reading)| of.codes.keys().filter(|code| !reading.holds_code(code)));
        let taken: BTreeSet<String> = taken.cloned().collect();
        out.codes = if options.missing.is_empty() { taken.into_iter().collect() } else { options.missing.clone() };
    }
    out.found.sort();
    out.found.dedup();
    out
}

/// Note on the codes that are taken for missing values, with their counts.
fn tell_missing(
    profiles: &[ColumnProfile],
    names: &[String],
    readings: &[ColumnReading],
    options: &DataSpec,
) -> Option<String> {
    /// Columns that are named, at most.
    const NAMED: usize = 6;
    let of_column = |((profile, name), reading): ((&ColumnProfile, &String), &ColumnReading)| {
        let codes: Vec<String> = profile
            .codes
            .iter()
            .filter(|(code, _)| !reading.holds_code(code))
            .map(|(code, count)| format!("{code:?} in {count} {}", if *count == 1 { "cell" } else { "cells" }))
            .collect();
        (!codes.is_empty() && !options.exclude.contains(name)).then(|| format!("{} of {name:?}", codes.join(" and ")))
    };
    let mut told: Vec<String> = profiles.iter().zip(names).zip(readings).filter_map(of_column).collect();
    let more = told.len().saturating_sub(NAMED);
    told.truncate(NAMED);
    let more = if more > 0 { format!(", and codes in {more} more columns") } else { String::new() };
    (!told.is_empty()).then(|| format!("taken for missing values: {}{more}", told.join(", ")))
}

/// Note on the usual codes for missing values that are values, as the spec names others.
fn tell_unnamed(profiles: &[ColumnProfile], names: &[String], options: &DataSpec) -> Option<String> {
    let pairs =
        profiles.iter().zip(names).filter(|(of, name)| !of.unnamed.is_empty() && !options.exclude.contains(name));
    let mut codes: BTreeMap<&String, usize> = BTreeMap::new();
    let mut first = None;
    for (profile, name) in pairs {
        first.get_or_insert(name);
        profile.unnamed.iter().for_each(|(code, count)| *codes.entry(code).or_default() += count);
    }
    let first = first?;
    let counts: Vec<String> = codes.iter().map(|(code, count)| format!("{code:?} in {count} cells")).collect();
    let all: Vec<String> = codes.keys().copied().chain(&options.missing).map(|code| format!("{code:?}")).collect();
    Some(format!(
        "{} are values, such as of column {first:?}, for `data.missing` names other codes; if they mean missing ones: \
         setting `data.missing=[{}]`",
        counts.join(" and "),
        all.join(",")
    ))
}

/// Notes on numbers that are written in another way than those that a model was fitted on.
fn tell_changed_numbers(
    name: &str,
    own: &NumberFormat,
    here: &NumberFormat,
    number: &NumberFinding,
    notes: &mut Vec<String>,
) {
    if !own.has_marks_of(here) {
        notes.push(format!(
            "column {name:?}: numbers were {:?} when the model was fitted, here {:?}",
            own.example(),
            here.example()
        ));
    }
    let unit = |unit: &Option<String>| unit.as_ref().map_or("without a unit".to_owned(), |unit| format!("in {unit:?}"));
    let bare = own.unit.is_some() && number.cells > 0 && number.bare == number.cells;
    if own.unit != here.unit || bare {
        let here = if bare { "without a unit".to_owned() } else { unit(&here.unit) };
        notes.push(format!(
            "column {name:?}: numbers were {} when the model was fitted, here {here}, and are taken as they are; give \
             them in the same unit",
            unit(&own.unit)
        ));
    }
}

/// Tells the writing of a column and what is in doubt of it.
fn tell(
    name: &str,
    reading: &ColumnReading,
    number: &NumberFinding,
    date: Option<&DateFinding>,
    is_of_model: bool,
    out: &mut TableReading,
) {
    match reading {
        ColumnReading::Numbers(format) => {
            if format.decimal == ',' {
                out.found.push("decimal commas".to_owned());
            }
            if let Some(mark) = format.thousands {
                out.found.push(format!("{mark:?} between thousands"));
            }
            if let Some(unit) = &format.unit {
                out.found.push(format!("{name}: numbers in {unit:?}"));
            }
            let with_unit = number.cells.saturating_sub(number.bare);
            if let Some(unit) = format.unit.as_ref().filter(|_| number.bare > 0 && with_unit > 0) {
                out.notes.push(format!(
                    "column {name:?}: {with_unit} of its numbers are written with {unit:?} and {} without, and all are \
                     taken in one unit; write them alike if they are not",
                    number.bare
                ));
            }
            if format.scaled && !number.suffixes.is_empty() {
                out.notes.push(format!(
                    "column {name:?}: {} behind a number {} it, as 1.2k is 1200; write it behind all numbers or none \
                     if it is a unit",
                    number.suffixes.join(", "),
                    if number.suffixes.len() == 1 { "scales" } else { "scale" }
                ));
            }
            if let Some(cell) = &number.doubtful {
                let other = if format.decimal == '.' { ',' } else { '.' };
                let otherwise = NumberFormat { decimal: other, thousands: Some(format.decimal), ..format.clone() };
                let value =
                    |format: &NumberFormat| format.parse(cell).map_or_else(String::new, |value| value.to_string());
                let advice = match is_of_model {
                    true => "write it as numbers were when the model was fitted".to_owned(),
                    false => format!("setting `data.decimal=\"{other}\"`"),
                };
                out.notes.push(format!(
                    "column {name:?}: {cell} is read as {}, though it may mean {}; if it does: {advice}",
                    value(format),
                    value(&otherwise)
                ));
            }
        }
        ColumnReading::Times(format) => {
            if *format != DateFormat::Ymd {
                out.found.push(format!("{name}: {}", format.words()));
            }
            if format.is_epoch() || *format == DateFormat::Compact {
                out.notes.push(format!(
                    "column {name:?}: its numbers are taken for times, {}; to use them as numbers: setting `data.keep=[{name:?}]`",
                    format.words()
                ));
            }
            if *format == DateFormat::TimeOfDay {
                out.notes.push(format!("column {name:?}: its cells are times of day, of no day in particular"));
            }
            let Some(date) = date else { return };
            if let Some((word, hours)) = &date.zone {
                out.notes.push(format!(
                    "column {name:?}: times with a zone are converted to UTC; {word} is taken as {hours:+} hours"
                ));
            }
            if let Some(cell) = &date.doubtful {
                let other = if *format == DateFormat::Dmy { DateFormat::Mdy } else { DateFormat::Dmy };
                out.notes.push(format!(
                    "column {name:?}: {cell} is read {}, for no row decides; if it is {}: setting `data.dates={:?}`",
                    format.words(),
                    other.words(),
                    other.name()
                ));
            } else if date.by_order {
                out.notes.push(format!(
                    "column {name:?}: dates are read {}, for so the rows are in order of time",
                    format.words()
                ));
            }
            if date.two_digit_years {
                out.notes.push(format!("column {name:?}: years of two digits are those from 1969 to 2068"));
            }
        }
        ColumnReading::Words(_) | ColumnReading::WordsBeside(_) => {}
    }
}
