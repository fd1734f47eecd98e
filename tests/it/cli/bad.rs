//! Bad input: exit code 2, one message that says where and what to do, nothing written.

use super::{Desk, HEAD};
use std::io::Write;

/// Runs `replay ARGS --out d` on `desk`, which must be refused with all of `parts` in the message.
fn refused(desk: &Desk, args: &str, parts: &[&str]) {
    let before = desk.list(".");
    let done = desk.run(&format!("replay {args} --out d"));
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{args}: {}", done.err);
    assert_eq!(done.err.matches("error:").count(), 1, "{args}: {}", done.err);
    assert_eq!(done.err.lines().count(), 1, "{args}: {}", done.err);
    for part in parts {
        assert!(done.err.contains(part), "{args}: no {part:?} in {}", done.err);
    }
    assert_eq!(desk.list("."), before, "{args} left something");
}

fn trace(content: impl AsRef<[u8]>, parts: &[&str]) {
    let desk = Desk::new();
    desk.write("bad.csv", content);
    refused(&desk, "--trace bad.csv", &[&["bad.csv"], parts].concat());
}

fn set(args: &str, parts: &[&str]) {
    refused(&Desk::new(), &format!("--trace t.csv {args}"), parts);
}

fn scenario(text: &str, parts: &[&str]) {
    let desk = Desk::new();
    desk.write("s.toml", text);
    refused(&desk, "s.toml", parts);
}

#[test]
fn truncated_gzip() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all((HEAD.to_string() + &"0,1,1\n".repeat(50_000)).as_bytes()).unwrap();
    let packed = gz.finish().unwrap();
    trace(&packed[..packed.len() / 2], &["line ", "cut short", "fetch the file again"]);
}

#[test]
fn wrong_cells() {
    trace("arrival_s,prompt_tokens\n0,1\n", &["line 1, column output_tokens", "missing"]);
    trace(format!("{HEAD}0,-1,1\n"), &["line 2, column prompt_tokens", "-1"]);
    trace(format!("{HEAD}0,1,99999999999\n"), &["line 2, column output_tokens"]);
    trace(format!("{HEAD}5,1,1\n4,1,1\n"), &["line 3, column arrival_s", "--sort"]);
    trace(format!("{HEAD}NaN,1,1\n"), &["line 2, column arrival_s", "NaN"]);
    trace(HEAD, &["no requests"]);
    trace(format!("id,{HEAD}4294967295,0,1,1\n"), &["line 2, column id", "2^32"]);
}

#[test]
fn endless_lines() {
    let long = |head: &str| head.to_string() + &"7".repeat((1 << 26) + 70_000);
    trace(long(&format!("{HEAD}0,1,1\n")), &["line 3", "over 64 MiB"]);
    trace(
        long("{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1}\n"),
        &["line 2", "over 64 MiB"],
    );
}

#[test]
fn an_error_in_mid_run_leaves_nothing() {
    let rows: String = (0..3000).map(|i| format!("{i},5,5\n")).collect();
    trace(format!("{HEAD}{rows}x,1,1\n"), &["line 3002, column arrival_s"]);
}

#[test]
fn names_get_the_nearest() {
    set("--scheduler fcf", &["did you mean `fcfs`?"]);
    set("--engine vllm-v2", &["did you mean `vllm-v1`?"]);
    set("--profile llama3-8b-h10", &["did you mean `llama3-8b-h100`?"]);
    set("--predictor nosy", &["key predictor.kind", "did you mean `noisy`?"]);
    set("--set kv.block=3", &["key kv.block", "did you mean kv.blocks?"]);
    set("--scheduler mlfq{quantum_token=8}", &["schedulers.mlfq", "quantum_tokens"]);
    set("--columns idd", &["unknown column `idd`", "did you mean `id`?"]);
}

