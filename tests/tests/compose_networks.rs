//! The compose files with several networks, with the real image on a real engine: partitions, deaths, restarts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ringtalk_tests::compose::{Project, Typist};
use ringtalk_tests::measure::report;
use ringtalk_tests::{alone, knob, wait};

/// The time limit for containers to start and send a message.
const UP: Duration = Duration::from_secs(40);
/// The time limit, after healing, for one ring and delivery everywhere.
const HEALED: Duration = Duration::from_secs(20);
/// The time limit, after each step, for the ring to be closed.
const CLOSED: Duration = Duration::from_secs(5);
/// The pause between two lines: together the typists send 20 a second.
const BEAT: Duration = Duration::from_millis(50);

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
fn networks() -> Option<Project> {
    let project = Project::or_skip("compose.networks.yaml")?;
    project.compose(&["up", "-d", "--no-build"]);
    for person in PEOPLE {
        project.writes(person, &GREETINGS, UP);
    }
    Some(project)
}

/// Waits for a closed ring of `members` members, seen from a container that reaches all. Returns how long that took.
#[track_caller]
fn closed(project: &Project, from: &str, members: usize, within: Duration) -> Duration {
    let since = Instant::now();
    wait::poll("the ring is closed", within, &[], || {
        let ring = project.look(from, "director:8080")?;
        let whole = ring.closed && ring.members.len() == members;
        whole.then_some(()).ok_or(format!("{ring:?}"))
    });
    since.elapsed()
}

/// Types lines in turn for a while, and returns them.
fn chat(typists: &mut [Typist], what: &str, lasts: Duration) -> Vec<String> {
    let began = Instant::now();
    let mut said = Vec::new();
    while began.elapsed() < lasts {
        let text = format!("{what} {}", said.len());
        let turn = said.len() % typists.len();
        typists[turn].say(&text);
        said.push(text);
        // Waits so that all together send 20 a second: that rate is what is asked for.
        std::thread::sleep(BEAT);
    }
    said
}

/// Waits until a service has printed each of these texts exactly once.
#[track_caller]
fn once_each(project: &Project, service: &str, texts: &[String], within: Duration) {
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
    let _alone = alone();
    let Some(project) = networks() else { return };
    closed(&project, "eve", 5, UP);
    let ring = project.look("eve", "director:8080").expect("a look");
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
        let place = ring.members.iter().find(|one| one.name == name);
        place.map(|one| one.network).expect("everybody is there")
    };
    let [left, right] = [network("ann"), network("cyd")];
    assert_ne!(left, right, "{ring:?}");
    assert_eq!([network("bob"), network("dan")], [left, right], "{ring:?}");
    assert!([left, right].contains(&network("eve")), "{ring:?}");
    // Only eve and the director are on two networks.
    for person in &PEOPLE[..4] {
        let networks = project.inspect(person, "{{len .NetworkSettings.Networks}}");
        assert_eq!(networks, "1", "{person}");
    }
}

#[test]
fn networks_that_part_for_a_while_merge_with_everything() {
    let _alone = alone();
    let Some(project) = networks() else { return };
    let before = project.address("right", "eve");
    let mut squatter = None;
    // Once at the same address, and once at another one.
    for moves in [false, true] {
        let cut = Instant::now();
        project.disconnect("right", "eve");
        let mut typists = ["ann", "dan"].map(|person| project.type_in(person));
        let said = chat(
            &mut typists,
            &format!("parted, moves: {moves},"),
            knob::partition(),
        );
        report("compose: parted for", cut.elapsed());
        let healed = Instant::now();
        if moves {
            squatter = Some(project.squat("right"));
        }
        project.connect("right", "eve");
        assert_eq!(project.address("right", "eve") != before, moves);
        closed(&project, "eve", 5, HEALED);
        report("compose: connected: one ring after", healed.elapsed());
        for person in PEOPLE {
            let left = HEALED.saturating_sub(healed.elapsed());
            once_each(&project, person, &said, left);
        }
        report(
            "compose: connected: everything everywhere after",
            healed.elapsed(),
        );
    }
    drop(squatter);
}

