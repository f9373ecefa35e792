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
/// How long the main addresses are tried before further ones are too.
const OTHERS_WAIT: Duration = Duration::from_millis(250);
/// How long it may take to find out whether somebody is there.
const CHECK_TIME: Duration = Duration::from_millis(3_300);
/// Why there is no link where several addresses came to nothing.
const NOBODY: &str = "no answer at any of its addresses";
/// The most addresses that are tried: a name may stand for many.
const ADDRESSES: usize = 8;

/// Dials `peer`; nobody else will do.
pub(crate) async fn dial(
    addresses: Addresses,
    peer: NodeId,
    me: Credentials,
) -> Result<Link, DialFailure> {
    let attempt = async {
        let greeted = find(&addresses, peer, &me).await?;
        greeted.answer().await.map_err(|error| {
            tracing::debug!(?peer, %error, "cannot make a link");
            DialFailure::because(error.words())
        })
    };
    let result = timeout(DIAL_TIME, attempt).await;
    let silence = || format!("no answer within {} s", DIAL_TIME.as_secs_f32());
    result.unwrap_or_else(|_| Err(DialFailure::because(silence())))
}

/// Dials `peer` until it shows that it is there; what follows is up to the caller.
pub(crate) async fn find(
    addresses: &Addresses,
    peer: NodeId,
    me: &Credentials,
) -> Result<Greeted, DialFailure> {
    let main = Addresses {
        others: Vec::new(),
        ..addresses.clone()
    };
    let dials = find_at(&main, peer, me);
    tokio::pin!(dials);
    if addresses.others.is_empty() {
        return dials.await;
    }
    let further = Addresses {
        others: addresses.others.clone(),
        ..Addresses::default()
    };
    let others = find_at(&further, peer, me);
    match timeout(OTHERS_WAIT, &mut dials).await {
        // Where all of these refuse, the process is gone, most probably: that is to be known soon.
        Ok(Err(failure)) if failure.refused.is_empty() => others.await.map_err(|_| failure),
        Ok(found) => found,
        Err(_) => {
            tokio::pin!(others);
            tokio::select! {
                Ok(greeted) = &mut dials => Ok(greeted),
                Ok(greeted) = &mut others => Ok(greeted),
                else => Err(DialFailure::because(NOBODY.to_owned())),
            }
        }
    }
}

async fn find_at(
    addresses: &Addresses,
    peer: NodeId,
    me: &Credentials,
) -> Result<Greeted, DialFailure> {
    let (found, all_known) = resolve(addresses).await;
    first(found, Some(peer), me).await.map_err(|mut failure| {
        if !all_known {
            failure.refused.clear();
        }
        failure
    })
}

/// True where `peer` is at one of the addresses; nobody there hears who asks.
pub(crate) async fn check(addresses: &Addresses, peer: NodeId, me: &Credentials) -> bool {
    let found = timeout(CHECK_TIME, find(addresses, peer, me)).await;
    matches!(found, Ok(Ok(_)))
}

/// Dials whichever node is at `address`.
pub(crate) async fn dial_whoever(address: &Address, me: Credentials) -> Result<Link, DialFailure> {
    let addresses = Addresses::at(address.as_str());
    let (found, _) = resolve(&addresses).await;
    let greeted = first(found, None, &me).await?;
    greeted.answer().await.map_err(|_| DialFailure::default())
}

/// The sockets behind the addresses, and whether every address had one.
async fn resolve(addresses: &Addresses) -> (Vec<SocketAddr>, bool) {
    let mut found = Vec::new();
    let mut all_known = true;
    for text in addresses.all() {
        let known = text.parse::<Address>().is_ok();
        match lookup_host(text).await {
            Ok(sockets) if known => found.extend(sockets),
            _ => all_known = false,
        }
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(ADDRESSES);
    (found, all_known)
}

/// The first node that shows itself; without a `peer` whoever it is.
async fn first(
    found: Vec<SocketAddr>,
    peer: Option<NodeId>,
    me: &Credentials,
) -> Result<Greeted, DialFailure> {
    let mut failure = DialFailure {
        refused: found.iter().map(SocketAddr::ip).collect(),
        ..DialFailure::because("this machine knows no such address".to_owned())
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
        match greeted {
            Ok(greeted) => return Ok(greeted),
            Err(error) => {
                tracing::debug!(?peer, %address, %error, "cannot make a link");
                failure.add(&error);
            }
        }
    }
    Err(failure)
}

impl DialFailure {
    /// A failure that proves nothing.
    fn because(reason: String) -> Self {
        Self {
            reason,
            ..Self::default()
        }
    }

    fn add(&mut self, error: &LinkError) {
        if !error.is_refusal() {
            self.refused.clear();
        }
        self.reason = error.words();
        if let LinkError::Preface(ringtalk_wire::PrefaceError::Version(_)) = error {
            self.version = Some(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

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
        let addresses = Addresses {
            public,
            ..Addresses::at(internal)
        };
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
        let addresses = Addresses::at(internal);
        let failure = dial(addresses, credentials(2).id(), credentials(1))
            .await
            .unwrap_err();
        assert_eq!(failure.refused, [IpAddr::from([127, 0, 0, 1])]);
    }

    #[tokio::test]
    async fn an_address_that_is_none_proves_nothing() {
        let (gone, public) = listener().await;
        drop(gone);
        for internal in ["nonsense", "no.such.host.invalid:1", "a b:1"] {
            let addresses = Addresses {
                public: public.clone(),
                ..Addresses::at(internal)
            };
            let failure = dial(addresses, credentials(2).id(), credentials(1))
                .await
                .unwrap_err();
            assert!(failure.refused.is_empty(), "{internal}");
        }
        let nowhere = Addresses::default();
        let failure = dial(nowhere, credentials(2).id(), credentials(1))
            .await
            .unwrap_err();
        assert!(failure.refused.is_empty());
    }
}
