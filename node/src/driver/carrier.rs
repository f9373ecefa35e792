//! Carries circuits between two other nodes, and tells the user of those that carry much.
//!
//! Not here: how the two ends connect (`circuits`), and the copying (`ringtalk_director::carrier`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringtalk_director::carrier::{CIRCUIT_RATE, Carrier, set_keepalive};
use ringtalk_session::Code;
use ringtalk_wire::NodeId;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Driver;
use super::inbox::{DriverEvent, Inbox};

/// The rate of all circuits of a node in bytes a second: a third of a line of 100 Mbit/s.
const ALL_RATE: u64 = 4 * CIRCUIT_RATE;
/// The bytes after which the carrier's user is told of a circuit: what people type stays below it for a day.
const NOTABLE_BYTES: u64 = 1_000_000;
/// The least time between two such notices, so that members who make circuits in turn do not fill the screen.
const NOTICE_PAUSE: Duration = Duration::from_secs(10);

/// The circuits that a member carries. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct MemberCarrier {
    inbox: Inbox,
    carrier: Carrier,
    /// When the user was last notified of a circuit that carries much.
    last_notice: Arc<Mutex<Option<Instant>>>,
}

impl MemberCarrier {
    /// Creates a carrier that carries nothing yet.
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            carrier: Carrier::new(ALL_RATE),
            last_notice: Arc::default(),
        }
    }

    /// Copies what comes from each end to the other, until one ends. The first of the two dials over the circuit.
    pub(super) async fn carry(&self, nodes: [NodeId; 2], ends: [TcpStream; 2]) {
        ends.iter().for_each(set_keepalive);
        let is_reported = AtomicBool::new(false);
        let count = |bytes| {
            if bytes > NOTABLE_BYTES
                && !is_reported.load(Ordering::Relaxed)
                && let Ok(room) = self.inbox.try_reserve()
                && self.may_notify()
            {
                is_reported.store(true, Ordering::Relaxed);
                room.send(DriverEvent::HeavyCircuit { nodes });
            }
        };
        self.carrier.carry(ends, count).await;
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

impl Driver {
    /// Tells the user that this node carries much traffic between two others.
    pub(super) fn notify_heavy_circuit(&mut self, nodes: [NodeId; 2]) {
        let view = self.host.lobby().view();
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
    use ringtalk_wire::{preface, record_header};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::link::test_support::credentials;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (there, here) = tokio::join!(TcpStream::connect(address), listener.accept());
        (there.unwrap(), here.unwrap().0)
    }

    #[tokio::test]
    async fn a_circuit_that_carries_much_is_reported_once() {
        let (inbox, mut events) = mpsc::channel(8);
        let ((mut dialler, one), (mut answerer, other)) = (pair().await, pair().await);
        let nodes = [1, 2].map(|number| credentials(number).id());
        tokio::spawn(async move {
            MemberCarrier::new(inbox).carry(nodes, [one, other]).await;
        });
        let message = |length: u16| [&length.to_be_bytes()[..], &vec![7; length.into()]].concat();
        let record = [&record_header(50_000)[..], &vec![7; 50_000]].concat();
        let start = [preface().to_vec(), message(48), message(179)].concat();
        let sent = [start, record.repeat(24)].concat();
        let writing = async {
            dialler.write_all(&sent).await.unwrap();
            dialler.shutdown().await.unwrap();
        };
        let mut passed = Vec::new();
        let ((), read) = tokio::join!(writing, answerer.read_to_end(&mut passed));
        assert_eq!(read.unwrap(), sent.len());
        drop((dialler, answerer));
        let event = events.recv().await;
        assert!(matches!(event, Some(DriverEvent::HeavyCircuit { .. })));
        assert!(events.recv().await.is_none());
    }
}
