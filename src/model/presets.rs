//! Presets in `assets/presets`, embedded.

use serde::Deserialize;

use super::spec::{Spec, SpecError};
use crate::platform::perhaps;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetFile {
    summary: String,
    spec: Spec,
}

/// Named spec with a line on its use.
#[derive(Clone, Debug)]
pub struct Preset {
    /// Name of the file without extension, such as `vq`.
    pub name: &'static str,
    /// Line on the use of the spec.
    pub summary: String,
    /// Complete spec, checked.
    pub spec: Spec,
}

macro_rules! preset_table {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../assets/presets/", $name, ".toml")))),*]
    };
}

const FILES: &[(&str, &str)] = preset_table![
    "undercomplete",
    "map",
    "sparse",
    "sparse-l1",
    "sparse-kl",
    "denoising",
    "denoising-gaussian",
    "denoising-salt-and-pepper",
    "deblurring",
    "variational",
    "variational-2d",
    "beta",
    "free-bits",
    "variational-gaussian",
    "conditional",
    "vq",
    "wasserstein",
    "convolutional",
    "convolutional-deep",
    "convolutional-variational",
    "unet",
    "restore",
    "self-restore",
    "tied",
    "contractive",
];

/// Returns all presets, in the order in which they are listed.
pub fn presets() -> Result<Vec<Preset>, SpecError> {
    FILES
        .iter()
        .map(|&(name, text)| {
            let file: PresetFile = toml::from_str(text).map_err(|error| SpecError::Syntax {
                place: format!("preset {name}"),
                problem: error.message().to_owned(),
            })?;
            file.spec.check()?;
            Ok(Preset { name, summary: file.summary, spec: file.spec })
        })
        .collect()
}

/// Returns the preset called `name`.
pub fn preset(name: &str) -> Result<Preset, SpecError> {
    presets()?.into_iter().find(|preset| preset.name == name).ok_or_else(|| SpecError::UnknownPreset {
        asked: name.to_owned(),
        near: perhaps(name, FILES.iter().map(|(name, _)| *name)),
        known: FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    })
}
