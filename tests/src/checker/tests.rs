//! Tests of the checker: a correct run passes, and each planted violation is caught by its rule.

use std::collections::BTreeMap;
use std::time::Instant;

use super::ring::{self, RingPlace};
use super::{CheckReport, End, Record, Rule, Rules, check};
use crate::event::{
    CLOCK_SHOWN, Coordinator, Epoch, Event, Gap, Goodbye, Head, Joining, Member, Message,
    Neighbours, Ready, Transcript, View,
};
use crate::id::{MessageId, NodeId};
use crate::journal::TimedEvent;

/// A made-up run that breaks no rule until a test spoils it.
struct MadeUpRun {
    records: Vec<Record>,
    clocks: Vec<BTreeMap<NodeId, u64>>,
    lamports: Vec<u64>,
    sent: BTreeMap<(usize, u64), Message>,
}

fn id(node: usize) -> NodeId {
    NodeId::made_up(node as u64 + 1)
}

fn epoch(number: u64, coordinator: usize) -> Epoch {
    Epoch {
        number,
        coordinator: id(coordinator),
    }
}

fn timed(event: Event) -> TimedEvent {
    TimedEvent {
        at: Instant::now(),
        event,
    }
}

impl MadeUpRun {
    fn of(nodes: usize) -> Self {
        let mut run = Self {
            records: (0..nodes).map(record).collect(),
            clocks: vec![BTreeMap::new(); nodes],
            lamports: vec![0; nodes],
            sent: BTreeMap::new(),
        };
        for node in 0..nodes {
            run.note(node, view(epoch(1, 0), 1, nodes));
        }
        run
    }

    fn note(&mut self, node: usize, event: Event) {
        self.records[node].events.push(timed(event));
    }

    /// Sends a message of `author`, which depends on everything that it has delivered.
    fn say(&mut self, author: usize, text: &str) -> u64 {
        let heads = self.clocks[author]
            .iter()
            .map(|(node, seq)| Head {
                node_id: *node,
                seq: *seq,
            })
            .collect();
        let seq = self.clocks[author].get(&id(author)).copied().unwrap_or(0) + 1;
        let message = Message {
            id: MessageId::made_up((author as u64) << 20 | seq),
            node_id: id(author),
            seq,
            name: format!("n{author}"),
            room: "main".to_owned(),
            timestamp: "2025-01-01T00:00:00Z".to_owned(),
            message: text.to_owned(),
            lamport: self.lamports[author] + 1,
            heads,
            vector_clock: None,
            clock_size: None,
            history: false,
            unlisted: false,
        };
        self.records[author].typed.push(text.to_owned());
        self.sent.insert((author, seq), message);
        self.deliver(author, author, seq);
        seq
    }

    fn deliver(&mut self, node: usize, author: usize, seq: u64) {
        let mut message = self.sent[&(author, seq)].clone();
        self.clocks[node].insert(id(author), seq);
        self.lamports[node] = self.lamports[node].max(message.lamport);
        let clock = self.clocks[node].clone();
        let entries = clock.len();
        message.clock_size = (entries > CLOCK_SHOWN).then_some(entries);
        message.vector_clock = (entries <= CLOCK_SHOWN).then_some(clock);
        self.note(node, Event::Message(message));
    }

    /// Returns the last message that a node delivered, for a test to spoil.
    fn last_message(&mut self, node: usize) -> &mut Message {
        let events = self.records[node].events.iter_mut().rev();
        let mut messages = events.filter_map(|timed| match &mut timed.event {
            Event::Message(message) => Some(message),
            _ => None,
        });
        messages.next().expect("it has delivered something")
    }

    fn last_clock(&mut self, node: usize) -> &mut BTreeMap<NodeId, u64> {
        let clock = &mut self.last_message(node).vector_clock;
        clock.as_mut().expect("few have spoken")
    }

    fn transcript(&mut self, node: usize, order: &[(usize, u64)]) {
        let ids = order.iter().map(|key| self.sent[key].id).collect();
        self.note(node, Event::Transcript(Transcript { ids }));
    }

