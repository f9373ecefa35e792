//! Stdout, written by a thread of its own, so that nobody waits for the reader.
//!
//! Items wait here unchanged. An [`Encoder`] turns them into bytes once stdout has taken the bytes before, so that a
//! long line takes memory only while it is written. Not here: the items, and the limit on what may wait (`written`,
//! `screen`).

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Write, stdout};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use ringtalk_session::Backlog;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::patience::Patient;

/// The number of bytes that are collected before a write. This is enough for a thousand short lines at once, and few
/// enough to notice that a slow reader still reads.
const WRITE_BYTES: usize = 64 * 1024;

/// The reason why nothing more can be shown.
#[derive(Debug, thiserror::Error)]
pub enum StdoutError {
    /// The reader is gone.
    #[error("nobody reads stdout any more")]
    ReaderGone,
    /// Stdout cannot be written to.
    #[error("cannot write to stdout: {0}")]
    Failed(io::Error),
    /// The reader has stopped, or is too slow. The value is the number of bytes that wait.
    #[error("the reader of stdout has stopped or is too slow: {0} bytes are waiting")]
    Stuck(usize),
    /// The screen has ended, or could not keep up.
    #[error("the screen has ended")]
    NoScreen,
}

/// A converter of items into bytes, in order.
pub trait Encoder: Send + 'static {
    /// An item to be written.
    type Item: Send + 'static;

    /// Appends the bytes of an item to `out`.
    fn encode(&mut self, item: Self::Item, out: &mut Vec<u8>);
}

/// An encoder that passes bytes on unchanged.
#[derive(Debug)]
struct RawEncoder;

impl Encoder for RawEncoder {
    type Item = Vec<u8>;

    fn encode(&mut self, mut item: Vec<u8>, out: &mut Vec<u8>) {
        out.append(&mut item);
    }
}

/// The thread that writes to stdout.
#[derive(Debug)]
pub struct Stdout {
    end: Option<oneshot::Receiver<io::Error>>,
}

/// A sender of items to the thread that writes to stdout.
#[derive(Debug)]
pub struct StdoutSender<T = Vec<u8>> {
    queue: Sender<QueuedItem<T>>,
    pending: PendingBytes,
    backlog: Backlog,
}

/// The load of an item while it waits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Load {
    /// The approximate memory that it takes, in bytes.
    pub bytes: usize,
    /// The number of events of the session that it shows.
    pub events: u64,
}

/// The number of bytes that were handed over and not written yet, with a signal for when it is zero.
#[derive(Clone, Debug, Default)]
struct PendingBytes {
    bytes: Arc<AtomicUsize>,
    idle: Arc<Notify>,
}

/// An item that is handed over, with its load.
#[derive(Debug)]
struct QueuedItem<T> {
    item: T,
    load: Load,
}

impl PendingBytes {
    /// Subtracts bytes that were written.
    fn subtract(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if before == bytes {
            self.idle.notify_one();
        }
    }
}

impl From<io::Error> for StdoutError {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::Failed(error)
        }
    }
}

impl<T> StdoutSender<T> {
    /// Hands over an item to be written, in order.
    pub fn send(&self, item: T, load: Load) {
        self.pending.bytes.fetch_add(load.bytes, Ordering::Relaxed);
        self.backlog.add(load.events);
        // If the thread has ended, `Stdout::wait_for_failure` reports why.
        let _ = self.queue.send(QueuedItem { item, load });
    }

    /// Returns the load that waits to be written.
    pub fn load(&self) -> Load {
        Load {
            bytes: self.pending.bytes.load(Ordering::Relaxed),
            events: self.backlog.waiting_count(),
        }
    }

    /// Returns the count of events that wait to be seen.
    pub const fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Returns true if everything is written.
    pub fn is_idle(&self) -> bool {
        self.pending.bytes.load(Ordering::Relaxed) == 0
    }

    /// Waits until everything is written, or for ever if nobody reads stdout.
    pub async fn wait_until_idle(&self) {
        while !self.is_idle() {
            self.pending.idle.notified().await;
        }
    }
}

