//! A conversation in the background: numbered messages at a steady rate, whatever else happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::node::TestNode;
use crate::wait;

/// A conversation that goes on until it is stopped or dropped.
#[derive(Debug)]
pub struct Talk {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Talk {
    /// Starts a conversation in which `authors` take turns, at `per_second` messages in all.
    pub fn start(authors: &[Arc<TestNode>], per_second: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let authors = authors.to_vec();
        let thread = std::thread::spawn(move || {
            talk_while(&authors, per_second, || !over.load(Ordering::Relaxed))
        });
        Self {
            is_over,
            thread: Some(thread),
        }
    }

    /// Ends the conversation, and returns how many messages were typed.
    pub fn stop(mut self) -> u64 {
        self.end()
    }

    fn end(&mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        let thread = self.thread.take();
        thread.map_or(0, |thread| thread.join().expect("talking never panics"))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.end();
    }
}

/// Lets `authors` talk for this long, and returns how many messages they typed.
pub fn talk_for(authors: &[Arc<TestNode>], per_second: u32, duration: Duration) -> u64 {
    let end = Instant::now() + duration;
    talk_while(authors, per_second, || Instant::now() < end)
}

fn talk_while(
    authors: &[Arc<TestNode>],
    per_second: u32,
    mut goes_on: impl FnMut() -> bool,
) -> u64 {
    let start = Instant::now();
    let mut count = 0;
    for author in authors.iter().cycle() {
        if !goes_on() {
            break;
        }
        author.say(&format!("line {count} of {}", author.process().label()));
        count += 1;
        let next = start
            + Duration::from_secs(1) * u32::try_from(count).expect("a short talk") / per_second;
        wait::sleep(
            "a rate is a matter of time, and has no event",
            next.saturating_duration_since(Instant::now()),
        );
    }
    count
}
