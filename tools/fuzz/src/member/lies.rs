//! Frames of a member that lies: well-formed, correctly signed if it has the key, and otherwise as the fuzzer chooses.
//!
//! Not here: how they reach the node under test (`member`).

use ringtalk_proto::{Change, View};
use ringtalk_wire::limit::ENTRANCES;
use ringtalk_wire::{
    Ack, Acks, Alive, Announcement, Body, Brief, Bundle, BundleMessage, Call, Checked, Circuit,
    Contact, Cut, Departed, Departure, Digest, Direction, Entrance, Epoch, Frame, HandOver, Has,
    Heartbeat, Holding, Interval, Item, ItemId, ItemKind, Items, Join, Meet, Member, MessageId,
    NetworkId, NodeId, Offer, Opening, Probe, Pull, PullEnd, Range, Reach, Renamed, RingId,
    RingKey, SealHash, Spread, Suspect, ViewHash, ViewTag, encode_item,
};

use super::keys::Key;
use super::ring::{KEYS, addresses, known_as};
use crate::reader::Reader;

/// A member that lies, and what it knows of the node that it lies to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liar<'a> {
    pub(crate) key: Key,
    /// The key of the node that it lies to; it cannot sign with this one.
    pub(crate) own: Key,
    /// The ring for which it seals what it says.
    pub(crate) ring: RingId,
    /// The view that the node follows there.
    pub(crate) view: Option<&'a View>,
    /// The seal of each key's last known bundle.
    pub(crate) last_seals: &'a [SealHash],
}

