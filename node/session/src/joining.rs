//! The progress of joining a discussion, in words, and the outcome of each step.
//!
//! The full screen, plain text, and the error of a failed attempt use the same words. Not here: the display of the
//! words (the faces), and the timeout (`driver`).

use std::time::Duration;

use ringtalk_wire::NodeId;

use crate::text::harmless;
use crate::{Event, Progress, Stage};

/// The width of the progress bar, in columns.
const BAR: u64 = 10;

/// The progress of joining.
#[derive(Clone, Debug)]
pub struct Joining {
    at: Step,
    /// The directors that were asked.
    directors: String,
    /// The member that should give this node a place, and its address.
    sought: Option<(NodeId, String)>,
    /// The last step that failed: what went wrong, and what to do.
    trouble: Option<Trouble>,
    /// True if no director answered the last request.
    unasked: bool,
    /// The number of history messages that have arrived.
    fetched: u64,
}

/// The current step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Asking,
    Linking,
    Knocking,
    Fetching { done: u64, total: u64 },
}

/// A step that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Trouble {
    what: String,
    advice: &'static str,
}

impl Joining {
    pub(crate) const fn new() -> Self {
        Self {
            at: Step::Asking,
            directors: String::new(),
            sought: None,
            trouble: None,
            unasked: false,
            fetched: 0,
        }
    }

