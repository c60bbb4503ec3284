//! Transformations of a source's values before a network sees them. Everything that is fitted is fitted on train rows
//! alone, is kept in the model, and is done in the same way to whatever the model is given later.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::audio::mel::MelSpec;
use super::formats::array::ArrayDType;
use super::formats::columns::{ColumnReading, ColumnValues, Table, Timestamp, is_missing, time_text};
use super::formats::date_format::DateFormat;
use super::formats::number_format::{NumberFormat, places_of};
use super::formats::timestamp::timestamp_at;
use super::odd_columns::{OneWay, identifier};
use super::spec::{Scaling, SourceKind};
use super::time_order::StepPace;

/// Most values of a category column that have a feature of their own; rarer ones share one.
pub(super) const CATEGORIES: usize = 32;
/// Most rarer values that are kept, so that a new one is known for one.
const RARE_VALUES: usize = 10_000;
/// Share of rows that break a rule above which it is none.
pub(super) const EXCEPTIONS: f64 = 0.002;

/// A column of a table and the features that it becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PreparedColumn {
    /// Column of numbers: one feature, (x - `offset`) / `scale`, where a missing x is `fill`.
    Number {
        /// Name of the column in the table.
        name: String,
        /// Value in place of a missing one: the train mean, or the median under robust scaling.
        fill: f64,
        /// Offset, subtracted from the value.
        offset: f64,
        /// Positive scale that the difference is divided by.
        scale: f64,
        /// Writing of the numbers in the source.
        #[serde(default, skip_serializing_if = "NumberFormat::is_plain")]
        format: NumberFormat,
    },
    /// Column of words, one-hot: a feature for each of `values`, the most frequent first, and a last one for all
    /// others. A missing word is all zeros.
    Category {
        /// Name of the column in the table.
        name: String,
        /// Values with a feature of their own, most frequent first, at most 32.
        values: Vec<String>,
        /// Values of train rows that share the last feature.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rare: Vec<String>,
        /// True if rows often have values of their own: a new value is nothing special.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        open: bool,
    },
    /// Column of times: sine and cosine of the phase in the day, the week and the year, where rows differ in it.
    Time {
        /// Name of the column in the table.
        name: String,
        /// True if the phase in the day is a feature pair.
        day: bool,
        /// True if the phase in the week is a feature pair.
        week: bool,
        /// True if the phase in the year is a feature pair.
        year: bool,
        /// Writing of the times in the source.
        #[serde(default, skip_serializing_if = "is_ymd")]
        format: DateFormat,
        /// First and last time of the train rows, in seconds since 1970; `None` in models of before they were kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        range: Option<[f64; 2]>,
        /// Form of the times in the source, in the letters of `strftime`; `None` where it has none of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        form: Option<String>,
    },
    /// Column that has one value in all rows. It is no feature; a row with another value breaks a rule.
    Constant {
        /// Name of the column in the table.
        name: String,
        /// Value of all rows, as text.
        value: String,
        /// Writing of the cells in the source.
        reading: ColumnReading,
    },
}

fn is_ymd(format: &DateFormat) -> bool {
    *format == DateFormat::Ymd
}

impl PreparedColumn {
    /// Returns the name of the column in the table.
    pub fn name(&self) -> &str {
        match self {
            Self::Number { name, .. }
            | Self::Category { name, .. }
            | Self::Time { name, .. }
            | Self::Constant { name, .. } => name,
        }
    }

    /// Returns the writing of its cells in the source.
    pub fn reading(&self) -> ColumnReading {
        match self {
            Self::Number { format, .. } => ColumnReading::Numbers(format.clone()),
            Self::Category { values, rare, .. } => {
                let codes = values.iter().chain(rare).filter(|value| is_missing(value, &[]));
                ColumnReading::of_words(codes.cloned().collect())
            }
            Self::Time { format, .. } => ColumnReading::Times(*format),
            Self::Constant { reading, .. } => reading.clone(),
        }
    }