impl Liar<'_> {
    /// Returns a frame that the fuzzer chooses.
    pub(crate) fn frame(&self, reader: &mut Reader<'_>) -> Frame {
        let kind = reader.byte();
        if kind >= 240 {
            return of_reaching(kind, reader);
        }
        match kind % 32 {
            0 => Frame::Ping(reader.number()),
            1 => Frame::Pong(reader.number()),
            2 => Frame::Heartbeat(Heartbeat {
                tag: self.tag(reader),
                clock: reader.number(),
            }),
            3 => Frame::Join(Join {
                name: name(reader),
                addresses: addresses(any_key(reader)),
                network: NetworkId::default(),
                tag: reader.flag().then(|| self.tag(reader)),
            }),
            4 => Frame::Later(reader.flag().then(|| self.contact(reader))),
            5 => Frame::PullView(reader.flag().then(|| self.tag(reader))),
            6 => Frame::Leave(reader.number()),
            7 => Frame::HandOver(HandOver {
                tag: self.tag(reader),
                opening: self.opening(reader),
            }),
            8..=10 => self.spread(reader),
            11 => self.brief(reader),
            12 => Frame::Receipt(items(reader)),
            13 => acks(reader),
            14 => Frame::Offer(Offer {
                interval: self.interval(reader),
                items: items(reader).items,
            }),
            15 => Frame::Want(items(reader)),
            16 => Frame::Digest(Digest {
                entries: messages(reader),
                answer: reader.flag(),
            }),
            17 => Frame::Pull(Pull {
                number: reader.number(),
                ranges: ranges(reader),
            }),
            18 | 19 => Frame::Pulled(self.author(reader).sealed(self.ring, self.bundle(reader))),
            20 => Frame::Evidence(self.author(reader).sealed(self.ring, self.bundle(reader))),
            21 => Frame::PullEnd(PullEnd {
                number: reader.number(),
                more: reader.flag(),
                evicted: ranges(reader),
            }),
            22 => Frame::Fetch,
            23 => cut(reader),
            24 => Frame::WhoHas(message(reader)),
            25 => Frame::Has(Has {
                message: message(reader),
                holding: [Holding::Never, Holding::Evicted, Holding::Held]
                    [usize::from(reader.byte() % 3)],
            }),
            26 => self.of_death(reader),
            27 => Frame::Stand(self.opening(reader)),
            28 => self.of_merging(reader),
            29 => Frame::Foreign(self.contact(reader)),
            30 => self.page(reader),
            _ => self.update(reader),
        }
    }

    fn tag(&self, reader: &mut Reader<'_>) -> ViewTag {
        let own = self.view.map(View::tag);
        let number = own.map_or(0, |tag| tag.number) + reader.number() / 2;
        match own.filter(|_| reader.flag()) {
            Some(tag) => tag,
            None => ViewTag {
                epoch: self.epoch(reader),
                number: number.min(ringtalk_wire::limit::COUNTER),
                hash: ViewHash([reader.byte(); 16]),
            },
        }
    }

    fn epoch(&self, reader: &mut Reader<'_>) -> Epoch {
        let own = self.view.map_or(0, |view| view.tag().epoch.number);
        let number = match reader.byte() {
            small @ 0..=7 => own.saturating_sub(2) + u64::from(small),
            _ => reader.number(),
        };
        Epoch {
            number: number.min(ringtalk_wire::limit::COUNTER),
            coordinator: any_key(reader).id(),
        }
    }

    fn contact(&self, reader: &mut Reader<'_>) -> Contact {
        let key = any_key(reader);
        Contact {
            id: key.id(),
            addresses: addresses(key),
            epoch: self.epoch(reader),
        }
    }

    /// Returns an opening with up to two seals. The liar's own can open an epoch; another may be an accomplice's.
    fn opening(&self, reader: &mut Reader<'_>) -> Opening {
        let before = self.view.filter(|_| reader.flag());
        let mut opening = Opening {
            epoch: self.epoch(reader),
            before: before.map_or_else(|| self.epoch(reader), |view| view.tag().epoch),
            with: reader.flag().then(|| self.epoch(reader)),
            seals: Vec::new(),
        };
        let signed = opening.to_sign(self.ring);
        opening.seals = (0..reader.byte() % 3)
            .map(|_| self.author(reader).seal(&signed))
            .collect();
        opening
    }

    /// Returns the key of an author: mostly the liar, sometimes an accomplice.
    fn author(&self, reader: &mut Reader<'_>) -> Key {
        let accomplice = (reader.byte() >= 192).then(|| any_key(reader));
        let accomplice = accomplice.filter(|key| key.0 != self.own.0);
        accomplice.unwrap_or(self.key)
    }

    fn interval(&self, reader: &mut Reader<'_>) -> Interval {
        let direction = [Direction::Clockwise, Direction::Counterclockwise];
        let layout = self.view.map_or(0, View::layout);
        Interval {
            direction: direction[usize::from(reader.flag())],
            limit: RingKey(u128::from(reader.byte()) << 120),
            layout: layout + u64::from(reader.byte() > 200),
        }
    }

    fn spread(&self, reader: &mut Reader<'_>) -> Frame {
        let interval = self.interval(reader);
        let item = if reader.byte() < 192 {
            let author = self.author(reader);
            Item::Bundle(author.sealed(self.ring, self.bundle(reader)))
        } else {
            Item::Announcement(self.announcement(reader))
        };
        Frame::Spread(Spread { interval, item })
    }

    /// Returns a bundle in its brief form, or a spread if it has none.
    fn brief(&self, reader: &mut Reader<'_>) -> Frame {
        let interval = self.interval(reader);
        let author = self.author(reader);
        let sealed = author.sealed(self.ring, self.bundle(reader));
        let brief = Brief::of(&sealed, interval, known_as);
        let item = Item::Bundle(sealed);
        brief.map_or(Frame::Spread(Spread { interval, item }), Frame::Brief)
    }

    fn bundle(&self, reader: &mut Reader<'_>) -> bytes::Bytes {
        let author = self.author(reader);
        let known = self.last_seals.get(usize::from(author.0)).copied();
        let bundle = Bundle {
            author: author.id(),
            first: reader.number(),
            previous: known.filter(|_| reader.flag()).unwrap_or_default(),
            lamport: reader.number(),
            heads: messages(reader),
            messages: (0..reader.byte() % 8).map(|_| said(reader)).collect(),
        };
        encode_item(&bundle)
    }

    fn of_death(&self, reader: &mut Reader<'_>) -> Frame {
        let suspect = any_key(reader);
        let member = suspect.id();
        let probe = Probe {
            member,
            judge: any_key(reader).id(),
            trial: reader.number(),
        };
        let seal = suspect.seal(&probe.to_sign(self.ring));
        match reader.byte() % 5 {
            0 => Frame::Suspect(Suspect {
                member,
                tag: self.tag(reader),
            }),
            1 => Frame::Probe(probe),
            2 => Frame::Alive(Alive { probe, seal }),
            3 => Frame::Election(self.tag(reader)),
            _ => Frame::Answer(self.tag(reader)),
        }
    }

    fn of_merging(&self, reader: &mut Reader<'_>) -> Frame {
        let meet = Meet {
            tag: self.tag(reader),
            members: reader.number(),
            seniority: reader.number(),
            addresses: addresses(self.key),
        };
        match reader.byte() % 4 {
            0 => Frame::Meet(meet),
            1 => Frame::Invite(meet),
            _ => Frame::Pledge(self.opening(reader)),
        }
    }

    /// Returns a page of the liar's own view, in which it coordinates members of its choice.
    fn page(&self, reader: &mut Reader<'_>) -> Frame {
        let made = self.own_view(reader);
        let page = made.pages().into_iter().next().map(Box::new);
        match page {
            Some(page) if reader.flag() => Frame::View(page),
            Some(page) => Frame::Accept(page),
            None => Frame::Observe,
        }
    }

    fn own_view(&self, reader: &mut Reader<'_>) -> View {
        let seal = |tag: &ViewTag| self.key.seal(&ringtalk_wire::view_to_sign(self.ring, tag));
        let founder = member(self.key, reader);
        let mut view = View::founding(founder, self.epoch(reader).number, seal);
        for _ in 0..reader.byte() % 4 {
            let change = self.change(reader);
            if let Some((_, next)) = view.next(change, seal) {
                view = next;
            }
        }
        view
    }

    /// Returns a change that the coordinator of the node's own view could publish if it were the liar.
    fn change(&self, reader: &mut Reader<'_>) -> Change {
        let some = |reader: &mut Reader<'_>| 0..reader.byte() % 3;
        Change {
            opening: reader.flag().then(|| self.opening(reader)),
            joined: some(reader)
                .map(|_| member(any_key(reader), reader))
                .collect(),
            departed: some(reader)
                .map(|_| Departed {
                    id: any_key(reader).id(),
                    how: [Departure::Left, Departure::Failed][usize::from(reader.flag())],
                })
                .collect(),
            renamed: some(reader).map(|_| renamed(reader)).collect(),
        }
    }

    fn announcement(&self, reader: &mut Reader<'_>) -> ringtalk_wire::Sealed {
        let seal = |tag: &ViewTag| self.key.seal(&ringtalk_wire::view_to_sign(self.ring, tag));
        let own = self.own_view(reader);
        let change = self.change(reader);
        let base = self.view.filter(|_| reader.flag()).unwrap_or(&own);
        let announcement = match base.next(change, seal) {
            Some((update, _)) => Announcement::View(update),
            None => match own.pages().into_iter().next() {
                Some(page) => Announcement::Page(page),
                None => return self.key.sealed(self.ring, bytes::Bytes::new()),
            },
        };
        self.key.sealed(self.ring, encode_item(&announcement))
    }

    fn update(&self, reader: &mut Reader<'_>) -> Frame {
        Frame::Update(self.announcement(reader))
    }
}