    fn check(&self) -> CheckReport {
        check(&self.records, &Rules::default())
    }

    #[track_caller]
    fn expect(&self, rule: Rule) {
        let report = self.check();
        let caught = report
            .violations
            .iter()
            .any(|violation| violation.rule == rule);
        assert!(
            caught,
            "{rule:?} was missed; found: {:#?}",
            report.violations
        );
    }
}

fn record(node: usize) -> Record {
    let ready = Event::Ready(Ready {
        node_id: id(node),
        name: format!("n{node}"),
        address: format!("127.0.0.1:{}", 1000 + node),
        discussion: String::new(),
        invite: "ringtalk://127.0.0.1:1/".to_owned(),
        coordinator: id(0),
        epoch: epoch(1, 0),
        members: 1,
    });
    Record {
        label: format!("n{node}"),
        id: Some(id(node)),
        typed: Vec::new(),
        events: vec![timed(ready)],
        malformed: Vec::new(),
        end: End::Live,
    }
}

fn view(epoch: Epoch, number: u64, members: usize) -> Event {
    let member = |node: usize| Member {
        node_id: id(node),
        name: format!("n{node}"),
        address: format!("127.0.0.1:{}", 1000 + node),
        seniority: node as u64,
    };
    Event::View(View {
        epoch,
        number,
        coordinator: epoch.coordinator,
        members: (0..members).map(member).collect(),
    })
}

/// Returns a run of three nodes: 1 answers 0, and 2 has delivered both messages.
fn dialogue() -> MadeUpRun {
    let mut run = MadeUpRun::of(3);
    run.say(0, "question");
    run.deliver(1, 0, 1);
    run.say(1, "answer");
    run.deliver(0, 1, 1);
    run.deliver(2, 0, 1);
    run.deliver(2, 1, 1);
    run
}

#[test]
fn a_correct_run_has_no_violation() {
    let mut run = dialogue();
    for node in 0..3 {
        run.transcript(node, &[(0, 1), (1, 1)]);
    }
    let report = run.check();
    report.expect_clean();
    assert_eq!((report.messages, report.deliveries), (2, 6));
}

#[test]
fn c1_an_answer_before_its_question_is_reported() {
    let mut run = MadeUpRun::of(3);
    run.say(0, "question");
    run.deliver(1, 0, 1);
    run.say(1, "answer");
    run.deliver(2, 1, 1);
    run.expect(Rule::Causal);
    run.expect(Rule::Heads);
}

#[test]
fn c1_is_judged_without_the_heads_and_clocks_on_the_wire() {
    let mut run = MadeUpRun::of(3);
    run.say(0, "question");
    run.deliver(1, 0, 1);
    run.say(1, "answer");
    run.sent.get_mut(&(1, 1)).unwrap().heads.clear();
    run.deliver(2, 1, 1);
    run.expect(Rule::Causal);
}

#[test]
fn c1_is_reported_at_the_node_that_breaks_it() {
    let mut run = MadeUpRun::of(4);
    run.say(0, "question");
    run.deliver(1, 0, 1);
    run.say(1, "answer");
    // Node 2 breaks the rule and node 3 depends on it: the violation is reported at node 2.
    run.deliver(2, 1, 1);
    run.say(2, "echo");
    run.expect(Rule::Causal);
}

#[test]
fn c2_a_skipped_number_is_reported() {
    let mut run = dialogue();
    run.say(0, "two");
    run.say(0, "three");
    run.deliver(2, 0, 3);
    run.expect(Rule::Fifo);
}

#[test]
fn c2_numbers_out_of_order_are_reported() {
    let mut run = dialogue();
    run.say(0, "two");
    run.say(0, "three");
    run.deliver(2, 0, 3);
    run.deliver(2, 0, 2);
    run.expect(Rule::Fifo);
}

#[test]
fn c2_a_gap_that_was_shown_is_allowed_and_may_be_filled() {
    let mut run = dialogue();
    run.say(0, "two");
    run.say(0, "three");
    run.note(
        2,
        Event::Gap(Gap {
            node_id: id(0),
            from: 2,
            to: 2,
        }),
    );
    run.deliver(2, 0, 3);
    run.check().expect_clean();
    run.deliver(2, 0, 2);
    run.last_clock(2).insert(id(0), 3);
    run.check().expect_clean();
}

