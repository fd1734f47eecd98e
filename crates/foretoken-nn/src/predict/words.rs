//! A vocabulary without a file: words by their hash.

use super::whole::WORDS;

/// The first `longest` words of `text` as numbers from 1: runs of letters and digits in lower case, and every other
/// character that is no space, by FNV-1a. Different words may share a number.
pub fn hashed_words(text: &str, longest: usize) -> Vec<u32> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next().filter(|_| found.len() < longest) {
        let end = match first.is_alphanumeric() {
            true => rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let word = rest[..end].to_lowercase();
        let hash = word
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01B3));
        found.push(1 + (hash % (WORDS as u64 - 1)) as u32);
        rest = rest[end..].trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_but_not_by_case() {
        let of = |text: &str| hashed_words(text, 9);
        assert_eq!(of("Write  a Poem"), of("write a poem"));
        assert_eq!(of("a,b").len(), 3);
        assert_ne!(of("poem"), of("code"));
        assert!(of("").is_empty());
        assert_eq!(hashed_words("é b c d", 2).len(), 2);
        assert!(of("{x} Ünï 漢字").iter().all(|&w| w > 0 && (w as usize) < WORDS));
    }
}
