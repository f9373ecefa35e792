//! One direction of a proxied connection: a thread that reads, one that writes, and the faults that both apply.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The number of chunks in flight at most; beyond it the reader waits, and TCP slows the sender down.
const CHUNKS_UNDER_WAY: usize = 256;

/// The maximum size of a chunk, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// The value of corrupted bytes: invalid in CBOR and in UTF-8, and too long as a frame's length.
const CORRUPTED: u8 = 0xff;

/// The number of bytes of each connection that pass before any is corrupted: the handshake, and more.
const HANDSHAKE_BYTES: usize = 1024;

/// A direction through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamDirection {
    /// From the dialler to the node behind the proxy.
    Inward,
    /// From the node behind the proxy to the dialler.
    Outward,
}

/// The faults of one direction, for all connections.
#[derive(Debug, Default)]
pub(super) struct Faults {
    state: Mutex<FaultState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct FaultState {
    delay: Duration,
    is_stalled: bool,
    to_corrupt: usize,
    corrupted: usize,
    is_over: bool,
}

/// Bytes, and their time of arrival.
type Chunk = (Instant, Vec<u8>);

impl Faults {
    pub(super) fn delay(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    pub(super) fn stall(&self, is_stalled: bool) {
        self.change(|state| state.is_stalled = is_stalled);
    }

    /// Corrupts the next `bytes` bytes that pass on any connection, once its handshake has passed.
    pub(super) fn corrupt(&self, bytes: usize) {
        self.change(|state| state.to_corrupt = bytes);
    }

    /// Returns how many bytes were corrupted so far.
    pub(super) fn corrupted(&self) -> usize {
        self.lock().corrupted
    }

    /// Ends all threads.
    pub(super) fn end(&self) {
        self.change(|state| state.is_over = true);
    }

    fn change(&self, change: impl FnOnce(&mut FaultState)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, FaultState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a chunk that arrived at `at` back for as long as the faults require. Returns false if the proxy has
    /// ended.
    fn hold_back(&self, at: Instant) -> bool {
        let mut state = self.lock();
        loop {
            let left = (at + state.delay).saturating_duration_since(Instant::now());
            if state.is_over {
                return false;
            }
            state = if state.is_stalled {
                self.changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner)
            } else if left.is_zero() {
                return true;
            } else {
                let waited = self.changed.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    fn corrupt_next(&self, bytes: &mut [u8]) {
        let mut state = self.lock();
        let count = state.to_corrupt.min(bytes.len());
        bytes[..count].fill(CORRUPTED);
        state.to_corrupt -= count;
        state.corrupted += count;
    }
}

/// Everything that arrived in one direction of one connection.
pub(super) type Tape = Arc<Mutex<Vec<u8>>>;

/// Moves bytes from `from` to `to` under `faults` until an end closes, then closes both. Records what arrives on
/// the `tape`, if there is one.
pub(super) fn pump(from: TcpStream, to: TcpStream, faults: Arc<Faults>, tape: Option<Tape>) {
    let (sender, receiver) = sync_channel(CHUNKS_UNDER_WAY);
    let reading = from.try_clone();
    std::thread::spawn(move || reading.map(|from| read(from, &sender, tape.as_ref())));
    std::thread::spawn(move || {
        write(&to, &receiver, &faults);
        for end in [&from, &to] {
            let _ = end.shutdown(Shutdown::Both);
        }
    });
}

fn read(mut from: TcpStream, chunks: &SyncSender<Chunk>, tape: Option<&Tape>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if let Some(tape) = tape {
            let mut tape = tape.lock().unwrap_or_else(PoisonError::into_inner);
            tape.extend(&buffer[..length]);
        }
        let chunk = (Instant::now(), buffer[..length].to_vec());
        if chunks.send(chunk).is_err() {
            return;
        }
    }
}

fn write(mut to: &TcpStream, chunks: &Receiver<Chunk>, faults: &Faults) {
    let mut passed = 0;
    while let Ok((at, mut bytes)) = chunks.recv() {
        if !faults.hold_back(at) {
            return;
        }
        if passed >= HANDSHAKE_BYTES {
            faults.corrupt_next(&mut bytes);
        }
        passed += bytes.len();
        if to.write_all(&bytes).is_err() {
            return;
        }
    }
}