    /// Applies the outcome of a step.
    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Asking { directors } => self.directors = directors,
            Progress::Later { director, reason } => {
                self.unasked = false;
                self.fails(
                    format!("asking the director: {director} answers, but {reason}"),
                    "nobody in the discussion is registered there now: is somebody still inside?",
                );
            }
            Progress::Unasked { reason } => {
                self.unasked = true;
                self.fails(
                    format!(
                        "asking the director: none answers at {} ({reason})",
                        self.directors
                    ),
                    "is the address right, and the director running there?",
                );
            }
            Progress::Unlinked { reason } => self.unlinked(&reason),
        }
    }

    fn unlinked(&mut self, reason: &str) {
        self.fails(
            format!("{}: {reason}", self.linking()),
            "that is where the director says that the discussion is: is that node still running, and can \
             this machine reach it?",
        );
    }

    fn fails(&mut self, what: String, advice: &'static str) {
        self.trouble = Some(Trouble { what, advice });
    }

    /// Applies an event.
    pub fn learn(&mut self, event: &Event) {
        match event {
            Event::Joining(stage) => self.step_to(stage),
            Event::Progress(progress) => self.take(progress.clone()),
            Event::Message(message) => self.fetched += u64::from(message.history),
            _ => {}
        }
    }

    fn step_to(&mut self, stage: &Stage) {
        self.at = match stage {
            Stage::AskingDirector => {
                if self.at == Step::Knocking {
                    self.trouble = self.pending();
                }
                Step::Asking
            }
            Stage::Linking { peer, address } => {
                self.seek(*peer, address);
                Step::Linking
            }
            Stage::AskingForPlace { peer, address } => {
                self.seek(*peer, address);
                Step::Knocking
            }
            &Stage::FetchingHistory { done, total } => Step::Fetching { done, total },
        };
    }

    fn seek(&mut self, peer: NodeId, address: &str) {
        self.unasked = false;
        self.sought = Some((peer, address.to_owned()));
    }

    /// Returns true if this is the member that should give this node a place.
    pub fn seeks(&self, peer: &NodeId) -> bool {
        let sought = self.sought.as_ref().map(|(sought, _)| sought);
        sought == Some(peer) && !self.is_fetching()
    }

    /// Returns true if no director answered the last request.
    pub const fn is_unasked(&self) -> bool {
        self.unasked
    }

    /// Returns true if this node has a place in the ring, and fetches the history.
    pub const fn is_fetching(&self) -> bool {
        matches!(self.at, Step::Fetching { .. })
    }

    /// Returns the number of history messages that have arrived.
    pub const fn fetched(&self) -> u64 {
        self.fetched
    }

    /// Returns the current step in a few words, with a progress bar if the size of the history is known.
    pub fn words(&self) -> String {
        match self.at {
            Step::Fetching { total: 0, .. } => "asking for the discussion so far".to_owned(),
            Step::Fetching { done, total } => format!("{} {}", self.step(), bar(done, total)),
            _ => self.step(),
        }
    }

    /// Returns the current step in words that can be read aloud.
    pub fn step(&self) -> String {
        match self.at {
            Step::Asking if self.unasked => "no director answers yet".to_owned(),
            Step::Asking => "asking the director".to_owned(),
            Step::Linking => self.linking(),
            Step::Knocking => format!("asking {} for a place", self.address()),
            Step::Fetching { done, total } => {
                let (done, total) = (grouped(done), grouped(total));
                format!("fetching {done} of {total} messages")
            }
        }
    }

    fn linking(&self) -> String {
        format!("linking to {}", self.address())
    }

    fn address(&self) -> String {
        let address = self.sought.as_ref().map(|(_, address)| harmless(address));
        address.unwrap_or_default()
    }

    /// Returns the reason why this node did not join within this time: the step, what was tried, and what to do next.
    pub fn failure(&self, within: Duration) -> String {
        let seconds = within.as_secs_f64();
        if let Step::Fetching { done, total } = self.at {
            return format!(
                "fetching the discussion so far: {} of {} messages have come, and no more for {seconds} s; \
                 try again, others may have them (--timeout says how long to wait)",
                grouped(done),
                grouped(total),
            );
        }
        let trouble = self.pending().or_else(|| self.trouble.clone());
        let Trouble { what, advice } = trouble.unwrap_or(Trouble {
            what: "asking the director: no answer yet".to_owned(),
            advice: "is the address right, and the director running there?",
        });
        format!(
            "no way in was found within {seconds} s; {what}; {advice} (--timeout says how long to try)"
        )
    }

    /// Returns the last failure, and what to do. Returns `None` if the failure is that no director answers.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.as_ref().filter(|_| !self.unasked)?;
        Some(format!("{}; {}", trouble.what, trouble.advice))
    }

    /// Returns the failure of the current step, if it waits for a member.
    fn pending(&self) -> Option<Trouble> {
        match self.at {
            Step::Knocking => Some(Trouble {
                what: format!(
                    "asking {} for a place: it does not let this node in",
                    self.address()
                ),
                advice: "it may be frozen, on its way out, or have no room: try again",
            }),
            Step::Linking if self.trouble.is_none() => Some(Trouble {
                what: format!("{}: no answer yet", self.linking()),
                advice: "can this machine reach that node?",
            }),
            _ => None,
        }
    }
}

fn bar(done: u64, total: u64) -> String {
    let done = done.saturating_mul(BAR) / total.max(1);
    let done = usize::try_from(done.min(BAR)).unwrap_or(0);
    ["▇".repeat(done), "▁".repeat(BAR as usize - done)].concat()
}

