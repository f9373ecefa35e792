//! What people type: places and secrets, and the lines on stdin.
//!
//! Not here: what the lines do.

use std::io;

use ringtalk_director::api::Address;
use ringtalk_node::Destination;
use ringtalk_node::fuzzing::invite;
use ringtalk_node::secret::Secret;
use ringtalk_session::text::harmless;
use ringtalk_terminal::fuzzing::{Said, read_lines};
use ringtalk_wire::limit::TEXT_BYTES;

/// What `--join` may be given: an invite made of what was read leads to the same place.
pub(crate) fn places(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string(), text, "an address is as it was typed");
    }
    if let Ok(secret) = text.parse::<Secret>() {
        let again = secret.to_text().parse::<Secret>();
        assert!(again == Ok(secret), "another secret");
    }
    let nobody = || Err(io::ErrorKind::NotFound.into());
    let found = match Destination::find([text], None, nobody) {
        Ok(found) => found,
        Err(error) => return assert!(harmless(&error.to_string()).len() >= 5),
    };
    let Some(secret) = found.secret.filter(|_| !found.places.is_empty()) else {
        return;
    };
    let typed = invite(&found.places, &secret);
    let again =
        Destination::find([typed.as_str()], None, nobody).expect("an invite leads somewhere");
    let directors = |places: &[ringtalk_node::Place]| -> Vec<Address> {
        places.iter().map(|place| place.director.clone()).collect()
    };
    assert_eq!(directors(&again.places), directors(&found.places));
    assert!(
        again.secret.unwrap_or(Secret::open()) == secret,
        "another secret"
    );
}

/// What stdin may hold: it means the same however it comes in, and a text is never too long.
pub(crate) fn lines(bytes: &[u8]) {
    let (read_bytes, input) = bytes.split_first().unwrap_or((&0, &[]));
    let whole = read_lines(input, input.len()).expect("memory can be read");
    let parts = read_lines(input, (*read_bytes).into()).expect("memory can be read");
    assert_eq!(whole, parts, "lines depend on how they are read");
    for said in whole {
        if let Said::Text(text) = said {
            assert!(!text.is_empty() && text.len() <= TEXT_BYTES && !text.contains('\n'));
            let shown = harmless(&text);
            assert!(!shown.chars().any(char::is_control), "shown: {shown:?}");
        }
    }
}