    /// Returns the cell that its features, in the source's own units, stand for, as the source writes it: whole numbers
    /// where it has no others, no more digits than it has at most, its units and its form of dates.
    pub fn cell(&self, features: &[f32]) -> String {
        match self {
            Self::Number { format, .. } => {
                features.first().map(|value| format.write(f64::from(*value))).unwrap_or_default()
            }
            Self::Category { values, rare, open, .. } => {
                // Where every value has a feature there is no other one to be written.
                let has_others = *open || !rare.is_empty() || values.len() >= CATEGORIES;
                let count = features.len().min(values.len() + usize::from(has_others));
                let best = (0..count).max_by(|&a, &b| features[a].total_cmp(&features[b]).then(b.cmp(&a)));
                best.map(|at| values.get(at).map_or("other", String::as_str)).unwrap_or_default().to_owned()
            }
            Self::Time { day, week, year, format, range, form, .. } => {
                let written = |at| form.as_ref().map_or_else(|| format.write(at), |form| format.write_as(at, form));
                time_near(features, [*day, *week, *year], *range).map(written).unwrap_or_default()
            }
            Self::Constant { value, reading, .. } => match reading {
                ColumnReading::Times(format) => {
                    DateFormat::Ymd.parse(value).map_or_else(|| value.clone(), |at| format.write(at))
                }
                ColumnReading::Numbers(format) if !format.is_plain() => {
                    let write =
                        |value| NumberFormat { places: places_of([value].into_iter()), ..format.clone() }.write(value);
                    value.parse().map_or_else(|_| value.clone(), write)
                }
                _ => value.clone(),
            },
        }
    }

    /// Returns the names of its features, in their order.
    pub fn features(&self) -> Vec<String> {
        match self {
            Self::Number { name, .. } => vec![name.clone()],
            Self::Category { name, values, .. } => {
                values.iter().map(String::as_str).chain(["other"]).map(|value| format!("{name}={value}")).collect()
            }
            Self::Constant { .. } => Vec::new(),
            Self::Time { name, day, week, year, .. } => [("day", day), ("week", week), ("year", year)]
                .into_iter()
                .filter(|(_, used)| **used)
                .flat_map(|(cycle, _)| [format!("{name} {cycle} sine"), format!("{name} {cycle} cosine")])
                .collect(),
        }
    }
}

/// Preparation of the values of a source as rows for a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Kind of the source that it was fitted on.
    pub source: SourceKind,
    /// Method of scaling, by which offsets and scales are fitted.
    pub kind: Scaling,
    /// Offsets of the features, which become (x - offset) / scale. Fewer offsets than features repeat over them; empty
    /// where nothing is scaled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offset: Vec<f64>,
    /// Scales of the features, one for each offset; finite and positive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scale: Vec<f64>,
    /// Columns of a table, in the order of their features; empty for other sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<PreparedColumn>,
    /// Writing of the columns of a series in its source, by their names; empty for other sources.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub readings: BTreeMap<String, ColumnReading>,
    /// Names of the features; empty where they have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Names of the classes of the labels, by class number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Weights of hashed words; `None` unless the source is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<super::tfidf::TextVectors>,
    /// Parameters of the spectrograms of recordings; `None` for other sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mel: Option<MelSpec>,
    /// Number type of the source's values, in which rows are written; `None` for bytes of pictures and 32-bit floats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<ArrayDType>,
    /// Least and largest value of the train rows, of arrays that are pictures on a scale of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// Extents of a row in the source's array, where rows are written in another order or more dimensions than they
    /// have here; empty for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row_shape: Vec<usize>,
    /// Length of a step of a series; `None` for other sources, without times, and in models of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<StepPace>,
    /// Columns of a series that have one value in all rows: no features, but rules that a detector checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<PreparedColumn>,
}

