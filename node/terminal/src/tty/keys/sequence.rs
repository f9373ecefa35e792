//! The meaning of escape sequences: the keys of xterm, rxvt, the Linux console and those that imitate them.
//!
//! Sources: xterm's "Control Sequences" and `modifyOtherKeys`, rxvt's reference, `console_codes(4)`, and "Comprehensive
//! keyboard handling in terminals" of kitty. Not here: where a sequence ends (`lexer`).

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The most bytes that are kept of a sequence: a key with three numbers and all alternatives that kitty defines.
const SEQUENCE_BYTES: usize = 48;
/// The event type of kitty for a key that is released.
const RELEASE: u32 = 3;

/// A token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KeyToken {
    /// A printable character, or `\r`, `\n` or `\t`: a key, or a part of a pasted text.
    Text(char),
    /// The same after ESC.
    AltText(char),
    /// A key that is no text.
    Key(KeyEvent),
    /// The window has got the focus, or has lost it.
    Focus(bool),
    /// The wheel was turned by a step: up, or down.
    Wheel { is_up: bool },
    /// A paste begins.
    PasteStart,
    /// A paste ends.
    PasteEnd,
    /// Bytes that are not UTF-8.
    Invalid,
}

/// The bytes between the start of a sequence and its last byte.
#[derive(Debug)]
pub(super) struct Parameters {
    bytes: [u8; SEQUENCE_BYTES],
    length: usize,
    is_too_long: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            bytes: [0; SEQUENCE_BYTES],
            length: 0,
            is_too_long: false,
        }
    }
}

