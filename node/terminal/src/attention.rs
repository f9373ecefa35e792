//! The user's attention: mentions, the user's own words and certain people, and how the user is told of them.
//!
//! Not here: the bytes for the bell and for notifications (`tty::control`), and the title of the window
//! (`screen::unseen`).

use std::time::{Duration, Instant};

use ringtalk_session::text::{collapse_blanks, escape_line};
use ringtalk_session::{FaceCommand, Message, Person, State};

use crate::absence::Absence;
use crate::mentions::mentions;
use crate::sentences::{Sentence, notice, warning};
use crate::stdin::ACTION;
use crate::tty::{NotificationKind, fit};
use crate::watch_list::{WatchChange, WatchList};

/// The minimum time between two notifications: nobody reads more, and a member could send thousands.
const NOTIFICATION_PAUSE: Duration = Duration::from_secs(1);
/// The maximum width of a notification, in columns.
const NOTIFICATION_WIDTH: usize = 200;

/// The settings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AttentionSettings {
    /// Words that count as a mention of the user.
    pub highlight: Vec<String>,
    /// True if the bell rings.
    pub rings_bell: bool,
    /// The kind of notification that the terminal shows; `None` for none.
    pub notifications: Option<NotificationKind>,
}

/// The state of the user's attention.
#[derive(Debug)]
pub(crate) struct Attention {
    settings: AttentionSettings,
    is_muted: bool,
    watched: WatchList,
    absence: Option<Absence>,
    last_notification: Option<Instant>,
}

/// Why a message may matter to the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Relevance {
    /// True if it mentions the user, or has a word of the user's.
    pub(crate) is_mention: bool,
    /// True if the user is notified of its author.
    pub(crate) is_watched: bool,
}

/// How to tell the user.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Alert {
    pub(crate) rings_bell: bool,
    /// The kind and the harmless text of a notification.
    pub(crate) notification: Option<(NotificationKind, String)>,
}

impl Relevance {
    /// Returns true if the user is told.
    pub(crate) const fn is_alarming(self) -> bool {
        self.is_mention || self.is_watched
    }
}

impl Attention {
    /// Creates the state at the start.
    pub(crate) fn new(settings: AttentionSettings) -> Self {
        Self {
            settings,
            is_muted: false,
            watched: WatchList::default(),
            absence: None,
            last_notification: None,
        }
    }

    pub(crate) const fn is_muted(&self) -> bool {
        self.is_muted
    }

    pub(crate) const fn is_away(&self) -> bool {
        self.absence.is_some()
    }

    /// Weighs a message of another member, and counts it if the user is away.
    pub(crate) fn weigh(&mut self, message: &Message, state: &State) -> Relevance {
        let text = escape_line(&message.text);
        let mut words = self.settings.highlight.iter();
        let is_mention = mentions(&text, &state.name) || words.any(|word| mentions(&text, word));
        if let Some(absence) = &mut self.absence {
            absence.add(is_mention);
        }
        Relevance {
            is_mention,
            is_watched: self.watched.contains(&message.id.author, &message.name),
        }
    }

    /// Returns true if the user is notified when this person joins.
    pub(crate) fn watches(&self, person: &Person) -> bool {
        self.watched.contains(&person.id, &person.name)
    }

    /// Returns how to tell the user of a message.
    pub(crate) fn alert_of(&mut self, message: &Message, is_seen: bool, now: Instant) -> Alert {
        let name = &message.name;
        self.alert(is_seen, now, || match message.text.strip_prefix(ACTION) {
            Some(action) => format!("{name} {action}"),
            None => format!("{name}: {}", message.text),
        })
    }

    /// Returns how to tell the user that a person has joined.
    pub(crate) fn alert_of_join(&mut self, person: &Person, is_seen: bool, now: Instant) -> Alert {
        self.alert(is_seen, now, || format!("{} joined", person.name))
    }

    /// Returns how to tell the user something, unless it `is_seen` anyway. The words are not harmless yet.
    fn alert(&mut self, is_seen: bool, now: Instant, words: impl FnOnce() -> String) -> Alert {
        if self.is_muted {
            return Alert::default();
        }
        let is_due = |last| now.saturating_duration_since(last) >= NOTIFICATION_PAUSE;
        let is_due = self.last_notification.is_none_or(is_due) && !is_seen;
        let notification = self.settings.notifications.filter(|_| is_due).map(|kind| {
            let words = collapse_blanks(&escape_line(&words().replace('\n', " ")));
            (kind, fit(&words, NOTIFICATION_WIDTH).into_owned())
        });
        if notification.is_some() {
            self.last_notification = Some(now);
        }
        Alert {
            rings_bell: self.settings.rings_bell,
            notification,
        }
    }

    /// Carries out one of the commands about the user's attention. Returns what the user is told.
    pub(crate) fn run(&mut self, command: &FaceCommand, now: Instant) -> Vec<Sentence> {
        let said = match command {
            FaceCommand::Mute(wish) => self.mute(*wish),
            FaceCommand::Notify(None) => self.list_watched(),
            FaceCommand::Notify(Some(who)) => return vec![self.toggle_watched(who)],
            FaceCommand::Away(text) => self.go_away(text.as_deref(), now),
            FaceCommand::Back => self.come_back(now),
            FaceCommand::Search(_) | FaceCommand::Save(_) => return Vec::new(),
        };
        vec![notice(said)]
    }

    fn mute(&mut self, wish: Option<bool>) -> String {
        let was_muted = self.is_muted;
        self.is_muted = wish.unwrap_or(!was_muted);
        let said = match (was_muted, self.is_muted) {
            (_, true) => {
                "muted: no bell, no notifications and no marks in the title; /mute off ends it"
            }
            (true, false) => "no longer muted",
            (false, false) => "nothing is muted; /mute does it",
        };
        said.to_owned()
    }

    fn list_watched(&self) -> String {
        let names = self.watched.names();
        if names.is_empty() {
            return "you are notified of nobody; /notify NAME changes that".to_owned();
        }
        let names = names.join(", ");
        format!(
            "you are notified when one of these speaks or joins: {names}{}",
            self.silence()
        )
    }

    fn toggle_watched(&mut self, who: &str) -> Sentence {
        let who = who.trim_start_matches('@');
        if who.is_empty() {
            return warning("not done: /notify needs a name, as in /notify ann");
        }
        match self.watched.toggle(who) {
            WatchChange::Added => notice(format!(
                "you are notified when {who} speaks or joins; /notify {who} again ends it{}",
                self.silence()
            )),
            WatchChange::Removed => notice(format!("you are no longer notified of {who}")),
            WatchChange::Full => warning(format!(
                "not done: you are notified of {} people already; /notify NAME ends it for one of them",
                self.watched.names().len()
            )),
        }
    }

    /// Returns what the user should know if nothing rings and nothing is notified.
    const fn silence(&self) -> &'static str {
        let is_silent = !self.settings.rings_bell && self.settings.notifications.is_none();
        match (self.is_muted, is_silent) {
            (true, _) => ". You have muted this: /mute off",
            (false, true) => {
                ". But the bell and notifications are off: see --bell and --notifications"
            }
            (false, false) => "",
        }
    }

    fn go_away(&mut self, text: Option<&str>, now: Instant) -> String {
        let reason = text.map_or_else(String::new, |text| format!(" ({text})"));
        self.absence.get_or_insert_with(|| Absence::new(now));
        format!("you are away{reason}, and the others see it; /back says what came meanwhile")
    }

    fn come_back(&mut self, now: Instant) -> String {
        match self.absence.take() {
            Some(absence) => absence.describe(now),
            None => "you are not away; /away counts what comes from now on".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
