//! The order of rooms, read from ARCHITECTURE.md: a room uses only rooms nearer the ground, files inside a room form no
//! circle, and no type has the name of another.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;

use crate::support::{files_below, repository};

/// A module's path from the crate's root: `["data", "formats", "npy"]`.
type ModulePath = Vec<String>;

/// Declarations and paths of one file.
#[derive(Default)]
struct Module {
    file: String,
    /// Functions, types, constants and modules at the top of the file.
    items: BTreeSet<String>,
    types: BTreeSet<String>,
    children: BTreeSet<String>,
    /// Names brought in, with the paths as they are written, and whether they are brought in for others.
    imports: Vec<(String, Vec<String>, bool)>,
    /// Paths in code.
    paths: Vec<Vec<String>>,
}

/// The sources of a crate by module path.
struct Sources(BTreeMap<ModulePath, Module>);

impl Sources {
    /// `files` are paths below `src` with their texts.
    fn new<'t>(files: impl IntoIterator<Item = (String, &'t str)>) -> Self {
        let modules = files.into_iter().map(|(file, text)| {
            let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let mut module = Module { file: file.clone(), ..Module::default() };
            parsed.items.iter().for_each(|item| module.take_item(item));
            (module_path(&file), module)
        });
        Self(modules.collect())
    }

    /// `path`, as written in `module`, from the crate's root; `None` for other crates.
    fn resolve(&self, module: &[String], path: &[String]) -> Option<ModulePath> {
        let mut base: ModulePath = module.to_vec();
        match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => return Some([&base[..], &path[1..]].concat()),
            "super" => {}
            child if self.0[module].children.contains(child) => return Some([&base[..], path].concat()),
            _ => return None,
        }
        let ups = path.iter().take_while(|step| *step == "super").count();
        base.truncate(base.len().saturating_sub(ups));
        Some([&base[..], &path[ups..]].concat())
    }

    /// The module whose file defines what `path` names: imports of modules on the way are followed.
    fn definition(&self, path: &[String], depth: usize) -> Option<&ModulePath> {
        let length = (0..=path.len()).rev().find(|&length| self.0.contains_key(&path[..length]))?;
        let (module, known) = self.0.get_key_value(&path[..length])?;
        let Some(name) = path.get(length).filter(|name| !known.items.contains(*name)) else { return Some(module) };
        let import = known.imports.iter().find(|(imported, ..)| imported == name).filter(|_| depth < 8);
        match import.and_then(|(_, written, _)| self.resolve(module, written)) {
            Some(onward) => self.definition(&[&onward[..], &path[length + 1..]].concat(), depth + 1),
            None => Some(module),
        }
    }

    /// Modules that `module` depends on, each with a name that it takes from there. What a parent brings in for others is
    /// no dependence of the parent's.
    fn dependences(&self, module: &ModulePath) -> BTreeMap<&ModulePath, String> {
        let known = &self.0[module];
        let imports = known.imports.iter().filter(|(.., public)| !public).map(|(_, path, _)| path);
        let mut found = BTreeMap::new();
        for path in imports.chain(&known.paths) {
            let Some(whole) = self.resolve(module, path) else { continue };
            // A module's own name (`use super::x` as a module) is a dependence on it alone.
            if let Some(target) = self.definition(&whole, 0).filter(|target| *target != module) {
                found.entry(target).or_insert_with(|| path.join("::"));
            }
        }
        found
    }

    fn upward(&self, rooms: &[String]) -> Vec<String> {
        let level = |module: &ModulePath| {
            let room = module.first()?;
            let level = rooms.iter().position(|known| known == room);
            Some(level.unwrap_or_else(|| panic!("src/{room} is no room; add it to the table of ARCHITECTURE.md")))
        };
        let mut found = Vec::new();
        for (module, known) in &self.0 {
            let Some(here) = level(module) else { continue };
            for (target, path) in self.dependences(module) {
                if level(target).is_some_and(|there| there > here) {
                    found.push(format!("{} uses {path} of {}, a room above", known.file, self.0[target].file));
                }
            }
            // What a room passes on must lie below it as well.
            for (_, path, _) in known.imports.iter().filter(|(.., public)| *public) {
                let target = self.resolve(module, path).and_then(|path| self.definition(&path, 0));
                if target.and_then(level).is_some_and(|there| there > here) {
                    found.push(format!("{} passes on {} of a room above", known.file, path.join("::")));
                }
            }
        }
        found
    }

    /// Files of one room that depend on each other, as chains that end where they begin.
    fn circles(&self) -> Vec<String> {
        let mut open = Vec::new();
        let mut closed = BTreeSet::new();
        let mut found = Vec::new();
        for module in self.0.keys() {
            self.descend(module, &mut open, &mut closed, &mut found);
        }
        found
    }

    fn descend<'s>(
        &'s self,
        module: &'s ModulePath,
        open: &mut Vec<&'s ModulePath>,
        closed: &mut BTreeSet<&'s ModulePath>,
        found: &mut Vec<String>,
    ) {
        if let Some(begin) = open.iter().position(|above| *above == module) {
            let chain = open[begin..].iter().chain([&module]).map(|module| self.0[*module].file.as_str());
            found.push(chain.collect::<Vec<_>>().join(" -> "));
            return;
        }
        if !closed.insert(module) {
            return;
        }
        open.push(module);
        for target in self.dependences(module).into_keys().filter(|target| target.first() == module.first()) {
            self.descend(target, open, closed, found);
        }
        open.pop();
    }

    fn twin_types(&self) -> Vec<String> {
        let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for module in self.0.values() {
            module.types.iter().for_each(|name| places.entry(name).or_default().push(&module.file));
        }
        let twins = places.into_iter().filter(|(_, files)| files.len() > 1);
        twins.map(|(name, files)| format!("{name} stands in {}", files.join(" and "))).collect()
    }
}

