//! Learned predictors: trained, held against what they have not seen, applied to a trace, and used by a scheduler.

mod bad;
mod light;
#[cfg(feature = "nn")]
mod neural;

use assert_cmd::Command;
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A folder to work in.
struct Desk(tempfile::TempDir);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The made-up prompts that come with foretoken.
fn prompts() -> String {
    root().join("traces/prompts.csv").display().to_string()
}

/// A trace of further ones.
fn trace() -> String {
    root().join("traces/prompts-trace.csv").display().to_string()
}

/// A file of the shared data; says so where it is not there.
#[allow(clippy::print_stdout, reason = "says what was not tested")]
fn shared(name: &str) -> Option<String> {
    let path = root().join("../shared/data").join(name);
    if !path.is_file() {
        println!("{name} is not there: this test says nothing");
    }
    path.is_file().then(|| path.display().to_string())
}

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn run(&self, args: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_foretoken")));
        let output = command.current_dir(self.0.path()).args(args.split_whitespace()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// What a command that must succeed prints as JSON.
    fn json(&self, args: &str) -> Value {
        let (code, out, err) = self.run(&format!("{args} --format json"));
        assert_eq!(code, Some(0), "{args}\n{err}");
        serde_json::from_str(&out).unwrap()
    }

    /// What a command that must fail says; it must leave nothing named `left`.
    fn refused(&self, args: &str, left: &str) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args}\n{err}");
        assert!(!self.path(left).exists(), "{args} left {left}");
        err
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// Prompts of four kinds, `samples` lengths each, all different.
fn table(prompts: usize, samples: usize) -> String {
    let mut text = String::from("prompt,length\n");
    for i in 0..prompts {
        for s in 0..samples {
            let length = 20 * (1 + i % 4) + s * (1 + i % 3) * 3 + i % 5;
            let kind = ["Write a poem", "Explain", "List facts", "What is it"][i % 4];
            writeln!(text, "{kind} about {i}.,{length}").unwrap();
        }
    }
    text
}
