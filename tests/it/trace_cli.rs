//! The trace commands as a user runs them.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/traces").join(name)
}

/// Runs `foretoken trace ARGS`, which must exit with `code`; its stdout and stderr.
fn trace(code: i32, args: &[&str]) -> (String, String) {
    let output = Command::cargo_bin("foretoken").unwrap().arg("trace").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    (out, err)
}

fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn info_in_every_format() {
    let (burst, azure) = (fixture("burstgpt_6.csv"), fixture("azure_2023.csv"));
    let (table, talk) = trace(0, &["info", arg(&burst), arg(&azure)]);
    let line = |name: &str| table.lines().find(|l| l.trim_start().starts_with(name)).unwrap().to_string();
    assert_eq!(line("requests").split_whitespace().collect::<Vec<_>>(), ["requests", "3", "3"]);
    assert_eq!(line("span_s").split_whitespace().collect::<Vec<_>>(), ["span_s", "113.000", "60.500"]);
    assert!(table.contains("burstgpt_6.csv") && line("arrivals").contains('█'), "{table}");
    assert!(
        talk.contains("burstgpt_6.csv: 2 of 5 requests failed") && talk.contains("--keep-failed"),
        "{talk}"
    );

    let (csv, talk) = trace(0, &["info", arg(&burst), arg(&azure), "--format", "csv", "--quiet"]);
    assert_eq!((csv.lines().count(), talk.as_str()), (3, ""));
    assert!(csv.starts_with("file,format,requests,failed,dropped,"), "{csv}");

    let (json, _) = trace(0, &["info", arg(&burst), "--format", "json"]);
    let one: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&one["schema"], &one["requests"], &one["dropped"]), (&1.into(), &3.into(), &2.into()));
    assert_eq!(one["classes"]["GPT-4"], 2);
    assert_eq!(one["arrivals"]["span_s"], 113.0);
    let (json, _) = trace(0, &["info", arg(&burst), arg(&azure), "--format", "json"]);
    let two: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&two["schema"], &two["traces"][1]["format"]), (&1.into(), &"azure".into()));
}

#[test]
fn convert_keeps_what_the_rows_say() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.csv");
    trace(0, &["convert", arg(&fixture("azure_2023.csv")), arg(&out)]);
    let azure = "arrival_s,prompt_tokens,output_tokens\n0,374,44\n0.0000001,396,109\n60.5000001,879,55\n";
    assert_eq!(std::fs::read_to_string(&out).unwrap(), azure);

    let (_, talk) = trace(0, &["convert", arg(&fixture("qwen.jsonl")), arg(&out)]);
    assert!(talk.contains("--hash-block-tokens 16"), "{talk}");
    let (_, talk) = trace(2, &["info", arg(&out)]);
    assert!(talk.contains("line 2, column prefix_hashes: 3 hashes for the 1 blocks of 512"), "{talk}");
    let (json, _) = trace(0, &["info", arg(&out), "--hash-block-tokens", "16", "--format", "json"]);
    let info: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&info["sessions"], &info["hash_block_tokens"]), (&2.into(), &16.into()));

    let burst = fixture("burstgpt_6.csv");
    let (json, _) = trace(0, &["convert", arg(&burst), arg(&out), "--limit", "2", "--format", "json"]);
    let done: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&done["schema"], &done["requests"], &done["failed"]), (&1.into(), &2.into(), &1.into()));
    let text = std::fs::read_to_string(&out).unwrap();
    assert_eq!(
        text,
        "id,arrival_s,prompt_tokens,output_tokens,class\n1,0,472,18,ChatGPT\n2,40,1087,230,GPT-4\n"
    );

    let (_, talk) = trace(0, &["convert", arg(&fixture("lmsys.jsonl")), arg(&out), "--no-text", "--history"]);
    assert!(talk.contains("every request is at 0 s") && talk.contains("estimates"), "{talk}");
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("\n1,0,14,4,vicuna-13b,c0ffee,1\n") && !text.contains("Thanks"), "{text}");
}

