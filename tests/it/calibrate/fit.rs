//! Fits: known laws found again, the right form chosen, intervals that cover, drift noticed, bad samples refused.

use foretoken::calibrate::{Clock, Fit, FitOptions, Form, Part, Point, Sample, Samples, Session, fit};
use foretoken::latency::{Linear, NoiseKind, Piecewise, Profile, StaticBatch, Timing};
use foretoken::rng::Stream;
use proptest::prelude::*;

const SHAPES: &str = "prefill, decode and mixed steps as a calibration plans them";

/// Prefills, decodes over batch and context, and mixed steps.
pub fn plan() -> Vec<Point> {
    let prefill = [16, 32, 64, 128, 256, 512].map(|n| Point::prefill(n, 0));
    let chunked = [(64, 64), (128, 256), (256, 256)].map(|(new, context)| Point::prefill(new, context));
    let contexts = [32, 128, 512];
    let decode = [1, 2, 3, 4, 6, 8, 12, 16].into_iter().flat_map(|b| contexts.map(|c| Point::decode(c, b)));
    let mixed = [(16, 64, 4), (64, 128, 8), (128, 256, 16), (256, 64, 2), (32, 512, 1), (96, 32, 12)];
    let mixed = mixed.map(|(new, context, rows)| Point {
        prefill: vec![Part { new, context: 0 }],
        ..Point::decode(context, rows)
    });
    prefill.into_iter().chain(chunked).chain(decode).chain(mixed).collect()
}

/// The plan of a server of static batches: no mixed step, several prompts at a time.
fn padded_plan() -> Vec<Point> {
    let prompts = |rows: &[u32]| Point {
        prefill: rows.iter().map(|&new| Part { new, context: 0 }).collect(),
        decode: Vec::new(),
    };
    let prefill = [16, 32, 64, 128, 256].map(|n| prompts(&[n]));
    let batches = [prompts(&[16, 64]), prompts(&[128, 32, 8]), prompts(&[64; 4]), prompts(&[256, 255])];
    plan().into_iter().filter(|p| p.prefill.is_empty()).chain(prefill).chain(batches).collect()
}

fn session() -> Session {
    Session {
        schema: 1,
        model: "tiny".into(),
        backend: "none".into(),
        dtype: "f32".into(),
        layout: "ragged".into(),
        threads: 1,
        kv_capacity_tokens: 8_192,
        kv_bytes_per_token: 64,
        ..Session::default()
    }
}

pub fn profile_of(timing: Timing) -> Profile {
    let mut profile = Profile::load("unit").unwrap();
    profile.timing = timing;
    profile
}

/// `passes` x `repeats` timed steps of each of `points` in shuffled order: by `timing`, times a log-normal factor.
pub fn timed(points: &[Point], timing: &Timing, passes: u32, repeats: u32, sigma: f64, seed: u64) -> Samples {
    let mut model = profile_of(timing.clone()).model(8_192).unwrap();
    let mut draw = Stream::new(seed, 0, "timed", 0);
    let mut rows = Vec::new();
    for pass in 1..=passes {
        let mut order: Vec<(u64, &Point)> =
            (0..repeats).flat_map(|_| points).map(|p| (draw.bits(), p)).collect();
        order.sort();
        for (_, point) in order {
            let chunks = point.chunks();
            let seconds = model.step(&point.shape(&chunks)).unwrap().as_secs();
            rows.push(Sample {
                pass,
                point: point.clone(),
                wall_s: seconds * libm::exp(sigma * draw.normal()),
                cpu_s: None,
                energy_j: None,
                clock_mhz: None,
                load: None,
            });
        }
    }
    Samples { rows }
}

fn linear() -> Timing {
    Timing::Linear(Linear {
        step_s: 2e-3,
        prefill_token_s: 1e-4,
        decode_s: 3e-4,
        context_token_s: 2e-7,
        prefill_pair_s: 1e-7,
    })
}

