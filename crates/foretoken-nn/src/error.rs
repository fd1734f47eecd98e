//! What can go wrong on a device.

use std::path::PathBuf;

/// An error of this crate: what happened, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that is not in the list it should be in.
    #[error("unknown {kind} `{name}`; known: {known}")]
    Unknown {
        /// What kind of thing was named.
        kind: &'static str,
        /// The name given.
        name: String,
        /// The valid names, comma separated.
        known: String,
    },
    /// A model description that contradicts itself or cannot be read.
    #[error("model {model}: {what}")]
    Shape {
        /// Name of the model, or its file.
        model: String,
        /// What is wrong with it.
        what: String,
    },
    /// Weights that are not there or have the wrong shape.
    #[error("{}: {what}", path.display())]
    Weights {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The device or its library is not there.
    #[error("{device}: {what}")]
    Device {
        /// The backend asked for.
        device: String,
        /// Why it cannot be had, and what would help.
        what: String,
    },
    /// The device has no memory left for what was asked.
    #[error("out of memory while {what}")]
    OutOfMemory {
        /// What was being done.
        what: String,
    },
    /// A variable that training would never change, because an operation after it has no backward pass.
    #[error("variable {variable} got no gradient: an operation after it has no backward pass")]
    Gradient {
        /// Its name.
        variable: String,
    },
    /// A step that the runner cannot execute as asked.
    #[error("step refused: {0}")]
    Step(String),
    /// The tensor library failed.
    #[error("{library}: {what}")]
    Library {
        /// Which.
        library: &'static str,
        /// Its own words.
        what: String,
    },
}

/// The result of whatever touches a device.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Words of a tensor library, told apart from running out of memory.
    pub(crate) fn library(library: &'static str, what: impl std::fmt::Display) -> Error {
        let what = what.to_string();
        // candle's words end in a backtrace.
        let what = what.split("\n   0: ").next().unwrap_or_default().to_string();
        let lower = what.to_lowercase();
        if lower.contains("out of memory")
            || lower.contains("out_of_memory")
            || lower.contains("can't allocate memory")
        {
            return Error::OutOfMemory { what: format!("{library} ran an operation: {what}") };
        }
        Error::Library { library, what }
    }
}
