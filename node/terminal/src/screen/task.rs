//! The thread of the screen, which moves events, keys, frames and typed requests.
//!
//! It waits for nobody. It draws no frame until the terminal has taken the last one, and it keeps typed requests until
//! the driver has room for them. The driver hands over items to be shown, and goes on. Not here: the content of the
//! screen (`Screen`).

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::Event as TerminalEvent;
use ringtalk_session::{Backlog, Me, Request, Unseen};
use time::UtcOffset;
use tokio::runtime::Builder;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::sleep_until;

use super::{Effect, Screen, view};
use crate::face::Queue;
use crate::shown::Shown;
use crate::stdin;
use crate::stdout::Pen;
use crate::tty::{self, Painter};

/// The maximum number of items that may wait. Authors are slowed down long before, but some are in flight.
const MOST: usize = 262_144;
/// The maximum number of items that are shown before the next frame is considered.
const AT_ONCE: usize = 256;
/// The minimum time between two frames, unless a key was pressed.
const FRAME: Duration = Duration::from_millis(16);
/// The byte that rings the terminal's bell.
const BELL: u8 = b'\x07';

/// The queue to the screen.
#[derive(Debug)]
pub(crate) struct Feed {
    /// `None` once the screen could not keep up.
    shown: Option<Sender<Shown>>,
    backlog: Backlog,
}

impl Queue for Feed {
    /// Adds something to be shown. A screen that cannot keep up ends, and the node ends with it.
    fn push(&mut self, shown: Shown) {
        let full = |feed: &Sender<Shown>| feed.try_send(shown).is_err();
        if self.shown.as_ref().is_some_and(full) {
            self.shown = None;
        } else {
            self.backlog.add(1);
        }
    }

    fn load(&self) -> (u64, u64) {
        (self.backlog.waiting(), MOST as u64)
    }

    fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Never fails. If the screen ends, it drops its pen, and `Stdout` reports that there is no screen any more.
    fn check(&self) -> Result<(), Unseen> {
        Ok(())
    }
}

/// The screen before its node is known.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) pen: Pen,
    pub(crate) typed: Sender<Vec<Request>>,
    pub(crate) colors: bool,
    pub(crate) offset: UtcOffset,
    pub(crate) backlog: Backlog,
}

impl Seat {
    /// Starts the threads.
    pub(crate) fn start(self, me: Me) -> io::Result<Feed> {
        let (sender, shown) = mpsc::channel(MOST);
        let feed = Feed {
            shown: Some(sender),
            backlog: self.backlog.clone(),
        };
        let keys = tty::events()?;
        thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || self.run(me, shown, keys))?;
        Ok(feed)
    }

    fn run(self, me: Me, shown: Receiver<Shown>, keys: Receiver<TerminalEvent>) {
        // If the runtime or the signal cannot be created, the pen is dropped, and the node learns of it.
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
            return;
        };
        let screen = Screen::new(me, self.offset, self.colors, tty::size());
        let ended: io::Result<()> = runtime.block_on(async {
            let task = Task {
                screen,
                painter: Painter::new(),
                pen: self.pen,
                shown,
                backlog: self.backlog,
                keys: Some(keys),
                typed: self.typed,
                waiting: VecDeque::new(),
                continued: tty::continued()?,
                rings: false,
                stale: true,
                next_frame: Instant::now(),
            };
            task.run().await
        });
        if let Err(error) = ended {
            tracing::error!(%error, "the screen has ended");
        }
    }
}

struct Task {
    screen: Screen,
    painter: Painter,
    pen: Pen,
    shown: Receiver<Shown>,
    backlog: Backlog,
    keys: Option<Receiver<TerminalEvent>>,
    typed: Sender<Vec<Request>>,
    /// The typed requests that were not passed on yet. The screen limits how many texts wait.
    waiting: VecDeque<Request>,
    continued: Signal,
    /// True if the next frame rings the bell. It rings once, however often a ring was requested.
    rings: bool,
    /// True if the terminal does not show the current screen.
    stale: bool,
    next_frame: Instant,
}

impl Task {
    /// Runs until the node ends.
    async fn run(mut self) -> io::Result<()> {
        self.pen.write(tty::enter());
        let mut batch = Vec::with_capacity(AT_ONCE);
        loop {
            while let Some(effect) = self.screen.poll_effect() {
                if !self.act(effect).await? {
                    self.pen.write(tty::leave());
                    return Ok(());
                }
            }
            self.paint()?;
            self.wait(&mut batch).await?;
            let now = Instant::now();
            self.backlog.took(batch.len() as u64);
            for shown in batch.drain(..) {
                self.screen.show(&shown, now);
            }
            self.screen.tick(now);
        }
    }

