//! Columns over time, cut in windows.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::formats::columns::{ColumnValues, Table};
use super::odd_columns::{OneWay, far_values, identifier};
use super::preparation::{Preparation, PreparedColumn, constant};
use super::rhythm::{calendar_period, common_divisor, period, usual_stride, usual_window};
use super::series_time::{LEAST_STEPS, MOST_FILLED, TimeColumn, are_stamps, time_column};
use super::spec::{DataSpec, SourceKind, is_omitted};
use super::time_order::{NOWHERE, StepPace, TimeOrder, duration, fill_between, without_steps};
use super::{DataError, RowReader};
use crate::error::Setting;

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
    /// Length of a step; `None` without times that go on evenly.
    pub pace: Option<StepPace>,
    /// Columns that hold one value in all rows; none where the model is fitted already.
    pub rules: Vec<PreparedColumn>,
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
    fn new(
        times: Option<&[Option<f64>]>,
        columns: &[Cow<'_, [f64]>],
        rows: usize,
        omit: &[[u32; 2]],
        fill: usize,
        fitted: Option<StepPace>,
    ) -> Self {
        let line = match times {
            Some(times) => TimeOrder::of_times(times, fill, fitted),
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

/// Circumstances under which a series is cut in windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct CutPlan<'a> {
    /// Runs of rows that are left out.
    pub omit: &'a [[u32; 2]],
    /// Preparation of a model that the windows are for; `None` where they are to be trained on.
    pub fitted: Option<&'a Preparation>,
    /// True if values far from all others are no normal ones and are left out.
    pub leaves_out_far: bool,
    /// Source, for errors.
    pub place: &'a str,
}

/// Columns of a series, and those that always hold one value.
struct SeriesColumns {
    names: Vec<String>,
    rules: Vec<PreparedColumn>,
}

/// Chooses the columns of numbers that are cut in windows: all that change and are no counter, or those that are named.
fn choose_columns(
    table: &Table,
    options: &DataSpec,
    found: Option<&TimeColumn>,
    plan: CutPlan<'_>,
    notes: &mut Vec<String>,
) -> Result<SeriesColumns, DataError> {
    let is_used = |row: usize| !is_omitted(plan.omit, row as u32);
    let are_named = !options.columns.is_empty();
    for name in &options.columns {
        numbers(table, name, plan.place)?;
    }
    if let Some(unknown) = options.keep.iter().find(|name| table.find(name).is_none()) {
        return Err(unknown_column(Setting::spec_key("data.keep"), unknown, table, plan.place));
    }
    let is_candidate = |at: &usize| {
        let own = &table.names[*at];
        Some(*at) != found.map(|(at, _)| *at) && (!are_named || options.columns.contains(own))
    };
    let candidates: Vec<usize> = (0..table.names.len()).filter(is_candidate).collect();
    let (mut used, mut rules, mut left_out, mut unused) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let in_order = rows_in_order(table.rows, found.map(|(_, times)| times.as_slice()), is_used);
    let mut courses = Vec::new();
    for at in candidates {
        let (name, cells) = (&table.names[at], &table.columns[at]);
        let is_kept = options.keep.contains(name);
        let rule = constant(name, cells, &table.readings[at], is_used, table.rows).filter(|_| !is_kept);
        // Columns that are named are used, as models of before constants were rules do.
        let rule = match rule {
            Some(PreparedColumn::Constant { value, .. }) if are_named => {
                notes.push(format!(
                    "column {name:?} is {value} in every row, which tells a model nothing; leave it out of \
                     setting `data.columns`"
                ));
                None
            }
            rule => rule,
        };
        let ColumnValues::Numbers(values) = cells else {
            match rule {
                Some(rule) => rules.push(rule),
                None => unused.push(format!("{name:?}")),
            }
            continue;
        };
        let is_wanted = is_kept || are_named;
        if !is_wanted && values.iter().all(|value| value.is_nan()) {
            notes.push(format!("column {name:?} is left out: no row has a value in it"));
            continue;
        }
        let course = OneWay::of(&in_order.iter().map(|&row| values[row]).collect::<Vec<f64>>());
        let strict = course.filter(|course| course.is_strict).map(OneWay::reason);
        if let Some(rule) = rule {
            rules.push(rule);
        } else if let Some(why) = identifier(name, cells).or(strict).filter(|_| !is_wanted) {
            left_out.push((name, why));
        } else {
            used.push(name.clone());
        }
        courses.extend(course.filter(|_| !is_kept).map(|course| (name, course)));
    }
    if are_named {
        used.clone_from(&options.columns);
    }
    let is_number =
        |name: &str| matches!(table.find(name).map(|at| &table.columns[at]), Some(ColumnValues::Numbers(_)));
    if used.is_empty() {
        // A series of nothing else is meant.
        let all = |name: &&String| left_out.iter().any(|(own, _)| own == name);
        used = table.names.iter().filter(all).cloned().collect();
        left_out.clear();
    }
    if used.is_empty() {
        used = table.names.iter().filter(|name| rules.iter().any(|rule| rule.name() == *name)).cloned().collect();
        used.retain(|name| is_number(name));
        rules.retain(|rule| !used.iter().any(|name| name == rule.name()));
    }
    if !unused.is_empty() && !are_named {
        notes.push(format!("no numbers of the series, left out: {}", unused.join(", ")));
    }
    for rule in &rules {
        if let PreparedColumn::Constant { name, value, .. } = rule {
            notes.push(format!(
                "column {name:?} is left out: it is {value} in every row; a detector flags rows where it is not"
            ));
        }
    }
    for (name, why) in &left_out {
        notes.push(format!("column {name:?} is left out: {why}; to use it: setting `data.keep=[{name:?}]`"));
    }
    let told = courses.iter().filter(|(name, _)| used.contains(name));
    notes.extend(told.map(|(name, course)| course.note(name, used.len() > 1)));
    Ok(SeriesColumns { names: used, rules })
}

/// Returns the rows that are used in the order of time, or of the file where there are no times.
fn rows_in_order(rows: usize, times: Option<&[Option<f64>]>, is_used: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..rows).filter(|&row| is_used(row)).collect();
    if let Some(times) = times {
        rows.retain(|&row| times[row].is_some());
        rows.sort_by(|&a, &b| times[a].unwrap_or(0.0).total_cmp(&times[b].unwrap_or(0.0)));
    }
    rows
}

/// Notes the values of the columns that are far from all others; takes them out of what is to be normal.
fn without_far_values<'a>(
    names: &[String],
    columns: Vec<&'a Vec<f64>>,
    options: &DataSpec,
    plan: CutPlan<'_>,
    notes: &mut Vec<String>,
) -> Vec<Cow<'a, [f64]>> {
    let of = |(name, values): (&String, &'a Vec<f64>)| {
        let far = far_values(values, |row| !is_omitted(plan.omit, row as u32));
        let mut values = Cow::Borrowed(values.as_slice());
        if far.is_empty() || options.keep.contains(name) {
            return values;
        }
        for far in far {
            let words = far.words(name);
            if plan.leaves_out_far {
                values.to_mut()[far.row] = f64::NAN;
                notes.push(format!(
                    "{words}: taken for missing, as no normal one; if it is right: setting `data.keep=[{name:?}]`"
                ));
            } else {
                notes.push(format!("{words}: it decides the scale of the column; correct it or leave it empty"));
            }
        }
        values
    };
    names.iter().zip(columns).map(of).collect()
}

