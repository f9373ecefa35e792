//! The settings for what the user is told of: the words, the bell and the notifications.
//!
//! Not here: what follows from a mention (`ringtalk-terminal`).

use ringtalk_terminal::AttentionSettings;
use ringtalk_terminal::tty::NotificationKind;

use super::ValueError;
use super::args::{Bell, Notifications, OutputArgs};

/// The maximum number of words: each message is searched for all of them.
pub(super) const WORDS: usize = 100;
/// The maximum length of a word, in characters.
pub(super) const WORD_CHARS: usize = 100;

/// Returns the settings, or the reason why a word cannot be one.
pub(super) fn resolve(output: &OutputArgs) -> Result<AttentionSettings, ValueError> {
    if output.highlight.len() > WORDS {
        return Err(ValueError::ManyHighlights);
    }
    let words = output.highlight.iter().map(|word| parse_word(word));
    Ok(AttentionSettings {
        highlight: words.collect::<Result<_, _>>()?,
        rings_bell: output.bell == Bell::Mentions,
        notifications: match output.notifications {
            Notifications::Off => None,
            Notifications::Osc9 => Some(NotificationKind::Osc9),
            Notifications::Osc777 => Some(NotificationKind::Osc777),
        },
    })
}

fn parse_word(word: &str) -> Result<String, ValueError> {
    let is_short = word.chars().count() <= WORD_CHARS;
    let is_visible = word.contains(char::is_alphanumeric) && !word.contains(char::is_control);
    if is_short && is_visible {
        Ok(word.trim().to_owned())
    } else {
        Err(ValueError::Highlight(word.to_owned()))
    }
}
