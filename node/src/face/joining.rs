//! How far the way into a discussion has got, in words, and what came of each step.
//!
//! The same words on the full screen, in plain text and in the error of a way that was not found. Not
//! here: where they are shown, and when it is time to give up (`driver`).

use std::time::Duration;

use ringtalk_proto::Event;

use super::harmless::harmless;

/// How many columns a bar has.
const BAR: u64 = 10;

/// A step of the way in, or what came of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// The directors are asked where the coordinator is.
    Asking {
        /// Which ones.
        directors: String,
    },
    /// A director answered, and sent this node away for now.
    Later {
        /// Which one.
        director: String,
        /// What it says.
        reason: String,
    },
    /// No director answered.
    Unasked {
        /// Why, in a few words.
        reason: String,
    },
    /// A node is dialled.
    Linking {
        /// Where.
        address: String,
    },
    /// It could not be linked to.
    Unlinked {
        /// Why, in a few words.
        reason: String,
    },
    /// It was linked to, and asked for a place.
    Knocking,
}

/// The way in.
#[derive(Debug)]
pub(crate) struct Joining {
    stage: Stage,
    /// The directors that were asked.
    directors: String,
    /// What came of the last step that failed: its stage, and what to do.
    trouble: Option<Trouble>,
    /// True where no director has answered the last question.
    unasked: bool,
    /// How many messages have come, how many of them as history, and how many are to come.
    came: u64,
    fetched: u64,
    to_fetch: u64,
}

/// How far.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    Starting,
    Asking,
    Linking(String),
    Knocking(String),
    Fetching,
}

/// A step that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Trouble {
    what: String,
    advice: &'static str,
}

impl Joining {
    pub(super) const fn new() -> Self {
        Self {
            stage: Stage::Starting,
            directors: String::new(),
            trouble: None,
            unasked: false,
            came: 0,
            fetched: 0,
            to_fetch: 0,
        }
    }

    /// Takes in a step, or what came of one.
    pub(crate) fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Asking { directors } => {
                if matches!(self.stage, Stage::Knocking(_)) {
                    self.trouble = self.pending();
                }
                self.directors = directors;
                self.stage = Stage::Asking;
            }
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
            Progress::Linking { address } => {
                self.unasked = false;
                self.stage = Stage::Linking(address);
            }
            Progress::Unlinked { reason } => self.unlinked(&reason),
            Progress::Knocking => {
                if let Stage::Linking(address) = &self.stage {
                    self.stage = Stage::Knocking(address.clone());
                }
            }
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

    /// Takes in an event of the core.
    pub(super) fn learn(&mut self, event: &Event) {
        match event {
            Event::View(_) => self.stage = Stage::Fetching,
            Event::Start { history, .. } => self.to_fetch = *history,
            Event::Message(message) => {
                self.came += 1;
                self.fetched += u64::from(message.history);
            }
            _ => {}
        }
    }

    /// True where no director has answered the last question.
    pub(super) const fn is_unasked(&self) -> bool {
        self.unasked
    }

    /// True where there is a place in the ring, and the discussion so far comes.
    pub(crate) fn is_fetching(&self) -> bool {
        self.stage == Stage::Fetching
    }

    /// How many messages have come as history.
    pub(super) const fn fetched(&self) -> u64 {
        self.fetched
    }

    /// What this node is doing, in a few words; with a bar where there is much to come.
    pub(super) fn words(&self) -> String {
        match &self.stage {
            Stage::Fetching if self.of() == 0 => "asking for the discussion so far".to_owned(),
            Stage::Fetching => format!("{} {}", self.fetching(), self.bar()),
            _ => self.step(),
        }
    }

    /// What this node is doing, in words that can be read aloud.
    pub(crate) fn step(&self) -> String {
        match &self.stage {
            Stage::Starting | Stage::Asking if self.unasked => "no director answers yet".to_owned(),
            Stage::Starting => "starting".to_owned(),
            Stage::Asking => "asking the director".to_owned(),
            Stage::Linking(_) => self.linking(),
            Stage::Knocking(address) => format!("asking {} for a place", harmless(address)),
            Stage::Fetching => self.fetching(),
        }
    }

    fn linking(&self) -> String {
        match &self.stage {
            Stage::Linking(address) | Stage::Knocking(address) => {
                format!("linking to {}", harmless(address))
            }
            _ => "linking".to_owned(),
        }
    }

