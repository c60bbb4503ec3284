//! Columns over time, cut in windows.

use std::ops::Range;
use std::sync::Arc;

use super::formats::columns::{ColumnValues, Table};
use super::preparation::Preparation;
use super::rhythm::{calendar_period, common_divisor, period, usual_stride, usual_window};
use super::spec::{DataSpec, SourceKind, is_omitted};
use super::time_order::{NOWHERE, TimeOrder, fill_between, without_steps};
use super::{DataError, RowReader};
use crate::error::Setting;

/// Missing steps or values in a row that are filled in between their neighbors, at most; of a short window an eighth.
const MOST_FILLED: usize = 3;
/// Rows that are a series without being called one, at least.
const LEAST_STEPS: usize = 30;
/// Share of rows that may repeat the time of another, or have none, in what is taken for a series.
const FEW: f64 = 0.1;
/// Names of columns of numbers that are taken for times in a series, in lowercase.
const TIME_NAMES: [&str; 7] = ["time", "timestamp", "date", "datetime", "epoch", "ts", "t"];

/// Windows of a series, each a row: the columns of a step beside each other, step after step.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// Values `[steps, columns]`; NaN where no window is.
    pub values: Arc<Vec<f32>>,
    pub columns: usize,
    /// Steps of a window.
    pub window: usize,
    /// First step of each window, from 0, in rising order.
    pub starts: Arc<Vec<u32>>,
    /// Step of each row of the source; that of none where its time or all its values are missing.
    pub step_of_row: Vec<u32>,
    pub steps: usize,
    /// Start time of each window, or its first row.
    pub names: Vec<String>,
    pub feature_names: Vec<String>,
    /// Windows before another that share steps with it.
    pub overlap: usize,
}

impl Windows {
    pub fn features(&self) -> usize {
        self.window * self.columns
    }

    /// Returns the values of a window, not yet prepared.
    pub fn row(&self, number: u32) -> &[f32] {
        let start = self.starts[number as usize] as usize * self.columns;
        &self.values[start..start + self.features()]
    }

    /// Returns the values of the steps in the windows `rows`, each step once.
    pub fn steps_of(&self, rows: &[u32]) -> Vec<f32> {
        let mut covered = vec![false; self.steps];
        for &row in rows {
            let start = self.starts[row as usize] as usize;
            covered[start..start + self.window].fill(true);
        }
        let steps = self.values.chunks_exact(self.columns).zip(covered).filter(|(_, covered)| *covered);
        steps.flat_map(|(values, _)| values).copied().collect()
    }
}

/// Windows that are cut as they are read: those that begin at every step would take as much memory as a window has
/// steps times the series.
#[derive(Debug)]
pub(super) struct WindowRows {
    pub windows: Windows,
    pub preparation: Preparation,
}

impl RowReader for WindowRows {
    fn read(&self, rows: &[u32], _: u32, out: &mut [u8]) -> Result<(), DataError> {
        let features = self.windows.features();
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(features * size_of::<f32>())) {
            let mut values = self.windows.row(row).to_vec();
            self.preparation.apply(&mut values, features);
            out.copy_from_slice(bytemuck::cast_slice(&values));
        }
        Ok(())
    }
}

/// Returns whether a table with times is a series (one column of times, going on in steps that are mostly alike, and
/// columns of numbers), or the reason that it is not; `None` without times.
pub(super) fn is_series(table: &Table, options: &DataSpec) -> Option<Result<(), String>> {
    let named =
        |(name, cells): (&String, &ColumnValues)| matches!(cells, ColumnValues::Times(_)).then(|| format!("{name:?}"));
    let found: Vec<String> = table.names.iter().zip(&table.columns).filter_map(named).collect();
    if found.len() > 1 && options.time.is_none() {
        return Some(Err(format!("it has {} columns of times ({})", found.len(), found.join(", "))));
    }
    let (at, times) = time_column(table, options, SourceKind::Table).ok()??;
    let worded = table.names.iter().zip(&table.columns).find(
        |(_, cells)| matches!(cells, ColumnValues::Words { codes, words } if words.len() > 1 && !codes.is_empty()),
    );
    let line = TimeOrder::of_times(&times, MOST_FILLED);
    let name = &table.names[at];
    let reason = if let Some((name, _)) = worded {
        format!("column {name:?} holds words")
    } else if !table
        .columns
        .iter()
        .enumerate()
        .any(|(own, cells)| own != at && matches!(cells, ColumnValues::Numbers(_)))
    {
        "it has no column of numbers beside the times".to_owned()
    } else if table.rows < LEAST_STEPS {
        format!("its {} rows are fewer than {LEAST_STEPS}", table.rows)
    } else if line.untimed() > FEW {
        format!("{:.0}% of its rows have no time in {name:?}", 100.0 * line.untimed())
    } else if line.repeated() > FEW {
        format!("{:.0}% of its rows repeat the time of another in {name:?}", 100.0 * line.repeated())
    } else if !line.pace.is_some_and(|pace| pace.is_regular) {
        format!("its rows follow each other at no regular pace in {name:?}")
    } else {
        return Some(Ok(()));
    };
    Some(Err(reason))
}

