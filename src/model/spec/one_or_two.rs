//! Field that takes one number or a range of two.

use serde::{Deserialize, Deserializer};

/// Reads a range, or one number that is both of its ends.
pub(super) fn one_or_two<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u32; 2]>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "write one whole number, or two as in [30, 90]")]
    enum OneOrTwo {
        One(u32),
        Two([u32; 2]),
    }
    Ok(Some(match OneOrTwo::deserialize(deserializer)? {
        OneOrTwo::One(value) => [value; 2],
        OneOrTwo::Two(range) => range,
    }))
}
