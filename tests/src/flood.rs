//! A flood of connections that send nothing, or only the first bytes of a message.
//!
//! Each connection comes from its own loopback address, so neither a limit per address nor the range of ports stops
//! the flood. It keeps every connection, even those that the far end has closed, until it has as many as it wants;
//! then each new one replaces the oldest.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::time::{MissedTickBehavior, interval};

use crate::wait;

/// The number of connections that are opened together, every [`BURST_INTERVAL`].
const BURST: usize = 10;
const BURST_INTERVAL: Duration = Duration::from_millis(10);

/// A flood that lasts until it is dropped.
#[derive(Debug)]
pub struct Flood {
    opened: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Starts to open `count` connections to `target`, 1,000 a second. Every second one sends `first_bytes` and
    /// nothing else; the others send nothing.
    ///
    /// # Panics
    ///
    /// If this process may not open so many files.
    pub fn start(target: SocketAddr, count: usize, first_bytes: &'static [u8]) -> Self {
        allow_files(count as u64 + 1_000);
        let (opened, is_over) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (counted, over) = (Arc::clone(&opened), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let keep_opening = keep_opening(target, count, first_bytes, &counted, &over);
            runtime.expect("a runtime").block_on(keep_opening);
        });
        Self {
            opened,
            is_over,
            thread: Some(thread),
        }
    }

    /// Returns how many connections were opened so far.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Waits until `count` connections were opened.
    #[track_caller]
    pub fn await_opened(&self, count: usize, within: Duration) {
        wait::poll("the flood has risen", within, &[], || {
            let opened = self.opened();
            (opened >= count).then_some(()).ok_or(opened)
        });
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn keep_opening(
    target: SocketAddr,
    count: usize,
    first_bytes: &'static [u8],
    opened: &AtomicUsize,
    is_over: &AtomicBool,
) {
    let (sender, mut connections) = tokio::sync::mpsc::unbounded_channel();
    let mut kept: VecDeque<TcpStream> = VecDeque::new();
    let mut ticks = interval(BURST_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut started = 0_u32;
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        for _ in 0..BURST {
            started += 1;
            let bytes = if started.is_multiple_of(2) {
                first_bytes
            } else {
                b""
            };
            let (sender, from) = (sender.clone(), source(started));
            tokio::spawn(async move {
                if let Ok(stream) = open(target, from, bytes).await {
                    let _ = sender.send(stream);
                }
            });
        }
        while let Ok(stream) = connections.try_recv() {
            opened.fetch_add(1, Ordering::Relaxed);
            kept.push_back(stream);
            if kept.len() > count {
                kept.pop_front();
            }
        }
    }
}

/// Returns the source address of a connection, from 127.1.0.0 on.
fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f01_0000 + number % 0x00fd_0000)
}

async fn open(target: SocketAddr, from: Ipv4Addr, bytes: &[u8]) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.into(), 0))?;
    let mut stream = socket.connect(target).await?;
    stream.write_all(bytes).await?;
    Ok(stream)
}

fn allow_files(count: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    if soft < count {
        let raised = setrlimit(Resource::RLIMIT_NOFILE, count, hard.max(count));
        raised.expect("a flood takes files: raise the limit, or RINGTALK_FLOOD_CONNECTIONS less");
    }
}
