//! The files under check: what git tracks, and what it would if asked.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// A file of the repository.
#[derive(Debug)]
pub(super) struct File {
    /// From the root, with forward slashes.
    pub(super) path: String,
    /// `None` if it is not text.
    pub(super) text: Option<String>,
}

impl File {
    pub(super) fn has_extension(&self, extension: &str) -> bool {
        let found = Path::new(&self.path).extension();
        found.is_some_and(|found| found == extension)
    }
}

/// Every file, in the order of its path.
pub(super) fn read(root: &Path) -> Result<Vec<File>> {
    let mut paths = if let Some(paths) = tracked(root) {
        paths
    } else {
        println!("not a git checkout: taking every file but hidden folders and build output");
        walk(root, "")?
    };
    paths.sort();
    paths.dedup();
    // What git tracks may have been deleted since.
    paths.retain(|path| root.join(path).is_file());
    paths.into_iter().map(|path| load(root, path)).collect()
}

fn tracked(root: &Path) -> Option<Vec<String>> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let output = git.current_dir(root).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let list = String::from_utf8(output.stdout).ok()?;
    Some(list.split_terminator('\0').map(str::to_owned).collect())
}

/// The fallback for an exported tree.
fn walk(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}{name}");
        if !entry.file_type()?.is_dir() {
            paths.push(path);
        } else if !name.starts_with('.') && !name.starts_with("target") {
            paths.extend(walk(root, &format!("{path}/"))?);
        }
    }
    Ok(paths)
}

fn load(root: &Path, path: String) -> Result<File> {
    let bytes = fs::read(root.join(&path)).with_context(|| format!("{path} is unreadable"))?;
    let text = String::from_utf8(bytes).ok();
    let text = text.filter(|text| !text.contains('\0'));
    Ok(File { path, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_crate_is_seen_by_git_and_by_the_walk() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let here = "src/tidy/files.rs".to_owned();
        let walked = walk(own, "").unwrap();
        assert!(walked.contains(&here), "{walked:?}");
        let files = read(own).unwrap();
        let found = files.iter().find(|file| file.path == here).unwrap();
        assert!(found.text.as_ref().unwrap().starts_with("//! The files"));
    }
}
