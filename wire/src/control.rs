//! The control messages that this version understands: `PROTOCOL.md` §4.2.
//!
//! A message of another kind, or one that is malformed, is kept and passed on, and has no meaning. Not here: who may
//! send them (`ringtalk-proto`), and the bundle around them (`bundle`).

use alloc::borrow::ToOwned;
use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::codec::{decode_item, encode_item};
use crate::id::RingId;
use crate::limit::{self, AWAY_BYTES};
use crate::name::is_name;
use crate::{Body, PublicKey};

/// The kinds of control messages, as they travel.
const BEGIN: u64 = 1;
const AWAY: u64 = 2;
const BACK: u64 = 3;
const SAVED: u64 = 4;

/// A message between programs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Control {
    /// The creator of a room names it. It is the first message in the room.
    Begin(Begin),
    /// The author's user is away.
    Away(Away),
    /// The author's user is back.
    Back,
    /// The author's user has saved a copy of what was said in this ring.
    Saved,
}

/// The first message in a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Begin {
    /// The name of the room.
    #[serde(rename = "n", deserialize_with = "name")]
    pub name: String,
    /// The random bytes that, with the creator's key, make the id of the room.
    #[serde(
        rename = "r",
        serialize_with = "write_bytes",
        deserialize_with = "limit::exactly"
    )]
    pub random: [u8; 16],
}

impl Begin {
    /// Returns true if the owner of this key has created this room with it.
    pub fn creates(&self, ring: &RingId, creator: &PublicKey) -> bool {
        RingId::room(creator, &self.random) == *ring
    }
}

/// What a user says who goes away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Away {
    /// The reason, or nothing: at most 512 bytes of UTF-8.
    #[serde(rename = "x", deserialize_with = "reason")]
    pub reason: String,
}

impl Away {
    /// Returns the message with a reason, of which only the start is kept if it is too long.
    pub fn because(reason: &str) -> Self {
        let ends = reason.char_indices().map(|(at, char)| at + char.len_utf8());
        let end = ends.take_while(|end| *end <= AWAY_BYTES).last();
        Self {
            reason: reason[..end.unwrap_or_default()].to_owned(),
        }
    }
}

/// The content of a message that says nothing more.
#[derive(Serialize, Deserialize)]
struct Nothing {}

impl Control {
    /// Returns the body of the message.
    pub fn body(&self) -> Body {
        let (kind, content) = match self {
            Self::Begin(begin) => (BEGIN, encode_item(begin)),
            Self::Away(away) => (AWAY, encode_item(away)),
            Self::Back => (BACK, encode_item(&Nothing {})),
            Self::Saved => (SAVED, encode_item(&Nothing {})),
        };
        Body::Control { kind, content }
    }

    /// Returns the meaning of a body; `None` if it is a text, or has none in this version.
    pub fn read(body: &Body) -> Option<Self> {
        let Body::Control { kind, content } = body else {
            return None;
        };
        let nothing = || decode_item::<Nothing>(content).ok();
        match *kind {
            BEGIN => decode_item(content).ok().map(Self::Begin),
            AWAY => decode_item(content).ok().map(Self::Away),
            BACK => nothing().map(|_| Self::Back),
            SAVED => nothing().map(|_| Self::Saved),
            _ => None,
        }
    }
}

fn write_bytes<S: Serializer>(bytes: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Reads the name of a room.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if is_name(&name) {
        Ok(name)
    } else {
        Err(de::Error::custom("no name"))
    }
}

/// Reads the reason why somebody is away.
fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    if reason.len() <= AWAY_BYTES {
        Ok(reason)
    } else {
        Err(de::Error::custom("the reason is too long"))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use bytes::Bytes;

    use super::*;
    use crate::KEY_BYTES;

    fn begin(name: &str) -> Control {
        Control::Begin(Begin {
            name: name.to_owned(),
            random: [7; 16],
        })
    }

    #[test]
    fn what_is_written_is_read() {
        let away = Control::Away(Away::because("lunch"));
        for control in [begin("kitchen"), away, Control::Back, Control::Saved] {
            assert_eq!(Control::read(&control.body()), Some(control));
        }
    }

    #[test]
    fn what_is_unknown_or_malformed_means_nothing() {
        let long = Away {
            reason: "x".repeat(AWAY_BYTES + 1),
        };
        for body in [
            begin("two words").body(),
            begin("main").body(),
            Control::Away(long).body(),
            Body::Text("hello".into()),
            control(SAVED + 1, b"\xa0"),
            control(BACK, b"\xa0\xa0"),
            control(BACK, b"hello"),
            control(BEGIN, b"\xa0"),
        ] {
            assert_eq!(Control::read(&body), None, "{body:?}");
        }
    }

    fn control(kind: u64, content: &'static [u8]) -> Body {
        let content = Bytes::from_static(content);
        Body::Control { kind, content }
    }

    #[test]
    fn only_its_creator_can_name_a_room() {
        let (creator, other) = (PublicKey([1; KEY_BYTES]), PublicKey([2; KEY_BYTES]));
        let Control::Begin(begin) = begin("kitchen") else {
            unreachable!("it is one");
        };
        let ring = RingId::room(&creator, &begin.random);
        assert!(begin.creates(&ring, &creator));
        assert!(!begin.creates(&ring, &other));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let away = Away::because(&"ü".repeat(AWAY_BYTES));
        assert_eq!(away.reason.len(), AWAY_BYTES);
        let away = Away::because(&format!("x{}", "ü".repeat(AWAY_BYTES)));
        assert_eq!(away.reason.len(), AWAY_BYTES - 1);
    }
}
