//! The seeds of the fuzzer: a few small, valid inputs for each target.
//!
//! The committed corpora grew from them. Not here: the inputs that the fuzzer found (`corpus/`).

use std::collections::BTreeMap;

use bytes::Bytes;
use ringtalk_node::secret::Secret;
use ringtalk_wire::{Announcement, Frame, Introduction, Sealed, encode, encode_item, preface};
use serde_json::json;

use crate::member::frames;
use crate::wire::{SEAL, sealed_in};

/// Returns the seeds, each with the name of its target.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = of_frames();
    seeds.extend(of_links());
    seeds.extend(of_texts());
    seeds.extend(of_directors());
    seeds.extend(of_members());
    seeds.extend(of_terminals());
    seeds.extend(of_keyboards());
    seeds
}

/// Returns the shortest frame of each kind, and the sealed item in it.
fn of_frames() -> Vec<(&'static str, Vec<u8>)> {
    let mut kinds: BTreeMap<String, (Bytes, &Frame)> = BTreeMap::new();
    for frame in frames() {
        let bytes = encode(frame);
        let name = format!("{frame:?}");
        let kind = name.split(['(', ' ']).next().unwrap_or_default();
        let sealed = sealed_in(frame).is_some_and(|sealed| sealed.bundle().is_ok());
        let kind = format!("{kind}{sealed}");
        match kinds.get(&kind) {
            Some((known, _)) if known.len() <= bytes.len() => {}
            _ => drop(kinds.insert(kind, (bytes, frame))),
        }
    }
    let mut seeds = Vec::new();
    for (bytes, frame) in kinds.values() {
        seeds.push(("frame", bytes.to_vec()));
        seeds.push(("differential", bytes.to_vec()));
        seeds.extend(sealed_in(frame).and_then(of_sealed));
    }
    seeds
}

/// Returns the item as if the signer of the corpora had sealed it.
fn of_sealed(sealed: &Sealed) -> Option<(&'static str, Vec<u8>)> {
    if let Ok(mut bundle) = sealed.bundle() {
        bundle.author = SEAL.signer();
        return Some(("bundle", encode_item(&bundle).to_vec()));
    }
    let mut announcement = sealed.announcement().ok()?;
    match &mut announcement {
        Announcement::View(update) => update.tag.epoch.coordinator = SEAL.signer(),
        Announcement::Page(page) => page.tag.epoch.coordinator = SEAL.signer(),
    }
    Some(("announcement", encode_item(&announcement).to_vec()))
}

fn of_links() -> Vec<(&'static str, Vec<u8>)> {
    let introduction = Introduction {
        key: SEAL.key,
        signature: SEAL.signature,
        ticket: None,
    };
    let introduced = [&preface()[..], &introduction.encode()].concat();
    // Read 7 bytes at a time: one part of 3 bytes, one change.
    let record = b"\0\x07\x01\0\x03abc\x01\0\x05\0!".to_vec();
    // Three bytes at a time: a frame of the lobby, an empty one and a longer one of rooms, and the beginning of one.
    let frames = b"\x03\0\0\0\x03abc\0\x10\0\0\xff\xf0\0\x05hello\0\x20\0\x09x".to_vec();
    let too_long = b"\x01\0\x10\0\x01y\0\x14\0\x01".to_vec();
    let mut seeds = vec![
        ("introduction", introduced),
        ("records", record),
        ("header", frames),
        ("header", too_long),
    ];
    // For each part of a handshake: one with a change in its middle, and one of other bytes.
    for part in 0..5 {
        seeds.push(("handshake", vec![part, 1, 0, 20, 0, 1]));
        seeds.push(("handshake", vec![130 + part; 48]));
    }
    seeds
}

fn of_texts() -> Vec<(&'static str, Vec<u8>)> {
    let secret = Secret::open().to_text();
    let places = [
        "a.example:80, [::1]:9000".to_owned(),
        "ringtalk://a:1,b:2/".to_owned(),
        format!("ringtalk://a:1/#{}", *secret),
        secret.to_string(),
        "00112233445566778899aabbccddeeff".to_owned(),
    ];
    let lines = "\x03hello\n//x\r\n/name ann\n/who\n\n/nonsense\n\u{e9}\n";
    let places = places.map(|text| ("places", text.into_bytes()));
    let lines = ("lines", lines.as_bytes().to_vec());
    places.into_iter().chain([lines]).collect()
}

