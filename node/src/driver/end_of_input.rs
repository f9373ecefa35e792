//! The end of stdin: with `--quit-on-eof` the node leaves, once somebody has taken what was said.
//!
//! Not here: how it leaves (`leave`), and what a message that nobody took means for the exit status (`ending`).

use std::time::Duration;

use ringtalk_session::{Code, Goodbye};
use tokio::time::Instant;

use super::{Driver, Ending};

/// How long a node waits without a word: a neighbour that is there takes what was said sooner.
const SILENT: Duration = Duration::from_millis(1_500);

/// The wait for somebody who takes the last messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct TakerWait {
    /// When the user is told, unless that has happened.
    tell_at: Option<Instant>,
    ends: Instant,
}

impl Driver {
    /// Leaves at the end of input, if nothing has to be waited for.
    pub(super) fn leave_at_end_of_input(&mut self) {
        if !self.is_at_end_of_input() {
            return;
        }
        if self.may_leave_now() {
            self.taker_wait = None;
            return self.start_leaving(Ending::normal(Goodbye::EndOfInput));
        }
        let now = Instant::now();
        let wait = self.taker_wait.get_or_insert(TakerWait {
            tell_at: Some(now + SILENT),
            ends: now + self.timeout,
        });
        if wait.tell_at.take_if(|at| *at <= now).is_some() {
            let left = wait.ends - now;
            self.tell_of_taker_wait(left);
        }
    }

    /// Returns true if the node is about to leave because its input has ended.
    pub(super) fn is_to_leave(&self) -> bool {
        self.is_at_end_of_input() && self.may_leave_now()
    }

    /// Returns when the wait for a taker has something to do.
    pub(super) fn next_taker_step(&self) -> Option<Instant> {
        let wait = self.taker_wait.filter(|_| !self.leave_state.has_begun())?;
        Some(wait.tell_at.unwrap_or(wait.ends).min(wait.ends))
    }

    /// Returns true if everything typed was carried out, and the node leaves for that.
    fn is_at_end_of_input(&self) -> bool {
        let over = self.requests.is_over() && self.quit_on_eof && self.session.is_ready();
        over && !self.leave_state.has_begun()
    }

    fn may_leave_now(&self) -> bool {
        let ended = |wait: TakerWait| wait.ends <= Instant::now();
        self.untaken() == 0 || self.taker_wait.is_some_and(ended)
    }

    fn tell_of_taker_wait(&mut self, left: Duration) {
        let what = match self.untaken() {
            1 => "the last message".to_owned(),
            count => format!("the last {count} messages"),
        };
        let seconds = left.as_secs_f64().ceil();
        let message = format!(
            "nobody has {what} yet: waiting for somebody, up to {seconds} s more; Ctrl+C leaves now"
        );
        self.notify(Code::WaitingForTaker, message);
    }
}
