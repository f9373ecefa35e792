//! The keys of the settings file: the flags that are the same in every discussion.
//!
//! Not here: how the file is read (`file`).

/// The keys, each with an example; a value must be of the same kind, and a list may also be a single text.
pub(super) const KEYS: [(&str, &str); 14] = [
    ("name", r#""ann""#),
    ("listen", r#""0.0.0.0:4000""#),
    ("public-address", r#""chat.example:4000""#),
    ("director-listen", r#""0.0.0.0:8080""#),
    ("timeout", "30"),
    ("history", "10000"),
    ("fingers", r#""auto""#),
    ("ui", r#""lines""#),
    ("color", r#""never""#),
    ("highlight", r#"["lunch", "on call"]"#),
    ("bell", r#""mentions""#),
    ("notifications", r#""osc9""#),
    ("mouse-wheel", "true"),
    ("log", r#""warn""#),
];
