//! The formulas of the kinds, by hand and against transcriptions.

use foretoken::latency::{Chunk, Profile, StepShape};
use foretoken::time::Span;
use proptest::prelude::*;

fn profile(sections: &str) -> Profile {
    let head = "schema = 1\nname = \"p\"\ndescription = \"\"\n[provenance]\nwho = \"\"\ndevice = \"\"\n\
                software = \"\"\ndate = \"\"\nhow = \"analytic\"\n";
    Profile::parse("p.toml", &format!("{head}{sections}")).unwrap()
}

fn shape(prefill: &[Chunk], decodes: u64, context_sum: u64) -> StepShape<'_> {
    StepShape { prefill, decodes, context_sum, ..StepShape::default() }
}

#[test]
fn unit_steps_take_a_second() {
    let mut model = Profile::load("unit").unwrap().model(0).unwrap();
    assert_eq!(model.step(&shape(&[], 7, 900)).unwrap(), Span(1_000_000_000));
    assert!(model.energy_j(&shape(&[], 7, 900), Span(1)).is_none());
}

#[test]
fn linear_terms_add_up() {
    let p = profile(
        "[timing.linear]\nstep_s = 1.0\nprefill_token_s = 0.1\ndecode_s = 0.01\ncontext_token_s = 0.001\n\
         prefill_pair_s = 0.0001\n[domain]\nmax_prefill_tokens = 30\nmax_decodes = 4\n\
         max_context_sum_tokens = 50\n[power]\nidle_w = 100\nactive_w = 300\n",
    );
    let mut model = p.model(0).unwrap();
    let chunks = [Chunk::of_prompt(0, 20), Chunk::of_prompt(100, 10)];
    // 1 + 30·0.1 + 4·0.01 + 50·0.001 + (20·10 + 10·105)·0.0001
    let took = model.step(&shape(&chunks, 4, 50)).unwrap();
    assert_eq!(took, Span(4_215_000_000));
    assert_eq!(model.energy_j(&shape(&chunks, 4, 50), Span(2_000_000_000)), Some(600.0));
    assert!(model.in_domain(&shape(&chunks, 4, 50)));
    assert!(!model.in_domain(&shape(&chunks, 5, 50)));
    assert!(!model.in_domain(&shape(&chunks, 4, 51)));
    assert!(!model.in_domain(&shape(&[Chunk::of_prompt(0, 31)], 4, 50)));
}

#[test]
fn what_is_no_duration_says_which_quantity() {
    let mut linear = profile("[timing.linear]\nstep_s = 1e300\n").model(0).unwrap();
    let error = linear.step(&shape(&[], 1, 1)).unwrap_err().to_string();
    assert!(error.contains("linear sum comes out as"), "{error}");
    let negative =
        "[timing.polynomial]\nprefill_ms = [-1, 0, 0]\ndecode_ms = [1e300, 0, 0]\ndecode_min_ms = 1\n";
    let mut model = profile(negative).model(16).unwrap();
    let error = model.step(&shape(&[Chunk::of_prompt(0, 1)], 0, 0)).unwrap_err().to_string();
    assert!(error.contains("timing.polynomial.prefill_ms") && error.contains("-0.001 s"), "{error}");
    let error = model.step(&shape(&[], 1, 1)).unwrap_err().to_string();
    assert!(error.contains("timing.polynomial.decode_ms"), "{error}");
    let error = profile(negative).model(0).err().unwrap().to_string();
    assert!(error.contains("kv.blocks"), "{error}");
}

const TABLE: &str = "[timing.table]\noutside = \"error\"\nprefill_tokens = [0, 100]\ndecodes = [0, 4, 8]\n\
                     context_sum_tokens = [0, 1000]\n\
                     step_s = [[[0, 1], [2, 3], [4, 5]], [[10, 11], [12, 13], [20, 21]]]\n";

#[test]
fn tables_are_linear_between_their_points() {
    let mut model = profile(TABLE).model(0).unwrap();
    let whole = |new| [Chunk::of_prompt(0, new)];
    let cases = [
        (0, 0, 0, 0.0),
        (0, 8, 1000, 5.0),
        (100, 8, 1000, 21.0),
        (0, 2, 0, 1.0),
        (0, 4, 250, 2.25),
        (25, 4, 0, 4.5),
        // Corners 12, 13, 20, 21 and 2, 3, 4, 5, each a quarter; half way between the two means.
        (50, 6, 500, 10.0),
    ];
    for (prefill, decodes, context_sum, seconds) in cases {
        let chunk = whole(prefill);
        let shape = shape(if prefill > 0 { &chunk } else { &[] }, decodes, context_sum);
        assert_eq!(model.step(&shape).unwrap(), Span::from_secs(seconds).unwrap(), "{shape:?}");
        assert!(model.in_domain(&shape));
    }
}

