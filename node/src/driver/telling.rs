//! Translates the core's events for the session.
//!
//! Not here: what follows from them for the user (`ringtalk_session`).

use std::sync::Arc;
use std::time::Instant;

use ringtalk_proto::{Delivered, Event as Said, JoiningStage, Person as Member, Trouble, View};
use ringtalk_session::{Code, Event, Members, Message, Person, Progress, Remark, Stage};

use super::Driver;

impl Driver {
    /// Tells the user of a problem; the node goes on.
    pub(super) fn warn(&mut self, code: Code, message: String) {
        self.tell(Event::Error(Remark { code, message }));
    }

    /// Tells the user something that may be of interest.
    pub(super) fn notify(&mut self, code: Code, message: String) {
        self.tell(Event::Notice(Remark { code, message }));
    }

    /// Tells the user the outcome of a step, until the node is ready.
    pub(super) fn progress(&mut self, progress: impl FnOnce() -> Progress) {
        if !self.session.is_ready() {
            self.tell(Event::Progress(progress()));
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.session.tell(event, Instant::now());
    }
}

/// Translates an event of the core, which came at `now_ms` by the calendar.
pub(super) fn told(said: Said, now_ms: u64) -> Event {
    match said {
        Said::Joining(stage) => Event::Joining(self::stage(stage)),
        Said::Start { base } => Event::Start { base },
        Said::Ready { name } => Event::Ready { name },
        Said::Message(message) => Event::Message(self::message(message, now_ms)),
        Said::View(view) => Event::View(Arc::new(members(&view))),
        Said::Neighbours {
            predecessor,
            successor,
        } => Event::Neighbours {
            predecessor,
            successor,
        },
        Said::Coordinator { epoch } => Event::Coordinator { epoch },
        Said::Joined(member) => Event::Joined(person(member)),
        Said::Left(member) => Event::Left(person(member)),
        Said::Failed(member) => Event::Failed(person(member)),
        Said::Renamed {
            person: member,
            previous,
        } => Event::Renamed {
            person: person(member),
            previous,
        },
        Said::Observed { host } => {
            let whence = host.map_or_else(
                || "through a relay".to_owned(),
                |host| format!("from {host}"),
            );
            Event::Notice(Remark {
                code: Code::Observer,
                message: format!(
                    "somebody looks at the ring {whence}, and is no member: it sees who is here, and not what is said"
                ),
            })
        }
        Said::Merged { members, epoch } => Event::Merged { members, epoch },
        Said::Reached {
            first,
            last,
            members,
        } => Event::Reached {
            first,
            last,
            members,
        },
        Said::Gap {
            author,
            from,
            to,
            passed,
        } => Event::Gap {
            author,
            from,
            to,
            passed,
        },
        Said::Error { trouble, message } => Event::Error(Remark {
            code: code(trouble),
            message,
        }),
    }
}

fn message(message: Delivered, arrived_ms: u64) -> Message {
    let Delivered {
        id,
        name,
        timestamp_ms,
        text,
        lamport,
        heads,
        history,
    } = message;
    Message {
        id,
        name,
        timestamp_ms,
        arrived_ms,
        text,
        lamport,
        heads,
        history,
    }
}

fn members(view: &View) -> Members {
    let tag = view.tag();
    Members::new(tag.epoch, tag.number, view.shared_members())
}

const fn code(trouble: Trouble) -> Code {
    match trouble {
        Trouble::AuthorForked => Code::AuthorForked,
        Trouble::Full => Code::Full,
        Trouble::LamportTime => Code::LamportTime,
        Trouble::Refused => Code::Refused,
        Trouble::SlowMember => Code::SlowMember,
        Trouble::UnprovenCoordinator => Code::UnprovenCoordinator,
        Trouble::UnreachableAddress => Code::UnreachableAddress,
    }
}

fn person(member: Member) -> Person {
    let Member { id, name } = member;
    Person { id, name }
}

fn stage(stage: JoiningStage) -> Stage {
    match stage {
        JoiningStage::AskingDirector => Stage::AskingDirector,
        JoiningStage::Linking { peer, address } => Stage::Linking { peer, address },
        JoiningStage::AskingForPlace { peer, address } => Stage::AskingForPlace { peer, address },
        JoiningStage::FetchingHistory { done, total } => Stage::FetchingHistory { done, total },
    }
}
