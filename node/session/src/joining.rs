//! The progress of joining a discussion, in words, and the outcome of each step.
//!
//! The full screen, plain text, and the error of a failed attempt use the same words. Not here: the display of the
//! words (the faces), and the timeout (`driver`).

use std::fmt;
use std::time::Duration;

use ringtalk_wire::NodeId;

use crate::text::escape_line;
use crate::{Event, JoinProgress, JoinStage};

/// The advice if a node does not answer at all: it may have gone, or nobody can dial it.
const NO_WAY: &str = "Is that node running, and reachable from here? If both of you are behind routers, ask someone \
                      with an open port to join, or run director --carry on a server.";
/// The width of the progress bar, in columns.
const BAR: u64 = 10;

/// The progress of joining.
#[derive(Clone, Debug)]
pub struct Joining {
    step: Step,
    /// The directors that were asked.
    directors: String,
    /// The member that should give this node a place, and its address.
    target: Option<(NodeId, String)>,
    /// The last step that failed: what went wrong, and what to do.
    last_failure: Option<Failure>,
    /// True if no director answered the last request.
    no_director: bool,
    /// The number of history messages that have arrived.
    fetched: u64,
}

/// The current step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Asking,
    Linking,
    AskingForPlace,
    Fetching { done: u64, total: u64 },
}

/// A step that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Failure {
    what: String,
    advice: &'static str,
    is_of_director: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A director's own words may end in a sign.
        f.write_str(&self.what)?;
        if !self.what.ends_with(['.', '?', '!']) {
            f.write_str(".")?;
        }
        if self.advice.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.advice)
    }
}

impl Joining {
    pub(crate) const fn new() -> Self {
        Self {
            step: Step::Asking,
            directors: String::new(),
            target: None,
            last_failure: None,
            no_director: false,
            fetched: 0,
        }
    }

    /// Applies the outcome of a step.
    fn apply_progress(&mut self, progress: JoinProgress) {
        match progress {
            JoinProgress::AskingDirectors { directors } => self.directors = directors,
            JoinProgress::DirectorDeferred { director, reason } => {
                self.no_director = false;
                self.last_failure = Some(Failure {
                    what: format!("the director at {director} answered: {reason}"),
                    advice: "",
                    is_of_director: true,
                });
            }
            JoinProgress::NoDirector { reason, advice } => {
                self.no_director = true;
                let what = format!("no director answers at {} ({reason})", self.directors);
                self.set_failure(what, advice);
            }
            JoinProgress::LinkFailed {
                reason,
                may_be_at_home,
            } => self.link_failed(&reason, may_be_at_home),
        }
    }

    fn link_failed(&mut self, reason: &str, may_be_at_home: bool) {
        self.set_failure(
            format!(
                "cannot connect to {} (named by the director): {reason}",
                self.address()
            ),
            if may_be_at_home {
                NO_WAY
            } else {
                "Is that node still running, and reachable from here?"
            },
        );
    }

    fn set_failure(&mut self, what: String, advice: &'static str) {
        self.last_failure = Some(Failure {
            what,
            advice,
            is_of_director: false,
        });
    }

