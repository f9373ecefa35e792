//! Invites: what this node's user gives to newcomers, and whether it still leads anywhere.
//!
//! An invite names entrances: the directors that answer, then members that others have reached. The user is told when
//! the last entrance of the invite that was shown is gone. Not here: how members are asked (the core), the text of an
//! invite (`settings::endpoint`).

use std::net::SocketAddr;
use std::time::Duration;

use ringtalk_director::api::{Address, Newcomer};
use ringtalk_proto::{Input, MemberEntrance};
use ringtalk_session::{Code, Event as SessionEvent, Invite, InviteState, Reply, Requester};
use ringtalk_wire::{Addresses, NodeId};
use tokio::time::Instant;

use super::Driver;
use crate::address;
use crate::secret::Secret;
use crate::settings::invite;

/// The most entrances that an invite names: enough for several networks, and short enough to be pasted anywhere.
const ENTRANCES: usize = 8;
/// The least time between two questions that no user asked for. Views may change many times a second.
const PAUSE: Duration = Duration::from_secs(5);
/// The least time between two notices that the invite leads nowhere. Members may come and go to cause them.
const REPORT_PAUSE: Duration = Duration::from_secs(30);
/// The most commands that may wait for an invite.
const REQUESTERS: usize = 64;
/// The notice about an invite that nobody has checked.
const UNCHECKED: &str =
    "nobody has checked yet whether others reach these addresses; the first to join will";

/// The invite that was shown last, and the commands that wait for the next one.
#[derive(Debug)]
pub(crate) struct Invites {
    secret: Secret,
    /// The addresses at which this node listens for newcomers.
    own: Vec<Address>,
    /// A further listener of this node.
    further: Option<SocketAddr>,
    /// The endpoints at which this node joined; none if it founded the discussion.
    joined_at: Vec<Address>,
    /// The entrances of the invite that was shown last.
    shown: Vec<Address>,
    requesters: Vec<Requester>,
    /// When members were asked last, if they have not all answered yet.
    asked_at: Option<Instant>,
    /// When members may be asked again without a command.
    next_at: Instant,
    /// True once the entrances may have changed.
    is_stale: bool,
    /// When the user was last told that an invite leads nowhere.
    reported_at: Option<Instant>,
}

/// The members that still let newcomers in by the invite that was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// This node is not needed.
    Works,
    /// Only this node is left.
    NeedsMe,
    /// Nobody is left.
    Broken,
}

impl Invites {
    /// Creates the invites of a node, before any member can be asked. It joins `at` these endpoints, or founds if there
    /// are none, and listens for newcomers at its own addresses and at `further`.
    pub(crate) fn new(
        secret: Secret,
        own: &Newcomer,
        further: Option<SocketAddr>,
        at: Vec<Address>,
    ) -> Self {
        let own = own_entrances(own, further);
        Self {
            secret,
            further,
            shown: if at.is_empty() {
                own.clone()
            } else {
                at.clone()
            },
            own,
            joined_at: at,
            requesters: Vec::new(),
            asked_at: None,
            next_at: Instant::now(),
            is_stale: false,
            reported_at: None,
        }
    }

    /// Returns the invite that was shown last.
    pub(crate) fn shown(&self) -> Invite {
        self.text(&self.shown)
    }

    /// Takes over this node's new addresses. Returns the new invite, if the one that was shown last names the old ones.
    pub(super) fn relocate(&mut self, own: &Newcomer) -> Option<Invite> {
        let own = own_entrances(own, self.further);
        let old = std::mem::replace(&mut self.own, own);
        let is_named = self.shown.iter().any(|shown| old.contains(shown));
        if !is_named || old == self.own {
            return None;
        }
        self.shown.retain(|shown| !old.contains(shown));
        let others = std::mem::take(&mut self.shown);
        self.shown = self.own.iter().cloned().chain(others).collect();
        self.shown.truncate(ENTRANCES);
        Some(self.shown())
    }

    /// Returns true while a command waits for an invite. Later commands wait too, so that answers keep their order.
    pub(super) const fn is_awaited(&self) -> bool {
        !self.requesters.is_empty()
    }

    /// Notes that a view or a director has changed.
    pub(super) const fn note_change(&mut self) {
        self.is_stale = true;
    }

    /// Takes the commands that wait.
    pub(super) fn take_requesters(&mut self) -> Vec<Requester> {
        std::mem::take(&mut self.requesters)
    }

    fn text(&self, entrances: &[Address]) -> Invite {
        invite(entrances, &self.secret)
    }
}

impl Driver {
    /// Asks for an invite on behalf of a command, which is answered later.
    pub(super) fn request_invite(&mut self, requester: Requester) {
        if self.invites.requesters.len() == REQUESTERS {
            let known = self.session.state().me.invite.clone();
            return self
                .session
                .answer("invite", requester, Ok(Reply::Invite(known)));
        }
        self.invites.requesters.push(requester);
        self.ask_entrances();
    }

