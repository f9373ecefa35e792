//! Our decoder compared with an independent CBOR decoder, which accepts anything well-formed.
//!
//! The other decoder must accept what ours accepts, to the last byte, and find in it all that ours encodes again. So
//! ours rejects whatever the other one rejects. Not here: well-formed CBOR that is not a frame.

use cbor4ii::core::Value;
use cbor4ii::core::utils::SliceReader;
use ringtalk_wire::{decode, encode};

/// Decodes a frame with both decoders.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(frame) = decode(bytes) else {
        return;
    };
    let theirs = read(bytes).expect("the other decoder rejects what ours accepts");
    let again = read(&encode(&frame)).expect("the other decoder rejects what ours encodes");
    assert!(
        holds(&theirs, &again),
        "ours reads {again:?}, but the other reads {theirs:?}"
    );
}

/// Decodes the bytes as CBOR, if they are exactly one item.
fn read(bytes: &[u8]) -> Option<Value> {
    let mut reader = SliceReader::new(bytes);
    let value = cbor4ii::core::dec::Decode::decode(&mut reader).ok()?;
    let rest = cbor4ii::core::dec::Read::fill(&mut reader, 1).ok()?;
    rest.as_ref().is_empty().then_some(value)
}

/// Returns true if `value` has everything that `part` has. Fields that our decoder does not know are missing in `part`.
fn holds(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Map(values), Value::Map(parts)) => parts.iter().all(|(key, part)| {
            let found = values.iter().find(|(found, _)| found == key);
            match found {
                Some((_, value)) => holds(value, part),
                // Our encoder writes an absent value as null.
                None => matches!(part, Value::Null),
            }
        }),
        (Value::Array(values), Value::Array(parts)) => {
            let mut both = values.iter().zip(parts);
            values.len() == parts.len() && both.all(|(value, part)| holds(value, part))
        }
        (value, part) => value == part,
    }
}
