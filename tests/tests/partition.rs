//! The network fails and the nodes do not: cuts, one-way cuts, resets, losses, delays, corrupted bytes, and members
//! that stop for a while. Every message is everywhere in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_tests::checker::Rules;
use ringtalk_tests::cluster::{
    Cluster, DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_one_ring, await_view_of,
};
use ringtalk_tests::event::{Event, RingSummary};
use ringtalk_tests::id::{MessageId, NodeId};
use ringtalk_tests::measure::report;
use ringtalk_tests::network::{BlockMode, Host, Network, Proxy, StreamDirection, report_skipped};
use ringtalk_tests::node::TestNode;
use ringtalk_tests::talk::{Talk, talk_for};
use ringtalk_tests::{settings, wait, wait_for_turn};

/// The time limit for each part of a partitioned network to become a ring of its own.
const SPLIT_TIMEOUT: Duration = Duration::from_secs(6);

/// The time limit, after healing, for one ring and delivery everywhere.
const HEAL_TIMEOUT: Duration = Duration::from_secs(20);

/// The number of messages that the members of one side send in a second, together.
const RATE: u32 = 20;

/// Two rings may have opened epochs with the same number.
const TWO_RINGS: Rules = Rules {
    complete_history: true,
    retention: 10_000,
    one_ring: false,
};

#[test]
fn eight_cut_in_two_with_the_director_beside_the_five_become_one_again() {
    split_and_merge("5|3, director beside the 5", &[6, 7, 8], 0, BlockMode::Drop);
}

#[test]
fn eight_cut_in_two_with_the_director_beside_the_three_become_one_again() {
    split_and_merge(
        "5|3, director and coordinator beside the 3",
        &[1, 4, 5],
        1,
        BlockMode::Reset,
    );
}

#[test]
fn eight_cut_in_two_without_a_director_become_one_again() {
    split_and_merge("5|3, no director", &[1, 2, 3], 2, BlockMode::Drop);
}

/// Cuts the hosts of `three` off from the other five, and heals the cut. `director`: 0 stays with the five, 1 goes
/// with the three, 2 is dead.
#[track_caller]
fn split_and_merge(what: &str, three: &[u8], director: u8, mode: BlockMode) {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(9) else {
        return;
    };
    let cluster = Cluster::start_across(&network, 8);
    if director == 2 {
        cluster
            .director
            .process()
            .signal(nix::sys::signal::Signal::SIGKILL);
    }
    let all = cluster.live();
    let ids: Vec<NodeId> = all.iter().map(|node| node.id()).collect();
    let names = names_in_view(&all[0]);
    let (few, many): (Vec<u8>, Vec<u8>) = (1..=8).partition(|number| three.contains(number));
    let sides = [&many, &few].map(|side| nodes(&all, side));
    let talks = sides.each_ref().map(|side| Talk::start(side, RATE));
    let mut hosts = [&many, &few].map(|side| hosts(&network, side));
    hosts[usize::from(director == 1)].push(network.host(0));

    let before = marks(&all);
    let cut = Instant::now();
    network.cut(&hosts[0], &hosts[1], mode);
    for (side, other) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
        report(
            &format!("{what}: a ring of {} after", side.len()),
            await_view_of(side, cut, SPLIT_TIMEOUT),
        );
        await_one_ring(side, SPLIT_TIMEOUT);
        for node in side {
            expect_split(node, before[&node.id()], side.len(), other);
        }
    }
    wait::sleep(
        "the length of the fault is what is tested",
        settings::partition_time().saturating_sub(cut.elapsed()),
    );
    for side in &sides {
        await_one_ring(side, DELIVERY_TIMEOUT);
    }

    let parted = marks(&all);
    let healed = Instant::now();
    network.heal();
    cluster.await_one_ring(HEAL_TIMEOUT);
    report(
        &format!("{what}: healed: one ring of 8 after"),
        healed.elapsed(),
    );
    let _ = talks.map(Talk::stop);
    cluster.await_delivery_everywhere(HEAL_TIMEOUT.saturating_sub(healed.elapsed()));
    report(
        &format!("{what}: healed: everything everywhere after"),
        healed.elapsed(),
    );
    for (side, other) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
        for node in side {
            expect_merged(node, parted[&node.id()], 8, other);
        }
    }
    expect_one_epoch(&all);
    assert_eq!(names_in_view(&all[0]), names, "names before and after");
    assert_eq!(all.iter().map(|node| node.id()).collect::<Vec<_>>(), ids);
    let checked = cluster.check_with(&TWO_RINGS);
    assert_eq!(checked.deliveries, checked.messages * 8, "deliveries");
    expect_equal_transcripts(&all);
}

