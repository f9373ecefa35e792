//! How far the way in has got, told on stderr to somebody who waits in front of plain text.
//!
//! Whole lines, each once, so that they can be read aloud and stdout stays the talk alone. Not here: what
//! they say (`joining`), and that nothing is said where stderr is no terminal (`start`).

use crate::stderr::Diagnostics;

/// The most steps of one way in: whoever waits for longer has understood.
const STEPS: usize = 16;

/// Tells how far the way in has got.
#[derive(Debug)]
pub(crate) struct Reporter {
    stderr: Diagnostics,
    said: Vec<String>,
    /// How often there was more of the same step to tell.
    more: u32,
}

impl Reporter {
    /// A reporter that has said nothing yet.
    pub(crate) const fn new(stderr: Diagnostics) -> Self {
        Self {
            stderr,
            said: Vec::new(),
            more: 0,
        }
    }

    /// Says this, unless it was said. A step that `grows` is told of after twice the time each time.
    pub(crate) fn report(&mut self, step: String, grows: bool) {
        if grows {
            self.more += 1;
            if self.more.is_power_of_two() {
                self.write(&step);
            }
        } else if self.said.len() < STEPS && !self.said.contains(&step) {
            self.write(&step);
            self.said.push(step);
        }
    }

    fn write(&self, step: &str) {
        self.stderr.write(&format!("joining: {step}\n"));
    }
}
