//! Kernel variants that computed wrong on an adapter and its driver, kept beside what was measured: neither autotuning
//! nor a kernel's default takes them again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::platform::files;

/// A variant of a kernel whose results were not those of its CPU reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WrongVariant {
    pub kernel: String,
    /// Empty where the kernel has but one.
    pub variant: String,
    /// Another variant of the kernel is right.
    pub avoidable: bool,
}

impl fmt::Display for WrongVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kernel)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, " {}", self.variant) }
    }
}

/// By adapter, driver and version of this program.
#[derive(Debug, Default, Serialize, Deserialize)]
struct WrongVariants(BTreeMap<String, BTreeSet<WrongVariant>>);

impl WrongVariants {
    fn path() -> Option<PathBuf> {
        files::cache_folder().map(|folder| folder.join("wrong_variants.json"))
    }

    /// Empty where there is nothing, or nothing that can be read: a self-test finds it again.
    fn load() -> Self {
        let bytes = Self::path().and_then(|path| std::fs::read(path).ok());
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn save(&self) -> std::io::Result<()> {
        let Some(path) = Self::path() else { return Ok(()) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        files::write_whole(&path, |file| Ok(serde_json::to_writer_pretty(file, self)?))
    }
}

fn key(identity: &str) -> String {
    format!("{identity}, hourglass {}", env!("CARGO_PKG_VERSION"))
}

/// Returns what is remembered of the adapter and driver of this name.
pub(super) fn remembered(identity: &str) -> Vec<WrongVariant> {
    WrongVariants::load().0.remove(&key(identity)).into_iter().flatten().collect()
}

/// Remembers `wrong` of the adapter and driver of this name, and forgets what was `tested` and is not among it.
pub(super) fn remember(identity: &str, wrong: Vec<WrongVariant>, tested: impl Fn(&str, &str) -> bool) {
    let mut all = WrongVariants::load();
    let known = all.0.entry(key(identity)).or_default();
    let before = known.clone();
    known.retain(|known| !tested(&known.kernel, &known.variant));
    known.extend(wrong);
    if *known == before {
        return;
    }
    if known.is_empty() {
        all.0.remove(&key(identity));
    }
    // Where nothing can be kept, it is found again the next time.
    let _ = all.save();
}
