//! The key bindings: readline's keys for writing, and a pager's keys for reading.
//!
//! Not here: the effects of the actions (`writing`, `navigation`, `picking`).

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::editor::Motion;

/// An action that a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Insert(char),
    Newline,
    Send,
    Go(Motion),
    Delete(Motion),
    Kill(Motion),
    Yank,
    Undo,
    Redo,
    Transpose,
    /// Go up or down by a row in a text of several rows, else to an older or a newer line.
    Up,
    Down,
    Older,
    Newer,
    /// Pick a message, or go on to an older or a newer one.
    PickOlder,
    PickNewer,
    Complete,
    PageUp,
    PageDown,
    Top,
    Bottom,
    /// Search the lines that the user wrote. In a search, go to the next older match.
    RecallLine,
    /// Search the talk. In a search, go to the next newer match.
    SearchTalk,
    Repaint,
    Interrupt,
    EndOfInput,
    Suspend,
    Escape,
    Help,
}

impl Action {
    /// Returns the action where there is no text to go up or down in.
    pub(super) const fn without_rows(self) -> Self {
        match self {
            Self::Up => Self::Older,
            Self::Down => Self::Newer,
            other => other,
        }
    }
}

/// Returns the action that a key asks for, if any.
pub(super) fn action(key: KeyEvent) -> Option<Action> {
    let KeyEvent {
        code, modifiers, ..
    } = key;
    if modifiers.contains(KeyModifiers::CONTROL) {
        control(code)
    } else if modifiers.contains(KeyModifiers::ALT) {
        alt(code)
    } else {
        plain(code)
    }
}

const fn plain(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Char(char) => Action::Insert(char),
        KeyCode::Enter => Action::Send,
        KeyCode::Tab => Action::Complete,
        KeyCode::Backspace => Action::Delete(Motion::Left),
        KeyCode::Delete => Action::Delete(Motion::Right),
        KeyCode::Left => Action::Go(Motion::Left),
        KeyCode::Right => Action::Go(Motion::Right),
        KeyCode::Home => Action::Go(Motion::Start),
        KeyCode::End => Action::Go(Motion::End),
        KeyCode::Up => Action::Up,
        KeyCode::Down => Action::Down,
        KeyCode::PageUp => Action::PageUp,
        KeyCode::PageDown => Action::PageDown,
        KeyCode::Esc => Action::Escape,
        KeyCode::F(1) => Action::Help,
        _ => return None,
    })
}

const fn control(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Char('a') => Action::Go(Motion::Start),
        KeyCode::Char('b') => Action::Go(Motion::Left),
        KeyCode::Char('c') => Action::Interrupt,
        KeyCode::Char('d') => Action::EndOfInput,
        KeyCode::Char('e') => Action::Go(Motion::End),
        KeyCode::Char('f') => Action::Go(Motion::Right),
        KeyCode::Char('g') => Action::Escape,
        KeyCode::Char('h') => Action::Delete(Motion::Left),
        KeyCode::Char('j') => Action::Newline,
        KeyCode::Char('k') => Action::Kill(Motion::End),
        KeyCode::Char('l') => Action::Repaint,
        KeyCode::Char('n') => Action::Newer,
        KeyCode::Char('p') => Action::Older,
        KeyCode::Char('r') => Action::RecallLine,
        KeyCode::Char('s') => Action::SearchTalk,
        KeyCode::Char('t') => Action::Transpose,
        KeyCode::Char('u') => Action::Kill(Motion::Start),
        KeyCode::Char('w') => Action::Kill(Motion::BlankLeft),
        KeyCode::Char('y') => Action::Yank,
        KeyCode::Char('z') => Action::Suspend,
        // Ctrl+_, which older terminals also send for Ctrl+/. A decoder may call it Ctrl+7.
        KeyCode::Char('_' | '/' | '7') => Action::Undo,
        KeyCode::Left => Action::Go(Motion::WordLeft),
        KeyCode::Right => Action::Go(Motion::WordRight),
        KeyCode::Home => Action::Top,
        KeyCode::End => Action::Bottom,
        _ => return None,
    })
}

const fn alt(code: KeyCode) -> Option<Action> {
    Some(match code {
        KeyCode::Char('b') | KeyCode::Left => Action::Go(Motion::WordLeft),
        KeyCode::Char('f') | KeyCode::Right => Action::Go(Motion::WordRight),
        KeyCode::Char('d') => Action::Kill(Motion::WordRight),
        // As in fish. Readline has no key for it.
        KeyCode::Char('/') => Action::Redo,
        KeyCode::Backspace => Action::Kill(Motion::WordLeft),
        KeyCode::Enter => Action::Newline,
        // Also Esc and an arrow key that come together on a slow connection.
        KeyCode::Up => Action::PickOlder,
        KeyCode::Down => Action::PickNewer,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_they_mean_in_readline() {
        let with = |code, modifiers| action(KeyEvent::new(code, modifiers));
        let control = |char| with(KeyCode::Char(char), KeyModifiers::CONTROL);
        assert_eq!(control('w'), Some(Action::Kill(Motion::BlankLeft)));
        assert_eq!(control('q'), None);
        let alt = with(KeyCode::Enter, KeyModifiers::ALT);
        assert_eq!(alt, Some(Action::Newline));
        let shifted = with(KeyCode::Char('W'), KeyModifiers::SHIFT);
        assert_eq!(shifted, Some(Action::Insert('W')));
        for undo in ['_', '/', '7'] {
            assert_eq!(control(undo), Some(Action::Undo), "{undo}");
        }
        assert_eq!(control('z'), Some(Action::Suspend));
    }
}
