//! What can be counted in a prompt without a model: its surface. Where there is no text, its length alone.

use super::Input;

/// What a model sees of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Features {
    /// Surface features of the text. The trace's own token count is not among them: it depends on who counted.
    Text,
    /// The prompt's length in tokens.
    Length,
}

/// Words whose presence is a feature each: what is asked for, and how much of it.
const CUES: [&str; 66] = [
    "write",
    "explain",
    "describe",
    "list",
    "code",
    "function",
    "create",
    "implement",
    "generate",
    "story",
    "essay",
    "poem",
    "email",
    "letter",
    "summarize",
    "summary",
    "translate",
    "compare",
    "design",
    "plan",
    "analyze",
    "fix",
    "debug",
    "find",
    "calculate",
    "compute",
    "convert",
    "solve",
    "prove",
    "imagine",
    "roleplay",
    "act",
    "character",
    "dialogue",
    "scene",
    "speech",
    "given",
    "example",
    "examples",
    "step",
    "steps",
    "detailed",
    "short",
    "brief",
    "concise",
    "only",
    "one",
    "sentence",
    "paragraph",
    "words",
    "how",
    "what",
    "why",
    "who",
    "when",
    "where",
    "which",
    "python",
    "java",
    "javascript",
    "sql",
    "html",
    "query",
    "program",
    "script",
    "regular",
];

/// Names of what is counted, before the cues.
const COUNTS: [&str; 20] = [
    "ln_chars",
    "ln_chars_squared",
    "ln_words",
    "ln_lines",
    "ln_sentences",
    "chars_per_word",
    "distinct_words",
    "upper_share",
    "digit_share",
    "space_share",
    "punctuation_share",
    "code_share",
    "non_ascii_share",
    "ln_questions",
    "ln_commas",
    "ln_quotes",
    "ends_in_question",
    "has_fence",
    "has_list",
    "ln_words_asked",
];

impl Features {
    /// Names of the features, in the order of [`Features::of`].
    pub fn names(self) -> Vec<String> {
        match self {
            Features::Length => vec!["ln_prompt_tokens".into(), "ln_prompt_tokens_squared".into()],
            Features::Text => {
                let cues = CUES.iter().map(|c| format!("says_{c}"));
                COUNTS.iter().map(|c| (*c).to_string()).chain(cues).collect()
            }
        }
    }

    /// The features of one prompt; a missing text counts as an empty one.
    pub fn of(self, input: &Input<'_>) -> Vec<f64> {
        match self {
            Features::Length => {
                let ln = libm::log(f64::from(input.tokens.max(1)));
                vec![ln, ln * ln]
            }
            Features::Text => text_features(input.text.unwrap_or_default()),
        }
    }
}

fn text_features(text: &str) -> Vec<f64> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let mut distinct = words.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let chars = text.chars().count() as f64;
    let count = |holds: &dyn Fn(char) -> bool| text.chars().filter(|&c| holds(c)).count() as f64;
    let share = |holds: &dyn Fn(char) -> bool| count(holds) / chars.max(1.0);
    let ln = |n: f64| libm::log1p(n);
    let flag = |holds: bool| f64::from(u8::from(holds));
    let lines = text.lines().filter(|l| !l.trim().is_empty()).count() as f64;
    let listed = text.lines().filter(|l| is_item(l.trim_start())).count();
    let n = words.len() as f64;
    let mut found = vec![
        ln(chars),
        ln(chars) * ln(chars),
        ln(n),
        ln(lines),
        ln(count(&|c| matches!(c, '.' | '!' | '?'))),
        words.iter().map(|w| w.chars().count()).sum::<usize>() as f64 / n.max(1.0),
        distinct.len() as f64 / n.max(1.0),
        share(&char::is_uppercase),
        share(&|c| c.is_ascii_digit()),
        share(&char::is_whitespace),
        share(&|c| c.is_ascii_punctuation()),
        share(&|c| "{}()[]<>=;_\\|`#".contains(c)),
        share(&|c| !c.is_ascii()),
        ln(count(&|c| c == '?')),
        ln(count(&|c| c == ',')),
        ln(count(&|c| matches!(c, '"' | '\u{201c}' | '\u{201d}'))),
        flag(text.trim_end().ends_with('?')),
        flag(text.contains("```")),
        flag(listed > 1),
        ln(words_asked(&words)),
    ];
    found.extend(CUES.iter().map(|cue| flag(distinct.binary_search(cue).is_ok())));
    found
}

/// Whether a line begins like an item of a list.
fn is_item(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ")
        || line.starts_with("* ")
        || (rest.len() < line.len() && rest.starts_with(['.', ')']))
}

/// The largest number that stands before the word `words` ("in 200 words"), else 0.
fn words_asked(words: &[&str]) -> f64 {
    let asked = words.windows(2).filter(|w| matches!(w[1], "word" | "words"));
    asked.filter_map(|w| w[0].parse::<u32>().ok()).max().map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_a_name_and_is_finite() {
        for text in ["", "?", "Écrivez 300 words, why?\n1. a\n2) b\n```x = 1```", "\u{0}\u{1F600}"] {
            let input = Input { text: Some(text), tokens: 3 };
            for features in [Features::Text, Features::Length] {
                let values = features.of(&input);
                assert_eq!(values.len(), features.names().len());
                assert!(values.iter().all(|v| v.is_finite()), "{text:?}: {values:?}");
            }
        }
    }

    #[test]
    fn features_count_what_they_say() {
        let names = Features::Text.names();
        let text = "Write 200 words on SQL, please.\n- one\n- two\nWhy?";
        let values = Features::Text.of(&Input { text: Some(text), tokens: 1 });
        let value = |name: &str| values[names.iter().position(|n| n == name).unwrap()];
        assert_eq!((value("says_write"), value("says_sql"), value("says_essay")), (1.0, 1.0, 0.0));
        assert_eq!((value("has_list"), value("ends_in_question"), value("has_fence")), (1.0, 1.0, 0.0));
        assert_eq!(value("ln_words_asked"), libm::log1p(200.0));
        assert_eq!(value("ln_chars"), libm::log1p(text.len() as f64));
    }
}