fn any_key(reader: &mut Reader<'_>) -> Key {
    Key(reader.byte() % KEYS)
}

/// Names that a view must not have.
const NO_NAMES: [&str; 4] = ["n1: I agree", "", "me", "n\u{ad}1"];

fn listed_name(reader: &mut Reader<'_>) -> String {
    let number = usize::from(reader.byte());
    let none = NO_NAMES.iter().rev().nth(usize::from(u8::MAX) - number);
    none.map_or_else(|| format!("n{number}"), ToString::to_string)
}

fn member(key: Key, reader: &mut Reader<'_>) -> Member {
    Member {
        id: key.id(),
        name: listed_name(reader),
        addresses: addresses(key),
        seniority: reader.number(),
        key: RingKey(u128::from(reader.short()) << 112),
        network: NetworkId::default(),
    }
}

fn message(reader: &mut Reader<'_>) -> MessageId {
    let author: NodeId = any_key(reader).id();
    MessageId {
        author,
        seq: reader.number().min(ringtalk_wire::limit::COUNTER),
    }
}

fn messages(reader: &mut Reader<'_>) -> Vec<MessageId> {
    (0..reader.byte() % 6).map(|_| message(reader)).collect()
}

fn ranges(reader: &mut Reader<'_>) -> Vec<Range> {
    let range = |reader: &mut Reader<'_>| {
        let MessageId { author, seq } = message(reader);
        Range {
            author,
            from: seq,
            to: reader.number().min(ringtalk_wire::limit::COUNTER),
        }
    };
    (0..reader.byte() % 6).map(|_| range(reader)).collect()
}

