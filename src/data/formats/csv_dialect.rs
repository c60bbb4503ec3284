//! Dialect of a table's text: comments, delimiter, line of names.

use super::first_lines::{
    CellKind, LOOK_LINES, MOST_TITLES, find_header, header_of, heads_above_names, is_number, is_unit_line, kinds,
    title_records, usual_cells,
};
use super::text::cell_text;
use crate::data::preparation::PreparedColumn;
use crate::data::spec::DataSpec;

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
    /// Records before the first of the table: `sep=;`, and lines of a title.
    pub skip_lines: usize,
    /// Lines of a title among them.
    pub titles: usize,
    /// Lines with heads of groups of columns among them.
    pub heads: usize,
    /// True if lines that begin with `#` are comments.
    pub comments: bool,
    /// Lines of comments above the table.
    pub comment_lines: std::ops::Range<usize>,
    /// True if the line beneath the names holds units.
    pub unit_line: bool,
    /// Names in the last comment, where it has one for each column and no other line has them.
    pub names: Option<Vec<String>>,
    /// True if the first line is taken for names though there are numbers in it, or for a row though there are none.
    pub header_is_doubtful: bool,
}

impl CsvDialect {
    /// Detects the dialect of a text that begins with `head`; `options` decides what it sets, and the names of the
    /// columns `wanted`, on which a model was fitted, tell a line of names.
    pub fn new(head: &[u8], options: &DataSpec, wanted: Option<&[PreparedColumn]>) -> Self {
        let known = wanted;
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
        let comment_lines = if comments { skip_lines..skip_lines + before } else { 0..0 };
        let mut rows: Vec<&str> = lines
            .iter()
            .copied()
            .skip(if comments { before } else { 0 })
            .filter(|line| !(line.trim().is_empty() || comments && line.starts_with('#')))
            .collect();
        let mut titles = if wanted.is_none() { title_lines(&rows) } else { 0 };
        rows.drain(..titles);
        let body = rows.join("\n");
        let (delimiter, blanks) = match wanted {
            Some(b' ') => (b'\t', true),
            Some(delimiter) => (delimiter, false),
            None => find_delimiter(&body),
        };
        let mut records = split(&body, delimiter, blanks);
        let above = title_records(&records);
        records.drain(..above);
        titles += above;
        skip_lines += titles;
        let heads = if options.header.is_none() && titles == 0 { heads_above_names(&records) } else { 0 };
        records.drain(..heads);
        skip_lines += heads;
        let extra = extra_cell(&records);
        let comment = comment.map(|line| line.trim_start_matches('#').trim());
        let in_comment = comment.and_then(|line| split(line, delimiter, blanks).into_iter().next());
        let is_known = match in_comment.as_ref().and_then(|cells| header_of(cells, known)) {
            Some(true) => Some(false),
            _ => records.first().and_then(|first| header_of(first, known)),
        };
        let (header, header_is_doubtful) = match (options.header.or(is_known), records.split_first()) {
            (Some(header), _) => (header, false),
            (None, Some(_)) if extra == ExtraCell::IndexFirst => (true, false),
            (None, Some((first, rows))) => find_header(first, rows),
            (None, None) => (true, false),
        };
        let names = in_comment.filter(|cells| {
            let fits = !header && cells.len() == records.first().map_or(0, Vec::len) && cells.len() > 1;
            fits && kinds(cells).iter().all(|kind| *kind == CellKind::Word)
        });
        let unit_line = header && is_unit_line(&records);
        Self {
            delimiter,
            blanks,
            header,
            extra,
            skip_lines,
            titles,
            heads,
            comments,
            comment_lines,
            unit_line,
            names,
            header_is_doubtful,
        }
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

/// Cells of most rows, and the share of the rows that have as many; none where the first line does not fit them.
fn evenness(records: &[Vec<String>]) -> (usize, f64) {
    let Some((first, rows)) = records.split_first() else { return (0, 0.0) };
    if rows.is_empty() {
        return (first.len(), 1.0);
    }
    let cells = usual_cells(rows);
    let fits = first.len() == cells || first.len() > 1 && extra_cell(records) != ExtraCell::None;
    let alike = rows.iter().filter(|row| row.len() == cells).count();
    (if fits { cells } else { 0 }, alike as f64 / rows.len() as f64)
}

/// Mark that divides most lines in equally many cells; `None` where there is none.
fn even_delimiter(text: &str) -> Option<u8> {
    let mut best: Option<(f64, u8)> = None;
    for delimiter in DELIMITERS {
        let (cells, share) = evenness(&split(text, delimiter, false));
        // Ten cells in half of the lines are no table; a broken line in a short file is a mistake in one.
        if cells >= 2 && share > 0.5 && best.is_none_or(|(most, _)| share > most) {
            best = Some((share, delimiter));
        }
    }
    best.map(|(_, delimiter)| delimiter)
}

/// Lines of a title above a table: no mark divides the lines evenly with them, and without them one does, from a line
/// of names on.
fn title_lines(rows: &[&str]) -> usize {
    if even_delimiter(&rows.join("\n")).is_some() {
        return 0;
    }
    let is_above = |&titles: &usize| {
        let body = rows[titles..].join("\n");
        let Some(delimiter) = even_delimiter(&body) else { return false };
        let records = split(&body, delimiter, false);
        let (cells, share) = evenness(&records);
        let names = records.first().map(|first| kinds(first)).unwrap_or_default();
        let are_names = names.iter().all(|kind| *kind == CellKind::Word);
        let before = split(&rows[..titles].join("\n"), delimiter, false);
        share > 0.9 && are_names && names.len() == cells && before.iter().all(|record| 2 * record.len() <= cells)
    };
    (1..=MOST_TITLES.min(rows.len().saturating_sub(3))).find(is_above).unwrap_or(0)
}

/// Delimiter that divides most lines in equally many cells, and whether it is blanks.
fn find_delimiter(text: &str) -> (u8, bool) {
    if let Some(delimiter) = even_delimiter(text) {
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

#[cfg(test)]
mod tests {
    use super::{CsvDialect, tabs_for_blanks};
    use crate::data::spec::DataSpec;

    fn of(text: &str) -> (char, bool, usize) {
        let found = CsvDialect::new(text.as_bytes(), &DataSpec::default(), None);
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
        let blanks = CsvDialect::new(rows(|i| format!("  {i}.5   {i}  7")).as_bytes(), &DataSpec::default(), None);
        assert!(blanks.blanks && !blanks.header);
        let of_r = CsvDialect::new(
            format!("a b\n{}", rows(|i| format!("\"r{i}\" {i} 2.5"))).as_bytes(),
            &DataSpec::default(),
            None,
        );
        assert_eq!((of_r.blanks, of_r.header, of_r.extra), (true, true, super::ExtraCell::IndexFirst));
        let trailing =
            CsvDialect::new(format!("a,b\n{}", rows(|i| format!("{i},2,"))).as_bytes(), &DataSpec::default(), None);
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
    fn names_may_be_wavelengths_dates_and_doses() {
        let noise = |i: u32, at: u32| format!("{}.{}", (i * 7 + at * 5) % 3, (i * i * 31 + at * 17) % 97);
        let body = rows(|i| (0..6).map(|at| noise(i, at)).collect::<Vec<_>>().join(","));
        for names in [
            "400.0,400.5,401.0,401.5,402.0,402.5",
            "4000.000,3996.143,3992.286,3988.429,3984.572,3980.715",
            "5,10,50,100,500,1000",
            "2024-01-01,2024-02-01,2024-03-01,2024-04-01,2024-05-01,2024-06-01",
        ] {
            let found = CsvDialect::new(format!("{names}\n{body}").as_bytes(), &DataSpec::default(), None);
            assert!(found.header && found.header_is_doubtful, "{names}");
        }
        assert!(!of(&body).1);
        for (names, is_header) in [("400.0,410.0,420.0", true), ("0.5,1.0,1.5", false)] {
            let body = rows(|i| (0..3).map(|at| noise(i, at)).collect::<Vec<_>>().join(","));
            let found = CsvDialect::new(format!("{names}\n{body}").as_bytes(), &DataSpec::default(), None);
            assert_eq!((found.header, found.header_is_doubtful), (is_header, true), "{names}");
        }
        // Columns that rise in every row are no names.
        assert!(!of(&rows(|i| format!("{i}.1,{i}.25,{i}.5,{i}.9"))).1);
    }

    #[test]
    fn titles_and_units_are_no_rows() {
        let body = rows(|i| format!("{i}.5,{},{i}.25", i * 7 % 5));
        for (text, titles, units) in [
            (format!("Report of plant 3\nMade 2024-01-01\n\ntemp,watts,ratio\n{body}"), 2, false),
            (format!("Report of plant 3,,\n,,\ntemp,watts,ratio\n{body}"), 2, false),
            (format!("temp,watts,ratio\n[°C],[W],[-]\n{body}"), 0, true),
            (format!("temp,watts,ratio\ndegC,W,\n{body}"), 0, true),
            (format!("temp,watts,ratio\n{body}"), 0, false),
        ] {
            let found = CsvDialect::new(text.as_bytes(), &DataSpec::default(), None);
            assert_eq!(
                (found.titles, found.unit_line, found.header, found.delimiter),
                (titles, units, true, b','),
                "{text}"
            );
        }
        let grouped = format!("motor,,pump\nspeed,load,flow\n{body}");
        let found = CsvDialect::new(grouped.as_bytes(), &DataSpec::default(), None);
        assert_eq!((found.heads, found.unit_line, found.header), (1, false, true));
        assert_eq!(CsvDialect::new(b"temp\n1,5\n2,5\n3,5\n", &DataSpec::default(), None).titles, 0);
    }

    #[test]
    fn comments_come_before_the_names_or_hold_them() {
        let text = format!("# made by logger 3\n# unit 4\na,b\n{}", rows(|i| format!("{i},2.5")));
        let found = CsvDialect::new(text.as_bytes(), &DataSpec::default(), None);
        assert!(found.comments && found.header && found.names.is_none());
        let text = format!("# a,b\n{}", rows(|i| format!("{i},2.5")));
        let found = CsvDialect::new(text.as_bytes(), &DataSpec::default(), None);
        assert_eq!(found.names, Some(vec!["a".to_owned(), "b".to_owned()]));
    }
}
