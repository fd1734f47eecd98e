//! The one error type of the library: what is wrong, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Where in the user's input something is wrong. Parts that do not apply stay empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// File read from.
    pub file: Option<PathBuf>,
    /// 1-based line.
    pub line: Option<u64>,
    /// Column name (tables) of the offending cell.
    pub column: Option<String>,
    /// Dotted configuration key.
    pub key: Option<String>,
}

impl Place {
    /// A whole file.
    pub fn file(path: impl AsRef<Path>) -> Place {
        Place { file: Some(path.as_ref().to_path_buf()), ..Place::default() }
    }

    /// A dotted configuration key.
    pub fn key(key: impl Into<String>) -> Place {
        Place { key: Some(key.into()), ..Place::default() }
    }

    /// The same place, at 1-based `line`.
    pub fn line(mut self, line: u64) -> Place {
        self.line = Some(line);
        self
    }

    /// The same place, in column `name`.
    pub fn column(mut self, name: impl Into<String>) -> Place {
        self.column = Some(name.into());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(file) = &self.file {
            parts.push(file.display().to_string());
        }
        if let Some(line) = self.line {
            parts.push(format!("line {line}"));
        }
        if let Some(column) = &self.column {
            parts.push(format!("column {column}"));
        }
        if let Some(key) = &self.key {
            parts.push(format!("key {key}"));
        }
        f.write_str(&parts.join(", "))
    }
}

/// Everything that can go wrong outside of a bug.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The user's input is wrong at a known place.
    #[error("{place}: {what}; {help}")]
    Input {
        /// Where.
        place: Box<Place>,
        /// What is wrong.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// A name is not in a closed list.
    #[error("{}", unknown_message(kind, name, known))]
    Unknown {
        /// Kind of thing ("scheduler", "key").
        kind: &'static str,
        /// What the user wrote.
        name: String,
        /// What there is, in listing order.
        known: Vec<String>,
    },
    /// A latency model gave no usable duration.
    #[error("profile {profile}, replica {replica}, step {step}: {what}")]
    Latency {
        /// Name of the profile.
        profile: String,
        /// Replica that asked.
        replica: u32,
        /// 0-based step on that replica.
        step: u64,
        /// What is wrong.
        what: String,
    },
    /// A scheduler broke a rule of the engine.
    #[error("scheduler {scheduler}, request {request}: {rule}")]
    Scheduler {
        /// Name of the scheduler.
        scheduler: String,
        /// Request id it decided about ("-" if none).
        request: String,
        /// The rule that was broken.
        rule: String,
    },
    /// A router broke a rule of the engine.
    #[error("router {router}, request {request}: {rule}")]
    Router {
        /// Name of the router.
        router: String,
        /// Request id it decided about ("-" if none).
        request: String,
        /// The rule that was broken.
        rule: String,
    },
    /// A feature that this build lacks.
    #[error("{what} needs feature `{feature}`; build it in with: cargo build --release --features {feature}")]
    Feature {
        /// What was asked for.
        what: String,
        /// The cargo feature that has it.
        feature: &'static str,
    },
    /// The operating system said no.
    #[error("{}: {source}{}", path.display(), remedy(source))]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Its answer.
        source: std::io::Error,
    },
    /// The user interrupted it (exit code 130).
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// The user interrupted something that can go on later (exit code 130).
    #[error("{0}")]
    Paused(String),
    /// A check the user asked for failed (exit code 1).
    #[error("{0}")]
    Check(String),
    /// Anything else about usage.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// Wrong input at `place`: what is wrong, and what to do.
    pub fn input(place: Place, what: impl Into<String>, help: impl Into<String>) -> Error {
        Error::Input { place: Box::new(place), what: what.into(), help: help.into() }
    }

    /// `name` is none of `known`.
    pub fn unknown<S: Into<String>>(
        kind: &'static str,
        name: impl Into<String>,
        known: impl IntoIterator<Item = S>,
    ) -> Error {
        let known = known.into_iter().map(Into::into).collect();
        Error::Unknown { kind, name: name.into(), known }
    }

    /// An I/O failure on `path`.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Error {
        Error::Io { path: path.as_ref().to_path_buf(), source }
    }

    /// A latency model's complaint, with the profile, replica and step it is about.
    pub(crate) fn at_step(self, profile: &str, replica: u32, step: u64) -> Error {
        match self {
            Error::Latency { .. } => self,
            other => Error::Latency { profile: profile.into(), replica, step, what: other.to_string() },
        }
    }

    /// Process exit code: 1 for a failed check, 130 after an interrupt, 2 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Check(_) => 1,
            Error::Interrupted | Error::Paused(_) => 130,
            _ => 2,
        }
    }
}

/// The member of `known` closest to `name`, if any is close enough to be a likely typo.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(name, k), k))
        .filter(|&(d, k)| d <= 1 + name.len().max(k.len()) / 3)
        .min_by_key(|&(d, _)| d)
        .map(|(_, k)| k)
}

/// What to do about an answer of the operating system.
fn remedy(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{
        IsADirectory, NotADirectory, NotFound, PermissionDenied, ResourceBusy, StorageFull,
    };
    match source.kind() {
        NotFound => "; check the path, which is relative to the working directory",
        PermissionDenied => "; change its permissions or choose another path",
        NotADirectory => "; a part of the path is a file: choose another path",
        IsADirectory => "; name a file",
        ResourceBusy => "; choose another path",
        StorageFull => "; make room or choose another path",
        _ => "",
    }
}

fn unknown_message(kind: &str, name: &str, known: &[String]) -> String {
    let near = match nearest(name, known.iter().map(String::as_str)) {
        Some(k) => format!("did you mean `{k}`? "),
        None => String::new(),
    };
    format!("unknown {kind} `{name}`; {near}known: {}", known.join(", "))
}