#[test]
fn tables_refuse_or_clamp_what_lies_outside() {
    let mut strict = profile(TABLE).model(0).unwrap();
    let error = strict.step(&shape(&[], 9, 0)).unwrap_err().to_string();
    assert!(error.contains("9 decode rows lie outside of the table's 0 to 8"), "{error}");
    assert!(!strict.in_domain(&shape(&[], 9, 0)));
    let mut clamped = profile(&TABLE.replace("error", "clamp")).model(0).unwrap();
    assert_eq!(clamped.step(&shape(&[], 9, 5_000)).unwrap(), Span(5_000_000_000));
    assert!(!clamped.in_domain(&shape(&[], 9, 5_000)));
}

#[test]
fn a_curve_over_packed_rows_has_cliff_plateau_and_tail() {
    let p = profile(
        "[timing.piecewise]\nrows = [1, 2, 10, 20]\nstep_s = [1.0, 4.0, 4.8, 6.8]\nrequest_s = 0.1\nseveral_s = 0.5\nprefill_s = 0.3\n\
         context_token_s = 0.01\nprefill_pair_s = 0.001\n",
    );
    let mut model = p.model(0).unwrap();
    let mut seconds =
        |chunks: &[Chunk], decodes, context| model.step(&shape(chunks, decodes, context)).unwrap().as_secs();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} against {b}");
    near(seconds(&[], 1, 50), 1.0 + 0.1 + 0.5);
    near(seconds(&[], 2, 0), 4.0 + 0.2 + 0.5);
    near(seconds(&[], 6, 0), 4.4 + 0.6 + 0.5);
    // 12 prefill tokens in two chunks and 3 decodes: 15 packed rows of 5 requests, 8·(4 + 4) + 4·2 pairs.
    let chunks = [Chunk::of_prompt(4, 8), Chunk::of_prompt(0, 4)];
    near(seconds(&chunks, 3, 30), 5.8 + 0.5 + 0.5 + 0.3 + 0.3 + 0.072);
    near(seconds(&chunks[..1], 0, 0), 4.6 + 0.1 + 0.3 + 0.064);
    // Beyond the last knot, 0.2 s a row.
    near(seconds(&[], 30, 0), 8.8 + 3.0 + 0.5);
    let falling = "[timing.piecewise]\nrows = [2, 4]\nstep_s = [3.0, 1.0]\n";
    let mut falling = profile(falling).model(0).unwrap();
    let took = [1, 2, 3, 4, 9].map(|n| falling.step(&shape(&[], n, 0)).unwrap().as_secs());
    assert_eq!(took, [3.0, 3.0, 2.0, 1.0, 1.0]);
}

#[test]
fn a_static_batch_pays_for_its_padding() {
    let p = profile(
        "[timing.static-batch]\nprefill_s = 1.0\nprefill_token_s = 0.1\nprefill_square_s = 0.001\n\
         decode_s = 2.0\ndecode_row_s = 0.2\ndecode_context_s = 0.01\n",
    );
    let mut model = p.model(0).unwrap();
    assert!(model.needs().max);
    let chunks = [Chunk::of_prompt(0, 10), Chunk::of_prompt(0, 30), Chunk::of_prompt(0, 5)];
    assert_eq!(model.step(&shape(&chunks, 0, 0)).unwrap().as_secs(), 1.0 + 9.0 + 2.7);
    let decodes = StepShape { context_max: 40, ..shape(&[], 4, 70) };
    assert_eq!(model.step(&decodes).unwrap().as_secs(), 2.0 + 0.8 + 1.6);
}

/// The rule of Dynamo's default timing, as its publication reads: averages first.
fn dynamo_ns(chunks: &[Chunk], decodes: u64, context_sum: u64, capacity: u64) -> u64 {
    let mut total = 0;
    if !chunks.is_empty() {
        let k = chunks.len() as u64;
        let mean_after = chunks.iter().map(|c| u64::from(c.context + c.new)).sum::<u64>() / k;
        let mean_before = chunks.iter().map(|c| u64::from(c.context)).sum::<u64>() / k;
        let t = (k * (mean_after - mean_before)) as f64;
        total += ((4.209989e-7 * t * t + 1.518344e-2 * t + 16.50142) * 1e6).round() as u64;
    }
    if decodes > 0 {
        let u = f64::min(context_sum as f64 / capacity as f64, 1.0);
        total += (f64::max(1.0, -25.74 * u * u + 54.01 * u + 5.74) * 1e6).round() as u64;
    }
    total
}

proptest! {
    #[test]
    fn polynomial_is_the_published_rule(
        chunks in prop::collection::vec((0u32..8_192, 1u32..2_048), 0..5),
        decodes in 0u64..256, mean in 1u64..4_096, capacity in 1_000u64..1_000_000,
    ) {
        let chunks: Vec<Chunk> = chunks.into_iter().map(|(context, new)| Chunk::of_prompt(context, new)).collect();
        let mut model = Profile::load("dynamo-polynomial").unwrap().model(capacity).unwrap();
        let took = model.step(&shape(&chunks, decodes, decodes * mean)).unwrap();
        let rule = dynamo_ns(&chunks, decodes, decodes * mean, capacity);
        prop_assert!(took.0.abs_diff(rule) <= 2, "{took} against {rule} ns");
    }
}
