//! A ring as a circle: members clockwise from the top, each in a row of its own, with its name outside.
//!
//! Not here: rings that do not fit so (`list`).

use std::f64::consts::TAU;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ringtalk_terminal::tty::width;

use super::dots::{DOWN, Dots};
use super::look::{Look, dim, name, usual};
use crate::ring::Ring;

/// The most columns of a name, and the fewest that are worth it.
const NAME: usize = 24;
const LEAST_NAME: usize = 4;
/// Between the circle and a name.
const GAP: f64 = 2.0;
/// The smallest circle.
const LEAST_RADIUS: (f64, f64) = (6.0, 2.0);
/// A character is about twice as high as it is wide.
const ASPECT: f64 = 2.0;
/// The most dots of all faint lines together: more would be a grey disc.
const FAINT_DOTS: usize = 1_500;

/// Kinds of lines, the most important last.
const FINGER: usize = 1;
const CHOSEN: usize = 2;
const ONE_SIDED: usize = 3;
const LINK: usize = 4;
const ASTRAY: usize = 5;

/// Where everything lies, in characters.
#[derive(Clone, Copy, Debug)]
struct Circle {
    count: usize,
    centre: (f64, f64),
    radius: (f64, f64),
    /// How wide names may be.
    name: usize,
}

/// Draws the ring; false where there is no room for that.
pub(super) fn draw(ring: &Ring, look: &Look, area: Rect, buffer: &mut Buffer) -> bool {
    let names = ring.places.iter().map(|place| width(&name(place, NAME)));
    let longest = names.max().unwrap_or(0);
    let Some(circle) = Circle::within(area, ring.places.len(), longest) else {
        return false;
    };
    lines(ring, look, &circle, area).draw(&look.lines(), buffer);
    for here in 0..ring.places.len() {
        rates(ring, look, &circle, here, area, buffer);
    }
    hub(ring, look, &circle, area, buffer);
    for (here, place) in ring.places.iter().enumerate() {
        let (x, y) = circle.node(here);
        let (mark, style) = look.mark(ring, place);
        put(buffer, area, x, y, mark, style);
        let name = name(place, circle.name);
        let (x, y) = circle.name_at(here, width(&name));
        put(buffer, area, x, y, &name, style);
    }
    true
}

/// All lines: fingers, then links between neighbours.
fn lines(ring: &Ring, look: &Look, circle: &Circle, area: Rect) -> Dots {
    let mut dots = Dots::new(area);
    let shortcuts = ring.shortcuts();
    let length = usize::from(area.height) * DOWN;
    let sparse = (shortcuts.len() * length).div_ceil(FAINT_DOTS);
    let is_chosen = |at: usize| Some(ring.places[at].member.id) == look.chosen;
    for (here, there) in shortcuts {
        if is_chosen(here) || is_chosen(there) {
            dots.curve(CHOSEN, 2, circle.chord(here, there));
        } else {
            dots.curve(FINGER, sparse.max(3), circle.chord(here, there));
        }
    }
    for here in 0..ring.places.len() {
        let next = ring.after(here);
        if ring.is_astray(here)
            && let Some(there) = ring.successor_of(here)
        {
            dots.curve(ASTRAY, 1, circle.chord(here, there));
            continue;
        }
        let named = ring.successor_of(here) == Some(next);
        let back = ring.places[next].predecessor() == Some(ring.places[here].member.id);
        match (named, back && next != here) {
            (true, true) => dots.curve(LINK, 1, circle.arc(here)),
            (true, false) | (false, true) => dots.curve(ONE_SIDED, 2, circle.arc(here)),
            (false, false) => {}
        }
    }
    dots
}

/// How many messages a second go between a member and the next one: either way, or together where there is less
/// room.
fn rates(ring: &Ring, look: &Look, circle: &Circle, here: usize, area: Rect, buffer: &mut Buffer) {
    let next = ring.after(here);
    if ring.places.len() == 2 && here > next {
        // It is the same link.
        return;
    }
    let (onward, back) = (ring.rate(here, next), ring.rate(next, here));
    // Which way that is on the screen.
    let arrows = match circle.side(here as f64 + 0.5) {
        Side::Right => ("↓", "↑"),
        Side::Left => ("↑", "↓"),
        Side::Top | Side::Bottom => ("←", "→"),
    };
    let ways = [(onward, arrows.0), (back, arrows.1)].into_iter();
    let ways = ways.filter_map(|(rate, arrow)| Some(format!("{}{arrow}", per_second(rate)?)));
    let both = ways.collect::<Vec<_>>().join(" ");
    let sum = per_second(onward + back).map(|rate| format!("{rate}↕"));
    for text in std::iter::once(both).chain(sum) {
        if let Some((x, y)) = circle.inside(here as f64 + 0.5, width(&text)) {
            return put(buffer, area, x, y, &text, look.rate());
        }
    }
}