/// Checks that steps are as long as those that the model was fitted on.
fn check_pace(line: &TimeOrder, fitted: StepPace, are_times: bool, place: &str) -> Result<(), DataError> {
    let Some(found) = line.other_pace(fitted) else { return Ok(()) };
    let words = |length: f64| if are_times { duration(length) } else { length.to_string() };
    Err(DataError::malformed(
        place,
        format!(
            "its rows are {} apart, and the model was fitted on steps of {}; give rows at that pace, or fit to rows at \
             this one",
            words(found),
            words(fitted.seconds)
        ),
    ))
}

/// Returns what is wrong with a window of `window` steps where at most `longest` follow each other, and what would work.
fn no_window(table: &Table, names: &[String], cut: &Steps, window: usize, longest: usize) -> String {
    let holds = |column: &Vec<f64>| {
        let runs = without_steps(&cut.line.runs, |step| column[step].is_finite());
        runs.iter().map(Range::len).max().unwrap_or(0)
    };
    let own: Vec<usize> = cut.columns.iter().map(holds).collect();
    let best = own.iter().copied().max().unwrap_or(0);
    let is_patchy = |&at: &usize| own[at] < window.max(LEAST_STEPS) && 4 * own[at] <= best || own[at] < 2;
    let patchy: Vec<usize> = (0..names.len()).filter(is_patchy).collect();
    let filled = |name: &String| match table.find(name).map(|at| &table.columns[at]) {
        Some(ColumnValues::Numbers(values)) => values.iter().filter(|value| !value.is_nan()).count(),
        _ => 0,
    };
    let few: Vec<String> = patchy.iter().map(|&at| format!("{:?} has {}", names[at], filled(&names[at]))).collect();
    let follow =
        format!("it is {window}, and at most {longest} steps follow each other without a hole or a missing value");
    if patchy.is_empty() {
        return match longest / 4 {
            most @ 2.. => format!("{follow}; use at most {most}"),
            _ => format!("{follow}; give more steps that follow each other ({} or more)", LEAST_STEPS * 2),
        };
    }
    let values = format!("of {} rows, column {} with a value", table.rows, few.join(", "));
    if patchy.len() == names.len() {
        return format!("{follow}: {values}; give rows with values alone, at an even pace");
    }
    let excluded: Vec<&String> = patchy.iter().map(|&at| &names[at]).collect();
    format!("{follow}: {values}; leave out what is mostly missing: setting `data.exclude={excluded:?}`")
}

