//! Tells a person who waits in front of plain text how far joining has got, on stderr.
//!
//! It writes whole lines, each once, so that they can be read aloud, and stdout has only the discussion. Not here: the
//! words (`ringtalk_session::Joining`), and that nothing is said if stderr is not a terminal (`open`).

use crate::stderr::Diagnostics;

/// The most steps that are told. A person who waits for longer has understood.
const STEPS: usize = 16;

/// Tells how far joining has got.
#[derive(Debug)]
pub(crate) struct Reporter {
    stderr: Diagnostics,
    said: Vec<String>,
    /// How often a step that grows was reported.
    more: u32,
}

impl Reporter {
    /// Creates a reporter that has said nothing yet.
    pub(crate) const fn new(stderr: Diagnostics) -> Self {
        Self {
            stderr,
            said: Vec::new(),
            more: 0,
        }
    }

    /// Says this step, unless it was said before. A step that `grows` is said again at intervals that double.
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
