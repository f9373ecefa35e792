//! The status line: the ring, the neighbours, the coordinator, the delivery of the last message, and whether a
//! director answers, so that newcomers can join.
//!
//! Not here: the position of the line (`view`).

use ringtalk_session::NodeId;

use super::Screen;
use crate::sentences::name_or_id;
use crate::tty::{fit, width};
use ringtalk_session::text::escape_line;

/// The forms of the line, longest first: whether it has words or signs, and the maximum width of names. The first form
/// that fits is used.
const FORMS: [(bool, usize); 5] = [(true, 32), (true, 14), (true, 8), (false, 14), (false, 6)];

/// Returns the status line, in at most this many columns.
pub(super) fn format_status_line(screen: &Screen, room: usize) -> String {
    if !screen.state.ready {
        let joining = format!("joining · {}", screen.state.joining.describe_with_bar());
        return fit(&joining, room).into_owned();
    }
    let forms = FORMS.map(|(in_words, names)| in_ring(screen, in_words, names));
    let fitting = forms.iter().find(|form| width(form) <= room);
    let shortest = || fit(&forms[FORMS.len() - 1], room).into_owned();
    fitting.map_or_else(shortest, Clone::clone)
}

fn in_ring(screen: &Screen, in_words: bool, names: usize) -> String {
    let state = &screen.state;
    let short = |id: &NodeId| fit(&escape_line(&name_or_id(id, state)), names).into_owned();
    let members = state.members.as_ref().map_or(1, |members| members.len());
    let mut parts = vec![format!("ring {members}")];
    if let (Some(before), Some(after)) = (state.predecessor, state.successor) {
        parts.push(format!("← {}", short(&before)));
        parts.push(format!("{} →", short(&after)));
    }
    if let Some(members) = &state.members {
        let coordinator = members.coordinator();
        let name = if coordinator == state.me.id {
            "you".to_owned()
        } else {
            short(&coordinator)
        };
        let role = if in_words { "coordinator" } else { "★" };
        parts.push(format!("{role} {name}"));
    }
    parts.extend(delivery_count(screen, in_words));
    parts.push(match (state.director_answers, in_words) {
        (true, _) => "director ok".to_owned(),
        (false, true) => "no director answers".to_owned(),
        (false, false) => "no director".to_owned(),
    });
    parts.join(" · ")
}

/// Returns the words for how many members have the last message. Returns `None` if there was nobody to receive it.
fn delivery_count(screen: &Screen, in_words: bool) -> Option<String> {
    let latest = screen.deliveries.latest()?;
    let word = if in_words { "reached " } else { "✓ " };
    let got = latest
        .got
        .map_or_else(|| "…".to_owned(), |got| got.to_string());
    (latest.of > 0).then(|| format!("{word}{got}/{}", latest.of))
}