/// The shape of a small model on a CPU: batch 2 takes 4.5 times as long as batch 1, then a plateau.
pub fn cliff() -> Timing {
    Timing::Piecewise(Piecewise {
        rows: vec![1, 2, 16, 64, 528],
        step_s: vec![1.9e-3, 8.6e-3, 9.4e-3, 12e-3, 90e-3],
        request_s: 1e-5,
        several_s: 8e-4,
        prefill_s: 0.0,
        context_token_s: 4e-7,
        prefill_pair_s: 5e-7,
    })
}

fn padded() -> Timing {
    Timing::StaticBatch(StaticBatch {
        prefill_s: 3e-3,
        prefill_token_s: 8e-5,
        prefill_square_s: 2e-7,
        decode_s: 2e-3,
        decode_row_s: 4e-4,
        decode_context_s: 6e-7,
    })
}

fn fitted(samples: &Samples, form: Option<Form>) -> Fit {
    let options = FitOptions { form, bootstrap: 0, noise: NoiseKind::None, ..FitOptions::default() };
    fit(samples, &session(), &options).unwrap()
}

/// Largest relative gap between the durations of two timings over the plan.
fn gap(a: &Timing, b: &Timing, points: &[Point]) -> f64 {
    let mut models = [a, b].map(|t| profile_of(t.clone()).model(8_192).unwrap());
    let worst = |p: &Point| {
        let chunks = p.chunks();
        let [a, b] = [0, 1].map(|i| models[i].step(&p.shape(&chunks)).unwrap().as_secs());
        (a / b - 1.0).abs()
    };
    points.iter().map(worst).fold(0.0, f64::max)
}

#[test]
fn each_form_finds_its_own_law_again() {
    let polynomial: Timing = Profile::load("dynamo-polynomial").unwrap().timing;
    let cases = [
        (linear(), Form::Linear, plan()),
        (cliff(), Form::Piecewise, plan()),
        (padded(), Form::StaticBatch, padded_plan()),
        (polynomial, Form::Polynomial, plan()),
    ];
    for (law, form, points) in cases {
        let exact = fitted(&timed(&points, &law, 1, 1, 0.0, 1), Some(form));
        assert_eq!(exact.profile.timing.kind(), form.name());
        // A curve may bend elsewhere than the true one: between knots it may be off by more.
        let most = if form == Form::Piecewise { 0.03 } else { 1e-4 };
        let off = gap(&exact.profile.timing, &law, &points);
        assert!(off < most, "{form}: {off}, {SHAPES}: {:?}", exact.profile.timing);
        let noisy = fitted(&timed(&points, &law, 1, 9, 0.05, 2), Some(form));
        let off = gap(&noisy.profile.timing, &law, &points);
        assert!(off < 0.12, "{form} with noise: {off}");
        assert!(noisy.report.held_out.r2 > 0.97, "{form}: {:?}", noisy.report.held_out);
    }
}

#[test]
fn coefficients_of_a_line_are_its_own() {
    let fit = fitted(&timed(&plan(), &linear(), 1, 1, 0.0, 1), Some(Form::Linear));
    let Timing::Linear(found) = &fit.profile.timing else { panic!("{:?}", fit.profile.timing) };
    let Timing::Linear(true_law) = linear() else { unreachable!() };
    for (found, wanted) in [
        (found.step_s, true_law.step_s),
        (found.prefill_token_s, true_law.prefill_token_s),
        (found.decode_s, true_law.decode_s),
        (found.context_token_s, true_law.context_token_s),
        (found.prefill_pair_s, true_law.prefill_pair_s),
    ] {
        assert!((found / wanted - 1.0).abs() < 1e-3, "{found} against {wanted}");
    }
    assert_eq!(fit.report.coefficients.len(), 5);
    assert!(fit.report.residuals.iter().all(|r| (r.ratio - 1.0).abs() < 1e-3 && r.held_out_s > 0.0));
}

