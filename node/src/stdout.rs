//! Stdout, written by a thread of its own, so that nobody waits for whoever reads it.
//!
//! What waits is bounded: heartbeats must go on while a reader pauses, and nothing that was
//! delivered may be dropped in silence. Where much waits the core is told, and others are slowed; a node whose
//! reader stays away for too long says so and leaves. Not here: what is written (`face`).

use std::fs::File;
use std::io::{self, Write, stdout};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use ringtalk_proto::config::UNREAD;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

/// The most bytes that wait to be written: some 200,000 short messages as JSON.
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// How much is written at once, so that it is seen that a slow reader reads.
const SLICE: usize = 64 * 1024;

/// Why nothing more can be shown.
#[derive(Debug, thiserror::Error)]
pub enum StdoutError {
    /// Nobody reads any more.
    #[error("stdout is closed: {0}")]
    Closed(io::Error),
    /// Somebody does not read.
    #[error("what reads stdout has stopped, or is too slow: {0} bytes wait there")]
    Stuck(usize),
    /// The screen has ended, or could not follow.
    #[error("the screen has ended")]
    NoScreen,
}

/// Stdout.
#[derive(Debug)]
pub struct Stdout {
    /// None where somebody else writes.
    pen: Option<Pen>,
    most: usize,
    end: Option<oneshot::Receiver<io::Error>>,
}

/// Writes on stdout.
#[derive(Debug)]
pub struct Pen {
    queue: Sender<Chunk>,
    waiting: Waiting,
}

/// How many bytes wait to be written, and news of there being none, or less.
#[derive(Clone, Debug, Default)]
struct Waiting {
    bytes: Arc<AtomicUsize>,
    /// Of how many events they are.
    events: Arc<AtomicU64>,
    none: Arc<Notify>,
    less: Arc<Notify>,
}

/// What is written as one.
#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    /// How many events it shows.
    events: u64,
}

impl Waiting {
    /// So much was written.
    fn took(&self, bytes: usize, events: u64) {
        if self.bytes.fetch_sub(bytes, Ordering::Relaxed) == bytes {
            self.none.notify_one();
        }
        if self.events.fetch_sub(events, Ordering::Relaxed) > UNREAD {
            self.less.notify_one();
        }
    }
}

impl Pen {
    /// Has the bytes written, in turn.
    pub fn write(&self, bytes: Vec<u8>) {
        self.write_events(bytes, 0);
    }

    fn write_events(&self, bytes: Vec<u8>, events: u64) {
        self.waiting.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        self.waiting.events.fetch_add(events, Ordering::Relaxed);
        // Where the thread has ended, `failed` says why.
        let _ = self.queue.send(Chunk { bytes, events });
    }

    /// True where everything is written.
    pub fn is_idle(&self) -> bool {
        self.waiting.bytes.load(Ordering::Relaxed) == 0
    }

    /// Waits until everything is written; for ever where nobody takes it.
    pub async fn idle(&self) {
        while !self.is_idle() {
            self.waiting.none.notified().await;
        }
    }
}

impl Stdout {
    /// Starts the thread. It goes past the library's own buffer, which keeps what was written.
    pub fn start() -> io::Result<Self> {
        let output = stdout().as_fd().try_clone_to_owned()?;
        Self::start_with(File::from(output), WAITING_BYTES)
    }

    fn start_with(output: impl Write + Send + 'static, most: usize) -> io::Result<Self> {
        let (queue, chunks) = mpsc::channel();
        let (ended, end) = oneshot::channel();
        let waiting = Waiting::default();
        let writer = {
            let waiting = waiting.clone();
            move || {
                if let Err(error) = write_all(output, &chunks, &waiting) {
                    let _ = ended.send(error);
                }
            }
        };
        thread::Builder::new()
            .name("stdout".to_owned())
            .spawn(writer)?;
        Ok(Self {
            pen: Some(Pen { queue, waiting }),
            most,
            end: Some(end),
        })
    }

    /// Lets somebody else write from now on; nothing where somebody does already.
    pub const fn hand_over(&mut self) -> Option<Pen> {
        self.pen.take()
    }

    /// Has so many events, shown as these bytes, written in turn.
    pub fn write(&self, bytes: Vec<u8>, events: u64) -> Result<(), StdoutError> {
        let Some(pen) = self.pen.as_ref().filter(|_| !bytes.is_empty()) else {
            return Ok(());
        };
        let waiting = pen.waiting.bytes.load(Ordering::Relaxed) + bytes.len();
        if waiting > self.most {
            return Err(StdoutError::Stuck(waiting));
        }
        pen.write_events(bytes, events);
        Ok(())
    }