impl Preparation {
    /// Builds a preparation without fitted values.
    pub fn new(source: SourceKind, kind: Scaling) -> Self {
        Self {
            source,
            kind,
            offset: Vec::new(),
            scale: Vec::new(),
            columns: Vec::new(),
            readings: BTreeMap::new(),
            features: Vec::new(),
            classes: Vec::new(),
            text: None,
            mel: None,
            element: None,
            range: None,
            row_shape: Vec::new(),
            pace: None,
            rules: Vec::new(),
        }
    }

    /// Returns the columns that are known of the source: those of a table, or those of a series, of which the writing
    /// is known and nothing else.
    pub(crate) fn known_columns(&self) -> Cow<'_, [PreparedColumn]> {
        if !self.columns.is_empty() {
            return Cow::Borrowed(&self.columns);
        }
        let of_series = |(name, reading): (&String, &ColumnReading)| {
            let name = name.clone();
            match reading.clone() {
                ColumnReading::Numbers(format) => {
                    Some(PreparedColumn::Number { name, fill: 0.0, offset: 0.0, scale: 1.0, format })
                }
                ColumnReading::Times(format) => {
                    let (day, week, year) = (false, false, false);
                    Some(PreparedColumn::Time { name, day, week, year, format, range: None, form: None })
                }
                _ => None,
            }
        };
        // Rules first: their columns are read as texts, whatever they hold.
        Cow::Owned(self.rules.iter().cloned().chain(self.readings.iter().filter_map(of_series)).collect())
    }

    /// Checks that offsets, scales and columns fit rows of `features` values.
    pub fn check(&self, features: usize) -> Result<(), String> {
        let scaled = self.offset.len();
        let fits = scaled == self.scale.len() && (scaled == 0 || features.is_multiple_of(scaled));
        let sane = self.scale.iter().all(|scale| scale.is_finite() && *scale > 0.0);
        let of_columns: Vec<String> = self.columns.iter().flat_map(PreparedColumn::features).collect();
        let named = self.columns.is_empty() || of_columns.len() == features && of_columns == self.features;
        let finite = self.columns.iter().all(|column| match column {
            PreparedColumn::Number { fill, offset, scale, .. } => {
                fill.is_finite() && offset.is_finite() && scale.is_finite() && *scale > 0.0
            }
            _ => true,
        });
        let paced = self.pace.is_none_or(|pace| pace.seconds.is_finite() && pace.seconds > 0.0);
        if fits && sane && named && finite && paced && self.offset.iter().all(|offset| offset.is_finite()) {
            Ok(())
        } else {
            Err(format!("its scaler does not belong to {features} values, save it again"))
        }
    }

    /// Fits offsets and scales to rows: one for each of `period` values, which repeat over the rows.
    pub fn fit(&mut self, rows: &[f32], period: usize) {
        (self.offset, self.scale) = (0..period)
            .map(|place| {
                let values = rows.iter().skip(place).step_by(period).map(|&value| f64::from(value));
                offset_and_scale(self.kind, &values.collect::<Vec<f64>>())
            })
            .unzip();
    }

    /// Scales rows `[_, features]` in place.
    pub fn apply(&self, rows: &mut [f32], features: usize) {
        if self.kind == Scaling::Window {
            for row in rows.chunks_exact_mut(features) {
                let values: Vec<f64> = row.iter().map(|&value| f64::from(value)).collect();
                let (offset, scale) = offset_and_scale(Scaling::Zscore, &values);
                row.iter_mut().for_each(|value| *value = ((f64::from(*value) - offset) / scale) as f32);
            }
            return;
        }
        if self.offset.is_empty() {
            return;
        }
        let columns = self.offset.len();
        for (i, value) in rows.iter_mut().enumerate() {
            let column = i % columns;
            *value = ((f64::from(*value) - self.offset[column]) / self.scale[column]) as f32;
        }
    }

    /// Scales prepared rows `[_, features]` again in place, by the first `train` of them, where the method of scaling
    /// depends on the rows.
    pub(crate) fn scale_again(&self, rows: &mut [f32], train: usize, features: usize) {
        let is_number =
            |column: &PreparedColumn| vec![matches!(column, PreparedColumn::Number { .. }); column.features().len()];
        let numbers: Vec<bool> = self.columns.iter().flat_map(is_number).collect();
        let period = if self.columns.is_empty() { self.offset.len() } else { features };
        if period == 0 || !matches!(self.kind, Scaling::Zscore | Scaling::Minmax | Scaling::Robust) {
            return;
        }
        let mut again = Self::new(self.source, self.kind);
        again.fit(&rows[..train * features], period);
        for (place, _) in numbers.iter().enumerate().filter(|(_, is_number)| !**is_number) {
            (again.offset[place], again.scale[place]) = (0.0, 1.0);
        }
        again.apply(rows, features);
    }

    /// Inverts the scaling in place: rows `[_, features]` in the source's own units. Scaling by window is not inverted,
    /// as its factors are not kept.
    pub fn undo(&self, rows: &mut [f32]) {
        let number = |column: &PreparedColumn| match column {
            PreparedColumn::Number { offset, scale, .. } => vec![(*offset, *scale)],
            other => vec![(0.0, 1.0); other.features().len()],
        };
        let scales: Vec<(f64, f64)> = match self.columns.is_empty() {
            true => self.offset.iter().copied().zip(self.scale.iter().copied()).collect(),
            false => self.columns.iter().flat_map(number).collect(),
        };
        if scales.is_empty() {
            return;
        }
        for (i, value) in rows.iter_mut().enumerate() {
            let (offset, scale) = scales[i % scales.len()];
            *value = (f64::from(*value) * scale + offset) as f32;
        }
    }

    /// Fits the features of each column of `table` on the rows `train`; columns called `keep` are used though they look
    /// like identifiers. `notes` names the columns that are left out.
    pub fn fit_table(&mut self, table: &Table, train: &[u32], keep: &[String], notes: &mut Vec<String>) {
        let columns = || table.names.iter().zip(&table.columns).zip(&table.readings);
        let mut in_order = train.to_vec();
        in_order.sort_unstable();
        let mut left_out: Vec<(&String, String)> = Vec::new();
        let mut courses: Vec<(&String, OneWay)> = Vec::new();
        for ((name, cells), _) in columns().filter(|((name, _), _)| !keep.contains(name)) {
            let ColumnValues::Numbers(values) = cells else { continue };
            let course = OneWay::of(&in_order.iter().map(|&row| values[row as usize]).collect::<Vec<f64>>());
            match identifier(name, cells) {
                Some(why) => left_out.push((name, why)),
                None => courses.extend(course.map(|course| (name, course))),
            }
        }
        let strict = courses.iter().filter(|(_, course)| course.is_strict).count();
        // Of one column nothing can be learned: rather a counter than none.
        if table.names.len() >= left_out.len() + strict + 2 {
            left_out.extend(
                courses.extract_if(.., |(_, course)| course.is_strict).map(|(name, course)| (name, course.reason())),
            );
        }
        for (name, why) in &left_out {
            notes.push(format!("column {name:?} is left out: {why}; to use it: setting `data.keep=[{name:?}]`"));
        }
        let mut identifiers: Vec<&String> = left_out.into_iter().map(|(name, _)| name).collect();
        // A table of nothing else is meant.
        if identifiers.len() == table.names.len() {
            notes.truncate(notes.len() - identifiers.len());
            identifiers.clear();
        }
        notes.extend(courses.into_iter().map(|(name, course)| course.note(name, true)));
        for ((name, cells), reading) in columns().filter(|((name, _), _)| !identifiers.contains(name)) {
            match fit_column(name, cells, (reading, table.date_forms.get(name)), train, self.kind) {
                Ok(column) => {
                    match &column {
                        PreparedColumn::Constant { value, .. } if value.is_empty() => notes.push(format!(
                            "column {name:?} is left out: no row for training has a value in it; a detector flags rows \
                             that have one"
                        )),
                        PreparedColumn::Constant { value, .. } => notes.push(format!(
                            "{}; a detector flags rows where it is not",
                            left_out_as_constant(name, value)
                        )),
                        PreparedColumn::Number { fill, format, .. } => {
                            notes.extend(filled_in(name, cells.missing(), &format.write(*fill)));
                        }
                        _ => {}
                    }
                    self.columns.push(column);
                }
                Err(why) => notes.push(format!("column {name:?} is left out: {why}")),
            }
        }
        self.features = self.columns.iter().flat_map(PreparedColumn::features).collect();
    }

    /// Rows `[rows, features]` of `table`, whose columns are those of this preparation in any order.
    pub fn table_rows(&self, table: &Table, rows: &[u32]) -> Vec<f32> {
        let width = self.features.len();
        let mut out = vec![0.0; rows.len() * width];
        let mut first = 0;
        for column in &self.columns {
            let cells = table.names.iter().position(|name| name == column.name()).map(|at| &table.columns[at]);
            for (row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
                write_features(column, cells, *row as usize, &mut out[first..]);
            }
            first += column.features().len();
        }
        out
    }
}

