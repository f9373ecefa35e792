//! Naming: the names that the coordinator gives, and how often a member may change its name.
//!
//! `PROTOCOL.md` §5.4. Not here: valid characters (`ringtalk_wire::name`), similar names (`names`).

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use ringtalk_wire::{NodeId, Renamed};

use super::Concern;
use crate::context::Context;
use crate::machines::admission::{names_for, unique_name};
use crate::machines::heirs::Heirs;
use crate::machines::names::{KeptNames, Names};
use crate::machines::rate_limiter::RateLimiter;
use crate::machines::renames::Renames;
use crate::{Time, View};

/// How often a former member may return at once, and after that. Each return costs two views for every member, and
/// two lines on each screen. Far less than the time after which it would go on alone (`ALONE_WAIT`).
const RETURNS_BURST: u32 = 4;
const RETURN_INTERVAL: Duration = Duration::from_secs(2);

/// How many of the names that a newcomer may get are searched for one that it may inherit.
const INHERITABLE: usize = 8;

/// The names that a coordinator gives and keeps.
#[derive(Debug)]
pub(crate) struct Naming {
    /// The names in the last view in which this node, as coordinator, named a member.
    names: Names,
    kept_names: KeptNames,
    heirs: Heirs,
    renames: Renames,
    returns: RateLimiter,
}

impl Default for Naming {
    fn default() -> Self {
        Self {
            names: Names::default(),
            kept_names: KeptNames::default(),
            heirs: Heirs::default(),
            renames: Renames::default(),
            returns: RateLimiter::new(RETURNS_BURST, RETURN_INTERVAL),
        }
    }
}

impl Naming {
    /// Loads the names of a view, and those that are kept.
    pub(crate) fn follow(&mut self, now: Time, view: &View) {
        self.kept_names.expire(now);
        self.names.follow(view, &self.kept_names);
    }

    /// Returns the name that a node gets in the view loaded last, and reserves the name for it.
    pub(crate) fn assign(&mut self, wish: &str, wisher: NodeId) -> String {
        let name = self.name_for(wish, &wisher, None);
        self.names.take(&name, wisher);
        name
    }

    /// Forgets names that were given but are in no view: the next view is read completely.
    pub(crate) fn forget_names(&mut self) {
        self.names = Names::default();
    }

    /// Returns the name that a newcomer gets among the members of the view loaded last.
    pub(crate) fn name_newcomer(&mut self, view: &View, wish: &str, newcomer: &NodeId) -> String {
        let heir = self.heirs.inherits_from(newcomer);
        let heir = heir.filter(|holder| !view.contains(holder));
        if let Some(holder) = &heir {
            tracing::debug!(?newcomer, ?holder, "a newcomer inherits a name");
        }
        let name = self.name_for(wish, newcomer, heir);
        if let Some(holder) = heir {
            self.kept_names.release(&holder);
        }
        name
    }

    fn name_for(&self, wish: &str, wisher: &NodeId, heir_of: Option<NodeId>) -> String {
        let loses_it = |holder: &NodeId| holder == wisher || Some(*holder) == heir_of;
        unique_name(wish, |name| self.names.clash(name, loses_it))
    }

    /// Keeps the name of a failed member for it.
    pub(crate) fn note_failed(&mut self, now: Time, id: NodeId, name: &str) {
        self.kept_names.keep(now, id, name);
        self.heirs.end_waits(&id);
    }

    /// Frees the name of a member that left.
    pub(crate) fn note_left(&mut self, id: &NodeId) {
        self.heirs.end_waits(id);
    }

    /// Stops keeping a name for a node that is listed, here or in another ring.
    pub(crate) fn release_name_of(&mut self, id: &NodeId) {
        self.kept_names.release(id);
    }

    /// Stops keeping another name for this member, or this name for another: the coordinator gave it to this member.
    pub(crate) fn note_name(&mut self, id: &NodeId, name: &str) {
        self.kept_names.release(id);
        self.kept_names.release_name(name);
    }

    /// Records that a node answered a frame sent at that time.
    pub(crate) fn note_answer(&mut self, id: &NodeId, sent: Time) {
        self.heirs.note_answer(id, sent);
    }

    /// Returns true if a newcomer waits for news of a node.
    pub(crate) fn is_probing(&self, id: &NodeId) -> bool {
        self.heirs.is_probing(id)
    }

    /// Records that connections to a node were refused at these hosts, or that it cannot be reached.
    pub(crate) fn note_unreached(&mut self, id: &NodeId, refused: &[IpAddr], is_member: bool) {
        self.heirs.note_refused(id, refused);
        if !is_member {
            self.heirs.end_waits(id);
        }
    }

    /// Returns true if a newcomer has to wait, because it may inherit a name.
    pub(crate) fn must_wait(&self, newcomer: &NodeId) -> bool {
        self.heirs.must_wait(newcomer)
    }

