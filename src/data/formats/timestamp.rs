//! Points in time and their phases.

/// A point in time: seconds since 1970, and its place in the day, the week and the year, each from 0 to below 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timestamp {
    /// Seconds since the start of 1970, in UTC.
    pub seconds: f64,
    /// Phase in the day, 0 at midnight.
    pub day: f64,
    /// Phase in the week, 0 at the start of Monday.
    pub week: f64,
    /// Phase in the year, 0 at the start of January 1.
    pub year: f64,
}

/// Timestamp of `seconds` since the start of 1970.
pub(crate) fn timestamp_at(seconds: f64) -> Option<Timestamp> {
    let stamp = jiff::Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()?;
    timestamp_of(jiff::tz::Offset::UTC.to_datetime(stamp))
}

pub(crate) fn timestamp_of(at: jiff::civil::DateTime) -> Option<Timestamp> {
    let seconds_of_day = f64::from(at.hour()) * 3600.0
        + f64::from(at.minute()) * 60.0
        + f64::from(at.second())
        + f64::from(at.subsec_nanosecond()) * 1e-9;
    let day = seconds_of_day / 86_400.0;
    let stamp = jiff::tz::Offset::UTC.to_timestamp(at).ok()?;
    let days_in_year = f64::from(at.date().days_in_year());
    Some(Timestamp {
        seconds: stamp.as_second() as f64 + f64::from(at.subsec_nanosecond()) * 1e-9,
        day,
        week: (f64::from(at.date().weekday().to_monday_zero_offset()) + day) / 7.0,
        year: (f64::from(at.date().day_of_year()) - 1.0 + day) / days_in_year,
    })
}
