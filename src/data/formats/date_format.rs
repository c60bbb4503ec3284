//! Dates and times as people write them: order of day, month and year, names of months, AM and PM, zones, epochs.

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::timestamp::{Timestamp, timestamp_at, timestamp_of};

/// Two-digit years below this one are of this century, the others of the last (POSIX `%y`).
const PIVOT: i16 = 69;
/// First letters of the months and of the days of the week, which begin their names in full as well.
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Names of months that German, French, Spanish, Italian and Portuguese write in another way, and their numbers.
const OTHER_MONTHS: [(&str, i8); 24] = [
    ("mai", 5),
    ("mär", 3),
    ("mrz", 3),
    ("okt", 10),
    ("dez", 12),
    ("fév", 2),
    ("fev", 2),
    ("avr", 4),
    ("juin", 6),
    ("juil", 7),
    ("aoû", 8),
    ("aou", 8),
    ("déc", 12),
    ("ene", 1),
    ("abr", 4),
    ("ago", 8),
    ("dic", 12),
    ("genn", 1),
    ("magg", 5),
    ("giu", 6),
    ("lug", 7),
    ("sett", 9),
    ("ott", 10),
    ("outu", 10),
];
/// Words for zones, and their hours ahead of UTC.
const ZONES: [(&str, f64); 30] = [
    ("cet", 1.0),
    ("cest", 2.0),
    ("mez", 1.0),
    ("mesz", 2.0),
    ("met", 1.0),
    ("mest", 2.0),
    ("wet", 0.0),
    ("west", 1.0),
    ("bst", 1.0),
    ("eet", 2.0),
    ("eest", 3.0),
    ("msk", 3.0),
    ("est", -5.0),
    ("edt", -4.0),
    ("cst", -6.0),
    ("cdt", -5.0),
    ("mst", -7.0),
    ("mdt", -6.0),
    ("pst", -8.0),
    ("pdt", -7.0),
    ("akst", -9.0),
    ("akdt", -8.0),
    ("hst", -10.0),
    ("jst", 9.0),
    ("kst", 9.0),
    ("acst", 9.5),
    ("aest", 10.0),
    ("aedt", 11.0),
    ("nzst", 12.0),
    ("nzdt", 13.0),
];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Writing of the dates of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DateFormat {
    /// Year, month, day.
    #[default]
    Ymd,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
    /// Digits without marks: year, month, day, and the time of day where there are more.
    Compact,
    /// Seconds since the start of 1970.
    Seconds,
    /// Milliseconds since the start of 1970.
    Milliseconds,
    /// Microseconds since the start of 1970.
    Microseconds,
    /// Nanoseconds since the start of 1970.
    Nanoseconds,
    /// Hour and minute, and no day.
    TimeOfDay,
}

