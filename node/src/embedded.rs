//! A node inside another program, which hears what a user would see and says what a user would type.
//!
//! It is the same node: the same driver, links and protocol, with a program in the place of stdin and
//! stdout. Not here: what a node does (`driver`).

use std::ffi::OsString;
use std::fmt;

use ringtalk_proto::Event;
use tokio::sync::mpsc;

use crate::settings::Settings;
use crate::start::{Ends, StartError, assemble, prepare};
use crate::stdin::{Batch, Typed};

/// How many batches of lines wait for the node; the program waits beyond.
const BATCHES: usize = 2;

/// Why a node did not run, or ended.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// What it was told makes no sense.
    #[error("{0}")]
    Settings(String),
    /// It could not start.
    #[error("{0}")]
    Start(String),
    /// It could not go on.
    #[error("{0}")]
    Ended(String),
}

impl From<StartError> for EmbeddedError {
    fn from(error: StartError) -> Self {
        Self::Start(error.to_string())
    }
}

/// Says what the program has to say.
#[derive(Clone, Debug)]
pub struct Voice(mpsc::Sender<Batch>);

impl Voice {
    /// Says a few lines, each as if it was typed; waits where the node has no room for more. False where
    /// the node has ended.
    pub async fn say(&self, lines: Vec<String>) -> bool {
        let lines = lines.into_iter().filter_map(Typed::from_whole);
        self.0.send(lines.collect()).await.is_ok()
    }
}

/// What hears the core's events, in their order. It is called by the node's own task: whatever takes long
/// in it holds up the node.
pub struct Ear(Box<dyn FnMut(&Event)>);

impl Ear {
    /// Has this hear everything.
    pub fn new(hear: impl FnMut(&Event) + 'static) -> Self {
        Self(Box::new(hear))
    }

    pub(crate) fn hear(&mut self, event: &Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}

/// A node that has not started yet.
#[derive(Debug)]
pub struct Embedded {
    settings: Settings,
    typed: mpsc::Receiver<Batch>,
}

impl Embedded {
    /// A node by its command line, the program's name left out.
    pub fn new<A>(arguments: A) -> Result<(Self, Voice), EmbeddedError>
    where
        A: IntoIterator,
        A::Item: Into<OsString> + Clone,
    {
        let settings = Settings::of_arguments(arguments).map_err(EmbeddedError::Settings)?;
        let (voice, typed) = mpsc::channel(BATCHES);
        Ok((Self { settings, typed }, Voice(voice)))
    }

    /// Runs the node to its end, on the runtime of one thread that this is called on.
    pub async fn run(self, ear: Ear) -> Result<(), EmbeddedError> {
        prepare().map_err(StartError::from)?;
        let ends = Ends::of_program(ear, self.typed)?;
        let driver = assemble(self.settings, ends).await?;
        match Box::pin(driver.run()).await.error {
            Some((_, message)) => Err(EmbeddedError::Ended(message)),
            None => Ok(()),
        }
    }
}
