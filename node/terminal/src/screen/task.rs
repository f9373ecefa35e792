//! The thread of the screen, which moves events, keys, frames and typed requests.
//!
//! It waits for nobody. It draws no frame until the terminal has taken the last one, and it keeps typed requests until
//! the driver has room for them. The driver hands over items to be shown, and goes on. Not here: the content of the
//! screen (`Screen`).

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ringtalk_session::{Backlog, Command, Me, OutletError, Presence, Request};
use time::UtcOffset;
use tokio::runtime::Builder;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::sleep_until;

use super::calendar::Calendar;
use super::surroundings::Surroundings;
use super::{Effect, Screen, view};
use crate::attention::AttentionSettings;
use crate::display_item::DisplayItem;
use crate::face::Queue;
use crate::saved_talk::save;
use crate::stdin;
use crate::stdout::StdoutSender;
use crate::tty::{self, Painter, TerminalEvent};

/// The maximum number of items that may wait. Authors are slowed down long before, but some are in flight.
const QUEUE_CAPACITY: usize = 262_144;
/// The maximum number of items that are shown before the next frame is considered.
const BATCH: usize = 256;
/// The minimum time between two frames, unless a key was pressed.
const FRAME: Duration = Duration::from_millis(16);

/// The queue to the screen.
#[derive(Debug)]
pub(crate) struct ScreenQueue {
    /// `None` once the screen could not keep up.
    items: Option<Sender<DisplayItem>>,
    backlog: Backlog,
}

impl Queue for ScreenQueue {
    /// Adds something to be shown. A screen that cannot keep up ends, and the node ends with it.
    fn push(&mut self, item: DisplayItem) {
        let full = |queue: &Sender<DisplayItem>| queue.try_send(item).is_err();
        if self.items.as_ref().is_some_and(full) {
            self.items = None;
        } else {
            self.backlog.add(1);
        }
    }

    fn load(&self) -> (u64, u64) {
        (self.backlog.waiting_count(), QUEUE_CAPACITY as u64)
    }

    fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Never fails. If the screen ends, it drops its sender, and `Stdout` reports that there is no screen any more.
    fn check(&self) -> Result<(), OutletError> {
        Ok(())
    }
}

/// The screen before its node is known.
#[derive(Debug)]
pub(crate) struct ScreenSetup {
    pub(crate) stdout: StdoutSender,
    pub(crate) requests: Sender<Vec<Request>>,
    pub(crate) colors: bool,
    pub(crate) offset: UtcOffset,
    pub(crate) attention: AttentionSettings,
    pub(crate) mouse_wheel: bool,
    pub(crate) backlog: Backlog,
}

impl ScreenSetup {
    /// Starts the threads.
    pub(crate) fn start(self, me: Me) -> io::Result<ScreenQueue> {
        let (sender, items) = mpsc::channel(QUEUE_CAPACITY);
        let queue = ScreenQueue {
            items: Some(sender),
            backlog: self.backlog.clone(),
        };
        let keys = tty::events()?;
        thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || self.run(me, items, keys))?;
        Ok(queue)
    }

    fn run(self, me: Me, items: Receiver<DisplayItem>, keys: Receiver<TerminalEvent>) {
        // If the runtime or the signal cannot be created, `stdout` is dropped, and the node learns of it.
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
            return;
        };
        let ended: io::Result<()> = runtime.block_on(async {
            // Before the size is read, so that no change of it is missed.
            let resized = tty::resized()?;
            let calendar = Calendar::new(self.offset, now_ms());
            let task = Task {
                screen: Screen::new(me, calendar, self.colors, tty::size(), self.attention),
                painter: Painter::new(),
                stdout: self.stdout,
                items,
                backlog: self.backlog,
                keys: Some(keys),
                requests: self.requests,
                unsent: VecDeque::new(),
                continued: tty::continued()?,
                resized,
                surroundings: Surroundings::new(self.mouse_wheel),
                bell_is_due: false,
                is_stale: true,
                next_frame: Instant::now(),
            };
            task.run().await
        });
        if let Err(error) = ended {
            tracing::error!("the screen cannot be shown any more: {error}");
        }
    }
}

/// Returns the present time, in milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    u64::try_from(ms).unwrap_or(u64::MAX)
}

struct Task {
    screen: Screen,
    painter: Painter,
    stdout: StdoutSender,
    items: Receiver<DisplayItem>,
    backlog: Backlog,
    keys: Option<Receiver<TerminalEvent>>,
    requests: Sender<Vec<Request>>,
    /// The typed requests that were not passed on yet. The screen limits how many texts wait.
    unsent: VecDeque<Request>,
    continued: Signal,
    resized: Signal,
    surroundings: Surroundings,
    /// True if the next frame rings the bell. It rings once, however often a ring was requested.
    bell_is_due: bool,
    /// True if the terminal does not show the current screen.
    is_stale: bool,
    next_frame: Instant,
}

