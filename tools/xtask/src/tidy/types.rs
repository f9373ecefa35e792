//! Names of types: no two of a crate are the same, and none is the name of a public type of ours that the crate imports.
//!
//! Not here: the types of the black-box tests, which mirror those of the code under test on purpose, and those of the
//! benchmarks, whose peers are programs of their own.

use std::collections::BTreeMap;

use super::Violation;
use super::outline::TypeName;
use super::source::Source;

const WIRE: &str = "wire/src/";
const CORE: &str = "node/proto/src/";
const SESSION: &str = "node/session/src/";
const TERMINAL: &str = "node/terminal/src/";
const NODE: &str = "node/src/";
const DIRECTOR: &str = "director/src/";

/// The folder of each crate, and those of the crates that it imports.
const CRATES: [(&str, &[&str]); 10] = [
    (WIRE, &[]),
    (CORE, &[WIRE]),
    (SESSION, &[WIRE]),
    (TERMINAL, &[WIRE, SESSION]),
    (NODE, &[WIRE, CORE, SESSION, TERMINAL, DIRECTOR]),
    (DIRECTOR, &[WIRE]),
    (
        "tools/fuzz/src/",
        &[WIRE, CORE, SESSION, TERMINAL, NODE, DIRECTOR],
    ),
    ("tools/ring-viz/src/", &[WIRE, SESSION, TERMINAL, NODE]),
    ("tools/sim/src/", &[WIRE, CORE]),
    ("tools/xtask/src/", &[]),
];

pub(super) fn check(sources: &[Source]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (folder, imported) in CRATES {
        let mut known: BTreeMap<&str, String> = BTreeMap::new();
        for (source, one) in imported.iter().flat_map(|folder| types(folder, sources)) {
            if one.is_public {
                known.insert(&one.name, source.path.clone());
            }
        }
        for (source, one) in types(folder, sources) {
            let place = format!("{}:{}", source.path, one.line);
            if let Some(other) = known.insert(&one.name, place) {
                let message = format!(
                    "`{}` is also the name of a type in {other}: give one of them another name",
                    one.name
                );
                found.push(source.violation(one.line, message));
            }
        }
    }
    found
}

/// Returns the types of a crate outside its tests.
fn types<'a>(
    folder: &str,
    sources: &'a [Source],
) -> impl Iterator<Item = (&'a Source, &'a TypeName)> {
    let own = sources
        .iter()
        .filter(move |one| one.path.starts_with(folder));
    own.flat_map(|source| {
        let types = source.outline.types.iter();
        let types = types.filter(|one| !source.in_test(one.line));
        types.map(move |one| (source, one))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files
            .iter()
            .map(|(path, text)| Source::parse(path, (*text).to_owned()).unwrap());
        let sources: Vec<Source> = sources.collect();
        check(&sources).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn a_name_that_stands_twice_in_a_crate_is_found() {
        let twice = found(&[
            ("wire/src/a.rs", "struct Step;\n"),
            ("wire/src/b.rs", "enum Other {}\nenum Step {}\n"),
        ]);
        assert_eq!(twice.len(), 1, "{twice:?}");
        assert!(twice[0].starts_with("wire/src/b.rs:2: `Step`"), "{twice:?}");
        let test = "struct Step;\n#[cfg(test)]\nmod tests {\n    struct Step;\n}\n";
        assert_eq!(found(&[("wire/src/a.rs", test)]), Vec::<String>::new());
    }

    #[test]
    fn the_name_of_an_imported_type_is_found_if_that_is_public() {
        let with = |wire: &str| {
            found(&[
                ("wire/src/a.rs", wire),
                ("node/proto/src/a.rs", "struct Part;\n"),
            ])
        };
        assert_eq!(with("pub struct Part;\n").len(), 1);
        assert_eq!(with("pub(crate) struct Part;\n").len(), 0);
    }
}
