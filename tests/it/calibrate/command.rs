//! `foretoken profile fit` from the outside: the profile it writes is used at once, and bad input costs nothing.

use super::fit::{cliff, plan, timed};
use foretoken::calibrate::Samples;
use foretoken::latency::Profile;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SESSION: &str = include_str!("../../../profiles/samples/example.session.toml");

/// A folder with samples and their session.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let samples = dir.path().join("x.samples.csv");
    write(&timed(&plan(), &cliff(), 2, 3, 0.04, 1), &samples);
    fs::write(dir.path().join("x.session.toml"), SESSION).unwrap();
    (dir, samples)
}

fn write(samples: &Samples, path: &Path) {
    let mut text = Vec::new();
    samples.write(&mut text).unwrap();
    fs::write(path, text).unwrap();
}

fn foretoken(dir: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foretoken")).current_dir(dir).args(words).output().unwrap()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error of a command that must refuse; it leaves no file beside the samples.
fn refused(dir: &Path, words: &[&str]) -> String {
    let before = fs::read_dir(dir).unwrap().count();
    let output = foretoken(dir, words);
    let talk = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words:?}: {talk}");
    assert!(output.stdout.is_empty());
    assert_eq!(fs::read_dir(dir).unwrap().count(), before, "{words:?} wrote a file");
    talk
}

/// The shipped example is what its session says it is. Write it anew with FORETOKEN_BLESS=1.
#[test]
fn the_example_is_drawn_from_its_law() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/samples/example.samples.csv");
    let samples = timed(&plan(), &cliff(), 2, 3, 0.04, 1);
    if std::env::var_os("FORETOKEN_BLESS").is_some() {
        write(&samples, &path);
    }
    assert_eq!(Samples::read(&path).unwrap(), samples);
}

#[test]
fn a_profile_is_fitted_and_used() {
    let (dir, _) = folder();
    let words =
        ["profile", "fit", "x.samples.csv", "--noise", "none", "--out", "mine.toml", "--figure", "plots"];
    let output = foretoken(dir.path(), &words);
    let text = done(&output);
    for part in
        ["piecewise, fitted to 39 points (234 steps), clock wall", "step_s[1 rows]", "left out: 6 points"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.contains("later passes against earlier passes: "), "{text}");
    let profile = Profile::load(dir.path().join("mine.toml").to_str().unwrap()).unwrap();
    assert_eq!((profile.name.as_str(), profile.timing.kind()), ("mine", "piecewise"));
    assert_eq!(profile.provenance.device, "made up");
    assert_eq!(profile.kv.unwrap().capacity_tokens, 8192);
    for plot in ["residuals.svg", "residuals.png", "residuals.csv"] {
        assert!(dir.path().join("plots").join(plot).is_file(), "{plot}");
    }
    let trace = concat!(env!("CARGO_MANIFEST_DIR"), "/traces/lmsys-like.csv.gz");
    let replay = ["replay", "--trace", trace, "--set", "trace.limit=50", "--profile", "./mine.toml"];
    done(&foretoken(dir.path(), &[&replay[..], &["--scheduler", "fcfs", "--out", "r"]].concat()));
    done(&foretoken(dir.path(), &["profile", "show", "./mine.toml"]));
}

