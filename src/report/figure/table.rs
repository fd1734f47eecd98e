//! The plotted numbers in long form.

use super::spec::{At, FigureSpec, Mark, Panel};
use crate::error::{Error, Result};

/// Columns of the data file. `panel` counts from 0; a cell spans `x`..`x2` and `y`..`y2`, a bin `x`..`x2`; a reference line has
/// one of `x` and `y`; a `number` of a whole panel has a `value`.
const COLUMNS: [&str; 10] = ["panel", "series", "kind", "x", "y", "lo", "hi", "x2", "y2", "value"];

/// The numbers of a row after panel, series and kind: x, y, lo, hi, x2, y2, value.
type Numbers = [Option<f64>; 7];

/// Every number that is drawn, in the order of drawing, as CSV. Numbers read back exactly.
pub(super) fn csv(spec: &FigureSpec) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fail = |e: csv::Error| Error::Usage(format!("figure data: {e}"));
    writer.write_record(COLUMNS).map_err(fail)?;
    for (index, panel) in spec.panels.iter().enumerate() {
        for (name, kind, numbers) in rows(panel) {
            let numbers = numbers.map(|n| n.map_or_else(String::new, |v| v.to_string()));
            let words = [index.to_string(), name.to_owned(), kind.to_owned()];
            writer.write_record(words.into_iter().chain(numbers)).map_err(fail)?;
        }
    }
    let bytes = writer.into_inner().map_err(|e| Error::Usage(format!("figure data: {e}")))?;
    String::from_utf8(bytes).map_err(|e| Error::Usage(format!("figure data: {e}")))
}

fn rows(panel: &Panel) -> impl Iterator<Item = (&str, &'static str, Numbers)> {
    let series = panel.series.iter().flat_map(|s| {
        let kind = s.mark.kind();
        numbers(&s.mark).into_iter().map(move |n| (s.name.as_str(), kind, n))
    });
    let references = panel.references.iter().map(|r| {
        let [x, y] = match r.at {
            At::X(x) => [Some(x), None],
            At::Y(y) => [None, Some(y)],
        };
        (r.label.as_str(), "reference", [x, y, None, None, None, None, None])
    });
    let about = panel.numbers.iter();
    let about =
        about.map(|(name, v)| (name.as_str(), "number", [None, None, None, None, None, None, Some(*v)]));
    series.chain(references).chain(about)
}

fn numbers(mark: &Mark) -> Vec<Numbers> {
    match mark {
        Mark::Band(band) => {
            band.iter().map(|&[x, lo, hi]| [Some(x), None, Some(lo), Some(hi), None, None, None]).collect()
        }
        Mark::Histogram(bins) => {
            bins.columns().map(|([x, x2], y)| [Some(x), Some(y), None, None, Some(x2), None, None]).collect()
        }
        Mark::Heat(grid) => {
            let cell = |([x, x2], [y, y2], value): ([f64; 2], [f64; 2], Option<f64>)| {
                [Some(x), Some(y), None, None, Some(x2), Some(y2), value]
            };
            grid.cells().map(cell).collect()
        }
        points => {
            let ends = |i: Option<[f64; 2]>| [i.map(|i| i[0]), i.map(|i| i[1])];
            let row = |d: &super::spec::Datum| {
                let [lo, hi] = ends(d.interval);
                [Some(d.x), Some(d.y), lo, hi, None, None, None]
            };
            points.data().iter().map(row).collect()
        }
    }
}
