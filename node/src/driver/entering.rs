//! The way in as the user sees it: its steps, progress reports, and its failure.
//!
//! Not here: the steps themselves (the core and `director_client`), their texts (`ringtalk_session::Joining`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ringtalk_proto::{Event, Input, JoiningStage};
use ringtalk_session::{Code, Progress};
use ringtalk_wire::NodeId;
use tokio::time::Instant;

use super::{Driver, Ending};
use crate::director_client::Way;
use crate::link::dialler::DialFailure;
use crate::status::Status;

/// When a waiting user gets the first report, and how often after that.
const FIRST_REPORT: Duration = Duration::from_millis(500);
const REPORT: Duration = Duration::from_secs(1);
/// Failed dials are reported from the second one on, or from the first one that took this long. One failure may be
/// temporary, while the ring elects a coordinator.
const VAIN_DIALS: u32 = 2;
const VAIN_TIME: Duration = Duration::from_secs(2);
/// The time without new history after which the user is told.
const STALL: Duration = Duration::from_secs(5);

/// The state of the reports about the way in.
#[derive(Debug)]
pub(super) struct Entering {
    report_at: Instant,
    /// When the way in last made progress.
    moved: Instant,
    vain_dials: u32,
    told_of_member: bool,
    told_of_stall: bool,
    /// The coordinators that the directors named last.
    coordinators: BTreeSet<NodeId>,
    /// The nodes that seemed to speak another version when they were dialled, and which.
    other_versions: BTreeMap<NodeId, String>,
}

impl Entering {
    /// Returns the state before anything has happened.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            report_at: now + FIRST_REPORT,
            moved: now,
            vain_dials: 0,
            told_of_member: false,
            told_of_stall: false,
            coordinators: BTreeSet::new(),
            other_versions: BTreeMap::new(),
        }
    }
}

impl Driver {
    /// Returns when the user gets the next progress report.
    pub(super) fn next_report(&self) -> Option<Instant> {
        let is_waited_for = !self.session.is_ready() && !self.departure.is_leaving();
        is_waited_for.then_some(self.entering.report_at)
    }

    /// Reports progress to the user, if it is time.
    pub(super) fn report(&mut self) {
        let now = Instant::now();
        if self.next_report().is_none_or(|at| now < at) {
            return;
        }
        self.entering.report_at = now + REPORT;
        self.session.waits();
        let stalls =
            self.session.state().joining.is_fetching() && now - self.entering.moved >= STALL;
        if stalls && !self.entering.told_of_stall {
            self.entering.told_of_stall = true;
            let step = self.session.state().joining.step();
            let seconds = STALL.as_secs();
            let message = format!("{step}: no more for {seconds} s; asking other members");
            self.warn(Code::HistoryStalled, message);
        }
    }

    /// Updates the deadline for an event. If the way in made progress (`moves`), the rest gets the full time again.
    pub(super) fn goes_on(&mut self, moves: bool) {
        if self.departure.is_leaving() {
            return;
        }
        if self.session.is_ready() {
            self.deadline = None;
        } else if moves {
            self.entering.moved = Instant::now();
            self.deadline = Some(self.entering.moved + self.timeout);
        }
    }

    pub(super) fn enter(&mut self, way: Way) {
        match way {
            Way::Found => self.feed(Input::Found),
            Way::Join {
                coordinator,
                doors,
                candidates,
            } => {
                let all = candidates.iter().chain([&coordinator]);
                self.entering.coordinators = all.map(|contact| contact.id).collect();
                self.feed(Input::Contact {
                    coordinator,
                    doors,
                    candidates,
                });
            }
            // The node got in by another way while the director was asked.
            Way::Refused(_) if self.session.is_ready() || self.node.has_place() => {
                if !self.node.has_place() {
                    self.directors.client.ask(true);
                }
            }
            Way::Refused(detail) => {
                let message = format!("asking the director: {detail}");
                self.depart(Ending::wrong(Status::Refused, Code::Refused, message));
            }
        }
    }

    /// Handles a failed dial on the way in. Coordinators that all speak another version will not let this node in,
    /// however often it asks. One of several may just claim to be a coordinator.
    pub(super) fn undialled(&mut self, peer: &NodeId, failure: DialFailure) {
        if self.session.is_ready() || !self.session.state().joining.seeks(peer) {
            return;
        }
        if let Some(version) = failure.version {
            self.entering.other_versions.insert(*peer, version.clone());
            let Entering {
                coordinators,
                other_versions,
                ..
            } = &self.entering;
            if coordinators
                .iter()
                .all(|id| other_versions.contains_key(id))
            {
                return self.speaks_otherwise(&version);
            }
        }
        let reason = failure.reason;
        self.progress(|| Progress::Unlinked { reason });
        self.entering.vain_dials += 1;
        let is_certain =
            self.entering.vain_dials >= VAIN_DIALS || self.entering.moved.elapsed() >= VAIN_TIME;
        let is_news = is_certain && !self.entering.told_of_member;
        let trouble = self.session.state().joining.trouble();
        if let Some(trouble) = trouble.filter(|_| is_news) {
            self.entering.told_of_member = true;
            self.warn(Code::MemberUnreachable, format!("{trouble} trying again"));
        }
    }

    fn speaks_otherwise(&mut self, version: &str) {
        let step = self.session.state().joining.step();
        let message = format!("{step}: {version}; run the same version everywhere");
        self.depart(Ending::wrong(Status::Refused, Code::Version, message));
    }

    /// Leaves because nobody let this node in in time. If a coordinator speaks another version, that may be the
    /// reason.
    pub(super) fn give_up(&mut self) {
        let mut coordinators = self.entering.coordinators.iter();
        let version = coordinators.find_map(|id| self.entering.other_versions.get(id));
        if let Some(version) = version.cloned() {
            return self.speaks_otherwise(&version);
        }
        let message = self.session.state().joining.failure(self.timeout);
        self.depart(Ending::wrong(
            Status::Unreachable,
            Code::Unreachable,
            message,
        ));
    }
}

/// Returns true if an event shows that more of the history has arrived. The steps before that are repeated while
/// nobody lets this node in.
pub(super) const fn moves(event: &Event) -> bool {
    match event {
        Event::Joining(stage) => matches!(stage, JoiningStage::FetchingHistory { .. }),
        Event::Message(message) => message.history,
        _ => false,
    }
}
