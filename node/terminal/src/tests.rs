//! Tests of the output of each face for the same events.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use ringtalk_session::{
    Backlog, Code, ControlMessage, DiscussionId, Epoch, Event, FaceCommand, Goodbye, Invite,
    InviteState, JoinStage, Me, Member, Members, Message, MessageId, NodeId, Person, Presence,
    ProgramName, Remark, Reply, Requester, RingId, RoomEvent, Session, VectorClock,
};
use ringtalk_wire::{Addresses, NetworkId, RingKey};
use serde_json::{Value, json};
use time::UtcOffset;

use crate::attention::AttentionSettings;
use crate::face::Face;
use crate::lines::Lines;
use crate::open::FaceKind;
use crate::stdout::Stdout;
use crate::stdout_queue::{StdoutQueue, TextEncoder, TextFormat};
use crate::tty::Hangup;

pub(super) const ANN: NodeId = NodeId::from_bytes([0xa; 16]);
const BOB: NodeId = NodeId::from_bytes([0xb; 16]);
const ANN_UUID: &str = "0a0a0a0a-0a0a-8a0a-8a0a-0a0a0a0a0a0a";
const LOBBY_UUID: &str = "00000000-0000-8000-8000-000000000000";
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
        program: ProgramName::default(),
        id: BOB,
        requested_name: "bob".to_owned(),
        address: "10.0.0.2:4000".to_owned(),
        discussion: DiscussionId::from(*NodeId::from_bytes([0; 16]).as_uuid()),
        invite: Invite::from("ringtalk://10.0.0.1:8080/".to_owned()),
        open_at: None,
        is_founder: false,
    }
}

/// A session with a face, and the output of that face.
struct TestFace {
    session: Session,
    written: Receiver<Vec<u8>>,
}

/// An output that passes bytes on.
struct ChannelOutput(Sender<Vec<u8>>);

impl Write for ChannelOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TestFace {
    fn of(kind: FaceKind, me: Me) -> Self {
        let (out, written) = channel();
        let encoder = match kind {
            FaceKind::Lines { color } => {
                let settings = AttentionSettings::default();
                let lines = Lines::new(color, UtcOffset::UTC, || None, settings);
                TextEncoder::new(TextFormat::Lines(Box::new(lines)), me.clone())
            }
            _ => TextEncoder::new(TextFormat::Json, me.clone()),
        };
        let (stdout, sender) =
            Stdout::start_with(ChannelOutput(out), encoder, Backlog::new(0)).unwrap();
        let face = Face::new(StdoutQueue::new(sender), &me, stdout, Hangup::never());
        Self {
            session: Session::new(me, Box::new(face), 7),
            written,
        }
    }

    fn tell(&mut self, event: Event) {
        self.session.record(event, Instant::now());
    }

    /// Ends the session, and returns everything that was written.
    fn close(mut self) -> String {
        self.session.end_turn().unwrap();
        drop(self.session);
        String::from_utf8(self.written.iter().flatten().collect()).unwrap()
    }
}

fn open_face(kind: FaceKind) -> TestFace {
    TestFace::of(kind, me())
}

const JSON: FaceKind = FaceKind::Json { commands: false };

pub(super) fn members() -> Arc<Members> {
    let epoch = Epoch {
        number: 1,
        coordinator: ANN,
    };
    let both = [member(ANN, "ann", 0), member(BOB, "bob-2", 1)];
    Arc::new(Members::new(epoch, 2, both))
}

