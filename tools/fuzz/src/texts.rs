//! Texts that people type: addresses, invites, secrets, and lines on stdin.
//!
//! Not here: the effect of the lines.

use std::io;

use ringtalk_director::api::Address;
use ringtalk_node::Destination;
use ringtalk_node::fuzzing::invite;
use ringtalk_node::secret::Secret;
use ringtalk_session::text::escape_line;
use ringtalk_terminal::fuzzing::{ParsedLine, read_lines};
use ringtalk_wire::limit::TEXT_BYTES;

/// Checks values of `--join`: an invite made from what was read leads to the same directors with the same secret.
pub(crate) fn places(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(
            address.to_string(),
            text,
            "an address differs from what was typed"
        );
    }
    if let Ok(secret) = text.parse::<Secret>() {
        let again = secret.to_text().parse::<Secret>();
        assert!(again == Ok(secret), "a secret parses to another value");
    }
    let nobody = || Err(io::ErrorKind::NotFound.into());
    let found = match Destination::resolve([text], None, nobody) {
        Ok(found) => found,
        Err(error) => return assert!(escape_line(&error.to_string()).len() >= 5),
    };
    let Some(secret) = found.secret.filter(|_| !found.endpoints.is_empty()) else {
        return;
    };
    let typed = invite(&found.endpoints, &secret);
    let again =
        Destination::resolve([typed.as_str()], None, nobody).expect("an invite leads somewhere");
    let directors = |endpoints: &[ringtalk_node::Endpoint]| -> Vec<Address> {
        endpoints
            .iter()
            .map(|endpoint| endpoint.director.clone())
            .collect()
    };
    assert_eq!(directors(&again.endpoints), directors(&found.endpoints));
    assert!(
        again.secret.unwrap_or(Secret::open()) == secret,
        "a secret parses to another value"
    );
}

/// Checks lines on stdin: they mean the same however the bytes arrive, and no text is too long.
pub(crate) fn lines(bytes: &[u8]) {
    let (read_bytes, input) = bytes.split_first().unwrap_or((&0, &[]));
    let whole = read_lines(input, input.len()).expect("memory can be read");
    let parts = read_lines(input, (*read_bytes).into()).expect("memory can be read");
    assert_eq!(whole, parts, "lines depend on how the bytes arrive");
    for line in whole {
        if let ParsedLine::Text(text) = line {
            assert!(!text.is_empty() && text.len() <= TEXT_BYTES && !text.contains('\n'));
            let shown = escape_line(&text);
            assert!(!shown.chars().any(char::is_control), "shown: {shown:?}");
        }
    }
}
