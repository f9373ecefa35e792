//! A user's visit to a discussion, in numbers, for the words at its end.
//!
//! It keeps ids and counts only: nothing that was said. Not here: the words when a node could not join (`sentences`).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ringtalk_session::{Event, Goodbye, NodeId, State};

use crate::saved_talk::SaveError;
use crate::sentences::{Sentence, notice, warning};

/// The maximum number of people that are counted: four times as many as a discussion takes at once. They take 1 MiB.
const MAX_PEOPLE: usize = 65_536;

/// A user's visit to a discussion.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The time at which the node was in the discussion.
    since: Option<Instant>,
    /// Everyone who was there, this user included.
    people: BTreeSet<NodeId>,
    messages: u64,
    /// True if the user has written the talk to a file.
    is_saved: bool,
}

impl Visit {
    /// Creates the visit of a node that has not joined yet.
    pub(crate) const fn new() -> Self {
        Self {
            since: None,
            people: BTreeSet::new(),
            messages: 0,
            is_saved: false,
        }
    }

    /// Records an event.
    pub(crate) fn record(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Ready { .. } => {
                self.since.get_or_insert(now);
            }
            Event::Message(message) => {
                self.messages += 1;
                self.add(message.id.author);
            }
            Event::View(members) => members.iter().for_each(|member| self.add(member.id)),
            _ => {}
        }
    }

    /// Records that the user has saved the talk, or has failed to. Returns what the user is told.
    pub(crate) fn record_save(&mut self, saved: Result<String, SaveError>) -> Sentence {
        match saved {
            Ok(words) => {
                self.is_saved = true;
                notice(words)
            }
            Err(error) => warning(error.to_string()),
        }
    }

    fn add(&mut self, person: NodeId) {
        if self.people.len() < MAX_PEOPLE {
            self.people.insert(person);
        }
    }

    /// Returns the words after leaving: how many are still there, or what the discussion was if nobody is. Returns
    /// `None` if the node has not been in the discussion, or did not leave by itself.
    pub(crate) fn describe_end(
        &self,
        reason: Goodbye,
        state: &State,
        now: Instant,
    ) -> Option<String> {
        match reason {
            Goodbye::Quit | Goodbye::Signal | Goodbye::EndOfInput => {}
            Goodbye::Unreachable | Goodbye::Refused | Goodbye::Failure => return None,
        }
        let since = self.since?;
        let members = state.members.as_ref().map_or(1, |members| members.len());
        Some(match members.saturating_sub(1) {
            0 => format!(
                "{}, {}, {}. {}",
                count(self.people.len() as u64, "person", "people"),
                describe_duration(now.saturating_duration_since(since)),
                count(self.messages, "message", "messages"),
                if self.is_saved {
                    "Nothing was kept but what you saved."
                } else {
                    "Nothing was kept."
                }
            ),
            1 => "you left; 1 is still there".to_owned(),
            others => format!("you left; {others} are still there"),
        })
    }
}

/// Returns a number with its noun.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Returns a duration in the two largest units that it fills.
pub(crate) fn describe_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{ANN, me, members, message};

    #[test]
    fn the_last_one_reads_what_it_was() {
        let start = Instant::now();
        let mut visit = Visit::new();
        let mut state = State::new(me());
        let end = |visit: &Visit, state: &State, seconds| {
            let now = start + Duration::from_secs(seconds);
            visit.describe_end(Goodbye::Quit, state, now)
        };
        assert_eq!(end(&visit, &state, 0), None, "never inside");
        let ready = Event::Ready { name: "bob".into() };
        let view = Event::View(members());
        for event in [view, ready, message(ANN, 1, "hello", false)] {
            state.apply(&event);
            visit.record(&event, start);
        }
        let left = "you left; 1 is still there";
        assert_eq!(end(&visit, &state, 9).as_deref(), Some(left));
        state.members = None;
        let last = "2 people, 2 h 13 min, 1 message. Nothing was kept.";
        assert_eq!(end(&visit, &state, 7_980).as_deref(), Some(last));
        visit.record_save(Err(SaveError::NoHome));
        assert_eq!(end(&visit, &state, 7_980).as_deref(), Some(last));
        visit.record_save(Ok("1 message written to talk.txt".to_owned()));
        let saved = end(&visit, &state, 7_980).unwrap();
        assert!(
            saved.ends_with("Nothing was kept but what you saved."),
            "{saved}"
        );
        assert_eq!(visit.describe_end(Goodbye::Failure, &state, start), None);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let describe = |seconds| describe_duration(Duration::from_secs(seconds));
        assert_eq!(describe(59), "59 s");
        assert_eq!(describe(61), "1 min");
        assert_eq!(describe(3_600), "1 h 0 min");
        assert_eq!(describe(90_000), "1 d 1 h");
    }
}
