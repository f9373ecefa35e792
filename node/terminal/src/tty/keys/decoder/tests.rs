//! Tests of the decoder: keys, times, bursts, pastes, and any bytes in any parts.

use crossterm::event::KeyModifiers as Modifiers;
use proptest::prelude::*;

use super::*;
use crate::tty::keys::paste::PASTE_BYTES;

/// A decoder with a clock, which is woken when it wants to be.
#[derive(Default)]
struct Keyboard {
    decoder: KeyDecoder,
    clock: Option<Instant>,
}

impl Keyboard {
    fn now(&mut self) -> Instant {
        *self.clock.get_or_insert_with(Instant::now)
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let now = self.now();
        self.decoder.feed(bytes.as_ref(), now);
    }

    fn wait(&mut self, milliseconds: u64) {
        let end = self.now() + Duration::from_millis(milliseconds);
        while let Some(wake) = self.decoder.wake().filter(|wake| *wake <= end) {
            self.decoder.tick(wake);
        }
        self.clock = Some(end);
    }

    fn events(&mut self) -> Vec<TerminalEvent> {
        std::iter::from_fn(|| self.decoder.poll_event()).collect()
    }

    /// Returns the events so far, and those that only time brings.
    fn all_events(&mut self) -> Vec<TerminalEvent> {
        while let Some(wake) = self.decoder.wake() {
            self.decoder.tick(wake);
        }
        self.events()
    }
}

fn decode(bytes: impl AsRef<[u8]>) -> Vec<TerminalEvent> {
    let mut keyboard = Keyboard::default();
    keyboard.send(bytes);
    keyboard.all_events()
}

fn key(code: KeyCode, modifiers: Modifiers) -> TerminalEvent {
    TerminalEvent::Key(KeyEvent::new(code, modifiers))
}

fn plain(code: KeyCode) -> TerminalEvent {
    key(code, Modifiers::NONE)
}

fn typed(text: &str) -> Vec<TerminalEvent> {
    let keys = text.chars().map(|char| TerminalEvent::Key(key_of(char)));
    keys.collect()
}

fn pasted(text: &str) -> TerminalEvent {
    TerminalEvent::Paste(text.to_owned())
}

const NONE: Modifiers = Modifiers::NONE;
const SHIFT: Modifiers = Modifiers::SHIFT;
const ALT: Modifiers = Modifiers::ALT;
const CONTROL: Modifiers = Modifiers::CONTROL;

#[track_caller]
fn check(keys: &[(&str, KeyCode, Modifiers)]) {
    for (bytes, code, modifiers) in keys {
        assert_eq!(decode(bytes), [key(*code, *modifiers)], "{bytes:?}");
    }
}

#[test]
fn characters_are_keys() {
    use KeyCode::{Backspace, Char, Enter, Esc, Tab};
    check(&[
        ("a", Char('a'), NONE),
        ("A", Char('A'), SHIFT),
        ("你", Char('你'), NONE),
        ("\r", Enter, NONE),
        ("\n", Char('j'), CONTROL),
        ("\t", Tab, NONE),
        ("\x7f", Backspace, NONE),
        ("\x08", Char('h'), CONTROL),
        ("\0", Char(' '), CONTROL),
        ("\x1a", Char('z'), CONTROL),
        ("\x1f", Char('_'), CONTROL),
        ("\x1b", Esc, NONE),
        ("\x1bb", Char('b'), ALT),
        ("\x1b\u{e9}", Char('\u{e9}'), ALT),
        ("\x1b\x7f", Backspace, ALT),
        ("\x1b\r", Enter, ALT),
        ("\x1b[", Char('['), ALT),
        ("\x1bO", Char('O'), ALT | SHIFT),
        ("\x1b]", Char(']'), ALT),
    ]);
    assert_eq!(decode("\x1b\x1b"), [plain(Esc), plain(Esc)]);
    assert_eq!(decode("\x1b\x1bb"), [plain(Esc), key(Char('b'), ALT)]);
}

