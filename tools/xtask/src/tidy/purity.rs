//! The names that the pure crates do not speak: clocks, and collections without an order.
//!
//! Time is an argument there, and iteration order is part of determinism, in their tests as well.

use super::Violation;
use super::names::Name;
use super::source::Source;

const PURE_FOLDERS: [&str; 2] = ["node/proto/src/", "wire/src/"];

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let path = &source.path;
    if !PURE_FOLDERS.iter().any(|folder| path.starts_with(folder)) {
        return Vec::new();
    }
    let complain = |name: &Name| {
        let message = objection(name)?;
        Some(source.violation(name.line, message))
    };
    source.names.iter().filter_map(complain).collect()
}

fn objection(name: &Name) -> Option<&'static str> {
    if name.contains(&["HashMap"]) {
        Some("`HashMap` has no order of its own: use `BTreeMap`")
    } else if name.contains(&["HashSet"]) {
        Some("`HashSet` has no order of its own: use `BTreeSet`")
    } else if name.starts_with(&["std", "time"]) {
        Some("`std::time` is a clock: take `now` as an argument, `core::time::Duration` as a span")
    } else if name.contains(&["Instant", "now"]) || name.contains(&["SystemTime"]) {
        Some("reads a clock: take `now` as an argument")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    const CORE: &str = "node/proto/src/ring.rs";

    #[test]
    fn clocks_are_found() {
        for text in [
            "use std::time::Duration;\n",
            "use std::{fmt, time};\n",
            "fn a() { let b: std::time::Instant; }\n",
            "fn a() { clock::Instant::now() }\n",
            "use web_time::SystemTime;\n",
        ] {
            assert_eq!(lines_found(check, CORE, text), [1], "{text}");
            assert_eq!(lines_found(check, "wire/src/id.rs", text), [1], "{text}");
            assert_eq!(lines_found(check, "node/src/a.rs", text), [0; 0], "{text}");
        }
        let passed = "use core::time::Duration;\nfn a(now: Instant) {}\n// std::time\n";
        assert_eq!(lines_found(check, CORE, passed), [0; 0]);
    }

    #[test]
    fn unordered_collections_are_found() {
        let text = "use hashbrown::{HashMap, HashSet};\nuse a::BTreeMap;\n";
        assert_eq!(lines_found(check, CORE, text), [1, 1]);
    }
}
