//! Stdout, written by a thread of its own, so that nobody waits for the reader.
//!
//! Items wait here unchanged. A [`Scribe`] turns them into bytes once stdout has taken the bytes before, so that a
//! long line takes memory only while it is written. Not here: the items, and the limit on what may wait (`written`,
//! `screen`).

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Write, stdout};
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

/// The number of bytes that are collected before a write. This is enough for a thousand short lines at once, and few
/// enough to notice that a slow reader still reads.
const SLICE: usize = 64 * 1024;

/// The reason why nothing more can be shown.
#[derive(Debug, thiserror::Error)]
pub enum StdoutError {
    /// The reader is gone, or stdout cannot be written to.
    #[error("stdout is closed: {0}")]
    Closed(io::Error),
    /// The reader has stopped, or is too slow. The value is the number of bytes that wait.
    #[error("what reads stdout has stopped, or is too slow: {0} bytes wait there")]
    Stuck(usize),
    /// The screen has ended, or could not keep up.
    #[error("the screen has ended")]
    NoScreen,
}

/// A converter of items into bytes, in order.
pub trait Scribe: Send + 'static {
    /// An item to be written.
    type Item: Send + 'static;

    /// Appends the bytes of an item to `out`.
    fn write(&mut self, item: Self::Item, out: &mut Vec<u8>);
}

/// A scribe that passes bytes on unchanged.
#[derive(Debug)]
struct Plain;

impl Scribe for Plain {
    type Item = Vec<u8>;