#[test]
fn c2_history_may_be_cut_if_the_rules_say_so() {
    let mut run = MadeUpRun::of(2);
    run.say(0, "one");
    run.say(0, "two");
    run.deliver(1, 0, 2);
    run.expect(Rule::Fifo);
    let rules = Rules {
        complete_history: false,
        ..Rules::default()
    };
    check(&run.records, &rules).expect_clean();
}

#[test]
fn c3_a_message_delivered_twice_is_reported() {
    let mut run = dialogue();
    run.deliver(2, 1, 1);
    run.expect(Rule::Once);
}

#[test]
fn c4_a_text_that_nobody_typed_is_reported() {
    let mut run = dialogue();
    run.records[1].typed.clear();
    run.expect(Rule::NoCreation);
}

#[test]
fn c4_a_changed_text_is_reported() {
    let mut run = dialogue();
    run.last_message(2).message = "another answer".to_owned();
    run.expect(Rule::NoCreation);
    run.expect(Rule::SameMessage);
}

#[test]
fn c4_a_wrong_author_is_reported() {
    let mut run = dialogue();
    run.last_message(2).node_id = id(2);
    run.expect(Rule::NoCreation);
}

#[test]
fn c4_an_unknown_author_is_reported() {
    let mut run = dialogue();
    run.last_message(2).node_id = NodeId::made_up(77);
    run.expect(Rule::NoCreation);
}

#[test]
fn c4_a_message_that_its_living_author_does_not_know_is_reported() {
    let mut run = dialogue();
    run.records[1]
        .events
        .retain(|timed| !matches!(&timed.event, Event::Message(m) if m.node_id == id(1)));
    run.expect(Rule::NoCreation);
}

#[test]
fn a_killed_author_may_have_sent_more_than_its_events_show() {
    let mut run = dialogue();
    run.records[1]
        .events
        .retain(|timed| !matches!(&timed.event, Event::Message(m) if m.node_id == id(1)));
    run.records[1].end = End::Killed;
    run.check().expect_clean();
}

#[test]
fn one_message_has_one_id_lamport_time_and_time_stamp() {
    let spoilers: [fn(&mut Message); 5] = [
        |message| message.id = MessageId::made_up(99_999),
        |message| message.lamport += 1,
        |message| message.timestamp = "2025-01-01T00:00:01Z".to_owned(),
        |message| message.timestamp = "yesterday".to_owned(),
        |message| message.heads.clear(),
    ];
    for spoil in spoilers {
        let mut run = dialogue();
        spoil(run.last_message(2));
        run.expect(Rule::SameMessage);
    }
}

#[test]
fn two_messages_have_two_ids() {
    let mut run = MadeUpRun::of(1);
    run.say(0, "one");
    run.say(0, "two");
    run.last_message(0).id = MessageId::made_up(1);
    run.expect(Rule::SameMessage);
}

#[test]
fn c7_a_transcript_in_another_order_is_reported() {
    let mut run = dialogue();
    run.transcript(2, &[(1, 1), (0, 1)]);
    run.expect(Rule::Transcript);
}

#[test]
fn c7_a_transcript_with_missing_or_invented_messages_is_reported() {
    let mut run = dialogue();
    run.transcript(2, &[(0, 1)]);
    run.expect(Rule::Transcript);
    let mut run = dialogue();
    run.note(
        2,
        Event::Transcript(Transcript {
            ids: vec![MessageId::made_up(5)],
        }),
    );
    run.expect(Rule::Transcript);
}

#[test]
fn c7_a_transcript_with_a_message_twice_is_reported() {
    let mut run = dialogue();
    run.transcript(2, &[(0, 1), (0, 1), (1, 1)]);
    run.expect(Rule::Transcript);
}

#[test]
fn a_lamport_time_below_that_of_a_cause_is_reported() {
    let mut run = dialogue();
    for record in &mut run.records {
        for timed in &mut record.events {
            if let Event::Message(message) = &mut timed.event {
                message.lamport = 1;
            }
        }
    }
    run.expect(Rule::Lamport);
}