impl Parameters {
    pub(super) fn push(&mut self, byte: u8) {
        match self.bytes.get_mut(self.length) {
            Some(place) => {
                *place = byte;
                self.length += 1;
            }
            None => self.is_too_long = true,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns true if this is a single number.
    pub(super) fn is_number(&self) -> bool {
        !self.is_empty() && self.text().iter().all(u8::is_ascii_digit)
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Parses `1;2:3`. Returns `None` for anything else, such as the answer to a query (`?…`).
    fn parse(&self) -> Option<Numbers> {
        let mut numbers = Numbers::default();
        if self.is_too_long {
            return None;
        }
        for (at, group) in self.text().split(|byte| *byte == b';').enumerate() {
            for (sub, digits) in group.split(|byte| *byte == b':').enumerate() {
                let digits = str::from_utf8(digits).ok()?;
                let number = match digits {
                    "" => None,
                    digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                        Some(digits.parse().ok()?)
                    }
                    _ => return None,
                };
                if let Some(place) = numbers.0.get_mut(at).and_then(|group| group.get_mut(sub)) {
                    *place = number;
                }
            }
        }
        Some(numbers)
    }
}

/// The first three parameters, each with its first two parts.
#[derive(Debug, Default)]
struct Numbers([[Option<u32>; 2]; 3]);

impl Numbers {
    fn first(&self) -> Option<u32> {
        self.0[0][0]
    }

    /// Returns the modifiers in the second parameter. Returns `None` if the key does nothing: it is released, or a
    /// modifier that belongs to the desktop is held.
    fn modifiers(&self) -> Option<KeyModifiers> {
        let [modifiers, event] = self.0[1];
        if event == Some(RELEASE) {
            return None;
        }
        modifiers_of(modifiers.unwrap_or(1))
    }
}

/// Returns the modifiers that a number stands for, or `None` if one of them belongs to the desktop.
fn modifiers_of(number: u32) -> Option<KeyModifiers> {
    const SUPER_AND_HYPER: u32 = 8 | 16;
    const META: u32 = 32;
    let bits = number.saturating_sub(1);
    if bits & SUPER_AND_HYPER != 0 {
        return None;
    }
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::SHIFT, bits & 1 != 0);
    modifiers.set(KeyModifiers::ALT, bits & (2 | META) != 0);
    modifiers.set(KeyModifiers::CONTROL, bits & 4 != 0);
    Some(modifiers)
}

/// Returns the meaning of `CSI < parameters M`: a step of the wheel, or `None` for anything else that a mouse does.
fn of_mouse(parameters: &Parameters) -> Option<KeyToken> {
    /// The bits for the modifiers, with which a wheel is still a wheel.
    const MODIFIERS: u32 = 4 | 8 | 16;
    let report = parameters.text().strip_prefix(b"<")?;
    let digits = report.split(|byte| *byte == b';').next()?;
    let button: u32 = str::from_utf8(digits).ok()?.parse().ok()?;
    match button & !MODIFIERS {
        64 => Some(KeyToken::Wheel { is_up: true }),
        65 => Some(KeyToken::Wheel { is_up: false }),
        _ => None,
    }
}

/// Returns the meaning of `CSI parameters last`, or `None` if it has none here.
pub(super) fn of_csi(parameters: &Parameters, last: u8) -> Option<KeyToken> {
    if last == b'M' && parameters.text().starts_with(b"<") {
        return of_mouse(parameters);
    }
    let numbers = parameters.parse()?;
    let (code, modifiers) = match last {
        b'I' if parameters.is_empty() => return Some(KeyToken::Focus(true)),
        b'O' if parameters.is_empty() => return Some(KeyToken::Focus(false)),
        b'~' => match numbers.first()? {
            200 => return Some(KeyToken::PasteStart),
            201 => return Some(KeyToken::PasteEnd),
            27 => return of_char(numbers.0[2][0]?, None, numbers.modifiers()?).map(KeyToken::Key),
            number => (numbered(number)?, numbers.modifiers()?),
        },
        // rxvt
        b'$' => (numbered(numbers.first()?)?, KeyModifiers::SHIFT),
        b'^' => (numbered(numbers.first()?)?, KeyModifiers::CONTROL),
        b'@' => {
            let both = KeyModifiers::CONTROL | KeyModifiers::SHIFT;
            (numbered(numbers.first()?)?, both)
        }
        b'a'..=b'd' => (
            lettered(last.to_ascii_uppercase())?,
            modifiers_of(1)? | KeyModifiers::SHIFT,
        ),
        b'u' => {
            let [code, shifted] = numbers.0[0];
            return of_char(code?, shifted, numbers.modifiers()?).map(KeyToken::Key);
        }
        b'Z' => (KeyCode::BackTab, KeyModifiers::SHIFT),
        // Without a second number, old versions of xterm have the modifiers in the first one.
        _ if parameters.is_number() => (lettered(last)?, modifiers_of(numbers.first()?)?),
        _ => (lettered(last)?, numbers.modifiers()?),
    };
    Some(KeyToken::Key(KeyEvent::new(code, modifiers)))
}

/// Returns the meaning of `SS3 parameters last`, or `None` if it has none here.
pub(super) fn of_ss3(parameters: &Parameters, last: u8) -> Option<KeyToken> {
    let numbers = parameters.parse()?;
    let modifiers = if parameters.is_number() {
        modifiers_of(numbers.first()?)?
    } else {
        numbers.modifiers()?
    };
    let (code, modifiers) = match last {
        // rxvt
        b'a'..=b'd' => (
            lettered(last.to_ascii_uppercase())?,
            modifiers | KeyModifiers::CONTROL,
        ),
        // The keys of the keypad, which are named after their characters.
        b'j'..=b'y' => (KeyCode::Char(char::from(last - b'j' + b'*')), modifiers),
        b'X' => (KeyCode::Char('='), modifiers),
        b' ' => (KeyCode::Char(' '), modifiers),
        b'I' => (KeyCode::Tab, modifiers),
        b'M' => (KeyCode::Enter, modifiers),
        _ => (lettered(last)?, modifiers),
    };
    Some(KeyToken::Key(KeyEvent::new(code, modifiers)))
}

/// Returns the meaning of `CSI [ last`: the first function keys of the Linux console.
pub(super) fn of_linux_function(last: u8) -> Option<KeyToken> {
    let number = match last {
        b'A'..=b'E' => last - b'A' + 1,
        _ => return None,
    };
    Some(KeyToken::Key(KeyCode::F(number).into()))
}

/// Returns the key that a letter stands for.
const fn lettered(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'E' => KeyCode::KeypadBegin,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

/// Returns the key that a number before `~` stands for.
fn numbered(number: u32) -> Option<KeyCode> {
    let function = |first: u32, base: u8| KeyCode::F((number - first) as u8 + base);
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => function(11, 1),
        17..=21 => function(17, 6),
        23..=26 => function(23, 11),
        28..=29 => function(28, 15),
        31..=34 => function(31, 17),
        _ => return None,
    })
}

