//! The layout of an entry of the transcript in a given width: its rows, with their styles.
//!
//! Time, name and text have columns of their own. Not here: the choice of rows on the screen (`scroll`).

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ringtalk_wire::NodeId;

use super::deliveries::{Delivery, DeliveryCount};
use super::transcript::{Entry, MessageEntry, Tone, find_folded};
use crate::lines::hue;
use crate::tty::{to_visual_order, width, wrap};

/// The width of the time, in columns, as in `12:34 `.
const TIME: usize = 6;
/// The separator between name and text.
const RULE: &str = " │ ";
/// The width of the name, in columns.
const NAME: usize = 12;
/// The width of the name in a narrow window, in columns.
const NARROW_NAME: usize = 8;
/// The minimum width of a window that is not narrow, in columns.
const NARROW: usize = 60;

/// A text that fixes the reading direction of the program's own sentences, whatever names are in them.
const LEFT_TO_RIGHT: &str = "a";

/// The colours of names, which can be read on light and dark backgrounds.
const NAMES: [Color; 6] = [
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
];

/// The properties that determine the look of entries.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) width: usize,
    pub(super) colors: Colors,
    /// The search text, in lower case.
    pub(super) query: String,
    /// The entry in which the text was found.
    pub(super) current_match: Option<u64>,
}

/// The colours, if they are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colors(pub(super) bool);

impl Colors {
    /// Returns the style of a member's name. A member keeps its colour under another name.
    pub(super) fn name(self, id: &NodeId, is_me: bool) -> Style {
        if is_me {
            Style::new().add_modifier(Modifier::BOLD)
        } else {
            self.with(Style::new(), NAMES[hue(id) % NAMES.len()])
        }
    }

    pub(super) fn with(self, style: Style, color: Color) -> Style {
        if self.0 { style.fg(color) } else { style }
    }

    pub(super) fn warning(self) -> Style {
        self.with(Style::new(), Color::Yellow)
    }
}

pub(super) fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

