//! The meaning of a typed line: a message, a command, or a mistake.
//!
//! Not here: the effect of a command (the node).

use std::io;

use ringtalk_session::{
    Code, Command, CommandError, FaceCommand, NameError, Place, RequestedName, RoomNameError,
};
use ringtalk_wire::limit::TEXT_BYTES;

use super::lines::InputLine;
use super::words::{Missing, Word, find_word, near_words};

/// The text of `/help`.
pub(crate) const HELP: [&str; 16] = [
    "/who           who is here (also /names)",
    "/ring          the ring, in order",
    "/name NEW      change your name (also /nick)",
    "/invite        the invite for others",
    "/me TEXT       describe an action, as in /me waves",
    "/search WORDS  find messages",
    "/save FILE     write the messages that were shown to a new file",
    "/mute          no bell and no notifications; /mute off ends it",
    "/notify WHO    be notified when WHO speaks or joins; again ends it",
    "/away [TEXT]   tell others that you are away, and count what comes",
    "/back          tell others that you are back, and what came",
    "/clear         clear the screen",
    "/transcript    the ids of this room's messages, in the order that everyone shares",
    "/quit          leave (also /q, /exit, /bye)",
    "/help          this list",
    "//TEXT         send a message that starts with /",
];

/// What plain lines add to it, since rooms are not on the full screen yet.
pub(crate) const HELP_WITH_ROOMS: [&str; 6] = [
    "/create NAME   make a room and go there",
    "/join ROOM     join a room by its id, or go to one of yours (also /j)",
    "/room ROOM     let your lines go to one of your rooms",
    "/rooms         your rooms and their ids (also /list)",
    "/leave         leave the room (also /part)",
    "/who all       who is in the discussion, and not only in the room",
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
    /// With what is inserted, it would be longer than a message may be.
    #[error(
        "not inserted: the line would be longer than {TEXT_BYTES} bytes of UTF-8; send it in parts"
    )]
    NoRoom,
    /// It is not UTF-8.
    #[error("not sent: the line is not valid UTF-8")]
    NotUtf8,
    /// It starts like a command, but there is no such command.
    #[error("unknown command {word:?}{} (/help lists the commands)", suggest(near))]
    UnknownCommand {
        /// Its first word.
        word: String,
        /// The commands that may be meant.
        near: Vec<&'static str>,
    },
    /// It starts with a path, which is no command.
    #[error(
        "not sent: {word:?} is no command; to send a line that starts with a path, put a / before it"
    )]
    Path {
        /// Its first word.
        word: String,
    },
    /// It is a command that is not built yet.
    #[error("not done: {what}")]
    NotBuilt {
        /// The missing feature.
        what: Missing,
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
    #[error("not done: {word} takes no text")]
    NoArgument {
        /// The command.
        word: String,
        /// True if the command is to leave.
        may_mean_quit: bool,
    },
    /// The name of the new room is not valid.
    #[error("not created: {0}. Type /create NAME")]
    RoomName(#[from] RoomNameError),
    /// The name of the new room is missing.
    #[error("not created: /create needs a name, as in /create kitchen")]
    NoRoomName,
    /// The room to join is missing.
    #[error("not joined: /join needs a room, as in /join kitchen")]
    NoPlace,
    /// The new name is missing.
    #[error("not renamed: /name needs a name, as in /name ann")]
    NoName,
    /// The file is missing.
    #[error("not saved: /save needs a file, as in /save ~/talk.txt")]
    NoFile,
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
    Ok(Command::say(words))
}

/// Returns true if a line says what its author does.
pub(super) fn is_action(line: &str) -> bool {
    let prefix = line.get(..ACTION.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(ACTION))
}

fn parse_command(line: &str) -> Result<Command, Mistake> {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let (word, rest) = (first.to_lowercase(), rest.trim());
    let Some(meaning) = find_word(&word) else {
        return Err(unknown(first, &word));
    };
    let alone = match meaning {
        Word::Me => return Err(Mistake::NoAction),
        Word::Name if rest.is_empty() => return Err(Mistake::NoName),
        Word::Name => {
            let name: RequestedName = rest.parse()?;
            return Ok(Command::Name(name.into_new_name()?));
        }
        Word::Search => return Ok(Command::Face(FaceCommand::Search(rest.to_owned()))),
        Word::Mute => {
            return match rest.to_lowercase().as_str() {
                "" => Ok(Command::Face(FaceCommand::Mute(None))),
                "on" => Ok(Command::Face(FaceCommand::Mute(Some(true)))),
                "off" => Ok(Command::Face(FaceCommand::Mute(Some(false)))),
                _ => Err(Mistake::NotBuilt {
                    what: Missing::Rooms,
                }),
            };
        }
        Word::Notify => return Ok(Command::Face(FaceCommand::Notify(non_empty(rest)))),
        Word::Away => return Ok(Command::Face(FaceCommand::Away(non_empty(rest)))),
        Word::Back => Command::Face(FaceCommand::Back),
        Word::Save if rest.is_empty() => return Err(Mistake::NoFile),
        Word::Save => return Ok(Command::Face(FaceCommand::Save(rest.to_owned()))),
        Word::Who if rest.eq_ignore_ascii_case("all") => return Ok(Command::Who(Place::Main)),
        Word::Create => return parse_create(rest),
        Word::Join if rest.is_empty() => return Err(Mistake::NoPlace),
        Word::Join => return Ok(Command::Join(Place::parse(rest))),
        Word::Room => return Ok(Command::Go(non_empty(rest).map(|room| Place::parse(&room)))),
        Word::Leave => {
            let place = non_empty(rest).map_or(Place::Here, |room| Place::parse(&room));
            return Ok(Command::Leave(place));
        }
        Word::Invite | Word::Rooms if !rest.is_empty() => {
            let what = Missing::Rooms;
            return Err(Mistake::NotBuilt { what });
        }
        Word::Missing(what) => return Err(Mistake::NotBuilt { what }),
        Word::Invite => Command::Invite,
        Word::Quit => Command::Quit,
        Word::Who => Command::Who(Place::Here),
        Word::Rooms => Command::Rooms,
        Word::Ring => Command::Ring,
        Word::Transcript => Command::Transcript(Place::Here),
        Word::Help => Command::Help,
        Word::Clear => Command::Clear,
    };
    if rest.is_empty() {
        Ok(alone)
    } else {
        let may_mean_quit = meaning == Word::Quit;
        Err(Mistake::NoArgument {
            word,
            may_mean_quit,
        })
    }
}

fn parse_create(rest: &str) -> Result<Command, Mistake> {
    let mut words = rest.split_whitespace();
    let name = words.next().ok_or(Mistake::NoRoomName)?;
    if words.next().is_some() {
        let what = Missing::Rooms;
        return Err(Mistake::NotBuilt { what });
    }
    Ok(Command::Create(name.parse()?))
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the mistake of a line whose first word is no command.
pub(super) fn unknown(first: &str, lower: &str) -> Mistake {
    let word = first.chars().take(QUOTED_CHARS).collect();
    if is_path(first) {
        return Mistake::Path { word };
    }
    let near = near_words(lower);
    Mistake::UnknownCommand { word, near }
}

/// The maximum number of characters of an unknown command that an error repeats.
const QUOTED_CHARS: usize = 40;

/// Returns true if a word that begins with `/` is a path or the start of a comment in code. Nobody writes a command
/// like this, so it hides nothing private.
pub(super) fn is_path(word: &str) -> bool {
    let inner = &word[1..];
    let (first, _) = inner.split_once('/').unwrap_or((inner, ""));
    let is_command = find_word(&format!("/{}", first.to_lowercase())).is_some();
    word.starts_with("/*") || (inner.contains('/') && !is_command)
}

/// Returns the commands that may be meant, as a part of a sentence.
fn suggest(near: &[&str]) -> String {
    match near {
        [] => String::new(),
        [one] => format!(", did you mean {one}?"),
        [most @ .., last] => format!(", did you mean {} or {last}?", most.join(", ")),
    }
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
    /// Returns true if the user may want to leave, and should be asked.
    pub(crate) const fn may_mean_quit(&self) -> bool {
        matches!(
            self,
            Self::NoArgument {
                may_mean_quit: true,
                ..
            }
        )
    }

    /// Returns the code for programs.
    pub const fn code(&self) -> Code {
        match self {
            Self::TooLong | Self::NoRoom => Code::TextTooLong,
            Self::NotUtf8 => Code::TextNotUtf8,
            Self::UnknownCommand { .. }
            | Self::Path { .. }
            | Self::NotBuilt { .. }
            | Self::NoArgument { .. }
            | Self::NoFile
            | Self::NoRoomName
            | Self::NoPlace
            | Self::NotTheEnd => Code::UnknownCommand,
            Self::NoAction => Code::ActionMissing,
            Self::Name(_) | Self::NoName | Self::RoomName(_) => Code::NameInvalid,
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
            Some(Ok(Command::Say(Place::Here, words))) => words.as_str().to_owned(),
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
        assert_eq!(command("/who "), Command::Who(Place::Here));
        assert_eq!(text("/ME waves"), "/me waves");
        for quit in ["/q", "/EXIT", "/Bye "] {
            assert_eq!(command(quit), Command::Quit, "{quit}");
        }
        assert_eq!(command("/names"), command("/who"));
        for who in ["/who all", "/WHO ALL"] {
            assert_eq!(command(who), Command::Who(Place::Main), "{who}");
        }
        assert_eq!(command("/nick ann"), command("/name ann"));
        let search = Command::Face(FaceCommand::Search("two words".to_owned()));
        assert_eq!(command("/Search  two words "), search);
        let save = Command::Face(FaceCommand::Save("~/my talk.txt".to_owned()));
        assert_eq!(command("/SAVE ~/my talk.txt "), save);
        assert_eq!(
            command("/name  ann b "),
            Command::Name("ann b".parse().unwrap())
        );
    }

    #[test]
    fn commands_of_the_face_are_read() {
        let face = |line: &str| match command(line) {
            Command::Face(command) => command,
            other => panic!("{other:?}"),
        };
        assert_eq!(face("/mute"), FaceCommand::Mute(None));
        assert_eq!(face("/MUTE On"), FaceCommand::Mute(Some(true)));
        assert_eq!(face("/mute off "), FaceCommand::Mute(Some(false)));
        assert_eq!(face("/notify"), FaceCommand::Notify(None));
        let bob = FaceCommand::Notify(Some("@Bob".to_owned()));
        assert_eq!(face("/notify @Bob"), bob);
        assert_eq!(face("/away "), FaceCommand::Away(None));
        let lunch = FaceCommand::Away(Some("for lunch".to_owned()));
        assert_eq!(face("/away for lunch"), lunch);
        assert_eq!(face("/back"), FaceCommand::Back);
        assert_eq!(code(read("/back now")), Code::UnknownCommand);
    }

    #[test]
    fn commands_of_rooms_are_read() {
        let tea = || Place::Named("tea".to_owned());
        assert_eq!(
            command("/create #tea"),
            Command::Create("tea".parse().unwrap())
        );
        for join in ["/join tea", "/J #tea "] {
            assert_eq!(command(join), Command::Join(tea()), "{join}");
        }
        assert_eq!(command("/room"), Command::Go(None));
        assert_eq!(command("/room #main"), Command::Go(Some(Place::Main)));
        assert_eq!(command("/leave"), Command::Leave(Place::Here));
        assert_eq!(command("/part tea"), Command::Leave(tea()));
        assert_eq!(command("/list"), Command::Rooms);
        for (line, expected) in [
            ("/create", Code::UnknownCommand),
            ("/join", Code::UnknownCommand),
            ("/create a:b", Code::NameInvalid),
            ("/create main", Code::NameInvalid),
        ] {
            assert_eq!(code(read(line)), expected, "{line}");
        }
    }

    #[test]
    fn an_action_is_sent_as_it_was_typed() {
        assert_eq!(text("/me waves"), "/me waves");
        assert_eq!(code(read("/me")), Code::ActionMissing);
        assert_eq!(code(read("/me  ")), Code::ActionMissing);
        assert_eq!(code(read("/mean")), Code::UnknownCommand);
    }

    fn error_of(line: &str) -> String {
        match read(line) {
            Some(Err(mistake)) => mistake.to_string(),
            other => panic!("{line:?}: {other:?}"),
        }
    }

    #[test]
    fn the_nearest_commands_are_named() {
        assert!(error_of("/qiut").contains("did you mean /quit?"));
        assert!(error_of("/hlep me").contains("did you mean /help?"));
        assert!(error_of("/hick").contains("did you mean /nick or /kick?"));
        assert!(!error_of("/nonsense").contains("mean"));
    }

    #[test]
    fn a_command_that_is_not_built_says_so_and_sends_nothing() {
        for (line, sentence) in [
            ("/create ops invited", "all rooms are open"),
            ("/LIST ops", "all rooms are open"),
            ("/topic tea", "all rooms are open"),
            ("/invite bob", "all rooms are open"),
            ("/kick bob", "no operators yet"),
            ("/msg bob a secret", "there are no private messages yet"),
            ("/w bob a secret", "there are no private messages yet"),
            ("/send /etc/hosts", "there are no files yet"),
            ("/edit better", "cannot be answered, changed"),
            ("/web", "no page for browsers yet"),
            ("/ignore bob", "this command is not built yet"),
            ("/mute kitchen", "all rooms are open"),
        ] {
            assert!(
                error_of(line).contains(sentence),
                "{line}: {}",
                error_of(line)
            );
            assert_eq!(code(read(line)), Code::UnknownCommand, "{line}");
        }
    }

    #[test]
    fn no_error_tells_how_to_say_a_mistyped_private_line_to_everyone() {
        for line in [
            "/mgs bob a secret",
            "/me2 bob a secret",
            "/mee bob a secret",
            "/ msg bob a secret",
            "/msgs bob a secret",
            "/msg bob a secret",
            "/msg/bob a secret",
            "/quit a secret",
            "/tel bob a secret",
        ] {
            let error = error_of(line);
            assert!(!error.contains("//"), "{line}: {error}");
            assert!(!error.contains("put a /"), "{line}: {error}");
            assert!(!error.contains("mean /me"), "{line}: {error}");
            assert!(!error.contains("a secret"), "{line}: {error}");
        }
        assert!(error_of("/usr/bin/env: no such file").contains("put a / before"));
    }

    #[test]
    fn only_a_line_that_may_mean_to_leave_asks_about_it() {
        let may_mean_quit = |line: &str| match read(line) {
            Some(Err(mistake)) => mistake.may_mean_quit(),
            other => panic!("{other:?}"),
        };
        assert!(may_mean_quit("/quit smoking is hard"));
        assert!(may_mean_quit("/q or not"));
        assert!(!may_mean_quit("/who is there"));
        assert!(!may_mean_quit("/qiut"));
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
        assert!(error_of("/save").contains("needs a file, as in /save ~/talk.txt"));
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
