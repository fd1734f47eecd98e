//! Results to draw: a small replay by the program itself, and a sweep directory as `foretoken sweep run` leaves it.

use assert_cmd::Command;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A folder to work in.
pub struct Desk(tempfile::TempDir);

impl Desk {
    pub fn new() -> Desk {
        Desk(tempfile::tempdir().expect("a scratch directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("in a folder")).expect("writable");
        std::fs::write(path, content).expect("writable");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("readable")
    }

    pub fn list(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("readable");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("readable").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    /// Runs `foretoken ARGS` here: exit code, standard output, standard error.
    pub fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_foretoken")));
        let output = command.current_dir(self.0.path()).args(args).output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// The same, which must exit with 0: standard output and standard error.
    pub fn ok(&self, args: &[&str]) -> (String, String) {
        let (code, out, err) = self.run(args);
        assert_eq!(code, Some(0), "{args:?}\n{err}");
        (out, err)
    }
}

/// A trace with lengths of every size.
pub fn trace() -> PathBuf {
    shared().path("trace.csv")
}

/// The results that tests only read.
pub fn shared() -> &'static Desk {
    static SHARED: LazyLock<Desk> = LazyLock::new(|| {
        let desk = Desk::new();
        let mut rows = String::from("arrival_s,prompt_tokens,output_tokens\n");
        for i in 0..240u32 {
            let output = 1 + (i * i * 7919) % 97 * ((i % 5) + 1);
            writeln!(rows, "{:.3},{},{output}", f64::from(i) / 40.0, 20 + (i * 31) % 400).expect("a string");
        }
        desk.write("trace.csv", &rows);
        let replay = "replay --trace trace.csv --scheduler fcfs,sjf,srpt --predictor noisy{sigma=0.5} --rates 20,40 \
                      --set metrics.slo.ttft_s=1 --steps --replicates 2 --set workload.lengths=resample \
                      --set workload.arrivals.kind=poisson --set workload.rate_rps=40 --set kv.blocks=300 \
                      --no-figures --out replay";
        desk.ok(&replay.split_whitespace().collect::<Vec<_>>());
        sweep(&desk, "sweep", 1);
        desk
    });
    &SHARED
}

/// Loads, noises, schedulers and replicates of the sweep.
pub const LOADS: [&str; 4] = ["1", "2", "4", "6.5"];
pub const SIGMAS: [&str; 3] = ["0.25", "0.5", "1"];
pub const SCHEDULERS: [&str; 3] = ["fcfs", "sjf", "a-min"];
pub const REPLICATES: u32 = 4;

/// Mean E2E latency of a point: a queue that noise makes slower, with a little of the replicate in it.
pub fn e2e(scheduler: usize, load: &str, sigma: &str, replicate: u32) -> f64 {
    let (load, sigma): (f64, f64) = (load.parse().expect("a number"), sigma.parse().expect("a number"));
    let capacity = [7.0, 8.5, 8.0][scheduler] - if scheduler > 0 { sigma } else { 0.0 };
    2.0 / (1.0 - load / capacity) * (1.0 + 0.01 * f64::from(replicate % 3))
}

/// Writes a sweep of two keys whose scenario has the schema `version`; one run failed.
pub fn sweep(desk: &Desk, name: &str, version: u32) {
    let manifest = format!(
        "{{\"schema\": 1, \"kind\": \"sweep\", \"scenario\": {{\"schema\": {version}}}, \"axes\": \
         [{{\"key\": \"workload.rate_rps\"}}, {{\"key\": \"predictor.sigma\"}}]}}\n"
    );
    desk.write(&format!("{name}/manifest.json"), &manifest);
    let mut points = String::from(
        "point,scheduler,replicate,seed,status,reason,digest,workload.rate_rps,predictor.sigma,e2e_mean_s,e2e_p99_s,\
         ttft_mean_s,tpot_mean_s,requests_per_s,goodput_rps,ratio_best_known,ratio_lower_bound\n",
    );
    for (s, scheduler) in SCHEDULERS.iter().enumerate() {
        for (l, load) in LOADS.iter().enumerate() {
            for (g, sigma) in SIGMAS.iter().enumerate() {
                for r in 0..REPLICATES {
                    let point = (s * LOADS.len() + l) * SIGMAS.len() + g;
                    let head = format!("{point},{scheduler},{r},{r}");
                    if (s, l, g, r) == (1, 3, 2, 3) {
                        writeln!(points, "{head},failed,\"no memory, it says\",,{load},{sigma},,,,,,,,")
                            .expect("a string");
                        continue;
                    }
                    let (e, rate) = (e2e(s, load, sigma, r), load.parse::<f64>().expect("a number"));
                    let (p99, ttft, good) = (4.0 * e, e / 7.0, rate * (1.0 - e / 60.0));
                    let (best, bound) = (e / e2e(2, load, SIGMAS[0], r).min(e), e / 1.9);
                    writeln!(
                        points,
                        "{head},ok,,{point:032x},{load},{sigma},{e},{p99},{ttft},0.03,{rate},{good},{best},{bound}"
                    )
                    .expect("a string");
                }
            }
        }
    }
    desk.write(&format!("{name}/points.csv"), &points);
}