#[test]
fn cross_validation_takes_the_curve_at_a_cliff_and_the_line_on_a_line() {
    for seed in 0..5 {
        let at_cliff = fitted(&timed(&plan(), &cliff(), 1, 5, 0.05, seed), None);
        assert_eq!(at_cliff.report.form, Form::Piecewise, "{:?}", at_cliff.report.forms);
        let score = |form| at_cliff.report.forms.iter().find(|t| t.form == form).unwrap().score;
        assert!(score(Form::Linear).unwrap().error_mean > 3.0 * score(Form::Piecewise).unwrap().error_mean);
        let left_out = at_cliff.report.forms.iter().find(|t| t.form == Form::StaticBatch).unwrap();
        assert!(left_out.left_out.as_ref().unwrap().contains("6 points mix"), "{left_out:?}");
        let on_line = fitted(&timed(&plan(), &linear(), 1, 5, 0.05, seed), None);
        assert_eq!(on_line.report.form, Form::Linear, "{:?}", on_line.report.forms);
        let batches = fitted(&timed(&padded_plan(), &padded(), 1, 5, 0.05, seed), None);
        assert_eq!(batches.report.form, Form::StaticBatch, "{:?}", batches.report.forms);
    }
}

#[test]
fn a_form_that_does_not_follow_is_said_to() {
    let samples = timed(&plan(), &cliff(), 1, 3, 0.02, 1);
    let notes = |form| fitted(&samples, Some(form)).report.notes.concat();
    assert!(
        notes(Form::Polynomial).contains("on held-out points, below 0.95"),
        "{}",
        notes(Form::Polynomial)
    );
    assert!(!notes(Form::Piecewise).contains("held-out"));
}

#[test]
fn batch_1_is_its_own_point() {
    let fit = fitted(&timed(&plan(), &cliff(), 1, 5, 0.02, 3), None);
    let Timing::Piecewise(curve) = &fit.profile.timing else { panic!("{:?}", fit.profile.timing) };
    assert_eq!(curve.rows[..2], [1, 2]);
    assert!((curve.step_s[0] / 1.9e-3 - 1.0).abs() < 0.05, "{curve:?}");
    assert!((curve.step_s[1] / 8.6e-3 - 1.0).abs() < 0.05, "{curve:?}");
    let domain = &fit.profile.domain;
    let limits = [domain.max_prefill_tokens, domain.max_decodes, domain.max_context_sum_tokens];
    assert_eq!(limits, [Some(512), Some(16), Some(16 * 512)]);
}

#[test]
fn intervals_cover_what_they_are_of() {
    let (mut covered, mut seen) = (0, 0);
    let truth = [2e-3, 1e-4, 3e-4, 2e-7, 1e-7];
    for seed in 0..20 {
        let samples = timed(&plan(), &linear(), 1, 3, 0.1, seed);
        let options = FitOptions { form: Some(Form::Linear), bootstrap: 100, seed, ..FitOptions::default() };
        let report = fit(&samples, &session(), &options).unwrap().report;
        for (coefficient, truth) in report.coefficients.iter().zip(truth) {
            let ends = coefficient.interval.unwrap();
            assert!(ends.low <= ends.high);
            covered += i32::from(ends.low <= truth && truth <= ends.high);
            seen += 1;
        }
    }
    assert!(covered >= 85 && seen == 100, "{covered} of {seen} at 95%");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever the samples: no coefficient below 0, the report is what the profile says, the same samples in
    /// another order and the same seed give the same profile but for autocorrelation.
    #[test]
    fn fits_are_sound(seed: u64, sigma in 0.0..0.6, law in 0..3usize, form in 0..4usize) {
        let (law, points) = match law {
            0 => (linear(), plan()),
            1 => (cliff(), plan()),
            _ => (padded(), padded_plan()),
        };
        let samples = timed(&points, &law, 1, 2, sigma, seed);
        let done = fitted(&samples, Some(Form::ALL[form]));
        let monotone = Form::ALL[form] == Form::Polynomial;
        let least = done.report.coefficients.iter().map(|c| c.value).fold(0.0, f64::min);
        prop_assert!(least >= 0.0 || monotone, "{:?}", done.report.coefficients);
        let mut model = done.profile.model(8_192).unwrap();
        for residual in &done.report.residuals {
            let point = Point::parse(&residual.prefill, &residual.decode).unwrap();
            let chunks = point.chunks();
            prop_assert_eq!(model.step(&point.shape(&chunks)).unwrap().as_secs(), residual.profile_s);
        }
        let text = toml::to_string(&done.profile).unwrap();
        prop_assert_eq!(&Profile::parse("p.toml", &text).unwrap(), &done.profile);
        let mut turned = samples.clone();
        turned.rows.reverse();
        prop_assert_eq!(fitted(&turned, Some(Form::ALL[form])).profile, done.profile);
    }
}

