//! Plain text and JSON, on their way to stdout: what happened waits as it is, and becomes text when it is written.
//!
//! Not here: how it looks (`lines`, `json`), and the thread that writes (`stdout`).

use ringtalk_proto::{Delivered, Event};
use ringtalk_wire::{Member, MessageId};
use time::UtcOffset;

use super::json;
use super::known::{Known, Me};
use super::lines::Lines;
use super::{Shown, Told};
use crate::settings::Show;
use crate::stdout::{Load, Pen, Scribe, StdoutError};

/// The most that waits to be written: some 200,000 short messages. More would let one reader that pauses take a machine's
/// memory; less would end a node whose reader pauses while others paste.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// The way to stdout.
#[derive(Debug)]
pub(super) struct Written {
    pen: Pen<Shown>,
    /// The most bytes that wait.
    most: usize,
    /// How many bytes would have waited when there were too many; nothing that happened after that is shown.
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

    /// Has something shown, in turn.
    pub(super) fn show(&mut self, shown: Shown) {
        let load = shown.load();
        let waiting = self.pen.waiting().bytes + load.bytes;
        if waiting > self.most {
            self.stuck.get_or_insert(waiting);
        }
        // The last words are short.
        let is_last_word = matches!(
            shown,
            Shown::Told(Told::Error { .. } | Told::Goodbye { .. })
        );
        if self.stuck.is_none() || is_last_word {
            self.pen.hand_over(shown, load);
        }
    }

    /// How many bytes wait, of how many at most.
    pub(super) fn load(&self) -> (u64, u64) {
        (self.pen.waiting().bytes as u64, self.most as u64)
    }

    /// How many events wait to be written.
    pub(super) fn unread(&self) -> u64 {
        self.pen.waiting().events
    }

    /// Waits until fewer do, while there are many.
    pub(super) async fn less(&self) {
        self.pen.less().await;
    }

    /// Fails if whoever reads has stopped, or is too slow.
    pub(super) const fn check(&self) -> Result<(), StdoutError> {
        match self.stuck {
            Some(waiting) => Err(StdoutError::Stuck(waiting)),
            None => Ok(()),
        }
    }
}

/// Makes text of what happened, with what was known when it did.
#[derive(Debug)]
pub(crate) struct Writer {
    known: Known,
    script: Script,
}

#[derive(Debug)]
enum Script {
    Lines(Lines),
    Json,
}

impl Writer {
    /// Returns nothing if nothing is to be written; `offset` is the local time's.
    pub(crate) fn new(show: Show, me: Me, offset: UtcOffset) -> Option<Self> {
        let script = match show {
            Show::Lines { color } => Script::Lines(Lines::new(color, offset)),
            Show::Json => Script::Json,
            Show::Nothing | Show::Screen { .. } => return None,
        };
        let known = Known::new(me);
        Some(Self { known, script })
    }
}

impl Scribe for Writer {
    type Item = Shown;

    fn write(&mut self, shown: Shown, out: &mut Vec<u8>) {
        let Self { known, script } = self;
        match shown {
            Shown::Event(event, arrived_ms) => {
                known.learn(&event);
                match script {
                    Script::Lines(lines) => lines.show(&event, arrived_ms, known, out),
                    Script::Json => json::show(&event, known, out),
                }
            }
            Shown::Told(told) => {
                known.hear(&told);
                match script {
                    Script::Lines(lines) => lines.tell(&told, known, out),
                    Script::Json => json::tell(&told, known, out),
                }
            }
            // A line that is written stays: steps are told on stderr, and as events.
            Shown::Progress(_) => {}
        }
    }
}

impl Shown {
    /// What it takes while it waits.
    fn load(&self) -> Load {
        let more = match self {
            Self::Event(Event::Message(message), _) => bytes_of(message),
            // Other views may share its members, but need not.
            Self::Event(Event::View(view), _) => view.len() * size_of::<Member>(),
            Self::Event(Event::Start { base }, _) => base.len() * size_of::<MessageId>(),
            Self::Told(Told::Transcript(ids)) => ids.len() * size_of::<MessageId>(),
            Self::Event(Event::Error { message, .. }, _)
            | Self::Told(Told::Error { message, .. } | Told::Notice { message, .. }) => {
                message.len()
            }
            Self::Event(..) | Self::Told(_) | Self::Progress(_) => 0,
        };
        Load {
            bytes: size_of::<Self>() + more,
            events: u64::from(matches!(self, Self::Event(..))),
        }
    }
}

fn bytes_of(message: &Delivered) -> usize {
    let heads = message.heads.as_ref().map_or(0, Vec::len);
    message.text.len() + heads * size_of::<MessageId>()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;
    use crate::face::tests::{ANN, me, message};
    use crate::stdout::Stdout;

    /// Takes nothing until it is told that nobody reads.
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
        let writer = Writer::new(Show::Json, me(), UtcOffset::UTC).unwrap();
        let (stdout, pen) = Stdout::start_with(Nobody(is_gone), writer).unwrap();
        let mut written = Written::new(pen);
        // As JSON each byte of it takes six.
        let text = "\u{1}".repeat(16_000);
        let mut shown = 0;
        while written.check().is_ok() {
            shown += 1;
            written.show(Shown::Event(message(ANN, shown, &text, false), 0));
        }
        assert!(written.pen.waiting().bytes <= WAITING_BYTES);
        assert_eq!(
            shown as usize,
            WAITING_BYTES / (16_000 + size_of::<Shown>() + size_of::<MessageId>()) + 1
        );
        assert_eq!(written.unread(), shown - 1);
        let before = written.unread();
        written.show(Shown::Event(message(ANN, shown, "x", false), 0));
        assert_eq!(written.unread(), before, "the node is about to leave");
        gone.send(()).unwrap();
        drop(written);
        stdout.finish(Duration::from_secs(5)).await;
    }
}
