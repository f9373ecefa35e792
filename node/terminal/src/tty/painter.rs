//! Brings what is drawn to the terminal: the difference to what is there already, as bytes.
//!
//! Not here: what is drawn, and who writes the bytes (`stdout`).

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Position;

/// Paints frame after frame.
#[derive(Debug)]
pub struct Painter {
    backend: CrosstermBackend<Bytes>,
    bytes: Bytes,
    /// What is on the terminal; nothing where that is not known.
    before: Option<Buffer>,
}

impl Painter {
    /// A painter who does not know what is on the terminal.
    pub fn new() -> Self {
        let bytes = Bytes::default();
        Self {
            backend: CrosstermBackend::new(bytes.clone()),
            bytes,
            before: None,
        }
    }

    /// From now on nobody knows what is on the terminal.
    pub fn forget(&mut self) {
        self.before = None;
    }

    /// The bytes that bring the terminal from the last frame to this one.
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

/// What was written, until somebody takes it.
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
