//! Requests to the terminal beside the screen.
//!
//! A text in them is encoded, so that it never ends the request early. Not here: who asks for it (`screen`).

use data_encoding::BASE64;
use ringtalk_wire::limit::TEXT_BYTES;

/// The start of a request with a text (OSC), and its end (ST).
const START: &str = "\u{1b}]";
const END: &str = "\u{1b}\\";

/// The sequences after which the terminal reports nothing of the mouse.
pub(super) const MOUSE_OFF: &str = "\u{1b}[?1006l\u{1b}[?1000l";
/// The byte that rings the bell.
pub(crate) const BELL: u8 = b'\x07';
/// The name in titles and notifications.
const PROGRAM: &str = "ringtalk";

/// A kind of notification, by the sequence that asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotificationKind {
    /// OSC 9, as in iTerm2, kitty and Ghostty.
    Osc9,
    /// OSC 777, as in foot and rxvt.
    Osc777,
}

/// Returns the bytes that ask for reports of the mouse, or for no more of them. There is no request for the wheel alone:
/// with it come the buttons, so the terminal does not select text meanwhile.
pub(crate) const fn report_mouse(is_wanted: bool) -> &'static str {
    if is_wanted {
        "\u{1b}[?1000h\u{1b}[?1006h"
    } else {
        MOUSE_OFF
    }
}

/// Returns the bytes that set the title of the window (OSC 2).
pub(crate) fn set_title(title: &str) -> Vec<u8> {
    format!("{START}2;{}{END}", printable(title)).into_bytes()
}

/// Returns the bytes that show a notification on the desktop.
pub(crate) fn notify(kind: NotificationKind, words: &str) -> Vec<u8> {
    let words = printable(words);
    match kind {
        // The name comes first, because a number there would ask for something else.
        NotificationKind::Osc9 => format!("{START}9;{PROGRAM}: {words}{END}"),
        NotificationKind::Osc777 => {
            let words = words.replace(';', ",");
            format!("{START}777;notify;{PROGRAM};{words}{END}")
        }
    }
    .into_bytes()
}

/// Returns a text without control characters: one could end a request early.
fn printable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect()
}

/// Returns the bytes that put a text into the clipboard (OSC 52), exactly as it is. A text that is longer than a message
/// may be is cut: some terminals would drop it as a whole.
pub(crate) fn copy(text: &str) -> Vec<u8> {
    let mut ends = (0..=text.len().min(TEXT_BYTES)).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    let encoded = BASE64.encode(&text.as_bytes()[..end.unwrap_or(0)]);
    format!("{START}52;c;{encoded}{END}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text that a terminal puts into its clipboard.
    fn copied(text: &str) -> String {
        let bytes = copy(text);
        let request = str::from_utf8(&bytes).unwrap();
        let encoded = request.strip_prefix("\u{1b}]52;c;").unwrap();
        let encoded = encoded.strip_suffix("\u{1b}\\").unwrap();
        let decoded = BASE64.decode(encoded.as_bytes()).unwrap();
        String::from_utf8(decoded).unwrap()
    }

    #[test]
    fn any_text_is_copied_exactly_and_ends_no_request() {
        for text in [
            "hello",
            "one\n\ttwo\n",
            "\u{1b}\\\u{7}\u{1b}[2J",
            "你好 👋",
            "",
        ] {
            assert_eq!(copied(text), text);
            let bytes = copy(text);
            let escapes = bytes.iter().filter(|byte| **byte < b' ').count();
            assert_eq!(escapes, 2, "{text:?}");
        }
    }

    #[test]
    fn no_title_ends_its_sequence() {
        let bytes = set_title("(3!) a\u{1b}\\\u{7}\u{9c}b");
        assert_eq!(bytes, b"\x1b]2;(3!) a\\b\x1b\\");
    }

    #[test]
    fn no_text_ends_a_notification() {
        let words = "4;1;50\u{7}\u{1b}\\\u{9c}x";
        let shown = |kind| String::from_utf8(notify(kind, words)).unwrap();
        let osc9 = "\u{1b}]9;ringtalk: 4;1;50\\x\u{1b}\\";
        assert_eq!(shown(NotificationKind::Osc9), osc9);
        let osc777 = "\u{1b}]777;notify;ringtalk;4,1,50\\x\u{1b}\\";
        assert_eq!(shown(NotificationKind::Osc777), osc777);
    }

    #[test]
    fn the_longest_message_is_copied_and_nothing_longer() {
        let longest = "x".repeat(TEXT_BYTES);
        assert_eq!(copied(&longest), longest);
        assert_eq!(copied(&(longest.clone() + "x")), longest);
        assert_eq!(copied(&"你".repeat(TEXT_BYTES)).len(), TEXT_BYTES / 3 * 3);
    }
}
