//! Joining as the user sees it: its steps, progress reports, and its failure.
//!
//! Not here: the steps themselves (the core and `director_client`), their texts (`ringtalk_session::Joining`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use ringtalk_director::api::Address;
use ringtalk_proto::{Event, Input, JoiningStage};
use ringtalk_session::{Code, JoinProgress};
use ringtalk_wire::NodeId;
use tokio::time::Instant;

use super::{Driver, Ending};
use crate::director_client::EntryAnswer;
use crate::link::dialler::DialFailure;
use crate::status::Status;

/// When a waiting user gets the first report, and how often after that.
const FIRST_REPORT: Duration = Duration::from_millis(500);
const REPORT: Duration = Duration::from_secs(1);
/// Failed dials are reported from the second one on, or from the first one that took this long. One failure may be
/// temporary, while the ring elects a coordinator.
const FAILED_DIALS: u32 = 2;
const FAILED_TIME: Duration = Duration::from_secs(2);
/// The time without new history after which the user is told.
const STALL: Duration = Duration::from_secs(5);

/// The state of the reports about joining.
#[derive(Debug)]
pub(super) struct JoinReports {
    report_at: Instant,
    /// When joining last made progress.
    progress_at: Instant,
    failed_dials: u32,
    warned_of_member: bool,
    warned_of_stall: bool,
    /// The coordinators that the directors named last.
    coordinators: BTreeSet<NodeId>,
    /// The directors whose last answer was that they know no such discussion.
    without_discussion: BTreeSet<Address>,
    /// The nodes that seemed to speak another version when they were dialled, and which.
    other_versions: BTreeMap<NodeId, String>,
}

impl JoinReports {
    /// Returns the state before anything has happened.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            report_at: now + FIRST_REPORT,
            progress_at: now,
            failed_dials: 0,
            warned_of_member: false,
            warned_of_stall: false,
            coordinators: BTreeSet::new(),
            without_discussion: BTreeSet::new(),
            other_versions: BTreeMap::new(),
        }
    }

    /// Records whether a director's last answer was that it knows no such discussion.
    pub(super) fn note_reply(&mut self, director: &Address, no_such: bool) {
        if no_such {
            self.without_discussion.insert(director.clone());
        } else {
            self.without_discussion.remove(director);
        }
    }
}

impl Driver {
    /// Returns when the user gets the next progress report.
    pub(super) fn next_report(&self) -> Option<Instant> {
        let is_waited_for = !self.session.is_ready() && !self.leave_state.is_leaving();
        is_waited_for.then_some(self.join_reports.report_at)
    }

    /// Reports progress to the user, if it is time.
    pub(super) fn report(&mut self) {
        let now = Instant::now();
        if self.next_report().is_none_or(|at| now < at) {
            return;
        }
        self.join_reports.report_at = now + REPORT;
        self.session.show_progress();
        let stalls = self.session.state().joining.is_fetching()
            && now - self.join_reports.progress_at >= STALL;
        if stalls && !self.join_reports.warned_of_stall {
            self.join_reports.warned_of_stall = true;
            let step = self.session.state().joining.describe();
            let seconds = STALL.as_secs();
            let message = format!("{step}, then none for {seconds} s; asking other members");
            self.warn(Code::HistoryStalled, message);
        }
    }

    /// Updates the deadline for an event. If joining `has_progressed`, the rest gets the full time again.
    pub(super) fn extend_deadline(&mut self, has_progressed: bool) {
        if self.leave_state.is_leaving() {
            return;
        }
        if self.session.is_ready() {
            self.deadline = None;
        } else if has_progressed {
            self.join_reports.progress_at = Instant::now();
            self.deadline = Some(self.join_reports.progress_at + self.timeout);
        }
    }

