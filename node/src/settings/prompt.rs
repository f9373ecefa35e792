//! The prompt for the secret: a line that is typed at the terminal and not shown there.
//!
//! If a signal ends or stops the program meanwhile, the terminal is restored before: signals wait until then. Not
//! here: what becomes of the line (`destination`).

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::Hidden;
use crate::{environment, traces};

/// The path of the terminal, whatever stdin is.
const TERMINAL: &str = "/dev/tty";
/// The most bytes that a terminal gives as one line.
const LINE_BYTES: usize = 4096;
/// The signals that end or stop a program at a terminal.
const SIGNALS: [Signal; 5] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
];

/// Returns the secret of an invite that ends in a bare #: the one that the environment had, or what the user types at
/// the terminal, which does not show it.
pub fn ask_for_secret() -> io::Result<Hidden> {
    if let Some(secret) = environment::invite_secret() {
        return Ok(Hidden::from(secret.to_owned()));
    }
    let terminal = File::open(TERMINAL)?;
    // The input is in buffers of this process before it becomes a secret, which would protect them.
    traces::protect();
    loop {
        // Stdout is for the chat, and may go elsewhere.
        write!(io::stderr(), "the secret of the discussion (not shown): ")?;
        io::stderr().flush()?;
        if let Some(typed) = read_hidden(&terminal)? {
            return Ok(typed);
        }
        // The program was stopped and goes on: the question is out of sight, so it is asked again.
    }
}

/// Reads a line. Returns `None` if a signal came, and the program still runs after it.
fn read_hidden(terminal: &File) -> io::Result<Option<Hidden>> {
    // However this function ends, the terminal is restored first, and then the signals that wait are let through.
    let blocked = BlockedSignals::block()?;
    let _echo_off = EchoOff::set(terminal)?;
    let mut typed = Zeroizing::new(Vec::with_capacity(LINE_BYTES));
    let mut buffer = Zeroizing::new([0; LINE_BYTES]);
    while !typed.ends_with(b"\n") {
        if blocked.came_before_input(terminal)? {
            // The shell continues at the cursor, so the line is ended.
            let _ = writeln!(io::stderr());
            return Ok(None);
        }
        let mut input = terminal;
        let length = input.read(&mut *buffer)?;
        if length == 0 || typed.len() + length > LINE_BYTES {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        typed.extend_from_slice(&buffer[..length]);
    }
    let text = std::str::from_utf8(&typed).map_err(|_| ErrorKind::InvalidData)?;
    Ok(Some(Hidden::from(text.to_owned())))
}

/// The signals that wait until this is dropped.
struct BlockedSignals {
    before: SigSet,
    waiting: SignalFd,
}

impl BlockedSignals {
    fn block() -> io::Result<Self> {
        let signals = SigSet::from_iter(SIGNALS);
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let waiting = SignalFd::with_flags(&signals, flags)?;
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { before, waiting })
    }

    /// Waits for a line or a signal. Returns true for a signal.
    fn came_before_input(&self, terminal: &File) -> io::Result<bool> {
        let mut ends =
            [terminal.as_fd(), self.waiting.as_fd()].map(|end| PollFd::new(end, PollFlags::POLLIN));
        loop {
            match poll(&mut ends, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(ends[1].any().unwrap_or(true)),
            }
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct EchoOff<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> EchoOff<'a> {
    fn set(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut without_echo = before.clone();
        without_echo.local_flags.remove(LocalFlags::ECHO);
        without_echo.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(terminal, SetArg::TCSANOW, &without_echo)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for EchoOff<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, SetArg::TCSANOW, &self.before);
    }
}