    /// Why nobody got in within this time: the stage, what was tried, and what to do next.
    pub(crate) fn failure(&self, within: Duration) -> String {
        let seconds = within.as_secs_f64();
        if self.stage == Stage::Fetching {
            return format!(
                "fetching the discussion so far: {} of {} messages have come, and no more for {seconds} s; \
                 try again, others may have them (--timeout says how long to wait)",
                grouped(self.came),
                grouped(self.of()),
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

    /// What went wrong last on the way to a member, if that is where it is stuck.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.as_ref().filter(|_| !self.unasked)?;
        Some(format!("{}; {}", trouble.what, trouble.advice))
    }

    /// What is the matter where a step has not come to an end.
    fn pending(&self) -> Option<Trouble> {
        match &self.stage {
            Stage::Knocking(address) => Some(Trouble {
                what: format!(
                    "asking {} for a place: it does not let this node in",
                    harmless(address)
                ),
                advice: "it may be frozen, on its way out, or have no room: try again",
            }),
            Stage::Linking(_) if self.trouble.is_none() => Some(Trouble {
                what: format!("{}: no answer yet", self.linking()),
                advice: "can this machine reach that node?",
            }),
            _ => None,
        }
    }

    /// How many messages are to come. What the others forgot meanwhile never comes, and what is lacking
    /// counts as such.
    fn of(&self) -> u64 {
        self.to_fetch.max(self.came)
    }

    fn fetching(&self) -> String {
        let (came, all) = (grouped(self.came), grouped(self.of()));
        format!("fetching {came} of {all} messages")
    }

    fn bar(&self) -> String {
        let done = self.came.saturating_mul(BAR) / self.of().max(1);
        let done = usize::try_from(done).unwrap_or(0);
        ["▇".repeat(done), "▁".repeat(BAR as usize - done)].concat()
    }
}

/// A number with its thousands apart.
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

    fn fetching(came: u64, to_fetch: u64) -> Joining {
        Joining {
            stage: Stage::Fetching,
            came,
            to_fetch,
            ..Joining::new()
        }
    }

    fn after(steps: impl IntoIterator<Item = Progress>) -> Joining {
        let mut joining = Joining::new();
        for step in steps {
            joining.take(step);
        }
        joining
    }

    fn asking() -> Progress {
        Progress::Asking {
            directors: "d:1".to_owned(),
        }
    }

    fn linking() -> Progress {
        Progress::Linking {
            address: "m:2".to_owned(),
        }
    }

    fn unlinked() -> Progress {
        Progress::Unlinked {
            reason: "refused".to_owned(),
        }
    }

    fn unasked() -> Progress {
        Progress::Unasked {
            reason: "no connection".to_owned(),
        }
    }

    #[test]
    fn a_bar_shows_how_much_has_come() {
        let bar = |fetched, all| fetching(fetched, all).bar().matches('▇').count();
        assert_eq!([bar(0, 5), bar(1, 10), bar(9, 5)], [0, 1, 10]);
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
        assert_eq!(after([]).words(), "starting");
        assert_eq!(after([asking()]).words(), "asking the director");
        assert_eq!(
            after([asking(), unasked()]).words(),
            "no director answers yet"
        );
        assert_eq!(after([linking()]).words(), "linking to m:2");
        let knocking = after([linking(), Progress::Knocking]);
        assert_eq!(knocking.words(), "asking m:2 for a place");
    }

    #[test]
    fn the_failure_names_the_stage_in_which_it_is_stuck() {
        let later = Progress::Later {
            director: "d:1".to_owned(),
            reason: "nobody is here".to_owned(),
        };
        for (steps, words) in [
            (vec![], "asking the director: no answer yet"),
            (
                vec![asking(), unasked()],
                "asking the director: none answers at d:1 (no connection)",
            ),
            (
                vec![asking(), unasked(), later],
                "asking the director: d:1 answers, but nobody is here",
            ),
            (vec![asking(), linking()], "linking to m:2: no answer yet"),
            (vec![linking(), unlinked()], "linking to m:2: refused"),
            // The director is asked again and again.
            (
                vec![linking(), unlinked(), asking()],
                "linking to m:2: refused",
            ),
            (
                vec![linking(), unlinked(), asking(), unasked()],
                "none answers at d:1",
            ),
            (
                vec![linking(), Progress::Knocking],
                "asking m:2 for a place",
            ),
            (
                vec![linking(), Progress::Knocking, asking()],
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
    fn only_trouble_with_a_member_is_told_here() {
        assert_eq!(after([asking(), unasked()]).trouble(), None);
        let trouble = after([linking(), unlinked(), asking()]).trouble().unwrap();
        assert!(
            trouble.starts_with("linking to m:2: refused; "),
            "{trouble}"
        );
    }
}
