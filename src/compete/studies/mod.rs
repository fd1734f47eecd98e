//! The published experiments, repeated: tables first, figures beside them.

mod alpha;
mod ends;
mod growth;
mod predictions;
mod two_point;

pub use alpha::{alpha, alpha_runs};
pub use ends::Ends;
pub use growth::{growth, growth_runs};
pub use predictions::Predictions;
pub use two_point::{two_point, two_point_runs};

use crate::report::figure::{Datum, FigureSpec, Mark, Series};
use serde_json::{Value, json};

/// A table with a figure.
pub struct Study {
    /// Heads of the columns.
    pub headers: Vec<String>,
    /// One row of numbers each; `None` where there is none.
    pub rows: Vec<Vec<Option<f64>>>,
    /// Words that begin each row.
    pub labels: Vec<String>,
    /// The figure, where there is one.
    pub figure: Option<FigureSpec>,
    /// What the reader must know.
    pub notes: Vec<String>,
}

impl Study {
    /// The table as JSON: one object per row, keyed by the heads.
    pub fn json(&self) -> Value {
        let row = |(label, cells): (&String, &Vec<Option<f64>>)| {
            let cells = self.headers[1..].iter().zip(cells).map(|(head, cell)| (head.clone(), json!(cell)));
            let mut object: serde_json::Map<String, Value> = cells.collect();
            object.insert(self.headers[0].clone(), json!(label));
            Value::Object(object)
        };
        Value::Array(self.labels.iter().zip(&self.rows).map(row).collect())
    }
}

impl Study {
    /// Its rows as lines over the numbers that head the columns.
    fn lines(&self, over: &[f64]) -> Vec<Series> {
        let line = |(label, row): (&String, &Vec<Option<f64>>)| {
            let points = over.iter().zip(row).filter_map(|(&x, y)| Some(Datum::new(x, (*y)?)));
            Series::new(label.clone(), Mark::Line(points.collect()))
        };
        self.labels.iter().zip(&self.rows).map(line).collect()
    }

    /// Row `i` as points.
    fn points(&self, i: usize, over: &[f64]) -> Mark {
        let points = over.iter().zip(&self.rows[i]);
        Mark::Points(points.filter_map(|(&x, y)| Some(Datum::new(x, (*y)?))).collect())
    }
}

/// A head and the numbers beside it.
fn heads<T: ToString>(first: &str, rest: &[T]) -> Vec<String> {
    std::iter::once(first.to_string()).chain(rest.iter().map(T::to_string)).collect()
}
