//! Where everything lies: members on a circle, clockwise from the top, their names outside it.
//!
//! Lengths are in pixels of the picture. Not here: what it looks like (`svg`).

use std::f64::consts::TAU;

use super::text::width;

/// How large a member is drawn, and where there are many.
const NODE_RADIUS: f64 = 14.0;
const SMALL_NODE_RADIUS: f64 = 10.0;
/// The least circle: its middle has room for three lines of text.
const LEAST_RADIUS: f64 = 110.0;
/// The least way along the circle between two members: an arrow that can be seen, and so much that names
/// side by side do not touch. Fifty members are about as wide as a page.
const STEP: f64 = 24.0;
/// More names than this would overlap side by side, so they stand along the radius.
const UPRIGHT: usize = 8;
/// Between a member and its name.
const GAP: f64 = 8.0;
/// Around everything.
const EDGE: f64 = 24.0;
/// Half of the narrowest picture: the legend has room.
const LEAST_HALF: f64 = 220.0;
/// Between a member and the ends of an arrow.
const ARROW_GAP: f64 = 3.0;
/// How long the tip of an arrow is, and half of how wide.
const TIP: (f64, f64) = (9.0, 4.0);
/// How far lines through the circle bend towards its middle.
const BEND: f64 = 0.45;

/// The measures of one picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    count: usize,
    radius: f64,
    node_radius: f64,
    /// Half of the picture's width and height.
    half: (f64, f64),
}

/// An arrow, as two paths of SVG.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Arrow {
    pub(super) line: String,
    pub(super) tip: String,
}

/// Where a name stands.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Label {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) anchor: &'static str,
    /// The attribute that turns it, or nothing.
    pub(super) turn: String,
}

impl Layout {
    /// For members with these names.
    pub(super) fn of(names: &[String]) -> Self {
        let count = names.len().max(1);
        let node_radius = if count <= UPRIGHT {
            NODE_RADIUS
        } else {
            SMALL_NODE_RADIUS
        };
        let step = 2.0 * node_radius + STEP;
        let radius = LEAST_RADIUS.max(step * count as f64 / TAU);
        let mut layout = Self {
            count,
            radius,
            node_radius,
            half: (LEAST_HALF, radius + node_radius + GAP + EDGE),
        };
        for (place, name) in names.iter().enumerate() {
            let (x, y) = layout.extent(place, width(name));
            layout.half.0 = layout.half.0.max(x + EDGE);
            layout.half.1 = layout.half.1.max(y + EDGE);
        }
        layout
    }

    pub(super) fn width(&self) -> f64 {
        2.0 * self.half.0
    }

    pub(super) fn height(&self) -> f64 {
        2.0 * self.half.1
    }

    pub(super) const fn centre(&self) -> (f64, f64) {
        self.half
    }

    /// Of the circle that the members stand on.
    pub(super) const fn radius(&self) -> f64 {
        self.radius
    }

    /// How large a member is drawn.
    pub(super) const fn node_radius(&self) -> f64 {
        self.node_radius
    }

    /// The middle of a member.
    pub(super) fn node(&self, place: usize) -> (f64, f64) {
        self.point(self.angle(place), self.radius)
    }

    /// An arrow along the circle, from one member clockwise to another.
    pub(super) fn along(&self, from: usize, to: usize) -> Arrow {
        let (radius, gap) = (self.radius, self.node_radius + ARROW_GAP);
        let (x1, y1) = self.point(self.angle(from) + gap / radius, radius);
        let (x2, y2) = self.point(self.angle(to) - (gap + TIP.0) / radius, radius);
        let end = self.point(self.angle(to) - gap / radius, radius);
        Arrow {
            line: format!("M{x1:.1} {y1:.1}A{radius:.1} {radius:.1} 0 0 1 {x2:.1} {y2:.1}"),
            tip: tip((x2, y2), end),
        }
    }

    /// An arrow through the circle.
    pub(super) fn across(&self, from: usize, to: usize) -> Arrow {
        let gap = self.node_radius + ARROW_GAP;
        let (line, base) = self.bent(from, to, gap + TIP.0);
        let point = leave(self.node(to), self.bend(from, to), gap);
        let tip = tip(base, point);
        Arrow { line, tip }
    }

    /// A line through the circle that points nowhere.
    pub(super) fn chord(&self, from: usize, to: usize) -> String {
        self.bent(from, to, self.node_radius + ARROW_GAP).0
    }

    /// A line through the circle, and its end, so far from the middle of the member there.
    fn bent(&self, from: usize, to: usize, gap: f64) -> (String, (f64, f64)) {
        let (bx, by) = self.bend(from, to);
        let (x1, y1) = leave(self.node(from), (bx, by), self.node_radius + ARROW_GAP);
        let (x2, y2) = leave(self.node(to), (bx, by), gap);
        let line = format!("M{x1:.1} {y1:.1}Q{bx:.1} {by:.1} {x2:.1} {y2:.1}");
        (line, (x2, y2))
    }

