//! Whether a request may speak for the discussion that it names.
//!
//! Everybody may speak for the open discussion; for a private one, whoever has its secret. Not
//! here: how a body is read (`body`), and what is verified (`proof`).

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use ringtalk_wire::DiscussionId;
use serde::Serialize;

use crate::body::{Fields, FromFields};
use crate::director::Director;
use crate::problem::Problem;
use crate::proof::{Nonce, Private, Unproven, signed_bytes};

/// A request that may speak for its discussion. Extracted, or answered with a problem: 403 where
/// this director does not serve the discussion or the proof is wrong, 401 with the nonce where
/// there is no proof, or one over another nonce.
pub(crate) struct Admitted<T> {
    /// What it says.
    pub(crate) said: T,
    /// The discussion meant; none for the open one.
    pub(crate) discussion: Option<DiscussionId>,
}

impl<T: FromFields + Serialize + Sync> FromRequest<Director> for Admitted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, director: &Director) -> Result<Self, Problem> {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let mut fields = Fields::read(request.into_body()).await?;
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
        if let Some(Private { discussion, proof }) = private {
            let proof = proof.ok_or_else(|| Problem::unproven(director.nonce()))?;
            let is_current = |nonce: &Nonce| director.accepts(nonce);
            let signed =
                |nonce: &Nonce| signed_bytes(method.as_str(), &path, nonce, &discussion, &said);
            proof
                .check(&discussion, is_current, signed)
                .map_err(|unproven| problem(unproven, director))?;
        }
        Ok(Self { said, discussion })
    }
}

fn problem(unproven: Unproven, director: &Director) -> Problem {
    let detail = match unproven {
        Unproven::Stale => return Problem::unproven(director.nonce()),
        Unproven::Key => "the key is not that of the discussion",
        Unproven::Signature => "the signature is not the key's over this request",
    };
    Problem::new(StatusCode::FORBIDDEN, detail)
}
