//! Asks how to join: all entrances side by side, each again and again, until one has an answer.
//!
//! Several answers become one (`merge`). Not here: what a single answer means (`reply`), what happens if nobody answers
//! in time (`driver`), who founds (a director says so, never the node).

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use ringtalk_director::api::{NODE_HOLD, Newcomer, RegisterNode};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::merge::merge;
use super::reply::EntranceReply;
use super::{Caller, EntryAnswer, KnownEndpoint, News, NewsSender, with_jitter};

/// The timeout of a call: longer than a director holds it.
const ANSWER_TIME: Duration = NODE_HOLD.saturating_add(Duration::from_secs(2));
/// The first wait between two calls; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two calls.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The time in which "no such discussion" may be temporary.
const NO_SUCH_TIME: Duration = Duration::from_secs(5);
/// How long the first answer waits for those of other entrances, any of which may be right.
const GATHER_TIME: Duration = Duration::from_millis(150);

/// A node's question how to join.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) caller: Caller,
    pub(super) newcomer: Newcomer,
    pub(super) news: NewsSender,
    /// Whether the node was a member already. Then it looks for its ring whatever directors say, since a discussion
    /// needs none.
    pub(super) persists: bool,
}

/// The progress of a question at one entrance.
#[derive(Debug)]
enum Progress {
    /// It was called in vain, and will be called again.
    Attempted,
    /// It has answered, and is not called again.
    Answered(EntryAnswer),
}

/// The answers so far, by the position of the entrance.
#[derive(Debug)]
struct Answers {
    /// Which entrances have been called at least once.
    attempted: Vec<bool>,
    /// The answers that say where to join, in the order of arrival.
    joins: Vec<(usize, EntryAnswer)>,
    /// Whether one of them has not been reported yet.
    has_news: bool,
    /// The first entrance that would have this node found.
    founder: Option<usize>,
    refused: Option<String>,
    refusals: usize,
}

impl Question {
    /// Asks until it is aborted, and reports to the driver how to join, or that all entrances refuse. An entrance that
    /// answers late adds to the answer: the first ones may be wrong. Entrances that have answered are called again at
    /// each number in `again`.
    pub(super) async fn ask(
        self,
        endpoints: Vec<KnownEndpoint>,
        mut number: u64,
        mut again: watch::Receiver<u64>,
    ) {
        let question = Arc::new(self);
        let mut answers = Answers::of(endpoints.len());
        let (report, mut reports) = mpsc::channel(endpoints.len().max(1));
        let mut calls = JoinSet::new();
        let mut call = |place: usize| {
            let (question, report) = (Arc::clone(&question), report.clone());
            let endpoint = endpoints[place].clone();
            calls.spawn(async move { question.ask_entrance(&endpoint, place, report).await });
        };
        (0..endpoints.len()).for_each(&mut call);
        let mut due: Option<Instant> = None;
        loop {
            let wake = due.unwrap_or_else(|| Instant::now() + LONGEST_WAIT);
            tokio::select! {
                Some((place, progress)) = reports.recv() => answers.add(place, progress),
                Ok(()) = again.changed() => {
                    number = *again.borrow_and_update();
                    answers.answered().into_iter().for_each(&mut call);
                }
                () = sleep_until(wake), if due.is_some() => {}
            }
            let answer = if answers.has_news {
                let end = *due.get_or_insert_with(|| Instant::now() + GATHER_TIME);
                let is_due = answers.are_complete() || end <= Instant::now();
                is_due.then(|| merge(answers.joins()))
            } else if answers.may_found() {
                Some(EntryAnswer::Found)
            } else {
                answers.refusal().map(EntryAnswer::Refused)
            };
            if let Some(answer) = answer {
                (answers.has_news, due) = (false, None);
                let is_last = !matches!(answer, EntryAnswer::Join { .. });
                let entry = News::Entry {
                    question: number,
                    answer,
                };
                question.news.send(entry).await;
                if is_last {
                    return;
                }
            }
        }
    }

