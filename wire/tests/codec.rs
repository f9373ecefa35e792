//! The bytes of every frame, and what the decoder rejects: `PROTOCOL.md` §2.

use std::iter::repeat_n;

use bytes::Bytes;
use ciborium::Value;
use ringtalk_wire::limit::{BROUGHT, COUNTER, FINGERS, FRAME_BYTES, SUSPECTS, TEXT_BYTES};
use ringtalk_wire::{
    Ack, Acks, Addresses, Announcement, Body, Brief, Brought, Bundle, BundleMessage, Call, Checked,
    Circuit, Contact, Cut, DecodeError, Departed, Departure, Digest, Direction, Entrance, Epoch,
    Frame, HandOver, Has, Heartbeat, Holding, Interval, Introduction, Item, ItemId, ItemKind,
    Items, Join, KEY_BYTES, Meet, Member, MessageId, NetworkId, NodeId, Offer, Opening, Probe,
    PublicKey, Pull, PullEnd, Range, Reach, Renamed, Report, RingId, RingKey, SIGNATURE_BYTES,
    Seal, SealHash, Sealed, Signature, Spread, Suspect, ViewHash, ViewPage, ViewTag, ViewUpdate,
    check_preface, decode, encode, encode_item, item_to_sign, preface, view_to_sign,
};

fn id(byte: u8) -> NodeId {
    NodeId::of(&PublicKey([byte; KEY_BYTES]))
}

fn tag() -> ViewTag {
    ViewTag {
        epoch: Epoch {
            number: 3,
            coordinator: id(1),
        },
        number: 7,
        hash: ViewHash([9; 16]),
    }
}

fn addresses() -> Addresses {
    Addresses::at("10.0.0.1:4000")
}

fn member() -> Member {
    Member {
        id: id(1),
        name: "ann".into(),
        addresses: addresses(),
        seniority: 0,
        key: RingKey(1 << 100),
        network: NetworkId::default(),
    }
}

fn bundle(text: &str) -> Bundle {
    Bundle {
        author: id(1),
        first: 2,
        previous: SealHash([3; 16]),
        lamport: 5,
        heads: vec![MessageId {
            author: id(2),
            seq: 4,
        }],
        messages: vec![BundleMessage::text(1_700_000_000_000, text)],
    }
}

/// Returns the seal of the node `id(byte)`.
fn seal(byte: u8) -> Seal {
    Seal {
        key: PublicKey([byte; KEY_BYTES]),
        signature: Signature([0; SIGNATURE_BYTES]),
    }
}

fn opening() -> Opening {
    let epoch = tag().epoch;
    Opening {
        epoch,
        before: Epoch { number: 2, ..epoch },
        with: None,
        seals: vec![seal(1), seal(2)],
    }
}

fn hand_over() -> HandOver {
    HandOver {
        tag: tag(),
        opening: opening(),
    }
}

fn sealed(raw: Bytes) -> Sealed {
    Sealed { raw, seal: seal(1) }
}

fn interval() -> Interval {
    Interval {
        direction: Direction::Clockwise,
        limit: RingKey(5),
        layout: 0,
    }
}

fn item_id() -> ItemId {
    ItemId {
        kind: ItemKind::Bundle,
        origin: id(1),
        number: 2,
    }
}

fn update() -> ViewUpdate {
    ViewUpdate {
        tag: tag(),
        parent: ViewHash::default(),
        seal: seal(1),
        opening: Some(opening()),
        layout: 0,
        joined: vec![member()],
        departed: vec![Departed {
            id: id(2),
            how: Departure::Failed,
        }],
        renamed: vec![Renamed {
            id: id(3),
            name: "bob".into(),
        }],
    }
}

/// Returns the bundle with its one head abbreviated.
fn brief() -> Brief {
    let sealed = sealed(encode_item(&bundle("hello")));
    Brief::of(&sealed, interval(), |_| Some(id(2))).expect("it is short")
}

