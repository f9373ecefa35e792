//! Commands as JSON: what a program writes with `--json-input`, one object a line.
//!
//! Not here: what a command does (the node), and the JSON of its answer (`events`).

use ringtalk_wire::limit::TEXT_BYTES;
use serde::Deserialize;
use serde_json::Value;

use crate::{Code, Command, CommandError};

/// The longest command, in bytes, without its line end.
pub const COMMAND_BYTES: usize = 128 * 1024;
/// The only room so far.
const ROOM: &str = "main";

/// A command from a program, with its tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tagged {
    /// What the program recognises the answer by.
    pub tag: Option<String>,
    /// The command, or what is wrong with it.
    pub command: Result<Command, CommandError>,
}

/// The commands that exist so far, with their fields.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(strum::VariantNames), strum(serialize_all = "kebab-case"))]
#[serde(tag = "command", rename_all = "kebab-case")]
pub(super) enum Fields {
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

/// Reads a line as a command.
pub fn read_command(line: &[u8]) -> Tagged {
    let mut object: Value = match serde_json::from_slice(line) {
        Ok(object) => object,
        Err(error) => {
            return Tagged {
                tag: None,
                command: Err(bad(format!("this line is not JSON: {error}"))),
            };
        }
    };
    let tag = object.get("tag").and_then(Value::as_str).map(str::to_owned);
    if let Some(Value::String(command)) = object.get_mut("command") {
        command.make_ascii_lowercase();
    }
    let fields = serde_json::from_value(object);
    let fields = fields.map_err(|error| bad(format!("this is not a command: {error}")));
    Tagged {
        tag,
        command: fields.and_then(command),
    }
}

/// Returns the error for a line that is longer than [`COMMAND_BYTES`].
pub fn line_too_long() -> CommandError {
    CommandError {
        code: Code::TooLong,
        message: format!("this line is too long: a command has at most {COMMAND_BYTES} bytes"),
    }
}

fn command(fields: Fields) -> Result<Command, CommandError> {
    Ok(match fields {
        Fields::Say { room, .. } if room != ROOM => {
            let message = format!("there is no room {room:?}; {ROOM} is the only one");
            return Err(CommandError {
                code: Code::NoSuchRoom,
                message,
            });
        }
        Fields::Say { message, .. } if message.len() > TEXT_BYTES => {
            return Err(CommandError::too_long());
        }
        Fields::Say { message, .. } if message.is_empty() => {
            return Err(bad("the message is empty".to_owned()));
        }
        Fields::Say { message, .. } => Command::Say(message),
        Fields::Name { name } => Command::Name(name.parse().map_err(|error| CommandError {
            code: Code::NameInvalid,
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
        code: Code::BadCommand,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (Result<Command, Code>, Option<String>) {
        let Tagged { tag, command } = read_command(line.as_bytes());
        (command.map_err(|error| error.code), tag)
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
    }

    #[test]
    fn mistakes_are_named_and_keep_their_tag() {
        let long = "x".repeat(TEXT_BYTES + 1);
        for (line, code) in [
            ("who".to_owned(), Code::BadCommand),
            ("[]".to_owned(), Code::BadCommand),
            (r#"{"tag":"7"}"#.to_owned(), Code::BadCommand),
            (
                r#"{"command":"fly","tag":"7"}"#.to_owned(),
                Code::BadCommand,
            ),
            (
                r#"{"command":"say","tag":"7"}"#.to_owned(),
                Code::BadCommand,
            ),
            (
                r#"{"command":"say","message":7,"tag":"7"}"#.to_owned(),
                Code::BadCommand,
            ),
            (
                r#"{"command":"say","message":"","tag":"7"}"#.to_owned(),
                Code::BadCommand,
            ),
            (
                r#"{"command":"say","message":"x","room":"tea","tag":"7"}"#.to_owned(),
                Code::NoSuchRoom,
            ),
            (
                format!(r#"{{"command":"say","message":"{long}","tag":"7"}}"#),
                Code::TooLong,
            ),
            (
                r#"{"command":"name","name":"","tag":"7"}"#.to_owned(),
                Code::NameInvalid,
            ),
        ] {
            let (command, tag) = read(&line);
            assert_eq!(command, Err(code), "{line}");
            assert_eq!(tag.is_some(), line.contains("tag"), "{line}");
        }
    }
}
