//! `foretoken compete` as a user types it.

use serde_json::Value;
use std::path::Path;

const SMALL: &str = "arrival,prompt,output,lower,upper\n0,1,6,1,6\n0,1,1,1,6\n0,1,4,1,6\n0,1,2,1,6\n";

struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(dir: &Path, args: &str) -> Done {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_foretoken"));
    let output = command.current_dir(dir).arg("compete").args(args.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn desk() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("i.csv"), SMALL).unwrap();
    dir
}

#[test]
fn every_scheduler_of_the_model_competes_by_default() {
    let desk = desk();
    let done = run(desk.path(), "--instance i.csv --kv-tokens 12 --seeds 2 --format json");
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    let results = printed["results"].as_array().unwrap();
    assert_eq!(results.len(), 22);
    let keys: Vec<&String> = results[0].as_object().unwrap().keys().collect();
    let wanted = [
        "average_latency",
        "completion",
        "kills",
        "peak_kv_tokens",
        "ratio_hsf",
        "ratio_opt",
        "ratio_volume",
        "scheduler",
        "seed",
        "tel",
        "tokens_lost",
    ];
    assert_eq!(keys, wanted);
    let order: Vec<_> =
        results.iter().map(|r| (r["scheduler"].as_str().unwrap(), r["seed"].as_u64().unwrap())).collect();
    assert_eq!(order[..3], [("h-sf", 0), ("h-sf", 1), ("mc-sf", 0)]);
}

#[test]
fn families_are_drawn_per_seed_and_threads_change_nothing() {
    let desk = desk();
    let args = "--family geometric{q=0.7,upper=30} --requests 60 --kv-tokens 90 --order long-first --scheduler \
                a-min,a-min{tie=index},a-max --seeds 3 --format json";
    let one = run(desk.path(), &format!("{args} --threads 1"));
    assert_eq!(one.code, Some(0), "{}", one.err);
    assert_eq!(one.out, run(desk.path(), &format!("{args} --threads 3")).out);
    let printed: Value = serde_json::from_str(&one.out).unwrap();
    let tel = |i: usize| printed["results"][i]["tel"].as_u64().unwrap();
    assert!(tel(6) != tel(7) || tel(7) != tel(8), "another seed, another draw");
    assert_eq!(printed["results"][3]["scheduler"], "a-min-tie=index");
}

#[test]
fn tables_and_csv_say_the_same() {
    let desk = desk();
    let table = run(desk.path(), "--instance i.csv --kv-tokens 12 --scheduler h-sf,a-max --bounds");
    assert!(table.out.contains("/ optimum") && table.out.contains("a-max"), "{}", table.out);
    assert!(table.err.contains("lower bounds: volume"), "{}", table.err);
    let csv = run(desk.path(), "--instance i.csv --kv-tokens 12 --scheduler h-sf --format csv").out;
    let head = "scheduler,seed,tel,average_latency,peak_kv_tokens,kills,tokens_lost,completion,ratio_hsf,ratio_opt,\
                ratio_volume\n";
    assert!(csv.starts_with(head), "{csv}");
    let json =
        run(desk.path(), "--instance i.csv --kv-tokens 12 --scheduler h-sf --bounds --format json").out;
    let json: Value = serde_json::from_str(&json).unwrap();
    let bound = &json["bounds"][0];
    let value = |key: &str| bound[key].as_f64().unwrap();
    assert!(value("dual") <= value("relaxation") + 1e-6 && value("relaxation") <= value("optimum"));
}

#[test]
fn estimates_reach_mc_sf_and_not_h_sf() {
    let desk = desk();
    let tight = format!("{SMALL}0,1,5,1,6\n0,1,3,1,6\n");
    std::fs::write(desk.path().join("tight.csv"), tight).unwrap();
    let completions = |estimate: &str| {
        let args = format!(
            "--instance tight.csv --kv-tokens 12 --scheduler h-sf,mc-sf,a-max --format json {estimate}"
        );
        let printed: Value = serde_json::from_str(&run(desk.path(), &args).out).unwrap();
        [0, 1, 2].map(|i| printed["results"][i]["completion"].clone())
    };
    let [hsf, mc, max] = completions("");
    assert_eq!(mc, hsf);
    assert_eq!(completions("--estimate upper"), [hsf.clone(), max.clone(), max.clone()]);
    for estimate in ["--estimate lower", "--estimate mid"] {
        let [still, other, _] = completions(estimate);
        assert!(still == hsf && other != hsf, "{estimate}");
    }
}

