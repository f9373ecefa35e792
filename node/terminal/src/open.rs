//! Opens the selected face: its threads, and the input that is typed in front of it.
//!
//! Not here: the content of the face (`face`).

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

/// The face of a session, and the input on stdin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Show {
    /// The full screen.
    Screen {
        /// True to use colours.
        color: bool,
    },
    /// Plain lines.
    Lines {
        /// True to use colours.
        color: bool,
    },
    /// JSON, one object a line.
    Json {
        /// True if stdin carries commands as JSON.
        commands: bool,
    },
    /// No face. Stdin is not read.
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

/// The terminal that a face has taken over, and the input that is typed there.
#[derive(Debug)]
pub struct Front {
    /// Held until the end: dropping it gives the terminal back.
    pub terminal: Option<Terminal>,
    /// The requests that are read from stdin or from the full screen.
    pub typed: mpsc::Receiver<Vec<Request>>,
}

/// Takes over the terminal if the face is the full screen, and starts to read input.
///
/// A backlog of more than `many` events is too large ([`Backlog::new`]). `offset` is the offset of local time from
/// UTC. If the node `quits_on_eof`, nothing is read after the end of stdin.
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
        // There is no face, so the end of the terminal does not matter.
        window: match show {
            Show::Nothing => Hangup::never(),
            _ => Hangup::watch()?,
        },
        reporter: waits.then(|| Reporter::new(diagnostics.clone())),
        typed: sender,
    };
    Ok((prepared, Front { terminal, typed }))
}

/// Returns the number of columns of stdout, if it is a terminal.
fn columns() -> Option<usize> {
    let is_terminal = io::stdout().is_terminal();
    let size = is_terminal.then(crossterm::terminal::size)?;
    size.ok().map(|(columns, _)| columns.into())
}

/// Writes for a program that the node could not start. People read the error on stderr.
pub fn tell_failure(show: Show, error: Remark) -> io::Result<()> {
    if !matches!(show, Show::Json { .. }) {
        return Ok(());
    }
    let mut lines = Vec::new();
    json::write_failure(error, &mut lines);
    io::stdout().write_all(&lines)
}

impl Prepared {
    /// Opens the face for this node.
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
