//! Commands in Markdown: blocks fenced as `sh` are run, and a block fenced as `text` right after one is what its
//! last command writes to standard output. Blocks fenced as `sh nn` are run where models can (feature `nn`). Other
//! blocks are for people.

/// A block of commands.
pub struct Block<'a> {
    /// Its lines.
    text: &'a str,
    /// What it must write, if the guide says so.
    pub output: Option<&'a str>,
}

impl Block<'_> {
    /// Its commands, continued lines joined.
    pub fn commands(&self) -> Vec<String> {
        let joined = self.text.replace("\\\n", " ");
        joined.lines().map(str::trim).filter(|l| !l.is_empty()).map(String::from).collect()
    }
}

/// The blocks of a page whose fence is `language`.
pub fn blocks<'a>(page: &'a str, language: &str) -> Vec<Block<'a>> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((text, after)) = fenced(rest, language) {
        rest = after;
        let output = after.trim_start().starts_with("```text\n").then(|| fenced(after, "text")).flatten();
        found.push(Block { text, output: output.map(|(text, _)| text) });
    }
    found
}

/// The first block of a language, and what comes after it.
fn fenced<'a>(text: &'a str, language: &str) -> Option<(&'a str, &'a str)> {
    let opening = format!("```{language}\n");
    let start = text.find(&opening)? + opening.len();
    let end = start + text[start..].find("```").expect("a fence is closed");
    Some((&text[start..end], &text[end + 3..]))
}

/// Splits a command at blanks outside single quotes.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
            c => word.push(c),
        }
    }
    words.extend(Some(word).filter(|w| !w.is_empty()));
    words
}

#[test]
fn blocks_are_found_with_their_output() {
    let page = "a\n```sh\nfora x \\\n  'y z'\n\nfora\n```\n\n```text\nout\n```\n```toml\nk=1\n```\n```sh\nforb\n```\n";
    let found = blocks(page, "sh");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].commands(), ["fora x    'y z'", "fora"]);
    assert_eq!((found[0].output, found[1].output), (Some("out\n"), None));
    assert_eq!(words(&found[0].commands()[0]), ["fora", "x", "y z"]);
}
