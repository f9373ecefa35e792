//! The layout of an entry of the transcript in a given width: its rows, with their styles.
//!
//! Time, name and text have columns of their own. Not here: the choice of rows on the screen (`scroll`).

use std::borrow::Cow;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ringtalk_wire::NodeId;

use super::deliveries::{Delivery, DeliveryCount};
use super::invite;
use super::runs::Head;
use super::text_rows::{TalkRow, TextRow, linked_rows, text_rows};
use super::transcript::{Entry, MessageEntry, Tone};
use crate::folded::find_folded;
use crate::palette::name_color;
use crate::tty::{LinkedColumns, line_width, to_visual_order, width, wrap};

/// The width of the time, in columns, as in `12:34 `.
const TIME: usize = 6;
/// The separator between name and text.
const RULE: &str = " │ ";
/// The minimum width of the column of names: short names need not move the texts.
const MIN_NAME: usize = 5;
/// The maximum width of the column of names, as a part of the width for time, name and text.
const NAME_SHARE: usize = 4;
/// The maximum width of the column of names, in columns: a text needs the room more.
const MAX_NAME: usize = 20;

/// A text that fixes the reading direction of the program's own sentences, whatever names are in them.
const LEFT_TO_RIGHT: &str = "a";

/// The properties that determine the look of entries.
#[derive(Debug)]
pub(super) struct Look {
    /// The width for time, name and text, in columns.
    pub(super) width: usize,
    /// The width of the window, in columns.
    pub(super) window: usize,
    /// The width of the column of names, in columns.
    pub(super) name_width: usize,
    pub(super) colors: Colors,
    /// The search text, in lower case.
    pub(super) query: String,
    /// The entry in which the text was found.
    pub(super) current_match: Option<u64>,
    /// The entry that is picked.
    pub(super) picked: Option<u64>,
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
            self.with(Style::new(), Color::Indexed(name_color(id)))
        }
    }

    pub(super) fn with(self, style: Style, color: Color) -> Style {
        if self.0 { style.fg(color) } else { style }
    }

    pub(super) fn warning(self) -> Style {
        self.with(Style::new(), Color::Yellow)
    }
}

/// Returns the width of the column of names: as wide as the widest name needs, within limits.
pub(super) fn name_width(widest: usize, width: usize) -> usize {
    let most = (width / NAME_SHARE).clamp(MIN_NAME, MAX_NAME);
    widest.clamp(MIN_NAME, most)
}

pub(super) fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

impl Look {
    /// Returns the rows of an entry: at least one.
    pub(super) fn rows(&self, number: u64, entry: &Entry, head: Head) -> Vec<TalkRow> {
        let mut rows = self.plain_rows(number, entry, head);
        if self.picked == Some(number) {
            let reversed = Style::new().add_modifier(Modifier::REVERSED);
            for row in &mut rows {
                row.line = std::mem::take(&mut row.line).patch_style(reversed);
            }
        }
        if self.query.is_empty() {
            return rows;
        }
        let modifier = if self.current_match == Some(number) {
            Modifier::REVERSED
        } else {
            Modifier::UNDERLINED
        };
        for row in &mut rows {
            row.line = self.highlight(std::mem::take(&mut row.line), modifier);
        }
        rows
    }

    fn plain_rows(&self, number: u64, entry: &Entry, head: Head) -> Vec<TalkRow> {
        let time = if head.has_time { entry.time() } else { "" };
        match entry {
            Entry::Message(message) => self.message(number, message, time, head.has_name),
            Entry::Notice { text, .. } => self.remark(time, "*", text, dim()),
            Entry::Presence(presence) => self.remark(time, "*", &presence.text, dim()),
            Entry::Warning { text, .. } => self.remark(time, "!", text, self.colors.warning()),
            Entry::Day(text) => vec![self.rule(text, dim()).into()],
            Entry::Command(text) => invite::shell_rows(text, self.window)
                .into_iter()
                .map(|row| Line::raw(row).into())
                .collect(),
            Entry::Picture(rows) => self.picture(rows),
        }
    }

    /// Returns the rows of a text of the user that this node has not sent yet.
    pub(super) fn unsent_rows(&self, text: &str) -> Vec<TalkRow> {
        self.remark("", "…", text, dim())
    }

