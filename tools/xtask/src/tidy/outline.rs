//! The outline of a Rust file, from its syntax tree: modules, test code, attributes.
//!
//! Not here: code inside macro calls (`names` reads it).

use std::ops::RangeInclusive;

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, Token, Visibility};

/// A range of lines, counted from 1, both ends included.
pub(super) type Lines = RangeInclusive<usize>;

/// The facts about a file that the rules use.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// The modules with a body in this file, outer ones first.
    pub(super) modules: Vec<Block>,
    /// The items that are built only for tests.
    pub(super) tests: Vec<Lines>,
    /// The modules among `tests`: they do not count for the size of the file.
    pub(super) test_modules: Vec<Lines>,
    /// The names of test modules in files of their own.
    pub(super) test_modules_elsewhere: Vec<String>,
    /// True if the file has `#![cfg(test)]`.
    pub(super) all_test: bool,
    pub(crate) no_std: bool,
    /// The lines of `extern crate std`.
    pub(crate) std_links: Vec<usize>,
    /// The lines that silence a lint for the whole file.
    pub(super) silences: Vec<usize>,
    /// The types and traits that the file defines.
    pub(super) types: Vec<TypeName>,
}

/// The name of a type or trait.
#[derive(Debug)]
pub(super) struct TypeName {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) is_public: bool,
}

/// A named block, from its first line to its closing brace.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) lines: Lines,
}

pub(super) fn read(file: &syn::File) -> Outline {
    let mut outline = Outline {
        all_test: file.attrs.iter().any(is_test_only),
        no_std: file.attrs.iter().any(|it| it.path().is_ident("no_std")),
        ..Outline::default()
    };
    let silencing = file.attrs.iter().filter(|it| silences(&it.meta));
    outline.silences = silencing.map(|it| it.span().start().line).collect();
    outline.visit_file(file);
    outline
}

impl<'ast> Visit<'ast> for Outline {
    fn visit_item(&mut self, item: &'ast Item) {
        if attributes(item).iter().any(is_test_only) {
            self.note_test(item);
        }
        self.types.extend(type_name(item));
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.content.is_some() {
            let name = module.ident.to_string();
            let lines = lines(module);
            self.modules.push(Block { name, lines });
        }
        visit::visit_item_mod(self, module);
    }

    fn visit_item_extern_crate(&mut self, link: &'ast syn::ItemExternCrate) {
        if link.ident == "std" {
            self.std_links.push(link.ident.span().start().line);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if function.attrs.iter().any(is_test_only) {
            self.tests.push(lines(function));
        }
        visit::visit_impl_item_fn(self, function);
    }
}

impl Outline {
    fn note_test(&mut self, item: &Item) {
        self.tests.push(lines(item));
        match item {
            Item::Mod(module) if module.content.is_some() => self.test_modules.push(lines(item)),
            Item::Mod(module) => self.test_modules_elsewhere.push(module.ident.to_string()),
            _ => (),
        }
    }
}

/// Returns the name that an item gives to a type or trait.
fn type_name(item: &Item) -> Option<TypeName> {
    let (ident, visibility) = match item {
        Item::Enum(it) => (&it.ident, &it.vis),
        Item::Struct(it) => (&it.ident, &it.vis),
        Item::Trait(it) => (&it.ident, &it.vis),
        Item::Type(it) => (&it.ident, &it.vis),
        Item::Union(it) => (&it.ident, &it.vis),
        _ => return None,
    };
    Some(TypeName {
        name: ident.to_string(),
        line: ident.span().start().line,
        is_public: matches!(visibility, Visibility::Public(_)),
    })
}

fn lines(node: &impl Spanned) -> Lines {
    let span = node.span();
    span.start().line..=span.end().line
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::ExternCrate(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// Returns true for `#[cfg(…)]` that needs `test`, and for `#[test]` of any harness.
fn is_test_only(attribute: &Attribute) -> bool {
    let last = attribute.path().segments.last();
    if last.is_some_and(|segment| segment.ident == "test") {
        return true;
    }
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args()
            .is_ok_and(|condition| needs_test(&condition))
}

fn needs_test(condition: &Meta) -> bool {
    let parts = nested(condition);
    if condition.path().is_ident("all") {
        parts.iter().any(needs_test)
    } else if condition.path().is_ident("any") {
        !parts.is_empty() && parts.iter().all(needs_test)
    } else {
        condition.path().is_ident("test")
    }
}

/// Returns true for `allow` and `expect`, also inside `cfg_attr`.
fn silences(attribute: &Meta) -> bool {
    let path = attribute.path();
    let direct = path.is_ident("allow") || path.is_ident("expect");
    direct || path.is_ident("cfg_attr") && nested(attribute).iter().skip(1).any(silences)
}

fn nested(meta: &Meta) -> Vec<Meta> {
    let Meta::List(list) = meta else {
        return Vec::new();
    };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    parts.map_or_else(|_| Vec::new(), |parts| parts.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &str) -> Outline {
        read(&syn::parse_file(text).unwrap())
    }

    #[test]
    fn conditions_that_need_test_make_test_code() {
        for (condition, expected) in [
            ("cfg(test)", true),
            ("cfg(all(unix, test))", true),
            ("cfg(any(test, test))", true),
            ("cfg(any(test, feature = \"x\"))", false),
            ("cfg(not(test))", false),
            ("cfg(unix)", false),
            ("test", true),
            ("tokio::test(start_paused = true)", true),
        ] {
            let outline = outline(&format!("#[{condition}]\nfn a() {{}}\n"));
            assert_eq!(!outline.tests.is_empty(), expected, "{condition}");
        }
    }

    #[test]
    fn a_test_module_reaches_from_its_attribute_to_its_brace() {
        let outline = outline("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n");
        assert_eq!(outline.test_modules, [2..=5]);
        assert!(!outline.all_test);
    }
}
