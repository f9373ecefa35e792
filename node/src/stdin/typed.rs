//! What a line means: a message, a command, or a mistake to be told of.
//!
//! Not here: what a command does (`driver::commands`).

use std::io;

use ringtalk_wire::limit::TEXT_BYTES;

use super::lines::Line;
use crate::name::{Name, NameError};

/// What `/help` says.
pub(crate) const HELP: [&str; 10] = [
    "/who           who is here",
    "/ring          the ring, as it goes round",
    "/name NEW      take another name",
    "/invite        what others type to get in",
    "/me TEXT       say what you do",
    "/clear         clear the screen",
    "/transcript    the ids of all messages kept, in the order that is the same for everybody",
    "/quit          leave",
    "/help          this list",
    "//text         a message that starts with /",
];

/// How a message begins that says what its author does: it travels as it is typed.
pub(crate) const ACTION: &str = "/me ";

/// All commands, as they are typed.
pub(crate) fn command_words() -> impl Iterator<Item = &'static str> {
    let words = HELP.iter().filter_map(|line| line.split(' ').next());
    words.filter(|word| !word.starts_with("//"))
}

/// What a line means.
#[derive(Debug)]
pub(crate) enum Typed {
    /// A message.
    Text(String),
    /// Something to do.
    Command(Command),
    /// Something that the user should know.
    Mistake(Mistake),
}

/// Something to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Command {
    /// Leave.
    Quit,
    /// Say who is here.
    Who,
    /// Show the ring.
    Ring,
    /// Ask for another name.
    Name(Name),
    /// Say how others get in.
    Invite,
    /// Take away what is on the screen.
    Clear,
    /// Say which messages there are.
    Transcript,
    /// Say what can be typed.
    Help,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Mistake {
    #[error(
        "that line is too long: a message has {TEXT_BYTES} bytes of UTF-8 at most; nothing of it \
         was sent, send it in parts"
    )]
    TooLong,
    #[error("that line is no UTF-8, so it was not sent; send text as UTF-8")]
    NotUtf8,
    #[error(
        "there is no command {word:?}{} (/help lists them, // sends a line that starts with /)",
        meant(.word)
    )]
    UnknownCommand { word: String },
    #[error("say what you do, as in /me waves")]
    NoAction,
    #[error("{0}; type /name NEW")]
    Name(#[from] NameError),
    #[error("stdin cannot be read any more: {0}")]
    Unreadable(io::Error),
}

impl Typed {
    /// Reads a line that somebody has in one piece; nothing where it is empty.
    pub(crate) fn from_whole(line: String) -> Option<Self> {
        Self::from_line(Line::Whole(line.into_bytes()))
    }

    /// Reads a line; nothing where it is empty.
    pub(super) fn from_line(line: Line) -> Option<Self> {
        let Line::Whole(bytes) = line else {
            return Some(Self::Mistake(Mistake::TooLong));
        };
        if bytes.is_empty() {
            return None;
        }
        let meant = String::from_utf8(bytes)
            .map_err(|_| Mistake::NotUtf8)
            .and_then(Self::from_text);
        Some(meant.unwrap_or_else(Self::Mistake))
    }

    fn from_text(mut line: String) -> Result<Self, Mistake> {
        if line.starts_with("//") {
            line.remove(0);
        } else if line.trim_end() == ACTION.trim_end() {
            return Err(Mistake::NoAction);
        } else if line.starts_with('/') && !line.starts_with(ACTION) {
            return Command::from_line(&line).map(Self::Command);
        }
        if line.len() > TEXT_BYTES {
            return Err(Mistake::TooLong);
        }
        Ok(Self::Text(line))
    }
}

