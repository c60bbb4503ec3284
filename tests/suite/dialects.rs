//! One table written in many dialects, which all read to the same values.

use std::path::{Path, PathBuf};

use hourglass::data::{DataSet, DataSpec, SourceKind};
use hourglass::random::Sampler;

const ROWS: usize = 240;
/// Dialects that are drawn.
const DIALECTS: usize = 40;
/// Largest difference of two readings of one number, scaled: both are the nearest f32.
const ROUNDING: f32 = 1e-6;

#[derive(Clone, Copy, Debug)]
struct Dialect {
    delimiter: char,
    decimal: char,
    thousands: Option<char>,
    quoted: bool,
    encoding: &'static str,
    date: usize,
    names: usize,
    line_end: &'static str,
    before: &'static str,
}

fn pick<T: Copy>(draws: &mut Sampler, of: &[T]) -> T {
    of[draws.below(of.len())]
}

fn draw(draws: &mut Sampler) -> Dialect {
    let decimal = pick(draws, &['.', ',']);
    let other = if decimal == '.' { ',' } else { '.' };
    let delimiter = pick(draws, &[',', ';', '\t', '|']);
    Dialect {
        delimiter,
        decimal,
        thousands: pick(draws, &[None, Some(other), Some(' '), Some('\'')]),
        quoted: pick(draws, &[true, false]),
        encoding: pick(draws, &["utf-8", "utf-8 with a mark", "utf-16le", "utf-16be with a mark", "windows-1252"]),
        date: pick(draws, &[0, 1, 2, 3, 4, 5, 6]),
        names: pick(draws, &[0, 0, 1, 2]),
        line_end: pick(draws, &["\n", "\r\n", "\r"]),
        before: match delimiter {
            ';' => pick(draws, &["", "sep=;"]),
            _ => pick(draws, &["", "", "# written by a logger"]),
        },
    }
}

impl Dialect {
    fn number(&self, value: f64, places: usize) -> String {
        let text = format!("{value:.places$}");
        let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
        let mut grouped = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at) % 3 == 0 {
                grouped.extend(self.thousands);
            }
            grouped.push(digit);
        }
        fraction.map_or(format!("{sign}{grouped}"), |fraction| format!("{sign}{grouped}{}{fraction}", self.decimal))
    }

    /// Day `day` after the end of 2023.
    fn date(&self, day: usize) -> String {
        let months = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let (mut month, mut rest) = (0, day);
        while rest >= months[month] {
            rest -= months[month];
            month += 1;
        }
        let (d, m) = (rest + 1, month + 1);
        let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month];
        match self.date {
            0 => format!("2024-{m:02}-{d:02}"),
            1 => format!("{d:02}/{m:02}/2024"),
            2 => format!("{m}/{d}/2024"),
            3 => format!("{d}.{m}.2024"),
            4 => format!("{d:02}-{name}-2024"),
            5 => format!("{m:02}/{d:02}/24"),
            _ => format!("2024-{m:02}-{d:02}T00:00:00Z"),
        }
    }

    fn line(&self, cells: &[String]) -> String {
        let quote = |cell: &String| {
            let needed = self.quoted || cell.contains([self.delimiter, '"']);
            if needed { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
        };
        cells.iter().map(quote).collect::<Vec<_>>().join(&self.delimiter.to_string()) + self.line_end
    }

    fn write(&self, folder: &Path, number: usize) -> PathBuf {
        let names: [&str; 5] = match self.names {
            0 => ["temp", "watts", "ratio", "Ort", "wann"],
            1 => ["0", "1", "2", "3", "4"],
            _ => ["2019", "2020", "2021", "Ort", "wann"],
        };
        let mut text = String::new();
        if !self.before.is_empty() {
            text += &format!("{}{}", self.before, self.line_end);
        }
        text += &self.line(&names.map(str::to_owned));
        for row in 0..ROWS {
            let [temp, watts, ratio] = values(row);
            let town = ["Köln", "Zürich", "Genève, Suisse", "Ulm"][row % 4].to_owned();
            let cells = [
                self.number(temp, 1),
                self.number(watts, if row % 3 == 0 { 0 } else { 2 }),
                self.number(ratio, 3),
                town,
                self.date(row),
            ];
            text += &self.line(&cells);
        }
        let wide = |swap: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        let bytes = match self.encoding {
            "utf-8" => text.into_bytes(),
            "utf-8 with a mark" => format!("\u{feff}{text}").into_bytes(),
            "utf-16le" => wide(false),
            "utf-16be with a mark" => [vec![0xfe, 0xff], wide(true)].concat(),
            _ => text.chars().map(|c| u8::try_from(u32::from(c)).expect("a letter of Latin-1")).collect(),
        };
        let path = folder.join(format!("{number}.csv"));
        std::fs::write(&path, bytes).expect("it is written");
        path
    }
}

/// Numbers of a row: one that is never a thousand, one that is often more, one with three places.
fn values(row: usize) -> [f64; 3] {
    let x = row as f64;
    let watts = (1500.0 + 900.0 * (x * 0.7).sin()) * if row % 40 == 7 { 1000.0 } else { 1.0 };
    let watts = if row.is_multiple_of(3) { watts.round() } else { (watts * 100.0).round() / 100.0 };
    [
        ((20.0 + 9.0 * (x * 0.3).cos()) * 10.0).round() / 10.0,
        watts,
        (3.0 + (x * 0.11).sin()).mul_add(1000.0, 0.0).round() / 1000.0,
    ]
}

fn open(path: &Path) -> DataSet {
    let options = DataSpec { kind: Some(SourceKind::Table), ..DataSpec::from_source(path.display().to_string()) };
    DataSet::open(&options, 0.1, 1).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn one_table_reads_alike_in_forty_dialects() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = Dialect {
        delimiter: ',',
        decimal: '.',
        thousands: None,
        quoted: false,
        encoding: "utf-8",
        date: 0,
        names: 0,
        line_end: "\n",
        before: "",
    };
    let wanted = open(&plain.write(folder.path(), 0));
    assert_eq!(
        (wanted.rows, wanted.form.as_deref()),
        (ROWS, Some("commas between cells, names in the first line, UTF-8"))
    );
    let values_of = |data: &DataSet| data.rows_f32(0..ROWS).expect("rows");
    let mut draws = Sampler::new(26, 0);
    for number in 1..=DIALECTS {
        let dialect = draw(&mut draws);
        let data = open(&dialect.write(folder.path(), number));
        let told = format!("{dialect:?}\n{:?}\n{:?}", data.form, data.notes);
        assert_eq!((data.rows, data.features), (ROWS, wanted.features), "{told}");
        if dialect.names == 0 {
            assert_eq!(data.preparation.features, wanted.preparation.features, "{told}");
        }
        let (read, right) = (values_of(&data), values_of(&wanted));
        for (at, (read, right)) in read.iter().zip(&right).enumerate() {
            let place = (at / wanted.features, &wanted.preparation.features[at % wanted.features]);
            assert!((read - right).abs() <= ROUNDING * right.abs().max(1.0), "{read} for {right} at {place:?}: {told}");
        }
    }
}
