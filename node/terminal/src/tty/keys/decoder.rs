//! Turns what a terminal sends into events, and decides by the time what cannot be decided by the bytes.
//!
//! An ESC that nothing follows is the Esc key. Text that goes on after a line end or a tab without a pause is a paste,
//! since nobody types that fast. A paste whose end does not come ends by itself. Bytes that are read late count as if
//! they had come in time: only [`KeyDecoder::tick`] ends a wait, and its caller makes sure first that there is nothing
//! to be read. Not here: the bytes of a key (`lexer`).

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::TerminalEvent;
use super::lexer::{KeyLexer, Patience};
use super::paste::PasteText;
use super::sequence::{KeyToken, key_of};

/// The time after which an ESC by itself is the Esc key. A slow connection splits a key for less, and a person does not
/// notice it.
const ESCAPE_LIMIT: Duration = Duration::from_millis(50);
/// The time after which a sequence that has begun is swallowed. It takes a broken connection to reach it, or somebody
/// who presses Alt+[.
const SEQUENCE_LIMIT: Duration = Duration::from_millis(500);
/// The time without a byte after which text is a new burst. It is less than the time between two keys of a fast typist,
/// and more than the time between two parts of a paste.
const BURST_PAUSE: Duration = Duration::from_millis(20);
/// The number of keys without a pause from which on they can be a paste. Two or three also come together if somebody
/// types on a connection that is uneven.
const BURST_KEYS: usize = 5;
/// The number of line ends and tabs in a row that count as a paste. Without a bound they could be endless.
const HELD_CHARS: usize = 16;
/// The time without a byte after which such a paste is over. It is long, since a part that comes late would be typed.
const BURST_END: Duration = Duration::from_millis(100);
/// The time without a byte after which a bracketed paste is over even without its end.
const PASTE_LIMIT: Duration = Duration::from_secs(3);
/// The pause after which Ctrl+C in a paste is a key. Without a pause it is a part of the text.
const STALL: Duration = Duration::from_millis(100);

/// The decoder.
#[derive(Debug, Default)]
pub(in crate::tty) struct KeyDecoder {
    lexer: KeyLexer,
    origin: Origin,
    /// The time of the last byte.
    last: Option<Instant>,
    events: VecDeque<TerminalEvent>,
}

/// The origin of text.
#[derive(Debug)]
enum Origin {
    /// From somebody who types.
    Typing(Run),
    /// From a paste that only its speed shows.
    Burst(PasteText),
    /// From a paste that the terminal announced.
    Bracketed(PasteText),
}

impl Default for Origin {
    fn default() -> Self {
        Self::Typing(Run::default())
    }
}

/// Text that came without a pause and may be a paste.
#[derive(Debug, Default)]
struct Run {
    /// The number of characters.
    count: usize,
    /// Line ends and tabs, and text after them: they are keys or the beginning of a paste.
    held: String,
}

impl KeyDecoder {
    /// Takes bytes that were read at this time.
    pub(in crate::tty) fn feed(&mut self, bytes: &[u8], now: Instant) {
        if bytes.is_empty() {
            return;
        }
        let mut pause = self.since_last(now);
        self.last = Some(now);
        if pause >= BURST_PAUSE && matches!(self.origin, Origin::Typing(_)) {
            self.finish();
        }
        let mut tokens = Vec::new();
        for byte in bytes {
            self.lexer.push(*byte, &mut tokens);
            for token in tokens.drain(..) {
                self.take(token, pause);
            }
            pause = Duration::ZERO;
        }
    }

    /// Ends the waits that are over. Call it at [`Self::wake`], when there is nothing to read.
    pub(in crate::tty) fn tick(&mut self, now: Instant) {
        let pause = self.since_last(now);
        if self.patience().is_some_and(|patience| pause >= patience) {
            self.finish();
        }
        if self
            .lexer_patience()
            .is_some_and(|patience| pause >= patience)
        {
            let mut tokens = Vec::new();
            self.lexer.expire(&mut tokens);
            for token in tokens {
                self.take(token, Duration::ZERO);
            }
        }
    }

    /// Returns the time at which to call [`Self::tick`] if no byte comes before.
    pub(in crate::tty) fn wake(&self) -> Option<Instant> {
        let limits = self.patience().into_iter().chain(self.lexer_patience());
        Some(self.last? + limits.min()?)
    }

    /// Returns the next event, if there is one.
    pub(in crate::tty) fn poll_event(&mut self) -> Option<TerminalEvent> {
        self.events.pop_front()
    }

    /// Drops the text that is held back, but stays in a paste until it ends.
    pub(in crate::tty) fn drop_text(&mut self) {
        match &mut self.origin {
            Origin::Typing(run) => *run = Run::default(),
            Origin::Burst(paste) | Origin::Bracketed(paste) => *paste = PasteText::default(),
        }
    }

    /// Returns the time since the last byte.
    fn since_last(&self, now: Instant) -> Duration {
        let since = |last| now.saturating_duration_since(last);
        self.last.map_or(Duration::MAX, since)
    }

