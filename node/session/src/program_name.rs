//! The name under which a program was started, by which help, errors and invites call it.
//!
//! Not here: how the name is read from the command line of the process (`ringtalk-node`), and the names of members
//! (`requested_name`).

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

/// The name that the documents install, and that stands in for a name which nobody could type.
const INSTALLED: &str = "ringtalk";
/// The names of the binaries, which need no memory of their own.
const BINARIES: [&str; 2] = [INSTALLED, "node"];
/// The longest name that is repeated: an invite has to fit in a line beside it.
const NAME_BYTES: usize = 32;

/// The name of a program: a plain word, which a shell takes as it is. A process has one, which lives as long as the
/// process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgramName(&'static str);

impl ProgramName {
    /// Returns the name of a program that was started under this path: the file's own name if that is a plain word,
    /// else the name that the documents install.
    pub fn of_path(path: &OsStr) -> Self {
        let file = Path::new(path).file_name().and_then(OsStr::to_str);
        let Some(word) = file.filter(|word| is_plain(word)) else {
            return Self::default();
        };
        match BINARIES.iter().find(|binary| **binary == word) {
            Some(binary) => Self(binary),
            // Once in a process, and for all of its life.
            None => Self(Box::leak(word.to_owned().into_boxed_str())),
        }
    }

    /// Returns the name as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Default for ProgramName {
    fn default() -> Self {
        Self(INSTALLED)
    }
}

impl fmt::Display for ProgramName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Returns true for a word that a shell takes as one command and a terminal shows as it is. A first `-` marks a login
/// shell, and is no part of a name.
fn is_plain(word: &str) -> bool {
    let may_follow = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    word.len() <= NAME_BYTES
        && word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word.bytes().all(may_follow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> &'static str {
        ProgramName::of_path(OsStr::new(path)).as_str()
    }

    #[test]
    fn a_program_is_called_as_its_file() {
        assert_eq!(of("node"), "node");
        assert_eq!(of("/usr/local/bin/ringtalk"), "ringtalk");
        assert_eq!(of("./chat"), "chat");
        assert_eq!(of("target/debug/ring-talk_2.0"), "ring-talk_2.0");
    }

    #[test]
    fn a_name_that_cannot_be_typed_is_not_repeated() {
        let long = "x".repeat(NAME_BYTES + 1);
        for path in [
            "",
            "/",
            "..",
            "-node",
            "two words",
            "a;b",
            "a\u{1b}[2J",
            "naïve",
            &long,
        ] {
            assert_eq!(of(path), "ringtalk", "{path:?}");
        }
    }
}
