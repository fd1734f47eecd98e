//! Axes, points and filters.

use foretoken::rng::Stream;
use foretoken::scenario::Layers;
use foretoken::scheduler::Registry;
use foretoken::sweep::{AxisSpec, Filter, Flags, Plan, Sampling, cell};
use proptest::prelude::*;
use toml::Value;

fn plan(axes: &[&str], samples: Option<u32>, sampling: Option<Sampling>) -> Plan {
    let mut layers = Layers::default();
    // Small, for it is hashed.
    layers.set(concat!("trace.path=", env!("CARGO_MANIFEST_DIR"), "/tests/data/traces/lmsys.jsonl")).unwrap();
    layers.set("workload.arrivals.kind=poisson").unwrap();
    layers.set("workload.rate_rps=5").unwrap();
    let axes = axes.iter().map(|a| AxisSpec::parse(a).unwrap()).collect();
    Plan::new(&layers, Flags { axes, samples, sampling, filter: Vec::new() }, &Registry::builtin()).unwrap()
}

fn values(axis: &str) -> Vec<String> {
    plan(&[axis], None, None).axes[0].values.iter().map(cell).collect()
}

#[test]
fn axes_say_their_values() {
    assert_eq!(values("kv.blocks=700,600"), ["700", "600"], "in the order given");
    assert_eq!(
        values("kv.watermark=range{start=0.1,stop=0.5,step=0.1}"),
        ["0.1", "0.2", "0.3", "0.4", "0.5"]
    );
    assert_eq!(values("kv.watermark=range{start=0,stop=0.9,count=4}"), ["0", "0.3", "0.6", "0.9"]);
    assert_eq!(values("kv.blocks=range{start=1,stop=10,step=4}"), ["1", "5", "9"]);
    assert_eq!(
        values("kv.blocks=range{start=1,stop=3,count=9}"),
        ["1", "2", "3"],
        "whole numbers, each once"
    );
    assert_eq!(values("kv.blocks=log-range{start=1,stop=1000,count=4}"), ["1", "10", "100", "1000"]);
    assert_eq!(values("workload.rate_rps=5,inf"), ["5", "inf"]);
    assert_eq!(values("engine.preset=vllm-v1,vllm-v1-2025"), ["vllm-v1", "vllm-v1-2025"]);
    assert_eq!(values("kv.blocks=range{start=7,stop=7,count=1}"), ["7"]);
}

