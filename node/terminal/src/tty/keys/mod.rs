//! What a terminal sends, from its bytes to events: keys, pastes, and whether the window has the focus.
//!
//! [`KeyDecoder`] does it, as a pure state machine: bytes and the time go in, events come out, and it says when it wants
//! to be woken. Below it, the lexer cuts the bytes into tokens, and `sequence` knows what each escape sequence means.
//! Not here: the reading of the bytes (`reader`), and what a key does (`screen`).

mod decoder;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod lexer;
mod paste;
mod sequence;
mod utf8;

use crossterm::event::KeyEvent;

pub(super) use decoder::KeyDecoder;

/// An event of a terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TerminalEvent {
    /// A key was pressed. A character in it is never a control character.
    Key(KeyEvent),
    /// A text was pasted. Its lines end in `\n`, and it has no control characters but this and `\t`.
    Paste(String),
    /// A paste was longer than any message, and was dropped.
    PasteTooLong,
    /// The window has another size, in columns and rows.
    Resize(u16, u16),
    /// The wheel of the mouse was turned up by a step, if the program asked for that.
    WheelUp,
    /// The wheel was turned down by a step.
    WheelDown,
    /// The window has got the focus.
    FocusGained,
    /// The window has lost the focus.
    FocusLost,
}
