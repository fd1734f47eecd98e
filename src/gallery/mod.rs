//! Figures of stored results: reads result directories and traces, and hands plain numbers to [`crate::report`].

mod heat;
mod lengths;
mod measures;
mod over;
mod prompts;
mod requests;
mod sides;
mod source;
mod steps;
mod table;
mod words;

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::report::figure::{FigureSpec, Width};

/// What a figure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Metrics over load or any other swept key.
    Load,
    /// Distribution functions of latencies.
    Cdf,
    /// Ratios to the best known schedule and to the lower bound, over a swept key.
    Ratio,
    /// A metric over two swept keys.
    Heatmap,
    /// Completion time against output length.
    Completion,
    /// Two metrics against each other, with the Pareto front.
    Pareto,
    /// KV memory and queue over time.
    Timeline,
    /// Bars by scheduler or by value of a swept key.
    Ablation,
    /// Histogram of output lengths with fitted laws.
    Fit,
    /// Predicted against observed lengths.
    Calibration,
    /// Histograms of single prompts' output lengths with fitted laws.
    Prompts,
}

/// Every kind: its name, what it shows, which choices it takes.
const KINDS: [(&str, Kind, &str, &[&str]); 11] = [
    (
        "load",
        Kind::Load,
        "response time, throughput and goodput over load",
        &["x", "y", "only", "where", "log"],
    ),
    ("cdf", Kind::Cdf, "distribution functions of TTFT, TPOT and E2E latency", &["y", "only", "log"]),
    (
        "ratio",
        Kind::Ratio,
        "ratios to best known and lower bound over a key",
        &["x", "y", "only", "where", "log"],
    ),
    ("heatmap", Kind::Heatmap, "a metric over two swept keys", &["x", "y", "z", "only", "where", "log"]),
    ("completion", Kind::Completion, "completion time against output length", &["only", "log"]),
    ("pareto", Kind::Pareto, "two metrics and their Pareto front", &["x", "y", "only", "where", "log"]),
    ("timeline", Kind::Timeline, "KV memory and queue over time", &["y", "only"]),
    ("ablation", Kind::Ablation, "bars with intervals", &["x", "y", "only", "where"]),
    ("fit", Kind::Fit, "output lengths with fitted laws", &["only", "log"]),
    ("calibration", Kind::Calibration, "predicted against observed lengths", &["only"]),
    ("prompts", Kind::Prompts, "output lengths of single prompts with fitted laws", &["only", "log"]),
];

impl Kind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Kind> {
        KINDS.iter().map(|k| k.1)
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        KINDS[self as usize].0
    }

    /// What it shows, in a few words.
    pub fn summary(self) -> &'static str {
        KINDS[self as usize].2
    }

    fn takes(self, choice: &str) -> bool {
        KINDS[self as usize].3.contains(&choice)
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Kind> {
        let found = KINDS.iter().find(|k| k.0 == name).map(|k| k.1);
        found.ok_or_else(|| Error::unknown("kind of figure", name, KINDS.map(|k| k.0)))
    }
}

/// Which part of the results is drawn, and how. Nothing chosen: what suits the results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choices {
    /// Swept key, or metric, of the horizontal axis.
    pub x: Option<String>,
    /// Metrics, one panel each; for heat maps the swept key of the vertical axis.
    pub y: Vec<String>,
    /// Metric of the cells of a heat map.
    pub z: Option<String>,
    /// Labels of schedulers, or ids of prompts; empty: all, or the first.
    pub only: Vec<String>,
    /// Swept keys and the one value of each that is drawn.
    pub conditions: Vec<(String, String)>,
    /// Exactly these axes (`x`, `y`, `z`) are logarithmic.
    pub log: Option<Vec<String>>,
    /// Printed width.
    pub width: Option<Width>,
}

impl Choices {
    /// Refuses what `kind` does not take.
    fn check(&self, kind: Kind) -> Result<()> {
        let given = [
            ("x", self.x.is_some()),
            ("y", !self.y.is_empty()),
            ("z", self.z.is_some()),
            ("only", !self.only.is_empty()),
            ("where", !self.conditions.is_empty()),
            ("log", self.log.is_some()),
        ];
        let useless = given.into_iter().find(|&(choice, given)| given && !kind.takes(choice));
        if let Some((choice, _)) = useless {
            let takes: Vec<String> = KINDS[kind as usize].3.iter().map(|c| format!("--{c}")).collect();
            let (name, takes) = (kind.name(), takes.join(", "));
            return Err(Error::Usage(format!("a {name} figure has no use for --{choice}; it takes {takes}")));
        }
        let strange = self.log.iter().flatten().find(|axis| !["x", "y", "z"].contains(&axis.as_str()));
        strange.map_or(Ok(()), |axis| Err(Error::unknown("axis", axis, ["x", "y", "z"])))
    }

    /// Whether the axis called `axis` is logarithmic: as chosen, else as `suits`.
    fn is_log(&self, axis: &str, suits: bool) -> bool {
        self.log.as_ref().map_or(suits, |axes| axes.iter().any(|a| a == axis))
    }

    /// The chosen width, else two columns where there are `wide` panels.
    fn width(&self, wide: bool) -> Width {
        self.width.unwrap_or(if wide { Width::TwoColumn } else { Width::OneColumn })
    }
}

/// A figure, and what its reader should know of what is not in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The figure.
    pub spec: FigureSpec,
    /// Remarks for whoever asked for it.
    pub remarks: Vec<String>,
}

/// Builds the figure `kind` of the result directories (for [`Kind::Fit`] also traces, for [`Kind::Prompts`] files of
/// samples) `sources`.
///
/// # Errors
/// A source that is missing, torn, of another version, or lacks a file or column, with the command that makes it;
/// unknown axes, metrics and labels; a choice that the kind does not take; nothing to draw.
pub fn draw(kind: Kind, sources: &[PathBuf], choices: &Choices) -> Result<Drawn> {
    choices.check(kind)?;
    let builder: fn(&[source::Source], &Choices) -> Result<Drawn> = match kind {
        Kind::Load => over::load,
        Kind::Ratio => over::ratio,
        Kind::Heatmap => heat::heatmap,
        Kind::Pareto => sides::pareto,
        Kind::Ablation => sides::ablation,
        Kind::Timeline => steps::timeline,
        Kind::Cdf => requests::cdf,
        Kind::Completion => requests::completion,
        Kind::Calibration => requests::calibration,
        Kind::Fit => return lengths::fit(sources, choices),
        Kind::Prompts => return prompts::prompts(sources, choices),
    };
    builder(&source::Source::open_all(sources)?, choices)
}

/// Nothing is left to draw.
fn nothing(what: &str) -> Error {
    Error::Usage(format!("there is nothing to draw: {what}"))
}
