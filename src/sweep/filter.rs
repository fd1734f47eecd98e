//! Conditions on runs: `workload.rate_rps <= 5 and not (scheduler == 'sjf' or replicate > 2)`.
//!
//! A comparison names a key on the left and a number, a quoted text, `true` or `false` on the right. `and` binds
//! closer than `or`; parentheses group.

use crate::error::{Error, Place, Result};
use toml::Value;

/// A condition, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    text: String,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Compare { key: String, op: Op, with: Literal },
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Number(f64),
    Text(String),
    Bool(bool),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Op(Op),
    Open,
    Close,
}

/// Longest first, so that `<=` is not read as `<`.
const OPS: [(&str, Op); 6] = [
    ("==", Op::Equal),
    ("!=", Op::Unequal),
    ("<=", Op::LessEqual),
    (">=", Op::GreaterEqual),
    ("<", Op::Less),
    (">", Op::Greater),
];

/// Bytes of a condition: each `and` and `or` nests, and a million of them would not fit on the stack.
const MOST_BYTES: usize = 16_384;

/// How deep parentheses and `not` may nest.
const MOST_DEPTH: usize = 100;

impl Filter {
    /// Parses `text`; `known` are the keys that it may name.
    ///
    /// # Errors
    /// What is wrong, and where it stands; an unknown key, with the nearest that there is.
    pub fn parse(text: &str, known: &[&str]) -> Result<Filter> {
        if text.len() > MOST_BYTES {
            let start: String = text.chars().take(40).collect();
            let (bytes, most) = (text.len(), MOST_BYTES);
            let what = format!("`{start}...` is {bytes} bytes long, and a filter has at most {most}");
            let help = "vary fewer values instead, or make several sweeps and merge their tables";
            return Err(Error::input(Place::key("sweep.filter"), what, help));
        }
        let mut parser = Parser { text, tokens: tokens(text)?, at: 0, known };
        let root = parser.any(0)?;
        match parser.tokens.get(parser.at) {
            None => Ok(Filter { text: text.into(), root }),
            Some((at, _)) => Err(wrong(text, *at, "`and`, `or` or the end")),
        }
    }

    /// Whether it holds where `value` gives the value of a key.
    ///
    /// # Errors
    /// A text and a number are compared, or texts by size.
    pub fn holds(&self, value: &dyn Fn(&str) -> Value) -> Result<bool> {
        self.root.holds(value).map_err(|what| Error::Usage(format!("filter `{}`: {what}", self.text)))
    }
}

impl Node {
    fn holds(&self, value: &dyn Fn(&str) -> Value) -> std::result::Result<bool, String> {
        Ok(match self {
            Node::And(a, b) => a.holds(value)? & b.holds(value)?,
            Node::Or(a, b) => a.holds(value)? | b.holds(value)?,
            Node::Not(a) => !a.holds(value)?,
            Node::Compare { key, op, with } => {
                let found = value(key);
                compare(&found, *op, with).ok_or_else(|| {
                    format!("{key} is {}, which cannot be compared so", super::axis::cell(&found))
                })?
            }
        })
    }
}

/// The comparison's answer; none if it makes no sense.
fn compare(found: &Value, op: Op, with: &Literal) -> Option<bool> {
    let number = match found {
        Value::Integer(v) => Some(*v as f64),
        Value::Float(v) => Some(*v),
        // Rates may be "inf".
        Value::String(text) if text == "inf" && matches!(with, Literal::Number(_)) => Some(f64::INFINITY),
        _ => None,
    };
    match (found, number, with) {
        (_, Some(a), Literal::Number(b)) => Some(match op {
            Op::Equal => a == *b,
            Op::Unequal => a != *b,
            Op::Less => a < *b,
            Op::LessEqual => a <= *b,
            Op::Greater => a > *b,
            Op::GreaterEqual => a >= *b,
        }),
        (Value::String(a), _, Literal::Text(b)) => equality(op, a == b),
        (Value::Boolean(a), _, Literal::Bool(b)) => equality(op, a == b),
        _ => None,
    }
}

