//! The thread that reads the terminal, and decodes what comes.
//!
//! It sleeps until there is something to read, or until the decoder wants to be woken, and ends with the terminal. It
//! drops what was typed in a window without rows or columns, because nobody saw it; only Ctrl+C passes. Not here: the
//! reaction to that end (`hangup`), and changes of the window's size, which a signal announces.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, stdin};
use std::os::fd::AsFd;
use std::thread;
use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc::{self, Receiver, Sender};
use zeroize::Zeroize;

use super::keys::{KeyDecoder, TerminalEvent};

/// The maximum number of events that may wait: more than anybody types while a frame is drawn.
const MAX_KEYS: usize = 256;
/// The number of bytes per read: as many as the system keeps of what is typed.
const READ_BYTES: usize = 4096;

/// The outcome of a wait for the terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waited {
    /// There is something to read.
    Readable,
    /// The time is over, and there is nothing to read.
    TimeOver,
    /// The terminal has ended.
    Ended,
}

/// Starts a thread that reads the terminal's events. It is never stopped, like that of stdin.
pub fn events() -> io::Result<Receiver<TerminalEvent>> {
    let terminal = open()?;
    let (sender, events) = mpsc::channel(MAX_KEYS);
    let read_all = move || {
        if let Err(error) = forward(&terminal, &sender) {
            tracing::debug!(%error, "the terminal cannot be read any more");
        }
    };
    thread::Builder::new()
        .name("keys".to_owned())
        .spawn(read_all)?;
    Ok(events)
}

/// Opens the terminal for reading. It is stdin, unless that is something else.
fn open() -> io::Result<File> {
    if stdin().is_terminal() {
        return Ok(stdin().as_fd().try_clone_to_owned()?.into());
    }
    File::open("/dev/tty")
}

/// Passes on the events until the terminal or the receiver ends.
fn forward(mut terminal: &File, events: &Sender<TerminalEvent>) -> io::Result<()> {
    let mut decoder = KeyDecoder::default();
    let mut buffer = [0; READ_BYTES];
    let mut is_visible = true;
    loop {
        match wait(terminal, decoder.wake())? {
            Waited::Readable => {
                // Before the read, and for all keys in these bytes: until the decoder lets go of the last one, the
                // window may have got another size.
                is_visible = super::size().area() > 0;
                match terminal.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(length) => {
                        decoder.feed(&buffer[..length], Instant::now());
                        buffer[..length].zeroize();
                        if !is_visible {
                            // Otherwise a held Enter would join what is typed next.
                            decoder.drop_text();
                        }
                    }
                    // Another process of this terminal may have made it non-blocking.
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::Interrupted | ErrorKind::WouldBlock
                        ) => {}
                    Err(error) => return Err(error),
                }
            }
            Waited::TimeOver => decoder.tick(Instant::now()),
            Waited::Ended => return Ok(()),
        }
        while let Some(event) = decoder.poll_event() {
            if (is_visible || !is_input(&event)) && events.blocking_send(event).is_err() {
                return Ok(());
            }
        }
    }
}

/// Returns true for everything that a user types or pastes, except Ctrl+C, which only asks to leave.
fn is_input(event: &TerminalEvent) -> bool {
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    match event {
        TerminalEvent::Key(key) => *key != interrupt,
        TerminalEvent::Paste(_)
        | TerminalEvent::PasteTooLong
        | TerminalEvent::WheelUp
        | TerminalEvent::WheelDown => true,
        TerminalEvent::Resize(..) | TerminalEvent::FocusGained | TerminalEvent::FocusLost => false,
    }
}

/// Waits until there is something to read, or until the time has come.
fn wait(terminal: &File, until: Option<Instant>) -> io::Result<Waited> {
    loop {
        let limit = until.map_or(PollTimeout::NONE, |until| {
            let left = until.saturating_duration_since(Instant::now());
            // Rounded up: otherwise the last wait would be many waits of no time.
            let left = left.as_micros().div_ceil(1000);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let mut polled = [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, limit) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(0) => return Ok(Waited::TimeOver),
            // Also after the terminal has ended, there may be something to read.
            Ok(_) => {
                let readable = |found: PollFlags| found.contains(PollFlags::POLLIN);
                let is_readable = polled[0].revents().is_some_and(readable);
                return Ok(if is_readable {
                    Waited::Readable
                } else {
                    Waited::Ended
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

    use super::*;

    #[test]
    fn keys_are_read_until_the_window_is_closed() {
        let (mut window, line) = pty_process::blocking::open().unwrap();
        let mut modes = tcgetattr(&line).unwrap();
        cfmakeraw(&mut modes);
        tcsetattr(&line, SetArg::TCSANOW, &modes).unwrap();
        let terminal = File::from(line.as_fd().try_clone_to_owned().unwrap());
        let (sender, mut events) = mpsc::channel(MAX_KEYS);
        let reader = thread::spawn(move || forward(&terminal, &sender));
        let key = |code: KeyCode| Some(TerminalEvent::Key(code.into()));
        window.write_all(b"\x1b").unwrap();
        assert_eq!(events.blocking_recv(), key(KeyCode::Esc));
        window.write_all(b"\x1b[A").unwrap();
        assert_eq!(events.blocking_recv(), key(KeyCode::Up));
        window.write_all(b"hi\r").unwrap();
        for code in [KeyCode::Char('h'), KeyCode::Char('i'), KeyCode::Enter] {
            assert_eq!(events.blocking_recv(), key(code));
        }
        drop(window);
        assert_eq!(events.blocking_recv(), None);
        // An error or an end, depending on the system; in any case, no read after it.
        let _ = reader.join().unwrap();
    }
}
