//! Parameter structs of kernels, field by field: the WGSL struct of each name lays out what the Rust struct of that name
//! does.

use std::collections::BTreeMap;

use hourglass::device::gpu::{GpuTarget, compose};

use crate::shaders::{kernels, validate};
use crate::support::{files_below, repository};

/// One 4-byte word of a struct: the field that it belongs to, its place in the field, and its scalar type.
#[derive(Clone, Debug, PartialEq)]
struct Word {
    field: String,
    place: usize,
    scalar: &'static str,
}

/// WGSL names of the two words of a Rust field.
const PAIRS: [(&str, [&str; 2]); 6] = [
    ("size", ["height", "width"]),
    ("out_size", ["out_height", "out_width"]),
    ("kernel", ["kernel_height", "kernel_width"]),
    ("stride", ["stride_y", "stride_x"]),
    ("padding", ["padding_y", "padding_x"]),
    ("quality", ["low", "high"]),
];

fn scalar_of(ty: &syn::Type) -> &'static str {
    let name = match ty {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    };
    match name.as_deref() {
        Some("u32") => "u32",
        Some("i32") => "i32",
        Some("f32") => "f32",
        other => panic!("{other:?} is no scalar of a parameter struct"),
    }
}

/// Words of a `#[repr(C)]` struct of scalars and arrays of them: every field is aligned to its 4 bytes.
fn rust_words(item: &syn::ItemStruct) -> Vec<Word> {
    let mut words = Vec::new();
    for field in &item.fields {
        let name = field.ident.as_ref().expect("a named field").to_string();
        let (scalar, count) = match &field.ty {
            syn::Type::Array(array) => {
                let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(count), .. }) = &array.len else {
                    panic!("{}.{name}: its length is no number", item.ident)
                };
                (scalar_of(&array.elem), count.base10_parse::<usize>().expect("a count"))
            }
            ty => (scalar_of(ty), 1),
        };
        words.extend((0..count).map(|place| Word { field: name.clone(), place, scalar }));
    }
    words
}

/// Parameter structs in the sources of the kernels, by name.
fn rust_structs() -> BTreeMap<String, Vec<Word>> {
    let mut all = BTreeMap::new();
    for file in files_below("src/kernels") {
        let text = std::fs::read_to_string(repository().join("src/kernels").join(&file)).expect("text");
        for item in syn::parse_file(&text).expect("it is Rust").items {
            if let syn::Item::Struct(item) = item
                && item.ident.to_string().ends_with("Params")
            {
                all.insert(item.ident.to_string(), rust_words(&item));
            }
        }
    }
    all
}

/// Scalar type and count of the words of a WGSL member.
fn shape_of(module: &naga::Module, ty: naga::Handle<naga::Type>) -> (&'static str, usize) {
    let of = |scalar: naga::Scalar| match scalar.kind {
        naga::ScalarKind::Uint => "u32",
        naga::ScalarKind::Sint => "i32",
        naga::ScalarKind::Float => "f32",
        other => panic!("{other:?} in a parameter struct"),
    };
    match &module.types[ty].inner {
        naga::TypeInner::Scalar(scalar) => (of(*scalar), 1),
        naga::TypeInner::Vector { size, scalar } => (of(*scalar), *size as usize),
        other => panic!("{other:?} in a parameter struct"),
    }
}

/// Asserts that `member`, at word `first`, is the field that the Rust struct has there.
fn check_member(name: &str, member: &str, first: usize, (scalar, count): (&str, usize), rust: &[Word]) {
    for at in 0..count {
        let word = rust.get(first + at).unwrap_or_else(|| panic!("{name}.{member} lies beyond the Rust struct"));
        let is_filler = |name: &str| name.starts_with("padding") || name == "rest";
        let pair = PAIRS.iter().find(|(field, _)| *field == word.field).map(|(_, names)| names);
        let agrees = member == word.field && at == word.place
            || count == 1 && pair.is_some_and(|names| names.get(word.place) == Some(&member))
            || is_filler(member) && is_filler(&word.field);
        assert!(agrees && scalar == word.scalar, "{name}: {member} ({scalar}, word {at}) is {word:?} in Rust");
    }
}

#[test]
fn every_parameter_struct_has_the_fields_and_offsets_of_the_rust_struct() {
    let rust = rust_structs();
    let target = GpuTarget {
        tiled: true,
        max_binding_bytes: 1 << 27,
        max_workgroups: 65_535,
        max_iterations: None,
        choices: std::sync::Arc::default(),
        wrong: std::sync::Arc::default(),
    };
    let mut seen = BTreeMap::new();
    for kernel in kernels() {
        let launch = kernel.gpu(&target);
        let key = format!("{:?}", launch.shader);
        if seen.contains_key(&key) {
            continue;
        }
        let module = validate(&compose(&launch.shader).expect("it composes"), kernel.name());
        let bound = module.global_variables.iter().find(|(_, variable)| {
            variable.binding.is_some_and(|binding| binding.group == 0 && binding.binding == launch.uniform)
        });
        let (_, variable) = bound.unwrap_or_else(|| panic!("{key}: no parameters"));
        let ty = &module.types[variable.ty];
        let name = ty.name.clone().unwrap_or_default();
        let naga::TypeInner::Struct { members, .. } = &ty.inner else { panic!("{key}: {name} is no struct") };
        let words = rust.get(&name).unwrap_or_else(|| panic!("{key}: there is no Rust struct {name}"));
        assert_eq!(words.len() * 4, launch.params.len(), "{name}");
        for member in members {
            let label = member.name.clone().unwrap_or_default();
            check_member(&name, &label, member.offset as usize / 4, shape_of(&module, member.ty), words);
        }
        seen.insert(key, name);
    }
    let used: std::collections::BTreeSet<&String> = seen.values().collect();
    let unused: Vec<&String> = rust.keys().filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "no kernel of kernels() in tests/suite/shaders.rs has {unused:?}");
}