#[test]
fn values_are_checked_by_key() {
    set("--set kv.blocks=abc", &["key kv.blocks", "a whole number, 0 or more"]);
    set("--set kv.blocks=-4", &["key kv.blocks", "-4"]);
    set("--set kv=3", &["key kv", "a table of keys"]);
    set("--set =3", &["no path before `=`"]);
    set("--set kv.blocks", &["write path=value"]);
    set("--set kv.cache=lru", &["key kv.cache", "`off` or `hash`"]);
    set("--set engine.async=true", &["key engine.async", "not modelled"]);
    set("--set kv.blocks=1", &["key kv.blocks", "too few", "hold the largest"]);
    set("--set workload.arrivals.kind=poisson --set workload.rate_rps=0", &["workload.rate_rps", "positive"]);
    set("--set workload.arrivals.kind=poisson", &["workload.rate_rps", "need a rate"]);
    set("--rates 0", &["load.rates_rps", "positive"]);
    set("--set cluster.replicas=4294967295", &["key cluster.replicas", "choose at most 4096"]);
    set("--set kv.blocks=9223372036854775807", &["key kv.blocks", "at most"]);
    set(
        "--set kv.block_tokens=1048576 --set cluster.replicas=4000",
        &["key kv.block_tokens", "over all replicas"],
    );
    set("--set engine.max_tokens_per_step=9223372036854775807", &["engine.max_tokens_per_step", "at most"]);
    set("--set engine.host_overhead_s=1e10", &["engine.host_overhead_s", "no length of time"]);
    let copies = "workload.scale={kind=\"replicate\",copies=4000000000,jitter_s=1.0}";
    set(&format!("--set {copies}"), &["key workload.scale.copies", "choose at most 10000"]);
    let clients = "workload.arrivals={kind=\"closed-loop\",clients=4000000000,think_s=1.0}";
    set(&format!("--set {clients}"), &["key workload.arrivals.clients", "at most"]);
    set("--set workload.requests=4000000000", &["key workload.requests", "at most"]);
    set("--set schema=2", &["key schema", "this is schema 2"]);
    set("--set schema=0", &["key schema", "this is schema 0"]);
    for odd in ["inf", "-inf", "nan"] {
        let args = format!("--scheduler edf{{default_deadline_s={odd}}}");
        set(&args, &["schedulers.edf.default_deadline_s", "scheduler edf", "infinite"]);
        let args = format!("--scheduler tie{{alpha={odd}}}");
        set(&args, &["schedulers.tie.alpha", "scheduler tie", "infinite"]);
    }
    set("--scheduler mlfq{quantum_tokens=8,levels=x}", &["key schedulers.mlfq.levels", "invalid type"]);
    set("--replicates 5000", &["replicates", "at most 1000"]);
    set("--predictor noisy{sigma=-1}", &["predictor.sigma", "0 or more"]);
    set("--predictor noisy", &["predictor", "sigma", "add it"]);
    set("--timeline 5..2", &["--timeline 5..2", "10..20"]);
    set("--timeline 0..1e300", &["--timeline 0..1e300"]);
}

#[test]
fn schedulers_get_what_they_need() {
    set("--scheduler edf", &["scheduler edf, request 0", "deadline_s"]);
    set("--scheduler sjf --predictor none", &["scheduler sjf, request 0", "choose a predictor"]);
    set("--engine static --scheduler srpt", &["srpt", "choose another scheduler"]);
    set("--scheduler fcfs,fcfs", &["two are called `fcfs`", "label"]);
    set("--scheduler fcfs,", &["a name is missing"]);
    set("--scheduler fcfs{label=a/b}", &["a/b", "cannot name a directory"]);
    set("--scheduler mlfq{quantum_tokens=a}", &["schedulers.mlfq", "invalid type"]);
    set("--scheduler mlfq{levels=4", &["name{key=value,...}"]);
}

#[test]
fn places_that_cannot_hold_results() {
    let desk = Desk::new();
    desk.write("file", "x");
    for (out, part) in
        [("file", "this is a file"), ("file/d", "cannot be written"), ("new/../file/d", "file/d")]
    {
        let done = desk.run(&format!("replay --trace t.csv --out {out}"));
        assert_eq!(done.code, Some(2), "{out}");
        assert!(done.err.contains(part) && done.err.contains("another --out"), "{}", done.err);
        assert_eq!(desk.list("."), ["file", "t.csv"]);
    }
}

