//! The origin of a value, for errors that name it.
//!
//! Not here: which origin takes precedence (`layers`).

use std::fmt;
use std::path::PathBuf;

/// A line of a file, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FileLine {
    pub(super) path: PathBuf,
    pub(super) number: usize,
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.path.display(), self.number)
    }
}

/// The origin of a value, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// On the command line.
    Flag(&'static str),
    /// In the environment.
    Variable(String),
    /// In the file.
    File {
        /// The line in the file.
        line: FileLine,
        /// The key in that line.
        key: &'static str,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Variable(variable) => f.write_str(variable),
            Self::File { line, key } => write!(f, "{line}: {key}"),
        }
    }
}

/// The origins of the values that were given. Any other value is a flag's default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Vec<(&'static str, Origin)>);

impl Origins {
    pub(super) const fn new(known: Vec<(&'static str, Origin)>) -> Self {
        Self(known)
    }

    /// Returns where the value of this flag was given.
    pub(super) fn of(&self, flag: &'static str) -> Origin {
        let found = self.0.iter().find(|(known, _)| *known == flag);
        found.map_or(Origin::Flag(flag), |(_, origin)| origin.clone())
    }
}
