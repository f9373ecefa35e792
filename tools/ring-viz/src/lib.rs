//! The program `ring-viz`: observes a ring from outside, and shows what its nodes report.
//!
//! It is not a member and appears in no view. Not here: finding and asking nodes (`survey`), the test for a closed
//! ring (`ring`), the output formats (`svg`, `dot`, `json`), the live view (`live`).

mod args;
mod dot;
mod json;
mod live;
mod request;
mod ring;
mod survey;
mod svg;

use std::io::{self, Write};
use std::process::ExitCode;

use ringtalk_node::{clean_environment, open_files, pages};
use ringtalk_session::text::escape_multiline;

use args::{NAME, Output, Settings, Task};
use ring::{Ring, Shape};
use survey::{Survey, SurveyError};

/// The exit statuses of `wire/CONTRACT.md`, except 2, for an invalid command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum ExitStatus {
    /// The ring is closed, or the live view has ended.
    Closed = 0,
    /// Any other failure.
    Failed = 1,
    /// No director or member could be reached in time.
    Unreachable = 3,
    /// A director or a node refused the observer, or the secret is wrong or missing.
    Refused = 4,
    /// The ring is not closed.
    Open = 6,
}

/// Observes the ring that the command line names, and returns the exit status of `ring-viz`.
pub fn run() -> ExitCode {
    clean_environment();
    let settings = match Task::from_command_line() {
        Task::Print(page) => return pages::print(NAME, &page),
        Task::Observe(settings) => settings,
    };
    if let Err(error) = open_files::prepare(0) {
        let _ = writeln!(io::stderr(), "{NAME}: {error}");
        return ExitCode::FAILURE;
    }
    let status = match observe(settings) {
        Ok(status) => status,
        Err(error) => {
            let text = escape_multiline(&error.to_string());
            let _ = writeln!(io::stderr(), "{NAME}: {text}");
            exit_status(&error)
        }
    };
    ExitCode::from(status as u8)
}

fn observe(settings: Settings) -> Result<ExitStatus, SurveyError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let status = runtime.block_on(async {
        let draw = match settings.output {
            Output::Live => return live::run(settings).await.map(|()| ExitStatus::Closed),
            Output::Svg => svg::draw,
            Output::Dot => dot::draw,
            Output::Json => json::write,
        };
        let survey = Survey::new(&settings.endpoints, &settings.secret)?;
        let ring = survey.run(settings.timeout).await?;
        Ok(print(&ring, &draw(&ring)))
    });
    // A name lookup that hangs must not delay the exit.
    runtime.shutdown_background();
    status
}

fn print(ring: &Ring, text: &str) -> ExitStatus {
    if !pages::is_printed(NAME, text.as_bytes()) {
        return ExitStatus::Failed;
    }
    match ring.shape() {
        Shape::Closed => ExitStatus::Closed,
        Shape::Open | Shape::Unsettled => ExitStatus::Open,
    }
}

const fn exit_status(error: &SurveyError) -> ExitStatus {
    match error {
        SurveyError::Find(error) if error.is_refusal() => ExitStatus::Refused,
        SurveyError::Find(_) | SurveyError::NoView(_) => ExitStatus::Unreachable,
        SurveyError::System(_) => ExitStatus::Failed,
    }
}
