//! Pure functions of records: distributions, service levels, fairness, summaries, comparisons.
//!
//! Nothing here sees the engine: a summary follows from [`RequestRecord`]s and [`RunTotals`] alone.
//!
//! [`RequestRecord`]: crate::record::RequestRecord
//! [`RunTotals`]: crate::record::RunTotals

mod compare;
mod distribution;
mod fairness;
mod metric;
mod slo;
pub mod stats;
mod summarise;
mod summary;

pub use crate::record::PercentileConvention;
pub use compare::{Comparison, ComparisonRow, Contestant, Estimate, References, Run, compare, matched};
pub use distribution::Distribution;
pub use fairness::{OutputQuartile, jain_index};
pub use metric::{Better, METRICS, Metric, Series};
pub use slo::{SLO_PRESETS, Slo, SloReport};
pub use summarise::{Floor, RunRecord, SummaryOptions, Trim, summarise};
pub use summary::{
    ClassSummary, Counts, FinishedBy, Latencies, LowerBound, Peaks, PredictionError, PredictionServer,
    PrefixCache, Stages, SteadyState, Summary, Throughput, TimeAt, Utilisation,
};
