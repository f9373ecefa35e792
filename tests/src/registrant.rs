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
pub struct Registrant(RegistrantKey);

#[derive(Clone, Debug)]
enum RegistrantKey {
    /// A key that is derived from a number.
    Numbered(SigningKey),
    /// The key of a node that runs in this process.
    Node(Identity),
}

/// A request to a director.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
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
        Self(RegistrantKey::Numbered(SigningKey::from_bytes(&seed)))
    }

    /// Returns a client with the key of a node that runs in this process.
    pub const fn of_node(identity: Identity) -> Self {
        Self(RegistrantKey::Node(identity))
    }

    fn public_key(&self) -> [u8; 32] {
        match &self.0 {
            RegistrantKey::Numbered(key) => key.verifying_key().to_bytes(),
            RegistrantKey::Node(identity) => identity.public_key().0,
        }
    }

    fn signature(&self, bytes: &[u8]) -> [u8; 64] {
        match &self.0 {
            RegistrantKey::Numbered(key) => key.sign(bytes).to_bytes(),
            RegistrantKey::Node(identity) => identity.sign(bytes).0,
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
    pub fn sign(&self, request: Request, nonce: &str) -> [(&'static str, String); 3] {
        let Request { method, path, body } = request;
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
        request: Request,
        within: Duration,
    ) -> io::Result<Response> {
        let nonce = match request_nonce(director, request, within)? {
            Ok(nonce) => nonce,
            Err(answer) => return Ok(answer),
        };
        let headers = self.sign(request, &nonce);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        http::ask_with(
            director,
            request.method,
            request.path,
            &headers,
            Some(request.body),
            within,
        )
    }
}

/// Returns the nonce that a director wants signed, or its answer if that is anything else.
pub fn request_nonce(
    director: SocketAddr,
    request: Request,
    within: Duration,
) -> io::Result<Result<String, Response>> {
    let answer = http::ask(
        director,
        request.method,
        request.path,
        Some(request.body),
        within,
    )?;
    let nonce = answer.json()["nonce"].as_str().map(str::to_owned);
    Ok(match nonce {
        Some(nonce) if answer.status == 401 => Ok(nonce),
        _ => Err(answer),
    })
}
