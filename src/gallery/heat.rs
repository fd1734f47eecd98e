//! A metric over two swept keys.

use super::measures::{Measures, Row};
use super::over::{LOG_KEY, LOG_METRIC};
use super::source::Source;
use super::words::{self, wide};
use super::{Choices, Drawn, nothing};
use crate::error::{Error, Result};
use crate::report::cells::{Field, heat_figure};
use crate::report::figure::{Axis, Grid};

/// Values up to this many stand at equal distances under their own names; more of them need a numeric axis.
const NAMED: usize = 12;
/// Panels beyond these are too small to read.
const PANELS: usize = 9;

/// One panel per scheduler.
pub fn heatmap(sources: &[Source], choices: &Choices) -> Result<Drawn> {
    let mut measures = Measures::swept(sources)?;
    measures.filter(&choices.only, &choices.conditions)?;
    let [x, y] = keys(&measures, choices)?;
    let z = measures.metric(choices.z.as_deref().unwrap_or("e2e_mean_s"))?;
    let (columns, rows) = (Side::of(&measures, x, choices, "x")?, Side::of(&measures, y, choices, "y")?);
    let mut fields: Vec<Field> = Vec::new();
    for row in measures.rows.iter().filter(|r| r.values[z].is_some()) {
        let name = Some(measures.name(row, &[x, y]));
        let slot = fields.iter().position(|f| f.label == name).unwrap_or_else(|| {
            let values = vec![None; columns.values.len() * rows.values.len()];
            let grid = Grid { x_edges: columns.edges.clone(), y_edges: rows.edges.clone(), values };
            fields.push(Field { label: name, grid, numbers: Vec::new() });
            fields.len() - 1
        });
        let cell = rows.place(row) * columns.values.len() + columns.place(row);
        fields[slot].grid.values[cell] = row.values[z].map(|e| e.mean);
    }
    if fields.is_empty() {
        return Err(nothing(&format!("no run has a value of {}", measures.metrics[z])));
    }
    if fields.len() > PANELS {
        let what = format!("{} panels are too many", fields.len());
        return Err(Error::Usage(format!("{what}; keep some with --only LABELS or --where KEY=VALUE")));
    }
    let cells = || fields.iter().flat_map(|f| &f.grid.values);
    let empty = cells().filter(|v| v.is_none()).count();
    let served = words::metric(&measures.metrics[z]);
    let log = choices.is_log("z", wide(cells().flatten().copied(), LOG_METRIC));
    let colour = words::axis(log, &served.label, served.unit);
    let panels = fields.len();
    let mut spec = heat_figure(&columns.axis, &rows.axis, colour, fields, choices.width(panels > 2));
    spec.caption = format!("{} Keys: {} and {}.", spec.caption, measures.axes[x], measures.axes[y]);
    let mut remarks = measures.notes;
    if empty > 0 {
        remarks.push(format!("{empty} cells have no result and stay empty"));
        spec.notes.push("Empty cells: no result.".to_owned());
    }
    Ok(Drawn { spec, remarks })
}

fn keys(measures: &Measures, choices: &Choices) -> Result<[usize; 2]> {
    let several = |what: &str| {
        Error::Usage(format!("{what}; say which two with --x and --y: {}", measures.axes.join(", ")))
    };
    let chosen = match (&choices.x, choices.y.as_slice(), measures.axes.len()) {
        (Some(x), [y], _) => [measures.axis(x)?, measures.axis(y)?],
        (None, [], 2) => [0, 1],
        (_, [_, _, ..], _) => return Err(several("a heat map has one vertical axis")),
        (_, _, 0 | 1) => return Err(nothing("a heat map needs two swept keys")),
        _ => return Err(several("keys of a heat map are missing")),
    };
    if chosen[0] == chosen[1] {
        return Err(several("both axes are the same"));
    }
    Ok(chosen)
}

/// One side of the map.
struct Side {
    axis: Axis,
    edges: Vec<f64>,
    /// Values as they were written, in order.
    values: Vec<String>,
    key: usize,
}

impl Side {
    fn of(measures: &Measures, key: usize, choices: &Choices, side: &str) -> Result<Side> {
        let values = measures.values(key);
        let (label, unit) = words::key(&measures.axes[key]);
        if values.len() <= NAMED {
            let axis = Axis { unit: Axis::linear("", unit).unit, ..Axis::categories(&label, values.iter()) };
            let edges = (0..=values.len()).map(|i| i as f64 - 0.5).collect();
            return Ok(Side { axis, edges, values, key });
        }
        let numbers: Option<Vec<f64>> = values.iter().map(|v| v.parse().ok()).collect();
        let Some(numbers) = numbers else {
            let what =
                format!("{} has {} names, for which there is no room", measures.axes[key], values.len());
            return Err(Error::Usage(format!("{what}; keep some with --where KEY=VALUE")));
        };
        let log = choices.is_log(side, wide(numbers.iter().copied(), LOG_KEY));
        let edges = between(&numbers, log);
        let axis = words::axis(log, &label, unit);
        Ok(Side { axis, edges, values, key })
    }

    fn place(&self, row: &Row) -> usize {
        self.values.iter().position(|v| *v == row.at[self.key]).unwrap_or(0)
    }
}

/// Edges half way between values; the outer ones as far out as the next inner ones are in.
fn between(values: &[f64], log: bool) -> Vec<f64> {
    let scaled: Vec<f64> = values.iter().map(|&v| if log { libm::log(v) } else { v }).collect();
    let n = scaled.len();
    let mut edges = vec![scaled[0] - (scaled[1] - scaled[0]) / 2.0];
    edges.extend(scaled.windows(2).map(|w| (w[0] + w[1]) / 2.0));
    edges.push(scaled[n - 1] + (scaled[n - 1] - scaled[n - 2]) / 2.0);
    edges.into_iter().map(|e| if log { libm::exp(e) } else { e }).collect()
}
