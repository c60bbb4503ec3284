//! Numbers that stand for missing values: those usual for it that lie far from all others of their column.

use super::columns::ColumnValues;

/// Numbers that are usually written for a missing value.
const SENTINELS: [f64; 12] =
    [-1.0, -9.0, -99.0, -999.0, -9999.0, -99_999.0, 99.0, 999.0, 9999.0, 99_999.0, 999_999.0, -32_768.0];
/// Least share of a column's cells that hold such a code for it to be told.
const SENTINEL_SHARE: f64 = 0.002;
/// Most of a column's cells that hold zeros for missing values: where there are more, they are a state of their own.
const ZERO_SHARE: f64 = 0.3;
/// Magnitude from which on a negative number is such a code beside other negative numbers too.
const LARGE: f64 = 99.0;

/// Returns what a date that stands for none is like: one of the year 9999 or 1 as one of our time, and an empty text for
/// zeros alone; `None` for any other cell.
pub(super) fn date_for_none(cell: &str) -> Option<String> {
    /// Digits of a date with its whole year.
    const DIGITS: std::ops::RangeInclusive<usize> = 6..=20;
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let marks = |mark: char| cell.matches(mark).count() >= 2;
    if !DIGITS.contains(&digits) || !['-', '/', '.'].into_iter().any(marks) {
        return None;
    }
    let mut parts = cell.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    if parts.clone().all(|part| part.bytes().all(|byte| byte == b'0')) {
        return Some(String::new());
    }
    let year = parts.find(|part| matches!(*part, "9999" | "0001"))?;
    Some(cell.replacen(year, if year == "9999" { "2000" } else { "2001" }, 1))
}

/// Returns the note on the cells of column `name` that stand for no date, `count` of them, such as `cell`.
pub(super) fn note_on_dates(name: &str, count: usize, cell: &str) -> String {
    let (cells, hold) = if count == 1 { ("cell", "holds") } else { ("cells", "hold") };
    format!(
        "column {name:?}: {count} {cells} {hold} a date that stands for none, such as {cell}, and {} taken for missing",
        if count == 1 { "is" } else { "are" }
    )
}

/// Code for a missing value among the numbers of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
struct NumberCode {
    code: f64,
    count: usize,
}

/// Returns the codes among `values` that lie far from all other values, where those are looked at without any code: one
/// code does not hide another.
fn codes_of(values: &[f64]) -> Vec<NumberCode> {
    let filled = values.iter().filter(|value| !value.is_nan()).count();
    let count_of = |code: f64| values.iter().filter(|&&value| value == code).count();
    let limits = |is_other: &dyn Fn(f64) -> bool| {
        let others = values.iter().copied().filter(|value| !value.is_nan() && is_other(*value));
        others.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)))
    };
    // Two values in all are a choice: 1 and -1 as much as 1 and 0.
    let is_far = |code: f64, (low, high): (f64, f64)| match code {
        _ if low >= high => false,
        // Small ones are codes only where nothing else is negative.
        ..0.0 => (low >= 0.0 || code <= -LARGE) && low - code > high - low,
        0.0 => low > high - low || -high > high - low,
        _ => code - high > high - low,
    };
    let mut there: Vec<NumberCode> = SENTINELS.map(|code| NumberCode { code, count: count_of(code) }).to_vec();
    let zeros = NumberCode { code: 0.0, count: count_of(0.0) };
    if zeros.count > 0 && zeros.count as f64 <= ZERO_SHARE * filled as f64 {
        there.push(zeros);
    }
    there.retain(|code| code.count > 0 && code.count < filled && code.count as f64 >= SENTINEL_SHARE * filled as f64);
    // The values between the codes are those that are none; a code that turns out to be no code is one of them.
    loop {
        let between = limits(&|value| there.iter().all(|code| code.code != value));
        let before = there.len();
        there.retain(|code| is_far(code.code, between));
        if there.len() == before {
            break;
        }
    }
    // One alone that is there once is an error of another kind.
    if there.iter().all(|code| code.count < 2) {
        there.clear();
    }
    there.sort_by(|a, b| b.count.cmp(&a.count).then(a.code.total_cmp(&b.code)));
    there
}

