//! `foretoken compete`: schedulers against hindsight, the optimum and bounds, in rounds and tokens.

mod show;
mod study;

use super::Console;
use super::progress::Bar;
use super::progress::stop_on_interrupt;
use crate::compete::{self, Estimate, Family, Instance, Intervals, Match, Order, Recipe, Search};
use crate::error::{Error, Result};
use crate::replay::Progress;
use crate::scenario::{self, SchedulerConfig};
use crate::scheduler::Registry;
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Measure how far schedulers are from hindsight and from the optimum, in rounds and tokens.
///
/// An instance comes from a file or from a family of lengths. Total latency (TEL) is held against shortest first with
/// true lengths (h-sf), the exact optimum where the instance is small enough, and a volume bound.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  foretoken compete --instance i.csv --kv-tokens 12
  foretoken compete --family 'geometric{q=0.7,upper=120}' --kv-tokens 480 --scheduler a-min,a-max --seeds 5
  foretoken compete --family 'two-point{upper=20,share=0.1}' --requests 40 --kv-tokens 60 --order adversarial
  foretoken compete --study growth")]
pub struct Args {
    /// Instance: a CSV of arrival,prompt,output,lower,upper in rounds and tokens.
    #[arg(long, conflicts_with_all = ["family", "study"])]
    instance: Option<PathBuf>,
    /// Made-up lengths: two-point{upper,share}, geometric{q,upper}, linear-geometric{q,upper}, uniform{lower,upper},
    /// heavy-tailed{p,upper}, lmsys{upper=1000,file=CSV}.
    #[arg(long)]
    family: Option<String>,
    /// Repeat a published experiment: a table, and where it has one a figure.
    #[arg(long, value_enum)]
    study: Option<study::Name>,
    /// KV memory, tokens.
    #[arg(long, value_name = "M")]
    kv_tokens: Option<u64>,
    /// Schedulers, comma-separated or repeated; parameters in braces: a-min{tie=index} [default: those of this model].
    #[arg(long = "scheduler")]
    schedulers: Vec<String>,
    /// Seeds 0..N: each breaks ties in its own way, and draws its own instance of a family [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// What schedulers that want one length are told (h-sf always knows the true one).
    #[arg(long, value_enum, default_value = "true")]
    estimate: EstimateArg,
    /// Requests of a family [default: 1000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    requests: Option<u32>,
    /// Prompt of each request of a family, tokens [default: 0].
    #[arg(long, value_name = "TOKENS")]
    prompt: Option<u32>,
    /// Order of a family's requests; adversarial: search the order and the lengths that are worst for the first scheduler.
    #[arg(long, value_enum)]
    order: Option<OrderArg>,
    /// What is known of a family's lengths: family (its range), one{lower,upper}, classes{width}, overlap{x},
    /// ends{below,above} [default: family].
    #[arg(long)]
    intervals: Option<String>,
    /// Climbs of the adversarial search.
    #[arg(long, default_value = "8", value_parser = clap::value_parser!(u64).range(1..))]
    restarts: u64,
    /// Moves of each climb.
    #[arg(long, default_value = "400")]
    moves: u64,
    /// Time the predictions study in seconds on this latency profile, and its energy.
    #[arg(long, requires = "study")]
    profile: Option<String>,
    /// Where the found instance goes (adversarial; a new file), or a study's figures
    /// (a directory [default: results/compete-<study>]).
    #[arg(long)]
    out: Option<PathBuf>,
    /// Add lower bounds: volume, relaxation, optimum.
    #[arg(long)]
    bounds: bool,
    /// Threads [default: all cores].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EstimateArg {
    /// The true output.
    True,
    /// The lower end of its interval.
    Lower,
    /// The upper end of its interval.
    Upper,
    /// The middle of its interval, rounded up.
    Mid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OrderArg {
    /// As drawn.
    Random,
    /// Longest output first.
    LongFirst,
    /// Long outputs spread evenly among short ones.
    Spread,
    /// Shortest output first.
    ShortFirst,
    /// Searched for.
    Adversarial,
}

/// The schedulers of the rounds-and-tokens model, benchmark first.
const THEORY: [&str; 11] =
    ["h-sf", "mc-sf", "a-max", "a-min", "a-ell", "gsa", "gsa-spec", "gba", "gba-d", "svf", "sorted-f"];

/// Runs `foretoken compete`.
pub fn run(args: &Args, registry: &Registry, console: &Console) -> Result<()> {
    let threads = args.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| Error::Usage(format!("--threads: {e}")))?;
    pool.install(|| match args.study {
        Some(name) => study::run(name, args, registry, console),
        None => compete(args, registry, console),
    })
}

fn compete(args: &Args, registry: &Registry, console: &Console) -> Result<()> {
    let kv_tokens =
        args.kv_tokens.ok_or_else(|| Error::Usage("--kv-tokens M: give the memory, tokens".into()))?;
    let schedulers = args.schedulers(registry)?;
    let game =
        Match { registry, schedulers: &schedulers, estimate: args.estimate.into(), kv_tokens, exact: true };
    let instances = args.instances(kv_tokens)?;
    let first = instances.of(0)?;
    game.check(&first)?;
    for warning in game.warnings(&first) {
        console.talk(&format!("warning: {warning}"));
    }
    let seeds = args.seeds.unwrap_or(1);
    if args.order == Some(OrderArg::Adversarial) {
        return adversarial(args, &game, &first, seeds, console);
    }
    if args.out.is_some() {
        return Err(Error::Usage("--out: only --order adversarial and --study leave files".into()));
    }
    let work = Work::start(console, seeds as usize * schedulers.len())?;
    let played = game.series(&|seed| instances.of(seed), seeds, &|| work.tick());
    drop(work);
    let (entries, references) = played?;
    let bounds =
        args.bounds.then(|| show::bounds(&game, &|seed| instances.of(seed), &references)).transpose()?;
    show::entries(kv_tokens, &entries, bounds, None, console)
}