#[test]
fn an_output_is_never_an_input() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.csv");
    let text = "arrival_s,prompt_tokens,output_tokens\n0,1,1\n";
    std::fs::write(&file, text).unwrap();
    let file = arg(&file);
    for args in
        [&["convert", file, file][..], &["join", "--arrivals", file, "--lengths", file, "--seed", "1", file]]
    {
        assert!(trace(2, args).1.contains("name another output"), "{args:?}");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
}

#[test]
fn convert_sorts_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.csv"), dir.path().join("out.csv.gz"));
    std::fs::write(&input, "arrival_s,prompt_tokens,output_tokens\n5,1,1\n4,2,2\n").unwrap();
    let (_, talk) = trace(2, &["convert", arg(&input), arg(&out)]);
    assert!(talk.contains("line 3, column arrival_s") && talk.contains("convert --sort"), "{talk}");
    assert!(!out.exists(), "nothing is left of a failed conversion");
    trace(0, &["convert", "--sort", arg(&input), arg(&out)]);
    let (json, _) = trace(0, &["info", arg(&out), "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["arrivals"]["span_s"], 1.0);
}

#[test]
fn join_is_seeded_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);
    let join = |code: i32, seed: &str, name: &str, more: &[&str]| {
        let (arrivals, lengths, out) = (fixture("azure_2023.csv"), fixture("lmsys.jsonl"), out(name));
        let args =
            ["join", "--arrivals", arg(&arrivals), "--lengths", arg(&lengths), "--seed", seed, arg(&out)];
        trace(code, &[&args, more].concat());
        std::fs::read_to_string(out).unwrap_or_default()
    };
    let once = ["--without-replacement"];
    let (a, b) = (join(0, "7", "a.csv", &[]), join(0, "7", "b.csv", &[]));
    assert_eq!(a, b);
    let times = |text: &str| -> Vec<String> {
        text.lines().skip(1).map(|l| l.split(',').next().unwrap().to_string()).collect()
    };
    let whole = join(0, "8", "c.csv", &once);
    assert_eq!(times(&whole), ["0", "0.0000001", "60.5000001"]);
    for said in ["Thanks", "How many tokens", "Hallo"] {
        assert_eq!(whole.matches(said).count(), 1, "each row is drawn once: {whole}");
    }
    let record: Value = serde_json::from_str(&std::fs::read_to_string(out("c.csv.json")).unwrap()).unwrap();
    assert_eq!(
        (&record["schema"], &record["seed"], &record["replacement"]),
        (&1.into(), &8.into(), &false.into())
    );
    assert_eq!(record["arrivals"]["sha256"].as_str().unwrap().len(), 64);
    assert_ne!(record["arrivals"]["sha256"], record["lengths"]["sha256"]);
    assert!(record["lengths"]["remarks"][0].as_str().unwrap().contains("estimates"));
}

#[test]
fn join_refuses_what_cannot_be_joined() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("o.csv");
    let (azure, samples) = (fixture("azure_2023.csv"), fixture("samples.csv"));
    let join = |arrivals: &Path, lengths: &Path, more: &[&str]| {
        let args = ["join", "--arrivals", arg(arrivals), "--lengths", arg(lengths), "--seed", "1", arg(&out)];
        trace(2, &[&args, more].concat()).1
    };
    assert!(join(&samples, &azure, &[]).contains("samples has no arrival times"));
    assert!(join(&azure, &samples, &[]).contains("samples has no prompt lengths"));
    let short = join(&fixture("qwen.jsonl"), &azure, &["--without-replacement"]);
    assert!(short.contains("more arrivals than the 3 lengths"), "{short}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn wrong_usage_names_the_nearest_choice() {
    let azure = fixture("azure_2023.csv");
    let (_, talk) = trace(2, &["info", arg(&azure), "--trace-format", "mooncak"]);
    assert!(talk.contains("did you mean `mooncake`"), "{talk}");
    let (_, talk) = trace(2, &["info", arg(&azure), "--tokenizer", "cl100kbase"]);
    assert!(talk.contains("did you mean `cl100k_base`"), "{talk}");
    let (_, talk) = trace(2, &["info", arg(&azure), "--trace-format", "vidur"]);
    assert!(talk.contains("column arrived_at: this column is missing"), "{talk}");
    trace(2, &["info"]);
}
