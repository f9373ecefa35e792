//! How one stands, in one line: the ring, its neighbours and coordinator, how far the last message has
//! got, and whether newcomers can come.
//!
//! Not here: where the line is drawn (`view`).

use ringtalk_wire::NodeId;

use super::Screen;
use crate::face::Progress;
use crate::face::harmless::harmless;
use crate::face::remarks::name_or_id;
use crate::terminal::{fit, width};

/// In which words, and how wide names may be: the first that fits is taken.
const FORMS: [(bool, usize); 5] = [(true, 32), (true, 14), (true, 8), (false, 14), (false, 6)];

/// How many columns a bar has.
const BAR: u64 = 10;

/// How one stands, in at most so many columns.
pub(super) fn standing(screen: &Screen, room: usize) -> String {
    if !screen.known.ready {
        return fit(&joining(screen), room).into_owned();
    }
    let forms = FORMS.map(|(in_words, names)| in_ring(screen, in_words, names));
    let fitting = forms.iter().find(|form| width(form) <= room);
    let shortest = || fit(&forms[FORMS.len() - 1], room).into_owned();
    fitting.map_or_else(shortest, Clone::clone)
}

fn in_ring(screen: &Screen, in_words: bool, names: usize) -> String {
    let known = &screen.known;
    let short = |id: &NodeId| fit(&harmless(&name_or_id(id, known)), names).into_owned();
    let members = known.view.as_ref().map_or(1, |view| view.len());
    let mut parts = vec![format!("ring {members}")];
    if let (Some(before), Some(after)) = (known.predecessor, known.successor) {
        parts.push(format!("← {}", short(&before)));
        parts.push(format!("{} →", short(&after)));
    }
    if let Some(view) = &known.view {
        let coordinator = view.coordinator();
        let name = if coordinator == known.me.id {
            "you".to_owned()
        } else {
            short(&coordinator)
        };
        let role = if in_words { "coordinator" } else { "★" };
        parts.push(format!("{role} {name}"));
    }
    parts.extend(reach(screen, in_words));
    parts.push(match (screen.director_answers, in_words) {
        (true, _) => "director ok".to_owned(),
        (false, true) => "no director answers".to_owned(),
        (false, false) => "no director".to_owned(),
    });
    parts.join(" · ")
}

/// How far the message that was sent last has got, unless nobody was there to get it.
fn reach(screen: &Screen, in_words: bool) -> Option<String> {
    let latest = screen.deliveries.latest()?;
    let word = if in_words { "reached " } else { "✓ " };
    let got = latest
        .got
        .map_or_else(|| "…".to_owned(), |got| got.to_string());
    (latest.of > 0).then(|| format!("{word}{got}/{}", latest.of))
}

/// What this node is doing to get in.
fn joining(screen: &Screen) -> String {
    if screen.known.view.is_some() {
        return fetching(screen.fetched, screen.to_fetch);
    }
    match &screen.progress {
        None if screen.director_answers => "joining · starting".to_owned(),
        Some(Progress::Asking) if screen.director_answers => {
            "joining · asking the director".to_owned()
        }
        None | Some(Progress::Asking) => "joining · no director answers yet".to_owned(),
        Some(Progress::Linking { address }) => {
            format!("joining · linking to {}", harmless(address))
        }
    }
}

/// How much of the discussion so far has come.
fn fetching(fetched: u64, all: u64) -> String {
    // What the others forgot meanwhile never comes, and what is lacking counts as such.
    let all = all.max(fetched);
    if all == 0 {
        return "joining · asking for the discussion so far".to_owned();
    }
    let done = usize::try_from(fetched.saturating_mul(BAR) / all).unwrap_or(0);
    let bar = ["▇".repeat(done), "▁".repeat(BAR as usize - done)].concat();
    let (fetched, all) = (grouped(fetched), grouped(all));
    format!("joining · fetching {fetched} of {all} messages {bar}")
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_how_much_has_come() {
        let bar = |fetched, all| fetching(fetched, all).chars().filter(|c| *c == '▇').count();
        assert_eq!([bar(0, 5), bar(1, 10), bar(9, 5)], [0, 1, 10]);
        assert!(!fetching(0, 0).contains('▁'));
        assert!(fetching(0, 5).contains("0 of 5 messages"));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_240), "1,240");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
