//! The parity vectors, by the plain reference and through the command.

use super::plain::{self, Policy};
use super::{engine, instance, scheduler};
use foretoken::compete::{Estimate, Instance, Match};
use foretoken::scheduler::Registry;
use serde_json::json;

/// Total latency and completions of a scheduler.
type Expected = (&'static str, u64, &'static [u64]);

struct Vector {
    m: u64,
    instance: Instance,
    optimum: u64,
    expected: [Expected; 4],
    /// Kills and tokens lost of a-min.
    kills: (u64, u64),
}

fn burst(prompt: u32, outputs: &[u32], interval: (u32, u32)) -> Instance {
    let rows: Vec<_> = outputs.iter().map(|&o| (0, prompt, o)).collect();
    instance(&rows, interval)
}

fn vectors() -> [Vector; 4] {
    let v4 = [(0, 3, 6), (0, 1, 2), (1, 2, 4), (2, 1, 6), (5, 4, 3), (9, 1, 2)];
    [
        Vector {
            m: 4,
            instance: burst(0, &[2, 2, 3, 3], (1, 4)),
            optimum: 15,
            expected: [
                ("h-sf", 16, &[2, 2, 5, 7]),
                ("a-max", 23, &[2, 4, 7, 10]),
                ("a-min", 15, &[2, 4, 6, 3]),
                ("a-ell", 27, &[3, 5, 8, 11]),
            ],
            kills: (2, 2),
        },
        Vector {
            m: 12,
            instance: burst(1, &[6, 1, 4, 2, 5, 3], (1, 6)),
            optimum: 24,
            expected: [
                ("h-sf", 24, &[9, 1, 4, 2, 5, 3]),
                ("a-max", 50, &[6, 3, 7, 8, 13, 13]),
                ("a-min", 33, &[11, 1, 7, 2, 9, 3]),
                ("a-ell", 52, &[7, 1, 7, 9, 14, 14]),
            ],
            kills: (3, 10),
        },
        Vector {
            m: 20,
            instance: burst(2, &[8, 2, 2, 8, 2, 5, 3, 2], (2, 8)),
            optimum: 38,
            expected: [
                ("h-sf", 39, &[10, 2, 2, 11, 2, 7, 3, 2]),
                ("a-max", 75, &[8, 2, 4, 12, 8, 13, 13, 15]),
                ("a-min", 50, &[8, 2, 2, 8, 2, 13, 5, 10]),
                ("a-ell", 66, &[12, 2, 2, 12, 2, 17, 15, 4]),
            ],
            kills: (3, 4),
        },
        Vector {
            m: 15,
            instance: instance(&v4, (2, 6)),
            optimum: 27,
            expected: [
                ("h-sf", 27, &[6, 2, 5, 12, 8, 11]),
                ("a-max", 35, &[6, 3, 7, 12, 11, 13]),
                ("a-min", 31, &[10, 2, 5, 8, 11, 12]),
                ("a-ell", 48, &[10, 2, 10, 16, 15, 12]),
            ],
            kills: (2, 5),
        },
    ]
}

#[test]
fn the_plain_reference_holds_the_vectors() {
    for Vector { m, instance, expected, kills, .. } in vectors() {
        let [hsf, max, min, ell] =
            [Policy::hindsight(&instance), Policy::max(&instance), Policy::min(), Policy::Ell];
        for (policy, (name, tel, completion)) in [hsf, max, min, ell].iter().zip(expected) {
            let run = plain::run(&instance, m, policy);
            assert_eq!(
                (instance.tel(&run.completion), run.completion.as_slice()),
                (tel, completion),
                "{name}"
            );
            if name == "a-min" {
                assert_eq!((run.kills, run.tokens_lost), kills);
            }
        }
    }
}

#[test]
fn the_command_holds_the_vectors() {
    let dir = tempfile::tempdir().unwrap();
    for Vector { m, instance, optimum, expected, kills } in vectors() {
        let file = dir.path().join("i.csv");
        std::fs::write(&file, instance.csv()).unwrap();
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_foretoken"));
        let command =
            command.args(["compete", "--format", "json", "--scheduler", "h-sf,a-max,a-min,a-ell,mc-sf"]);
        let output =
            command.arg("--kv-tokens").arg(m.to_string()).arg("--instance").arg(&file).output().unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&printed["schema"], &printed["kv_tokens"]), (&json!(1), &json!(m)));
        let results = printed["results"].as_array().unwrap();
        assert_eq!(results.len(), 5);
        let mc_sf = ("mc-sf", expected[0].1, expected[0].2);
        for (result, (name, tel, completion)) in results.iter().zip(expected.into_iter().chain([mc_sf])) {
            assert_eq!((&result["scheduler"], &result["seed"]), (&json!(name), &json!(0)));
            assert_eq!((&result["tel"], &result["completion"]), (&json!(tel), &json!(completion)), "{name}");
            let n = completion.len() as f64;
            assert_eq!(result["average_latency"], json!(tel as f64 / n));
            assert_eq!(result["ratio_hsf"], json!(tel as f64 / expected[0].1 as f64));
            assert_eq!(result["ratio_opt"], json!(tel as f64 / optimum as f64));
            assert_eq!(result["ratio_volume"].is_null(), !instance.all_at_start());
            assert!(result["peak_kv_tokens"].as_u64().unwrap() <= m);
            let lost = (result["kills"].as_u64().unwrap(), result["tokens_lost"].as_u64().unwrap());
            match name {
                "a-min" => assert_eq!(lost, kills),
                "a-ell" => {
                    let long = instance.jobs.iter().filter(|j| j.output > j.lower);
                    let probes = long.fold((0, 0), |(k, l), j| (k + 1, l + u64::from(j.lower)));
                    assert_eq!(lost, probes);
                }
                _ => assert_eq!(lost, (0, 0)),
            }
        }
        let warned = String::from_utf8(output.stderr).unwrap();
        assert_eq!(warned.contains("warning: prompts differ"), !instance.equal_prompts(), "{warned}");
        assert_eq!(warned.contains("later than round 0"), !instance.all_at_start(), "{warned}");
    }
}

#[test]
fn ratios_are_taken_to_what_they_say() {
    let v = &vectors()[0];
    let registry = Registry::builtin();
    let schedulers = [scheduler("a-max", json!({})), scheduler("a-min", json!({}))];
    let estimate = Estimate::True;
    let game = Match { registry: &registry, schedulers: &schedulers, estimate, kv_tokens: v.m, exact: true };
    let (entries, reference) = game.play(&v.instance, 0, &|| Ok(())).unwrap();
    assert_eq!((reference.hsf, reference.opt), (16, Some(15)));
    // Volumes 3, 3, 6, 6: prefix sums 3, 6, 12, 18.
    assert_eq!(reference.volume, Some(39.0 / 4.0));
    assert_eq!(entries[0].ratio_volume, Some(23.0 / (39.0 / 4.0)));
    assert!(entries[1].ratio_hsf.unwrap() < 1.0, "a policy may beat h-sf");
    let bound = engine(&schedulers[1], estimate, &v.instance, v.m, 0);
    assert_eq!(bound.completion, entries[1].completion);
}
