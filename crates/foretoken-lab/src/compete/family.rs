//! Made-up instances: laws of output lengths, orders, and what is known about each length.

use super::instance::{Instance, Job};
use super::lengths;
use crate::error::{Error, Result};
use crate::rng::Stream;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Purposes of the random streams.
const LENGTHS: &str = "compete-lengths";
const ORDER: &str = "compete-order";

/// A law of output lengths, tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Family {
    /// 1 or `upper`; the share of long ones is met to a whole request, not drawn.
    TwoPoint {
        /// The long ones, tokens.
        upper: u32,
        /// Share of long ones, 0 to 1.
        share: f64,
    },
    /// P(k) proportional to q^k on 1..=upper.
    Geometric {
        /// Ratio of neighbours, in (0, 1).
        q: f64,
        /// Longest, tokens.
        upper: u32,
    },
    /// P(k) proportional to k·q^k on 1..=upper.
    LinearGeometric {
        /// Ratio of the geometric part, in (0, 1).
        q: f64,
        /// Longest, tokens.
        upper: u32,
    },
    /// Each whole number of a range alike.
    Uniform {
        /// Shortest, tokens.
        #[serde(default = "one")]
        lower: u32,
        /// Longest, tokens.
        upper: u32,
    },
    /// P(k) proportional to k^-p on 1..=upper.
    HeavyTailed {
        /// Exponent, positive.
        p: f64,
        /// Longest, tokens.
        upper: u32,
    },
    /// Output lengths of chats, drawn with replacement; longer ones are cut to `upper`.
    Lmsys {
        /// Longest, tokens.
        #[serde(default = "thousand")]
        upper: u32,
        /// CSV (plain or gzip) with a column `output_tokens`; unset = the trace that comes with foretoken.
        file: Option<PathBuf>,
    },
}

fn one() -> u32 {
    1
}

fn thousand() -> u32 {
    1000
}

/// In which order the requests stand, where all arrive together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As drawn, and shuffled.
    #[default]
    Random,
    /// Longest output first.
    LongFirst,
    /// Long outputs spread evenly among short ones (by the van der Corput sequence).
    Spread,
    /// Shortest output first.
    ShortFirst,
}

/// What is known about each length.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Intervals {
    /// The whole range of the family.
    Family,
    /// One interval for all.
    One {
        /// Lower end, tokens.
        lower: u32,
        /// Upper end, tokens.
        upper: u32,
    },
    /// Classes of equal width: 1..=width, width+1..=2·width, ...
    Classes {
        /// Width, tokens.
        width: u32,
    },
    /// [(1-x)o, (1+x)o], rounded outwards, the lower end at least 1.
    Overlap {
        /// Relative half width, 0 to 1; six decimals count.
        x: f64,
    },
    /// As `overlap`, with a half width for each end.
    Ends {
        /// Error of the lower end, 0 to 1.
        below: f64,
        /// Error of the upper end, 0 or more.
        above: f64,
    },
}

/// A recipe for instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Law of lengths.
    pub law: Arc<Law>,
    /// Number of requests.
    pub requests: u32,
    /// Prompt of each, tokens.
    pub prompt: u32,
    /// Order.
    pub order: Order,
    /// What is known.
    pub intervals: Intervals,
}

impl Recipe {
    /// The instance of `seed`, all requests at round 0. Upper ends are cut to what fits into `kv_tokens`.
    ///
    /// Equal seeds draw equal lengths whatever is known about them, and fewer requests are the first of more.
    ///
    /// # Errors
    /// Lengths outside of `intervals`, or that cannot fit; unusable intervals; no requests.
    pub fn instance(&self, kv_tokens: u64, seed: u64) -> Result<Instance> {
        let mut outputs = self.law.draw(self.requests, seed);
        self.order.apply(&mut outputs, seed);
        let room = kv_tokens.saturating_sub(u64::from(self.prompt)).min(u64::from(u32::MAX)) as u32;
        let mut jobs = Vec::with_capacity(outputs.len());
        for output in outputs {
            let [lower, upper] = self.intervals.around(output, self.law.range)?;
            let upper = upper.min(room.max(output));
            jobs.push(Job { arrival: 0, prompt: self.prompt, output, lower, upper });
        }
        let instance = Instance { jobs };
        instance.check(kv_tokens)?;
        Ok(instance)
    }
}

impl Family {
    /// Shortest and longest possible output.
    fn range(&self) -> [u32; 2] {
        match *self {
            Family::Uniform { lower, upper } => [lower, upper],
            Family::TwoPoint { upper, .. }
            | Family::Geometric { upper, .. }
            | Family::LinearGeometric { upper, .. }
            | Family::HeavyTailed { upper, .. }
            | Family::Lmsys { upper, .. } => [1, upper],
        }
    }

