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
    Address, Base64Url, FoundingLease, NODE_KEY, NODE_NONCE, NODE_SIGNATURE, Nonce, PrivateFields,
    Proof, RequestBody, node_signed_bytes, signed_bytes,
};
use serde::Serialize;

use super::http::{Http, HttpAnswer, HttpError, HttpReply, RequestParts};
use crate::identity::Identity;
use crate::secret::{RegistrationKey, Secret};

/// A caller of directors for one discussion. Clones share what they know of the directors.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    http: Http,
    /// `None` for an observer.
    node: Option<Identity>,
    /// `None` for the open discussion, for which anyone may speak.
    registration_key: Option<RegistrationKey>,
    /// The current nonce of each director; as many as there are directors in the invite.
    nonces: Arc<Mutex<BTreeMap<Address, Nonce>>>,
}

impl Caller {
    /// Creates the caller of an observer, for the discussion that has this secret.
    pub(crate) fn new(secret: &Secret) -> Self {
        Self {
            http: Http::new(),
            node: None,
            registration_key: (!secret.is_open()).then(|| secret.registration_key()),
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
        self.registration_key.is_some()
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
        content: &T,
        deadline: Duration,
    ) -> Result<HttpAnswer, HttpError> {
        let call = (method, path, None);
        let reply = self.send(director, call, content, deadline);
        reply.await?.into_answer()
    }

    /// Sends a `POST` that asks to use the connection for another protocol, as `call` does.
    pub(super) async fn upgrade<T: Serialize + Sync>(
        &self,
        protocol: &'static str,
        director: &Address,
        path: &str,
        content: &T,
        deadline: Duration,
    ) -> Result<HttpReply, HttpError> {
        let call = (Method::POST, path, Some(protocol));
        self.send(director, call, content, deadline).await
    }

    async fn send<T: Serialize + Sync>(
        &self,
        director: &Address,
        (method, path, protocol): (Method, &str, Option<&'static str>),
        content: &T,
        deadline: Duration,
    ) -> Result<HttpReply, HttpError> {
        let attempt = async |nonce| {
            let mut request = self.encode(&method, path, content, nonce)?;
            if let Some(protocol) = protocol {
                request.upgrade_to(protocol);
            }
            let http = &self.http;
            let reply = http.send(method.clone(), director, path, request, deadline);
            reply.await
        };
        let nonce = self.nonce(director);
        let answer = match attempt(nonce).await? {
            HttpReply::Answer(answer) => answer,
            raw @ HttpReply::Raw { .. } => return Ok(raw),
        };
        let Some(current) = nonce_in(&answer).filter(|current| Some(*current) != nonce) else {
            return Ok(HttpReply::Answer(answer));
        };
        self.lock().insert(director.clone(), current);
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(HttpReply::Answer(answer));
        }
        attempt(Some(current)).await
    }

    /// Encodes a request. Without a nonce it only says which discussion it is about.
    fn encode<T: Serialize>(
        &self,
        method: &Method,
        path: &str,
        content: &T,
        nonce: Option<Nonce>,
    ) -> Result<RequestParts, HttpError> {
        let private = self.registration_key.as_ref().map(|registration_key| {
            let discussion = registration_key.discussion();
            let proof = nonce.map(|nonce| {
                let bytes = signed_bytes(method.as_str(), path, &nonce, &discussion, content);
                Proof {
                    key: Base64Url(registration_key.key().0),
                    nonce,
                    signature: Base64Url(registration_key.sign(&bytes).0),
                }
            });
            PrivateFields { discussion, proof }
        });
        let body = serde_json::to_vec(&RequestBody { content, private });
        let body = body.map_err(|_| HttpError::Address)?;
        let mut request = RequestParts::of(body);
        if let Some((node, nonce)) = self.node.as_ref().zip(nonce) {
            let bytes = node_signed_bytes(method.as_str(), path, &nonce, &request.body);
            let signature = Base64Url(node.sign(&bytes).0);
            let key = Base64Url(node.public_key().0);
            request.sign(NODE_KEY, &key);
            request.sign(NODE_NONCE, &nonce);
            request.sign(NODE_SIGNATURE, &signature);
        }
        Ok(request)
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
fn nonce_in(answer: &HttpAnswer) -> Option<Nonce> {
    match answer.status {
        StatusCode::UNAUTHORIZED => answer.json::<Problem>().ok()?.nonce.map(|nonce| *nonce),
        StatusCode::CREATED => answer.json::<FoundingLease>().ok()?.nonce,
        _ => None,
    }
}