    pub(super) fn handle_entry_answer(&mut self, answer: EntryAnswer) {
        match answer {
            EntryAnswer::Found => self.feed(Input::Found),
            EntryAnswer::Join {
                coordinator,
                doors,
                candidates,
            } => {
                let all = candidates.iter().chain([&coordinator]);
                self.join_reports.coordinators = all.map(|contact| contact.id).collect();
                self.join_reports.without_discussion.clear();
                self.feed(Input::Contact {
                    coordinator,
                    doors,
                    candidates,
                });
            }
            // The node joined by another route while the director was asked.
            EntryAnswer::Refused(_) if self.session.is_ready() || self.host.lobby().is_member() => {
                if !self.host.lobby().is_member() {
                    self.directors.client.ask(true);
                }
            }
            EntryAnswer::Refused(detail) => {
                let message = format!("could not join: {detail}");
                self.start_leaving(Ending::failure(Status::Refused, Code::Refused, message));
            }
        }
    }

    /// Handles a failed dial while joining. Coordinators that all speak another version will not let this node in,
    /// however often it asks. One of several may just claim to be a coordinator.
    pub(super) fn handle_failed_dial(&mut self, peer: &NodeId, failure: DialFailure) {
        if self.session.is_ready() || !self.session.state().joining.is_target(peer) {
            return;
        }
        if let Some(version) = failure.version {
            self.join_reports
                .other_versions
                .insert(*peer, version.clone());
            let JoinReports {
                coordinators,
                other_versions,
                ..
            } = &self.join_reports;
            if coordinators
                .iter()
                .all(|id| other_versions.contains_key(id))
            {
                return self.refuse_version(&version);
            }
        }
        let reason = failure.reason;
        // At a private address, another machine in this node's own network may refuse.
        let is_home = |ip: &IpAddr| matches!(ip, IpAddr::V4(v4) if v4.is_private());
        let may_be_at_home = failure.refused.is_empty() || failure.refused.iter().any(is_home);
        self.progress(|| JoinProgress::LinkFailed {
            reason,
            may_be_at_home,
        });
        self.join_reports.failed_dials += 1;
        let is_certain = self.join_reports.failed_dials >= FAILED_DIALS
            || self.join_reports.progress_at.elapsed() >= FAILED_TIME;
        let is_news = is_certain && !self.join_reports.warned_of_member;
        let last_failure = self.session.state().joining.last_failure();
        if let Some(last_failure) = last_failure.filter(|_| is_news) {
            self.join_reports.warned_of_member = true;
            self.warn(
                Code::MemberUnreachable,
                format!("{last_failure} Trying again."),
            );
        }
    }

    fn refuse_version(&mut self, version: &str) {
        let step = self.session.state().joining.describe();
        let message = format!("{step}: {version}; run the same version everywhere");
        self.start_leaving(Ending::failure(Status::Refused, Code::Version, message));
    }

    /// Leaves because nobody let this node in in time. If a coordinator speaks another version, that may be the
    /// reason. If no director knows the discussion, more time would not have helped.
    pub(super) fn give_up(&mut self) {
        let mut coordinators = self.join_reports.coordinators.iter();
        let version = coordinators.find_map(|id| self.join_reports.other_versions.get(id));
        if let Some(version) = version.cloned() {
            return self.refuse_version(&version);
        }
        let message = self.session.state().joining.timeout_message(self.timeout);
        let known = &self.join_reports.without_discussion;
        let is_nowhere = self.directors.reachability.all(|one| known.contains(one));
        let (status, code) = if is_nowhere {
            (Status::Refused, Code::Refused)
        } else {
            (Status::Unreachable, Code::Unreachable)
        };
        self.start_leaving(Ending::failure(status, code, message));
    }
}

/// Returns true if an event shows that more of the history has arrived. The steps before that are repeated while
/// nobody lets this node in.
pub(super) const fn is_progress(event: &Event) -> bool {
    match event {
        Event::Joining(stage) => matches!(stage, JoiningStage::FetchingHistory { .. }),
        Event::Message(message) => message.history,
        _ => false,
    }
}