    /// How many events wait to be written.
    pub fn unread(&self) -> u64 {
        let pen = self.pen.as_ref();
        pen.map_or(0, |pen| pen.waiting.events.load(Ordering::Relaxed))
    }

    /// News of less waiting, where much does.
    pub fn reading(&self) -> impl Future<Output = ()> + use<> {
        let less = self.pen.as_ref().map(|pen| pen.waiting.less.clone());
        async move {
            match less {
                Some(less) => less.notified().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Waits until stdout fails, which it may never do.
    pub async fn failed(&mut self) -> StdoutError {
        if let Some(end) = &mut self.end {
            let ended = end.await;
            self.end = None;
            match ended {
                Ok(error) => return StdoutError::Closed(error),
                Err(_) if self.pen.is_none() => return StdoutError::NoScreen,
                Err(_) => {}
            }
        }
        std::future::pending().await
    }

    /// Writes out what waits, within a limit.
    pub async fn finish(self, deadline: Duration) {
        drop(self.pen);
        if let Some(end) = self.end {
            let _ = timeout(deadline, end).await;
        }
    }
}

/// Writes chunk after chunk, until nobody can send any more.
fn write_all(
    mut output: impl Write,
    chunks: &Receiver<Chunk>,
    waiting: &Waiting,
) -> io::Result<()> {
    while let Ok(Chunk { bytes, mut events }) = chunks.recv() {
        let mut slices = bytes.chunks(SLICE);
        while let Some(slice) = slices.next() {
            output.write_all(slice)?;
            output.flush()?;
            // Its events are about as long as each other.
            let share = events / (slices.len() as u64 + 1);
            events -= share;
            waiting.took(slice.len(), share);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that is stuck until somebody sends a permit, and then takes one chunk.
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

    #[tokio::test]
    async fn what_waits_is_written_before_the_end() {
        let (permits, permitted) = mpsc::channel();
        let (written, chunks) = mpsc::channel();
        let stdout = Stdout::start_with(Slow(permitted, written), 10).unwrap();
        stdout.write(b"one".to_vec(), 1).unwrap();
        stdout.write(b"two".to_vec(), 1).unwrap();
        permits.send(()).unwrap();
        permits.send(()).unwrap();
        stdout.finish(Duration::from_secs(5)).await;
        assert_eq!(chunks.iter().collect::<Vec<_>>(), [b"one", b"two"]);
    }

    #[tokio::test]
    async fn a_reader_that_stays_away_is_noticed_and_does_not_hold_up_the_end() {
        let (_permits, permitted) = mpsc::channel();
        let stdout = Stdout::start_with(Slow(permitted, mpsc::channel().0), 10).unwrap();
        stdout.write(vec![0; 10], 1).unwrap();
        let error = stdout.write(vec![0; 1], 1).unwrap_err();
        assert!(matches!(error, StdoutError::Stuck(11)));
        stdout.finish(Duration::from_millis(20)).await;
    }

    #[tokio::test]
    async fn it_is_seen_that_a_slow_reader_reads() {
        let (permits, permitted) = mpsc::channel();
        let (written, chunks) = mpsc::channel();
        let stdout = Stdout::start_with(Slow(permitted, written), WAITING_BYTES).unwrap();
        stdout.write(vec![0; 3 * SLICE], UNREAD + 1).unwrap();
        assert_eq!(stdout.unread(), UNREAD + 1);
        assert!(timeout(Duration::ZERO, stdout.reading()).await.is_err());
        permits.send(()).unwrap();
        assert_eq!(chunks.recv().unwrap().len(), SLICE);
        stdout.reading().await;
        assert_eq!(stdout.unread(), UNREAD + 1 - (UNREAD + 1) / 3);
        for _ in 0..2 {
            permits.send(()).unwrap();
        }
        stdout.finish(Duration::from_secs(5)).await;
        assert_eq!(chunks.iter().count(), 2);
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_is_noticed() {
        let (permits, permitted) = mpsc::channel();
        let mut stdout = Stdout::start_with(Slow(permitted, mpsc::channel().0), 10).unwrap();
        drop(permits);
        stdout.write(b"x".to_vec(), 1).unwrap();
        assert!(matches!(stdout.failed().await, StdoutError::Closed(_)));
    }
}
