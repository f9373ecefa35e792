//! Dials a node: all its addresses side by side, and the first that answers wins.
//!
//! Not here: whom to dial and when (the core).

use std::net::SocketAddr;
use std::time::Duration;

use ringtalk_director::api::Address;
use ringtalk_wire::{Addresses, NodeId};
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::inbox::DialFailure;
use crate::link::{Credentials, Greeted, Link, LinkError, greet, greet_whoever};

/// How long a dial may take in all: the core expects an answer within 5 s.
const DIAL_TIME: Duration = Duration::from_millis(4_900);
/// The most addresses that are tried: a name may stand for many.
const ADDRESSES: usize = 8;

/// Dials `peer`; nobody else will do.
pub(crate) async fn dial(
    addresses: Addresses,
    peer: NodeId,
    me: Credentials,
) -> Result<Link, DialFailure> {
    let attempt = async {
        let (found, all_known) = resolve(&addresses).await;
        first(found, Some(peer), &me).await.map_err(|mut failure| {
            failure.refused &= all_known;
            failure
        })
    };
    let result = timeout(DIAL_TIME, attempt).await;
    result.unwrap_or_else(|_| Err(DialFailure::default()))
}

/// Dials whichever node is at `address`.
pub(crate) async fn dial_whoever(address: &Address, me: Credentials) -> Result<Link, DialFailure> {
    let addresses = Addresses {
        internal: address.to_string(),
        public: String::new(),
    };
    let (found, _) = resolve(&addresses).await;
    first(found, None, &me).await
}

/// The sockets behind the addresses, and whether every address had one.
async fn resolve(addresses: &Addresses) -> (Vec<SocketAddr>, bool) {
    let mut found = Vec::new();
    let mut all_known = true;
    for text in [&addresses.internal, &addresses.public] {
        if text.is_empty() {
            continue;
        }
        let known = text.parse::<Address>().is_ok();
        match lookup_host(text.as_str()).await {
            Ok(sockets) if known => found.extend(sockets),
            _ => all_known = false,
        }
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(ADDRESSES);
    (found, all_known)
}

/// The first link that is made; without a `peer` to whoever it is.
async fn first(
    found: Vec<SocketAddr>,
    peer: Option<NodeId>,
    me: &Credentials,
) -> Result<Link, DialFailure> {
    let mut failure = DialFailure {
        refused: !found.is_empty(),
        version: None,
    };
    let mut attempts = JoinSet::new();
    for address in found {
        let me = me.clone();
        attempts.spawn(async move {
            let greeted = match peer {
                Some(peer) => greet(address, &me, peer).await,
                None => greet_whoever(address, &me).await,
            };
            (address, greeted)
        });
    }
    while let Some(attempt) = attempts.join_next().await {
        let Ok((address, greeted)) = attempt else {
            continue;
        };
        match complete(greeted).await {
            Ok(link) => return Ok(link),
            Err(error) => {
                tracing::debug!(?peer, %address, %error, "cannot make a link");
                failure.add(&error);
            }
        }
    }
    Err(failure)
}

async fn complete(greeted: Result<Greeted, LinkError>) -> Result<Link, LinkError> {
    greeted?.answer().await
}

impl DialFailure {
    fn add(&mut self, error: &LinkError) {
        self.refused &= error.is_refusal();
        if let LinkError::Preface(ringtalk_wire::PrefaceError::Version(_)) = error {
            self.version = Some(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::link::test_support::credentials;
    use crate::link::{Openings, welcome};

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    #[tokio::test]
    async fn two_addresses_of_one_node_make_one_link() {
        let (one, internal) = listener().await;
        let (other, public) = listener().await;
        let (sender, mut links) = tokio::sync::mpsc::channel(2);
        for listener in [one, other] {
            let sender = sender.clone();
            tokio::spawn(async move {
                let (stream, address) = listener.accept().await.unwrap();
                let (me, openings) = (credentials(2), Openings::default());
                sender
                    .send(welcome(stream, address, &me, &openings).await)
                    .await
            });
        }
        let addresses = Addresses { internal, public };
        let link = dial(addresses, credentials(2).id(), credentials(1))
            .await
            .unwrap();
        assert_eq!(link.peer, credentials(2).id());
        let ends = [links.recv().await.unwrap(), links.recv().await.unwrap()];
        let made = ends.iter().filter(|end| end.is_ok()).count();
        assert_eq!(made, 1);
    }

    #[tokio::test]
    async fn a_dead_process_is_a_refusal() {
        let (gone, internal) = listener().await;
        drop(gone);
        let addresses = Addresses {
            internal,
            public: String::new(),
        };
        let failure = dial(addresses, credentials(2).id(), credentials(1))
            .await
            .unwrap_err();
        assert!(failure.refused);
    }

    #[tokio::test]
    async fn an_address_that_is_none_proves_nothing() {
        let (gone, public) = listener().await;
        drop(gone);
        for internal in ["nonsense", "no.such.host.invalid:1", "a b:1"] {
            let addresses = Addresses {
                internal: internal.to_owned(),
                public: public.clone(),
            };
            let failure = dial(addresses, credentials(2).id(), credentials(1))
                .await
                .unwrap_err();
            assert!(!failure.refused, "{internal}");
        }
        let nowhere = Addresses::default();
        let failure = dial(nowhere, credentials(2).id(), credentials(1))
            .await
            .unwrap_err();
        assert!(!failure.refused);
    }
}
