//! A test waits for an event, never for a time; where there is no event, it says why.

use super::Violation;
use super::names::{Name, Role};
use super::source::Source;

/// How the comment above a sleep begins.
const REASON: &str = "// Waits ";

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let lines: Vec<&str> = source.text.lines().collect();
    let message = format!(
        "sleeps in a test: await an event, or say above in `{REASON}...` why there is none"
    );
    let sleeps = source.names.iter().filter(|name| is_sleep(name));
    sleeps
        .filter(|name| source.in_test(name.line) && !has_reason(&lines, name.line))
        .map(|name| source.violation(name.line, message.as_str()))
        .collect()
}

fn is_sleep(name: &Name) -> bool {
    let segments: Vec<&str> = name.segments.iter().map(String::as_str).collect();
    name.role == Role::Call && matches!(segments[..], ["sleep"] | [.., "thread" | "time", "sleep"])
}

/// Looks through the comment that ends on the line above.
fn has_reason(lines: &[&str], line: usize) -> bool {
    let above = lines[..line - 1].iter().rev().map(|line| line.trim_start());
    let mut comment = above.take_while(|line| line.starts_with("//"));
    comment.any(|line| line.starts_with(REASON))
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    fn found(call: &str) -> Vec<usize> {
        lines_found(
            check,
            "tests/system.rs",
            &format!("fn a() {{\n{call}\n}}\n"),
        )
    }

    #[test]
    fn a_sleep_without_a_reason_is_found() {
        for call in [
            "std::thread::sleep(SECOND);",
            "thread::sleep(SECOND);",
            "tokio::time::sleep(SECOND).await;",
            "time::sleep(SECOND).await;",
            "sleep(SECOND);",
            "select! { () = tokio::time::sleep(SECOND) => {} }",
        ] {
            assert_eq!(found(call), [2], "{call}");
        }
        assert_eq!(found("// A nap.\nthread::sleep(SECOND);"), [3]);
        assert_eq!(found("// Waits for it.\n\nthread::sleep(SECOND);"), [4]);
    }

    #[test]
    fn a_reason_directly_above_passes() {
        assert_eq!(
            found("// Waits because silence has no event.\nsleep(S);"),
            [0; 0]
        );
        assert_eq!(
            found("    // Waits because\n    // of this.\n    sleep(S);"),
            [0; 0]
        );
    }

    #[test]
    fn other_sleeps_are_left_alone() {
        assert_eq!(found("clock.sleep(SECOND);"), [0; 0]);
        assert_eq!(found("use std::thread::sleep;"), [0; 0]);
        let driver = "fn a() { tokio::time::sleep(S); }\n";
        assert_eq!(lines_found(check, "node/src/driver.rs", driver), [0; 0]);
        let unit = "fn b() {}\n#[cfg(test)]\nmod tests {\n    fn a() { sleep(S); }\n}\n";
        assert_eq!(lines_found(check, "node/src/driver.rs", unit), [4]);
    }
}
