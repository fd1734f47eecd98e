//! What a figure is: panels, series, axes and words, with no word about pixels.

use serde::{Deserialize, Serialize};

/// A whole figure: panels on a grid, one legend, one set of notes.
///
/// There is no title: captions belong to the page around the figure, so `caption` is metadata only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FigureSpec {
    /// Printed width.
    pub width: Width,
    /// Panels per row; 0 puts all of them in one row.
    pub columns: usize,
    /// Height of each plot area in mm at paper size; `None` picks a pleasant one.
    pub plot_height_mm: Option<f64>,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// All panels have one x range; inner rows carry no x labels.
    pub share_x: bool,
    /// All panels have one y range; inner columns carry no y labels.
    pub share_y: bool,
    /// How series are named.
    pub legend: Legend,
    /// Colour axis of all heat maps; required when there is one.
    pub colour: Option<Axis>,
    /// What the intervals of points mean; required when there is one.
    pub intervals: Option<Intervals>,
    /// What the figure shows, for screen readers and page generators.
    pub caption: String,
    /// Remarks printed below ("n = 10 seeds").
    pub notes: Vec<String>,
}

/// Printed width of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Width {
    /// 85 mm, one column of a two-column page.
    #[default]
    OneColumn,
    /// 175 mm, the full text width.
    TwoColumn,
}

/// How series are told apart by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Legend {
    /// Names at the ends of the lines where they fit, otherwise as `Outside`.
    #[default]
    Direct,
    /// One row of keys above the panels, wrapped as needed.
    Outside,
    /// No names.
    None,
}

/// Meaning of the intervals of points, drawn as error bars or bands, throughout a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intervals {
    /// Confidence level in (0, 1), as in 0.95.
    pub level: f64,
    /// Fewest and most observations behind an interval.
    pub n: [u64; 2],
    /// What is counted by `n` ("seeds", "requests").
    pub of: String,
}

/// One set of axes and what lies between them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Panel {
    /// Facet strip above the panel ("(a)", "rate 4/s").
    pub label: Option<String>,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Series, drawn in this order. Equal names share colour, dash, marker and legend entry, across panels too.
    pub series: Vec<Series>,
    /// Reference lines.
    pub references: Vec<Reference>,
}

/// One axis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Axis {
    /// What is measured.
    pub label: String,
    /// Its unit, printed in parentheses.
    pub unit: Option<String>,
    /// How values become positions.
    pub scale: Scale,
    /// First and last value shown; `None` follows the data.
    pub range: Option<[f64; 2]>,
    /// A range that follows the data also includes zero (bars always do).
    pub from_zero: bool,
    /// Names of the positions 0, 1, 2, ... of a categorical axis; empty for a numeric one.
    pub categories: Vec<String>,
}

/// How values become positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Proportional.
    #[default]
    Linear,
    /// By decades; values must be above zero.
    Log,
}

/// Numbers under one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Name in the legend; empty for heat maps and for what needs no name. A line without a name is a guide: thin,
    /// dashed, in grey, without markers.
    pub name: String,
    /// The numbers and how they are drawn.
    pub mark: Mark,
}

/// The numbers of a series and how they are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Straight lines through the points in the given order; intervals become a band.
    Line(Vec<Datum>),
    /// Right-continuous steps, as of an ECDF: from each point level to the next x. Intervals become a band.
    Step(Vec<Datum>),
    /// A band alone: (x, low, high). The figure's notes say what it means.
    Band(Vec<[f64; 3]>),
    /// Markers; intervals become error bars.
    Points(Vec<Datum>),
    /// Bars from zero at categorical x; several series stand side by side. Intervals become error bars.
    Bars(Vec<Datum>),
    /// Pale columns from zero between edges on a numeric axis: a histogram.
    Histogram(Bins),
    /// Coloured cells on the figure's colour axis: heat map or 2-D histogram.
    Heat(Grid),
}

/// One drawn point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datum {
    /// Position.
    pub x: f64,
    /// Value.
    pub y: f64,
    /// Low and high end of the interval around `y`, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// Columns between edges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bins {
    /// Rising edges.
    pub edges: Vec<f64>,
    /// Heights, one fewer than edges.
    pub heights: Vec<f64>,
}

/// Cells between edges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Rising edges of the columns.
    pub x_edges: Vec<f64>,
    /// Rising edges of the rows.
    pub y_edges: Vec<f64>,
    /// Values row by row from the lowest, `(y_edges - 1) * (x_edges - 1)` of them; `None` leaves the cell empty.
    pub values: Vec<Option<f64>>,
}

/// A dashed line across the panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Where it stands.
    pub at: At,
    /// Its name, printed outside of the frame.
    pub label: String,
}

/// Position of a reference line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// A vertical line at this x.
    X(f64),
    /// A horizontal line at this y.
    Y(f64),
}

impl Axis {
    /// A linear axis that follows its data; an empty `unit` means none.
    pub fn linear(label: &str, unit: &str) -> Axis {
        let unit = Some(unit).filter(|u| !u.is_empty()).map(str::to_owned);
        Axis { label: label.to_owned(), unit, ..Axis::default() }
    }

