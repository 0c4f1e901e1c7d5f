//! Import cycles among the files of a crate.
//!
//! Two modules that use each other cannot be read, tested or moved alone. [`import_cycles`] finds such cycles in a crate's sources,
//! so that a test can fail on them:
//!
//! ```
//! use std::path::Path;
//!
//! let cycles = kiln_testkit::import_cycles(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
//! assert!(cycles.is_empty(), "import cycles: {cycles:#?}");
//! ```

mod graph;
mod resolve;
mod source;
mod tokens;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use self::{
    resolve::Crate,
    source::{Module, Source},
};

/// Returns the import cycles among the modules of a crate, one per group of modules that depend on one another.
///
/// `src` is the crate's `src` folder. A cycle is a list of module paths, such as `["solver::line", "solver::search"]`: each module
/// uses the next one, and the last one uses the first. The root is called `crate`. Each file is one module, including its inline
/// modules.
///
/// A module uses another module if its code has a path to an item that the other module defines. The path may start with `crate`,
/// `super`, `self`, an imported name or the name of a child module. Re-exports are followed to the file that defines the item. `mod
/// child` and a parent's `pub use child::Item` are not uses by themselves, but the parent uses the child if its code names the
/// item. Items under `#[cfg(test)]` are ignored.
///
/// The check reads tokens, not types. It does not see what macros generate, or which module defines a method.
///
/// # Panics
/// If `src` has no `lib.rs` or `main.rs`, or a file cannot be read.
pub fn import_cycles(src: &Path) -> Vec<Vec<String>> {
    let mut files = BTreeMap::new();
    read_folder(src, &mut Vec::new(), &mut files);
    let root = ["lib.rs", "main.rs"].into_iter().map(|name| src.join(name)).find(|path| path.is_file());
    let root = root.unwrap_or_else(|| panic!("{} has no lib.rs or main.rs", src.display()));
    files.insert(Vec::new(), root);
    let sources = files.into_iter().map(|(module, path)| (module, Source::parse(&read(&path)))).collect();
    cycles(sources)
}

/// Returns the cycles of sources in memory.
fn cycles(sources: BTreeMap<Module, Source>) -> Vec<Vec<String>> {
    let uses = Crate::new(sources).uses();
    let name = |module: &Module| if module.is_empty() { "crate".to_owned() } else { module.join("::") };
    graph::cycles(&uses).iter().map(|cycle| cycle.iter().map(name).collect()).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Adds each file of a folder, with its module path, except the crate root.
fn read_folder(folder: &Path, module: &mut Module, files: &mut BTreeMap<Module, PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            module.push(stem);
            read_folder(&path, module, files);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let is_root = module.is_empty() && matches!(stem.as_str(), "lib" | "main");
            let name = if stem == "mod" { module.clone() } else { [module.as_slice(), &[stem]].concat() };
            if !is_root {
                files.insert(name, path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let module = |name: &str| match name {
            "crate" => Vec::new(),
            name => name.split("::").map(str::to_owned).collect(),
        };
        cycles(files.iter().map(|(name, text)| (module(name), Source::parse(text))).collect())
    }

    #[test]
    fn a_cycle_in_a_folder_is_found() {
        let folder = std::env::temp_dir().join(format!("kiln-testkit-imports-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("shapes")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("lib.rs", "pub mod shapes;");
        write("shapes.rs", "mod circle; mod square; pub use circle::Circle;");
        write("shapes/circle.rs", "use super::square::Square; pub struct Circle(Square);");
        write("shapes/square.rs", "pub struct Square; impl From<super::Circle> for Square {}");
        let found = import_cycles(&folder);
        write("shapes/square.rs", "pub struct Square;");
        let none = import_cycles(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, [["shapes::circle", "shapes::square"]]);
        assert!(none.is_empty(), "{none:?}");
    }

    #[test]
    fn each_way_to_name_an_item_is_an_edge() {
        for path in ["crate::b::B", "super::b::B", "super::B", "crate::B"] {
            let root = "mod a; mod b; pub use b::B;";
            for a in [format!("use {path}; pub struct A(B);"), format!("pub struct A({path});")] {
                let cycles = of(&[("crate", root), ("a", &a), ("b", "pub struct B; fn f() { super::a::g() }")]);
                assert_eq!(cycles, [["a", "b"]], "{a}");
            }
        }
    }

    #[test]
    fn groups_renames_globs_and_nested_modules_are_followed() {
        let b = ("b", "use crate::a::A; pub struct B(A);");
        for a in [
            "use crate::{b::{self, B}, c}; pub struct A;",
            "use crate::b as other; pub struct A(other::B);",
            "use crate::b::*; pub struct A(B);",
            "pub struct A; mod inner { use super::super::b::B; }",
            "pub struct A; fn f() { use crate::b::B; }",
        ] {
            let cycles = of(&[("crate", "mod a; mod b; mod c;"), ("a", a), b, ("c", "")]);
            assert_eq!(cycles, [["a", "b"]], "{a}");
        }
    }

    #[test]
    fn a_parent_that_only_declares_and_exports_its_children_is_in_no_cycle() {
        let parent = "mod child; pub use child::Child; pub struct Error;";
        assert!(of(&[("crate", parent), ("child", "pub struct Child; use super::Error;")]).is_empty());
    }

    #[test]
    fn a_parent_whose_code_uses_its_child_is_in_a_cycle() {
        let child = ("child", "pub struct Child; use super::Error; pub fn make() {}");
        for parent in [
            "mod child; pub use child::Child; pub struct Error(Child);",
            "mod child; use child::Child; pub struct Error;",
            "mod child; pub struct Error(child::Child);",
            "mod child; pub use child::make; pub struct Error; fn f() { make() }",
        ] {
            assert_eq!(of(&[("crate", parent), child]), [["crate", "child"]], "{parent}");
        }
    }

    #[test]
    fn comments_strings_tests_and_other_crates_do_not_count() {
        let a = r##"
            //! See [`crate::b::B`].
            /* use crate::b::B; /* nested */ */
            use std::fmt; use burn::b::B;
            pub struct A<'a>(&'a str);
            const TEXT: (&str, char, &str) = ("use crate::b::B;", '"', r#"crate::b::B"#);
            pub(in crate::b) fn in_b() {}
            fn b(x: &X) { x.b(); let b = 1; }
            #[cfg(test)]
            mod tests { use crate::b::B; }
        "##;
        assert!(of(&[("crate", "mod a; mod b;"), ("a", a), ("b", "pub struct B(crate::a::A);")]).is_empty());
    }

    #[test]
    fn the_shortest_cycle_of_each_group_is_reported() {
        let cycles = of(&[
            ("crate", "mod a; mod b; mod c; mod x; mod y;"),
            ("a", "use crate::b::B; pub struct A;"),
            ("b", "use crate::{c::C, x::X}; pub struct B;"),
            ("c", "use crate::{a::A, b::B}; pub struct C;"),
            ("x", "use crate::y::Y; pub struct X;"),
            ("y", "use crate::x::X; pub struct Y;"),
        ]);
        assert_eq!(cycles, [["b", "c"], ["x", "y"]]);
    }
}
