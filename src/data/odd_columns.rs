//! Columns and values that would mislead a model: counters, identifiers, columns that only rise, and single values far
//! from all others.

use super::formats::columns::ColumnValues;

/// Least rows in which a column of whole numbers that goes up by one is a count of the rows.
const COUNTED: usize = 10;
/// Least rows in which a column that only rises, or only falls, is a counter and no short trend.
const LEAST_ONE_WAY: usize = 50;
/// Share of the rows that differ from the one before in a column that never turns and is to be told.
const MOVES: f64 = 0.1;
/// Distance of a value from the median, in those of the farthest other, from which on it is no value of the same kind.
const FAR: f64 = 30.0;
/// Share of the rows that may hold such values, at most.
const FAR_SHARE: f64 = 0.002;
/// Least rows that show where values of a column lie.
const LEAST_VALUES: usize = 20;

/// Returns the reason for which a column tells rows apart and nothing more; `None` if it does not look so.
pub(super) fn identifier(name: &str, cells: &ColumnValues) -> Option<String> {
    let ColumnValues::Numbers(values) = cells else { return None };
    let whole = values.len() >= COUNTED && values.iter().all(|value| value.fract() == 0.0);
    if !whole {
        return None;
    }
    if values.windows(2).all(|pair| pair[1] - pair[0] == 1.0) {
        return Some(format!("it counts the rows from {} on", values[0]));
    }
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    if sorted.len() < values.len() {
        return None;
    }
    if sorted[sorted.len() - 1] - sorted[0] == (values.len() - 1) as f64 {
        return Some(format!("it numbers the rows from {} to {}", sorted[0], sorted[sorted.len() - 1]));
    }
    is_identifier_name(name).then(|| "its numbers are all different and named as identifiers are".to_owned())
}

fn is_identifier_name(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = ["id", "nr", "no", "number", "num", "index", "idx", "key", "uid", "uuid", "serial", "row"];
    let parts = name.split(|c: char| !c.is_alphanumeric());
    parts.into_iter().any(|part| words.contains(&part)) || name.ends_with("id") && name.len() <= 10
}

/// Course of a column that goes one way from its first row to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OneWay {
    /// True if values rise, false if they fall.
    rises: bool,
    /// True if every row has a value, and another than the one before.
    pub is_strict: bool,
}

impl OneWay {
    /// Returns the course of `values`, in order; `None` for one that turns, hardly moves, or is short.
    pub fn of(values: &[f64]) -> Option<Self> {
        let there: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        if there.len() < LEAST_ONE_WAY {
            return None;
        }
        let pairs = || there.windows(2);
        let (up, down) = (pairs().filter(|pair| pair[1] > pair[0]).count(), pairs().filter(|p| p[1] < p[0]).count());
        let moves = up.max(down);
        if up.min(down) > 0 || moves + 1 < LEAST_ONE_WAY / 2 || (moves as f64) < MOVES * there.len() as f64 {
            return None;
        }
        Some(Self { rises: up > 0, is_strict: moves + 1 == values.len() })
    }

    /// Returns the reason for which the column is left out.
    pub fn reason(self) -> String {
        let way = if self.rises { "rises" } else { "falls" };
        format!("it {way} from each row to the next, and later rows would be abnormal for that alone")
    }

    /// Returns a note on such a column that is used; `can_go` if it is not the only one.
    pub fn note(self, name: &str, can_go: bool) -> String {
        let course = match (self.is_strict, self.rises) {
            (true, true) => "rises from each row to the next",
            (true, false) => "falls from each row to the next",
            (false, true) => "never falls",
            (false, false) => "never rises",
        };
        let way_out =
            if can_go { format!(", or leave it out: setting `data.exclude=[{name:?}]`") } else { String::new() };
        format!(
            "column {name:?} {course}: later rows hold values that no row for training has, and are abnormal for that \
             alone; if it is a counter or a meter, give its change from row to row{way_out}"
        )
    }
}

