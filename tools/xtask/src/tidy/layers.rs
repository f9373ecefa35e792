//! Checks the modules of a crate: none imports from a layer above it, and imports form no cycle.
//!
//! Not here: the layers of crates (`layering`), and those inside the protocol core (`core`).

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;
use super::core::{module, resolve_path};
use super::source::Source;

/// The crates in which imports between modules form no cycle.
const CRATES: [&str; 5] = [
    "director/src/",
    "node/session/src/",
    "node/src/",
    "node/terminal/src/",
    "wire/src/",
];

const NODE: &str = "node/src/";

/// The modules of a node from the bottom up: each imports only from those before it. The crate's root file is not
/// listed and may import them all.
const UPWARDS: [&str; 15] = [
    "traces",
    "environment",
    "address",
    "status",
    "identity",
    "secret",
    "settings",
    "link",
    "healthcheck",
    "director_client",
    "observer",
    "reception",
    "driver",
    "start",
    "embedded",
];

/// The imports of a crate as (importer, imported), each with the path and line of the first.
type Imports<'a> = BTreeMap<(String, String), (&'a str, usize)>;

pub(super) fn check(sources: &[Source]) -> Vec<Violation> {
    let mut found = Vec::new();
    for folder in CRATES {
        let imports = imports(folder, sources);
        let of_tops = of_tops(&imports);
        found.extend(circles(&of_tops));
        let inside = imports.into_iter();
        let inside = inside.filter(|((from, to), _)| top(from) == top(to));
        found.extend(circles(&inside.collect()));
        if folder == NODE {
            found.extend(upwards(&of_tops));
        }
    }
    found
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// Returns the imports between the files of a crate, except those between a module and the modules inside it.
fn imports<'a>(folder: &str, sources: &'a [Source]) -> Imports<'a> {
    let files = sources.iter().filter_map(|source| {
        let file = source.path.strip_prefix(folder)?;
        Some((source, module(file)))
    });
    let files: Vec<(&Source, Vec<&str>)> = files.collect();
    let known: BTreeSet<&[&str]> = files.iter().map(|(_, place)| place.as_slice()).collect();
    let mut imports = Imports::new();
    for (source, place) in &files {
        let names = source
            .names
            .iter()
            .filter(|name| !source.in_test(name.line));
        for name in names {
            let Some(path) = resolve_path(name, place, source) else {
                continue;
            };
            let prefixes = (1..=path.len()).rev().map(|length| &path[..length]);
            let Some(target) = prefixes.into_iter().find(|prefix| known.contains(prefix)) else {
                continue;
            };
            if !target.starts_with(place) && !place.starts_with(target) {
                let edge = (place.join("::"), target.join("::"));
                let at = (source.path.as_str(), name.line);
                imports.entry(edge).or_insert(at);
            }
        }
    }
    imports
}

/// Returns the imports between the top-level modules of the crate.
fn of_tops<'a>(imports: &Imports<'a>) -> Imports<'a> {
    let mut of_tops = Imports::new();
    for ((from, to), at) in imports {
        if top(from) != top(to) {
            let edge = (top(from).to_owned(), top(to).to_owned());
            let first = of_tops.entry(edge).or_insert(*at);
            *first = (*first).min(*at);
        }
    }
    of_tops
}

fn circles(imports: &Imports) -> Vec<Violation> {
    let in_circle = imports
        .iter()
        .filter(|((from, to), _)| reaches(to, from, imports));
    let found = in_circle.map(|((from, to), (path, line))| {
        let message = format!(
            "`{from}` imports from `{to}`, which imports from `{from}`, directly or through others: move what both \
             need below them"
        );
        Violation::new(path, *line, message)
    });
    found.collect()
}

/// Returns true if a path of imports leads from `from` to `to`.
fn reaches(from: &str, to: &str, imports: &Imports) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut left = vec![from];
    while let Some(module) = left.pop() {
        if module == to {
            return true;
        }
        let next = imports.keys().filter(|(importer, _)| importer == module);
        left.extend(
            next.map(|(_, imported)| imported.as_str())
                .filter(|one| seen.insert(one)),
        );
    }
    false
}

fn upwards(imports: &Imports) -> Vec<Violation> {
    let layer = |module: &str| UPWARDS.iter().position(|one| *one == module);
    let up = imports.iter().filter_map(|((from, to), (path, line))| {
        let (below, above) = (layer(from)?, layer(to)?);
        let message = format!(
            "`{from}` imports from `{to}`, which is above it (tools/xtask/src/tidy/layers.rs)"
        );
        (below < above).then(|| Violation::new(path, *line, message))
    });
    up.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files.iter().map(|(path, text)| {
            Source::parse(path, (*text).to_owned()).expect("the example is Rust")
        });
        let sources: Vec<Source> = sources.collect();
        let found = check(&sources).into_iter();
        found.map(|violation| violation.path).collect()
    }

    #[test]
    fn a_circle_is_found_where_it_closes() {
        let [a, b, c] = ["wire/src/a.rs", "wire/src/b/mod.rs", "wire/src/c.rs"];
        let to_c = (b, "use super::c::C;\n");
        let to_b = (a, "use crate::b;\n");
        assert_eq!(found(&[to_b, to_c, (c, "fn c() {}\n")]), [""; 0]);
        let closed = found(&[to_b, to_c, (c, "fn c(a: crate::a::A) {}\n")]);
        assert_eq!(closed, [a, b, c]);
        let tests = "#[cfg(test)]\nmod tests { use crate::a; }\n";
        assert_eq!(found(&[to_b, to_c, (c, tests)]), [""; 0]);
        let elsewhere = ("wire/src/b/d.rs", "use super::super::a;\n");
        assert_eq!(found(&[to_b, to_c, elsewhere]), [a, elsewhere.0]);
    }

    #[test]
    fn a_circle_inside_a_module_is_found() {
        let [a, b] = ["wire/src/m/a.rs", "wire/src/m/b.rs"];
        let to_b = (a, "use super::b::B;\n");
        let parent = ("wire/src/m.rs", "use crate::m::a;\n");
        assert_eq!(found(&[to_b, (b, "use super::C;\n"), parent]), [""; 0]);
        assert_eq!(found(&[to_b, (b, "use crate::m::a::A;\n"), parent]), [a, b]);
    }

    #[test]
    fn an_import_from_above_is_found() {
        let [settings, driver] = ["node/src/settings/mod.rs", "node/src/driver/inbox.rs"];
        let to_driver = (settings, "use crate::driver::inbox;\n");
        assert_eq!(found(&[to_driver, (driver, "fn a() {}\n")]), [settings]);
        let to_settings = (driver, "use crate::settings::Place;\n");
        assert_eq!(found(&[to_settings, (settings, "fn a() {}\n")]), [""; 0]);
    }
}