    /// The law, ready to draw from.
    ///
    /// # Errors
    /// Unusable parameters, by name; a file of lengths that cannot be read.
    pub fn law(&self) -> Result<Law> {
        let [lower, upper] = self.range();
        if lower < 1 || lower > upper {
            return Err(wrong(format!("lengths of {lower} to {upper} tokens; give 1 <= lower <= upper")));
        }
        let draws = match self {
            Family::TwoPoint { share, .. } => {
                within("share", *share, 0.0..=1.0)?;
                Draws::Share(*share)
            }
            Family::Uniform { .. } => Draws::Alike,
            Family::Geometric { q, .. } => {
                open("q", *q)?;
                Draws::Weights(cumulative(upper, &|k| libm::pow(*q, k)))
            }
            Family::LinearGeometric { q, .. } => {
                open("q", *q)?;
                Draws::Weights(cumulative(upper, &|k| k * libm::pow(*q, k)))
            }
            Family::HeavyTailed { p, .. } => {
                within("p", *p, 0.0..=100.0)?;
                Draws::Weights(cumulative(upper, &|k| libm::pow(k, -*p)))
            }
            Family::Lmsys { file, .. } => Draws::Pool(lengths::read(file.as_deref())?),
        };
        Ok(Law { range: [lower, upper], draws })
    }
}

/// A [`Family`] with its tables made.
#[derive(Clone, Debug, PartialEq)]
pub struct Law {
    /// Shortest and longest possible output, tokens.
    pub range: [u32; 2],
    draws: Draws,
}

#[derive(Clone, Debug, PartialEq)]
enum Draws {
    /// Share of the longest among shortest.
    Share(f64),
    /// Each length alike.
    Alike,
    /// Running sums of weights.
    Weights(Vec<f64>),
    /// Any of these.
    Pool(Vec<u32>),
}

impl Law {
    fn draw(&self, requests: u32, seed: u64) -> Vec<u32> {
        let [lower, upper] = self.range;
        let stream = |i: u32| Stream::new(seed, 0, LENGTHS, i.into());
        let each = 0..requests;
        match &self.draws {
            Draws::Share(share) => {
                let long = (share * f64::from(requests) + 0.5) as u32;
                each.map(|i| if i < long { upper } else { lower }).collect()
            }
            Draws::Alike => {
                let span = u64::from(upper - lower) + 1;
                each.map(|i| lower + stream(i).below(span) as u32).collect()
            }
            Draws::Weights(sums) => each.map(|i| inverse(sums, stream(i).uniform())).collect(),
            Draws::Pool(pool) => {
                let pick = |i: u32| pool[stream(i).below(pool.len() as u64) as usize];
                each.map(|i| pick(i).min(upper)).collect()
            }
        }
    }
}

/// Running sums of the weights of 1..=upper.
fn cumulative(upper: u32, weight: &dyn Fn(f64) -> f64) -> Vec<f64> {
    let mut sum = 0.0;
    let add = |k: u32| {
        sum += weight(f64::from(k));
        sum
    };
    (1..=upper).map(add).collect()
}

/// The length at quantile `q` in [0, 1) of running sums.
fn inverse(sums: &[f64], q: f64) -> u32 {
    let at = q * sums.last().copied().unwrap_or(0.0);
    (sums.partition_point(|&sum| sum <= at) as u32 + 1).min(sums.len() as u32)
}

impl Order {
    fn apply(self, outputs: &mut [u32], seed: u64) {
        match self {
            Order::Random => shuffle(outputs, &mut Stream::new(seed, 0, ORDER, 0)),
            Order::LongFirst => outputs.sort_unstable_by(|a, b| b.cmp(a)),
            Order::ShortFirst => outputs.sort_unstable(),
            Order::Spread => {
                outputs.sort_unstable_by(|a, b| b.cmp(a));
                let mut keyed: Vec<(u32, u32)> =
                    outputs.iter().enumerate().map(|(i, &o)| ((i as u32).reverse_bits(), o)).collect();
                keyed.sort_unstable();
                outputs.iter_mut().zip(keyed).for_each(|(output, (_, o))| *output = o);
            }
        }
    }
}

/// Fisher and Yates.
pub(super) fn shuffle<T>(items: &mut [T], stream: &mut Stream) {
    for i in (1..items.len()).rev() {
        items.swap(i, stream.below(i as u64 + 1) as usize);
    }
}

/// Parts of a million: shares with six decimals are exact.
const MILLION: u64 = 1_000_000;

