//! Absence: when this node was away, and when it has caught up and its user is told.
//!
//! Not here: which absences are told, and the count of messages (`machines::absence`).

use ringtalk_wire::Heartbeat;

use super::Node;
use crate::machines::absence::Return;
use crate::view::Differences;
use crate::{Event, View};

impl Node {
    /// Notes whether a new view leaves this node alone, or brings it back to others.
    pub(super) fn note_company(&mut self, before: &View, next: &View, differences: &Differences) {
        let now = self.context.now;
        if next.len() == 1 {
            let mut gone = differences.gone.iter();
            let failed = gone.any(|member| !next.has_left(&member.id));
            if before.len() > 1 {
                self.absence.note_alone(now, failed);
            }
        } else {
            let led_by_another = next.coordinator() != self.context.config.id;
            let merged = led_by_another || next.layout() != before.layout();
            self.absence.note_company(now, merged);
        }
    }

    /// Tells the user of an absence if a neighbour's heartbeat shows that nothing is missing any more. A heartbeat
    /// that waited while this node slept shows nothing.
    pub(super) fn note_equal_clock(&mut self, heartbeat: &Heartbeat) {
        let context = &self.context;
        let view = context.view_as_member();
        let is_current = view.is_some_and(|view| view.tag() == heartbeat.tag);
        if is_current && context.self_doubt.is_none() {
            let back = self.absence.note_up_to_date();
            self.tell_return(back);
        }
    }

    pub(super) fn expire_absence(&mut self) {
        let back = self.absence.expire(self.context.now);
        self.tell_return(back);
    }

    fn tell_return(&mut self, back: Option<Return>) {
        if let Some(Return { lasted, messages }) = back {
            self.context.emit(Event::WasAway { lasted, messages });
        }
    }
}
