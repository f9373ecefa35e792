//! Checks which of our crates import each other, and that the protocol core is pure.
//!
//! Not here: imports between the modules of a crate (`tidy`).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo::Cargo;
use crate::metadata::{Metadata, Package};
use crate::report;
use crate::tidy::source::Source;

/// Our crates, and which of our crates each may depend on outside its tests.
const MAY_IMPORT: [(&str, &[&str]); 10] = [
    ("ringtalk-wire", &[]),
    ("ringtalk-proto", &["ringtalk-wire"]),
    ("ringtalk-director", &["ringtalk-wire"]),
    ("ringtalk-session", &["ringtalk-wire"]),
    ("ringtalk-terminal", &["ringtalk-wire", "ringtalk-session"]),
    (
        "ringtalk-node",
        &[
            "ringtalk-wire",
            "ringtalk-proto",
            "ringtalk-director",
            "ringtalk-session",
            "ringtalk-terminal",
        ],
    ),
    ("ringtalk-sim", &["ringtalk-wire", "ringtalk-proto"]),
    (
        "ringtalk-ring-viz",
        &[
            "ringtalk-wire",
            "ringtalk-node",
            "ringtalk-session",
            "ringtalk-terminal",
        ],
    ),
    (
        "ringtalk-image",
        &["ringtalk-node", "ringtalk-director", "ringtalk-ring-viz"],
    ),
    ("ringtalk-xtask", &[]),
];

/// The fuzzer and the black-box tests may import anything; nothing may import them.
const UNBOUND: [&str; 2] = ["ringtalk-fuzz", "ringtalk-tests"];

/// The `no_std` crates and their roots.
const PURE: [(&str, &str); 2] = [
    ("ringtalk-wire", "wire/src/lib.rs"),
    ("ringtalk-proto", "node/proto/src/lib.rs"),
];

/// Packages that a pure crate must not depend on, even indirectly: a runtime, sockets, the system's entropy.
const IMPURE: [&str; 4] = ["getrandom", "mio", "socket2", "tokio"];

/// Features for tests. Those of the core plant bugs and found rings at once, for the simulator, and expose single
/// machines to benchmarks; `fuzzing` exposes parts of a node to the fuzzer.
/// No program may be built with one of them, nor anything that is built together with the programs.
const NEVER_SHIPPED: [&str; 4] = ["planted-bugs", "simulation", "benchmarks", "fuzzing"];
const SHIPPED: [&str; 5] = [
    "ringtalk-image",
    "ringtalk-node",
    "ringtalk-director",
    "ringtalk-ring-viz",
    "ringtalk-tests",
];

/// Checks the manifests, then the pure crates, then the features of what is shipped.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = Metadata::read(root)?;
    let mut findings: Vec<String> = metadata
        .members()
        .flat_map(|member| forbidden_imports(&metadata, member))
        .collect();
    for (name, library) in PURE {
        let path = root.join(library);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {library}"))?;
        findings.extend(std_links(library, text));
        findings.extend(impure_dependencies(name, &tree(name).read(root)?));
    }
    for name in SHIPPED {
        let features = tree_of(name, "{p} {f}").read(root)?;
        findings.extend(forbidden_features(name, &features));
    }
    let examined = format!("{} crates", metadata.members().count());
    report::conclude("layering", &examined, &findings)
}

/// Returns the forbidden imports of one crate. Development dependencies are exempt: tests may use crates above it.
fn forbidden_imports(metadata: &Metadata, member: &Package) -> Vec<String> {
    let name = member.name.as_str();
    if UNBOUND.contains(&name) {
        return Vec::new();
    }
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(known, _)| *known == name) else {
        return vec![format!(
            "{name}: is missing from the layering: add a row to MAY_IMPORT in tools/xtask/src/layering.rs"
        )];
    };
    let ours = |wanted: &str| metadata.members().any(|member| member.name == wanted);
    let declared = member.dependencies.iter();
    declared
        .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
        .filter(|dependency| ours(&dependency.name))
        .filter(|dependency| !allowed.contains(&dependency.name.as_str()))
        .map(|dependency| {
            format!(
                "{name}: imports {}, which is above or beside it: pass values across instead",
                dependency.name
            )
        })
        .collect()
}

/// Checks that a crate root has `#![no_std]`, and links the standard library only for tests.
fn std_links(library: &str, text: String) -> Vec<String> {
    let source = match Source::parse(library, text) {
        Ok(source) => source,
        Err(violation) => return vec![violation.to_string()],
    };
    let mut findings = Vec::new();
    if !source.outline.no_std {
        findings.push(format!(
            "{library}:1: is not `#![no_std]`: add it, and keep the clock and sockets in the driver"
        ));
    }
    let linked = source.outline.std_links.iter();
    findings.extend(linked.filter(|line| !source.in_test(**line)).map(|line| {
        format!("{library}:{line}: links std outside tests: put `#[cfg(test)]` before it")
    }));
    findings
}

