//! Noise: what is drawn has the stated quantiles, moments and correlation, and depends on the index alone.
//! Statistics are held to four standard errors of their exact sampling laws.

use foretoken::latency::{Chunk, Draws, LatencyModel, Profile, StepLimits, StepShape};
use proptest::prelude::*;

const HEAD: &str = "schema = 1\nname = \"p\"\ndescription = \"\"\n[provenance]\nwho = \"\"\ndevice = \"\"\n\
                    software = \"\"\ndate = \"\"\nhow = \"measured\"\n[timing.linear]\nstep_s = 1.0\n";
const REGIONS: &str = "[noise]\nkind = \"regions\"\n\
    [[noise.regions]]\nmax_rows = 4\nmin = 0.5\np10 = 0.8\nmedian = 1.0\np90 = 1.5\nmax = 4.0\n\
    [[noise.regions]]\nmin = 0.9\np10 = 0.95\nmedian = 1.1\np90 = 1.2\nmax = 1.3\n";

fn parse(noise: &str) -> Result<Profile, String> {
    Profile::parse("p.toml", &format!("{HEAD}{noise}")).map_err(|e| e.to_string())
}

fn log_normal(sigma: f64, rho: f64) -> Profile {
    parse(&format!("[noise]\nkind = \"log-normal\"\nsigma = {sigma}\nautocorrelation = {rho}\n")).unwrap()
}

fn draws(seed: u64, replicate: u64, replica: u64) -> Draws {
    Draws { seed, replicate, replica }
}

fn decode(step: u64, decodes: u64) -> StepShape<'static> {
    StepShape { step, decodes, context_sum: decodes, ..StepShape::default() }
}

