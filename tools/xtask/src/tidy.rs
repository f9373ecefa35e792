//! `cargo xtask tidy`: runs the repository's own rules, which no compiler checks.
//!
//! A rule is a function from files to violations. Not here: the rules and their tests (a module each).

mod core;
mod evidence;
mod files;
mod layers;
mod names;
mod outline;
mod shape;
pub(crate) mod source;
mod text;
mod top_level;
mod types;
mod warnings;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::Result;

use crate::report;
use files::File;
use source::Source;

/// A line that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    /// The problem and the advice.
    message: String,
}

/// A rule for one Rust file.
#[cfg(test)]
type SourceRule = fn(&Source) -> Vec<Violation>;

/// Checks every file that git tracks or does not ignore.
pub(crate) fn run(root: &Path) -> Result<()> {
    let files = files::read(root)?;
    let findings = check(&files);
    let findings: Vec<String> = findings.iter().map(Violation::to_string).collect();
    report::conclude("tidy", &format!("{} files", files.len()), &findings)
}

fn check(files: &[File]) -> Vec<Violation> {
    let mut found = top_level::check(files);
    found.extend(evidence::check(files));
    found.extend(files.iter().flat_map(text::check));
    found.extend(files.iter().flat_map(warnings::check));
    let (sources, unparsed) = sources(files);
    found.extend(unparsed);
    found.extend(sources.iter().flat_map(shape::check));
    found.extend(core::check(&sources));
    found.extend(layers::check(&sources));
    found.extend(types::check(&sources));
    found.sort();
    found
}

/// Parses the Rust files and marks those that are test code. A file that does not parse is a violation.
fn sources(files: &[File]) -> (Vec<Source>, Vec<Violation>) {
    let mut sources = Vec::new();
    let mut violations = Vec::new();
    let rust = files.iter().filter(|file| file.has_extension("rs"));
    for (path, text) in rust.filter_map(|file| Some((&file.path, file.text.as_ref()?))) {
        match Source::parse(path, text.clone()) {
            Ok(source) => sources.push(source),
            Err(violation) => violations.push(violation),
        }
    }
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    source::mark_tests(&mut sources, &paths);
    (sources, violations)
}

impl Violation {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Returns the lines at which `rule` finds a violation if `text` is the file at `path`.
#[cfg(test)]
fn lines_found(rule: SourceRule, path: &str, text: &str) -> Vec<usize> {
    let source = Source::parse(path, text.to_owned()).unwrap();
    lines(&rule(&source))
}

#[cfg(test)]
fn lines(found: &[Violation]) -> Vec<usize> {
    found.iter().map(|violation| violation.line).collect()
}

/// Returns the file at `path` with this text.
#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&[file(path, text)])
            .iter()
            .map(Violation::to_string)
            .collect()
    }

    /// Checks one planted violation of each rule through the function that checks the real files.
    #[test]
    fn every_rule_is_connected() {
        let core = "node/proto/src/machines/causal.rs";
        for (path, text, expected) in [
            ("notes/plan.md", "Plan.\n", "top level"),
            ("wire/PROTOCOL.md", "Trailing \n", "blank at the end"),
            ("wire/src/id.rs", "fn open() {}\n", "module doc"),
            (
                "wire/src/id.rs",
                "//! Ids.\nfn open( {}\n",
                "does not parse",
            ),
            (core, "//! C.\nuse super::outbox::Outbox;\n", "outbox"),
        ] {
            let found = found(path, text);
            assert_eq!(found.len(), 1, "{path}: {found:?}");
            assert!(
                found[0].starts_with(path) && found[0].contains(expected),
                "{found:?}"
            );
        }
        assert_eq!(found(core, "//! Causal.\n"), Vec::<String>::new());
    }
}
