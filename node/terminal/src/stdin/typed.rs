//! The meaning of a typed line: a message, a command, or a mistake.
//!
//! Not here: the effect of a command (the node).

use std::io;

use ringtalk_session::{Code, Command, CommandError, NameError};
use ringtalk_wire::limit::TEXT_BYTES;

use super::lines::InputLine;

/// The text of `/help`.
pub(crate) const HELP: [&str; 10] = [
    "/who           who is here",
    "/ring          the ring, in order",
    "/name NEW      change your name",
    "/invite        the invite for others",
    "/me TEXT       describe an action, as in /me waves",
    "/clear         clear the screen",
    "/transcript    the ids of all messages that are kept, in the order that everyone shares",
    "/quit          leave",
    "/help          this list",
    "//TEXT         send a message that starts with /",
];

/// The prefix of a message that says what its author does. Such a message is sent as it was typed.
pub(crate) const ACTION: &str = "/me ";

/// Returns all commands, as they are typed.
pub(crate) fn command_words() -> impl Iterator<Item = &'static str> {
    let words = HELP.iter().filter_map(|line| line.split(' ').next());
    words.filter(|word| !word.starts_with("//"))
}

/// A mistake in a typed line.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// It is longer than a message may be.
    #[error("not sent: the line is longer than {TEXT_BYTES} bytes of UTF-8; send it in parts")]
    TooLong,
    /// It is not UTF-8.
    #[error("not sent: the line is not valid UTF-8")]
    NotUtf8,
    /// It starts like a command, but there is no such command.
    #[error(
        "unknown command {word:?}{} (/help lists the commands; // sends a line that starts with /)",
        suggest_command(.word)
    )]
    UnknownCommand {
        /// Its first word.
        word: String,
    },
    /// It is `/me` without a text.
    #[error("not sent: /me needs a text, as in /me waves")]
    NoAction,
    /// It asks for a name that is not valid.
    #[error("not renamed: {0}. Type /name NEW")]
    Name(#[from] NameError),
    /// There is no line: stdin has ended, and the node does not leave for that.
    #[error("Ctrl+D does not leave: type /quit, or press Ctrl+C")]
    NotTheEnd,
    /// A command that takes no text is followed by some.
    #[error("not done: {word} takes no text; to send this line as a message, begin it with //")]
    NoArgument {
        /// The command.
        word: String,
    },
    /// The new name is missing.
    #[error("not renamed: /name needs a name, as in /name ann")]
    NoName,
    /// There is no line: stdin cannot be read.
    #[error("cannot read from stdin any more: {0}")]
    Unreadable(io::Error),
}

/// Parses a complete line. Returns `None` for an empty line.
pub fn parse_line(line: String) -> Option<Result<Command, Mistake>> {
    parse(InputLine::Whole(line.into_bytes()))
}

/// Parses a line from stdin. Returns `None` for an empty line.
pub(super) fn parse(line: InputLine) -> Option<Result<Command, Mistake>> {
    let InputLine::Whole(bytes) = line else {
        return Some(Err(Mistake::TooLong));
    };
    if bytes.is_empty() {
        return None;
    }
    let text = String::from_utf8(bytes).map_err(|_| Mistake::NotUtf8);
    Some(text.and_then(parse_text))
}

fn parse_text(mut line: String) -> Result<Command, Mistake> {
    if line.starts_with("//") {
        line.remove(0);
    } else if line.trim_end().eq_ignore_ascii_case(ACTION.trim_end()) {
        return Err(Mistake::NoAction);
    } else if is_action(&line) {
        // Others recognize the prefix in lower case only.
        line.replace_range(..ACTION.len(), ACTION);
    } else if line.starts_with('/') {
        return parse_command(&line);
    }
    // The line is not empty, so only its length can be wrong.
    let words = line.try_into().map_err(|_| Mistake::TooLong)?;
    Ok(Command::Say(words))
}

/// Returns true if a line says what its author does.
fn is_action(line: &str) -> bool {
    let prefix = line.get(..ACTION.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(ACTION))
}

fn parse_command(line: &str) -> Result<Command, Mistake> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let (word, rest) = (word.to_lowercase(), rest.trim());
    let alone = match word.as_str() {
        "/name" if rest.is_empty() => return Err(Mistake::NoName),
        "/name" => return Ok(Command::Name(rest.parse()?)),
        "/quit" => Command::Quit,
        "/who" => Command::Who,
        "/ring" => Command::Ring,
        "/invite" => Command::Invite,
        "/transcript" => Command::Transcript,
        "/help" => Command::Help,
        "/clear" => Command::Clear,
        _ => {
            return Err(Mistake::UnknownCommand {
                word: line
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .take(QUOTED_CHARS)
                    .collect(),
            });
        }
    };
    if rest.is_empty() {
        Ok(alone)
    } else {
        Err(Mistake::NoArgument { word })
    }
}