impl Command {
    fn from_line(line: &str) -> Result<Self, Mistake> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match word {
            "/quit" => Ok(Self::Quit),
            "/who" => Ok(Self::Who),
            "/ring" => Ok(Self::Ring),
            "/name" => Ok(Self::Name(rest.trim().parse()?)),
            "/invite" => Ok(Self::Invite),
            "/transcript" => Ok(Self::Transcript),
            "/help" => Ok(Self::Help),
            "/clear" => Ok(Self::Clear),
            unknown => Err(Mistake::UnknownCommand {
                word: unknown.chars().take(SHOWN_CHARS).collect(),
            }),
        }
    }
}

/// How much of an unknown command is repeated.
const SHOWN_CHARS: usize = 40;

/// How many letters may be wrong.
const WRONG_LETTERS: usize = 2;

/// The command that somebody who typed `word` may have meant, as a part of a sentence.
fn meant(word: &str) -> String {
    let distance = |command: &&str| strsim::osa_distance(word, command);
    let nearest = command_words().min_by_key(distance);
    let nearest = nearest.filter(|command| distance(command) <= WRONG_LETTERS);
    nearest.map_or_else(String::new, |command| format!(", did you mean {command}?"))
}

impl Mistake {
    /// For programs.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "text-too-long",
            Self::NotUtf8 => "text-not-utf8",
            Self::UnknownCommand { .. } => "unknown-command",
            Self::NoAction => "action-missing",
            Self::Name(_) => "name-invalid",
            Self::Unreadable(_) => "stdin-failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Typed> {
        Typed::from_line(Line::Whole(line.as_bytes().to_vec()))
    }

    fn text(line: &str) -> String {
        match read(line) {
            Some(Typed::Text(text)) => text,
            other => panic!("{line:?}: {other:?}"),
        }
    }

    fn command(line: &str) -> Command {
        match read(line) {
            Some(Typed::Command(command)) => command,
            other => panic!("{line:?}: {other:?}"),
        }
    }

    fn code(typed: Option<Typed>) -> &'static str {
        match typed {
            Some(Typed::Mistake(mistake)) => mistake.code(),
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
        assert_eq!(
            command("/name  ann b "),
            Command::Name("ann b".parse().unwrap())
        );
    }

    #[test]
    fn what_somebody_does_travels_as_it_is_typed() {
        assert_eq!(text("/me waves"), "/me waves");
        assert_eq!(code(read("/me")), "action-missing");
        assert_eq!(code(read("/me  ")), "action-missing");
        assert_eq!(code(read("/mean")), "unknown-command");
    }

    #[test]
    fn the_nearest_command_is_suggested() {
        let said = |line: &str| match read(line) {
            Some(Typed::Mistake(mistake)) => mistake.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(said("/qiut").contains("did you mean /quit?"));
        assert!(said("/hlep me").contains("did you mean /help?"));
        assert!(!said("/nonsense").contains("mean"));
    }

    #[test]
    fn every_command_in_the_help_is_one() {
        for word in command_words() {
            let unknown = matches!(
                read(word),
                Some(Typed::Mistake(Mistake::UnknownCommand { .. }))
            );
            assert!(!unknown, "{word}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(code(read("/nonsense x")), "unknown-command");
        assert_eq!(code(read("/")), "unknown-command");
        assert_eq!(code(read("/name")), "name-invalid");
        assert_eq!(
            code(read(&format!("/name {}", "x".repeat(33)))),
            "name-invalid"
        );
        let bytes = Line::Whole(vec![b'a', 0xff]);
        assert_eq!(code(Typed::from_line(bytes)), "text-not-utf8");
        assert_eq!(code(Typed::from_line(Line::TooLong)), "text-too-long");
        assert!(Mistake::TooLong.to_string().contains("16384 bytes"));
    }

    #[test]
    fn the_limit_is_on_the_text_and_not_on_the_line() {
        let longest = "x".repeat(TEXT_BYTES);
        assert_eq!(text(&longest), longest);
        assert_eq!(code(read(&(longest.clone() + "x"))), "text-too-long");
        let slashes = "/".repeat(TEXT_BYTES + 1);
        assert_eq!(text(&slashes).len(), TEXT_BYTES);
    }
}
