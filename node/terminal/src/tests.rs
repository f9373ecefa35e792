//! Tests of the output of each face for the same events.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use ringtalk_session::{
    Asker, Backlog, Code, DiscussionId, Epoch, Event, Goodbye, Invite, Me, Member, Members,
    Message, MessageId, NodeId, Person, Remark, Reply, Session, Stage, VectorClock,
};
use ringtalk_wire::{Addresses, NetworkId, RingKey};
use serde_json::{Value, json};
use time::UtcOffset;

use crate::face::Face;
use crate::open::Show;
use crate::stdout::Stdout;
use crate::tty::Hangup;
use crate::written::{Script, Writer, Written};

pub(super) const ANN: NodeId = NodeId::from_bytes([0xa; 16]);
const BOB: NodeId = NodeId::from_bytes([0xb; 16]);
const ANN_UUID: &str = "0a0a0a0a-0a0a-8a0a-8a0a-0a0a0a0a0a0a";
const BOB_UUID: &str = "0b0b0b0b-0b0b-8b0b-8b0b-0b0b0b0b0b0b";

fn member(id: NodeId, name: &str, seniority: u64) -> Arc<Member> {
    Arc::new(Member {
        id,
        name: name.to_owned(),
        addresses: Addresses::at(format!("10.0.0.{seniority}:4000")),
        seniority,
        key: RingKey(u128::from(seniority) << 100),
        network: NetworkId::default(),
    })
}

pub(super) fn me() -> Me {
    Me {
        id: BOB,
        wanted_name: "bob".to_owned(),
        address: "10.0.0.2:4000".to_owned(),
        discussion: DiscussionId::from(*NodeId::from_bytes([0; 16]).as_uuid()),
        invite: Invite::from("ringtalk://10.0.0.1:8080/".to_owned()),
        open_at: None,
        hosts: false,
    }
}

/// A session with a face, and the output of that face.
struct Shop {
    session: Session,
    written: Receiver<Vec<u8>>,
}

