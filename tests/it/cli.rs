//! The command as a user types it.

mod bad;
mod device;
mod fuzzed;
mod help;
mod noise;
mod profile;
mod replay;

use assert_cmd::Command;
use std::path::{Path, PathBuf};

/// A folder to work in, with a small trace.
struct Desk(tempfile::TempDir);

/// What a command left behind.
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

const HEAD: &str = "arrival_s,prompt_tokens,output_tokens\n";

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        let rows = (0..30).map(|i| format!("{},{},{}\n", i / 4, 20 + 7 * (i % 5), 1 + 13 * (i % 7)));
        desk.write("t.csv", &(HEAD.to_string() + &rows.collect::<String>()));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Runs `foretoken ARGS` (separated by spaces) in this folder.
    fn run(&self, args: &str) -> Done {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_foretoken")));
        let command = command.current_dir(self.0.path()).env("COLUMNS", "100");
        let output = command.args(args.split_whitespace()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The same, which must exit with 0.
    fn ok(&self, args: &str) -> Done {
        let done = self.run(args);
        assert_eq!(done.code, Some(0), "{args}\n{}", done.err);
        done
    }

    /// Sorted names of what lies in a folder, hidden things included.
    fn list(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}
