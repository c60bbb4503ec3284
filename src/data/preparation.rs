//! Transformations of a source's values before a network sees them. Everything that is fitted is fitted on train rows
//! alone, is kept in the model, and is done in the same way to whatever the model is given later.

use serde::{Deserialize, Serialize};

use super::audio::mel::MelSpec;
use super::formats::columns::{ColumnValues, Table, Timestamp};
use super::spec::{Scaling, SourceKind};

/// Most values of a category column that have a feature of their own; rarer ones share one.
const CATEGORIES: usize = 32;

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
    },
    /// Column of words, one-hot: a feature for each of `values`, the most frequent first, and a last one for all
    /// others. A missing word is all zeros.
    Category {
        /// Name of the column in the table.
        name: String,
        /// Values with a feature of their own, most frequent first, at most 32.
        values: Vec<String>,
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
    },
}

impl PreparedColumn {
    /// Returns the name of the column in the table.
    pub fn name(&self) -> &str {
        match self {
            Self::Number { name, .. } | Self::Category { name, .. } | Self::Time { name, .. } => name,
        }
    }

    /// Returns the names of its features, in their order.
    pub fn features(&self) -> Vec<String> {
        match self {
            Self::Number { name, .. } => vec![name.clone()],
            Self::Category { name, values } => {
                values.iter().map(String::as_str).chain(["other"]).map(|value| format!("{name}={value}")).collect()
            }
            Self::Time { name, day, week, year } => [("day", day), ("week", week), ("year", year)]
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
            features: Vec::new(),
            classes: Vec::new(),
            text: None,
            mel: None,
        }
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
        if fits && sane && named && finite && self.offset.iter().all(|offset| offset.is_finite()) {
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

    /// Fits the features of each column of `table` on the rows `train`; `notes` names the columns that are left out.
    pub fn fit_table(&mut self, table: &Table, train: &[u32], notes: &mut Vec<String>) {
        for (name, cells) in table.names.iter().zip(&table.columns) {
            match fit_column(name, cells, train, self.kind) {
                Ok(column) => self.columns.push(column),
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
                let at = values.iter().position(|value| value == word).unwrap_or(values.len());
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

fn fit_column(name: &str, cells: &ColumnValues, train: &[u32], scaling: Scaling) -> Result<PreparedColumn, String> {
    let name = name.to_owned();
    match cells {
        ColumnValues::Numbers(values) => {
            let there: Vec<f64> =
                train.iter().map(|&row| values[row as usize]).filter(|value| !value.is_nan()).collect();
            let Some(&first) = there.first() else {
                return Err("no row for training has a value in it".to_owned());
            };
            if there.iter().all(|&value| value == first) {
                return Err(format!("it is {first} in every row for training"));
            }
            let (offset, scale) = offset_and_scale(scaling, &there);
            let fill = match scaling {
                Scaling::Robust => offset,
                _ => there.iter().sum::<f64>() / there.len() as f64,
            };
            Ok(PreparedColumn::Number { name, fill, offset, scale })
        }
        ColumnValues::Words { codes, words } => {
            let mut counts = vec![0_usize; words.len()];
            for code in train.iter().filter_map(|&row| codes[row as usize]) {
                counts[code as usize] += 1;
            }
            let mut used: Vec<usize> = (0..words.len()).filter(|&code| counts[code] > 0).collect();
            if used.len() < 2 {
                return Err("every row for training has the same value in it".to_owned());
            }
            if used.len() > CATEGORIES && used.len() * 2 > train.len() {
                return Err(format!(
                    "{} different values in {} rows tell rows apart and nothing more",
                    used.len(),
                    train.len()
                ));
            }
            used.sort_by(|&a, &b| counts[b].cmp(&counts[a]).then_with(|| words[a].cmp(&words[b])));
            used.truncate(CATEGORIES);
            Ok(PreparedColumn::Category { name, values: used.into_iter().map(|code| words[code].clone()).collect() })
        }
        ColumnValues::Times(times) => {
            let moments = || train.iter().filter_map(|&row| times[row as usize]);
            let differs = |of: fn(Timestamp) -> f64| {
                let mut values = moments().map(of);
                let first = values.next();
                values.any(|value| first.is_some_and(|first| (value - first).abs() > 1e-9))
            };
            let days = moments().map(|timestamp| timestamp.seconds / 86_400.0);
            let span = days.clone().fold(f64::MIN, f64::max) - days.fold(f64::MAX, f64::min);
            let (day, week, year) =
                (differs(|m| m.day), differs(|m| m.week) && span >= 7.0, differs(|m| m.year) && span >= 60.0);
            if day || week || year {
                Ok(PreparedColumn::Time { name, day, week, year })
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
