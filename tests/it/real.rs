//! Our policies against what real engines and routers decided. The references are not part of the repository: they
//! are looked for in `../shared/data/peers`, or where `FORETOKEN_REFERENCES` says.

mod routers;

use std::path::{Path, PathBuf};

/// The file or folder `name` among the references; if it is not there, says that `what` is skipped.
#[allow(clippy::print_stdout, reason = "says what was not tested")]
fn reference(name: &str, what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FORETOKEN_REFERENCES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/peers"), PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {what}: {} is not here", path.display());
    None
}