impl DateFormat {
    /// Returns the name of the format in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ymd => "ymd",
            Self::Dmy => "dmy",
            Self::Mdy => "mdy",
            Self::Compact => "compact",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
            Self::TimeOfDay => "time_of_day",
        }
    }

    /// Returns the format in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Ymd => "year first",
            Self::Dmy => "day first",
            Self::Mdy => "month first",
            Self::Compact => "digits: year, month, day",
            Self::Seconds => "seconds since 1970",
            Self::Milliseconds => "milliseconds since 1970",
            Self::Microseconds => "microseconds since 1970",
            Self::Nanoseconds => "nanoseconds since 1970",
            Self::TimeOfDay => "times of day",
        }
    }

    /// Returns whether cells are numbers of units since 1970.
    pub fn is_epoch(self) -> bool {
        self.unit().is_some()
    }

    /// Seconds of one unit of an epoch; `None` for dates.
    pub(super) fn unit(self) -> Option<f64> {
        match self {
            Self::Seconds => Some(1.0),
            Self::Milliseconds => Some(1e-3),
            Self::Microseconds => Some(1e-6),
            Self::Nanoseconds => Some(1e-9),
            _ => None,
        }
    }

    /// Returns the time in a cell; those with a zone are converted to UTC.
    pub(crate) fn parse(self, cell: &str) -> Option<Timestamp> {
        if let Some(unit) = self.unit() {
            return timestamp_at(cell.trim().parse::<f64>().ok()? * unit);
        }
        match self {
            Self::Compact => return compact(cell.trim()),
            Self::TimeOfDay => return clock(cell.trim()),
            _ => {}
        }
        parse_date(cell.trim(), self)
    }

    /// Returns the timestamp as text that this format reads back.
    pub fn write(self, at: Timestamp) -> String {
        if let Some(unit) = self.unit() {
            return format!("{:.0}", at.seconds / unit);
        }
        let Ok(stamp) = jiff::Timestamp::from_millisecond((at.seconds * 1e3).round() as i64) else {
            return String::new();
        };
        let time = Offset::UTC.to_datetime(stamp);
        let has_time = time.time() != Time::midnight();
        let form = match (self, has_time) {
            (Self::Dmy, false) => "%d/%m/%Y",
            (Self::Dmy, true) => "%d/%m/%Y %H:%M:%S",
            (Self::Mdy, false) => "%m/%d/%Y",
            (Self::Mdy, true) => "%m/%d/%Y %H:%M:%S",
            (Self::Compact, false) => "%Y%m%d",
            (Self::Compact, true) => "%Y%m%d%H%M%S",
            (Self::TimeOfDay, _) if time.second() == 0 => "%H:%M",
            (Self::TimeOfDay, _) => "%H:%M:%S",
            (_, false) => "%Y-%m-%d",
            (_, true) => "%Y-%m-%d %H:%M:%S",
        };
        time.strftime(form).to_string()
    }

    /// Returns the timestamp in the form of a source, as [`Self::form_of`] gives it.
    pub(crate) fn write_as(self, at: Timestamp, form: &str) -> String {
        match jiff::Timestamp::from_millisecond((at.seconds * 1e3).round() as i64) {
            // The form of a model file may be any.
            Ok(stamp) if self.unit().is_none() => {
                jiff::fmt::strtime::format(form, Offset::UTC.to_datetime(stamp)).unwrap_or_else(|_| self.write(at))
            }
            _ => self.write(at),
        }
    }

    /// Returns the form of a cell, in the letters of `strftime`; `None` for those that are written in another way.
    pub(crate) fn form_of(self, cell: &str) -> Option<String> {
        let cell = cell.trim();
        let mut form = String::new();
        let mut rest = cell;
        let parts: &[char] = match self {
            Self::Ymd => &['Y', 'm', 'd', 'H', 'M', 'S'],
            Self::Dmy => &['d', 'm', 'Y', 'H', 'M', 'S'],
            Self::Mdy => &['m', 'd', 'Y', 'H', 'M', 'S'],
            Self::TimeOfDay => &['H', 'M', 'S'],
            _ => return None,
        };
        let mut parts = parts.iter();
        while !rest.is_empty() {
            let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            let mark = rest.chars().next()?;
            if end == 0 {
                if !matches!(mark, '-' | '/' | '.' | ':' | ' ' | 'T') {
                    return None;
                }
                form.push(mark);
                rest = &rest[1..];
                continue;
            }
            let part = *parts.next()?;
            form.push_str(&match (part, end) {
                ('Y', 4) => "%Y".to_owned(),
                ('Y', 2) => "%y".to_owned(),
                (part, 2) if part != 'Y' => format!("%{part}"),
                // One digit where one will do.
                (part, 1) if part != 'Y' => format!("%-{part}"),
                _ => return None,
            });
            rest = &rest[end..];
        }
        // What it writes reads back as the same.
        let again = self.parse(&self.write_as(self.parse(cell)?, &form))?;
        (Some(again.seconds) == self.parse(cell).map(|at| at.seconds)).then_some(form)
    }
}

/// A time of day without a day: that of the first day of 1970.
pub(super) fn clock(cell: &str) -> Option<Timestamp> {
    // Some loggers write dots: 18.00.00.
    let dotted: Vec<&str> = cell.split('.').collect();
    if dotted.len() == 3 && dotted.iter().all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return clock(&dotted.join(":"));
    }
    let has_marks = cell.contains(':') || cell.to_lowercase().ends_with('m');
    if !has_marks || cell.len() > 16 || !cell.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match time_of(cell)? {
        (time, None) => timestamp_of(DateTime::from_parts(Date::constant(1970, 1, 1), time)),
        _ => None,
    }
}