/// Returns the command that lists one crate's dependencies: the joint graph would count other crates' features.
fn tree(package: &str) -> Cargo {
    tree_of(package, "{p}")
}

fn tree_of(package: &str, format: &str) -> Cargo {
    Cargo::new("tree --locked --edges normal --prefix none --format").arguments([
        format,
        "--package",
        package,
    ])
}

fn forbidden_features(package: &str, features: &str) -> Vec<String> {
    let ours = features
        .lines()
        .filter(|line| line.starts_with("ringtalk-"));
    let ours: Vec<&str> = ours.collect();
    let found = NEVER_SHIPPED.iter();
    let found = found.filter(|feature| ours.iter().any(|line| line.contains(*feature)));
    let complain = |feature| {
        format!("{package}: is built with the feature {feature}, which no shipped program may have")
    };
    found.map(complain).collect()
}

fn impure_dependencies(package: &str, tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let impure: BTreeSet<&str> = names.filter(|name| IMPURE.contains(name)).collect();
    let complain = |name| {
        format!(
            "{package}: depends on {name}: remove it (`cargo tree -p {package} -e normal -i {name}`)"
        )
    };
    impure.into_iter().map(complain).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|(name, kind)| json!({ "name": name, "kind": kind }))
            .collect();
        json!({ "id": name, "name": name, "version": "1.0.0", "license": null,
            "dependencies": dependencies })
    }

    fn findings(packages: &[Value]) -> Vec<String> {
        let ids: Vec<&Value> = packages.iter().map(|package| &package["id"]).collect();
        let metadata: Metadata = serde_json::from_value(json!({
            "packages": packages, "workspace_members": ids,
            "resolve": { "nodes": [] }, "target_directory": "target",
        }))
        .unwrap();
        let members = metadata.members();
        members
            .flat_map(|member| forbidden_imports(&metadata, member))
            .collect()
    }

    #[test]
    fn the_design_passes() {
        let found = findings(&[
            package("ringtalk-wire", &[("serde", None)]),
            package("ringtalk-proto", &[("ringtalk-wire", None)]),
            package(
                "ringtalk-node",
                &[("ringtalk-wire", None), ("ringtalk-proto", None)],
            ),
            package("ringtalk-tests", &[("ringtalk-node", None)]),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn an_import_upwards_is_found() {
        let packages = |kind| {
            [
                package("ringtalk-wire", &[("ringtalk-proto", kind)]),
                package("ringtalk-proto", &[]),
            ]
        };
        let found = findings(&packages(None));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("ringtalk-wire: imports ringtalk-proto"));
        assert_eq!(findings(&packages(Some("build"))).len(), 1);
        assert_eq!(findings(&packages(Some("dev"))).len(), 0);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        let found = findings(&[package("ringtalk-surprise", &[])]);
        assert!(found[0].contains("is missing"), "{found:?}");
    }

    #[test]
    fn the_standard_library_is_found_outside_tests() {
        let check = |text: &str| std_links("wire/src/lib.rs", text.to_owned());
        assert_eq!(check("#![no_std]\nextern crate alloc;\n").len(), 0);
        assert_eq!(
            check("#![no_std]\n#[cfg(test)]\nextern crate std;\n").len(),
            0
        );
        assert_eq!(check("//! Impure.\n").len(), 1);
        assert_eq!(check("#![cfg_attr(test, no_std)]\n").len(), 1);
        assert_eq!(check("#![no_std]\nextern crate std as core;\n").len(), 1);
        assert_eq!(
            check("#![no_std]\n#[cfg(not(test))]\nextern crate std;\n").len(),
            1
        );
    }

    #[test]
    fn a_feature_that_no_shipped_program_may_have_is_found() {
        for feature in NEVER_SHIPPED {
            let with =
                format!("ringtalk-node v0.1.0 (here) \nringtalk-proto v0.1.0 (here) {feature}\n");
            assert_eq!(forbidden_features("ringtalk-node", &with).len(), 1);
        }
        let without = "ringtalk-node v0.1.0 (here) \nother v0.1.0 fuzzing\n";
        assert_eq!(forbidden_features("ringtalk-node", without).len(), 0);
    }

    #[test]
    fn an_impure_dependency_is_found() {
        let tree = "ringtalk-proto v0.1.0 (here)\ntokio-util v0.7.1\ntokio v1.50.0\n";
        let found = impure_dependencies("ringtalk-proto", tree);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("-i tokio`"));
    }
}
