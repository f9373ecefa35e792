//! Our decoder beside another one of CBOR, which knows nothing of ours and takes anything well formed.
//!
//! What ours takes the other must take, to the last byte, and find in it whatever ours writes again.
//! So what the other refuses ours refuses. Not here: what is well formed and no frame.

use cbor4ii::core::Value;
use cbor4ii::core::utils::SliceReader;
use ringtalk_wire::{decode, encode};

/// A frame in both.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(frame) = decode(bytes) else {
        return;
    };
    let theirs = read(bytes).expect("the other decoder refuses what ours takes");
    let again = read(&encode(&frame)).expect("the other decoder refuses what ours writes");
    assert!(
        holds(&theirs, &again),
        "ours reads {again:?} where the other reads {theirs:?}"
    );
}

/// One item that is the whole of the bytes.
fn read(bytes: &[u8]) -> Option<Value> {
    let mut reader = SliceReader::new(bytes);
    let value = cbor4ii::core::dec::Decode::decode(&mut reader).ok()?;
    let rest = cbor4ii::core::dec::Read::fill(&mut reader, 1).ok()?;
    rest.as_ref().is_empty().then_some(value)
}

/// True where `value` has everything that `part` has. Fields that no decoder of ours knows may be left
/// out when they are written again.
fn holds(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Map(values), Value::Map(parts)) => parts.iter().all(|(key, part)| {
            let found = values.iter().find(|(found, _)| found == key);
            match found {
                Some((_, value)) => holds(value, part),
                // What is absent is written as nothing.
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