    /// Returns how long to wait for more text.
    fn patience(&self) -> Option<Duration> {
        match &self.origin {
            Origin::Typing(run) if run.held.is_empty() => None,
            Origin::Typing(_) => Some(BURST_PAUSE),
            Origin::Burst(_) => Some(BURST_END),
            Origin::Bracketed(_) => Some(PASTE_LIMIT),
        }
    }

    /// Returns how long to wait for the rest of a sequence.
    fn lexer_patience(&self) -> Option<Duration> {
        // In a paste, the rest may be its end: a part of it must not become text.
        if matches!(self.origin, Origin::Bracketed(_)) {
            return None;
        }
        self.lexer.patience().map(|patience| match patience {
            Patience::Short => ESCAPE_LIMIT,
            Patience::Long => SEQUENCE_LIMIT,
        })
    }

    /// Takes a token that came after a pause.
    fn take(&mut self, token: KeyToken, pause: Duration) {
        match &mut self.origin {
            Origin::Bracketed(paste) => match token {
                KeyToken::PasteEnd => self.finish(),
                KeyToken::Key(key) if is_interrupt(key) && pause >= STALL => self.finish(),
                other => paste.extend(text_of(other)),
            },
            Origin::Burst(paste) => match token {
                KeyToken::Text(_) | KeyToken::Invalid => paste.extend(text_of(token)),
                other => {
                    self.finish();
                    self.take_typed(other);
                }
            },
            Origin::Typing(run) => match token {
                KeyToken::Text(char) => self.take_text(char),
                KeyToken::Invalid => run.count = 0,
                other => {
                    self.finish();
                    self.take_typed(other);
                }
            },
        }
    }

    /// Takes a character that is typed or belongs to a burst.
    fn take_text(&mut self, char: char) {
        let Origin::Typing(run) = &mut self.origin else {
            return;
        };
        run.count = run.count.saturating_add(1);
        if run.held.is_empty() && !char.is_control() {
            self.events.push_back(TerminalEvent::Key(key_of(char)));
            return;
        }
        run.held.push(char);
        let goes_on = run.count >= BURST_KEYS && !char.is_control();
        if goes_on || run.held.len() >= HELD_CHARS {
            let mut paste = PasteText::default();
            paste.extend(run.held.drain(..));
            self.origin = Origin::Burst(paste);
        }
    }

    /// Takes a token that is no text, while there is no paste.
    fn take_typed(&mut self, token: KeyToken) {
        self.events.push_back(match token {
            KeyToken::AltText(char) => {
                let mut key = key_of(char);
                key.modifiers |= KeyModifiers::ALT;
                TerminalEvent::Key(key)
            }
            KeyToken::Key(key) => TerminalEvent::Key(key),
            KeyToken::Wheel { is_up: true } => TerminalEvent::WheelUp,
            KeyToken::Wheel { is_up: false } => TerminalEvent::WheelDown,
            KeyToken::Focus(true) => TerminalEvent::FocusGained,
            KeyToken::Focus(false) => TerminalEvent::FocusLost,
            KeyToken::PasteStart => {
                self.origin = Origin::Bracketed(PasteText::default());
                return;
            }
            KeyToken::Text(_) | KeyToken::PasteEnd | KeyToken::Invalid => return,
        });
    }

    /// Ends a paste or a run of keys.
    fn finish(&mut self) {
        match mem::take(&mut self.origin) {
            Origin::Typing(run) => self.press(&run.held),
            Origin::Burst(paste) => match paste.finish() {
                // A single line with tabs, and Enter: it was not typed, but it is to be sent.
                Some(text) => match text.split_once('\n') {
                    Some((line, "")) => {
                        self.paste(Some(line.to_owned()));
                        self.press("\r");
                    }
                    _ => self.paste(Some(text)),
                },
                None => self.paste(None),
            },
            Origin::Bracketed(paste) => {
                self.lexer.reset();
                self.paste(paste.finish());
            }
        }
    }

    /// Presses the keys that type a text.
    fn press(&mut self, text: &str) {
        let mut before = None;
        for char in text.chars() {
            // Some send both for Enter.
            if (before, char) != (Some('\r'), '\n') {
                self.events.push_back(TerminalEvent::Key(key_of(char)));
            }
            before = Some(char);
        }
    }

    fn paste(&mut self, text: Option<String>) {
        self.events.extend(match text {
            Some(text) if text.is_empty() => None,
            Some(text) => Some(TerminalEvent::Paste(text)),
            None => Some(TerminalEvent::PasteTooLong),
        });
    }

    /// Returns the number of bytes of text that are kept between two calls.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn kept_bytes(&self) -> usize {
        match &self.origin {
            Origin::Typing(run) => run.held.len(),
            Origin::Burst(paste) | Origin::Bracketed(paste) => paste.len(),
        }
    }
}

/// Returns the text of a token in a paste.
const fn text_of(token: KeyToken) -> Option<char> {
    match token {
        KeyToken::Text(char) | KeyToken::AltText(char) => Some(char),
        KeyToken::Invalid => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

fn is_interrupt(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
}

#[cfg(test)]
mod tests;