/// Formats a number with commas between the thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(30);
    const MEMBER: NodeId = NodeId::from_bytes([1; 16]);

    /// A report from the core or the driver.
    #[derive(Clone, Debug)]
    enum Told {
        Stage(Stage),
        Came(Progress),
    }

    fn after(steps: impl IntoIterator<Item = Told>) -> Joining {
        let mut joining = Joining::new();
        for step in steps {
            match step {
                Told::Stage(stage) => joining.learn(&Event::Joining(stage)),
                Told::Came(progress) => joining.take(progress),
            }
        }
        joining
    }

    fn fetching(done: u64, total: u64) -> Joining {
        after([Told::Stage(Stage::FetchingHistory { done, total })])
    }

    fn asking() -> Told {
        Told::Stage(Stage::AskingDirector)
    }

    fn linking() -> Told {
        Told::Stage(Stage::Linking {
            peer: MEMBER,
            address: "m:2".to_owned(),
        })
    }

    fn knocking() -> Told {
        Told::Stage(Stage::AskingForPlace {
            peer: MEMBER,
            address: "m:2".to_owned(),
        })
    }

    fn unlinked() -> Told {
        Told::Came(Progress::Unlinked {
            reason: "refused".to_owned(),
        })
    }

    fn unasked() -> Told {
        Told::Came(Progress::Unasked {
            reason: "no connection".to_owned(),
        })
    }

    #[test]
    fn a_bar_shows_how_much_has_come() {
        let full = |done, total| bar(done, total).matches('▇').count();
        assert_eq!([full(0, 5), full(1, 10), full(9, 9)], [0, 1, 10]);
        assert!(!fetching(0, 0).words().contains('▁'));
        assert!(fetching(0, 5).words().contains("0 of 5 messages ▁"));
        assert!(!fetching(0, 5).step().contains('▁'));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_240), "1,240");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn each_stage_has_words() {
        assert_eq!(after([]).words(), "asking the director");
        assert_eq!(after([asking()]).words(), "asking the director");
        assert_eq!(
            after([asking(), unasked()]).words(),
            "no director answers yet"
        );
        assert_eq!(after([linking()]).words(), "linking to m:2");
        let asked = after([linking(), knocking()]);
        assert_eq!(asked.words(), "asking m:2 for a place");
    }

    #[test]
    fn the_failure_names_the_stage_in_which_it_is_stuck() {
        let later = Told::Came(Progress::Later {
            director: "d:1".to_owned(),
            reason: "nobody is here".to_owned(),
        });
        let directors = "d:1".to_owned();
        let named = Told::Came(Progress::Asking { directors });
        for (steps, words) in [
            (vec![], "asking the director: no answer yet"),
            (
                vec![asking(), named.clone(), unasked()],
                "asking the director: none answers at d:1 (no connection)",
            ),
            (
                vec![asking(), unasked(), later],
                "asking the director: d:1 answers, but nobody is here",
            ),
            (vec![asking(), linking()], "linking to m:2: no answer yet"),
            (vec![linking(), unlinked()], "linking to m:2: refused"),
            // The node asks the director again and again, and keeps the earlier failure.
            (
                vec![linking(), unlinked(), asking()],
                "linking to m:2: refused",
            ),
            (
                vec![linking(), unlinked(), asking(), named, unasked()],
                "none answers at d:1",
            ),
            (vec![linking(), knocking()], "asking m:2 for a place"),
            (
                vec![linking(), knocking(), asking()],
                "asking m:2 for a place",
            ),
        ] {
            let failure = after(steps.clone()).failure(WITHIN);
            assert!(
                failure.starts_with("no way in was found within 30 s; "),
                "{failure}"
            );
            assert!(failure.contains(words), "{steps:?}: {failure}");
        }
        let failure = fetching(1_240, 5_000).failure(WITHIN);
        assert!(
            failure.contains("fetching the discussion so far: 1,240 of 5,000"),
            "{failure}"
        );
    }

    #[test]
    fn only_who_is_to_give_a_place_is_sought() {
        assert!(!after([asking()]).seeks(&MEMBER));
        assert!(after([linking()]).seeks(&MEMBER));
        assert!(
            after([linking(), asking()]).seeks(&MEMBER),
            "a dial takes its time"
        );
        let other = NodeId::from_bytes([2; 16]);
        assert!(!after([linking()]).seeks(&other));
        let (done, total) = (1, 2);
        let fetching = Told::Stage(Stage::FetchingHistory { done, total });
        assert!(!after([linking(), knocking(), fetching]).seeks(&MEMBER));
    }

    #[test]
    fn only_trouble_with_a_member_is_told_here() {
        assert_eq!(after([asking(), unasked()]).trouble(), None);
        let trouble = after([linking(), unlinked(), asking()]).trouble().unwrap();
        assert!(
            trouble.starts_with("linking to m:2: refused; "),
            "{trouble}"
        );
    }
}