impl Intervals {
    /// Ends for a request of `output` tokens, of a family with lengths in `range`.
    fn around(&self, output: u32, range: [u32; 2]) -> Result<[u32; 2]> {
        let [lower, upper] = match *self {
            Intervals::Family => range,
            Intervals::One { lower, upper } => [lower, upper],
            Intervals::Classes { width } => {
                if width == 0 {
                    return Err(wrong("classes of width 0; give at least 1 token".into()));
                }
                let class = (output - 1) / width;
                [class * width + 1, (class + 1).saturating_mul(width)]
            }
            Intervals::Overlap { x } => ends(output, x, x)?,
            Intervals::Ends { below, above } => ends(output, below, above)?,
        };
        if (lower..=upper).contains(&output) {
            return Ok([lower, upper]);
        }
        Err(wrong(format!(
            "an output of {output} tokens lies outside of [{lower}, {upper}]; widen --intervals"
        )))
    }
}

fn ends(output: u32, below: f64, above: f64) -> Result<[u32; 2]> {
    within("the error of the lower end", below, 0.0..=1.0)?;
    within("the error of the upper end", above, 0.0..=1000.0)?;
    let millionths = |x: f64| (x * MILLION as f64 + 0.5) as u64;
    let lower = (MILLION - millionths(below)) * u64::from(output) / MILLION;
    let upper = ((MILLION + millionths(above)) * u64::from(output)).div_ceil(MILLION);
    Ok([(lower as u32).max(1), upper.min(u64::from(u32::MAX)) as u32])
}

fn within(name: &str, value: f64, range: std::ops::RangeInclusive<f64>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(wrong(format!("{name} is {value}; give {} to {}", range.start(), range.end())))
}

fn open(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(wrong(format!("{name} is {value}; give more than 0 and less than 1")))
}

fn wrong(what: String) -> Error {
    Error::Usage(format!("generated instance: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(family: Family, order: Order, seed: u64) -> Vec<u32> {
        let law = Arc::new(family.law().unwrap());
        let recipe = Recipe { law, requests: 400, prompt: 0, order, intervals: Intervals::Family };
        recipe.instance(10_000, seed).unwrap().jobs.iter().map(|j| j.output).collect()
    }

    #[test]
    fn families_have_the_means_of_their_laws() {
        let mean = |family: Family| {
            let all: Vec<u32> =
                (0..10).flat_map(|seed| outputs(family.clone(), Order::Random, seed)).collect();
            all.iter().map(|&o| f64::from(o)).sum::<f64>() / all.len() as f64
        };
        // 1/(1-q), (1+q)/(1-q), the middle, and the exact share; within five standard errors.
        assert!((mean(Family::Geometric { q: 0.5, upper: 60 }) - 2.0).abs() < 0.12);
        assert!((mean(Family::LinearGeometric { q: 0.5, upper: 60 }) - 3.0).abs() < 0.16);
        assert!((mean(Family::Uniform { lower: 3, upper: 9 }) - 6.0).abs() < 0.16);
        assert_eq!(mean(Family::TwoPoint { upper: 11, share: 0.25 }), 3.5);
        let heavy = mean(Family::HeavyTailed { p: 2.0, upper: 100 });
        assert!((heavy - 5.187_377 / 1.634_984).abs() < 0.8, "{heavy}");
        let chats = mean(Family::Lmsys { upper: 1000, file: None });
        assert!((100.0..400.0).contains(&chats), "{chats}");
    }

    #[test]
    fn orders_are_what_they_say_and_seeds_matter() {
        let family = || Family::TwoPoint { upper: 5, share: 0.25 };
        let long = outputs(family(), Order::LongFirst, 0);
        assert!(long.is_sorted_by(|a, b| a >= b));
        assert!(outputs(family(), Order::ShortFirst, 0).is_sorted());
        let spread = outputs(family(), Order::Spread, 0);
        assert!(spread.chunks(8).all(|c| (1..=3).contains(&c.iter().filter(|&&o| o == 5).count())));
        let (a, b) = (outputs(family(), Order::Random, 0), outputs(family(), Order::Random, 1));
        assert!(a != b && a == outputs(family(), Order::Random, 0));
        let mut sorted = a;
        sorted.sort_unstable_by(|x, y| y.cmp(x));
        assert_eq!(sorted, long);
    }

    #[test]
    fn intervals_are_rounded_outwards_and_exact() {
        let around = |i: Intervals, o| i.around(o, [1, 9]).unwrap();
        assert_eq!(around(Intervals::Overlap { x: 0.1 }, 10), [9, 11]);
        assert_eq!(around(Intervals::Overlap { x: 0.1 }, 11), [9, 13]);
        assert_eq!(around(Intervals::Overlap { x: 0.99 }, 50), [1, 100]);
        assert_eq!(around(Intervals::Ends { below: 1.0, above: 0.0 }, 7), [1, 7]);
        assert_eq!(around(Intervals::Classes { width: 100 }, 100), [1, 100]);
        assert_eq!(around(Intervals::Classes { width: 100 }, 101), [101, 200]);
        assert_eq!(around(Intervals::Family, 4), [1, 9]);
        assert!(Intervals::One { lower: 2, upper: 3 }.around(4, [1, 9]).is_err());
    }
}
