//! Predictions made elsewhere, in any language: `id,kind,p1,p2,p3,p4,cost_s`.

use super::server::LONGEST_S;
use super::{Missing, Predictor};
use crate::error::{Error, Place, Result};
use crate::length::{Belief, Histogram, LogT};
use crate::time::Span;
use crate::workload::Request;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) struct FromFile {
    path: PathBuf,
    beliefs: BTreeMap<u32, (Belief, Option<Span>)>,
    missing: Missing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: u32,
    kind: String,
    p1: Option<String>,
    #[serde(default)]
    p2: Option<f64>,
    #[serde(default)]
    p3: Option<f64>,
    #[serde(default)]
    p4: Option<f64>,
    #[serde(default)]
    cost_s: Option<f64>,
    #[serde(default)]
    at_token: Option<u32>,
}

/// The content of a histogram's JSON file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bins {
    /// Rising lengths, tokens.
    edges: Vec<f64>,
    /// One fewer, 0 or more.
    weights: Vec<f64>,
}

/// Histograms read so far, by path: many requests may share one.
struct Histograms<'a> {
    folder: &'a Path,
    read: BTreeMap<PathBuf, Arc<Histogram>>,
}

impl Histograms<'_> {
    /// The histogram in file `name`, relative to the predictions.
    fn get(&mut self, name: &str) -> Result<Belief> {
        let path = self.folder.join(name);
        if let Some(law) = self.read.get(&path) {
            return Ok(Belief::Histogram(Arc::clone(law)));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
        let wrong = |line: u64, what: String| {
            let help = "write {\"edges\": [1, 10, 100], \"weights\": [3, 1]}";
            Error::input(Place::file(&path).line(line), what, help)
        };
        let bins: Bins = serde_json::from_str(&text).map_err(|e| wrong(e.line() as u64, e.to_string()))?;
        let law = Histogram::new(&bins.edges, &bins.weights).map_err(|e| wrong(1, e.to_string()))?;
        let law = Arc::new(law);
        self.read.insert(path, Arc::clone(&law));
        Ok(Belief::Histogram(law))
    }
}

impl FromFile {
    pub fn read(path: &Path, missing: Missing) -> Result<FromFile> {
        let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
        let mut reader = csv::Reader::from_reader(std::io::BufReader::new(file));
        let mut beliefs = BTreeMap::new();
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut histograms = Histograms { folder, read: BTreeMap::new() };
        for (i, row) in reader.deserialize::<Row>().enumerate() {
            let line = i as u64 + 2;
            let row = row.map_err(|e| {
                let line = e.position().map_or(line, csv::Position::line);
                let help = "columns are id,kind,p1,p2,p3,p4,cost_s";
                Error::input(Place::file(path).line(line), e.to_string(), help)
            })?;
            let at = |column: &str| Place::file(path).line(line).column(column);
            let id = row.id;
            let prediction = (row.belief(&at, &mut histograms)?, row.cost(&at)?);
            if beliefs.insert(id, prediction).is_some() {
                return Err(Error::input(at("id"), format!("id {id} is there twice"), "give every id once"));
            }
        }
        Ok(FromFile { path: path.into(), beliefs, missing })
    }
}

impl Row {
    fn cost(&self, at: &dyn Fn(&str) -> Place) -> Result<Option<Span>> {
        let Some(cost_s) = self.cost_s else { return Ok(None) };
        if (0.0..=LONGEST_S).contains(&cost_s) {
            return Ok(Span::from_secs(cost_s));
        }
        let what = format!("{cost_s} is no length of time for a prediction");
        Err(Error::input(at("cost_s"), what, "give 0 to 1000000 seconds"))
    }

    fn belief(&self, at: &dyn Fn(&str) -> Place, histograms: &mut Histograms<'_>) -> Result<Belief> {
        if self.at_token.is_some_and(|t| t != 0) {
            let what = "predictions that change while a request runs are not modelled".to_string();
            return Err(Error::input(at("at_token"), what, "leave it empty or 0"));
        }
        let first = self.p1.as_deref().unwrap_or_default().trim();
        if self.kind == "histogram" {
            if first.is_empty() {
                let what = "kind histogram needs the path of a JSON file here".to_string();
                return Err(Error::input(at("p1"), what, "give it, relative to this file"));
            }
            return histograms.get(first);
        }
        let p1: Option<f64> = match first {
            "" => None,
            text => Some(text.parse().map_err(|_| {
                Error::input(
                    at("p1"),
                    format!("`{text}` is no number"),
                    "give one; only a histogram has a path",
                )
            })?),
        };
        let number = |column: &str, value: Option<f64>| match value {
            Some(v) if v.is_finite() => Ok(v),
            _ => Err(Error::input(at(column), format!("kind {} needs a number here", self.kind), "give one")),
        };
        let tokens = |column: &str, value: Option<f64>| match number(column, value)? {
            v if (1.0..=f64::from(u32::MAX)).contains(&v) => Ok(v),
            v => Err(Error::input(at(column), format!("{v} is no length in tokens"), "give 1 or more")),
        };
        match self.kind.as_str() {
            "point" => Ok(Belief::Point(tokens("p1", p1)?)),
            "score" => Ok(Belief::Score(number("p1", p1)?)),
            "interval" => {
                let (lo, hi) = (tokens("p1", p1)? as u32, tokens("p2", self.p2)? as u32);
                if lo > hi {
                    let what = format!("the interval {lo}..{hi} is empty");
                    return Err(Error::input(at("p1"), what, "give lo <= hi"));
                }
                Ok(Belief::Interval { lo, hi })
            }
            "logt" => {
                let (mu, sigma) = (number("p1", p1)?, number("p2", self.p2)?);
                let (nu, cap) = (number("p3", self.p3)?, tokens("p4", self.p4)? as u32);
                if sigma < 0.0 || nu <= 0.0 {
                    let what = format!("sigma {sigma}, nu {nu}");
                    return Err(Error::input(at("p2"), what, "sigma is 0 or more, nu positive"));
                }
                Ok(Belief::LogT(LogT { mu, sigma, nu, cap }))
            }
            other => {
                let known = ["point", "interval", "logt", "score", "histogram"];
                let unknown = Error::unknown("kind", other, known).to_string();
                Err(Error::input(at("kind"), unknown, "use one of these"))
            }
        }
    }
}

impl Predictor for FromFile {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        let id = request.visible.id.0;
        match (self.beliefs.get(&id), self.missing) {
            (Some((belief, _)), _) => Ok(belief.clone()),
            (None, Missing::Unknown) => Ok(Belief::Unknown),
            (None, Missing::Error) => Err(Error::input(
                Place::file(&self.path),
                format!("no prediction for request {id}"),
                "add it, or set predictor.missing = \"unknown\"",
            )),
        }
    }

    fn cost(&self, request: &Request) -> Option<Span> {
        self.beliefs.get(&request.visible.id.0)?.1
    }

    fn takes_time(&self) -> bool {
        self.beliefs.values().any(|(_, cost)| cost.is_some_and(|cost| cost > Span::ZERO))
    }
}
