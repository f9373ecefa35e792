//! Reachability checks: whether others can dial this node at the addresses that it gives.
//!
//! Each node asks a few members once. If none of them gets through, it tells its user, and adds which host they see
//! (`PROTOCOL.md` §3.5). Not here: the dials (the driver).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use ringtalk_wire::{Checked, Frame, NodeId};

use crate::context::Context;
use crate::{Output, Time, Trouble};

/// How long this node waits before it asks a linked member: what a newcomer waits for comes first.
const CHECK_AFTER: Duration = Duration::from_secs(1);
/// How long the answers may take.
const CHECK_TIME: Duration = Duration::from_millis(3_600);
/// The maximum number of members that this node checks at a time.
const CHECKS: usize = 8;
/// How soon a member may ask again.
const CHECK_AGAIN: Duration = Duration::from_secs(10);

/// The results of this node's own check, and the checks that it makes for others.
#[derive(Debug, Default)]
pub(crate) struct Checking {
    state: State,
    /// When this node began its latest checks of other members.
    checks: BTreeMap<NodeId, Time>,
}

#[derive(Debug, Default)]
enum State {
    /// There was no member to ask yet.
    #[default]
    Unasked,
    /// A member is linked; this node asks at that time.
    Waiting(Time),
    /// These members were asked, and some have answered.
    Asked {
        until: Time,
        asked: Vec<NodeId>,
        answers: Vec<(NodeId, Option<IpAddr>)>,
    },
    /// The result is known.
    Done,
}

impl Checking {
    /// Returns when `expire` has something to do.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Waiting(at) => Some(at),
            State::Asked { until, .. } => Some(until),
            State::Unasked | State::Done => None,
        }
    }
}

impl Checking {
    /// Schedules the question, because a member is linked that can answer it.
    pub(crate) fn may_begin(&mut self, context: &Context) {
        let now = context.now;
        if matches!(self.state, State::Unasked) && context.joining.is_ready() {
            self.state = State::Waiting(now + CHECK_AFTER);
        }
    }

    pub(crate) fn expire(&mut self, context: &mut Context) {
        let now = context.now;
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        match core::mem::take(&mut self.state) {
            State::Asked { answers, .. } => self.conclude(context, &answers),
            _ => self.ask_to_be_checked(context),
        }
    }

    /// Asks linked members: one on another network, and one on this node's own, if there are both.
    fn ask_to_be_checked(&mut self, context: &mut Context) {
        let now = context.now;
        let Some(view) = context.view.clone() else {
            return;
        };
        let members = view.members().filter(|one| context.links.is_up(&one.id));
        let mut linked: Vec<_> = members.collect();
        linked.sort_by_key(|one| (!context.is_far(&one.id), one.key));
        let (Some(first), Some(last)) = (linked.first(), linked.last()) else {
            return;
        };
        let mut asked = Vec::from([first.id, last.id]);
        asked.dedup();
        for id in &asked {
            context.send(id, &Frame::Check);
        }
        self.state = State::Asked {
            until: now + CHECK_TIME,
            asked,
            answers: Vec::new(),
        };
    }

    /// Dials a member that asks whether this node reaches it.
    pub(crate) fn take_check(&mut self, context: &mut Context, peer: NodeId) {
        let now = context.now;
        let checks = &mut self.checks;
        checks.retain(|_, since| now - *since < CHECK_AGAIN);
        let Some(member) = context.view.as_ref().and_then(|view| view.member(&peer)) else {
            return;
        };
        if checks.len() < CHECKS && !checks.contains_key(&peer) {
            checks.insert(peer, now);
            let addresses = member.addresses.clone();
            context.out.push_back(Output::Check { peer, addresses });
        }
    }

    /// Tells a member whether it was reached at its addresses.
    pub(crate) fn tell(context: &mut Context, peer: NodeId, reached: bool) {
        let host = context
            .links
            .host(&peer)
            .filter(|_| context.links.is_direct(&peer));
        let seen = host.map(|host| host.to_string()).unwrap_or_default();
        let checked = Frame::Checked(Checked { reached, seen });
        context.send(&peer, &checked);
    }

    /// Takes the result of a member's check of this node.
    pub(crate) fn take_checked(&mut self, context: &mut Context, peer: NodeId, checked: &Checked) {
        let State::Asked { asked, answers, .. } = &mut self.state else {
            return;
        };
        if !asked.contains(&peer) {
            return;
        }
        if checked.reached {
            self.state = State::Done;
            return;
        }
        asked.retain(|id| *id != peer);
        // Any other text is not a host.
        let seen = checked.seen.parse::<IpAddr>().ok();
        answers.push((peer, seen));
        if asked.is_empty() {
            let answers = core::mem::take(answers);
            self.conclude(context, &answers);
        }
    }

    /// Tells the user if some members have tried and none got through.
    fn conclude(&mut self, context: &mut Context, answers: &[(NodeId, Option<IpAddr>)]) {
        if answers.is_empty() {
            self.state = State::Unasked;
            return;
        }
        self.state = State::Done;
        let names: Vec<String> = answers.iter().map(|(id, _)| context.name_of(id)).collect();
        let tried: Vec<&str> = context.config.addresses.all().collect();
        let seen = answers.iter().find_map(|&(_, seen)| seen);
        let seen = seen.map_or_else(String::new, |seen| format!(" (they see you at {seen})"));
        let message = format!(
            "nobody gets through to you at {}: {} tried{seen}. You are a member all the same: others wait for you to dial, \
             or talk to you through a third. To be reached, let that port in, or say another address with --public-address",
            tried.join(" and "),
            names.join(" and "),
        );
        context.error(Trouble::UnreachableAddress, message);
    }
}