#[test]
fn a_coordinator_that_is_cut_off_comes_back() {
    isolate_the_coordinator("cut off", |network, one, others| {
        network.cut(one, others, BlockMode::Drop);
    });
}

#[test]
fn a_coordinator_that_hears_nobody_comes_back() {
    isolate_the_coordinator("sends and does not receive", |network, one, others| {
        network.cut_one_way(others, one);
    });
}

#[test]
fn a_coordinator_that_nobody_hears_comes_back() {
    isolate_the_coordinator("receives and does not send", |network, one, others| {
        network.cut_one_way(one, others);
    });
}

/// Cuts the coordinator of five off in some way, and heals the cut.
#[track_caller]
fn isolate_the_coordinator(what: &str, cut: impl FnOnce(&Network, &[Host], &[Host])) {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(6) else {
        return;
    };
    let cluster = Cluster::start_across(&network, 5);
    let all = cluster.live();
    let (isolated, others) = (nodes(&all, &[1]), nodes(&all, &[2, 3, 4, 5]));
    assert_eq!(
        cluster.coordinator().id(),
        isolated[0].id(),
        "the founder coordinates"
    );
    let talk = Talk::start(&all, RATE);
    let parted = Instant::now();
    // The director stays with the four.
    let rest = hosts(&network, &[0, 2, 3, 4, 5]);
    cut(&network, &hosts(&network, &[1]), &rest);
    let took = await_view_of(&others, parted, SETTLE_TIMEOUT);
    report(
        &format!("coordinator {what}: a ring of the other 4 after"),
        took,
    );
    await_one_ring(&others, SPLIT_TIMEOUT);
    others[0].say("said without the coordinator");
    for node in &others {
        node.await_delivery("said without the coordinator", DELIVERY_TIMEOUT);
    }
    sleep_through(Duration::from_secs(4).saturating_sub(parted.elapsed()));

    let healed = Instant::now();
    network.heal();
    cluster.await_one_ring(HEAL_TIMEOUT);
    report(
        &format!("coordinator {what}: healed: one ring after"),
        healed.elapsed(),
    );
    talk.stop();
    cluster.await_delivery_everywhere(HEAL_TIMEOUT.saturating_sub(healed.elapsed()));
    expect_one_epoch(&all);
    let checked = cluster.check_with(&TWO_RINGS);
    assert_eq!(checked.deliveries, checked.messages * 5, "deliveries");
    expect_equal_transcripts(&all);
}

#[test]
fn a_silent_cut_of_900_ms_evicts_nobody() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(6) else {
        return;
    };
    let cluster = Cluster::start_across(&network, 5);
    let all = cluster.live();
    let talk = Talk::start(&all, RATE);
    let before = marks(&all);
    network.cut(
        &hosts(&network, &[3]),
        &hosts(&network, &[1, 2, 4, 5]),
        BlockMode::Drop,
    );
    wait::sleep(
        "the length of the fault is what is tested",
        Duration::from_millis(900),
    );
    network.heal();
    wait::sleep(
        "there is no event for an eviction that does not happen",
        Duration::from_secs(3),
    );
    talk.stop();
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    expect_nobody_failed(&all, &before);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

#[test]
fn lost_packets_lose_no_message() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(6) else {
        return;
    };
    let cluster = Cluster::start_across(&network, 5);
    let all = cluster.live();
    let before = marks(&all);
    network.drop_packets(5);
    talk_for(&all, RATE, Duration::from_secs(2));
    cluster.await_delivery_everywhere(HEAL_TIMEOUT);
    network.heal();
    expect_nobody_failed(&all, &before);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

#[test]
fn distant_nodes_talk_without_an_eviction() {
    let _turn = wait_for_turn();
    let Some(network) = Network::or_skip(6) else {
        return;
    };
    if let Err(why) = network.delay(Duration::from_millis(50)) {
        return report_skipped(why);
    }
    let cluster = Cluster::start_across(&network, 5);
    let before = marks(&cluster.live());
    talk_for(&cluster.live(), RATE, Duration::from_secs(3));
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    expect_nobody_failed(&cluster.live(), &before);
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.check();
}

