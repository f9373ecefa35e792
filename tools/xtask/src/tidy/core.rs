//! Checks the layers of the protocol core: a machine knows neither another machine nor the context, a concern knows no
//! other concern, `node` composes them, and `host` has the nodes of a process.
//!
//! Not here: the modules of the other crates (`layers`).

use std::collections::BTreeSet;

use super::Violation;
use super::names::Name;
use super::source::Source;

const CORE: &str = "node/proto/src/";

/// The exceptions: a module, another that it may name, and the reason.
const EXCEPTIONS: [(&str, &str, &str); 7] = [
    (
        "concerns::relay",
        "concerns::discussion",
        "an item that goes round the ring is read from the log each time and kept nowhere else",
    ),
    (
        "concerns::relay",
        "concerns::ring",
        "an item goes to the peers that the ring is linked to, which change with each link",
    ),
    (
        "concerns::history",
        "concerns::discussion",
        "a message is missing if the clock of the discussion does not cover it",
    ),
    (
        "concerns::history",
        "concerns::ring",
        "recovered messages are offered to the peers that the ring needs",
    ),
    (
        "concerns::history",
        "concerns::forks",
        "a newcomer gets the evidence of forks with the cut, else it would believe the forks",
    ),
    (
        "machines::admission",
        "machines::names",
        "a name is given if it looks like no other",
    ),
    (
        "machines::renames",
        "machines::rate_limiter",
        "renames are rate-limited like other things that a member may do too often",
    ),
];

pub(super) fn check(sources: &[Source]) -> Vec<Violation> {
    let mut used = BTreeSet::new();
    let mut found: Vec<Violation> = sources
        .iter()
        .flat_map(|source| in_file(source, &mut used))
        .collect();
    let is_read = sources
        .iter()
        .any(|source| source.path.strip_prefix(CORE) == Some("lib.rs"));
    let unused = EXCEPTIONS.iter().filter(|(from, to, _)| {
        let pair = ((*from).to_owned(), (*to).to_owned());
        is_read && !used.contains(&pair)
    });
    found.extend(unused.map(|(from, to, _)| {
        let message = format!("`{from}` no longer names `{to}`: remove the exception");
        Violation::new(&format!("{CORE}lib.rs"), 1, message)
    }));
    found
}

/// Returns the violations in one file, and notes the exceptions that it uses.
fn in_file(source: &Source, used: &mut BTreeSet<(String, String)>) -> Vec<Violation> {
    let Some(file) = source.path.strip_prefix(CORE) else {
        return Vec::new();
    };
    let place = module(file);
    let Some(layer) = place.first().and_then(|top| rank(top)) else {
        return Vec::new();
    };
    let complain = |name: &Name| {
        let target = resolve_path(name, &place, source)?;
        let top = *target.first()?;
        if top == "*" {
            let message = "imports the whole crate: import only what is needed";
            return Some(source.violation(name.line, message));
        }
        if rank(top)? > layer {
            let message = format!(
                "`{}` must not name `{top}`, a layer above it",
                place.join("::")
            );
            return Some(source.violation(name.line, message));
        }
        let (own, other) = (part(&place)?, part(&target)?);
        if rank(top) != Some(layer) || own == other {
            return None;
        }
        let pair = (own, other);
        let is_excepted = |(from, to, _): &(&str, &str, &str)| *from == pair.0 && *to == pair.1;
        if EXCEPTIONS.iter().any(is_excepted) {
            used.insert(pair);
            return None;
        }
        let message = format!(
            "`{}` names `{}`: pass values across in `node`, which composes them",
            pair.0, pair.1
        );
        Some(source.violation(name.line, message))
    };
    source.names.iter().filter_map(complain).collect()
}

/// Returns the layer of a top-level module: it knows nothing of those above. Modules that are not listed serve all.
fn rank(top: &str) -> Option<usize> {
    let upwards = ["machines", "context", "concerns", "node", "host"];
    upwards.iter().position(|module| *module == top)
}

/// Returns the machine or concern that a path leads into.
fn part(path: &[&str]) -> Option<String> {
    let [top @ ("machines" | "concerns"), name, ..] = path else {
        return None;
    };
    let is_module = name.starts_with(|first: char| first.is_lowercase());
    is_module.then(|| format!("{top}::{name}"))
}

/// Returns the module path of a file, whose path starts at the crate's root.
pub(super) fn module(file: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
        parts.pop();
    }
    parts
}