#[test]
fn noise_is_that_of_the_samples() {
    let samples = timed(&plan(), &cliff(), 1, 20, 0.1, 5);
    let noise = |noise| {
        let options = FitOptions { noise, bootstrap: 0, ..FitOptions::default() };
        fit(&samples, &session(), &options).unwrap().profile.noise
    };
    assert!(noise(NoiseKind::None).is_none());
    let log_normal = noise(NoiseKind::LogNormal);
    assert!((log_normal.sigma.unwrap() / 0.1 - 1.0).abs() < 0.15, "{log_normal:?}");
    let regions = noise(NoiseKind::Regions);
    assert!(regions.regions.len() >= 3 && regions.autocorrelation < 0.1, "{regions:?}");
    let (last, others) = regions.regions.split_last().unwrap();
    assert!(last.max_rows.is_none() && others.iter().all(|r| r.max_rows.is_some()));
    assert_eq!(others[0].max_rows, Some(1));
    for r in &regions.regions {
        assert!(0.0 < r.min && r.min <= r.p10 && r.p10 <= r.median && r.median <= r.p90 && r.p90 <= r.max);
        // 10% and 90% quantiles of a log-normal of sigma 0.1.
        assert!((r.p10 - 0.880).abs() < 0.05 && (r.p90 - 1.137).abs() < 0.06, "{r:?}");
    }
}

#[test]
fn neighbours_in_time_are_seen_to_be_alike() {
    let mut samples = timed(&plan(), &linear(), 1, 20, 0.0, 1);
    let mut draw = Stream::new(4, 0, "ar", 0);
    let mut z = 0.0;
    for sample in &mut samples.rows {
        z = 0.8 * z + 0.6 * draw.normal();
        sample.wall_s *= libm::exp(0.1 * z);
    }
    let options = FitOptions { bootstrap: 0, ..FitOptions::default() };
    let noise = fit(&samples, &session(), &options).unwrap().profile.noise;
    // Medians of 20 repeats hide some of it.
    assert!((0.6..0.85).contains(&noise.autocorrelation), "{}", noise.autocorrelation);
}

#[test]
fn passes_that_differ_are_not_trusted() {
    let steady = timed(&plan(), &cliff(), 2, 5, 0.03, 1);
    let done = fitted(&steady, None);
    assert!(done.report.trustworthy, "{:?}", done.report.passes);
    assert_eq!(done.report.passes.len(), 1);
    assert_eq!(done.report.passes[0].what, "later passes against earlier passes");
    let mut drifted = steady.clone();
    drifted.rows.iter_mut().filter(|s| s.pass == 2).for_each(|s| s.wall_s *= 1.08);
    let done = fitted(&drifted, None);
    assert!(!done.report.trustworthy);
    assert!((done.report.passes[0].bias - 0.08).abs() < 0.02, "{:?}", done.report.passes);
    let said = |done: &Fit| done.profile.provenance.notes.iter().any(|n| n.contains("not trustworthy"));
    assert!(said(&done));
    // One bad pass of four is outvoted; two that come last are not.
    let mut four = timed(&plan(), &cliff(), 4, 1, 0.02, 2);
    four.rows.iter_mut().filter(|s| s.pass == 4).for_each(|s| s.wall_s *= 1.08);
    let done = fitted(&four, None);
    assert_eq!(done.report.passes[0].what, "later passes against earlier passes");
    assert!(done.report.trustworthy, "{:?}", done.report.passes);
    four.rows.iter_mut().filter(|s| s.pass == 3).for_each(|s| s.wall_s *= 1.08);
    assert!(!fitted(&four, None).report.trustworthy);
    // The same against another file; and a pass cut short is said to be left out.
    let first = Samples { rows: drifted.rows.iter().filter(|s| s.pass == 1).cloned().collect() };
    let second = Samples { rows: drifted.rows.iter().filter(|s| s.pass == 2).cloned().collect() };
    let options = FitOptions { against: Some(second), bootstrap: 0, ..FitOptions::default() };
    let done = fit(&first, &session(), &options).unwrap();
    assert!(!done.report.trustworthy && said(&done), "{:?}", done.report.passes);
    let mut cut = steady.clone();
    cut.rows.truncate(steady.rows.len() / 2 + 3);
    let done = fitted(&cut, Some(Form::Piecewise));
    assert!(done.report.passes.is_empty() && done.report.trustworthy);
    assert!(
        done.report.notes.iter().any(|n| n.contains("later passes alone cannot")),
        "{:?}",
        done.report.notes
    );
}

