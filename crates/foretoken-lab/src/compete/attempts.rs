//! Attempts at requests, and the memory that they hold together.

use super::instance::Instance;

/// One try at a request, in rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Index of its request.
    pub job: usize,
    /// Round in which it starts.
    pub start: u64,
    /// Round at whose start it is over; memory is held up to and including it.
    pub end: u64,
}

/// Most memory that `attempts` hold at any integer time, tokens: s + (t - p) each, for p < t <= end.
///
/// Usage rises by one token a round and attempt, and falls only right after an end: the ends are the peaks.
pub fn peak_kv_tokens(instance: &Instance, attempts: &[Attempt]) -> u64 {
    let base = |a: &Attempt| i64::from(instance.jobs[a.job].prompt) - a.start as i64;
    let mut starts: Vec<(u64, i64)> = attempts.iter().map(|a| (a.start, base(a))).collect();
    let mut ends: Vec<(u64, i64)> = attempts.iter().map(|a| (a.end, base(a))).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    let (mut peak, mut sum, mut live, mut started, mut ended) = (0, 0i64, 0i64, 0, 0);
    for &(t, _) in &ends {
        while let Some((_, base)) = starts.get(started).filter(|(p, _)| *p < t) {
            (sum, live, started) = (sum + base, live + 1, started + 1);
        }
        while ends[ended].0 < t {
            (sum, live, ended) = (sum - ends[ended].1, live - 1, ended + 1);
        }
        peak = peak.max(sum + live * t as i64);
    }
    peak as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compete::Job;

    #[test]
    fn memory_peaks_at_ends() {
        let job = |prompt| Job { arrival: 0, prompt, output: 3, lower: 1, upper: 3 };
        let instance = Instance { jobs: vec![job(2), job(0)] };
        let at = |job, start, end| Attempt { job, start, end };
        // 2+3 at t = 3; one that starts when the other ends adds nothing to it.
        assert_eq!(peak_kv_tokens(&instance, &[at(0, 0, 3), at(1, 3, 6)]), 5);
        // At t = 3: 2+3 and 0+2.
        assert_eq!(peak_kv_tokens(&instance, &[at(0, 0, 3), at(1, 1, 4)]), 7);
        assert_eq!(peak_kv_tokens(&instance, &[]), 0);
    }
}