impl StdoutSender {
    /// Hands over bytes to be written, in order.
    pub fn write(&self, bytes: Vec<u8>) {
        let load = Load {
            bytes: bytes.len(),
            events: 0,
        };
        self.send(bytes, load);
    }
}

impl Stdout {
    /// Starts a thread that writes bytes.
    pub fn start() -> io::Result<(Self, StdoutSender)> {
        Self::start_for(RawEncoder, Backlog::new(0))
    }

    /// Starts a thread that writes the bytes of an encoder. It bypasses the standard library's own buffer, which would
    /// keep the written text.
    pub fn start_for<S: Encoder>(
        encoder: S,
        backlog: Backlog,
    ) -> io::Result<(Self, StdoutSender<S::Item>)> {
        let output = stdout().as_fd().try_clone_to_owned()?;
        Self::start_with(Patient(File::from(output)), encoder, backlog)
    }

    pub(crate) fn start_with<S: Encoder>(
        output: impl Write + Send + 'static,
        encoder: S,
        backlog: Backlog,
    ) -> io::Result<(Self, StdoutSender<S::Item>)> {
        let (queue, items) = mpsc::channel();
        let (ended, end) = oneshot::channel();
        let pending = PendingBytes::default();
        let writer = {
            let (pending, backlog) = (pending.clone(), backlog.clone());
            move || {
                if let Err(error) = write_items(output, encoder, &items, (&pending, &backlog)) {
                    let _ = ended.send(error);
                }
            }
        };
        thread::Builder::new()
            .name("stdout".to_owned())
            .spawn(writer)?;
        let sender = StdoutSender {
            queue,
            pending,
            backlog,
        };
        Ok((Self { end: Some(end) }, sender))
    }

    /// Creates a stdout to which nothing is ever written.
    pub const fn unused() -> Self {
        Self { end: None }
    }

    /// Waits until stdout fails, which may never happen.
    pub async fn wait_for_failure(&mut self) -> StdoutError {
        poll_fn(|context| self.poll_failure(context)).await
    }

    /// Polls for the failure of stdout. It is reported once.
    pub fn poll_failure(&mut self, context: &mut Context) -> Poll<StdoutError> {
        let Some(end) = &mut self.end else {
            return Poll::Pending;
        };
        Pin::new(end).poll(context).map(|ended| {
            self.end = None;
            ended.map_or(StdoutError::NoScreen, StdoutError::from)
        })
    }

