//! Inside the protocol core the machines never import each other: one file composes them and
//! passes values across.

use super::Violation;
use super::names::Name;
use super::source::Source;

const CORE: &str = "node/proto/src/";

/// The modules at the top of the core that are machines; what is not listed serves them all.
const MACHINES: [&str; 14] = [
    "admission",
    "causal",
    "detector",
    "election",
    "joining",
    "links",
    "log",
    "merge",
    "outbox",
    "repair",
    "search",
    "signing",
    "spread",
    "trial",
];

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let Some(file) = source.path.strip_prefix(CORE) else {
        return Vec::new();
    };
    let place: Vec<&str> = module(file);
    let Some(own) = place.first().filter(|name| MACHINES.contains(name)) else {
        return Vec::new();
    };
    let complain = |name: &Name| {
        let target = resolve(name, &place, source)?;
        let message = match target {
            target if target == *own || target == "self" => return None,
            "*" => format!("`{own}` imports the whole crate: name what it needs"),
            target if MACHINES.contains(&target) => format!(
                "the machine `{own}` names the machine `{target}`: pass values across in the file \
                 that composes them"
            ),
            _ => return None,
        };
        Some(source.violation(name.line, message))
    };
    source.names.iter().filter_map(complain).collect()
}

/// The module path of a file below the core's root.
pub(super) fn module(file: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
        parts.pop();
    }
    parts
}

/// The module at the top of the crate into which a path leads, if it leads there.
pub(super) fn resolve<'a>(
    name: &'a Name,
    place: &[&'a str],
    source: &'a Source,
) -> Option<&'a str> {
    resolve_path(name, place, source)?.first().copied()
}

/// A path from the top of the crate, if it begins with `crate` or `super`.
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
        lines_found(check, &format!("{CORE}{file}"), text)
    }

    #[test]
    fn a_machine_that_names_another_is_found() {
        for text in [
            "use crate::outbox;\n",
            "use crate::{limits, outbox::Outbox};\n",
            "use super::outbox::Outbox;\n",
            "fn a(b: &crate::outbox::Outbox) {}\n",
            "mod inner { use super::super::outbox; }\n",
            "use crate::*;\n",
        ] {
            assert_eq!(found("causal.rs", text), [1], "{text}");
            assert_eq!(found("causal/mod.rs", text), [1], "{text}");
        }
        assert_eq!(found("causal/queue.rs", "use crate::outbox;\n"), [1]);
        assert_eq!(found("causal/queue.rs", "use super::super::log;\n"), [1]);
    }

    #[test]
    fn a_machine_may_name_itself_and_what_serves_all() {
        for text in [
            "use crate::causal::Queue;\n",
            "use crate::limits::PENDING;\n",
            "use ringtalk_wire::log;\n",
            "mod tests { use super::*; }\n",
            "fn a() { log::debug() }\n",
        ] {
            assert_eq!(found("causal.rs", text), [0; 0], "{text}");
        }
        assert_eq!(found("causal/queue.rs", "use super::outbox;\n"), [0; 0]);
    }

    #[test]
    fn the_file_that_composes_them_names_them_all() {
        assert_eq!(found("node.rs", "use crate::{causal, outbox};\n"), [0; 0]);
        let elsewhere = lines_found(check, "node/src/causal.rs", "use crate::outbox;\n");
        assert_eq!(elsewhere, [0; 0]);
    }
}