/// A Sobol sequence of 2^k points has one in each of 2^k equal slices, on every axis; random draws do not.
#[test]
fn sobol_points_are_evenly_spread() {
    let axes = ["kv.watermark=uniform{low=0,high=0.5}", "metrics.max_outside_domain=uniform{low=0.5,high=1}"];
    let slices = |sampling| {
        let plan = plan(&axes, Some(64), Some(sampling));
        plan.axes
            .iter()
            .zip([0.0, 0.5])
            .map(|(axis, low)| {
                let slice = |v: &Value| ((v.as_float().unwrap() - low) / 0.5 * 64.0) as usize;
                let mut hit: Vec<usize> = axis.values.iter().map(slice).collect();
                hit.sort_unstable();
                hit.dedup();
                hit.len()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(slices(Sampling::Sobol), [64, 64]);
    assert!(slices(Sampling::Random).iter().all(|hit| (25..60).contains(hit)));
}

#[test]
fn log_uniform_samples_have_even_logarithms() {
    let plan = plan(&["metrics.horizon_s=log-uniform{low=0.01,high=100}"], Some(4096), None);
    let below = plan.axes[0].values.iter().filter(|v| v.as_float().unwrap() < 1.0).count();
    assert!((2040..=2056).contains(&below), "{below} of 4096 lie below the geometric middle");
}

#[test]
fn filters_read_as_they_look() {
    let value = |key: &str| match key {
        "a.b" => Value::Float(2.5),
        "n" => Value::Integer(3),
        "rate" => Value::String("inf".into()),
        "on" => Value::Boolean(true),
        _ => Value::String("sjf-noisy-0.5".into()),
    };
    let known = ["a.b", "n", "rate", "on", "scheduler"];
    for (text, wanted) in [
        ("a.b <= 2.5 and n == 3", true),
        ("a.b<2.5 or n!=3", false),
        ("scheduler == 'sjf-noisy-0.5'", true),
        ("scheduler != \"sjf-noisy-0.5\"", false),
        ("rate > 1e9 and rate == inf", true),
        ("on == true and not on == false", true),
        ("n == 1 and n == 2 or n == 3", true),
        ("n == 1 and (n == 2 or n == 3)", false),
        ("not (n > 1) or n >= 3.0", true),
        ("n > -4", true),
    ] {
        assert_eq!(Filter::parse(text, &known).unwrap().holds(&value).unwrap(), wanted, "{text}");
    }
    for (text, part) in [
        ("", "a key"),
        ("n", "one of =="),
        ("n = 3", "a key, a value or an operator"),
        ("n == ", "a number"),
        ("n == three", "a number"),
        ("(n == 3", "`)`"),
        ("n == 3)", "`and`, `or` or the end"),
        ("n == 3 n == 3", "character 8"),
        ("m == 3", "unknown key in a filter `m`"),
        ("scheduler == 'x", "closing quote"),
        ("ä == 3", "unknown key"),
    ] {
        let error = Filter::parse(text, &known).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    for text in ["scheduler < 'x'", "scheduler == 3", "n == 'x'", "on > true"] {
        assert!(Filter::parse(text, &known).unwrap().holds(&value).is_err(), "{text}");
    }
    assert!(Filter::parse(&"(".repeat(100_000), &known).is_err(), "no stack is deep enough");
}

/// A random condition, as text and as what it is.
fn condition(stream: &mut Stream, depth: u32, n: i64) -> (String, bool) {
    if depth == 0 || stream.below(3) == 0 {
        let (op, with) = (stream.below(6), stream.below(5) as i64);
        let (sign, holds) = match op {
            0 => ("==", n == with),
            1 => ("!=", n != with),
            2 => ("<", n < with),
            3 => ("<=", n <= with),
            4 => (">", n > with),
            _ => (">=", n >= with),
        };
        return (format!("n {sign} {with}"), holds);
    }
    let (a, a_holds) = condition(stream, depth - 1, n);
    let (b, b_holds) = condition(stream, depth - 1, n);
    match stream.below(3) {
        0 => (format!("({a}) and ({b})"), a_holds && b_holds),
        1 => (format!("({a}) or ({b})"), a_holds || b_holds),
        _ => (format!("not ({a})"), !a_holds),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn filters_say_what_they_mean(seed in any::<u64>(), n in 0i64..5) {
        let (text, wanted) = condition(&mut Stream::new(seed, 0, "filter", 0), 4, n);
        let holds = Filter::parse(&text, &["n"]).unwrap().holds(&|_| Value::Integer(n)).unwrap();
        prop_assert_eq!(holds, wanted, "{}", text);
    }

    /// Any text is parsed or refused.
    #[test]
    fn filters_never_panic(text in "[n =<>!'\"()andort.0-9é]{0,40}") {
        let _ = Filter::parse(&text, &["n"]);
    }

    /// A grid has each combination once, the first axis slowest.
    #[test]
    fn grids_are_products(a in 1usize..5, b in 1usize..5, samples in 1u32..5) {
        let list = |n: usize| (1..=n).map(|i| (i * 100).to_string()).collect::<Vec<_>>().join(",");
        let axes = [
            format!("kv.blocks={}", list(a)),
            "kv.watermark=uniform{low=0,high=0.5}".to_string(),
            format!("engine.max_seqs={}", list(b)),
        ];
        let plan = plan(&axes.each_ref().map(String::as_str), Some(samples), None);
        prop_assert_eq!(plan.len(), a * b * samples as usize);
        let mut expected = Vec::new();
        for i in 1..=a {
            for j in 1..=b {
                for sample in 0..samples as usize {
                    expected.push([(i * 100).to_string(), cell(&plan.axes[1].values[sample]), (j * 100).to_string()]);
                }
            }
        }
        for (i, expected) in expected.iter().enumerate() {
            let point = plan.point(plan.run(i).point);
            prop_assert_eq!(&point.values.iter().map(cell).collect::<Vec<_>>(), expected);
        }
    }
}
