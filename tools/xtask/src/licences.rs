//! Checks that every package in the lock file has a permissive licence.
//!
//! A package that offers a choice of licences passes if one of them is allowed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use anyhow::Result;
use spdx::{Expression, ParseMode};

use crate::metadata::{Metadata, Package};
use crate::report;

/// The licences that may be linked into Ringtalk, as SPDX expressions; none is copyleft.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Strict, except that older packages may write a slash instead of `OR`. Deprecated names parse, so that a finding is
/// about the licence and not about its spelling.
const SPELLING: ParseMode = ParseMode {
    allow_slash_as_or_operator: true,
    allow_deprecated: true,
    ..ParseMode::STRICT
};

/// Checks every package of the resolved graph.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = Metadata::read(root)?;
    let examined = format!("{} packages", metadata.packages.len());
    report::conclude("licences", &examined, &violations(&metadata))
}

fn violations(metadata: &Metadata) -> Vec<String> {
    let complain = |package: &Package| {
        let objection = objection(package.license.as_deref())?;
        let chain = chain(metadata, &package.id).join(" -> ");
        Some(format!(
            "{} {}: {objection}; pulled in by {chain}: use another package or another feature",
            package.name, package.version
        ))
    };
    metadata.packages.iter().filter_map(complain).collect()
}

/// Returns why a licence is not allowed, or `None` if it is.
fn objection(licence: Option<&str>) -> Option<String> {
    let Some(licence) = licence else {
        return Some("names no licence".to_owned());
    };
    match Expression::parse_mode(licence, SPELLING) {
        Ok(expression) if expression.evaluate(|one| ALLOWED.contains(&&*one.to_string())) => None,
        Ok(_) => Some(format!("its licence {licence} is not on the list")),
        Err(error) => Some(format!(
            "its licence {licence:?} is not an SPDX expression ({})",
            error.reason
        )),
    }
}

/// Returns the shortest dependency path from one of our crates to the package, by name.
fn chain<'a>(metadata: &'a Metadata, target: &'a str) -> Vec<&'a str> {
    let nodes = metadata.resolve.nodes.iter();
    let edges: BTreeMap<&str, &Vec<String>> = nodes
        .map(|node| (node.id.as_str(), &node.dependencies))
        .collect();
    let members = metadata.workspace_members.iter().map(String::as_str);
    let mut seen: BTreeSet<&str> = members.clone().collect();
    let mut ways: VecDeque<Vec<&str>> = members.map(|member| vec![member]).collect();
    while let Some(way) = ways.pop_front() {
        let last = *way.last().expect("a path starts with a member");
        if last == target {
            return way.into_iter().map(|id| name(metadata, id)).collect();
        }
        for next in edges.get(last).into_iter().copied().flatten() {
            if seen.insert(next) {
                ways.push_back(way.iter().copied().chain([next.as_str()]).collect());
            }
        }
    }
    vec![name(metadata, target)]
}

fn name<'a>(metadata: &'a Metadata, id: &'a str) -> &'a str {
    let package = metadata.packages.iter().find(|package| package.id == id);
    package.map_or(id, |package| &package.name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn permissive_licences_pass() {
        for licence in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "GPL-3.0-only OR MIT",
            "LGPL-2.1-or-later OR Apache-2.0",
        ] {
            assert_eq!(objection(Some(licence)), None, "{licence}");
        }
    }

    #[test]
    fn copyleft_and_unknown_licences_fail() {
        for licence in [
            "GPL-3.0-only",
            "GPL-3.0",
            "AGPL-3.0-or-later",
            "MPL-2.0",
            "LGPL-3.0-only WITH LLVM-exception",
            "MIT AND MPL-2.0",
            "LicenseRef-Proprietary",
            "Apache 2.0",
            "",
        ] {
            assert!(objection(Some(licence)).is_some(), "{licence}");
        }
        assert_eq!(objection(None).as_deref(), Some("names no licence"));
    }

    #[test]
    fn a_violation_names_who_pulls_it_in() {
        let package = |name: &str, licence: &str| {
            json!({ "id": format!("{name}#1"), "name": name, "version": "1.0.0",
                "license": licence, "dependencies": [] })
        };
        let metadata: Metadata = serde_json::from_value(json!({
            "packages": [
                package("ours", "MIT"),
                package("middle", "MIT"),
                package("viral", "GPL-3.0-only"),
            ],
            "workspace_members": ["ours#1"],
            "resolve": { "nodes": [
                { "id": "ours#1", "dependencies": ["middle#1"] },
                { "id": "middle#1", "dependencies": ["viral#1"] },
                { "id": "viral#1", "dependencies": [] },
            ] },
            "target_directory": "target",
        }))
        .unwrap();
        let found = violations(&metadata);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("viral 1.0.0: its licence GPL-3.0-only"));
        assert!(found[0].contains("pulled in by ours -> middle -> viral:"));
    }
}