    fn ask_entrances(&mut self) {
        if self.invites.asked_at.is_none() {
            let now = Instant::now();
            self.invites.asked_at = Some(now);
            self.invites.next_at = now + PAUSE;
            self.invites.is_stale = false;
            self.feed(Input::AskEntrances);
        }
    }

    /// Returns when to look again whether the invite leads anywhere: never before this node is in, or once it leaves.
    pub(super) fn invite_due(&self) -> Option<Instant> {
        let is_idle = self.invites.asked_at.is_none() && !self.leave_state.has_begun();
        let is_due = self.invites.is_stale && is_idle && self.session.is_ready();
        is_due.then_some(self.invites.next_at)
    }

    /// Looks whether the invite that was shown still leads anywhere; if not, asks for a new one.
    pub(super) fn watch_invite(&mut self) {
        if self.invite_due().is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.invites.is_stale = false;
        let is_alone = self.host.lobby().view().is_none_or(|view| view.len() <= 1);
        match self.standing(&self.invites.shown) {
            Standing::Broken => self.ask_entrances(),
            Standing::NeedsMe if !is_alone => self.ask_entrances(),
            Standing::Works | Standing::NeedsMe => self.set_invite_after_me(None),
        }
    }

    /// Takes the entrances at which members have answered.
    pub(super) fn handle_entrances(&mut self, named: &[MemberEntrance]) {
        self.invites.asked_at = None;
        let me = self.host.lobby().id();
        let all = self.entrances(named, None);
        let is_checked = !all.is_empty();
        let entrances = if is_checked {
            all
        } else {
            self.unchecked_entrances()
        };
        let without_me = self.entrances(named, Some(&me));
        let invite = self.invites.text(&entrances);
        let was_broken = self.standing(&self.invites.shown) == Standing::Broken;
        if self.invites.is_awaited() || was_broken {
            self.invites.shown = entrances;
        }
        self.session.record(
            SessionEvent::Invite(InviteState {
                invite: invite.clone(),
                after_me: None,
            }),
            Instant::now().into_std(),
        );
        let needs_me = self.standing(&self.invites.shown) == Standing::NeedsMe;
        let after_me = (needs_me && !without_me.is_empty()).then(|| self.invites.text(&without_me));
        self.set_invite_after_me(after_me);
        let requesters = self.invites.take_requesters();
        if was_broken && requesters.is_empty() {
            self.report_broken_invite(is_checked, &invite);
        }
        for requester in requesters {
            let reply = Ok(Reply::Invite(invite.clone()));
            self.session.answer("invite", requester, reply);
            if !is_checked {
                self.notify(Code::UncheckedInvite, UNCHECKED.to_owned());
            }
        }
    }

    fn report_broken_invite(&mut self, is_checked: bool, invite: &Invite) {
        let now = Instant::now();
        let last = self.invites.reported_at;
        if last.is_some_and(|last| now.duration_since(last) < REPORT_PAUSE) {
            return;
        }
        self.invites.reported_at = Some(now);
        let what = "the invite to this discussion leads nowhere any more";
        let (new, doubt) = (
            invite.as_str(),
            "; nobody has checked whether others reach it",
        );
        let doubt = if is_checked { "" } else { doubt };
        let message = format!("{what}. Newcomers need the new one{doubt}: {new}");
        self.notify(Code::InviteChanged, message);
    }

    /// Returns the entrances of an invite: directors that answer, then this node, which is the one that its user trusts,
    /// then other members. One member may be left out.
    fn entrances(&self, named: &[MemberEntrance], except: Option<&NodeId>) -> Vec<Address> {
        let directors = self.directors.reachability.answering().cloned();
        let me = self.host.lobby().id();
        let (own, others): (Vec<&MemberEntrance>, _) =
            named.iter().partition(|one| one.member == me);
        let members = own.into_iter().take(1).chain(others);
        let members = members.filter(|one| Some(&one.member) != except);
        let members = members.filter_map(|one| one.address.parse().ok());
        let mut entrances: Vec<Address> = Vec::new();
        for entrance in directors.chain(members) {
            if !entrances.contains(&entrance) && entrances.len() < ENTRANCES {
                entrances.push(entrance);
            }
        }
        entrances
    }

    /// Returns the entrances of an invite that nobody has checked: this node's own, and directors that may answer again.
    fn unchecked_entrances(&self) -> Vec<Address> {
        let mut entrances = self.invites.own.clone();
        let reachability = &self.directors.reachability;
        for entrance in &self.invites.joined_at {
            if !entrances.contains(entrance) && !reachability.is_member(entrance) {
                entrances.push(entrance.clone());
            }
        }
        entrances.truncate(ENTRANCES);
        entrances
    }

