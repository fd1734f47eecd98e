//! `profile show --figure`: the drawn numbers are the model's.

use super::Desk;
use serde_json::Value;

const HEAD: &str = "schema = 1\nname = \"mine\"\ndescription = \"x\"\n[provenance]\nwho = \"us\"\ndevice = \"none\"\n\
    software = \"none\"\ndate = \"2026-11-21\"\nhow = \"measured\"\n[kv]\ncapacity_tokens = 9000\nbytes_per_token = 1\n\
    [timing.linear]\nstep_s = 0.002\nprefill_token_s = 1e-4\ndecode_s = 1e-3\ncontext_token_s = 1e-6\n";
const DOMAIN: &str = "[domain]\nmax_prefill_tokens = 100\nmax_decodes = 6\nmax_context_sum_tokens = 3000\n";
const NOISE: &str = "[noise]\nkind = \"log-normal\"\nsigma = 0.1\n";
const Z90: f64 = 1.281_551_565_544_600_4;

/// Rows of the figure's data: (panel, series, kind, x, the other numbers).
fn drawn(desk: &Desk, profile: &str) -> Vec<(usize, String, String, f64, Vec<f64>)> {
    desk.write("mine.toml", profile);
    desk.ok("profile show mine.toml --figure out");
    assert_eq!(desk.list("out"), ["mine.csv", "mine.pdf", "mine.png", "mine.svg"]);
    let csv = desk.read("out/mine.csv");
    let cells = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    cells
        .map(|c| {
            let rest = c[4..].iter().filter_map(|v| v.parse().ok()).collect();
            (c[0].parse().unwrap(), c[1].into(), c[2].into(), c[3].parse().unwrap_or(0.0), rest)
        })
        .collect()
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-4 * expected
}

#[test]
fn figures_of_profiles_hold_the_step_times() {
    let desk = Desk::new();
    let rows = drawn(&desk, &format!("{HEAD}{DOMAIN}{NOISE}"));
    let (mut lines, mut outside, mut bands) = (0, 0, 0);
    for (panel, series, kind, x, rest) in &rows {
        let context = series.split(' ').next().unwrap().parse::<f64>();
        let expected = |context: f64| 2.0 + x * (1.0 + 1e-3 * context);
        let ms = match (panel, &context) {
            (0, Ok(context)) => expected(*context),
            (0, _) if kind == "line" => {
                [128.0, 1024.0, 4096.0].map(expected).into_iter().find(|e| near(rest[0], *e)).unwrap_or(0.0)
            }
            _ => 2.0 + 0.1 * x,
        };
        match (kind.as_str(), series.is_empty()) {
            ("line", false) => {
                assert!(near(rest[0], ms), "{series} at {x}: {rest:?}, not {ms}");
                let limit = if *panel == 0 { 6.0f64.min(3000.0 / context.unwrap()) } else { 100.0 };
                assert!(*x <= limit, "{series} at {x} is outside of the domain");
                lines += 1;
            }
            ("line", true) => {
                assert!(near(rest[0], ms), "a guide at {x}: {rest:?}");
                outside += 1;
            }
            ("band", _) => {
                let factor = libm::exp(0.1 * Z90);
                assert!(
                    near(rest[0], ms / factor) && near(rest[1], ms * factor),
                    "{series} at {x}: {rest:?}"
                );
                bands += 1;
            }
            _ => assert!(near(*x, 6.0) || near(*x, 100.0), "{kind} at {x}"),
        }
    }
    assert!(lines > 20 && outside > 5 && bands > lines, "{lines} {outside} {bands}");
    assert!(desk.read("out/mine.svg").contains("10% to 90% quantile"));
}

#[test]
fn odd_profiles_are_drawn_or_refused() {
    let desk = Desk::new();
    let calm = drawn(&desk, HEAD);
    assert!(calm.iter().all(|row| row.2 != "band"));
    // Nothing inside, one step inside, nothing that takes time.
    for domain in ["max_context_sum_tokens = 10", "max_decodes = 1\nmax_prefill_tokens = 1"] {
        assert!(!drawn(&desk, &format!("{HEAD}[domain]\n{domain}\n")).is_empty());
    }
    let (head, _) = HEAD.split_once("step_s").unwrap();
    desk.write("zero.toml", format!("{head}step_s = 0\n"));
    let done = desk.run("profile show zero.toml --figure none");
    assert!(done.code == Some(2) && done.err.contains("no step time to draw"), "{}", done.err);
    assert!(!desk.path("none").exists());
}

#[test]
fn noise_is_told() {
    let desk = Desk::new();
    desk.write("mine.toml", format!("{HEAD}{NOISE}"));
    assert!(desk.ok("profile show mine.toml").out.contains("sigma 0.1"));
    let told: Value = serde_json::from_str(&desk.ok("profile show mine.toml --format json").out).unwrap();
    assert_eq!(told["profile"]["noise"]["sigma"], 0.1);
    let step = &told["steps"][0];
    let [low, middle, high] = ["p10_s", "step_s", "p90_s"].map(|k| step[k].as_f64().unwrap());
    assert!(near(low * high, middle * middle) && near(high / middle, libm::exp(0.1 * Z90)), "{step}");
}