/// Cuts `table` in windows that hold no omitted step, the last of each run of steps at its end where the model is
/// fitted; fills in time column, columns, window and stride.
pub(super) fn cut(
    table: &Table,
    options: &mut DataSpec,
    plan: CutPlan<'_>,
    notes: &mut Vec<String>,
) -> Result<Windows, DataError> {
    let (fitted, place) = (plan.fitted.is_some(), plan.place);
    let found = time_column(table, options, SourceKind::Series)
        .map_err(|problem| DataError::Setting { setting: Setting::spec_key("data.time"), problem })?;
    let time_at = found.as_ref().map(|(at, _)| *at);
    if let (None, Some(at)) = (&options.time, time_at)
        && !matches!(table.columns.get(at), Some(ColumnValues::Times(_)))
    {
        notes.push(format!("column {:?} is taken for times, in seconds or parts of them", table.names[at]));
    }
    options.time = time_at.map(|at| table.names[at].clone());
    let mut rules = Vec::new();
    match plan.fitted.filter(|_| !options.columns.is_empty()) {
        Some(fitted) => notes.extend(beside_model(table, options, fitted)),
        None => {
            let chosen = choose_columns(table, options, found.as_ref(), plan, notes)?;
            (options.columns, rules) = (chosen.names, chosen.rules);
        }
    }
    let columns = options.columns.iter().map(|name| numbers(table, name, place)).collect::<Result<Vec<_>, _>>()?;
    if columns.is_empty() {
        return Err(DataError::malformed(
            place,
            "it has no column of numbers to cut in windows; name one: setting `data.columns`",
        ));
    }
    let columns = match fitted {
        true => columns.into_iter().map(|values| Cow::Borrowed(values.as_slice())).collect(),
        false => without_far_values(&options.columns, columns, options, plan, notes),
    };
    let times = found.as_ref().map(|(_, times)| times.as_slice());
    let known = plan.fitted.and_then(|fitted| fitted.pace);
    let steps = |fill: usize| Steps::new(times, &columns, table.rows, plan.omit, fill, known);
    let fill_of = |window: usize| (window / 8).clamp(1, MOST_FILLED);
    let mut cut = steps(options.window.map_or(MOST_FILLED, fill_of));
    let are_times = found.as_ref().is_some_and(|(at, _)| match &table.columns[*at] {
        ColumnValues::Numbers(values) => are_stamps(values),
        _ => true,
    });
    if let Some(known) = known {
        check_pace(&cut.line, known, are_times, place)?;
    }
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
            false => no_window(table, &options.columns, &cut, window, longest),
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
        // One column may be the reason for most of them.
        let missing = |column: &Vec<f64>| column.iter().filter(|value| value.is_nan()).count();
        let worst = cut.columns.iter().map(missing).zip(&options.columns).max_by_key(|(missing, _)| *missing);
        let worst = worst.filter(|(missing, _)| 4 * missing > cut.line.steps && columns.len() > 1);
        let why = worst.map_or_else(String::new, |(missing, name)| {
            format!("; {name:?} has no value in {missing}, to leave it out: setting `data.exclude=[{name:?}]`")
        });
        notes.push(format!(
            "{} of {} steps are in no window of {window}: they are left out, values are missing, or too few follow each \
             other{}",
            cut.line.steps - covered,
            cut.line.steps,
            if fitted { String::new() } else { why }
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
    let pace = cut.line.step_pace().map(|pace| StepPace { is_count: !are_times, ..pace });
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
        pace,
        rules,
    })
}