fn write_features(column: &PreparedColumn, cells: Option<&ColumnValues>, row: usize, out: &mut [f32]) {
    match (column, cells) {
        (PreparedColumn::Number { fill, offset, scale, .. }, Some(ColumnValues::Numbers(values))) => {
            let value = values[row];
            let value = if value.is_nan() { *fill } else { value };
            out[0] = ((value - offset) / scale) as f32;
        }
        (PreparedColumn::Category { values, .. }, Some(ColumnValues::Words { codes, words })) => {
            if let Some(word) = codes[row].and_then(|code| words.get(code as usize)) {
                let at = values.iter().position(|value| is_same_word(value, word)).unwrap_or(values.len());
                out[at] = 1.0;
            }
        }
        (PreparedColumn::Time { day, week, year, .. }, Some(ColumnValues::Times(times))) => {
            let Some(timestamp) = times[row] else { return };
            let cycles = [(*day, timestamp.day), (*week, timestamp.week), (*year, timestamp.year)];
            for (pair, (_, turn)) in out.chunks_exact_mut(2).zip(cycles.into_iter().filter(|(used, _)| *used)) {
                let angle = std::f64::consts::TAU * turn;
                (pair[0], pair[1]) = (angle.sin() as f32, angle.cos() as f32);
            }
        }
        _ => {}
    }
}