    /// A logarithmic axis that follows its data.
    pub fn log(label: &str, unit: &str) -> Axis {
        Axis { scale: Scale::Log, ..Axis::linear(label, unit) }
    }

    /// A categorical axis.
    pub fn categories<S: Into<String>>(label: &str, names: impl IntoIterator<Item = S>) -> Axis {
        Axis { categories: names.into_iter().map(Into::into).collect(), ..Axis::linear(label, "") }
    }

    /// The same axis, showing exactly `lo..=hi`.
    pub fn range(mut self, lo: f64, hi: f64) -> Axis {
        self.range = Some([lo, hi]);
        self
    }

    /// The same axis, including zero.
    pub fn from_zero(mut self) -> Axis {
        self.from_zero = true;
        self
    }

    /// Text of the axis: label, then the unit and the power of ten that the tick labels leave out.
    pub(super) fn title(&self, exponent: i32) -> String {
        let power = super::axis::power_of_ten(exponent);
        match (&self.unit, exponent) {
            (None, 0) => self.label.clone(),
            (Some(unit), 0) => format!("{} ({unit})", self.label),
            (None, _) => format!("{} (×{power})", self.label),
            (Some(unit), _) => format!("{} (×{power} {unit})", self.label),
        }
    }
}

impl Datum {
    /// A point without interval.
    pub fn new(x: f64, y: f64) -> Datum {
        Datum { x, y, interval: None }
    }

    /// A point with the interval `lo..=hi`.
    pub fn with_interval(x: f64, y: f64, lo: f64, hi: f64) -> Datum {
        Datum { x, y, interval: Some([lo, hi]) }
    }
}

impl Series {
    /// A series called `name`.
    pub fn new(name: impl Into<String>, mark: Mark) -> Series {
        Series { name: name.into(), mark }
    }
}

impl Mark {
    /// Name of the kind, as in the data file.
    pub fn kind(&self) -> &'static str {
        match self {
            Mark::Line(_) => "line",
            Mark::Step(_) => "step",
            Mark::Band(_) => "band",
            Mark::Points(_) => "points",
            Mark::Bars(_) => "bars",
            Mark::Histogram(_) => "bin",
            Mark::Heat(_) => "cell",
        }
    }

    /// The points of the kinds that have points.
    pub(super) fn data(&self) -> &[Datum] {
        match self {
            Mark::Line(d) | Mark::Step(d) | Mark::Points(d) | Mark::Bars(d) => d,
            Mark::Band(_) | Mark::Histogram(_) | Mark::Heat(_) => &[],
        }
    }

    /// Whether any point has an interval.
    pub(super) fn has_intervals(&self) -> bool {
        self.data().iter().any(|d| d.interval.is_some())
    }

    /// Whether nothing is drawn.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Mark::Band(b) => b.is_empty(),
            Mark::Histogram(b) => b.heights.is_empty(),
            Mark::Heat(g) => g.values.is_empty(),
            _ => self.data().is_empty(),
        }
    }
}

impl Bins {
    /// The columns as (low edge, high edge, height).
    pub(super) fn columns(&self) -> impl Iterator<Item = ([f64; 2], f64)> + '_ {
        self.edges.windows(2).zip(&self.heights).map(|(edges, &height)| ([edges[0], edges[1]], height))
    }
}

impl Grid {
    /// The cells as (x low, x high, y low, y high, value), row by row.
    pub(super) fn cells(&self) -> impl Iterator<Item = ([f64; 2], [f64; 2], Option<f64>)> + '_ {
        let columns = self.x_edges.len().saturating_sub(1);
        self.values.iter().enumerate().map(move |(i, &v)| {
            let (row, column) = (i / columns, i % columns);
            let x = [self.x_edges[column], self.x_edges[column + 1]];
            (x, [self.y_edges[row], self.y_edges[row + 1]], v)
        })
    }
}

impl FigureSpec {
    /// Panels per row, at least one.
    pub(super) fn per_row(&self) -> usize {
        match self.columns {
            0 => self.panels.len().max(1),
            n => n.min(self.panels.len().max(1)),
        }
    }

    /// Distinct non-empty series names in the order of their first appearance: the index is the look.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for series in self.panels.iter().flat_map(|p| &p.series) {
            if !series.name.is_empty() && !names.contains(&series.name.as_str()) {
                names.push(&series.name);
            }
        }
        names
    }

    /// The printed remarks, the meaning of intervals first.
    pub(super) fn remarks(&self) -> Vec<String> {
        let meaning = self.intervals.as_ref().map(|i| {
            let n = if i.n[0] == i.n[1] { i.n[0].to_string() } else { format!("{}–{}", i.n[0], i.n[1]) };
            format!("{}% confidence intervals, n = {n} {}", (i.level * 1e4).round() / 100.0, i.of)
        });
        meaning.into_iter().chain(self.notes.iter().cloned()).collect()
    }
}