    /// Returns a rule across all columns, with a few words in it.
    pub(super) fn rule(&self, words: &str, style: Style) -> Line<'static> {
        let side = "─".repeat(self.width.saturating_sub(width(words) + 2) / 2);
        Line::styled(format!("{side} {words} {side}"), style)
    }

    /// Returns the rule before what the user has not seen.
    pub(super) fn unread_rule(&self, words: &str) -> Line<'static> {
        self.rule(words, self.colors.with(Style::new(), Color::Cyan))
    }

    fn message(
        &self,
        number: u64,
        message: &MessageEntry,
        time: &str,
        has_name: bool,
    ) -> Vec<TalkRow> {
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
        let head = if has_name {
            message.head()
        } else {
            Cow::Borrowed("")
        };
        let text = if self.colors.0 {
            linked_rows(&message.text, self.text_room(), number)
        } else {
            text_rows(&message.text, self.text_room(), None)
        };
        let mut rows = self.columns(time, (&head, name_style), text, style);
        self.mark(message.delivery, &mut rows);
        rows
    }

    fn remark(&self, time: &str, sign: &str, text: &str, style: Style) -> Vec<TalkRow> {
        let text = text_rows(text, self.text_room(), Some(LEFT_TO_RIGHT));
        self.columns(time, (sign, style), text, style)
    }

    fn columns(
        &self,
        time: &str,
        (name, name_style): (&str, Style),
        mut rows: Vec<TextRow>,
        style: Style,
    ) -> Vec<TalkRow> {
        // A long name is wrapped, never cut: two cut names could look the same.
        let parts = wrap(name, self.name_width).into_iter();
        let times = std::iter::once(time).chain(std::iter::repeat(""));
        let heads: Vec<Vec<Span>> = parts
            .zip(times)
            .map(|(part, time)| self.head(time, &name[part], name_style))
            .collect();
        rows.resize(rows.len().max(heads.len()), TextRow::default());
        let blank = Span::raw(" ".repeat(self.gutter() - width(RULE)));
        let heads = heads.into_iter().chain(std::iter::repeat(vec![blank]));
        rows.into_iter()
            .zip(heads)
            .map(|(row, mut spans)| {
                spans.push(Span::styled(RULE, dim()));
                spans.push(Span::styled(row.text, style));
                let shift = |part: LinkedColumns| LinkedColumns {
                    columns: part.columns.start + self.gutter()..part.columns.end + self.gutter(),
                    ..part
                };
                TalkRow {
                    line: Line::from(spans),
                    links: row.links.into_iter().map(shift).collect(),
                }
            })
            .collect()
    }

    fn head(&self, time: &str, name: &str, style: Style) -> Vec<Span<'static>> {
        let name = to_visual_order(name, name).into_owned();
        let pad = self.name_width.saturating_sub(width(&name));
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
    fn mark(&self, delivery: Option<Delivery>, rows: &mut Vec<TalkRow>) {
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
        let room = |row: &TalkRow| self.width.saturating_sub(line_width(&row.line));
        match rows.last_mut() {
            Some(last) if room(last) >= width(&text) => {
                last.line.push_span(Span::styled(text, style));
            }
            _ => rows.push(
                Line::from(vec![
                    Span::raw(" ".repeat(self.gutter() - width(RULE))),
                    Span::styled(RULE, dim()),
                    Span::styled(text.trim_start().to_owned(), style),
                ])
                .into(),
            ),
        }
    }

    fn picture(&self, rows: &[String]) -> Vec<TalkRow> {
        if rows.iter().any(|row| width(row) > self.width) {
            let text = "(this window is too narrow for the QR code)";
            return self.remark("", "*", text, dim());
        }
        let mut style = Style::new();
        if self.colors.0 {
            style = style.fg(Color::White).bg(Color::Black);
        }
        rows.iter()
            .map(|row| Line::from(Span::styled(row.clone(), style)).into())
            .collect()
    }

    const fn text_room(&self) -> usize {
        self.width.saturating_sub(self.gutter())
    }

    const fn gutter(&self) -> usize {
        TIME + self.name_width + 3
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
