//! Who waits for whom: slowdown by output length, Jain's index.

use serde::{Deserialize, Serialize};

use crate::metrics::Distribution;
use crate::record::{PercentileConvention, RequestRecord};
use crate::time::Span;
use crate::workload::ClassId;

/// Slowdown of the requests in one quartile of output length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputQuartile {
    /// Shortest output, tokens.
    pub from_tokens: u32,
    /// Longest output, tokens.
    pub to_tokens: u32,
    /// Their slowdown.
    pub slowdown: Distribution,
}

/// Jain's index (sum x)^2 / (n sum x^2) of allocations x >= 0: 1 if all are equal, 1/n if one has
/// everything; `None` where nothing was allocated.
///
/// Jain, Chiu, Hawe: A quantitative measure of fairness, DEC-TR-301, 1984.
pub fn jain_index(allocations: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for x in allocations {
        n += 1.0;
        sum += x;
        squares += x * x;
    }
    (squares > 0.0).then(|| sum * sum / (n * squares))
}

/// Splits (output tokens, slowdown) pairs at the quartiles of output length. Equal lengths stay together,
/// so a quartile may be larger than a quarter, or missing.
fn by_output_quartile(requests: &mut [(u32, f64)], convention: PercentileConvention) -> Vec<OutputQuartile> {
    requests.sort_unstable_by_key(|r| r.0);
    let n = requests.len();
    let mut quartiles = Vec::with_capacity(4);
    let mut start = 0;
    for quarter in 1..=4 {
        let end = (n * quarter / 4).max(start);
        // Up to and with every request as long as the last one of the quarter.
        let end = match requests[..end].last() {
            Some(last) => requests.partition_point(|r| r.0 <= last.0),
            None => continue,
        };
        let members = &requests[start..end];
        if let (Some(first), Some(last)) = (members.first(), members.last()) {
            let mut values: Vec<f64> = members.iter().map(|r| r.1).collect();
            let slowdown = Distribution::from_values(&mut values, convention);
            quartiles.push(OutputQuartile { from_tokens: first.0, to_tokens: last.0, slowdown });
        }
        start = end;
    }
    quartiles
}

/// Completed requests and the E2E latency each would have had alone on an idle replica.
pub(super) struct Fairness<'a> {
    completed: &'a [&'a RequestRecord],
    isolated: Vec<Span>,
}

impl<'a> Fairness<'a> {
    pub(super) fn new(
        completed: &'a [&'a RequestRecord],
        isolated: &dyn Fn(u32, u32) -> Span,
    ) -> Fairness<'a> {
        let alone = |r: &&RequestRecord| isolated(r.prompt_tokens, r.output_tokens);
        Fairness { completed, isolated: completed.iter().map(alone).collect() }
    }

    /// Each request with its slowdown, E2E over isolated E2E.
    fn slowdowns(&self) -> impl Iterator<Item = (&RequestRecord, f64)> {
        self.completed.iter().zip(&self.isolated).map(|(r, alone)| {
            let e2e = r.e2e().unwrap_or(Span::ZERO);
            (*r, e2e.0 as f64 / alone.0 as f64)
        })
    }

    /// Of all requests, or of one class.
    pub(super) fn slowdown(&self, class: Option<ClassId>, convention: PercentileConvention) -> Distribution {
        let chosen = self.slowdowns().filter(|(r, _)| class.is_none_or(|class| r.class == class));
        let mut values: Vec<f64> = chosen.map(|(_, slowdown)| slowdown).collect();
        Distribution::from_values(&mut values, convention)
    }

    pub(super) fn by_output(&self, convention: PercentileConvention) -> Vec<OutputQuartile> {
        let mut pairs: Vec<_> = self.slowdowns().map(|(r, slowdown)| (r.output_tokens, slowdown)).collect();
        by_output_quartile(&mut pairs, convention)
    }

    /// Over shares of isolated speed, isolated E2E over E2E: what a request gets of what it could get.
    pub(super) fn jain(&self) -> Option<f64> {
        jain_index(self.slowdowns().map(|(_, slowdown)| 1.0 / slowdown))
    }
}
