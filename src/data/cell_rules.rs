//! Rules that the columns of a table keep, and remarks on cells that their features do not show.

use super::formats::columns::{ColumnValues, Table};
use super::preparation::{
    CATEGORIES, EXCEPTIONS, Preparation, PreparedColumn, filled_in, is_same_word, left_out_as_constant, text_of,
};

/// Cell of a table that its features do not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellRemark {
    /// Row of the cell.
    pub row: u32,
    /// Index of its column in [`Preparation::columns`].
    pub column: usize,
    /// Content of the cell; "missing" where it has none.
    pub text: String,
    /// True if no row that the preparation was fitted on has such a cell, nor do rows of its kind usually.
    pub breaks_rule: bool,
}

impl Preparation {
    /// Takes back the rules that more of `held` rows break than chance would have it: what a detector was not fitted on
    /// shows that they are none. `broken` are the cells of these rows that break one; what `notes` promise of them is
    /// corrected.
    pub fn drop_broken_rules(&mut self, broken: &[CellRemark], held: usize, notes: &mut [String]) {
        let is_common = |at: usize| {
            let count = broken.iter().filter(|remark| remark.breaks_rule && remark.column == at).count();
            count as f64 > EXCEPTIONS * held as f64
        };
        let common: Vec<bool> = (0..self.columns.len()).map(is_common).collect();
        for (column, _) in self.columns.iter_mut().zip(&common).filter(|(_, common)| **common) {
            match column {
                PreparedColumn::Category { rare, open, .. } => {
                    rare.clear();
                    *open = true;
                }
                PreparedColumn::Constant { name, value, .. } => {
                    let start = match value.is_empty() {
                        true => format!("column {name:?} is left out: no row for training has a value in it"),
                        false => left_out_as_constant(name, value),
                    };
                    for note in notes.iter_mut().filter(|note| note.starts_with(&start)) {
                        *note = format!(
                            "{start}, and as rows that are held out have other values, a detector does not look at it"
                        );
                    }
                }
                _ => {}
            }
        }
        let mut common = common.into_iter();
        self.columns.retain(|column| {
            let is_common = common.next().unwrap_or(false);
            !(is_common && matches!(column, PreparedColumn::Constant { .. }))
        });
    }

    /// Returns the cells of the rows of a series that break one of [`Self::rules`], by rows of `table`.
    pub(super) fn broken_series_rules(&self, table: &Table) -> Vec<CellRemark> {
        let mut all = Vec::new();
        for (at, column) in self.rules.iter().enumerate() {
            if let Some(cells) = table.find(column.name()).map(|at| &table.columns[at]) {
                all.extend((0..table.rows).filter_map(|row| remark(column, at, cells, row, row as u32)));
            }
        }
        all.sort_by_key(|remark| (remark.row, remark.column));
        all
    }

    /// Returns the cells of the rows of `table` that their features do not show: missing ones, new words, and values of
    /// columns that always had another.
    pub fn remarks(&self, table: &Table, rows: &[u32]) -> Vec<CellRemark> {
        self.some_remarks(table, rows, |_| true)
    }

    /// Returns those of the remarks whose cells break a rule.
    pub(crate) fn broken_rules(&self, table: &Table, rows: &[u32]) -> Vec<CellRemark> {
        self.some_remarks(table, rows, |remark| remark.breaks_rule)
    }

    /// Adds to `missing` the cells of each column of numbers that hold no value, by remarks on them.
    pub(crate) fn count_missing(&self, remarks: &[CellRemark], missing: &mut [usize]) {
        let is_number = |at: usize| matches!(self.columns.get(at), Some(PreparedColumn::Number { .. }));
        for remark in remarks.iter().filter(|remark| is_number(remark.column)) {
            missing[remark.column] += 1;
        }
    }

    /// Returns the notes on columns of numbers of which some cells hold no value, with the values that stand in for
    /// them.
    pub(crate) fn notes_on_missing(&self, missing: &[usize]) -> Vec<String> {
        let note = |(column, &missing): (&PreparedColumn, &usize)| match column {
            PreparedColumn::Number { name, fill, format, .. } => filled_in(name, missing, &format.write(*fill)),
            _ => None,
        };
        self.columns.iter().zip(missing).filter_map(note).collect()
    }

    fn some_remarks(&self, table: &Table, rows: &[u32], wanted: fn(&CellRemark) -> bool) -> Vec<CellRemark> {
        let mut all = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            if let Some(cells) = table.find(column.name()).map(|at| &table.columns[at]) {
                let found = |(place, &row): (usize, &u32)| remark(column, at, cells, row as usize, place as u32);
                all.extend(rows.iter().enumerate().filter_map(found).filter(wanted));
            }
        }
        all.sort_by_key(|remark| (remark.row, remark.column));
        all
    }
}

/// Remark on the cell of `row`, which is at `place` among the rows that are asked for.
fn remark(column: &PreparedColumn, at: usize, cells: &ColumnValues, row: usize, place: u32) -> Option<CellRemark> {
    let (text, breaks_rule) = match (column, cells) {
        (PreparedColumn::Category { values, rare, open, .. }, ColumnValues::Words { codes, words }) => {
            match codes[row].and_then(|code| words.get(code as usize)) {
                None => ("missing".to_owned(), false),
                Some(word) if values.iter().any(|value| is_same_word(value, word)) => return None,
                Some(word) => {
                    // Models of before rare values were kept cannot tell new ones.
                    let tells = !open && (!rare.is_empty() || values.len() < CATEGORIES);
                    (word.clone(), tells && !rare.contains(word))
                }
            }
        }
        (PreparedColumn::Constant { value, .. }, cells) => {
            let text = text_of(cells, row).filter(|text| !is_same_word(value, text))?;
            (text, true)
        }
        (PreparedColumn::Number { .. }, ColumnValues::Numbers(values)) if values[row].is_nan() => {
            ("missing".to_owned(), false)
        }
        (PreparedColumn::Time { .. }, ColumnValues::Times(times)) if times[row].is_none() => {
            ("missing".to_owned(), false)
        }
        _ => return None,
    };
    Some(CellRemark { row: place, column: at, text, breaks_rule })
}
