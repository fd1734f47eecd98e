//! A lower bound on the total latency of any schedule, for instances of any size.
//!
//! Give memory a price: every token held at integer time t costs `p[t] >= 0`, and what is not held earns nothing.
//! For any prices,
//!
//! TEL >= sum over i of min over starts k >= a_i of (k + o_i - a_i + sum over t in k+1..=k+o_i of p[t](s_i + t - k))
//!        - M * sum of p[t],
//!
//! because each schedule pays at most `M * sum of p[t]` for memory and each request no less than its own minimum. One
//! evaluation of the right side proves the bound, whoever chose the prices. The best prices give the relaxation of the
//! integer program ([`super::relaxation`]): each request alone has whole starts anyway.

use super::instance::Instance;
use super::optimum::{Group, Schedule, groups};

/// Prices tried.
const STEPS: usize = 200;
/// Steps without a better bound before they get shorter.
const PATIENCE: usize = 8;
/// What rounding may add to a bound, relative: taken off.
const ROUNDING: f64 = 1e-9;

/// A bound and its proof.
#[derive(Clone, Debug)]
pub struct DualBound {
    /// No schedule has a smaller total latency, rounds.
    pub value: f64,
    /// Price of a token at integer time t = index; 0 beyond the end.
    pub prices: Vec<f64>,
}

/// Searches prices by subgradient steps from those that `known`, a feasible schedule, suggests: an extra token at t
/// would speed up everybody who is not done, so its price is near their number over M.
pub fn dual_bound(instance: &Instance, kv_tokens: u64, known: &Schedule) -> DualBound {
    let groups = groups(instance);
    let tel = known.tel(instance) as f64;
    let mut prices = unfinished(instance, known);
    prices.iter_mut().for_each(|p| *p /= kv_tokens as f64);
    let mut best = DualBound { value: 0.0, prices: vec![0.0; prices.len()] };
    let (mut reach, mut since) = (1.0, 0);
    for _ in 0..STEPS {
        let (value, held) = priced(&groups, kv_tokens, &prices);
        since += 1;
        if value > best.value {
            best = DualBound { value, prices: prices.clone() };
            since = 0;
        }
        if since > PATIENCE {
            (reach, since) = (0.5 * reach, 0);
            prices.clone_from(&best.prices);
            continue;
        }
        let over = |h: &f64| h - kv_tokens as f64;
        let norm: f64 = held.iter().map(|h| over(h) * over(h)).sum();
        if norm == 0.0 || tel <= value {
            break;
        }
        let step = reach * (tel - value) / norm;
        prices.iter_mut().zip(&held).for_each(|(p, h)| *p = (*p + step * over(h)).max(0.0));
    }
    best.value = proven(instance, kv_tokens, &best.prices);
    best
}

/// The bound that `prices` prove, rounded down.
pub fn proven(instance: &Instance, kv_tokens: u64, prices: &[f64]) -> f64 {
    if prices.iter().any(|p| !(p.is_finite() && *p >= 0.0)) {
        return 0.0;
    }
    let paid = kv_tokens as f64 * prices.iter().sum::<f64>();
    let (value, _) = priced(&groups(instance), kv_tokens, prices);
    (value - ROUNDING * (value.abs() + 2.0 * paid)).max(0.0)
}

/// Requests that are not done at integer time t = index.
fn unfinished(instance: &Instance, known: &Schedule) -> Vec<f64> {
    let ends = instance.jobs.iter().zip(&known.starts).map(|(job, start)| start + u64::from(job.output));
    let mut ends: Vec<u64> = ends.collect();
    ends.sort_unstable();
    let last = ends.last().copied().unwrap_or(0);
    (0..=last).map(|t| (ends.len() - ends.partition_point(|&end| end < t)) as f64).collect()
}

/// The right side of the bound at `prices`, and the memory that the cheapest starts hold.
fn priced(groups: &[Group], kv_tokens: u64, prices: &[f64]) -> (f64, Vec<f64>) {
    let end = prices.len() - 1;
    // Sums of p[t] and t·p[t] up to t.
    let (mut sums, mut moments) = (Vec::with_capacity(end + 1), Vec::with_capacity(end + 1));
    let (mut sum, mut moment) = (0.0, 0.0);
    for (t, p) in prices.iter().enumerate() {
        (sum, moment) = (sum + p, moment + t as f64 * p);
        sums.push(sum);
        moments.push(moment);
    }
    let mut value = -(kv_tokens as f64) * sum;
    // Memory as second differences: each start adds a ramp from s + 1 to s + o.
    let (mut level, mut slope) = (vec![0.0; end + 3], vec![0.0; end + 3]);
    for &Group { arrival, prompt, output, ref members } in groups {
        let mut cheapest = (f64::INFINITY, 0);
        // Beyond the last price waiting only costs.
        for start in arrival..=arrival.max(end as u64) {
            let (from, to) = ((start as usize).min(end), ((start + output) as usize).min(end));
            let memory =
                moments[to] - moments[from] + (prompt as f64 - start as f64) * (sums[to] - sums[from]);
            let cost = (start + output - arrival) as f64 + memory;
            if cost < cheapest.0 {
                cheapest = (cost, start);
            }
        }
        let (cost, start) = cheapest;
        let count = members.len() as f64;
        value += count * cost;
        let first = (start as usize + 1).min(end + 1);
        let after = ((start + output) as usize + 1).min(end + 1);
        if first < after {
            level[first] += count * (prompt as f64 - start as f64);
            slope[first] += count;
            level[after] -= count * (prompt as f64 - start as f64);
            slope[after] -= count;
        }
    }
    let (mut base, mut live) = (0.0, 0.0);
    let held = (0..=end).map(|t| {
        base += level[t];
        live += slope[t];
        base + live * t as f64
    });
    (value, held.collect())
}
