//! The members beside the talk: in ring order from oneself on, with marks for who is next to one and who
//! coordinates.
//!
//! Not here: where they are drawn (`view`).

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ringtalk_proto::View;
use ringtalk_wire::{Member, NodeId};

use super::layout::{Colors, dim};
use crate::face::known::Known;
use crate::harmless::harmless;
use crate::terminal::{fit, visual};

/// The coordinator's mark, and those of the neighbours: before, after, and both.
const COORDINATOR: &str = "★";
const BEFORE: &str = "←";
const AFTER: &str = "→";
const BOTH: &str = "↔";

/// The list, in at most so many columns and rows.
pub(super) fn list(
    known: &Known,
    colors: Colors,
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let Some(view) = &known.view else {
        return Vec::new();
    };
    let noun = if view.len() == 1 { "member" } else { "members" };
    let heading = Line::styled(format!("{} {noun}", view.len()), dim());
    let room = height.saturating_sub(1);
    let fits = view.len() <= room;
    let shown = if fits { room } else { room.saturating_sub(1) };
    let listed = from_me(view, &known.me.id).take(shown);
    let rows = listed.map(|member| row(member, view, known, colors, width));
    let mut rows: Vec<Line> = std::iter::once(heading).chain(rows).collect();
    if !fits {
        let more = view.len().saturating_sub(shown);
        rows.push(Line::styled(format!("   and {more} more"), dim()));
    }
    rows
}

/// All members, clockwise from this node on.
fn from_me<'a>(view: &'a View, me: &'a NodeId) -> impl Iterator<Item = &'a Member> {
    let before = view.members().take_while(move |member| member.id != *me);
    let after = view.members().skip_while(move |member| member.id != *me);
    after.chain(before)
}

fn row(member: &Member, view: &View, known: &Known, colors: Colors, width: usize) -> Line<'static> {
    let is_me = member.id == known.me.id;
    let is = |other: Option<NodeId>| other == Some(member.id);
    let role = if member.id == view.coordinator() {
        COORDINATOR
    } else {
        " "
    };
    let place = match (is(known.predecessor), is(known.successor)) {
        (true, true) => BOTH,
        (true, false) => BEFORE,
        (false, true) => AFTER,
        (false, false) => " ",
    };
    let you = if is_me { " (you)" } else { "" };
    let name = harmless(&member.name);
    let name = fit(&name, width.saturating_sub(3 + you.len())).into_owned();
    Line::from(vec![
        Span::styled(role, Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(format!("{place} ")),
        Span::styled(
            visual(&name, &name).into_owned(),
            colors.name(&member.id, is_me),
        ),
        Span::styled(you, dim()),
    ])
}
