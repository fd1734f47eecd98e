//! A folder with results to compare.

use foretoken::compare::Differences;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Desk(tempfile::TempDir);

impl Desk {
    /// A trace of `rows` requests, bursts that no scheduler serves at once.
    pub fn new(rows: u32) -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        let row = |i: u32| format!("{},{},{}\n", i / 40, 20 + 7 * (i % 5), 1 + (i * 37) % 300);
        let rows: String = (0..rows).map(row).collect();
        desk.write("t.csv", &format!("arrival_s,prompt_tokens,output_tokens\n{rows}"));
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs `foretoken ARGS` (separated by spaces) here.
    pub fn run(&self, args: &str) -> Output {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_foretoken")));
        command.current_dir(self.0.path()).args(args.split_whitespace()).output().unwrap()
    }

    /// The same, which must exit with 0; its standard output.
    pub fn ok(&self, args: &str) -> String {
        let output = self.run(args);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args}\n{talk}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, which must exit with 2; what it says.
    pub fn refused(&self, args: &str) -> String {
        let output = self.run(args);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args}\n{talk}");
        talk
    }

    /// Replays the trace with few seats, so that order matters.
    pub fn replay(&self, args: &str) {
        self.ok(&format!("replay --trace t.csv --set engine.max_seqs=8 --no-figures {args}"));
    }

    /// The same with drawn arrivals, so that replicates differ.
    pub fn replicated(&self, args: &str) {
        let poisson = "--set workload.arrivals.kind=poisson --set workload.rate_rps=30";
        self.replay(&format!("{poisson} {args}"));
    }

    pub fn differences(&self, args: &str) -> Differences {
        serde_json::from_str(&self.ok(&format!("compare {args} --format json"))).unwrap()
    }
}
