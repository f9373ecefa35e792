//! Input from stdin, typed by a user or written by a program. A separate thread reads it, a limited way ahead.
//!
//! Not here: the moment at which a line is taken (the node, when it has room).

mod doubt;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod lines;
mod typed;
mod words;

use std::io::{self, Read, stdin};
use std::thread;

use ringtalk_session::json::{self, COMMAND_BYTES, TaggedCommand};
use ringtalk_session::{Command, CommandError, Request, Requester};
use tokio::sync::mpsc;

pub(crate) use doubt::Doubt;
pub(crate) use typed::{ACTION, HELP, HELP_WITH_ROOMS, command_words};
pub use typed::{Mistake, parse_line};
pub(crate) use words::Missing;

use crate::patience::Patient;
use crate::tty::Hangup;
use lines::{InputLine, LineReader};

/// The number of bytes per read. The standard library's own buffer holds less, so it is bypassed.
const READ_BYTES: usize = 64 * 1024;
/// The maximum number of batches that may wait for the node. With the batch that the thread holds, they limit how far
/// the node reads ahead: a few times [`READ_BYTES`].
const BATCHES: usize = 2;

/// The kind of input on stdin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// Lines that a person types.
    Typed {
        /// True if they may go on after the end of stdin, if that is a terminal.
        after_eof: bool,
        /// True if they come from a pipe or a file, so that an error has to say which line is wrong.
        is_piped: bool,
    },
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

    /// Parses a line. `number` is its number in the input, from 1 on.
    fn parse(self, line: InputLine, number: u64) -> Option<Request> {
        match self {
            Self::Typed { is_piped, .. } => {
                let mut request = typed::parse(line).map(to_request)?;
                if is_piped && let Err(error) = &mut request.command {
                    add_line_number(error, number);
                }
                Some(request)
            }
            Self::Json => parse_program_line(line, number),
        }
    }
}

fn add_line_number(error: &mut CommandError, number: u64) {
    error
        .message
        .insert_str(0, &format!("input line {number}: "));
}

/// Parses a line of a program. Returns `None` for a blank line.
fn parse_program_line(line: InputLine, number: u64) -> Option<Request> {
    let TaggedCommand { tag, mut command } = match line {
        InputLine::Whole(bytes) if bytes.trim_ascii().is_empty() => return None,
        InputLine::Whole(bytes) => json::parse_command(&bytes),
        InputLine::TooLong => TaggedCommand {
            tag: None,
            command: Err(json::line_too_long()),
        },
    };
    if let (None, Err(error)) = (&tag, &mut command) {
        // No tag tells the program which of its lines is wrong.
        add_line_number(error, number);
    }
    let requester = Requester::Program(tag);
    Some(Request { command, requester })
}

/// Returns the request of a person who typed a line.
pub fn to_request(parsed: Result<Command, Mistake>) -> Request {
    Request {
        command: parsed.map_err(CommandError::from),
        requester: Requester::Typist,
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
    let after_eof = matches!(
        input,
        Input::Typed {
            after_eof: true,
            ..
        }
    );
    let reader = move || {
        forward_lines(Patient(stdin()), input, &sender);
        // The user pressed Ctrl-D. Lines typed after that are read as well, for as long as there is a window.
        while after_eof && window.as_ref().is_some_and(|window| !window.has_hung_up()) {
            let notice = to_request(Err(Mistake::NotTheEnd));
            if sender.blocking_send(vec![notice]).is_err() {
                return;
            }
            forward_lines(Patient(stdin()), input, &sender);
        }
    };
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(reader)?;
    Ok(receiver)
}

/// Passes on the lines of one read after another, until the input or the receiver ends.
fn forward_lines(from: impl Read, input: Input, sender: &mpsc::Sender<Vec<Request>>) {
    let mut lines = LineReader::new(from, READ_BYTES, input.line_bytes());
    let mut numbers = 1..;
    loop {
        match lines.next_batch() {
            Ok(Some(batch)) if batch.is_empty() => {}
            Ok(Some(batch)) => {
                let numbered = batch.into_iter().zip(numbers.by_ref());
                let parsed = numbered.filter_map(|(line, number)| input.parse(line, number));
                if sender.blocking_send(parsed.collect()).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                let failed = to_request(Err(Mistake::Unreadable(error)));
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

    const PIPED: Input = Input::Typed {
        after_eof: false,
        is_piped: true,
    };

    #[test]
    fn a_paste_arrives_whole_and_in_order() {
        let paste: Vec<String> = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let paste = paste.concat();
        let (sender, mut receiver) = mpsc::channel(BATCHES);
        let reader = thread::spawn(move || {
            forward_lines(paste.as_bytes(), PIPED, &sender);
        });
        let mut count = 0;
        while let Some(batch) = receiver.blocking_recv() {
            for request in batch {
                assert_eq!(
                    request.command,
                    Ok(Command::say(format!("line {count}").try_into().unwrap()))
                );
                count += 1;
            }
        }
        reader.join().unwrap();
        assert_eq!(count, 10_000);
    }

    #[test]
    fn the_line_of_a_pipe_that_is_refused_is_named() {
        let (sender, mut receiver) = mpsc::channel(BATCHES);
        forward_lines(&b"fine\n\n\xff\n"[..], PIPED, &sender);
        let requests = receiver.blocking_recv().unwrap();
        let error = requests[1].command.as_ref().unwrap_err();
        assert_eq!(
            error.message,
            "input line 3: not sent: the line is not valid UTF-8"
        );
    }

    #[test]
    fn a_blank_line_is_ignored_and_a_long_one_is_an_error() {
        assert!(parse_program_line(InputLine::Whole(b" \t".to_vec()), 1).is_none());
        let long = parse_program_line(InputLine::TooLong, 9).expect("a mistake");
        let error = long.command.expect_err("a mistake");
        assert_eq!(error.code, json::line_too_long().code);
        assert!(error.message.starts_with("input line 9: "), "{error}");
        let asked = parse_program_line(
            InputLine::Whole(br#"{"command":"who","tag":"7"}"#.to_vec()),
            1,
        );
        let asked = asked.expect("a command");
        assert!(matches!(asked.requester, Requester::Program(Some(Tag::Text(tag))) if tag == "7"));
    }
}
