//! Reads every path that a Rust file names from its tokens, so that macro calls count too.
//!
//! Comments and strings are not names. Braces of `use` are expanded: `a::{b, c}` is two names.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// A path as in the source, without generics.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

pub(super) fn read(tokens: TokenStream) -> Vec<Name> {
    let mut names = Vec::new();
    scan(tokens, &mut names);
    names
}

fn scan(stream: TokenStream, names: &mut Vec<Name>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(first) => at = read_path(&tokens, at, first, &[], names),
            TokenTree::Group(group) => {
                scan(group.stream(), names);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Reads the path that starts with `first` at `start`, and returns the index after its end.
fn read_path(
    tokens: &[TokenTree],
    start: usize,
    first: &Ident,
    prefix: &[String],
    names: &mut Vec<Name>,
) -> usize {
    let mut segments = prefix.to_vec();
    segments.push(first.to_string());
    let mut end = start + 1;
    while is_punct(tokens.get(end), ':') && is_punct(tokens.get(end + 1), ':') {
        match tokens.get(end + 2) {
            Some(TokenTree::Ident(next)) => segments.push(next.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => segments.push("*".to_owned()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                expand(group, &segments, names);
                return end + 3;
            }
            _ => break,
        }
        end += 3;
    }
    names.push(Name {
        segments,
        line: first.span().start().line,
    });
    end
}

/// Reads the branches of a `use`, each with the prefix before the brace.
fn expand(group: &Group, prefix: &[String], names: &mut Vec<Name>) {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(first) => at = read_path(&tokens, at, first, prefix, names),
            star if is_punct(Some(star), '*') => names.push(Name {
                segments: prefix.iter().cloned().chain(["*".to_owned()]).collect(),
                line: star.span().start().line,
            }),
            _ => (),
        }
        while tokens.get(at).is_some_and(|it| !is_punct(Some(it), ',')) {
            at += 1;
        }
        at += 1;
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let names = read(text.parse().unwrap());
        names.iter().map(|name| name.segments.join("::")).collect()
    }

    fn has(text: &str, path: &str) -> bool {
        names(text).iter().any(|name| name == path)
    }

    #[test]
    fn use_trees_are_expanded() {
        let text = "use std::{time::{self, Instant as I}, collections::*, fmt};";
        for path in [
            "std::time::self",
            "std::time::Instant",
            "std::collections::*",
            "std::fmt",
        ] {
            assert!(has(text, path), "{path}: {:?}", names(text));
        }
    }

    #[test]
    fn macro_arguments_count_and_text_does_not() {
        assert!(has("select! { _ = a::b() => {} }", "a::b"));
        assert!(!has("/* a::b() */ f(\"a::b()\") // a::b()\n", "a::b"));
        assert!(has("Vec::<Map>::new()", "Map"));
    }
}