/// Returns the frames that any two nodes may exchange and that have a body of their own.
fn frames_between_any_two() -> Vec<Frame> {
    vec![
        Frame::Ping(7),
        Frame::Later(None),
        Frame::Reach(Reach {
            peer: id(2),
            addresses: addresses(),
            relay: true,
        }),
        Frame::Call(Call {
            peer: id(2),
            addresses: addresses(),
        }),
        Frame::Circuit(Circuit {
            number: 7,
            peer: id(2),
            dials: true,
            comes: false,
        }),
        Frame::Check,
        Frame::Checked(Checked {
            at: "chat.example:4000".into(),
            seen: "203.0.113.7".into(),
        }),
        Frame::AskEntrance,
        Frame::Entrance(Entrance {
            addresses: vec!["chat.example:4000".into(), "10.0.0.1:4000".into()],
        }),
    ]
}

fn spread(item: Item) -> Frame {
    Frame::Spread(Spread {
        interval: interval(),
        item,
    })
}

fn renamed() -> Renamed {
    Renamed {
        id: id(5),
        name: "dan".into(),
    }
}

fn acks() -> Acks {
    Acks {
        view: ViewHash([7; 16]).short(),
        acks: vec![Ack {
            item: item_id(),
            members: 3,
            behind: true,
            mixed: true,
        }],
    }
}

fn frames() -> Vec<Frame> {
    let contact = Contact {
        id: id(1),
        addresses: addresses(),
        epoch: tag().epoch,
    };
    let message = MessageId {
        author: id(1),
        seq: 2,
    };
    let items = || Items {
        items: vec![item_id()],
    };
    let announcement = encode_item(&Announcement::View(update()));
    vec![
        Frame::Heartbeat(Heartbeat {
            tag: tag(),
            clock: u64::MAX,
        }),
        Frame::Join(join()),
        Frame::Later(Some(contact)),
        Frame::PullView(None),
        Frame::Enter(RingId::from_bytes([5; 16])),
        Frame::Exit,
        Frame::Absent(RingId::from_bytes([5; 16])),
        Frame::PullView(Some(tag())),
        Frame::Update(sealed(Bytes::from_static(b"update"))),
        Frame::View(Box::new(view_page())),
        spread(Item::Bundle(sealed(encode_item(&bundle("hello"))))),
        spread(Item::Announcement(sealed(announcement))),
        Frame::Brief(brief()),
        Frame::Receipt(items()),
        Frame::Ack(acks()),
        Frame::Offer(Offer {
            interval: interval(),
            items: vec![item_id()],
        }),
        Frame::Want(items()),
        Frame::Digest(Digest {
            entries: vec![message],
            answer: true,
        }),
        Frame::Pull(pull()),
        Frame::Evidence(sealed(Bytes::from_static(b"bundle"))),
        Frame::PullEnd(PullEnd {
            number: 1,
            more: false,
            evicted: Vec::new(),
        }),
        Frame::Cut(Cut {
            base: vec![message],
            clock: vec![message],
            authors: Vec::new(),
            lamport: 9,
            last: true,
            bylines: Vec::new(),
        }),
        Frame::Has(Has {
            message,
            holding: Holding::Evicted,
        }),
        Frame::Suspect(Suspect {
            member: id(1),
            tag: tag(),
        }),
        Frame::Meet(meet()),
        Frame::HandOver(hand_over()),
        Frame::Stand(opening()),
        Frame::Observe,
        Frame::Report(report(1)),
    ]
}

fn join() -> Join {
    Join {
        name: "ann".into(),
        addresses: Addresses {
            others: vec!["10.1.0.1:4000".into()],
            ..addresses()
        },
        network: NetworkId::of([10, 0, 0, 1].into(), 24),
        tag: Some(tag()),
    }
}

fn view_page() -> ViewPage {
    ViewPage {
        tag: tag(),
        parent: ViewHash::default(),
        seal: seal(1),
        openings: vec![opening()],
        layout: 0,
        page: 0,
        pages: 1,
        members: vec![member()],
        ancestors: vec![tag().hash],
        departed: Vec::new(),
        former: vec![renamed()],
    }
}

fn pull() -> Pull {
    Pull {
        number: 1,
        ranges: vec![Range {
            author: id(1),
            from: 1,
            to: 9,
        }],
    }
}