    /// Returns who still lets newcomers in at these entrances.
    fn standing(&self, entrances: &[Address]) -> Standing {
        let mut directors = self.directors.reachability.answering();
        if directors.any(|director| entrances.contains(director)) {
            return Standing::Works;
        }
        let is_one = |addresses: &Addresses| {
            let mut own = addresses.all();
            own.any(|own| entrances.iter().any(|one| one.as_str() == own))
        };
        let Some(view) = self.host.lobby().view() else {
            return Standing::Works;
        };
        let me = self.host.lobby().id();
        let mut others = view.members().filter(|member| member.id != me);
        if others.any(|member| is_one(&member.addresses)) {
            return Standing::Works;
        }
        let is_mine = entrances.iter().any(|one| self.invites.own.contains(one));
        if is_mine || view.member(&me).is_some_and(|me| is_one(&me.addresses)) {
            Standing::NeedsMe
        } else {
            Standing::Broken
        }
    }

    fn set_invite_after_me(&mut self, after_me: Option<Invite>) {
        if self.session.state().after_me != after_me {
            let invite = self.session.state().me.invite.clone();
            let event = SessionEvent::Invite(InviteState { invite, after_me });
            self.session.record(event, Instant::now().into_std());
        }
    }
}

/// Returns the addresses at which this node listens for newcomers: its own, and that of its further listener.
fn own_entrances(own: &Newcomer, further: Option<SocketAddr>) -> Vec<Address> {
    let public = own.public_address.iter();
    let addresses = public.chain([&own.internal_address]);
    let addresses = addresses.chain(&own.other_addresses).cloned();
    let further = further.map(|further| further_address(own, further));
    addresses.chain(further).collect()
}

/// Returns where others find a further listener of a node: at the node's own host, if it listens everywhere.
fn further_address(own: &Newcomer, further: SocketAddr) -> Address {
    let contact_address = own.public_address.as_ref().unwrap_or(&own.internal_address);
    let host = contact_address.as_str().rsplit_once(':');
    let at_own_host = host.filter(|_| further.ip().is_unspecified());
    let at_own_host = at_own_host.map(|(host, _)| format!("{host}:{}", further.port()).parse());
    match at_own_host {
        Some(Ok(address)) => address,
        _ => address::of_socket(further),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invites(public: Option<&str>, further: Option<&str>, at: &[&str]) -> Invites {
        let further = further.map(|further| further.parse().unwrap());
        let at = at.iter().map(|one| one.parse().unwrap()).collect();
        Invites::new(
            Secret::open(),
            &newcomer(public, "10.0.0.1:8080"),
            further,
            at,
        )
    }

    fn newcomer(public: Option<&str>, internal: &str) -> Newcomer {
        Newcomer {
            id: NodeId::from_bytes([1; 16]),
            internal_address: internal.parse().unwrap(),
            public_address: public.map(|public| public.parse().unwrap()),
            other_addresses: vec!["192.168.0.1:8080".parse().unwrap()],
        }
    }

    fn shown(invites: &Invites) -> String {
        invites.shown().as_str().to_owned()
    }

    #[test]
    fn a_founder_invites_to_its_own_addresses_and_others_to_where_they_join() {
        assert_eq!(
            shown(&invites(None, None, &[])),
            "ringtalk://10.0.0.1:8080,192.168.0.1:8080/"
        );
        assert_eq!(
            shown(&invites(Some("chat.example:4000"), Some("0.0.0.0:90"), &[])),
            "ringtalk://chat.example:4000,10.0.0.1:8080,192.168.0.1:8080,chat.example:90/"
        );
        assert_eq!(
            shown(&invites(
                Some("[2001:db8::1]:4000"),
                Some("127.0.0.1:90"),
                &[]
            )),
            "ringtalk://[2001:db8::1]:4000,10.0.0.1:8080,192.168.0.1:8080,127.0.0.1:90/"
        );
        let joined = ["director.example:80", "10.0.0.9:8080"];
        assert_eq!(
            shown(&invites(Some("chat.example:4000"), None, &joined)),
            "ringtalk://director.example:80,10.0.0.9:8080/"
        );
    }

    #[test]
    fn a_founder_that_moves_has_another_invite() {
        let mut founder = invites(None, None, &[]);
        let moved = newcomer(None, "10.0.0.2:8080");
        let invite = founder.relocate(&moved).unwrap();
        assert_eq!(
            invite.as_str(),
            "ringtalk://10.0.0.2:8080,192.168.0.1:8080/"
        );
        assert_eq!(founder.relocate(&moved), None);
        let mut joined = invites(None, None, &["director.example:80"]);
        assert_eq!(joined.relocate(&moved), None, "it names the director");
    }
}
