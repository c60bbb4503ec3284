//! Dialect of a table's text: comments, delimiter, line of names.

use super::date_format::{DateEvidence, DateFormat};
use super::number_format::NumberEvidence;
use super::text::cell_text;
use crate::data::spec::DataSpec;

/// Lines from which the dialect is detected.
const LOOK_LINES: usize = 400;
/// Least share of the filled cells of a column that must read as numbers (or dates) for it to be of that type.
pub(super) const MOST: f64 = 0.8;
/// Delimiters in the order in which they are preferred where several divide all lines alike: commas stand within
/// numbers and texts, tabs nowhere.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];

/// Cell that rows have and the line of names has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExtraCell {
    None,
    /// Numbers or names of rows in front, as R writes them.
    IndexFirst,
    /// Nothing behind a last delimiter.
    EmptyLast,
}

/// Form of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CsvDialect {
    pub delimiter: u8,
    /// True if runs of blanks are between cells; `delimiter` is then the tab that they are replaced by.
    pub blanks: bool,
    pub header: bool,
    pub extra: ExtraCell,
    /// Lines before the first record: `sep=;`, or comments.
    pub skip_lines: usize,
    /// True if lines that begin with `#` are comments.
    pub comments: bool,
    /// Names in the last comment, where it has one for each column and no other line has them.
    pub names: Option<Vec<String>>,
    /// True if the first line is taken for names though there are numbers in it, or for a row though there are none.
    pub header_is_doubtful: bool,
}

impl CsvDialect {
    /// Detects the dialect of a text that begins with `head`; `options` decides what it sets.
    pub fn new(head: &[u8], options: &DataSpec) -> Self {
        let text = cell_text(head);
        let mut lines: Vec<&str> = lines(&text).take(LOOK_LINES).collect();
        // The last one may be cut.
        if lines.len() > 2 && head.len() >= 1 << 16 {
            lines.pop();
        }
        let mut skip_lines = 0;
        let mut wanted = options.delimiter.map(|delimiter| delimiter as u8);
        if let Some(mark) = lines.first().and_then(|line| separator_line(line)) {
            wanted = wanted.or(Some(mark));
            lines.remove(0);
            skip_lines += 1;
        }
        let before = lines.iter().take_while(|line| line.starts_with('#') || line.trim().is_empty()).count();
        let comments = before < lines.len() && lines.iter().take(before).any(|line| line.starts_with('#'));
        let comment = if comments { lines[..before].iter().rev().find(|line| line.starts_with('#')) } else { None };
        let rows: Vec<&str> = lines
            .iter()
            .copied()
            .skip(if comments { before } else { 0 })
            .filter(|line| !(line.trim().is_empty() || comments && line.starts_with('#')))
            .collect();
        let body = rows.join("\n");
        let (delimiter, blanks) = match wanted {
            Some(b' ') => (b'\t', true),
            Some(delimiter) => (delimiter, false),
            None => find_delimiter(&body),
        };
        let records = split(&body, delimiter, blanks);
        let extra = extra_cell(&records);
        let (header, header_is_doubtful) = match (options.header, records.split_first()) {
            (Some(header), _) => (header, false),
            (None, Some(_)) if extra == ExtraCell::IndexFirst => (true, false),
            (None, Some((first, rows))) => find_header(first, rows),
            (None, None) => (true, false),
        };
        let names = comment.filter(|_| !header).map(|line| line.trim_start_matches('#').trim()).and_then(|line| {
            let cells = split(line, delimiter, blanks).into_iter().next()?;
            let fits = cells.len() == records.first().map_or(0, Vec::len) && cells.len() > 1;
            (fits && kinds(&cells).iter().all(|kind| *kind == CellKind::Word)).then_some(cells)
        });
        Self { delimiter, blanks, header, extra, skip_lines, comments, names, header_is_doubtful }
    }

