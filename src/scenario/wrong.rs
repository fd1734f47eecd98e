//! What a value that does not fit is called, in words of the file rather than of the program.

use crate::error::{Error, Place, nearest};

/// Types of the program, and what they are in a file.
const WORDS: [(&str, &str); 6] = [
    ("u64", "a whole number, 0 or more"),
    ("u32", "a whole number, 0 or more"),
    ("u16", "a whole number, 0 or more"),
    ("f64", "a number"),
    ("a boolean", "true or false"),
    ("a sequence", "a list in brackets"),
];

/// The error about the value of `key`, for which deserialization said `message`.
pub(super) fn value(key: String, message: &str) -> Error {
    let (found, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let word = WORDS.iter().find(|(name, _)| *name == expected).map(|(_, word)| *word);
    let word = word.or_else(|| expected.starts_with("struct ").then_some("a table of keys"));
    let what = word.map_or_else(|| message.to_string(), |word| format!("{found}, expected {word}"));
    let mut names = message.split('`').skip(1).step_by(2);
    let near = names.next().and_then(|wrong| nearest(wrong, names));
    let help = match near {
        Some(near) if message.starts_with("unknown ") => format!("did you mean `{near}`?"),
        _ if message.starts_with("missing field") => "add it".into(),
        _ => "see `foretoken schema scenario`".into(),
    };
    Error::input(Place::key(key), what, help)
}