/// A date of a week or a quarter, or in the basic form of ISO 8601: `2024-W05`, `2024-W05-3`, `2024Q1`,
/// `20240131T105900`.
fn iso_date(cell: &str) -> Option<Timestamp> {
    let day = |date: Date| timestamp_of(DateTime::from_parts(date, Time::midnight()));
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i16>().ok())?;
    let low = cell.to_ascii_lowercase();
    if let Some((before, after)) = low.split_once('t')
        && before.len() == 8
        && matches!(after.trim_end_matches('z').len(), 4 | 6)
    {
        let digits = format!("{before}{}", after.trim_end_matches('z'));
        return compact(&digits);
    }
    if let Some((year, week)) = low.split_once('w') {
        let year = number(year.strip_suffix('-').unwrap_or(year)).filter(|year| (1000..=9999).contains(year))?;
        let (week, weekday) = match (week.split_once('-'), week.len()) {
            (Some((week, weekday)), _) => (week, number(weekday)?),
            (None, 3) => (week.get(..2)?, number(week.get(2..)?)?),
            (None, _) => (week, 1),
        };
        let weekday = Weekday::from_monday_one_offset(i8::try_from(weekday).ok()?).ok()?;
        let week = i8::try_from(number(week).filter(|_| week.len() <= 2)?).ok()?;
        return day(ISOWeekDate::new(year, week, weekday).ok()?.date());
    }
    let (before, after) = low.split_once('q')?;
    let (year, quarter) =
        if before.is_empty() { after.split_at_checked(1).map(|(a, b)| (b, a))? } else { (before, after) };
    let year = number(year.trim_matches(['-', ' ', '/'])).filter(|year| (1000..=9999).contains(year))?;
    let quarter = number(quarter).filter(|quarter| (1..=4).contains(quarter))?;
    day(Date::new(year, i8::try_from(3 * quarter - 2).ok()?, 1).ok()?)
}

/// A piece of a date.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    /// Number and its count of digits.
    Number(i16, usize),
    Month(i8),
}

/// Digits at the start of `text`, their number and what follows.
fn take_number(text: &str) -> Option<(i16, usize, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    (1..=4).contains(&end).then(|| text[..end].parse().ok()).flatten().map(|number| (number, end, &text[end..]))
}

/// Letters at the start of `text` in lower case, and what follows.
fn take_word(text: &str) -> (String, &str) {
    let end = text.char_indices().find(|(_, c)| !c.is_alphabetic()).map_or(text.len(), |(at, _)| at);
    (text[..end].to_lowercase(), &text[end..])
}

fn month_named(word: &str) -> Option<i8> {
    if word.chars().count() < 3 {
        return None;
    }
    let known = MONTHS.iter().position(|month| word.starts_with(month)).map(|at| at as i8 + 1);
    known.or_else(|| OTHER_MONTHS.iter().find(|(month, _)| word.starts_with(month)).map(|(_, number)| *number))
}

/// A date, perhaps with its time of day. `order` decides where all parts are numbers.
pub(super) fn parse_date(cell: &str, order: DateFormat) -> Option<Timestamp> {
    // Most cells that are no dates are seen at a glance.
    if cell.len() < 6 || cell.len() > 48 || !cell.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if cell.len() <= 16
        && cell.contains(['w', 'W', 'q', 'Q', 't', 'T'])
        && let Some(at) = iso_date(cell)
    {
        return Some(at);
    }
    let mut rest = cell;
    let mut pieces: Vec<Piece> = Vec::with_capacity(3);
    let mut marks: Vec<char> = Vec::with_capacity(2);
    while pieces.len() < 3 {
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            let (number, digits, after) = take_number(rest)?;
            // A time of day begins here: the date has two parts.
            if after.starts_with(':') {
                break;
            }
            pieces.push(Piece::Number(number, digits));
            rest = after;
            let (word, after) = take_word(rest);
            if ["st", "nd", "rd", "th"].contains(&word.as_str()) {
                rest = after;
            }
        } else if rest.starts_with(char::is_alphabetic) {
            let (word, after) = take_word(rest);
            if let Some(month) = month_named(&word) {
                pieces.push(Piece::Month(month));
            } else if word == "t" && pieces.len() == 2 {
                break;
            } else if !(pieces.is_empty() && WEEKDAYS.iter().any(|day| word.starts_with(day))) {
                return None;
            }
            rest = after;
        } else {
            return None;
        }
        if pieces.len() == 3 {
            break;
        }
        let before = rest;
        rest = rest.trim_start_matches([' ', '/', '-', '.', ',', '\'']);
        if rest.is_empty() {
            break;
        }
        let mark = before[..before.len() - rest.len()].trim();
        match mark.len() {
            0 if before.len() > rest.len() => marks.push(' '),
            1 => marks.extend(mark.chars()),
            _ if before.len() == rest.len() && rest.starts_with(['t', 'T']) => break,
            // A name of a month needs no mark: 31Jan2024.
            0 => marks.push(' '),
            _ => return None,
        }
    }
    let date = date_of(&pieces, &marks, order)?;
    let time = time_of(rest)?;
    let at = DateTime::from_parts(date, time.0);
    timestamp_of(match time.1 {
        Some(offset) => Offset::UTC.to_datetime(offset.to_timestamp(at).ok()?),
        None => at,
    })
}

