//! The project of somebody who writes a scheduler: outside of this repository, on the engine alone.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Cargo.toml that the example's first lines ask for.
fn manifest(example: &str) -> String {
    let after = example.split("```toml\n").nth(1).expect("the example names its dependencies");
    let block = after.split("//! ```").next().unwrap();
    let lines: Vec<&str> = block.lines().map(|l| l.trim_start_matches("//!").trim()).collect();
    let engine = root().join("crates/foretoken-engine");
    let dependencies =
        lines.join("\n").replace("../foretoken/crates/foretoken-engine", &engine.display().to_string());
    format!("[package]\nname = \"mine\"\nedition = \"2024\"\n\n{dependencies}\n\n[workspace]\n")
}

/// Packages built by `cargo` for the project in `dir`, by name.
fn packages(dir: &Path) -> Vec<String> {
    let tree = Command::new(env!("CARGO"))
        .current_dir(dir)
        .args(["tree", "--offline", "--prefix", "none", "--edges", "normal", "--format", "{p}"])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    text.lines().filter_map(|l| l.split(' ').next()).map(String::from).collect()
}

/// Cold, this is what the author waits for.
#[test]
fn the_example_builds_outside_on_the_engine_alone() {
    let dir = tempfile::tempdir().unwrap();
    let example = std::fs::read_to_string(root().join("examples/custom_scheduler.rs")).unwrap();
    std::fs::create_dir(dir.path().join("src")).unwrap();
    std::fs::write(dir.path().join("src/main.rs"), &example).unwrap();
    std::fs::write(dir.path().join("Cargo.toml"), manifest(&example)).unwrap();
    // The versions that are here already: nothing is fetched.
    std::fs::copy(root().join("Cargo.lock"), dir.path().join("Cargo.lock")).unwrap();
    let run = Command::new(env!("CARGO"))
        .current_dir(dir.path())
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("author"))
        .args(["run", "--offline", "--quiet"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("aged-sjf keeps every rule in 200 worlds"), "{said}");
    let built = packages(dir.path());
    for cold in ["clap", "resvg", "plotters", "nalgebra", "foretoken", "foretoken-lab", "rayon"] {
        assert!(!built.iter().any(|p| p == cold), "{cold} is built for somebody who draws and types nothing");
    }
}
