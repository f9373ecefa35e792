//! How far the way in has got, told on stderr to somebody who waits in front of plain text.
//!
//! Whole lines, each once, so that they can be read aloud and stdout stays the talk alone. Not here: what
//! they say (`joining`), and that nothing is said where stderr is no terminal (`start`).

use crate::diagnostics::Diagnostics;

/// The most lines of one way in: whoever waits for longer has understood.
const LINES: usize = 64;

/// Tells how far the way in has got.
#[derive(Debug)]
pub(crate) struct Reporter {
    stderr: Diagnostics,
    said: Vec<String>,
}

impl Reporter {
    /// A reporter that has said nothing yet.
    pub(crate) const fn new(stderr: Diagnostics) -> Self {
        Self {
            stderr,
            said: Vec::new(),
        }
    }

    /// Says this, unless it was said.
    pub(super) fn report(&mut self, step: String) {
        if self.said.len() < LINES && !self.said.contains(&step) {
            self.stderr.write(&format!("joining: {step}\n"));
            self.said.push(step);
        }
    }
}
