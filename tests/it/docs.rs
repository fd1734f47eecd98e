//! The guides, held: their commands run, their links lead somewhere, their generated parts are not stale.
//!
//! `FORETOKEN_BLESS=1 cargo test --test it docs:: -- --test-threads=1` writes generated parts anew.

mod blocks;
mod pages;
mod python;

use blocks::{Block, blocks, words};
use foretoken::trace::Format;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn blessing() -> bool {
    std::env::var_os("FORETOKEN_BLESS").is_some()
}

/// Every page of the project, relative to its root.
fn guides() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["", "docs", "results", "fuzz", "tests/data/dynamo"] {
        for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "md") {
                found.push(path.strip_prefix(root()).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// A place to run commands in that has what a checkout has, and nothing that must not be written to.
struct Checkout(tempfile::TempDir);

impl Checkout {
    fn new() -> Checkout {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["traces", "profiles", "scenarios"] {
            symlink(root().join(folder), dir.path().join(folder)).unwrap();
        }
        fs::create_dir(dir.path().join("results")).unwrap();
        symlink(root().join("results/reference"), dir.path().join("results/reference")).unwrap();
        symlink(chats(), dir.path().join("chats.jsonl")).unwrap();
        symlink(samples(), dir.path().join("samples.csv")).unwrap();
        symlink(few_lengths(), dir.path().join("lengths.csv")).unwrap();
        let runs = root().join("tests/data/routers/runs.jsonl");
        symlink(runs, dir.path().join("router-runs.jsonl")).unwrap();
        symlink(root().join("tests/data/engines/golden.jsonl"), dir.path().join("golden.jsonl")).unwrap();
        Checkout(dir)
    }

    fn run(&self, words: &[String]) -> Output {
        assert_eq!(words[0], "foretoken", "only foretoken's own commands are run: {words:?}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_foretoken"));
        command.current_dir(self.0.path()).args(&words[1..]).output().unwrap()
    }
}

/// A file in the form of LMSYS-Chat-1M: 1,500 conversations if the shared data are there, else two.
#[allow(clippy::print_stdout, reason = "says what was not tested")]
fn chats() -> PathBuf {
    let shared = root().join("../shared/data/arena_hard/arena_hard_v01_lmsys_schema.jsonl.gz");
    if shared.is_file() {
        return shared;
    }
    println!("../shared/data is not there: the guide's commands run on the two conversations of tests/data");
    root().join("tests/data/traces/lmsys.jsonl")
}

/// 100 output lengths for each of 164 prompts if the shared data are there, else 20 for each of five.
#[allow(clippy::print_stdout, reason = "says what was not tested")]
fn samples() -> PathBuf {
    let shared = root().join("../shared/data/codet_multisample/humaneval_codegen16b_n100_lengths.csv.gz");
    if shared.is_file() {
        return shared;
    }
    println!("../shared/data is not there: families of lengths are compared on tests/data");
    few_lengths()
}

fn few_lengths() -> PathBuf {
    root().join("tests/data/lengths/lengths.csv")
}

#[test]
fn commands_of_every_guide_run() {
    for guide in guides() {
        let text = fs::read_to_string(root().join(&guide)).unwrap();
        let checkout = Checkout::new();
        let mut blessed = text.clone();
        for block in blocks(&text, "sh") {
            let stdout = run_block(&guide, &block, &checkout);
            let Some(expected) = block.output else { continue };
            if blessing() {
                blessed = blessed.replacen(expected, &stdout, 1);
            } else {
                assert_eq!(expected, stdout, "{}: run this test with FORETOKEN_BLESS=1", guide.display());
            }
        }
        if blessed != text {
            fs::write(root().join(&guide), blessed).unwrap();
        }
    }
}

#[cfg(feature = "nn")]
#[test]
fn commands_that_run_models_run() {
    for guide in guides() {
        let text = fs::read_to_string(root().join(&guide)).unwrap();
        let checkout = Checkout::new();
        for block in blocks(&text, "sh nn") {
            run_block(&guide, &block, &checkout);
        }
    }
}

/// Runs the commands of a block, which must all succeed; what the last one writes to standard output.
fn run_block(guide: &Path, block: &Block<'_>, checkout: &Checkout) -> String {
    let mut stdout = String::new();
    for line in block.commands() {
        let output = checkout.run(&words(&line));
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: `{line}` failed:\n{talk}", guide.display());
        stdout = String::from_utf8(output.stdout).unwrap();
    }
    stdout
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for guide in guides() {
        let text = fs::read_to_string(root().join(&guide)).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            let beside = root().join(&guide).parent().unwrap().join(file);
            if !target.starts_with("https://") && !beside.exists() {
                broken.push(format!("{}: {target}", guide.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links to nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_guide_is_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for guide in guides().into_iter().filter(|g| g.starts_with("docs")) {
        let link = format!("]({})", guide.display());
        assert!(readme.contains(&link), "README.md does not name {}", guide.display());
    }
}

#[test]
fn the_map_names_every_folder() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let folders = ["src", "crates/foretoken-engine/src"].map(|dir| fs::read_dir(root().join(dir)).unwrap());
    for entry in folders.into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let written = if entry.path().is_dir() { format!("`{name}/`") } else { format!("`{name}`") };
        let entrance = ["lib.rs", "main.rs"].contains(&name.as_str());
        assert!(entrance || map.contains(&written), "ARCHITECTURE.md does not name {written}");
    }
}

#[test]
fn formats_are_all_described() {
    let guide = fs::read_to_string(root().join("docs/traces.md")).unwrap();
    for format in Format::all() {
        assert!(guide.contains(&format!("| `{format}` |")), "docs/traces.md does not describe {format}");
    }
}

#[test]
fn files_of_a_result_are_all_described() {
    let pages = ["docs/results.md", "docs/metrics.md"];
    let pages = pages.map(|p| fs::read_to_string(root().join(p)).unwrap()).concat();
    let has = |name: &str| pages.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name);
    let reference = root().join("results/reference");
    let summary = fs::read_to_string(reference.join("summary.json")).unwrap();
    let summary: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&summary).unwrap();
    let requests = fs::read_to_string(reference.join("requests.csv")).unwrap();
    let columns = requests.lines().next().unwrap().split(',');
    for name in summary.keys().map(String::as_str).chain(columns) {
        assert!(has(name), "neither docs/results.md nor docs/metrics.md describes {name}");
    }
}

#[test]
fn schedulers_are_listed() {
    pages::hold("docs/schedulers.md", "schedulers", &pages::schedulers());
}

#[test]
fn routers_are_listed() {
    pages::hold("docs/clusters.md", "routers", &pages::routers());
}

#[test]
fn keys_are_listed() {
    pages::hold("docs/scenario.md", "keys", &pages::scenario());
}

#[test]
fn scenario_schema_is_what_the_program_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_foretoken")).args(["schema", "scenario"]).output().unwrap();
    pages::hold_file("docs/schema/scenario.json", &String::from_utf8(output.stdout).unwrap());
}