#[test]
fn a_found_instance_is_printed_kept_and_read_again() {
    let desk = desk();
    let search =
        "--instance i.csv --kv-tokens 12 --scheduler a-max,a-min --order adversarial --restarts 2 --moves 40";
    let done = run(desk.path(), &format!("{search} --out worst.csv --format json"));
    assert_eq!(done.code, Some(0), "{}", done.err);
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(printed["instance"].as_array().unwrap().len(), 4);
    assert_eq!(printed["search"]["ratio_hsf"], printed["results"][0]["ratio_hsf"]);
    let again = run(desk.path(), "--instance worst.csv --kv-tokens 12 --scheduler a-max,a-min --format json");
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(again["results"], printed["results"]);
    let kept = std::fs::read_to_string(desk.path().join("worst.csv")).unwrap();
    assert_eq!(run(desk.path(), &format!("{search} --format csv")).out, kept);
    assert!(run(desk.path(), search).out.ends_with(&kept));
    let twice = run(desk.path(), &format!("{search} --out worst.csv"));
    assert!(twice.code == Some(2) && twice.err.contains("there already"), "{}", twice.err);
}

#[test]
fn bad_input_is_refused_with_a_reason() {
    let desk = desk();
    let head = "arrival,prompt,output,lower,upper\n0,1,1,1,6\n";
    for (name, row) in [
        ("long.csv", "0,10,3,1,3\n"),
        ("upper.csv", "0,10,2,1,3\n"),
        ("turned.csv", "0,1,2,3,2\n"),
        ("zero.csv", "0,1,2,0,2\n"),
        ("missed.csv", "0,1,5,1,4\n"),
        ("prompts.csv", "0,2,5,1,6\n"),
    ] {
        std::fs::write(desk.path().join(name), format!("{head}{row}")).unwrap();
    }
    for (args, says) in [
        ("--instance long.csv --kv-tokens 12", "line 3, column output: prompt 10 + output 3 is 13 tokens"),
        ("--instance upper.csv --kv-tokens 12", "request 1: a-max reserves prompt 10 + 3 tokens"),
        ("--instance turned.csv --kv-tokens 12", "the lower end 3 is over the upper end 2"),
        ("--instance zero.csv --kv-tokens 12", "line 3, column lower: the lower end is 0"),
        ("--instance missed.csv --kv-tokens 12", "the output 5 lies outside of its interval [1, 4]"),
        ("--instance i.csv --kv-tokens 0", "--kv-tokens is 0"),
        ("--instance i.csv", "--kv-tokens M"),
        ("--kv-tokens 5", "give --instance FILE"),
        ("--instance i.csv --kv-tokens 12 --scheduler a-mni", "did you mean `a-min`?"),
        ("--instance i.csv --kv-tokens 12 --scheduler a-min{tie=no}", "unknown variant"),
        ("--instance i.csv --kv-tokens 12 --scheduler sjf{predictor=oracle}", "leave predictor= away"),
        ("--instance i.csv --kv-tokens 12 --requests 3", "--requests is for --family"),
        ("--instance i.csv --kv-tokens 12 --order random", "--order is for --family"),
        ("--instance i.csv --kv-tokens 12 --out x", "only --order adversarial"),
        ("--instance gone.csv --kv-tokens 12", "gone.csv"),
        ("--family geometric{q=2,upper=3} --kv-tokens 12", "q is 2; give more than 0 and less than 1"),
        ("--family two-point{upper=3} --kv-tokens 12", "missing field `share`"),
        ("--family uniform{upper=30} --kv-tokens 12", "more than the 12"),
        (
            "--family uniform{upper=3} --kv-tokens 12 --intervals one{lower=1,upper=2}",
            "lies outside of [1, 2]",
        ),
        ("--study bounds --scheduler fcfs", "--scheduler means nothing to this study"),
        ("--study growth --kv-tokens 4", "--kv-tokens means nothing to this study"),
        ("--study predictions --profile llama3-8b-h100 --prompt 0 --requests 5 --seeds 1", "give --prompt"),
    ] {
        let done = run(desk.path(), args);
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{args}\n{}", done.err);
        assert!(done.err.contains(says), "{args}\n{}", done.err);
    }
    let warned = run(desk.path(), "--instance prompts.csv --kv-tokens 12");
    assert!(warned.code == Some(0) && warned.err.contains("warning: prompts differ"), "{}", warned.err);
    let unread = run(desk.path(), "--instance upper.csv --kv-tokens 12 --scheduler a-min,h-sf");
    assert!(unread.code == Some(0) && unread.err.contains("an upper end does not fit"), "{}", unread.err);
}

#[test]
fn bounds_are_listed_with_their_trust() {
    let desk = desk();
    let done = run(desk.path(), "--study bounds --format json");
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    let bounds = printed["bounds"].as_array().unwrap();
    assert!(bounds.iter().any(|b| b["trust"] == "recalled") && bounds.iter().any(|b| b["trust"] == "stated"));
    assert_eq!(bounds[0]["value"][0], 3.0);
}

#[test]
fn a_study_leaves_its_figure() {
    let desk = desk();
    let args = "--study ends --requests 20 --seeds 1 --kv-tokens 4000 --out d --format csv";
    let done = run(desk.path(), args);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.starts_with("factor,1,1.25"), "{}", done.out);
    for file in ["ends.svg", "ends.png", "ends.csv"] {
        assert!(desk.path().join("d").join(file).is_file(), "{file}");
    }
}