fn items(reader: &mut Reader<'_>) -> Items {
    let kinds = [ItemKind::Bundle, ItemKind::View, ItemKind::Page];
    let item = |reader: &mut Reader<'_>| ItemId {
        kind: kinds[usize::from(reader.byte() % 3)],
        origin: any_key(reader).id(),
        number: reader.number().min(ringtalk_wire::limit::COUNTER),
    };
    Items {
        items: (0..reader.byte() % 6).map(|_| item(reader)).collect(),
    }
}

/// Returns a frame about peers that cannot be dialled.
fn of_reaching(kind: u8, reader: &mut Reader<'_>) -> Frame {
    let key = any_key(reader);
    let (peer, addresses) = (key.id(), addresses(key));
    match kind % 7 {
        0 => Frame::Reach(Reach {
            peer,
            addresses,
            relay: reader.flag(),
        }),
        1 => Frame::Call(Call { peer, addresses }),
        2 => Frame::Circuit(Circuit {
            number: reader.number(),
            peer,
            dials: reader.flag(),
            comes: reader.flag(),
        }),
        3 => Frame::Check,
        4 => Frame::Checked(Checked {
            at: name(reader),
            seen: name(reader),
        }),
        5 => Frame::AskEntrance,
        _ => Frame::Entrance(Entrance {
            addresses: addresses.all().map(Into::into).take(ENTRANCES).collect(),
        }),
    }
}

fn name(reader: &mut Reader<'_>) -> String {
    let length = usize::from(reader.byte() % 40);
    let name = String::from_utf8_lossy(reader.take(length));
    name.chars().take(32).collect()
}

fn acks(reader: &mut Reader<'_>) -> Frame {
    let acks = items(reader).items.into_iter().map(|item| {
        let members = reader.number();
        Ack {
            item,
            members,
            behind: members % 2 == 1,
            mixed: members % 3 == 1,
        }
    });
    let acks = acks.collect();
    let view = reader.byte().into();
    Frame::Ack(Acks { view, acks })
}

fn renamed(reader: &mut Reader<'_>) -> Renamed {
    Renamed {
        id: any_key(reader).id(),
        name: name(reader),
    }
}

fn cut(reader: &mut Reader<'_>) -> Frame {
    let authors = (0..reader.byte() % 4).map(|_| renamed(reader));
    let authors = authors.collect();
    Frame::Cut(Cut {
        base: messages(reader),
        clock: messages(reader),
        authors,
        lamport: reader.number(),
        last: reader.flag(),
        bylines: Vec::new(),
    })
}

/// Returns a message of any kind.
fn said(reader: &mut Reader<'_>) -> BundleMessage {
    let timestamp_ms = reader.number();
    let text = reader.byte().to_string().into();
    let body = match reader.byte() % 8 {
        0 => Body::GuestText {
            guest: reader.number(),
            text,
        },
        1 => Body::Control {
            kind: reader.number(),
            content: text.into_bytes(),
        },
        _ => Body::Text(text),
    };
    BundleMessage { timestamp_ms, body }
}