#[test]
fn containers_that_die_stop_and_restart_lose_nobody_elses_words() {
    let _alone = alone();
    let Some(project) = networks() else { return };
    let mut typists = ["ann", "eve"].map(|person| project.type_in(person));
    project.docker(&["kill"], "cyd");
    let mut said = chat(&mut typists, "without cyd", Duration::from_secs(1));
    report(
        "compose: killed: closed after",
        closed(&project, "eve", 4, CLOSED),
    );
    project.docker(&["start"], "cyd");
    closed(&project, "eve", 5, UP);
    project.docker(&["pause"], "dan");
    said.extend(chat(&mut typists, "without dan", Duration::from_secs(6)));
    project.docker(&["unpause"], "dan");
    said.extend(chat(&mut typists, "with dan", Duration::from_secs(1)));
    closed(&project, "eve", 5, HEALED);
    project.docker(&["restart", "-t", "1"], "director");
    said.extend(chat(
        &mut typists,
        "another director",
        Duration::from_secs(1),
    ));
    closed(&project, "eve", 5, UP);
    for person in ["ann", "bob", "dan", "eve"] {
        once_each(&project, person, &said, HEALED);
    }
}

#[test]
fn every_node_restarts_in_turn_and_the_others_lose_nothing() {
    let _alone = alone();
    let Some(project) = networks() else { return };
    for restarted in PEOPLE {
        let rest: Vec<&str> = PEOPLE.into_iter().filter(|one| *one != restarted).collect();
        let mut typists: Vec<Typist> = rest.iter().map(|one| project.type_in(one)).collect();
        let mut said = chat(
            &mut typists,
            &format!("before {restarted}"),
            Duration::from_millis(500),
        );
        project.docker(&["stop", "-t", "3"], restarted);
        said.extend(chat(
            &mut typists,
            &format!("without {restarted}"),
            Duration::from_secs(1),
        ));
        if restarted == "eve" {
            // Nobody is on both sides: each side is a ring of its own.
            for (person, others) in [("ann", ["cyd", "dan"]), ("cyd", ["ann", "bob"])] {
                let gone = others.map(|other| format!("{other} is gone"));
                project.writes(person, &gone.each_ref().map(String::as_str), CLOSED);
            }
        } else {
            let after = closed(&project, "eve", 4, CLOSED);
            report(
                &format!("compose: {restarted} has left: closed after"),
                after,
            );
        }
        project.docker(&["start"], restarted);
        said.extend(chat(
            &mut typists,
            &format!("with {restarted}"),
            Duration::from_secs(1),
        ));
        report(
            &format!("compose: {restarted} is back: closed after"),
            closed(&project, "eve", 5, CLOSED),
        );
        for person in rest {
            once_each(&project, person, &said, HEALED);
        }
    }
}

/// Any of them may come first, and so coordinate: most can be dialled only from their own home.
#[test]
fn homes_behind_address_translation_talk_through_the_street() {
    let _alone = alone();
    for founder in NEIGHBOURHOOD.into_iter().take(knob::nat_founders()) {
        let Some(project) = Project::or_skip("compose.nat.yaml") else {
            return;
        };
        let project = project.with_ports(&["RINGTALK_PORT", "RINGTALK_PAT_PORT"]);
        let began = Instant::now();
        project.compose(&["up", "-d", "--no-build", "director", founder]);
        project.writes(founder, &["and the first here"], UP);
        project.compose(&["up", "-d", "--no-build"]);
        for person in NEIGHBOURHOOD {
            project.writes(person, &NEIGHBOURLY, UP);
        }
        report(
            &format!("compose: {founder} founds: all have talked after"),
            began.elapsed(),
        );
        let mut typists = ["ann", "ben"].map(|person| project.type_in(person));
        let said = chat(&mut typists, "home to home", Duration::from_secs(1));
        for person in NEIGHBOURHOOD {
            once_each(&project, person, &said, HEALED);
        }
    }
}
