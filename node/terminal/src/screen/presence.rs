//! Members who came and went, in one entry instead of one each.
//!
//! Not here: the same in plain lines, which are never rewritten (`sentences`).

use ringtalk_wire::NodeId;

/// The longest time between two changes in one entry, in milliseconds.
const MAX_PAUSE_MS: u64 = 10 * 60 * 1_000;
/// The maximum number of people in one entry.
const MAX_PEOPLE: usize = 256;
/// The maximum number of names that are all given; of more people, the first two are named.
const MAX_NAMES: usize = 3;

/// A step of one member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Joined,
    Left,
    /// It stopped answering.
    Failed,
}

/// The people who came and went within some minutes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PresenceRow {
    people: Vec<Visitor>,
    /// The sentence about all of them.
    pub(super) text: String,
    /// The time of day of the last change.
    pub(super) time: String,
    last_ms: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Visitor {
    id: NodeId,
    name: String,
    joins: usize,
    exits: usize,
    /// True if one of the exits was a failure.
    has_failed: bool,
    /// True if it was here before the first step.
    was_here: bool,
    last: Step,
}

/// The steps of one member, all together. The order is that of the sentence: if somebody is gone and joins under a new id,
/// the last words are the present state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    Left,
    Failed,
    CameAndLeft(usize),
    CameAndFailed(usize),
    LeftAndIsBack(usize),
    FailedAndIsBack(usize),
    Joined,
}

impl PresenceRow {
    /// Creates an entry without people.
    pub(super) const fn new() -> Self {
        Self {
            people: Vec::new(),
            text: String::new(),
            time: String::new(),
            last_ms: 0,
        }
    }

    /// Returns true if a change at this time belongs into this entry.
    pub(super) const fn takes(&self, now_ms: u64) -> bool {
        self.people.len() < MAX_PEOPLE && now_ms.saturating_sub(self.last_ms) <= MAX_PAUSE_MS
    }

    /// Adds a step. `name` is harmless already.
    pub(super) fn add(&mut self, id: NodeId, name: String, step: Step, now_ms: u64, time: String) {
        let known = self.people.iter().position(|person| person.id == id);
        let index = known.unwrap_or_else(|| {
            self.people.push(Visitor {
                id,
                name: String::new(),
                joins: 0,
                exits: 0,
                has_failed: false,
                was_here: step != Step::Joined,
                last: step,
            });
            self.people.len() - 1
        });
        let person = &mut self.people[index];
        person.name = name;
        person.last = step;
        person.has_failed |= step == Step::Failed;
        match step {
            Step::Joined => person.joins += 1,
            Step::Left | Step::Failed => person.exits += 1,
        }
        self.last_ms = now_ms;
        self.time = time;
        self.text = self.describe();
    }

    fn describe(&self) -> String {
        let outcomes = self.people.iter().map(Visitor::outcome);
        let mut outcomes: Vec<Outcome> = outcomes.collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        let groups = outcomes.into_iter().map(|outcome| {
            let group = self.people.iter();
            let group = group.filter(|person| person.outcome() == outcome);
            let names: Vec<&str> = group.map(|person| person.name.as_str()).collect();
            format!("{} {}", list_names(&names), outcome.describe(names.len()))
        });
        groups.collect::<Vec<_>>().join("; ")
    }
}

impl Visitor {
    const fn outcome(&self) -> Outcome {
        match (self.last, self.joins, self.exits) {
            (Step::Joined, _, 0) => Outcome::Joined,
            (Step::Joined, _, exits) if self.has_failed => Outcome::FailedAndIsBack(exits),
            (Step::Joined, _, exits) => Outcome::LeftAndIsBack(exits),
            (Step::Left, ..) if self.was_here => Outcome::Left,
            (Step::Failed, ..) if self.was_here => Outcome::Failed,
            (Step::Left, joins, _) => Outcome::CameAndLeft(joins),
            (Step::Failed, joins, _) => Outcome::CameAndFailed(joins),
        }
    }
}

impl Outcome {
    fn describe(self, people: usize) -> String {
        let is = if people == 1 { "is" } else { "are" };
        let repeated = |words: String, times: usize| match times {
            1 => words,
            times => format!("{words}, {times} times"),
        };
        match self {
            Self::Joined => "joined".to_owned(),
            Self::LeftAndIsBack(times) => repeated(format!("left and {is} back"), times),
            Self::FailedAndIsBack(times) => {
                let was = if people == 1 { "was" } else { "were" };
                repeated(format!("{was} gone and {is} back"), times)
            }
            Self::CameAndLeft(times) => repeated("joined and left".to_owned(), times),
            Self::CameAndFailed(times) => {
                let words = format!("joined and {is} gone (stopped answering)");
                repeated(words, times)
            }
            Self::Left => "left".to_owned(),
            Self::Failed => format!("{is} gone (stopped answering)"),
        }
    }
}

/// Returns `ann`, `ann and bob`, `ann, bob and eve`, or `ann, bob and 3 others`.
fn list_names(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [first, second, rest @ ..] if names.len() > MAX_NAMES => {
            format!("{first}, {second} and {} others", rest.len())
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Failed, Joined, Left};

    fn presence(steps: &[(&str, Step)]) -> PresenceRow {
        let mut presence = PresenceRow::new();
        for (name, step) in steps {
            let id = NodeId::from_bytes([name.as_bytes()[0]; 16]);
            presence.add(id, (*name).to_owned(), *step, 0, "12:00".to_owned());
        }
        presence
    }

    fn text(steps: &[(&str, Step)]) -> String {
        presence(steps).text
    }

    #[test]
    fn several_people_are_one_sentence() {
        assert_eq!(text(&[("ann", Joined)]), "ann joined");
        let names = ["ann", "bob", "cyd", "dan", "eve"].map(|name| (name, Joined));
        assert_eq!(text(&names[..2]), "ann and bob joined");
        assert_eq!(text(&names[..3]), "ann, bob and cyd joined");
        assert_eq!(text(&names), "ann, bob and 3 others joined");
        assert_eq!(
            text(&[("ann", Failed), ("bob", Failed), ("cyd", Left)]),
            "cyd left; ann and bob are gone (stopped answering)"
        );
    }

    #[test]
    fn who_comes_and_goes_is_counted() {
        let three = [("eve", Joined), ("eve", Left)].repeat(3);
        assert_eq!(text(&three[..2]), "eve joined and left");
        assert_eq!(text(&three), "eve joined and left, 3 times");
        assert_eq!(text(&three[1..3]), "eve left and is back");
        assert_eq!(
            text(&[("eve", Joined), ("eve", Failed), ("bob", Joined)]),
            "eve joined and is gone (stopped answering); bob joined"
        );
        assert_eq!(
            text(&[("eve", Failed), ("eve", Joined)]),
            "eve was gone and is back"
        );
        assert_eq!(
            text(&[("eve", Failed), ("eve", Joined), ("eve", Failed)]),
            "eve is gone (stopped answering)"
        );
        assert_eq!(
            text(&[("eve", Failed), ("eve", Joined), ("eve", Left)]),
            "eve left"
        );
    }

    #[test]
    fn an_entry_takes_only_what_is_near_in_time() {
        let presence = presence(&[("ann", Joined)]);
        assert!(presence.takes(MAX_PAUSE_MS));
        assert!(!presence.takes(MAX_PAUSE_MS + 1));
    }
}
