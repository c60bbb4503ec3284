//! Opened, dropped, pasted or typed paths: their kinds and uses.

use std::path::{Path, PathBuf};

use crate::data::{PICTURE_EXTENSIONS, SOUND_EXTENSIONS, TABLE_EXTENSIONS};

/// Kind of a path, by its name and, for a folder, the names in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Model,
    Spec,
    Run,
    Picture,
    /// Folder that is not a run.
    Folder,
    Table,
    /// Arrays, recordings, texts.
    Rows,
    /// File compressed with a model.
    Compressed,
    Unknown,
}

pub(super) const ROWS: &[&str] = &["npy", "npz", "txt", "idx"];

/// Returns the kind of `path`; nothing is read but the names in a folder.
pub(crate) fn kind_of(path: &Path) -> Kind {
    if path.is_dir() {
        return if path.join("spec.toml").is_file() { Kind::Run } else { Kind::Folder };
    }
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().to_lowercase());
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "safetensors" => Kind::Model,
        "toml" => Kind::Spec,
        "hg" => Kind::Compressed,
        _ if PICTURE_EXTENSIONS.contains(&extension) => Kind::Picture,
        _ if TABLE_EXTENSIONS.contains(&extension) => Kind::Table,
        _ if ROWS.contains(&extension) || SOUND_EXTENSIONS.contains(&extension) || name.ends_with("-ubyte") => {
            Kind::Rows
        }
        _ => Kind::Unknown,
    }
}

/// Use of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Opens a saved model in Explore.
    OpenModel,
    /// Scores the current or next data of Detect with a detector.
    ScoreWith,
    /// Trains a spec.
    TrainSpec,
    OpenRun,
    FindAbnormal,
    /// Denoises pictures, folders and arrays.
    Clean,
    /// Denoises with a model in place of the built-in one.
    CleanWith,
    TrainOn,
    /// Uses the first row as an end of the interpolation in Explore.
    WalkFrom,
}

impl Offer {
    /// Returns the label of its button, and its effect in a sentence.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenModel => ("Explore", "Explore this model; the current run is saved"),
            Self::ScoreWith => ("Score with detector", "Score the data of Detect with this detector"),
            Self::TrainSpec => ("Train", "Train this spec; the current run is saved"),
            Self::OpenRun => ("Open the run", "Open this run's report, or resume it; the current run is saved"),
            Self::Clean => ("Denoise", "Remove the noise; the original is not changed"),
            Self::CleanWith => ("Denoise with it", "Denoise with this model in place of the built-in one"),
            Self::FindAbnormal => ("Find abnormal rows", "Fit a detector and list abnormal rows with reasons"),
            Self::WalkFrom => ("Interpolate", "Use its first row as an end of the interpolation"),
            Self::TrainOn => ("Train on it", "Train the present kind of model on it; the current run is saved"),
        }
    }
}

/// Paths opened together: dropped, pasted, typed or chosen.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// Kind of the first path.
    pub kind: Kind,
    pub first: PathBuf,
    pub others: Vec<PathBuf>,
}

impl Opened {
    /// Returns `paths` as opened together; `None` if there are none.
    pub fn new(paths: Vec<PathBuf>) -> Option<Self> {
        let mut paths = paths.into_iter();
        let first = paths.next()?;
        Some(Self { kind: kind_of(&first), first, others: paths.collect() })
    }

    /// Returns all paths in order.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        [&self.first].into_iter().chain(&self.others).cloned()
    }
}
