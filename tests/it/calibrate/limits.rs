//! A measured profile and the built-in limits of a scenario.

use foretoken::scenario::{Layers, Scenario, resolve};

const PROFILE: &str = r#"
schema = 1
name = "p"
description = "made up"
[provenance]
who = "a test"
device = "none"
software = "none"
date = "2026-11-21"
how = "HOW"
[timing.linear]
step_s = 0.01
[domain]
max_prefill_tokens = 512
max_decodes = 8
max_context_sum_tokens = 3000
[kv]
capacity_tokens = 4096
bytes_per_token = 100
"#;

fn scenario(how: &str, set: &[&str]) -> Scenario {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.toml");
    std::fs::write(&path, PROFILE.replace("HOW", how)).unwrap();
    let mut layers = Layers::default();
    layers.set(&format!("profile={}", path.display())).unwrap();
    for assignment in set {
        layers.set(assignment).unwrap();
    }
    resolve(&layers).unwrap()
}

#[test]
fn a_measured_profile_lowers_what_nobody_set() {
    let s = scenario("measured", &[]);
    assert_eq!((s.engine.max_seqs, s.engine.max_tokens_per_step), (8, 512));
    assert_eq!(s.kv.blocks, Some(3000 / u64::from(s.kv.block_tokens)));

    let s = scenario("measured", &["engine.max_seqs=4", "engine.max_tokens_per_step=9000", "kv.blocks=7"]);
    assert_eq!((s.engine.max_seqs, s.engine.max_tokens_per_step, s.kv.blocks), (4, 9000, Some(7)));

    let s = scenario("measured", &["kv.block_tokens=100"]);
    assert_eq!(s.kv.blocks, Some(30));
}

#[test]
fn static_batches_keep_whole_prompts_and_reserve_what_there_is() {
    let s = scenario("measured", &["engine.preset=static"]);
    assert_eq!((s.engine.max_seqs, s.engine.max_model_len), (8, 512));
    assert!(s.engine.max_tokens_per_step > 1 << 30);
}

#[test]
fn other_profiles_leave_the_limits_alone() {
    let s = scenario("analytic", &[]);
    assert_eq!((s.engine.max_seqs, s.engine.max_tokens_per_step, s.kv.blocks), (256, 8192, None));
}
