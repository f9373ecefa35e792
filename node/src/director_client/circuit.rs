//! Asks the directors that carry circuits for one to a peer that this node cannot reach.
//!
//! The peer asks for the same circuit at the same time, because it dials this node too. Not here: when to ask
//! (`driver::network`), and the link over the circuit (`driver::director_circuits`).

use std::time::Duration;

use ringtalk_director::api::{Address, CIRCUIT_HOLD, CIRCUIT_PROTOCOL, CircuitRequest};
use ringtalk_wire::NodeId;
use tokio::net::TcpStream;

use super::http::HttpReply;
use super::{Caller, KnownEndpoint};

const PATH: &str = "/circuit";
/// The timeout of a call: longer than a director holds it.
const ANSWER_TIME: Duration = CIRCUIT_HOLD.saturating_add(Duration::from_secs(2));

/// The connection of one end of a circuit that a director carries.
#[derive(Debug)]
pub(crate) struct CircuitEnd {
    /// The connection to the director, which leads on to the peer.
    pub(crate) stream: TcpStream,
    /// The bytes that have come over it already.
    pub(crate) opening: Vec<u8>,
}

/// The part of a client that asks directors for circuits. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct CircuitClient {
    pub(super) me: NodeId,
    pub(super) caller: Caller,
    pub(super) endpoints: Vec<KnownEndpoint>,
}

impl CircuitClient {
    /// Returns the directors that carry circuits.
    pub(crate) fn directors(&self) -> Vec<Address> {
        let carrying = self.endpoints.iter().filter(|one| one.carries());
        carrying.map(|one| one.endpoint.director.clone()).collect()
    }

    /// Asks one director for a circuit to `peer`. Returns `None` if it gives none in time.
    pub(crate) async fn open(&self, director: &Address, peer: NodeId) -> Option<CircuitEnd> {
        let content = CircuitRequest { id: self.me, peer };
        let reply = self
            .caller
            .upgrade(CIRCUIT_PROTOCOL, director, PATH, &content, ANSWER_TIME);
        match reply.await {
            Ok(HttpReply::Raw { stream, opening }) => Some(CircuitEnd { stream, opening }),
            Ok(HttpReply::Answer(answer)) => {
                let reason = answer.problem();
                tracing::debug!(%director, ?peer, reason, "no circuit");
                None
            }
            Err(error) => {
                tracing::debug!(%director, ?peer, %error, "cannot ask for a circuit");
                None
            }
        }
    }
}
