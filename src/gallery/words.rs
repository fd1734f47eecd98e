//! What metrics and keys are called on an axis.

use crate::report::figure::Axis;
use crate::report::pareto::Better;

/// A metric on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    /// What is measured.
    pub label: String,
    /// Its unit; may be empty.
    pub unit: &'static str,
    /// Which end is wanted.
    pub better: Better,
}

/// Name of the column, label, unit, wanted end.
const METRICS: &[(&str, &str, &str, Better)] = &[
    ("e2e_mean_s", "Mean E2E latency", "s", Better::Low),
    ("e2e_p50_s", "Median E2E latency", "s", Better::Low),
    ("e2e_p90_s", "P90 E2E latency", "s", Better::Low),
    ("e2e_p99_s", "P99 E2E latency", "s", Better::Low),
    ("ttft_mean_s", "Mean TTFT", "s", Better::Low),
    ("ttft_p90_s", "P90 TTFT", "s", Better::Low),
    ("ttft_p99_s", "P99 TTFT", "s", Better::Low),
    ("ttft_p50_s", "Median TTFT", "s", Better::Low),
    ("tpot_mean_s", "Mean TPOT", "s", Better::Low),
    ("tpot_p99_s", "P99 TPOT", "s", Better::Low),
    ("itl_mean_s", "Mean time between tokens", "s", Better::Low),
    ("itl_p99_s", "P99 time between tokens", "s", Better::Low),
    ("queue_mean_s", "Mean wait", "s", Better::Low),
    ("queue_p99_s", "P99 wait", "s", Better::Low),
    ("per_token_mean_s", "Mean latency per output token", "s", Better::Low),
    ("per_token_p50_s", "Median latency per output token", "s", Better::Low),
    ("per_token_p90_s", "P90 latency per output token", "s", Better::Low),
    ("per_token_p99_s", "P99 latency per output token", "s", Better::Low),
    ("requests_per_s", "Throughput", "requests/s", Better::High),
    ("output_tokens_per_s", "Throughput", "output tokens/s", Better::High),
    ("goodput_rps", "Goodput", "requests/s", Better::High),
    ("attainment", "SLO attainment", "", Better::High),
    ("slowdown_mean", "Mean slowdown", "", Better::Low),
    ("slowdown_p99", "P99 slowdown", "", Better::Low),
    ("preemptions", "Preemptions", "", Better::Low),
    ("wasted_tokens", "Wasted work", "tokens", Better::Low),
    ("jain_index", "Jain's fairness index", "", Better::High),
    ("busy", "Busy share", "", Better::High),
    ("kv_utilisation", "KV utilisation", "", Better::High),
    ("seats_utilisation", "Seat utilisation", "", Better::High),
    ("mfu", "MFU", "", Better::High),
    ("mbu", "MBU", "", Better::High),
    ("energy_j", "Energy", "J", Better::Low),
    ("j_per_output_token", "Energy per output token", "J", Better::Low),
    ("completed", "Completed requests", "", Better::High),
    ("ratio_best_known", "Ratio to best known", "", Better::Low),
    ("ratio_lower_bound", "Ratio to lower bound", "", Better::Low),
];

/// Endings of metrics that are in no list, with unit and wanted end.
const ENDINGS: &[(&str, &str, Better)] = &[
    ("_tokens_per_s", "tokens/s", Better::High),
    ("_per_s", "1/s", Better::High),
    ("_rps", "requests/s", Better::High),
    ("_s", "s", Better::Low),
    ("_j", "J", Better::Low),
    ("", "", Better::Low),
];

/// What the metric `name` is called.
pub fn metric(name: &str) -> Words {
    if let Some(&(_, label, unit, better)) = METRICS.iter().find(|m| m.0 == name) {
        return Words { label: label.to_owned(), unit, better };
    }
    let ending = ENDINGS.iter().find(|e| name.ends_with(e.0));
    let &(suffix, unit, better) = ending.unwrap_or(&("", "", Better::Low));
    let stem = name.strip_suffix(suffix).unwrap_or(name).replace('_', " ");
    Words { label: capital(&stem), unit, better }
}

/// Label and unit of the swept key `name`.
pub fn key(name: &str) -> (String, &'static str) {
    match name {
        "workload.rate_rps" => ("Offered load".to_owned(), "requests/s"),
        "kv.blocks" => ("KV memory".to_owned(), "blocks"),
        "engine.max_seqs" => ("Seats".to_owned(), ""),
        "predictor.r2_sigma" => ("R² of predicted ln(1 + σ)".to_owned(), ""),
        "predictor.tau" => ("Kendall's τ of predictions".to_owned(), ""),
        "prediction.batch_s" => ("Prediction time of a batch".to_owned(), "s"),
        "trace.laws.correlation" => ("Correlation of μ and σ".to_owned(), ""),
        _ => {
            // The whole key is in the caption; on an axis its last two parts fit.
            let parts: Vec<&str> =
                name.split('.').filter(|p| p.parse::<u32>().is_err() && *p != "params").collect();
            (capital(&parts[parts.len().saturating_sub(2)..].join(" ").replace('_', " ")), "")
        }
    }
}

/// Whether values call for a log axis: all above zero, and the largest at least `ratio` times the smallest.
pub fn wide(values: impl Iterator<Item = f64>, ratio: f64) -> bool {
    let (lo, hi) = values.fold((f64::INFINITY, 0.0f64), |(a, b), v| (a.min(v), b.max(v)));
    lo > 0.0 && lo.is_finite() && hi >= ratio * lo
}

/// A linear or log axis.
pub fn axis(log: bool, label: &str, unit: &str) -> Axis {
    if log { Axis::log(label, unit) } else { Axis::linear(label, unit) }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlisted_metrics_have_words() {
        let words = metric("time_to_k_s");
        assert_eq!((words.label.as_str(), words.unit), ("Time to k", "s"));
        assert_eq!(metric("useful_tokens_per_s").better, Better::High);
        assert_eq!(key("predictor.sigma").0, "Predictor sigma");
    }
}
