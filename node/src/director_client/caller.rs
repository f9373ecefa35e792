//! Calls about one discussion: if it is private, each carries its id and a proof, and if they are made in a
//! node's name, its signature.
//!
//! A proof is over the director's nonce, which only the director can tell, and which changes now and
//! then, above all when it restarts: a call without it, or with an old one, is answered with the
//! nonce, and made again at once. Not here:
//! which calls are made, and what is proved (`ringtalk_director::api`).

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

/// Calls directors for one discussion. Clones share what they know of the directors.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    http: Http,
    /// None for who only looks.
    node: Option<Identity>,
    /// None for the open discussion, for which everybody may speak.
    registration: Option<Registration>,
    /// As many as there are directors in the invite.
    nonces: Arc<Mutex<BTreeMap<Address, Nonce>>>,
}

impl Caller {
    /// Calls of somebody who only looks, about the discussion that has this secret.
    pub(crate) fn new(secret: &Secret) -> Self {
        Self {
            http: Http::new(),
            node: None,
            registration: (!secret.is_open()).then(|| secret.registration()),
            nonces: Arc::default(),
        }
    }

    /// Calls of a node.
    pub(super) fn of_node(node: Identity, secret: &Secret) -> Self {
        Self {
            node: Some(node),
            ..Self::new(secret)
        }
    }

    /// True where the discussion is a private one.
    pub(super) const fn is_private(&self) -> bool {
        self.registration.is_some()
    }

    /// What makes calls about nothing in particular.
    pub(super) const fn http(&self) -> &Http {
        &self.http
    }

    /// Sends a request. `deadline` is that of each attempt: a second one is made if the director
    /// has another nonce than it had before.
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

    /// A request as it travels; without a nonce it only says what it is about.
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
        // A map is whole whatever happens between two calls of it.
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nonce that a director wants signed: now, or when the node has founded.
fn told(answer: &Answer) -> Option<Nonce> {
    match answer.status {
        StatusCode::UNAUTHORIZED => answer.json::<Problem>().ok()?.nonce.map(|nonce| *nonce),
        StatusCode::CREATED => answer.json::<First>().ok()?.nonce,
        _ => None,
    }
}
