//! Progress reports on stderr, for a person who waits in front of plain text until the node has joined.
//!
//! They are whole lines, each written once, so that they can be read aloud, and stdout has only the discussion. Not
//! here: the words (`ringtalk_session::Joining`), and the check that stderr is a terminal (`open`).

use crate::stderr::Diagnostics;

/// The maximum number of steps that are reported. A person who waits for longer has understood.
const STEPS: usize = 16;

/// The reporter of the progress of joining.
#[derive(Debug)]
pub(crate) struct Reporter {
    stderr: Diagnostics,
    reported: Vec<String>,
    /// The number of reports of a step that grows.
    growing_reports: u32,
}

impl Reporter {
    /// Creates a reporter that has written nothing yet.
    pub(crate) const fn new(stderr: Diagnostics) -> Self {
        Self {
            stderr,
            reported: Vec::new(),
            growing_reports: 0,
        }
    }

    /// Writes this step, unless it was written before. A step that `grows` is written again at intervals that double.
    pub(crate) fn report(&mut self, step: String, grows: bool) {
        if grows {
            self.growing_reports += 1;
            if self.growing_reports.is_power_of_two() {
                self.write(&step);
            }
        } else if self.reported.len() < STEPS && !self.reported.contains(&step) {
            self.write(&step);
            self.reported.push(step);
        }
    }

    fn write(&self, step: &str) {
        self.stderr.write(&format!("joining: {step}\n"));
    }
}
