//! Commands as JSON, which a program writes with `--json-input`, one object a line.
//!
//! Not here: the effect of a command (the node), and the JSON of its answer (`events`).

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::{Code, Command, CommandError, Place, Presence, RequestedName, RoomName, Tag};

/// The maximum length of a command, in bytes, without its line end.
pub const COMMAND_BYTES: usize = 128 * 1024;
/// The maximum length of a tag, in bytes.
const TAG_BYTES: usize = 256;
/// The maximum number of characters of an unknown word that an error repeats: more than any command has.
const QUOTED_CHARS: usize = 40;
/// A command, as an error shows one.
const EXAMPLE: &str = r#"{"command":"who"}"#;

/// A command from a program, with its tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaggedCommand {
    /// The tag that the answer repeats.
    pub tag: Option<Tag>,
    /// The command, or the error in it.
    pub command: Result<Command, CommandError>,
}

impl TaggedCommand {
    fn bad(message: String) -> Self {
        let command = Err(bad_command(message));
        Self { tag: None, command }
    }
}

/// The commands, with their fields.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(strum::VariantNames), strum(serialize_all = "kebab-case"))]
#[serde(tag = "command", rename_all = "kebab-case")]
pub(super) enum CommandFields {
    Say {
        message: String,
        room: Option<String>,
    },
    Create {
        room: String,
        policy: Option<Value>,
        topic: Option<Value>,
        invite: Option<Value>,
    },
    Join {
        room: String,
    },
    Leave {
        room: String,
    },
    Rooms {
        words: Option<Value>,
    },
    Name {
        name: String,
    },
    Away {
        text: Option<String>,
    },
    Back,
    Who {
        room: Option<String>,
    },
    Ring,
    Invite,
    Transcript {
        room: Option<String>,
    },
    Help,
    Clear,
    Quit,
}

/// Parses a command: a JSON object. Returns its tag too, if the line is an object with a valid one.
pub fn parse_command(line: &[u8]) -> TaggedCommand {
    let object: Map<String, Value> = match serde_json::from_slice(line) {
        Ok(object) => object,
        Err(error) => {
            let what = format!("not a JSON object such as {EXAMPLE}: {}", syntax(&error));
            return TaggedCommand::bad(what);
        }
    };
    let tag = match object.get("tag") {
        None | Some(Value::Null) => None,
        Some(Value::String(tag)) if tag.len() <= TAG_BYTES => Some(Tag::Text(tag.clone())),
        Some(Value::Number(tag)) => Some(Tag::Number(tag.clone())),
        Some(_) => {
            let what = format!("a tag must be a number, or a string of at most {TAG_BYTES} bytes");
            return TaggedCommand::bad(what);
        }
    };
    let command = parse_fields(object).and_then(to_command);
    TaggedCommand { tag, command }
}

fn parse_fields(mut object: Map<String, Value>) -> Result<CommandFields, CommandError> {
    if let Some(Value::String(command)) = object.get_mut("command") {
        *command = truncate(command).to_ascii_lowercase();
    }
    let fields = serde_json::from_value(Value::Object(object));
    fields.map_err(|error| {
        let error = error.to_string();
        // The parser knows commands as the variants of a type.
        bad_command(match error.strip_prefix("unknown variant ") {
            Some(unknown) => format!("unknown command {unknown}"),
            None => format!("not a command: {error}"),
        })
    })
}

/// Returns what is wrong with the JSON of a line. The parser's own words are about its grammar, and about a file of
/// several lines.
fn syntax(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Eof => "it ends in the middle of a value".to_owned(),
        Category::Data => "it is another JSON value".to_owned(),
        Category::Syntax | Category::Io => {
            let words = error.to_string();
            let reason = words.split(" at line ").next().unwrap_or_default();
            format!("{reason} at byte {}", error.column())
        }
    }
}

/// Returns the part of a word that an error repeats.
fn truncate(word: &str) -> String {
    word.chars().take(QUOTED_CHARS).collect()
}

/// Returns the error for a line that is longer than [`COMMAND_BYTES`].
pub fn line_too_long() -> CommandError {
    CommandError {
        code: Code::TooLong,
        message: format!("not carried out: the line is longer than {COMMAND_BYTES} bytes"),
    }
}

fn to_command(fields: CommandFields) -> Result<Command, CommandError> {
    Ok(match fields {
        CommandFields::Say { message, room } => Command::Say(place(room), message.try_into()?),
        CommandFields::Create {
            room,
            policy,
            topic,
            invite,
        } => {
            // Ignored, they would let in people who are to stay outside.
            if policy.is_some() || topic.is_some() || invite.is_some() {
                let what = "not created: a room has no policy, topic and invitations yet";
                return Err(bad_command(what.to_owned()));
            }
            let name = room.parse::<RoomName>();
            Command::Create(name.map_err(|error| CommandError {
                code: Code::NameInvalid,
                message: format!("not created: {error}"),
            })?)
        }
        CommandFields::Join { room } => Command::Join(Place::parse(&room)),
        CommandFields::Leave { room } => Command::Leave(Place::parse(&room)),
        CommandFields::Rooms { words: Some(_) } => {
            let what = "rooms cannot be searched yet";
            return Err(bad_command(what.to_owned()));
        }
        CommandFields::Rooms { words: None } => Command::Rooms,
        CommandFields::Away { text } => Command::Tell(Presence::Away(text.unwrap_or_default())),
        CommandFields::Back => Command::Tell(Presence::Back),
        CommandFields::Name { name } => {
            let parsed = name.parse::<RequestedName>();
            let name = parsed.and_then(RequestedName::into_new_name);
            Command::Name(name.map_err(|error| CommandError {
                code: Code::NameInvalid,
                message: format!("not renamed: {error}"),
            })?)
        }
        CommandFields::Who { room } => Command::Who(place(room)),
        CommandFields::Ring => Command::Ring,
        CommandFields::Invite => Command::Invite,
        CommandFields::Transcript { room } => Command::Transcript(place(room)),
        CommandFields::Help => Command::Help,
        CommandFields::Clear => Command::Clear,
        CommandFields::Quit => Command::Quit,
    })
}