#[test]
fn keys_of_all_kinds_of_terminals() {
    use KeyCode::{
        BackTab, Backspace, Char, Delete, Down, End, Enter, F, Home, Insert, KeypadBegin, Left,
        PageDown, PageUp, Right, Up,
    };
    check(&[
        // xterm
        ("\x1b[A", Up, NONE),
        ("\x1bOA", Up, NONE),
        ("\u{9b}A", Up, NONE),
        ("\x1b[1;5D", Left, CONTROL),
        ("\x1b[1;2H", Home, SHIFT),
        ("\x1b[5C", Right, CONTROL),
        ("\x1bO5C", Right, CONTROL),
        ("\x1b[E", KeypadBegin, NONE),
        ("\x1b[F", End, NONE),
        ("\x1b[3~", Delete, NONE),
        ("\x1b[5;3~", PageUp, ALT),
        ("\x1b[Z", BackTab, SHIFT),
        ("\x1bOP", F(1), NONE),
        ("\x1b[1;2S", F(4), SHIFT),
        ("\x1b[24~", F(12), NONE),
        ("\x1bOM", Enter, NONE),
        ("\x1bOk", Char('+'), NONE),
        ("\x1bOy", Char('9'), NONE),
        ("\x1b\x1b[A", Up, ALT),
        // rxvt
        ("\x1b[a", Up, SHIFT),
        ("\x1bOd", Left, CONTROL),
        ("\x1b[7~", Home, NONE),
        ("\x1b[8^", End, CONTROL),
        ("\x1b[6$", PageDown, SHIFT),
        ("\x1b[2@", Insert, CONTROL | SHIFT),
        // The Linux console, tmux, screen
        ("\x1b[[A", F(1), NONE),
        ("\x1b[[E", F(5), NONE),
        ("\x1b[1~", Home, NONE),
        ("\x1b[4~", End, NONE),
        ("\x1b[34~", F(20), NONE),
        // modifyOtherKeys, and its short form
        ("\x1b[27;5;99~", Char('c'), CONTROL),
        ("\x1b[27;2;13~", Enter, SHIFT),
        ("\x1b[27;6;67~", Char('c'), CONTROL | SHIFT),
        ("\x1b[97u", Char('a'), NONE),
        ("\x1b[97;2u", Char('A'), SHIFT),
        ("\x1b[49:33;2u", Char('!'), SHIFT),
        ("\x1b[127;3u", Backspace, ALT),
        ("\x1b[9;2u", BackTab, SHIFT),
        ("\x1b[1;5:2B", Down, CONTROL),
        ("\x1b[57414u", Enter, NONE),
        ("\x1b[57417u", Left, NONE),
    ]);
    let focus = [TerminalEvent::FocusLost, TerminalEvent::FocusGained];
    assert_eq!(decode("\x1b[O\x1b[I"), focus);
}

#[test]
fn the_wheel_is_told_from_the_buttons() {
    use TerminalEvent::{WheelDown, WheelUp};
    for (bytes, events) in [
        ("\x1b[<64;10;5M", vec![WheelUp]),
        ("\x1b[<65;10;5M\x1b[<65;10;5M", vec![WheelDown, WheelDown]),
        // With Shift, Alt and Ctrl.
        ("\x1b[<92;1;1M", vec![WheelUp]),
        // To the left, a button, and its release.
        ("\x1b[<66;10;5M\x1b[<0;10;5M\x1b[<0;10;5m", vec![]),
        ("\x1b[<;1;1M\x1b[<M\x1b[<99999999999;1;1M", vec![]),
    ] {
        assert_eq!(decode(bytes), events, "{bytes:?}");
    }
}

#[test]
fn what_means_nothing_is_swallowed_as_a_whole() {
    for bytes in [
        "\x1b[<0;10;5M",
        "\x1b[<64;10;5m",
        "\x1b[M !!",
        "\x1b[32;10;5M",
        "\x1b[?2004;1$y",
        "\x1b[12;2$y",
        "\x1b[>1;95;0c",
        "\x1b[200",
        "\x1b[99999999999999999999~",
        "\x1b[1;5:3A",
        "\x1b[1;9A",
        "\x1b[97;9u",
        "\x1b[155u",
        "\x1b[55296u",
        "\x1b[57358u",
        "\x1b[27;5~",
        "\x1b[201~",
        "\x1b[[Z",
        "\x1bOz",
        "\x1b]11;rgb:0/0/0\x07",
        "\x1b]11;rgb:0/0/0\x1b\\",
        "\x1bP1$r0m\x1b\\",
        "\u{85}",
    ] {
        assert_eq!(decode(bytes), [], "{bytes:?}");
        let after = format!("{bytes}\x1b[Ax");
        assert_eq!(
            decode(&after)[..],
            [&[plain(KeyCode::Up)], &typed("x")[..]].concat()
        );
    }
    let long = format!("\x1b[{}~x", "1;".repeat(1_000));
    assert_eq!(decode(long), typed("x"));
    // A sequence that is broken off does not take a key with it.
    assert_eq!(decode("\x1b[1;\x03"), [key(KeyCode::Char('c'), CONTROL)]);
    assert_eq!(decode("\x1b[1;\u{e9}"), typed("\u{e9}"));
    assert_eq!(
        decode("\x1b]0;title\x03"),
        [key(KeyCode::Char('c'), CONTROL)]
    );
    assert_eq!(
        decode(b"a\xff\xc3b\xe4\xbd\x1b[A"),
        [&typed("ab")[..], &[plain(KeyCode::Up)]].concat()
    );
}

