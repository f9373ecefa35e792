//! Checks whether a request may speak for the node and the discussion that it names.
//!
//! A node speaks for itself; anyone speaks for the open discussion, and anyone with the secret for a private one.
//! Not here: the decoding of bodies (`body`), and the verification of signatures (`node_signature`, `proof`).

use axum::extract::{FromRequest, Request};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use ringtalk_wire::DiscussionId;
use serde::Serialize;

use crate::body::{self, Fields, FromFields};
use crate::director::Director;
use crate::node_signature::{self, node_signed_bytes};
use crate::problem::Problem;
use crate::proof::{Nonce, PrivateFields, ProofError, signed_bytes};
use crate::source::Source;

/// A request that may speak for its node and its discussion. Its extractor answers any other with a problem: 403 if
/// this director does not serve the discussion or a proof is wrong, 401 with the nonce if a proof is missing or is
/// over another nonce.
pub(crate) struct AuthorizedRequest<T> {
    /// The content of the body.
    pub(crate) content: T,
    /// The private discussion, or `None` for the open one.
    pub(crate) discussion: Option<DiscussionId>,
    /// The source of the request.
    pub(crate) source: Source,
}

impl<T: FromFields + Serialize + Sync> FromRequest<Director> for AuthorizedRequest<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, director: &Director) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        body::expect_json(&parts.headers)?;
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let body = body::read(body).await?;
        let mut fields = Fields::parse(&body)?;
        let content = T::from_fields(&mut fields)?;
        let private = Option::<PrivateFields>::from_fields(&mut fields)?;
        let discussion = private.map(|private| private.discussion);
        if !director.serves(discussion.as_ref()) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "this director serves only its node's private discussion, and this secret is not of that one: \
                 use the complete invite, including the part after the #",
            ));
        }
        let is_current = |nonce: &Nonce| director.accepts(nonce);
        let refuse = |error| to_problem(error, director);
        if let Some(PrivateFields { discussion, proof }) = private {
            let proof = proof.ok_or_else(|| Problem::signature_required(director.nonce()))?;
            let signed = |nonce: &Nonce| signed_bytes(method, path, nonce, &discussion, &content);
            let proven = proof.check(&discussion, is_current, signed);
            proven.map_err(refuse)?;
        }
        if let Some(signer) = content.signer() {
            let signed = |nonce: &Nonce| node_signed_bytes(method, path, nonce, &body);
            let proven = node_signature::check(&parts.headers, &signer, is_current, signed);
            proven.map_err(refuse)?;
        }
        let source = Source::of(&parts);
        Ok(Self {
            content,
            discussion,
            source,
        })
    }
}

/// Rejects requests that a browser sends on behalf of a web page: no page has any business here, and its reader did
/// not ask for the request.
pub(crate) async fn refuse_web_pages(request: Request, next: Next) -> Result<Response, Problem> {
    if is_of_web_page(request.headers()) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "requests from web pages are refused: remove the Origin header",
        ));
    }
    Ok(next.run(request).await)
}

fn is_of_web_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
}

/// Returns true if a web page may have caused a browser to make this request. Browsers mark those that could have
/// an effect; for others, it is impossible to tell.
pub(crate) fn may_be_of_web_page<B>(request: &axum::http::Request<B>) -> bool {
    request.method().is_safe() || is_of_web_page(request.headers())
}

fn to_problem(error: ProofError, director: &Director) -> Problem {
    let detail = match error {
        ProofError::Stale => return Problem::signature_required(director.nonce()),
        ProofError::Key => "the key does not belong to the discussion",
        ProofError::Signature => "the signature does not match the key and the request",
        ProofError::NodeKey => "Node-Key does not match the id",
        ProofError::NodeSignature => "Node-Signature does not match Node-Key and the request",
    };
    Problem::new(StatusCode::FORBIDDEN, detail)
}
