//! Explains why the user has another name than the one requested.
//!
//! Not here: the grammar of names (`ringtalk_wire::name`), and the choice of each member's name (the coordinator).

use ringtalk_wire::NodeId;
use ringtalk_wire::name::{from_wish, is_reserved, is_same_text};

use crate::{Event, Me};

/// The name that the user asked for, and the name that the node has.
#[derive(Debug)]
pub(crate) struct Naming {
    me: NodeId,
    name: String,
    /// The last requested name, until there is an answer.
    requested: Option<String>,
}

impl Naming {
    pub(crate) fn new(me: &Me) -> Self {
        Self {
            me: me.id,
            name: me.requested_name.clone(),
            requested: Some(me.requested_name.clone()),
        }
    }

    /// Records a request for another name. Returns a sentence for the user if the node already has that name.
    pub(crate) fn record_request(&mut self, wish: &str) -> Option<String> {
        let is_own = from_wish(wish).is_some_and(|name| name == self.name);
        self.requested = Some(wish.to_owned()).filter(|_| !is_own);
        is_own.then(|| format!("your name is already {}", self.name))
    }

    /// Applies an event. Returns a sentence if the event gives the node another name than the last requested one.
    pub(crate) fn apply(&mut self, event: &Event) -> Option<String> {
        let name = match event {
            Event::Ready { name } => name,
            Event::Renamed { person, .. } if person.id == self.me => &person.name,
            _ => return None,
        };
        self.name.clone_from(name);
        let wish = self.requested.take();
        let wish = wish.filter(|wish| !is_same_text(wish, name))?;
        Some(explain(&wish, name))
    }
}

/// How the coordinator calls a member whose name has nothing visible.
const ANONYMOUS: &str = "anonymous";

/// Returns the reason why a user who asked for `wish` is called `name`.
fn explain(wish: &str, name: &str) -> String {
    const GRAMMAR: &str = "a name can have only letters, digits and - _ . '";
    match from_wish(wish) {
        Some(valid) if valid == name => format!("({GRAMMAR}: {wish} became {name})"),
        Some(valid) if is_reserved(&valid) => {
            format!("({valid} is a reserved word: you are {name})")
        }
        Some(valid) if is_numbered(name, &valid) => {
            format!("(another member has the name {valid} or a similar one: you are {name})")
        }
        Some(_) if !name.starts_with(ANONYMOUS) => {
            format!("(you are {name}; /name NEW changes that)")
        }
        _ => format!(
            "(a name needs a visible letter or digit: you are {name}; /name NEW changes that)"
        ),
    }
}

/// Returns true if `name` is `valid` with a number added, which is how the coordinator makes a taken name unique.
fn is_numbered(name: &str, valid: &str) -> bool {
    name.rsplit_once('-')
        .is_some_and(|(base, number)| valid.starts_with(base) && number.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_explained() {
        for (wish, name, expected) in [
            ("bob", "bob-2", "another member has the name bob or"),
            ("Mary Jane", "Mary-Jane", "Mary Jane became Mary-Jane"),
            ("Mary Jane", "Mary-Jane-2", "has the name Mary-Jane or"),
            ("me", "me-2", "me is a reserved word: you are me-2"),
            ("🎉", "anonymous", "you are anonymous"),
            ("bob", "ann-2", "(you are ann-2; /name"),
            ("\u{640}", "anonymous-3", "a visible letter or digit"),
            (&"x".repeat(32), &("x".repeat(30) + "-2"), "another member"),
        ] {
            let sentence = explain(wish, name);
            assert!(sentence.contains(expected), "{sentence}");
        }
    }
}
