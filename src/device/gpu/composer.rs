//! WGSL files are real WGSL: each parses as it stands once its imports are in. The composer resolves
//! `#import lib/name` lines (each file once), can swap one import for another of the same interface, and can replace
//! the right side of lines marked `// spec`.

use std::collections::BTreeSet;

macro_rules! shader_table {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../shaders/", $name, ".wgsl")))),*]
    };
}

const SHADERS: &[(&str, &str)] = shader_table![
    "augment",
    "blind_spot",
    "conv_from_few",
    "conv_gather",
    "conv_scatter",
    "conv_tiled",
    "conv_to_few",
    "conv_weights",
    "conv_weights_few",
    "conv_weights_to_few",
    "dense_backward",
    "dense_backward_tiled",
    "dense_forward",
    "dense_forward_tiled",
    "depthwise",
    "film",
    "gather",
    "halves",
    "jpeg",
    "latent",
    "loss",
    "mmd",
    "norm",
    "norm_apply",
    "optimizer",
    "pointwise",
    "quantize",
    "random",
    "reduce",
    "resample",
    "slots",
    "sparse",
    "ssim",
    "structure",
    "lib/activation",
    "lib/bias_absent",
    "lib/bias_summed",
    "lib/conv_params",
    "lib/counted",
    "lib/dense_backward_params",
    "lib/dense_backward_scalar",
    "lib/dense_backward_vec4",
    "lib/dense_forward_scalar",
    "lib/dense_forward_vec4",
    "lib/element_scalar",
    "lib/element_vec4",
    "lib/finish",
    "lib/index",
    "lib/left_scalar",
    "lib/left_vec4",
    "lib/memory_scalar",
    "lib/memory_vec4",
    "lib/norm_pair_scalar",
    "lib/norm_pair_vec4",
    "lib/norm_params",
    "lib/normal",
    "lib/out_scalar",
    "lib/out_vec4",
    "lib/permutation",
    "lib/philox",
    "lib/poisson",
    "lib/reduce_tree",
    "lib/right_scalar",
    "lib/right_vec4",
    "lib/step",
    "lib/store_values",
    "lib/store_values_and_average",
    "lib/tile_shared",
    "lib/tile8x4",
    "lib/tiles_gather",
    "lib/tiles_scatter",
    "lib/tiles_weights",
    "lib/walker",
];

/// Every embedded shader file: name without extension, and text.
pub fn shader_files() -> &'static [(&'static str, &'static str)] {
    SHADERS
}

/// What to compose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShaderRequest {
    pub file: &'static str,
    /// Name and new right side of constants marked `// spec`.
    pub constants: Vec<(&'static str, String)>,
    /// Imports to replace: from, to.
    pub swaps: Vec<(&'static str, &'static str)>,
}

impl ShaderRequest {
    pub fn new(file: &'static str) -> Self {
        Self { file, ..Self::default() }
    }

    #[must_use]
    pub fn constant(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.constants.push((name, value.to_string()));
        self
    }

    #[must_use]
    pub fn swap(mut self, from: &'static str, to: &'static str) -> Self {
        self.swaps.push((from, to));
        self
    }
}

/// The final source, or what is wrong with the request.
///
/// Where the environment names a folder in `HOURGLASS_DUMP_SHADERS`, the source is written there too.
pub fn compose(request: &ShaderRequest) -> Result<String, String> {
    let mut out = String::new();
    let mut seen = BTreeSet::new();
    let mut replaced = BTreeSet::new();
    append(request, request.file, &mut seen, &mut replaced, &mut out)?;
    if let Some((name, _)) = request.constants.iter().find(|(name, _)| !replaced.contains(name)) {
        return Err(format!("shader {} has no constant {name} marked `// spec`", request.file));
    }
    if let Some(folder) = std::env::var_os("HOURGLASS_DUMP_SHADERS") {
        let variant: String = request
            .constants
            .iter()
            .map(|(name, value)| format!("-{name}-{value}"))
            .chain(request.swaps.iter().map(|(_, to)| format!("-{}", to.replace('/', "_"))))
            .collect();
        let path = std::path::Path::new(&folder).join(format!("{}{variant}.wgsl", request.file));
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&path, &out))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(out)
}

fn append(
    request: &ShaderRequest,
    file: &str,
    seen: &mut BTreeSet<String>,
    replaced: &mut BTreeSet<&'static str>,
    out: &mut String,
) -> Result<(), String> {
    if !seen.insert(file.to_owned()) {
        return Ok(());
    }
    let (_, text) =
        SHADERS.iter().find(|(name, _)| *name == file).ok_or_else(|| format!("there is no shader file {file}"))?;
    for line in text.lines() {
        if let Some(import) = line.strip_prefix("#import ") {
            let import = import.trim();
            let import = request.swaps.iter().find(|(from, _)| *from == import).map_or(import, |(_, to)| to);
            append(request, import, seen, replaced, out)?;
        } else if let Some((name, value)) = specialised(request, line) {
            replaced.insert(name);
            let (left, _) = line.split_once('=').unwrap_or((line, ""));
            out.push_str(left);
            out.push_str("= ");
            out.push_str(value);
            out.push_str(";\n");
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    Ok(())
}

fn specialised<'r>(request: &'r ShaderRequest, line: &str) -> Option<(&'static str, &'r str)> {
    let name = line.strip_suffix("// spec")?.strip_prefix("const ")?.split(':').next()?.trim();
    request
        .constants
        .iter()
        .find(|(constant, _)| *constant == name)
        .map(|(constant, value)| (*constant, value.as_str()))
}