fn refused(samples: &Samples, options: &FitOptions) -> String {
    let error = fit(samples, &session(), options).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn gaps_are_named() {
    let all = timed(&plan(), &linear(), 1, 1, 0.0, 1);
    let without = |gone: &dyn Fn(&Point) -> bool| {
        let rows = all.rows.iter().filter(|s| !gone(&s.point)).cloned().collect();
        refused(&Samples { rows }, &FitOptions::default())
    };
    assert!(without(&|p| !p.prefill.is_empty()).contains("no prefill (such as 128@0)"));
    let error = without(&|p| !p.decode.is_empty());
    assert!(error.contains("no decode (such as 64x8)") && error.contains("samples stay"), "{error}");
    let error = without(&|p| p.prefill.is_empty() && p.decode[0].rows == 1);
    assert!(error.contains("no decode of one row alone (such as 64x1)"), "{error}");
    assert!(!error.contains("no prefill"), "{error}");
}

#[test]
fn too_few_points_say_how_many_and_of_which_kind() {
    let points = [Point::prefill(64, 0), Point::decode(64, 1), Point::decode(64, 4)];
    let few = timed(&points, &linear(), 1, 3, 0.0, 1);
    let form = |form| refused(&few, &FitOptions { form: Some(form), ..FitOptions::default() });
    let error = form(Form::Linear);
    assert!(error.contains("3 distinct points, it needs 8"), "{error}");
    assert!(error.contains("1 more prefill lengths; 1 more decode contexts"), "{error}");
    assert!(form(Form::Piecewise).contains("needs 10"));
    let error = refused(&few, &FitOptions::default());
    assert!(
        error.contains("linear:") && error.contains("piecewise:") && error.contains("polynomial:"),
        "{error}"
    );
    let full = timed(&plan(), &linear(), 1, 1, 0.0, 1);
    let bare = Session { kv_capacity_tokens: 0, ..session() };
    let options = FitOptions { form: Some(Form::Polynomial), ..FitOptions::default() };
    let error = fit(&full, &bare, &options).unwrap_err().to_string();
    assert!(error.contains("names no KV capacity"), "{error}");
}

#[test]
fn clocks_and_folds_are_checked() {
    let mut samples = timed(&plan(), &linear(), 1, 1, 0.0, 1);
    let cpu = FitOptions { clock: Some(Clock::Cpu), bootstrap: 0, ..FitOptions::default() };
    let error = refused(&samples, &cpu);
    assert!(error.contains("line 2, column cpu_s") && error.contains("--clock wall"), "{error}");
    samples.rows.iter_mut().for_each(|s| s.cpu_s = Some(2.0 * s.wall_s));
    let on =
        |options: &FitOptions| fit(&samples, &session(), options).unwrap().report.residuals[0].measured_s;
    let wall = on(&FitOptions { bootstrap: 0, ..FitOptions::default() });
    assert_eq!(on(&cpu), 2.0 * wall);
    assert!(refused(&samples, &FitOptions { folds: 1, ..FitOptions::default() }).contains("2 or more"));
}
