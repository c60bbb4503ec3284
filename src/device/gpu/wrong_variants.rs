//! Kernel variants that computed wrong on an adapter and its driver, kept beside the measurements of autotuning:
//! neither autotuning nor a kernel's default takes them again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::platform::files;

/// A variant of a kernel whose results were not those of its CPU reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WrongVariant {
    /// Name of the kernel, as it calls itself.
    pub kernel: String,
    /// Name of the variant; empty where the kernel has only one.
    pub variant: String,
    /// True if another variant of the kernel is right.
    pub avoidable: bool,
}

impl fmt::Display for WrongVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kernel)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, " {}", self.variant) }
    }
}

/// Wrong variants by adapter, driver and version of this program.
type WrongVariants = BTreeMap<String, BTreeSet<WrongVariant>>;

/// Name of the file in the cache folder.
const FILE: &str = "wrong_variants.json";

fn key(identity: &str) -> String {
    format!("{identity}, hourglass {}", env!("CARGO_PKG_VERSION"))
}

/// Returns the variants remembered as wrong on the adapter and driver of this name.
pub(super) fn remembered(identity: &str) -> Vec<WrongVariant> {
    files::load_cached::<WrongVariants>(FILE).remove(&key(identity)).into_iter().flatten().collect()
}

/// Remembers `wrong` of the adapter and driver of this name, and forgets all that were `tested` and are not among it.
pub(super) fn remember(identity: &str, wrong: Vec<WrongVariant>, tested: impl Fn(&str, &str) -> bool) {
    let mut all: WrongVariants = files::load_cached(FILE);
    let known = all.entry(key(identity)).or_default();
    let before = known.clone();
    known.retain(|known| !tested(&known.kernel, &known.variant));
    known.extend(wrong);
    if *known == before {
        return;
    }
    if known.is_empty() {
        all.remove(&key(identity));
    }
    files::save_cached(FILE, &all);
}
