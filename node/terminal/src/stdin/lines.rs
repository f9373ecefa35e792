//! Splits stdin into lines. It keeps no more of a long line than its limit, and drops the byte-order mark with which
//! some editors begin a file.
//!
//! The buffer is wiped before the next read, which may last until the process ends. Not here: the meaning of a line
//! (`typed`).

use std::io::{self, ErrorKind, Read};
use std::mem;

use ringtalk_wire::limit::TEXT_BYTES;
use zeroize::Zeroize;

/// The maximum length of a typed line, in bytes: the longest text, with a `/` before one that starts with `/`.
pub(super) const LINE_BYTES: usize = TEXT_BYTES + 1;

/// The mark that some programs write in front of UTF-8, and that is no text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The marks with which UTF-16 begins. Most of its later lines would pass for UTF-8 with a zero beside each letter.
const UTF_16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
/// A byte that is nowhere in UTF-8.
const NO_UTF_8: u8 = 0xff;

/// A line without its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum InputLine {
    /// The line as it was read.
    Whole(Vec<u8>),
    /// The line was longer than its limit, and was skipped.
    TooLong,
}

/// A reader that splits a stream into lines.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    input: R,
    buffer: Box<[u8]>,
    splitter: LineSplitter,
}

/// A splitter of chunks into lines.
#[derive(Debug)]
struct LineSplitter {
    /// The maximum length of a line, in bytes.
    max_bytes: usize,
    partial: Vec<u8>,
    skipping: bool,
    /// True until the first line is complete.
    is_first: bool,
    is_utf_16: bool,
}

impl<R: Read> LineReader<R> {
    /// Creates a reader that reads up to `read_bytes` bytes at once, and accepts lines of up to `max_bytes` bytes.
    pub(super) fn new(input: R, read_bytes: usize, max_bytes: usize) -> Self {
        Self {
            input,
            buffer: vec![0; read_bytes].into(),
            splitter: LineSplitter {
                max_bytes,
                partial: Vec::new(),
                skipping: false,
                is_first: true,
                is_utf_16: false,
            },
        }
    }

    /// Returns the lines that end in the next read, which may be none. Returns `None` at the end of the stream.
    ///
    /// The last line needs no line end.
    pub(super) fn next_batch(&mut self) -> io::Result<Option<Vec<InputLine>>> {
        let length = loop {
            match self.input.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        let chunk = &mut self.buffer[..length];
        if length == 0 {
            let rest = !self.splitter.partial.is_empty() || self.splitter.skipping;
            return Ok(rest.then(|| vec![self.splitter.finish()]));
        }
        let lines = self.splitter.split(chunk);
        chunk.zeroize();
        Ok(Some(lines))
    }
}

impl LineSplitter {
    fn split(&mut self, chunk: &[u8]) -> Vec<InputLine> {
        let mut lines = Vec::new();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (content, is_complete) = match piece.split_last() {
                Some((b'\n', content)) => (content, true),
                _ => (piece, false),
            };
            // Keep a few bytes more than a line may have: they may be a byte-order mark, and the \r before the \n.
            let room = self.max_bytes + BYTE_ORDER_MARK.len() + 1 - self.partial.len();
            if content.len() > room {
                self.skipping = true;
                self.partial.clear();
            }
            if !self.skipping {
                self.partial.extend_from_slice(content);
            }
            if is_complete {
                lines.push(self.finish());
            }
        }
        lines
    }

    fn finish(&mut self) -> InputLine {
        let mut line = mem::take(&mut self.partial);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if mem::take(&mut self.is_first) {
            self.is_utf_16 = UTF_16_MARKS.iter().any(|mark| line.starts_with(mark));
            if line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
        }
        if mem::take(&mut self.skipping) || line.len() > self.max_bytes {
            InputLine::TooLong
        } else {
            if self.is_utf_16 {
                // So that each line is refused, and not only the first.
                line.insert(0, NO_UTF_8);
            }
            InputLine::Whole(line)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], read_bytes: usize) -> Vec<InputLine> {
        let mut reader = LineReader::new(input, read_bytes, LINE_BYTES);
        let mut lines = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            assert!(reader.splitter.partial.len() <= LINE_BYTES + BYTE_ORDER_MARK.len() + 1);
            lines.extend(batch);
        }
        lines
    }

    fn whole(text: &str) -> InputLine {
        InputLine::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_lose_their_end_and_nothing_else() {
        let expected = [whole("one"), whole(" two\r "), whole(""), whole("three")];
        for read_bytes in [1, 2, 3, 1000] {
            let found = lines(b"one\n two\r \r\n\nthree", read_bytes);
            assert_eq!(found, expected, "{read_bytes} bytes a read");
        }
        assert_eq!(lines(b"", 10), []);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_at_the_start_and_nowhere_else() {
        let mark = "\u{feff}";
        let longest = "x".repeat(LINE_BYTES);
        let input = format!("{mark}{longest}\r\n{mark}two\nthr{mark}ee");
        let expected = [
            whole(&longest),
            whole(&format!("{mark}two")),
            whole(&format!("thr{mark}ee")),
        ];
        for read_bytes in [1, 2, 3, 64 * 1024] {
            assert!(
                lines(input.as_bytes(), read_bytes) == expected,
                "{read_bytes}"
            );
        }
        assert_eq!(lines(mark.as_bytes(), 10), [whole("")]);
        assert_eq!(
            lines(&BYTE_ORDER_MARK[..2], 10),
            [InputLine::Whole(vec![0xef, 0xbb])]
        );
    }

    #[test]
    fn no_line_of_utf_16_passes_for_text() {
        for input in [&b"\xff\xfea\0\n\0b\0\n\0"[..], b"\xfe\xff\0a\0\n\0b"] {
            for line in lines(input, 3) {
                let InputLine::Whole(line) = line else {
                    panic!("{line:?}");
                };
                assert!(str::from_utf8(&line).is_err(), "{line:?}");
            }
        }
    }

    #[test]
    fn a_long_line_is_skipped_and_the_next_one_is_not() {
        let longest = "x".repeat(LINE_BYTES);
        let longer = "x".repeat(LINE_BYTES + 1);
        let endless = "x".repeat(1_000_000);
        let input = format!("{longest}\r\n{longer}\n{endless}\r\nnext\n{longer}");
        for read_bytes in [7, 4096, 64 * 1024] {
            let found = lines(input.as_bytes(), read_bytes);
            let expected = [
                whole(&longest),
                InputLine::TooLong,
                InputLine::TooLong,
                whole("next"),
                InputLine::TooLong,
            ];
            assert!(found == expected, "{read_bytes} bytes a read");
        }
    }
}
