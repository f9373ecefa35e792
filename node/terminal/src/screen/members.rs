//! The list of people beside the discussion: this user, then the others in the order in which they joined.
//!
//! Not here: its position on the screen (`view`), and the order of the ring (`/ring`).

use ratatui::text::{Line, Span};
use ringtalk_session::{Member, Members, NodeId, State};

use super::labels::labels;
use super::layout::{Colors, dim};
use crate::tty::{fit, to_visual_order, width};
use ringtalk_session::text::escape_line;

/// The words behind the user's own name.
const YOU: &str = " (you)";

/// Returns the list, in at most `columns` columns and `height` rows.
pub(super) fn list(
    state: &State,
    colors: Colors,
    columns: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let Some(members) = &state.members else {
        return Vec::new();
    };
    let noun = if members.len() == 1 {
        "person"
    } else {
        "people"
    };
    let heading = Line::styled(format!("{} {noun}", members.len()), dim());
    let room = height.saturating_sub(1);
    let fits = members.len() <= room;
    let shown = if fits { room } else { room.saturating_sub(1) };
    let listed = first_members(members, &state.me.id, shown);
    let names = listed
        .iter()
        .map(|member| (member.id, escape_line(&member.name)));
    let labels = labels(&names.collect::<Vec<_>>(), columns);
    let rows = listed.into_iter().zip(labels);
    let rows = rows.map(|(member, label)| row(&member.id, &label, state, colors, columns));
    let mut rows: Vec<Line> = std::iter::once(heading).chain(rows).collect();
    if !fits {
        let more = members.len().saturating_sub(shown);
        rows.push(Line::styled(format!("and {more} more"), dim()));
    }
    rows
}

/// Returns the first `count` members: this node's own, then the others in the order in which they joined.
fn first_members<'a>(members: &'a Members, me: &NodeId, count: usize) -> Vec<&'a Member> {
    let order = |member: &&Member| (member.id != *me, member.seniority, member.id);
    let mut listed: Vec<&Member> = members.iter().collect();
    // Only those that are shown are sorted: a frame must not take longer with many members.
    if count < listed.len() {
        listed.select_nth_unstable_by_key(count, order);
        listed.truncate(count);
    }
    listed.sort_unstable_by_key(order);
    listed
}

fn row(id: &NodeId, label: &str, state: &State, colors: Colors, columns: usize) -> Line<'static> {
    let is_me = *id == state.me.id;
    // The user's own name is bold, and needs no other words where there is no room for them.
    let you = if is_me && width(label) + width(YOU) <= columns {
        YOU
    } else {
        ""
    };
    let label = fit(label, columns);
    Line::from(vec![
        Span::styled(
            to_visual_order(&label, &label).into_owned(),
            colors.name(id, is_me),
        ),
        Span::styled(you, dim()),
    ])
}
