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

/// What memory costs at given prices.
pub(super) struct Tariff {
    /// Sums of p[t], and of t·p[t], up to t.
    sums: Vec<f64>,
    moments: Vec<f64>,
}

impl Tariff {
    pub fn new(prices: &[f64]) -> Tariff {
        let (mut sum, mut moment) = (0.0, 0.0);
        let (mut sums, mut moments) = (Vec::with_capacity(prices.len()), Vec::with_capacity(prices.len()));
        for (t, p) in prices.iter().enumerate() {
            (sum, moment) = (sum + p, moment + t as f64 * p);
            sums.push(sum);
            moments.push(moment);
        }
        Tariff { sums, moments }
    }

    /// Last integer time with a price.
    fn end(&self) -> usize {
        self.sums.len() - 1
    }

    /// Latency plus memory of one of `group` that starts at `start`.
    pub fn cost(&self, group: &Group, start: u64) -> f64 {
        let end = self.end();
        let (from, to) = ((start as usize).min(end), ((start + group.output) as usize).min(end));
        let (tokens, moment) = (self.sums[to] - self.sums[from], self.moments[to] - self.moments[from]);
        let memory = moment + (group.prompt as f64 - start as f64) * tokens;
        (start + group.output - group.arrival) as f64 + memory
    }

    /// The cheapest start of `group` and its cost. Beyond the last price waiting only costs.
    pub fn cheapest(&self, group: &Group) -> (f64, u64) {
        let last = group.arrival.max(self.end() as u64);
        let costs = (group.arrival..=last).map(|start| (self.cost(group, start), start));
        costs.fold((f64::INFINITY, 0), |best, next| if next.0 < best.0 { next } else { best })
    }
}

/// The right side of the bound at `prices`, and the memory that the cheapest starts hold.
fn priced(groups: &[Group], kv_tokens: u64, prices: &[f64]) -> (f64, Vec<f64>) {
    let tariff = Tariff::new(prices);
    let end = tariff.end();
    let mut value = -(kv_tokens as f64) * tariff.sums[end];
    // Each start adds a ramp from s + 1 to s + o: what joins and leaves at t, and how many.
    let (mut level, mut slope) = (vec![0.0; end + 2], vec![0.0; end + 2]);
    for group in groups {
        let (cost, start) = tariff.cheapest(group);
        let count = group.members.len() as f64;
        value += count * cost;
        let base = count * (group.prompt as f64 - start as f64);
        let at = |t: u64| (t as usize + 1).min(end + 1);
        let (first, after) = (at(start), at(start + group.output));
        (level[first], slope[first]) = (level[first] + base, slope[first] + count);
        (level[after], slope[after]) = (level[after] - base, slope[after] - count);
    }
    let (mut base, mut live) = (0.0, 0.0);
    let held = (0..=end).map(|t| {
        (base, live) = (base + level[t], live + slope[t]);
        base + live * t as f64
    });
    (value, held.collect())
}
