//! A node inside another program, which hears what a user would see and says what a user would type.
//!
//! It is the same node: the same driver, links and protocol, with a program in the place of stdin and
//! stdout. Not here: what a node does (`driver`).

use std::ffi::OsString;

use tokio::sync::mpsc;

pub use crate::face::Ear;

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
    /// A line that it was to say cannot be said.
    #[error("{0}")]
    Line(String),
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
    /// Says a few lines, each as if it was typed; waits where the node has no room for more. Where one of
    /// them is no message and no command, none is said.
    pub async fn say(&self, lines: Vec<String>) -> Result<(), EmbeddedError> {
        let typed: Batch = lines.into_iter().filter_map(Typed::from_whole).collect();
        for line in &typed {
            if let Typed::Mistake(mistake) = line {
                return Err(EmbeddedError::Line(mistake.to_string()));
            }
        }
        let sent = self.0.send(typed).await;
        sent.map_err(|_| EmbeddedError::Ended(String::from("the node has ended")))
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

    /// Runs the node to its end, on the runtime of one thread that this is called on; the tasks that it
    /// leaves there end with the runtime. Core dumps are off for the whole process from then on, and the
    /// signals that ask to end are the node's.
    pub async fn run(self, ear: Ear) -> Result<(), EmbeddedError> {
        prepare().map_err(StartError::from)?;
        let ends = Ends::of_program(ear, self.typed);
        let driver = Box::pin(assemble(self.settings, ends)).await?;
        match driver.start().await.error {
            Some((_, message)) => Err(EmbeddedError::Ended(message)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use ringtalk_proto::Event;
    use tokio::sync::Notify;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn what_a_program_says_it_hears() {
        let here = [
            "--listen",
            "127.0.0.1:0",
            "--director-listen",
            "127.0.0.1:0",
        ];
        let (node, voice) = Embedded::new(here).unwrap();
        let heard = Arc::new((Mutex::new(Vec::new()), Notify::new()));
        let hearing = Arc::clone(&heard);
        let ear = Ear::new(move |event| {
            if let Event::Message(message) = event {
                let mut texts = hearing.0.lock().unwrap();
                texts.push(message.text.to_string());
                hearing.1.notify_one();
            }
        });
        let talk = async {
            let too_long = "x".repeat(ringtalk_wire::limit::TEXT_BYTES + 1);
            let refused = voice.say(vec![String::from("unsaid"), too_long]).await;
            assert!(matches!(refused, Err(EmbeddedError::Line(_))));
            voice.say(vec![String::from("hello")]).await.unwrap();
            heard.1.notified().await;
            voice.say(vec![String::from("/quit")]).await.unwrap();
        };
        let both = async { tokio::join!(Box::pin(node.run(ear)), talk) };
        let (ended, ()) = timeout(Duration::from_secs(10), both).await.unwrap();
        // A pipe is told where nobody else has what came out of it.
        assert!(matches!(ended, Err(EmbeddedError::Ended(_))), "{ended:?}");
        assert_eq!(*heard.0.lock().unwrap(), ["hello"]);
    }
}
