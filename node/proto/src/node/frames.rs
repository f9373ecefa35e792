//! What arrives over a link, and whose concern it is.
//!
//! Not here: any concern itself.

use ringtalk_wire::{Announcement, Frame, NodeId};

use super::Node;
use crate::planted::PlantedBug;
use crate::{LinkId, Time};

impl Node {
    pub(super) fn frame(&mut self, now: Time, link: LinkId, frame: Frame) {
        let Some(peer) = self.links.peer_of(link) else {
            return;
        };
        self.heard(now, &peer);
        if self.is_carried_by_stranger(&peer, &frame) {
            return self.hold_for_view(now, peer, frame);
        }
        if !self.may_say(now, &peer, &frame) {
            return tracing::debug!(?peer, "refusing a frame of somebody who is no member");
        }
        match frame {
            Frame::Close(_) => {
                if self
                    .links
                    .closed_by_peer(now, link, &mut self.out)
                    .is_some_and(|lost| lost.last)
                {
                    self.peer_lost(now, &peer);
                }
            }
            Frame::Ping(number) => {
                self.links
                    .send(now, &peer, &Frame::Pong(number), &mut self.out);
            }
            Frame::Pong(number) => self.take_pong(peer, number),
            Frame::Heartbeat(heartbeat) => self.take_heartbeat(now, peer, &heartbeat),
            frame => self.membership_frame(now, peer, frame),
        }
    }

    /// Whether a peer may say such a thing: `PROTOCOL.md` §5.5.
    fn may_say(&self, now: Time, peer: &NodeId, frame: &Frame) -> bool {
        let Some(view) = &self.view else {
            // Nobody is a member yet; but what nobody has asked for is nobody's to give.
            let is_given = matches!(frame, Frame::Pulled(_) | Frame::PullEnd(_));
            return !is_given || self.repair.was_asked(now, peer);
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
            Frame::Receipt(_) | Frame::Ack(_) => self.is_named(peer),
            // It was a member when it was asked.
            Frame::Pulled(_) | Frame::PullEnd(_) => {
                view.contains(peer) || self.repair.was_asked(now, peer)
            }
            Frame::Spread(_) if self.planted.has(PlantedBug::HearStrangers) => true,
            _ => view.contains(peer),
        }
    }

    fn membership_frame(&mut self, now: Time, peer: NodeId, frame: Frame) {
        match frame {
            Frame::Join(join) => self.take_join(now, peer, join),
            Frame::Later(contact) => self.take_later(now, peer, contact),
            Frame::PullView(tag) => self.take_pull_view(now, peer, tag.as_ref()),
            Frame::View(page) => self.take_page(now, peer, *page),
            Frame::Update(sealed) => self.take_direct_update(now, peer, sealed),
            Frame::Rename(name) => self.take_rename(now, peer, &name.name),
            Frame::Leave(_) => self.take_leave(now, peer),
            Frame::HandOver(office) => self.take_hand_over(now, peer, office),
            Frame::Suspect(suspect) => self.take_suspect(now, &suspect),
            Frame::Probe(probe) => self.take_probe(now, peer, probe),
            Frame::Alive(alive) => self.take_alive(now, alive),
            Frame::Election(tag) => self.take_election(now, peer, tag.epoch),
            Frame::Answer(tag) => self.take_answer(now, peer, &tag),
            Frame::Stand(opening) => self.take_stand(now, peer, opening),
            Frame::Meet(meet) => self.take_meet(now, peer, &meet),
            Frame::Invite(meet) => self.take_invite(now, peer, &meet),
            Frame::Pledge(pledge) => self.take_pledge(peer, pledge),
            Frame::Accept(page) => self.take_accept(now, peer, *page),
            Frame::Foreign(contact) => self.take_foreign(now, peer, &contact),
            Frame::Reach(reach) => self.take_reach(now, peer, reach),
            Frame::Call(call) => self.take_call(now, peer, call),
            Frame::Circuit(circuit) => self.take_circuit(now, peer, &circuit),
            Frame::Check => self.take_check(now, peer),
            Frame::Checked(checked) => self.take_checked(peer, &checked),
            Frame::Observe => self.take_observe(now, &peer),
            Frame::Report(_) => {}
            frame => self.message_frame(now, peer, frame),
        }
    }

    pub(super) fn message_frame(&mut self, now: Time, peer: NodeId, frame: Frame) {
        match frame {
            Frame::Spread(spread) => self.take_spread(now, peer, &spread),
            Frame::Brief(brief) => self.take_brief(now, peer, &brief),
            Frame::Receipt(receipt) => self.take_receipt(now, peer, &receipt.items),
            Frame::Ack(acks) => self.take_acks(now, peer, &acks.acks),
            Frame::Offer(offer) => self.take_offer(now, peer, &offer),
            Frame::Want(want) => self.take_want(now, peer, &want.items),
            Frame::Digest(digest) => self.take_digest(now, peer, &digest),
            Frame::Pull(pull) => self.take_pull(now, peer, &pull),
            Frame::Pulled(sealed) => self.take_pulled(now, peer, sealed),
            Frame::Evidence(sealed) => self.take_evidence(now, peer, sealed),
            Frame::PullEnd(end) => self.take_pull_end(now, peer, &end),
            Frame::Fetch => self.take_fetch(now, peer),
            Frame::Cut(cut) => self.take_cut(now, peer, cut),
            Frame::WhoHas(message) => self.take_who_has(now, peer, message),
            Frame::Has(has) => self.take_has(now, peer, &has),
            other => debug_assert!(false, "{other:?} has no room"),
        }
    }

    pub(super) fn take_announcement(
        &mut self,
        now: Time,
        peer: NodeId,
        announcement: Announcement,
    ) {
        match announcement {
            Announcement::View(update) => {
                if self.take_update(now, peer, update).is_err() {
                    self.pull_view(now, &peer);
                }
            }
            Announcement::Page(page) => self.take_announced_page(now, peer, page),
        }
    }
}
