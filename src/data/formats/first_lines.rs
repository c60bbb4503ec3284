//! First lines of a table: titles, heads of groups, names and units of columns.

use super::date_evidence::DateEvidence;
use super::date_format::DateFormat;
use super::number_format::NumberEvidence;
use super::text::cell_text;
use crate::data::preparation::PreparedColumn;

/// Lines of a title above a table, at most.
pub(super) const MOST_TITLES: usize = 12;
/// Most characters of a unit in a line of units.
const LONGEST_UNIT: usize = 12;
/// Lines from which the dialect is detected.
pub(super) const LOOK_LINES: usize = 400;
/// Least share of the filled cells of a column that must read as numbers (or dates) for it to be of that type.
pub(super) const MOST: f64 = 0.8;

/// Records of a title above a table of three columns or more: they hold one text or nothing.
pub(super) fn title_records(records: &[Vec<String>]) -> usize {
    if records.len() < 3 || usual_cells(records) < 3 {
        return 0;
    }
    let is_title = |record: &&Vec<String>| {
        let mut filled = record.iter().filter(|cell| !cell.is_empty());
        let text = filled.next();
        filled.next().is_none() && text.is_none_or(|text| kinds(std::slice::from_ref(text))[0] == CellKind::Word)
    };
    let titles = records.iter().take_while(is_title).count();
    if titles < records.len().min(MOST_TITLES) { titles } else { 0 }
}

/// Returns whether a first line holds the names of the columns `wanted`, on which a model was fitted; `None` where it
/// does not tell.
pub(super) fn header_of(first: &[String], wanted: Option<&[PreparedColumn]>) -> Option<bool> {
    let wanted = wanted?;
    let without_name = |name: &str| name.strip_prefix("column ").and_then(|number| number.parse::<usize>().ok());
    let holds = |name: &str| first.iter().any(|cell| cell.trim_start_matches('\u{feff}') == name);
    let is_there = |name: &str| {
        let is_unnamed =
            || without_name(name).and_then(|at| first.get(at.wrapping_sub(1))).is_some_and(String::is_empty);
        // Days and times of day that are joined have their names beside each other.
        let are_parts = || name.match_indices(' ').any(|(at, _)| holds(&name[..at]) && holds(&name[at + 1..]));
        holds(name) || is_unnamed() || are_parts()
    };
    // Rules may be missing.
    let mut features = wanted.iter().filter(|column| !matches!(column, PreparedColumn::Constant { .. })).peekable();
    features.peek()?;
    if features.all(|column| is_there(column.name())) {
        return Some(true);
    }
    wanted.iter().all(|column| without_name(column.name()).is_some()).then_some(false)
}

/// Returns whether the second of `records` holds the units of the columns that the first names.
pub(super) fn is_unit_line(records: &[Vec<String>]) -> bool {
    let [_, units, rows @ ..] = records else { return false };
    let kinds_of_units = kinds(units);
    if rows.is_empty() || kinds_of_units.iter().any(|kind| matches!(kind, CellKind::Number | CellKind::Date)) {
        return false;
    }
    let kinds_of_rows: Vec<Vec<CellKind>> = rows.iter().map(|row| kinds(row)).collect();
    let mut found = 0;
    for (at, (cell, kind)) in units.iter().zip(kinds_of_units).enumerate() {
        let column = || kinds_of_rows.iter().filter_map(|row| row.get(at)).filter(|kind| **kind != CellKind::Missing);
        let of = |wanted: CellKind| column().filter(|kind| **kind == wanted).count();
        let is_typed = (of(CellKind::Number) + of(CellKind::Date)) as f64 >= MOST * column().count() as f64;
        let comes_back = rows.iter().any(|row| row.get(at) == Some(cell));
        match kind {
            CellKind::Number | CellKind::Date | CellKind::Missing => {}
            CellKind::Word if comes_back || cell.chars().count() > LONGEST_UNIT => return false,
            // Beneath the name of a column of words stands its first word.
            CellKind::Word if !is_typed && !cell.starts_with(['[', '(']) => return false,
            CellKind::Word => found += usize::from(is_typed && of(CellKind::Number) > 0),
        }
    }
    let numbers = (0..units.len()).filter(|&at| kinds_of_rows[0].get(at) == Some(&CellKind::Number)).count();
    found > 0 && 2 * found >= numbers
}

