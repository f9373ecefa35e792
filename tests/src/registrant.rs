//! A client of a director with a node's key, as `wire/CONTRACT.md` describes it.
//!
//! Written from that page alone, so what both agree on is the contract. Not here: HTTP (`http`).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey};

use ringtalk_node::identity::Identity;

use crate::handshake::fingerprint;
use crate::http::{self, Response};
use crate::id::NodeId;

/// A client with the key of a node.
#[derive(Clone, Debug)]
pub struct Registrant(Key);

#[derive(Clone, Debug)]
enum Key {
    /// A key that is derived from a number.
    Numbered(SigningKey),
    /// The key of a node that runs in this process.
    Node(Identity),
}

/// A request to a director.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path.
    pub path: &'a str,
    /// Its body.
    pub body: &'a str,
}

impl Registrant {
    /// Returns a client whose key is derived from a number.
    pub fn new(number: u64) -> Self {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        Self(Key::Numbered(SigningKey::from_bytes(&seed)))
    }

    /// Returns a client with the key of a node that runs in this process.
    pub const fn of_node(identity: Identity) -> Self {
        Self(Key::Node(identity))
    }

    fn public_key(&self) -> [u8; 32] {
        match &self.0 {
            Key::Numbered(key) => key.verifying_key().to_bytes(),
            Key::Node(identity) => identity.public_key().0,
        }
    }

    fn signature(&self, bytes: &[u8]) -> [u8; 64] {
        match &self.0 {
            Key::Numbered(key) => key.sign(bytes).to_bytes(),
            Key::Node(identity) => identity.sign(bytes).0,
        }
    }

    /// Returns the id that follows from the key.
    pub fn id(&self) -> NodeId {
        NodeId(fingerprint(&self.public_key()))
    }

    /// Returns the body that registers it at an address, in the epoch of this number.
    pub fn registration(&self, address: &str, epoch: u64) -> String {
        let id = self.id();
        format!(
            r#"{{"id":"{id}","internal-address":"{address}","public-address":null,"epoch":{{"number":{epoch},"coordinator":"{id}"}}}}"#
        )
    }

    /// Returns the headers that sign a request over a nonce.
    pub fn sign(&self, asked: Asked, nonce: &str) -> [(&'static str, String); 3] {
        let Asked { method, path, body } = asked;
        let signed = format!("ringtalk director\n{method}\n{path}\n{nonce}\n{body}");
        let signature = self.signature(signed.as_bytes());
        [
            ("Node-Key", BASE64URL_NOPAD.encode(&self.public_key())),
            ("Node-Nonce", nonce.to_owned()),
            ("Node-Signature", BASE64URL_NOPAD.encode(&signature)),
        ]
    }

    /// Sends a request without a signature, gets a nonce, and sends it again signed.
    pub fn ask(
        &self,
        director: SocketAddr,
        asked: Asked,
        within: Duration,
    ) -> io::Result<Response> {
        let nonce = match challenge(director, asked, within)? {
            Ok(nonce) => nonce,
            Err(answer) => return Ok(answer),
        };
        let headers = self.sign(asked, &nonce);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        http::ask_with(
            director,
            asked.method,
            asked.path,
            &headers,
            Some(asked.body),
            within,
        )
    }
}

/// Returns the nonce that a director wants signed, or its answer if that is anything else.
pub fn challenge(
    director: SocketAddr,
    asked: Asked,
    within: Duration,
) -> io::Result<Result<String, Response>> {
    let answer = http::ask(director, asked.method, asked.path, Some(asked.body), within)?;
    let nonce = answer.json()["nonce"].as_str().map(str::to_owned);
    Ok(match nonce {
        Some(nonce) if answer.status == 401 => Ok(nonce),
        _ => Err(answer),
    })
}
