//! Tests that a terminal shows the same after any row of updates as after a full repaint.

use std::sync::Arc;

use ratatui::layout::Rect;
use ratatui::style::Style;
use vt100::Parser;

use super::*;

/// Texts in many scripts, and kinds of emoji, one a line. The black-box tests show them in a real terminal.
const SCRIPTS: &str = include_str!("../scripts.txt");
const COLUMNS: u16 = 60;
const ROWS: u16 = 6;

/// The start of the sequence that starts or ends a link, and its end.
const LINK: &str = "\u{1b}]8;";
const LINK_END: &str = "\u{1b}\\";
/// The sequence that resets the style of cells. It leaves a link alone.
const RESET: &str = "\u{1b}[0m";

/// A terminal that draws each character by itself: its widths differ from ours for many clusters. It shows a link as a
/// background colour, because the emulator knows no links.
struct Emulator {
    parser: Parser,
    /// The sequence for the background of the link that is open; none if it is empty.
    link: String,
}

impl Emulator {
    fn new() -> Self {
        let size = |cells: u16| std::num::NonZeroU16::new(cells).unwrap();
        Self {
            parser: Parser::new(size(ROWS), size(COLUMNS), 0),
            link: String::new(),
        }
    }

    fn paint(&mut self, painter: &mut Painter, image: ScreenImage) {
        let bytes = painter.paint(image).unwrap();
        let mut rest = str::from_utf8(&bytes).unwrap();
        while let Some((before, after)) = rest.split_once(LINK) {
            self.process(before);
            let (link, after) = after.split_once(LINK_END).unwrap();
            rest = after;
            self.link = match link {
                ";" => String::new(),
                link => {
                    let hash = link
                        .bytes()
                        .fold(7_u8, |hash, byte| hash.wrapping_mul(31) ^ byte);
                    format!("\u{1b}[48;5;{}m", hash.max(1))
                }
            };
            let background = if self.link.is_empty() {
                "\u{1b}[49m".to_owned()
            } else {
                self.link.clone()
            };
            self.parser.process(background.as_bytes());
        }
        self.process(rest);
        assert!(self.link.is_empty(), "no link is left open");
    }

    fn process(&mut self, bytes: &str) {
        let linked = bytes.replace(RESET, &format!("{RESET}{}", self.link));
        self.parser.process(linked.as_bytes());
    }

    /// Returns the characters and styles of all cells.
    fn cells(&self) -> Vec<String> {
        let screen = self.parser.screen();
        let rows = (0..ROWS).flat_map(|y| (0..COLUMNS).map(move |x| (y, x)));
        let cell = |(y, x)| screen.cell(y, x).unwrap();
        rows.map(|at| {
            let cell = cell(at);
            let style = (
                cell.fgcolor(),
                cell.bgcolor(),
                cell.bold(),
                cell.dim(),
                cell.inverse(),
            );
            format!("{:?} {style:?}", cell.contents().trim_end())
        })
        .collect()
    }
}

fn frame(rows: &[(&str, Style)]) -> ScreenImage {
    let mut buffer = Buffer::empty(Rect::new(0, 0, COLUMNS, ROWS));
    for (y, (row, style)) in (0..ROWS).zip(rows) {
        buffer.set_stringn(0, y, row, COLUMNS.into(), *style);
    }
    buffer.into()
}

/// Paints frames one after the other, and compares the terminal with a full repaint after each.
fn expect_repainted(frames: &[ScreenImage]) {
    let mut painter = Painter::new();
    let mut terminal = Emulator::new();
    for (number, frame) in frames.iter().enumerate() {
        terminal.paint(&mut painter, frame.clone());
        let mut fresh = Emulator::new();
        fresh.paint(&mut Painter::new(), frame.clone());
        let (shown, repainted) = (terminal.cells(), fresh.cells());
        let differs = shown.iter().zip(&repainted).position(|(a, b)| a != b);
        if let Some(at) = differs {
            let (y, x) = (at / usize::from(COLUMNS), at % usize::from(COLUMNS));
            panic!(
                "frame {number}, row {y}, column {x}: {} instead of {}\n{}",
                shown[at],
                repainted[at],
                terminal.parser.screen().contents()
            );
        }
    }
}

fn scripts() -> Vec<&'static str> {
    SCRIPTS.lines().collect()
}

#[test]
fn there_are_many_scripts_and_emoji() {
    assert!(scripts().len() >= 30);
}

#[test]
fn rows_that_scroll_leave_nothing_behind() {
    let plain = "plain line 1 and some more text";
    let texts = scripts().into_iter().flat_map(|text| [text, plain]);
    let texts: Vec<(&str, Style)> = texts.map(|text| (text, Style::new())).collect();
    let frames = texts.windows(usize::from(ROWS)).map(frame);
    expect_repainted(&frames.collect::<Vec<_>>());
}

