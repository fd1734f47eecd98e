//! `foretoken sweep`: many runs of one scenario.

mod bad;
mod journal;
mod kill;
mod spec;
mod tables;

use assert_cmd::Command;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A folder to work in, with a trace of some 200 requests and a sweep over it.
struct Desk(tempfile::TempDir);

/// What a command left behind.
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

const SCENARIO: &str = r#"
schema = 1
name = "small"
replicates = 2
[trace]
path = "t.csv"
[workload]
rate_rps = 5
arrivals = { kind = "poisson" }
[metrics.slo]
e2e_s = 5.0

[[sweep.axes]]
key = "workload.rate_rps"
list = [4, 8]
[[sweep.axes]]
key = "scheduler"
list = ["fcfs", "sjf{predictor=noisy{sigma=0.5}}"]
[[sweep.axes]]
key = "engine.max_seqs"
range = { start = 2, stop = 6, step = 2 }
"#;

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        let rows = (0..200).map(|i| format!("{},{},{}\n", i / 4, 20 + 7 * (i % 5), 1 + 13 * (i % 7)));
        let head = "arrival_s,prompt_tokens,output_tokens\n".to_string();
        desk.write("t.csv", head + &rows.collect::<String>());
        desk.write("s.toml", SCENARIO);
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

    /// Runs `foretoken ARGS` in this folder; blanks inside single quotes do not separate.
    fn run(&self, args: &str) -> Done {
        let words = args.split('\'').enumerate().flat_map(|(i, part)| match i % 2 {
            0 => part.split_whitespace().map(String::from).collect::<Vec<_>>(),
            _ => vec![part.to_string()],
        });
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_foretoken")));
        let output = command.current_dir(self.0.path()).args(words).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn ok(&self, args: &str) -> Done {
        let done = self.run(args);
        assert_eq!(done.code, Some(0), "{args}\n{}", done.err);
        done
    }

    /// Sorted names of what lies in this folder, hidden things included.
    fn list(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Every file below a folder with its bytes.
    fn tree(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        fn collect(root: &Path, dir: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(root, &path, found);
                } else {
                    let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                    found.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        collect(&self.path(folder), &self.path(folder), &mut found);
        found
    }

    /// The rows of a table by column.
    fn rows(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_path(self.path(name)).unwrap();
        let header = reader.headers().unwrap().clone();
        let row = |r: csv::StringRecord| header.iter().zip(&r).map(|(h, v)| (h.into(), v.into())).collect();
        reader.records().map(|r| row(r.unwrap())).collect()
    }
}

/// Two folders hold the same files with the same bytes.
fn assert_same(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in a {
        assert!(*bytes == b[name], "{name} differs");
    }
}
