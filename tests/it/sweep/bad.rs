//! Bad input: exit code 2, one message that says where and what to do, nothing written.

use super::Desk;

/// Runs `sweep run ARGS --out d`, which must be refused with all of `parts` in the message.
fn refused(desk: &Desk, args: &str, parts: &[&str]) {
    let before = desk.list(".");
    let done = desk.run(&format!("sweep run {args} --out d"));
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{args}: {}", done.err);
    assert_eq!(done.err.lines().count(), 1, "{args}: {}", done.err);
    for part in parts {
        assert!(done.err.contains(part), "{args}: no {part:?} in {}", done.err);
    }
    assert_eq!(desk.list("."), before, "{args} left something");
}

#[test]
fn axes_are_checked() {
    let desk = Desk::new();
    let axis = |text: &str, parts: &[&str]| refused(&desk, &format!("--trace t.csv --axis '{text}'"), parts);
    axis("kv.block=1,2", &["key kv.block", "did you mean kv.blocks?"]);
    axis("kv.blocks=", &["sweep.axes kv.blocks", "grid is empty"]);
    axis("kv.blocks=range{start=5,stop=4,step=1}", &["5 to 4 is no range"]);
    axis("kv.blocks=range{start=1,stop=4}", &["its step or its count"]);
    axis("kv.blocks=range{start=1,stop=4,step=1,count=2}", &["not both"]);
    axis("kv.blocks=range{start=1,stop=4,step=0}", &["0 is no step"]);
    axis("kv.blocks=range{start=1,stop=4,count=0}", &["grid is empty"]);
    axis("kv.blocks=range{start=1,stop=4,pace=1}", &["pace", "docs/sweeps.md"]);
    axis("kv.blocks=log-range{start=0,stop=4,count=3}", &["even ratios", "0 < start"]);
    axis("kv.blocks=log-range{start=1,stop=4}", &["count"]);
    axis("kv.blocks=uniform{low=3,high=3}", &["between 3 and 3"]);
    axis("kv.blocks=uniform{low=3,high=5}", &["sweep.samples", "--samples N"]);
    axis("kv.blocks=log-uniform{low=-1,high=5}", &["0 < low < high"]);
    axis("kv.blocks=500,500", &["500 stands twice"]);
    axis("kv.blocks", &["write KEY=a,b,c"]);
    axis("kv.blocks=0,0.5,x", &["sweep.axes kv.blocks", "refused at every point"]);
    axis("kv.blocks=500,x", &["sweep.axes kv.blocks", "x is refused at every point"]);
    axis("scheduler=fcfs,sfj", &["did you mean `sjf`?"]);
    axis("scheduler=fcfs,fcfs", &["stands twice"]);
    axis("scheduler=", &["grid is empty"]);
    axis("scheduler=range{start=1,stop=2,count=2}", &["give a list of names"]);
    axis("schedulers=1", &["cannot vary", "`scheduler`"]);
    axis("schedulers.mlfq.quantum_token=1", &["did you mean `quantum_tokens`?"]);
    axis("schedulers.mlfg.quantum_tokens=1", &["did you mean `mlfq`?"]);
    axis("schedulers.mlfq.quantum_tokens=8", &["runs no scheduler `mlfq`"]);
    axis("replicates=1,2", &["--replicates N"]);
    axis("load.rates_rps=1", &["workload.rate_rps"]);
    axis("profile=llama3-8b-h10", &["did you mean `llama3-8b-h100`?"]);
    axis("trace.path=gone.csv", &["gone.csv", "check the path"]);
    axis("workload.rate_rps=0,-1", &["workload.rate_rps"]);
}

#[test]
fn the_rest_of_the_specification_is_checked() {
    let desk = Desk::new();
    let spec = |args: &str, parts: &[&str]| {
        refused(&desk, &format!("--trace t.csv --axis kv.blocks=500,600 {args}"), parts)
    };
    spec("--samples 4", &["no axis is sampled"]);
    spec("--axis kv.watermark=uniform{low=0,high=0.5} --samples 70000", &["choose 1 to 65536"]);
    spec("--filter 'kv.blocks > 1000'", &["the filter keeps no run"]);
    spec("--filter 'kv.block > 1000'", &["did you mean `kv.blocks`?"]);
    spec("--filter 'kv.blocks >'", &["expected a number", "the end"]);
    spec("--filter 'kv.blocks == \"x\"'", &["kv.blocks is 500, which cannot be compared so"]);
    let axis = "--scheduler tie --axis schedulers.tie.alpha=0.5,inf";
    spec(axis, &["schedulers.tie.alpha", "inf"]);
    let long = vec!["kv.blocks>1"; 2000].join(" and ");
    spec(&format!("--filter '{long}'"), &["key sweep.filter", "bytes long"]);
    spec("--set load.rates_rps=[1]", &["load.rates_rps", "axis workload.rate_rps"]);
    spec("--shard 3/2", &["1 <= I <= N"]);
    spec("--shard 1/9", &["some would be empty"]);
    spec("--replicates 0", &["replicates"]);
}

#[test]
fn files_are_checked() {
    let desk = Desk::new();
    let text = |old: &str, new: &str, parts: &[&str]| {
        desk.write("s.toml", super::SCENARIO.replace(old, new));
        refused(&desk, "s.toml", parts);
    };
    text("list = [4, 8]", "lists = [4, 8]", &["sweep.axes", "lists"]);
    text("list = [4, 8]", "", &["0 ways to say its values"]);
    text("list = [4, 8]", "list = [4]\nrange = { start = 1, stop = 2, count = 2 }", &["2 ways"]);
    text("engine.max_seqs", "workload.rate_rps", &["two axes vary the same key"]);
    text("[[sweep.axes]]\nkey = \"scheduler\"", "[[sweep.axis]]\nkey = \"scheduler\"", &["axis"]);
    text("path = \"t.csv\"", "path = \"gone.csv\"", &["gone.csv"]);
    desk.write("s.toml", super::SCENARIO);
    let replayed = desk.run("replay s.toml --out d");
    assert_eq!(replayed.code, Some(2));
    assert!(replayed.err.contains("foretoken sweep run"), "{}", replayed.err);
    std::fs::create_dir(desk.path("d")).unwrap();
    desk.write("d/mine", "x");
    let foreign = desk.run("sweep run s.toml --out d --overwrite");
    assert_eq!(foreign.code, Some(2));
    assert!(foreign.err.contains("no result of foretoken"), "{}", foreign.err);
    assert_eq!(desk.read("d/mine"), "x");
}
