//! Profile files: what ships, what is refused, and where the error points.

use foretoken::error::Error;
use foretoken::latency::{Hardware, Profile, shipped};
use std::path::Path;

const GOOD: &str = r#"schema = 1
name = "p"
description = "for tests"

[provenance]
who = "us"
device = "none"
software = "none"
date = "2026-11-21"
how = "measured"

[timing.linear]
step_s = 0.01
decode_s = 1e-4
"#;

fn error_of(text: &str) -> String {
    Profile::parse("p.toml", text).unwrap_err().to_string()
}

/// Sorted names, without ending, of the files in a folder.
fn names_in(folder: &str, ending: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|x| x == ending))
        .map(|p| p.file_stem().unwrap().to_str().unwrap().to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn every_file_ships_under_its_own_name() {
    let folders = [
        ("profiles", "toml", shipped::PROFILES),
        ("profiles/hardware", "toml", shipped::HARDWARE),
        ("profiles/models", "json", shipped::MODELS),
    ];
    for (folder, ending, shipped) in folders {
        let mut names: Vec<&str> = shipped.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert_eq!(names, names_in(folder, ending));
    }
    for name in shipped::names() {
        assert_eq!(Profile::load(name).unwrap().name, name);
    }
    for (name, _) in shipped::HARDWARE {
        assert_eq!(Hardware::load(name).unwrap().name, *name);
    }
}

#[test]
fn a_profile_survives_writing_and_reading() {
    for name in shipped::names() {
        let profile = Profile::load(name).unwrap();
        let text = toml::to_string(&profile).unwrap();
        assert_eq!(Profile::parse("again.toml", &text).unwrap(), profile, "{text}");
    }
}

#[test]
fn a_file_loads_like_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, GOOD).unwrap();
    assert_eq!(Profile::load(path.to_str().unwrap()).unwrap().name, "p");
    assert!(matches!(Profile::load("nowhere/p.toml"), Err(Error::Io { .. })));
}

#[test]
fn an_unknown_name_gets_the_nearest() {
    let error = Profile::load("dynamo-polynomal").unwrap_err().to_string();
    assert!(error.contains("did you mean `dynamo-polynomial`?"), "{error}");
}

#[test]
fn errors_name_file_line_and_key() {
    let replaced = |from: &str, to: &str| error_of(&GOOD.replace(from, to));
    let cases = [
        (replaced("decode_s", "decodes_s"), "p.toml, line 14, key timing.linear.decodes_s", "`decode_s`?"),
        (replaced("step_s = 0.01", ""), "line 12, key timing.linear.step_s", "add it"),
        (replaced("step_s = 0.01", "step_s = -0.01"), "line 13, key timing.linear.step_s", "-0.01"),
        (replaced("step_s = 0.01", "step_s = nan"), "line 13, key timing.linear.step_s", "NaN"),
        (replaced("0.01", "\"fast\""), "line 13, key timing.linear.step_s", "invalid type"),
        (replaced("linear", "lineal"), "line 12, key timing", "did you mean `linear`?"),
        (replaced("measured", "mesured"), "line 10, key provenance.how", "did you mean `measured`?"),
        (replaced("[prov", "[[prov"), "p.toml, line 5", "TOML"),
        (
            replaced("schema = 1", "schema = 2"),
            "line 1, key schema: the file is of schema 2",
            "newer foretoken",
        ),
        (replaced("schema = 1", ""), "key schema", "add `schema = 1`"),
        (replaced("name = \"p\"", "name = \"\""), "line 2, key name", "empty"),
        (error_of(&format!("{GOOD}[power]\nidle_w = -1\nactive_w = 1\n")), "line 16, key power.idle_w", "-1"),
        (
            error_of(&format!("{GOOD}[power]\nidle_w = 2\nactive_w = 1\n")),
            "line 17, key power.active_w",
            "less",
        ),
    ];
    for (error, place, rest) in cases {
        assert!(error.contains(place) && error.contains(rest), "wanted `{place}` and `{rest}`: {error}");
    }
}

#[test]
fn tables_and_rooflines_are_checked_key_by_key() {
    let (head, _) = GOOD.split_once("[timing").unwrap();
    let table = |axis: &str, times: &str| {
        let axes = "decodes = [1]\ncontext_sum_tokens = [0]\n";
        error_of(&format!(
            "{head}[timing.table]\noutside = \"clamp\"\nprefill_tokens = {axis}\n{axes}step_s = {times}\n"
        ))
    };
    let cases = [
        (table("[5, 5]", "[[[1]], [[1]]]"), "line 14, key timing.table.prefill_tokens", "increasing"),
        (table("[]", "[]"), "line 14, key timing.table.prefill_tokens", "increasing"),
        (table("[0, 5]", "[[[1]]]"), "line 17, key timing.table.step_s", "2 x 1 x 1"),
        (table("[0, 5]", "[[[1]], [[-1]]]"), "line 17, key timing.table.step_s", "-1"),
    ];
    let curve = |rows: &str, times: &str| {
        error_of(&format!("{head}[timing.piecewise]\nrows = {rows}\nstep_s = {times}\n"))
    };
    let curves = [
        (curve("[2, 1]", "[1, 1]"), "line 13, key timing.piecewise.rows", "increasing"),
        (curve("[]", "[]"), "line 13, key timing.piecewise.rows", "increasing"),
        (curve("[1, 2]", "[1]"), "line 14, key timing.piecewise.step_s", "2 knots and 1 times"),
        (curve("[1]", "[nan]"), "line 14, key timing.piecewise.step_s", "NaN"),
        (
            error_of(&format!("{head}[timing.static-batch]\nprefill_s = 1\n")),
            "static-batch.decode_s",
            "add it",
        ),
    ];
    let mixtral = shipped::PROFILES.iter().find(|(n, _)| *n == "mixtral-8x7b-h100-tp2").unwrap().1;
    let roofline = |from: &str, to: &str| error_of(&mixtral.replacen(from, to, 1));
    let more = [
        (roofline("compute_efficiency = 0.7", "compute_efficiency = 1.1"), "compute_efficiency", "(0, 1]"),
        (
            roofline("memory_bytes_per_s = 3350000000000.0", "memory_bytes_per_s = 0"),
            "memory_bytes_per_s",
            "> 0",
        ),
        (roofline("active = 2", "active = 9"), "timing.roofline.experts.active", "9 active of 8"),
        (roofline("step_latency_s = 0", "step_latency_s = -0"), "all_reduce.step_latency_s", ">= 0"),
        (roofline("head_bytes = 131072000.0", "head_bytes = inf"), "timing.roofline.head_bytes", "inf"),
    ];
    for (error, place, rest) in cases.into_iter().chain(curves).chain(more) {
        assert!(error.contains(place) && error.contains(rest), "wanted `{place}` and `{rest}`: {error}");
    }
}

/// Write the schema anew with FORETOKEN_BLESS=1.
#[test]
fn the_schema_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/profile.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Profile)).unwrap() + "\n";
    if std::env::var_os("FORETOKEN_BLESS").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == schema, "docs/schema/profile.json is stale: run this test with FORETOKEN_BLESS=1");
}
