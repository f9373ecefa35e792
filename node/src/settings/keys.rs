//! The keys of the settings file: the flags that are the same in every discussion.
//!
//! Not here: how the file is read (`file`).

/// The keys, each with an example; a value must be of the same kind.
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
