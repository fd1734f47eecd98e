//! Every bad input gets one message that says where and what to do.

use super::{file, fixture, gzip, rows, rows_of};
use foretoken::trace::{self, Format, ReadOptions, Tokenizer};

const HEAD: &str = "arrival_s,prompt_tokens,output_tokens";

/// The message about `content`, which must name the file, be one line and hold all `parts`.
fn refused(content: impl AsRef<[u8]>, parts: &[&str]) {
    let (_dir, path) = file("trace.in", content);
    let error = rows_of(&path, &ReadOptions::default()).unwrap_err();
    let message = error.to_string();
    assert_eq!(error.exit_code(), 2);
    assert!(!message.contains('\n'), "{message}");
    for part in ["trace.in", "; "].iter().chain(parts) {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

#[test]
fn damaged_gzip() {
    let packed = gzip(&std::fs::read(fixture("azure_2023.csv")).unwrap());
    refused(&packed[..packed.len() - 9], &["gzip data", "fetch the file again"]);
    refused(&packed[..5], &["gzip data"]);
    let big = format!("{HEAD}\n{}", "0,1,1\n".repeat(100_000));
    let packed = gzip(big.as_bytes());
    refused(&packed[..packed.len() / 2], &["line ", "gzip data is cut short"]);
}

#[test]
fn wrong_columns() {
    refused("arrival_s,prompt_tokens\n0,1\n", &["line 1, column output_tokens", "missing"]);
    refused(format!("{HEAD},prio\n0,1,1,0\n"), &["line 1, column prio", "priority", "--ignore-extra"]);
    refused(format!("{HEAD},class,class\n0,1,1,a,b\n"), &["column class", "twice"]);
    refused(format!("{HEAD},length_mu\n0,1,1,2\n"), &["column length_sigma", "missing"]);
    refused("TIMESTAMP,ContextTokens\n2023-11-16 18:15:46,1\n", &["column GeneratedTokens", "missing"]);
    refused("a,b\n1,2\n", &["no known trace format", "--trace-format", "burstgpt"]);
    refused(format!("{HEAD}\n0,1\n"), &["line 2: 2 cells where the header has 3"]);
    let (_dir, path) = file("t", format!("{HEAD},note\n0,1,1,x\n"));
    assert_eq!(
        rows_of(&path, &ReadOptions { ignore_extra: true, ..ReadOptions::default() }).unwrap().len(),
        1
    );
}

#[test]
fn bad_cells() {
    let row = |cells: &str, parts: &[&str]| refused(format!("{HEAD}\n0,1,1\n{cells}\n"), parts);
    row("1,-3,1", &["line 3, column prompt_tokens", "`-3` is not a whole number"]);
    row("1,4294967295,1", &["column prompt_tokens", "over 2^31"]);
    row("1,0,1", &["line 3, column prompt_tokens: 0 tokens"]);
    row("1,1,", &["column output_tokens", "nothing where"]);
    row("nan,1,1", &["line 3, column arrival_s", "`nan`"]);
    row("inf,1,1", &["column arrival_s", "`inf`"]);
    row("-1,1,1", &["column arrival_s", "`-1` is not a time of 0 or later"]);
    row("1e300,1,1", &["column arrival_s"]);
    row("9999999999,1,1", &["column arrival_s: 9999999999.000000000 s is more than 292 years"]);
    let optional = |column: &str, cell: &str, parts: &[&str]| {
        refused(format!("{HEAD},{column}\n0,1,1,{cell}\n"), &[&[column], parts].concat());
    };
    optional("id", "4294967295", &["line 2", "2^32-2"]);
    optional("id", "", &["nothing where"]);
    optional("turn", "-1", &["turn of 0"]);
    optional("priority", "high", &["`high`"]);
    optional("deadline_s", "NaN", &["`NaN`"]);
    optional("max_tokens", "0", &["0 tokens"]);
    optional("prefix_hashes", "1;x", &["`x` is not a hash"]);
    optional("prefix_hashes", "1;2", &["2 hashes for the 1 blocks of 512", "--hash-block-tokens"]);
    refused(
        format!("{HEAD},length_mu,length_sigma,length_nu,length_cap\n0,1,1,2,-1,3,9\n"),
        &["length_sigma", "`-1`"],
    );
    refused([HEAD.as_bytes(), b",class\n0,1,1,\xff\n"].concat(), &["column class", "UTF-8"]);
}

#[test]
fn order_and_ids() {
    refused(format!("{HEAD}\n5,1,1\n4,1,1\n"), &["line 3, column arrival_s", "trace convert --sort"]);
    let stamps =
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:47,1,1\n2023-11-16 18:15:46,1,1\n";
    refused(stamps, &["line 3, column TIMESTAMP", "--sort"]);
    refused(
        format!("id,{HEAD}\n3,0,1,1\n5,0,1,1\n3,0,1,1\n"),
        &["line 4, column id", "id 3 was given before"],
    );
}

#[test]
fn nothing_there() {
    refused("", &["no requests"]);
    refused("\n \n", &["no requests"]);
    refused(format!("{HEAD}\n"), &["no requests"]);
    refused("Timestamp,Model,Request tokens,Response tokens\n1,GPT-4,5,0\n", &["all 1 requests failed"]);
    refused("[]", &["no requests"]);
    let missing = trace::open("no such file", &ReadOptions::default()).err().unwrap();
    assert!(missing.to_string().starts_with("no such file: "), "{missing}");
}

#[test]
fn bad_json() {
    let line = r#"{"timestamp": 0, "input_length": 1, "output_length": 1}"#;
    refused(format!("{line}\n{{\"timestamp\": 1,\n"), &["line 2, column", "not the JSON"]);
    let after = |bad: &str, parts: &[&str]| refused(format!("{line}\n{bad}\n"), parts);
    after(r#"{"timestamp": 0, "output_length": 1}"#, &["line 2, column input_length", "missing"]);
    after(r#"{"timestamp": -5, "input_length": 1, "output_length": 1}"#, &["column timestamp", "`-5`"]);
    after(r#"{"timestamp": 1e999, "input_length": 1, "output_length": 1}"#, &["line 2, column 19"]);
    after(r#"{"timestamp": 1, "input_length": 1.5, "output_length": 1}"#, &["column input_length", "`1.5`"]);
    after(r#"{"timestamp": 1, "input_length": 0, "output_length": 1}"#, &["column input_length", "0 tokens"]);
    after(r#"{"timestamp": 1, "input_length": 9, "output_length": 3000000000}"#, &["over 2^31"]);
    after(r#"{"timestamp": 1, "input_length": "9", "output_length": 3}"#, &["line 2", "a number"]);
    let two = r#"{"timestamp": 1, "input_length": 512, "output_length": 3, "hash_ids": [1, 2]}"#;
    after(two, &["line 2, column hash_ids", "2 hashes for the 1 blocks of 512 tokens"]);
    after(&format!("{line} {line}"), &["line 2", "not the JSON"]);
    refused(
        r#"{"chat_id": 1, "timestamp": 1, "input_length": 9, "output_length": 3, "turn": 0}"#,
        &["column turn", "from 1"],
    );
}

#[test]
fn bad_chats() {
    refused("[\n{\"conversations\": [\n{\"from\": \"human\"", &["line 2", "ends within this object"]);
    refused("[\n{\"conversations\": [\n{\"from\": 5}]}]", &["line 3, column", "not the JSON"]);
    refused("[{\"conversations\": [{\"from\": \"alien\", \"value\": \"x\"}]}]", &["column from", "`alien`"]);
    refused("[1, 2]", &["line 1", "`1` where a conversation"]);
    let robot = r#"{"conversation": [{"role": "robot", "content": "x"}]}"#;
    refused(robot, &["line 1", "robot"]);
}

#[test]
fn bad_options() {
    let options = ReadOptions { hash_block_tokens: Some(0), ..ReadOptions::default() };
    assert!(rows_of(&fixture("mooncake.jsonl"), &options).is_err());
    assert!(rows_of(std::env::temp_dir().as_path(), &ReadOptions::default()).is_err());
    assert!(rows(&format!("{HEAD}\n0,1,1")).is_ok());
}

/// A build that lacks a feature names the one that holds all that the file needs.
#[test]
fn missing_features_are_named() {
    let (_dir, path) = file("shard", "PAR1 and more");
    let open = |format, tokenizer| {
        let options = ReadOptions { format, tokenizer, ..ReadOptions::default() };
        trace::open(&path, &options).err().unwrap().to_string()
    };
    let parquet = open(None, Tokenizer::Estimate);
    let both = open(Some(Format::LmsysParquet), Tokenizer::Cl100kBase);
    if cfg!(feature = "parquet") {
        assert!(parquet.contains("not readable as Parquet"), "{parquet}");
    } else {
        assert!(parquet.contains("cargo build --release --features parquet"), "{parquet}");
        assert!(both.contains("cargo build --release --features full"), "{both}");
    }
    if cfg!(not(feature = "text")) {
        let text = open(Some(Format::Lmsys), Tokenizer::O200kBase);
        assert!(text.contains("tokenizer o200k_base") && text.contains("--features text"), "{text}");
    }
}
