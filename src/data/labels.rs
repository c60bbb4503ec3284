//! Classes of files and of rows.

use std::collections::HashMap;
use std::path::Path;

use super::DataError;
use super::error::unreadable;
use super::formats::columns::ColumnValues;
use super::spec::DataSpec;

/// The class of each row, and the names of the classes.
#[derive(Debug)]
pub(in crate::data) struct Labels {
    pub of_rows: Vec<u8>,
    pub names: Vec<String>,
}

impl Labels {
    /// Rows cut from files have the labels of their files.
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
            let text = std::fs::read_to_string(list).map_err(|error| unreadable(Path::new(list), &error))?;
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
    if !every || !(2..=256).contains(&names.len()) {
        if wanted {
            let problem = format!(
                "{:?} gives {} different labels{}; 2 to 256 of them are needed",
                options.labels.as_deref().unwrap_or_default(),
                names.len(),
                if every { "" } else { " and leaves files without one" }
            );
            return Err(DataError::Option { field: "data.labels", problem });
        }
        return Ok(None);
    }
    options.labels.get_or_insert_with(|| "folders".to_owned());
    let of = |word: &Option<String>| names.iter().position(|name| Some(name) == word.as_ref()).unwrap_or(0) as u8;
    Ok(Some(Labels { of_rows: words.iter().map(of).collect(), names }))
}

/// A class for each word, and their names; `None` where they are too many or one.
pub(crate) fn classes_of(words: &[String]) -> Option<Labels> {
    let mut names = words.to_vec();
    sort_names(&mut names);
    if !(2..=256).contains(&names.len()) {
        return None;
    }
    let of: HashMap<&str, u8> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u8)).collect();
    let of_rows = words.iter().map(|word| of.get(word.as_str()).copied().unwrap_or(0)).collect();
    Some(Labels { of_rows, names })
}

/// Classes of a column and their names, in the order of numbers or of words; `None` where there are more than a byte
/// counts or fewer than two. Rows without a label have the last class, named "unknown".
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
    if !(2..=256).contains(&names.len()) {
        return None;
    }
    let of: HashMap<&str, u8> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u8)).collect();
    let of_rows = words
        .iter()
        .map(|word| of.get(word.as_deref().unwrap_or("unknown")).copied().unwrap_or(names.len() as u8 - 1))
        .collect();
    Some(Labels { of_rows, names })
}

/// Distinct names, numbers by their size and before words.
pub(crate) fn sort_names(names: &mut Vec<String>) {
    names.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    });
    names.dedup();
}
