//! Documents of texts: whole files, or their lines.

use std::path::Path;

use super::file_labels;
use super::raw::{RawRows, RawValues, limit};
use crate::data::spec::{DataSpec, Scaling, TextUnit};
use crate::data::tfidf::Document;
use crate::data::{DataError, tfidf};

/// Features that words are hashed to, where the spec names none.
const USUAL_DIMENSIONS: usize = 1024;

#[tracing::instrument(level = "debug", name = "read_text", skip_all)]
pub(super) fn read_text(path: &Path, options: &mut DataSpec, notes: &mut Vec<String>) -> Result<RawRows, DataError> {
    let unit = *options.text.get_or_insert(if path.is_file() { TextUnit::Lines } else { TextUnit::Documents });
    let read = tfidf::read_documents(path, limit(), notes)?;
    let (mut documents, mut names) = (Vec::with_capacity(read.len()), Vec::with_capacity(read.len()));
    for Document { name, text } in read {
        match unit {
            TextUnit::Lines if !path.is_file() => {
                for (line, text) in text.lines().enumerate() {
                    documents.push(text.to_owned());
                    names.push(format!("{name}, line {}", line + 1));
                }
            }
            TextUnit::Lines => {
                documents.push(text);
                names.push(format!("line {name}"));
            }
            TextUnit::Documents => {
                documents.push(text);
                names.push(name);
            }
        }
    }
    let dimensions = *options.dimensions.get_or_insert(USUAL_DIMENSIONS);
    options.scale = Some(Scaling::None);
    let labels = match unit {
        TextUnit::Documents => file_labels(&names, false, options)?,
        TextUnit::Lines => match options.labels.as_deref() {
            None | Some("none") => None,
            Some(_) => file_labels(&names, false, options)?,
        },
    };
    let rows = documents.len();
    Ok(RawRows { labels, names: Some(names), ..RawRows::new(rows, dimensions, RawValues::Documents(documents)) })
}
