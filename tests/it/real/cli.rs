//! `foretoken engine plan` as a user types it.

use assert_cmd::Command;
use std::path::Path;

/// Exit code, standard output and standard error of `foretoken engine plan --engine vllm-v1 ARGS`.
fn plan(folder: &Path, args: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_foretoken")));
    command.current_dir(folder).args(["engine", "plan", "--engine", "vllm-v1"]);
    let output = command.args(args.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn plans_are_printed_in_the_form_they_are_compared_in() {
    let golden =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/engines/golden.jsonl"));
    let golden = golden.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("golden.jsonl", &golden);
    let (code, printed, _) = plan(dir.path(), "golden.jsonl");
    assert_eq!((code, printed.lines().count()), (Some(0), 1));
    let result =
        printed.trim().strip_prefix(r#"{"id":"golden","result":"#).unwrap().strip_suffix('}').unwrap();

    // The same plan as the reference, and one in which two requests were scheduled the other way round.
    let with = |result: &str| {
        golden.trim_end().strip_suffix('}').unwrap().to_string() + &format!(r#","result":{result}}}"#)
    };
    let turned = result.replace(r#"{"B":1,"C":5}"#, r#"{"C":5,"B":1}"#);
    assert_ne!(turned, result);
    write("both.jsonl", &format!("{}\n{}\n", with(result), with(&turned)));
    let (code, said, error) = plan(dir.path(), "both.jsonl --diff");
    assert_eq!(code, Some(1), "{error}");
    assert!(said.starts_with("1 of 2 equal\ngolden, step 4\n  ours "), "{said}");
    assert!(said.contains(r#""tokens":{"C":5,"B":1}"#), "{said}");
    let (code, said, _) = plan(dir.path(), "both.jsonl --diff --format json");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (code, &said["equal"], &said["differ"][0]["first"]["at"]),
        (Some(1), &1.into(), &"step 4".into())
    );

    // A list in one file is the same as lines.
    write("list.json", &format!("[{}]", with(result)));
    assert_eq!(plan(dir.path(), "list.json --diff"), (Some(0), "1 of 1 equal\n".into(), String::new()));
}

#[test]
fn bad_files_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let told = |text: &str, args: &str| {
        std::fs::write(dir.path().join("s.jsonl"), text).unwrap();
        let (code, out, error) = plan(dir.path(), &format!("s.jsonl {args}"));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{error}");
        error
    };
    let golden = r#"{"id":"g","requests":[{"id":"A","arrival":0,"prompt":6,"output":4}]}"#;
    let unknown = told(&format!("{golden}\n{{\"seats\": 3}}\n"), "");
    assert!(unknown.contains("line 2") && unknown.contains("unknown field `seats`"), "{unknown}");
    assert!(told("", "").contains("holds no scenario"));
    assert!(told(golden, "--diff").contains("scenario g holds no plan to compare with"));
    assert!(told(golden, "--engine-version 0.31").contains("unknown version of vLLM `0.31`"));
    assert!(told("{\"id\": ", "").contains("not a reference scenario"));
}
