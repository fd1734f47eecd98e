//! The shape of one step to be timed, and its notation.

use crate::latency::{Chunk, StepShape};
use std::fmt;
use std::str::FromStr;

/// A prefill chunk: `new` tokens on top of `context` tokens in KV. Written `new@context`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Tokens computed in the step.
    pub new: u32,
    /// Tokens of the request in KV before it.
    pub context: u32,
}

/// Decode rows of one context. Written `CONTEXTxROWS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Tokens each attends to, the new one included.
    pub context: u32,
    /// How many there are.
    pub rows: u32,
}

/// The shape of one step: prefill chunks and decode rows.
///
/// Its notation has the parts joined by `+`: prefill `128@0+64@512`, decode `64x8+1024x4`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Prefill chunks, each of its own request.
    pub prefill: Vec<Part>,
    /// Decode rows, by context.
    pub decode: Vec<Group>,
}

impl Point {
    /// A step of one prompt chunk alone.
    pub fn prefill(new: u32, context: u32) -> Point {
        Point { prefill: vec![Part { new, context }], decode: Vec::new() }
    }

    /// A step of `rows` decodes of one context.
    pub fn decode(context: u32, rows: u32) -> Point {
        Point { prefill: Vec::new(), decode: vec![Group { context, rows }] }
    }

    /// The point whose parts are written in `prefill` and `decode`; either may be empty, not both.
    pub fn parse(prefill: &str, decode: &str) -> std::result::Result<Point, String> {
        let point = Point { prefill: list(prefill)?, decode: list(decode)? };
        if point.prefill.is_empty() && point.decode.is_empty() {
            return Err("a step of neither prefill nor decode".to_string());
        }
        Ok(point)
    }

    /// Prefill in its notation; empty without any.
    pub fn prefill_text(&self) -> String {
        joined(&self.prefill)
    }

    /// Decodes in their notation; empty without any.
    pub fn decode_text(&self) -> String {
        joined(&self.decode)
    }

    /// The prefill chunks as a latency model takes them.
    pub fn chunks(&self) -> Vec<Chunk> {
        self.prefill.iter().map(|p| Chunk::of_prompt(p.context, p.new)).collect()
    }

    /// The step as a latency model takes it, with every aggregate; `chunks` are its own [`Point::chunks`].
    pub fn shape<'a>(&self, chunks: &'a [Chunk]) -> StepShape<'a> {
        let sum = |f: fn(u64) -> u64| -> u64 {
            self.decode.iter().map(|g| u64::from(g.rows) * f(u64::from(g.context))).sum()
        };
        StepShape {
            prefill: chunks,
            decodes: sum(|_| 1),
            context_sum: sum(|c| c),
            context_max: self.decode.iter().map(|g| u64::from(g.context)).max().unwrap_or(0),
            context_squares: u128::from(sum(|c| c * c)),
            ..StepShape::default()
        }
    }

    /// Requests that take part.
    pub fn requests(&self) -> usize {
        self.prefill.len() + self.decode.iter().map(|g| g.rows as usize).sum::<usize>()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.new, self.context)
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Part, String> {
        let [new, context] = pair(text, '@', "NEW@CONTEXT")?;
        if new == 0 {
            return Err(format!("`{text}` is a chunk of no tokens"));
        }
        Ok(Part { new, context })
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.context, self.rows)
    }
}

impl FromStr for Group {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Group, String> {
        let [context, rows] = pair(text, 'x', "CONTEXTxROWS")?;
        if context == 0 || rows == 0 {
            return Err(format!("`{text}` has no rows or no context"));
        }
        Ok(Group { context, rows })
    }
}

fn pair(text: &str, between: char, form: &str) -> std::result::Result<[u32; 2], String> {
    let parsed = text.split_once(between).and_then(|(a, b)| Some([a.parse().ok()?, b.parse().ok()?]));
    parsed.ok_or_else(|| format!("`{text}` is not of the form {form}"))
}

fn list<T: FromStr<Err = String>>(text: &str) -> std::result::Result<Vec<T>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split('+').map(str::parse).collect()
}

fn joined<T: fmt::Display>(parts: &[T]) -> String {
    parts.iter().map(T::to_string).collect::<Vec<_>>().join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation_goes_both_ways_and_aggregates_are_exact() {
        let point = Point::parse("128@0+64@512", "64x8+1024x4").unwrap();
        assert_eq!(
            (point.prefill_text(), point.decode_text()),
            ("128@0+64@512".into(), "64x8+1024x4".into())
        );
        let chunks = point.chunks();
        let shape = point.shape(&chunks);
        assert_eq!((shape.prefill_tokens(), shape.decodes, shape.context_sum), (192, 12, 4608));
        assert_eq!((shape.context_max, shape.context_squares), (1024, 8 * 4096 + 4 * 1024 * 1024));
        assert_eq!(point.requests(), 14);
    }

    #[test]
    fn what_is_no_step_is_refused() {
        for (prefill, decode) in [("", ""), ("0@3", ""), ("5", ""), ("", "3x"), ("", "0x4"), ("", "4x0")] {
            assert!(Point::parse(prefill, decode).is_err(), "{prefill} {decode}");
        }
    }
}
