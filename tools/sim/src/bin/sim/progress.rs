//! The progress of a run: a bar on stderr if that is a terminal, nothing otherwise.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ringtalk_sim::RunReport;

/// A progress bar, over seeds or other units.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Shows a bar for `count` units of `what`.
    pub(crate) fn new(count: u64, what: &str) -> Self {
        let bar = ProgressBar::new(count);
        let template = format!("{{bar:30}} {{pos}} of {{len}} {what}, {{eta}} left  {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Shows how many seeds are done, and how many of them failed.
    pub(crate) fn show(&self, report: &RunReport) {
        self.0.set_position(report.seeds);
        if let Some(first) = report.failures.first() {
            let failed = report.failures.len();
            self.0
                .set_message(format!("{failed} failed, seed {} first", first.seed));
        }
    }

    /// Shows that `done` of `all` units are done.
    pub(crate) fn set_position(&self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
