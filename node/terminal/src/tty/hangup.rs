//! The end of a terminal: its window was closed, or the connection to it is gone.
//!
//! The system then sends SIGHUP, but to the shell, which may ignore it. A program that reads the terminal gets an end
//! of input over and over. Not here: the reaction to it (`face`, `stdin`).

use std::future::{Future, poll_fn};
use std::io::{self, IsTerminal, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::oneshot;

/// The terminals of this process, with a signal for their end.
#[derive(Debug)]
pub struct Hangup {
    terminals: Arc<Vec<OwnedFd>>,
    end: Option<oneshot::Receiver<()>>,
}

impl Hangup {
    /// Watches stdin and stdout if they are terminals. The thread is never stopped, like that of stdin.
    pub fn watch() -> io::Result<Self> {
        let mut terminals = Vec::new();
        if stdin().is_terminal() {
            terminals.push(stdin().as_fd().try_clone_to_owned()?);
        }
        if stdout().is_terminal() {
            terminals.push(stdout().as_fd().try_clone_to_owned()?);
        }
        Self::of(terminals)
    }

    /// Watches stdin without a thread. Returns `None` if stdin is not a terminal.
    pub(crate) fn of_stdin() -> io::Result<Option<Self>> {
        if !stdin().is_terminal() {
            return Ok(None);
        }
        let terminals = Arc::new(vec![stdin().as_fd().try_clone_to_owned()?]);
        Ok(Some(Self {
            terminals,
            end: None,
        }))
    }

    /// Creates a watch over no terminal. It never reports an end.
    pub fn never() -> Self {
        Self {
            terminals: Arc::default(),
            end: None,
        }
    }

    fn of(terminals: Vec<OwnedFd>) -> io::Result<Self> {
        if terminals.is_empty() {
            return Ok(Self::never());
        }
        let terminals = Arc::new(terminals);
        let (ended, end) = oneshot::channel();
        let watched = Arc::clone(&terminals);
        let watch = move || {
            if wait_for_end(&watched, PollTimeout::NONE) {
                let _ = ended.send(());
            }
        };
        thread::Builder::new()
            .name("hangup".to_owned())
            .spawn(watch)?;
        let end = Some(end);
        Ok(Self { terminals, end })
    }

    /// Returns true if a terminal has ended.
    pub fn has_hung_up(&self) -> bool {
        wait_for_end(&self.terminals, PollTimeout::ZERO)
    }

    /// Waits until a terminal ends. After it has reported that once, it waits for ever.
    pub async fn wait_for_hangup(&mut self) {
        poll_fn(|context| self.poll_hangup(context)).await;
    }

    /// Polls for the end of a terminal, which is reported once.
    pub fn poll_hangup(&mut self, context: &mut Context) -> Poll<()> {
        let Some(end) = &mut self.end else {
            return Poll::Pending;
        };
        match Pin::new(end).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => {
                self.end = None;
                result.map_or(Poll::Pending, Poll::Ready)
            }
        }
    }
}

/// Waits up to `limit` for a terminal to end, and ignores its input. Returns true if one has ended.
fn wait_for_end(terminals: &[OwnedFd], limit: PollTimeout) -> bool {
    let ends = terminals.iter();
    let mut ends: Vec<PollFd<'_>> = ends
        .map(|terminal| PollFd::new(terminal.as_fd(), PollFlags::empty()))
        .collect();
    loop {
        match poll(&mut ends, limit) {
            Err(Errno::EINTR) => {}
            Ok(ended) => return ended > 0,
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_window_that_is_closed_is_noticed_and_a_key_is_not() {
        let (mut window, line) = pty_process::blocking::open().unwrap();
        let terminal = line.as_fd().try_clone_to_owned().unwrap();
        let mut hangup = Hangup::of(vec![terminal]).unwrap();
        window.write_all(b"key\n").unwrap();
        let soon = Duration::from_millis(50);
        assert!(timeout(soon, hangup.wait_for_hangup()).await.is_err());
        assert!(!hangup.has_hung_up());
        drop(window);
        let late = Duration::from_secs(5);
        timeout(late, hangup.wait_for_hangup()).await.unwrap();
        assert!(hangup.has_hung_up());
        assert!(
            timeout(soon, hangup.wait_for_hangup()).await.is_err(),
            "told once"
        );
    }

    #[tokio::test]
    async fn without_a_terminal_nothing_ends() {
        let mut hangup = Hangup::of(Vec::new()).unwrap();
        assert!(
            timeout(Duration::ZERO, hangup.wait_for_hangup())
                .await
                .is_err()
        );
        assert!(!hangup.has_hung_up());
    }
}
