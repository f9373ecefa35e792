//! Arrivals on the screen: messages of the others, and members who come and go.
//!
//! Not here: the sentences about other events (`sentences`), and the rendering (`layout`).

use std::sync::Arc;
use std::time::Instant;

use ringtalk_session::text::{escape_line, escape_multiline};
use ringtalk_session::{Members, Message, Person};

use super::deliveries::Delivery;
use super::presence::{PresenceRow, Step};
use super::transcript::{Entry, MessageEntry, Tone};
use super::{Effect, Screen};
use crate::attention::{Alert, Relevance};
use crate::sentences::UNLISTED;
use crate::stdin::ACTION;
use crate::timestamp::{display_ms, display_time};

impl Screen {
    pub(super) fn show_message(&mut self, message: &Message, now: Instant) {
        if message.history && self.state.joining.fetched() == 1 {
            self.notice("the discussion so far:");
            self.calendar.go_back();
        }
        let said_ms = display_ms(message);
        let day = self.calendar.go_on_to(said_ms);
        self.transcript.extend(day.map(Entry::Day));
        let is_mine = message.id.author == self.state.me.id;
        let (is_news, is_sent) = (!is_mine && !message.history, is_mine && !message.history);
        let audience = self.state.members.clone();
        let (action, mut text) = match message.text.strip_prefix(ACTION) {
            Some(action) => (true, escape_multiline(action)),
            None => (false, escape_multiline(&message.text)),
        };
        let relevance = is_news.then(|| self.attention.weigh(message, &self.state));
        let is_mention = relevance.is_some_and(|relevance| relevance.is_mention);
        if self.state.is_unlisted(message) {
            text.insert_str(0, &format!("{UNLISTED} "));
        }
        let original = (*text != *message.text).then(|| Box::from(&*message.text));
        let entry = self.transcript.push(Entry::Message(MessageEntry {
            author: message.id.author,
            name: escape_line(&message.name),
            time: display_time(message, self.calendar.offset),
            said_ms,
            text,
            original,
            is_action: action,
            is_mine,
            tone: match message.history {
                true => Tone::History,
                false if is_mention => Tone::Mention,
                false => Tone::Usual,
            },
            delivery: (is_sent && audience.is_some()).then_some(Delivery::Sent),
        }));
        // The new message may not fit below the picked one, and then nobody sees it.
        self.keep_pick_in_view();
        if relevance.is_some_and(Relevance::is_alarming) {
            let is_seen = self.is_seen();
            let alert = self.attention.alert_of(message, is_seen, now);
            self.alert(alert);
        }
        if is_sent {
            self.track_delivery(message, entry, audience, now);
        }
        if is_news {
            self.count_unread(entry, is_mention);
        }
    }

    /// Tells the user that somebody has joined, if that is wanted.
    pub(super) fn alert_of_join(&mut self, person: &Person, now: Instant) {
        if self.attention.watches(person) {
            let is_seen = self.is_seen();
            let alert = self.attention.alert_of_join(person, is_seen, now);
            self.alert(alert);
        }
    }

    fn alert(&mut self, alert: Alert) {
        if alert.rings_bell {
            self.effects.push_back(Effect::Bell);
        }
        if let Some((kind, words)) = alert.notification {
            self.effects.push_back(Effect::Notify(kind, words));
        }
    }

    fn track_delivery(
        &mut self,
        message: &Message,
        entry: u64,
        audience: Option<Arc<Members>>,
        now: Instant,
    ) {
        if self
            .unsent
            .front()
            .is_some_and(|text| *text == *message.text)
        {
            self.unsent.pop_front();
        }
        if let Some(audience) = audience {
            self.deliveries.track(message.id.seq, entry, audience, now);
        }
    }

    /// Counts a new message as unread or as below, if the user may not be looking.
    fn count_unread(&mut self, entry: u64, is_mention: bool) {
        if self.bottom.is_some() {
            self.below += 1;
        }
        if !self.may_be_seen() {
            self.unseen.add(is_mention);
            self.unread.get_or_insert(entry);
        }
    }

    /// Records that the user, who may have seen the newest entries so far, stops looking at them. Entries that come
    /// from now on are unread, and earlier ones no longer are.
    pub(super) fn look_away(&mut self) {
        if self.may_be_seen() {
            self.unread = None;
            self.below = 0;
        }
    }

    /// Shows that a member came or went: in the newest entry, if that is about members who came and went too.
    pub(super) fn show_presence(&mut self, person: &Person, step: Step) {
        let changed = self
            .deliveries
            .set_presence(&person.id, step == Step::Joined);
        self.set_deliveries(changed);
        let (id, name) = (person.id, escape_line(&person.name));
        let (now_ms, time) = (self.calendar.now_ms(), self.calendar.time_of_day());
        let day = self.calendar.go_on_to(now_ms);
        let extended = day.is_none()
            && self.transcript.extend_presence(
                |presence| presence.takes(now_ms),
                |presence| presence.add(id, name.clone(), step, now_ms, time.clone()),
            );
        if !extended {
            let mut presence = PresenceRow::new();
            presence.add(id, name, step, now_ms, time);
            self.transcript.extend(day.map(Entry::Day));
            self.transcript.push(Entry::Presence(presence));
        }
    }
}
