//! The `[predictor]` section of a scenario, and how it becomes a predictor.

use super::binned::Binned;
use super::file::FromFile;
use super::interval::{Around, Classes, One, Quantiles};
use super::log_t::{LawSample, NoisyLaw};
use super::noisy::Noisy;
use super::{Law, Nothing, Oracle, Predictor};
use crate::error::{Error, Place, Result};
use crate::length::LogT;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What to do about requests that a predictions file misses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// Stop with an error.
    #[default]
    Error,
    /// Believe nothing about them.
    Unknown,
}

/// Who predicts output lengths, and how well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PredictorConfig {
    /// The true length.
    #[default]
    Oracle,
    /// Nothing.
    None,
    /// The law that a synthetic trace drew the length from.
    Law,
    /// The true length times exp(sigma z), z standard normal.
    Noisy {
        /// Standard deviation of the logarithm's error.
        sigma: f64,
    },
    /// A regression whose predictions of ln(length) explain a chosen share of its variance.
    NoisyR2 {
        /// Coefficient of determination of ln(length), in 0..=1.
        r2: f64,
    },
    /// Ranks that agree with the true order to a chosen degree.
    NoisyTau {
        /// Kendall's tau between predicted and true lengths, in 0..=1.
        tau: f64,
    },
    /// The law that a synthetic trace drew the length from, seen through a regression whose predictions of mu and of
    /// ln(1 + sigma) explain chosen shares of their variance over the trace.
    LogT {
        /// Coefficient of determination of mu, in 0..=1.
        r2_mu: f64,
        /// Coefficient of determination of ln(1 + sigma), in 0..=1.
        r2_sigma: f64,
        /// Correlation of the two errors, in -1..=1.
        #[serde(default)]
        error_correlation: f64,
    },
    /// A classifier: the belief is the interval of the predicted class.
    Binned {
        /// First length of each class but the first, increasing: n edges make n + 1 classes.
        edges: Vec<u32>,
        /// Row per true class: probabilities of predicting each class.
        confusion: Vec<Vec<f64>>,
        /// Largest length, the end of the last class.
        cap: u32,
    },
    /// One interval for all.
    Interval {
        /// Smallest length, tokens, at least 1.
        lower: u32,
        /// Largest length, tokens.
        upper: u32,
    },
    /// Classes of equal width: 1..=width, width+1..=2 width, and so on; the belief is the true length's class.
    IntervalClasses {
        /// Lengths in a class.
        width: u32,
    },
    /// An interval around the true length o: (1-x) o rounded down, at least 1, to (1+x) o rounded up.
    IntervalAround {
        /// Half its width over the length, in 0..1.
        x: f64,
        /// Share of requests whose interval lies wholly beside their length: the same width, begun one token
        /// above it or ended one below, at even odds.
        #[serde(default)]
        miss: f64,
        /// Memory that prompt and upper end must fit into, tokens; unset = no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kv_tokens: Option<u32>,
    },
    /// Quantiles of a log-t law: the trace's own, or a predictions file's.
    IntervalQuantiles {
        /// Probability of a length below the interval, in 0..1.
        p_lo: f64,
        /// Probability of a length up to its end, above `p_lo`.
        p_hi: f64,
        /// A predictions file with laws; unset = the law that a synthetic trace drew the length from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<PathBuf>,
    },
    /// Predictions made elsewhere: `id,kind,p1,p2,p3,p4,cost_s`.
    File {
        /// The CSV file.
        path: PathBuf,
        /// What to do about requests it misses.
        #[serde(default)]
        missing: Missing,
    },
}

/// What synthetic predictors of stated accuracy must know of the workload's true lengths.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LengthSample {
    /// Number of lengths seen.
    pub n: u64,
    /// Mean of ln(length).
    pub log_mean: f64,
    /// Standard deviation of ln(length), ddof 0.
    pub log_sd: f64,
    /// ln(length) of up to [`LengthSample::KEPT`] requests, evenly spread.
    pub logs: Vec<f64>,
    /// Statistics of the laws that the lengths were drawn from, where the trace has them.
    pub laws: Option<LawSample>,
}

impl LengthSample {
    /// Lengths kept for calibrating ranks.
    pub const KEPT: usize = 2000;

    /// Statistics of true output lengths in tokens, and of the laws behind them.
    pub fn new(lengths: &[u32], laws: &[LogT]) -> LengthSample {
        let n = lengths.len().max(1) as f64;
        let log = |&tokens: &u32| libm::log(f64::from(tokens.max(1)));
        let log_mean = lengths.iter().map(log).sum::<f64>() / n;
        let variance = lengths.iter().map(|t| (log(t) - log_mean) * (log(t) - log_mean)).sum::<f64>() / n;
        let stride = lengths.len().div_ceil(Self::KEPT).max(1);
        let logs = lengths.iter().step_by(stride).map(log).collect();
        LengthSample {
            n: lengths.len() as u64,
            log_mean,
            log_sd: libm::sqrt(variance),
            logs,
            laws: LawSample::new(laws),
        }
    }
}