#[test]
fn a_stopped_member_slows_a_paste_for_two_seconds_and_gets_all_of_it() {
    let _turn = wait_for_turn();
    let cluster = Cluster::start(8);
    let ring = cluster.in_ring_order();
    let (author, stopped) = (&ring[1], &ring[4]);
    let running = cluster.others(stopped);
    let usual = paste(author, "nobody stopped", &cluster.live());
    report("10,000 lines pasted into one of 8: everywhere after", usual);
    for stop in [1, 8].map(Duration::from_secs) {
        let since = Instant::now();
        stopped.freeze();
        let took = paste(author, &format!("one stopped for {stop:?}"), &running);
        report(
            &format!("… one stopped for {stop:?}: the running have all after"),
            took,
        );
        let slack = usual / 2 + Duration::from_millis(500);
        assert!(
            took < usual + Duration::from_secs(2) + slack,
            "{took:?} with one stopped, {usual:?} without"
        );
        wait::sleep(
            "the length of the fault is what is tested",
            stop.saturating_sub(since.elapsed()),
        );
        let woken = Instant::now();
        stopped.thaw();
        cluster.await_delivery_everywhere(HEAL_TIMEOUT);
        report(
            &format!("… woken after {stop:?}: it has all after"),
            woken.elapsed(),
        );
        cluster.await_one_ring(SETTLE_TIMEOUT);
    }
    cluster.check();
}

/// Pastes 10,000 lines, and returns the time until all of `nodes` have delivered them.
#[track_caller]
fn paste(author: &TestNode, label: &str, nodes: &[Arc<TestNode>]) -> Duration {
    let lines: Vec<String> = (0..10_000)
        .map(|number| format!("{label}: line {number}"))
        .collect();
    let since = Instant::now();
    author.paste(&lines);
    let (id, due) = (author.id(), author.typed_count());
    for node in nodes {
        node.wait_for("delivers the paste", Duration::from_secs(30), |journal| {
            (journal.delivered.get(&id) >= Some(&due)).then_some(())
        });
    }
    since.elapsed()
}

#[test]
fn links_with_corrupted_bytes_are_made_anew_and_nothing_is_lost() {
    let _turn = wait_for_turn();
    let proxies = proxies(4);
    let cluster = Cluster::start_behind(&proxies);
    let all = cluster.live();
    let connections = || proxies.iter().map(Proxy::connections).sum::<usize>();
    let (before, dialled) = (marks(&all), connections());
    let talk = Talk::start(&all, 50);
    for direction in [StreamDirection::Inward, StreamDirection::Outward]
        .into_iter()
        .cycle()
        .take(8)
    {
        corrupt_one_link(&proxies, direction);
        sleep_through(Duration::from_millis(300));
    }
    talk.stop();
    cluster.await_one_ring(SETTLE_TIMEOUT);
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    let dialled = connections() - dialled;
    report("8 links corrupted: connections made anew", dialled);
    assert!(
        dialled >= 4,
        "corrupted links live on: {dialled} new connections"
    );
    expect_nobody_failed(&all, &before);
    cluster.check();
}

/// Corrupts 64 bytes in a row, on whichever connection carries something next.
#[track_caller]
fn corrupt_one_link(proxies: &[Proxy], direction: StreamDirection) {
    let corrupted = || proxies.iter().map(Proxy::corrupted).sum::<usize>();
    let before = corrupted();
    for proxy in proxies {
        proxy.corrupt(direction, 64);
    }
    wait::poll("bytes pass and are corrupted", SETTLE_TIMEOUT, &[], || {
        let count = corrupted() - before;
        (count >= 64).then_some(()).ok_or(count)
    });
    for proxy in proxies {
        proxy.corrupt(direction, 0);
    }
}

#[test]
fn links_that_delay_stall_and_break_lose_nothing() {
    let _turn = wait_for_turn();
    let proxies = proxies(4);
    let cluster = Cluster::start_behind(&proxies);
    let all = cluster.live();
    let before = marks(&all);
    let talk = Talk::start(&all, 50);
    for proxy in &proxies {
        proxy.delay(Duration::from_millis(60));
    }
    sleep_through(Duration::from_secs(2));
    proxies[1].stall();
    sleep_through(Duration::from_millis(800));
    proxies.iter().for_each(Proxy::heal);
    proxies[2].cut_one_way(StreamDirection::Inward);
    sleep_through(Duration::from_millis(800));
    proxies[2].heal();
    expect_nobody_failed(&all, &before);

    proxies[1].drop_connections();
    proxies[0].cut_one_way(StreamDirection::Outward);
    sleep_through(Duration::from_secs(3));
    let healed = Instant::now();
    proxies.iter().for_each(Proxy::heal);
    cluster.await_one_ring(HEAL_TIMEOUT);
    report("proxies healed: one ring after", healed.elapsed());
    talk.stop();
    cluster.await_delivery_everywhere(DELIVERY_TIMEOUT);
    cluster.check_with(&TWO_RINGS);
    expect_equal_transcripts(&all);
}

fn sleep_through(time: Duration) {
    wait::sleep("the length of the fault is what is tested", time);
}

fn proxies(count: usize) -> Vec<Proxy> {
    (0..count).map(|_| Proxy::start()).collect()
}