/// An output that passes bytes on.
struct Out(Sender<Vec<u8>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shop {
    fn of(show: Show, me: Me) -> Self {
        let (out, written) = channel();
        let writer = match show {
            Show::Lines { color } => Writer::of_lines(color, UtcOffset::UTC, || None, me.clone()),
            _ => Writer::new(Script::Json, me.clone()),
        };
        let (stdout, pen) = Stdout::start_with(Out(out), writer, Backlog::new(0)).unwrap();
        let face = Face::new(Written::new(pen), me.id, stdout, Hangup::never());
        Self {
            session: Session::new(me, Box::new(face), 7),
            written,
        }
    }

    fn tell(&mut self, event: Event) {
        self.session.tell(event, Instant::now());
    }

    /// Ends the session, and returns everything that was written.
    fn close(mut self) -> String {
        self.session.settle().unwrap();
        drop(self.session);
        String::from_utf8(self.written.iter().flatten().collect()).unwrap()
    }
}

fn face(show: Show) -> Shop {
    Shop::of(show, me())
}

const JSON: Show = Show::Json { commands: false };

fn members() -> Arc<Members> {
    let epoch = Epoch {
        number: 1,
        coordinator: ANN,
    };
    let both = [member(ANN, "ann", 0), member(BOB, "bob-2", 1)];
    Arc::new(Members::new(epoch, 2, both))
}

pub(super) fn message(author: NodeId, seq: u64, text: &str, history: bool) -> Event {
    Event::Message(Message {
        id: MessageId { author, seq },
        name: "ann".into(),
        timestamp_ms: 1_700_000_000_042,
        arrived_ms: 1_700_000_000_042,
        text: text.into(),
        lamport: seq + 2,
        heads: Some(vec![MessageId {
            author: ANN,
            seq: 3,
        }]),
        history,
    })
}

fn ann() -> Person {
    Person {
        id: ANN,
        name: "ann".into(),
    }
}

fn shown(mut shop: Shop, events: &[Event]) -> String {
    for event in events {
        shop.tell(event.clone());
    }
    shop.close()
}

fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn json_messages_have_every_field_of_the_contract() {
    let face = face(JSON);
    let base = VectorClock::from_iter([MessageId {
        author: ANN,
        seq: 4,
    }]);
    let start = Event::Start { base };
    let text = shown(face, &[start, message(BOB, 1, "héllo\n", true)]);
    assert!(text.starts_with(r#"{"event":"message","#), "{text}");
    assert_eq!(text.matches('\n').count(), 1);
    let id = MessageId {
        author: BOB,
        seq: 1,
    };
    let expected = json!({
        "event": "message",
        "id": id.uuid().to_string(),
        "node-id": BOB_UUID,
        "seq": 1,
        "name": "ann",
        "room": "main",
        "timestamp": "2023-11-14T22:13:20.042Z",
        "message": "héllo\n",
        "lamport": 3,
        "heads": [{"node-id": ANN_UUID, "seq": 3}],
        "vector-clock": {ANN_UUID: 4, BOB_UUID: 1},
        "history": true,
    });
    assert_eq!(objects(&text), [expected]);
}

#[test]
fn json_tells_of_the_way_in() {
    let peer = ANN;
    let address = "10.0.0.1:4000".to_owned();
    let linking = Stage::Linking {
        peer,
        address: address.clone(),
    };
    let (done, total) = (3, 10);
    let stages = [
        Stage::AskingDirector,
        linking,
        Stage::AskingForPlace { peer, address },
        Stage::FetchingHistory { done, total },
    ];
    let lines = objects(&shown(face(JSON), &stages.map(Event::Joining)));
    let stage = |stage| json!({"event": "joining", "stage": stage});
    let fetching = json!({"event": "joining", "stage": "fetching-history", "done": 3, "total": 10});
    let expected = [
        stage("asking-director"),
        stage("linking"),
        stage("asking-for-place"),
        fetching,
    ];
    assert_eq!(lines, expected);
}

#[test]
fn json_clocks_pass_what_is_gone_but_not_what_is_merely_missing() {
    let face = face(JSON);
    let gap = |from, to, passed| Event::Gap {
        author: ANN,
        from,
        to,
        passed,
    };
    let events = [
        gap(1, 5, true),
        gap(6, 9, false),
        message(BOB, 1, "x", false),
    ];
    let lines = objects(&shown(face, &events));
    let expected = json!({"event": "gap", "node-id": ANN_UUID, "from": 1, "to": 5});
    assert_eq!(lines[0], expected);
    let clock = json!({ANN_UUID: 5, BOB_UUID: 1});
    assert_eq!(lines[2]["vector-clock"], clock);
}

#[test]
fn json_tells_of_the_ring() {
    let face = face(JSON);
    let view = members();
    let events = [
        Event::View(Arc::clone(&view)),
        Event::Coordinator {
            epoch: view.epoch(),
        },
        Event::Neighbours {
            predecessor: Some(ANN),
            successor: None,
        },
        Event::Ready {
            name: "bob-2".to_owned(),
        },
        Event::Renamed {
            person: ann(),
            previous: "anna".to_owned(),
        },
    ];
    let epoch = json!({"number": 1, "coordinator": ANN_UUID});
    let members = json!([
        {"node-id": ANN_UUID, "name": "ann", "address": "10.0.0.0:4000", "seniority": 0},
        {"node-id": BOB_UUID, "name": "bob-2", "address": "10.0.0.1:4000", "seniority": 1},
    ]);
    let ready = json!({
        "event": "ready", "node-id": BOB_UUID, "name": "bob-2", "address": "10.0.0.2:4000",
        "discussion": "00000000-0000-8000-8000-000000000000",
        "invite": "ringtalk://10.0.0.1:8080/", "coordinator": ANN_UUID, "epoch": epoch,
        "members": 2,
    });
    let expected = [
        json!({"event": "view", "epoch": epoch, "number": 2, "coordinator": ANN_UUID,
               "members": members}),
        json!({"event": "coordinator", "node-id": ANN_UUID, "epoch": epoch}),
        json!({"event": "neighbours", "predecessor": ANN_UUID, "successor": null}),
        ready,
        json!({"event": "notice", "code": "other-name",
               "message": "(somebody else is bob already, or looks like it)"}),
        json!({"event": "renamed", "node-id": ANN_UUID, "name": "ann", "previous": "anna"}),
    ];
    assert_eq!(objects(&shown(face, &events)), expected);
}

#[test]
fn json_tells_of_comings_and_goings_and_of_losses_together() {
    let face = face(JSON);
    let view = members();
    let epoch = view.epoch();
    let lines = objects(&shown(
        face,
        &[
            Event::View(view),
            Event::Joined(ann()),
            Event::Left(ann()),
            Event::Failed(ann()),
            Event::Failed(ann()),
            Event::Merged { members: 2, epoch },
        ],
    ));
    let somebody = |event: &str| json!({"event": event, "node-id": ANN_UUID, "name": "ann"});
    let epoch = json!({"number": 1, "coordinator": ANN_UUID});
    let expected = [
        somebody("joined"),
        somebody("left"),
        somebody("failed"),
        somebody("failed"),
        json!({"event": "merged", "members": 2, "epoch": epoch}),
        json!({"event": "split", "members": 2, "epoch": epoch}),
    ];
    assert_eq!(lines[1..], expected);
}

#[test]
fn json_has_the_drivers_own_events() {
    let mut shop = face(JSON);
    let id = MessageId {
        author: ANN,
        seq: 1,
    };
    let reply = Reply::Transcript(vec![id]);
    shop.session.answer("transcript", Asker::Typist, Ok(reply));
    shop.tell(Event::Error(Remark {
        code: Code::Full,
        message: "m\u{9b}".to_owned(),
    }));
    shop.tell(Event::Goodbye {
        reason: Goodbye::Quit,
    });
    let text = shop.close();
    assert!(text.contains(r"m\u009b"));
    let expected = [
        json!({"event": "transcript", "ids": [id.uuid().to_string()]}),
        json!({"event": "error", "code": "full", "message": "m\u{9b}"}),
        json!({"event": "goodbye", "reason": "quit"}),
    ];
    assert_eq!(objects(&text), expected);
}

#[test]
fn lines_read_like_a_conversation() {
    let face = face(Show::Lines { color: false });
    let text = shown(
        face,
        &[
            Event::View(members()),
            message(ANN, 1, "first", true),
            message(ANN, 2, "second", true),
            Event::Ready {
                name: "bob-2".to_owned(),
            },
            message(ANN, 3, "\u{1b}[2Jthird", false),
            Event::Left(ann()),
        ],
    );
    let lines: Vec<&str> = text.lines().collect();
    let time = "22:13";
    assert_eq!(
        lines,
        [
            "* the discussion so far:",
            &format!("{time} ann: first"),
            &format!("{time} ann: second"),
            "* that was before you came",
            "* you are bob-2; here are ann, bob-2",
            "* type to talk; /help lists what else there is",
            "* (somebody else is bob already, or looks like it)",
            &format!("{time} ann: ␛[2Jthird"),
            "* ann left",
        ]
    );
}

#[test]
fn the_words_of_somebody_whom_the_view_does_not_list_are_marked() {
    let nobody = NodeId::from_bytes([0xc; 16]);
    let events = [
        message(nobody, 1, "of old", true),
        Event::View(members()),
        message(ANN, 1, "ann is here", false),
        message(nobody, 2, "I am not", false),
        message(nobody, 3, "/me waves", false),
    ];
    let lines = shown(face(Show::Lines { color: false }), &events);
    assert!(lines.contains(" ann: of old\n") && lines.contains(" ann: ann is here\n"));
    assert!(lines.contains(" ann (not here): I am not\n"), "{lines}");
    assert!(lines.contains(" * ann (not here) waves\n"), "{lines}");
    let lines = objects(&shown(face(JSON), &events));
    let messages = lines.iter().filter(|line| line["event"] == "message");
    let unlisted: Vec<&Value> = messages.map(|line| &line["unlisted"]).collect();
    let [no, yes] = [&Value::Null, &Value::Bool(true)];
    assert_eq!(unlisted, [no, no, yes, yes]);
}

#[test]
fn no_text_looks_like_another_line() {
    let face = face(Show::Lines { color: false });
    let wide = format!("{}22:13 bob: I agree", "\u{3000} ".repeat(200));
    let texts = [
        "one\n22:13 bob: I agree",
        "one\r\n* bob left",
        "one\u{2028}! bob left",
        "   ",
        "\u{200b}\u{ad}",
        "/me    \u{3164}waves",
        "/me \n* bob left",
        &wide,
    ];
    let events: Vec<Event> = (3..)
        .zip(texts)
        .map(|(seq, text)| message(ANN, seq, text, false))
        .collect();
    let text = shown(face, &events);
    let expected = [
        "22:13 ann: one␊22:13 bob: I agree",
        "22:13 ann: one␍␊* bob left",
        r"22:13 ann: one\u{2028}! bob left",
        "22:13 ann:    ",
        "22:13 ann: \u{fffd}\\u{ad}",
        "22:13 * ann \u{fffd}waves",
        "22:13 * ann * bob left",
        "22:13 ann: \u{3000} 22:13 bob: I agree",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_time_that_is_off_is_marked() {
    let late = |event| match event {
        Event::Message(message) => Event::Message(Message {
            arrived_ms: 1_700_000_600_042,
            ..message
        }),
        other => other,
    };
    let events = [message(ANN, 3, "late", false), message(ANN, 4, "old", true)];
    let text = shown(face(Show::Lines { color: false }), &events.map(late));
    let expected = "22:23? ann: late\n* the discussion so far:\n22:13 ann: old\n";
    assert_eq!(text, expected);
}

#[test]
fn who_is_called_otherwise_is_told_why() {
    let mut shop = face(JSON);
    let ready = Event::Ready {
        name: "bob".to_owned(),
    };
    shop.tell(ready);
    shop.session.wishes("bob!");
    shop.session.wishes("Mary Jane");
    let renamed = |name: &str| Event::Renamed {
        person: Person {
            id: BOB,
            name: name.into(),
        },
        previous: "bob".to_owned(),
    };
    let lines = objects(&shown(shop, &[renamed("Mary-Jane"), renamed("bob")]));
    let told = |number: usize| {
        (
            lines[number]["event"].clone(),
            lines[number]["code"].clone(),
        )
    };
    assert_eq!(told(1), (json!("notice"), json!("same-name")));
    assert_eq!(told(3), (json!("notice"), json!("other-name")));
    assert_eq!(lines.len(), 5);
}

#[test]
fn lines_tell_who_coordinates_where_it_is_somebody_else() {
    let by = |number, coordinator| Event::Coordinator {
        epoch: Epoch {
            number,
            coordinator,
        },
    };
    let ready = Event::Ready {
        name: "bob-2".to_owned(),
    };
    let before = [Event::View(members()), by(1, ANN), ready];
    let after = [by(2, ANN), by(3, BOB), by(4, BOB), by(5, ANN)];
    let plain = || face(Show::Lines { color: false });
    let text = shown(plain(), &[&before[..], &after].concat());
    let text = text.strip_prefix(&shown(plain(), &before)).unwrap();
    let expected = "* you coordinate the ring now\n* ann coordinates the ring now\n";
    assert_eq!(text, expected);
}

#[test]
fn lines_list_who_is_here() {
    let mut shop = face(Show::Lines { color: false });
    shop.tell(Event::View(members()));
    let reply = Reply::Who(Some(members()));
    shop.session.answer("who", Asker::Typist, Ok(reply));
    let expected = "* 2 here, the most senior first:\n\
                    *   ann at 10.0.0.0:4000, coordinator\n\
                    *   bob-2 at 10.0.0.1:4000, you\n";
    assert_eq!(shop.close(), expected);
}

/// Nobody checks the address that a member claims.
#[test]
fn no_address_goes_on_in_a_row_of_its_own() {
    let mut shop = face(Show::Lines { color: false });
    let forged = format!("1.2.3.4:5{}00:53 ann: yes, pay him", " ".repeat(60));
    let eve = Member {
        addresses: Addresses::at(forged),
        ..Member::clone(&member(ANN, "eve", 0))
    };
    let epoch = Epoch {
        number: 1,
        coordinator: ANN,
    };
    let members = Arc::new(Members::new(epoch, 2, [Arc::new(eve)]));
    let reply = Reply::Who(Some(members));
    shop.session.answer("who", Asker::Typist, Ok(reply));
    let text = shop.close();
    assert!(text.contains("at 1.2.3.4:5    00:53 ann"), "{text}");
    let mut help = face(Show::Lines { color: false });
    let reply = Ok(Reply::Help);
    help.session.answer("help", Asker::Typist, reply);
    assert!(help.close().contains("/who           who is here"));
}

#[test]
fn colours_never_come_from_peers() {
    let face = face(Show::Lines { color: true });
    let text = shown(face, &[message(ANN, 1, "\u{1b}[31mred", false)]);
    assert!(text.contains("␛[31mred"), "{text}");
    assert!(text.contains("\u{1b}[2m"), "{text}");
}

#[test]
fn json_shows_the_size_of_a_clock_that_is_long() {
    let said = |author: u8| message(NodeId::from_bytes([author; 16]), 1, "x", false);
    let lines = objects(&shown(face(JSON), &(1..=65).map(said).collect::<Vec<_>>()));
    let entries = |line: &Value| line["vector-clock"].as_object().map(serde_json::Map::len);
    assert_eq!(entries(&lines[63]), Some(64));
    assert_eq!(lines[63].get("clock-size"), None);
    assert_eq!(lines[64].get("vector-clock"), None);
    assert_eq!(lines[64]["clock-size"], 65);
}

#[test]
fn an_open_discussion_is_called_open() {
    let ready = Event::Ready {
        name: "bob".to_owned(),
    };
    let open = || Me {
        open_at: Some("10.0.0.1:8080".to_owned()),
        ..me()
    };
    let plain = Shop::of(Show::Lines { color: false }, open());
    let text = shown(plain, std::slice::from_ref(&ready));
    let warning = "\n! this is the open discussion of 10.0.0.1:8080: anybody";
    assert!(text.contains(warning), "{text}");

    let lines = objects(&shown(Shop::of(JSON, open()), &[ready]));
    assert_eq!(lines[1]["event"], "notice");
    assert_eq!(lines[1]["code"], "open-discussion");
}
