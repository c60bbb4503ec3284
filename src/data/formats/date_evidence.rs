//! Evidence on the writing of dates, from all cells of a column.

use super::date_format::{DateFormat, clock, compact, parse_date, zone_word};

/// Seconds since 1970 that are taken for times without a name that says so: the years 2000 to 2100.
const EPOCHS: std::ops::Range<f64> = 946_684_800.0..4_102_444_800.0;
/// Share of steps forward in time from which rows are in order.
const SORTED: f64 = 0.99;

/// Orders of dates that are told apart, the one that is preferred first.
const ORDERS: [DateFormat; 3] = [DateFormat::Ymd, DateFormat::Mdy, DateFormat::Dmy];

/// Cells under one order of day, month and year.
#[derive(Clone, Copy, Debug, Default)]
struct OrderEvidence {
    cells: usize,
    last: Option<f64>,
    forward: usize,
    backward: usize,
}

/// Evidence on the writing of dates, gathered from the cells of a column.
#[derive(Clone, Debug, Default)]
pub(crate) struct DateEvidence {
    orders: [OrderEvidence; 3],
    /// First cell that two orders take for different dates.
    doubtful: Option<String>,
    two_digit_years: bool,
    /// Word for a zone in the first cell that has one, and its hours ahead of UTC.
    zone: Option<(String, f64)>,
    /// Cells that are times of day without a day.
    clock: usize,
    /// Cells that are dates in digits.
    compact: usize,
    /// Cells that are whole numbers of an epoch, by its unit.
    epochs: [usize; 4],
    last_number: Option<f64>,
    numbers: usize,
    forward: usize,
    /// Cells seen.
    cells: usize,
}

/// Outcome of the evidence of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DateFinding {
    pub format: DateFormat,
    /// Cells that are dates in this format.
    pub cells: usize,
    /// Cell that another order takes for another date, without anything that decides.
    pub doubtful: Option<String>,
    /// True if rows are in order of time under this order and not under the others.
    pub by_order: bool,
    /// True if years are written with two digits.
    pub two_digit_years: bool,
    /// True if the cells leave no doubt of the order.
    pub decides: bool,
    /// Word for a zone in the first cell that has one, and its hours ahead of UTC.
    pub zone: Option<(String, f64)>,
}

const EPOCH_FORMATS: [DateFormat; 4] =
    [DateFormat::Seconds, DateFormat::Milliseconds, DateFormat::Microseconds, DateFormat::Nanoseconds];

impl DateEvidence {
    /// Adds a cell that is not missing.
    pub fn push(&mut self, cell: &str) {
        let cell = cell.trim();
        self.cells += 1;
        if let Ok(number) = cell.parse::<f64>() {
            self.push_number(cell, number);
            return;
        }
        let mut found: [Option<f64>; 3] = [None; 3];
        for (place, (order, evidence)) in ORDERS.iter().zip(&mut self.orders).enumerate() {
            let Some(at) = parse_date(cell, *order) else { continue };
            evidence.cells += 1;
            if let Some(last) = evidence.last {
                evidence.forward += usize::from(at.seconds >= last);
                evidence.backward += usize::from(at.seconds <= last);
            }
            evidence.last = Some(at.seconds);
            found[place] = Some(at.seconds);
        }
        let mut there = found.iter().flatten();
        let first = there.next();
        if self.doubtful.is_none() && there.any(|at| Some(at) != first) {
            self.doubtful = Some(cell.to_owned());
        }
        if first.is_none() {
            self.clock += usize::from(clock(cell).is_some());
        } else if self.zone.is_none() {
            self.zone = zone_word(cell).map(|(word, hours)| (word.to_owned(), hours));
        }
        let has_long_year = cell.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() >= 4);
        self.two_digit_years |= first.is_some() && !has_long_year;
    }

    fn push_number(&mut self, cell: &str, number: f64) {
        self.numbers += 1;
        self.compact += usize::from(compact(cell).is_some());
        for (count, format) in self.epochs.iter_mut().zip(EPOCH_FORMATS) {
            let seconds = number * format.unit().unwrap_or(1.0);
            *count += usize::from(EPOCHS.contains(&seconds));
        }
        if let Some(last) = self.last_number {
            self.forward += usize::from(number >= last);
        }
        self.last_number = Some(number);
    }

    /// Returns the order that fits most cells; `wanted` is what the spec or the rest of the file asks for.
    pub fn finding(&self, wanted: Option<DateFormat>) -> Option<DateFinding> {
        let most = self.orders.iter().map(|order| order.cells).max().unwrap_or(0);
        if self.clock > most {
            return Some(DateFinding {
                format: DateFormat::TimeOfDay,
                cells: self.clock,
                doubtful: None,
                by_order: false,
                two_digit_years: false,
                decides: false,
                zone: None,
            });
        }
        if most == 0 {
            return None;
        }
        let best: Vec<usize> = (0..ORDERS.len()).filter(|&place| self.orders[place].cells == most).collect();
        let steps = |place: usize| self.orders[place].cells.saturating_sub(1) as f64 * SORTED;
        let is_sorted = |place: usize| {
            let order = self.orders[place];
            order.forward as f64 >= steps(place) || order.backward as f64 >= steps(place)
        };
        let sorted: Vec<usize> = best.iter().copied().filter(|&place| is_sorted(place)).collect();
        let wanted = wanted.and_then(|wanted| best.iter().copied().find(|&place| ORDERS[place] == wanted));
        let dots = self.doubtful.as_ref().is_some_and(|cell| !cell.contains('/'));
        let by_order = self.doubtful.is_some() && wanted.is_none() && best.len() > 1 && sorted.len() == 1;
        let usual = || match dots {
            // Dots and dashes stand between day, month and year.
            true => best.iter().copied().find(|&place| ORDERS[place] == DateFormat::Dmy),
            false => None,
        };
        let chosen = wanted.or_else(|| by_order.then(|| sorted[0])).or_else(usual).unwrap_or(best[0]);
        let is_open = self.doubtful.is_some() && best.len() > 1;
        Some(DateFinding {
            format: ORDERS[chosen],
            cells: most,
            doubtful: self.doubtful.clone().filter(|_| is_open && wanted.is_none() && !by_order),
            by_order,
            two_digit_years: self.two_digit_years,
            decides: self.doubtful.is_some() && best.len() == 1,
            zone: self.zone.clone(),
        })
    }

    /// Returns the format under which all cells, numbers, are times: digits of dates, or an epoch where the rows are in
    /// order or `is_named` as times are.
    pub fn number_finding(&self, is_named: bool) -> Option<DateFormat> {
        if self.numbers == 0 || self.numbers != self.cells {
            return None;
        }
        let sorted = self.numbers > 2 && self.forward as f64 >= (self.numbers - 1) as f64 * SORTED;
        if self.compact == self.numbers && (sorted || is_named) {
            return Some(DateFormat::Compact);
        }
        let of = self.epochs.iter().position(|&count| count == self.numbers)?;
        (sorted || is_named).then(|| EPOCH_FORMATS[of])
    }
}

