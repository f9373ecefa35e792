//! Opens the selected face: its threads, and the input that is typed in front of it.
//!
//! Not here: the content of the face (`face`).

use std::io::{self, IsTerminal, Write};

use ringtalk_session::{Backlog, Me, NullOutlet, Outlet, Remark, Request, json};
use time::UtcOffset;
use tokio::sync::mpsc;

use crate::attention::AttentionSettings;
use crate::face::Face;
use crate::lines::Lines;
use crate::report::Reporter;
use crate::screen::ScreenSetup;
use crate::stderr::Diagnostics;
use crate::stdin::{self, Input};
use crate::stdout::Stdout;
use crate::stdout_queue::{StdoutQueue, TextEncoder, TextFormat};
use crate::tty::{Hangup, Terminal};

/// The face of a session, and the input on stdin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaceKind {
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

/// The settings that a face depends on, besides its kind.
#[derive(Clone, Debug)]
pub struct FaceOptions {
    /// The offset of local time from UTC.
    pub offset: UtcOffset,
    /// The number of events above which a backlog is too large ([`Backlog::new`]).
    pub backlog_limit: u64,
    /// True if nothing is read after the end of stdin.
    pub quits_on_eof: bool,
    /// The events that the user wants to be told of.
    pub attention: AttentionSettings,
    /// True if the wheel of the mouse scrolls the full screen. The mouse does not select text then.
    pub mouse_wheel: bool,
}

/// A face before its node is known.
#[derive(Debug)]
pub struct PreparedFace {
    kind: FaceKind,
    offset: UtcOffset,
    attention: AttentionSettings,
    mouse_wheel: bool,
    backlog: Backlog,
    window: Hangup,
    reporter: Option<Reporter>,
    refusals: Option<Diagnostics>,
    requests: mpsc::Sender<Vec<Request>>,
}

/// The terminal that a face has taken over, and the input that is typed there.
#[derive(Debug)]
pub struct TerminalInput {
    /// Held until the end: dropping it gives the terminal back.
    pub terminal: Option<Terminal>,
    /// The requests that are read from stdin or from the full screen.
    pub requests: mpsc::Receiver<Vec<Request>>,
}

/// Takes over the terminal if the face is the full screen, and starts to read input.
pub fn prepare(
    kind: FaceKind,
    options: FaceOptions,
    diagnostics: &Diagnostics,
) -> io::Result<(PreparedFace, TerminalInput)> {
    let shows_lines = matches!(kind, FaceKind::Lines { .. });
    let reports_progress = shows_lines && io::stderr().is_terminal();
    let is_piped = !io::stdin().is_terminal();
    let (sender, screen_requests) = stdin::channel();
    let (terminal, requests) = match kind {
        FaceKind::Screen { color } => (Some(Terminal::take(color, diagnostics)?), screen_requests),
        FaceKind::Json { commands: true } => (None, stdin::read(Input::Json)?),
        FaceKind::Lines { .. } | FaceKind::Json { commands: false } => {
            let input = Input::Typed {
                after_eof: !options.quits_on_eof && shows_lines,
                is_piped,
            };
            (None, stdin::read(input)?)
        }
        // Stdin is not read.
        FaceKind::Nothing => (None, screen_requests),
    };
    let prepared = PreparedFace {
        kind,
        offset: options.offset,
        attention: options.attention,
        mouse_wheel: options.mouse_wheel,
        backlog: Backlog::new(options.backlog_limit),
        // There is no face, so the end of the terminal does not matter.
        window: match kind {
            FaceKind::Nothing => Hangup::never(),
            _ => Hangup::watch()?,
        },
        reporter: reports_progress.then(|| Reporter::new(diagnostics.clone())),
        refusals: (shows_lines && is_piped).then(|| diagnostics.clone()),
        requests: sender,
    };
    Ok((prepared, TerminalInput { terminal, requests }))
}

/// Returns the number of columns of stdout, if it is a terminal that knows it.
fn columns() -> Option<usize> {
    let is_terminal = io::stdout().is_terminal();
    let size = is_terminal.then(crossterm::terminal::size)?;
    size.ok()
        .map(|(columns, _)| columns.into())
        .filter(|columns| *columns > 0)
}

/// Writes for a program that the node could not start. People read the error on stderr.
pub fn write_start_failure(kind: FaceKind, error: Remark) -> io::Result<()> {
    if !matches!(kind, FaceKind::Json { .. }) {
        return Ok(());
    }
    let mut lines = Vec::new();
    json::write_failure(error, &mut lines);
    io::stdout().write_all(&lines)
}

impl PreparedFace {
    /// Opens the face for this node.
    pub fn open(self, me: &Me) -> io::Result<Box<dyn Outlet>> {
        Ok(match self.kind {
            FaceKind::Screen { color } => {
                let (stdout, sender) = Stdout::start()?;
                let setup = ScreenSetup {
                    stdout: sender,
                    requests: self.requests,
                    colors: color,
                    offset: self.offset,
                    attention: self.attention,
                    mouse_wheel: self.mouse_wheel,
                    backlog: self.backlog,
                };
                let queue = setup.start(me.clone())?;
                Box::new(Face::new(queue, me, stdout, self.window))
            }
            FaceKind::Lines { color } => {
                let (told, saved) = mpsc::channel(1);
                let lines = Lines::new(color, self.offset, columns, self.attention);
                let lines = lines.telling_of_saves(told);
                let lines = if io::stdin().is_terminal() {
                    lines
                } else {
                    lines.without_saving()
                };
                let encoder = TextEncoder::new(TextFormat::Lines(Box::new(lines)), me.clone());
                let (stdout, sender) = Stdout::start_for(encoder, self.backlog)?;
                let face = Face::new(StdoutQueue::new(sender), me, stdout, self.window);
                let face = face.with_reporter(self.reporter).with_saved(saved);
                Box::new(face.with_refusals(self.refusals))
            }
            FaceKind::Json { .. } => {
                let encoder = TextEncoder::new(TextFormat::Json, me.clone());
                let (stdout, sender) = Stdout::start_for(encoder, self.backlog)?;
                Box::new(Face::new(StdoutQueue::new(sender), me, stdout, self.window))
            }
            FaceKind::Nothing => Box::new(NullOutlet::default()),
        })
    }
}
