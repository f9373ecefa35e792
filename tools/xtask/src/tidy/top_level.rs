//! Checks that the top level of the repository has only the folders and files that are listed here.

use std::collections::BTreeMap;

use super::Violation;
use super::files::File;

const FOLDERS: [&str; 6] = ["director", "docker", "node", "tests", "tools", "wire"];
const FILES: [&str; 4] = ["CHANGELOG.md", "Cargo.lock", "Cargo.toml", "README.md"];

/// Returns one violation for each unlisted folder or file, however many files are inside.
pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let mut strangers = BTreeMap::new();
    for file in files.iter().filter(|file| !has_place(&file.path)) {
        let thing = file.path.split('/').next().unwrap_or_default();
        strangers.entry(thing).or_insert(file.path.as_str());
    }
    let complain = |(thing, path): (&str, &str)| {
        let message = format!(
            "`{thing}` is not allowed at the top level: move it into one of the folders there"
        );
        Violation::new(path, 1, message)
    };
    strangers.into_iter().map(complain).collect()
}

fn has_place(path: &str) -> bool {
    if path.starts_with('.') {
        return true;
    }
    match path.split_once('/') {
        Some((folder, _)) => FOLDERS.contains(&folder),
        None => FILES.contains(&path) || path.starts_with("LICENSE-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> usize {
        let file = |path: &&str| File {
            path: (*path).to_owned(),
            text: None,
        };
        check(&paths.iter().map(file).collect::<Vec<_>>()).len()
    }

    #[test]
    fn the_design_has_a_place() {
        let paths = ["Cargo.toml", "LICENSE-MIT", ".ci/run", "wire/a", "docker/a"];
        assert_eq!(found(&paths), 0);
    }

    #[test]
    fn strangers_are_found_once_each() {
        assert_eq!(found(&["NOTES.md"]), 1);
        assert_eq!(found(&["src/a.rs", "src/b.rs", "scripts/x"]), 2);
        assert_eq!(found(&["wire"]), 1);
    }
}
