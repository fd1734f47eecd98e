//! Models that come with the crate, by name.

use crate::error::{Error, Result};
use crate::shape::ModelShape;
use std::path::Path;

/// Names and descriptions.
const MODELS: &[(&str, &str)] = &[
    ("tiny", include_str!("../models/tiny.toml")),
    ("llama-15m", include_str!("../models/llama-15m.toml")),
    ("llama-100m", include_str!("../models/llama-100m.toml")),
    ("tinyllama-1.1b", include_str!("../models/tinyllama-1.1b.toml")),
    ("llama-3.2-1b", include_str!("../models/llama-3.2-1b.toml")),
    ("llama-3-8b", include_str!("../models/llama-3-8b.toml")),
    ("dialogpt-medium", include_str!("../models/dialogpt-medium.toml")),
    ("t5-base", include_str!("../models/t5-base.toml")),
    ("godel-base", include_str!("../models/godel-base.toml")),
    ("bart-base", include_str!("../models/bart-base.toml")),
    ("blenderbot-400m-distill", include_str!("../models/blenderbot-400m-distill.toml")),
    ("tiny-gpt2", include_str!("../models/tiny-gpt2.toml")),
    ("tiny-t5", include_str!("../models/tiny-t5.toml")),
    ("tiny-bart", include_str!("../models/tiny-bart.toml")),
    ("tiny-blenderbot", include_str!("../models/tiny-blenderbot.toml")),
];

/// Names of the models that come with the crate.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, _)| *name)
}

/// The model of this name, or of this file when the name ends in `.toml`.
///
/// # Errors
/// [`Error::Unknown`] with the known names, or [`Error::Shape`] of a file.
pub fn model(name: &str) -> Result<ModelShape> {
    if name.ends_with(".toml") {
        return ModelShape::load(Path::new(name));
    }
    match MODELS.iter().find(|(known, _)| *known == name) {
        Some((known, text)) => ModelShape::parse(known, text),
        None => Err(Error::Unknown {
            kind: "model",
            name: name.to_string(),
            known: names().chain(["FILE.toml"]).collect::<Vec<_>>().join(", "),
        }),
    }
}