    /// Calls one entrance until it has an answer.
    async fn ask_entrance(
        &self,
        endpoint: &KnownEndpoint,
        place: usize,
        report: mpsc::Sender<(usize, Progress)>,
    ) {
        let mut wait = FIRST_WAIT;
        let mut no_such_since = None;
        let answer = loop {
            let (again, detail, no_such) = match self.call(endpoint).await {
                EntranceReply::Entry(answer) => break answer,
                EntranceReply::Refused(detail) => break EntryAnswer::Refused(detail),
                EntranceReply::NoSuch { detail, again } => {
                    let since: &mut Instant = no_such_since.get_or_insert_with(Instant::now);
                    let left = NO_SUCH_TIME.saturating_sub(since.elapsed());
                    if left.is_zero() {
                        let address = &endpoint.endpoint.director;
                        break EntryAnswer::Refused(format!(
                            "the director at {address} answered: {detail}"
                        ));
                    }
                    // If time runs out before this is final, it is what the user needs to know.
                    let again = again.max(with_jitter(wait)).min(left);
                    (again, Some(detail), true)
                }
                EntranceReply::Later { again, detail } => {
                    no_such_since = None;
                    (again.max(with_jitter(wait)), detail, false)
                }
            };
            if let Some(detail) = detail {
                let address = &endpoint.endpoint.director;
                self.news.later(address, detail, no_such).await;
            }
            // If nobody listens any more, this task is about to end too.
            let _ = report.send((place, Progress::Attempted)).await;
            sleep(again).await;
            wait = LONGEST_WAIT.min(wait * 2);
        };
        let _ = report.send((place, Progress::Answered(answer))).await;
    }

    async fn call(&self, endpoint: &KnownEndpoint) -> EntranceReply {
        let address = &endpoint.endpoint.director;
        let body = RegisterNode {
            newcomer: self.newcomer.clone(),
            may_found: self.caller.is_private() && endpoint.endpoint.may_found,
        };
        let path = "/register_node";
        let answer = self
            .caller
            .call(Method::POST, address, path, &body, ANSWER_TIME);
        let reply = match answer.await {
            Ok(answer) => {
                let reply = EntranceReply::read(&endpoint.endpoint, &self.newcomer.id, &answer);
                endpoint.learn(&answer, &self.news).await;
                reply
            }
            Err(error) => Err(error),
        };
        match reply {
            Ok(reply) if self.persists => reply.into_retry(),
            Ok(reply) => reply,
            Err(error) => {
                self.news.down(address, &error).await;
                EntranceReply::later(Duration::ZERO)
            }
        }
    }
}

impl Answers {
    fn of(entrances: usize) -> Self {
        Self {
            attempted: vec![false; entrances],
            joins: Vec::new(),
            has_news: false,
            founder: None,
            refused: None,
            refusals: 0,
        }
    }

    fn add(&mut self, place: usize, progress: Progress) {
        self.attempted[place] = true;
        match progress {
            Progress::Attempted => {}
            Progress::Answered(EntryAnswer::Found) => {
                self.founder = Some(self.founder.map_or(place, |first| first.min(place)));
            }
            Progress::Answered(EntryAnswer::Refused(detail)) => {
                self.refused = Some(detail);
                self.refusals += 1;
            }
            Progress::Answered(join) => {
                self.joins.retain(|(known, _)| *known != place);
                self.joins.push((place, join));
                self.has_news = true;
            }
        }
    }

    /// Returns the entrances that have said where to join, to ask them again. Their answers count until then.
    fn answered(&self) -> Vec<usize> {
        self.joins.iter().map(|(place, _)| *place).collect()
    }

    fn joins(&self) -> Vec<EntryAnswer> {
        self.joins.iter().map(|(_, join)| join.clone()).collect()
    }

    /// Returns true if each entrance has been called at least once.
    fn are_complete(&self) -> bool {
        self.attempted.iter().all(|attempted| *attempted)
    }

    /// Returns true if this node founds: a director says so, and those before it know no discussion. Nodes that name
    /// the same directors in the same order never found at two of them.
    fn may_found(&self) -> bool {
        let before = self.founder.map(|founder| &self.attempted[..founder]);
        before.is_some_and(|before| before.iter().all(|attempted| *attempted))
    }

    /// Returns the last refusal, if every entrance has refused.
    fn refusal(&self) -> Option<String> {
        let all = self.refusals == self.attempted.len();
        self.refused.clone().filter(|_| all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answer: EntryAnswer) -> Progress {
        Progress::Answered(answer)
    }

    #[test]
    fn a_node_founds_only_once_the_directors_before_are_known_to_be_empty() {
        let mut answers = Answers::of(3);
        answers.add(1, answered(EntryAnswer::Found));
        assert!(!answers.may_found(), "the first may know the discussion");
        answers.add(0, Progress::Attempted);
        assert!(answers.may_found(), "the third does not matter");
    }

    #[test]
    fn a_node_gives_up_once_every_entrance_has_refused() {
        let refused = || answered(EntryAnswer::Refused("no".to_owned()));
        let mut answers = Answers::of(2);
        answers.add(0, refused());
        answers.add(1, Progress::Attempted);
        assert_eq!(answers.refusal(), None);
        answers.add(1, refused());
        assert_eq!(answers.refusal(), Some("no".to_owned()));
    }
}