impl Module {
    fn take_item(&mut self, item: &syn::Item) {
        let is_test = |attributes: &[syn::Attribute]| {
            attributes.iter().any(|attribute| {
                attribute.path().is_ident("cfg")
                    && attribute.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "test")
            })
        };
        let name = match item {
            syn::Item::Mod(inner) => {
                if inner.content.is_none() {
                    self.children.insert(inner.ident.to_string());
                    return;
                }
                if is_test(&inner.attrs) {
                    return;
                }
                Some(&inner.ident)
            }
            syn::Item::Use(import) => {
                let public = !matches!(import.vis, syn::Visibility::Inherited);
                self.take_use(&import.tree, &mut Vec::new(), public);
                return;
            }
            syn::Item::Struct(item) => self.take_type(&item.ident),
            syn::Item::Enum(item) => self.take_type(&item.ident),
            syn::Item::Trait(item) => self.take_type(&item.ident),
            syn::Item::Type(item) => self.take_type(&item.ident),
            syn::Item::Union(item) => self.take_type(&item.ident),
            syn::Item::Fn(item) => Some(&item.sig.ident),
            syn::Item::Const(item) => Some(&item.ident),
            syn::Item::Static(item) => Some(&item.ident),
            syn::Item::Macro(item) => item.ident.as_ref(),
            _ => None,
        };
        self.items.extend(name.map(ToString::to_string));
        self.visit_item(item);
    }

    fn take_type<'i>(&mut self, name: &'i syn::Ident) -> Option<&'i syn::Ident> {
        self.types.insert(name.to_string());
        Some(name)
    }

    fn take_use(&mut self, tree: &syn::UseTree, above: &mut Vec<String>, public: bool) {
        match tree {
            syn::UseTree::Path(step) => {
                above.push(step.ident.to_string());
                self.take_use(&step.tree, above, public);
                above.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.take_use(tree, above, public)),
            syn::UseTree::Name(last) if last.ident == "self" => {
                self.imports.push((above.last().cloned().unwrap_or_default(), above.clone(), public));
            }
            syn::UseTree::Name(last) => {
                let path = [&above[..], &[last.ident.to_string()]].concat();
                self.imports.push((last.ident.to_string(), path, public));
            }
            syn::UseTree::Rename(last) => {
                let path = [&above[..], &[last.ident.to_string()]].concat();
                self.imports.push((last.rename.to_string(), path, public));
            }
            syn::UseTree::Glob(_) => self.imports.push(("*".to_owned(), above.clone(), public)),
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        // Inside a function.
        self.take_use(&import.tree, &mut Vec::new(), false);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        // Tokens are not parsed: paths are words with `::` between them.
        let text = invocation.tokens.to_string().replace(" :: ", "::");
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        for word in words.filter(|word| word.contains("::") && !word.starts_with(':')) {
            self.paths.push(word.split("::").map(str::to_owned).collect());
        }
    }
}

