//! The files under check: those that git tracks, and those that it does not ignore.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// A file of the repository.
#[derive(Debug)]
pub(super) struct File {
    /// The path from the root, with forward slashes.
    pub(super) path: String,
    /// The content; `None` if it is not text.
    pub(super) text: Option<String>,
}

impl File {
    pub(super) fn has_extension(&self, extension: &str) -> bool {
        let found = Path::new(&self.path).extension();
        found.is_some_and(|found| found == extension)
    }
}

/// Returns every file, sorted by path.
pub(super) fn read(root: &Path) -> Result<Vec<File>> {
    let mut paths = if let Some(paths) = tracked(root) {
        paths
    } else {
        println!("not a git checkout: checking every file outside hidden folders and build output");
        walk(root, "")?
    };
    paths.sort();
    paths.dedup();
    // Git may still track a file that was deleted.
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

/// Lists the files of a tree that is not a git checkout.
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
    let bytes = fs::read(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
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
