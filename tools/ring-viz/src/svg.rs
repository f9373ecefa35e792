//! The ring as an SVG picture for browsers: a circle of members, with an arrow to each successor.
//!
//! It shows what the nodes report: an arrow that does not lead to the next member of the view crosses the circle.
//! Not here: positions (`layout`), escaping of names (`text`).

mod layout;
mod text;

use std::fmt::{self, Write};

use ringtalk_wire::Member;

use crate::ring::{MemberState, Ring, RingMember};
use layout::{Label, Layout};
use text::{escaped, shortened};

/// The style sheet: light by default, dark if the reader's system is.
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1f2328}
.ground,.hub{fill:#fff}
.node{fill:#eaeef2;stroke:#57606a;stroke-width:1.5}
.halo{fill:none;stroke:#0969da;stroke-width:2}
.coordinator .node{fill:#ddf4ff;stroke:#0969da}
.silent .node{fill:#fff;stroke:#bc4c00;stroke-dasharray:4 3}
.suspected .node{fill:#fff8c5;stroke:#9a6700}
.doubt,.hub-text{text-anchor:middle}
.next,.astray,.odd,.finger,.orbit{fill:none;stroke:#57606a;stroke-width:1.5}
.finger,.orbit{stroke:#d0d7de;stroke-width:1}
.astray,.odd{stroke:#bc4c00}
.odd{stroke-dasharray:2 3}
.tip{fill:#57606a}
.tip-astray{fill:#bc4c00}
.legend,.count{fill:#57606a}
.size{font-weight:600}
.broken{fill:#bc4c00}
@media(prefers-color-scheme:dark){
text{fill:#e6edf3}
.ground,.hub{fill:#0d1117}
.node{fill:#21262d;stroke:#8b949e}
.halo{stroke:#58a6ff}
.coordinator .node{fill:#0c2d6b;stroke:#58a6ff}
.silent .node{fill:#0d1117;stroke:#f0883e}
.suspected .node{fill:#3b2300;stroke:#d29922}
.next{stroke:#8b949e}
.finger,.orbit{stroke:#30363d}
.astray,.odd{stroke:#f0883e}
.tip{fill:#8b949e}
.tip-astray,.broken{fill:#f0883e}
.legend,.count{fill:#8b949e}
}
";

/// The height of a line of text, in pixels.
const LINE: f64 = 18.0;

/// Returns the picture as SVG text.
pub(crate) fn draw(ring: &Ring) -> String {
    let mut picture = String::new();
    let written = Drawing::of(ring).write(&mut picture);
    written.expect("memory takes whatever is written");
    picture
}

/// A ring with its layout.
struct Drawing<'a> {
    ring: &'a Ring,
    names: Vec<String>,
    layout: Layout,
}

impl<'a> Drawing<'a> {
    fn of(ring: &'a Ring) -> Self {
        let names = ring.members.iter().map(|member| &member.entry.name);
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
             <rect class=\"ground\" width=\"100%\" height=\"100%\" rx=\"12\"/>",
            self.title()
        )?;
        self.circle(out)?;
        self.fingers(out)?;
        self.summary(out)?;
        for (here, member) in self.ring.members.iter().enumerate() {
            self.arrows(out, here, member)?;
        }
        for (here, member) in self.ring.members.iter().enumerate() {
            self.node(out, here, member)?;
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
        format!(
            "A ring of {}, {}",
            self.ring.size_text(),
            self.ring.verdict()
        )
    }

    fn legend(&self) -> Vec<&'static str> {
        let members = || self.ring.members.iter();
        let has_suspects =
            || members().any(|member| self.ring.state(member) == MemberState::Suspected);
        let has_conflicts =
            || members().any(|member| self.ring.conflicting_predecessor(member).is_some());
        [
            (true, "double circle: the coordinator"),
            (!self.ring.finger_pairs().is_empty(), "faint: fingers"),
            (
                members().any(|member| member.report.is_none()),
                "dashed: could not be reached",
            ),
            (has_suspects(), "?: suspected by another member"),
            (
                (0..self.ring.members.len()).any(|here| self.ring.skips_next(here)),
                "arrow across: a successor that is not the next in the view",
            ),
            (
                has_conflicts(),
                "dotted: a predecessor that has another successor",
            ),
        ]
        .into_iter()
        .filter_map(|(is_there, text)| is_there.then_some(text))
        .collect()
    }

    /// Draws the circle on which the members lie.
    fn circle(&self, out: &mut String) -> fmt::Result {
        let ((x, y), radius) = (self.layout.centre(), self.layout.radius());
        writeln!(
            out,
            "<circle class=\"orbit\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/>"
        )
    }

    fn fingers(&self, out: &mut String) -> fmt::Result {
        for (here, there) in self.ring.finger_pairs() {
            let path = self.layout.chord(here, there);
            writeln!(out, "<path class=\"finger\" d=\"{path}\"/>")?;
        }
        Ok(())
    }

    fn arrows(&self, out: &mut String, here: usize, member: &RingMember) -> fmt::Result {
        if let Some(there) = self.ring.successor_of(here) {
            let (class, tip, arrow) = if self.ring.skips_next(here) {
                ("astray", "tip-astray", self.layout.across(here, there))
            } else {
                ("next", "tip", self.layout.along(here, there))
            };
            writeln!(out, "<path class=\"{class}\" d=\"{}\"/>", arrow.line)?;
            writeln!(out, "<path class=\"{tip}\" d=\"{}\"/>", arrow.tip)?;
        }
        let conflict = self.ring.conflicting_predecessor(member);
        if let Some(there) = conflict.and_then(|id| self.ring.position(&id)) {
            let path = self.layout.chord(here, there);
            writeln!(out, "<path class=\"odd\" d=\"{path}\"/>")?;
        }
        Ok(())
    }

    /// Writes the size, the verdict and the epoch in the middle.
    fn summary(&self, out: &mut String) -> fmt::Result {
        let (x, y) = self.layout.centre();
        let verdict = self.ring.verdict();
        let class = if self.ring.is_closed() {
            "hub-text"
        } else {
            "hub-text broken"
        };
        writeln!(
            out,
            "<circle class=\"hub\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"48\"/>\n\
             <text class=\"hub-text size\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>\n\
             <text class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\">{verdict}</text>\n\
             <text class=\"hub-text count\" x=\"{x:.1}\" y=\"{:.1}\">epoch {}</text>",
            y - LINE + 4.0,
            self.ring.size_text(),
            y + 4.0,
            y + LINE + 4.0,
            self.ring.epoch().number
        )
    }

    fn node(&self, out: &mut String, here: usize, member: &RingMember) -> fmt::Result {
        let is_coordinator = self.ring.is_coordinator(member);
        let is_suspected = self.ring.state(member) == MemberState::Suspected;
        let classes = [
            (is_coordinator, " coordinator"),
            (member.report.is_none(), " silent"),
            (is_suspected, " suspected"),
        ];
        let class: String = classes
            .iter()
            .filter_map(|(is_so, class)| is_so.then_some(*class))
            .collect();
        let (x, y) = self.layout.node(here);
        let radius = self.layout.node_radius();
        writeln!(
            out,
            "<g class=\"member{class}\"><title>{}</title>",
            tooltip(&member.entry, &class)
        )?;
        writeln!(
            out,
            "<circle class=\"node\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
        )?;
        if is_coordinator {
            let radius = radius - 4.0;
            writeln!(
                out,
                "<circle class=\"halo\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
            )?;
        }
        if is_suspected {
            writeln!(
                out,
                "<text class=\"doubt\" x=\"{x:.1}\" y=\"{y:.1}\" dy=\"0.35em\">?</text>"
            )?;
        }
        let Label {
            x,
            y,
            anchor,
            rotation,
        } = self.layout.label(here);
        let name = escaped(&self.names[here]);
        writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" dy=\"0.35em\" text-anchor=\"{anchor}\"{rotation}>{name}\
             </text></g>"
        )
    }
}

/// Returns the tooltip of a member that has these classes.
fn tooltip(member: &Member, class: &str) -> String {
    let words = [
        ("coordinator", ", the coordinator"),
        ("silent", ", could not be reached"),
        ("suspected", ", suspected by another member"),
    ];
    let words = words.iter().filter(|(word, _)| class.contains(word));
    let words: String = words.map(|(_, words)| *words).collect();
    format!(
        "{}{words}: {}, seniority {}",
        escaped(&member.name),
        escaped(member.addresses.shown()),
        member.seniority
    )
}

#[cfg(test)]
mod tests;
