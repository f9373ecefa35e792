//! Opens the face that was asked for: its threads, and the input that is typed in front of it.
//!
//! Not here: what it shows.

use std::io::{self, IsTerminal, Write};

use ringtalk_session::{Backlog, Me, Nowhere, Outlet, Remark, Request, json};
use time::UtcOffset;
use tokio::sync::mpsc;

use crate::face::Face;
use crate::report::Reporter;
use crate::screen::Seat;
use crate::stderr::Diagnostics;
use crate::stdin::{self, Input};
use crate::stdout::Stdout;
use crate::tty::{Hangup, Terminal};
use crate::written::{Script, Writer, Written};

/// How a session is shown, and what stdin carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Show {
    /// On the full screen.
    Screen {
        /// True if there are colours.
        color: bool,
    },
    /// As plain lines.
    Lines {
        /// True if there are colours.
        color: bool,
    },
    /// As JSON, one object a line.
    Json {
        /// True if stdin carries commands as JSON.
        commands: bool,
    },
    /// Not at all. What is typed is still read.
    Nothing,
}

/// A face before its node is known.
#[derive(Debug)]
pub struct Prepared {
    show: Show,
    offset: UtcOffset,
    backlog: Backlog,
    window: Hangup,
    reporter: Option<Reporter>,
    typed: mpsc::Sender<Vec<Request>>,
}

/// The terminal that a face has taken over, and what is typed there.
#[derive(Debug)]
pub struct Front {
    /// Held until the end: dropping it gives the terminal back.
    pub terminal: Option<Terminal>,
    /// What is typed.
    pub typed: mpsc::Receiver<Vec<Request>>,
}

/// Takes over the terminal if the face is the full screen, and starts to read input.
///
/// A backlog of more than `many` events counts as too many ([`Backlog::new`]). `offset` is that of the local time. If the
/// node `quits_on_eof`, nothing is read after the end of stdin.
pub fn prepare(
    show: Show,
    offset: UtcOffset,
    many: u64,
    quits_on_eof: bool,
    diagnostics: &Diagnostics,
) -> io::Result<(Prepared, Front)> {
    let waits = matches!(show, Show::Lines { .. }) && io::stderr().is_terminal();
    let (sender, screen_typed) = stdin::channel();
    let (terminal, typed) = match show {
        Show::Screen { color } => (Some(Terminal::take(color, diagnostics)?), screen_typed),
        Show::Json { commands: true } => (None, stdin::read(Input::Json)?),
        Show::Lines { .. } | Show::Json { commands: false } => {
            let goes_on = !quits_on_eof && matches!(show, Show::Lines { .. });
            (None, stdin::read(Input::Typed { goes_on })?)
        }
        // Stdin is not read.
        Show::Nothing => (None, screen_typed),
    };
    let prepared = Prepared {
        show,
        offset,
        backlog: Backlog::new(many),
        // Without a face, no window can be closed.
        window: match show {
            Show::Nothing => Hangup::never(),
            _ => Hangup::watch()?,
        },
        reporter: waits.then(|| Reporter::new(diagnostics.clone())),
        typed: sender,
    };
    Ok((prepared, Front { terminal, typed }))
}

/// Returns how many columns stdout has, if it is a terminal.
fn columns() -> Option<usize> {
    let is_terminal = io::stdout().is_terminal();
    let size = is_terminal.then(crossterm::terminal::size)?;
    size.ok().map(|(columns, _)| columns.into())
}

/// Tells a program that the node could not start. People read that on stderr.
pub fn tell_failure(show: Show, error: Remark) -> io::Result<()> {
    if !matches!(show, Show::Json { .. }) {
        return Ok(());
    }
    let mut lines = Vec::new();
    json::write_failure(error, &mut lines);
    io::stdout().write_all(&lines)
}

impl Prepared {
    /// Opens the face of this node.
    pub fn open(self, me: Me) -> io::Result<Box<dyn Outlet>> {
        let id = me.id;
        Ok(match self.show {
            Show::Screen { color } => {
                let (stdout, pen) = Stdout::start()?;
                let seat = Seat {
                    pen,
                    typed: self.typed,
                    colors: color,
                    offset: self.offset,
                    backlog: self.backlog,
                };
                Box::new(Face::new(seat.start(me)?, id, stdout, self.window))
            }
            Show::Lines { color } => {
                let writer = Writer::of_lines(color, self.offset, columns, me);
                let (stdout, pen) = Stdout::start_for(writer, self.backlog)?;
                let face = Face::new(Written::new(pen), id, stdout, self.window);
                Box::new(face.reporting(self.reporter))
            }
            Show::Json { .. } => {
                let writer = Writer::new(Script::Json, me);
                let (stdout, pen) = Stdout::start_for(writer, self.backlog)?;
                Box::new(Face::new(Written::new(pen), id, stdout, self.window))
            }
            Show::Nothing => Box::new(Nowhere::default()),
        })
    }
}
