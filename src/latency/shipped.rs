//! The profiles that come with the program, inside it.

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../profiles/", $name, ".toml")))),*]
    };
}

/// Name and TOML text of every shipped profile, in listing order.
pub const PROFILES: &[(&str, &str)] = shipped!["dynamo-polynomial", "unit"];

/// Names of the shipped profiles, in listing order.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}