    /// Returns when a newcomer has waited long enough.
    pub(crate) fn heirs_deadline(&self) -> Option<Time> {
        self.heirs.deadline()
    }

    /// Returns when the next renaming is due.
    pub(crate) fn renames_deadline(&self) -> Option<Time> {
        self.renames.deadline()
    }
}

impl Naming {
    /// Returns the name of the first member.
    pub(crate) fn name_of_founder(&self, context: &Context) -> String {
        let me = &context.config.id;
        self.name_for(&context.config.name, me, None)
    }

    /// Returns true unless this is a former member that returns too often.
    pub(crate) fn may_return(&self, context: &Context, id: &NodeId) -> bool {
        let now = context.now;
        !context.is_former(id) || self.returns.next_allowed(id) <= now
    }

    /// Counts a return if the node is a former member.
    pub(crate) fn note_return(&mut self, context: &Context, id: NodeId) {
        let now = context.now;
        if context.is_former(&id) {
            self.returns.record(now, id);
        }
    }

    /// Makes a newcomer wait for a moment if it may be the restarted process of a member. Meanwhile that member is
    /// looked for at the newcomer's own host; if it is gone, the newcomer inherits its name.
    pub(crate) fn probe_predecessor(
        &mut self,
        context: &mut Context,
        newcomer: NodeId,
        wish: &str,
    ) {
        let now = context.now;
        let direct = context.links.is_direct(&newcomer);
        let host = context.links.host(&newcomer).filter(|_| direct);
        let (Some(view), Some(host)) = (context.view.clone(), host) else {
            return;
        };
        if context.is_former(&newcomer) {
            return;
        }
        self.follow(now, &view);
        let is_taken = |name: &String| self.names.clash(name, |_| false);
        let names = names_for(wish).take(INHERITABLE).take_while(is_taken);
        let holders = names.flat_map(|name| {
            let holders = self.names.holders(&name);
            holders.copied().collect::<Vec<_>>()
        });
        let may_be_it = |id: &NodeId| *id != context.config.id && was_at(context, id, host);
        // A link may stay up for a moment after its process has died.
        let predecessor = holders
            .filter(may_be_it)
            .min_by_key(|id| context.links.is_up(id));
        if let Some(holder) = predecessor
            && self.heirs.start_wait(now, newcomer, holder, host)
        {
            self.probe_holder(context, &view, holder);
        }
    }

    /// Asks a member, or a lost one, for a sign of life.
    fn probe_holder(&mut self, context: &mut Context, view: &View, id: NodeId) {
        if view.contains(&id) || context.links.is_up(&id) {
            return context.ping_member(&id);
        }
        match context.known_addresses(&id).cloned() {
            Some(addresses) => {
                context.links.dial_soon(&id);
                context.dial(id, &addresses);
            }
            None => self.heirs.end_waits(&id),
        }
    }

    /// Records that a member asks for another name. Returns the members to be renamed.
    pub(crate) fn request_rename(
        &mut self,
        context: &Context,
        id: NodeId,
        wish: &str,
    ) -> Vec<Renamed> {
        if !context.is_member(&id) || !context.has_authority() {
            return Vec::new();
        }
        self.renames.wish(id, wish.into());
        self.carry_out_renames(context)
    }

    /// Ends waits that took too long. Returns the members to be renamed.
    pub(crate) fn expire(&mut self, context: &Context) -> Vec<Renamed> {
        self.heirs.expire(context.now);
        if context.has_authority() {
            return self.carry_out_renames(context);
        }
        if !context.is_coordinator() {
            self.renames.clear();
        }
        Vec::new()
    }

    fn carry_out_renames(&mut self, context: &Context) -> Vec<Renamed> {
        let Some(view) = &context.view else {
            return Vec::new();
        };
        let wishes = self.renames.take_due(context.now);
        if !wishes.is_empty() {
            self.follow(context.now, view);
        }
        let mut renamed = Vec::new();
        for (id, wish) in wishes {
            let Some(member) = view.member(&id) else {
                continue;
            };
            let name = self.assign(&wish, id);
            if name != member.name {
                renamed.push(Renamed { id, name });
            }
        }
        renamed
    }
}

impl Concern for Naming {
    /// Forgets a newcomer that was admitted or is gone.
    fn forget(&mut self, newcomer: &NodeId) {
        self.heirs.forget(newcomer);
    }
}

/// Returns true if a present or lost member is or was at a host.
fn was_at(context: &Context, id: &NodeId, host: IpAddr) -> bool {
    let here = |address: &str| {
        address
            .parse::<SocketAddr>()
            .is_ok_and(|at| at.ip() == host)
    };
    let listed = context.known_addresses(id);
    let listed = listed.is_some_and(|addresses| addresses.all().any(here));
    listed || context.links.host(id) == Some(host)
}
