//! Cuts the bytes of a terminal into tokens: characters, keys, and marks such as the start of a paste.
//!
//! A sequence that means nothing, or is broken off, is swallowed as a whole. Not here: the meaning of sequences
//! (`sequence`), and how long to wait for the rest of one (`decoder`).

use crossterm::event::{KeyCode, KeyModifiers};

use super::sequence::{KeyToken, Parameters, of_control, of_csi, of_linux_function, of_ss3};
use super::utf8::{PartialChar, Utf8Step};

const ESCAPE: u8 = b'\x1b';
const BELL: u8 = b'\x07';
/// The number of bytes in a report of the mouse after `CSI M`.
const MOUSE_BYTES: u8 = 3;

/// The part of a sequence that is expected next.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Expected {
    /// Anything: there is no sequence.
    #[default]
    Anything,
    /// The byte after ESC.
    AfterEscape,
    /// The rest of `CSI`.
    Csi,
    /// The rest of `SS3`.
    Ss3,
    /// The rest of `CSI [`, with which function keys of the Linux console begin.
    LinuxFunction,
    /// So many bytes of a report of the mouse.
    Mouse(u8),
    /// The rest of a string for which nobody asked, such as the title of the window. It began with this character.
    String { introducer: char, is_empty: bool },
    /// The second half of `ESC \`, which ends a string.
    EndOfString,
}

/// How long the rest of a sequence may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Patience {
    /// The bytes so far may be a key by themselves.
    Short,
    /// The bytes so far are the beginning of something.
    Long,
}

/// The state between two bytes.
#[derive(Debug, Default)]
pub(super) struct KeyLexer {
    expected: Expected,
    /// True if an ESC came before the sequence or the character, which means Alt.
    has_alt: bool,
    parameters: Parameters,
    partial: PartialChar,
}

impl KeyLexer {
    /// Returns how long to wait for the rest of a sequence, if there is a beginning.
    pub(super) const fn patience(&self) -> Option<Patience> {
        match self.expected {
            Expected::Anything => None,
            Expected::AfterEscape | Expected::String { .. } | Expected::EndOfString => {
                Some(Patience::Short)
            }
            Expected::Csi | Expected::Ss3 | Expected::LinuxFunction | Expected::Mouse(_) => {
                Some(Patience::Long)
            }
        }
    }

    /// Takes the next byte, and appends the tokens that it completes.
    pub(super) fn push(&mut self, byte: u8, tokens: &mut Vec<KeyToken>) {
        match self.expected {
            Expected::Anything => self.begin(byte, tokens),
            Expected::AfterEscape => self.after_escape(byte, tokens),
            Expected::Csi => self.csi(byte, tokens),
            Expected::Ss3 => match byte {
                b'0'..=b'9' | b';' => self.parameters.push(byte),
                b' ' | b'@'..=b'~' => {
                    let token = of_ss3(&self.parameters, byte);
                    self.end_sequence(token, tokens);
                }
                _ => self.break_off(byte, tokens),
            },
            Expected::LinuxFunction => match byte {
                b' '..=b'~' => self.end_sequence(of_linux_function(byte), tokens),
                _ => self.break_off(byte, tokens),
            },
            Expected::Mouse(left) => match (byte, left) {
                (b'\0'..=b'\x1f', _) => self.break_off(byte, tokens),
                (_, 0 | 1) => self.reset(),
                _ => self.expected = Expected::Mouse(left - 1),
            },
            Expected::String { introducer, .. } => match byte {
                ESCAPE => self.expected = Expected::EndOfString,
                BELL => self.reset(),
                b'\0'..=b'\x1f' | b'\x7f' => self.break_off(byte, tokens),
                _ => {
                    let is_empty = false;
                    self.expected = Expected::String {
                        introducer,
                        is_empty,
                    };
                }
            },
            Expected::EndOfString => {
                self.reset();
                if byte != b'\\' {
                    self.after_escape(byte, tokens);
                }
            }
        }
    }

    /// Ends the wait for the rest of a sequence, and appends what the beginning means by itself.
    pub(super) fn expire(&mut self, tokens: &mut Vec<KeyToken>) {
        let escape = KeyToken::Key(KeyCode::Esc.into());
        match self.expected {
            Expected::AfterEscape if self.has_alt => tokens.extend([escape, escape]),
            Expected::AfterEscape => tokens.push(escape),
            Expected::Csi if self.parameters.is_empty() => tokens.push(KeyToken::AltText('[')),
            Expected::Ss3 if self.parameters.is_empty() => tokens.push(KeyToken::AltText('O')),
            Expected::String {
                introducer,
                is_empty: true,
            } => tokens.push(KeyToken::AltText(introducer)),
            _ => {}
        }
        self.reset();
    }

