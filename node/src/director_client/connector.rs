//! Connects to a director: looks its name up, and tries its addresses side by side until one answers.
//!
//! A name may stand for addresses that are dead, such as IPv6 on a network without it. Each further address is tried
//! 250 ms after the last one, or as soon as that has failed (RFC 8305), and the one that answered comes first the next
//! time. Not here: HTTP (`http`).

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::metered::MeteredStream;

/// The timeout for looking a name up. Further name servers of a system are asked later than that, but then each call
/// would take as long.
const LOOKUP_TIME: Duration = Duration::from_secs(3);
/// The timeout for making a connection, to all addresses together.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// The wait before the next address is tried as well (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
/// The most addresses of one name that are tried: all of them begin within `CONNECT_TIME`.
const ADDRESSES: usize = 8;

/// The advice if nothing better is known.
pub(super) const IS_IT_RUNNING: &str = "Is the address right, and a director or the node that started the discussion \
                                        still running there? If it has left, ask a member for the present invite.";

/// The part of an HTTP client that makes its connections. Clones share what they learn of addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Connector {
    /// By host. There are as many as directors in the invite.
    experience: Arc<Mutex<BTreeMap<String, Experience>>>,
}

/// The experience with the addresses of one host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Experience {
    /// The address to which the last connection was made.
    answered: Option<IpAddr>,
    /// An address that accepted a connection and then said nothing.
    silent: Option<IpAddr>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The name servers know no such name.
    #[error("its name is unknown")]
    UnknownName,
    /// No name server answers.
    #[error("its name cannot be looked up: no name server answers")]
    NoNameServer,
    /// The lookup failed in another way.
    #[error("its name cannot be looked up: {0}")]
    Lookup(io::Error),
    /// The host has one address, or all fail alike.
    #[error("{0}")]
    One(AttemptError),
    /// The addresses of the host fail in several ways.
    #[error("{}", list(.0))]
    Several(Vec<(IpAddr, AttemptError)>),
}

/// Why there is no connection to one address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum AttemptError {
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// No packet gets there.
    #[error("no route to it")]
    NoRoute,
    /// Nothing came back.
    #[error("no answer within {} s", CONNECT_TIME.as_secs())]
    Silent,
    /// This process may open no further socket.
    #[error("this process has too many open files")]
    TooManyFiles,
    /// Any other error of the system.
    #[error("{0}")]
    Other(io::ErrorKind),
}

