//! Specs, data and paths given on the command line.

use std::path::Path;
use std::sync::Arc;

use super::common::Common;
use super::error::CliError;
use crate::data::{DataSet, DataSpec};
use crate::model::{Spec, SpecError, preset};
use crate::platform::files;
use crate::train::TrainError;

pub(super) fn read_spec(path: &Path) -> Result<Spec, SpecError> {
    let place = path.display().to_string();
    let text = files::read_to_string(path).map_err(|error| SpecError::Syntax {
        place: place.clone(),
        problem: match error.kind() {
            std::io::ErrorKind::NotFound => "no such file, give a spec in TOML or --preset NAME".to_owned(),
            _ => error.to_string(),
        },
    })?;
    Spec::from_toml(&text, &place)
}

/// Opens the data of `base` with those of `settings` that concern its reading and division; of the train part as many
/// rows as they say.
pub(super) fn open_data(base: DataSpec, settings: &[String], common: &Common) -> Result<Arc<DataSet>, CliError> {
    let concerned = |setting: &&String| setting.starts_with("data.") || setting.starts_with("train.");
    let settings: Vec<String> = settings.iter().filter(concerned).cloned().collect();
    // Any preset will do: of its own fields only the validation fraction and the seed are used.
    let mut spec = preset("undercomplete")?.spec;
    spec.data = base;
    // No more rows are asked for than the batch of the model that will be chosen.
    spec.train.batch_size = 1;
    let mut spec = spec.with_set(&settings)?;
    spec.train.seed = common.seed.unwrap_or(spec.train.seed);
    let opened = DataSet::open(&spec.data, spec.train.validation_fraction, spec.train.seed);
    let mut opened = opened.map_err(TrainError::from)?;
    opened.limit_train(spec.data.rows.unwrap_or(usize::MAX));
    Ok(Arc::new(opened))
}

/// Rejects an `output` that would overwrite an input.
pub(super) fn refuse_overwriting<'a>(
    output: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), CliError> {
    match inputs.into_iter().find(|input| would_replace(output, input)) {
        Some(input) => {
            let (output, input) = (output.display(), input.display());
            Err(CliError::usage(format!("{output} would be written over an input, {input}, give another path")))
        }
        None => Ok(()),
    }
}

/// Returns whether writing `output` would destroy `input`: they are the same, or `output` is a file in that folder.
fn would_replace(output: &Path, input: &Path) -> bool {
    match (output.canonicalize(), input.canonicalize()) {
        (Ok(output), Ok(input)) => {
            (output == input && !is_stream(&output)) || output.is_file() && input.is_dir() && output.starts_with(&input)
        }
        _ => false,
    }
}

/// Returns whether `path` is a device or a pipe, which hold nothing that could be lost.
fn is_stream(path: &Path) -> bool {
    !path.is_file() && !path.is_dir()
}