    /// Applies an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Joining(stage) => self.apply_stage(stage),
            Event::Progress(progress) => self.apply_progress(progress.clone()),
            Event::Message(message) => self.fetched += u64::from(message.history),
            _ => {}
        }
    }

    fn apply_stage(&mut self, stage: &JoinStage) {
        self.step = match stage {
            JoinStage::AskingDirector => {
                if self.step == Step::AskingForPlace {
                    self.last_failure = self.current_failure();
                }
                Step::Asking
            }
            JoinStage::Linking { peer, address } => {
                self.set_target(*peer, address);
                Step::Linking
            }
            JoinStage::AskingForPlace { peer, address } => {
                self.set_target(*peer, address);
                Step::AskingForPlace
            }
            &JoinStage::FetchingHistory { done, total } => Step::Fetching { done, total },
        };
    }

    fn set_target(&mut self, peer: NodeId, address: &str) {
        self.no_director = false;
        // What a director said before it named this member is obsolete.
        self.last_failure = self.last_failure.take().filter(|one| !one.is_of_director);
        self.target = Some((peer, address.to_owned()));
    }

    /// Returns true if this is the member that should give this node a place.
    pub fn is_target(&self, peer: &NodeId) -> bool {
        let target = self.target.as_ref().map(|(target, _)| target);
        target == Some(peer) && !self.is_fetching()
    }

    /// Returns true if no director answered the last request.
    pub const fn has_no_director(&self) -> bool {
        self.no_director
    }

    /// Returns true if this node has a place in the ring, and fetches the history.
    pub const fn is_fetching(&self) -> bool {
        matches!(self.step, Step::Fetching { .. })
    }

    /// Returns the number of history messages that have arrived.
    pub const fn fetched(&self) -> u64 {
        self.fetched
    }

    /// Returns the current step in a few words, with a progress bar if the size of the history is known.
    pub fn describe_with_bar(&self) -> String {
        match self.step {
            Step::Fetching { total: 0, .. } => "requesting the history".to_owned(),
            Step::Fetching { done, total } => format!("{} {}", self.describe(), bar(done, total)),
            _ => self.describe(),
        }
    }

    /// Returns the current step in words that can be read aloud.
    pub fn describe(&self) -> String {
        match self.step {
            Step::Asking if self.no_director => "no director answers yet".to_owned(),
            Step::Asking => "contacting the director".to_owned(),
            Step::Linking => self.linking(),
            Step::AskingForPlace => format!("requesting a place from {}", self.address()),
            Step::Fetching { done, total } => {
                let (done, total) = (with_commas(done), with_commas(total));
                format!("fetching history: {done} of {total}")
            }
        }
    }

    fn linking(&self) -> String {
        format!("connecting to {}", self.address())
    }

    fn address(&self) -> String {
        let address = self
            .target
            .as_ref()
            .map(|(_, address)| escape_line(address));
        address.unwrap_or_default()
    }

    /// Returns the reason why this node did not join within this time: the step, what was tried, and what to do next.
    pub fn timeout_message(&self, within: Duration) -> String {
        let seconds = within.as_secs_f64();
        if let Step::Fetching { done, total } = self.step {
            return format!(
                "fetching history: received {} of {} messages, then none for {seconds} s. Try again: \
                 other members may have the rest. A longer --timeout may help.",
                with_commas(done),
                with_commas(total),
            );
        }
        let failure = self.current_failure().or_else(|| self.last_failure.clone());
        let failure = failure.unwrap_or(Failure {
            what: "the director has not answered yet".to_owned(),
            advice: "Is the address right, and a director or the node that started the discussion still running there?",
            is_of_director: true,
        });
        // Where nobody answers, more time is of no use.
        let more_time = if self.no_director {
            ""
        } else {
            " A longer --timeout may help."
        };
        format!("could not join within {seconds} s: {failure}{more_time}")
    }

    /// Returns the last failure, and what to do. Returns `None` if the failure is that no director answers.
    pub fn last_failure(&self) -> Option<String> {
        let failure = self.last_failure.as_ref().filter(|_| !self.no_director)?;
        Some(failure.to_string())
    }

    /// Returns the failure of the current step, if it waits for a member.
    fn current_failure(&self) -> Option<Failure> {
        match self.step {
            Step::AskingForPlace => Some(Failure {
                what: format!("{} has not admitted this node", self.address()),
                advice: "That node may be frozen, leaving or full: try again.",
                is_of_director: false,
            }),
            Step::Linking if self.last_failure.is_none() => Some(Failure {
                what: format!(
                    "no answer yet from {} (named by the director)",
                    self.address()
                ),
                advice: NO_WAY,
                is_of_director: false,
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
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(30);
    const MEMBER: NodeId = NodeId::from_bytes([1; 16]);

    /// A report from the core or the driver.
    #[derive(Clone, Debug)]
    enum Report {
        Stage(JoinStage),
        Progress(JoinProgress),
    }

    fn after(steps: impl IntoIterator<Item = Report>) -> Joining {
        let mut joining = Joining::new();
        for step in steps {
            match step {
                Report::Stage(stage) => joining.apply(&Event::Joining(stage)),
                Report::Progress(progress) => joining.apply_progress(progress),
            }
        }
        joining
    }

    fn fetching(done: u64, total: u64) -> Joining {
        after([Report::Stage(JoinStage::FetchingHistory { done, total })])
    }

    fn asking() -> Report {
        Report::Stage(JoinStage::AskingDirector)
    }

    fn linking() -> Report {
        Report::Stage(JoinStage::Linking {
            peer: MEMBER,
            address: "m:2".to_owned(),
        })
    }

    fn asking_for_place() -> Report {
        Report::Stage(JoinStage::AskingForPlace {
            peer: MEMBER,
            address: "m:2".to_owned(),
        })
    }

    fn link_failed() -> Report {
        Report::Progress(JoinProgress::LinkFailed {
            reason: "refused".to_owned(),
            may_be_at_home: false,
        })
    }

    fn no_director() -> Report {
        Report::Progress(JoinProgress::NoDirector {
            reason: "no connection".to_owned(),
            advice: "Is the address right?",
        })
    }

    #[test]
    fn a_bar_shows_the_progress() {
        let full = |done, total| bar(done, total).matches('▇').count();
        assert_eq!([full(0, 5), full(1, 10), full(9, 9)], [0, 1, 10]);
        assert!(!fetching(0, 0).describe_with_bar().contains('▁'));
        assert!(fetching(0, 5).describe_with_bar().contains("0 of 5 ▁"));
        assert!(!fetching(0, 5).describe().contains('▁'));
    }

    #[test]
    fn commas_separate_thousands() {
        assert_eq!(with_commas(0), "0");
        assert_eq!(with_commas(999), "999");
        assert_eq!(with_commas(1_240), "1,240");
        assert_eq!(with_commas(1_234_567), "1,234,567");
    }

    #[test]
    fn each_stage_has_words() {
        assert_eq!(after([]).describe_with_bar(), "contacting the director");
        assert_eq!(
            after([asking()]).describe_with_bar(),
            "contacting the director"
        );
        assert_eq!(
            after([asking(), no_director()]).describe_with_bar(),
            "no director answers yet"
        );
        assert_eq!(after([linking()]).describe_with_bar(), "connecting to m:2");
        let asked = after([linking(), asking_for_place()]);
        assert_eq!(asked.describe_with_bar(), "requesting a place from m:2");
    }

    #[test]
    fn the_timeout_message_names_the_step_that_failed() {
        let later = Report::Progress(JoinProgress::DirectorDeferred {
            director: "d:1".to_owned(),
            reason: "nobody is here.".to_owned(),
        });
        let directors = "d:1".to_owned();
        let named = Report::Progress(JoinProgress::AskingDirectors { directors });
        for (steps, words) in [
            (vec![], "the director has not answered yet. Is the"),
            (
                vec![asking(), named.clone(), no_director()],
                "no director answers at d:1 (no connection). Is the",
            ),
            (
                vec![asking(), no_director(), later],
                "the director at d:1 answered: nobody is here. A longer",
            ),
            (vec![asking(), linking()], "no answer yet from m:2 "),
            (
                vec![linking(), link_failed()],
                "cannot connect to m:2 (named by the director): refused. Is",
            ),
            // The node asks the director again and again, and keeps the earlier failure.
            (
                vec![linking(), link_failed(), asking()],
                "cannot connect to m:2 ",
            ),
            (
                vec![linking(), link_failed(), asking(), named, no_director()],
                "no director answers at d:1",
            ),
            (
                vec![linking(), asking_for_place()],
                "m:2 has not admitted this",
            ),
            (
                vec![linking(), asking_for_place(), asking()],
                "m:2 has not admitted this node",
            ),
        ] {
            let failure = after(steps.clone()).timeout_message(WITHIN);
            assert!(
                failure.starts_with("could not join within 30 s: "),
                "{failure}"
            );
            assert!(failure.contains(words), "{steps:?}: {failure}");
        }
        // A director that has named a member is no longer the reason.
        let later = Report::Progress(JoinProgress::DirectorDeferred {
            director: "d:1".to_owned(),
            reason: "wait".to_owned(),
        });
        let failure = after([asking(), later, linking()]).timeout_message(WITHIN);
        assert!(failure.contains("no answer yet from m:2"), "{failure}");
        let failure = fetching(1_240, 5_000).timeout_message(WITHIN);
        assert!(
            failure.contains("fetching history: received 1,240 of 5,000"),
            "{failure}"
        );
    }

    #[test]
    fn only_the_member_asked_for_a_place_is_the_target() {
        assert!(!after([asking()]).is_target(&MEMBER));
        assert!(after([linking()]).is_target(&MEMBER));
        assert!(
            after([linking(), asking()]).is_target(&MEMBER),
            "a dial takes its time"
        );
        let other = NodeId::from_bytes([2; 16]);
        assert!(!after([linking()]).is_target(&other));
        let (done, total) = (1, 2);
        let fetching = Report::Stage(JoinStage::FetchingHistory { done, total });
        assert!(!after([linking(), asking_for_place(), fetching]).is_target(&MEMBER));
    }

    #[test]
    fn a_missing_director_is_not_the_last_failure() {
        assert_eq!(after([asking(), no_director()]).last_failure(), None);
        let failure = after([linking(), link_failed(), asking()])
            .last_failure()
            .unwrap();
        assert!(
            failure.starts_with("cannot connect to m:2 (named by the director): refused. "),
            "{failure}"
        );
    }
}
