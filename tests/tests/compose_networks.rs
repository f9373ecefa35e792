//! The compose files with several networks, with the real image on a real engine: partitions, deaths, restarts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ringtalk_tests::compose::{Project, Typist};
use ringtalk_tests::measure::report;
use ringtalk_tests::{settings, wait, wait_for_turn};

/// The time limit for containers to start and send a message.
const START_TIMEOUT: Duration = Duration::from_secs(40);
/// The time limit, after healing, for one ring and delivery everywhere.
const HEAL_TIMEOUT: Duration = Duration::from_secs(20);
/// The time limit, after each step, for the ring to be closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two lines: together the typists send 20 a second.
const LINE_INTERVAL: Duration = Duration::from_millis(50);

const PEOPLE: [&str; 5] = ["ann", "bob", "cyd", "dan", "eve"];
const GREETINGS: [&str; 5] = [
    "ann: hello, this is ann, on the left",
    "bob: bob too",
    "cyd: cyd is on the right",
    "dan: and so is dan",
    "eve: eve is on both, and carries what you say",
];

/// The people in two homes and in the street between them.
const NEIGHBOURHOOD: [&str; 5] = ["pat", "ann", "amy", "bob", "ben"];
const NEIGHBOURLY: [&str; 5] = [
    "pat: pat has an open door",
    "ann: ann, at home",
    "amy: amy, in the same home",
    "bob: bob, in another home",
    "ben: and ben",
];

/// Starts the three networks, and waits until everyone has delivered everyone's greeting.
#[track_caller]
fn start_networks() -> Option<Project> {
    let project = Project::or_skip("compose.networks.yaml")?;
    project.compose(&["up", "-d", "--no-build"]);
    for person in PEOPLE {
        project.await_output(person, &GREETINGS, START_TIMEOUT);
    }
    Some(project)
}

/// Waits for a closed ring of `members` members, seen from a container that reaches all. Returns how long that took.
#[track_caller]
fn await_closed(project: &Project, from: &str, members: usize, within: Duration) -> Duration {
    let since = Instant::now();
    wait::poll("the ring is closed", within, &[], || {
        let ring = project.read_ring(from, "director:8080")?;
        let whole = ring.closed && ring.members.len() == members;
        whole.then_some(()).ok_or(format!("{ring:?}"))
    });
    since.elapsed()
}

/// Types lines in turn for a while, and returns them.
fn chat(typists: &mut [Typist], what: &str, lasts: Duration) -> Vec<String> {
    let began = Instant::now();
    let mut lines = Vec::new();
    while began.elapsed() < lasts {
        let text = format!("{what} {}", lines.len());
        let turn = lines.len() % typists.len();
        typists[turn].say(&text);
        lines.push(text);
        wait::sleep("all together send 20 messages a second", LINE_INTERVAL);
    }
    lines
}

/// Waits until a service has printed each of these texts exactly once.
#[track_caller]
fn await_each_once(project: &Project, service: &str, texts: &[String], within: Duration) {
    wait::poll(
        &format!("{service} has all of it once"),
        within,
        &[],
        || {
            let logs = project.logs(service);
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for line in logs.lines() {
                let text = line.split_once(": ").map_or(line, |(_, text)| text);
                *counts.entry(text).or_default() += 1;
            }
            let odd = texts
                .iter()
                .find(|text| counts.get(text.as_str()) != Some(&1));
            odd.map_or(Ok(()), |text| {
                Err(format!("{text:?}: {:?} times", counts.get(text.as_str())))
            })
        },
    );
}

#[test]
fn three_networks_are_one_ring_that_crosses_as_rarely_as_it_can() {
    let _turn = wait_for_turn();
    let Some(project) = start_networks() else {
        return;
    };
    await_closed(&project, "eve", 5, START_TIMEOUT);
    let ring = project.read_ring("eve", "director:8080").expect("a ring");
    // Eve is on both: she counts to the side of the address that she announces.
    let right = ["cyd", "dan", "eve"].map(|person| project.address("right", person));
    let is_right = |address: &str| {
        right
            .iter()
            .any(|one| address.starts_with(&format!("{one}:")))
    };
    let sides: Vec<bool> = ring
        .members
        .iter()
        .map(|one| is_right(&one.address))
        .collect();
    let next = sides.iter().cycle().skip(1);
    let crossings = sides
        .iter()
        .zip(next)
        .filter(|(one, next)| one != next)
        .count();
    assert_eq!(crossings, 2, "{ring:?}");
    let network = |name: &str| {
        let member = ring.members.iter().find(|one| one.name == name);
        member.map(|one| one.network).expect("everybody is there")
    };
    let [left, right] = [network("ann"), network("cyd")];
    assert_ne!(left, right, "{ring:?}");
    assert_eq!([network("bob"), network("dan")], [left, right], "{ring:?}");
    assert!([left, right].contains(&network("eve")), "{ring:?}");
    // Only eve and the director are on two networks.
    for person in &PEOPLE[..4] {
        let start_networks = project.inspect(person, "{{len .NetworkSettings.Networks}}");
        assert_eq!(start_networks, "1", "{person}");
    }
}

