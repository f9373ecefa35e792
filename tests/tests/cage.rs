//! Node and director need no privileges and no place to write.

use std::sync::Arc;

use nix::sys::signal::Signal;
use ringtalk_tests::alone;
use ringtalk_tests::cage::{attempts_to_write, caged, can_cage, leaks};
use ringtalk_tests::cluster::{EVERYWHERE, REST, one_ring};
use ringtalk_tests::director::Director;
use ringtalk_tests::node::{IN_TIME, Launch, Node};
use ringtalk_tests::process::{Process, binary};

#[test]
fn three_talk_without_privileges_on_a_read_only_system() {
    let _alone = alone();
    if !can_cage() {
        return;
    }
    // Tests the cage itself: outside it, everyone may write to some of these folders.
    let folders = ["/tmp", "/var/tmp", "/dev/shm", "/mnt", "/run", "/"];
    let attempts = attempts_to_write(&folders);
    let told = String::from_utf8_lossy(&attempts.stderr);
    assert!(attempts.status.success(), "no cage: {told}");
    assert_eq!(attempts.stdout, b"", "written to");
    assert!(told.lines().count() >= folders.len(), "{told}");

    let director = Director::by(caged(&binary("director")));
    let nodes = ["ann", "bob", "eve"].map(|name| {
        let launch = Launch::by(name, caged(&binary("node"))).join(&director.place());
        let node = Arc::new(launch.start());
        node.ready(IN_TIME);
        node
    });
    one_ring(&nodes, REST);
    for node in &nodes {
        assert_eq!(leaks(node.process()), [""; 0]);
    }
    assert_eq!(leaks(director.process()), [""; 0]);
    for node in &nodes {
        let text = format!("{} says so", node.process().label());
        node.say(&text);
        for other in &nodes {
            other.hears(&text, EVERYWHERE);
        }
    }
    for (left, node) in nodes.iter().enumerate() {
        one_ring(&nodes[left..], REST);
        node.quit();
        leaves_in_peace(node);
    }
    director.process().signal(Signal::SIGTERM);
    assert_eq!(director.process().exit_code(IN_TIME), 0);
    complains_of_nothing(director.process());
}

#[track_caller]
fn leaves_in_peace(node: &Node) {
    assert_eq!(node.exit_code(IN_TIME), 0);
    complains_of_nothing(node.process());
    let journal = node.journal();
    let errors: Vec<_> = journal.errors_since(0).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[track_caller]
fn complains_of_nothing(process: &Process) {
    assert_eq!(process.journal().stderr_text(), "", "{}", process.label());
}