fn full_year(year: i16, digits: usize) -> Option<i16> {
    match digits {
        4 => Some(year),
        2 => Some(if year < PIVOT { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

fn date_of(pieces: &[Piece], marks: &[char], order: DateFormat) -> Option<Date> {
    use Piece::{Month, Number};
    let (year, month, day) = match *pieces {
        [Number(year, 4), Number(month, 1..=2), Number(day, 1..=2)] => (year, month as i8, day),
        [Number(year, 4), Month(month), Number(day, 1..=2)] => (year, month, day),
        [Number(day, 1..=2), Month(month), Number(year, digits)] => (full_year(year, digits)?, month, day),
        [Month(month), Number(day, 1..=2), Number(year, digits)] => (full_year(year, digits)?, month, day),
        [Number(a, da @ 1..=2), Number(b, 1..=2), Number(c, dc)] => match order {
            DateFormat::Dmy => (full_year(c, dc)?, b as i8, a),
            DateFormat::Mdy => (full_year(c, dc)?, a as i8, b),
            _ if da == 2 && dc <= 2 => (full_year(a, 2)?, b as i8, c),
            _ => return None,
        },
        // Months without a day begin on their first.
        [Number(year, 4), Number(month, 1..=2)] | [Number(month, 1..=2), Number(year, 4)]
            if marks.first().is_some_and(|&mark| mark == '-' || mark == '/') =>
        {
            (year, month as i8, 1)
        }
        [Number(year, 4), Month(month)] | [Month(month), Number(year, 4)] => (year, month, 1),
        _ => return None,
    };
    let numbers = pieces.iter().all(|piece| matches!(piece, Number(..)));
    if numbers && (marks.contains(&' ') || marks.windows(2).any(|pair| pair[0] != pair[1])) {
        return None;
    }
    Date::new(year, month, i8::try_from(day).ok()?).ok()
}

/// Time of day and zone at the end of a cell; midnight where there is none.
fn time_of(text: &str) -> Option<(Time, Option<Offset>)> {
    let text = text.trim_start_matches([' ', ',', 'T', 't', '_']).trim();
    if text.is_empty() {
        return Some((Time::midnight(), None));
    }
    let (hour, digits, mut rest) = take_number(text)?;
    let (mut minute, mut second, mut nanosecond) = (0, 0, 0);
    let mut parts = 1;
    let two =
        |text: &str| take_number(text).filter(|(_, digits, _)| *digits <= 2).map(|(n, _, after)| (n, after.len()));
    while let Some(after) = rest.strip_prefix(':').filter(|_| parts < 3) {
        let (number, left) = two(after)?;
        if parts == 1 {
            minute = number;
        } else {
            second = number;
        }
        rest = &after[after.len() - left..];
        parts += 1;
    }
    if parts == 3
        && let Some(fraction) = rest.strip_prefix(['.', ','])
    {
        let end = fraction.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(fraction.len());
        let figures: String = fraction[..end].chars().chain("000000000".chars()).take(9).collect();
        nanosecond = figures.parse().ok().filter(|_| end > 0)?;
        rest = &fraction[end..];
    }
    let mut hour = hour;
    let rest_low = rest.trim().to_lowercase().replace("a.m.", "am").replace("p.m.", "pm");
    let mut zone = rest_low.strip_suffix("uhr").unwrap_or(&rest_low).trim_end();
    let half = ["am", "pm"].iter().find(|half| zone.starts_with(**half));
    if let Some(half) = half {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if *half == "pm" { 12 } else { 0 };
        zone = zone[2..].trim_start();
    } else if parts == 1 {
        return None;
    }
    if digits > 2 {
        return None;
    }
    let offset = match zone {
        "" => None,
        "z" | "utc" | "gmt" => Some(Offset::UTC),
        zone if zone_hours(zone).is_some() => Offset::from_seconds((zone_hours(zone)? * 3600.0) as i32).ok(),
        zone => Some(offset_of(zone.strip_prefix("utc").or_else(|| zone.strip_prefix("gmt")).unwrap_or(zone))?),
    };
    let byte = |number: i16| i8::try_from(number).ok();
    Some((Time::new(byte(hour)?, byte(minute)?, byte(second)?, nanosecond).ok()?, offset))
}

fn zone_hours(word: &str) -> Option<f64> {
    ZONES.iter().find(|(name, _)| *name == word).map(|(_, hours)| *hours)
}

/// Word for a zone at the end of a cell, as it is written, and its hours ahead of UTC.
pub(super) fn zone_word(cell: &str) -> Option<(&str, f64)> {
    let (_, word) = cell.rsplit_once(|c: char| c.is_ascii_digit() || c.is_whitespace())?;
    zone_hours(&word.to_lowercase()).map(|hours| (word, hours))
}

/// Offset such as `+02:00`, `-0330` or `+2`.
fn offset_of(text: &str) -> Option<Offset> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.strip_prefix(['+', '-'])?.replace(':', "");
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = if digits.len() > 2 { digits.split_at(digits.len() - 2) } else { (digits.as_str(), "0") };
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    Offset::from_seconds(sign * seconds).ok()
}

/// Digits without marks: `20240131`, `202401311059` or `20240131105900`.
pub(super) fn compact(cell: &str) -> Option<Timestamp> {
    if !matches!(cell.len(), 8 | 12 | 14) || !cell.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, len: usize| cell.get(from..from + len).map_or(Some(0), |digits| digits.parse::<i8>().ok());
    let year = cell[..4].parse::<i16>().ok().filter(|year| (1900..=2100).contains(year))?;
    let date = Date::new(year, part(4, 2)?, part(6, 2)?).ok()?;
    let time = Time::new(part(8, 2)?, part(10, 2)?, part(12, 2)?, 0).ok()?;
    timestamp_of(DateTime::from_parts(date, time))
}

#[cfg(test)]
#[expect(clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]
mod tests {
    use super::DateFormat;

    /// Seconds of a date in UTC.
    fn at(text: &str) -> f64 {
        text.parse::<jiff::Timestamp>().expect("a time").as_microsecond() as f64 / 1e6
    }

    #[test]
    fn dates_are_read_in_the_forms_that_people_write() {
        for (cell, format, wanted) in [
            ("2024-01-31", DateFormat::Ymd, "2024-01-31T00:00:00Z"),
            ("2024-01-31T10:00:00+02:00", DateFormat::Ymd, "2024-01-31T08:00:00Z"),
            ("2024-01-31 10:00:00+00:00", DateFormat::Ymd, "2024-01-31T10:00:00Z"),
            ("2024-01-31 10:00:00.123456", DateFormat::Ymd, "2024-01-31T10:00:00.123456Z"),
            ("2024/1/3 7:05", DateFormat::Ymd, "2024-01-03T07:05:00Z"),
            ("31/01/2024", DateFormat::Dmy, "2024-01-31T00:00:00Z"),
            ("3.1.2024 10:00", DateFormat::Dmy, "2024-01-03T10:00:00Z"),
            ("01/31/24", DateFormat::Mdy, "2024-01-31T00:00:00Z"),
            ("1/31/1999 12:05:09 AM", DateFormat::Mdy, "1999-01-31T00:05:09Z"),
            ("1/31/1999 1:05 p.m.", DateFormat::Mdy, "1999-01-31T13:05:00Z"),
            ("31-Jan-2024 10:00", DateFormat::Ymd, "2024-01-31T10:00:00Z"),
            ("Jan 31, 2024", DateFormat::Ymd, "2024-01-31T00:00:00Z"),
            ("Wed, 31 January 2024 10:00:00 GMT", DateFormat::Ymd, "2024-01-31T10:00:00Z"),
            ("31st Mär 2024", DateFormat::Ymd, "2024-03-31T00:00:00Z"),
            ("1949-01", DateFormat::Ymd, "1949-01-01T00:00:00Z"),
            ("Jan 1949", DateFormat::Ymd, "1949-01-01T00:00:00Z"),
            ("20240131", DateFormat::Compact, "2024-01-31T00:00:00Z"),
            ("20240131105900", DateFormat::Compact, "2024-01-31T10:59:00Z"),
            ("1706695200", DateFormat::Seconds, "2024-01-31T10:00:00Z"),
            ("1706695200500", DateFormat::Milliseconds, "2024-01-31T10:00:00.5Z"),
            ("24-01-31", DateFormat::Ymd, "2024-01-31T00:00:00Z"),
            ("12 juin 2024", DateFormat::Ymd, "2024-06-12T00:00:00Z"),
            ("1 juil. 2024", DateFormat::Ymd, "2024-07-01T00:00:00Z"),
            ("31 juillet 2024", DateFormat::Ymd, "2024-07-31T00:00:00Z"),
            ("20240131T105900", DateFormat::Ymd, "2024-01-31T10:59:00Z"),
            ("20240131T105900Z", DateFormat::Ymd, "2024-01-31T10:59:00Z"),
            ("2024-W05", DateFormat::Ymd, "2024-01-29T00:00:00Z"),
            ("2024W053", DateFormat::Ymd, "2024-01-31T00:00:00Z"),
            ("2024-W05-3", DateFormat::Ymd, "2024-01-31T00:00:00Z"),
            ("2024Q1", DateFormat::Ymd, "2024-01-01T00:00:00Z"),
            ("Q3 2024", DateFormat::Ymd, "2024-07-01T00:00:00Z"),
            ("01.02.2024 10:30 Uhr", DateFormat::Dmy, "2024-02-01T10:30:00Z"),
            ("2024-01-31 10:00 CET", DateFormat::Ymd, "2024-01-31T09:00:00Z"),
            ("10:30", DateFormat::TimeOfDay, "1970-01-01T10:30:00Z"),
            ("18.00.00", DateFormat::TimeOfDay, "1970-01-01T18:00:00Z"),
            ("1:30:15 PM", DateFormat::TimeOfDay, "1970-01-01T13:30:15Z"),
        ] {
            let read = format.parse(cell).unwrap_or_else(|| panic!("{cell} is a date"));
            assert!((read.seconds - at(wanted)).abs() < 1e-5, "{cell}: {}", read.seconds);
            assert_eq!(
                format.parse(&format.write(read)).map(|again| again.seconds.round()),
                Some(read.seconds.round())
            );
        }
        for cell in
            ["31/13/2024", "1.2.3", "192.168.1.1", "12:30", "5-10", "2024-13-01", "may be", "1/2-2024", "A1 2024"]
        {
            for format in [DateFormat::Ymd, DateFormat::Dmy, DateFormat::Mdy, DateFormat::Compact] {
                assert_eq!(format.parse(cell), None, "{cell} as {format:?}");
            }
        }
    }

    #[test]
    fn dates_are_written_in_the_form_of_their_source() {
        for (cell, format, form) in [
            ("06.05.2024 01:00", DateFormat::Dmy, Some("%d.%m.%Y %H:%M")),
            ("6/5/24", DateFormat::Mdy, Some("%-m/%-d/%y")),
            ("2024-05-06T01:00:05", DateFormat::Ymd, Some("%Y-%m-%dT%H:%M:%S")),
            ("10:30", DateFormat::TimeOfDay, Some("%H:%M")),
            ("6 May 2024", DateFormat::Ymd, None),
        ] {
            assert_eq!(format.form_of(cell).as_deref(), form, "{cell}");
            if let Some(form) = form {
                assert_eq!(format.write_as(format.parse(cell).expect("a date"), form), cell);
            }
        }
    }
}