/// Returns the room that a command names: the lobby if it names none.
fn place(room: Option<String>) -> Place {
    room.map_or(Place::Main, |room| Place::parse(&room))
}

fn bad_command(message: String) -> CommandError {
    CommandError {
        code: Code::BadCommand,
        message,
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::limit::TEXT_BYTES;

    use super::*;

    fn read(line: &str) -> (Result<Command, Code>, Option<Tag>) {
        let TaggedCommand { tag, command } = parse_command(line.as_bytes());
        (command.map_err(|error| error.code), tag)
    }

    #[test]
    fn commands_are_read() {
        let said = |place, text: &str| Command::Say(place, text.to_owned().try_into().unwrap());
        let line = r#"{"command":"say","message":"/who\nis this","tag":"7"}"#;
        assert_eq!(
            read(line),
            (
                Ok(said(Place::Main, "/who\nis this")),
                Some(Tag::Text("7".to_owned()))
            )
        );
        let line = r#"{"command":"SAY","room":"main","message":"x","unknown":1}"#;
        assert_eq!(read(line).0, Ok(said(Place::Main, "x")));
        let line = r##"{"command":"say","room":"#tea","message":"x"}"##;
        let tea = || Place::Named("tea".to_owned());
        assert_eq!(read(line).0, Ok(said(tea(), "x")));
        for (line, command) in [
            (
                r#"{"command":"create","room":"tea"}"#,
                Command::Create("tea".parse().unwrap()),
            ),
            (r#"{"command":"join","room":"tea"}"#, Command::Join(tea())),
            (r#"{"command":"leave","room":"tea"}"#, Command::Leave(tea())),
            (r#"{"command":"who","room":"tea"}"#, Command::Who(tea())),
            (
                r#"{"command":"away","text":"lunch"}"#,
                Command::Tell(Presence::Away("lunch".to_owned())),
            ),
        ] {
            assert_eq!(read(line).0, Ok(command), "{line}");
        }
        let name = Command::Name("Mary Jane".parse().unwrap());
        assert_eq!(read(r#"{"command":"name","name":"Mary Jane"}"#).0, Ok(name));
        for (word, command) in [
            ("who", Command::Who(Place::Main)),
            ("rooms", Command::Rooms),
            ("away", Command::Tell(Presence::Away(String::new()))),
            ("back", Command::Tell(Presence::Back)),
            ("ring", Command::Ring),
            ("invite", Command::Invite),
            ("transcript", Command::Transcript(Place::Main)),
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
            // Not built yet.
            (
                r#"{"command":"create","room":"tea","policy":{"hidden":true},"tag":"7"}"#
                    .to_owned(),
                Code::BadCommand,
            ),
            (
                r#"{"command":"create","room":"tea time","tag":"7"}"#.to_owned(),
                Code::NameInvalid,
            ),
            (
                r#"{"command":"message","to":"bob","message":"x","tag":"7"}"#.to_owned(),
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
        let number = read(r#"{"command":"quit","tag":7}"#);
        assert_eq!(number, (Ok(Command::Quit), Some(Tag::Number(7.into()))));
        let nothing = read(r#"{"command":"quit","tag":null}"#);
        assert_eq!(nothing, (Ok(Command::Quit), None));
        let long = "x".repeat(TAG_BYTES + 1);
        for line in [
            r#"["quit"]"#.to_owned(),
            r#"["say","hello"]"#.to_owned(),
            r#""quit""#.to_owned(),
            r#"{"command":"quit","tag":true}"#.to_owned(),
            r#"{"command":"quit","tag":[7]}"#.to_owned(),
            format!(r#"{{"command":"quit","tag":"{long}"}}"#),
        ] {
            assert_eq!(read(&line), (Err(Code::BadCommand), None), "{line}");
        }
    }

    #[test]
    fn an_error_says_what_was_expected() {
        for (line, words) in [
            (
                "who",
                "not a JSON object such as {\"command\":\"who\"}: expected value at byte 1",
            ),
            ("[]", ": it is another JSON value"),
            ("{\"command\":", ": it ends in the middle of a value"),
            (
                "{\"command\":\"fly\"}",
                "unknown command `fly`, expected one of `say`, ",
            ),
            ("{}", "not a command: missing field `command`"),
        ] {
            let error = parse_command(line.as_bytes()).command.unwrap_err().message;
            assert!(error.contains(words), "{line}: {error}");
        }
        let far = "fly".repeat(30_000);
        let unknown = parse_command(format!(r#"{{"command":"{far}"}}"#).as_bytes());
        let error = unknown.command.unwrap_err().message;
        assert!(error.len() < 300, "{error}");
    }
}
