//! Tests of the time that a frame takes with many messages: only visible rows may cost time.

use nix::time::{ClockId, clock_gettime};

use super::*;
use crate::tty::Painter;

/// The number of messages that the transcript keeps.
const MESSAGES: u64 = 100_000;
/// The time between two frames at sixty frames a second.
const FRAME: Duration = Duration::from_millis(16);

/// Returns the CPU time of this thread, which does not count other work on the machine.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

fn paint(painter: &mut Painter, test: &TestScreen) {
    painter.paint(view::render(&test.screen)).unwrap();
}

fn sorted(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

#[test]
fn a_frame_is_fast_with_the_longest_text_in_the_making() {
    let mut test = TestScreen::among(140, 50, 7);
    let paste = "words and 你好 ".repeat(1_000);
    test.screen
        .handle_terminal_event(TerminalEvent::Paste(paste));
    let mut painter = Painter::new();
    let times = (0..200).map(|_| {
        let start = cpu_time();
        test.key(KeyCode::Left);
        paint(&mut painter, &test);
        cpu_time().saturating_sub(start)
    });
    let (median, p99) = sorted(times.collect());
    println!("16 KiB in the making: a key {median:?} (p99 {p99:?})");
    assert!(p99 < FRAME, "{p99:?}");
}

/// A member once stopped every coloured screen with such a text.
#[test]
fn a_frame_is_fast_with_a_text_that_is_nearly_an_address() {
    let mut test = TestScreen::among(140, 50, 7);
    let brackets = format!("{}{}", "http://".repeat(1_000), ")".repeat(9_000));
    test.events([message(1, 1, &brackets)]);
    let start = cpu_time();
    paint(&mut Painter::new(), &test);
    let took = cpu_time().saturating_sub(start);
    println!("a text that is nearly an address: {took:?}");
    assert!(took < 4 * FRAME, "{took:?}");
}

#[test]
fn a_frame_is_fast_with_a_hundred_thousand_messages() {
    let mut test = TestScreen::among(140, 50, 7);
    let texts = (1..=MESSAGES).map(|seq| {
        let words = "some words of a message, 你好, ".repeat(seq as usize % 7 + 1);
        message(1, seq, &words)
    });
    test.events(texts);
    let mut painter = Painter::new();
    let mut frame = |test: &mut TestScreen, code: KeyCode| {
        let start = cpu_time();
        test.key(code);
        paint(&mut painter, test);
        cpu_time().saturating_sub(start)
    };
    let typed = (0..500).map(|_| frame(&mut test, KeyCode::Char('x')));
    let (typed, typed_p99) = sorted(typed.collect());
    let paged = (0..500).map(|_| frame(&mut test, KeyCode::PageUp));
    let (paged, paged_p99) = sorted(paged.collect());
    test.control('s');
    // Each key searches the whole transcript. For the first search, the transcript is in no cache.
    let searched = "#$%&@"
        .chars()
        .map(|key| frame(&mut test, KeyCode::Char(key)));
    let (searched, slowest) = sorted(searched.collect());
    println!("to find that nobody said something: {searched:?} ({slowest:?} at most)");
    println!(
        "{MESSAGES} messages, 140 x 50: a key {typed:?} (p99 {typed_p99:?}), a page {paged:?} (p99 {paged_p99:?})"
    );
    assert!(searched < 10 * FRAME, "{searched:?}");
    assert!(typed_p99 < FRAME, "{typed_p99:?}");
    assert!(paged_p99 < FRAME, "{paged_p99:?}");
}
