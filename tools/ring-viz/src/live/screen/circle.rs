//! A ring as a circle: members clockwise from the top, each in a row of its own, with its name outside.
//!
//! Not here: rings for which a circle has no room (`list`).

use std::f64::consts::TAU;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ringtalk_terminal::tty::{put_text, width};

use super::appearance::{Appearance, dim, name, plain};
use super::dots::{DOWN, Dots};
use crate::ring::Ring;

/// The most columns of a name, and the fewest that are useful.
const MAX_NAME: usize = 24;
const MIN_NAME: usize = 4;
/// The columns between the circle and a name.
const GAP: f64 = 2.0;
/// The smallest radii of the circle, across and down, in characters.
const MIN_RADIUS: (f64, f64) = (6.0, 2.0);
/// The height of a character in widths, about.
const ASPECT: f64 = 2.0;
/// The most dots of all faint lines together: more would fill the circle with grey.
const MAX_FAINT_DOTS: usize = 1_500;

/// Kinds of lines, the most important last.
const FINGER: usize = 1;
const CHOSEN: usize = 2;
const ONE_SIDED: usize = 3;
const LINK: usize = 4;
const SKIP: usize = 5;

/// The layout of the circle, in characters.
#[derive(Clone, Copy, Debug)]
struct Circle {
    count: usize,
    centre: (f64, f64),
    radius: (f64, f64),
    /// The most columns of a name.
    name: usize,
}

/// Draws the ring. Returns false, and draws nothing, if there is no room for a circle.
pub(super) fn draw(ring: &Ring, appearance: &Appearance, area: Rect, buffer: &mut Buffer) -> bool {
    let names = ring
        .members
        .iter()
        .map(|member| width(&name(member, MAX_NAME)));
    let longest = names.max().unwrap_or(0);
    let Some(circle) = Circle::within(area, ring.members.len(), longest) else {
        return false;
    };
    lines(ring, appearance, &circle, area).draw(&appearance.lines(), buffer);
    for here in 0..ring.members.len() {
        rates(ring, appearance, &circle, here, area, buffer);
    }
    summary(ring, appearance, &circle, area, buffer);
    for (here, member) in ring.members.iter().enumerate() {
        let (x, y) = circle.node(here);
        let (mark, style) = appearance.mark(ring, member);
        put(buffer, area, x, y, mark, style);
        let name = name(member, circle.name);
        let (x, y) = circle.name_at(here, width(&name));
        put(buffer, area, x, y, &name, style);
    }
    true
}

/// Draws all lines: fingers, then links between neighbours.
fn lines(ring: &Ring, appearance: &Appearance, circle: &Circle, area: Rect) -> Dots {
    let mut dots = Dots::new(area);
    let fingers = ring.finger_pairs();
    let length = usize::from(area.height) * DOWN;
    let sparse = (fingers.len() * length).div_ceil(MAX_FAINT_DOTS);
    let is_chosen = |at: usize| Some(ring.members[at].entry.id) == appearance.chosen;
    for (here, there) in fingers {
        if is_chosen(here) || is_chosen(there) {
            dots.curve(CHOSEN, 2, circle.chord(here, there));
        } else {
            dots.curve(FINGER, sparse.max(3), circle.chord(here, there));
        }
    }
    for here in 0..ring.members.len() {
        let next = ring.next_position(here);
        if ring.skips_next(here)
            && let Some(there) = ring.successor_of(here)
        {
            dots.curve(SKIP, 1, circle.chord(here, there));
            continue;
        }
        let named = ring.successor_of(here) == Some(next);
        let back = ring.members[next].predecessor() == Some(ring.members[here].entry.id);
        match (named, back && next != here) {
            (true, true) => dots.curve(LINK, 1, circle.arc(here)),
            (true, false) | (false, true) => dots.curve(ONE_SIDED, 2, circle.arc(here)),
            (false, false) => {}
        }
    }
    dots
}

/// Writes the messages per second between a member and the next one: each way, or their sum if there is less room.
fn rates(
    ring: &Ring,
    appearance: &Appearance,
    circle: &Circle,
    here: usize,
    area: Rect,
    buffer: &mut Buffer,
) {
    let next = ring.next_position(here);
    if ring.members.len() == 2 && here > next {
        // In a ring of two, both members have the same link.
        return;
    }
    let (onward, back) = (ring.rate(here, next), ring.rate(next, here));
    // The direction on the screen of `onward` and of `back`.
    let arrows = match circle.side(here as f64 + 0.5) {
        Side::Right => ("↓", "↑"),
        Side::Left => ("↑", "↓"),
        Side::Top | Side::Bottom => ("←", "→"),
    };
    let directions = [(onward, arrows.0), (back, arrows.1)].into_iter();
    let directions =
        directions.filter_map(|(rate, arrow)| Some(format!("{}{arrow}", per_second(rate)?)));
    let both = directions.collect::<Vec<_>>().join(" ");
    let sum = per_second(onward + back).map(|rate| format!("{rate}↕"));
    for text in std::iter::once(both).chain(sum) {
        if let Some((x, y)) = circle.inside(here as f64 + 0.5, width(&text)) {
            return put(buffer, area, x, y, &text, appearance.rate());
        }
    }
}

