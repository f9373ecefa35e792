//! What the settings depend on beside the command line: terminals and the environment.
//!
//! Looked at once, so that everything else about settings is a function of its arguments.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, stdin, stdout};
use std::path::PathBuf;

use nix::unistd::{User, getuid};
use time::UtcOffset;

use super::Hidden;
use super::file;
use super::prompt::ask_for_secret;
use crate::environment;

/// Asks somebody for a secret.
pub(crate) type Prompt = fn() -> io::Result<Hidden>;

/// How the program was started.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// Somebody types.
    pub(crate) stdin_is_terminal: bool,
    /// Somebody reads.
    pub(crate) stdout_is_terminal: bool,
    /// `TERM`, which says what kind of terminal it is.
    pub(crate) term: Option<OsString>,
    /// `NO_COLOR` is set: <https://no-color.org>.
    pub(crate) no_color: bool,
    /// `RINGTALK_SECRET`, which has no flag because command lines can be seen by others.
    pub(crate) secret: Option<Hidden>,
    /// Where the user's file of settings would be.
    pub(crate) file: Option<PathBuf>,
    /// How to ask for a secret at the terminal, where anybody may be asked.
    pub(crate) prompt: Option<Prompt>,
    /// How far local time is from UTC, where that can be found out.
    pub(crate) offset: Option<UtcOffset>,
    /// Names of whoever is logged in, the best first.
    pub(crate) logins: Vec<String>,
}

impl Surroundings {
    /// As things are now.
    pub(crate) fn look() -> Self {
        Self {
            stdin_is_terminal: stdin().is_terminal(),
            stdout_is_terminal: stdout().is_terminal(),
            term: env::var_os("TERM"),
            no_color: env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            secret: secret_variable(),
            file: file::place(env::var_os("XDG_CONFIG_HOME"), env::var_os("HOME")),
            prompt: Some(ask_for_secret),
            // Later, when there are other threads, nobody can tell safely.
            offset: UtcOffset::current_local_offset().ok(),
            logins: logins().collect(),
        }
    }
}

impl Surroundings {
    /// True where somebody sits in front of a terminal that can do more than write line after line.
    pub(crate) fn have_screen(&self) -> bool {
        let is_dumb = self.term.as_ref().is_some_and(|term| term == "dumb");
        self.have_terminal() && !is_dumb
    }

    /// True where somebody sits in front of a terminal.
    pub(crate) const fn have_terminal(&self) -> bool {
        self.stdin_is_terminal && self.stdout_is_terminal
    }
}

/// Returns what `RINGTALK_SECRET` says.
pub fn secret_variable() -> Option<Hidden> {
    environment::secret().map(|secret| Hidden::from(String::clone(&secret)))
}

fn logins() -> impl Iterator<Item = String> {
    let variables = ["USER", "LOGNAME"].into_iter();
    let named = variables.filter_map(|variable| env::var(variable).ok());
    let owner = || User::from_uid(getuid()).ok().flatten();
    named.chain(owner().map(|user| user.name))
}