/// Number of cells that most rows have.
pub(super) fn usual_cells(rows: &[Vec<String>]) -> usize {
    let mut counts = std::collections::BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.len()).or_insert(0_usize) += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(cells, _)| cells)
}

/// Lines with heads of groups of columns above the names: they have gaps where the line of names beneath is full of
/// different words, and rows of numbers or dates follow.
pub(super) fn heads_above_names(records: &[Vec<String>]) -> usize {
    let of_words = |record: &Vec<String>| {
        let kinds = kinds(record);
        kinds.iter().all(|kind| matches!(kind, CellKind::Word | CellKind::Missing)) && kinds.contains(&CellKind::Word)
    };
    let is_filled = |record: &Vec<String>, at: usize| record.get(at).is_some_and(|cell| !cell.is_empty());
    let are_names_beneath = |&above: &usize| {
        let (heads, rest) = records.split_at(above);
        let [names, rows @ ..] = rest else { return false };
        if rows.len() < 2 || !of_words(names) || !heads.iter().all(|head| of_words(head) || head.concat().is_empty()) {
            return false;
        }
        let width = records.iter().map(Vec::len).max().unwrap_or(0);
        let used: Vec<usize> = (0..width).filter(|&at| rows.iter().any(|row| is_filled(row, at))).collect();
        let mut words: Vec<&str> = used.iter().filter_map(|&at| names.get(at)).map(String::as_str).collect();
        let are_full = used.len() > 1 && used.iter().all(|&at| is_filled(names, at));
        words.sort_unstable();
        words.dedup();
        let has_gap = |head: &Vec<String>| used.iter().any(|&at| !is_filled(head, at));
        let typed = rows
            .iter()
            .map(|row| kinds(row))
            .filter(|kinds| kinds.iter().any(|kind| matches!(kind, CellKind::Number | CellKind::Date)));
        are_full
            && words.len() == used.len()
            && heads.iter().all(has_gap)
            && typed.count() as f64 >= MOST * rows.len() as f64
    };
    (1..=MOST_TITLES.min(records.len().saturating_sub(3))).find(are_names_beneath).unwrap_or(0)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellKind {
    Missing,
    Number,
    Date,
    Word,
}

pub(super) fn is_number(cell: &str) -> bool {
    let mut evidence = NumberEvidence::new(None, None);
    evidence.push(cell);
    evidence.finding(None, true).cells > 0
}

fn is_date(cell: &str) -> bool {
    let mut evidence = DateEvidence::default();
    evidence.push(cell);
    evidence.finding(None::<DateFormat>).is_some()
}

pub(super) fn kinds(cells: &[String]) -> Vec<CellKind> {
    let kind = |cell: &String| {
        if super::columns::is_missing(cell, &[]) {
            CellKind::Missing
        } else if is_number(cell) {
            CellKind::Number
        } else if is_date(cell) {
            CellKind::Date
        } else {
            CellKind::Word
        }
    };
    cells.iter().map(kind).collect()
}

/// Returns whether the first record is a line of names, and whether that is in doubt.
pub(super) fn find_header(first: &[String], rows: &[Vec<String>]) -> (bool, bool) {
    let kind_of_first = kinds(first);
    let kinds_of_rows: Vec<Vec<CellKind>> = rows.iter().map(|row| kinds(row)).collect();
    let column = |at: usize| kinds_of_rows.iter().filter_map(move |row| row.get(at).copied());
    let mostly = |at: usize, kind: CellKind| {
        let filled = column(at).filter(|kind| *kind != CellKind::Missing).count();
        filled > 0 && column(at).filter(|own| *own == kind).count() as f64 >= MOST * filled as f64
    };
    let is_full = |at: usize| rows.len() >= 3 && column(at).all(|kind| kind != CellKind::Missing);
    let (mut speaks_for, mut speaks_against, mut dates) = (0, 0, 0);
    for (at, kind) in kind_of_first.iter().enumerate() {
        let of_body = [CellKind::Number, CellKind::Date].into_iter().find(|kind| mostly(at, *kind));
        match (of_body, kind) {
            (Some(_), CellKind::Word) => speaks_for += 1,
            // An index without a name, as data frames are written.
            (Some(_), CellKind::Missing) if first[at].is_empty() && is_full(at) => speaks_for += 1,
            (Some(CellKind::Number), CellKind::Date) => dates += 1,
            (Some(_), CellKind::Number | CellKind::Date) => speaks_against += 1,
            _ => {}
        }
    }
    if speaks_against == 0 {
        if speaks_for + dates > 0 || rows.len() < 10 {
            return (true, dates > 0);
        }
        // Words alone: a line of names holds other words than the rows.
        let comes_back = |at: &usize| rows.iter().any(|row| row.get(*at) == first.get(*at));
        let again = (0..first.len()).filter(comes_back).count();
        let is_row = again as f64 >= MOST * first.len() as f64;
        return (!is_row, is_row);
    }
    let numbers = |record: &[String], kinds: &[CellKind]| -> Vec<String> {
        let pairs = record.iter().zip(kinds);
        pairs.filter(|(_, kind)| **kind == CellKind::Number).map(|(cell, _)| cell.clone()).collect()
    };
    let named = numbers(first, &kind_of_first);
    let mut distinct = named.clone();
    distinct.sort();
    distinct.dedup();
    if distinct.len() < named.len() {
        return (false, false);
    }
    if speaks_for + dates > 0 {
        return (true, true);
    }
    let step = even_step(&named);
    let is_decimal = |row: &Vec<String>| row.iter().any(|cell| cell.contains(['.', ',']) && is_number(cell));
    let decimals = rows.iter().filter(|row| is_decimal(row)).count() * 2 > rows.len();
    let has_step = |(row, kinds): &(&Vec<String>, &Vec<CellKind>)| {
        let own = even_step(&numbers(row, kinds));
        own.zip(step).is_some_and(|(own, step)| (own - step).abs() <= 0.01 * step.abs())
    };
    let alike = rows.iter().zip(&kinds_of_rows).filter(has_step).count();
    let is_whole = named.iter().all(|cell| cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
    let are_many = if is_whole { named.len() >= 3 || decimals } else { named.len() >= 4 };
    let goes_on = step.is_some() && alike * 20 <= rows.len() && are_many && rows.len() >= 3 || {
        let columns: Vec<Vec<f64>> =
            (0..first.len()).map(|at| rows.iter().filter_map(|row| value_of(row.get(at)?)).collect()).collect();
        let lines: Vec<Vec<f64>> =
            rows.iter().map(|row| row.iter().filter_map(|cell| value_of(cell)).collect()).collect();
        rises_unlike(first, &columns, &lines)
    };
    let year = |cell: &String| cell.parse::<u32>().is_ok_and(|year| (1900..=2100).contains(&year));
    let years = named.len() >= 2 && decimals && named.iter().all(year) && {
        let first_row = rows.first().map(|row| numbers(row, &kinds_of_rows[0])).unwrap_or_default();
        !first_row.iter().all(year)
    };
    // Three numbers that go up evenly may be names, and may be a row.
    let may_go_on = step.is_some() && alike * 20 <= rows.len() && named.len() >= 3 && rows.len() >= 3;
    let goes_on = goes_on || may_go_on && lie_outside(first, rows);
    (goes_on || years, goes_on || years || may_go_on)
}

/// Returns whether most numbers of a first line lie outside of what their columns hold otherwise.
fn lie_outside(first: &[String], rows: &[Vec<String>]) -> bool {
    let column = |at: usize| rows.iter().filter_map(move |row| value_of(row.get(at)?));
    let is_outside = |(at, cell): (usize, &String)| {
        value_of(cell).map(|value| column(at).all(|own| value < own) || column(at).all(|own| value > own))
    };
    let found: Vec<bool> = first.iter().enumerate().filter_map(is_outside).collect();
    4 * found.iter().filter(|is| **is).count() >= 3 * found.len()
}

/// Returns whether the numbers of a first line rise or fall as no rows do and most of them lie outside of what their
/// columns hold otherwise.
fn rises_unlike(first: &[String], columns: &[Vec<f64>], rows: &[Vec<f64>]) -> bool {
    const LEAST: usize = 4;
    let numbers: Vec<Option<f64>> = first.iter().map(|cell| value_of(cell)).collect();
    let values: Vec<f64> = numbers.iter().flatten().copied().collect();
    let rises = |values: &[f64]| values.windows(2).all(|pair| pair[0] < pair[1]);
    let falls = |values: &[f64]| values.windows(2).all(|pair| pair[0] > pair[1]);
    if values.len() < LEAST || rows.len() < LEAST || !(rises(&values) || falls(&values)) {
        return false;
    }
    let alike = rows.iter().filter(|row| row.len() > 1 && (rises(row) || falls(row))).count();
    let is_outside = |(value, column): &(&Option<f64>, &Vec<f64>)| {
        let (low, high) = column.iter().fold((f64::MAX, f64::MIN), |(low, high), &own| (low.min(own), high.max(own)));
        value.is_some_and(|value| value < low || value > high)
    };
    let outside = numbers.iter().zip(columns).filter(is_outside).count();
    alike * 20 <= rows.len() && 4 * outside >= 3 * values.len()
}

/// First records of a table without a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstLines {
    /// Lines above the names, with heads of groups of columns.
    pub heads: usize,
    pub header: bool,
    pub is_doubtful: bool,
    pub unit_line: bool,
}

impl FirstLines {
    /// Decides what the first of `records` are; `wanted` are the columns that a model was fitted on.
    pub fn new(records: &[csv::ByteRecord], header: Option<bool>, wanted: Option<&[PreparedColumn]>) -> Self {
        let cells = |record: &csv::ByteRecord| record.iter().map(|cell| cell_text(cell).into_owned()).collect();
        let mut looked: Vec<Vec<String>> = records.iter().take(LOOK_LINES).map(cells).collect();
        let heads = if header.is_none() { heads_above_names(&looked) } else { 0 };
        looked.drain(..heads);
        let known = header.or_else(|| looked.first().and_then(|first| header_of(first, wanted)));
        let (header, is_doubtful) = match (known, looked.split_first()) {
            (Some(header), _) => (header, false),
            (None, Some((first, rows))) => find_header(first, rows),
            (None, None) => (false, false),
        };
        Self { heads, header, is_doubtful, unit_line: header && is_unit_line(&looked) }
    }
}

fn value_of(cell: &str) -> Option<f64> {
    let cell = cell.trim();
    cell.parse().ok().or_else(|| cell.replace(',', ".").parse().ok())
}

/// Step from each to the next of numbers, which is the same for all of them but for rounding, and not zero.
fn even_step(cells: &[String]) -> Option<f64> {
    let numbers: Vec<f64> = cells.iter().map(|cell| value_of(cell)).collect::<Option<_>>()?;
    let places = cells.iter().filter_map(|cell| cell.split_once(['.', ','])).map(|(_, digits)| digits.len()).max();
    // A difference of two rounded numbers is off by one in the last place, at most.
    let off = places.map_or(0.0, |places| 1.01 * 10_f64.powi(-(places.min(12) as i32)));
    let steps = numbers.len().checked_sub(1).filter(|steps| *steps > 0)?;
    let step = (numbers[steps] - numbers[0]) / steps as f64;
    let is_even = numbers.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() <= off + 1e-9 * step.abs());
    (step.abs() > 2.0 * off && step.is_finite() && is_even).then_some(step)
}
