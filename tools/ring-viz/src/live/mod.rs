//! The live view in the terminal.
//!
//! The loop here passes pictures and keys to the screen, and frames to the terminal. It never waits for a node. Not
//! here: following the rings (`follow`), the content of the screen (`screen`).

mod follow;
mod observations;
mod picture;
mod screen;

use std::env;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtalk_terminal::stdout::{Stdout, StdoutSender};
use ringtalk_terminal::tty::{self, Hangup, Painter, Terminal, TerminalEvent};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::args::Settings;
use crate::survey::SurveyError;
use follow::Follower;
use screen::{Effect, Screen};

/// The interval at which the screen takes a new picture.
const REFRESH_INTERVAL: Duration = Duration::from_millis(100);
/// The timeout for the last output, which gives the terminal back.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(250);

/// Shows the rings until the user quits. Fails if no ring is found at the start.
pub(crate) async fn run(settings: Settings) -> Result<(), SurveyError> {
    let Settings {
        endpoints,
        secret,
        timeout: within,
        ..
    } = settings;
    let directors: Vec<&str> = endpoints
        .iter()
        .map(|endpoint| endpoint.director.as_str())
        .collect();
    let directors = directors.join(", ");
    let follower = Follower::enter(&endpoints, &secret, within).await?;
    let following = tokio::spawn(Arc::clone(&follower).run(endpoints));
    let following = AbortOnDropHandle::new(following);
    let colors = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (mut writer, stdout) = Stdout::start()?;
    let mut hangup = Hangup::watch()?;
    let _terminal = Terminal::take_for("ring-viz", colors)?;
    // Before the size is read, so that no change of it is missed.
    let resized = tty::resized()?;
    let live_view = LiveView {
        follower,
        screen: Screen::new(directors, colors, tty::size()),
        painter: Painter::new(),
        keys: tty::events()?,
        continued: tty::continued()?,
        resized,
        stdout,
        is_stale: true,
    };
    let ends = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    tokio::select! {
        ended = live_view.run(ends) => ended?,
        ended = following => {
            if let Err(error) = ended
                && let Ok(panicked) = error.try_into_panic()
            {
                std::panic::resume_unwind(panicked);
            }
        }
        () = hangup.wait_for_hangup() => {}
        error = writer.wait_for_failure() => {
            // The output also fails if the terminal window was just closed, which is no error.
            if !hangup.has_hung_up() {
                return Err(io::Error::other(error).into());
            }
        }
    }
    Ok(())
}

/// The state of the loop.
struct LiveView {
    follower: Arc<Follower>,
    screen: Screen,
    painter: Painter,
    keys: Receiver<TerminalEvent>,
    continued: Signal,
    resized: Signal,
    stdout: StdoutSender,
    /// True if the terminal does not show the latest state yet.
    is_stale: bool,
}

impl LiveView {
    /// Runs until a key or a signal ends it.
    async fn run(
        mut self,
        [mut interrupt, mut terminate, mut hang_up]: [Signal; 3],
    ) -> io::Result<()> {
        self.stdout.write(tty::enter());
        let mut refreshes = interval(REFRESH_INTERVAL);
        loop {
            let effect = tokio::select! {
                _ = interrupt.recv() => Some(Effect::Quit),
                _ = terminate.recv() => Some(Effect::Quit),
                _ = hang_up.recv() => Some(Effect::Quit),
                Some(event) = self.keys.recv() => {
                    self.is_stale = true;
                    self.screen.handle_event(&event)
                }
                _ = self.resized.recv() => {
                    self.is_stale = true;
                    self.screen.handle_event(&tty::resize_event())
                }
                _ = self.continued.recv() => {
                    self.take_terminal_back()?;
                    None
                }
                _ = refreshes.tick() => {
                    self.refresh();
                    None
                }
            };
            match effect {
                Some(Effect::Quit) => break,
                Some(Effect::Repaint) => self.painter.forget(),
                Some(Effect::Suspend) => {
                    tty::suspend(&self.stdout, &mut self.continued).await?;
                    self.take_terminal_back()?;
                }
                None => {}
            }
            self.paint()?;
        }
        self.stdout.write(tty::leave());
        let _ = timeout(FLUSH_TIMEOUT, self.stdout.wait_until_idle()).await;
        Ok(())
    }

    fn refresh(&mut self) {
        let now = Instant::now();
        let picture = {
            let mut observations = self.follower.observations();
            observations.expire(now);
            observations.picture(now)
        };
        self.is_stale |= self.screen.show(picture, self.follower.search_error());
    }

    /// Paints the screen if it has changed and the terminal has taken the last frame.
    fn paint(&mut self) -> io::Result<()> {
        if self.is_stale && self.stdout.is_idle() {
            let bytes = self.painter.paint(self.screen.render().into())?;
            self.stdout.write(bytes);
            self.is_stale = false;
        }
        Ok(())
    }

    /// Takes the terminal back after another program had it, and has everything painted again.
    fn take_terminal_back(&mut self) -> io::Result<()> {
        let resized = tty::resume(&self.stdout)?;
        self.screen.handle_event(&resized);
        self.painter.forget();
        self.is_stale = true;
        Ok(())
    }
}
