//! Carries one circuit: copies between its ends, at a bounded rate, what has the shape of a link.
//!
//! A circuit must lead nowhere but to its other end, and the line belongs to the carrier. So the carrier copies this
//! protocol only, and uses only a part of its line. Not here: how the two ends connect (`circuits`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringtalk_session::Code;
use ringtalk_wire::NodeId;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout};

use super::Driver;
use super::inbox::{DriverEvent, Inbox};
use super::rate_limit::RateLimit;
use crate::link::{LinkError, SendingEnd, Shape};

/// The rate of one circuit in bytes a second, both directions together: a whole history takes half a minute.
const CIRCUIT_RATE: u64 = 1024 * 1024;
/// The rate of all circuits of a node in bytes a second: a third of a line of 100 Mbit/s.
const ALL_RATE: u64 = 4 * CIRCUIT_RATE;
/// The bytes after which the carrier's user is told of a circuit: what people type stays below it for a day.
const NOTABLE_BYTES: u64 = 1_000_000;
/// The least time between two such notices, so that members who make circuits in turn do not fill the screen.
const NOTICE_PAUSE: Duration = Duration::from_secs(10);
/// The time in which an end may accept nothing of what comes from the other.
const STALL_TIME: Duration = Duration::from_secs(30);
/// The time for the rest of one direction, after the other direction has ended.
const REST_TIME: Duration = Duration::from_secs(5);
/// The TCP keepalive of a silent end: when probes start, the time between them, and how many must fail. A link on
/// standby sends nothing for hours, and a host that vanished sends nothing either.
const KEEPALIVE: Duration = Duration::from_secs(20);
const KEEPALIVE_PAUSE: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;
/// The number of bytes to copy at once.
const COPIED_BYTES: usize = 16 * 1024;

/// The state that all circuits of a node share.
#[derive(Clone, Debug)]
pub(super) struct Carrier {
    inbox: Inbox,
    rate_limit: RateLimit,
    /// When the user was last notified of a circuit that carries much.
    last_notice: Arc<Mutex<Option<Instant>>>,
}

impl Carrier {
    /// Creates a carrier that carries nothing yet.
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            rate_limit: RateLimit::new(ALL_RATE),
            last_notice: Arc::default(),
        }
    }

    /// Copies what comes from each end to the other, until one ends. The first of the two dials over the circuit.
    pub(super) async fn carry(&self, nodes: [NodeId; 2], [one, other]: [TcpStream; 2]) {
        set_keepalive(&[&one, &other]);
        let circuit = CarriedCircuit {
            carrier: self,
            nodes,
            rate_limit: RateLimit::new(CIRCUIT_RATE),
            carried: AtomicU64::new(0),
            is_reported: AtomicBool::new(false),
        };
        let (one_in, one_out) = one.into_split();
        let (other_in, other_out) = other.into_split();
        let there = circuit.copy(SendingEnd::Dialler, one_in, other_out);
        let back = circuit.copy(SendingEnd::Dialled, other_in, one_out);
        tokio::pin!(there, back);
        let (ended, rest) = tokio::select! {
            ended = &mut there => (ended, back),
            ended = &mut back => (ended, there),
        };
        match ended {
            // The rest of the other direction gets some time to arrive.
            Ok(()) | Err(LinkError::Io(_)) => drop(timeout(REST_TIME, rest).await),
            Err(error) => {
                tracing::info!(?nodes, %error, "closing a circuit that carries something else");
            }
        }
    }

    /// Returns true if the user may be notified of a circuit, and counts that as done.
    fn may_notify(&self) -> bool {
        let now = Instant::now();
        let mut last_notice = self
            .last_notice
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_due = last_notice.is_none_or(|last_notice| now - last_notice >= NOTICE_PAUSE);
        if is_due {
            *last_notice = Some(now);
        }
        is_due
    }
}

fn set_keepalive(ends: &[&TcpStream]) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_PAUSE)
        .with_retries(KEEPALIVE_PROBES);
    for end in ends {
        if let Err(error) = SockRef::from(*end).set_tcp_keepalive(&keepalive) {
            tracing::debug!(%error, "cannot enable TCP keepalive on a circuit");
        }
    }
}

/// One circuit.
struct CarriedCircuit<'a> {
    carrier: &'a Carrier,
    nodes: [NodeId; 2],
    rate_limit: RateLimit,
    carried: AtomicU64,
    is_reported: AtomicBool,
}