    /// Waits until there is something to do. Leaves the items to be shown in `batch`, and handles everything else.
    async fn wait(&mut self, batch: &mut Vec<Shown>) -> io::Result<()> {
        let is_idle = self.pen.is_idle();
        let wake = self.wake(is_idle);
        let has_waiting = !self.waiting.is_empty() && self.screen.may_hand_over();
        let keys = self.keys.as_mut();
        let room = self.typed.clone().reserve_owned();
        let key = async {
            match keys {
                Some(keys) => keys.recv().await,
                None => pending().await,
            }
        };
        let time = async {
            match wake {
                Some(wake) => sleep_until(wake.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            key = key => self.key(key),
            Ok(permit) = room, if has_waiting => {
                permit.send(self.waiting.drain(..).collect());
            }
            count = self.shown.recv_many(batch, AT_ONCE) => {
                if count == 0 {
                    return Err(io::Error::other("it could not follow what was to be shown"));
                }
                self.stale = true;
            }
            _ = self.continued.recv() => self.begin_anew()?,
            () = self.pen.idle(), if self.stale && !is_idle => {}
            () = time => self.stale = true,
        }
        Ok(())
    }

    /// Returns the time at which to wake up, even if nothing happens.
    fn wake(&self, is_idle: bool) -> Option<Instant> {
        let frame = (self.stale && is_idle).then_some(self.next_frame);
        frame.into_iter().chain(self.screen.wake()).min()
    }

    /// Handles a key and all events that came with it, and has the result shown at once.
    fn key(&mut self, first: Option<TerminalEvent>) {
        let Some(first) = first else {
            self.keys = None;
            return;
        };
        self.screen.take(first);
        while let Some(Ok(next)) = self.keys.as_mut().map(Receiver::try_recv) {
            self.screen.take(next);
        }
        self.stale = true;
        self.next_frame = Instant::now();
    }

    /// Carries out an effect. Returns false if the screen should end.
    async fn act(&mut self, effect: Effect) -> io::Result<bool> {
        match effect {
            Effect::Ask(command) => self.waiting.push_back(stdin::request(Ok(command))),
            Effect::Unsay => self.waiting.clear(),
            Effect::Bell => self.rings = true,
            Effect::Repaint => self.painter.forget(),
            Effect::Suspend => self.suspend().await?,
            Effect::End => return Ok(false),
        }
        Ok(true)
    }

    /// Draws the screen if it has changed, if it is time, and if the terminal has taken the last frame.
    fn paint(&mut self) -> io::Result<()> {
        if self.stale && self.pen.is_idle() && self.next_frame <= Instant::now() {
            let (drawn, cursor) = view::drawn(&self.screen);
            let mut bytes = self.painter.paint(drawn, cursor)?;
            if std::mem::take(&mut self.rings) {
                bytes.push(BELL);
            }
            self.pen.write(bytes);
            self.stale = false;
            self.next_frame = Instant::now() + FRAME;
        }
        Ok(())
    }

    /// Gives the terminal to the shell until the user comes back.
    async fn suspend(&mut self) -> io::Result<()> {
        tty::suspend(&self.pen, &mut self.continued).await?;
        self.begin_anew()
    }

    /// Takes the terminal over again, after another program had it.
    fn begin_anew(&mut self) -> io::Result<()> {
        let resized = tty::take_again(&self.pen)?;
        self.screen.take(resized);
        self.stale = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {

    use ringtalk_session::{Event, Goodbye};

    use super::*;

    const MANY: u64 = 8;

    #[tokio::test]
    async fn a_screen_with_much_to_show_is_behind_and_has_not_ended() {
        let (sender, mut shown) = mpsc::channel(MOST);
        let mut feed = Feed {
            shown: Some(sender),
            backlog: Backlog::new(MANY),
        };
        let reason = Goodbye::Quit;
        let event = Event::Goodbye { reason };
        for waiting in 0..MOST as u64 {
            assert_eq!(feed.load().0, waiting);
            feed.push(Shown::Event(event.clone()));
        }
        assert!(feed.shown.is_some());
        feed.push(Shown::Event(event));
        assert!(feed.shown.is_none(), "it could not follow");
        let mut batch = Vec::new();
        let taken = shown.recv_many(&mut batch, AT_ONCE).await;
        feed.backlog().took(taken as u64);
        feed.backlog().less().await;
    }
}
