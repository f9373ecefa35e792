//! What arrives over a link, and whose concern it is.
//!
//! Not here: any concern itself.

use ringtalk_wire::{Announcement, Frame, NodeId};

use super::Node;
use super::reaching::Reaching;
use super::suspicion::take_probe;
use super::unlisted::Unlisted;
use crate::LinkId;
use crate::planted::PlantedBug;

impl Node {
    pub(super) fn frame(&mut self, link: LinkId, frame: Frame) {
        let Some(peer) = self.context.links.peer_of(link) else {
            return;
        };
        self.heard(&peer);
        if Unlisted::are_to_wait(&self.context, &peer, &frame) {
            return self.unlisted.hold(self.context.now, peer, frame);
        }
        if !self.may_say(&peer, &frame) {
            return tracing::debug!(?peer, "refusing a frame of somebody who is no member");
        }
        match frame {
            Frame::Close(_) => self.link_closed(link),
            Frame::Ping(number) => {
                self.context.send(&peer, &Frame::Pong(number));
            }
            Frame::Pong(number) => self.take_pong(peer, number),
            Frame::Heartbeat(heartbeat) => self.take_heartbeat(peer, &heartbeat),
            frame => self.membership_frame(peer, frame),
        }
    }

    /// Whether a peer may say such a thing: `PROTOCOL.md` §5.5.
    fn may_say(&self, peer: &NodeId, frame: &Frame) -> bool {
        let now = self.context.now;
        let Some(view) = &self.context.view else {
            // Nobody is a member yet; but what nobody has asked for is nobody's to give.
            let is_given = matches!(frame, Frame::Pulled(_) | Frame::PullEnd(_));
            return !is_given || self.history.repair.was_asked(now, peer);
        };
        match frame {
            Frame::Close(_)
            | Frame::Ping(_)
            | Frame::Pong(_)
            | Frame::Heartbeat(_)
            | Frame::Join(_)
            | Frame::Later(_)
            | Frame::PullView(_)
            | Frame::View(_)
            | Frame::Update(_)
            | Frame::Fetch
            | Frame::Meet(_)
            | Frame::Invite(_)
            | Frame::Pledge(_)
            | Frame::Accept(_)
            | Frame::Observe
            | Frame::Reach(_)
            | Frame::Call(_)
            | Frame::Circuit(_)
            | Frame::Checked(_)
            | Frame::Report(_) => true,
            // They give nothing away, and may be on their way while a view leaves their sender out.
            Frame::Receipt(_) | Frame::Ack(_) => self.context.is_named(peer),
            // It was a member when it was asked.
            Frame::Pulled(_) | Frame::PullEnd(_) => {
                view.contains(peer) || self.history.repair.was_asked(now, peer)
            }
            Frame::Spread(_) if self.context.planted.has(PlantedBug::HearStrangers) => true,
            _ => view.contains(peer),
        }
    }

    fn membership_frame(&mut self, peer: NodeId, frame: Frame) {
        match frame {
            Frame::Join(join) => self.take_join(peer, join),
            Frame::Later(contact) => self.take_later(peer, contact),
            Frame::PullView(tag) => self.take_pull_view(peer, tag.as_ref()),
            Frame::View(page) => self.take_page(peer, *page),
            Frame::Update(sealed) => self.take_direct_update(peer, sealed),
            Frame::Rename(name) => self.take_rename(peer, &name.name),
            Frame::Leave(_) => self.take_leave(peer),
            Frame::HandOver(office) => self.take_hand_over(peer, office),
            Frame::Suspect(suspect) => self.take_suspect(&suspect),
            Frame::Probe(probe) => take_probe(&mut self.context, peer, probe),
            Frame::Alive(alive) => self.take_alive(alive),
            Frame::Election(tag) => self.take_election(peer, tag.epoch),
            Frame::Answer(tag) => self.take_answer(peer, &tag),
            Frame::Stand(opening) => self.take_stand(peer, opening),
            Frame::Meet(meet) => self.take_meet(peer, &meet),
            Frame::Invite(meet) => self.take_invite(peer, &meet),
            Frame::Pledge(pledge) => self.take_pledge(peer, pledge),
            Frame::Accept(page) => self.take_accept(peer, *page),
            Frame::Foreign(contact) => self.take_foreign(peer, &contact),
            Frame::Reach(reach) => {
                self.reaching.take_reach(&mut self.context, peer, reach);
            }
            Frame::Call(call) => Reaching::take_call(&mut self.context, peer, call),
            Frame::Circuit(circuit) => {
                self.reaching
                    .take_circuit(&mut self.context, peer, &circuit);
            }
            Frame::Check => self.checking.take_check(&mut self.context, peer),
            Frame::Checked(checked) => {
                self.checking
                    .take_checked(&mut self.context, peer, &checked);
            }
            Frame::Observe => self.take_observe(&peer),
            Frame::Report(_) => {}
            frame => self.message_frame(peer, frame),
        }
    }

    pub(super) fn message_frame(&mut self, peer: NodeId, frame: Frame) {
        match frame {
            Frame::Spread(spread) => self.take_spread(peer, &spread),
            Frame::Brief(brief) => self.take_brief(peer, &brief),
            Frame::Receipt(receipt) => {
                self.relay.take_receipt(&self.context, peer, &receipt.items);
                self.seal_what_waits();
            }
            Frame::Ack(acks) => {
                self.relay.take_acks(&mut self.context, peer, &acks.acks);
                self.seal_what_waits();
            }
            Frame::Offer(offer) => self.take_offer(peer, &offer),
            Frame::Want(want) => {
                self.relay
                    .take_want(&mut self.context, &self.discussion, peer, &want.items);
            }
            Frame::Digest(digest) => self.take_digest(peer, &digest),
            Frame::Pull(pull) => self.take_pull(peer, &pull),
            Frame::Pulled(sealed) => self.take_pulled(peer, sealed),
            Frame::Evidence(sealed) => self.take_evidence(peer, sealed),
            Frame::PullEnd(end) => self.take_pull_end(peer, &end),
            Frame::Fetch => {
                self.history
                    .take_fetch(&mut self.context, &self.discussion, &self.forks, peer);
            }
            Frame::Cut(cut) => self.take_cut(peer, cut),
            Frame::WhoHas(message) => self.take_who_has(peer, message),
            Frame::Has(has) => self.history.take_has(&self.context, peer, &has),
            other => debug_assert!(false, "{other:?} has no room"),
        }
    }

    /// Takes what those have carried whom the view in force lists by now, and drops what has waited for too long.
    pub(super) fn take_held(&mut self) {
        if let Some(view) = self.context.view.clone() {
            for (peer, frames) in self.unlisted.take_of(|id| view.contains(id)) {
                for frame in frames {
                    self.message_frame(peer, frame);
                }
            }
        }
        self.unlisted.expire(self.context.now);
    }

    /// Anybody may ask for this node's place; without a view it has none to tell of, and says nothing.
    fn take_observe(&mut self, peer: &NodeId) {
        self.observers.note(&mut self.context, peer);
        if let Some(report) = self.ring.report(&self.context) {
            self.context.send(peer, &Frame::Report(report));
        }
    }

    pub(super) fn take_announcement(&mut self, peer: NodeId, announcement: Announcement) {
        match announcement {
            Announcement::View(update) => {
                if self.take_update(peer, update).is_err() {
                    self.context.pull_view(&peer);
                }
            }
            Announcement::Page(page) => self.take_announced_page(peer, page),
        }
    }
}
