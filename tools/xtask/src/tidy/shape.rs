//! Checks the shape of a Rust file: its module doc, its length, and that it silences no lint for the whole file.
//!
//! Not here: the length of a function, which clippy checks.

use super::Violation;
use super::source::Source;

/// The most lines in a file, without its test modules: a longer file has more than one idea.
const FILE_LINES: usize = 500;

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(opening(source));
    found.extend(silenced(source));
    if !source.is_test {
        found.extend(file_size(source));
    }
    found
}

fn opening(source: &Source) -> Option<Violation> {
    let first = source.text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").map(str::trim);
    let message = "does not start with a module doc: say in `//!` what the file is and is not";
    says.is_none_or(str::is_empty)
        .then(|| source.violation(1, message))
}

fn silenced(source: &Source) -> Vec<Violation> {
    let message = "silences a lint for the whole file: fix the cause, or allow it on the one item \
        with a reason";
    let places = source.outline.silences.iter();
    places
        .map(|line| source.violation(*line, message))
        .collect()
}

fn file_size(source: &Source) -> Option<Violation> {
    let tests = source.outline.test_modules.iter();
    let tests: usize = tests.map(|lines| lines.clone().count()).sum();
    let size = source.text.lines().count().saturating_sub(tests);
    (size > FILE_LINES).then(|| {
        let message =
            format!("{size} lines without tests, {FILE_LINES} at most: split the file by idea");
        source.violation(FILE_LINES + 1, message)
    })
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        lines_found(check, "node/src/link.rs", text)
    }

    #[test]
    fn a_file_opens_with_a_module_doc() {
        assert_eq!(found("//! A link.\n"), [0; 0]);
        assert_eq!(found("use a::b;\n"), [1]);
        assert_eq!(found("\n//! Late.\n"), [1]);
        assert_eq!(found("//!\n"), [1]);
        assert_eq!(found("// A plain comment.\n"), [1]);
        assert_eq!(lines_found(check, "tests/system.rs", "fn a() {}\n"), [1]);
    }

    #[test]
    fn a_silenced_file_is_found() {
        assert_eq!(found("//! A.\n#![allow(dead_code)]\n"), [2]);
        assert_eq!(found("//! A.\n#![expect(clippy::pedantic)]\n"), [2]);
        assert_eq!(found("//! A.\n#![cfg_attr(test, allow(dead_code))]\n"), [2]);
        assert_eq!(found("//! A.\n#[allow(dead_code)]\nfn a() {}\n"), [0; 0]);
        assert_eq!(found("//! A.\n#![forbid(unsafe_code)]\n"), [0; 0]);
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let lines = |count: usize| format!("//! A.\n{}", "// a\n".repeat(count - 1));
        assert_eq!(found(&lines(500)), [0; 0]);
        assert_eq!(found(&lines(501)), [501]);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// a\n".repeat(600));
        assert_eq!(found(&(lines(500) + &tests)), [0; 0]);
        assert_eq!(found(&(lines(501) + &tests)), [501]);
        let integration = lines_found(check, "tests/system.rs", &lines(900));
        assert_eq!(integration, [0; 0]);
    }
}
