//! Carries circuits: copies between two ends, at a bounded rate, what has the shape of a link.
//!
//! A circuit must lead nowhere but to its other end, and the line belongs to the carrier. So the carrier copies this
//! protocol only, and uses only a part of its line. It cannot read what it copies. Not here: how the ends find each
//! other (`rendezvous`, and the circuits of `ringtalk-node`).

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringtalk_wire::{LinkShape, SendingEnd, ShapeError};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::byte_rate::ByteRate;

/// The rate of one circuit in bytes a second, both directions together: a whole history takes half a minute.
pub const CIRCUIT_RATE: u64 = 1024 * 1024;
/// The time limit for an end to accept what was read at once from the other.
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

/// The state that all circuits of a carrier share. Clones share it too.
#[derive(Clone, Debug)]
pub struct Carrier {
    all: ByteRate,
}

/// The reason why a direction of a circuit ended before its sender did.
#[derive(Debug, thiserror::Error)]
enum CopyError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    LinkShape(#[from] ShapeError),
}

impl Carrier {
    /// Creates a carrier that copies this many bytes a second at most, over all its circuits together.
    pub fn new(bytes_a_second: u64) -> Self {
        Self {
            all: ByteRate::new(bytes_a_second),
        }
    }

    /// Copies what comes from each end to the other, until one ends. The first of the two dials over the circuit.
    /// `count` learns after each copy how many bytes have passed so far, in both directions.
    pub async fn carry<S: AsyncRead + AsyncWrite>(&self, ends: [S; 2], count: impl Fn(u64)) {
        let circuit = CarriedCircuit {
            carrier: self,
            own: ByteRate::new(CIRCUIT_RATE),
            carried: AtomicU64::new(0),
            count,
        };
        let [(one_in, one_out), (other_in, other_out)] = ends.map(split);
        let there = circuit.copy(SendingEnd::Dialler, one_in, other_out);
        let back = circuit.copy(SendingEnd::Dialled, other_in, one_out);
        tokio::pin!(there, back);
        let (ended, rest) = tokio::select! {
            ended = &mut there => (ended, back),
            ended = &mut back => (ended, there),
        };
        match ended {
            // The rest of the other direction gets some time to arrive.
            Ok(()) | Err(CopyError::Io(_)) => drop(timeout(REST_TIME, rest).await),
            Err(CopyError::LinkShape(error)) => {
                tracing::info!(%error, "closing a circuit that carries something else");
            }
        }
    }
}

/// Has the system notice if the host at the other end of a connection vanishes.
pub fn set_keepalive(end: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_PAUSE)
        .with_retries(KEEPALIVE_PROBES);
    if let Err(error) = SockRef::from(end).set_tcp_keepalive(&keepalive) {
        tracing::debug!(%error, "cannot enable TCP keepalive");
    }
}

/// One circuit.
struct CarriedCircuit<'a, F> {
    carrier: &'a Carrier,
    own: ByteRate,
    carried: AtomicU64,
    count: F,
}

impl<F: Fn(u64)> CarriedCircuit<'_, F> {
    async fn copy(
        &self,
        sender: SendingEnd,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> Result<(), CopyError> {
        let mut shape = LinkShape::default();
        let mut bytes = vec![0; COPIED_BYTES];
        loop {
            let count = from.read(&mut bytes).await?;
            if count == 0 {
                return Ok(to.shutdown().await?);
            }
            shape.take(sender, &bytes[..count])?;
            self.own.pass(count).await;
            self.carrier.all.pass(count).await;
            let written = timeout(STALL_TIME, to.write_all(&bytes[..count])).await;
            written.map_err(io::Error::from)??;
            let before = self.carried.fetch_add(count as u64, Ordering::Relaxed);
            (self.count)(before + count as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ringtalk_wire::preface;
    use tokio::io::{DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    const SOON: Duration = Duration::from_secs(2);

    /// Makes a circuit between two ends; returns them, with the number of bytes that it has carried.
    fn circuit() -> ([DuplexStream; 2], Arc<AtomicU64>) {
        let [(dialler, one), (answerer, other)] = [(), ()].map(|()| duplex(COPIED_BYTES));
        let carried = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&carried);
        tokio::spawn(async move {
            let count = |bytes| seen.store(bytes, Ordering::Relaxed);
            Carrier::new(4 * CIRCUIT_RATE)
                .carry([one, other], count)
                .await;
        });
        ([dialler, answerer], carried)
    }

    /// Returns what a dialler sends before its first record.
    fn handshake_bytes() -> Vec<u8> {
        let message = |length: u16| [&length.to_be_bytes()[..], &vec![7; length.into()]].concat();
        [preface().to_vec(), message(48), message(179)].concat()
    }

    fn record(length: u16) -> Vec<u8> {
        let head = ringtalk_wire::record_header(length);
        [&head[..], &vec![7; length.into()]].concat()
    }

    #[tokio::test]
    async fn a_circuit_closes_on_junk_and_forwards_none_of_it() {
        for junk in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 99]] {
            for behind in [Vec::new(), handshake_bytes()] {
                let ([mut dialler, mut answerer], _) = circuit();
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
    async fn a_circuit_keeps_its_rate_and_counts_its_bytes() {
        let ([mut dialler, mut answerer], carried) = circuit();
        let records = record(60_000).repeat(30);
        let began = Instant::now();
        let writing = async {
            dialler.write_all(&handshake_bytes()).await.unwrap();
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
        assert_eq!(carried.load(Ordering::Relaxed), passed.len() as u64);
    }
}