fn equality(op: Op, equal: bool) -> Option<bool> {
    match op {
        Op::Equal => Some(equal),
        Op::Unequal => Some(!equal),
        _ => None,
    }
}

fn wrong(text: &str, at: usize, expected: &str) -> Error {
    let rest = text.get(at..).map(str::trim).filter(|r| !r.is_empty());
    let found = rest.map_or("the end".into(), |rest| format!("`{rest}`"));
    Error::Usage(format!(
        "filter `{text}`: expected {expected} at character {}, found {found}; write conditions such as \
         \"workload.rate_rps <= 5 and scheduler == 'sjf'\"",
        text[..at.min(text.len())].chars().count() + 1
    ))
}

/// Tokens with the byte at which they start.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        } else if c == '(' || c == ')' {
            (if c == '(' { Token::Open } else { Token::Close }, 1)
        } else if c == '\'' || c == '"' {
            let end = rest[1..].find(c).ok_or_else(|| wrong(text, at, "a closing quote after this"))?;
            (Token::Text(rest[1..=end].into()), end + 2)
        } else if let Some((sign, op)) = OPS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            (Token::Op(*op), sign.len())
        } else {
            let word = |c: char| c.is_alphanumeric() || "._-+{}".contains(c);
            let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
            if length == 0 {
                return Err(wrong(text, at, "a key, a value or an operator"));
            }
            (Token::Word(rest[..length].into()), length)
        };
        found.push((at, token));
        at += length;
    }
    Ok(found)
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
    known: &'a [&'a str],
}

impl Parser<'_> {
    /// `a or b or c`.
    fn any(&mut self, depth: usize) -> Result<Node> {
        let mut node = self.all(depth)?;
        while self.takes("or") {
            node = Node::Or(Box::new(node), Box::new(self.all(depth)?));
        }
        Ok(node)
    }

    /// `a and b and c`.
    fn all(&mut self, depth: usize) -> Result<Node> {
        let mut node = self.one(depth)?;
        while self.takes("and") {
            node = Node::And(Box::new(node), Box::new(self.one(depth)?));
        }
        Ok(node)
    }

    /// `not a`, `(a)`, or a comparison.
    fn one(&mut self, depth: usize) -> Result<Node> {
        if depth > MOST_DEPTH {
            return Err(self.expected("less nesting"));
        }
        if self.takes("not") {
            return Ok(Node::Not(Box::new(self.one(depth + 1)?)));
        }
        match self.next() {
            Some(Token::Open) => {
                let node = self.any(depth + 1)?;
                match self.next() {
                    Some(Token::Close) => Ok(node),
                    _ => Err(self.before("`)`")),
                }
            }
            Some(Token::Word(key)) => {
                if !self.known.contains(&key.as_str()) {
                    return Err(Error::unknown("key in a filter", key, self.known.iter().copied()));
                }
                let Some(Token::Op(op)) = self.next() else {
                    return Err(self.before("one of == != < <= > >="));
                };
                Ok(Node::Compare { key, op, with: self.literal()? })
            }
            _ => Err(self.before("a key")),
        }
    }

    fn literal(&mut self) -> Result<Literal> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) => match (word.as_str(), word.parse::<f64>()) {
                ("true", _) => Ok(Literal::Bool(true)),
                ("false", _) => Ok(Literal::Bool(false)),
                (_, Ok(number)) if !number.is_nan() => Ok(Literal::Number(number)),
                _ => Err(self.before("a number, a text in quotes, true or false")),
            },
            _ => Err(self.before("a number, a text in quotes, true or false")),
        }
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).map(|(_, token)| token.clone());
        self.at += 1;
        token
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some((_, Token::Word(w))) if w == word);
        self.at += usize::from(there);
        there
    }

    /// The error that the next token is not what was expected.
    fn expected(&self, what: &str) -> Error {
        wrong(self.text, self.tokens.get(self.at).map_or(self.text.len(), |(at, _)| *at), what)
    }

    /// The same for the token that was just taken.
    fn before(&self, what: &str) -> Error {
        let at = self.tokens.get(self.at - 1).map_or(self.text.len(), |(at, _)| *at);
        wrong(self.text, at, what)
    }
}