/// The maximum number of characters of an unknown command that an error repeats.
const QUOTED_CHARS: usize = 40;

/// The maximum number of letters that may be wrong in a command that is suggested.
const WRONG_LETTERS: usize = 2;

/// Returns a suggestion for an unknown command, as a part of a sentence. It is empty if no command is close.
fn suggest_command(word: &str) -> String {
    let distance = |command: &&str| strsim::osa_distance(word, command);
    let nearest = command_words().min_by_key(distance);
    let nearest = nearest.filter(|command| distance(command) <= WRONG_LETTERS);
    nearest.map_or_else(String::new, |command| format!(", did you mean {command}?"))
}

impl From<Mistake> for CommandError {
    fn from(mistake: Mistake) -> Self {
        Self {
            code: mistake.code(),
            message: mistake.to_string(),
        }
    }
}

impl Mistake {
    /// Returns the code for programs.
    pub const fn code(&self) -> Code {
        match self {
            Self::TooLong => Code::TextTooLong,
            Self::NotUtf8 => Code::TextNotUtf8,
            Self::UnknownCommand { .. } | Self::NoArgument { .. } | Self::NotTheEnd => {
                Code::UnknownCommand
            }
            Self::NoAction => Code::ActionMissing,
            Self::Name(_) | Self::NoName => Code::NameInvalid,
            Self::Unreadable(_) => Code::StdinFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Result<Command, Mistake>> {
        parse(InputLine::Whole(line.as_bytes().to_vec()))
    }

    fn text(line: &str) -> String {
        match read(line) {
            Some(Ok(Command::Say(words))) => words.as_str().to_owned(),
            other => panic!("{line:?}: {other:?}"),
        }
    }

    fn command(line: &str) -> Command {
        match read(line) {
            Some(Ok(command)) => command,
            other => panic!("{line:?}: {other:?}"),
        }
    }

    fn code(typed: Option<Result<Command, Mistake>>) -> Code {
        match typed {
            Some(Err(mistake)) => mistake.code(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_are_sent_as_typed() {
        for line in [" hello ", "\t", "\u{1b}[2J", "你好 🎉", "a/b"] {
            assert_eq!(text(line), line);
        }
        assert_eq!(text("//who"), "/who");
        assert_eq!(text("///"), "//");
        assert!(read("").is_none());
    }

    #[test]
    fn commands_are_read() {
        assert_eq!(command("/quit"), Command::Quit);
        assert_eq!(command("/who "), Command::Who);
        assert_eq!(code(read("/quit smoking")), Code::UnknownCommand);
        assert_eq!(text("/ME waves"), "/me waves");
        assert_eq!(
            command("/name  ann b "),
            Command::Name("ann b".parse().unwrap())
        );
    }

    #[test]
    fn an_action_is_sent_as_it_was_typed() {
        assert_eq!(text("/me waves"), "/me waves");
        assert_eq!(code(read("/me")), Code::ActionMissing);
        assert_eq!(code(read("/me  ")), Code::ActionMissing);
        assert_eq!(code(read("/mean")), Code::UnknownCommand);
    }

    #[test]
    fn the_nearest_command_is_suggested() {
        let error_of = |line: &str| match read(line) {
            Some(Err(mistake)) => mistake.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(error_of("/qiut").contains("did you mean /quit?"));
        assert!(error_of("/hlep me").contains("did you mean /help?"));
        assert!(!error_of("/nonsense").contains("mean"));
    }

    #[test]
    fn every_command_in_the_help_exists() {
        for word in command_words() {
            let unknown = matches!(read(word), Some(Err(Mistake::UnknownCommand { .. })));
            assert!(!unknown, "{word}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(code(read("/nonsense x")), Code::UnknownCommand);
        assert_eq!(code(read("/")), Code::UnknownCommand);
        assert_eq!(code(read("/name")), Code::NameInvalid);
        assert_eq!(
            code(read(&format!("/name {}", "x".repeat(33)))),
            Code::NameInvalid
        );
        let bytes = InputLine::Whole(vec![b'a', 0xff]);
        assert_eq!(code(parse(bytes)), Code::TextNotUtf8);
        assert_eq!(code(parse(InputLine::TooLong)), Code::TextTooLong);
        assert!(Mistake::TooLong.to_string().contains("16384 bytes"));
    }

    #[test]
    fn the_limit_is_on_the_text_and_not_on_the_line() {
        let longest = "x".repeat(TEXT_BYTES);
        assert_eq!(text(&longest), longest);
        assert_eq!(code(read(&(longest.clone() + "x"))), Code::TextTooLong);
        let slashes = "/".repeat(TEXT_BYTES + 1);
        assert_eq!(text(&slashes).len(), TEXT_BYTES);
    }
}
