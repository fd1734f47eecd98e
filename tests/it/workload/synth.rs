//! Made-up traces: the committed one is what its recipe says, and has the published statistics.

use assert_cmd::Command;
use flate2::read::GzDecoder;
use foretoken::length::LogT;
use foretoken::time::SimTime;
use foretoken::trace::{self, ReadOptions, TraceRow};
use foretoken::workload::{LengthLaw, Recipe, Spec, build};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("traces").join(name)
}

fn rows(recipe: &Recipe) -> Vec<TraceRow> {
    recipe.rows().unwrap().collect::<Result<_, _>>().unwrap()
}

fn lmsys() -> Recipe {
    Recipe::builtin("lmsys").unwrap()
}

/// A recipe with `output` lengths, at 4 requests/s.
fn recipe(requests: u32, output: &str) -> String {
    format!(
        "requests = {requests}\nseed = 1\nrate_rps = 4\n[arrivals]\nkind = 'poisson'\n\
         [prompt]\nkind = 'uniform'\nmin = 5\nmax = 7\n[output]\n{output}\n"
    )
}

fn parse(text: &str) -> foretoken::error::Result<Recipe> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.toml");
    fs::write(&path, text).unwrap();
    Recipe::load(&path)
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[(sorted.len() as f64 * q) as usize]
}

#[test]
fn the_committed_trace_is_its_recipes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("again.csv");
    trace::write(&path, lmsys().columns(), lmsys().rows().unwrap()).unwrap();
    let file = fs::read(committed("lmsys-like.csv.gz")).unwrap();
    assert!(file.len() < 2 << 20);
    let mut text = String::new();
    GzDecoder::new(&file[..]).read_to_string(&mut text).unwrap();
    assert!(fs::read_to_string(&path).unwrap() == text, "make it again: foretoken trace synth --like lmsys");
    let read: Vec<_> = trace::open(committed("lmsys-like.csv.gz"), &ReadOptions::default())
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(read == rows(&lmsys()), "rows survive the file");
}

#[test]
fn the_committed_trace_replays() {
    let reader = trace::open(committed("lmsys-like.csv.gz"), &ReadOptions::default()).unwrap();
    let mut source = build(&Spec::default(), reader, 1, 0).unwrap().source;
    let mut first = None;
    for row in rows(&lmsys()) {
        let first = *first.get_or_insert(row.arrival);
        assert_eq!(source.next_time().unwrap(), Some(SimTime(row.arrival.since(first).0)));
        let r = source.take().unwrap();
        assert_eq!((r.visible.id.0, r.visible.prompt_tokens, r.law), (row.id, row.prompt_tokens, row.law));
    }
    assert_eq!(source.next_time().unwrap(), None);
}

#[test]
fn the_lmsys_like_trace_has_the_published_means() {
    let rows = rows(&lmsys());
    let mean =
        |of: fn(&TraceRow) -> u32| rows.iter().map(|r| f64::from(of(r))).sum::<f64>() / rows.len() as f64;
    assert!((mean(|r| r.prompt_tokens) / 69.5 - 1.0).abs() < 0.02);
    assert!((mean(|r| r.output_tokens) / 214.5 - 1.0).abs() < 0.02);
    let mut prompts: Vec<_> = rows.iter().map(|r| f64::from(r.prompt_tokens)).collect();
    prompts.sort_by(f64::total_cmp);
    assert!(quantile(&prompts, 0.5) < 35.0 && quantile(&prompts, 0.99) > 500.0, "a heavy tail");
    let span_s = rows.last().unwrap().arrival.as_secs();
    assert!((3400.0..3800.0).contains(&span_s), "about an hour: {span_s}");
}

