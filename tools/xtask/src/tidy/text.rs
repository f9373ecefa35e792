//! Checks every text file: no blanks at the end of a line, one newline at the end of the file.

use super::Violation;
use super::files::File;

/// Folders whose files keep their exact bytes: rendered screens, golden input.
const VERBATIM_FOLDERS: [&str; 3] = ["corpus", "fixtures", "snapshots"];

pub(super) fn check(file: &File) -> Vec<Violation> {
    let Some(text) = file.text.as_ref().filter(|_| !is_verbatim(file)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        if line.ends_with(char::is_whitespace) {
            let message = "a blank at the end of the line: remove it";
            found.push(Violation::new(&file.path, index + 1, message));
        }
    }
    let last = text.lines().count();
    if !text.is_empty() && !text.ends_with('\n') {
        let message = "no newline at the end of the file: add one";
        found.push(Violation::new(&file.path, last, message));
    }
    if text.ends_with("\n\n") {
        let message = "empty lines at the end of the file: remove them";
        found.push(Violation::new(&file.path, last, message));
    }
    found
}

fn is_verbatim(file: &File) -> bool {
    let mut folders = file.path.rsplit('/').skip(1);
    file.has_extension("snap") || folders.any(|folder| VERBATIM_FOLDERS.contains(&folder))
}

#[cfg(test)]
mod tests {
    use super::super::{file, lines};
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        lines(&check(&file(path, text)))
    }

    #[test]
    fn blanks_at_the_end_of_a_line_are_found() {
        assert_eq!(found("README.md", "One.\nTwo. \n\t\nFour.\r\n"), [2, 3, 4]);
    }

    #[test]
    fn the_end_of_the_file_is_one_newline() {
        assert_eq!(found("README.md", "One.\nTwo."), [2]);
        assert_eq!(found("README.md", "One.\n\n"), [2]);
        assert_eq!(found("README.md", "One.\n"), [0; 0]);
        assert_eq!(found("empty", ""), [0; 0]);
    }

    #[test]
    fn what_is_kept_verbatim_is_left_alone() {
        assert_eq!(found("node/src/tui/snapshots/ring.txt", "ring  "), [0; 0]);
        assert_eq!(found("node/src/help.snap", "help  "), [0; 0]);
    }
}
