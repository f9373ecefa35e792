//! The rule about warnings in the log: each is a sentence.
//!
//! A person who did not ask for a log reads warnings on stderr, beside the discussion. Fields such as `peer=…` belong
//! to lower levels. Not here: how a warning is written (`node/terminal/src/stderr.rs`).

use super::Violation;
use super::files::File;

/// The crates whose warnings a user may read.
const CRATES: [&str; 2] = ["node/", "director/"];
const MACROS: [&str; 2] = ["tracing::warn!(", "tracing::error!("];

pub(super) fn check(file: &File) -> Vec<Violation> {
    let is_ours = CRATES.iter().any(|name| file.path.starts_with(name));
    let Some(text) = file
        .text
        .as_ref()
        .filter(|_| is_ours && file.has_extension("rs"))
    else {
        return Vec::new();
    };
    let calls = MACROS.iter().flat_map(|name| text.match_indices(name));
    let fields = calls.filter(|(at, name)| !text[at + name.len()..].trim_start().starts_with('"'));
    let found = fields.map(|(at, _)| {
        let line = text[..at].lines().count().max(1);
        let message = "a warning is a sentence for people: put the values into its text";
        Violation::new(&file.path, line, message)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::super::{file, lines};
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        lines(&check(&file(path, text)))
    }

    #[test]
    fn a_warning_with_fields_is_found() {
        let text = "fn f() {\n    tracing::warn!(?peer, \"lost\");\n    tracing::error!(\n        %error, \"no\");\n}\n";
        assert_eq!(found("node/src/main.rs", text), [2, 3]);
        assert_eq!(found("tools/sim/src/main.rs", text), [0; 0]);
        let sentences =
            "tracing::warn!(\"lost {peer}\");\ntracing::error!(\n    \"{}\", text());\n";
        assert_eq!(found("director/src/serve.rs", sentences), [0; 0]);
        assert_eq!(
            found("node/src/main.rs", "tracing::debug!(?peer, \"lost\");"),
            [0; 0]
        );
    }
}
