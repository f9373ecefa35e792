//! The rings live in the terminal.
//!
//! The loop here moves things: what is known to the screen, keys to it, and frames to the terminal. It waits
//! for nobody. Not here: how the rings are followed (`follow`), and what is on the screen (`screen`).

mod follow;
mod known;
mod picture;
mod screen;

use std::env;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::Event;
use ringtalk_terminal::stdout::{Pen, Stdout};
use ringtalk_terminal::tty::{self, Hangup, Painter, Terminal};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::args::Settings;
use crate::survey::SurveyError;
use follow::Follower;
use screen::{Effect, Screen};

/// How often the screen looks at what is known.
const LOOK: Duration = Duration::from_millis(100);
/// How long the terminal may take to be given back.
const END_TIME: Duration = Duration::from_millis(250);

/// Shows the rings until somebody wants to see no more; fails where there is none to begin with.
pub(crate) async fn run(settings: Settings) -> Result<(), SurveyError> {
    let Settings {
        places,
        secret,
        timeout: within,
        ..
    } = settings;
    let directors: Vec<&str> = places.iter().map(|place| place.director.as_str()).collect();
    let directors = directors.join(", ");
    let follower = Follower::enter(&places, &secret, within).await?;
    let following = tokio::spawn(Arc::clone(&follower).run(places));
    let following = AbortOnDropHandle::new(following);
    let colors = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (mut stdout, pen) = Stdout::start()?;
    let mut hangup = Hangup::watch()?;
    let _terminal = Terminal::take_for("ring-viz", colors)?;
    let show = Show {
        follower,
        screen: Screen::new(directors, colors, tty::size()),
        painter: Painter::new(),
        keys: tty::events()?,
        continued: tty::continued()?,
        pen,
        is_stale: true,
    };
    let ends = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    tokio::select! {
        ended = show.run(ends) => ended?,
        ended = following => {
            if let Err(error) = ended
                && let Ok(panicked) = error.try_into_panic()
            {
                std::panic::resume_unwind(panicked);
            }
        }
        () = hangup.over() => {}
        error = stdout.failed() => {
            // The window may have been closed just now.
            if !hangup.is_over() {
                return Err(io::Error::other(error).into());
            }
        }
    }
    Ok(())
}

/// Everything that is to be moved.
struct Show {
    follower: Arc<Follower>,
    screen: Screen,
    painter: Painter,
    keys: Receiver<Event>,
    continued: Signal,
    pen: Pen,
    /// True where there is something that the terminal does not show yet.
    is_stale: bool,
}

impl Show {
    /// Runs until a key or a signal ends it.
    async fn run(
        mut self,
        [mut interrupt, mut terminate, mut hang_up]: [Signal; 3],
    ) -> io::Result<()> {
        self.pen.write(tty::enter());
        let mut looks = interval(LOOK);
        loop {
            let effect = tokio::select! {
                _ = interrupt.recv() => Some(Effect::Quit),
                _ = terminate.recv() => Some(Effect::Quit),
                _ = hang_up.recv() => Some(Effect::Quit),
                Some(event) = self.keys.recv() => {
                    self.is_stale = true;
                    self.screen.take(&event)
                }
                _ = self.continued.recv() => {
                    self.begin_anew()?;
                    None
                }
                _ = looks.tick() => {
                    self.look();
                    None
                }
            };
            match effect {
                Some(Effect::Quit) => break,
                Some(Effect::Repaint) => self.painter.forget(),
                Some(Effect::Suspend) => {
                    tty::suspend(&self.pen, &mut self.continued).await?;
                    self.begin_anew()?;
                }
                None => {}
            }
            self.paint()?;
        }
        self.pen.write(tty::leave());
        let _ = timeout(END_TIME, self.pen.idle()).await;
        Ok(())
    }

    fn look(&mut self) {
        let now = Instant::now();
        let picture = {
            let mut known = self.follower.known();
            known.tidy(now);
            known.picture(now)
        };
        self.is_stale |= self.screen.show(picture, self.follower.trouble());
    }

    /// Draws what has changed, if the terminal has taken the last frame.
    fn paint(&mut self) -> io::Result<()> {
        if self.is_stale && self.pen.is_idle() {
            let bytes = self.painter.paint(self.screen.drawn(), None)?;
            self.pen.write(bytes);
            self.is_stale = false;
        }
        Ok(())
    }

    /// Somebody else had the terminal.
    fn begin_anew(&mut self) -> io::Result<()> {
        let resized = tty::take_again(&self.pen)?;
        self.screen.take(&resized);
        self.painter.forget();
        self.is_stale = true;
        Ok(())
    }
}
