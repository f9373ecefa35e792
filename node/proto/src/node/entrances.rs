//! Entrances: where newcomers can reach members, as this node asks and answers.
//!
//! `PROTOCOL.md` §3.6. Not here: the check of this node's own addresses (`reachability`), the question and its answers
//! (`entrances`).

use ringtalk_wire::{Checked, NodeId};

use super::Node;

impl Node {
    /// Asks members where newcomers can reach them.
    pub(super) fn ask_entrances(&mut self) {
        self.reachability.hurry(&mut self.context);
        let own = self.reachability.reached();
        self.entrances.ask(&mut self.context, own);
    }

    /// Answers a member that asks where newcomers can reach this node.
    pub(super) fn take_ask_entrance(&mut self, peer: NodeId) {
        self.reachability.hurry(&mut self.context);
        let own = self.reachability.reached();
        self.entrances.take_ask(&mut self.context, peer, own);
    }

    /// Takes the result of a member's check of this node.
    pub(super) fn take_checked(&mut self, peer: NodeId, checked: &Checked) {
        self.reachability
            .take_checked(&mut self.context, peer, checked);
        self.answer_entrance();
    }

    /// Ends the check of this node's own addresses if its time is over.
    pub(super) fn expire_reachability(&mut self) {
        self.reachability.expire(&mut self.context);
        self.answer_entrance();
    }

    fn answer_entrance(&mut self) {
        let own = self.reachability.reached();
        self.entrances.answer_waiting(&mut self.context, own);
    }
}