    /// Returns the dialect in words.
    pub fn words(&self) -> String {
        let between = match (self.delimiter, self.blanks) {
            (_, true) => "blanks".to_owned(),
            (b',', _) => "commas".to_owned(),
            (b';', _) => "semicolons".to_owned(),
            (b'\t', _) => "tabs".to_owned(),
            (b'|', _) => "vertical bars".to_owned(),
            (other, _) => format!("{:?}", char::from(other)),
        };
        let names = match (&self.names, self.header) {
            (Some(_), _) => "names in a comment",
            (None, true) => "names in the first line",
            (None, false) => "no line of names",
        };
        format!("{between} between cells, {names}")
    }
}

/// Lines of a text, whichever ends they have.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mac = !text.contains('\n');
    text.split(move |c| c == '\n' || mac && c == '\r').map(|line| line.trim_end_matches('\r'))
}

/// Delimiter in a first line such as `sep=;`, which spreadsheets write and read.
fn separator_line(line: &str) -> Option<u8> {
    let line = line.trim_matches(['"', ' ']);
    let mark = line.strip_prefix("sep=").or_else(|| line.strip_prefix("SEP="))?;
    match mark.as_bytes() {
        [mark] if mark.is_ascii() => Some(*mark),
        b"\\t" | b"" => Some(b'\t'),
        _ => None,
    }
}

/// Replaces runs of blanks outside quotes by tabs.
pub(super) fn tabs_for_blanks(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut inside, mut pending) = (false, false);
    for c in line.trim().chars() {
        inside ^= c == '"';
        if !inside && (c == ' ' || c == '\t') {
            pending = true;
            continue;
        }
        if std::mem::take(&mut pending) {
            out.push('\t');
        }
        out.push(c);
    }
    out
}

fn split(text: &str, delimiter: u8, blanks: bool) -> Vec<Vec<String>> {
    let text = if blanks { text.lines().map(tabs_for_blanks).collect::<Vec<_>>().join("\n") } else { text.to_owned() };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let record = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
    reader.records().map_while(Result::ok).map(record).collect()
}

/// Delimiter that divides most lines in equally many cells, and whether it is blanks.
fn find_delimiter(text: &str) -> (u8, bool) {
    // Cells of most rows, and the share of the rows that have as many; none where the first line does not fit them.
    let evenness = |records: &[Vec<String>]| {
        let Some((first, rows)) = records.split_first() else { return (0, 0.0) };
        if rows.is_empty() {
            return (first.len(), 1.0);
        }
        let cells = usual_cells(rows);
        let fits = first.len() == cells || first.len() > 1 && extra_cell(records) != ExtraCell::None;
        let alike = rows.iter().filter(|row| row.len() == cells).count();
        (if fits { cells } else { 0 }, alike as f64 / rows.len() as f64)
    };
    let mut best: Option<(f64, u8)> = None;
    for delimiter in DELIMITERS {
        let (cells, share) = evenness(&split(text, delimiter, false));
        // Ten cells in half of the lines are no table; a broken line in a short file is a mistake in one.
        if cells >= 2 && share > 0.5 && best.is_none_or(|(most, _)| share > most) {
            best = Some((share, delimiter));
        }
    }
    if let Some((_, delimiter)) = best {
        return (delimiter, false);
    }
    let records = split(text, b'\t', true);
    let (cells, share) = evenness(&records);
    let body = records.get(1..).unwrap_or_default();
    let numbers = body.iter().flatten().filter(|cell| is_number(cell)).count();
    let all: usize = body.iter().map(Vec::len).sum();
    if cells >= 2 && share > 0.95 && numbers * 2 >= all.max(1) {
        return (b'\t', true);
    }
    // One column: a comma in it is part of a number, unless lines with one follow each other.
    let first = text.lines().next().unwrap_or_default();
    let counted = DELIMITERS.map(|mark| (first.bytes().filter(|&byte| byte == mark).count(), mark));
    match counted.into_iter().max_by_key(|(count, _)| *count) {
        Some((count, mark)) if count > 0 => (mark, false),
        _ => (if text.contains(',') { b';' } else { b',' }, false),
    }
}

/// Number of cells that most rows have.
fn usual_cells(rows: &[Vec<String>]) -> usize {
    let mut counts = std::collections::BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.len()).or_insert(0_usize) += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(cells, _)| cells)
}