fn of_directors() -> Vec<(&'static str, Vec<u8>)> {
    let id = "aaaaaaaa-0000-8000-8000-000000000000";
    let coordinator = json!({"id": id, "internal-address": "a:1", "public-address": "b:2",
        "epoch": {"number": 1, "coordinator": id}});
    let private = json!({"id": id, "internal-address": "a:1", "found": true, "discussion": id,
        "key": "A".repeat(43), "nonce": "A".repeat(22), "signature": "A".repeat(86)});
    let first = json!({"first": true, "lease-ms": 2000});
    let newcomers = json!({"newcomers": [{"id": id, "internal-address": "a:1"}]});
    let problem = json!({"type": "about:blank", "title": "t", "status": 409, "detail": "d",
        "coordinator": coordinator});
    let request = |call: u8, body: &serde_json::Value| {
        let body = body.to_string();
        ("request", [&[call], body.as_bytes()].concat())
    };
    let answers = [&coordinator, &first, &newcomers, &problem];
    let answers = answers.map(|answer| ("answer", answer.to_string().into_bytes()));
    let requests = [
        request(0, &coordinator),
        request(1, &coordinator),
        request(2, &private),
        request(2, &coordinator),
        request(3, &json!({})),
    ];
    answers.into_iter().chain(requests).collect()
}

/// Returns one input for each member, in which every kind of step happens once.
fn of_members() -> Vec<(&'static str, Vec<u8>)> {
    let members = 0..4_u8;
    let life = |member: u8| {
        let mut bytes = vec![member];
        for deed in 0..24 {
            let fill = member.wrapping_mul(17).wrapping_add(deed * 3);
            bytes.extend([deed, fill, fill / 2, 1, 0, 2, 1, 1, 0, 120, 0]);
        }
        ("core", bytes)
    };
    let mut lives: Vec<(&str, Vec<u8>)> = members.map(life).collect();
    lives.push(("core", life_in_a_room()));
    lives
}

/// Returns the life of a member that founds a room, which another one enters, joins and talks in.
pub(crate) fn life_in_a_room() -> Vec<u8> {
    let [pass, write, leave, lie] = [0, 7, 15, 16];
    let peer = 1;
    // It creates a room, and time passes; peers send on channel 5 from now on.
    let mut bytes = vec![0, leave, 250, pass, 120, 0, leave, 5];
    // A pong with a multiple of 8 stands for `enter`. Then comes `join`, and time for a view.
    bytes.extend([lie, peer, 1, 0, write]);
    bytes.extend([lie, peer, 0, 3, 2, b'h', b'i', peer, 0, write, pass, 120, 0]);
    // It talks. The peer says a text, and another one as if it had been sealed for the lobby.
    bytes.extend([leave, 247, write, pass, 120, 0]);
    for (ring, first) in [(0, 1), (255, 2)] {
        bytes.extend([lie, peer, ring, 8, 0, 0, 0, 0, 0]);
        bytes.extend([0, first, 0, 1, 0, 1, 0, 7, 2, write]);
    }
    bytes
}

/// Returns texts, most of which try to control the reader's terminal.
fn of_terminals() -> Vec<(&'static str, Vec<u8>)> {
    let tower = "\u{301}\u{200d}".repeat(9);
    let texts = [
        "ann\nhello\r\n\tyou\u{7}".to_owned(),
        "\u{1b}]0;title\u{7}\u{1b}[31mred\n\u{9b}2J\u{1b}[?1049h".to_owned(),
        "\u{202e}nna\n\u{2066}a\u{61c}b\u{2028}c\u{2069}".to_owned(),
        format!("a{tower}\nb{tower} c"),
        "דנה\nשָׁלוֹם 你好 👩\u{200d}👩\u{200d}👧 1\u{fe0f}\u{20e3}".to_owned(),
    ];
    let texts = texts.into_iter().map(String::into_bytes);
    texts.map(|text| ("harmless", text)).collect()
}

/// Returns what terminals send: each begins with the bytes of a part, and the milliseconds between two parts.
fn of_keyboards() -> Vec<(&'static str, Vec<u8>)> {
    let keys = [
        "\x03\x14hello \u{e9}你\x08\x7f\r\x1b\x1bb\x1b[A\x1bOA\x1b[1;5D\x1b\x1b[3~\x1b[[A\x1b[8^\x1b[6$\x1b[Z",
        "\x02\x32\x1b[27;5;99~\x1b[97:65;2u\x1b[57414u\x1b[1;5:3A\x1b[I\x1b[O",
        "\x05\x64\x1b[200~one\r\n\ttwo\x1b[31m\x03\x1b[201~\r\x1b[200~no end",
        "\x04\x0aone\rtwo\t2\r\nthree\r12\t13\r",
        "\x07\x33\x1b[<64;1;1M\x1b[M !!\x1b[?2004;1$y\x1b]11;rgb:0/0\x1b\\\x1bP1$r\x07\u{9b}A\u{8f}A",
    ];
    let keys = keys.map(|keys| ("keys", keys.as_bytes().to_vec()));
    keys.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_and_they_pass() {
        let seeds = seeds();
        for (target, check) in crate::TARGETS {
            let of_target = seeds.iter().filter(|(name, _)| *name == target);
            let mut of_target = of_target.peekable();
            assert!(of_target.peek().is_some(), "{target} has no seeds");
            for (_, bytes) in of_target {
                check(bytes);
            }
        }
    }
}