#[test]
fn the_report_is_json_and_the_points_are_csv() {
    let (dir, _) = folder();
    let fit =
        |more: &[&str]| done(&foretoken(dir.path(), &[&["profile", "fit", "x.samples.csv"], more].concat()));
    let text = fit(&["--format", "json", "--bootstrap", "20"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((json["schema"].as_u64(), json["form"].as_str()), (Some(1), Some("piecewise")));
    assert_eq!(json["trustworthy"], true);
    assert_eq!(json["domain"]["max_prefill_tokens"], 512);
    assert!(json["held_out"]["r2"].as_f64().unwrap() > 0.98, "{}", json["held_out"]);
    assert_eq!(json["noise"]["kind"], "regions");
    let first = &json["coefficients"][0];
    let [low, value, high] = ["low", "value", "high"].map(|key| first[key].as_f64().unwrap());
    assert!(low <= value && value <= high, "{first}");
    assert_eq!(json["forms"].as_array().unwrap().len(), 4);
    assert_eq!(json["profile"], Value::Null);
    assert_eq!(text, fit(&["--format", "json", "--bootstrap", "20"]), "the same seed, the same bytes");
    let csv = fit(&["--format", "csv", "--form", "linear"]);
    assert_eq!(csv.lines().next(), Some("prefill,decode,rows,repeats,measured_s,profile_s,held_out_s"));
    assert_eq!(csv.lines().count(), 40);
}

#[test]
fn options_say_what_a_missing_session_does_not() {
    let (dir, _) = folder();
    fs::rename(dir.path().join("x.samples.csv"), dir.path().join("y.csv")).unwrap();
    let words = ["profile", "fit", "y.csv", "--bootstrap", "0", "--who", "us", "--date", "2026-01-02"];
    let rest = ["--kv-capacity-tokens", "4096", "--name", "ours", "--out", "p.toml", "--noise", "none"];
    let output = foretoken(dir.path(), &[&words[..], &rest].concat());
    done(&output);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no session beside the samples"));
    let profile = Profile::load(dir.path().join("p.toml").to_str().unwrap()).unwrap();
    assert_eq!(profile.name, "ours");
    let from = &profile.provenance;
    assert_eq!([&from.who, &from.date, &from.device].map(String::as_str), ["us", "2026-01-02", "not stated"]);
    assert_eq!(profile.kv.unwrap().capacity_tokens, 4096);
}

#[test]
fn drift_is_a_warning() {
    let (dir, samples) = folder();
    let mut other = Samples::read(&samples).unwrap();
    other.rows.iter_mut().for_each(|s| s.wall_s *= 1.2);
    write(&other, &dir.path().join("other.csv"));
    let words = ["profile", "fit", "x.samples.csv", "--against", "other.csv", "--format", "json"];
    let output = foretoken(dir.path(), &words);
    let json: Value = serde_json::from_str(&done(&output)).unwrap();
    assert_eq!(json["trustworthy"], false);
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(talk.contains("warning: not trustworthy: the other file against these samples"), "{talk}");
}

#[test]
fn bad_input_is_refused_and_nothing_is_lost() {
    let (dir, samples) = folder();
    let text = fs::read_to_string(&samples).unwrap();
    let bad = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    bad("nan.csv", &text.replacen(lines[2].split(',').nth(3).unwrap(), "NaN", 1));
    bad("few.csv", &lines[..3].join("\n"));
    bad("columns.csv", "pass,seconds\n1,2\n");
    bad("old.session.toml", &SESSION.replace("schema = 1", "schema = 2"));
    bad("taken.toml", "mine");
    let fit = |more: &[&str]| refused(dir.path(), &[&["profile", "fit"], more].concat());
    let cases: [(&[&str], &str); 14] = [
        (&["nan.csv"], "nan.csv, line 3, column wall_s: NaN s is no duration"),
        (&["few.csv"], "few.csv: the samples have no"),
        (&["columns.csv"], "columns.csv, line 2"),
        (&["nowhere.csv"], "nowhere.csv"),
        (&["x.samples.csv", "--session", "old.session.toml"], "schema 2, and this build reads schema 1"),
        (&["x.samples.csv", "--session", "nowhere.toml"], "nowhere.toml"),
        (&["x.samples.csv", "--clock", "cpu"], "x.samples.csv, line 2, column cpu_s: no CPU time was read"),
        (&["x.samples.csv", "--form", "picewise"], "did you mean `piecewise`?"),
        (&["x.samples.csv", "--out", "taken.toml"], "taken.toml: the file exists; choose another"),
        (&["x.samples.csv", "--against", "nan.csv"], "nan.csv, line 3"),
        (&["x.samples.csv", "--out", "."], ".: this is a directory; name a file in it"),
        (&["x.samples.csv", "--out", ".", "--overwrite"], "this is a directory"),
        (&["x.samples.csv", "--figure", "taken.toml"], "taken.toml: this is a file; name a directory"),
        (&["x.samples.csv", "--folds", "1"], "1 folds hold nothing out"),
    ];
    for (words, wanted) in cases {
        let talk = fit(words);
        assert!(talk.contains(wanted), "{words:?}: wanted `{wanted}`: {talk}");
    }
    assert_eq!(fs::read_to_string(&samples).unwrap(), text);
    assert_eq!(fs::read_to_string(dir.path().join("taken.toml")).unwrap(), "mine");
}
