//! Token counts of text: by byte-pair encoding (feature `text`), or by a rule of thumb that says so.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// How tokens of text are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tokenizer {
    /// One token for every 4.4 characters, at least 1. On English chats and code this is within 3% of
    /// `cl100k_base` in total and within 8 to 19% on half of the messages; on other scripts it is far too low.
    #[default]
    Estimate,
    /// OpenAI `cl100k_base` (GPT-3.5, GPT-4).
    Cl100kBase,
    /// OpenAI `o200k_base` (GPT-4o).
    O200kBase,
    /// OpenAI `p50k_base` (Codex).
    P50kBase,
    /// OpenAI `r50k_base` (GPT-2, GPT-3).
    R50kBase,
}

const NAMES: [(Tokenizer, &str); 5] = [
    (Tokenizer::Estimate, "estimate"),
    (Tokenizer::Cl100kBase, "cl100k_base"),
    (Tokenizer::O200kBase, "o200k_base"),
    (Tokenizer::P50kBase, "p50k_base"),
    (Tokenizer::R50kBase, "r50k_base"),
];

impl Tokenizer {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// Whether it needs feature `text`.
    pub(super) fn needs_text(self) -> bool {
        self != Tokenizer::Estimate
    }

    /// Tokens of `text`; 0 for empty text.
    ///
    /// # Errors
    /// An encoding in a build without feature `text`.
    pub fn count(self, text: &str) -> Result<u64> {
        if text.is_empty() {
            return Ok(0);
        }
        match self {
            Tokenizer::Estimate => Ok(estimate(text)),
            encoding => encode(encoding, text),
        }
    }

    /// What a reader of numbers must know about how they were counted.
    pub(super) fn remark(self) -> String {
        match self {
            Tokenizer::Estimate => "Token counts are estimates: characters over 4.4; tokenizer cl100k_base \
                                    counts them (feature `text`)."
                .to_string(),
            encoding => format!("Tokens were counted with {}.", encoding.name()),
        }
    }
}

fn estimate(text: &str) -> u64 {
    let chars = text.chars().count() as u64;
    ((chars * 10 + 22) / 44).max(1)
}

#[cfg(feature = "text")]
fn encode(encoding: Tokenizer, text: &str) -> Result<u64> {
    use tiktoken_rs::{
        cl100k_base_singleton, o200k_base_singleton, p50k_base_singleton, r50k_base_singleton,
    };
    let bpe = match encoding {
        Tokenizer::O200kBase => o200k_base_singleton(),
        Tokenizer::P50kBase => p50k_base_singleton(),
        Tokenizer::R50kBase => r50k_base_singleton(),
        Tokenizer::Cl100kBase | Tokenizer::Estimate => cl100k_base_singleton(),
    };
    Ok(bpe.encode_ordinary(text).len() as u64)
}

#[cfg(not(feature = "text"))]
fn encode(encoding: Tokenizer, _text: &str) -> Result<u64> {
    Err(Error::Feature { what: format!("tokenizer {}", encoding.name()), feature: "text" })
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Tokenizer {
    type Err = Error;

    fn from_str(name: &str) -> Result<Tokenizer> {
        let found = NAMES.iter().find(|&&(_, n)| n == name);
        found.map(|&(t, _)| t).ok_or_else(|| Error::unknown("tokenizer", name, NAMES.map(|(_, n)| n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_the_enum() {
        for (tokenizer, name) in NAMES {
            assert_eq!((tokenizer.name(), name.parse::<Tokenizer>().unwrap()), (name, tokenizer));
        }
    }

    #[test]
    fn the_estimate_rounds_and_never_loses_a_message() {
        let count = |text: &str| Tokenizer::Estimate.count(text).unwrap();
        assert_eq!(count(""), 0);
        assert_eq!(count("a"), 1);
        assert_eq!(count(&"x".repeat(44)), 10);
        assert_eq!(count(&"é".repeat(46)), 10);
        assert_eq!(count(&"x".repeat(47)), 11);
    }

    #[cfg(feature = "text")]
    #[test]
    fn encodings_count_tokens() {
        assert_eq!(Tokenizer::Cl100kBase.count("hello world").unwrap(), 2);
        assert_eq!(Tokenizer::R50kBase.count("hello world<|endoftext|>").unwrap(), 9);
    }

    #[cfg(not(feature = "text"))]
    #[test]
    fn a_build_without_encodings_says_which_has_them() {
        let message = Tokenizer::Cl100kBase.count("a").unwrap_err().to_string();
        assert!(message.contains("cargo build --release --features text"), "{message}");
    }
}