    /// Forgets the beginning of a sequence or character.
    pub(super) fn reset(&mut self) {
        self.expected = Expected::Anything;
        self.has_alt = false;
        self.partial.clear();
    }

    fn begin(&mut self, byte: u8, tokens: &mut Vec<KeyToken>) {
        let is_continuation = byte & 0b1100_0000 == 0b1000_0000;
        if !is_continuation && !self.partial.is_empty() {
            self.reset();
            tokens.push(KeyToken::Invalid);
        }
        if byte == ESCAPE {
            self.expected = Expected::AfterEscape;
            return;
        }
        match self.partial.push(byte) {
            Utf8Step::Incomplete => {}
            Utf8Step::Complete(char) => self.complete(char, tokens),
            Utf8Step::Invalid => {
                self.reset();
                tokens.push(KeyToken::Invalid);
            }
        }
    }

    fn complete(&mut self, char: char, tokens: &mut Vec<KeyToken>) {
        match char {
            // The single characters for CSI and SS3.
            '\u{9b}' => return self.begin_sequence(Expected::Csi),
            '\u{8f}' => return self.begin_sequence(Expected::Ss3),
            _ => {}
        }
        let has_alt = std::mem::take(&mut self.has_alt);
        if !char.is_control() || matches!(char, '\r' | '\n' | '\t') {
            tokens.push(if has_alt {
                KeyToken::AltText(char)
            } else {
                KeyToken::Text(char)
            });
        } else if let Some(key) = of_control(char) {
            tokens.push(with_alt(KeyToken::Key(key), has_alt));
        }
    }

    fn after_escape(&mut self, byte: u8, tokens: &mut Vec<KeyToken>) {
        match byte {
            ESCAPE => {
                if self.has_alt {
                    tokens.push(KeyToken::Key(KeyCode::Esc.into()));
                }
                self.has_alt = true;
                self.expected = Expected::AfterEscape;
            }
            b'[' => self.begin_sequence(Expected::Csi),
            b'O' => self.begin_sequence(Expected::Ss3),
            b'P' | b'X' | b']' | b'^' | b'_' => {
                self.expected = Expected::String {
                    introducer: byte.into(),
                    is_empty: true,
                };
            }
            _ => {
                if self.has_alt {
                    tokens.push(KeyToken::Key(KeyCode::Esc.into()));
                }
                self.has_alt = true;
                self.expected = Expected::Anything;
                self.begin(byte, tokens);
            }
        }
    }

    fn begin_sequence(&mut self, expected: Expected) {
        self.parameters = Parameters::default();
        self.expected = expected;
    }

    fn csi(&mut self, byte: u8, tokens: &mut Vec<KeyToken>) {
        match byte {
            b'[' if self.parameters.is_empty() => self.expected = Expected::LinuxFunction,
            b'M' if self.parameters.is_empty() => self.expected = Expected::Mouse(MOUSE_BYTES),
            // rxvt ends a key with Shift in a byte that ends no other sequence.
            b'$' if self.parameters.is_number() => {
                let token = of_csi(&self.parameters, byte);
                self.end_sequence(token, tokens);
            }
            b' '..=b'?' => self.parameters.push(byte),
            b'@'..=b'~' => {
                let token = of_csi(&self.parameters, byte);
                self.end_sequence(token, tokens);
            }
            _ => self.break_off(byte, tokens),
        }
    }

    fn end_sequence(&mut self, token: Option<KeyToken>, tokens: &mut Vec<KeyToken>) {
        let has_alt = self.has_alt;
        self.reset();
        tokens.extend(token.map(|token| with_alt(token, has_alt)));
    }

    /// Swallows a sequence in which this byte cannot be, and takes the byte as if there had been no sequence.
    fn break_off(&mut self, byte: u8, tokens: &mut Vec<KeyToken>) {
        self.reset();
        self.begin(byte, tokens);
    }
}

/// Returns the token, with Alt if there was an ESC before it.
fn with_alt(token: KeyToken, has_alt: bool) -> KeyToken {
    match token {
        KeyToken::Key(mut key) if has_alt => {
            key.modifiers |= KeyModifiers::ALT;
            KeyToken::Key(key)
        }
        token => token,
    }
}