#[test]
fn partitioned_networks_merge_with_all_messages() {
    let _turn = wait_for_turn();
    let Some(project) = start_networks() else {
        return;
    };
    let before = project.address("right", "eve");
    let mut holder = None;
    // Once at the same address, and once at another one.
    for moves in [false, true] {
        let cut = Instant::now();
        project.disconnect("right", "eve");
        let mut typists = ["ann", "dan"].map(|person| project.attach(person));
        let lines = chat(
            &mut typists,
            &format!("parted, moves: {moves},"),
            settings::partition_time(),
        );
        report("compose: parted for", cut.elapsed());
        let healed = Instant::now();
        if moves {
            holder = Some(project.occupy_address("right"));
        }
        project.connect("right", "eve");
        assert_eq!(project.address("right", "eve") != before, moves);
        await_closed(&project, "eve", 5, HEAL_TIMEOUT);
        report("compose: connected: one ring after", healed.elapsed());
        for person in PEOPLE {
            let left = HEAL_TIMEOUT.saturating_sub(healed.elapsed());
            await_each_once(&project, person, &lines, left);
        }
        report(
            "compose: connected: everything everywhere after",
            healed.elapsed(),
        );
    }
    drop(holder);
}

#[test]
fn containers_that_die_stop_and_restart_lose_no_message_of_others() {
    let _turn = wait_for_turn();
    let Some(project) = start_networks() else {
        return;
    };
    let mut typists = ["ann", "eve"].map(|person| project.attach(person));
    project.docker(&["kill"], "cyd");
    let mut lines = chat(&mut typists, "without cyd", Duration::from_secs(1));
    report(
        "compose: killed: closed after",
        await_closed(&project, "eve", 4, CLOSE_TIMEOUT),
    );
    project.docker(&["start"], "cyd");
    await_closed(&project, "eve", 5, START_TIMEOUT);
    project.docker(&["pause"], "dan");
    lines.extend(chat(&mut typists, "without dan", Duration::from_secs(6)));
    project.docker(&["unpause"], "dan");
    lines.extend(chat(&mut typists, "with dan", Duration::from_secs(1)));
    await_closed(&project, "eve", 5, HEAL_TIMEOUT);
    project.docker(&["restart", "-t", "1"], "director");
    lines.extend(chat(
        &mut typists,
        "another director",
        Duration::from_secs(1),
    ));
    await_closed(&project, "eve", 5, START_TIMEOUT);
    for person in ["ann", "bob", "dan", "eve"] {
        await_each_once(&project, person, &lines, HEAL_TIMEOUT);
    }
}

#[test]
fn every_node_restarts_in_turn_and_the_others_lose_nothing() {
    let _turn = wait_for_turn();
    let Some(project) = start_networks() else {
        return;
    };
    for restarted in PEOPLE {
        let rest: Vec<&str> = PEOPLE.into_iter().filter(|one| *one != restarted).collect();
        let mut typists: Vec<Typist> = rest.iter().map(|one| project.attach(one)).collect();
        let mut lines = chat(
            &mut typists,
            &format!("before {restarted}"),
            Duration::from_millis(500),
        );
        project.docker(&["stop", "-t", "3"], restarted);
        lines.extend(chat(
            &mut typists,
            &format!("without {restarted}"),
            Duration::from_secs(1),
        ));
        if restarted == "eve" {
            // Nobody is on both sides: each side is a ring of its own.
            for (person, others) in [("ann", ["cyd", "dan"]), ("cyd", ["ann", "bob"])] {
                let gone = others.map(|other| format!("{other} is gone"));
                project.await_output(person, &gone.each_ref().map(String::as_str), CLOSE_TIMEOUT);
            }
        } else {
            let after = await_closed(&project, "eve", 4, CLOSE_TIMEOUT);
            report(
                &format!("compose: {restarted} has left: closed after"),
                after,
            );
        }
        project.docker(&["start"], restarted);
        lines.extend(chat(
            &mut typists,
            &format!("with {restarted}"),
            Duration::from_secs(1),
        ));
        report(
            &format!("compose: {restarted} is back: closed after"),
            await_closed(&project, "eve", 5, CLOSE_TIMEOUT),
        );
        for person in rest {
            await_each_once(&project, person, &lines, HEAL_TIMEOUT);
        }
    }
}

/// Any of them may come first, and so coordinate: most can be dialled only from their own home.
#[test]
fn homes_behind_address_translation_talk_through_the_street() {
    let _turn = wait_for_turn();
    for founder in NEIGHBOURHOOD.into_iter().take(settings::nat_founders()) {
        let Some(project) = Project::or_skip("compose.nat.yaml") else {
            return;
        };
        let project = project.with_ports(&["RINGTALK_PORT", "RINGTALK_PAT_PORT"]);
        let began = Instant::now();
        project.compose(&["up", "-d", "--no-build", "director", founder]);
        project.await_output(founder, &["nobody else is here yet"], START_TIMEOUT);
        project.compose(&["up", "-d", "--no-build"]);
        for person in NEIGHBOURHOOD {
            project.await_output(person, &NEIGHBOURLY, START_TIMEOUT);
        }
        report(
            &format!("compose: {founder} founds: all have talked after"),
            began.elapsed(),
        );
        let mut typists = ["ann", "ben"].map(|person| project.attach(person));
        let lines = chat(&mut typists, "home to home", Duration::from_secs(1));
        for person in NEIGHBOURHOOD {
            await_each_once(&project, person, &lines, HEAL_TIMEOUT);
        }
    }
}