impl Connector {
    /// Records that a host did not answer over the connection that it accepted: another of its addresses comes first
    /// the next time.
    pub(super) fn note_silence(&self, host: &str) {
        if let Some(experience) = self.lock().get_mut(bare(host))
            && let Some(silent) = experience.answered.take()
        {
            experience.silent = Some(silent);
        }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<MeteredStream>, ConnectError> {
        let host = bare(uri.host().unwrap_or_default());
        let port = uri.port_u16().unwrap_or(80);
        let mut addresses = look_up(host, port).await?;
        let experience = self.lock().get(host).copied().unwrap_or_default();
        experience.sort(&mut addresses);
        addresses.truncate(ADDRESSES);
        let stream = connect_to_any(&addresses).await?;
        if let Ok(address) = stream.peer_addr() {
            let mut all = self.lock();
            let experience = all.entry(host.to_owned()).or_default();
            experience.answered = Some(address.ip());
        }
        let _ = stream.set_nodelay(true);
        Ok(TokioIo::new(MeteredStream::new(stream)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Experience>> {
        // A map is consistent between any two calls of it, so a poisoned lock does no harm.
        self.experience
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<MeteredStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

impl Experience {
    /// Puts the address that answered first, and the silent one last. The order of the others stays.
    fn sort(&self, addresses: &mut [SocketAddr]) {
        addresses.sort_by_key(|address| {
            let ip = Some(address.ip());
            (ip != self.answered, ip == self.silent)
        });
    }
}

impl ConnectError {
    /// Returns what the user can do.
    pub(super) const fn advice(&self) -> &'static str {
        match self {
            Self::UnknownName => "Is it spelled correctly?",
            Self::NoNameServer | Self::Lookup(_) | Self::One(AttemptError::NoRoute) => {
                "Is this machine connected to that network?"
            }
            Self::One(AttemptError::Silent) => {
                "Is the address right, and does a firewall in between let connections through?"
            }
            Self::One(AttemptError::TooManyFiles) => "Raise the limit: ulimit -n",
            Self::One(_) | Self::Several(_) => IS_IT_RUNNING,
        }
    }

    /// Returns the error of a host, from those of its addresses.
    fn of(mut failures: Vec<(IpAddr, AttemptError)>) -> Self {
        match failures.pop() {
            None => Self::UnknownName,
            Some((_, last)) if failures.iter().all(|(_, error)| *error == last) => Self::One(last),
            Some(last) => {
                failures.push(last);
                Self::Several(failures)
            }
        }
    }
}

impl From<io::Error> for AttemptError {
    fn from(error: io::Error) -> Self {
        use nix::libc::{EMFILE, ENFILE};
        match (error.kind(), error.raw_os_error()) {
            (_, Some(EMFILE | ENFILE)) => Self::TooManyFiles,
            (io::ErrorKind::ConnectionRefused, _) => Self::Refused,
            (io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable, _) => {
                Self::NoRoute
            }
            (io::ErrorKind::TimedOut, _) => Self::Silent,
            (kind, _) => Self::Other(kind),
        }
    }
}

fn list(failures: &[(IpAddr, AttemptError)]) -> String {
    let each = failures.iter().map(|(ip, error)| format!("{ip}: {error}"));
    each.collect::<Vec<_>>().join(", ")
}

/// Returns a host as name servers and parsers of addresses take it: a URL has IPv6 in brackets.
fn bare(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    match timeout(LOOKUP_TIME, lookup_host((host, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => Err(lookup_error(error)),
        Err(_) => Err(ConnectError::NoNameServer),
    }
}

/// The standard library tells the causes apart by their texts alone, which are those of the C library.
fn lookup_error(error: io::Error) -> ConnectError {
    const UNKNOWN: [&str; 4] = [
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "nodename nor servname provided",
    ];
    const NO_SERVER: [&str; 2] = ["Temporary failure in name resolution", "Try again"];
    let text = error.to_string();
    let has_any = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if has_any(&UNKNOWN) {
        ConnectError::UnknownName
    } else if has_any(&NO_SERVER) {
        ConnectError::NoNameServer
    } else {
        ConnectError::Lookup(error)
    }
}

/// Returns a connection to the first of the addresses that answers.
async fn connect_to_any(addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
    let mut failures = Vec::new();
    let attempts = timeout(CONNECT_TIME, race(addresses, &mut failures));
    if let Ok(Some(stream)) = attempts.await {
        return Ok(stream);
    }
    for address in addresses {
        let ip = address.ip();
        if failures.iter().all(|(known, _)| *known != ip) {
            failures.push((ip, AttemptError::Silent));
        }
    }
    Err(ConnectError::of(failures))
}

/// Tries the addresses, each `STAGGER` after the one before it, or as soon as an attempt has failed.
async fn race(
    addresses: &[SocketAddr],
    failures: &mut Vec<(IpAddr, AttemptError)>,
) -> Option<TcpStream> {
    let mut left = addresses.iter().copied();
    let mut attempts = JoinSet::new();
    let mut start_next = |attempts: &mut JoinSet<_>| {
        if let Some(address) = left.next() {
            attempts.spawn(async move { (address, TcpStream::connect(address).await) });
        }
        left.len() > 0
    };
    let mut has_more = start_next(&mut attempts);
    loop {
        tokio::select! {
            ended = attempts.join_next() => match ended? {
                Ok((_, Ok(stream))) => return Some(stream),
                Ok((address, Err(error))) => {
                    failures.push((address.ip(), error.into()));
                    has_more = start_next(&mut attempts);
                }
                Err(_) => has_more = start_next(&mut attempts),
            },
            () = sleep(STAGGER), if has_more => has_more = start_next(&mut attempts),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::time::Instant;

    use super::*;

    const HOST: &str = "d.example";

    /// An address at which nobody answers: the queue of the listener is full.
    struct SilentListener {
        address: SocketAddr,
        _listener: TcpListener,
        _queue: Vec<TcpStream>,
    }

    impl SilentListener {
        async fn start() -> Self {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap();
            let address = listener.local_addr().unwrap();
            let mut queue = Vec::new();
            let patience = Duration::from_millis(200);
            while let Ok(stream) = timeout(patience, TcpStream::connect(address)).await {
                queue.push(stream.unwrap());
            }
            Self {
                address,
                _listener: listener,
                _queue: queue,
            }
        }
    }

    async fn refusing() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.3:0").await.unwrap();
        listener.local_addr().unwrap()
    }

    async fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.4:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn the_next_address_is_tried_while_the_first_is_silent() {
        let (silent, dead) = (SilentListener::start().await, refusing().await);
        let (_listener, live) = listening().await;
        let began = Instant::now();
        let stream = connect_to_any(&[silent.address, dead, live]).await.unwrap();
        let took = began.elapsed();
        assert_eq!(stream.peer_addr().unwrap(), live);
        // A refusal costs no wait.
        assert!(took >= STAGGER && took < STAGGER * 2, "{took:?}");
    }

    #[tokio::test]
    async fn the_address_that_answered_comes_first_and_a_silent_one_last() {
        let mut addresses: Vec<SocketAddr> = (1..=3).map(|n| ([127, 0, 0, n], 1).into()).collect();
        let connector = Connector::default();
        let answered = Some(addresses[1].ip());
        let experience = Experience {
            answered,
            silent: None,
        };
        experience.sort(&mut addresses);
        let hosts = |addresses: &[SocketAddr]| {
            let last = addresses.iter().map(|address| match address.ip() {
                IpAddr::V4(ip) => ip.octets()[3],
                IpAddr::V6(_) => 0,
            });
            last.collect::<Vec<u8>>()
        };
        assert_eq!(hosts(&addresses), [2, 1, 3]);
        connector.lock().insert(HOST.to_owned(), experience);
        connector.note_silence(HOST);
        let experience = connector.lock()[HOST];
        experience.sort(&mut addresses);
        assert_eq!(hosts(&addresses), [1, 3, 2]);
    }

    #[tokio::test]
    async fn each_cause_has_its_words() {
        let (silent, dead) = (SilentListener::start().await, refusing().await);
        let words = async |addresses: &[SocketAddr]| {
            let error = connect_to_any(addresses).await.unwrap_err();
            (error.to_string(), error.advice())
        };
        let (refused, advice) = words(&[dead, dead]).await;
        assert_eq!(refused, "connection refused");
        assert_eq!(advice, IS_IT_RUNNING);
        let (nobody, advice) = words(&[silent.address]).await;
        assert_eq!(nobody, "no answer within 3 s");
        assert!(advice.contains("firewall"));
        let (both, _) = words(&[dead, silent.address]).await;
        assert_eq!(
            both,
            "127.0.0.3: connection refused, 127.0.0.2: no answer within 3 s"
        );
        let unknown = look_up("no.such.host.invalid", 1).await.unwrap_err();
        let is_named = matches!(
            unknown,
            ConnectError::UnknownName | ConnectError::NoNameServer
        );
        assert!(is_named, "{unknown:?}");
    }
}
