//! Prefix caching in a replay: what prompts are found by, what is told, what is refused.

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;

struct Desk(tempfile::TempDir);

impl Desk {
    fn new(trace: &str) -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        std::fs::write(desk.0.path().join("t.csv"), trace).unwrap();
        desk
    }

    /// Exit code, standard output and standard error of a replay of the trace with these settings.
    fn run(&self, settings: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_foretoken")));
        command.current_dir(self.0.path()).args(["replay", "--trace", "t.csv", "--profile", "unit"]);
        command.args(["--out", "r", "--overwrite", "--format", "json"]);
        for setting in settings.split_whitespace() {
            command.args(["--set", setting]);
        }
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// The summary, and the column `cached_tokens` of requests.csv if it has one.
    fn ok(&self, settings: &str) -> (Value, Option<Vec<u32>>) {
        let (code, out, error) = self.run(settings);
        assert_eq!(code, Some(0), "{error}");
        let found = std::fs::read_dir(self.0.path().join("r")).unwrap();
        let mut text = None;
        for entry in found {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|n| n == "requests.csv") {
                text = Some(std::fs::read_to_string(path).unwrap());
            }
        }
        let text = text.unwrap_or_default();
        let mut lines = text.lines();
        let at = lines.next().unwrap().split(',').position(|name| name == "cached_tokens");
        let cached =
            at.map(|at| lines.map(|line| line.split(',').nth(at).unwrap().parse().unwrap()).collect());
        (serde_json::from_str(&out).unwrap(), cached)
    }
}

/// Two equal prompts of 40 tokens, in three hashes for 16 tokens each, and one that leaves them after 16.
const HASHED: &str = "arrival_s,prompt_tokens,output_tokens,prefix_hashes\n\
                      0,40,2,1;2;3\n\
                      10,40,2,1;2;3\n\
                      20,40,2,1;7;8\n\
                      30,32,2,1;2\n";

#[test]
fn prompts_are_found_by_their_hashes() {
    let desk = Desk::new(HASHED);
    let hashes = "trace.hash_block_tokens=16";
    let (summary, cached) = desk.ok(&format!("kv.cache=hash kv.blocks=100 {hashes}"));
    // Whole blocks of 16; the last request's second block would leave nothing to compute.
    assert_eq!(cached, Some(vec![0, 32, 16, 16]));
    let cache = &summary["prefix_cache"];
    assert_eq!((cache["queried_tokens"].as_u64(), cache["hit_tokens"].as_u64()), (Some(152), Some(64)));
    assert_eq!(cache["evicted_blocks"], 0);
    // A block of 8 lies in a hash, one of 32 has two.
    let (_, halves) = desk.ok(&format!("kv.cache=hash kv.block_tokens=8 kv.blocks=100 {hashes}"));
    assert_eq!(halves, Some(vec![0, 32, 16, 24]));
    let (_, pairs) = desk.ok(&format!("kv.cache=hash kv.block_tokens=32 kv.blocks=100 {hashes}"));
    assert_eq!(pairs, Some(vec![0, 32, 0, 0]));
    // Three blocks of memory: every request but the second finds that the one before took what it needs.
    let (summary, cached) = desk.ok(&format!("kv.cache=hash kv.blocks=3 {hashes}"));
    assert_eq!(cached, Some(vec![0, 32, 16, 16]));
    assert!(summary["prefix_cache"]["evicted_blocks"].as_u64() > Some(0));
    let (plain, column) = desk.ok(&format!("kv.blocks=100 {hashes}"));
    assert!(column.is_none() && plain["prefix_cache"].is_null());
}

const TURNS: &str = "arrival_s,prompt_tokens,output_tokens,session\n0,20,13,s\n100,30,5,s\n200,9,5,other\n";

#[test]
fn turns_find_what_was_said_before() {
    let desk = Desk::new(TURNS);
    for kind in ["open", "closed"] {
        let settings = format!("kv.cache=hash kv.blocks=100 kv.block_tokens=4 workload.sessions.kind={kind}");
        // Of 33 tokens said, the last has no KV: 8 blocks of 4.
        assert_eq!(desk.ok(&settings).1, Some(vec![0, 32, 0]), "{kind}");
        let (_, _, said) = desk.run(&settings);
        assert!(said.contains("a turn finds what was said before in its session"), "{said}");
    }
    // A turn that comes while the one before it still answers finds what that has said so far.
    let early = Desk::new(&TURNS.replace("\n100,", "\n5,"));
    let found =
        early.ok("kv.cache=hash kv.blocks=100 kv.block_tokens=4 workload.sessions.kind=open").1.unwrap();
    assert_eq!(found, [0, 24, 0]);
}

#[test]
fn a_victim_finds_its_blocks_again() {
    // The golden trace: the third is preempted, and finds one block of four.
    let desk = Desk::new("arrival_s,prompt_tokens,output_tokens\n0,6,4\n0,5,6\n0,3,5\n");
    let tight = "kv.blocks=6 kv.block_tokens=4 engine.max_tokens_per_step=8";
    let (summary, cached) = desk.ok(&format!("kv.cache=hash {tight}"));
    assert!(cached.is_none(), "nobody found anything when admitted first");
    let cache = &summary["prefix_cache"];
    assert_eq!((cache["requeried_tokens"].as_u64(), cache["rehit_tokens"].as_u64()), (Some(5), Some(4)));
    assert_eq!(summary["wasted_tokens"], 0, "it had four tokens, and found them");
    assert_eq!(desk.ok(tight).0["wasted_tokens"], 4);
    let (_, _, said) = desk.run(&format!("kv.cache=hash {tight}"));
    assert!(said.contains("does not say which prompts begin alike"), "{said}");
}

#[test]
fn a_cache_where_nothing_is_found_is_refused() {
    let desk = Desk::new(HASHED);
    for settings in [
        "engine.preset=static kv.cache=hash",
        "engine.preset=theory kv.cache=hash",
        "kv.gate=max-len engine.max_model_len=100 kv.cache=hash",
    ] {
        let (code, _, error) = desk.run(settings);
        assert_eq!(code, Some(2), "{settings}");
        assert!(error.contains("key kv.cache: nothing can be found again"), "{error}");
    }
}
