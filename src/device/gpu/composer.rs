//! Composition of shaders from WGSL files, each of which parses as it stands once its imports are in. The composer
//! resolves `#import lib/name` lines (each file once), can swap one import for another of the same interface, and can
//! replace the right side of lines marked `// spec`.

use std::collections::BTreeSet;

use crate::platform::files;

/// Files that shaders are composed of: name without extension, and text.
#[derive(Clone, Copy)]
pub struct ShaderLibrary(pub &'static [(&'static str, &'static str)]);

impl ShaderLibrary {
    fn text(self, name: &str) -> Option<&'static str> {
        self.0.iter().find(|(file, _)| *file == name).map(|(_, text)| *text)
    }
}

impl std::fmt::Debug for ShaderLibrary {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ShaderLibrary of {} files", self.0.len())
    }
}

// Libraries are statics: the same table is the same library, and requests are looked up too often to compare its texts.
impl PartialEq for ShaderLibrary {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for ShaderLibrary {}

impl std::hash::Hash for ShaderLibrary {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.as_ptr().hash(state);
    }
}

/// Shader to compose: a file, values of its constants, and swaps of its imports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShaderRequest {
    /// Files that the shader and its imports are taken from.
    pub library: ShaderLibrary,
    /// Name of the shader's file, without extension.
    pub file: &'static str,
    /// Name and new right side of constants marked `// spec`.
    pub constants: Vec<(&'static str, String)>,
    /// Imports to replace: from, to.
    pub swaps: Vec<(&'static str, &'static str)>,
}

impl ShaderRequest {
    /// Creates a request for `file` with its own constants and imports.
    pub fn new(library: ShaderLibrary, file: &'static str) -> Self {
        Self { library, file, constants: Vec::new(), swaps: Vec::new() }
    }

    /// Sets the right side of the constant `name`, which is marked `// spec` in the file.
    #[must_use]
    pub fn constant(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.constants.push((name, value.to_string()));
        self
    }

    /// Replaces the import `from` by `to`, which has the same interface.
    #[must_use]
    pub fn swap(mut self, from: &'static str, to: &'static str) -> Self {
        self.swaps.push((from, to));
        self
    }
}

/// Returns the final source, or the problem with the request.
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
        files::create_dir_all(path.parent().unwrap_or(&path))
            .and_then(|()| files::write(&path, &out))
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
    let text = request.library.text(file).ok_or_else(|| format!("there is no shader file {file}"))?;
    for line in text.lines() {
        if let Some(import) = line.strip_prefix("#import ") {
            let import = import.trim();
            let import = request.swaps.iter().find(|(from, _)| *from == import).map_or(import, |(_, to)| to);
            append(request, import, seen, replaced, out)?;
        } else if let Some((name, value)) = specialized(request, line) {
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

fn specialized<'r>(request: &'r ShaderRequest, line: &str) -> Option<(&'static str, &'r str)> {
    let name = line.strip_suffix("// spec")?.strip_prefix("const ")?.split(':').next()?.trim();
    request
        .constants
        .iter()
        .find(|(constant, _)| *constant == name)
        .map(|(constant, value)| (*constant, value.as_str()))
}
