//! A ring as a list in ring order: each member between the neighbours that it reports.
//!
//! It is shown if a circle has no room, or if the user asks for it. Not here: the details of a member (`details`).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ringtalk_terminal::tty::{put_text, width};
use ringtalk_wire::NodeId;

use super::appearance::{Appearance, name};
use super::circle::per_second;
use crate::ring::{Ring, RingMember};

/// The most columns of a name, and the fewest. A row has three names.
const MAX_NAME: usize = 24;
const MIN_NAME: usize = 4;
/// The columns besides the three names, and those of the rate: `★ name ← name → name  12/s  `.
const FIXED_COLUMNS: usize = 6;
const RATE_COLUMNS: usize = 9;

/// Draws the ring.
pub(super) fn draw(ring: &Ring, appearance: &Appearance, area: Rect, buffer: &mut Buffer) {
    let Some(rows) = usize::from(area.height)
        .checked_sub(1)
        .filter(|rows| *rows > 0)
    else {
        return;
    };
    heading(ring, appearance, area, buffer);
    let all = usize::from(area.width);
    let names = ring
        .members
        .iter()
        .map(|member| width(&name(member, MAX_NAME)));
    let room = all.saturating_sub(FIXED_COLUMNS + RATE_COLUMNS) / 3;
    let longest = names
        .max()
        .unwrap_or(0)
        .clamp(MIN_NAME, MAX_NAME)
        .min(room.max(MIN_NAME));
    let column = 3 * longest + FIXED_COLUMNS + RATE_COLUMNS;
    let columns = (all / column).max(1);
    let (first, shown) = page(ring, appearance, rows * columns);
    for (number, member) in ring.members.iter().enumerate().skip(first).take(shown) {
        let cell = number - first;
        let (x, y) = (cell / rows * column, 1 + cell % rows);
        let area = Rect {
            x: area.x + x as u16,
            y: area.y + y as u16,
            width: (all - x).min(column) as u16,
            height: 1,
        };
        row(ring, appearance, member, longest, area, buffer);
    }
}

/// Writes the size, the verdict and the epoch in one line.
fn heading(ring: &Ring, appearance: &Appearance, area: Rect, buffer: &mut Buffer) {
    let text = format!(
        "{} · {} · epoch {}",
        ring.size_text(),
        ring.verdict(),
        ring.epoch().number
    );
    put_text(
        buffer,
        (area.x, area.y),
        &text,
        area.width.into(),
        appearance.verdict(ring),
    );
}

/// Returns the first position of the page with the chosen member, and the length of a page.
fn page(ring: &Ring, appearance: &Appearance, room: usize) -> (usize, usize) {
    let chosen = appearance
        .chosen
        .and_then(|id| ring.position(&id))
        .unwrap_or(0);
    (chosen / room * room, room)
}

fn row(
    ring: &Ring,
    appearance: &Appearance,
    member: &RingMember,
    columns: usize,
    area: Rect,
    buffer: &mut Buffer,
) {
    let (mark, style) = appearance.mark(ring, member);
    let neighbour = |id: Option<NodeId>| match id.map(|id| ring.position(&id)) {
        Some(Some(at)) => name(&ring.members[at], columns),
        // The neighbour is not in this view.
        Some(None) => "?".to_owned(),
        None => "-".to_owned(),
    };
    let padded = |text: &str| format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))));
    let text = format!(
        "{mark} {} ← {} → {}",
        padded(&name(member, columns)),
        padded(&neighbour(member.predecessor())),
        padded(&neighbour(member.successor()))
    );
    let room = usize::from(area.width);
    put_text(buffer, (area.x, area.y), &text, room, style);
    if let Some(rate) = per_second(member.rates.values().sum()) {
        let used = width(&text).min(room);
        let text = format!(" {rate}/s");
        put_text(
            buffer,
            (area.x + used as u16, area.y),
            &text,
            room - used,
            appearance.rate(),
        );
    }
}
