//! One line of a Mooncake or Qwen trace as JSON, without copies: its hashes go straight into the row's buffer.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON number as written.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Whole(u64),
    Negative(i64),
    Real(f64),
}

impl Number {
    pub fn value(self) -> f64 {
        match self {
            Number::Whole(n) => n as f64,
            Number::Negative(n) => n as f64,
            Number::Real(x) => x,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Whole(n) => n.fmt(f),
            Number::Negative(n) => n.fmt(f),
            Number::Real(x) => x.fmt(f),
        }
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
        Ok(Number::Whole(n))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
        Ok(Number::Negative(n))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Number, E> {
        Ok(Number::Real(x))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// One line, but for its hashes.
#[derive(Default)]
pub(super) struct Line {
    pub timestamp: Option<Number>,
    pub input: Option<Number>,
    pub output: Option<Number>,
    pub chat: Option<Number>,
    pub parent: Option<Number>,
    pub turn: Option<Number>,
    pub kind: Option<Box<str>>,
}

/// Reads a [`Line`], its hashes into `hashes`.
pub(super) struct LineSeed<'a> {
    pub hashes: &'a mut Vec<u64>,
}

impl<'de> DeserializeSeed<'de> for LineSeed<'_> {
    type Value = Line;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Line, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LineSeed<'_> {
    type Value = Line;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with timestamp, input_length and output_length")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
        let mut object = Line::default();
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Timestamp => object.timestamp = map.next_value()?,
                Key::InputLength => object.input = map.next_value()?,
                Key::OutputLength => object.output = map.next_value()?,
                Key::ChatId => object.chat = map.next_value()?,
                Key::ParentChatId => object.parent = map.next_value()?,
                Key::Turn => object.turn = map.next_value()?,
                Key::Type => object.kind = map.next_value()?,
                Key::HashIds => map.next_value_seed(HashSeed { hashes: &mut *self.hashes })?,
                Key::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(object)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Timestamp,
    InputLength,
    OutputLength,
    HashIds,
    ChatId,
    ParentChatId,
    Turn,
    Type,
    #[serde(other)]
    Other,
}

struct HashSeed<'a> {
    hashes: &'a mut Vec<u64>,
}

impl<'de> DeserializeSeed<'de> for HashSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for HashSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of hashes (whole numbers)")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.hashes.clear();
        while let Some(hash) = seq.next_element::<u64>()? {
            self.hashes.push(hash);
        }
        Ok(())
    }
}
