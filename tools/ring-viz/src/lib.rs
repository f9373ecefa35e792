//! The program `ring-viz`: looks at a ring from outside, and shows what its nodes report.
//!
//! It is no member and appears in no view. Not here: how nodes are found and asked (`survey`),
//! when a ring is closed (`ring`), how each picture is drawn, and the live one (`live`).

mod args;
mod asking;
mod dot;
mod json;
mod live;
mod ring;
mod survey;
mod svg;

use std::io::{self, Write};
use std::process::ExitCode;

use ringtalk_node::clean_environment;
use ringtalk_session::text::harmless_lines;

use args::{Settings, Show};
use ring::{Ring, Shape};
use survey::{Survey, SurveyError};

/// The exit statuses of `contract.md`, but for those of the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Status {
    /// The ring is closed; or it was live, and somebody has seen enough.
    Closed = 0,
    /// A failure that has no status of its own.
    Failed = 1,
    /// No director or member could be reached in time.
    Unreachable = 3,
    /// The way to the ring was refused.
    Refused = 4,
    /// The ring is not closed.
    Open = 6,
}

/// Looks at the ring that the command line names. Returns the exit status of `ring-viz`.
pub fn run() -> ExitCode {
    clean_environment();
    let settings = Settings::from_command_line();
    let status = match look(settings) {
        Ok(status) => status,
        Err(error) => {
            let text = harmless_lines(&error.to_string());
            let _ = writeln!(io::stderr(), "ring-viz: {text}");
            status(&error)
        }
    };
    ExitCode::from(status as u8)
}

fn look(settings: Settings) -> Result<Status, SurveyError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let status = runtime.block_on(async {
        let draw = match settings.show {
            Show::Live => return live::run(settings).await.map(|()| Status::Closed),
            Show::Svg => svg::draw,
            Show::Dot => dot::draw,
            Show::Json => json::write,
        };
        let survey = Survey::new(&settings.places, &settings.secret)?;
        let ring = survey.run(settings.timeout).await?;
        Ok(print(&ring, &draw(&ring)))
    });
    // Name lookups that hang must not hold up the end.
    runtime.shutdown_background();
    status
}

fn print(ring: &Ring, text: &str) -> Status {
    if let Err(error) = io::stdout().write_all(text.as_bytes()) {
        let _ = writeln!(io::stderr(), "ring-viz: cannot write to stdout: {error}");
        return Status::Failed;
    }
    match ring.shape() {
        Shape::Closed => Status::Closed,
        Shape::Open | Shape::Unsettled => Status::Open,
    }
}

const fn status(error: &SurveyError) -> Status {
    match error {
        SurveyError::Find(error) if error.is_refusal() => Status::Refused,
        SurveyError::Find(_) | SurveyError::NoView(_) => Status::Unreachable,
        SurveyError::System(_) => Status::Failed,
    }
}
