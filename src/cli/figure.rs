//! `foretoken figure`: draws stored results.

use super::Console;
use crate::error::{Error, Result};
use crate::gallery::{self, Choices, Drawn, Kind};
use crate::report::figure::{self, Picture, Style, Width};
use serde_json::json;
use std::path::PathBuf;
use std::str::FromStr;

/// Draw stored results.
///
/// SOURCE is a directory that `replay` or `sweep run` wrote; for `fit` also a trace; for `prompts` a file of
/// lengths by prompt; for `spec` a file that --spec
/// wrote. Beside the pictures lies OUT.csv with the numbers that are drawn.
#[derive(clap::Args)]
#[command(after_help = kinds())]
pub struct Args {
    /// load, cdf, ratio, heatmap, completion, pareto, timeline, ablation, fit, calibration, prompts, or spec.
    kind: String,
    /// Result directories.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// Pictures to write; an extension (svg, png, pdf) picks one format.
    #[arg(long)]
    out: PathBuf,
    /// Picture formats, comma-separated [default: that of OUT, else svg,png,pdf].
    #[arg(long = "as", value_name = "FORMATS", value_delimiter = ',', value_parser = Picture::from_str)]
    pictures: Vec<Picture>,
    /// Look: paper, slides, dark.
    #[arg(long, default_value = "paper", value_parser = Style::from_str)]
    style: Style,
    /// Printed width: one (85mm) or two columns (175mm) [default: what the panels need].
    #[arg(long, value_parser = width)]
    width: Option<Width>,
    #[command(flatten)]
    choices: ChoiceArgs,
    /// Also write the figure's spec, which `figure spec` draws.
    #[arg(long, value_name = "FILE.json")]
    spec: Option<PathBuf>,
}

#[derive(clap::Args)]
struct ChoiceArgs {
    /// Swept key of the horizontal axis; pareto: metric.
    #[arg(long, value_name = "KEY")]
    x: Option<String>,
    /// Metrics, a panel each, comma-separated; heatmap: swept key of the vertical axis.
    #[arg(long, value_name = "METRICS", value_delimiter = ',')]
    y: Vec<String>,
    /// Metric of a heat map's cells [default: e2e_mean_s].
    #[arg(long, value_name = "METRIC")]
    z: Option<String>,
    /// Schedulers to draw, by label, comma-separated [default: all]; prompts: their ids [default: the first].
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    only: Vec<String>,
    /// Draw only runs in which a swept key has this value; may be repeated.
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = pair)]
    conditions: Vec<(String, String)>,
    /// Axes that are logarithmic: x, y, z, comma-separated, or none [default: what the values need].
    #[arg(long, value_name = "AXES", value_delimiter = ',')]
    log: Option<Vec<String>>,
}

fn kinds() -> String {
    let line = |kind: Kind| format!("  {:12}{}", kind.name(), kind.summary());
    let kinds: Vec<String> = Kind::all().map(line).collect();
    format!(
        "Kinds:\n{}\n  {:12}{}\n\nExample:\n  foretoken figure cdf results/both --out figures/cdf",
        kinds.join("\n"),
        "spec",
        "a figure from its stored spec"
    )
}

fn width(text: &str) -> Result<Width> {
    match text {
        "one" | "85mm" => Ok(Width::OneColumn),
        "two" | "175mm" => Ok(Width::TwoColumn),
        _ => Err(Error::unknown("width", text, ["one", "two", "85mm", "175mm"])),
    }
}

fn pair(text: &str) -> Result<(String, String)> {
    let split = text.split_once('=').filter(|(key, _)| !key.is_empty());
    split
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| Error::Usage(format!("`{text}`: write KEY=VALUE")))
}

/// Runs `foretoken figure`.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    let (stem, pictures) = args.target()?;
    let drawn = args.draw()?;
    for remark in &drawn.remarks {
        console.talk(&format!("note: {remark}"));
    }
    let spec = args.spec.as_ref().map(|path| Ok((path, figure::to_json(&drawn.spec)?))).transpose()?;
    let mut files = figure::save(&stem, &drawn.spec, args.style, &pictures)?;
    if let Some((path, text)) = spec {
        files.push(figure::put(path, text.as_bytes())?);
    }
    let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    let rows: Vec<Vec<String>> = names.iter().map(|n| vec![n.clone()]).collect();
    console.text_table(&["file"], &rows, &json!({ "schema": 1, "files": names }))
}

impl Args {
    fn draw(&self) -> Result<Drawn> {
        if self.kind == "spec" {
            return self.stored();
        }
        let kind = Kind::from_str(&self.kind).map_err(with_spec)?;
        let choices = Choices {
            x: self.choices.x.clone(),
            y: self.choices.y.clone(),
            z: self.choices.z.clone(),
            only: self.choices.only.clone(),
            conditions: self.choices.conditions.clone(),
            log: self.choices.log.clone().map(|axes| axes.into_iter().filter(|a| a != "none").collect()),
            width: self.width,
        };
        gallery::draw(kind, &self.sources, &choices)
    }

    /// The figure of a stored spec, which has made its choices.
    fn stored(&self) -> Result<Drawn> {
        let c = &self.choices;
        let chosen = c.x.is_some() || c.z.is_some() || c.log.is_some();
        if chosen || !(c.y.is_empty() && c.only.is_empty() && c.conditions.is_empty()) {
            return Err(Error::Usage("a stored figure takes --style, --width and --as alone".into()));
        }
        let [path] = self.sources.as_slice() else {
            return Err(Error::Usage("`figure spec` draws one file at a time".into()));
        };
        let mut spec = figure::stored(path)?;
        spec.width = self.width.unwrap_or(spec.width);
        Ok(Drawn { spec, remarks: Vec::new() })
    }

    /// Where pictures go, without extension, and in which formats.
    fn target(&self) -> Result<(PathBuf, Vec<Picture>)> {
        if self.out.file_name().is_none() || self.out.is_dir() {
            let what = format!("--out {}: this is a directory", self.out.display());
            return Err(Error::Usage(format!("{what}; name a file in it")));
        }
        let extension = self.out.extension().and_then(|e| e.to_str());
        let own = extension.and_then(|e| Picture::from_str(e).ok());
        let stem = if own.is_some() || extension == Some("csv") {
            self.out.with_extension("")
        } else {
            self.out.clone()
        };
        let pictures = match (self.pictures.as_slice(), own) {
            ([], Some(one)) => vec![one],
            ([], None) => Picture::ALL.to_vec(),
            (several, _) => several.to_vec(),
        };
        Ok((stem, pictures))
    }
}

/// The same error, with `spec` among the kinds.
fn with_spec(error: Error) -> Error {
    match error {
        Error::Unknown { kind, name, mut known } => {
            known.push("spec".to_owned());
            Error::Unknown { kind, name, known }
        }
        other => other,
    }
}
