//! Turns frames into bytes for the terminal: only the difference from what is already there.
//!
//! Not here: the drawing of frames, and the writing of the bytes (`stdout`).

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Position;

/// A painter that turns each frame into the difference from the last one.
#[derive(Debug)]
pub struct Painter {
    backend: CrosstermBackend<Bytes>,
    bytes: Bytes,
    /// The content of the terminal; `None` if it is not known.
    before: Option<Buffer>,
}

impl Painter {
    /// Creates a painter that does not know the content of the terminal.
    pub fn new() -> Self {
        let bytes = Bytes::default();
        Self {
            backend: CrosstermBackend::new(bytes.clone()),
            bytes,
            before: None,
        }
    }

    /// Forgets the content of the terminal, so that the next frame is painted as a whole.
    pub fn forget(&mut self) {
        self.before = None;
    }

    /// Returns the bytes that change the terminal from the last frame to this one.
    pub fn paint(&mut self, next: Buffer, cursor: Option<Position>) -> io::Result<Vec<u8>> {
        queue!(self.backend, BeginSynchronizedUpdate)?;
        self.backend.hide_cursor()?;
        let before = match self.before.take() {
            Some(before) if before.area == next.area => before,
            _ => {
                self.backend.clear()?;
                Buffer::empty(next.area)
            }
        };
        self.backend.draw(before.diff(&next).into_iter())?;
        if let Some(cursor) = cursor {
            self.backend.set_cursor_position(cursor)?;
            self.backend.show_cursor()?;
        }
        queue!(self.backend, EndSynchronizedUpdate)?;
        self.before = Some(next);
        Ok(self.bytes.take())
    }
}

impl Default for Painter {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes that were written, until they are taken.
#[derive(Clone, Debug, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Bytes {
    fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
