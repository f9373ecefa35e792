//! Reads the body of a request: size, time, JSON, then each field, so that an error names the wrong field.
//!
//! Not here: what the fields mean together (`app`, `authorization`).

use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use ringtalk_wire::limit::OTHER_ADDRESSES;
use ringtalk_wire::{Epoch, NodeId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::api::{
    Address, BODY_BYTES, CircuitRequest, Coordinator, DOORS, FindCoordinator, Newcomer,
    RegisterNode,
};
use crate::problem::Problem;
use crate::proof::{PrivateFields, Proof};

/// How long a body may take to arrive. It fits into a few packets, so a slower caller is stuck, or wants to keep a
/// connection busy.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of a body that is too long is read and discarded. Many callers read no answer before they have sent
/// everything, and would otherwise see a broken connection.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// A value that is read from the fields of a JSON object.
pub(crate) trait FromFields: Sized {
    /// Returns the node that must sign this request, if any.
    fn signer(&self) -> Option<NodeId> {
        None
    }

    /// Takes the fields that it knows, and ignores the others.
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem>;
}

impl FromFields for Coordinator {
    fn signer(&self) -> Option<NodeId> {
        Some(self.id)
    }

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let Newcomer {
            id,
            internal_address,
            public_address,
            other_addresses,
        } = Newcomer::from_fields(fields)?;
        let doors: Vec<Newcomer> = fields.optional("doors")?.unwrap_or_default();
        check_length(DOORS, "doors", &doors)?;
        for door in &doors {
            check_length(OTHER_ADDRESSES, "doors", &door.other_addresses)?;
        }
        let epoch: Epoch = fields.required("epoch")?;
        if epoch.coordinator != id {
            return Err(Problem::wrong_field(
                "epoch",
                "a coordinator registers under its own epoch: epoch.coordinator must equal id",
            ));
        }
        Ok(Self {
            id,
            internal_address,
            public_address,
            other_addresses,
            epoch,
            doors,
        })
    }
}

impl FromFields for RegisterNode {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            newcomer: Newcomer::from_fields(fields)?,
            may_found: fields.optional("found")?.unwrap_or_default(),
        })
    }
}

impl FromFields for Newcomer {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let other_addresses: Vec<Address> = fields.optional("other-addresses")?.unwrap_or_default();
        check_length(OTHER_ADDRESSES, "other-addresses", &other_addresses)?;
        Ok(Self {
            id: fields.required("id")?,
            internal_address: fields.required("internal-address")?,
            public_address: fields.optional("public-address")?,
            other_addresses,
        })
    }
}

impl FromFields for CircuitRequest {
    fn signer(&self) -> Option<NodeId> {
        Some(self.id)
    }

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let (id, peer) = (fields.required("id")?, fields.required("peer")?);
        if id == peer {
            let detail = "a circuit leads to another node: peer must not equal id";
            return Err(Problem::wrong_field("peer", detail));
        }
        Ok(Self { id, peer })
    }
}

impl FromFields for FindCoordinator {
    fn from_fields(_fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {})
    }
}

impl FromFields for Option<PrivateFields> {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let key = fields.optional("key")?;
        let nonce = fields.optional("nonce")?;
        let signature = fields.optional("signature")?;
        let proof = match (key, nonce, signature) {
            (Some(key), Some(nonce), Some(signature)) => Some(Proof {
                key,
                nonce,
                signature,
            }),
            _ => None,
        };
        let discussion = fields.optional("discussion")?;
        Ok(discussion.map(|discussion| PrivateFields { discussion, proof }))
    }
}

/// Rejects a list that is too long.
fn check_length<T>(most: usize, name: &'static str, list: &[T]) -> Result<(), Problem> {
    if list.len() > most {
        let detail = format!("{name}: at most {most} are allowed");
        return Err(Problem::wrong_field(name, detail));
    }
    Ok(())
}

/// The fields of the JSON object in a request. A null field counts as absent.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Parses a whole body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(body).map(Self).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the body is not a JSON object: {error}"),
            )
        })
    }

    fn required<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Problem> {
        self.optional(name)?
            .ok_or_else(|| Problem::wrong_field(name, format!("{name} is missing")))
    }

    fn optional<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<Option<T>, Problem> {
        let value = self.0.remove(name).unwrap_or_default();
        serde_json::from_value(value)
            .map_err(|error| Problem::wrong_field(name, format!("{name}: {error}")))
    }
}

/// Rejects a body that is not declared as JSON. A browser sends any other type on behalf of any page, but asks the
/// director for permission (CORS) before it sends this one.
pub(crate) fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    if kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the body must be JSON: send it with Content-Type: application/json",
    ))
}

/// Reads a body of at most [`BODY_BYTES`].
pub(crate) async fn read(mut body: Body) -> Result<Vec<u8>, Problem> {
    let mut kept = Vec::new();
    let mut length = 0;
    let outcome = timeout(BODY_TIMEOUT, async {
        while let Some(frame) = body.frame().await {
            let data = frame?.into_data().unwrap_or_default();
            length += data.len();
            if length <= BODY_BYTES {
                kept.extend_from_slice(&data);
            } else if length > DISCARDED_BYTES {
                break;
            }
        }
        Ok::<(), axum::Error>(())
    })
    .await;
    if length > BODY_BYTES {
        let detail = format!("the body is longer than {BODY_BYTES} bytes");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    match outcome {
        Ok(Ok(())) => Ok(kept),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "the body ended too early",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
        )),
    }
}
