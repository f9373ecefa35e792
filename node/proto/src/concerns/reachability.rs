//! Reachability checks: whether others can dial this node at the addresses that it gives.
//!
//! Each node asks a few members once. It remembers at which addresses they got through, because newcomers can enter
//! there. If none got through, it tells its user, and adds which host they see (`PROTOCOL.md` §3.5). Not here: the
//! dials (the driver), what is done with the addresses (`entrances`).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use ringtalk_wire::limit::ENTRANCES;
use ringtalk_wire::{Checked, Frame, NodeId};

use crate::config::RingKind;
use crate::context::Context;
use crate::{ErrorKind, Output, Time};

/// How long this node waits before it asks a linked member: what a newcomer waits for comes first.
const CHECK_AFTER: Duration = Duration::from_secs(1);
/// How long the answers may take.
const CHECK_TIME: Duration = Duration::from_millis(3_600);
/// The maximum number of members that this node checks at a time.
const CHECKS: usize = 8;
/// How soon this node asks other members after nobody got through; each next time it waits twice as long. Members may
/// lie, and a router may be set up later.
const RECHECK_AFTER: Duration = Duration::from_secs(60);
/// The most doublings: some two hours.
const MAX_DOUBLINGS: u32 = 7;
/// How soon a member may ask again.
const CHECK_AGAIN: Duration = Duration::from_secs(10);

/// The results of this node's own check, and the checks that it makes for others.
#[derive(Debug, Default)]
pub(crate) struct Reachability {
    state: CheckState,
    /// The addresses at which members got through, those of other networks first.
    reached: Vec<String>,
    /// How many times in a row nobody got through.
    vain_checks: u32,
    /// When this node began its latest checks of other members.
    checks: BTreeMap<NodeId, Time>,
}

#[derive(Debug, Default)]
enum CheckState {
    /// There was no member to ask yet.
    #[default]
    Idle,
    /// A member is linked; this node asks at that time.
    Waiting(Time),
    /// These members were asked, and some have answered.
    AwaitingAnswers {
        until: Time,
        asked: Vec<NodeId>,
        answers: Vec<(NodeId, Option<IpAddr>)>,
    },
    /// A member got through.
    Done,
    /// Nobody got through; this node asks others at that time.
    Unreached(Time),
}

