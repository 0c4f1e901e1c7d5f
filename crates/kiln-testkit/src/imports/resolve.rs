//! From a path to the module that defines the item.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Import, Module, Source};

/// Re-exports that are followed before a path is given up; glob imports may lead in a circle.
const REEXPORTS: usize = 16;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// An item of a module of this crate, or the module itself.
    Module(Module),
    /// An item of another crate.
    Elsewhere,
    /// Nothing that the sources show.
    Unknown,
}

impl Target {
    fn module(self) -> Option<Module> {
        if let Self::Module(module) = self { Some(module) } else { None }
    }
}

/// The sources of a crate by their modules.
#[derive(Debug)]
pub(super) struct Crate {
    sources: BTreeMap<Module, Source>,
}

impl Crate {
    /// Leaves out modules that are compiled for tests only.
    pub(super) fn new(mut sources: BTreeMap<Module, Source>) -> Self {
        let child = |(module, source): (&Module, &Source)| -> Vec<Module> {
            source.test_modules.iter().map(|name| [module.as_slice(), std::slice::from_ref(name)].concat()).collect()
        };
        let tests: Vec<Module> = sources.iter().flat_map(child).collect();
        sources.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self { sources }
    }

    /// Returns which modules each module uses.
    pub(super) fn uses(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        self.sources.iter().map(|(module, source)| (module.clone(), self.used_by(module, source))).collect()
    }

    fn used_by(&self, module: &Module, source: &Source) -> BTreeSet<Module> {
        let mut used = BTreeSet::new();
        for import in source.imports.values().chain(&source.globs) {
            let target = self.resolve(module, &import.path, import.depth, REEXPORTS);
            // A parent that exports what its child has does not use it yet.
            used.extend(target.module().filter(|target| !(import.exported && target.starts_with(module))));
        }
        for mention in &source.mentions {
            used.extend(self.resolve(module, &mention.path, mention.depth, REEXPORTS).module());
        }
        used.remove(module);
        used
    }

    /// Resolves a path in a file, `depth` inline modules deep.
    fn resolve(&self, module: &Module, path: &[String], depth: usize, reexports: usize) -> Target {
        let Some((first, rest)) = path.split_first() else { return Target::Module(module.clone()) };
        match first.as_str() {
            "crate" => self.from(&Vec::new(), rest, reexports),
            "self" => self.from(module, rest, reexports),
            "super" if depth > 0 => self.above(module, rest, depth - 1, reexports),
            "super" => match module.split_last() {
                Some((_, parent)) => self.above(&parent.to_vec(), rest, 0, reexports),
                None => Target::Unknown,
            },
            _ => match self.descend(module, path, reexports) {
                // What is neither defined nor imported is the prelude's, or a crate's name.
                Target::Unknown => Target::Elsewhere,
                target => target,
            },
        }
    }

    /// Resolves what follows a `super`, which may be another one.
    fn above(&self, module: &Module, rest: &[String], depth: usize, reexports: usize) -> Target {
        match rest.first() {
            Some(first) if first == "super" => self.resolve(module, rest, depth, reexports),
            _ => self.from(module, rest, reexports),
        }
    }

    /// Resolves a path that begins in this crate: a name that is not found, such as one that a macro makes, belongs to the last module.
    fn from(&self, module: &Module, path: &[String], reexports: usize) -> Target {
        let mut last = module.clone();
        for segment in path {
            let Some(child) = self.child(&last, segment) else { break };
            last = child;
        }
        match self.descend(module, path, reexports) {
            Target::Unknown => Target::Module(last),
            target => target,
        }
    }

    fn child(&self, module: &Module, name: &str) -> Option<Module> {
        let child = [module.as_slice(), &[name.to_owned()]].concat();
        self.sources.contains_key(&child).then_some(child)
    }

    fn descend(&self, module: &Module, path: &[String], reexports: usize) -> Target {
        let Some(source) = self.sources.get(module) else { return Target::Unknown };
        let Some((first, rest)) = path.split_first() else { return Target::Module(module.clone()) };
        if let Some(child) = self.child(module, first) {
            return self.from(&child, rest, reexports);
        }
        if source.items.contains(first) {
            return Target::Module(module.clone());
        }
        let Some(reexports) = reexports.checked_sub(1) else { return Target::Unknown };
        if let Some(import) = source.imports.get(first) {
            let whole = [import.path.as_slice(), rest].concat();
            // A name that is imported as itself is a crate's.
            return if whole == path {
                Target::Elsewhere
            } else {
                self.resolve(module, &whole, import.depth, reexports)
            };
        }
        let through = |glob: &Import| match self.resolve(module, &glob.path, glob.depth, reexports) {
            Target::Module(target) => self.descend(&target, path, reexports),
            _ => Target::Unknown,
        };
        let found = source.globs.iter().map(through).find(|target| !matches!(target, Target::Unknown));
        found.unwrap_or(Target::Unknown)
    }
}
