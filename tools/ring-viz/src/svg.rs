//! The ring as a picture for browsers: a circle of members, with an arrow to each successor.
//!
//! It is drawn as reported: an arrow that does not lead to the next member of the view cuts
//! through the circle. Not here: where everything lies (`layout`), and how names are made fit for
//! XML (`text`).

mod layout;
mod text;

use std::fmt::{self, Write};

use ringtalk_wire::Member;

use crate::ring::{Place, Ring};
use layout::{Label, Layout, NODE_RADIUS};
use text::{escaped, shortened};

/// Light by default, dark where the reader's system is.
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1f2328}
.ground,.hub{fill:#fff}
.node{fill:#eaeef2;stroke:#57606a;stroke-width:1.5}
.halo{fill:none;stroke:#0969da;stroke-width:2}
.coordinator .node{fill:#ddf4ff;stroke:#0969da}
.silent .node{fill:#fff;stroke:#bc4c00;stroke-dasharray:4 3}
.next,.astray,.odd,.finger,.orbit{fill:none;stroke:#57606a;stroke-width:1.5}
.finger,.orbit{stroke:#d0d7de;stroke-width:1}
.astray,.odd{stroke:#bc4c00}
.odd{stroke-dasharray:2 3}
.tip{fill:#57606a}
.tip-astray{fill:#bc4c00}
.legend,.count{fill:#57606a}
.hub-text{text-anchor:middle}
.broken{fill:#bc4c00}
@media(prefers-color-scheme:dark){
text{fill:#e6edf3}
.ground,.hub{fill:#0d1117}
.node{fill:#21262d;stroke:#8b949e}
.halo{stroke:#58a6ff}
.coordinator .node{fill:#0c2d6b;stroke:#58a6ff}
.silent .node{fill:#0d1117;stroke:#f0883e}
.next{stroke:#8b949e}
.finger,.orbit{stroke:#30363d}
.astray,.odd{stroke:#f0883e}
.tip{fill:#8b949e}
.tip-astray,.broken{fill:#f0883e}
.legend,.count{fill:#8b949e}
}
";

/// The height of a line of text.
const LINE: f64 = 18.0;

/// The picture.
pub(crate) fn draw(ring: &Ring) -> String {
    let mut picture = String::new();
    let written = Drawing::of(ring).write(&mut picture);
    written.expect("memory takes whatever is written");
    picture
}

/// A ring, and where everything of it lies.
struct Drawing<'a> {
    ring: &'a Ring,
    names: Vec<String>,
    layout: Layout,
}

impl<'a> Drawing<'a> {
    fn of(ring: &'a Ring) -> Self {
        let names = ring.places.iter().map(|place| &place.member.name);
        let names: Vec<String> = names.map(|name| shortened(name)).collect();
        let layout = Layout::of(&names);
        Self {
            ring,
            names,
            layout,
        }
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let legend = self.legend();
        let width = self.layout.width();
        let height = self.layout.height() + LINE * legend.len() as f64;
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width:.0}\" \
             height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
             <title>{}</title>\n<style>\n{STYLE}</style>\n\
             <rect class=\"ground\" width=\"100%\" height=\"100%\"/>",
            self.title()
        )?;
        self.orbit(out)?;
        self.fingers(out)?;
        self.hub(out)?;
        for (here, place) in self.ring.places.iter().enumerate() {
            self.arrows(out, here, place)?;
        }
        for (here, place) in self.ring.places.iter().enumerate() {
            self.node(out, here, place)?;
        }
        for (line, text) in (0..).zip(&legend) {
            let y = self.layout.height() + LINE * f64::from(line);
            writeln!(
                out,
                "<text class=\"legend\" x=\"16\" y=\"{y:.0}\">{text}</text>"
            )?;
        }
        out.write_str("</svg>\n")
    }

    fn title(&self) -> String {
        format!("A ring of {}, {}", self.count(), self.verdict())
    }

    fn count(&self) -> String {
        match self.ring.places.len() {
            1 => "1 member".to_owned(),
            count => format!("{count} members"),
        }
    }

    fn verdict(&self) -> &'static str {
        if self.ring.is_closed() {
            "closed"
        } else {
            "not closed"
        }
    }

    fn legend(&self) -> Vec<&'static str> {
        let places = || self.ring.places.iter();
        let has_odd = || places().any(|place| self.ring.odd_predecessor(place).is_some());
        [
            (true, "double circle: the coordinator"),
            (!self.ring.shortcuts().is_empty(), "faint: links for speed"),
            (
                places().any(|place| place.report.is_none()),
                "dashed: could not be reached",
            ),
            (
                (0..)
                    .zip(places())
                    .any(|(here, place)| self.is_astray(here, place)),
                "arrow across: a successor that is not the next in the view",
            ),
            (
                has_odd(),
                "dotted: a predecessor that has another successor",
            ),
        ]
        .into_iter()
        .filter_map(|(is_there, text)| is_there.then_some(text))
        .collect()
    }

    fn is_astray(&self, here: usize, place: &Place) -> bool {
        let there = place.successor().and_then(|id| self.ring.position(&id));
        there.is_some_and(|there| there != self.after(here))
    }

    const fn after(&self, here: usize) -> usize {
        (here + 1) % self.ring.places.len()
    }

    /// Where the ring would be.
    fn orbit(&self, out: &mut String) -> fmt::Result {
        let ((x, y), radius) = (self.layout.centre(), self.layout.radius());
        writeln!(
            out,
            "<circle class=\"orbit\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/>"
        )
    }

    fn fingers(&self, out: &mut String) -> fmt::Result {
        for (here, there) in self.ring.shortcuts() {
            let path = self.layout.chord(here, there);
            writeln!(out, "<path class=\"finger\" d=\"{path}\"/>")?;
        }
        Ok(())
    }

    fn arrows(&self, out: &mut String, here: usize, place: &Place) -> fmt::Result {
        let there = place.successor().and_then(|id| self.ring.position(&id));
        if let Some(there) = there.filter(|there| *there != here) {
            let (class, tip, arrow) = if self.is_astray(here, place) {
                ("astray", "tip-astray", self.layout.across(here, there))
            } else {
                ("next", "tip", self.layout.along(here, there))
            };
            writeln!(out, "<path class=\"{class}\" d=\"{}\"/>", arrow.line)?;
            writeln!(out, "<path class=\"{tip}\" d=\"{}\"/>", arrow.tip)?;
        }
        let odd = self.ring.odd_predecessor(place);
        if let Some(there) = odd.and_then(|id| self.ring.position(&id)) {
            let path = self.layout.chord(here, there);
            writeln!(out, "<path class=\"odd\" d=\"{path}\"/>")?;
        }
        Ok(())
    }

    /// In the middle: what it comes to.
    fn hub(&self, out: &mut String) -> fmt::Result {
        let (x, y) = self.layout.centre();
        let verdict = self.verdict();
        let class = if self.ring.is_closed() {
            "hub-text"
        } else {
            "hub-text broken"
        };
        writeln!(
            out,
            "<circle class=\"hub\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"48\"/>\n\
             <text class=\"hub-text\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>\n\
             <text class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\">{verdict}</text>\n\
             <text class=\"hub-text count\" x=\"{x:.1}\" y=\"{:.1}\">epoch {}</text>",
            y - LINE + 4.0,
            self.count(),
            y + 4.0,
            y + LINE + 4.0,
            self.ring.epoch().number
        )
    }

    fn node(&self, out: &mut String, here: usize, place: &Place) -> fmt::Result {
        let is_coordinator = place.member.id == self.ring.epoch().coordinator;
        let mut class = String::from("member");
        if is_coordinator {
            class.push_str(" coordinator");
        }
        if place.report.is_none() {
            class.push_str(" silent");
        }
        let (x, y) = self.layout.node(here);
        writeln!(
            out,
            "<g class=\"{class}\"><title>{}</title>",
            hint(&place.member, is_coordinator, place.report.is_some())
        )?;
        writeln!(
            out,
            "<circle class=\"node\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{NODE_RADIUS}\"/>"
        )?;
        if is_coordinator {
            let radius = NODE_RADIUS - 4.0;
            writeln!(
                out,
                "<circle class=\"halo\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
            )?;
        }
        let Label { x, y, anchor, turn } = self.layout.label(here);
        let name = escaped(&self.names[here]);
        writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" dy=\"0.35em\" text-anchor=\"{anchor}\"{turn}>{name}\
             </text></g>"
        )
    }
}

/// What a pointer over the member shows.
fn hint(member: &Member, is_coordinator: bool, was_reached: bool) -> String {
    let role = if is_coordinator {
        ", the coordinator"
    } else {
        ""
    };
    let state = if was_reached {
        ""
    } else {
        ", could not be reached"
    };
    format!(
        "{}{role}{state}: {}, seniority {}",
        escaped(&member.name),
        escaped(member.addresses.shown()),
        member.seniority
    )
}

#[cfg(test)]
mod tests;
