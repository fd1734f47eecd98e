//! What a validation leaves: written aside, then renamed.

use crate::error::{Error, Place, Result};
use crate::record::RequestRecord;
use crate::replay::Staging;
use crate::report::figure::{self, Style};
use crate::time::Span;
use crate::validate::{Measured, Report, figure};
use std::fs;
use std::path::Path;

/// The file by which a directory is known to be a validation.
const REPORT: &str = "report.json";

/// Refuses a place that holds something.
pub fn check(out: &Path, overwrite: bool) -> Result<()> {
    let empty = |dir: &Path| fs::read_dir(dir).map(|mut entries| entries.next().is_none()).unwrap_or(true);
    if !out.exists() || (out.is_dir() && empty(out)) {
        return Ok(());
    }
    if !out.join(REPORT).is_file() {
        let what = "this is no validation, and is not replaced";
        return Err(Error::input(Place::file(out), what, "choose another --out"));
    }
    if !overwrite {
        let help = "replace it with --overwrite, or choose another --out";
        return Err(Error::input(Place::file(out), "this directory holds a validation", help));
    }
    Ok(())
}

/// Writes everything into the directory `out`.
pub fn write(out: &Path, report: &Report, measured: &[Measured]) -> Result<()> {
    let staging = Staging::new(out)?;
    let text = serde_json::to_string_pretty(report).map_err(|e| Error::Usage(e.to_string()))?;
    save(&staging.path().join(REPORT), &format!("{text}\n"))?;
    for m in measured {
        let dir = staging.folder(&format!("seed-{}", m.report.seed))?;
        let profile = toml::to_string(&*m.profile).map_err(|e| Error::Usage(e.to_string()))?;
        save(&dir.join("profile.toml"), &profile)?;
        save(&dir.join("steps.csv"), &steps(m))?;
        save(&dir.join("requests.csv"), &requests(m))?;
        if let Some((samples, session)) = &m.samples {
            save(&dir.join("profile.session.toml"), &session.to_toml())?;
            let path = dir.join("profile.samples.csv");
            let file = fs::File::create(&path).map_err(|e| Error::io(&path, e))?;
            samples.write(file).map_err(|e| Error::io(&path, e))?;
        }
    }
    draw(&staging, report, measured)?;
    staging.publish(&[]).map(|_| ())
}

fn save(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|e| Error::io(path, e))
}

fn steps(m: &Measured) -> String {
    let mut text = "step,prefill_tokens,prefills,decodes,context_sum,measured_s,predicted_s\n".to_string();
    for (i, (step, predicted_s)) in m.steps.iter().enumerate() {
        let tokens: u64 = step.prefill.iter().map(|c| u64::from(c.new)).sum();
        let (chunks, decodes, sum, took) = (step.prefill.len(), step.decodes, step.context_sum, step.took);
        text += &format!("{i},{tokens},{chunks},{decodes},{sum},{took},{predicted_s:.9}\n");
    }
    text
}

fn requests(m: &Measured) -> String {
    let runs = [&m.first, &m.replayed, &m.second];
    let names = ["measured", "predicted", "repeated"];
    let columns = names.map(|run| format!("{run}_e2e_s,{run}_ttft_s,{run}_tpot_s"));
    let mut text = format!("id,arrival_s,prompt_tokens,output_tokens,{}\n", columns.join(","));
    for (i, r) in m.first.records.iter().enumerate() {
        text += &format!("{},{},{},{}", r.id, r.arrival, r.prompt_tokens, r.output_tokens);
        for run in runs {
            let latencies: [fn(&RequestRecord) -> Option<Span>; 3] =
                [RequestRecord::e2e, RequestRecord::ttft, RequestRecord::tpot];
            for of in latencies {
                let cell = run.records.get(i).and_then(of).map_or(String::new(), |s| s.to_string());
                text += &format!(",{cell}");
            }
        }
        text.push('\n');
    }
    text
}

fn draw(staging: &Staging, report: &Report, measured: &[Measured]) -> Result<()> {
    let pairs = |other: fn(&Measured) -> &[RequestRecord]| -> Vec<(f64, f64)> {
        let of = |m| other(m).iter().zip(&m.first.records);
        let both = |(a, b): (&RequestRecord, &RequestRecord)| Some((a.e2e()?.as_secs(), b.e2e()?.as_secs()));
        measured.iter().flat_map(of).filter_map(both).collect()
    };
    let (replayed, repeated) = (pairs(|m| &m.replayed.records), pairs(|m| &m.second.records));
    let steps: Vec<(f64, f64)> =
        measured.iter().flat_map(|m| &m.steps).map(|(s, predicted)| (*predicted, s.took.as_secs())).collect();
    let caption = format!("{}, {}: predicted against measured.", report.what, report.scheduler);
    let spec = figure(&replayed, &repeated, &steps, &caption);
    figure::write(&staging.folder("figures")?, "validate", &spec, Style::Paper).map(|_| ())
}