/// Returns the column of numbers called `name`.
fn numbers<'a>(table: &'a Table, name: &String, place: &str) -> Result<&'a Vec<f64>, DataError> {
    let setting = Setting::spec_key("data.columns");
    match table.find(name).map(|at| &table.columns[at]) {
        Some(ColumnValues::Numbers(values)) => Ok(values),
        Some(_) => {
            let problem = format!("{name:?} holds no numbers; name columns that do");
            Err(DataError::Setting { setting, problem })
        }
        None => Err(unknown_column(setting, name, table, place)),
    }
}

/// Error of a setting that names a column that `table` does not have.
pub(super) fn unknown_column(setting: Setting, name: &str, table: &Table, place: &str) -> DataError {
    let near = crate::platform::perhaps_column(name, &table.names);
    DataError::Setting { setting, problem: format!("{place} has no column {name:?}{near}") }
}

/// Notes on columns of `table` that the model does not know, and on rules of the model that cannot be checked.
fn beside_model(table: &Table, options: &DataSpec, fitted: &Preparation) -> Vec<String> {
    let is_known = |name: &String| {
        options.columns.contains(name)
            || options.time.as_ref() == Some(name)
            || fitted.rules.iter().any(|rule| rule.name() == name)
    };
    let extra: Vec<&str> = table.names.iter().filter(|name| !is_known(name)).map(String::as_str).collect();
    let absent = fitted.rules.iter().map(PreparedColumn::name).filter(|name| table.find(name).is_none());
    let absent: Vec<&str> = absent.collect();
    let mut notes = Vec::new();
    if !absent.is_empty() {
        notes.push(format!("not checked, for the table has no such columns: {}", absent.join(", ")));
    }
    if !extra.is_empty() {
        notes.push(format!("ignored, the model does not know them: {}", extra.join(", ")));
    }
    notes
}

/// Date and time in UTC, such as `2014-04-01 00:30:00`.
fn stamp(seconds: f64) -> String {
    jiff::Timestamp::from_second(seconds as i64)
        .map(|stamp| jiff::tz::Offset::UTC.to_datetime(stamp).strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}
