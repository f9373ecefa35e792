//! The layout of the picture: members on a circle, clockwise from the top, with their names outside.
//!
//! Lengths are in pixels of the picture. Not here: drawing, styles (`svg`).

use std::f64::consts::TAU;

use super::text::width;

/// The radius of a member, and the one in rings of more than `MAX_HORIZONTAL_NAMES` members.
const NODE_RADIUS: f64 = 14.0;
const SMALL_NODE_RADIUS: f64 = 10.0;
/// The smallest radius of the circle: its middle has room for three lines of text.
const MIN_RADIUS: f64 = 110.0;
/// The smallest gap along the circle between two members: enough for a visible arrow, and for names side by side not to
/// touch. Fifty members are about as wide as a page.
const STEP: f64 = 24.0;
/// The most members with horizontal names. More names would overlap, so they are turned along the radius.
const MAX_HORIZONTAL_NAMES: usize = 8;
/// The gap between a member and its name.
const GAP: f64 = 8.0;
/// The margin around everything.
const MARGIN: f64 = 24.0;
/// Half the width of the narrowest picture: the legend needs room.
const MIN_HALF_WIDTH: f64 = 220.0;
/// The gap between a member and the ends of an arrow.
const ARROW_GAP: f64 = 3.0;
/// The length and half the width of an arrowhead.
const TIP: (f64, f64) = (9.0, 4.0);
/// The bend of a line across the circle, as a fraction of the way to the centre.
const BEND: f64 = 0.45;

/// The dimensions of one picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    count: usize,
    radius: f64,
    node_radius: f64,
    /// Half of the picture's width and height.
    half: (f64, f64),
}

/// An arrow, as two SVG paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Arrow {
    pub(super) line: String,
    pub(super) tip: String,
}

/// The position of a name.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Label {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) anchor: &'static str,
    /// The SVG attribute that rotates it; empty if it is horizontal.
    pub(super) rotation: String,
}

