//! Columns over time, cut in windows.

use super::DataError;
use super::formats::columns::{ColumnValues, Table, Timestamp};
use super::spec::DataSpec;
use crate::error::Setting;

/// Longest gap between two rows of a window, in usual steps: a longer one is a hole, and no window spans it.
const HOLE: f64 = 1.5;
/// Numbers of steps in a day for which a window is a day.
const DAY_STEPS: std::ops::RangeInclusive<usize> = 12..=512;
const USUAL_WINDOW: usize = 64;

/// Windows `[rows, window * columns]`: the columns of a step beside each other, step after step.
#[derive(Debug)]
pub(super) struct Windows {
    pub values: Vec<f32>,
    pub rows: usize,
    pub features: usize,
    /// Start time of each window, or its first row.
    pub names: Vec<String>,
    pub feature_names: Vec<String>,
    /// Windows before another that share steps with it.
    pub overlap: usize,
    /// First step of each window, from 0.
    pub starts: Vec<usize>,
}

/// Returns whether a table looks like a series: one column of times, going on in steps that are mostly alike, and
/// columns of numbers.
pub(super) fn is_series(table: &Table) -> bool {
    let mut times = table.columns.iter().filter_map(|cells| match cells {
        ColumnValues::Times(times) => Some(times),
        _ => None,
    });
    let (Some(times), None) = (times.next(), times.next()) else { return false };
    let Some((_, regular)) = usual_step(times) else { return false };
    regular && table.columns.iter().all(|cells| !matches!(cells, ColumnValues::Words { .. }))
}

/// The median of steps in seconds, and whether nine of ten are near it; `None` where a time is missing or more than 1%
/// of steps do not go forward.
fn usual_step(times: &[Option<Timestamp>]) -> Option<(f64, bool)> {
    let seconds: Vec<f64> = times.iter().map(|time| time.map(|time| time.seconds)).collect::<Option<_>>()?;
    let mut steps: Vec<f64> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let forward = steps.iter().filter(|&&step| step > 0.0).count();
    if steps.is_empty() || forward * 100 < steps.len() * 99 {
        return None;
    }
    steps.sort_by(f64::total_cmp);
    let usual = steps[steps.len() / 2];
    let near = steps.iter().filter(|&&step| (step - usual).abs() <= 0.1 * usual).count();
    Some((usual, near * 10 >= steps.len() * 9))
}

/// Cuts `table` in windows that hold no omitted step, the last one at its end where `to_end`; fills in window and
/// stride.
pub(super) fn cut(
    table: &Table,
    options: &mut DataSpec,
    omit: &[[u32; 2]],
    to_end: bool,
    place: &str,
    notes: &mut Vec<String>,
) -> Result<Windows, DataError> {
    let time_column = match &options.time {
        Some(name) => Some(table.find(name).ok_or_else(|| DataError::Setting {
            setting: Setting::spec_key("data.time"),
            problem: format!("{place} has no column {name:?}{}", crate::platform::perhaps_column(name, &table.names)),
        })?),
        None => table.columns.iter().position(|cells| matches!(cells, ColumnValues::Times(_))),
    };
    let times = time_column.and_then(|at| match &table.columns[at] {
        ColumnValues::Times(times) => Some(times.as_slice()),
        _ => None,
    });
    options.time = time_column.map(|at| table.names[at].clone());
    if options.columns.is_empty() {
        let numbers =
            table.names.iter().zip(&table.columns).filter(|(_, cells)| matches!(cells, ColumnValues::Numbers(_)));
        options.columns = numbers.map(|(name, _)| name.clone()).collect();
    }
    let mut columns = Vec::new();
    for name in &options.columns {
        match table.find(name).map(|at| &table.columns[at]) {
            Some(ColumnValues::Numbers(values)) => columns.push(values),
            Some(_) => {
                return Err(DataError::Setting {
                    setting: Setting::spec_key("data.columns"),
                    problem: format!("{name:?} holds no numbers; name columns that do"),
                });
            }
            None => {
                return Err(DataError::Setting {
                    setting: Setting::spec_key("data.columns"),
                    problem: format!(
                        "{place} has no column {name:?}{}",
                        crate::platform::perhaps_column(name, &table.names)
                    ),
                });
            }
        }
    }
    if columns.is_empty() {
        return Err(DataError::malformed(
            place,
            "it has no column of numbers to cut in windows; name one in data.columns",
        ));
    }
    let step = times.and_then(usual_step);
    let day = step.map(|(seconds, _)| (86_400.0 / seconds).round() as usize).filter(|day| DAY_STEPS.contains(day));
    let window = *options.window.get_or_insert(day.unwrap_or(USUAL_WINDOW).min(table.rows / 10).max(2));
    let stride = *options.stride.get_or_insert((window / 8).max(1));
    if table.rows < window {
        return Err(DataError::Setting {
            setting: Setting::spec_key("data.window"),
            problem: format!("{place} has {} rows, fewer than a window of {window}; use a smaller one", table.rows),
        });
    }
    let whole = |start: usize| {
        let filled = columns.iter().all(|values| values[start..start + window].iter().all(|value| !value.is_nan()));
        let joined = match (times, step) {
            (Some(times), Some((usual, _))) => times[start..start + window].windows(2).all(|pair| match pair {
                [Some(a), Some(b)] => b.seconds - a.seconds <= HOLE * usual && b.seconds >= a.seconds,
                _ => false,
            }),
            _ => true,
        };
        let end = (start + window) as u32;
        let omitted = omit.iter().any(|&[first, rows]| first < end && first.saturating_add(rows) > start as u32);
        filled && joined && !omitted
    };
    let mut all: Vec<usize> = (0..=table.rows - window).step_by(stride).collect();
    // A model that is there already is to see every step; in training, windows are all alike.
    if to_end && all.last() != Some(&(table.rows - window)) {
        all.push(table.rows - window);
    }
    let count = all.len();
    let starts: Vec<usize> = all.into_iter().filter(|&start| whole(start)).collect();
    if starts.len() < count {
        let missing = count - starts.len();
        notes.push(format!("{missing} of {count} windows are left out: values are missing, steps are left out, or there is a hole in time"));
    }
    if starts.is_empty() {
        return Err(DataError::malformed(place, "every window has missing values or a hole in it; use shorter ones"));
    }
    let mut values = Vec::with_capacity(starts.len() * window * columns.len());
    for &start in &starts {
        for at in start..start + window {
            values.extend(columns.iter().map(|column| column[at] as f32));
        }
    }
    let named = |&start: &usize| match times.and_then(|times| times[start]) {
        Some(timestamp) => stamp(timestamp),
        None => format!("row {}", start + 1),
    };
    let feature_names = (0..window)
        .flat_map(|at| {
            let names = options.columns.iter();
            names.map(move |name| format!("{name} +{at}")).collect::<Vec<String>>()
        })
        .collect();
    Ok(Windows {
        rows: starts.len(),
        features: window * columns.len(),
        names: starts.iter().map(named).collect(),
        feature_names,
        overlap: window.div_ceil(stride).saturating_sub(1),
        values,
        starts,
    })
}

/// Date and time in UTC, such as `2014-04-01 00:30:00`.
fn stamp(timestamp: Timestamp) -> String {
    jiff::Timestamp::from_second(timestamp.seconds as i64)
        .map(|stamp| jiff::tz::Offset::UTC.to_datetime(stamp).strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}