/// Returns the nodes on the hosts with these numbers.
fn nodes(all: &[Arc<TestNode>], numbers: &[u8]) -> Vec<Arc<TestNode>> {
    let at = |number: &u8| Arc::clone(&all[usize::from(*number) - 1]);
    numbers.iter().map(at).collect()
}

fn hosts(network: &Network, numbers: &[u8]) -> Vec<Host> {
    numbers.iter().map(|number| network.host(*number)).collect()
}

/// Returns how many events each node has printed.
fn marks(nodes: &[Arc<TestNode>]) -> BTreeMap<NodeId, usize> {
    nodes.iter().map(|node| (node.id(), node.mark())).collect()
}

/// Checks that `node` printed `split`, and `failed` once for each of `lost`.
#[track_caller]
fn expect_split(node: &TestNode, mark: usize, left: usize, lost: &[Arc<TestNode>]) {
    let summary: RingSummary = node.wait_for_event(
        "says `split`",
        mark,
        DELIVERY_TIMEOUT,
        |event| match event {
            Event::Split(summary) => Some(*summary),
            _ => None,
        },
    );
    assert!(
        summary.members >= left,
        "{}: {summary:?}",
        node.process().label()
    );
    let failed = |event: &Event| match event {
        Event::Failed(member) => Some(member.node_id),
        _ => None,
    };
    expect_each_once(node, mark, "`failed`", lost, failed);
}

/// Checks that `node` printed `merged` with this number of members, and `joined` once for each of `newcomers`.
#[track_caller]
fn expect_merged(node: &TestNode, mark: usize, members: usize, newcomers: &[Arc<TestNode>]) {
    node.wait_for_event(
        "says `merged`",
        mark,
        DELIVERY_TIMEOUT,
        |event| match event {
            Event::Merged(summary) if summary.members == members => Some(()),
            _ => None,
        },
    );
    let joined = |event: &Event| match event {
        Event::Joined(member) => Some(member.node_id),
        _ => None,
    };
    expect_each_once(node, mark, "`joined`", newcomers, joined);
}

/// Waits until the events that `pick` selects name each of `nodes` once, and nobody else.
#[track_caller]
fn expect_each_once(
    witness: &TestNode,
    mark: usize,
    what: &str,
    nodes: &[Arc<TestNode>],
    pick: impl Fn(&Event) -> Option<NodeId>,
) {
    let mut due: Vec<NodeId> = nodes.iter().map(|node| node.id()).collect();
    due.sort_unstable();
    wait::until(what, DELIVERY_TIMEOUT, &[witness], || {
        let mut found: Vec<NodeId> = witness.journal().since(mark).filter_map(&pick).collect();
        found.sort_unstable();
        (found == due)
            .then_some(())
            .ok_or(format!("{found:?}, due are {due:?}"))
    });
}

#[track_caller]
fn expect_nobody_failed(nodes: &[Arc<TestNode>], marks: &BTreeMap<NodeId, usize>) {
    for node in nodes {
        let mark = marks[&node.id()];
        let journal = node.journal();
        let failed = journal
            .since(mark)
            .find(|event| matches!(event, Event::Failed(_)));
        assert!(failed.is_none(), "{}: {failed:?}", node.process().label());
    }
}

/// Checks that all nodes end in the same epoch, and report the same epoch in `merged`.
#[track_caller]
fn expect_one_epoch(nodes: &[Arc<TestNode>]) {
    let coordinators: Vec<_> = nodes
        .iter()
        .map(|node| node.journal().current_coordinator())
        .collect();
    assert!(
        coordinators
            .iter()
            .all(|coordinator| *coordinator == coordinators[0]),
        "{coordinators:?}"
    );
    let mut merges: Vec<RingSummary> = Vec::new();
    for node in nodes {
        let journal = node.journal();
        merges.extend(journal.since(0).filter_map(|event| match event {
            Event::Merged(summary) if summary.members == nodes.len() => Some(*summary),
            _ => None,
        }));
    }
    assert!(merges.iter().all(|merge| *merge == merges[0]), "{merges:?}");
}

fn names_in_view(node: &TestNode) -> BTreeMap<NodeId, String> {
    let journal = node.journal();
    let view = journal.view.as_ref().expect("a ready node has a view");
    let named = view.members.iter();
    named
        .map(|member| (member.node_id, member.name.clone()))
        .collect()
}

/// Checks that the latest answers of all nodes to `/transcript` are the same.
#[track_caller]
fn expect_equal_transcripts(nodes: &[Arc<TestNode>]) {
    let answers: BTreeSet<Vec<MessageId>> =
        nodes.iter().map(|node| node.last_transcript()).collect();
    assert_eq!(answers.len(), 1, "different transcripts");
}