#[test]
fn a_key_may_come_in_two_reads() {
    let mut keyboard = Keyboard::default();
    keyboard.send("\x1b");
    keyboard.wait(20);
    assert_eq!(keyboard.events(), []);
    keyboard.send("[");
    keyboard.wait(400);
    keyboard.send("A");
    assert_eq!(keyboard.events(), [plain(KeyCode::Up)]);
    let [first, second] = *"\u{e9}".as_bytes() else {
        unreachable!("it has two bytes");
    };
    keyboard.send([first]);
    keyboard.wait(10_000);
    keyboard.send([second]);
    assert_eq!(keyboard.events(), typed("\u{e9}"));
}

#[test]
fn an_escape_that_nothing_follows_is_a_key() {
    let mut keyboard = Keyboard::default();
    keyboard.send("\x1b");
    keyboard.wait(49);
    assert_eq!(keyboard.events(), []);
    keyboard.wait(1);
    assert_eq!(keyboard.events(), [plain(KeyCode::Esc)]);
    assert_eq!(keyboard.decoder.wake(), None);
    keyboard.send("[");
    assert_eq!(keyboard.events(), typed("["));
}

#[test]
fn bytes_that_are_read_late_count_as_if_they_had_come_in_time() {
    let mut keyboard = Keyboard::default();
    keyboard.send("\x1b");
    let late = keyboard.now() + Duration::from_secs(1);
    keyboard.decoder.feed(b"[A", late);
    assert_eq!(keyboard.events(), [plain(KeyCode::Up)]);
}

#[test]
fn a_line_that_comes_at_once_is_typed() {
    assert_eq!(decode("hello\r"), typed("hello\r"));
    assert_eq!(decode("hello\r\n"), typed("hello\r"));
    assert_eq!(decode("bo\t"), typed("bo\t"));
    assert_eq!(decode("\r\r\r"), typed("\r\r\r"));
    // Somebody typed on while the connection was slow, and corrected it, too.
    assert_eq!(decode("o\rh"), typed("o\rh"));
    let corrected = [&typed("yes\r")[..], &[plain(KeyCode::Up)], &typed("no\r")].concat();
    assert_eq!(decode("yes\r\x1b[Ano\r"), corrected);
    let mut keyboard = Keyboard::default();
    keyboard.send("hello");
    assert_eq!(keyboard.events(), typed("hello"), "shown at once");
    keyboard.send("\r");
    keyboard.wait(19);
    assert_eq!(keyboard.events(), []);
    keyboard.wait(1);
    assert_eq!(keyboard.events(), typed("\r"));
    keyboard.send("again");
    assert_eq!(keyboard.events(), typed("again"));
}

#[test]
fn a_burst_of_keys_is_text() {
    let lines = |first: &str, rest: &str| [&typed(first)[..], &[pasted(rest)]].concat();
    assert_eq!(decode("one\rtwo"), lines("one", "\ntwo"));
    assert_eq!(
        decode("one\r\ttwo\r\rthree\r"),
        lines("one", "\n\ttwo\n\nthree\n")
    );
    assert_eq!(decode("one\r\ntwo\r\n"), lines("one", "\ntwo\n"));
    assert_eq!(decode("one\ntwo\n"), lines("one", "\ntwo\n"));
    let mut keyboard = Keyboard::default();
    for part in ["one\rtw", "o\r", "three\r"] {
        keyboard.send(part);
        keyboard.wait(99);
    }
    assert_eq!(keyboard.all_events(), lines("one", "\ntwo\nthree\n"));
    // A line of a table, and Enter.
    assert_eq!(
        decode("12\t13\r"),
        [&lines("12", "\t13")[..], &typed("\r")].concat()
    );
    // A key ends the text.
    let left = lines("one", "\ntwo");
    assert_eq!(
        decode("one\rtwo\x1b[D"),
        [&left[..], &[plain(KeyCode::Left)]].concat()
    );
}

#[test]
fn dropped_text_joins_nothing_that_follows() {
    let mut keyboard = Keyboard::default();
    keyboard.send("blindly\r");
    assert_eq!(keyboard.events(), typed("blindly"));
    keyboard.decoder.drop_text();
    keyboard.send("seen\r");
    let mut seen = typed("seen");
    seen.push(plain(KeyCode::Enter));
    assert_eq!(keyboard.all_events(), seen);
    // The rest of a paste stays a paste: its line ends are no Enter.
    keyboard.send("\u{1b}[200~blindly\n");
    keyboard.decoder.drop_text();
    keyboard.send("the rest\n\u{1b}[201~");
    assert_eq!(keyboard.all_events(), [pasted("the rest\n")]);
}

