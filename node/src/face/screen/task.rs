//! The thread that has the screen: it moves events, keys, frames and what is typed.
//!
//! It waits for nobody: while the terminal has not taken the last frame there is no next one, and while
//! the driver has no room for what is typed it waits here. The driver hands over what is to be shown and
//! goes on. Not here: what is on the screen (`Screen`).

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::Event as TerminalEvent;
use ringtalk_proto::config::UNREAD;
use time::UtcOffset;
use tokio::runtime::Builder;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::sleep_until;

use super::{Effect, Screen, view};
use crate::face::Shown;
use crate::face::known::Me;
use crate::stdin::{Batch, Typed};
use crate::stdout::Pen;
use crate::terminal::{self, Painter};

/// How much waits to be shown at most. Others are slowed long before ([`UNREAD`]), but what is on its way by then comes.
const MOST: usize = 262_144;
/// How much is taken in before the next frame is thought of.
const AT_ONCE: usize = 256;
/// How soon after a frame the next one comes, unless a key was pressed.
const FRAME: Duration = Duration::from_millis(16);
/// What rings a terminal's bell.
const BELL: u8 = b'\x07';

/// The way to the screen.
#[derive(Debug)]
pub(crate) struct Feed(Option<Sender<Shown>>);

impl Feed {
    /// Has something shown. A screen that cannot follow ends, and with it the node.
    pub(crate) fn show(&mut self, shown: Shown) {
        let full = |feed: &Sender<Shown>| feed.try_send(shown).is_err();
        if self.0.as_ref().is_some_and(full) {
            self.0 = None;
        }
    }

    /// How much waits to be shown.
    pub(crate) fn unread(&self) -> u64 {
        let feed = self.0.as_ref();
        feed.map_or(0, |feed| (MOST - feed.capacity()) as u64)
    }

    /// How much that is, of how much at most.
    pub(crate) fn load(&self) -> (u64, u64) {
        (self.unread(), MOST as u64)
    }

    /// Waits until that is no reason to slow others.
    pub(crate) async fn caught_up(&self) {
        let has_come = match &self.0 {
            Some(feed) => feed.reserve_many(MOST - UNREAD as usize).await.is_ok(),
            None => true,
        };
        // Whoever has the pen learns that there is no screen any more.
        if !has_come {
            pending::<()>().await;
        }
    }
}

/// The screen before it is known who sits in front of it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) pen: Pen,
    pub(crate) typed: Sender<Batch>,
    pub(crate) colors: bool,
    pub(crate) offset: UtcOffset,
}

impl Seat {
    /// Starts the threads.
    pub(crate) fn start(self, me: Me) -> io::Result<Feed> {
        let (feed, shown) = mpsc::channel(MOST);
        let keys = terminal::events()?;
        thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || self.run(me, shown, keys))?;
        Ok(Feed(Some(feed)))
    }

    fn run(self, me: Me, shown: Receiver<Shown>, keys: Receiver<TerminalEvent>) {
        // Where there is no runtime or no signal, the pen is dropped, and the node learns of it.
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
            return;
        };
        let screen = Screen::new(me, self.offset, self.colors, terminal::size());
        let ended: io::Result<()> = runtime.block_on(async {
            let task = Task {
                screen,
                painter: Painter::new(),
                pen: self.pen,
                shown,
                keys: Some(keys),
                typed: self.typed,
                waiting: VecDeque::new(),
                continued: terminal::continued()?,
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
    keys: Option<Receiver<TerminalEvent>>,
    typed: Sender<Batch>,
    /// What was typed and not handed over yet. The screen limits it.
    waiting: VecDeque<Typed>,
    continued: Signal,
    /// True where the next frame rings the bell: once, however many ask for it.
    rings: bool,
    /// True where there is something that the terminal does not show yet.
    stale: bool,
    next_frame: Instant,
}

impl Task {
    /// Runs until the node ends.
    async fn run(mut self) -> io::Result<()> {
        self.pen.write(terminal::enter());
        let mut batch = Vec::with_capacity(AT_ONCE);
        loop {
            while let Some(effect) = self.screen.poll_effect() {
                if !self.act(effect).await? {
                    self.pen.write(terminal::leave());
                    return Ok(());
                }
            }
            self.paint()?;
            self.wait(&mut batch).await?;
            let now = Instant::now();
            for shown in batch.drain(..) {
                self.screen.show(&shown, now);
            }
            self.screen.tick(now);
        }
    }

    /// Waits until there is something to do, and does what does not concern the screen; what is to be shown
    /// is left in `batch`.
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

    /// When to wake up, even if nothing happens.
    fn wake(&self, is_idle: bool) -> Option<Instant> {
        let frame = (self.stale && is_idle).then_some(self.next_frame);
        frame.into_iter().chain(self.screen.wake()).min()
    }

    /// Takes a key in, with all that came along, and shows at once what they do.
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

    /// Does what the screen asks; false where that is to end.
    async fn act(&mut self, effect: Effect) -> io::Result<bool> {
        match effect {
            Effect::Say(typed) => self.waiting.push_back(typed),
            Effect::Unsay => self.waiting.clear(),
            Effect::Bell => self.rings = true,
            Effect::Repaint => self.painter.forget(),
            Effect::Suspend => self.suspend().await?,
            Effect::End => return Ok(false),
        }
        Ok(true)
    }

    /// Draws what has changed, if it is time and the terminal has taken the last frame.
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
        terminal::suspend(&self.pen, &mut self.continued).await?;
        self.begin_anew()
    }

    /// Somebody else had the terminal.
    fn begin_anew(&mut self) -> io::Result<()> {
        let resized = terminal::take_again(&self.pen)?;
        self.screen.take(resized);
        self.stale = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::face::Told;

    #[tokio::test]
    async fn a_screen_with_much_to_show_is_behind_and_has_not_ended() {
        let (feed, mut shown) = mpsc::channel(MOST);
        let mut feed = Feed(Some(feed));
        for unread in 0..=UNREAD {
            assert_eq!(feed.unread(), unread);
            feed.show(Shown::Told(Told::Help));
        }
        let at_once = Duration::ZERO;
        assert!(timeout(at_once, feed.caught_up()).await.is_err());
        // What was taken in already is shown all the same.
        for _ in 0..UNREAD {
            feed.show(Shown::Told(Told::Help));
        }
        let mut batch = Vec::new();
        while shown.len() > UNREAD as usize {
            shown.recv_many(&mut batch, AT_ONCE).await;
        }
        timeout(Duration::from_secs(5), feed.caught_up())
            .await
            .unwrap();
        assert!(feed.unread() <= UNREAD);
        drop(shown);
        assert!(
            timeout(at_once, feed.caught_up()).await.is_err(),
            "it is not awaited in a loop"
        );
    }
}