impl Layout {
    /// Computes the layout of members with these names.
    pub(super) fn of(names: &[String]) -> Self {
        let count = names.len().max(1);
        let node_radius = if count <= MAX_HORIZONTAL_NAMES {
            NODE_RADIUS
        } else {
            SMALL_NODE_RADIUS
        };
        let step = 2.0 * node_radius + STEP;
        let radius = MIN_RADIUS.max(step * count as f64 / TAU);
        let mut layout = Self {
            count,
            radius,
            node_radius,
            half: (MIN_HALF_WIDTH, radius + node_radius + GAP + MARGIN),
        };
        for (position, name) in names.iter().enumerate() {
            let (x, y) = layout.extent(position, width(name));
            layout.half.0 = layout.half.0.max(x + MARGIN);
            layout.half.1 = layout.half.1.max(y + MARGIN);
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

    /// Returns the radius of the circle on which the members lie.
    pub(super) const fn radius(&self) -> f64 {
        self.radius
    }

    /// Returns the radius of a member.
    pub(super) const fn node_radius(&self) -> f64 {
        self.node_radius
    }

    /// Returns the centre of a member.
    pub(super) fn node(&self, position: usize) -> (f64, f64) {
        self.point(self.angle(position), self.radius)
    }

    /// Returns an arrow along the circle, clockwise from one member to another.
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

    /// Returns an arrow across the circle.
    pub(super) fn across(&self, from: usize, to: usize) -> Arrow {
        let gap = self.node_radius + ARROW_GAP;
        let (line, base) = self.curve(from, to, gap + TIP.0);
        let point = exit_point(self.node(to), self.control_point(from, to), gap);
        let tip = tip(base, point);
        Arrow { line, tip }
    }

    /// Returns a line across the circle without an arrowhead.
    pub(super) fn chord(&self, from: usize, to: usize) -> String {
        self.curve(from, to, self.node_radius + ARROW_GAP).0
    }

    /// Returns a line across the circle and its end, which is `gap` away from the centre of the member there.
    fn curve(&self, from: usize, to: usize, gap: f64) -> (String, (f64, f64)) {
        let (bx, by) = self.control_point(from, to);
        let (x1, y1) = exit_point(self.node(from), (bx, by), self.node_radius + ARROW_GAP);
        let (x2, y2) = exit_point(self.node(to), (bx, by), gap);
        let line = format!("M{x1:.1} {y1:.1}Q{bx:.1} {by:.1} {x2:.1} {y2:.1}");
        (line, (x2, y2))
    }

    /// Returns the point towards which such a line bends, on the way to the centre of the circle.
    fn control_point(&self, from: usize, to: usize) -> (f64, f64) {
        let between = toward(self.node(from), self.node(to), 0.5);
        toward(between, self.centre(), BEND)
    }

    /// Returns the position of a member's name.
    pub(super) fn label(&self, position: usize) -> Label {
        let angle = self.angle(position);
        let (x, y) = self.point(angle, self.radius + self.node_radius + GAP);
        let side = angle.sin();
        if self.count <= MAX_HORIZONTAL_NAMES {
            let (anchor, shift) = if side > 0.3 {
                ("start", 0.0)
            } else if side < -0.3 {
                ("end", 0.0)
            } else {
                ("middle", -4.0 * angle.cos())
            };
            let rotation = String::new();
            let y = y + shift;
            return Label {
                x,
                y,
                anchor,
                rotation,
            };
        }
        let degrees = angle.to_degrees();
        // Names on the left are turned by half a circle more, so that none is upside down.
        let (anchor, degrees) = if side < -1e-9 {
            ("end", degrees + 90.0)
        } else {
            ("start", degrees - 90.0)
        };
        let rotation = format!(" transform=\"rotate({degrees:.1} {x:.1} {y:.1})\"");
        Label {
            x,
            y,
            anchor,
            rotation,
        }
    }

    /// Returns how far a name of this width reaches from the centre of the picture, horizontally and vertically.
    fn extent(&self, position: usize, width: f64) -> (f64, f64) {
        let angle = self.angle(position);
        let Label {
            x,
            y,
            anchor,
            rotation,
        } = self.label(position);
        let (dx, dy) = ((x - self.half.0).abs(), (y - self.half.1).abs());
        if !rotation.is_empty() {
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

    fn angle(&self, position: usize) -> f64 {
        TAU * position as f64 / self.count as f64
    }

    /// Returns the point at this angle, clockwise from the top, and at this distance from the centre.
    fn point(&self, angle: f64, distance: f64) -> (f64, f64) {
        let (x, y) = self.centre();
        (x + distance * angle.sin(), y - distance * angle.cos())
    }
}

/// Returns the point at a fraction of the way from one point to another.
fn toward((x1, y1): (f64, f64), (x2, y2): (f64, f64), fraction: f64) -> (f64, f64) {
    (x1 + (x2 - x1) * fraction, y1 + (y2 - y1) * fraction)
}

/// Returns where a line from a member to another point begins, at this distance from the member's centre.
fn exit_point(node: (f64, f64), to: (f64, f64), distance: f64) -> (f64, f64) {
    let length = (to.0 - node.0).hypot(to.1 - node.1);
    toward(node, to, distance / length.max(1.0))
}

/// Returns an arrowhead as a triangle from its base to its point. It is a path, since not every program can rotate SVG
/// markers.
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
        let [top, right, bottom, left] = [0, 1, 2, 3].map(|position| layout.node(position));
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
            for position in 0..count {
                let Label { x, y, .. } = layout.label(position);
                assert!(x > 0.0 && x < layout.width(), "{count}: {x}");
                assert!(y > 0.0 && y < layout.height(), "{count}: {y}");
            }
        }
    }

    #[test]
    fn in_a_large_ring_no_name_is_upside_down() {
        let layout = layout(40);
        for position in 0..40 {
            let rotation = layout.label(position).rotation;
            let degrees = rotation.trim_start_matches(" transform=\"rotate(");
            let degrees: f64 = degrees.split(' ').next().unwrap().parse().unwrap();
            let upright = degrees.rem_euclid(360.0);
            assert!(!(90.1..269.9).contains(&upright), "{position}: {degrees}");
        }
    }
}