/// Cell that all rows have and the first record has not.
fn extra_cell(records: &[Vec<String>]) -> ExtraCell {
    match records.split_first() {
        Some((first, rows)) if !rows.is_empty() && rows.iter().all(|row| row.len() == first.len() + 1) => {
            let is_empty = |row: &Vec<String>| row.last().is_some_and(String::is_empty);
            if rows.iter().all(is_empty) { ExtraCell::EmptyLast } else { ExtraCell::IndexFirst }
        }
        _ => ExtraCell::None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CellKind {
    Missing,
    Number,
    Date,
    Word,
}

fn is_number(cell: &str) -> bool {
    let mut evidence = NumberEvidence::new(None, None);
    evidence.push(cell);
    evidence.finding(None, true).cells > 0
}

fn is_date(cell: &str) -> bool {
    let mut evidence = DateEvidence::default();
    evidence.push(cell);
    evidence.finding(None::<DateFormat>).is_some()
}

fn kinds(cells: &[String]) -> Vec<CellKind> {
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
fn find_header(first: &[String], rows: &[Vec<String>]) -> (bool, bool) {
    let kind_of_first = kinds(first);
    let kinds_of_rows: Vec<Vec<CellKind>> = rows.iter().map(|row| kinds(row)).collect();
    let column = |at: usize| kinds_of_rows.iter().filter_map(move |row| row.get(at).copied());
    let mostly = |at: usize, kind: CellKind| {
        let filled = column(at).filter(|kind| *kind != CellKind::Missing).count();
        filled > 0 && column(at).filter(|own| *own == kind).count() as f64 >= MOST * filled as f64
    };
    let is_full = |at: usize| rows.len() >= 3 && column(at).all(|kind| kind != CellKind::Missing);
    let (mut speaks_for, mut speaks_against) = (0, 0);
    for (at, kind) in kind_of_first.iter().enumerate() {
        let of_body = [CellKind::Number, CellKind::Date].into_iter().find(|kind| mostly(at, *kind));
        match (of_body, kind) {
            (Some(_), CellKind::Word) => speaks_for += 1,
            // An index without a name, as data frames are written.
            (Some(_), CellKind::Missing) if first[at].is_empty() && is_full(at) => speaks_for += 1,
            (Some(_), CellKind::Number | CellKind::Date) => speaks_against += 1,
            _ => {}
        }
    }
    if speaks_against == 0 {
        if speaks_for > 0 || rows.len() < 10 {
            return (true, false);
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
    if speaks_for > 0 {
        return (true, true);
    }
    let step = even_step(&named);
    let is_decimal = |row: &Vec<String>| row.iter().any(|cell| cell.contains(['.', ',']) && is_number(cell));
    let decimals = rows.iter().filter(|row| is_decimal(row)).count() * 2 > rows.len();
    let alike = rows.iter().zip(&kinds_of_rows).filter(|(row, kinds)| even_step(&numbers(row, kinds)) == step).count();
    let goes_on = step.is_some() && alike * 20 <= rows.len() && (named.len() >= 3 || decimals) && rows.len() >= 3;
    let year = |cell: &String| cell.parse::<u32>().is_ok_and(|year| (1900..=2100).contains(&year));
    let years = named.len() >= 2 && decimals && named.iter().all(year) && {
        let first_row = rows.first().map(|row| numbers(row, &kinds_of_rows[0])).unwrap_or_default();
        !first_row.iter().all(year)
    };
    (goes_on || years, goes_on || years)
}

/// Returns whether the first of `records` is a line of names.
pub(super) fn names_first_row(records: &[csv::ByteRecord]) -> bool {
    let cells = |record: &csv::ByteRecord| record.iter().map(|cell| cell_text(cell).into_owned()).collect();
    let looked: Vec<Vec<String>> = records.iter().take(LOOK_LINES).map(cells).collect();
    looked.split_first().is_some_and(|(first, rows)| find_header(first, rows).0)
}

/// Step from each to the next of whole numbers, which is the same for all of them and not zero.
fn even_step(cells: &[String]) -> Option<i64> {
    let numbers: Vec<i64> = cells.iter().map(|cell| cell.parse().ok()).collect::<Option<_>>()?;
    let step = numbers.get(1)? - numbers.first()?;
    (step != 0 && numbers.windows(2).all(|pair| pair[1] - pair[0] == step)).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::{CsvDialect, tabs_for_blanks};
    use crate::data::spec::DataSpec;

    fn of(text: &str) -> (char, bool, usize) {
        let found = CsvDialect::new(text.as_bytes(), &DataSpec::default());
        (char::from(found.delimiter), found.header, found.skip_lines)
    }

    fn rows(row: impl Fn(u32) -> String) -> String {
        (0..20).map(|i| row(i) + "\n").collect()
    }

    #[test]
    fn delimiters_divide_lines_alike() {
        assert_eq!(of(&format!("a;b\n{}", rows(|i| format!("{i},5;{i},25")))), (';', true, 0));
        assert_eq!(of(&rows(|i| format!("{i},5;{i},25"))), (';', false, 0));
        assert_eq!(of(&format!("a\tb\n{}", rows(|i| format!("{i},5\t{i},25")))), ('\t', true, 0));
        assert_eq!(of(&format!("a,b\n{}", rows(|i| format!("{i},\"x; y{}\"", i * i)))), (',', true, 0));
        assert_eq!(of(&format!("sep=;\na;b\n{}", rows(|i| format!("{i};2")))), (';', true, 1));
        assert_eq!(of(&format!("temp\n{}", rows(|i| format!("{i},5")))), (';', true, 0));
        let blanks = CsvDialect::new(rows(|i| format!("  {i}.5   {i}  7")).as_bytes(), &DataSpec::default());
        assert!(blanks.blanks && !blanks.header);
        let of_r =
            CsvDialect::new(format!("a b\n{}", rows(|i| format!("\"r{i}\" {i} 2.5"))).as_bytes(), &DataSpec::default());
        assert_eq!((of_r.blanks, of_r.header, of_r.extra), (true, true, super::ExtraCell::IndexFirst));
        let trailing =
            CsvDialect::new(format!("a,b\n{}", rows(|i| format!("{i},2,"))).as_bytes(), &DataSpec::default());
        assert_eq!((trailing.header, trailing.extra), (true, super::ExtraCell::EmptyLast));
        assert_eq!(tabs_for_blanks("  a  \"b c\"\t d "), "a\t\"b c\"\td");
    }

    #[test]
    fn names_may_be_numbers() {
        let body = rows(|i| format!("{i},{}.5,{i}.25,0.{i}", i * 7 % 5));
        assert!(of(&format!(",0,1,2\n{body}")).1);
        assert!(of(&format!("site,2021,2022,2023\n{}", rows(|i| format!("s{},1.{i},2.{i},0.{i}", i % 4)))).1);
        assert!(of(&format!("0,1,2\n{}", rows(|i| format!("1.{i},2.{i},0.{i}")))).1);
        assert!(!of(&rows(|i| format!("1.{i},2.{i},0.{i}"))).1);
        assert!(!of(&rows(|i| format!("{i},{},{}", i + 1, i + 2))).1);
        assert!(!of(&rows(|i| format!("{},{},{}", i * i, i * 3 % 7, i % 5))).1);
        let letters = rows(|i| ["p,x,s", "e,x,s", "p,b,y", "e,b,y"][i as usize % 4].to_owned());
        assert!(!of(&letters).1);
        assert!(of(&format!("class,cap,surface\n{letters}")).1);
    }

    #[test]
    fn comments_come_before_the_names_or_hold_them() {
        let text = format!("# made by logger 3\n# unit 4\na,b\n{}", rows(|i| format!("{i},2.5")));
        let found = CsvDialect::new(text.as_bytes(), &DataSpec::default());
        assert!(found.comments && found.header && found.names.is_none());
        let text = format!("# a,b\n{}", rows(|i| format!("{i},2.5")));
        let found = CsvDialect::new(text.as_bytes(), &DataSpec::default());
        assert_eq!(found.names, Some(vec!["a".to_owned(), "b".to_owned()]));
    }
}
