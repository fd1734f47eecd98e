//! `foretoken calibrate`, as a user types it.

use std::path::Path;
use std::process::{Command, Output};

/// A folder to work in.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foretoken"));
        command.current_dir(self.0.path()).args(args.split_whitespace());
        command
    }

    fn run(&self, args: &str) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs `calibrate ARGS`, which must be refused with all of `parts` in one line and leave nothing.
    fn refused(&self, args: &str, parts: &[&str]) {
        let before = list(self.0.path());
        let output = self.run(&format!("calibrate {args}"));
        let talk = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args}: {talk}");
        for part in parts {
            assert!(talk.contains(part), "{args}: no {part:?} in {talk}");
        }
        assert_eq!(list(self.0.path()), before, "{args} left something");
    }
}

fn list(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[cfg(not(feature = "nn"))]
#[test]
fn a_build_without_models_says_which_one_has_them() {
    Desk::new().refused("--model tiny --out p.toml", &["cargo build --release --features nn"]);
}

#[cfg(feature = "nn")]
mod nn {
    use super::*;
    use foretoken::calibrate::{Clock, Samples, Session};
    use foretoken::latency::Profile;
    use std::path::PathBuf;
    use std::time::Duration;

    impl Desk {
        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }
    }

    /// As small as a calibration can be.
    const SMALL: &str = "--model tiny --slots 2 --context 32 --threads 1 --clock cpu --noise none";

    #[test]
    fn bad_arguments_are_named_and_leave_nothing() {
        let desk = Desk::new();
        desk.refused("--model tinny --out p.toml", &["unknown model `tinny`", "did you mean `tiny`"]);
        desk.refused("--model no.toml --out p.toml", &["no.toml"]);
        let tiny = |args: &str, parts: &[&str]| desk.refused(&format!("--model tiny {args}"), parts);
        tiny("--backend candel-cpu --out p.toml", &["did you mean `candle-cpu`", "tch-cuda"]);
        tiny("--dtype f16 --out p.toml", &["unknown dtype `f16`", "bf16"]);
        tiny("--layout raged --out p.toml", &["did you mean `ragged`"]);
        tiny("--clock wal --out p.toml", &["did you mean `wall`"]);
        tiny("--form linar --out p.toml", &["linear"]);
        tiny("--budget soon --out p.toml", &["--budget soon", "60s"]);
        tiny("--out p.csv", &["p.csv", ".toml"]);
        tiny("--context 4096 --out p.toml", &["--context 4096", "16 to 2048"]);
        tiny("--threads 2 --clock cpu --out p.toml", &["--threads 1"]);
        tiny("--backend candle-cuda --threads 2 --out p.toml", &["CPU backends"]);
        tiny("--weights nowhere --out p.toml", &["nowhere", "--weights"]);
        tiny("--resume --out p.toml", &["p.journal.jsonl", "leave out --resume"]);
        tiny("--out p.toml --budget 0.01s", &["too short", "at least"]);
        if !cfg!(feature = "cuda") {
            tiny("--backend candle-cuda --out p.toml", &["feature `cuda`"]);
        }
        std::fs::write(desk.path("p.toml"), "").unwrap();
        tiny("--out p.toml", &["p.toml", "the file exists", "--overwrite"]);
    }

    #[test]
    fn weights_of_another_shape_are_refused() {
        let desk = Desk::new();
        std::fs::create_dir(desk.path("w")).unwrap();
        desk.refused("--model tiny --weights w --out p.toml", &["w"]);
        std::fs::write(desk.path("w/model.safetensors"), "rubbish").unwrap();
        desk.refused("--model tiny --weights w --out p.toml", &["model.safetensors"]);
    }

    #[test]
    fn a_calibration_leaves_a_profile_that_a_replay_uses_and_all_it_came_from() {
        let desk = Desk::new();
        let output =
            desk.run(&format!("calibrate {SMALL} --budget 6s --out new/p.toml --who me --format json --per-layer --instrumentation"));
        let talk = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{talk}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&json["schema"], &json["profile"]), (&1.into(), &"new/p.toml".into()));
        let files = [
            "p.instrumentation.csv",
            "p.layers.csv",
            "p.residuals.csv",
            "p.residuals.png",
            "p.residuals.svg",
            "p.samples.csv",
            "p.session.toml",
            "p.toml",
        ];
        assert_eq!(list(&desk.path("new")), files);
        let read = |name: &str| std::fs::read_to_string(desk.path(name)).unwrap();
        assert!(
            read("new/p.layers.csv").starts_with("prefill,decode,rows,context,stack,layer,part,seconds\n")
        );
        assert!(
            read("new/p.instrumentation.csv").contains("not tested: the backend offers no graph capture")
        );
        let samples = Samples::read(desk.path("new/p.samples.csv")).unwrap();
        assert!(samples.rows.iter().all(|s| s.cpu_s.is_some()));
        let session = Session::read(desk.path("new/p.session.toml")).unwrap();
        assert_eq!((session.threads, session.clock, session.who.as_str()), (1, Clock::Cpu, "me"));
        let facts = session.facts.unwrap();
        assert_eq!(facts.kv_bytes_computed, session.kv_capacity_tokens * session.kv_bytes_per_token);
        assert!(facts.to_device_bytes_per_s.unwrap() > 1e6);
        let path = desk.path("new/p.toml");
        let profile = Profile::parse(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((profile.name.as_str(), profile.kv.unwrap().capacity_tokens), ("p", 64));
        std::fs::write(desk.path("t.csv"), "arrival_s,prompt_tokens,output_tokens\n0,8,4\n0,9,5\n").unwrap();
        let replayed = desk.run("replay --trace t.csv --profile new/p.toml --out r");
        assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    }

    #[test]
    fn a_killed_calibration_goes_on() {
        let desk = Desk::new();
        let journal = desk.path("p.journal.jsonl");
        let mut child =
            desk.command(&format!("calibrate {SMALL} --budget 60s --quiet --out p.toml")).spawn().unwrap();
        let lines = || std::fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        for _ in 0..2500 {
            if lines() >= 30 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(list(desk.0.path()), ["p.journal.jsonl"]);
        let kept = lines() - 1;
        desk.refused(&format!("{SMALL} --out p.toml"), &["--resume", "--overwrite"]);
        desk.refused(&format!("{SMALL} --seed 5 --resume --out p.toml"), &["p.journal.jsonl", "seed"]);
        let text = std::fs::read_to_string(&journal).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().nth(kept).unwrap()).unwrap();
        let budget = last["elapsed_s"].as_f64().unwrap() + 5.0;
        let output = desk.run(&format!("calibrate {SMALL} --resume --budget {budget}s --out p.toml"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let samples = Samples::read(desk.path("p.samples.csv")).unwrap();
        assert!(samples.rows.len() > kept && kept >= 29, "{kept} {}", samples.rows.len());
        assert!(desk.path("p.toml").exists() && !journal.exists());
    }
}