    /// Waits until everything is written, within a time limit. All senders must have been dropped. Returns an error if
    /// stdout has failed since the last time that it was asked for.
    pub async fn finish(self, limit: Duration) -> Result<(), StdoutError> {
        let Some(end) = self.end else {
            return Ok(());
        };
        match timeout(limit, end).await {
            Ok(Ok(error)) => Err(error.into()),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}

/// Writes item after item, until all senders are dropped. Items that already wait are written together, up to
/// [`WRITE_BYTES`] bytes.
fn write_items<S: Encoder>(
    mut output: impl Write,
    mut encoder: S,
    items: &Receiver<QueuedItem<S::Item>>,
    (pending, backlog): (&PendingBytes, &Backlog),
) -> io::Result<()> {
    while let Ok(first) = items.recv() {
        let mut bytes = Vec::new();
        let mut load = Load::default();
        let mut next = Some(first);
        while let Some(QueuedItem { item, load: more }) = next {
            encoder.encode(item, &mut bytes);
            load.bytes += more.bytes;
            load.events += more.events;
            let has_room = bytes.len() < WRITE_BYTES;
            next = has_room.then(|| items.try_recv().ok()).flatten();
        }
        output.write_all(&bytes)?;
        output.flush()?;
        // Reduce the backlog last: a task that it wakes up must see both counts reduced.
        pending.subtract(load.bytes);
        backlog.remove(load.events);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 8_192;

    /// An output that blocks until it gets a permit, and then takes one chunk.
    struct SlowOutput(Receiver<()>, Sender<Vec<u8>>);

    impl Write for SlowOutput {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let permitted = self.0.recv();
            permitted.map_err(|_| io::Error::from(ErrorKind::BrokenPipe))?;
            let _ = self.1.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An encoder that turns each number into a line of [`WRITE_BYTES`], and counts the lines.
    struct LongLines(Arc<AtomicUsize>);

    impl Encoder for LongLines {
        type Item = u8;

        fn encode(&mut self, item: u8, out: &mut Vec<u8>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            out.extend(std::iter::repeat_n(item, WRITE_BYTES));
        }
    }

    #[tokio::test]
    async fn pending_items_are_written_before_the_end() {
        let (permits, permitted) = mpsc::channel();
        let (written, chunks) = mpsc::channel();
        let (stdout, sender) =
            Stdout::start_with(SlowOutput(permitted, written), RawEncoder, Backlog::new(0))
                .unwrap();
        sender.write(b"one".to_vec());
        sender.write(b"two".to_vec());
        drop(sender);
        permits.send(()).unwrap();
        permits.send(()).unwrap();
        stdout.finish(Duration::from_secs(5)).await.unwrap();
        let chunks: Vec<Vec<u8>> = chunks.iter().collect();
        assert_eq!(chunks.concat(), b"onetwo");
    }

    #[tokio::test]
    async fn an_absent_reader_does_not_delay_the_end() {
        let (_permits, permitted) = mpsc::channel();
        let (stdout, sender) = Stdout::start_with(
            SlowOutput(permitted, mpsc::channel().0),
            RawEncoder,
            Backlog::new(0),
        )
        .unwrap();
        sender.write(vec![0; 10]);
        assert!(!sender.is_idle());
        drop(sender);
        stdout.finish(Duration::from_millis(20)).await.unwrap();
    }

    #[tokio::test]
    async fn an_item_is_encoded_only_when_earlier_bytes_are_written() {
        let (permits, permitted) = mpsc::channel();
        let (written, chunks) = mpsc::channel();
        let made = Arc::new(AtomicUsize::new(0));
        let encoder = LongLines(Arc::clone(&made));
        let (_stdout, sender) =
            Stdout::start_with(SlowOutput(permitted, written), encoder, Backlog::new(LIMIT))
                .unwrap();
        let each = Load {
            bytes: 1,
            events: LIMIT,
        };
        for item in 0..100 {
            sender.send(item, each);
        }
        for taken in 0..3 {
            let rest = Load {
                bytes: 100 - taken,
                events: (100 - taken as u64) * LIMIT,
            };
            assert_eq!(sender.load(), rest);
            permits.send(()).unwrap();
            assert_eq!(chunks.recv().unwrap(), vec![taken as u8; WRITE_BYTES]);
            sender.backlog().wait_for_reader().await;
            // The thread has already made the next line when it waits to write it.
            assert!(made.load(Ordering::SeqCst) <= taken + 2);
        }
    }

    #[tokio::test]
    async fn a_closed_reader_is_noticed() {
        let (permits, permitted) = mpsc::channel();
        let (mut stdout, sender) = Stdout::start_with(
            SlowOutput(permitted, mpsc::channel().0),
            RawEncoder,
            Backlog::new(0),
        )
        .unwrap();
        drop(permits);
        sender.write(b"x".to_vec());
        assert!(matches!(
            stdout.wait_for_failure().await,
            StdoutError::ReaderGone
        ));
        assert!(stdout.finish(Duration::ZERO).await.is_ok(), "told once");
    }

    #[tokio::test]
    async fn output_that_is_lost_at_the_end_is_reported() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (stdout, sender) = Stdout::start_with(full, RawEncoder, Backlog::new(0)).unwrap();
        sender.write(b"the last words".to_vec());
        drop(sender);
        let lost = stdout.finish(Duration::from_secs(5)).await.unwrap_err();
        assert!(
            lost.to_string()
                .starts_with("cannot write to stdout: No space"),
            "{lost}"
        );
    }
}