fn meet() -> Meet {
    Meet {
        tag: tag(),
        members: 3,
        seniority: 0,
        addresses: addresses(),
    }
}

/// Returns the report of a node with this many fingers.
fn report(fingers: usize) -> Report {
    Report {
        tag: tag(),
        predecessor: Some(id(2)),
        successor: None,
        fingers: vec![id(3); fingers],
        suspects: vec![id(4)],
        brought: vec![Brought {
            member: id(2),
            messages: 5,
        }],
    }
}

/// Decodes a frame with its body edited, as another program might send it.
fn edited(frame: &Frame, edit: fn(&mut Vec<(Value, Value)>)) -> Result<Frame, DecodeError> {
    let mut value: Value = ciborium::from_reader(&encode(frame)[..]).unwrap();
    let Value::Map(frame) = &mut value else {
        panic!("no map");
    };
    let Value::Map(body) = &mut frame[0].1 else {
        panic!("no map in the map");
    };
    edit(body);
    let mut bytes = Vec::new();
    ciborium::into_writer(&value, &mut bytes).unwrap();
    decode(&bytes)
}

#[test]
fn a_report_may_say_less_or_more() {
    let frame = Frame::Report(report(1));
    let less = edited(&frame, |body| {
        body.retain(|(key, _)| !["suspects", "brought"].contains(&key.as_text().unwrap()));
    });
    let expected = Report {
        suspects: Vec::new(),
        brought: Vec::new(),
        ..report(1)
    };
    assert_eq!(less, Ok(Frame::Report(expected)));
    let more = edited(&frame, |body| body.push(("weather".into(), 1.into())));
    assert_eq!(more, Ok(frame));
}

#[test]
fn every_frame_comes_back_as_it_went() {
    for frame in frames().into_iter().chain(frames_between_any_two()) {
        assert_eq!(decode(&encode(&frame)), Ok(frame));
    }
}

#[test]
fn no_frame_survives_a_missing_or_an_added_byte() {
    for frame in frames().into_iter().chain(frames_between_any_two()) {
        let bytes = encode(&frame);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{frame:?} cut at {end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode(&longer), Err(DecodeError::Trailing(1)));
    }
}

#[test]
fn the_bytes_of_version_10_stay_as_they_are() {
    assert_eq!(preface(), *b"RTLK\x00\x0a");
    assert_eq!(encode(&Frame::Observe)[..], *b"\x67observe");
    assert_eq!(encode(&Frame::Ping(1))[..], *b"\xa1\x64ping\x01");
    let room = RingId::from_bytes(*b"a room of 16 byt");
    let enter = b"\xa1\x65enter\x50a room of 16 byt";
    assert_eq!(encode(&Frame::Enter(room))[..], *enter);
    assert_eq!(encode(&Frame::Exit)[..], *b"\x64exit");
    let created = RingId::room(&PublicKey([1; KEY_BYTES]), &[2; 16]);
    let expected = 0x2316_0a21_e0aa_f8d2_eb84_89a9_b708_c7b4_u128;
    assert_eq!(created.as_bytes(), &expected.to_be_bytes());
    let receipt = encode(&Frame::Receipt(Items {
        items: vec![item_id()],
    }));
    let ann = id(1);
    let expected = [
        &b"\xa1\x61r\xa1\x61i\x81\xa3\x61k\x61b\x61o\x50"[..],
        ann.as_bytes(),
        b"\x61n\x02",
    ];
    assert_eq!(receipt[..], expected.concat());
    let message = MessageId {
        author: NodeId::from_bytes([1; 16]),
        seq: 1,
    };
    assert_eq!(
        message.uuid().to_string(),
        "529816da-02e8-5c87-b438-04c6a532bfa3"
    );
}

