//! The answers of a director to requests that it does not fulfil: problems, as in RFC 9457.
//!
//! Not here: the problem for each request (`app`, `body`, `authorization`).

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::Coordinator;
use crate::proof::Nonce;

/// The `Retry-After` of a 429 or a 503, in seconds. It is the shortest possible, since a coordinator may register
/// at any moment.
const RETRY_AFTER_SECONDS: &str = "1";

/// An `application/problem+json` answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// Always `about:blank`: the status tells the kind of problem.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The status in words.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// The failure, and the advice.
    pub detail: Cow<'static, str>,
    /// With 409: the registered coordinator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinator: Option<Box<Coordinator>>,
    /// With 422: the field that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Cow<'static, str>>,
    /// With 401: the nonce to sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Box<Nonce>>,
    /// True if a member of the discussion answers, and not a director.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub member: bool,
}

impl Problem {
    /// Creates a problem with this status.
    pub(crate) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Problem").into(),
            status: status.as_u16(),
            detail: detail.into(),
            coordinator: None,
            field: None,
            nonce: None,
            member: false,
        }
    }

    /// Creates a 422 that names the field.
    pub(crate) fn wrong_field(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// Creates a 401 with the nonce to sign.
    pub(crate) fn signature_required(nonce: Nonce) -> Self {
        Self {
            nonce: Some(Box::new(nonce)),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "sign the request over this nonce: with the node's key to register a coordinator, and with \
                 the discussion's key for a private discussion",
            )
        }
    }

    /// Creates a 409 with the coordinator of the other ring.
    pub(crate) fn another_ring(coordinator: Box<Coordinator>) -> Self {
        Self {
            coordinator: Some(coordinator),
            ..Self::new(
                StatusCode::CONFLICT,
                "another ring of this discussion is registered: contact its coordinator",
            )
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let challenge = self
            .nonce
            .as_deref()
            .map(|nonce| format!("Ringtalk nonce=\"{nonce}\""));
        let challenge = challenge.and_then(|text| HeaderValue::from_str(&text).ok());
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}
