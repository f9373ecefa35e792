//! The keys of the file of settings: those flags that are the same in every discussion.
//!
//! Not here: how the file is read (`file`).

/// The keys, and what each may look like: a value of this kind is expected.
pub(super) const KEYS: [(&str, &str); 10] = [
    ("name", r#""ann""#),
    ("listen", r#""0.0.0.0:4000""#),
    ("public-address", r#""chat.example:4000""#),
    ("director-listen", r#""0.0.0.0:8080""#),
    ("timeout", "30"),
    ("history", "10000"),
    ("fingers", r#""auto""#),
    ("ui", r#""lines""#),
    ("color", r#""never""#),
    ("log", r#""warn""#),
];
