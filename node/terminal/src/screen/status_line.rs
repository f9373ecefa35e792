//! The status line: problems first and in colour, then who is here and who has the last message. While a message is
//! picked, it names the keys instead.
//!
//! Its words are a user's. The ring, its coordinator and the neighbours are in `/ring`. Not here: the position of the
//! line (`view`).

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::layout::dim;
use super::{Mode, Screen};
use crate::tty::{fit, width};

/// The separator between two parts.
const SEPARATOR: &str = " · ";

/// A part of the line, and its style.
type Part = (String, Style);

/// Returns the status line, in at most `room` columns. What has no room is left out, the least important part first.
pub(super) fn status_line(screen: &Screen, room: usize) -> Line<'static> {
    let parts = if let Mode::Picking(pick) = &screen.mode {
        vec![(pick.hint().to_owned(), Style::new())]
    } else if screen.state.ready {
        let mut parts = problems(screen);
        parts.extend(facts(screen).into_iter().map(|fact| (fact, dim())));
        parts
    } else {
        vec![joining(screen)]
    };
    let mut spans = Vec::new();
    let mut used = 0;
    for (text, style) in parts {
        let separator = if used == 0 { "" } else { SEPARATOR };
        let wanted = width(separator) + width(&text);
        if used > 0 && used + wanted > room {
            break;
        }
        used += wanted;
        spans.push(Span::styled(separator, dim()));
        spans.push(Span::styled(fit(&text, room).into_owned(), style));
    }
    Line::from(spans)
}

fn joining(screen: &Screen) -> Part {
    let joining = &screen.state.joining;
    let style = if joining.has_no_director() {
        screen.colors.warning()
    } else {
        dim()
    };
    (format!("joining · {}", joining.describe_with_bar()), style)
}

fn problems(screen: &Screen) -> Vec<Part> {
    let mut problems = Vec::new();
    if !screen.state.director_answers {
        problems.push("no director answers; /invite shows who lets people in".to_owned());
    }
    match screen.deliveries.overdue_count() {
        0 => {}
        1 => problems.push("somebody does not have your message yet".to_owned()),
        many => problems.push(format!(
            "somebody does not have {many} of your messages yet"
        )),
    }
    let style = screen.colors.warning();
    problems
        .into_iter()
        .map(|problem| (problem, style))
        .collect()
}

fn facts(screen: &Screen) -> Vec<String> {
    let state = &screen.state;
    let members = state.members.as_ref().map_or(1, |members| members.len());
    let away = screen.attention.is_away();
    let away = away.then(|| "away: /back says what came".to_owned());
    let muted = screen.attention.is_muted();
    let muted = muted.then(|| "muted: /mute off ends it".to_owned());
    let mut facts: Vec<String> = away.into_iter().chain(muted).collect();
    facts.push(if members > 1 {
        format!("{members} people here")
    } else {
        "nobody else is here; newcomers will read this".to_owned()
    });
    if screen.deliveries.overdue_count() == 0 {
        facts.extend(describe_delivery(screen));
    }
    if state.me.open_at.is_some() {
        facts.push("open: anyone can read this".to_owned());
    }
    facts
}

/// Returns the words for how many people have the last message. Returns `None` if nobody was there to receive it, or
/// nobody is here.
fn describe_delivery(screen: &Screen) -> Option<String> {
    let latest = screen.deliveries.latest().filter(|latest| latest.of > 0)?;
    if screen.is_alone() {
        return None;
    }
    Some(match latest.got {
        _ if latest.is_complete => "everyone has your last message".to_owned(),
        Some(got) if got < latest.of => format!("{got} of {} have your last message", latest.of),
        // If all have it who were here, and it is still not complete, a newcomer was counted.
        _ => "your last message is on its way".to_owned(),
    })
}