#[test]
fn all_that_is_signed_names_the_ring() {
    let ring = RingId::from_bytes([7; 16]);
    let begins = |signed: &[u8], with: &[u8]| {
        let expected = [with, b"\x50", &[7; 16]].concat();
        assert!(signed.starts_with(&expected), "{signed:x?}");
    };
    let item = item_to_sign(ring, b"hello");
    begins(&item, b"\x83\x6dringtalk item");
    assert_eq!(item[32..38], *b"\x58\x20\xea\x8f\x16\x3d");
    assert!(item.ends_with(b"\x62\x4a\x67\x20\x0f"));
    begins(&view_to_sign(ring, &tag()), b"\x83\x6dringtalk view");
    begins(&opening().to_sign(ring), b"\x85\x6eringtalk epoch");
    let probe = Probe {
        member: id(1),
        judge: id(2),
        trial: 3,
    };
    begins(&probe.to_sign(ring), b"\x85\x6eringtalk alive");
    let other = RingId::from_bytes([8; 16]);
    assert_ne!(probe.to_sign(ring), probe.to_sign(other));
}

#[test]
fn the_bytes_of_messages_stay_as_they_are() {
    let said = |body| {
        let message = BundleMessage {
            timestamp_ms: 1,
            body,
        };
        encode_item(&message)
    };
    let text = said(Body::Text("hi".into()));
    assert_eq!(text[..], *b"\xa2\x61t\x01\x61x\x62hi");
    let guest = said(Body::GuestText {
        guest: 24,
        text: "hi".into(),
    });
    assert_eq!(guest[..], *b"\xa3\x61t\x01\x61g\x18\x18\x61x\x62hi");
    let control = said(Body::Control {
        kind: 5,
        content: Bytes::from_static(b"\xa0"),
    });
    assert_eq!(control[..], *b"\xa3\x61t\x01\x61k\x05\x61c\x41\xa0");
}

#[test]
fn the_bytes_of_a_brief_bundle_stay_as_they_are() {
    let raw = encode_item(&bundle("hello"));
    let (ann, bob, hash) = (id(1), id(2), blake3::hash(&raw));
    let expected = [
        &b"\xa1\x61b\xa4\x61i\xa3\x61d\x61c\x61k\x50"[..],
        &RingKey(5).0.to_be_bytes(),
        b"\x61y\x00\x61b\x58\x47\xa6\x61a\x50",
        ann.as_bytes(),
        b"\x61s\x02\x61p\x50",
        &[3; 16],
        b"\x61l\x05\x61h\x80",
        &raw[raw.len() - 23..],
        b"\x61h\x4d",
        &hash.as_bytes()[..8],
        &bob.as_bytes()[..4],
        b"\x04\x61g",
        &encode_item(&seal(1)),
    ];
    assert_eq!(encode(&Frame::Brief(brief()))[..], expected.concat());
}

#[test]
fn a_preface_says_what_is_wrong() {
    assert!(check_preface(preface()).is_ok());
    let http = check_preface(*b"GET / ").unwrap_err().to_string();
    assert_eq!(http, "the other end is not a Ringtalk node");
    let newer = check_preface(*b"RTLK\x00\xff").unwrap_err().to_string();
    assert!(newer.contains("version 255"), "{newer}");
}

#[test]
fn deep_nesting_is_refused_and_overflows_no_stack() {
    let arrays: Vec<u8> = repeat_n(0x81, FRAME_BYTES).collect();
    assert!(matches!(decode(&arrays), Err(DecodeError::Malformed(_))));
    let in_an_unknown_field = [&b"\xa1\x65close\xa1\x63new"[..], &arrays[..60_000]].concat();
    assert!(decode(&in_an_unknown_field).is_err());
}

#[test]
fn lengths_that_lie_are_refused_before_anything_is_allocated() {
    for lie in [
        &b"\xa1\x65close\xa1\x66reason\x7b\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        &b"\xa1\x61r\xa1\x61i\x9b\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        &b"\xa1\x61p\xa2\x61b\x5b\x7f\xff\xff\xff\xff\xff\xff\xff\x61g\x40"[..],
    ] {
        assert!(matches!(decode(lie), Err(DecodeError::Malformed(_))));
    }
    let long = vec![0; FRAME_BYTES + 1];
    assert_eq!(decode(&long), Err(DecodeError::TooLong(FRAME_BYTES + 1)));
}

