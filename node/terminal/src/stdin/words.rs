//! The words after `/`: what each of them asks for, and the words that are near a mistyped one.
//!
//! The list also has the words of what is not built yet. They get an error that says so, and are never taken for another
//! command. Not here: the text behind a word (`typed`).

use std::fmt;

/// A word that is known after `/`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// An action, which is sent as it was typed.
    Me,
    /// Another name.
    Name,
    /// A search.
    Search,
    /// A file for the talk.
    Save,
    /// Silence.
    Mute,
    /// Notifications about a person.
    Notify,
    /// The user goes away.
    Away,
    /// The user is back.
    Back,
    /// The invite.
    Invite,
    /// A new room.
    Create,
    /// A room to join.
    Join,
    /// The room where lines go.
    Room,
    /// A room to leave.
    Leave,
    /// The rooms.
    Rooms,
    /// The members.
    Who,
    Ring,
    Transcript,
    Help,
    Clear,
    Quit,
    /// Something that is not built yet.
    Missing(Missing),
}

/// A feature that is not built yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// What rooms will have.
    Rooms,
    /// Rooms on the full screen.
    RoomsOnScreen,
    /// The commands of operators.
    Operators,
    /// Private messages.
    PrivateMessages,
    /// Files.
    Files,
    /// Answers, reactions, and changes of what was said.
    Changes,
    /// The page for browsers.
    Page,
    /// Another command.
    Other,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rooms => {
                "this is not built yet: all rooms are open, and others join them by their id"
            }
            Self::RoomsOnScreen => {
                "rooms are not on the full screen yet; with --ui lines they are there"
            }
            Self::Operators => "there are no operators yet: nobody can be removed or kept out",
            Self::PrivateMessages => "there are no private messages yet, so nothing was sent",
            Self::Files => "there are no files yet: only text can be sent",
            Self::Changes => "a message cannot be answered, changed or taken back yet",
            Self::Page => "there is no page for browsers yet",
            Self::Other => "this command is not built yet",
        })
    }
}

/// All words, each command's own one before its aliases.
const WORDS: [(&str, Word); 63] = [
    ("/me", Word::Me),
    ("/name", Word::Name),
    ("/nick", Word::Name),
    ("/search", Word::Search),
    ("/save", Word::Save),
    ("/mute", Word::Mute),
    ("/notify", Word::Notify),
    ("/away", Word::Away),
    ("/back", Word::Back),
    ("/invite", Word::Invite),
    ("/who", Word::Who),
    ("/names", Word::Who),
    ("/ring", Word::Ring),
    ("/transcript", Word::Transcript),
    ("/help", Word::Help),
    ("/clear", Word::Clear),
    ("/quit", Word::Quit),
    ("/q", Word::Quit),
    ("/exit", Word::Quit),
    ("/bye", Word::Quit),
    ("/rooms", Word::Rooms),
    ("/list", Word::Rooms),
    ("/create", Word::Create),
    ("/join", Word::Join),
    ("/j", Word::Join),
    ("/room", Word::Room),
    ("/leave", Word::Leave),
    ("/part", Word::Leave),
    ("/decline", Word::Missing(Missing::Rooms)),
    ("/topic", Word::Missing(Missing::Rooms)),
    ("/policy", Word::Missing(Missing::Rooms)),
    ("/delete", Word::Missing(Missing::Rooms)),
    ("/keep", Word::Missing(Missing::Rooms)),
    ("/order", Word::Missing(Missing::Rooms)),
    ("/op", Word::Missing(Missing::Operators)),
    ("/deop", Word::Missing(Missing::Operators)),
    ("/kick", Word::Missing(Missing::Operators)),
    ("/ban", Word::Missing(Missing::Operators)),
    ("/unban", Word::Missing(Missing::Operators)),
    ("/lock", Word::Missing(Missing::Operators)),
    ("/unlock", Word::Missing(Missing::Operators)),
    ("/admit", Word::Missing(Missing::Operators)),
    ("/refuse", Word::Missing(Missing::Operators)),
    ("/end", Word::Missing(Missing::Operators)),
    ("/msg", Word::Missing(Missing::PrivateMessages)),
    ("/w", Word::Missing(Missing::PrivateMessages)),
    ("/dm", Word::Missing(Missing::PrivateMessages)),
    ("/tell", Word::Missing(Missing::PrivateMessages)),
    ("/query", Word::Missing(Missing::PrivateMessages)),
    ("/close", Word::Missing(Missing::PrivateMessages)),
    ("/send", Word::Missing(Missing::Files)),
    ("/files", Word::Missing(Missing::Files)),
    ("/get", Word::Missing(Missing::Files)),
    ("/cancel", Word::Missing(Missing::Files)),
    ("/reply", Word::Missing(Missing::Changes)),
    ("/edit", Word::Missing(Missing::Changes)),
    ("/retract", Word::Missing(Missing::Changes)),
    ("/react", Word::Missing(Missing::Changes)),
    ("/last", Word::Missing(Missing::Changes)),
    ("/web", Word::Missing(Missing::Page)),
    ("/guest", Word::Missing(Missing::Page)),
    ("/ignore", Word::Missing(Missing::Other)),
    ("/verify", Word::Missing(Missing::Other)),
];

/// Returns what a word asks for. It must be in lower case.
pub(super) fn find_word(word: &str) -> Option<Word> {
    let known = WORDS.iter().find(|(known, _)| *known == word);
    known.map(|(_, meaning)| *meaning)
}

/// The maximum number of near words that an error names. More are no help.
const NEAR_WORDS: usize = 3;

/// Returns the words that are near a mistyped one, nearest first. `/me` is not among them: who mistypes `/msg` would
/// be led to say something private to everyone.
pub(super) fn near_words(word: &str) -> Vec<&'static str> {
    let wrong_letters = match word.chars().count() {
        ..=2 => return Vec::new(),
        3..=5 => 1,
        _ => 2,
    };
    let mut near: Vec<(usize, &str)> = WORDS
        .iter()
        .filter(|(known, meaning)| known.len() > 2 && *meaning != Word::Me)
        .map(|(known, _)| (strsim::osa_distance(word, known), *known))
        .filter(|(distance, known)| *distance <= wrong_letters || known.starts_with(word))
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    let nearest = near.first().map_or(0, |(distance, _)| *distance);
    near.retain(|(distance, _)| *distance == nearest);
    let words: Vec<&str> = near.into_iter().map(|(_, known)| known).collect();
    if words.len() > NEAR_WORDS {
        return Vec::new();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_few_and_never_say_something() {
        for (mistyped, near) in [
            ("/qiut", vec!["/quit"]),
            ("/hlep", vec!["/help"]),
            ("/woh", vec!["/who"]),
            ("/hick", vec!["/nick", "/kick"]),
            ("/trans", vec!["/transcript"]),
            ("/mgs", vec!["/msg"]),
            ("/mee", vec![]),
            ("/m", vec![]),
            ("/x", vec![]),
            ("/", vec![]),
            ("/nonsense", vec![]),
        ] {
            assert_eq!(near_words(mistyped), near, "{mistyped}");
        }
    }

    #[test]
    fn every_word_is_there_once() {
        for (word, meaning) in WORDS {
            assert_eq!(find_word(word), Some(meaning), "{word}");
            assert_eq!(WORDS.iter().filter(|(other, _)| *other == word).count(), 1);
        }
    }
}
