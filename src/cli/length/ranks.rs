//! `length ranks`: whether the tail term changes an order.

use super::Fitting;
use super::samples::Source;
use crate::cli::{Console, Format};
use crate::error::{Error, Result};
use crate::length::{Family, Law, LogT, Sample, Score, Tail};
use crate::report::cells::spearman;
use serde_json::{Value, json};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    fitting: Fitting,
    /// Level of CVaR, in [0, 1).
    #[arg(long, default_value_t = 0.9, allow_negative_numbers = true)]
    alpha: f64,
    /// Weights of CVaR, comma-separated.
    #[arg(
        long,
        value_name = "WEIGHTS",
        value_delimiter = ',',
        default_value = "0.1,0.3,0.5",
        allow_negative_numbers = true
    )]
    beta: Vec<f64>,
}

/// E and r = CVaR / E of every law, and how mu and sigma go together.
struct Spread {
    e: Vec<f64>,
    r: Vec<f64>,
    mu_sigma: Option<f64>,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    args.fitting.check()?;
    if let Some(beta) = args.beta.iter().find(|b| !(b.is_finite() && **b >= 0.0)) {
        return Err(Error::Usage(format!("--beta {beta}: give 0 or more")));
    }
    let laws = laws(args, console)?;
    if laws.len() < 2 {
        return Err(Error::Usage("an order needs two or more laws".to_string()));
    }
    let spread = Spread::of(&laws, args.fitting.cap, args.alpha)?;
    let orders: Vec<Value> = args.beta.iter().map(|&beta| spread.order(beta)).collect();
    let keys = ["beta", "spearman", "e_spread", "weight_spread", "swaps_below"];
    let cell = |v: &Value| match (v.as_f64(), console.format) {
        (None, _) => "-".to_string(),
        (Some(v), Format::Table) => format!("{v:.4}"),
        (Some(v), _) => v.to_string(),
    };
    let rows: Vec<Vec<String>> = orders.iter().map(|o| keys.iter().map(|k| cell(&o[*k])).collect()).collect();
    let json = json!({
        "schema": 1, "file": args.source.file.display().to_string(), "laws": laws.len(), "alpha": args.alpha,
        "mu_sigma_spearman": spread.mu_sigma, "orders": orders,
    });
    let together = spread.mu_sigma.map_or("-".to_string(), |rho| format!("{rho:.3}"));
    console.talk(&format!("{} laws; Spearman's correlation of mu and sigma {together}", laws.len()));
    console.table(&keys, &rows, &json)
}

/// The laws that a trace holds beside its lengths, else log-t fits of each prompt's lengths.
fn laws(args: &Args, console: &Console) -> Result<Vec<LogT>> {
    if let Some(laws) = args.source.laws()? {
        return Ok(laws);
    }
    let prompts = args.source.read(console)?;
    let samples: Vec<Sample> = prompts.iter().map(|p| Sample::new(&p.lengths, args.fitting.cap)).collect();
    let fits = args.fitting.fits(&samples, Family::LogT(3.5), console);
    let missing = fits.iter().filter(|f| f.law.is_none()).count();
    if missing > 0 {
        console.talk(&format!("{missing} degenerate prompts are left out; --repair keeps them"));
    }
    let log_t = |law: Law| match law {
        Law::LogT(law) => Some(law),
        _ => None,
    };
    Ok(fits.into_iter().filter_map(|f| f.law.and_then(log_t)).collect())
}

impl Spread {
    /// `cap` cuts outputs where it is lower than a law's own.
    fn of(laws: &[LogT], cap: Option<u32>, alpha: f64) -> Result<Spread> {
        let (mut e, mut r) = (Vec::new(), Vec::new());
        let mut tail = Tail::new(laws[0].nu, alpha)?;
        for law in laws {
            if law.nu.to_bits() != tail.law().nu().to_bits() {
                tail = Tail::new(law.nu, alpha)?;
            }
            let cap = cap.map_or(law.cap, |cap| cap.min(law.cap));
            if cap == u32::MAX {
                return Err(Error::Usage(
                    "the lengths have no cap, and no mean without one: give --cap".into(),
                ));
            }
            let cap = f64::from(cap);
            let Score { mean, cvar, .. } = tail.tie(law.mu, law.sigma, cap, cap, 0.0);
            e.push(mean);
            r.push(cvar / mean);
        }
        let pairs: Vec<(f64, f64)> = laws.iter().map(|law| (law.mu, law.sigma)).collect();
        Ok(Spread { e, r, mu_sigma: spearman(&pairs) })
    }

    /// E (1 + beta r) against E.
    fn order(&self, beta: f64) -> Value {
        let weight: Vec<f64> = self.r.iter().map(|r| 1.0 + beta * r).collect();
        let pairs: Vec<(f64, f64)> = self.e.iter().zip(&weight).map(|(&e, w)| (e, e * w)).collect();
        let [least, most] = [0.0, 1.0].map(|q| percentile(&weight, q));
        json!({
            "beta": beta, "spearman": spearman(&pairs),
            "e_spread": percentile(&self.e, 0.9) / percentile(&self.e, 0.1),
            "weight_spread": percentile(&weight, 0.9) / percentile(&weight, 0.1),
            "swaps_below": most / least,
        })
    }
}

/// The nearest value at or below the share `q` of the order.
fn percentile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[(q * (sorted.len() - 1) as f64) as usize]
}
