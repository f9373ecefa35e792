//! The end of a node: its last words, and its exit status.

use std::process;
use std::thread;
use std::time::Duration;

use ringtalk_session::{Code, Goodbye, OutletError, Remark};

use crate::status::Status;

/// When the process is ended by force. A node that was asked to leave ends within 2 s, even if a thread hangs.
const HARD_LIMIT: Duration = Duration::from_millis(1_940);
/// The time for restoring the terminal then.
const RESTORE_TIME: Duration = Duration::from_millis(10);

/// The end of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ending {
    /// The exit status.
    pub(crate) status: Status,
    /// The reason that the last event gives.
    pub(crate) goodbye: Goodbye,
    /// The error for the user, if something went wrong.
    pub(crate) error: Option<Remark>,
}

impl Ending {
    /// Returns the end of a node that left as asked.
    pub(crate) const fn normal(goodbye: Goodbye) -> Self {
        Self {
            status: Status::Left,
            goodbye,
            error: None,
        }
    }

    /// Returns the end of a node that failed; `code` is for programs, `message` for people.
    pub(crate) const fn failure(status: Status, code: Code, message: String) -> Self {
        let goodbye = match status {
            Status::Unreachable => Goodbye::Unreachable,
            Status::Refused => Goodbye::Refused,
            Status::Left | Status::Failed | Status::Unhanded => Goodbye::Failure,
        };
        Self {
            status,
            goodbye,
            error: Some(Remark { code, message }),
        }
    }

    /// Adds the messages that nobody has taken. They are a failure if the user is a `pipe`, which waits for them to be
    /// handed over; a user who sends a signal does not wait. A user who leaves `alone` and by hand knows that the
    /// discussion ends here.
    pub(crate) fn with_unhanded(
        mut self,
        unhanded: UnhandedCount,
        pipe: bool,
        alone: bool,
    ) -> Self {
        let fails = pipe && self.status == Status::Left && self.goodbye != Goodbye::Signal;
        if alone && !fails {
            return self;
        }
        let what = match unhanded {
            UnhandedCount::Messages(0) => return self,
            UnhandedCount::Messages(1) => "1 message".to_owned(),
            UnhandedCount::Messages(count) => format!("{count} messages"),
            UnhandedCount::Unknown => "some of the last messages".to_owned(),
        };
        if self.error.is_none() {
            self.error = Some(Remark {
                code: Code::Unhanded,
                message: if alone {
                    format!("{what} lost: nobody else is here")
                } else {
                    format!("{what} may be lost: no member has confirmed delivery")
                },
            });
        }
        if fails {
            self.status = Status::Unhanded;
        }
        self
    }

    /// Adds the lines of stdin that were refused. They are a failure if the user is a `pipe`; a person at a terminal has
    /// seen why, and has typed them again.
    pub(crate) fn with_refused(mut self, lines: u64, pipe: bool) -> Self {
        let is_asked_for = self.status == Status::Unhanded
            || self.status == Status::Left && self.goodbye != Goodbye::Signal;
        if lines == 0 || !pipe || !is_asked_for {
            return self;
        }
        self.status = Status::Unhanded;
        if self.error.is_none() {
            let what = if lines == 1 {
                "1 line of stdin was".to_owned()
            } else {
                format!("{lines} lines of stdin were")
            };
            self.error = Some(Remark {
                code: Code::Unhanded,
                message: format!("{what} refused"),
            });
        }
        self
    }

    /// Adds that the last output was lost. Anything else that went wrong is worth more.
    pub(crate) fn add_lost_output(&mut self, OutletError(why): OutletError) {
        if self.error.is_none() {
            let failure = Self::failure(Status::Failed, Code::Stdout, why);
            self.error = failure.error;
            self.status = failure.status;
        }
    }

    /// Makes the process end soon, whatever happens, and restores the terminal before.
    pub(crate) fn guarantee(&self, restore: fn()) {
        let status = i32::from(self.status as u8);
        let guard = move || {
            thread::sleep(HARD_LIMIT);
            // The terminal may be what hangs.
            let _ = thread::Builder::new().spawn(restore);
            thread::sleep(RESTORE_TIME);
            process::exit(status);
        };
        // If there is no thread for it, the driver's own timeouts must do.
        let _ = thread::Builder::new().name("guard".to_owned()).spawn(guard);
    }
}

/// The number of messages that nobody has taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UnhandedCount {
    /// This many.
    Messages(u64),
    /// The core did not finish.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unhanded_messages_are_a_failure_for_a_pipe_only() {
        let ended = |goodbye, unhanded, pipe| {
            let ending = Ending::normal(goodbye).with_unhanded(unhanded, pipe, false);
            (ending.status, ending.error.is_some())
        };
        let two = UnhandedCount::Messages(2);
        let none = UnhandedCount::Messages(0);
        let eof = Goodbye::EndOfInput;
        assert_eq!(ended(eof, none, true), (Status::Left, false));
        assert_eq!(ended(eof, two, true), (Status::Unhanded, true));
        assert_eq!(
            ended(eof, UnhandedCount::Unknown, true),
            (Status::Unhanded, true)
        );
        assert_eq!(ended(Goodbye::Signal, two, true), (Status::Left, true));
        assert_eq!(ended(Goodbye::Quit, two, false), (Status::Left, true));
        let alone = Ending::normal(Goodbye::Quit);
        assert_eq!(alone.clone().with_unhanded(two, false, true), alone);
    }

    #[test]
    fn refused_lines_are_a_failure_for_a_pipe_only() {
        let ended = |lines, pipe| Ending::normal(Goodbye::EndOfInput).with_refused(lines, pipe);
        assert_eq!(ended(0, true), ended(0, false));
        assert_eq!(ended(2, false).status, Status::Left);
        let ending = ended(2, true);
        assert_eq!(ending.status, Status::Unhanded);
        let message = ending.error.map(|error| error.message);
        assert_eq!(message.as_deref(), Some("2 lines of stdin were refused"));
        let told = Ending::normal(Goodbye::Signal).with_refused(1, true);
        assert_eq!(told.status, Status::Left);
    }

    #[test]
    fn lost_output_is_reported_unless_something_else_went_wrong() {
        let mut ending = Ending::normal(Goodbye::EndOfInput);
        ending.add_lost_output(OutletError("cannot write".to_owned()));
        assert_eq!(ending.status, Status::Failed);
        let first = ending.clone();
        ending.add_lost_output(OutletError("again".to_owned()));
        assert_eq!(ending, first);
    }

    #[test]
    fn the_first_failure_is_reported() {
        let ending = Ending::failure(Status::Failed, Code::Stdout, "closed".to_owned());
        let ending = ending.with_unhanded(UnhandedCount::Messages(1), true, false);
        assert_eq!(ending.status, Status::Failed);
        assert_eq!(ending.error.map(|error| error.code), Some(Code::Stdout));
    }
}
