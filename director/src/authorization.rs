//! Checks whether a request may speak for the node and the discussion that it names.
//!
//! A node speaks for itself; anyone speaks for the open discussion, and anyone with the secret for a private one.
//! Not here: the decoding of bodies (`body`), and the verification of signatures (`node_signature`, `proof`).

use axum::extract::{FromRequest, Request, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use ringtalk_wire::DiscussionId;
use serde::Serialize;

use crate::body::{self, Fields, FromFields};
use crate::node_signature::{self, node_signed_bytes};
use crate::problem::Problem;
use crate::proof::{Nonce, PrivateFields, ProofError, signed_bytes};
use crate::source::Source;

/// The service that answers requests: a director, or a member of a discussion in its place.
pub(crate) trait Authority: Clone + Send + Sync + 'static {
    /// Returns the nonce that requests must sign.
    fn nonce(&self) -> Nonce;

    /// Returns true if signatures over this nonce are still accepted.
    fn accepts(&self, nonce: &Nonce) -> bool;

    /// Rejects requests about a discussion that is not served here; `None` is the open one.
    fn check_scope(&self, _discussion: Option<&DiscussionId>) -> Result<(), Problem> {
        Ok(())
    }

    /// Adds to a problem who answers.
    fn mark(&self, problem: Problem) -> Problem {
        problem
    }
}

/// A request that may speak for its node and its discussion. Its extractor answers any other with a problem: 403 if
/// the discussion is not served here or a proof is wrong, 401 with the nonce if a proof is missing or is over another
/// nonce.
pub(crate) struct AuthorizedRequest<T> {
    /// The content of the body.
    pub(crate) content: T,
    /// The private discussion, or `None` for the open one.
    pub(crate) discussion: Option<DiscussionId>,
    /// The source of the request.
    pub(crate) source: Source,
}

impl<T: FromFields + Serialize + Sync, A: Authority> FromRequest<A> for AuthorizedRequest<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, authority: &A) -> Result<Self, Problem> {
        let authorized = authorize(request, authority).await;
        authorized.map_err(|problem| authority.mark(problem))
    }
}

async fn authorize<T: FromFields + Serialize + Sync, A: Authority>(
    request: Request,
    authority: &A,
) -> Result<AuthorizedRequest<T>, Problem> {
    let (parts, body) = request.into_parts();
    body::expect_json(&parts.headers)?;
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let body = body::read(body).await?;
    let mut fields = Fields::parse(&body)?;
    let content = T::from_fields(&mut fields)?;
    let private = Option::<PrivateFields>::from_fields(&mut fields)?;
    let discussion = private.map(|private| private.discussion);
    authority.check_scope(discussion.as_ref())?;
    let is_current = |nonce: &Nonce| authority.accepts(nonce);
    let refuse = |error| to_problem(error, authority);
    if let Some(PrivateFields { discussion, proof }) = private {
        let proof = proof.ok_or_else(|| Problem::signature_required(authority.nonce()))?;
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
    Ok(AuthorizedRequest {
        content,
        discussion,
        source,
    })
}

/// Rejects requests that a browser sends on behalf of a web page: no page has any business here, and its reader did
/// not ask for the request.
pub(crate) async fn refuse_web_pages<A: Authority>(
    State(authority): State<A>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if is_of_web_page(request.headers()) {
        return Err(authority.mark(Problem::new(
            StatusCode::FORBIDDEN,
            "requests from web pages are refused: remove the Origin header",
        )));
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

fn to_problem(error: ProofError, authority: &impl Authority) -> Problem {
    let detail = match error {
        ProofError::Stale => return Problem::signature_required(authority.nonce()),
        ProofError::Key => "the key does not belong to the discussion",
        ProofError::Signature => "the signature does not match the key and the request",
        ProofError::NodeKey => "Node-Key does not match the id",
        ProofError::NodeSignature => "Node-Signature does not match Node-Key and the request",
    };
    Problem::new(StatusCode::FORBIDDEN, detail)
}