impl PredictorConfig {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            PredictorConfig::Oracle => "oracle",
            PredictorConfig::None => "none",
            PredictorConfig::Law => "law",
            PredictorConfig::Noisy { .. } => "noisy",
            PredictorConfig::NoisyR2 { .. } => "noisy-r2",
            PredictorConfig::NoisyTau { .. } => "noisy-tau",
            PredictorConfig::LogT { .. } => "log-t",
            PredictorConfig::Binned { .. } => "binned",
            PredictorConfig::Interval { .. } => "interval",
            PredictorConfig::IntervalClasses { .. } => "interval-classes",
            PredictorConfig::IntervalAround { .. } => "interval-around",
            PredictorConfig::IntervalQuantiles { .. } => "interval-quantiles",
            PredictorConfig::File { .. } => "file",
        }
    }

    /// Name with its numbers, for tables: `noisy-r2 0.76`.
    pub fn label(&self) -> String {
        match self {
            PredictorConfig::Noisy { sigma } => format!("noisy {sigma}"),
            PredictorConfig::NoisyR2 { r2 } => format!("noisy-r2 {r2}"),
            PredictorConfig::NoisyTau { tau } => format!("noisy-tau {tau}"),
            PredictorConfig::LogT { r2_mu, r2_sigma, error_correlation } => match error_correlation {
                0.0 => format!("log-t {r2_mu} {r2_sigma}"),
                rho => format!("log-t {r2_mu} {r2_sigma} {rho}"),
            },
            PredictorConfig::Binned { confusion, .. } => format!("binned {}", confusion.len()),
            PredictorConfig::Interval { lower, upper } => format!("interval {lower}..{upper}"),
            PredictorConfig::IntervalClasses { width } => format!("interval-classes {width}"),
            PredictorConfig::IntervalAround { x, miss: 0.0, .. } => format!("interval-around {x}"),
            PredictorConfig::IntervalAround { x, miss, .. } => format!("interval-around {x} miss {miss}"),
            PredictorConfig::IntervalQuantiles { p_lo, p_hi, .. } => {
                format!("interval-quantiles {p_lo}..{p_hi}")
            }
            other => other.name().into(),
        }
    }

    /// The file it reads, if any.
    pub fn path(&self) -> Option<&Path> {
        match self {
            PredictorConfig::File { path, .. } => Some(path),
            PredictorConfig::IntervalQuantiles { path, .. } => path.as_deref(),
            _ => None,
        }
    }

    /// Whether [`PredictorConfig::build`] reads the [`LengthSample`].
    pub fn needs_sample(&self) -> bool {
        use PredictorConfig::{LogT, NoisyR2, NoisyTau};
        matches!(self, NoisyR2 { .. } | NoisyTau { .. } | LogT { .. })
    }

    /// The predictor, its noise keyed by (seed, replicate, request).
    ///
    /// # Errors
    /// A parameter out of range, by key; an unreadable predictions file, by line.
    pub fn build(&self, sample: &LengthSample, seed: u64, replicate: u64) -> Result<Box<dyn Predictor>> {
        let share = |key: &str, value: f64| {
            if (0.0..=1.0).contains(&value) {
                return Ok(value);
            }
            let place = Place::key(format!("predictor.{key}"));
            Err(Error::input(place, format!("{value} is not in 0..=1"), "choose a share"))
        };
        Ok(match self {
            PredictorConfig::Oracle => Box::new(Oracle),
            PredictorConfig::None => Box::new(Nothing),
            PredictorConfig::Law => Box::new(Law),
            PredictorConfig::Noisy { sigma } => {
                if !(sigma.is_finite() && *sigma >= 0.0) {
                    let place = Place::key("predictor.sigma");
                    return Err(Error::input(
                        place,
                        format!("{sigma} is no standard deviation"),
                        "choose 0 or more",
                    ));
                }
                Box::new(Noisy::multiplicative(*sigma, seed, replicate))
            }
            PredictorConfig::NoisyR2 { r2 } => {
                Box::new(Noisy::with_r2(share("r2", *r2)?, sample, seed, replicate))
            }
            PredictorConfig::NoisyTau { tau } => {
                Box::new(Noisy::with_tau(share("tau", *tau)?, sample, seed, replicate))
            }
            PredictorConfig::LogT { r2_mu, r2_sigma, error_correlation } => {
                if !(-1.0..=1.0).contains(error_correlation) {
                    let what = format!("{error_correlation} is no correlation");
                    let place = Place::key("predictor.error_correlation");
                    return Err(Error::input(place, what, "choose -1 to 1"));
                }
                let r2 = [share("r2_mu", *r2_mu)?, share("r2_sigma", *r2_sigma)?];
                Box::new(NoisyLaw::new(r2, *error_correlation, sample.laws, seed, replicate))
            }
            PredictorConfig::Binned { edges, confusion, cap } => {
                Box::new(Binned::new(edges, confusion, *cap, seed, replicate)?)
            }
            PredictorConfig::Interval { lower, upper } => Box::new(One::new(*lower, *upper)?),
            PredictorConfig::IntervalClasses { width } => Box::new(Classes::new(*width)?),
            PredictorConfig::IntervalAround { x, miss, kv_tokens } => {
                Box::new(Around::new(*x, share("miss", *miss)?, *kv_tokens, seed, replicate)?)
            }
            PredictorConfig::IntervalQuantiles { p_lo, p_hi, path } => {
                Box::new(Quantiles::new(*p_lo, *p_hi, path.as_deref())?)
            }
            PredictorConfig::File { path, missing } => Box::new(FromFile::read(path, *missing)?),
        })
    }
}
