//! Plain text and JSON on their way to stdout. An event waits as it is, and becomes text when it is written.
//!
//! Not here: the rendering (`lines`, `json`), and the thread that writes it (`stdout`).

use ringtalk_session::{
    Backlog, Event, Me, Member, Message, MessageId, Reply, State, Unseen, json,
};
use time::UtcOffset;

use crate::face::Queue;
use crate::lines::Lines;
use crate::shown::Shown;
use crate::stdin::HELP;
use crate::stdout::{Load, Pen, Scribe, StdoutError};

/// The maximum number of bytes that may wait to be written: some 200,000 short messages. With more, one reader that
/// pauses could take a machine's memory. With fewer, a node would end when its reader pauses while others paste.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// The queue to stdout.
#[derive(Debug)]
pub(super) struct Written {
    pen: Pen<Shown>,
    /// The maximum number of bytes that may wait.
    most: usize,
    /// The load at which the queue overflowed, in bytes. After that, only last words are shown.
    stuck: Option<usize>,
}

impl Written {
    pub(super) const fn new(pen: Pen<Shown>) -> Self {
        Self {
            pen,
            most: WAITING_BYTES,
            stuck: None,
        }
    }
}

impl Queue for Written {
    fn push(&mut self, shown: Shown) {
        let load = shown.load();
        let waiting = self.pen.waiting().bytes + load.bytes;
        if waiting > self.most {
            self.stuck.get_or_insert(waiting);
        }
        if self.stuck.is_none() || shown.is_last_word() {
            self.pen.hand_over(shown, load);
        }
    }

    fn load(&self) -> (u64, u64) {
        (self.pen.waiting().bytes as u64, self.most as u64)
    }

    fn backlog(&self) -> &Backlog {
        self.pen.backlog()
    }

    fn check(&self) -> Result<(), Unseen> {
        match self.stuck {
            Some(waiting) => Err(Unseen(StdoutError::Stuck(waiting).to_string())),
            None => Ok(()),
        }
    }
}

/// A scribe that turns items into text. It keeps the state right after each event.
#[derive(Debug)]
pub(crate) struct Writer {
    state: State,
    script: Script,
}

/// The format of the text.
#[derive(Debug)]
pub(crate) enum Script {
    Lines(Lines),
    Json,
}

impl Writer {
    pub(crate) fn new(script: Script, me: Me) -> Self {
        let state = State::new(me);
        Self { state, script }
    }

    /// Creates a writer of plain lines. `offset` is the offset of local time from UTC. `columns` returns the number of
    /// columns of the terminal, if stdout is one.
    pub(crate) fn of_lines(
        color: bool,
        offset: UtcOffset,
        columns: fn() -> Option<usize>,
        me: Me,
    ) -> Self {
        Self::new(Script::Lines(Lines::new(color, offset, columns)), me)
    }
}

impl Scribe for Writer {
    type Item = Shown;

    fn write(&mut self, shown: Shown, out: &mut Vec<u8>) {
        let Self { state, script } = self;
        match shown {
            Shown::Event(event) => {
                state.learn(&event);
                match script {
                    Script::Lines(lines) => lines.show(&event, state, out),
                    Script::Json => json::write_event(&event, state, out),
                }
            }
            Shown::Answer(answer) => match script {
                Script::Lines(lines) => lines.answer(&answer, state, out),
                Script::Json => {
                    if answer.result == Ok(Reply::Help) {
                        json::write_help(&HELP, out);
                    }
                    json::write_answer(&answer, out);
                }
            },
            Shown::Withheld(withheld) => {
                state.clock.advance(withheld.author, withheld.to);
                match script {
                    Script::Lines(lines) => lines.withheld(&withheld, state, out),
                    Script::Json => {
                        json::write_withheld(withheld.author, withheld.from, withheld.to, out);
                    }
                }
            }
        }
    }
}

impl Shown {
    /// Returns the load of an item while it waits.
    fn load(&self) -> Load {
        let event = match self {
            Self::Event(event) => event,
            Self::Answer(answer) => {
                let ids = match &answer.result {
                    Ok(Reply::Transcript(ids)) => ids.len(),
                    _ => 0,
                };
                return Load {
                    bytes: size_of::<Self>() + ids * size_of::<MessageId>(),
                    events: 0,
                };
            }
            Self::Withheld(_) => {
                return Load {
                    bytes: size_of::<Self>(),
                    events: 0,
                };
            }
        };
        let more = match event {
            Event::Message(message) => bytes_of(message),
            // Views may share their members. Count them all, because they need not.
            Event::View(members) => members.len() * size_of::<Member>(),
            Event::Start { base } => base.len() * size_of::<MessageId>(),
            Event::Error(remark) | Event::Notice(remark) => remark.message.len(),
            _ => 0,
        };
        Load {
            bytes: size_of::<Event>() + more,
            events: 1,
        }
    }

    /// Returns true for last words, which are short: an error or a goodbye. They are shown however much waits.
    fn is_last_word(&self) -> bool {
        let Self::Event(event) = self else {
            return false;
        };
        matches!(event, Event::Error(_) | Event::Goodbye { .. })
    }
}

fn bytes_of(message: &Message) -> usize {
    let heads = message.heads.as_ref().map_or(0, Vec::len);
    message.text.len() + heads * size_of::<MessageId>()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;
    use crate::stdout::Stdout;
    use crate::tests::{ANN, me, message};

    /// An output that accepts nothing until it is told that nobody reads.
    struct Nobody(Receiver<()>);

    impl Write for Nobody {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_waits_is_bounded_by_what_it_takes_and_not_by_what_becomes_of_it() {
        let (gone, is_gone) = channel();
        let writer = Writer::new(Script::Json, me());
        let (stdout, pen) = Stdout::start_with(Nobody(is_gone), writer, Backlog::new(0)).unwrap();
        let mut written = Written::new(pen);
        // In JSON, each byte of the text takes six.
        let text = "\u{1}".repeat(16_000);
        let mut shown = 0;
        while written.check().is_ok() {
            shown += 1;
            written.push(Shown::Event(message(ANN, shown, &text, false)));
        }
        assert!(written.pen.waiting().bytes <= WAITING_BYTES);
        assert_eq!(
            shown as usize,
            WAITING_BYTES / (16_000 + size_of::<Event>() + size_of::<MessageId>()) + 1
        );
        assert_eq!(written.backlog().waiting(), shown - 1);
        let before = written.backlog().waiting();
        written.push(Shown::Event(message(ANN, shown, "x", false)));
        assert_eq!(
            written.backlog().waiting(),
            before,
            "the node is about to leave"
        );
        gone.send(()).unwrap();
        drop(written);
        stdout.finish(Duration::from_secs(5)).await;
    }
}
