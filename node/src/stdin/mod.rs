//! What the user types: stdin, read by a thread of its own, a limited way ahead.
//!
//! Not here: when a line is taken (`driver`), which is when the core has room for it.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod lines;
mod typed;

use std::io::{self, Read, stdin};
use std::thread;

use tokio::sync::mpsc;

pub(crate) use typed::{ACTION, Command, HELP, Mistake, Typed, command_words};

use lines::LineReader;

/// How much is read from the system at once: more than the library's own buffer holds, which is passed
/// by then.
const READ_BYTES: usize = 64 * 1024;
/// How many batches wait for the driver. With the one in its hands that is how far the node reads
/// ahead: a few times [`READ_BYTES`].
const BATCHES: usize = 2;

/// Lines in the order in which they were typed.
pub(crate) type Batch = Vec<Typed>;

/// The way from somebody else who reads what is typed, such as the full screen.
pub(crate) fn channel() -> (mpsc::Sender<Batch>, mpsc::Receiver<Batch>) {
    mpsc::channel(BATCHES)
}

/// Starts to read. The channel ends where stdin ends. The thread outlives its purpose: a blocking
/// read cannot be called off, only left behind when the process ends.
pub(crate) fn read() -> io::Result<mpsc::Receiver<Batch>> {
    let (sender, receiver) = mpsc::channel(BATCHES);
    let reader = move || pass_on(stdin(), &sender);
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(reader)?;
    Ok(receiver)
}

/// Hands over all lines that one read brought, again and again.
fn pass_on(input: impl Read, sender: &mpsc::Sender<Batch>) {
    let mut lines = LineReader::new(input, READ_BYTES);
    loop {
        match lines.next_batch() {
            Ok(Some(batch)) if batch.is_empty() => {}
            Ok(Some(batch)) => {
                let batch = batch.into_iter().filter_map(Typed::from_line).collect();
                if sender.blocking_send(batch).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                let _ = sender.blocking_send(vec![Typed::Mistake(Mistake::Unreadable(error))]);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_arrives_whole_and_in_order() {
        let paste: Vec<String> = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let paste = paste.concat();
        let (sender, mut receiver) = mpsc::channel(BATCHES);
        let reader = thread::spawn(move || pass_on(paste.as_bytes(), &sender));
        let mut count = 0;
        while let Some(batch) = receiver.blocking_recv() {
            for typed in batch {
                assert!(matches!(typed, Typed::Text(text) if text == format!("line {count}")));
                count += 1;
            }
        }
        reader.join().unwrap();
        assert_eq!(count, 10_000);
    }
}