/// Returns notes on the codes of each column; `known` are the codes that are taken for missing values already, which the
/// setting that is proposed names again.
pub(super) fn notes_on_codes(names: &[String], columns: &[ColumnValues], known: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let found: Vec<(&String, usize, Vec<NumberCode>)> = names
        .iter()
        .zip(columns)
        .filter_map(|(name, cells)| {
            let ColumnValues::Numbers(values) = cells else { return None };
            let codes = codes_of(values);
            let filled = values.iter().filter(|value| !value.is_nan()).count();
            (!codes.is_empty()).then_some((name, filled, codes))
        })
        .collect();
    // The setting holds for all columns: what is a value of another one, as zero always may be, is no code for it.
    let is_value_of = |code: f64| {
        let is_own =
            |name: &String| found.iter().any(|(own, _, codes)| *own == name && codes.iter().any(|of| of.code == code));
        let holds = |cells: &ColumnValues| matches!(cells, ColumnValues::Numbers(values) if values.contains(&code));
        code == 0.0 || names.iter().zip(columns).any(|(name, cells)| !is_own(name) && holds(cells))
    };
    for code in found.iter().flat_map(|(_, _, codes)| codes).filter(|code| !is_value_of(code.code)) {
        let text = code.code.to_string();
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all.extend(known.iter().cloned());
    let list = |codes: &[String]| codes.iter().map(|code| format!("{code:?}")).collect::<Vec<_>>().join(",");
    let mut notes = Vec::new();
    for (name, filled, codes) in &found {
        let (values, codes): (Vec<NumberCode>, Vec<NumberCode>) = codes.iter().partition(|code| is_value_of(code.code));
        if !codes.is_empty() {
            let counted = |code: &NumberCode| format!("{} stands in {}", code.code, code.count);
            let counts: Vec<String> = codes.iter().map(counted).collect();
            let (one, verb) =
                if codes.len() == 1 { ("a missing one", "it means") } else { ("missing ones", "they mean") };
            notes.push(format!(
                "column {name:?}: {} of {filled} rows, far from all other values; if {verb} {one}: setting \
                 `data.missing=[{}]`",
                counts.join(" and "),
                list(&all)
            ));
        }
        for NumberCode { code, count } in values {
            notes.push(format!(
                "column {name:?}: {code} stands in {count} of {filled} rows, far from all other values; if it means a \
                 missing one, leave these cells empty, as {code} may be a value of other columns"
            ));
        }
    }
    notes
}

/// Returns notes on columns of numbers with more digits than are read.
pub(super) fn notes_on_digits(names: &[String], columns: &[ColumnValues]) -> Vec<String> {
    /// Largest number below which every whole number is read as it is.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let note = |(name, cells): (&String, &ColumnValues)| {
        let ColumnValues::Numbers(values) = cells else { return None };
        let most = values.iter().filter(|value| value.is_finite()).fold(0.0_f64, |most, value| most.max(value.abs()));
        (most > WHOLE).then(|| {
            format!(
                "column {name:?}: numbers up to {most:e} have more digits than the 15 that are read of each, and those \
                 that differ in further ones are taken for equal; if they are names: setting \
                 `data.categorical=[{name:?}]`"
            )
        })
    };
    names.iter().zip(columns).filter_map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::{ColumnValues, codes_of, date_for_none, notes_on_codes};

    #[test]
    fn codes_that_are_values_elsewhere_are_not_proposed() {
        let numbers = |low: f64, codes: &[f64]| {
            let values = (0..300).map(|at| (low + f64::from(at % 20)).floor());
            ColumnValues::Numbers(values.chain(codes.iter().flat_map(|&code| [code; 5])).collect())
        };
        let names = ["a", "b"].map(str::to_owned);
        let notes = notes_on_codes(&names, &[numbers(1.0, &[99.0, -999.0]), numbers(90.0, &[-9999.0])], &[]);
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes[0].contains("\"a\": -999 stands in 5 of 310") && notes[0].ends_with("[\"-999\",\"-9999\"]`"));
        assert!(notes[1].contains("99 stands in 5") && notes[1].contains("leave these cells empty"), "{notes:?}");
    }

    #[test]
    fn dates_that_stand_for_none_are_known() {
        let of = |cell| date_for_none(cell);
        assert_eq!(of("9999-12-31").as_deref(), Some("2000-12-31"));
        assert_eq!(of("31.12.9999").as_deref(), Some("31.12.2000"));
        assert_eq!(of("9999-12-31T23:59:59Z").as_deref(), Some("2000-12-31T23:59:59Z"));
        assert_eq!(of("1/1/0001 12:00:00 AM").as_deref(), Some("1/1/2001 12:00:00 AM"));
        assert_eq!(of("0000-00-00 00:00:00").as_deref(), Some(""));
        for other in ["2024-05-06", "9999", "0.0", "0001", "192.168.0.1", "1.0.0.0", "-9999.5", "00:00:00"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn codes_do_not_hide_each_other() {
        let of = |low: f64, high: f64, codes: &[(f64, usize)]| {
            let mut values: Vec<f64> = (0..300).map(|at| low + (high - low) * f64::from(at) / 299.0).collect();
            codes.iter().for_each(|&(code, count)| values.extend(std::iter::repeat_n(code, count)));
            codes_of(&values).into_iter().map(|code| (code.code, code.count)).collect::<Vec<_>>()
        };
        assert_eq!(of(15.0, 25.0, &[(-999.0, 12), (9999.0, 9), (0.0, 5)]), [(-999.0, 12), (9999.0, 9), (0.0, 5)]);
        assert_eq!(of(0.5, 1.5, &[(-1.0, 3), (99.0, 4)]), [(99.0, 4), (-1.0, 3)]);
        assert_eq!(of(-20.0, 30.0, &[(-999.0, 4), (-1.0, 2)]), [(-999.0, 4)]);
        // A single one beside others, and alone.
        assert_eq!(of(15.0, 25.0, &[(-9999.0, 1), (9999.0, 9)]), [(9999.0, 9), (-9999.0, 1)]);
        assert_eq!(of(15.0, 25.0, &[(9999.0, 1)]), []);
        // Ordinary values.
        assert_eq!(of(0.0, 20_000.0, &[(9999.0, 3), (999.0, 2), (0.0, 2)]), []);
        assert_eq!(of(900.0, 1100.0, &[(999.0, 5)]), []);
        assert_eq!(of(15.0, 25.0, &[(0.0, 200)]), []);
    }
}