#[test]
fn text_that_is_no_utf_8_is_refused() {
    let close = b"\xa1\x65close\xa1\x66reason\x62\xff\xfe";
    assert!(matches!(decode(close), Err(DecodeError::Malformed(_))));
}

#[test]
fn what_is_over_a_limit_is_refused() {
    let longest = "x".repeat(TEXT_BYTES);
    let good = sealed(encode_item(&bundle(&longest)));
    assert!(good.bundle().is_ok());
    let over = sealed(encode_item(&bundle(&(longest + "x"))));
    assert!(matches!(over.bundle(), Err(DecodeError::Malformed(_))));
    let too_many = Frame::Receipt(Items {
        items: vec![item_id(); 513],
    });
    assert!(decode(&encode(&too_many)).is_err());
    let far = Frame::Pull(Pull {
        number: 1,
        ranges: vec![Range {
            author: id(1),
            from: 1,
            to: COUNTER + 1,
        }],
    });
    assert!(decode(&encode(&far)).is_err());
    assert!(decode(&encode(&Frame::Report(report(FINGERS)))).is_ok());
    assert!(decode(&encode(&Frame::Report(report(FINGERS + 1)))).is_err());
    let mut suspicious = report(1);
    suspicious.suspects = vec![id(4); SUSPECTS];
    suspicious.brought = vec![report(1).brought[0]; BROUGHT];
    assert!(decode(&encode(&Frame::Report(suspicious.clone()))).is_ok());
    suspicious.suspects.push(id(4));
    assert!(decode(&encode(&Frame::Report(suspicious.clone()))).is_err());
    suspicious.suspects.pop();
    suspicious.brought.push(report(1).brought[0]);
    assert!(decode(&encode(&Frame::Report(suspicious))).is_err());
}

#[test]
fn a_bundle_with_impossible_numbers_is_refused() {
    let unsound = |change: fn(&mut Bundle)| {
        let mut bundle = bundle("hello");
        change(&mut bundle);
        sealed(encode_item(&bundle)).bundle()
    };
    let error = Err(DecodeError::Unsound("bundle"));
    assert_eq!(unsound(|bundle| bundle.messages.clear()), error);
    assert_eq!(unsound(|bundle| bundle.first = 0), error);
    assert_eq!(unsound(|bundle| bundle.lamport = 0), error);
    assert_eq!(unsound(|bundle| bundle.heads[0].seq = 0), error);
    let own_future = |bundle: &mut Bundle| bundle.heads[0].author = bundle.author;
    assert_eq!(unsound(own_future), error);
}

#[test]
fn an_introduction_is_read_back_and_nothing_else_is() {
    let introduction = Introduction {
        key: PublicKey([1; 32]),
        signature: Signature([2; 64]),
        ticket: None,
    };
    let bytes = introduction.encode();
    let golden = [
        &b"\xa2\x63key\x58\x20"[..],
        &[1; 32],
        b"\x69signature\x58\x40",
        &[2; 64],
    ];
    assert_eq!(bytes[..], golden.concat());
    assert_eq!(Introduction::decode(&bytes), Ok(introduction));
    assert!(Introduction::decode(&bytes[..bytes.len() - 1]).is_err());
    let trailing = [&bytes[..], &[0]].concat();
    assert_eq!(
        Introduction::decode(&trailing),
        Err(DecodeError::Trailing(1))
    );
    assert!(Introduction::decode(b"\xa1\x63key\x41\x01").is_err());
}

/// Found by the fuzzer: ciborium also accepts a frame's name and body as two consecutive items.
#[test]
fn two_items_are_no_frame() {
    let two = b"\x65leave\x03";
    assert_eq!(decode(two), Err(DecodeError::Trailing(1)));
    let one = b"\xa1\x65leave\x03";
    assert_eq!(decode(one), Ok(Frame::Leave(3)));
    for again in [
        &b"\xd2\xa1\x65leave\x03"[..],
        b"\xbf\x65leave\x03\xff",
        b"\xa1\x65leave\xc2\x41\x03",
    ] {
        assert!(decode(again).is_err(), "{again:x?}");
    }
}