/// Column of the times, and the seconds since 1970 of each row.
type TimeColumn = (usize, Vec<Option<f64>>);

/// Returns the time column that the spec names, or the first with times, or else one of rising or falling numbers that
/// is named as times are and counts seconds since 1970; in what is called a series, any numbers.
fn time_column(table: &Table, options: &DataSpec, kind: SourceKind) -> Result<Option<TimeColumn>, String> {
    let seconds = |at: usize| match table.columns.get(at)? {
        ColumnValues::Times(times) => Some(times.iter().map(|time| time.map(|time| time.seconds)).collect()),
        ColumnValues::Numbers(values) => Some(seconds_of(values)),
        ColumnValues::Words { .. } => None,
    };
    if let Some(name) = &options.time {
        let at = table.find(name).ok_or_else(|| {
            format!("there is no column {name:?}{}", crate::platform::perhaps_column(name, &table.names))
        })?;
        let times = seconds(at).ok_or_else(|| {
            format!(
                "{name:?} holds words; name a column of times such as 2024-01-31 12:00:00, or of seconds since 1970"
            )
        })?;
        return Ok(Some((at, times)));
    }
    let of_times = table.columns.iter().position(|cells| matches!(cells, ColumnValues::Times(_)));
    let by_name = || {
        let is_named = |(name, cells): (&String, &ColumnValues)| {
            let ColumnValues::Numbers(values) = cells else { return false };
            let goes_on = values.is_sorted() || values.iter().rev().is_sorted();
            let is_called_one = kind == SourceKind::Series;
            // Kept as numbers, they are no times unless they are named as such.
            let is_kept = options.keep.contains(name);
            !is_kept
                && TIME_NAMES.contains(&name.to_lowercase().as_str())
                && goes_on
                && (is_called_one || are_stamps(values))
        };
        table.names.iter().zip(&table.columns).position(is_named)
    };
    let at = of_times.or_else(by_name);
    Ok(at.and_then(|at| Some((at, seconds(at)?))))
}

/// Returns whether all numbers are seconds, or parts of them, since 1970 in the years 1990 to 2100.
fn are_stamps(values: &[f64]) -> bool {
    const YEARS: Range<f64> = 631_152_000.0..4_102_444_800.0;
    !values.is_empty() && seconds_of(values).iter().all(|seconds| seconds.is_some_and(|at| YEARS.contains(&at)))
}

/// Returns numbers as seconds: those that would lie beyond the year 5000 are milliseconds, microseconds or nanoseconds
/// since 1970.
fn seconds_of(values: &[f64]) -> Vec<Option<f64>> {
    const YEAR_5000: f64 = 1e11;
    let most = values.iter().filter(|value| value.is_finite()).fold(0.0_f64, |most, value| most.max(value.abs()));
    let unit = [1.0, 1e3, 1e6, 1e9].into_iter().find(|unit| most / unit < YEAR_5000).unwrap_or(1.0);
    values.iter().map(|value| value.is_finite().then_some(value / unit)).collect()
}

/// Columns of a series at its steps.
struct Steps {
    line: TimeOrder,
    columns: Vec<Vec<f64>>,
    /// Steps without a hole, a missing value or an omitted step.
    runs: Vec<Range<usize>>,
    filled: usize,
}