/// What it comes to, in the middle.
fn hub(ring: &Ring, look: &Look, circle: &Circle, area: Rect, buffer: &mut Buffer) {
    let lines = [
        (ring.count(), usual()),
        (ring.verdict().to_owned(), look.verdict(ring)),
        (format!("epoch {}", ring.epoch().number), dim()),
    ];
    let room = 2.0 * circle.radius.0 - 4.0;
    if circle.radius.1 < 3.0 || lines.iter().any(|(text, _)| width(text) as f64 > room) {
        return;
    }
    for (row, (text, style)) in (-1..).zip(&lines) {
        let text = format!(" {text} ");
        let x = circle.centre.0 - width(&text) as f64 / 2.0 + 0.5;
        let y = circle.centre.1 + f64::from(row);
        put(buffer, area, x.round(), y.round(), &text, *style);
    }
}

/// A rate in at most five columns; nothing where it is none.
pub(super) fn per_second(rate: f64) -> Option<String> {
    match rate {
        ..0.05 => None,
        ..9.95 => Some(format!("{rate:.1}")),
        ..999.5 => Some(format!("{rate:.0}")),
        _ => Some(format!("{:.1}k", rate / 1_000.0)),
    }
}

/// Writes within the area.
fn put(buffer: &mut Buffer, area: Rect, x: f64, y: f64, text: &str, style: Style) {
    let (Ok(x), Ok(y)) = (u16::try_from(x as i64), u16::try_from(y as i64)) else {
        return;
    };
    if x < area.width && y < area.height {
        let room = usize::from(area.width - x);
        buffer.set_stringn(area.x + x, area.y + y, text, room, style);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Top,
    Right,
    Bottom,
    Left,
}

impl Circle {
    /// The largest circle, with a row of its own for each member on either side.
    fn within(area: Rect, count: usize, longest: usize) -> Option<Self> {
        let (width, height) = (f64::from(area.width), f64::from(area.height));
        // The names of those at the top and at the bottom have rows of their own.
        let down = (height - 3.0) / 2.0;
        let beside = |name: usize| (width - 1.0) / 2.0 - GAP - name as f64;
        let least = LEAST_RADIUS.0.max(down * ASPECT / 2.0);
        let room = usize::try_from((beside(0) - least) as i64).unwrap_or(0);
        let name = longest.min(NAME).min(room);
        let across = beside(name).min(down * ASPECT);
        let fits = across >= LEAST_RADIUS.0
            && down >= LEAST_RADIUS.1
            && name >= longest.min(LEAST_NAME)
            && count as f64 <= 4.0 * down;
        fits.then_some(Self {
            count,
            centre: ((width - 1.0) / 2.0, 1.0 + down),
            radius: (across, down),
            name,
        })
    }

    /// The part of the way round at a position, which need not be a whole one.
    fn part(&self, position: f64) -> f64 {
        (position / self.count.max(1) as f64).rem_euclid(1.0)
    }

    fn side(&self, position: f64) -> Side {
        let part = self.part(position);
        let is_at = |where_: f64| (part - where_).abs() < 1e-9;
        if is_at(0.0) {
            Side::Top
        } else if is_at(0.5) {
            Side::Bottom
        } else if part < 0.5 {
            Side::Right
        } else {
            Side::Left
        }
    }

    /// Clockwise from the top, so that members are as many rows apart everywhere.
    fn angle(&self, position: f64) -> f64 {
        let part = self.part(position);
        if part <= 0.5 {
            (1.0 - 4.0 * part).acos()
        } else {
            TAU - (1.0 - 4.0 * (1.0 - part)).acos()
        }
    }

    fn point(&self, angle: f64) -> (f64, f64) {
        let x = self.centre.0 + self.radius.0 * angle.sin();
        (x, self.centre.1 - self.radius.1 * angle.cos())
    }

    /// The character of a member.
    fn node(&self, here: usize) -> (f64, f64) {
        let (x, y) = self.point(self.angle(here as f64));
        (x.round(), y.round())
    }

    /// Along the circle from one member to the next.
    fn arc(&self, here: usize) -> impl Fn(f64) -> (f64, f64) {
        let from = self.angle(here as f64);
        let to = self.angle(here as f64 + 1.0);
        let to = if to <= from { to + TAU } else { to };
        let circle = *self;
        move |part| circle.point(from + (to - from) * part)
    }

    /// Straight through it.
    fn chord(&self, here: usize, there: usize) -> impl Fn(f64) -> (f64, f64) {
        let (from, to) = (self.node(here), self.node(there));
        move |part| {
            (
                from.0 + (to.0 - from.0) * part,
                from.1 + (to.1 - from.1) * part,
            )
        }
    }

    /// Where a name of this width begins.
    fn name_at(&self, here: usize, width: usize) -> (f64, f64) {
        let (x, y) = self.node(here);
        let width = width as f64;
        let (_, outer) = self.reach(y);
        match self.side(here as f64) {
            Side::Top => (x - ((width - 1.0) / 2.0).floor(), y - 1.0),
            Side::Bottom => (x - ((width - 1.0) / 2.0).floor(), y + 1.0),
            Side::Right => ((self.centre.0 + outer + GAP).round(), y),
            Side::Left => ((self.centre.0 - outer - GAP - width + 1.0).round(), y),
        }
    }

    /// Where a text of this width begins that belongs to a link; nothing where it has no room.
    fn inside(&self, position: f64, width: usize) -> Option<(f64, f64)> {
        let (_, y) = self.point(self.angle(position));
        let y = y.round();
        let (inner, _) = self.reach(y);
        let width = width as f64;
        let middle = self.centre.0 - width / 2.0 + 0.5;
        let (x, y, fits) = match self.side(position) {
            Side::Right => (
                self.centre.0 + inner - GAP - width + 1.0,
                y,
                inner > GAP + width,
            ),
            Side::Left => (self.centre.0 - inner + GAP, y, inner > GAP + width),
            Side::Top => (middle, y + 1.0, true),
            Side::Bottom => (middle, y - 1.0, true),
        };
        (width > 0.0 && fits).then_some((x.round(), y))
    }

    /// How far from the centre the circle is in a row of characters, at least and at most.
    fn reach(&self, row: f64) -> (f64, f64) {
        let off = (row - self.centre.1).abs() / self.radius.1;
        let half = 0.5 / self.radius.1;
        let at = |off: f64| self.radius.0 * (1.0 - off * off).max(0.0).sqrt();
        (at((off + half).min(1.0)), at((off - half).clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::f64::consts::PI;

    use super::*;

    fn circle(width: u16, height: u16, count: usize) -> Option<Circle> {
        Circle::within(Rect::new(0, 0, width, height), count, 6)
    }

    #[test]
    fn everybody_has_a_row_on_a_side() {
        for (count, width, height) in [(1, 40, 12), (7, 60, 16), (50, 140, 46), (86, 140, 46)] {
            let circle = circle(width, height, count).unwrap();
            let rows: BTreeSet<(bool, i64)> = (0..count)
                .map(|here| {
                    let (_, y) = circle.node(here);
                    (circle.part(here as f64) < 0.5, y as i64)
                })
                .collect();
            assert_eq!(rows.len(), count);
        }
        assert!(circle(140, 46, 87).is_none());
        assert!(circle(20, 46, 3).is_none());
        assert!(circle(80, 6, 3).is_none());
    }

    #[test]
    fn names_and_marks_are_inside_the_area_and_apart() {
        for (count, width, height) in [(2, 40, 12), (7, 60, 16), (50, 140, 46), (86, 140, 46)] {
            let circle = circle(width, height, count).unwrap();
            for here in 0..count {
                let (left, y) = circle.name_at(here, 6);
                assert!(
                    left >= 0.0 && left + 6.0 <= f64::from(width),
                    "{here}: {left}"
                );
                assert!(y >= 0.0 && y < f64::from(height), "{here}: {y}");
                let (x, row) = circle.node(here);
                assert!(
                    (row - y).abs() > 0.5 || x < left - 1.0 || x > left + 6.0,
                    "{here}: {x}, {left}"
                );
            }
        }
    }

    #[test]
    fn the_way_round_is_clockwise() {
        let circle = circle(60, 16, 4).unwrap();
        let sides = [0.0, 1.0, 2.0, 3.0].map(|position| circle.side(position));
        assert_eq!(sides, [Side::Top, Side::Right, Side::Bottom, Side::Left]);
        let (from, to) = (circle.arc(3)(0.0), circle.arc(3)(1.0));
        assert!(from.0 < to.0 && from.1 > to.1, "{from:?} {to:?}");
        assert!(circle.angle(2.0) - PI < 1e-9);
    }

    #[test]
    fn rates_are_short() {
        let shown = [0.0, 0.04, 0.5, 9.94, 12.3, 999.4, 1_234.0].map(per_second);
        let shown: Vec<&str> = shown
            .iter()
            .map(|text| text.as_deref().unwrap_or("-"))
            .collect();
        assert_eq!(shown, ["-", "-", "0.5", "9.9", "12", "999", "1.2k"]);
    }
}
