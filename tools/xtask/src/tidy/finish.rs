//! Nothing unfinished: the macros that mark work in progress are not committed.

use super::Violation;
use super::names::{Name, Role};
use super::source::Source;

const UNFINISHED: [&str; 3] = ["dbg", "todo", "unimplemented"];

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let complain = |name: &Name| {
        let last = name.segments.last()?;
        let unfinished = name.role == Role::Macro && UNFINISHED.contains(&last.as_str());
        let message = format!("`{last}!` is for work in progress: finish it or take it out");
        unfinished.then(|| source.violation(name.line, message))
    };
    source.names.iter().filter_map(complain).collect()
}

#[cfg(test)]
mod tests {
    use super::super::lines_found;
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        lines_found(check, "node/src/link.rs", text)
    }

    #[test]
    fn work_in_progress_is_found() {
        assert_eq!(found("fn a() {\n    todo!()\n}\n"), [2]);
        assert_eq!(found("fn a() {\n    unimplemented!(\"x\")\n}\n"), [2]);
        assert_eq!(found("fn a() { f(vec![std::dbg!(1)]) }\n"), [1]);
        assert_eq!(found("#[cfg(test)]\nmod t {\n fn a() { todo!() } }\n"), [3]);
    }

    #[test]
    fn the_words_alone_are_fine() {
        assert_eq!(found("// todo!()\nfn todo() { a(\"dbg!()\") }\n"), [0; 0]);
    }
}
