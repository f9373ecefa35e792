//! Calls about one discussion: where it is private, each carries its id and a proof.
//!
//! A proof is over the director's nonce, which only the director can tell, and which changes now and
//! then, above all when it restarts: a call without it, or with an old one, is answered with the
//! nonce, and made again at once. Not here:
//! which calls are made, and what is proved (`ringtalk_director::api`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::{Method, StatusCode};
use ringtalk_director::api::{
    Address, Encoded, Nonce, Private, Problem, Proof, Request, signed_bytes,
};
use serde::Serialize;

use super::http::{Answer, Http, HttpError};
use crate::secret::{Registration, Secret};

/// Calls directors for one discussion. Clones share what they know of the directors.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    http: Http,
    /// None for the open discussion, for which everybody may speak.
    registration: Option<Registration>,
    /// As many as there are directors in the invite.
    nonces: Arc<Mutex<BTreeMap<Address, Nonce>>>,
}

impl Caller {
    /// Calls for the discussion that has this secret.
    pub(crate) fn new(secret: &Secret) -> Self {
        Self {
            http: Http::new(),
            registration: (!secret.is_open()).then(|| secret.registration()),
            nonces: Arc::default(),
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

    /// Sends a request. `deadline` is that of each attempt: a second one is made where the director
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
        let body = self.request(&method, path, said, nonce);
        let http = &self.http;
        let answer = http.call(method.clone(), director, path, Some(&body), deadline);
        let answer = answer.await?;
        let Some(current) = challenge(&answer).filter(|current| Some(*current) != nonce) else {
            return Ok(answer);
        };
        self.lock().insert(director.clone(), current);
        let body = self.request(&method, path, said, Some(current));
        let answer = http.call(method, director, path, Some(&body), deadline);
        answer.await
    }

    /// A request as it travels; without a nonce it only says what it is about.
    fn request<'a, T: Serialize>(
        &self,
        method: &Method,
        path: &str,
        said: &'a T,
        nonce: Option<Nonce>,
    ) -> Request<&'a T> {
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
        Request { said, private }
    }

    fn nonce(&self, director: &Address) -> Option<Nonce> {
        self.lock().get(director).copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, Nonce>> {
        // A map is whole whatever happens between two calls of it.
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nonce that a director wants signed.
fn challenge(answer: &Answer) -> Option<Nonce> {
    if answer.status != StatusCode::UNAUTHORIZED {
        return None;
    }
    answer.json::<Problem>().ok()?.nonce.map(|nonce| *nonce)
}
