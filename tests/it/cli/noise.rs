//! A profile with noise on the command line: drawn by default, the same on any number of threads, and switched off.

use super::Desk;
use serde_json::Value;

const PROFILE: &str = "schema = 1\nname = \"p\"\ndescription = \"x\"\n[provenance]\nwho = \"us\"\ndevice = \"none\"\n\
    software = \"none\"\ndate = \"2026-11-21\"\nhow = \"measured\"\n[kv]\ncapacity_tokens = 9999\nbytes_per_token = 1\n\
    [timing.linear]\nstep_s = 0.01\ndecode_s = 1e-4\n";
const NOISE: &str = "[noise]\nkind = \"regions\"\nautocorrelation = 0.5\n\
    [[noise.regions]]\nmin = 0.7\np10 = 0.8\nmedian = 1.0\np90 = 1.3\nmax = 2.0\n";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("calm.toml", PROFILE);
    desk.write("noisy.toml", format!("{PROFILE}{NOISE}"));
    desk
}

/// Digests of the runs of a replay.
fn digests(desk: &Desk, more: &str) -> Vec<String> {
    let command = format!("replay --trace t.csv --scheduler fcfs,sjf --format json {more}");
    let printed: Value = serde_json::from_str(&desk.ok(&command).out).unwrap();
    let runs = printed["runs"].as_array().unwrap();
    runs.iter().map(|r| r["digest"].as_str().unwrap().to_string()).collect()
}

#[test]
fn noise_is_drawn_alike_on_any_number_of_threads() {
    let desk = desk();
    let noisy = "--profile noisy.toml --set replicates=2";
    let one = digests(&desk, &format!("{noisy} --threads 1 --out a"));
    assert_eq!(one, digests(&desk, &format!("{noisy} --threads 2 --out b")));
    assert_eq!(one, digests(&desk, &format!("{noisy} --stepwise --out c")));
    assert_ne!(one, digests(&desk, &format!("{noisy} --set seed=1 --out d")));
    // The trace has its times, so only the noise can tell replicates apart.
    assert_ne!(one[0], one[1]);
    desk.ok("verify a");
}

#[test]
fn noise_can_be_switched_off() {
    let desk = desk();
    let off = digests(&desk, "--profile noisy.toml --set noise=off --out a");
    assert_eq!(off, digests(&desk, "--profile calm.toml --out b"));
    assert_ne!(off, digests(&desk, "--profile noisy.toml --out c"));
    let told = |run: &str| desk.ok(&format!("replay --trace t.csv {run}")).err;
    assert!(told("--profile noisy.toml --out d").contains("noise=off"));
    assert!(!told("--profile calm.toml --out e").contains("noise=off"));
    assert!(!told("--profile noisy.toml --set noise=off --out f").contains("noise=off"));
}

#[test]
fn certificates_hold_under_noise() {
    let desk = desk();
    desk.ok("replay --trace t.csv --profile noisy.toml --certificate --out a");
    let verified: Value = serde_json::from_str(&desk.ok("verify a --format json").out).unwrap();
    let proved = verified["runs"][0]["proved_mean_e2e_s"].as_f64().unwrap();
    let mean = desk.json("a/summary.json")["e2e_s"]["mean"].as_f64().unwrap();
    assert!(0.1 < proved && proved <= mean, "{proved} of {mean}");
}