    fn write(&mut self, mut item: Vec<u8>, out: &mut Vec<u8>) {
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
pub struct Pen<T = Vec<u8>> {
    queue: Sender<Chunk<T>>,
    waiting: Waiting,
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
struct Waiting {
    bytes: Arc<AtomicUsize>,
    none: Arc<Notify>,
}

/// An item that is handed over, with its load.
#[derive(Debug)]
struct Chunk<T> {
    item: T,
    load: Load,
}

impl Waiting {
    /// Subtracts bytes that were written.
    fn took(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if before == bytes {
            self.none.notify_one();
        }
    }
}

impl<T> Pen<T> {
    /// Hands over an item to be written, in order.
    pub fn hand_over(&self, item: T, load: Load) {
        self.waiting.bytes.fetch_add(load.bytes, Ordering::Relaxed);
        self.backlog.add(load.events);
        // If the thread has ended, `Stdout::failed` reports why.
        let _ = self.queue.send(Chunk { item, load });
    }

    /// Returns the load that waits to be written.
    pub fn waiting(&self) -> Load {
        Load {
            bytes: self.waiting.bytes.load(Ordering::Relaxed),
            events: self.backlog.waiting(),
        }
    }

    /// Returns the count of events that wait to be seen.
    pub const fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Returns true if everything is written.
    pub fn is_idle(&self) -> bool {
        self.waiting.bytes.load(Ordering::Relaxed) == 0
    }

    /// Waits until everything is written, or for ever if nobody reads stdout.
    pub async fn idle(&self) {
        while !self.is_idle() {
            self.waiting.none.notified().await;
        }
    }
}

impl Pen {
    /// Hands over bytes to be written, in order.
    pub fn write(&self, bytes: Vec<u8>) {
        let load = Load {
            bytes: bytes.len(),
            events: 0,
        };
        self.hand_over(bytes, load);
    }
}

impl Stdout {
    /// Starts a thread that writes bytes.
    pub fn start() -> io::Result<(Self, Pen)> {
        Self::start_for(Plain, Backlog::new(0))
    }

    /// Starts a thread that writes the bytes of a scribe. It bypasses the standard library's own buffer, which would
    /// keep the written text.
    pub fn start_for<S: Scribe>(scribe: S, backlog: Backlog) -> io::Result<(Self, Pen<S::Item>)> {
        let output = stdout().as_fd().try_clone_to_owned()?;
        Self::start_with(File::from(output), scribe, backlog)
    }

    pub(crate) fn start_with<S: Scribe>(
        output: impl Write + Send + 'static,
        scribe: S,
        backlog: Backlog,
    ) -> io::Result<(Self, Pen<S::Item>)> {
        let (queue, chunks) = mpsc::channel();
        let (ended, end) = oneshot::channel();
        let waiting = Waiting::default();
        let writer = {
            let (waiting, backlog) = (waiting.clone(), backlog.clone());
            move || {
                if let Err(error) = write_all(output, scribe, &chunks, (&waiting, &backlog)) {
                    let _ = ended.send(error);
                }
            }
        };
        thread::Builder::new()
            .name("stdout".to_owned())
            .spawn(writer)?;
        let pen = Pen {
            queue,
            waiting,
            backlog,
        };
        Ok((Self { end: Some(end) }, pen))
    }

    /// Creates a stdout to which nothing is ever written.
    pub const fn unused() -> Self {
        Self { end: None }
    }

    /// Waits until stdout fails, which may never happen.
    pub async fn failed(&mut self) -> StdoutError {
        poll_fn(|context| self.poll_failed(context)).await
    }

    /// Polls for the failure of stdout. It is reported once.
    pub fn poll_failed(&mut self, context: &mut Context) -> Poll<StdoutError> {
        let Some(end) = &mut self.end else {
            return Poll::Pending;
        };
        Pin::new(end).poll(context).map(|ended| {
            self.end = None;
            ended.map_or(StdoutError::NoScreen, StdoutError::Closed)
        })
    }

    /// Waits until everything is written, within a time limit. All pens must have been dropped.
    pub async fn finish(self, limit: Duration) {
        if let Some(end) = self.end {
            let _ = timeout(limit, end).await;
        }
    }
}

/// Writes chunk after chunk, until all pens are dropped. Chunks that already wait are written together, up to
/// [`SLICE`] bytes.
fn write_all<S: Scribe>(
    mut output: impl Write,
    mut scribe: S,
    chunks: &Receiver<Chunk<S::Item>>,
    (waiting, backlog): (&Waiting, &Backlog),
) -> io::Result<()> {
    while let Ok(first) = chunks.recv() {
        let mut bytes = Vec::new();
        let mut load = Load::default();
        let mut next = Some(first);
        while let Some(Chunk { item, load: more }) = next {
            scribe.write(item, &mut bytes);
            load.bytes += more.bytes;
            load.events += more.events;
            let has_room = bytes.len() < SLICE;
            next = has_room.then(|| chunks.try_recv().ok()).flatten();
        }
        output.write_all(&bytes)?;
        output.flush()?;
        // Reduce the backlog last: a task that it wakes up must see both counts reduced.
        waiting.took(load.bytes);
        backlog.took(load.events);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u64 = 8_192;

    /// An output that blocks until it gets a permit, and then takes one chunk.
    struct Slow(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let permitted = self.0.recv();
            permitted.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            let _ = self.1.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A scribe that turns each number into a line as long as a slice, and counts the lines.
    struct Long(Arc<AtomicUsize>);

    impl Scribe for Long {
        type Item = u8;

        fn write(&mut self, item: u8, out: &mut Vec<u8>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            out.extend(std::iter::repeat_n(item, SLICE));
        }
    }

    #[tokio::test]
    async fn what_waits_is_written_before_the_end() {
        let (permits, permitted) = mpsc::channel();
        let (written, chunks) = mpsc::channel();
        let (stdout, pen) =
            Stdout::start_with(Slow(permitted, written), Plain, Backlog::new(0)).unwrap();
        pen.write(b"one".to_vec());
        pen.write(b"two".to_vec());
        drop(pen);
        permits.send(()).unwrap();
        permits.send(()).unwrap();
        stdout.finish(Duration::from_secs(5)).await;
        let chunks: Vec<Vec<u8>> = chunks.iter().collect();
        assert_eq!(chunks.concat(), b"onetwo");
    }

    #[tokio::test]
    async fn a_reader_that_stays_away_does_not_hold_up_the_end() {
        let (_permits, permitted) = mpsc::channel();
        let (stdout, pen) =
            Stdout::start_with(Slow(permitted, mpsc::channel().0), Plain, Backlog::new(0)).unwrap();
        pen.write(vec![0; 10]);
        assert!(!pen.is_idle());
        drop(pen);
        stdout.finish(Duration::from_millis(20)).await;
    }

    #[tokio::test]
    async fn bytes_are_made_only_once_those_before_were_taken() {
        let (permits, permitted) = mpsc::channel();
        let (written, chunks) = mpsc::channel();
        let made = Arc::new(AtomicUsize::new(0));
        let scribe = Long(Arc::clone(&made));
        let (_stdout, pen) =
            Stdout::start_with(Slow(permitted, written), scribe, Backlog::new(MANY)).unwrap();
        let each = Load {
            bytes: 1,
            events: MANY,
        };
        for item in 0..100 {
            pen.hand_over(item, each);
        }
        for taken in 0..3 {
            let rest = Load {
                bytes: 100 - taken,
                events: (100 - taken as u64) * MANY,
            };
            assert_eq!(pen.waiting(), rest);
            permits.send(()).unwrap();
            assert_eq!(chunks.recv().unwrap(), vec![taken as u8; SLICE]);
            pen.backlog().less().await;
            // The thread has already made the next line when it waits to write it.
            assert!(made.load(Ordering::SeqCst) <= taken + 2);
        }
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_is_noticed() {
        let (permits, permitted) = mpsc::channel();
        let (mut stdout, pen) =
            Stdout::start_with(Slow(permitted, mpsc::channel().0), Plain, Backlog::new(0)).unwrap();
        drop(permits);
        pen.write(b"x".to_vec());
        assert!(matches!(stdout.failed().await, StdoutError::Closed(_)));
    }
}
