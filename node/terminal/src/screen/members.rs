//! The list of members beside the discussion: in ring order from this node on, with marks for its neighbours and the
//! coordinator.
//!
//! Not here: its position on the screen (`view`).

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ringtalk_session::{Member, Members, NodeId, State};

use super::layout::{Colors, dim};
use crate::tty::{fit, to_visual_order};
use ringtalk_session::text::escape_line;

/// The marks of the coordinator, and of the neighbours: before, after, and both.
const COORDINATOR: &str = "★";
const BEFORE: &str = "←";
const AFTER: &str = "→";
const BOTH: &str = "↔";

/// Returns the list, in at most `width` columns and `height` rows.
pub(super) fn list(
    state: &State,
    colors: Colors,
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let Some(members) = &state.members else {
        return Vec::new();
    };
    let noun = if members.len() == 1 {
        "member"
    } else {
        "members"
    };
    let heading = Line::styled(format!("{} {noun}", members.len()), dim());
    let room = height.saturating_sub(1);
    let fits = members.len() <= room;
    let shown = if fits { room } else { room.saturating_sub(1) };
    let listed = from_me(members, &state.me.id).take(shown);
    let rows = listed.map(|member| row(member, members, state, colors, width));
    let mut rows: Vec<Line> = std::iter::once(heading).chain(rows).collect();
    if !fits {
        let more = members.len().saturating_sub(shown);
        rows.push(Line::styled(format!("   and {more} more"), dim()));
    }
    rows
}

/// Returns all members, clockwise from this node on.
fn from_me<'a>(members: &'a Members, me: &'a NodeId) -> impl Iterator<Item = &'a Member> {
    let before = members.iter().take_while(move |member| member.id != *me);
    let after = members.iter().skip_while(move |member| member.id != *me);
    after.chain(before)
}

fn row(
    member: &Member,
    members: &Members,
    state: &State,
    colors: Colors,
    width: usize,
) -> Line<'static> {
    let is_me = member.id == state.me.id;
    let is = |other: Option<NodeId>| other == Some(member.id);
    let role = if member.id == members.coordinator() {
        COORDINATOR
    } else {
        " "
    };
    let mark = match (is(state.predecessor), is(state.successor)) {
        (true, true) => BOTH,
        (true, false) => BEFORE,
        (false, true) => AFTER,
        (false, false) => " ",
    };
    let you = if is_me { " (you)" } else { "" };
    let name = escape_line(&member.name);
    let name = fit(&name, width.saturating_sub(3 + you.len())).into_owned();
    Line::from(vec![
        Span::styled(role, Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(format!("{mark} ")),
        Span::styled(
            to_visual_order(&name, &name).into_owned(),
            colors.name(&member.id, is_me),
        ),
        Span::styled(you, dim()),
    ])
}