#[test]
fn scenario_files_are_refused_by_line() {
    scenario("schema = 1\nname = \n", &["s.toml, line 2"]);
    scenario("schema = 1\n\n[kv]\nblock = 3\n", &["s.toml, line 4, key kv.block", "did you mean kv.blocks?"]);
    scenario("schema = 1\n[kv]\nblocks = \"x\"\n", &["s.toml, line 3, key kv.blocks", "a whole number"]);
    scenario("schema = 9\n", &["s.toml, line 1, key schema", "newer foretoken"]);
    scenario("schema = 0\n", &["s.toml, line 1, key schema", "this is schema 0"]);
    scenario("schema = 1\n[trace]\npath = \"gone.csv\"\n", &["gone.csv", "check the path"]);
    scenario("schema = 1\n", &["trace.path", "--trace FILE"]);
    refused(&Desk::new(), "t.csv", &["t.csv, line 1", "--trace FILE"]);
}

#[test]
fn traces_must_fit_the_arrivals() {
    let desk = Desk::new();
    desk.write(
        "chats.jsonl",
        r#"{"conversation":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#,
    );
    let told = "--trace chats.jsonl --set workload.arrivals.kind=trace";
    refused(&desk, told, &["no arrival times", "workload.rate_rps=5"]);
    desk.write("half.csv", format!("{HEAD}0,1,1\n0.5,1,1\n"));
    let parts = ["request 1 arrives at 0.5 s", "whole seconds"];
    refused(&desk, "--trace half.csv --engine theory --set kv.blocks=99", &parts);
}

#[test]
fn profiles_may_refuse() {
    let desk = Desk::new();
    let head = "schema = 1\nname = \"p\"\ndescription = \"x\"\n[provenance]\nwho = \"us\"\ndevice = \"none\"\n\
                software = \"none\"\ndate = \"2026-11-21\"\nhow = \"measured\"\n[kv]\ncapacity_tokens = 9999\nbytes_per_token = 1\n";
    let table = "[timing.table]\noutside = \"error\"\nprefill_tokens = [0, 10]\ndecodes = [0, 1]\n\
                 context_sum_tokens = [0, 10]\nstep_s = [[[1, 1], [1, 1]], [[1, 1], [1, 1]]]\n";
    desk.write("table.toml", format!("{head}{table}"));
    refused(&desk, "--trace t.csv --profile table.toml", &["profile p", "step 0", "clamp"]);
    let linear =
        "[timing.linear]\nstep_s = 0.01\ndecode_s = 1e-4\n[noise]\nkind = \"log-normal\"\nsigma = -1\n";
    desk.write("noise.toml", format!("{head}{linear}"));
    refused(&desk, "--trace t.csv --profile noise.toml", &["noise.toml, line 18, key noise.sigma"]);
}

#[test]
fn usage_is_exit_code_2() {
    let desk = Desk::new();
    for args in [
        "replai",
        "replay --nope",
        "replay",
        "schema nope",
        "verify nope",
        "schedulers nope",
        "replay --trace t.csv --threads 0",
    ] {
        let done = desk.run(args);
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{args}");
        assert!(!done.err.is_empty());
    }
}

#[test]
fn set_takes_spaces_and_the_last_one_wins() {
    let desk = Desk::new();
    let spaced = [
        "replay",
        "--trace",
        "t.csv",
        "--out",
        "d",
        "--set",
        " kv . blocks = 5 ",
        "--set",
        "kv.blocks = 500",
    ];
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_foretoken"));
    command.current_dir(desk.0.path()).args(spaced).assert().success();
    assert_eq!(desk.json("d/manifest.json")["scenario"]["kv"]["blocks"], 500);
    desk.ok("replay --trace t.csv --out e --set engine.preset=static");
    assert_eq!(desk.json("e/summary.json")["engine"], "static");
}
