//! Translates the core's events for the session.
//!
//! Not here: what follows from them for the user (`ringtalk_session`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_proto::{
    Delivered, ErrorKind, Event as CoreEvent, JoiningStage, Person as Member, View,
};
use ringtalk_session::{
    Code, Event, JoinProgress, JoinStage, Members, Message, Person, Remark, RoomEvent,
};
use ringtalk_wire::RingId;

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
    pub(super) fn progress(&mut self, progress: impl FnOnce() -> JoinProgress) {
        if !self.session.is_ready() {
            self.tell(Event::Progress(progress()));
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.session.record(event, Instant::now());
    }
}

/// Translates an event of the core, which came at `now_ms` by the calendar.
pub(super) fn session_event(core_event: CoreEvent, lobby: RingId, now_ms: u64) -> Event {
    match core_event {
        CoreEvent::Joining(stage) => Event::Joining(self::stage(stage)),
        CoreEvent::Start { base } => Event::Start { base },
        CoreEvent::Ready { name } => Event::Ready { name },
        CoreEvent::Message(message) => Event::Message(self::message(lobby, message, now_ms)),
        CoreEvent::Control(_) => unreachable!("it is no event of its own"),
        CoreEvent::View(view) => Event::View(Arc::new(members(&view))),
        CoreEvent::Neighbours {
            predecessor,
            successor,
        } => Event::Neighbours {
            predecessor,
            successor,
        },
        CoreEvent::Coordinator { epoch } => Event::Coordinator { epoch },
        CoreEvent::Joined(member) => Event::Joined(person(member)),
        CoreEvent::Left(member) => Event::Left(person(member)),
        CoreEvent::Failed(member) => Event::Failed(person(member)),
        CoreEvent::Renamed {
            person: member,
            previous,
        } => Event::Renamed {
            person: person(member),
            previous,
        },
        CoreEvent::Observed { host } => {
            let source = host.map_or_else(
                || "through a relay".to_owned(),
                |host| format!("from {host}"),
            );
            Event::Notice(Remark {
                code: Code::Observer,
                message: format!(
                    "an observer {source} is looking at the ring: it sees the members, but not their messages"
                ),
            })
        }
        CoreEvent::Merged { members, epoch } => Event::Merged { members, epoch },
        CoreEvent::Reached {
            first,
            last,
            members,
            complete,
        } => Event::Reached {
            first,
            last,
            members,
            complete,
        },
        CoreEvent::WasAway { lasted, messages } => Event::Notice(Remark {
            code: Code::WasAway,
            message: absence(lasted, messages),
        }),
        CoreEvent::Gap {
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
        CoreEvent::Error { kind, message } => Event::Error(Remark {
            code: code(kind),
            message,
        }),
    }
}

/// Translates an event of a room; `None` if the event is of no interest there.
pub(super) fn room_event(core_event: CoreEvent) -> Option<RoomEvent> {
    Some(match core_event {
        CoreEvent::Start { base } => RoomEvent::Start { base },
        CoreEvent::Ready { .. } => RoomEvent::Ready,
        CoreEvent::View(view) => RoomEvent::View(Arc::new(members(&view))),
        CoreEvent::Joined(member) => RoomEvent::Joined(person(member)),
        CoreEvent::Left(member) => RoomEvent::Left(person(member)),
        CoreEvent::Failed(member) => RoomEvent::Failed(person(member)),
        CoreEvent::Merged { members, .. } => RoomEvent::Merged { members },
        CoreEvent::Reached {
            first,
            last,
            members,
            complete,
        } => RoomEvent::Reached {
            first,
            last,
            members,
            complete,
        },
        CoreEvent::Gap {
            author,
            from,
            to,
            passed,
        } => RoomEvent::Gap {
            author,
            from,
            to,
            passed,
        },
        // The lobby tells of names, and of this node's absence.
        CoreEvent::Renamed { .. }
        | CoreEvent::WasAway { .. }
        | CoreEvent::Joining(_)
        | CoreEvent::Neighbours { .. }
        | CoreEvent::Observed { .. }
        | CoreEvent::Message(_)
        | CoreEvent::Control(_)
        | CoreEvent::Coordinator { .. }
        | CoreEvent::Error { .. } => return None,
    })
}

/// Returns the sentence about an absence.
fn absence(lasted: Duration, messages: u64) -> String {
    let seconds = lasted.as_secs();
    let lasted = match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    };
    match messages {
        0 => format!("you were away for {lasted}; no message came meanwhile."),
        1 => format!("you were away for {lasted}; 1 message came meanwhile."),
        count => format!("you were away for {lasted}; {count} messages came meanwhile."),
    }
}

pub(super) fn message(room: RingId, message: Delivered, arrived_ms: u64) -> Message {
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
        room,
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

pub(super) const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::AuthorForked => Code::AuthorForked,
        ErrorKind::Full => Code::Full,
        ErrorKind::LamportTime => Code::LamportTime,
        ErrorKind::Refused => Code::Refused,
        ErrorKind::SlowMember => Code::SlowMember,
        ErrorKind::UnprovenCoordinator => Code::UnprovenCoordinator,
        ErrorKind::UnreachableAddress => Code::UnreachableAddress,
    }
}

fn person(member: Member) -> Person {
    let Member { id, name } = member;
    Person { id, name }
}

fn stage(stage: JoiningStage) -> JoinStage {
    match stage {
        JoiningStage::AskingDirector => JoinStage::AskingDirector,
        JoiningStage::Linking { peer, address } => JoinStage::Linking { peer, address },
        JoiningStage::AskingForPlace { peer, address } => {
            JoinStage::AskingForPlace { peer, address }
        }
        JoiningStage::FetchingHistory { done, total } => JoinStage::FetchingHistory { done, total },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_told_in_a_fitting_unit() {
        let told = |seconds, messages| absence(Duration::from_secs(seconds), messages);
        assert_eq!(
            told(8, 12),
            "you were away for 8 s; 12 messages came meanwhile."
        );
        assert_eq!(
            told(720, 1),
            "you were away for 12 min; 1 message came meanwhile."
        );
        assert_eq!(
            told(7_200, 0),
            "you were away for 2 h; no message came meanwhile."
        );
    }
}
