//! The terminal itself: taken over as a whole, and given back as it was, whatever happens.
//!
//! [`Terminal`] is held by whoever runs the node: it gives the terminal back where the node ends and where
//! it panics. Not here: when the screen comes and goes (`task`).

use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
};
use crossterm::style::{Print, ResetColor, force_color_output};
use crossterm::terminal::{
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{queue, terminal};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::getpgrp;
use ratatui::layout::Size;

use crate::diagnostics::Diagnostics;

/// The screen orders what is read from the right by itself (ECMA-48, BDSM), and back.
const OWN_ORDER: &str = "\u{1b}[8l";
const ITS_ORDER: &str = "\u{1b}[8h";
/// A wheel does not become arrow keys, which would bring back what was written before; and back.
const NO_WHEEL: &str = "\u{1b}[?1007s\u{1b}[?1007l";
const ITS_WHEEL: &str = "\u{1b}[?1007r";
/// How long what was held may take to get to stderr.
const LAST_WORDS_TIME: Duration = Duration::from_millis(200);
/// Where the size is not to be had.
const USUAL: Size = Size::new(80, 24);

/// True while the alternate screen is on, as far as was written.
static ON: AtomicBool = AtomicBool::new(false);

/// The terminal, in the hands of this process. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Terminal {
    diagnostics: Diagnostics,
}

impl Terminal {
    /// Takes the terminal over. Diagnostics wait until it is given back, and so do the words of a panic.
    pub(crate) fn take(colors: bool, diagnostics: &Diagnostics) -> io::Result<Self> {
        enable_raw_mode()?;
        force_color_output(colors);
        diagnostics.hold();
        let last_words = diagnostics.clone();
        panic::set_hook(Box::new(move |info| last_words.say(&info.to_string())));
        Ok(Self {
            diagnostics: diagnostics.clone(),
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
        self.diagnostics.release();
        // After a panic nobody else waits until they are written.
        self.diagnostics.flush(LAST_WORDS_TIME);
    }
}

/// Gives the terminal back at once. Harmless where it is not taken.
pub(crate) fn restore() {
    let _ = disable_raw_mode();
    if ON.load(Ordering::Relaxed) {
        let mut stdout = io::stdout();
        let _ = stdout.write_all(&leave()).and_then(|()| stdout.flush());
    }
}

/// The size of the window.
pub(super) fn size() -> Size {
    let known = terminal::size().ok();
    known.map_or(USUAL, |(width, height)| Size::new(width, height))
}

/// What brings the alternate screen, so that no scrollback keeps the talk.
pub(super) fn enter() -> Vec<u8> {
    ON.store(true, Ordering::Relaxed);
    let mut bytes = Vec::new();
    let written = queue!(
        bytes,
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableFocusChange,
        Print(OWN_ORDER),
        Print(NO_WHEEL)
    );
    written.expect("memory takes whatever is written");
    bytes
}

/// What brings back everything as it was.
pub(super) fn leave() -> Vec<u8> {
    ON.store(false, Ordering::Relaxed);
    let mut bytes = Vec::new();
    let written = queue!(
        bytes,
        EndSynchronizedUpdate,
        ResetColor,
        Print(ITS_WHEEL),
        Print(ITS_ORDER),
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    written.expect("memory takes whatever is written");
    bytes
}

/// Has the terminal pass on keys as they come.
pub(super) fn raw() -> io::Result<()> {
    enable_raw_mode()
}

/// Has the terminal work by lines again, and the shell stop this process and whoever started it.
pub(super) fn stop() -> io::Result<()> {
    disable_raw_mode()?;
    killpg(getpgrp(), Signal::SIGTSTP)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::Command;

    use nix::sys::termios::{LocalFlags, tcgetattr};
    use tracing_subscriber::EnvFilter;

    use super::*;

    /// Which of these tests is run in a terminal, by the other one.
    const INSIDE: &str = "face::screen::terminal::tests::inside_a_terminal";

    #[test]
    #[ignore = "it takes the terminal over that it is run in, and panics"]
    fn inside_a_terminal() {
        let diagnostics = Diagnostics::start(EnvFilter::new("off")).unwrap();
        let _terminal = Terminal::take(true, &diagnostics).unwrap();
        let mut stdout = io::stdout();
        stdout.write_all(&enter()).unwrap();
        stdout.flush().unwrap();
        panic!("the last words");
    }

    #[test]
    fn a_panic_gives_the_terminal_back_and_is_told_after_that() {
        let (mut pty, line) = pty_process::blocking::open().unwrap();
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", INSIDE, "--ignored", "--nocapture"]);
        let mut child = pty_process::blocking::Command::from(test)
            .spawn_borrowed(&line)
            .unwrap();
        child.wait().unwrap();
        let modes = tcgetattr(&line).unwrap().local_flags;
        assert!(modes.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
        drop(line);
        let mut written = Vec::new();
        // Where the last one has closed the line, reading it is an error.
        let _ = pty.read_to_end(&mut written);
        let written = String::from_utf8_lossy(&written);
        let at = |what: &str| written.find(what).unwrap_or_else(|| panic!("{written:?}"));
        let (on, off) = (at("\u{1b}[?1049h"), at("\u{1b}[?1049l"));
        assert!(on < off && off < at("the last words"), "{written:?}");
    }
}
