//! Checks whether a request may speak for the node and the discussion that it names.
//!
//! A node speaks for itself; anyone speaks for the open discussion, and anyone with the secret for a private one.
//! Not here: the reading of bodies (`body`), and the verification of signatures (`speaker`, `proof`).

use axum::extract::{FromRequest, Request};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use ringtalk_wire::DiscussionId;
use serde::Serialize;

use crate::body::{self, Fields, FromFields};
use crate::director::Director;
use crate::problem::Problem;
use crate::proof::{Nonce, Private, Unproven, signed_bytes};
use crate::source::Source;
use crate::speaker::{self, node_signed_bytes};

/// A request that may speak for its node and its discussion. Its extractor answers any other with a problem: 403 if
/// this director does not serve the discussion or a proof is wrong, 401 with the nonce if a proof is missing or is
/// over another nonce.
pub(crate) struct Admitted<T> {
    /// The content of the body.
    pub(crate) said: T,
    /// The private discussion, or `None` for the open one.
    pub(crate) discussion: Option<DiscussionId>,
    /// The source of the request.
    pub(crate) source: Source,
}

impl<T: FromFields + Serialize + Sync> FromRequest<Director> for Admitted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, director: &Director) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        body::expect_json(&parts.headers)?;
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let body = body::read(body).await?;
        let mut fields = Fields::parse(&body)?;
        let said = T::from_fields(&mut fields)?;
        let private = Option::<Private>::from_fields(&mut fields)?;
        let discussion = private.map(|private| private.discussion);
        if !director.serves(discussion.as_ref()) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "this director is inside a node, and serves that node's private discussion only: \
                 join by its whole invite, with the secret behind the #",
            ));
        }
        let is_current = |nonce: &Nonce| director.accepts(nonce);
        let refuse = |unproven| refuse(unproven, director);
        if let Some(Private { discussion, proof }) = private {
            let proof = proof.ok_or_else(|| Problem::unproven(director.nonce()))?;
            let signed = |nonce: &Nonce| signed_bytes(method, path, nonce, &discussion, &said);
            let proven = proof.check(&discussion, is_current, signed);
            proven.map_err(refuse)?;
        }
        if let Some(speaker) = said.speaker() {
            let signed = |nonce: &Nonce| node_signed_bytes(method, path, nonce, &body);
            let proven = speaker::check(&parts.headers, &speaker, is_current, signed);
            proven.map_err(refuse)?;
        }
        let source = Source::of(&parts);
        Ok(Self {
            said,
            discussion,
            source,
        })
    }
}

/// Rejects requests that a browser sends on behalf of a web page: no page has any business here, and its reader did
/// not ask for the request.
pub(crate) async fn refuse_pages(request: Request, next: Next) -> Result<Response, Problem> {
    if is_of_page(request.headers()) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "a director answers programs, and no web page: leave out the Origin",
        ));
    }
    Ok(next.run(request).await)
}

fn is_of_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
}

/// Returns true if a web page may have caused a browser to make this request. Browsers mark those that could have
/// an effect; for others, it is impossible to tell.
pub(crate) fn may_be_of_page<B>(request: &axum::http::Request<B>) -> bool {
    request.method().is_safe() || is_of_page(request.headers())
}

fn refuse(unproven: Unproven, director: &Director) -> Problem {
    let detail = match unproven {
        Unproven::Stale => return Problem::unproven(director.nonce()),
        Unproven::Key => "the key is not that of the discussion",
        Unproven::Signature => "the signature is not the key's over this request",
        Unproven::Node => "Node-Key is not the key behind the id",
        Unproven::NodeSignature => "Node-Signature is not the node's over this request",
    };
    Problem::new(StatusCode::FORBIDDEN, detail)
}
