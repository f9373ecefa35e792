//! How far a run has come: a bar on stderr where that is a terminal, else nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ringtalk_sim::Report;

/// A bar over so many seeds, or whatever is gone through.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar over so many of these.
    pub(crate) fn new(count: u64, what: &str) -> Self {
        let bar = ProgressBar::new(count);
        let template = format!("{{bar:30}} {{pos}} of {{len}} {what}, {{eta}} left  {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// So much is done.
    pub(crate) fn show(&self, report: &Report) {
        self.0.set_position(report.seeds);
        if let Some(first) = report.failures.first() {
            let failed = report.failures.len();
            self.0
                .set_message(format!("{failed} failed, seed {} first", first.seed));
        }
    }

    /// So much is done of so much.
    pub(crate) fn come(&self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
