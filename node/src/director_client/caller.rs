//! Calls to directors about one discussion.
//!
//! If it is private, each call carries its id and a proof; a call in a node's name carries the node's signature. A
//! proof signs the director's nonce, which only the director can tell. The nonce changes now and then, above all when
//! the director restarts. A call without it, or with an old one, is answered with the current nonce, and is repeated
//! at once. Not here: which calls are made, what a proof covers (`ringtalk_director::api`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::Problem;
use ringtalk_director::api::{
    Address, Encoded, First, NODE_KEY, NODE_NONCE, NODE_SIGNATURE, Nonce, Private, Proof, Request,
    node_signed_bytes, signed_bytes,
};
use serde::Serialize;

use super::http::{Answer, Http, HttpError, Sent};
use crate::identity::Identity;
use crate::secret::{Registration, Secret};

/// A caller of directors for one discussion. Clones share what they know of the directors.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    http: Http,
    /// `None` for an observer.
    node: Option<Identity>,
    /// `None` for the open discussion, for which anyone may speak.
    registration: Option<Registration>,
    /// The current nonce of each director; as many as there are directors in the invite.
    nonces: Arc<Mutex<BTreeMap<Address, Nonce>>>,
}

impl Caller {
    /// Creates the caller of an observer, for the discussion that has this secret.
    pub(crate) fn new(secret: &Secret) -> Self {
        Self {
            http: Http::new(),
            node: None,
            registration: (!secret.is_open()).then(|| secret.registration()),
            nonces: Arc::default(),
        }
    }

    /// Creates the caller of a node.
    pub(super) fn of_node(node: Identity, secret: &Secret) -> Self {
        Self {
            node: Some(node),
            ..Self::new(secret)
        }
    }

    /// Returns true if the discussion is private.
    pub(super) const fn is_private(&self) -> bool {
        self.registration.is_some()
    }

    /// Returns the client, for calls that are about no discussion.
    pub(super) const fn http(&self) -> &Http {
        &self.http
    }

    /// Sends a request. If the director has a new nonce, the request is sent again; `deadline` limits each attempt.
    pub(super) async fn call<T: Serialize + Sync>(
        &self,
        method: Method,
        director: &Address,
        path: &str,
        said: &T,
        deadline: Duration,
    ) -> Result<Answer, HttpError> {
        let nonce = self.nonce(director);
        let sent = self.sent(&method, path, said, nonce)?;
        let http = &self.http;
        let answer = http.call(method.clone(), director, path, sent, deadline);
        let answer = answer.await?;
        let Some(current) = told(&answer).filter(|current| Some(*current) != nonce) else {
            return Ok(answer);
        };
        self.lock().insert(director.clone(), current);
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let sent = self.sent(&method, path, said, Some(current))?;
        let answer = http.call(method, director, path, sent, deadline);
        answer.await
    }

    /// Encodes a request. Without a nonce it only says which discussion it is about.
    fn sent<T: Serialize>(
        &self,
        method: &Method,
        path: &str,
        said: &T,
        nonce: Option<Nonce>,
    ) -> Result<Sent, HttpError> {
        let private = self.registration.as_ref().map(|registration| {
            let discussion = registration.discussion();
            let proof = nonce.map(|nonce| {
                let bytes = signed_bytes(method.as_str(), path, &nonce, &discussion, said);
                Proof {
                    key: Encoded(registration.key().0),
                    nonce,
                    signature: Encoded(registration.sign(&bytes).0),
                }
            });
            Private { discussion, proof }
        });
        let body = serde_json::to_vec(&Request { said, private });
        let body = body.map_err(|_| HttpError::Address)?;
        let mut sent = Sent::of(body);
        if let Some((node, nonce)) = self.node.as_ref().zip(nonce) {
            let bytes = node_signed_bytes(method.as_str(), path, &nonce, &sent.body);
            let signature = Encoded(node.sign(&bytes).0);
            let key = Encoded(node.public_key().0);
            sent.sign(NODE_KEY, &key);
            sent.sign(NODE_NONCE, &nonce);
            sent.sign(NODE_SIGNATURE, &signature);
        }
        Ok(sent)
    }

    fn nonce(&self, director: &Address) -> Option<Nonce> {
        self.lock().get(director).copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, Nonce>> {
        // A map is consistent between any two calls of it, so a poisoned lock does no harm.
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the nonce that a director wants signed: at once (401), or in the calls of a node that founds (201).
fn told(answer: &Answer) -> Option<Nonce> {
    match answer.status {
        StatusCode::UNAUTHORIZED => answer.json::<Problem>().ok()?.nonce.map(|nonce| *nonce),
        StatusCode::CREATED => answer.json::<First>().ok()?.nonce,
        _ => None,
    }
}
