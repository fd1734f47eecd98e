//! The micro-scenario that cases change: 30 requests, short of memory and seats.

use super::cases::{Case, Outcome};
use foretoken::error::Result;
use foretoken::replay::{Inputs, Listeners, Options, Outputs, Progress, jobs, replay};
use foretoken::scenario::{Layers, Scenario, resolve};
use foretoken::scheduler::Registry;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const BASE: &[&str] = &["kv.blocks=40", "engine.max_seqs=6", "profile=llama3-8b-h100"];

pub struct Micro {
    dir: tempfile::TempDir,
}

impl Micro {
    pub fn new() -> Micro {
        let dir = tempfile::tempdir().unwrap();
        let head = "arrival_s,prompt_tokens,output_tokens,class,session,turn,priority,deadline_s,\
                    length_mu,length_sigma,length_nu,length_cap";
        let (mut trace, mut sigmas) = (format!("{head}\n"), format!("{head}\n"));
        let mut shorter = "arrival_s,prompt_tokens,output_tokens,flavour\n".to_string();
        let (mut points, mut others) = ("id,kind,p1\n".to_string(), "id,kind,p1\n".to_string());
        let mut laws = "id,kind,p1,p2,p3,p4\n".to_string();
        let mut laws2 = laws.clone();
        for i in 0u32..30 {
            let (at, prompt, output) = (f64::from(i) * 0.02, 20 + i * 37 % 90, 5 + i * 53 % 95);
            let (session, turn, priority, deadline) = (i % 6, i / 6, i * 7 % 5, 9 - i * 11 % 7);
            let mu = libm::log(f64::from(1 + i * 29 % 60));
            for (file, sigma) in [(&mut trace, 0.5), (&mut sigmas, f64::from(i * 7 % 30) / 20.0)] {
                let class = i % 2;
                writeln!(
                    file,
                    "{at},{prompt},{output},c{class},{session},{turn},{priority},{deadline},{mu},{sigma},3,500"
                )
                .unwrap();
            }
            writeln!(shorter, "{at},{prompt},{},x", 1 + output / 2).unwrap();
            writeln!(points, "{i},point,{}", 1 + i * 17 % 31).unwrap();
            writeln!(laws, "{i},logt,{},0.5,3,500", 1.0 + f64::from(i * 17 % 31) / 10.0).unwrap();
            writeln!(laws2, "{i},logt,{},0.5,3,500", 1.0 + f64::from(i * 19 % 31) / 10.0).unwrap();
            writeln!(others, "{},point,{}", i + i / 29, 1 + i * 19 % 31).unwrap();
        }
        // A profile made for one request at a time.
        let unit = include_str!("../../../profiles/unit.toml");
        let narrow = format!("{unit}\n[domain]\nmax_decodes = 1\n");
        let noisy = format!("{unit}\n[noise]\nkind = \"log-normal\"\nsigma = 0.2\n");
        let files = [
            ("trace.csv", trace),
            ("sigmas.csv", sigmas),
            ("shorter.csv", shorter),
            ("p.csv", points),
            ("q.csv", others),
            ("laws.csv", laws),
            ("laws2.csv", laws2),
            ("narrow.toml", narrow),
            ("noisy.toml", noisy),
        ];
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Micro { dir }
    }

    /// The scenario with `sets` on top of the base. `@x` is a file of this test, `&x` one of tests/data/traces.
    fn scenario(&self, sets: &[String]) -> Result<Scenario> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/traces");
        let slashed = |p: PathBuf| p.to_str().unwrap().replace('\\', "/") + "/";
        let place = |set: &str| {
            set.replace('@', &slashed(self.dir.path().to_path_buf())).replace('&', &slashed(data.clone()))
        };
        let mut layers = Layers::default();
        layers.set(&place("trace.path=@trace.csv"))?;
        for set in BASE.iter().copied().chain(sets.iter().map(String::as_str)) {
            layers.set(&place(set))?;
        }
        resolve(&layers)
    }

    /// Digests of all runs.
    pub fn digests(&self, sets: &[String]) -> Result<String> {
        let (scenario, registry) = (self.scenario(sets)?, Registry::builtin());
        let jobs = jobs(&scenario);
        let inputs = Inputs::load(&scenario, jobs.len())?;
        let run = |job: &foretoken::replay::Job| {
            let finished = job.run(&scenario, &inputs, &registry, false, &mut Listeners::default())?;
            Ok(finished.totals.digest)
        };
        Ok(jobs.iter().map(run).collect::<Result<Vec<_>>>()?.join(" "))
    }

    /// What the summaries say.
    fn summary(&self, sets: &[String]) -> Result<String> {
        let out = self.dir.path().join("out");
        let outputs = Outputs::default();
        let options = Options { outputs, overwrite: true, stepwise: false };
        let scenario = self.scenario(sets)?;
        let done = replay(&scenario, &Registry::builtin(), &out, &options, &Progress::default())?;
        Ok(serde_json::to_string(&done.runs[0].summary).unwrap())
    }

    /// The numbers behind the figures.
    fn figures(&self, sets: &[String]) -> Result<String> {
        let out = self.dir.path().join("drawn");
        let outputs = Outputs { figures: true, ..Outputs::default() };
        let options = Options { outputs, overwrite: true, stepwise: false };
        replay(&self.scenario(sets)?, &Registry::builtin(), &out, &options, &Progress::default())?;
        let files = std::fs::read_dir(out.join("figures")).unwrap().map(|e| e.unwrap().path());
        let mut data: Vec<PathBuf> = files.filter(|p| p.extension().is_some_and(|e| e == "csv")).collect();
        data.sort();
        Ok(data.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect())
    }

    /// What the run of `case` with its key at `value` comes to.
    pub fn outcome(&self, case: &Case, value: &str) -> String {
        let given = case.given.split(';').filter(|s| !s.is_empty()).map(str::to_string);
        let sets: Vec<String> = given.chain(case.sets(value)).collect();
        let outcome = match case.outcome {
            Outcome::Summary => self.summary(&sets),
            Outcome::Figures => self.figures(&sets),
            Outcome::Digest | Outcome::Refused => self.digests(&sets),
        };
        outcome.unwrap_or_else(|e| format!("refused: {e}"))
    }
}
