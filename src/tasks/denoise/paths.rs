//! Input files of a batch and the paths of their outputs. No input is ever overwritten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::{DataError, note_on_own, pictures_and_arrays};
use crate::error::Setting;
use crate::tasks::TaskError;

/// File to be denoised.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FileJob {
    pub input: PathBuf,
    pub output: PathBuf,
    /// Path of the input below the folder in which it was found.
    pub name: PathBuf,
}

fn wrong(problem: String) -> TaskError {
    TaskError::Setting { setting: Setting::OUTPUT, problem }
}

/// Returns the files of `inputs`, folders searched; folders without any are added to `problems`, what is left out or
/// was written by the program to `notes`.
pub(super) fn pictures_of(inputs: &[PathBuf], problems: &mut Vec<String>, notes: &mut Vec<String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for input in inputs {
        if input.is_dir() {
            let before = found.len();
            found.extend(pictures_and_arrays(input, notes));
            if found.len() == before {
                problems.push(format!("no pictures are in {}; drop another folder", input.display()));
            }
        } else {
            notes.extend(note_on_own(input));
            found.push(input.clone());
        }
    }
    found
}

/// Returns the files of `inputs`, folders searched, and their paths at `output`: a file for one input file, else a
/// folder that keeps the names.
///
/// # Errors
/// When two would go to one place, one would go over an input, or `output` cannot be what it has to be.
pub(super) fn jobs(inputs: &[PathBuf], output: &Path, notes: &mut Vec<String>) -> Result<Vec<FileJob>, TaskError> {
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
    for input in inputs {
        if input.is_dir() {
            let before = found.len();
            for file in pictures_and_arrays(input, notes) {
                let name = file.strip_prefix(input).map_or_else(|_| file.clone(), Path::to_path_buf);
                found.push((file, name));
            }
            if found.len() == before {
                let problem = "no pictures and no .npy files are in this folder; give another".to_owned();
                return Err(DataError::Malformed { place: input.display().to_string(), problem }.into());
            }
        } else {
            notes.extend(note_on_own(input));
            let name = input.file_name().map_or_else(|| input.clone(), PathBuf::from);
            found.push((input.clone(), name));
        }
    }
    let to_file = matches!(inputs, [one] if !one.is_dir());
    let ends_as_folder = output.as_os_str().to_string_lossy().ends_with(['/', '\\']);
    if to_file && !output.is_dir() && !ends_as_folder {
        let Some((input, name)) = found.pop() else { return Ok(Vec::new()) };
        check_form(&input, output)?;
        let jobs = vec![FileJob { input, output: output.to_owned(), name }];
        return check_apart(jobs);
    }
    if output.is_file() {
        let problem = format!("{} is a file and there are {} inputs; give a folder", output.display(), found.len());
        return Err(wrong(problem));
    }
    let jobs = found
        .into_iter()
        .map(|(input, name)| FileJob { input, output: output.join(name_of_output(&name)), name })
        .collect();
    check_apart(jobs)
}

/// Format that a file's extension names, by its usual extension.
fn form(path: &Path) -> String {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "jpeg" | "jpe" => "jpg".to_owned(),
        "tiff" => "tif".to_owned(),
        "pgm" | "ppm" | "pbm" => "pnm".to_owned(),
        _ => extension,
    }
}

/// Returns whether the format that `output` is named after keeps several pictures as pages.
pub(super) fn keeps_pages(output: &Path) -> bool {
    form(output) == "tif"
}

/// Checks that the name of an output has the format of its input, which is kept; GIF is written in another one, and the
/// frames of an animation can become the pages of a TIFF file.
fn check_form(input: &Path, output: &Path) -> Result<(), TaskError> {
    let (from, to) = (form(input), form(output));
    let allowed = match from.as_str() {
        "gif" => matches!(to.as_str(), "png" | "tif" | "webp" | "bmp" | "jpg"),
        "webp" | "png" if to == "tif" => true,
        _ => from == to,
    };
    if allowed {
        return Ok(());
    }
    let (input, output) = (input.display(), output.display());
    if from == "gif" {
        let problem = format!("{output} cannot hold what {input} becomes; name it .png, or .tif to keep all frames");
        return Err(wrong(problem));
    }
    Err(wrong(format!("{output} has another format than {input}; the format is kept, use its extension")))
}

/// Returns the name of the output of an input in a folder: its own, but for GIF, which becomes PNG.
fn name_of_output(name: &Path) -> PathBuf {
    if form(name) == "gif" { name.with_extension("png") } else { name.to_owned() }
}

/// Refuses outputs that are inputs, and outputs shared by two inputs.
fn check_apart(jobs: Vec<FileJob>) -> Result<Vec<FileJob>, TaskError> {
    let inputs: BTreeMap<PathBuf, &Path> =
        jobs.iter().filter_map(|job| Some((job.input.canonicalize().ok()?, job.input.as_path()))).collect();
    let mut outputs: BTreeMap<&Path, &Path> = BTreeMap::new();
    for job in &jobs {
        if let Some(input) = job.output.canonicalize().ok().and_then(|output| inputs.get(&output).copied()) {
            let problem =
                format!("{} is what {} is read from; give another place", job.output.display(), input.display());
            return Err(wrong(problem));
        }
        if let Some(other) = outputs.insert(&job.output, &job.input) {
            let (one, output) = (job.input.display(), job.output.display());
            return Err(wrong(format!("{} and {one} would both go to {output}; rename one", other.display())));
        }
    }
    Ok(jobs)
}
