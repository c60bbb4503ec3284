//! Versioned part of a snapshot.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Immutable shared value with a version unique in this program: an observer redraws a section only if its version has
/// changed. It is serialized as the value alone.
#[derive(Debug)]
pub struct Section<T> {
    version: u64,
    value: Arc<T>,
}

impl<T> Section<T> {
    /// Returns `value` under a new version.
    pub fn new(value: T) -> Self {
        static VERSIONS: AtomicU64 = AtomicU64::new(1);
        Self { version: VERSIONS.fetch_add(1, Ordering::Relaxed), value: Arc::new(value) }
    }

    /// Returns the version, unique in this program.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Replaces the value by a changed copy under a new version; clones made before keep the old value.
    pub fn change(&mut self, change: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        let mut value = T::clone(&self.value);
        change(&mut value);
        *self = Self::new(value);
    }
}

impl<T> Clone for Section<T> {
    fn clone(&self) -> Self {
        Self { version: self.version, value: Arc::clone(&self.value) }
    }
}

impl<T: Default> Default for Section<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Deref for Section<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Equality of versions: equal values made separately differ.
impl<T> PartialEq for Section<T> {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
    }
}

impl<T> Eq for Section<T> {}

impl<T: Serialize> Serialize for Section<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(self, serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}
