//! The terminals and the environment, on which the settings depend besides the command line.
//!
//! It is read once, so that everything else about settings is a function of its arguments.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, stdin, stdout};
use std::path::PathBuf;

use nix::unistd::{User, getuid};
use ringtalk_terminal::tty;
use time::UtcOffset;

use super::Hidden;
use super::file;
use super::prompt::ask_for_secret;
use crate::environment;

/// A function that asks the user for a secret.
pub(crate) type Prompt = fn() -> io::Result<Hidden>;

/// The context in which the program was started.
#[derive(Debug, Default)]
pub(crate) struct ProcessContext {
    /// Whether a person types.
    pub(crate) stdin_is_terminal: bool,
    /// Whether a person reads.
    pub(crate) stdout_is_terminal: bool,
    /// The columns and rows that the terminal says it has. A serial line, for instance, says 0.
    pub(crate) window: Option<(u16, u16)>,
    /// `TERM`, which tells the kind of terminal.
    pub(crate) term: Option<OsString>,
    /// Whether `NO_COLOR` is set: <https://no-color.org>.
    pub(crate) no_color: bool,
    /// `RINGTALK_SECRET`, which has no flag because others can see command lines.
    pub(crate) secret: Option<Hidden>,
    /// The path of the user's settings file, which may not exist.
    pub(crate) file: Option<PathBuf>,
    /// How to ask for a secret at the terminal, if the user may be asked.
    pub(crate) prompt: Option<Prompt>,
    /// The offset of local time from UTC, if it can be found out.
    pub(crate) offset: Option<UtcOffset>,
    /// The names of the user who is logged in, the best first.
    pub(crate) logins: Vec<String>,
}

impl ProcessContext {
    /// Reads the context.
    pub(crate) fn read() -> Self {
        let (stdin_is_terminal, stdout_is_terminal) =
            (stdin().is_terminal(), stdout().is_terminal());
        Self {
            stdin_is_terminal,
            stdout_is_terminal,
            window: (stdin_is_terminal && stdout_is_terminal).then(window),
            term: env::var_os("TERM"),
            no_color: env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            secret: secret_variable(),
            file: file::config_path(env::var_os("XDG_CONFIG_HOME"), env::var_os("HOME")),
            prompt: Some(ask_for_secret),
            // Later, when there are other threads, it cannot be found out safely.
            offset: UtcOffset::current_local_offset().ok(),
            logins: logins().collect(),
        }
    }
}

impl ProcessContext {
    /// Returns true if a person sits at a terminal that can do more than write line after line.
    pub(crate) fn has_screen(&self) -> bool {
        self.has_terminal() && self.has_room() && !self.is_dumb()
    }

    /// Returns true unless the terminal says that it has no columns or no rows.
    fn has_room(&self) -> bool {
        !matches!(self.window, Some((0, _) | (_, 0)))
    }

    /// Returns true if stdout is a terminal that shows colours, and the user has not switched them off.
    pub(crate) fn has_colors(&self) -> bool {
        self.stdout_is_terminal && !self.no_color && !self.is_dumb()
    }

    /// Returns true if the terminal only writes line after line, without colours.
    fn is_dumb(&self) -> bool {
        self.term.as_ref().is_some_and(|term| term == "dumb")
    }

    /// Returns true if a person sits at a terminal.
    pub(crate) const fn has_terminal(&self) -> bool {
        self.stdin_is_terminal && self.stdout_is_terminal
    }
}

/// Returns the value of `RINGTALK_SECRET`.
pub fn secret_variable() -> Option<Hidden> {
    environment::secret().map(|secret| Hidden::from(String::clone(&secret)))
}

fn window() -> (u16, u16) {
    let size = tty::size();
    (size.width, size.height)
}

fn logins() -> impl Iterator<Item = String> {
    let variables = ["USER", "LOGNAME"].into_iter();
    let named = variables.filter_map(|variable| env::var(variable).ok());
    let owner = || User::from_uid(getuid()).ok().flatten();
    named.chain(owner().map(|user| user.name))
}