#[test]
fn a_lamport_time_that_jumps_is_reported() {
    let mut run = dialogue();
    run.say(2, "late");
    run.last_message(2).lamport += 5;
    run.expect(Rule::Lamport);
}

#[test]
fn a_clock_with_a_zero_a_wrong_entry_or_a_stranger_is_reported() {
    for (author, entry) in [(id(2), 0), (id(1), 2), (id(0), 2), (NodeId::made_up(77), 1)] {
        let mut run = dialogue();
        run.last_clock(2).insert(author, entry);
        run.expect(Rule::Clock);
    }
}

#[test]
fn a_clock_that_steps_back_is_reported() {
    let mut run = dialogue();
    run.last_clock(2).remove(&id(0));
    run.expect(Rule::Clock);
}

#[test]
fn a_clock_of_many_entries_is_shown_as_their_number() {
    let mut run = MadeUpRun::of(CLOCK_SHOWN + 2);
    for author in 0..=CLOCK_SHOWN {
        run.say(author, "hello");
        run.deliver(CLOCK_SHOWN + 1, author, 1);
    }
    run.check().expect_clean();
    let reader = CLOCK_SHOWN + 1;
    assert_eq!(run.last_message(reader).clock_size, Some(CLOCK_SHOWN + 1));
    run.last_message(reader).clock_size = Some(CLOCK_SHOWN + 2);
    run.expect(Rule::Clock);
    run.last_message(reader).clock_size = None;
    run.expect(Rule::Clock);
    run.last_message(reader).vector_clock = Some(run.clocks[reader].clone());
    run.expect(Rule::Clock);
}

#[test]
fn heads_that_leave_out_a_cause_are_reported() {
    let mut run = dialogue();
    run.say(2, "late");
    run.last_message(2).heads.clear();
    run.expect(Rule::Heads);
}

#[test]
fn v1_two_views_of_one_number_are_reported() {
    let mut run = dialogue();
    run.note(0, view(epoch(1, 0), 2, 3));
    run.note(1, view(epoch(1, 0), 2, 2));
    run.expect(Rule::SameView);
}

#[test]
fn v1_holds_for_order_too() {
    let mut run = dialogue();
    run.note(0, view(epoch(1, 0), 2, 3));
    let Event::View(mut other) = view(epoch(1, 0), 2, 3) else {
        unreachable!()
    };
    other.members.rotate_left(1);
    run.note(1, Event::View(other));
    run.expect(Rule::SameView);
}

#[test]
fn v2_a_view_number_that_goes_down_is_reported() {
    let mut run = dialogue();
    run.note(0, view(epoch(1, 0), 3, 3));
    run.note(0, view(epoch(1, 0), 2, 3));
    run.expect(Rule::NeverDown);
}

#[test]
fn e3_an_epoch_that_goes_down_is_reported() {
    let mut run = dialogue();
    run.note(0, view(epoch(2, 1), 2, 3));
    run.note(
        0,
        Event::Coordinator(Coordinator {
            node_id: id(0),
            epoch: epoch(1, 0),
        }),
    );
    run.expect(Rule::NeverDown);
}

#[test]
fn a_coordinator_announced_twice_is_reported() {
    let mut run = dialogue();
    for _ in 0..2 {
        run.note(
            0,
            Event::Coordinator(Coordinator {
                node_id: id(1),
                epoch: epoch(2, 1),
            }),
        );
    }
    run.expect(Rule::AnnouncedOnce);
}

#[test]
fn e1_two_coordinators_of_one_epoch_number_are_reported() {
    let mut run = dialogue();
    run.note(
        0,
        Event::Coordinator(Coordinator {
            node_id: id(1),
            epoch: epoch(2, 1),
        }),
    );
    run.note(
        2,
        Event::Coordinator(Coordinator {
            node_id: id(2),
            epoch: epoch(2, 2),
        }),
    );
    run.expect(Rule::OneCoordinator);
    let rules = Rules {
        one_ring: false,
        ..Rules::default()
    };
    check(&run.records, &rules).expect_clean();
    run.note(
        0,
        Event::Coordinator(Coordinator {
            node_id: id(2),
            epoch: epoch(2, 2),
        }),
    );
    let report = check(&run.records, &rules);
    assert!(
        report
            .violations
            .iter()
            .any(|violation| violation.rule == Rule::OneCoordinator)
    );
}

