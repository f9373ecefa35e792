//! Node and director need no privileges and no place to write.

use std::sync::Arc;

use nix::sys::signal::Signal;
use ringtalk_tests::cluster::{DELIVERY_TIMEOUT, SETTLE_TIMEOUT, await_one_ring};
use ringtalk_tests::director::Director;
use ringtalk_tests::node::{JOIN_TIMEOUT, Launch, TestNode};
use ringtalk_tests::process::{Process, binary};
use ringtalk_tests::sandbox::{attempts_to_write, can_sandbox, sandboxed, violations};
use ringtalk_tests::wait_for_turn;

#[test]
fn three_nodes_talk_without_privileges_on_a_read_only_system() {
    let _turn = wait_for_turn();
    if !can_sandbox() {
        return;
    }
    // Tests the sandbox itself: outside it, everyone may write to some of these folders.
    let folders = ["/tmp", "/var/tmp", "/dev/shm", "/mnt", "/run", "/"];
    let attempts = attempts_to_write(&folders);
    let stderr = String::from_utf8_lossy(&attempts.stderr);
    assert!(attempts.status.success(), "no sandbox: {stderr}");
    assert_eq!(attempts.stdout, b"", "written to");
    assert!(stderr.lines().count() >= folders.len(), "{stderr}");

    let director = Director::start_through(sandboxed(&binary("director")));
    let nodes = ["ann", "bob", "eve"].map(|name| {
        let launch = Launch::through(name, sandboxed(&binary("node"))).join(&director.endpoint());
        let node = Arc::new(launch.start());
        node.await_ready(JOIN_TIMEOUT);
        node
    });
    await_one_ring(&nodes, SETTLE_TIMEOUT);
    for node in &nodes {
        assert_eq!(violations(node.process()), [""; 0]);
    }
    assert_eq!(violations(director.process()), [""; 0]);
    for node in &nodes {
        let text = format!("{} says so", node.process().label());
        node.say(&text);
        for other in &nodes {
            other.await_delivery(&text, DELIVERY_TIMEOUT);
        }
    }
    for (left, node) in nodes.iter().enumerate() {
        await_one_ring(&nodes[left..], SETTLE_TIMEOUT);
        node.quit();
        expect_clean_exit(node);
    }
    director.process().signal(Signal::SIGTERM);
    assert_eq!(director.process().exit_code(JOIN_TIMEOUT), 0);
    // It says how people join, and nothing else.
    let journal = director.process().journal();
    let stderr = journal.stderr_text();
    let others = stderr.lines().filter(|line| !line.contains(" join with: "));
    assert_eq!(others.count(), 0, "{stderr}");
}

#[track_caller]
fn expect_clean_exit(node: &TestNode) {
    assert_eq!(node.exit_code(JOIN_TIMEOUT), 0);
    expect_empty_stderr(node.process());
    let journal = node.journal();
    let errors: Vec<_> = journal.errors_since(0).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[track_caller]
fn expect_empty_stderr(process: &Process) {
    assert_eq!(process.journal().stderr_text(), "", "{}", process.label());
}