/// Returns a name's path from the top of the crate, if it begins with `crate` or `super`.
pub(super) fn resolve_path<'a>(
    name: &'a Name,
    place: &[&'a str],
    source: &'a Source,
) -> Option<Vec<&'a str>> {
    let mut rest = name.segments.iter().map(String::as_str).peekable();
    match rest.next()? {
        "crate" => return Some(rest.collect()),
        "super" => (),
        _ => return None,
    }
    let modules = source.outline.modules.iter();
    let inner = modules.filter(|module| module.lines.contains(&name.line));
    let inner = inner.map(|module| module.name.as_str());
    let mut base: Vec<&str> = place.iter().copied().chain(inner).collect();
    base.pop();
    while rest.next_if_eq(&"super").is_some() {
        base.pop();
    }
    base.extend(rest);
    Some(base)
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    fn found(file: &str, text: &str) -> Vec<usize> {
        let rule = |source: &Source| in_file(source, &mut BTreeSet::new());
        lines_found(rule, &format!("{CORE}{file}"), text)
    }

    #[test]
    fn a_machine_that_names_another_or_the_context_is_found() {
        for text in [
            "use crate::machines::outbox;\n",
            "use crate::{limits, machines::outbox::Outbox};\n",
            "use super::outbox::Outbox;\n",
            "fn a(b: &crate::machines::outbox::Outbox) {}\n",
            "mod inner { use super::super::outbox; }\n",
            "use crate::*;\n",
            "use crate::context::Context;\n",
            "use crate::concerns::relay::Relay;\n",
            "use crate::node::Node;\n",
        ] {
            assert_eq!(found("machines/causal.rs", text), [1], "{text}");
            assert_eq!(found("machines/causal/mod.rs", text), [1], "{text}");
        }
        let inside = "machines/causal/queue.rs";
        assert_eq!(found(inside, "use crate::machines::outbox;\n"), [1]);
        assert_eq!(found(inside, "use super::super::log;\n"), [1]);
    }

    #[test]
    fn a_concern_that_names_another_or_the_node_is_found() {
        for text in [
            "use super::naming::Naming;\n",
            "use crate::concerns::naming::Naming;\n",
            "use crate::node::Node;\n",
        ] {
            assert_eq!(found("concerns/ring.rs", text), [1], "{text}");
        }
        assert_eq!(
            found("concerns/ring/report.rs", "use super::super::naming;\n"),
            [1]
        );
        assert_eq!(
            found("context.rs", "use crate::concerns::ring::Ring;\n"),
            [1]
        );
    }

    #[test]
    fn whoever_names_itself_or_what_is_below_is_left_alone() {
        for text in [
            "use crate::machines::causal::Queue;\n",
            "use crate::limits::PENDING;\n",
            "use ringtalk_wire::log;\n",
            "mod tests { use super::*; }\n",
            "fn a() { log::debug() }\n",
        ] {
            assert_eq!(found("machines/causal.rs", text), [0; 0], "{text}");
        }
        let queue = "machines/causal/queue.rs";
        assert_eq!(found(queue, "use super::outbox;\n"), [0; 0]);
        for text in [
            "use super::Concern;\n",
            "use crate::machines::outbox::Outbox;\n",
            "use crate::context::Context;\n",
            "use super::ring::Ring;\n",
        ] {
            assert_eq!(found("concerns/relay.rs", text), [0; 0], "{text}");
        }
        let composes = "use crate::machines::{causal, outbox};\n";
        assert_eq!(found("node/mod.rs", composes), [0; 0]);
        let elsewhere = lines_found(
            |source| in_file(source, &mut BTreeSet::new()),
            "node/src/causal.rs",
            "use crate::machines::outbox;\n",
        );
        assert_eq!(elsewhere, [0; 0]);
    }

    #[test]
    fn an_exception_that_nobody_needs_is_found() {
        let source = |file: &str, text: &str| {
            Source::parse(&format!("{CORE}{file}"), text.to_owned()).unwrap()
        };
        let needed = source("concerns/relay.rs", "use super::ring::Ring;\n");
        let core = source("lib.rs", "");
        let found = check(&[core, needed]);
        assert_eq!(found.len(), EXCEPTIONS.len() - 1);
        let is_named = |one: &Violation| {
            one.message
                .contains("`concerns::relay` no longer names `concerns::ring`")
        };
        assert!(!found.iter().any(is_named));
    }
}
