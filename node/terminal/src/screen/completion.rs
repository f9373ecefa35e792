//! Completes the word before the cursor when the user presses Tab: a command, or a member's name.
//!
//! Not here: the list of names (`writing`).

use crate::folded::fold;
use crate::stdin::command_words;

/// The choices for a word. Tab goes from one to the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Completion {
    /// The start of the word, in bytes.
    pub(super) start: usize,
    choices: Vec<String>,
    next: usize,
}

impl Completion {
    /// Returns the choices for the word before the cursor, if there are any.
    pub(super) fn find<'a>(before: &str, names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let start = before.rfind(char::is_whitespace).map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
        let word = &before[start..];
        let choices = if start == 0 && word.starts_with('/') {
            commands(word)
        } else {
            completed(word, start == 0, names)
        };
        (!choices.is_empty()).then_some(Self {
            start,
            choices,
            next: 0,
        })
    }

    /// Returns the next choice. After the last choice comes the first.
    pub(super) fn next(&mut self) -> &str {
        let choice = self.next;
        self.next = (choice + 1) % self.choices.len();
        &self.choices[choice]
    }
}

fn commands(begun: &str) -> Vec<String> {
    let begun = begun.to_lowercase();
    let fitting = command_words().filter(|word| word.starts_with(&begun));
    fitting.map(|word| format!("{word} ")).collect()
}

/// Returns the names that complete a word. A name at the start of a line gets a colon: it addresses that member.
fn completed<'a>(
    word: &str,
    is_first: bool,
    names: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let (at, begun) = word
        .strip_prefix('@')
        .map_or(("", word), |begun| ("@", begun));
    if begun.is_empty() && at.is_empty() {
        return Vec::new();
    }
    let begun: String = fold(begun).collect();
    let end = if is_first && at.is_empty() { ": " } else { " " };
    let mut fitting: Vec<String> = names
        .into_iter()
        .filter(|name| fold(name).collect::<String>().starts_with(&begun))
        .map(|name| format!("{at}{name}{end}"))
        .collect();
    fitting.sort();
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(before: &str) -> Vec<String> {
        let names = ["ann", "Anders", "bob", "αστρο"];
        Completion::find(before, names).map_or_else(Vec::new, |found| found.choices)
    }

    #[test]
    fn names_are_completed_wherever_they_stand() {
        assert_eq!(choices("b"), ["bob: "]);
        assert_eq!(choices("hello an"), ["Anders ", "ann "]);
        assert_eq!(choices("hello @b"), ["@bob "]);
        assert_eq!(choices("ΑΣ"), ["αστρο: "]);
        assert_eq!(choices("zz"), [""; 0]);
        assert_eq!(choices(""), [""; 0]);
        assert_eq!(choices("hello "), [""; 0]);
    }

    #[test]
    fn commands_are_completed_at_the_start() {
        assert_eq!(choices("/qu"), ["/quit "]);
        assert_eq!(choices("/SEA"), ["/search "]);
        assert_eq!(choices("say /qu"), [""; 0]);
    }

    #[test]
    fn tab_goes_round() {
        let mut found = Completion::find("an", ["ann", "anders"]).unwrap();
        let seen: Vec<String> = (0..3).map(|_| found.next().to_owned()).collect();
        assert_eq!(seen, ["anders: ", "ann: ", "anders: "]);
    }
}