/// Returns whether a column is named as times are.
pub(crate) fn is_time_name(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = ["time", "date", "stamp", "epoch", "datum", "zeit", "fecha", "when"];
    words.iter().any(|word| name.contains(word)) || name == "ts" || name.ends_with("_ts") || name.ends_with("_at")
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    fn finding(cells: &[&str], wanted: Option<DateFormat>) -> (DateFormat, bool, bool) {
        let mut evidence = DateEvidence::default();
        cells.iter().for_each(|cell| evidence.push(cell));
        let found = evidence.finding(wanted).expect("dates");
        assert_eq!(found.cells, cells.len());
        (found.format, found.doubtful.is_some(), found.by_order)
    }

    #[test]
    fn the_order_is_that_of_the_whole_column() {
        assert_eq!(finding(&["05/01/2024", "31/01/2024"], None), (DateFormat::Dmy, false, false));
        assert_eq!(finding(&["05/01/2024", "01/31/2024"], None), (DateFormat::Mdy, false, false));
        // Forward in time under both orders.
        assert_eq!(finding(&["01/02/2024", "02/02/2024"], None).0, DateFormat::Mdy);
        assert!(finding(&["01/02/2024", "02/02/2024"], None).1);
        // In order only when the day is first.
        let days = ["09/01/2024", "10/01/2024", "11/01/2024", "12/01/2024", "01/02/2024", "02/02/2024"];
        assert_eq!(finding(&days, None), (DateFormat::Dmy, false, true));
        assert_eq!(finding(&["01.02.2024", "07.05.2024", "03.01.2024"], None), (DateFormat::Dmy, true, false));
        assert_eq!(finding(&["01/02/2024"], Some(DateFormat::Dmy)), (DateFormat::Dmy, false, false));
    }

    #[test]
    fn numbers_are_times_where_they_are_in_order_or_named_so() {
        let number = |cells: &[&str], named: bool| {
            let mut evidence = DateEvidence::default();
            cells.iter().for_each(|cell| evidence.push(cell));
            evidence.number_finding(named)
        };
        assert_eq!(number(&["1700000000", "1700000060", "1700000120"], false), Some(DateFormat::Seconds));
        assert_eq!(number(&["1700000120", "1700000060", "1700000000"], false), None);
        assert_eq!(number(&["1700000120", "1700000060", "1700000000"], true), Some(DateFormat::Seconds));
        assert_eq!(number(&["20240131", "20240201", "20240202"], false), Some(DateFormat::Compact));
        assert_eq!(number(&["5", "6", "7"], true), None);
    }
}
