//! Checks that every test that the threat model names exists.
//!
//! A promise there is as good as the test behind it, and tests are renamed. Not here: whether the test shows what the
//! threat model says.

use std::collections::BTreeSet;

use super::Violation;
use super::files::File;

/// The document that names tests.
const DOCUMENT: &str = "wire/THREATS.md";
/// The fewest words in the name of a test: shorter names in the text are fields, flags or files.
const WORDS: usize = 4;

/// Returns one violation for each name of a test that no Rust file has.
pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else {
        return Vec::new();
    };
    let rust = files.iter().filter(|file| file.has_extension("rs"));
    let known: BTreeSet<&str> = rust
        .filter_map(|file| file.text.as_deref())
        .flat_map(words)
        .collect();
    let lines = document
        .text
        .as_deref()
        .unwrap_or_default()
        .lines()
        .enumerate();
    let named = lines.flat_map(|(number, line)| quoted(line).map(move |name| (number + 1, name)));
    let missing = named.filter(|(_, name)| is_test_name(name) && !known.contains(name));
    missing
        .map(|(line, name)| {
            Violation::new(
                DOCUMENT,
                line,
                format!("there is no test `{name}`: name the one that shows this"),
            )
        })
        .collect()
}

/// Returns what stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the identifiers in a Rust file.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric() && char != '_')
}

fn is_test_name(name: &str) -> bool {
    let is_identifier = name
        .chars()
        .all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_');
    is_identifier && name.split('_').count() >= WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: Some(text.to_owned()),
        }
    }

    #[test]
    fn a_test_that_nobody_has_is_found() {
        let tests = file("a.rs", "#[test]\nfn nobody_reads_a_line() {}");
        let threats = file(
            DOCUMENT,
            "| x | `--log` and `node_port`\n| y | `nobody_reads_a_line`, `nobody_writes_a_line` |",
        );
        let found = check(&[tests, threats]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (
                found[0].line,
                found[0].message.contains("nobody_writes_a_line")
            ),
            (2, true)
        );
    }
}