/// Factors of the first `n` steps of `decodes` rows; the model without noise takes a second.
fn factors(profile: &Profile, draws: Draws, decodes: u64, n: u64) -> Vec<f64> {
    let mut model = profile.noisy_model(1, draws).unwrap();
    (0..n).map(|step| model.step(&decode(step, decodes)).unwrap().as_secs()).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

fn held(what: &str, found: f64, expected: f64, standard_error: f64) {
    let off = (found - expected) / standard_error;
    assert!(off.abs() < 4.0, "{what}: {found}, expected {expected}, off by {off:.1} standard errors");
}

/// Sum over all lags, both ways, of a stationary covariance: n times the variance of a mean of n.
fn long_run(covariance: impl Fn(f64) -> f64, rho: f64) -> f64 {
    let lags = (1..2000).map(|k| 2.0 * covariance(libm::pow(rho, f64::from(k))));
    covariance(1.0) + lags.sum::<f64>()
}

#[test]
fn log_normal_factors_have_the_stated_moments_and_correlation() {
    const N: u64 = 200_000;
    for (sigma, rho) in [(0.05, 0.0), (0.3, 0.0), (0.2, 0.6), (0.4, 0.9)] {
        let factors = factors(&log_normal(sigma, rho), draws(3, 1, 2), 1, N);
        let what = |name: &str| format!("{name} at sigma {sigma}, autocorrelation {rho}");
        let logs: Vec<f64> = factors.iter().map(|&f| libm::log(f) / sigma).collect();
        let n = N as f64;
        // Of standard normals whose correlation at lag k is rho^k.
        held(&what("mean of logs"), mean(logs.iter().copied()), 0.0, (long_run(|r| r, rho) / n).sqrt());
        let squares = mean(logs.iter().map(|z| z * z));
        held(&what("variance of logs"), squares, 1.0, (long_run(|r| 2.0 * r * r, rho) / n).sqrt());
        let products = mean(logs.windows(2).map(|w| w[0] * w[1]));
        held(&what("autocorrelation"), products / squares, rho, ((1.0 - rho * rho) / n).sqrt());
        // Of the factors themselves: covariance exp(s²)(exp(s² r) - 1).
        let s2 = sigma * sigma;
        let of_mean = long_run(|r| libm::exp(s2) * libm::expm1(s2 * r), rho);
        held(&what("mean"), mean(factors.iter().copied()), libm::exp(0.5 * s2), (of_mean / n).sqrt());
    }
}

#[test]
fn factors_of_regions_have_the_stated_quantiles_and_mean() {
    const N: u64 = 100_000;
    let profile = parse(REGIONS).unwrap();
    let stated = [(1, [0.5, 0.8, 1.0, 1.5, 4.0]), (4, [0.5, 0.8, 1.0, 1.5, 4.0])];
    let rest = [(5, [0.9, 0.95, 1.1, 1.2, 1.3]), (300, [0.9, 0.95, 1.1, 1.2, 1.3])];
    for (decodes, quantiles) in stated.into_iter().chain(rest) {
        let drawn = factors(&profile, draws(5, 0, decodes), decodes, N);
        let n = N as f64;
        assert!(drawn.iter().all(|&f| quantiles[0] <= f && f <= quantiles[4]));
        // A quarter of the way into each piece, too.
        let probabilities = [0.0, 0.1, 0.5, 0.9, 1.0];
        for i in 0..4 {
            for part in [0.25, 1.0] {
                let p: f64 = probabilities[i] + part * (probabilities[i + 1] - probabilities[i]);
                let factor = quantiles[i] + part * (quantiles[i + 1] - quantiles[i]);
                let below = mean(drawn.iter().map(|&f| f64::from(u8::from(f < factor))));
                let error = (p * (1.0 - p) / n).sqrt().max(1.0 / n);
                held(&format!("share below the {p} quantile at {decodes} rows"), below, p, error);
            }
        }
        // Uniform within each piece.
        let pieces =
            || (0..4).map(|i| (probabilities[i + 1] - probabilities[i], quantiles[i], quantiles[i + 1]));
        let expected: f64 = pieces().map(|(w, a, b)| w * (a + b) / 2.0).sum();
        let square: f64 = pieces().map(|(w, a, b)| w * (a * a + a * b + b * b) / 3.0).sum();
        let error = ((square - expected * expected) / n).sqrt();
        held(&format!("mean at {decodes} rows"), mean(drawn.iter().copied()), expected, error);
    }
}

#[test]
fn prefill_tokens_are_rows_too() {
    let profile = parse(REGIONS).unwrap();
    let time = |chunk: Chunk, decodes| {
        let chunks = [chunk];
        let shape = StepShape { prefill: &chunks, ..decode(7, decodes) };
        profile.noisy_model(1, draws(5, 0, 0)).unwrap().step(&shape).unwrap()
    };
    // Four rows and five: the same draw read off two tables.
    let (few, more) = (time(Chunk::of_prompt(0, 3), 1), time(Chunk::of_prompt(0, 3), 2));
    assert_ne!(few, more);
    assert_eq!(few, time(Chunk::of_prompt(0, 4), 0));
    assert_eq!(more, time(Chunk::of_prompt(9, 100), 3));
}

#[test]
fn autocorrelation_keeps_the_quantiles() {
    let text = REGIONS.replace("\"regions\"\n", "\"regions\"\nautocorrelation = 0.8\n");
    let drawn = factors(&parse(&text).unwrap(), draws(8, 0, 0), 1, 200_000);
    // P(both below the median) of two normals of correlation rho: 1/4 + asin(rho)/2π (Sheppard 1899).
    let below: Vec<bool> = drawn.iter().map(|&f| f < 1.0).collect();
    let pairs = mean(below.windows(2).map(|w| f64::from(u8::from(w[0] && w[1]))));
    let expected = 0.25 + libm::asin(0.8) / std::f64::consts::TAU;
    // Blocks of 100 steps are nearly independent.
    let blocks: Vec<f64> =
        below.chunks(100).map(|c| mean(c.iter().map(|&b| f64::from(u8::from(b))))).collect();
    let spread = mean(blocks.iter().map(|b| (b - 0.5) * (b - 0.5)));
    let error = (spread / blocks.len() as f64).sqrt();
    held("share below the median", mean(blocks.iter().copied()), 0.5, error);
    held("neighbours below the median", pairs, expected, error);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A draw is a function of seed, replicate, replica and step, whatever was asked before.
    #[test]
    fn draws_depend_on_the_index_alone(
        seed in any::<u64>(), replicate in 0u64..5, replica in 0u64..5, rho in 0.0..0.99f64,
        steps in prop::collection::vec(0u64..60, 1..20),
    ) {
        let profile = log_normal(0.3, rho);
        let all = factors(&profile, draws(seed, replicate, replica), 1, 60);
        let mut model = profile.noisy_model(1, draws(seed, replicate, replica)).unwrap();
        for step in steps {
            prop_assert_eq!(model.step(&decode(step, 1)).unwrap().as_secs(), all[step as usize]);
        }
        for other in [draws(seed ^ 1, replicate, replica), draws(seed, replicate + 1, replica),
                      draws(seed, replicate, replica + 1)] {
            let others = factors(&profile, other, 1, 60);
            prop_assert!(all.iter().zip(&others).filter(|(a, b)| a == b).count() < 3);
        }
    }

    /// Times a factor, rounded: and bounds stay below.
    #[test]
    fn minorants_stay_below(seed in any::<u64>(), least in 0.05..3.0f64, width in 0.0..1.0f64, slope in 0.0..1e-3f64) {
        let factors = [0.0, 0.1, 0.2, 0.9, 1.0].map(|part| least * (1.0 + part * width));
        let [min, p10, median, p90, max] = factors;
        let text = format!(
            "decode_s = {slope}\n[noise]\nkind = \"regions\"\n[[noise.regions]]\nmin = {min}\np10 = {p10}\n\
             median = {median}\np90 = {p90}\nmax = {max}\n"
        );
        let profile = parse(&text).unwrap();
        let mut model = profile.noisy_model(1, draws(seed, 0, 0)).unwrap();
        let minorants = model.minorants(&StepLimits { rows: 64, tokens: 64 });
        prop_assert_eq!(minorants.len(), 1);
        for step in 0..40 {
            let decodes = 1 + step % 64;
            let took = model.step(&decode(step, decodes)).unwrap().as_secs();
            let bound = minorants[0].decode_step_s + minorants[0].decode_s * decodes as f64;
            prop_assert!(took >= bound && bound > 0.9 * least, "{} < {}", took, bound);
        }
    }
}

#[test]
fn log_normal_steps_have_no_lower_bound() {
    let limits = StepLimits { rows: 1, tokens: 1 };
    assert!(log_normal(0.1, 0.0).noisy_model(1, draws(0, 0, 0)).unwrap().minorants(&limits).is_empty());
    assert!(!log_normal(0.0, 0.0).noisy_model(1, draws(0, 0, 0)).unwrap().minorants(&limits).is_empty());
    assert!(!log_normal(0.1, 0.0).model(1).unwrap().minorants(&limits).is_empty());
}

#[test]
fn the_plain_model_has_no_noise_and_no_noise_changes_nothing() {
    let noisy = log_normal(0.3, 0.5);
    let mut model: Box<dyn LatencyModel> = noisy.model(1).unwrap();
    assert!((0..50).all(|step| model.step(&decode(step, 1)).unwrap().as_secs() == 1.0));
    for calm in ["", "[noise]\nkind = \"none\"\n", "[noise]\nkind = \"log-normal\"\nsigma = 0\n"] {
        assert_eq!(factors(&parse(calm).unwrap(), draws(1, 0, 0), 1, 50), [1.0; 50]);
    }
}

#[test]
fn a_profile_with_noise_survives_writing_and_reading() {
    for profile in [parse(REGIONS).unwrap(), log_normal(0.25, 0.75)] {
        let text = toml::to_string(&profile).unwrap();
        assert_eq!(Profile::parse("again.toml", &text).unwrap(), profile, "{text}");
    }
}

#[test]
fn bad_noise_is_refused_by_key() {
    let log_normal = |rest: &str| parse(&format!("[noise]\nkind = \"log-normal\"\n{rest}"));
    let regions = |from: &str, to: &str| parse(&REGIONS.replacen(from, to, 1));
    let cases = [
        (log_normal(""), "noise.sigma", "add it"),
        (log_normal("sigma = -0.1\n"), "line 14, key noise.sigma", "-0.1"),
        (log_normal("sigma = inf\n"), "line 14, key noise.sigma", "inf"),
        (log_normal("sigma = 0.1\nautocorrelation = 1.0\n"), "line 15, key noise.autocorrelation", "[0, 1)"),
        (log_normal("sigma = 0.1\nautocorrelation = -0.1\n"), "noise.autocorrelation", "[0, 1)"),
        (log_normal("sigma = 0.1\nautocorrelation = nan\n"), "noise.autocorrelation", "NaN"),
        (parse("[noise]\nkind = \"none\"\nsigma = 0.1\n"), "line 14, key noise.sigma", "remove"),
        (parse("[noise]\nkind = \"none\"\nautocorrelation = 0.1\n"), "noise.autocorrelation", "remove"),
        (parse("[noise]\nkind = \"regions\"\n"), "key noise.regions", "at least one"),
        (parse("[noise]\nkind = \"regional\"\n"), "line 13, key noise.kind", "did you mean `regions`?"),
        (regions("\"regions\"", "\"regions\"\nsigma = 0.1"), "noise.sigma", "remove"),
        (regions("\"regions\"", "\"log-normal\"\nsigma = 0.1"), "line 15, key noise.regions", "remove"),
        (regions("min = 0.5", "min = 0"), "line 16, key noise.regions[0].min", "0 is no factor"),
        (regions("p10 = 0.8", "p10 = 0.4"), "line 17, key noise.regions[0].p10", "0.4"),
        (regions("median = 1.1", "median = nan"), "line 24, key noise.regions[1].median", "NaN"),
        (regions("max = 1.3", "max = 1.1"), "line 26, key noise.regions[1].max", "1.1"),
        (regions("max_rows = 4\n", ""), "noise.regions[0].max_rows", "only the last"),
        (regions("min = 0.9", "min = 0.9\nmax_rows = 9"), "noise.regions[1].max_rows", "more than 9 rows"),
        (regions("p90 = 1.5", "p95 = 1.5"), "line 19, key noise.regions[0].p95", "did you mean `p90`?"),
    ];
    for (found, place, rest) in cases {
        let error = found.expect_err(place);
        assert!(error.contains(place) && error.contains(rest), "wanted `{place}` and `{rest}`: {error}");
    }
    let three = REGIONS.replacen(
        "[[noise",
        "[[noise.regions]]\nmax_rows = 4\nmin = 1\np10 = 1\nmedian = 1\np90 = 1\nmax = 1\n[[noise",
        1,
    );
    let error = parse(&three).unwrap_err();
    assert!(error.contains("noise.regions[1].max_rows") && error.contains("4 rows are not more"), "{error}");
}