fn module_path(file: &str) -> ModulePath {
    let mut steps: ModulePath = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if steps.last().is_some_and(|last| last == "mod" || last == "lib") {
        steps.pop();
    }
    steps
}

/// The rooms of the table in ARCHITECTURE.md, from the ground up. Entries with a slash are folders beside `src`.
fn rooms() -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let table = text.split("## Rooms").nth(1).expect("a table of rooms");
    let lines = table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells =
        lines.skip(2).filter_map(|line| line.split('|').nth(1)).flat_map(|cell| cell.split('`').skip(1).step_by(2));
    cells.filter(|name| !name.contains('/')).map(str::to_owned).collect()
}

fn sources() -> Sources {
    let files = files_below("src").into_iter().filter(|file| file != "main.rs" && file.ends_with(".rs"));
    let read = |file: &String| std::fs::read_to_string(repository().join("src").join(file)).expect("a source");
    let texts: Vec<(String, String)> = files.map(|file| (file.clone(), read(&file))).collect();
    assert!(texts.len() > 20, "the walk finds the sources");
    Sources::new(texts.iter().map(|(file, text)| (file.clone(), text.as_str())))
}

#[test]
fn rooms_use_only_rooms_below_them() {
    let found = sources().upward(&rooms());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn files_of_a_room_form_no_circle() {
    let found = sources().circles();
    assert!(found.is_empty(), "{found:#?}");
}

/// Files, threads and the clock belong to `platform`, which a browser will have another of.
#[test]
fn the_machine_is_asked_by_platform_alone() {
    let asks =
        ["std::fs", "std::thread", "std::time::Instant", "SystemTime::now", "Instant, Duration}", "Duration, Instant}"];
    let mut found = Vec::new();
    for file in files_below("src").into_iter().filter(|file| file.ends_with(".rs") && !file.starts_with("platform/")) {
        let text = std::fs::read_to_string(repository().join("src").join(&file)).expect("a source");
        let lines = text.lines().filter(|line| asks.iter().any(|ask| line.contains(ask)));
        found.extend(lines.map(|line| format!("{file}: {}", line.trim())));
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Options of the command line, and the dash that stands for its streams, in string literals of `text`; comments and
/// tests of names aside.
fn options_in(text: &str) -> Vec<String> {
    struct Literals(Vec<String>);
    impl<'ast> Visit<'ast> for Literals {
        fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
            self.0.push(literal.value());
        }

        fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
            // Messages of errors are attributes; doc comments speak of whatever they like.
            if attribute.path().is_ident("error")
                && let syn::Meta::List(list) = &attribute.meta
            {
                self.0.push(list.tokens.to_string());
            }
        }

        fn visit_macro(&mut self, call: &'ast syn::Macro) {
            self.0.push(call.tokens.to_string());
        }
    }
    let mut literals = Literals(Vec::new());
    Visit::visit_file(&mut literals, &syn::parse_file(text).expect("Rust"));
    let is_option = |text: &String| {
        let flag = text.match_indices("--").any(|(at, _)| {
            let bytes = text.as_bytes();
            let before = at.checked_sub(1).map(|before| bytes[before]);
            let after = bytes.get(at + 2);
            after.is_some_and(u8::is_ascii_lowercase) && before.is_none_or(|byte| matches!(byte, b' ' | b'"' | b'`'))
        });
        flag || text == "-"
    };
    literals.0.into_iter().filter(is_option).collect()
}

#[test]
fn options_are_worded_by_the_command_line_alone() {
    assert_eq!(options_in("const A: &str = \"try --device cpu\";").len(), 1);
    assert_eq!(options_in("fn f() { g(format!(\"with --label {x}\")) }").len(), 1);
    assert_eq!(options_in("#[error(\"no, use --out\")] struct E;").len(), 1);
    assert_eq!(options_in("fn f() -> bool { source == \"-\" }").len(), 1);
    assert_eq!(options_in("/// As `--label`.\nconst A: &str = \"a - b -- c\";").len(), 0);
    // How a program is built, and cells of tables that stand for nothing.
    let known = ["Parquet is read by programs built with `--features parquet`", "-"];
    let mut found = Vec::new();
    for file in files_below("src").into_iter().filter(|file| file.ends_with(".rs")) {
        if file == "main.rs" || file.starts_with("cli/") || file.starts_with("app/") {
            continue;
        }
        let text = std::fs::read_to_string(repository().join("src").join(&file)).expect("a source");
        let is_known =
            |option: &String| option.contains(known[0]) || option == known[1] && file == "data/formats/columns.rs";
        found.extend(
            options_in(&text).into_iter().filter(|option| !is_known(option)).map(|option| (file.clone(), option)),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_two_types_share_a_name() {
    let found = sources().twin_types();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_room_of_the_table_is_there() {
    let there: BTreeSet<String> = sources().0.keys().filter_map(|path| path.first().cloned()).collect();
    assert_eq!(rooms().into_iter().collect::<BTreeSet<_>>(), there);
}

fn planted(files: &[(&str, &'static str)]) -> Sources {
    Sources::new(files.iter().map(|&(file, text)| (file.to_owned(), text)))
}

#[test]
fn planted_faults_are_seen() {
    let order = ["ground".to_owned(), "upper".to_owned()];
    let upper = ("upper/mod.rs", "pub struct Tower; pub use crate::ground::Stone as Brick;");
    let grouped = planted(&[("ground/mod.rs", "use crate::{upper::Tower, ground::Stone}; pub struct Stone;"), upper]);
    assert_eq!(grouped.upward(&order), ["ground/mod.rs uses crate::upper::Tower of upper/mod.rs, a room above"]);
    let called =
        planted(&[("ground/mod.rs", "fn f() { vec![crate::upper::g()]; }"), ("upper/mod.rs", "pub fn g() {}")]);
    assert_eq!(called.upward(&order).len(), 1, "a path inside a macro");
    let passed = planted(&[("ground/mod.rs", "pub use crate::upper::Tower;"), upper]);
    assert_eq!(passed.upward(&order).len(), 1, "a name that is passed on");
    let fine = planted(&[("ground/mod.rs", "pub struct Stone; // use crate::upper::Tower;"), upper]);
    assert!(fine.upward(&order).is_empty());

    let circle = planted(&[
        ("ground/mod.rs", "mod a; mod b; pub use self::a::{A, g};"),
        ("ground/a.rs", "use super::b::B; pub struct A(B); pub fn g() {}"),
        ("ground/b.rs", "pub struct B; fn f() { super::g() }"),
    ]);
    assert_eq!(circle.circles(), ["ground/a.rs -> ground/b.rs -> ground/a.rs"], "through what the parent passes on");
    let parent = planted(&[
        ("ground/mod.rs", "mod a; use self::a::A; pub struct Own(A);"),
        ("ground/a.rs", "pub struct A; fn f(_: super::Own) {}"),
    ]);
    assert_eq!(parent.circles().len(), 1, "a parent that uses its child and is used by it");
    let tree = planted(&[
        ("ground/mod.rs", "mod a; pub use self::a::A; pub struct Own;"),
        ("ground/a.rs", "pub struct A(super::Own);"),
    ]);
    assert!(tree.circles().is_empty(), "a parent that only passes its child on");

    let twins = planted(&[("ground/mod.rs", "mod a; pub enum Stone {}"), ("ground/a.rs", "struct Stone;")]);
    assert_eq!(twins.twin_types(), ["Stone stands in ground/mod.rs and ground/a.rs"]);
}

/// The window's shell and egui's must be the same winit, or events are of two types.
#[test]
fn winit_is_there_once() {
    let lock = std::fs::read_to_string(repository().join("Cargo.lock")).expect("Cargo.lock");
    assert_eq!(lock.matches("name = \"winit\"\n").count(), 1);
}