impl Steps {
    /// Brings columns in the order of time; holes of up to `fill` steps are filled.
    fn new(times: Option<&[Option<f64>]>, columns: &[&Vec<f64>], rows: usize, omit: &[[u32; 2]], fill: usize) -> Self {
        let line = match times {
            Some(times) => TimeOrder::of_times(times, fill),
            None => TimeOrder::without_times(rows),
        };
        let mut columns: Vec<Vec<f64>> = columns.iter().map(|values| line.means(values)).collect();
        let mut omitted = vec![false; line.steps];
        for (row, &step) in line.step_of_row.iter().enumerate() {
            if let Some(omitted) = omitted.get_mut(step as usize) {
                *omitted |= is_omitted(omit, row as u32);
            }
        }
        let filled = columns.iter_mut().map(|column| fill_between(column, &line.runs, fill)).sum::<usize>();
        let is_usable = |step: usize| !omitted[step] && columns.iter().all(|column| column[step].is_finite());
        let runs = without_steps(&line.runs, is_usable);
        Self { line, columns, runs, filled }
    }
}

/// Cuts `table` in windows that hold no omitted step, the last of each run of steps at its end where the model is
/// `fitted`; fills in time column, columns, window and stride.
pub(super) fn cut(
    table: &Table,
    options: &mut DataSpec,
    omit: &[[u32; 2]],
    fitted: bool,
    place: &str,
    notes: &mut Vec<String>,
) -> Result<Windows, DataError> {
    let found = time_column(table, options, SourceKind::Series)
        .map_err(|problem| DataError::Setting { setting: Setting::spec_key("data.time"), problem })?;
    let time_at = found.as_ref().map(|(at, _)| *at);
    if let (None, Some(at)) = (&options.time, time_at)
        && !matches!(table.columns.get(at), Some(ColumnValues::Times(_)))
    {
        notes.push(format!("column {:?} is taken for times, in seconds or parts of them", table.names[at]));
    }
    options.time = time_at.map(|at| table.names[at].clone());
    if options.columns.is_empty() {
        let is_value = |at: usize| Some(at) != time_at && matches!(table.columns[at], ColumnValues::Numbers(_));
        options.columns = (0..table.names.len()).filter(|&at| is_value(at)).map(|at| table.names[at].clone()).collect();
        let unused: Vec<String> = (0..table.names.len())
            .filter(|&at| Some(at) != time_at && !is_value(at))
            .map(|at| format!("{:?}", table.names[at]))
            .collect();
        if !unused.is_empty() {
            notes.push(format!("no numbers of the series, left out: {}", unused.join(", ")));
        }
    }
    let columns = options.columns.iter().map(|name| numbers(table, name, place)).collect::<Result<Vec<_>, _>>()?;
    if columns.is_empty() {
        return Err(DataError::malformed(
            place,
            "it has no column of numbers to cut in windows; name one: setting `data.columns`",
        ));
    }
    let times = found.as_ref().map(|(_, times)| times.as_slice());
    let steps = |fill: usize| Steps::new(times, &columns, table.rows, omit, fill);
    let fill_of = |window: usize| (window / 8).clamp(1, MOST_FILLED);
    let mut cut = steps(options.window.map_or(MOST_FILLED, fill_of));
    let calendar = cut.line.pace.and_then(|pace| calendar_period(pace.usual));
    let mut own = None;
    let window = match options.window {
        Some(window) => window,
        None => {
            // Noise moves a peak by a few steps.
            let exact = |own: usize| calendar.filter(|day| own.abs_diff(*day) * 33 <= *day).unwrap_or(own);
            own = period(&cut.columns, &cut.runs).map(exact);
            let window = usual_window(own.or(calendar), &cut.runs, columns.len());
            if fill_of(window) < MOST_FILLED {
                cut = steps(fill_of(window));
            }
            window
        }
    };
    options.window = Some(window);
    notes.extend(cut.line.notes(options.time.as_deref().unwrap_or("time")));
    if cut.filled > 0 && cut.filled > cut.line.blank() * columns.len() {
        notes.push(format!(
            "{} missing values are filled in by their neighbors in time",
            cut.filled - cut.line.blank() * columns.len()
        ));
    }
    let longest = cut.runs.iter().map(Range::len).max().unwrap_or(0);
    if longest < window {
        let problem = match fitted {
            true => format!(
                "at most {longest} steps follow each other without a hole or a missing value, and the model was fitted \
                 on windows of {window}; give at least as many"
            ),
            false => format!(
                "it is {window}, and at most {longest} steps follow each other without a hole or a missing value; use at \
                 most {}",
                (longest / 4).max(2)
            ),
        };
        return Err(match fitted {
            true => DataError::malformed(place, problem),
            false => DataError::Setting { setting: Setting::spec_key("data.window"), problem },
        });
    }
    let count: usize = cut.runs.iter().map(|run| (run.len() + 1).saturating_sub(window)).sum();
    let stride = match options.stride {
        Some(stride) => {
            let shared = common_divisor(stride, window);
            if shared > 1 && !fitted {
                notes.push(format!(
                    "windows of {window} steps that begin every {stride} meet one place in {shared} only; leave \
                     data.stride out to meet all"
                ));
            }
            stride
        }
        None => {
            let periods: Vec<usize> = own.into_iter().chain(calendar).collect();
            usual_stride(count, window, window * columns.len(), &periods)
        }
    };
    options.stride = Some(stride);
    let mut starts: Vec<u32> = Vec::new();
    let mut covered = 0;
    for run in cut.runs.iter().filter(|run| run.len() >= window) {
        let last = run.end - window;
        starts.extend((run.start..=last).step_by(stride).map(|start| start as u32));
        // A model that is there already is to see every step; in training, windows are all alike.
        if fitted && starts.last() != Some(&(last as u32)) {
            starts.push(last as u32);
        }
        covered += run.len();
    }
    if covered < cut.line.steps {
        notes.push(format!(
            "{} of {} steps are in no window of {window}: they are left out, values are missing, or too few follow each \
             other",
            cut.line.steps - covered,
            cut.line.steps
        ));
    }
    let values = (0..cut.line.steps).flat_map(|at| cut.columns.iter().map(move |column| column[at] as f32)).collect();
    let mut row_of_step = vec![0; cut.line.steps];
    for (row, &step) in cut.line.step_of_row.iter().enumerate().rev() {
        if let Some(first) = row_of_step.get_mut(step as usize) {
            *first = row;
        }
    }
    let named = |&start: &u32| match cut.line.seconds.get(start as usize) {
        Some(&seconds) if matches!(time_at.map(|at| &table.columns[at]), Some(ColumnValues::Times(_))) => {
            stamp(seconds)
        }
        _ => format!("row {}", row_of_step[start as usize] + 1),
    };
    let feature_names = (0..window)
        .flat_map(|at| {
            let names = options.columns.iter();
            names.map(move |name| format!("{name} +{at}")).collect::<Vec<String>>()
        })
        .collect();
    let mut step_of_row = cut.line.step_of_row;
    for (row, step) in step_of_row.iter_mut().enumerate() {
        if columns.iter().all(|values| values[row].is_nan()) {
            *step = NOWHERE;
        }
    }
    Ok(Windows {
        columns: columns.len(),
        window,
        names: starts.iter().map(named).collect(),
        feature_names,
        overlap: window.div_ceil(stride).saturating_sub(1),
        values: Arc::new(values),
        starts: Arc::new(starts),
        steps: cut.line.steps,
        step_of_row,
    })
}

/// Returns the column of numbers called `name`.
fn numbers<'a>(table: &'a Table, name: &String, place: &str) -> Result<&'a Vec<f64>, DataError> {
    let problem = match table.find(name).map(|at| &table.columns[at]) {
        Some(ColumnValues::Numbers(values)) => return Ok(values),
        Some(_) => format!("{name:?} holds no numbers; name columns that do"),
        None => {
            format!("{place} has no column {name:?}{}", crate::platform::perhaps_column(name, &table.names))
        }
    };
    Err(DataError::Setting { setting: Setting::spec_key("data.columns"), problem })
}

/// Date and time in UTC, such as `2014-04-01 00:30:00`.
fn stamp(seconds: f64) -> String {
    jiff::Timestamp::from_second(seconds as i64)
        .map(|stamp| jiff::tz::Offset::UTC.to_datetime(stamp).strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}