/// Writes the size, the verdict and the epoch in the middle, if there is room.
fn summary(ring: &Ring, appearance: &Appearance, circle: &Circle, area: Rect, buffer: &mut Buffer) {
    let lines = [
        (ring.size_text(), plain()),
        (ring.verdict().to_owned(), appearance.verdict(ring)),
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

/// Formats a rate, in at most five columns below 99,950 per second; `None` if the rate is below 0.05.
pub(super) fn per_second(rate: f64) -> Option<String> {
    match rate {
        ..0.05 => None,
        ..9.95 => Some(format!("{rate:.1}")),
        ..999.5 => Some(format!("{rate:.0}")),
        _ => Some(format!("{:.1}k", rate / 1_000.0)),
    }
}

/// Writes text at a position in the area, and nothing outside the area.
fn put(buffer: &mut Buffer, area: Rect, x: f64, y: f64, text: &str, style: Style) {
    let (Ok(x), Ok(y)) = (u16::try_from(x as i64), u16::try_from(y as i64)) else {
        return;
    };
    if x < area.width && y < area.height {
        let room = usize::from(area.width - x);
        put_text(buffer, (area.x + x, area.y + y), text, room, style);
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
    /// Returns the largest circle that gives each member a row of its own on its side; `None` if there is no room.
    fn within(area: Rect, count: usize, longest: usize) -> Option<Self> {
        let (width, height) = (f64::from(area.width), f64::from(area.height));
        // The names of the members at the top and at the bottom have rows of their own.
        let down = (height - 3.0) / 2.0;
        let beside = |name: usize| (width - 1.0) / 2.0 - GAP - name as f64;
        let least = MIN_RADIUS.0.max(down * ASPECT / 2.0);
        let room = usize::try_from((beside(0) - least) as i64).unwrap_or(0);
        let name = longest.min(MAX_NAME).min(room);
        let across = beside(name).min(down * ASPECT);
        let fits = across >= MIN_RADIUS.0
            && down >= MIN_RADIUS.1
            && name >= longest.min(MIN_NAME)
            && count as f64 <= 4.0 * down;
        fits.then_some(Self {
            count,
            centre: ((width - 1.0) / 2.0, 1.0 + down),
            radius: (across, down),
            name,
        })
    }

    /// Returns a position as a fraction of the way round. It may lie between two members.
    fn fraction(&self, position: f64) -> f64 {
        (position / self.count.max(1) as f64).rem_euclid(1.0)
    }

    fn side(&self, position: f64) -> Side {
        let fraction = self.fraction(position);
        let is_at = |target: f64| (fraction - target).abs() < 1e-9;
        if is_at(0.0) {
            Side::Top
        } else if is_at(0.5) {
            Side::Bottom
        } else if fraction < 0.5 {
            Side::Right
        } else {
            Side::Left
        }
    }

    /// Returns the angle of a position, clockwise from the top. Members are equally many rows apart everywhere.
    fn angle(&self, position: f64) -> f64 {
        let fraction = self.fraction(position);
        if fraction <= 0.5 {
            (1.0 - 4.0 * fraction).acos()
        } else {
            TAU - (1.0 - 4.0 * (1.0 - fraction)).acos()
        }
    }

    fn point(&self, angle: f64) -> (f64, f64) {
        let x = self.centre.0 + self.radius.0 * angle.sin();
        (x, self.centre.1 - self.radius.1 * angle.cos())
    }

    /// Returns the character cell of a member.
    fn node(&self, here: usize) -> (f64, f64) {
        let (x, y) = self.point(self.angle(here as f64));
        (x.round(), y.round())
    }

    /// Returns the curve along the circle from one member to the next.
    fn arc(&self, here: usize) -> impl Fn(f64) -> (f64, f64) {
        let from = self.angle(here as f64);
        let to = self.angle(here as f64 + 1.0);
        let to = if to <= from { to + TAU } else { to };
        let circle = *self;
        move |fraction| circle.point(from + (to - from) * fraction)
    }

    /// Returns the straight line from one member to another.
    fn chord(&self, here: usize, there: usize) -> impl Fn(f64) -> (f64, f64) {
        let (from, to) = (self.node(here), self.node(there));
        move |fraction| {
            (
                from.0 + (to.0 - from.0) * fraction,
                from.1 + (to.1 - from.1) * fraction,
            )
        }
    }

    /// Returns where a name of this width begins.
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

    /// Returns where the text of a link begins, inside the circle; `None` if this width has no room there.
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

    /// Returns how far the circle is from the centre in a row of characters, at least and at most.
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
    fn each_member_has_a_row_on_its_side() {
        for (count, width, height) in [(1, 40, 12), (7, 60, 16), (50, 140, 46), (86, 140, 46)] {
            let circle = circle(width, height, count).unwrap();
            let rows: BTreeSet<(bool, i64)> = (0..count)
                .map(|here| {
                    let (_, y) = circle.node(here);
                    (circle.fraction(here as f64) < 0.5, y as i64)
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
    fn members_go_clockwise() {
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