impl Look {
    /// Returns the rows of an entry: at least one.
    pub(super) fn rows(&self, number: u64, entry: &Entry) -> Vec<Line<'static>> {
        let rows = self.plain_rows(entry);
        if self.query.is_empty() {
            return rows;
        }
        let modifier = if self.current_match == Some(number) {
            Modifier::REVERSED
        } else {
            Modifier::UNDERLINED
        };
        rows.into_iter()
            .map(|row| self.highlight(row, modifier))
            .collect()
    }

    fn plain_rows(&self, entry: &Entry) -> Vec<Line<'static>> {
        match entry {
            Entry::Message(message) => self.message(message),
            Entry::Notice(text) => self.remark("*", text, dim()),
            Entry::Warning(text) => self.remark("!", text, self.colors.warning()),
            Entry::Copied(text) => wrap(text, self.width)
                .into_iter()
                .map(|row| Line::raw(text[row].to_owned()))
                .collect(),
            Entry::Picture(rows) => self.picture(rows),
        }
    }

    /// Returns the rows of a text of the user that this node has not sent yet.
    pub(super) fn unsent_rows(&self, text: &str) -> Vec<Line<'static>> {
        self.remark("…", text, dim())
    }

    /// Returns a rule across all columns, with a word in it.
    pub(super) fn rule(&self, word: &str) -> Line<'static> {
        let side = "─".repeat(self.width.saturating_sub(width(word) + 2) / 2);
        let style = self.colors.with(Style::new(), Color::Red);
        Line::styled(format!("{side} {word} {side}"), style)
    }

    fn message(&self, message: &MessageEntry) -> Vec<Line<'static>> {
        let mut name_style = self.colors.name(&message.author, message.is_mine);
        let mut style = Style::new();
        match message.tone {
            Tone::Usual => {}
            Tone::History => (name_style, style) = (dim(), dim()),
            Tone::Mention => {
                name_style = name_style.add_modifier(Modifier::REVERSED);
                style = style.add_modifier(Modifier::BOLD);
            }
        }
        let (head, text) = if message.is_action {
            ("*", format!("{} {}", message.name, message.text))
        } else {
            (message.name.as_str(), message.text.clone())
        };
        let mut rows = self.columns(&message.time, (head, name_style), &text, (style, None));
        self.mark(message.delivery, &mut rows);
        rows
    }

    fn remark(&self, sign: &str, text: &str, style: Style) -> Vec<Line<'static>> {
        self.columns("", (sign, style), text, (style, Some(LEFT_TO_RIGHT)))
    }

    fn columns(
        &self,
        time: &str,
        (name, name_style): (&str, Style),
        text: &str,
        (style, like): (Style, Option<&str>),
    ) -> Vec<Line<'static>> {
        let room = self.width.saturating_sub(self.gutter());
        let lines = text.split('\n');
        let rows = lines.flat_map(|line| {
            let ranges = wrap(line, room).into_iter();
            ranges.map(|range| to_visual_order(&line[range], like.unwrap_or(line)).into_owned())
        });
        let mut rows: Vec<String> = rows.collect();
        // A long name is wrapped, never cut: two cut names could look the same.
        let parts = wrap(name, self.name_width()).into_iter();
        let times = std::iter::once(time).chain(std::iter::repeat(""));
        let heads: Vec<Vec<Span>> = parts
            .zip(times)
            .map(|(part, time)| self.head(time, &name[part], name_style))
            .collect();
        rows.resize(rows.len().max(heads.len()), String::new());
        let blank = Span::raw(" ".repeat(self.gutter() - width(RULE)));
        let heads = heads.into_iter().chain(std::iter::repeat(vec![blank]));
        rows.into_iter()
            .zip(heads)
            .map(|(row, mut spans)| {
                spans.push(Span::styled(RULE, dim()));
                spans.push(Span::styled(row, style));
                Line::from(spans)
            })
            .collect()
    }

    fn head(&self, time: &str, name: &str, style: Style) -> Vec<Span<'static>> {
        let name = to_visual_order(name, name).into_owned();
        let pad = self.name_width().saturating_sub(width(&name));
        vec![
            Span::styled(format!("{time:TIME$}"), dim()),
            Span::raw(" ".repeat(pad)),
            Span::styled(name, style),
        ]
    }

    /// Highlights the matches of the search text.
    fn highlight(&self, row: Line<'static>, modifier: Modifier) -> Line<'static> {
        let mut spans = Vec::new();
        for span in row.spans {
            let highlighted = span.style.add_modifier(modifier);
            let mut rest = span.content.as_ref();
            while let Some((from, to)) = find_folded(rest, &self.query) {
                spans.push(Span::styled(rest[..from].to_owned(), span.style));
                spans.push(Span::styled(rest[from..to].to_owned(), highlighted));
                rest = &rest[to..];
            }
            spans.push(Span::styled(rest.to_owned(), span.style));
        }
        Line::from(spans)
    }

    /// Adds the delivery of a message, behind its last row or below it.
    fn mark(&self, delivery: Option<Delivery>, rows: &mut Vec<Line<'static>>) {
        let (text, style) = match delivery {
            None => return,
            Some(Delivery::Sent) => (" ·".to_owned(), dim()),
            Some(Delivery::Reached(count)) if count.is_complete() => (" ✓".to_owned(), dim()),
            Some(Delivery::Reached(count)) if count.is_overdue() => (
                format!(" ! {}", describe_count(count)),
                self.colors.warning(),
            ),
            Some(Delivery::Reached(count)) => (format!(" · {}", describe_count(count)), dim()),
            Some(Delivery::Late) => (
                " ! not delivered to everyone yet".to_owned(),
                self.colors.warning(),
            ),
        };
        let room = |row: &Line| self.width.saturating_sub(row.width());
        match rows.last_mut() {
            Some(last) if room(last) >= width(&text) => last.push_span(Span::styled(text, style)),
            _ => rows.push(Line::from(vec![
                Span::raw(" ".repeat(self.gutter() - width(RULE))),
                Span::styled(RULE, dim()),
                Span::styled(text.trim_start().to_owned(), style),
            ])),
        }
    }

    fn picture(&self, rows: &[String]) -> Vec<Line<'static>> {
        if rows.iter().any(|row| width(row) > self.width) {
            let text = "(this window is too narrow for the QR code)";
            return self.remark("*", text, dim());
        }
        let mut style = Style::new();
        if self.colors.0 {
            style = style.fg(Color::White).bg(Color::Black);
        }
        rows.iter()
            .map(|row| Line::from(Span::styled(row.clone(), style)))
            .collect()
    }

    const fn name_width(&self) -> usize {
        if self.width < NARROW {
            NARROW_NAME
        } else {
            NAME
        }
    }

    const fn gutter(&self) -> usize {
        TIME + self.name_width() + 3
    }
}

/// Returns the words for a message that not everyone has: how many members have it.
fn describe_count(DeliveryCount { got, of, gone, .. }: DeliveryCount) -> String {
    let reached = format!("reached {got} of {of}");
    match gone {
        0 => reached,
        gone => format!("{reached}, {gone} gone since"),
    }
}