/// Returns the key with this code point, or with this number among the keys that kitty numbers.
fn of_char(code: u32, shifted: Option<u32>, modifiers: KeyModifiers) -> Option<KeyEvent> {
    const PRIVATE_USE: std::ops::RangeInclusive<u32> = 57_344..=63_743;
    if PRIVATE_USE.contains(&code) {
        return Some(KeyEvent::new(keypad(code)?, modifiers));
    }
    let char = char::from_u32(code)?;
    if char.is_control() {
        let mut key = of_control(char)?;
        key.modifiers |= modifiers;
        if key.code == KeyCode::Tab && modifiers.contains(KeyModifiers::SHIFT) {
            key.code = KeyCode::BackTab;
        }
        return Some(key);
    }
    // Terminals disagree on whether the code point is that of the key, or that of the key with Shift.
    let char = if modifiers.contains(KeyModifiers::CONTROL) {
        char.to_ascii_lowercase()
    } else if modifiers.contains(KeyModifiers::SHIFT) {
        let mut upper = char.to_uppercase();
        let upper = upper.next().filter(|_| upper.next().is_none());
        let shifted = shifted.and_then(char::from_u32);
        let shifted = shifted.filter(|char| !char.is_control());
        shifted.or(upper).unwrap_or(char)
    } else {
        char
    };
    Some(KeyEvent::new(KeyCode::Char(char), modifiers))
}

/// Returns a key of the keypad by kitty's number.
fn keypad(code: u32) -> Option<KeyCode> {
    const CHARS: [char; 18] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.', '/', '*', '-', '+', '\r', '=', ',',
    ];
    const OTHERS: [KeyCode; 11] = [
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Insert,
        KeyCode::Delete,
        KeyCode::KeypadBegin,
    ];
    let index = usize::try_from(code.checked_sub(57_399)?).ok()?;
    match CHARS.get(index) {
        Some('\r') => Some(KeyCode::Enter),
        Some(char) => Some(KeyCode::Char(*char)),
        None => OTHERS.get(index - CHARS.len()).copied(),
    }
}

/// Returns the key that sends a control character, or `None` if there is none.
pub(super) fn of_control(char: char) -> Option<KeyEvent> {
    let control = |char: u8| KeyEvent::new(KeyCode::Char(char.into()), KeyModifiers::CONTROL);
    Some(match u8::try_from(char).ok()? {
        b'\r' => KeyCode::Enter.into(),
        b'\t' => KeyCode::Tab.into(),
        b'\x1b' => KeyCode::Esc.into(),
        b'\x7f' => KeyCode::Backspace.into(),
        0 => control(b' '),
        byte @ 1..=26 => control(byte - 1 + b'a'),
        // Ctrl+\, Ctrl+], Ctrl+^ and Ctrl+_
        byte @ 28..=31 => control(byte - 28 + b'\\'),
        _ => return None,
    })
}

/// Returns the key that types a character.
pub(super) fn key_of(char: char) -> KeyEvent {
    let typed = |char: char| {
        let shift = char.is_uppercase();
        let mut modifiers = KeyModifiers::NONE;
        modifiers.set(KeyModifiers::SHIFT, shift);
        KeyEvent::new(KeyCode::Char(char), modifiers)
    };
    of_control(char).unwrap_or_else(|| typed(char))
}