/// Returns the column as one that has the same value in all rows for which `is_used` holds, or no value; `None` where
/// rows differ.
pub(super) fn constant(
    name: &str,
    cells: &ColumnValues,
    reading: &ColumnReading,
    is_used: impl Fn(usize) -> bool,
    rows: usize,
) -> Option<PreparedColumn> {
    let mut texts = (0..rows).filter(|&row| is_used(row)).filter_map(|row| text_of(cells, row));
    let value = texts.next()?;
    let is_constant = texts.all(|text| text == value);
    is_constant.then(|| PreparedColumn::Constant { name: name.to_owned(), value, reading: reading.clone() })
}

pub(super) fn left_out_as_constant(name: &str, value: &str) -> String {
    format!("column {name:?} is left out: it is {value} in every row for training")
}

/// Returns the note on cells of a column of numbers that hold none; `None` where there are no such cells.
pub(super) fn filled_in(name: &str, missing: usize, fill: &str) -> Option<String> {
    let (cells, hold, stands) = match missing {
        0 => return None,
        1 => ("cell", "holds", "it"),
        _ => ("cells", "hold", "them"),
    };
    Some(format!("column {name:?}: {missing} {cells} {hold} no value; {fill}, its usual value, stands in for {stands}"))
}

/// Text of a cell, as [`PreparedColumn::Constant`] keeps it.
pub(super) fn text_of(cells: &ColumnValues, row: usize) -> Option<String> {
    match cells {
        ColumnValues::Times(times) => times[row].map(time_text),
        cells => cells.word(row),
    }
}

