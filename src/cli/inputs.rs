//! Specs, data and paths as given on the command line.

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
            std::io::ErrorKind::NotFound => "there is no such file, give a spec in TOML or --preset NAME".to_owned(),
            _ => error.to_string(),
        },
    })?;
    Spec::from_toml(&text, &place)
}

/// The data at `source`, as the settings that concern it say.
pub(super) fn open_data(source: &str, settings: &[String], common: &Common) -> Result<Arc<DataSet>, CliError> {
    let concerned = |setting: &&String| setting.starts_with("data.") || setting.starts_with("train.");
    let settings: Vec<String> = settings.iter().filter(concerned).cloned().collect();
    // Whatever is trained later, this is a spec to apply settings to.
    let mut spec = preset("undercomplete")?.spec;
    spec.data = DataSpec::from_source(source);
    let mut spec = spec.with_set(&settings)?;
    spec.train.seed = common.seed.unwrap_or(spec.train.seed);
    let opened = DataSet::open(&spec.data, spec.train.validation_fraction, spec.train.seed);
    Ok(Arc::new(opened.map_err(TrainError::from)?))
}

/// Refuses an `output` that would go over what is read.
pub(super) fn refuse_overwriting<'a>(
    output: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), CliError> {
    match inputs.into_iter().find(|input| would_replace(output, input)) {
        Some(input) => {
            let (output, input) = (output.display(), input.display());
            Err(CliError::usage(format!("{output} would be written over what is read, {input}, give another place")))
        }
        None => Ok(()),
    }
}

/// Returns whether writing `output` would destroy `input`: it is the same, or a file that lies in the folder `input`.
fn would_replace(output: &Path, input: &Path) -> bool {
    match (output.canonicalize(), input.canonicalize()) {
        (Ok(output), Ok(input)) => {
            (output == input && !is_stream(&output)) || output.is_file() && input.is_dir() && output.starts_with(&input)
        }
        _ => false,
    }
}

/// Devices and pipes hold nothing that could be lost.
fn is_stream(path: &Path) -> bool {
    !path.is_file() && !path.is_dir()
}
