//! Our policies against what real engines and routers decided: step plans planned again, requests routed again.

mod cli;
mod pool;
mod replay;
mod routers;
mod vllm;

use std::path::PathBuf;

/// A reference file, if it is there.
#[allow(clippy::print_stdout, reason = "says why nothing was tested")]
fn reference(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FORETOKEN_REFERENCES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/peers"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if !path.is_file() {
        println!("skipped: no {}; FORETOKEN_REFERENCES names the folder of reference files", path.display());
        return None;
    }
    Some(path)
}

/// Says how many of `total` scenarios of a file are equal, and fails unless all are.
#[allow(clippy::print_stdout, reason = "the count is the result")]
fn all_equal(name: &str, total: usize, parted: &[String]) {
    println!("{name}: {} of {total} scenarios equal", total - parted.len());
    let first: Vec<String> = parted.iter().take(3).map(|d| d.chars().take(600).collect()).collect();
    assert!(parted.is_empty(), "{name}:\n{}", first.join("\n"));
}
