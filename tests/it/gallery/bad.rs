//! What cannot be drawn is refused: exit code 2, nothing written, and what to do about it.

use super::fixture::{Desk, shared, sweep};

/// Refuses `foretoken figure ARGS --out x` with every word of `says`, and writes nothing.
fn refused(args: &[&str], says: &[&str]) {
    let desk = Desk::new();
    refused_at(&desk, args, says);
    assert!(desk.list().is_empty(), "{args:?} left {:?}", desk.list());
}

fn refused_at(desk: &Desk, args: &[&str], says: &[&str]) {
    let all: Vec<&str> = ["figure"].iter().chain(args).chain(&["--out", "x"]).copied().collect();
    let (code, out, err) = desk.run(&all);
    assert_eq!(code, Some(2), "{args:?}\n{err}");
    assert!(out.is_empty());
    for word in says {
        assert!(err.contains(word), "{args:?}: `{word}` is missing in\n{err}");
    }
}

fn replay() -> String {
    shared().path("replay").display().to_string()
}

fn swept() -> String {
    shared().path("sweep").display().to_string()
}

#[test]
fn unknown_names_lead_to_the_nearest() {
    refused(&["heatmaps", &swept()], &["unknown kind of figure `heatmaps`", "did you mean `heatmap`?"]);
    refused(&["specs", &swept()], &["did you mean `spec`?"]);
    refused(
        &["load", &swept(), "--y", "e2e_men_s"],
        &["unknown metric `e2e_men_s`", "did you mean `e2e_mean_s`?"],
    );
    refused(
        &["load", &swept(), "--x", "predictor.sigm"],
        &["unknown axis", "did you mean `predictor.sigma`?"],
    );
    refused(&["load", &swept(), "--only", "fcsf"], &["unknown label `fcsf`", "did you mean `fcfs`?"]);
    refused(&["cdf", &replay(), "--y", "tftt"], &["unknown latency", "did you mean `ttft`?"]);
    refused(&["timeline", &replay(), "--y", "queu"], &["unknown state", "did you mean `queue`?"]);
    refused(
        &["load", &swept(), "--where", "workload.rate_rps=3"],
        &["unknown value of the axis `3`", "known: 1, 2, 4, 6.5"],
    );
    refused(&["cdf", &replay(), "--style", "dakr"], &["did you mean `dark`?"]);
    refused(&["cdf", &replay(), "--as", "pgn"], &["did you mean `png`?"]);
    refused(&["cdf", &replay(), "--width", "90mm"], &["unknown width `90mm`"]);
    refused(&["load", &swept(), "--log", "q"], &["unknown axis `q`"]);
}

#[test]
fn a_choice_without_effect_is_refused() {
    refused(
        &["cdf", &replay(), "--z", "e2e_mean_s"],
        &["a cdf figure has no use for --z", "--y, --only, --log"],
    );
    refused(&["timeline", &replay(), "--where", "a=b"], &["no use for --where"]);
    refused(&["calibration", &replay(), "--x", "a"], &["no use for --x"]);
    refused(&["heatmap", &swept(), "--x", "predictor.sigma"], &["say which two with --x and --y"]);
    refused(&["load", &swept(), "--where", "nonsense"], &["write KEY=VALUE"]);
}

#[test]
fn what_a_source_lacks_is_named_with_the_command_that_makes_it() {
    let desk = Desk::new();
    desk.write("t.csv", "arrival_s,prompt_tokens,output_tokens\n0,5,5\n1,5,7\n");
    desk.ok(&["replay", "--trace", "t.csv", "--out", "one"]);
    desk.ok(&["replay", "--trace", "t.csv", "--out", "few", "--columns", "id,arrival_s"]);
    refused_at(&desk, &["timeline", "one"], &["one: there is no steps.csv", "--steps"]);
    refused_at(&desk, &["load", "one"], &["there is no load.csv", "--rates"]);
    refused_at(&desk, &["ablation", "one"], &["there is no comparison.csv", "--scheduler fcfs,sjf"]);
    refused_at(
        &desk,
        &["cdf", "few"],
        &["requests.csv, line 1: there is no column `ttft_s`", "without --columns"],
    );
    refused_at(&desk, &["calibration", "one"], &["no column `predicted_tokens`", "--predictor"]);
    refused_at(&desk, &["cdf", "nowhere"], &["nowhere: there is no manifest.json", "foretoken replay"]);
    refused(&["completion", &swept()], &["a sweep keeps no request", "replay a point alone"]);
    refused(&["heatmap", &replay()], &["a heat map needs two swept keys"]);
}

#[test]
fn torn_files_are_named_with_their_line() {
    let desk = Desk::new();
    sweep(&desk, "s", 1);
    let whole = desk.read("s/points.csv");
    let lines = whole.lines().count();
    desk.write("s/points.csv", &whole[..whole.len() - 5]);
    refused_at(&desk, &["load", "s"], &["points.csv", &format!("line {lines}"), "cut off"]);
    desk.write("s/points.csv", &whole.replacen(",ok,", ",ok,,", 1));
    refused_at(&desk, &["load", "s"], &["points.csv, line 2: 18 cells where the header has 17"]);
    desk.write("s/points.csv", &whole.replacen(",1,0.25,", ",1,0.25,quick", 1));
    refused_at(
        &desk,
        &["load", "s", "--where", "predictor.sigma=0.5"],
        &["line 2, column e2e_mean_s", "is not a number"],
    );
    desk.write("s/manifest.json", "{\"schema\": 1,\n");
    refused_at(&desk, &["load", "s"], &["manifest.json, line 2"]);
}

#[test]
fn other_versions_are_refused() {
    let desk = Desk::new();
    sweep(&desk, "old", 1);
    sweep(&desk, "new", 2);
    refused_at(&desk, &["load", "old", "new"], &["its scenario is of schema 2, that of old of 1"]);
    desk.write("new/manifest.json", "{\"schema\": 1, \"kind\": \"sweep-shard\"}\n");
    refused_at(&desk, &["load", "new"], &["results of kind `sweep-shard`", "foretoken sweep merge"]);
    desk.write("new/manifest.json", "{\"schema\": 9, \"kind\": \"sweep\"}\n");
    refused_at(&desk, &["load", "new"], &["schema 9", "this build draws schema 1"]);
    refused_at(
        &desk,
        &["load", "old", "old", "--where", "predictor.sigma=1"],
        &["same configuration of fcfs"],
    );
}

#[test]
fn a_wrong_spec_is_named_with_its_key() {
    let desk = Desk::new();
    desk.write("a.json", "{\"schema\": 1, \"figure\": {\"panels\": [{\"lable\": \"a\"}]}}");
    refused_at(
        &desk,
        &["spec", "a.json"],
        &["a.json, line 1, key figure.panels[0]", "unknown field `lable`"],
    );
    desk.write("a.json", "{\"schema\": 2, \"figure\": {}}");
    refused_at(&desk, &["spec", "a.json"], &["this is schema 2"]);
    desk.write("a.json", "{\"schema\": 1, \"figure\": {}}");
    refused_at(&desk, &["spec", "a.json"], &["has no panel"]);
    refused_at(&desk, &["spec", "a.json", "--y", "e2e"], &["takes --style, --width and --as alone"]);
}