#[test]
fn the_lmsys_like_trace_has_the_measured_spread() {
    let laws: Vec<LogT> = rows(&lmsys()).iter().map(|r| r.law.unwrap()).collect();
    let n = laws.len() as f64;
    let still = laws.iter().filter(|l| l.sigma < 0.001).count() as f64 / n;
    assert!((still - 0.125).abs() < 0.01, "one prompt in eight: {still}");
    let mut sigma: Vec<_> = laws.iter().map(|l| l.sigma).filter(|&s| s >= 0.001).collect();
    sigma.sort_by(f64::total_cmp);
    for (q, want) in [(0.1, 0.044), (0.5, 0.110), (0.9, 0.260), (0.99, 0.72)] {
        let got = quantile(&sigma, q);
        assert!((got / want - 1.0).abs() < 0.1, "quantile {q}: {got} not {want}");
    }
    let mean = laws.iter().map(|l| l.mu).sum::<f64>() / n;
    let sd = (laws.iter().map(|l| (l.mu - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!((sd - 1.3).abs() < 0.03, "{sd}");
    assert!(laws.iter().all(|l| (l.nu, l.cap) == (3.5, 2048)));
}

#[test]
fn lengths_come_from_the_law_beside_them() {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    let t = StudentsT::new(0.0, 1.0, 3.5).unwrap();
    // The law's cdf at a draw is uniform, wherever rounding and the cap do not blur it.
    let mut u: Vec<f64> = rows(&lmsys())
        .iter()
        .map(|r| (f64::from(r.output_tokens), r.law.unwrap()))
        .filter(|(x, l)| l.sigma >= 0.05 && *x < 2048.0 && l.mu > 5.0 && l.mu < 6.5)
        .map(|(x, l)| t.cdf((libm::log(x) - l.mu) / l.sigma))
        .collect();
    u.sort_by(f64::total_cmp);
    let n = u.len() as f64;
    assert!(n > 3000.0);
    let ks = u.iter().enumerate().map(|(i, v)| (v - i as f64 / n).abs()).fold(0.0, f64::max);
    assert!(ks * n.sqrt() < 1.63, "{ks} of {n}");
    for r in rows(&lmsys()).iter().filter(|r| r.law.unwrap().sigma < 0.001) {
        let off = libm::log(f64::from(r.output_tokens) / libm::exp(r.law.unwrap().mu).min(2048.0));
        assert!(off.abs() < 0.05 || r.output_tokens < 20, "still prompts are answered alike");
    }
}

#[test]
fn longer_traces_start_with_shorter_ones_and_seeds_differ() {
    let (short, long) = (Recipe { requests: 10, ..lmsys() }, Recipe { requests: 50, ..lmsys() });
    assert_eq!(rows(&short), rows(&long)[..10]);
    assert_ne!(rows(&Recipe { seed: 1, ..short }), rows(&long)[..10]);
}

#[test]
fn every_simple_law_draws_what_it_says() {
    let lengths = |output: &str| {
        let recipe = parse(&recipe(4000, output)).unwrap();
        let rows = rows(&recipe);
        assert!(
            rows.iter()
                .all(|r| (5..=7).contains(&r.prompt_tokens) && r.law.is_some() == recipe.columns().law)
        );
        rows.iter().map(|r| f64::from(r.output_tokens)).collect::<Vec<_>>()
    };
    let sorted = |mut x: Vec<f64>| {
        x.sort_by(f64::total_cmp);
        x
    };
    assert!(lengths("kind = 'constant'\ntokens = 9").iter().all(|&x| x == 9.0));
    let uniform = sorted(lengths("kind = 'uniform'\nmin = 1\nmax = 4"));
    assert_eq!((uniform[0], uniform[3999]), (1.0, 4.0));
    assert!((uniform.iter().sum::<f64>() / 4000.0 - 2.5).abs() < 0.08);
    let normal = sorted(lengths("kind = 'lognormal'\nmu = 5\nsigma = 0.5\ncap = 300"));
    assert!((quantile(&normal, 0.5) / libm::exp(5.0) - 1.0).abs() < 0.05);
    assert!((quantile(&normal, 0.1587) / libm::exp(4.5) - 1.0).abs() < 0.06);
    assert_eq!(normal[3999], 300.0);
    let log_t = sorted(lengths("kind = 'log-t'\nmu = 5\nsigma = 0.5\nnu = 3.5\ncap = 2000"));
    // The 90 % point of Student t with 3.5 degrees of freedom is 1.577.
    assert!((quantile(&log_t, 0.9) / libm::exp(5.0 + 0.5 * 1.577) - 1.0).abs() < 0.08);
}

#[test]
fn bad_recipes_name_file_and_key() {
    let log_t = "kind = 'log-t'\nmu = 5\nsigma = 0.5\nnu = 3.5\ncap = 2000";
    let good = recipe(5, log_t);
    assert!(parse(&good).is_ok());
    let cases = [
        ("key requests", good.replace("requests = 5", "requests = 0")),
        ("key rate_rps", good.replace("rate_rps = 4", "rate_rps = -4")),
        ("key rate_rps", good.replace("rate_rps = 4", "")),
        ("key arrivals.kind", good.replace("poisson", "trace").replace("rate_rps = 4", "")),
        ("key prompt.max", good.replace("max = 7", "max = 4")),
        ("key output.sigma", good.replace("sigma = 0.5", "sigma = -0.5")),
        ("key output.mu", good.replace("mu = 5", "mu = nan")),
        ("key output.nu", good.replace("nu = 3.5", "nu = 0")),
        ("key output.cap", good.replace("cap = 2000", "cap = 0")),
        ("unknown field `mum`", good.replace("mu = 5", "mu = 5\nmum = 5")),
        ("line 2: unknown field `sed`", good.replace("seed", "sed")),
    ];
    for (what, text) in cases {
        let said = parse(&text).unwrap_err().to_string();
        assert!(said.contains(what) && said.contains("r.toml"), "{what}: {said}");
    }
    assert!(Recipe::builtin("lmsis").unwrap_err().to_string().contains("did you mean `lmsys`"));
}

#[test]
fn per_prompt_laws_check_their_values() {
    let LengthLaw::LogTPerPrompt(_) = lmsys().output else { panic!("the lmsys recipe is per prompt") };
    let text = fs::read_to_string(committed("lmsys-like.toml")).unwrap();
    let wrong = [
        ("still_share = 0.125", "still_share = 1.5"),
        ("sigma_max = 2.0", "sigma_max = 0.0001"),
        ("sigma_nu = 7.0", "sigma_nu = 0"),
        ("still_sigma = 0.0005", "still_sigma = -1"),
        ("mu_sd = 1.3", "mu_sd = -1"),
        ("sigma_median = 0.11", "sigma_median = 0"),
    ];
    for (was, is) in wrong {
        assert!(text.contains(was));
        let key = was.split(' ').next().unwrap();
        let said = parse(&text.replace(was, is)).unwrap_err().to_string();
        assert!(said.contains(&format!("key output.{key}")), "{said}");
    }
}

#[test]
fn the_command_writes_what_the_recipe_says() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.csv");
    let synth = |args: &[&str]| {
        let mut command = Command::cargo_bin("foretoken").unwrap();
        command.args(["trace", "synth", "--format", "json"]).args(args).arg(&out).assert()
    };
    let done = synth(&["--like", "lmsys", "--requests", "7", "--seed", "3"]).success();
    let said: serde_json::Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!(said["requests"], 7);
    let read = trace::open(&out, &ReadOptions::default()).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(read, rows(&Recipe { requests: 7, seed: 3, ..lmsys() }));
    synth(&[]).failure().code(2);
    synth(&["--like", "nothing"]).failure().code(2);
    let recipe = committed("lmsys-like.toml");
    synth(&["--recipe", recipe.to_str().unwrap(), "--requests", "5"]).success();
    synth(&["--recipe", recipe.to_str().unwrap(), "--like", "lmsys"]).failure().code(2);
}
