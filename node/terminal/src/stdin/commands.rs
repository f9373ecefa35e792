//! What a program writes on stdin: commands, one JSON object a line.
//!
//! Not here: what a command does (the node), and what is answered (`ringtalk_session::json`).

use ringtalk_session::{Asker, Command, CommandError, Request};
use ringtalk_wire::limit::TEXT_BYTES;
use serde::Deserialize;
use serde_json::Value;

use super::lines::Line;

/// The longest line.
pub(super) const LINE_BYTES: usize = 128 * 1024;
/// The one room, until there are rooms.
const ROOM: &str = "main";

/// The fields of a command that there are so far.
#[derive(Debug, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
enum Fields {
    Say {
        message: String,
        #[serde(default = "main")]
        room: String,
    },
    Name {
        name: String,
    },
    Who,
    Ring,
    Invite,
    Transcript,
    Help,
    Clear,
    Quit,
}

fn main() -> String {
    ROOM.to_owned()
}

/// Reads a line; nothing where it is blank.
pub(super) fn parse(line: Line) -> Option<Request> {
    let bytes = match line {
        Line::Whole(bytes) => bytes,
        Line::TooLong => {
            let message =
                format!("that line is too long: a command has {LINE_BYTES} bytes at most");
            return Some(mistake("too-long", message, None));
        }
    };
    if bytes.trim_ascii().is_empty() {
        return None;
    }
    let mut object: Value = match serde_json::from_slice(&bytes) {
        Ok(object) => object,
        Err(error) => {
            return Some(mistake(
                "bad-command",
                format!("that is no JSON: {error}"),
                None,
            ));
        }
    };
    let tag = object.get("tag").and_then(Value::as_str).map(str::to_owned);
    if let Some(Value::String(command)) = object.get_mut("command") {
        command.make_ascii_lowercase();
    }
    let command = serde_json::from_value(object)
        .map_err(|error| bad(format!("that is no command: {error}")))
        .and_then(command);
    Some(Request {
        command,
        asker: Asker::Program(tag),
    })
}

fn command(fields: Fields) -> Result<Command, CommandError> {
    Ok(match fields {
        Fields::Say { room, .. } if room != ROOM => {
            let message = format!("there is no room {room:?} here: {ROOM} is the only one");
            return Err(CommandError {
                code: "no-such-room",
                message,
            });
        }
        Fields::Say { message, .. } if message.len() > TEXT_BYTES => {
            return Err(CommandError::too_long());
        }
        Fields::Say { message, .. } if message.is_empty() => {
            return Err(bad("a message says something".to_owned()));
        }
        Fields::Say { message, .. } => Command::Say(message),
        Fields::Name { name } => Command::Name(name.parse().map_err(|error| CommandError {
            code: "name-invalid",
            message: format!("{error}"),
        })?),
        Fields::Who => Command::Who,
        Fields::Ring => Command::Ring,
        Fields::Invite => Command::Invite,
        Fields::Transcript => Command::Transcript,
        Fields::Help => Command::Help,
        Fields::Clear => Command::Clear,
        Fields::Quit => Command::Quit,
    })
}

fn bad(message: String) -> CommandError {
    CommandError {
        code: "bad-command",
        message,
    }
}

fn mistake(code: &'static str, message: String, tag: Option<String>) -> Request {
    Request {
        command: Err(CommandError { code, message }),
        asker: Asker::Program(tag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (Result<Command, &'static str>, Option<String>) {
        let request = parse(Line::Whole(line.as_bytes().to_vec())).expect("it is not blank");
        let Asker::Program(tag) = request.asker else {
            panic!("a program asks");
        };
        (request.command.map_err(|error| error.code), tag)
    }

    #[test]
    fn commands_are_read() {
        let said = Command::Say("/who\nis this".to_owned());
        let line = r#"{"command":"say","message":"/who\nis this","tag":"7"}"#;
        assert_eq!(read(line), (Ok(said), Some("7".to_owned())));
        let line = r#"{"command":"SAY","room":"main","message":"x","unknown":1}"#;
        assert_eq!(read(line).0, Ok(Command::Say("x".to_owned())));
        let name = Command::Name("Mary Jane".parse().unwrap());
        assert_eq!(read(r#"{"command":"name","name":"Mary Jane"}"#).0, Ok(name));
        for (word, command) in [
            ("who", Command::Who),
            ("ring", Command::Ring),
            ("invite", Command::Invite),
            ("transcript", Command::Transcript),
            ("help", Command::Help),
            ("clear", Command::Clear),
            ("quit", Command::Quit),
        ] {
            assert_eq!(
                read(&format!(r#"{{"command":"{word}"}}"#)),
                (Ok(command), None)
            );
        }
        assert!(parse(Line::Whole(b" \t".to_vec())).is_none());
    }

    #[test]
    fn mistakes_are_named_and_keep_their_tag() {
        let long = "x".repeat(TEXT_BYTES + 1);
        for (line, code) in [
            ("who".to_owned(), "bad-command"),
            ("[]".to_owned(), "bad-command"),
            (r#"{"tag":"7"}"#.to_owned(), "bad-command"),
            (r#"{"command":"fly","tag":"7"}"#.to_owned(), "bad-command"),
            (r#"{"command":"say","tag":"7"}"#.to_owned(), "bad-command"),
            (
                r#"{"command":"say","message":7,"tag":"7"}"#.to_owned(),
                "bad-command",
            ),
            (
                r#"{"command":"say","message":"","tag":"7"}"#.to_owned(),
                "bad-command",
            ),
            (
                r#"{"command":"say","message":"x","room":"tea","tag":"7"}"#.to_owned(),
                "no-such-room",
            ),
            (
                format!(r#"{{"command":"say","message":"{long}","tag":"7"}}"#),
                "too-long",
            ),
            (
                r#"{"command":"name","name":"","tag":"7"}"#.to_owned(),
                "name-invalid",
            ),
        ] {
            let (command, tag) = read(&line);
            assert_eq!(command, Err(code), "{line}");
            assert_eq!(tag.is_some(), line.contains("tag"), "{line}");
        }
        let too_long = parse(Line::TooLong).expect("a mistake");
        assert_eq!(
            too_long.command.map_err(|error| error.code),
            Err("too-long")
        );
    }
}