#[test]
fn a_paste_is_what_is_between_its_marks() {
    let paste = "\x1b[200~one\r\n\ttwo\x1b[31m\rred\x1bx\x03\u{e9}\x1b[201~!";
    let expected = [pasted("one\n\ttwo\nredx\u{e9}"), typed("!").remove(0)];
    assert_eq!(decode(paste), expected);
    assert_eq!(decode("\x1b[200~\x1b[201~"), []);
    assert_eq!(decode(b"\x1b[200~a\xffb\x1b[201~"), [pasted("a\u{fffd}b")]);
    // It may come in parts, and so may its marks.
    let mut keyboard = Keyboard::default();
    for byte in paste.bytes() {
        keyboard.send([byte]);
        keyboard.wait(if byte == b'\x1b' { 40 } else { 90 });
    }
    assert_eq!(keyboard.all_events(), expected);
}

#[test]
fn a_paste_without_an_end_ends_all_the_same() {
    let mut keyboard = Keyboard::default();
    keyboard.send("\x1b[200~lost");
    keyboard.wait(100);
    keyboard.send("\x03");
    assert_eq!(keyboard.events(), [pasted("lost")]);
    keyboard.wait(100);
    keyboard.send("\x03");
    assert_eq!(keyboard.events(), [key(KeyCode::Char('c'), CONTROL)]);

    keyboard.send("\x1b[200~lost\x1b");
    keyboard.wait(2_999);
    assert_eq!(keyboard.events(), []);
    keyboard.wait(1);
    assert_eq!(keyboard.events(), [pasted("lost")]);
    keyboard.send("[A");
    assert_eq!(keyboard.events(), typed("[A"));
}

#[test]
fn a_paste_has_a_limit_and_is_told_once() {
    let endless = "x".repeat(10 * PASTE_BYTES);
    let burst = format!("one\r{endless}");
    for paste in [format!("\x1b[200~{endless}\x1b[201~"), burst] {
        let mut keyboard = Keyboard::default();
        for part in paste.as_bytes().chunks(4096) {
            keyboard.send(part);
            assert!(keyboard.decoder.kept_bytes() <= PASTE_BYTES);
        }
        keyboard.wait(100);
        let events = keyboard.events();
        let told = |event: &&TerminalEvent| **event == TerminalEvent::PasteTooLong;
        assert_eq!(events.iter().filter(told).count(), 1);
        assert!(
            events
                .iter()
                .all(|event| !matches!(event, TerminalEvent::Paste(_)))
        );
        keyboard.send("y");
        assert_eq!(keyboard.events(), typed("y"));
    }
    // Line ends and tabs alone are bounded, too.
    let mut keyboard = Keyboard::default();
    for part in ["\t".repeat(1_000), "\r".repeat(1_000_000)] {
        keyboard.send(part);
        assert!(keyboard.decoder.kept_bytes() <= PASTE_BYTES);
    }
}

/// Returns bytes of which many are parts of sequences.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "\x1b",
        "[",
        "O",
        "200~",
        "201~",
        "\x1b[200~",
        "\x1b[201~",
        "1;5A",
        "27;5;99~",
        "97;3u",
        "M",
        "<0;1;1",
        "$",
        "]",
        "\x07",
        "\\",
        "\r",
        "\n",
        "\t",
        "\x03",
        "one",
        "two",
        "\u{e9}",
        "\u{9b}",
        "你",
    ];
    let piece = prop::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec());
    let piece = prop_oneof![3 => piece, 1 => prop::collection::vec(any::<u8>(), 0..4)];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn is_harmless(event: &TerminalEvent) -> bool {
    let controls = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    match event {
        TerminalEvent::Key(key) => match key.code {
            KeyCode::Char(char) => !char.is_control(),
            _ => true,
        },
        TerminalEvent::Paste(text) => !text.contains(controls),
        _ => true,
    }
}

proptest! {
    #[test]
    fn parts_without_pauses_make_no_difference(bytes in bytes(), cuts in prop::collection::vec(1_usize..9, 1..9)) {
        let whole = decode(&bytes);
        prop_assert!(whole.iter().all(is_harmless), "{:?}", whole);
        let mut keyboard = Keyboard::default();
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let length = rest.len().min(*cuts.next().unwrap_or(&1));
            keyboard.send(&rest[..length]);
            rest = &rest[length..];
        }
        prop_assert_eq!(keyboard.all_events(), whole);
    }

    #[test]
    fn whatever_comes_and_whenever_the_next_key_works(bytes in bytes(), pauses in prop::collection::vec(0_u64..4_000, 1..9)) {
        let mut keyboard = Keyboard::default();
        for (byte, pause) in bytes.iter().zip(pauses.iter().cycle()) {
            keyboard.wait(*pause);
            keyboard.send([*byte]);
        }
        prop_assert!(keyboard.all_events().iter().all(is_harmless));
        keyboard.wait(4_000);
        keyboard.send("\x03");
        prop_assert_eq!(keyboard.all_events(), [key(KeyCode::Char('c'), CONTROL)]);
    }
}
