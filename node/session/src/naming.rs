//! Explains why the user has another name than the one requested.
//!
//! Not here: the grammar of names (`ringtalk_wire::name`), and the choice of each member's name (the coordinator).

use ringtalk_wire::NodeId;
use ringtalk_wire::name::{from_wish, is_reserved};

use crate::{Event, Me};

/// The name that the user asked for, and the name that the node has.
#[derive(Debug)]
pub(crate) struct Naming {
    me: NodeId,
    name: String,
    /// The last requested name, until there is an answer.
    wish: Option<String>,
}

impl Naming {
    pub(crate) fn new(me: &Me) -> Self {
        Self {
            me: me.id,
            name: me.wanted_name.clone(),
            wish: Some(me.wanted_name.clone()),
        }
    }

    /// Records a request for another name. Returns a sentence for the user if the node already has that name.
    pub(crate) fn wish(&mut self, wish: &str) -> Option<String> {
        let is_own = from_wish(wish).is_some_and(|name| name == self.name);
        self.wish = Some(wish.to_owned()).filter(|_| !is_own);
        is_own.then(|| format!("you are {} already", self.name))
    }

    /// Applies an event. Returns a sentence if the event gives the node another name than the last requested one.
    pub(crate) fn learn(&mut self, event: &Event) -> Option<String> {
        let name = match event {
            Event::Ready { name } => name,
            Event::Renamed { person, .. } if person.id == self.me => &person.name,
            _ => return None,
        };
        self.name.clone_from(name);
        let wish = self.wish.take().filter(|wish| wish != name)?;
        Some(why(&wish, name))
    }
}

/// Returns the reason why a user who asked for `wish` is called `name`.
fn why(wish: &str, name: &str) -> String {
    const GRAMMAR: &str = "names have letters, digits and - _ . ' only";
    match from_wish(wish) {
        None => format!("({GRAMMAR}: you are {name}; /name NEW takes another name)"),
        Some(kept) if kept == name => format!("({GRAMMAR}: {wish} became {name})"),
        Some(kept) if is_reserved(&kept) => {
            format!("({kept} is nobody's name here, since it means something else: you are {name})")
        }
        Some(kept) => format!("(somebody else is {kept} already, or looks like it)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told() {
        for (wish, name, told) in [
            ("bob", "bob-2", "somebody else is bob already"),
            ("Mary Jane", "Mary-Jane", "Mary Jane became Mary-Jane"),
            ("Mary Jane", "Mary-Jane-2", "somebody else is Mary-Jane"),
            ("me", "me-2", "me is nobody's name"),
            ("🎉", "anonymous", "you are anonymous"),
        ] {
            let why = why(wish, name);
            assert!(why.contains(told), "{why}");
        }
    }
}
