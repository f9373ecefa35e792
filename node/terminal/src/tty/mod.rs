//! The terminal itself: a program takes it over as a whole, and gives it back as it was, whatever happens.
//!
//! The program holds a [`Terminal`], which gives the terminal back when the program ends or panics. [`Painter`] brings
//! frames to the terminal, and [`events`] returns what comes from there. Other functions measure text, and order it for
//! the screen. Not here: the content of a screen, and its start and end (`screen`).

mod bidi;
mod cells;
mod control;
mod hangup;
mod hyperlink;
pub(crate) mod keys;
mod painter;
mod reader;
mod width;

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
use nix::errno::Errno;
use nix::sys::signal::{self, killpg};
use nix::unistd::getpgrp;
use ratatui::layout::Size;
use tokio::signal::unix::{Signal, SignalKind};
use tokio::time::{sleep, timeout};

pub use bidi::to_visual_order;
pub use cells::{line_width, put_line, put_text};
pub use control::NotificationKind;
pub(crate) use control::{BELL, copy, notify, report_mouse, set_title};
pub use hangup::Hangup;
pub use hyperlink::{Hyperlink, Hyperlinks};
pub(crate) use hyperlink::{LinkedColumns, SCHEMES, URL_BYTES, may_be_in_url};
pub use keys::TerminalEvent;
pub use painter::{Painter, ScreenImage};
pub use reader::events;
pub use width::{fit, width, wrap, wrap_for_any_terminal};

use crate::stderr::Diagnostics;
use crate::stdout::StdoutSender;

/// The sequence that leaves the order of right-to-left text to this program (ECMA-48, BDSM).
const BIDI_OFF: &str = "\u{1b}[8l";
/// The sequence that leaves the order of text to the terminal again.
const BIDI_ON: &str = "\u{1b}[8h";
/// The sequence that stops the wheel from sending arrow keys, which would bring back earlier input.
const ALTERNATE_SCROLL_OFF: &str = "\u{1b}[?1007l";
/// The sequence that saves the behaviour of the wheel.
const ALTERNATE_SCROLL_SAVE: &str = "\u{1b}[?1007s";
/// The sequence that restores the former behaviour of the wheel.
const ALTERNATE_SCROLL_RESTORE: &str = "\u{1b}[?1007r";
/// The sequences that save the title of the window, and restore it (XTWINOPS).
const TITLE_SAVE: &str = "\u{1b}[22;2t";
const TITLE_RESTORE: &str = "\u{1b}[23;2t";
/// The time limit for writing the held lines to stderr.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(200);
/// The time limit for giving the terminal back before this process stops.
const SUSPEND_TIMEOUT: Duration = Duration::from_millis(250);
/// The maximum time until a stop takes effect. A process that no shell controls is not stopped.
const STOP_DELAY: Duration = Duration::from_millis(100);
/// The assumed size of a window that does not report its size.
const DEFAULT_SIZE: Size = Size::new(80, 24);

/// True while the alternate screen is on: from when the bytes that start it are made until those that end it are made.
static ON_ALTERNATE_SCREEN: AtomicBool = AtomicBool::new(false);

/// The terminal while this process has it. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct Terminal {
    diagnostics: Diagnostics,
}

impl Terminal {
    /// Takes over the terminal for a program that logs nothing. A panic message waits until it is given back.
    pub fn take_for(program: &'static str, colors: bool) -> io::Result<Self> {
        Self::take(colors, &Diagnostics::without_log(program)?)
    }

    /// Takes over the terminal. Diagnostics wait until it is given back, and so does a panic message.
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
        // After a panic, no other code waits until the message is written.
        self.diagnostics.flush(FLUSH_TIMEOUT);
    }
}

/// Gives the terminal back at once. Harmless if it is not taken over.
pub fn restore() {
    let _ = disable_raw_mode();
    if ON_ALTERNATE_SCREEN.load(Ordering::Relaxed) {
        let mut stdout = io::stdout();
        let _ = stdout.write_all(&leave()).and_then(|()| stdout.flush());
    }
}

/// Returns the size of the window. It has no columns or no rows if the window says so.
pub fn size() -> Size {
    let known = terminal::size().ok();
    known.map_or(DEFAULT_SIZE, |(width, height)| Size::new(width, height))
}