#[test]
fn events_out_of_sequence_are_reported() {
    let mut run = dialogue();
    let again = run.records[0].events[0].event.clone();
    run.note(0, again);
    run.expect(Rule::Session);

    let mut run = dialogue();
    run.note(
        0,
        Event::Joining(Joining {
            stage: "linking".to_owned(),
            done: None,
            total: None,
        }),
    );
    run.expect(Rule::Session);

    let mut run = dialogue();
    run.last_message(2).history = true;
    run.expect(Rule::Session);

    let mut run = dialogue();
    run.note(
        2,
        Event::Goodbye(Goodbye {
            reason: "left".to_owned(),
        }),
    );
    run.check().expect_clean();
    let other = Event::parse(r#"{"event":"postscript"}"#).unwrap();
    run.note(2, other);
    run.expect(Rule::Session);

    let mut run = dialogue();
    run.records[2].end = End::Left;
    run.expect(Rule::Session);

    let mut run = dialogue();
    run.records[2].malformed.push("{".to_owned());
    run.expect(Rule::Session);
}

#[test]
fn r1_only_a_closed_ring_is_accepted() {
    ring::check_closed(&places(1)).unwrap();
    ring::check_closed(&places(2)).unwrap();
    ring::check_closed(&places(5)).unwrap();

    let mut places_of_five = places(5);
    places_of_five[2].neighbours.as_mut().unwrap().successor = Some(id(4));
    assert!(
        ring::check_closed(&places_of_five).is_err(),
        "a wrong successor was missed"
    );

    let mut places_of_five = places(5);
    places_of_five[2].view.number = 9;
    assert!(
        ring::check_closed(&places_of_five).is_err(),
        "another view was missed"
    );

    let mut places_of_five = places(5);
    places_of_five.pop();
    assert!(
        ring::check_closed(&places_of_five).is_err(),
        "a dead member was missed"
    );

    let mut places_of_five = places(5);
    places_of_five[3].coordinator.node_id = id(1);
    assert!(
        ring::check_closed(&places_of_five).is_err(),
        "another coordinator was missed"
    );
}

#[test]
fn r1_two_cycles_are_reported() {
    let mut two_cycles = places(4);
    for (node, other) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
        let other = Some(id(other));
        two_cycles[node].neighbours = Some(Neighbours {
            predecessor: other,
            successor: other,
        });
    }
    assert!(ring::check_cycle(&two_cycles).is_err());
}

fn places(count: usize) -> Vec<RingPlace> {
    let Event::View(view) = view(epoch(1, 0), 1, count) else {
        unreachable!()
    };
    let neighbour = |at: usize| Some(id(at % count)).filter(|_| count > 1);
    (0..count)
        .map(|at| RingPlace {
            id: id(at),
            view: view.clone(),
            neighbours: Some(Neighbours {
                predecessor: neighbour(at + count - 1),
                successor: neighbour(at + 1),
            }),
            coordinator: Coordinator {
                node_id: id(0),
                epoch: epoch(1, 0),
            },
        })
        .collect()
}

/// Checks an eighth of 36,000 messages of 3 authors, delivered by 8 nodes, and extrapolates the time.
#[test]
fn the_checker_is_fast_enough_for_a_full_run() {
    let mut run = MadeUpRun::of(8);
    for round in 0..1_500 {
        for author in 0..3 {
            let seq = run.say(author, &format!("{author} in round {round}"));
            for node in (0..8).filter(|node| *node != author) {
                run.deliver(node, author, seq);
            }
        }
    }
    let started = Instant::now();
    run.check().expect_clean();
    let for_all = started.elapsed() * 8;
    assert!(
        for_all.as_secs() < 60,
        "36,000 messages would take {for_all:?}"
    );
}
