//! The compose file of one network, with the real image on a real engine.

use std::time::Duration;

use ringtalk_tests::compose::{IMAGE, Project, docker, inspect};
use ringtalk_tests::measure::report;
use ringtalk_tests::wait;
use ringtalk_tests::wait_for_turn;

/// The time limit for containers to start and send a message.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum size of the image.
const IMAGE_BYTES: u64 = 11_000_000;

const PEOPLE: [&str; 5] = ["ann", "bob", "cyd", "dan", "eve"];
const GREETINGS: [&str; 5] = [
    "ann: hello, this is ann",
    "bob: hi, bob is here too",
    "cyd: good morning from cyd",
    "dan: dan says hello",
    "eve: and eve; are we all here?",
];

#[test]
fn five_nodes_and_a_director_have_a_conversation() {
    let _turn = wait_for_turn();
    let Some(project) = Project::or_skip("compose.yaml") else {
        return;
    };
    let mut services = project.services();
    services.sort();
    assert_eq!(services, ["ann", "bob", "cyd", "dan", "director", "eve"]);
    project.compose(&["up", "-d", "--no-build"]);
    for person in PEOPLE {
        project.await_output(person, &GREETINGS, START_TIMEOUT);
    }
    for service in &services {
        let container = project.container(service);
        wait::poll(&format!("{service} is healthy"), START_TIMEOUT, &[], || {
            let health = inspect(&container, "{{.State.Health.Status}}");
            (health == "healthy").then_some(()).ok_or(health)
        });
        assert_eq!(inspect(&container, "{{.Config.User}}"), "65532:65532");
        assert_eq!(
            inspect(&container, "{{.HostConfig.ReadonlyRootfs}}"),
            "true"
        );
        assert_eq!(inspect(&container, "{{.HostConfig.CapDrop}}"), "[ALL]");
        let top = docker(&["top", &container, "-o", "pid,uid"]);
        let mut processes = top.lines().skip(1);
        assert!(processes.all(|line| line.ends_with(" 65532")), "{top}");
    }
    project.compose(&["stop"]);
    for service in &services {
        let status = project.inspect(service, "{{.State.ExitCode}}");
        assert_eq!(status, "0", "{service}: {}", project.logs(service));
    }
    for other in &PEOPLE[1..] {
        assert!(
            !project.logs(other).contains("is gone"),
            "they left, and did not fail"
        );
    }
}

#[test]
fn the_image_is_small_and_has_all_programs() {
    let _turn = wait_for_turn();
    let Some(_) = Project::or_skip("compose.yaml") else {
        return;
    };
    let bytes: u64 = inspect(IMAGE, "{{.Size}}").parse().expect("a number");
    report("the image: bytes", bytes);
    assert!(bytes <= IMAGE_BYTES, "{bytes} bytes");
    let locked = [
        "run",
        "--rm",
        "--read-only",
        "--cap-drop=ALL",
        "--network=none",
    ];
    for (program, name) in [
        ("node", "node "),
        ("ringtalk", "ringtalk "),
        ("director", "director "),
        ("ring-viz", "ring-viz "),
    ] {
        let version = docker(&[&locked[..], &[IMAGE, program, "--version"]].concat());
        assert!(version.starts_with(name), "{program}: {version}");
    }
}
