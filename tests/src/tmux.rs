//! A program in a real terminal multiplexer, tmux, which has widths of its own for the characters of many scripts.
//!
//! Not here: the emulator that most tests use (`window`), and the texts that programs show (the tests).

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::process::clear_own_settings;
use crate::tool;
use crate::wait;

/// If this variable is set, tests that need tmux fail without it, instead of being skipped.
const REQUIRED_VARIABLE: &str = "RINGTALK_TMUX_REQUIRED";

static SERVERS: AtomicU32 = AtomicU32::new(0);

/// A tmux server of its own, with one program that has the whole window.
#[derive(Debug)]
pub struct Tmux {
    socket: String,
}

impl Tmux {
    /// Runs a command in a window of this many columns and rows. Without tmux, prints the reason in one line and
    /// returns `None`.
    ///
    /// # Panics
    ///
    /// If tmux is required and does not run, or if it cannot start the command.
    #[track_caller]
    pub fn or_skip((columns, rows): (u16, u16), command: &Command) -> Option<Self> {
        if let Err(why) = tool::run("tmux", &["-V"]) {
            assert!(
                std::env::var_os(REQUIRED_VARIABLE).is_none(),
                "{REQUIRED_VARIABLE} is set, and {why}"
            );
            println!("skipped: {why}");
            return None;
        }
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let tmux = Self {
            socket: format!("ringtalk-{}-{number}", std::process::id()),
        };
        let mut start = tmux.command(&["set", "-g", "status", "off", ";", "new-session", "-d"]);
        let (columns, rows) = (columns.to_string(), rows.to_string());
        start.args(["-x", &columns, "-y", &rows]);
        start.arg(command.get_program()).args(command.get_args());
        start.env_remove("NO_COLOR");
        clear_own_settings(&mut start);
        tool::finish(&mut start, "").unwrap_or_else(|error| panic!("{error}"));
        Some(tmux)
    }

    /// Presses keys, by tmux's names for them.
    ///
    /// # Panics
    ///
    /// If tmux does not take them.
    #[track_caller]
    pub fn press(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// Returns the rows of the window, with the sequences for their styles.
    #[track_caller]
    pub fn rows(&self) -> Vec<String> {
        let shown = self.run(&["capture-pane", "-p", "-e"]);
        shown.lines().map(str::to_owned).collect()
    }

    /// Waits until the window shows a text, without styles.
    #[track_caller]
    pub fn await_text(&self, text: &str, within: Duration) {
        wait::poll(&format!("tmux shows {text:?}"), within, &[], || {
            let shown = self.run(&["capture-pane", "-p"]);
            shown.contains(text).then_some(()).ok_or(shown)
        });
    }

    fn run(&self, arguments: &[&str]) -> String {
        let done = tool::finish(&mut self.command(arguments), "");
        done.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns a command for this server, which reads nobody's settings.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-L", &self.socket]);
        command.args(arguments).env("LC_ALL", "C.UTF-8");
        command
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = tool::finish(&mut self.command(&["kill-server"]), "");
    }
}