pub(super) fn message(author: NodeId, seq: u64, text: &str, history: bool) -> Event {
    Event::Message(Message {
        room: me().lobby(),
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

fn output_of(mut face: TestFace, events: &[Event]) -> String {
    for event in events {
        face.tell(event.clone());
    }
    face.close()
}

fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn json_messages_have_every_field_of_the_contract() {
    let face = open_face(JSON);
    let base = VectorClock::from_iter([MessageId {
        author: ANN,
        seq: 4,
    }]);
    let start = Event::Start { base };
    let text = output_of(face, &[start, message(BOB, 1, "héllo\n", true)]);
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
        "room-id": LOBBY_UUID,
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
fn json_reports_joining() {
    let peer = ANN;
    let address = "10.0.0.1:4000".to_owned();
    let linking = JoinStage::Linking {
        peer,
        address: address.clone(),
    };
    let (done, total) = (3, 10);
    let stages = [
        JoinStage::AskingDirector,
        linking,
        JoinStage::AskingForPlace { peer, address },
        JoinStage::FetchingHistory { done, total },
    ];
    let lines = objects(&output_of(open_face(JSON), &stages.map(Event::Joining)));
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
fn json_clocks_pass_lost_messages_but_not_missing_ones() {
    let face = open_face(JSON);
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
    let lines = objects(&output_of(face, &events));
    let expected = json!({"event": "gap", "node-id": ANN_UUID, "from": 1, "to": 5});
    assert_eq!(lines[0], expected);
    let clock = json!({ANN_UUID: 5, BOB_UUID: 1});
    assert_eq!(lines[2]["vector-clock"], clock);
}

#[test]
fn json_reports_the_ring() {
    let face = open_face(JSON);
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
               "message": "(another member has the name bob or a similar one: you are bob-2)"}),
        json!({"event": "renamed", "node-id": ANN_UUID, "name": "ann", "previous": "anna"}),
    ];
    assert_eq!(objects(&output_of(face, &events)), expected);
}

#[test]
fn json_reports_membership_and_a_split() {
    let face = open_face(JSON);
    let view = members();
    let epoch = view.epoch();
    let lines = objects(&output_of(
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
    let person = |event: &str| json!({"event": event, "node-id": ANN_UUID, "name": "ann"});
    let epoch = json!({"number": 1, "coordinator": ANN_UUID});
    let expected = [
        person("joined"),
        person("left"),
        person("failed"),
        person("failed"),
        json!({"event": "merged", "members": 2, "epoch": epoch}),
        json!({"event": "split", "members": 2, "epoch": epoch}),
    ];
    assert_eq!(lines[1..], expected);
}

#[test]
fn json_has_the_drivers_own_events() {
    let mut face = open_face(JSON);
    let id = MessageId {
        author: ANN,
        seq: 1,
    };
    let reply = Reply::Transcript {
        room: me().lobby(),
        ids: vec![id],
    };
    face.session
        .answer("transcript", Requester::Typist, Ok(reply));
    face.tell(Event::Error(Remark {
        code: Code::Full,
        message: "m\u{9b}".to_owned(),
    }));
    face.tell(Event::Goodbye {
        reason: Goodbye::Quit,
    });
    let text = face.close();
    assert!(text.contains(r"m\u009b"));
    let expected = [
        json!({"event": "transcript", "room": "main", "room-id": LOBBY_UUID, "ids": [id.uuid().to_string()]}),
        json!({"event": "error", "code": "full", "message": "m\u{9b}"}),
        json!({"event": "goodbye", "reason": "quit"}),
    ];
    assert_eq!(objects(&text), expected);
}

#[test]
fn lines_read_like_a_conversation() {
    let face = open_face(FaceKind::Lines { color: false });
    let text = output_of(
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
            "* that was before you joined",
            "* you are bob-2; also here: ann",
            "* type to talk; /help lists the commands",
            "* (another member has the name bob or a similar one: you are bob-2)",
            &format!("{time} ann: ␛[2Jthird"),
            "* ann left",
        ]
    );
}

#[test]
fn messages_of_unlisted_authors_are_marked() {
    let nobody = NodeId::from_bytes([0xc; 16]);
    let events = [
        message(nobody, 1, "of old", true),
        Event::View(members()),
        message(ANN, 1, "ann is here", false),
        message(nobody, 2, "I am not", false),
        message(nobody, 3, "/me waves", false),
    ];
    let lines = output_of(open_face(FaceKind::Lines { color: false }), &events);
    assert!(lines.contains(" ann: of old\n") && lines.contains(" ann: ann is here\n"));
    assert!(lines.contains(" ann (not here): I am not\n"), "{lines}");
    assert!(lines.contains(" * ann (not here) waves\n"), "{lines}");
    let lines = objects(&output_of(open_face(JSON), &events));
    let messages = lines.iter().filter(|line| line["event"] == "message");
    let unlisted: Vec<&Value> = messages.map(|line| &line["unlisted"]).collect();
    let [no, yes] = [&Value::Null, &Value::Bool(true)];
    assert_eq!(unlisted, [no, no, yes, yes]);
}

#[test]
fn no_text_looks_like_another_line() {
    let face = open_face(FaceKind::Lines { color: false });
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
    let text = output_of(face, &events);
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
    let text = output_of(
        open_face(FaceKind::Lines { color: false }),
        &events.map(late),
    );
    let expected = "22:23? ann: late\n* the discussion so far:\n22:13 ann: old\n";
    assert_eq!(text, expected);
}

#[test]
fn a_node_with_another_name_gets_a_notice() {
    let mut face = open_face(JSON);
    let ready = Event::Ready {
        name: "bob".to_owned(),
    };
    face.tell(ready);
    face.session.record_rename_request("bob!");
    face.session.record_rename_request("Mary Jane");
    let renamed = |name: &str| Event::Renamed {
        person: Person {
            id: BOB,
            name: name.into(),
        },
        previous: "bob".to_owned(),
    };
    let lines = objects(&output_of(face, &[renamed("Mary-Jane"), renamed("bob")]));
    let notice_at = |number: usize| {
        (
            lines[number]["event"].clone(),
            lines[number]["code"].clone(),
        )
    };
    assert_eq!(notice_at(1), (json!("notice"), json!("same-name")));
    assert_eq!(notice_at(3), (json!("notice"), json!("other-name")));
    assert_eq!(lines.len(), 5);
}

#[test]
fn lines_say_nothing_of_the_coordinator() {
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
    let plain = || open_face(FaceKind::Lines { color: false });
    let text = output_of(plain(), &[&before[..], &after].concat());
    let text = text.strip_prefix(&output_of(plain(), &before)).unwrap();
    assert_eq!(
        text, "",
        "who coordinates is in /ring, and makes no difference to a user"
    );
}

#[test]
fn the_last_entrance_leaves_the_invite_that_newcomers_need() {
    let invite = |port| Invite::from(format!("ringtalk://10.0.0.1:{port}/#secret"));
    let news = Event::Invite(InviteState {
        invite: invite(4_000),
        after_me: Some(invite(4_001)),
    });
    let ready = Event::Ready { name: "bob".into() };
    let reason = Goodbye::Quit;
    let events = [
        Event::View(members()),
        ready,
        news,
        Event::Goodbye { reason },
    ];
    let text = output_of(open_face(FaceKind::Lines { color: false }), &events);
    let end = "\n* your node was the last one that the invite names; newcomers need the new one:\n\
               ringtalk --join 'ringtalk://10.0.0.1:4001/#secret'\n\
               * you left; 1 is still there\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn lines_list_who_is_here() {
    let mut face = open_face(FaceKind::Lines { color: false });
    face.tell(Event::View(members()));
    let reply = Reply::Who {
        room: me().lobby(),
        members: Some(members()),
    };
    face.session.answer("who", Requester::Typist, Ok(reply));
    let expected = "* 2 here, in the order in which they joined:\n\
                    *   ann at 10.0.0.0:4000, coordinator\n\
                    *   bob-2 at 10.0.0.1:4000, you\n";
    assert_eq!(face.close(), expected);
}

#[test]
fn lines_find_messages() {
    let mut face = open_face(FaceKind::Lines { color: false });
    face.tell(message(ANN, 1, "Lunch at noon?", true));
    face.tell(message(ANN, 2, "/me has lunch", false));
    face.tell(message(ANN, 3, "tea", false));
    let search = Ok(Reply::Face(FaceCommand::Search("LUNCH".to_owned())));
    face.session.answer("search", Requester::Typist, search);
    let text = face.close();
    let expected = "* 2 messages have \"LUNCH\":\n\
                    *   22:13 ann: Lunch at noon?\n\
                    *   22:13 * ann has lunch\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn lines_save_the_messages_with_their_line_ends() {
    let path = std::env::temp_dir().join(format!("ringtalk-{}-lines", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let mut face = open_face(FaceKind::Lines { color: false });
    face.tell(message(ANN, 1, "one\n\u{1b}two", true));
    let save = Reply::Face(FaceCommand::Save(path.display().to_string()));
    for _ in 0..2 {
        face.session
            .answer("save", Requester::Typist, Ok(save.clone()));
    }
    let text = face.close();
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(written, "2023-11-14 22:13 ann: one\n      ␛two\n");
    let path = path.display();
    let said = format!(
        "* 1 message written to {path}; the room is told\n! not saved: {path} exists already"
    );
    assert!(text.contains(&said), "{text}");
}

#[test]
fn json_leaves_the_search_to_the_program() {
    let mut face = open_face(JSON);
    let search = Ok(Reply::Face(FaceCommand::Search("x".to_owned())));
    face.session.answer("search", Requester::Typist, search);
    let lines = objects(&face.close());
    assert_eq!(lines[0]["event"], "error");
    assert_eq!(lines[0]["code"], "unknown-command");
}

/// Nobody checks the address that a member claims.
#[test]
fn an_address_never_starts_a_row() {
    let mut face = open_face(FaceKind::Lines { color: false });
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
    let reply = Reply::Who {
        room: me().lobby(),
        members: Some(members),
    };
    face.session.answer("who", Requester::Typist, Ok(reply));
    let text = face.close();
    assert!(text.contains("at 1.2.3.4:5    00:53 ann"), "{text}");
    let mut help = open_face(FaceKind::Lines { color: false });
    let reply = Ok(Reply::Help);
    help.session.answer("help", Requester::Typist, reply);
    assert!(help.close().contains("/who           who is here"));
}

#[test]
fn colours_never_come_from_peers() {
    let face = open_face(FaceKind::Lines { color: true });
    let text = output_of(face, &[message(ANN, 1, "\u{1b}[31mred", false)]);
    assert!(text.contains("␛[31mred"), "{text}");
    assert!(text.contains("\u{1b}[2m"), "{text}");
}

#[test]
fn json_shows_only_the_size_of_a_long_clock() {
    let message_of = |author: u8| message(NodeId::from_bytes([author; 16]), 1, "x", false);
    let lines = objects(&output_of(
        open_face(JSON),
        &(1..=65).map(message_of).collect::<Vec<_>>(),
    ));
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
    let plain = TestFace::of(FaceKind::Lines { color: false }, open());
    let text = output_of(plain, std::slice::from_ref(&ready));
    let warning = "\n! this is the open discussion of 10.0.0.1:8080: anyone";
    assert!(text.contains(warning), "{text}");

    let lines = objects(&output_of(TestFace::of(JSON, open()), &[ready]));
    assert_eq!(lines[1]["event"], "notice");
    assert_eq!(lines[1]["code"], "open-discussion");
}

const OPS: RingId = RingId::from_bytes([7; 16]);

/// Returns a message in the room `ops`.
fn in_ops(author: NodeId, seq: u64, text: &str) -> Event {
    match message(author, seq, text, false) {
        Event::Message(message) => Event::Message(Message {
            room: OPS,
            ..message
        }),
        other => other,
    }
}

fn entering_ops() -> Vec<Event> {
    vec![
        Event::Room(OPS, RoomEvent::Entering),
        Event::Room(OPS, RoomEvent::Named("ops".parse().unwrap())),
        Event::Room(OPS, RoomEvent::View(members())),
        Event::Room(OPS, RoomEvent::Ready),
    ]
}

#[test]
fn piped_lines_name_their_room_once_there_is_a_second_one() {
    let face = open_face(FaceKind::Lines { color: false });
    let first = [Event::View(members()), message(ANN, 1, "before", false)];
    let then = [
        in_ops(ANN, 1, "in ops"),
        in_ops(ANN, 2, "/me waves"),
        message(ANN, 2, "in main", false),
        Event::Room(OPS, RoomEvent::Left(ann())),
    ];
    let events: Vec<Event> = first
        .into_iter()
        .chain(entering_ops())
        .chain(then)
        .collect();
    let text = output_of(face, &events);
    let lines: Vec<&str> = text
        .lines()
        .map(|line| &line[6.min(line.len())..])
        .collect();
    assert_eq!(
        lines[..4],
        [
            "ann: before",
            "#ops ann: in ops",
            "#ops * ann waves",
            "#main ann: in main"
        ],
        "{text}"
    );
    assert!(text.ends_with("* ann left #ops\n"), "{text}");
}

#[test]
fn json_names_the_room_and_each_room_has_its_own_message_ids() {
    let events: Vec<Event> = entering_ops()
        .into_iter()
        .chain([in_ops(ANN, 1, "x"), message(ANN, 1, "x", false)])
        .collect();
    let written = objects(&output_of(open_face(JSON), &events));
    let said: Vec<&Value> = written
        .iter()
        .filter(|line| line["event"] == "message")
        .collect();
    assert_eq!(
        (&said[0]["room"], &said[1]["room"]),
        (&json!("ops"), &json!("main"))
    );
    assert_eq!(said[0]["room-id"], OPS.to_string());
    assert_ne!(said[0]["id"], said[1]["id"]);
    assert_eq!(said[0]["vector-clock"], json!({ANN_UUID: 1}));
    let kinds: Vec<&Value> = written.iter().map(|line| &line["event"]).collect();
    assert_eq!(kinds[..2], ["room-view", "room-ready"]);
}

#[test]
fn others_are_away_until_they_are_back() {
    let tell = |author: NodeId, seq: u64, presence: Option<Presence>| {
        Event::Control(ControlMessage {
            room: me().lobby(),
            id: MessageId { author, seq },
            name: "ann".into(),
            presence,
            history: false,
        })
    };
    let away = || Some(Presence::Away("lunch".to_owned()));
    let text = output_of(
        open_face(FaceKind::Lines { color: false }),
        &[
            Event::View(members()),
            tell(ANN, 1, away()),
            tell(ANN, 2, Some(Presence::Back)),
            tell(ANN, 3, Some(Presence::Saved)),
            tell(ANN, 4, None),
            tell(BOB, 1, away()),
        ],
    );
    assert_eq!(
        text,
        "* ann is away (lunch)\n* ann is back\n* ann saved a copy\n"
    );
}