#[test]
fn a_row_may_change_into_any_other() {
    let texts = scripts();
    for (number, before) in texts.iter().enumerate() {
        let after = texts[(number * 7 + 3) % texts.len()];
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let shifted = format!("x{before}");
        let both = format!("{before} {after}");
        let long = format!("{}{before}{before}", "─".repeat(usize::from(COLUMNS) - 12));
        expect_repainted(&[
            frame(&[(before, Style::new()), (after, Style::new())]),
            frame(&[(after, Style::new()), (before, Style::new())]),
            frame(&[(&shifted, Style::new()), (before, bold)]),
            frame(&[
                (&both, Style::new().fg(Color::Green)),
                (before, Style::new()),
            ]),
            frame(&[("ab", Style::new()), (&long, Style::new())]),
            frame(&[("", Style::new()), ("abc", bold)]),
        ]);
    }
}

#[test]
fn every_start_of_a_text_is_shown_as_it_is_typed() {
    for text in scripts() {
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        let mut frames: Vec<ScreenImage> = ends
            .map(|end| frame(&[(&text[..end], Style::new()), ("> ", Style::new())]))
            .collect();
        // And as it is deleted again.
        frames.extend(frames.clone().into_iter().rev());
        expect_repainted(&frames);
    }
}

#[test]
fn a_cluster_at_the_edge_stays_in_its_row() {
    for text in scripts() {
        let full = text.repeat(8);
        let full = full.as_str();
        let frames = [
            frame(&[
                (full, Style::new()),
                ("below", Style::new()),
                (full, Style::new()),
            ]),
            frame(&[
                ("above", Style::new()),
                ("below", Style::new()),
                (full, Style::new()),
            ]),
            frame(&[(full, Style::new()); ROWS as usize]),
            frame(&[
                (full, Style::new()),
                ("", Style::new()),
                ("below", Style::new()),
            ]),
        ];
        expect_repainted(&frames);
        let mut terminal = Emulator::new();
        let [first, ..] = frames;
        terminal.paint(&mut Painter::new(), first);
        let shown: Vec<String> = terminal.parser.screen().rows(0, COLUMNS).collect();
        assert_eq!(shown[1], "below", "{text}");
    }
}

#[test]
fn plain_text_costs_only_what_changes() {
    let mut painter = Painter::new();
    let typed = |text| {
        frame(&[
            ("a long row of plain text that stays", Style::new()),
            (text, Style::new()),
        ])
    };
    painter.paint(typed("> hell")).unwrap();
    let bytes = painter.paint(typed("> hello")).unwrap();
    assert!(!String::from_utf8(bytes.clone()).unwrap().contains("hell"));
    assert!(bytes.len() < 80, "{}", bytes.len());
}

/// Returns a frame with these texts, of which the columns from `from` on are a link, if there is one.
fn linked_frame(rows: &[(&str, usize, Option<&Hyperlink>)]) -> ScreenImage {
    let texts = rows.iter().map(|(text, ..)| (*text, Style::new()));
    let mut image = frame(&texts.collect::<Vec<_>>());
    for (y, (text, from, link)) in (0..).zip(rows) {
        let parts = link.iter().map(|link| LinkedColumns {
            columns: *from..width(text),
            link: Arc::new(Hyperlink::clone(link)),
        });
        image.links.set(y, &parts.collect::<Vec<_>>());
    }
    image
}

#[test]
fn a_link_is_where_a_repaint_would_show_it() {
    let url = "https://a.example/a/path";
    let one = Hyperlink::new(1, 0, url).unwrap();
    let two = Hyperlink::new(2, 0, url).unwrap();
    for text in scripts() {
        let (plain, wide) = (
            "see https://a.example/a",
            format!("{text} https://a.example/a"),
        );
        let wide = wide.as_str();
        let from = width(text) + 1;
        expect_repainted(&[
            linked_frame(&[(plain, 4, None), (wide, from, None)]),
            linked_frame(&[(plain, 4, Some(&one)), (wide, from, Some(&one))]),
            linked_frame(&[(plain, 4, Some(&two)), (wide, from, Some(&one))]),
            linked_frame(&[
                (wide, from, Some(&two)),
                (plain, 4, Some(&two)),
                (wide, from, None),
            ]),
            linked_frame(&[("", 0, None), (wide, from, Some(&two))]),
            linked_frame(&[
                (plain, 4, Some(&one)),
                ("", 0, None),
                (plain, 4, Some(&one)),
            ]),
            linked_frame(&[(plain, 5, Some(&one)), (text, 0, None)]),
        ]);
    }
}

#[test]
fn the_rows_of_one_link_have_the_same_id() {
    let url = "https://a.example/a/path";
    let link = Hyperlink::new(3, 1, url).unwrap();
    let both = linked_frame(&[
        ("https://a.example", 0, Some(&link)),
        ("/a/path", 0, Some(&link)),
    ]);
    let bytes = String::from_utf8(Painter::new().paint(both).unwrap()).unwrap();
    let start = format!("{LINK}id=3-1;{url}{LINK_END}");
    // The cursor moves to the second row within the link.
    assert_eq!(bytes.matches(LINK).count(), 2, "{bytes:?}");
    let (_, linked) = bytes.split_once(&start).unwrap();
    let (linked, _) = linked.split_once(LINK).unwrap();
    assert!(
        linked.ends_with("https://a.example\u{1b}[2;1H/a/path"),
        "{linked:?}"
    );
}