impl Reachability {
    /// Returns when `expire` has something to do.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        match self.state {
            CheckState::Waiting(at) | CheckState::Unreached(at) => Some(at),
            CheckState::AwaitingAnswers { until, .. } => Some(until),
            CheckState::Idle | CheckState::Done => None,
        }
    }

    /// Returns the addresses at which members got through; `None` while their answers are awaited.
    pub(crate) fn reached(&self) -> Option<&[String]> {
        let is_known = matches!(self.state, CheckState::Done | CheckState::Unreached(_));
        is_known.then_some(&self.reached[..])
    }

    /// Asks at once if there is a member to ask and none was asked yet.
    pub(crate) fn hurry(&mut self, context: &mut Context) {
        if matches!(self.state, CheckState::Idle | CheckState::Waiting(_)) {
            self.request_checks(context);
        }
    }

    /// Schedules the question, because a member is linked that can answer it.
    pub(crate) fn schedule(&mut self, context: &Context) {
        let now = context.now;
        let is_lobby = context.config.kind == RingKind::Lobby;
        if is_lobby && matches!(self.state, CheckState::Idle) && context.joining.is_ready() {
            self.state = CheckState::Waiting(now + CHECK_AFTER);
        }
    }

    /// Asks again, because this node has moved. The members that were asked last may answer only in a while
    /// (`CHECK_AGAIN`); if none does, the next link leads to another question.
    pub(crate) fn renew(&mut self, context: &Context) {
        self.state = CheckState::Idle;
        self.vain_checks = 0;
        self.schedule(context);
    }

    pub(crate) fn expire(&mut self, context: &mut Context) {
        let now = context.now;
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        if matches!(self.state, CheckState::AwaitingAnswers { .. }) {
            return self.finish(context);
        }
        self.state = CheckState::Idle;
        self.request_checks(context);
    }

    /// Asks linked members: one on another network, and one on this node's own, if there are both.
    fn request_checks(&mut self, context: &mut Context) {
        let now = context.now;
        self.reached.clear();
        let Some(view) = context.view.clone() else {
            return;
        };
        let members = view.members().filter(|one| context.links.is_up(&one.id));
        let mut linked: Vec<_> = members.collect();
        linked.sort_by_key(|one| (!context.is_far(&one.id), one.key));
        // After a vain check, other members are asked.
        let turn = self.vain_checks as usize % linked.len().max(1);
        linked.rotate_left(turn);
        let (Some(first), Some(last)) = (linked.first(), linked.last()) else {
            return;
        };
        let mut asked = Vec::from([first.id, last.id]);
        asked.dedup();
        for id in &asked {
            context.send(id, &Frame::Check);
        }
        self.state = CheckState::AwaitingAnswers {
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

    /// Tells a member at which of its addresses it was reached.
    pub(crate) fn report_check(context: &mut Context, peer: NodeId, at: Option<String>) {
        let host = context
            .links
            .host(&peer)
            .filter(|_| context.links.is_direct(&peer));
        let seen = host.map(|host| host.to_string()).unwrap_or_default();
        let at = at.unwrap_or_default();
        context.send(&peer, &Frame::Checked(Checked { at, seen }));
    }

    /// Takes the result of a member's check of this node.
    pub(crate) fn take_checked(&mut self, context: &mut Context, peer: NodeId, checked: &Checked) {
        let CheckState::AwaitingAnswers { asked, answers, .. } = &mut self.state else {
            return;
        };
        if !asked.contains(&peer) {
            return;
        }
        asked.retain(|id| *id != peer);
        // Any other text is not a host.
        let seen = checked.seen.parse::<IpAddr>().ok();
        answers.push((peer, seen));
        let is_over = asked.is_empty();
        // A member cannot have reached this node where it does not say that it is.
        let is_own = context.config.addresses.all().any(|own| own == checked.at);
        if is_own && !self.reached.contains(&checked.at) {
            let place = if context.is_far(&peer) {
                0
            } else {
                self.reached.len()
            };
            self.reached.insert(place, checked.at.clone());
            debug_assert!(self.reached.len() <= ENTRANCES, "two members were asked");
        }
        if is_over {
            self.finish(context);
        }
    }

    /// Ends the wait for answers.
    fn finish(&mut self, context: &mut Context) {
        match core::mem::take(&mut self.state) {
            CheckState::AwaitingAnswers { .. } if !self.reached.is_empty() => {
                self.state = CheckState::Done;
                self.vain_checks = 0;
            }
            CheckState::AwaitingAnswers { answers, .. } => self.conclude(context, &answers),
            other => self.state = other,
        }
    }

    /// Tells the user if some members have tried and none got through.
    fn conclude(&mut self, context: &mut Context, answers: &[(NodeId, Option<IpAddr>)]) {
        if answers.is_empty() {
            self.state = CheckState::Idle;
            return;
        }
        let wait = RECHECK_AFTER * (1 << self.vain_checks.min(MAX_DOUBLINGS));
        self.state = CheckState::Unreached(context.now + wait);
        self.vain_checks = self.vain_checks.saturating_add(1);
        if self.vain_checks > 1 {
            return;
        }
        let names: Vec<String> = answers.iter().map(|(id, _)| context.name_of(id)).collect();
        let tried: Vec<&str> = context.config.addresses.all().collect();
        let seen = answers.iter().find_map(|&(_, seen)| seen);
        let seen = seen.map_or_else(String::new, |seen| format!(" (they see you at {seen})"));
        let message = format!(
            "no member could connect to you at {}: {} tried{seen}. You are a member anyway: others wait for you to dial, or \
             reach you through a third member. To be reachable, open that port, or name another address with --public-address",
            tried.join(" and "),
            names.join(" and "),
        );
        context.error(ErrorKind::UnreachableAddress, message);
    }
}