    /// Towards where such a line bends: the middle of the circle.
    fn bend(&self, from: usize, to: usize) -> (f64, f64) {
        let between = toward(self.node(from), self.node(to), 0.5);
        toward(between, self.centre(), BEND)
    }

    /// Where the name of a member stands.
    pub(super) fn label(&self, place: usize) -> Label {
        let angle = self.angle(place);
        let (x, y) = self.point(angle, self.radius + self.node_radius + GAP);
        let side = angle.sin();
        if self.count <= UPRIGHT {
            let (anchor, shift) = if side > 0.3 {
                ("start", 0.0)
            } else if side < -0.3 {
                ("end", 0.0)
            } else {
                ("middle", -4.0 * angle.cos())
            };
            let turn = String::new();
            let y = y + shift;
            return Label { x, y, anchor, turn };
        }
        let degrees = angle.to_degrees();
        // Names on the left are turned so that nobody has to read upside down.
        let (anchor, degrees) = if side < -1e-9 {
            ("end", degrees + 90.0)
        } else {
            ("start", degrees - 90.0)
        };
        let turn = format!(" transform=\"rotate({degrees:.1} {x:.1} {y:.1})\"");
        Label { x, y, anchor, turn }
    }

    /// How far from the middle of the picture a name of this width reaches, each way.
    fn extent(&self, place: usize, width: f64) -> (f64, f64) {
        let angle = self.angle(place);
        let Label { x, y, anchor, turn } = self.label(place);
        let (dx, dy) = ((x - self.half.0).abs(), (y - self.half.1).abs());
        if !turn.is_empty() {
            (
                dx + width * angle.sin().abs(),
                dy + width * angle.cos().abs(),
            )
        } else if anchor == "middle" {
            (dx + width / 2.0, dy)
        } else {
            (dx + width, dy)
        }
    }

    fn angle(&self, place: usize) -> f64 {
        TAU * place as f64 / self.count as f64
    }

    /// A point at an angle, clockwise from the top, so far from the middle.
    fn point(&self, angle: f64, distance: f64) -> (f64, f64) {
        let (x, y) = self.centre();
        (x + distance * angle.sin(), y - distance * angle.cos())
    }
}

/// A part of the way from one point to another.
fn toward((x1, y1): (f64, f64), (x2, y2): (f64, f64), part: f64) -> (f64, f64) {
    (x1 + (x2 - x1) * part, y1 + (y2 - y1) * part)
}

/// Where a line to another point comes out of a member, so far from its middle.
fn leave(node: (f64, f64), to: (f64, f64), distance: f64) -> (f64, f64) {
    let length = (to.0 - node.0).hypot(to.1 - node.1);
    toward(node, to, distance / length.max(1.0))
}

/// A triangle from its base to its point. Drawn, since not every program knows how to turn the
/// markers of SVG.
fn tip(base: (f64, f64), point: (f64, f64)) -> String {
    let (x, y) = point;
    let (dx, dy) = (point.0 - base.0, point.1 - base.1);
    let scale = TIP.1 / dx.hypot(dy).max(1.0);
    let (sx, sy) = (-dy * scale, dx * scale);
    let (x1, y1, x2, y2) = (base.0 + sx, base.1 + sy, base.0 - sx, base.1 - sy);
    format!("M{x:.1} {y:.1}L{x1:.1} {y1:.1}L{x2:.1} {y2:.1}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(count: usize) -> Layout {
        Layout::of(&vec!["ann".to_owned(); count])
    }

    #[test]
    fn members_go_clockwise_from_the_top() {
        let layout = layout(4);
        let (x, y) = layout.centre();
        let [top, right, bottom, left] = [0, 1, 2, 3].map(|place| layout.node(place));
        assert!(top.1 < y && bottom.1 > y, "{top:?} {bottom:?}");
        assert!(right.0 > x && left.0 < x, "{right:?} {left:?}");
    }

    #[test]
    fn members_never_touch() {
        for count in [2, 3, 8, 20, 300] {
            let layout = layout(count);
            let ((x1, y1), (x2, y2)) = (layout.node(0), layout.node(1));
            let distance = (x2 - x1).hypot(y2 - y1);
            assert!(
                distance > 2.0 * layout.node_radius() + 2.0 * TIP.0,
                "{count}: {distance}"
            );
        }
    }

    #[test]
    fn everything_is_inside_the_picture() {
        for count in [1, 2, 8, 9, 40] {
            let layout = layout(count);
            for place in 0..count {
                let Label { x, y, .. } = layout.label(place);
                assert!(x > 0.0 && x < layout.width(), "{count}: {x}");
                assert!(y > 0.0 && y < layout.height(), "{count}: {y}");
            }
        }
    }

    #[test]
    fn in_a_large_ring_no_name_is_upside_down() {
        let layout = layout(40);
        for place in 0..40 {
            let turn = layout.label(place).turn;
            let degrees = turn.trim_start_matches(" transform=\"rotate(");
            let degrees: f64 = degrees.split(' ').next().unwrap().parse().unwrap();
            let upright = degrees.rem_euclid(360.0);
            assert!(!(90.1..269.9).contains(&upright), "{place}: {degrees}");
        }
    }
}