impl Task {
    /// Runs until the node ends.
    async fn run(mut self) -> io::Result<()> {
        self.stdout.write(tty::enter());
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            while let Some(effect) = self.screen.poll_effect() {
                if !self.act(effect).await? {
                    return Ok(());
                }
            }
            self.paint()?;
            self.wait(&mut batch).await?;
            let now = Instant::now();
            self.screen.calendar.set_now(now_ms());
            self.backlog.remove(batch.len() as u64);
            for item in batch.drain(..) {
                self.screen.show(&item, now);
            }
            self.screen.tick(now);
        }
    }

    /// Waits until there is something to do. Leaves the items to be shown in `batch`, and handles everything else.
    async fn wait(&mut self, batch: &mut Vec<DisplayItem>) -> io::Result<()> {
        let is_idle = self.stdout.is_idle();
        let wake = self.wake(is_idle);
        let has_unsent = !self.unsent.is_empty() && self.screen.may_send();
        let keys = self.keys.as_mut();
        let room = self.requests.clone().reserve_owned();
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
            // Before the items: those may never end.
            _ = self.continued.recv() => self.resume()?,
            _ = self.resized.recv() => self.handle(tty::resize_event()),
            Ok(permit) = room, if has_unsent => {
                permit.send(self.unsent.drain(..).collect());
            }
            count = self.items.recv_many(batch, BATCH) => {
                if count == 0 {
                    return Err(io::Error::other("the screen could not keep up"));
                }
                self.is_stale = true;
            }
            () = self.stdout.wait_until_idle(), if self.is_stale && !is_idle => {}
            () = time => self.is_stale = true,
        }
        Ok(())
    }

    /// Returns the time at which to wake up, even if nothing happens.
    fn wake(&self, is_idle: bool) -> Option<Instant> {
        let frame = (self.is_stale && is_idle).then_some(self.next_frame);
        frame.into_iter().chain(self.screen.next_tick()).min()
    }

    /// Handles a key and all events that came with it, and has the result shown at once.
    fn key(&mut self, first: Option<TerminalEvent>) {
        let Some(first) = first else {
            self.keys = None;
            return;
        };
        self.screen.calendar.set_now(now_ms());
        self.handle(first);
        while let Some(Ok(next)) = self.keys.as_mut().map(Receiver::try_recv) {
            self.screen.handle_terminal_event(next);
        }
    }

    /// Handles an event of the terminal, and has the result shown at once.
    fn handle(&mut self, event: TerminalEvent) {
        self.screen.handle_terminal_event(event);
        self.is_stale = true;
        self.next_frame = Instant::now();
    }

    /// Gives the terminal back, and says these words there.
    fn end(&self, words: &[String]) {
        let mut bytes = tty::leave();
        for line in words {
            // The terminal does not return the carriage yet.
            bytes.extend_from_slice(format!("{line}\r\n").as_bytes());
        }
        self.stdout.write(bytes);
    }

    /// Carries out an effect. Returns false if the screen has ended.
    async fn act(&mut self, effect: Effect) -> io::Result<bool> {
        match effect {
            Effect::Send(command) => self.unsent.push_back(stdin::to_request(Ok(command))),
            Effect::DiscardUnsent => self.unsent.clear(),
            Effect::Bell => self.bell_is_due = true,
            Effect::Notify(kind, words) => self.stdout.write(tty::notify(kind, &words)),
            Effect::Attend(command) => {
                self.screen.attend(&command, Instant::now());
                self.is_stale = true;
            }
            Effect::Copy(text) => self.stdout.write(tty::copy(&text)),
            Effect::Save(file) => {
                let saved = save(&file, self.screen.to_save());
                if saved.is_ok() {
                    let told = Command::Tell(Presence::Saved);
                    self.unsent.push_back(stdin::to_request(Ok(told)));
                }
                self.screen.show_saved(saved);
                self.is_stale = true;
            }
            Effect::Repaint => self.painter.forget(),
            Effect::Suspend => self.suspend().await?,
            Effect::End(words) => {
                self.end(&words);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Draws the screen if it has changed, if it is time, and if the terminal has taken the last frame.
    fn paint(&mut self) -> io::Result<()> {
        if self.is_stale && self.stdout.is_idle() && self.next_frame <= Instant::now() {
            let mut bytes = self.painter.paint(view::render(&self.screen))?;
            if std::mem::take(&mut self.bell_is_due) {
                bytes.push(tty::BELL);
            }
            self.surroundings.update(&self.screen, &mut bytes);
            self.stdout.write(bytes);
            self.is_stale = false;
            self.next_frame = Instant::now() + FRAME;
        }
        Ok(())
    }

    /// Gives the terminal to the shell until the user comes back.
    async fn suspend(&mut self) -> io::Result<()> {
        tty::suspend(&self.stdout, &mut self.continued).await?;
        self.resume()
    }

    /// Takes the terminal over again, after another program had it.
    fn resume(&mut self) -> io::Result<()> {
        self.surroundings.forget();
        let resized = tty::resume(&self.stdout)?;
        self.screen.handle_terminal_event(resized);
        self.is_stale = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_session::{Event, Goodbye};

    use super::*;

    const LIMIT: u64 = 8;

    #[tokio::test]
    async fn a_screen_ends_only_when_its_queue_overflows() {
        let (sender, mut items) = mpsc::channel(QUEUE_CAPACITY);
        let mut queue = ScreenQueue {
            items: Some(sender),
            backlog: Backlog::new(LIMIT),
        };
        let reason = Goodbye::Quit;
        let event = Event::Goodbye { reason };
        for waiting in 0..QUEUE_CAPACITY as u64 {
            assert_eq!(queue.load().0, waiting);
            queue.push(DisplayItem::Event(event.clone()));
        }
        assert!(queue.items.is_some());
        queue.push(DisplayItem::Event(event));
        assert!(queue.items.is_none(), "it could not follow");
        let mut batch = Vec::new();
        let taken = items.recv_many(&mut batch, BATCH).await;
        queue.backlog().remove(taken as u64);
        queue.backlog().wait_for_reader().await;
    }
}
