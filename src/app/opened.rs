//! Something that is opened, dropped, pasted or typed: what it is, and what can be done with it.

use std::path::{Path, PathBuf};

use crate::data::PICTURE_EXTENSIONS;

/// Kind of a path, by its name and what lies in it; nothing is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Model,
    Spec,
    Run,
    Picture,
    /// A folder that is no run.
    Folder,
    Table,
    /// Arrays, recordings, texts.
    Rows,
    /// Compressed with a model.
    Compressed,
    Unknown,
}

pub(super) const TABLES: &[&str] = &["csv", "tsv", "parquet"];
pub(super) const ROWS: &[&str] = &["npy", "npz", "wav", "txt", "idx"];

/// Returns what is at `path`; nothing is read but the names in a folder.
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
        _ if TABLES.contains(&extension) => Kind::Table,
        _ if ROWS.contains(&extension) || name.ends_with("-ubyte") => Kind::Rows,
        _ => Kind::Unknown,
    }
}

/// Use of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Look at a saved model, in Explore.
    OpenModel,
    /// A detector, for the data that Detect has or will have.
    ScoreWith,
    /// Train what a spec says.
    TrainSpec,
    OpenRun,
    FindAbnormal,
    /// Pictures, folders of them and arrays, in Denoise; there a model to clean them with, too.
    Clean,
    TrainOn,
    /// A row for the walk of Explore.
    WalkFrom,
}

impl Offer {
    /// Its button, and what it does in a sentence.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenModel => ("Explore", "Explore this model; the present run is saved"),
            Self::ScoreWith => ("Score with it", "Score the data of Detect with this detector"),
            Self::TrainSpec => ("Train", "Train what this spec says; the present run is saved"),
            Self::OpenRun => ("Open the run", "Look at what came of this run; the present one is saved"),
            Self::Clean => ("Clean", "Take the noise out; the original stays as it is"),
            Self::FindAbnormal => ("Find abnormal rows", "Fit a detector and see which rows are abnormal, and why"),
            Self::WalkFrom => ("Walk from it", "Take it for an end of the walk"),
            Self::TrainOn => ("Train on it", "Choose a model that suits it and train; the present run is saved"),
        }
    }
}

/// Something that is opened: dropped, pasted, typed or chosen.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// Of the first path.
    pub kind: Kind,
    pub first: PathBuf,
    pub others: Vec<PathBuf>,
}

impl Opened {
    /// Of `paths`; `None` where there is none.
    pub fn new(paths: Vec<PathBuf>) -> Option<Self> {
        let mut paths = paths.into_iter();
        let first = paths.next()?;
        Some(Self { kind: kind_of(&first), first, others: paths.collect() })
    }

    /// All of them, in their order.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        [&self.first].into_iter().chain(&self.others).cloned()
    }
}