/// Returns whether two words are one: programs write truth values in several ways.
pub(super) fn is_same_word(own: &str, word: &str) -> bool {
    own == word
        || own.eq_ignore_ascii_case(word) && ["true", "false"].iter().any(|truth| word.eq_ignore_ascii_case(truth))
}

/// Time whose phases are nearest to the features: one within `range`, and on a day of the week that fits.
fn time_near(features: &[f32], [day, week, year]: [bool; 3], range: Option<[f64; 2]>) -> Option<Timestamp> {
    const DAY: f64 = 86_400.0;
    const YEAR: f64 = 365.25;
    let mut pairs = features.chunks_exact(2).map(|pair| {
        let angle = f64::from(pair[0]).atan2(f64::from(pair[1]));
        (angle / std::f64::consts::TAU).rem_euclid(1.0)
    });
    let mut phase = |used: bool| if used { pairs.next() } else { None };
    let (day, week, year) = (phase(day), phase(week), phase(year));
    let [first, last] = range?;
    let off = |a: f64, b: f64| {
        let apart = (a - b).rem_euclid(1.0);
        apart.min(1.0 - apart)
    };
    let (first, last) = ((first / DAY).floor(), (last / DAY).floor());
    // Days of the range near the place in each of its years, or where years do not tell, those of its first week.
    let dates: Vec<f64> = match year {
        Some(year) => {
            let years = ((first / YEAR).floor() as i64 - 1)..=((last / YEAR).ceil() as i64);
            years.flat_map(|number| (-4..=4).map(move |near| (number as f64 + year) * YEAR + f64::from(near))).collect()
        }
        None => (0..7).map(|near| first + f64::from(near)).collect(),
    };
    let time_of_day = (day.unwrap_or(0.0) * DAY).round();
    let candidates =
        dates.into_iter().map(|date| date.round().clamp(first, last) * DAY + time_of_day).filter_map(timestamp_at);
    let distance = |at: &Timestamp| {
        let in_year = year.map_or(0.0, |year| off(at.year, year) * 365.25);
        let in_week = week.map_or(0.0, |week| off(at.week, week) * 7.0);
        in_year + in_week
    };
    candidates.min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

fn fit_column(
    name: &str,
    cells: &ColumnValues,
    (reading, form): (&ColumnReading, Option<&String>),
    train: &[u32],
    scaling: Scaling,
) -> Result<PreparedColumn, String> {
    let name = name.to_owned();
    let constant = |name: String, value: String| PreparedColumn::Constant { name, value, reading: reading.clone() };
    match cells {
        ColumnValues::Numbers(values) => {
            let there: Vec<f64> =
                train.iter().map(|&row| values[row as usize]).filter(|value| !value.is_nan()).collect();
            let Some(&first) = there.first() else { return Ok(constant(name, String::new())) };
            if there.iter().all(|&value| value == first) {
                return Ok(constant(name, first.to_string()));
            }
            let (offset, scale) = offset_and_scale(scaling, &there);
            let fill = match scaling {
                Scaling::Robust => offset,
                _ => there.iter().sum::<f64>() / there.len() as f64,
            };
            let format = match reading {
                ColumnReading::Numbers(format) => {
                    NumberFormat { places: places_of(there.into_iter()), ..format.clone() }
                }
                _ => NumberFormat::default(),
            };
            Ok(PreparedColumn::Number { name, fill, offset, scale, format })
        }
        ColumnValues::Words { codes, words } => {
            let mut counts = vec![0_usize; words.len()];
            for code in train.iter().filter_map(|&row| codes[row as usize]) {
                counts[code as usize] += 1;
            }
            let mut used: Vec<usize> = (0..words.len()).filter(|&code| counts[code] > 0).collect();
            match used.as_slice() {
                [] => return Ok(constant(name, String::new())),
                [only] => return Ok(constant(name, words[*only].clone())),
                _ => {}
            }
            if used.len() > CATEGORIES && used.len() * 2 > train.len() {
                return Err(format!(
                    "its {} different cells in {} rows are neither numbers nor dates in one form",
                    used.len(),
                    train.len()
                ));
            }
            used.sort_by(|&a, &b| counts[b].cmp(&counts[a]).then_with(|| words[a].cmp(&words[b])));
            let mut values: Vec<String> = used.into_iter().map(|code| words[code].clone()).collect();
            let rare = values.split_off(values.len().min(CATEGORIES));
            // Words that occur once are the share of rows that a new word is expected in (Good 1953): where that is much,
            // a new one tells nothing.
            let once = counts.iter().filter(|&&count| count == 1).count();
            let open = rare.len() > RARE_VALUES || once as f64 > EXCEPTIONS * train.len() as f64;
            Ok(PreparedColumn::Category { name, values, rare: if open { Vec::new() } else { rare }, open })
        }
        ColumnValues::Times(times) => {
            let moments = || train.iter().filter_map(|&row| times[row as usize]);
            let differs = |of: fn(Timestamp) -> f64| {
                let mut values = moments().map(of);
                let first = values.next();
                values.any(|value| first.is_some_and(|first| (value - first).abs() > 1e-9))
            };
            let Some(first) = moments().next() else { return Ok(constant(name, String::new())) };
            if moments().all(|moment| moment.seconds == first.seconds) {
                return Ok(constant(name, time_text(first)));
            }
            let days = moments().map(|timestamp| timestamp.seconds / 86_400.0);
            let span = days.clone().fold(f64::MIN, f64::max) - days.fold(f64::MAX, f64::min);
            let (day, week, year) =
                (differs(|m| m.day), differs(|m| m.week) && span >= 7.0, differs(|m| m.year) && span >= 60.0);
            if day || week || year {
                let seconds = || moments().map(|timestamp| timestamp.seconds);
                let range = Some([seconds().fold(f64::MAX, f64::min), seconds().fold(f64::MIN, f64::max)]);
                let format = match reading {
                    ColumnReading::Times(format) => *format,
                    _ => DateFormat::default(),
                };
                Ok(PreparedColumn::Time { name, day, week, year, format, range, form: form.cloned() })
            } else {
                Err("its times do not differ in day, week or year".to_owned())
            }
        }
    }
}

/// Offset and scale of `values`, of which none is NaN. A spread of zero scales by 1.
fn offset_and_scale(scaling: Scaling, values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let (offset, scale) = match scaling {
        Scaling::Zscore | Scaling::Window => {
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            (mean, variance.sqrt())
        }
        Scaling::Minmax => {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low)
        }
        Scaling::Robust => {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            let spread = quantile(&sorted, 0.75) - quantile(&sorted, 0.25);
            // Half of the rows alike: the whole range is what there is to scale by.
            let range = sorted.last().copied().unwrap_or(0.0) - sorted.first().copied().unwrap_or(0.0);
            (quantile(&sorted, 0.5), if spread > 0.0 { spread } else { range })
        }
        Scaling::Unit | Scaling::None => (0.0, 1.0),
    };
    (if offset.is_finite() { offset } else { 0.0 }, if scale > 0.0 && scale.is_finite() { scale } else { 1.0 })
}

/// Quantile of sorted values, interpolated linearly between neighbors.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(&low), Some(&high)) => low + (high - low) * (place - place.floor()),
        _ => 0.0,
    }
}
