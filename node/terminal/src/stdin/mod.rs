//! Input from stdin, typed by a user or written by a program. A separate thread reads it, a limited way ahead.
//!
//! Not here: the moment at which a line is taken (the node, when it has room).

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod lines;
mod typed;

use std::io::{self, Read, stdin};
use std::thread;

use ringtalk_session::json::{self, COMMAND_BYTES, Tagged};
use ringtalk_session::{Asker, Command, CommandError, Request};
use tokio::sync::mpsc;

pub(crate) use typed::{ACTION, HELP, command_words};
pub use typed::{Mistake, parse_line};

use crate::tty::Hangup;
use lines::{Line, LineReader};

/// The number of bytes per read. The standard library's own buffer holds less, so it is bypassed.
const READ_BYTES: usize = 64 * 1024;
/// The maximum number of batches that may wait for the node. With the batch that the thread holds, they limit how far
/// the node reads ahead: a few times [`READ_BYTES`].
const BATCHES: usize = 2;

/// The kind of input on stdin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// Lines that a person types. They may go on after the end of stdin, if that is a terminal.
    Typed { goes_on: bool },
    /// Commands, one JSON object a line.
    Json,
}

impl Input {
    const fn line_bytes(self) -> usize {
        match self {
            Self::Typed { .. } => lines::LINE_BYTES,
            Self::Json => COMMAND_BYTES,
        }
    }

    fn parse(self, line: Line) -> Option<Request> {
        match self {
            Self::Typed { .. } => typed::parse(line).map(request),
            Self::Json => command(line),
        }
    }
}

/// Parses a line of a program. Returns `None` for a blank line.
fn command(line: Line) -> Option<Request> {
    let Tagged { tag, command } = match line {
        Line::Whole(bytes) if bytes.trim_ascii().is_empty() => return None,
        Line::Whole(bytes) => json::read_command(&bytes),
        Line::TooLong => Tagged {
            tag: None,
            command: Err(json::line_too_long()),
        },
    };
    let asker = Asker::Program(tag);
    Some(Request { command, asker })
}

/// Returns the request of a person who typed a line.
pub fn request(parsed: Result<Command, Mistake>) -> Request {
    Request {
        command: parsed.map_err(CommandError::from),
        asker: Asker::Typist,
    }
}

/// Returns a channel for another source of typed requests, such as the full screen.
pub(crate) fn channel() -> (mpsc::Sender<Vec<Request>>, mpsc::Receiver<Vec<Request>>) {
    mpsc::channel(BATCHES)
}

/// Starts to read stdin. The channel closes when stdin ends.
///
/// The thread is never stopped: a blocking read cannot be cancelled, only abandoned when the process ends.
pub(crate) fn read(input: Input) -> io::Result<mpsc::Receiver<Vec<Request>>> {
    let (sender, receiver) = mpsc::channel(BATCHES);
    let window = Hangup::of_stdin()?;
    let goes_on = matches!(input, Input::Typed { goes_on: true });
    let reader = move || {
        pass_on(stdin(), input, &sender);
        // The user pressed Ctrl-D. Lines typed after that are read as well, for as long as there is a window.
        while goes_on && window.as_ref().is_some_and(|window| !window.is_over()) {
            let told = request(Err(Mistake::NotTheEnd));
            if sender.blocking_send(vec![told]).is_err() {
                return;
            }
            pass_on(stdin(), input, &sender);
        }
    };
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(reader)?;
    Ok(receiver)
}

/// Passes on the lines of one read after another, until the input or the receiver ends.
fn pass_on(from: impl Read, input: Input, sender: &mpsc::Sender<Vec<Request>>) {
    let mut lines = LineReader::new(from, READ_BYTES, input.line_bytes());
    loop {
        match lines.next_batch() {
            Ok(Some(batch)) if batch.is_empty() => {}
            Ok(Some(batch)) => {
                let batch = batch.into_iter().filter_map(|line| input.parse(line));
                if sender.blocking_send(batch.collect()).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                let failed = request(Err(Mistake::Unreadable(error)));
                let _ = sender.blocking_send(vec![failed]);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_session::Tag;

    use super::*;

    #[test]
    fn a_paste_arrives_whole_and_in_order() {
        let paste: Vec<String> = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let paste = paste.concat();
        let (sender, mut receiver) = mpsc::channel(BATCHES);
        let reader = thread::spawn(move || {
            pass_on(paste.as_bytes(), Input::Typed { goes_on: false }, &sender);
        });
        let mut count = 0;
        while let Some(batch) = receiver.blocking_recv() {
            for request in batch {
                assert_eq!(
                    request.command,
                    Ok(Command::Say(format!("line {count}").try_into().unwrap()))
                );
                count += 1;
            }
        }
        reader.join().unwrap();
        assert_eq!(count, 10_000);
    }

    #[test]
    fn a_blank_line_is_no_command_and_a_long_one_is_told_of() {
        assert!(command(Line::Whole(b" \t".to_vec())).is_none());
        let long = command(Line::TooLong).expect("a mistake");
        assert_eq!(long.command, Err(json::line_too_long()));
        let asked = command(Line::Whole(br#"{"command":"who","tag":"7"}"#.to_vec()));
        let asked = asked.expect("a command");
        assert!(matches!(asked.asker, Asker::Program(Some(Tag::Text(tag))) if tag == "7"));
    }
}
