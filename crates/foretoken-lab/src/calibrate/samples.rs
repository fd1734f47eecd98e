//! Timed steps, one CSV row each.

use super::point::Point;
use super::session::Clock;
use crate::error::{Error, Place, Result};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::Path;

/// One timed step.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Pass over the whole plan that it belongs to, from 1; passes are compared with each other.
    pub pass: u32,
    /// The step.
    pub point: Point,
    /// Seconds on the wall, device synchronised at both ends.
    pub wall_s: f64,
    /// CPU time of the process, seconds; none where it was not read.
    pub cpu_s: Option<f64>,
    /// Energy the device drew, joules; none without a meter.
    pub energy_j: Option<f64>,
    /// Clock of the device, MHz; none where it cannot be read.
    pub clock_mhz: Option<f64>,
    /// Load average of the machine over the last minute; none where it cannot be read.
    pub load: Option<f64>,
}

impl Sample {
    /// Seconds on `clock`, if that one was read.
    pub fn seconds(&self, clock: Clock) -> Option<f64> {
        match clock {
            Clock::Wall => Some(self.wall_s),
            Clock::Cpu => self.cpu_s,
        }
    }
}

/// Timed steps in the order they were taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The steps.
    pub rows: Vec<Sample>,
}

/// A row of the file. `prefill` and `decode` are in the notation of [`Point`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    pass: u32,
    prefill: String,
    decode: String,
    wall_s: f64,
    #[serde(default)]
    cpu_s: Option<f64>,
    #[serde(default)]
    energy_j: Option<f64>,
    #[serde(default)]
    clock_mhz: Option<f64>,
    #[serde(default)]
    load: Option<f64>,
}

impl Samples {
    /// The samples in file `path`.
    ///
    /// Errors name file, line and column: a missing or unknown column, a step that is none, a duration that
    /// is not a positive number; no row at all.
    pub fn read(path: impl AsRef<Path>) -> Result<Samples> {
        let path = path.as_ref();
        let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
        Samples::parse(path, file)
    }

    /// The samples in `text`, which came from `path`.
    pub fn parse(path: &Path, text: impl Read) -> Result<Samples> {
        let mut rows = Vec::new();
        for (i, row) in csv::Reader::from_reader(text).into_deserialize::<Row>().enumerate() {
            let at = |column: Option<&str>| {
                let place = Place::file(path).line(i as u64 + 2);
                match column {
                    Some(name) => place.column(name),
                    None => place,
                }
            };
            let help = "correct or remove the row; the rest of the file stays usable";
            let row = row.map_err(|e| Error::input(at(None), e.to_string(), help))?;
            let point = Point::parse(&row.prefill, &row.decode)
                .map_err(|what| Error::input(at(Some("prefill")), what, help))?;
            let Row { pass, wall_s, cpu_s, energy_j, clock_mhz, load, .. } = row;
            for (column, value) in [("wall_s", Some(wall_s)), ("cpu_s", cpu_s)] {
                if let Some(v) = value.filter(|v| !(v.is_finite() && *v > 0.0)) {
                    return Err(Error::input(at(Some(column)), format!("{v} s is no duration"), help));
                }
            }
            rows.push(Sample { pass, point, wall_s, cpu_s, energy_j, clock_mhz, load });
        }
        if rows.is_empty() {
            return Err(Error::input(
                Place::file(path),
                "no samples",
                "calibrate first, or name another file",
            ));
        }
        Ok(Samples { rows })
    }

    /// These, and then those of another calibration with the same plan, as later passes.
    pub fn and(mut self, later: Samples) -> Samples {
        let passes = self.rows.iter().map(|s| s.pass).max().unwrap_or(0);
        self.rows.extend(later.rows.into_iter().map(|s| Sample { pass: passes + s.pass, ..s }));
        self
    }

    /// Writes the samples as CSV.
    pub fn write(&self, to: impl Write) -> std::io::Result<()> {
        let mut csv = csv::Writer::from_writer(to);
        for s in &self.rows {
            csv.serialize(Row {
                pass: s.pass,
                prefill: s.point.prefill_text(),
                decode: s.point.decode_text(),
                wall_s: s.wall_s,
                cpu_s: s.cpu_s,
                energy_j: s.energy_j,
                clock_mhz: s.clock_mhz,
                load: s.load,
            })?;
        }
        csv.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_survive_the_file() {
        let sample = |point, wall_s| Sample {
            pass: 1,
            point,
            wall_s,
            cpu_s: Some(wall_s / 3.0),
            energy_j: None,
            clock_mhz: None,
            load: Some(0.5),
        };
        let samples =
            Samples { rows: vec![sample(Point::prefill(64, 0), 0.1), sample(Point::decode(9, 2), 1e-7)] };
        let mut text = Vec::new();
        samples.write(&mut text).unwrap();
        assert_eq!(Samples::parse(Path::new("s.csv"), text.as_slice()).unwrap(), samples);
    }

    #[test]
    fn a_bad_row_is_named() {
        let text = "pass,prefill,decode,wall_s\n1,64@0,,0.1\n1,,8x2,-1\n";
        let error = Samples::parse(Path::new("s.csv"), text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("s.csv, line 3, column wall_s"), "{error}");
        let empty = "pass,prefill,decode,wall_s\n";
        assert!(Samples::parse(Path::new("s.csv"), empty.as_bytes()).is_err());
    }
}
