//! Classes of files and of rows.

use std::collections::HashMap;
use std::path::Path;

use super::DataError;
use super::error::unreadable;
use super::formats::columns::ColumnValues;
use super::spec::DataSpec;
use crate::error::Setting;
use crate::platform::files;

/// Classes that labels can have, at most.
pub const MOST_CLASSES: usize = u16::MAX as usize;

/// The class of each row, and the names of the classes.
#[derive(Debug)]
pub(in crate::data) struct Labels {
    pub of_rows: Vec<u16>,
    pub names: Vec<String>,
}

/// Most distinct values that are taken for classes whatever they are.
const FEW_VALUES: usize = 256;

impl Labels {
    /// Returns whether values that are not named as labels look like them: they are few, or repeated words or whole
    /// numbers.
    pub fn are_likely_classes(&self) -> bool {
        let is_whole = |name: &String| name.parse::<f64>().map_or(true, |value| value.fract() == 0.0);
        self.names.len() <= FEW_VALUES || 2 * self.names.len() <= self.of_rows.len() && self.names.iter().all(is_whole)
    }

    /// Returns the labels of rows cut from files: those of their files.
    pub fn of_files(self, files: impl Iterator<Item = u32>) -> Self {
        Self { of_rows: files.map(|file| self.of_rows[file as usize]).collect(), names: self.names }
    }
}

/// Labels of files: by their folders, by the first part of their names, or none. `relative` are their paths.
pub(in crate::data) fn file_labels(
    relative: &[String],
    has_parts: bool,
    options: &mut DataSpec,
) -> Result<Option<Labels>, DataError> {
    let folder = |name: &String| {
        let mut steps: Vec<&str> = name.split(['/', '\\']).collect();
        steps.pop();
        if has_parts && !steps.is_empty() {
            steps.remove(0);
        }
        steps.first().map(|step| (*step).to_owned())
    };
    let prefix = |name: &String| {
        let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
        file.split_once('_').map(|(prefix, _)| prefix.to_owned())
    };
    let words: Vec<Option<String>> = match options.labels.as_deref() {
        Some("none") => return Ok(None),
        None | Some("folders") => relative.iter().map(folder).collect(),
        Some("prefix") => relative.iter().map(prefix).collect(),
        Some(list) => {
            let text = files::read_to_string(list).map_err(|error| unreadable(Path::new(list), &error))?;
            text.lines().map(|line| Some(line.trim().to_owned())).collect()
        }
    };
    let wanted = options.labels.is_some() && !options.labels_optional;
    if words.len() != relative.len() {
        let problem = format!("it has {} lines for {} files; write one label a line", words.len(), relative.len());
        return Err(DataError::malformed(options.labels.clone().unwrap_or_default(), problem));
    }
    let mut names: Vec<String> = words.iter().flatten().cloned().collect();
    sort_names(&mut names);
    let every = words.iter().all(Option::is_some);
    if !every || !are_classes(&names) {
        if wanted {
            let problem = format!(
                "{:?} gives {} different labels{}; 2 to {MOST_CLASSES} of them are needed",
                options.labels.as_deref().unwrap_or_default(),
                names.len(),
                if every { "" } else { " and leaves files without one" }
            );
            return Err(DataError::Setting { setting: Setting::DATA_LABELS, problem });
        }
        return Ok(None);
    }
    options.labels.get_or_insert_with(|| "folders".to_owned());
    let numbers = numbered(&names);
    let of = |word: &Option<String>| word.as_deref().and_then(|word| numbers.get(word)).copied().unwrap_or(0);
    let of_rows = words.iter().map(of).collect();
    Ok(Some(Labels { of_rows, names }))
}

fn are_classes(names: &[String]) -> bool {
    (2..=MOST_CLASSES).contains(&names.len())
}

/// The number of each class.
fn numbered(names: &[String]) -> HashMap<&str, u16> {
    names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u16)).collect()
}

/// A class for each word, and their names; `None` where they are too many or one.
pub(crate) fn classes_of(words: &[String]) -> Option<Labels> {
    let mut names = words.to_vec();
    sort_names(&mut names);
    if !are_classes(&names) {
        return None;
    }
    let of = numbered(&names);
    let of_rows = words.iter().map(|word| of.get(word.as_str()).copied().unwrap_or(0)).collect();
    Some(Labels { of_rows, names })
}

/// Classes of a column and their names, in the order of numbers or of words; `None` where there are more than
/// [`MOST_CLASSES`] or fewer than two. Rows without a label have the last class, named "unknown".
pub(crate) fn classes(cells: &ColumnValues, known: &[String]) -> Option<Labels> {
    let rows = match cells {
        ColumnValues::Numbers(values) => values.len(),
        ColumnValues::Words { codes, .. } => codes.len(),
        ColumnValues::Times(times) => times.len(),
    };
    let words: Vec<Option<String>> = (0..rows).map(|row| cells.word(row)).collect();
    let mut names = known.to_vec();
    if known.is_empty() {
        names = words.iter().flatten().cloned().collect();
        sort_names(&mut names);
    }
    if words.iter().any(Option::is_none) && !names.iter().any(|name| name == "unknown") {
        names.push("unknown".to_owned());
    }
    if !are_classes(&names) {
        return None;
    }
    let of = numbered(&names);
    let of_rows = words
        .iter()
        .map(|word| of.get(word.as_deref().unwrap_or("unknown")).copied().unwrap_or((names.len() - 1) as u16))
        .collect();
    Some(Labels { of_rows, names })
}

/// Sorts names and removes duplicates: numbers by their size and before words.
pub(crate) fn sort_names(names: &mut Vec<String>) {
    names.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    });
    names.dedup();
}