/// Searches for the worst instance, and shows every scheduler on it.
fn adversarial(args: &Args, game: &Match<'_>, start: &Instance, seeds: u64, console: &Console) -> Result<()> {
    let out = args.out.as_deref();
    if let Some(out) = out.filter(|out| out.exists()) {
        let what = format!("{}: this is there already; name a new file for the instance", out.display());
        return Err(Error::Usage(what));
    }
    let search = Search { restarts: args.restarts, moves: args.moves, seed: 0, seeds };
    let work = Work::start(console, (args.restarts * args.moves) as usize)?;
    let worst = compete::worst(game, start, &search, &|| work.tick());
    drop(work);
    let worst = worst?;
    let (entries, references) = game.series(&|_| Ok(worst.instance.clone()), seeds, &|| Ok(()))?;
    let bounds =
        args.bounds.then(|| show::bounds(game, &|_| Ok(worst.instance.clone()), &references)).transpose()?;
    if let Some(out) = out {
        write_aside(out, &worst.instance.csv())?;
        console.talk(&format!("{}: written", out.display()));
    }
    show::entries(game.kv_tokens, &entries, bounds, Some(&worst), console)
}

/// Writes a file whole or not at all.
fn write_aside(path: &Path, text: &str) -> Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    std::fs::write(&aside, text).map_err(|e| Error::io(&aside, e))?;
    std::fs::rename(&aside, path).map_err(|e| Error::io(path, e))
}

/// Work under way: a progress bar, and an end on Ctrl-C.
struct Work {
    progress: Arc<Progress>,
    _bar: Bar,
}

impl Work {
    fn start(console: &Console, runs: usize) -> Result<Work> {
        let progress = Arc::new(Progress::default());
        progress.runs.store(runs, Ordering::Relaxed);
        stop_on_interrupt(&progress)?;
        let bar = Bar::start(console, &progress);
        Ok(Work { progress, _bar: bar })
    }

    /// One run is done.
    fn tick(&self) -> Result<()> {
        self.progress.done.fetch_add(1, Ordering::Relaxed);
        if self.progress.interrupted.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// Where instances come from.
enum Instances {
    /// A file: the same for every seed.
    Fixed(Instance),
    /// A recipe and the memory.
    Drawn(Recipe, u64),
}

impl Instances {
    fn of(&self, seed: u64) -> Result<Instance> {
        match self {
            Instances::Fixed(instance) => Ok(instance.clone()),
            Instances::Drawn(recipe, kv_tokens) => recipe.instance(*kv_tokens, seed),
        }
    }
}

impl Args {
    /// The schedulers asked for, or those of the model that `registry` has.
    fn schedulers(&self, registry: &Registry) -> Result<Vec<SchedulerConfig>> {
        if !self.schedulers.is_empty() {
            return scenario::schedulers(&self.schedulers);
        }
        let known = |name: &&str| registry.get(name).is_ok();
        Ok(THEORY.iter().copied().filter(known).map(SchedulerConfig::plain).collect())
    }

    fn instances(&self, kv_tokens: u64) -> Result<Instances> {
        if let Some(file) = &self.instance {
            let only = [
                (self.requests.is_some(), "--requests"),
                (self.prompt.is_some(), "--prompt"),
                (self.intervals.is_some(), "--intervals"),
                (!matches!(self.order, None | Some(OrderArg::Adversarial)), "--order"),
            ];
            if let Some((_, flag)) = only.iter().find(|(given, _)| *given) {
                return Err(Error::Usage(format!("{flag} is for --family; an --instance says it itself")));
            }
            return Ok(Instances::Fixed(Instance::read(file, kv_tokens)?));
        }
        let family = self.family.as_deref().ok_or_else(|| {
            Error::Usage(
                "give --instance FILE, --family NAME or --study NAME; see `foretoken compete --help`".into(),
            )
        })?;
        Ok(Instances::Drawn(
            self.recipe(family, self.requests.unwrap_or(1000), self.prompt.unwrap_or(0))?,
            kv_tokens,
        ))
    }

    fn recipe(&self, family: &str, requests: u32, prompt: u32) -> Result<Recipe> {
        let intervals =
            self.intervals.as_deref().map_or(Ok(Intervals::Family), |text| kind("--intervals", text))?;
        let law = Arc::new(kind::<Family>("--family", family)?.law()?);
        let order = match self.order {
            None | Some(OrderArg::Random | OrderArg::Adversarial) => Order::Random,
            Some(OrderArg::LongFirst) => Order::LongFirst,
            Some(OrderArg::Spread) => Order::Spread,
            Some(OrderArg::ShortFirst) => Order::ShortFirst,
        };
        Ok(Recipe { law, requests, prompt, order, intervals })
    }
}

/// Something written as `kind{key=value,...}`.
fn kind<T: serde::de::DeserializeOwned>(flag: &str, text: &str) -> Result<T> {
    let table = scenario::braced(text)?.table("kind");
    table.try_into().map_err(|e: toml::de::Error| Error::Usage(format!("{flag} `{text}`: {}", e.message())))
}

impl From<EstimateArg> for Estimate {
    fn from(arg: EstimateArg) -> Estimate {
        match arg {
            EstimateArg::True => Estimate::True,
            EstimateArg::Lower => Estimate::Lower,
            EstimateArg::Upper => Estimate::Upper,
            EstimateArg::Mid => Estimate::Mid,
        }
    }
}
