//! A Rust file as the rules see it: its text, its outline, and every path that it names.

use std::collections::BTreeSet;

use super::Violation;
use super::names::{self, Name};
use super::outline::{self, Outline};

/// A parsed file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) outline: Outline,
    pub(super) names: Vec<Name>,
    /// True if all of this file is built only for tests.
    pub(super) is_test: bool,
}

impl Source {
    /// Parses the text of the file at `path`, which starts at the root of the workspace.
    pub(crate) fn parse(path: &str, text: String) -> Result<Self, Violation> {
        let unparsed = |error: &syn::Error| {
            let line = error.span().start().line;
            Violation::new(path, line, format!("does not parse ({error}): correct it"))
        };
        let file = syn::parse_file(&text).map_err(|error| unparsed(&error))?;
        let outline = outline::read(&file);
        let tokens = syn::parse_str(&text).map_err(|error| unparsed(&error))?;
        Ok(Self {
            is_test: outline.all_test || path.starts_with("tests/"),
            path: path.to_owned(),
            names: names::read(tokens),
            text,
            outline,
        })
    }

    /// Returns true if this line is built only for tests.
    pub(crate) fn in_test(&self, line: usize) -> bool {
        let blocks = &mut self.outline.tests.iter();
        self.is_test || blocks.any(|block| block.contains(&line))
    }

    pub(super) fn violation(&self, line: usize, message: impl Into<String>) -> Violation {
        Violation::new(&self.path, line, message)
    }
}

/// Marks the files that are tests: those in the `tests/` folder of a crate, and those that another file declares as
/// `#[cfg(test)] mod name;`.
pub(super) fn mark_tests(sources: &mut [Source], paths: &BTreeSet<&str>) {
    let declared: Vec<String> = sources.iter().flat_map(test_modules).collect();
    for source in sources {
        let mut modules = declared.iter();
        let by_declaration = modules.any(|module| is_module(&source.path, module));
        source.is_test |= by_declaration || in_tests_folder(&source.path, paths);
    }
}

fn in_tests_folder(path: &str, paths: &BTreeSet<&str>) -> bool {
    path.match_indices("/tests/")
        .any(|(at, _)| paths.contains(format!("{}/Cargo.toml", &path[..at]).as_str()))
}

/// Returns the paths, without `.rs`, of test modules that a file declares and does not contain.
fn test_modules(source: &Source) -> Vec<String> {
    let folder = module_folder(&source.path);
    let declared = source.outline.test_modules_elsewhere.iter();
    declared.map(|name| format!("{folder}/{name}")).collect()
}

fn module_folder(path: &str) -> &str {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if matches!(name, "lib.rs" | "main.rs" | "mod.rs") {
        folder
    } else {
        path.strip_suffix(".rs").unwrap_or(path)
    }
}

fn is_module(path: &str, module: &str) -> bool {
    let rest = path.strip_prefix(module);
    rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_test(path: &str, declaring: &str, declaration: &str) -> bool {
        let parse = |path, text: &str| Source::parse(path, text.to_owned()).unwrap();
        let mut sources = [parse(path, ""), parse(declaring, declaration)];
        mark_tests(&mut sources, &BTreeSet::from(["node/Cargo.toml", path]));
        sources[0].is_test
    }

    #[test]
    fn a_declared_test_module_is_a_test() {
        let declaration = "#[cfg(test)]\nmod trials;\n";
        for (path, declaring) in [
            ("node/src/trials.rs", "node/src/lib.rs"),
            ("node/src/link/trials.rs", "node/src/link.rs"),
            ("node/src/link/trials/deep.rs", "node/src/link/mod.rs"),
        ] {
            assert!(is_test(path, declaring, declaration), "{path}");
            assert!(!is_test(path, declaring, "mod trials;"), "{path}");
            assert!(!is_test(path, "wire/src/lib.rs", declaration), "{path}");
        }
    }

    #[test]
    fn the_tests_folder_of_a_crate_is_all_tests() {
        assert!(is_test("node/tests/link/mod.rs", "node/src/lib.rs", ""));
        assert!(is_test("tests/system/main.rs", "node/src/lib.rs", ""));
        assert!(!is_test("node/src/tests/evasion.rs", "node/src/lib.rs", ""));
    }
}