/// Returns the bytes that start the alternate screen, so that no scrollback keeps the discussion. The terminal's own
/// state is saved only if it is not on yet: a process that was stopped by force has not given the terminal back.
pub fn enter() -> Vec<u8> {
    let was_on = ON_ALTERNATE_SCREEN.swap(true, Ordering::Relaxed);
    in_memory(|bytes| {
        if !was_on {
            queue!(bytes, Print(TITLE_SAVE), Print(ALTERNATE_SCROLL_SAVE))?;
        }
        queue!(
            bytes,
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableFocusChange,
            Print(BIDI_OFF),
            Print(ALTERNATE_SCROLL_OFF)
        )
    })
}

/// Returns the bytes that restore the terminal.
pub fn leave() -> Vec<u8> {
    ON_ALTERNATE_SCREEN.store(false, Ordering::Relaxed);
    in_memory(|bytes| {
        queue!(
            bytes,
            EndSynchronizedUpdate,
            ResetColor,
            Print(control::MOUSE_OFF),
            Print(ALTERNATE_SCROLL_RESTORE),
            Print(BIDI_ON),
            DisableFocusChange,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            Print(TITLE_RESTORE),
            Show
        )
    })
}

fn in_memory(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("memory takes whatever is written");
    bytes
}

/// Returns the signal (SIGCONT) with which a shell continues this process, after it had the terminal.
pub fn continued() -> io::Result<Signal> {
    let kind = SignalKind::from_raw(signal::Signal::SIGCONT as i32);
    tokio::signal::unix::signal(kind)
}

/// Returns the signal (SIGWINCH) that comes when the window has got another size.
pub fn resized() -> io::Result<Signal> {
    tokio::signal::unix::signal(SignalKind::window_change())
}

/// Returns a resize event with the current size of the window.
pub fn resize_event() -> TerminalEvent {
    let size = size();
    TerminalEvent::Resize(size.width, size.height)
}

/// Gives the terminal to the shell until the user comes back. Call [`resume`] after that.
pub async fn suspend(stdout: &StdoutSender, continued: &mut Signal) -> io::Result<()> {
    stdout.write(leave());
    // A terminal that accepts nothing is not worth a longer wait.
    let _ = timeout(SUSPEND_TIMEOUT, stdout.wait_until_idle()).await;
    unless_gone(disable_raw_mode())?;
    killpg(getpgrp(), signal::Signal::SIGTSTP)?;
    // The system stops all threads soon. A process that is not stopped is not continued either, so limit the wait.
    // After a longer stop both are due: a signal that is not taken here would resume the program once more.
    tokio::select! {
        biased;
        _ = continued.recv() => {}
        () = sleep(STOP_DELAY) => {}
    }
    Ok(())
}

/// Takes over the terminal again, after another program had it. Returns a resize event with its current size.
pub fn resume(stdout: &StdoutSender) -> io::Result<TerminalEvent> {
    // A shell changes the modes if this process is stopped by force, and `enable_raw_mode` does nothing while it believes
    // that they are on.
    unless_gone(disable_raw_mode().and_then(|()| enable_raw_mode()))?;
    stdout.write(enter());
    Ok(resize_event())
}

/// Returns no error if the terminal is gone: [`Hangup`] reports that. The system continues (SIGCONT) the processes
/// of a window that was closed, and some of them learn of that before they learn of the end of the window.
fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    match result.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(code)) if [Errno::EIO, Errno::ENXIO].contains(&Errno::from_raw(code)) => Ok(()),
        _ => result,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::Command;

    use nix::sys::termios::{LocalFlags, tcgetattr};
    use tracing_subscriber::EnvFilter;

    use super::*;

    /// The test that the other test runs in a terminal.
    const INSIDE: &str = "tty::tests::inside_a_terminal";

    #[test]
    #[ignore = "it takes the terminal over that it is run in, and panics"]
    fn inside_a_terminal() {
        let diagnostics = Diagnostics::start("node", EnvFilter::new("off")).unwrap();
        let _terminal = Terminal::take(true, &diagnostics).unwrap();
        let mut stdout = io::stdout();
        stdout.write_all(&enter()).unwrap();
        stdout.flush().unwrap();
        panic!("the last words");
    }

    #[test]
    fn a_panic_restores_the_terminal_before_its_message() {
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
        // Reading fails once the last process has closed the line.
        let _ = pty.read_to_end(&mut written);
        let written = String::from_utf8_lossy(&written);
        let at = |what: &str| written.find(what).unwrap_or_else(|| panic!("{written:?}"));
        let (on, off) = (at("\u{1b}[?1049h"), at("\u{1b}[?1049l"));
        assert!(on < off && off < at("the last words"), "{written:?}");
    }
}
