//! The fuzzer's entry point to the reading of stdin, from its bytes to the meaning of each line.
//!
//! Not here: the properties that must hold (`tools/fuzz`).

use std::io;

use ringtalk_session::{Code, Command};

use super::lines::{LINE_BYTES, LineReader};
use super::typed::parse;

/// The meaning of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ParsedLine {
    /// A message.
    Text(String),
    /// A command, in its debug form.
    Command(String),
    /// A mistake, by its code.
    Mistake(Code),
}

/// Returns the meaning of each line of `input`, which is read `read_bytes` bytes at a time.
pub fn read_lines(input: &[u8], read_bytes: usize) -> io::Result<Vec<ParsedLine>> {
    let mut reader = LineReader::new(input, read_bytes.max(1), LINE_BYTES);
    let mut parsed = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        let typed = batch.into_iter().filter_map(parse);
        parsed.extend(typed.map(|typed| match typed {
            Ok(Command::Say(_, words)) => ParsedLine::Text(words.as_str().to_owned()),
            Ok(command) => ParsedLine::Command(format!("{command:?}")),
            Err(mistake) => ParsedLine::Mistake(mistake.code()),
        }));
    }
    Ok(parsed)
}