/// Value far from all others of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FarValue {
    /// Row of the value, from 0.
    pub row: usize,
    pub value: f64,
    /// Distance from the median, in that of the farthest value that is not far.
    times: f64,
}

impl FarValue {
    /// Returns its place and distance in words.
    pub fn words(&self, name: &str) -> String {
        // A ratio of thousands has no digits that count.
        let digits = 10_f64.powf(self.times.log10().floor() - 1.0).max(1.0);
        let times = (self.times / digits).round() * digits;
        format!(
            "column {name:?}: row {} holds {}, {times} times as far from the rest as any other value",
            self.row + 1,
            self.value
        )
    }
}

/// Returns the values of a column that are so far from the others that they decide its scale alone; `is_used` says of a
/// row whether it counts.
pub(super) fn far_values(values: &[f64], is_used: impl Fn(usize) -> bool) -> Vec<FarValue> {
    let mut found: Vec<(usize, f64)> =
        values.iter().copied().enumerate().filter(|(row, value)| value.is_finite() && is_used(*row)).collect();
    if found.len() < LEAST_VALUES {
        return Vec::new();
    }
    let middle = found.len() / 2;
    let (_, &mut (_, median), _) = found.select_nth_unstable_by(middle, |a, b| a.1.total_cmp(&b.1));
    found.sort_by(|a, b| (b.1 - median).abs().total_cmp(&(a.1 - median).abs()).then(a.0.cmp(&b.0)));
    let distance = |at: usize| found.get(at).map_or(0.0, |(_, value)| (value - median).abs());
    let most = ((FAR_SHARE * found.len() as f64) as usize).max(1);
    let Some(count) =
        (1..=most).rev().find(|&count| distance(count) > 0.0 && distance(count - 1) >= FAR * distance(count))
    else {
        return Vec::new();
    };
    let mut far: Vec<FarValue> = found[..count]
        .iter()
        .map(|&(row, value)| FarValue { row, value, times: (value - median).abs() / distance(count) })
        .collect();
    far.sort_by_key(|far| far.row);
    far
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_never_turn_are_known() {
        let meter: Vec<f64> = (0..60).map(|at| 0.3 * f64::from(at)).collect();
        let of = |values: &[f64]| OneWay::of(values).map(|found| (found.rises, found.is_strict));
        assert_eq!(of(&meter), Some((true, true)));
        assert_eq!(of(&meter[..49]), None);
        assert_eq!(of(&meter.iter().rev().copied().collect::<Vec<f64>>()), Some((false, true)));
        let nights: Vec<f64> = (0..90).map(|at| f64::from(at / 2)).collect();
        assert_eq!(of(&nights), Some((true, false)));
        let mut gap = meter.clone();
        gap[10] = f64::NAN;
        assert_eq!(of(&gap), Some((true, false)));
        gap[20] = 0.0;
        assert_eq!(of(&gap), None);
        let step: Vec<f64> = (0..100).map(|at| f64::from(u8::from(at > 50))).collect();
        assert_eq!(of(&step), None, "a switch that is turned on once");
    }

    #[test]
    fn values_far_from_all_others_are_found() {
        let mut values: Vec<f64> = (0..1000).map(|at| (f64::from(at) * 0.7).sin()).collect();
        assert!(far_values(&values, |_| true).is_empty());
        values[412] = 1e7;
        let far = far_values(&values, |_| true);
        assert_eq!(far.len(), 1);
        assert_eq!((far[0].row, far[0].value), (412, 1e7));
        let words = far[0].words("b");
        assert!(words.contains("row 413 holds 10000000, 9700000 times as far"), "{words}");
        assert!(far_values(&values, |row| row != 412).is_empty());
        // Two of them, of other sizes.
        values[3] = -400.0;
        assert_eq!(far_values(&values, |_| true).len(), 2);
        // A switch that is on once is no value far away.
        let mut switch = vec![0.0; 500];
        switch[7] = 1.0;
        assert!(far_values(&switch, |_| true).is_empty());
    }
}