impl CarriedCircuit<'_> {
    async fn copy(
        &self,
        sender: SendingEnd,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
    ) -> Result<(), LinkError> {
        let mut shape = Shape::new();
        let mut bytes = vec![0; COPIED_BYTES];
        loop {
            let count = from.read(&mut bytes).await?;
            if count == 0 {
                return Ok(to.shutdown().await?);
            }
            shape.take(sender, &bytes[..count])?;
            self.rate_limit.pass(count).await;
            self.carrier.rate_limit.pass(count).await;
            let written = timeout(STALL_TIME, to.write_all(&bytes[..count])).await;
            written.map_err(std::io::Error::from)??;
            self.count(count).await;
        }
    }

    async fn count(&self, bytes: usize) {
        let carried = self.carried.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let is_heavy = carried > NOTABLE_BYTES && !self.is_reported.load(Ordering::Relaxed);
        if is_heavy && self.carrier.may_notify() {
            self.is_reported.store(true, Ordering::Relaxed);
            let event = DriverEvent::HeavyCircuit { nodes: self.nodes };
            let _ = self.carrier.inbox.send(event).await;
        }
    }
}

impl Driver {
    /// Tells the user that this node carries much traffic between two others.
    pub(super) fn notify_heavy_circuit(&mut self, nodes: [NodeId; 2]) {
        let view = self.node.view();
        let name = |id: &NodeId| {
            let member = view.and_then(|view| view.member(id));
            member.map_or("a newcomer", |member| member.name.as_str())
        };
        let [one, other] = nodes.each_ref().map(name);
        let message = format!(
            "{one} and {other} cannot reach each other: your node carries their encrypted traffic, more than 1 MB so \
             far, and cannot read it"
        );
        self.notify(Code::Carrying, message);
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::preface;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::link::test_support::credentials;

    const SOON: Duration = Duration::from_secs(2);

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (there, here) = tokio::join!(TcpStream::connect(address), listener.accept());
        (there.unwrap(), here.unwrap().0)
    }

    /// Makes a circuit between two ends, and returns them with the inbox of its carrier.
    async fn circuit() -> ([TcpStream; 2], mpsc::Receiver<DriverEvent>) {
        let (inbox, events) = mpsc::channel(8);
        let ((dialler, one), (answerer, other)) = (pair().await, pair().await);
        let nodes = [1, 2].map(|number| credentials(number).id());
        tokio::spawn(async move {
            Carrier::new(inbox).carry(nodes, [one, other]).await;
        });
        ([dialler, answerer], events)
    }

    /// Returns what a dialler sends before its first record.
    fn handshake_bytes() -> Vec<u8> {
        let message = |length: u16| [&length.to_be_bytes()[..], &vec![7; length.into()]].concat();
        [preface().to_vec(), message(48), message(179)].concat()
    }

    fn record(length: u16) -> Vec<u8> {
        let head = [length.to_be_bytes(), (!length).to_be_bytes()].concat();
        [head, vec![7; length.into()]].concat()
    }

    #[tokio::test]
    async fn a_circuit_closes_on_junk_and_forwards_none_of_it() {
        for junk in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 99]] {
            for behind in [Vec::new(), handshake_bytes()] {
                let ([mut dialler, mut answerer], _events) = circuit().await;
                dialler.write_all(&behind).await.unwrap();
                let mut passed = vec![0; behind.len()];
                answerer.read_exact(&mut passed).await.unwrap();
                assert_eq!(passed, behind);
                dialler.write_all(&junk).await.unwrap();
                let mut rest = Vec::new();
                let end = timeout(SOON, answerer.read_to_end(&mut rest)).await;
                assert!(end.is_ok(), "the circuit is still open");
                assert_eq!(rest, b"");
            }
        }
    }

    #[tokio::test]
    async fn a_circuit_keeps_its_rate_and_is_reported_once() {
        let ([mut dialler, mut answerer], mut events) = circuit().await;
        dialler.write_all(&handshake_bytes()).await.unwrap();
        let records = record(60_000).repeat(30);
        let began = Instant::now();
        let writing = async {
            dialler.write_all(&records).await.unwrap();
            dialler.shutdown().await.unwrap();
        };
        let mut passed = Vec::new();
        let ((), read) = tokio::join!(writing, answerer.read_to_end(&mut passed));
        assert_eq!(read.unwrap(), handshake_bytes().len() + records.len());
        // The first second's worth passes at once.
        let least = records.len() as f64 / CIRCUIT_RATE as f64 - 1.0;
        let took = began.elapsed().as_secs_f64();
        assert!(took > 0.9 * least, "{took} s");
        drop((dialler, answerer));
        assert!(matches!(
            events.recv().await,
            Some(DriverEvent::HeavyCircuit { .. })
        ));
        assert!(events.recv().await.is_none());
    }
}
