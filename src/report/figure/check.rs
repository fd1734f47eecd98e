//! Refusal of figures that cannot be drawn honestly, naming the panel and the series.

use super::face;
use super::spec::{At, Axis, Bins, FigureSpec, Grid, Mark, Panel, Scale};
use crate::error::{Error, Place, Result};

/// Largest magnitude that is drawn; beyond it differences overflow.
const LARGEST: f64 = 1e100;

/// The figure as a whole and every number in it.
pub(super) fn check(spec: &FigureSpec) -> Result<()> {
    let refuse = |what: &str, help: &str| Err(Error::input(Place::key("figure"), what, help));
    if spec.panels.is_empty() {
        return refuse("has no panel", "give it at least one");
    }
    let series = || spec.panels.iter().flat_map(|p| &p.series);
    if spec.intervals.is_none() && series().any(|s| s.mark.has_intervals()) {
        return refuse("intervals without a stated meaning", "set level and n in `intervals`");
    }
    let band = |mark: &Mark| matches!(mark, Mark::Band(rows) if !rows.is_empty());
    if spec.intervals.is_none() && spec.notes.is_empty() && series().any(|s| band(&s.mark)) {
        return refuse("a band without a stated meaning", "say in `notes` what it is");
    }
    if spec.colour.is_none() && series().any(|s| matches!(s.mark, Mark::Heat(_))) {
        return refuse("a heat map without a colour axis", "set `colour`");
    }
    if let Some(h) = spec.plot_height_mm.filter(|h| !(10.0..=300.0).contains(h)) {
        return refuse(&format!("plot_height_mm = {h}"), "choose 10 to 300 mm");
    }
    check_text(spec)?;
    if let Some(colour) = &spec.colour {
        check_axis(colour, "figure, colour axis")?;
    }
    for (i, panel) in spec.panels.iter().enumerate() {
        check_panel(panel, i, spec)?;
    }
    Ok(())
}

fn check_panel(panel: &Panel, index: usize, spec: &FigureSpec) -> Result<()> {
    check_axis(&panel.x, &format!("figure, panel {index}, x axis"))?;
    check_axis(&panel.y, &format!("figure, panel {index}, y axis"))?;
    for series in &panel.series {
        let place = format!("figure, panel {index}, series `{}`", series.name);
        let numbers = Numbers { place: &place, panel };
        match &series.mark {
            Mark::Band(rows) => rows.iter().try_for_each(|&[x, lo, hi]| numbers.interval(x, lo, hi))?,
            Mark::Heat(grid) => check_grid(grid, &numbers, spec)?,
            Mark::Histogram(bins) => check_bins(bins, &numbers)?,
            mark => mark.data().iter().try_for_each(|d| {
                numbers.point(d.x, d.y)?;
                d.interval.map_or(Ok(()), |[lo, hi]| numbers.interval(d.x, lo, hi))
            })?,
        }
        if matches!(series.mark, Mark::Bars(_)) {
            numbers.bars()?;
        }
    }
    for reference in &panel.references {
        let place = format!("figure, panel {index}, reference `{}`", reference.label);
        let numbers = Numbers { place: &place, panel };
        match reference.at {
            At::X(x) => numbers.on(&panel.x, x, "x")?,
            At::Y(y) => numbers.on(&panel.y, y, "y")?,
        }
    }
    Ok(())
}

/// Checks of the numbers of one series against its axes.
struct Numbers<'a> {
    place: &'a str,
    panel: &'a Panel,
}

impl Numbers<'_> {
    fn point(&self, x: f64, y: f64) -> Result<()> {
        self.on(&self.panel.x, x, "x")?;
        self.on(&self.panel.y, y, "y")
    }

    fn interval(&self, x: f64, lo: f64, hi: f64) -> Result<()> {
        self.point(x, lo)?;
        self.point(x, hi)?;
        if lo > hi {
            return Err(self.refuse(format!("interval {lo}..{hi} is upside down"), "give low, then high"));
        }
        Ok(())
    }

    fn bars(&self) -> Result<()> {
        self.foot()?;
        if self.panel.x.categories.is_empty() {
            return Err(self.refuse("bars on a numeric axis have no width".to_owned(), "name the categories"));
        }
        Ok(())
    }

    fn foot(&self) -> Result<()> {
        if self.panel.y.scale == Scale::Log {
            return Err(self.refuse("bars on a log axis have no foot".to_owned(), "use points"));
        }
        Ok(())
    }

    /// Edges lie on their axis and rise.
    fn edges(&self, axis: &Axis, edges: &[f64], name: &str) -> Result<()> {
        edges.iter().try_for_each(|&e| self.on(axis, e, name))?;
        if edges.windows(2).any(|w| w[0] >= w[1]) {
            return Err(self.refuse(format!("{name} edges do not rise"), "sort them, without repeats"));
        }
        Ok(())
    }

    fn on(&self, axis: &Axis, value: f64, name: &str) -> Result<()> {
        if value.is_nan() || value.abs() > LARGEST {
            return Err(
                self.refuse(format!("{name} = {value} cannot be drawn"), "leave it out or say why not")
            );
        }
        let last = axis.categories.len() as f64 - 0.5;
        if last > 0.0 && !(-0.5..=last).contains(&value) {
            let what = format!("{name} = {value} is none of the {} categories", axis.categories.len());
            return Err(self.refuse(what, "count them from 0"));
        }
        if axis.scale == Scale::Log && value <= 0.0 {
            let what = format!("{name} = {value} on the log axis `{}`", axis.label);
            return Err(self.refuse(what, "use a linear axis or leave it out"));
        }
        Ok(())
    }

    fn refuse(&self, what: String, help: &str) -> Error {
        Error::input(Place::key(self.place), what, help)
    }
}

fn check_bins(bins: &Bins, numbers: &Numbers) -> Result<()> {
    numbers.foot()?;
    if bins.edges.len() != bins.heights.len() + 1 {
        let what = format!("{} heights for {} edges", bins.heights.len(), bins.edges.len());
        return Err(numbers.refuse(what, "give one height between each two edges"));
    }
    bins.heights.iter().try_for_each(|&h| numbers.on(&numbers.panel.y, h, "height"))?;
    numbers.edges(&numbers.panel.x, &bins.edges, "x")
}

fn check_grid(grid: &Grid, numbers: &Numbers, spec: &FigureSpec) -> Result<()> {
    let (columns, rows) = (grid.x_edges.len().saturating_sub(1), grid.y_edges.len().saturating_sub(1));
    if columns * rows != grid.values.len() {
        let what = format!("{} values for {columns} columns and {rows} rows", grid.values.len());
        return Err(numbers.refuse(what, "give one value per cell"));
    }
    numbers.edges(&numbers.panel.x, &grid.x_edges, "x")?;
    numbers.edges(&numbers.panel.y, &grid.y_edges, "y")?;
    let colour = spec.colour.iter();
    colour
        .flat_map(|c| grid.values.iter().flatten().map(move |&v| (c, v)))
        .try_for_each(|(c, v)| numbers.on(c, v, "value"))
}

fn check_axis(axis: &Axis, place: &str) -> Result<()> {
    let refuse = |what: String, help: &str| Err(Error::input(Place::key(place), what, help));
    if !axis.categories.is_empty() && axis.scale == Scale::Log {
        return refuse("categories on a log axis".into(), "use a linear axis");
    }
    let Some([lo, hi]) = axis.range else { return Ok(()) };
    if !(lo < hi && lo.abs() <= LARGEST && hi.abs() <= LARGEST) {
        return refuse(format!("range {lo}..{hi} is empty"), "give low, then high");
    }
    if axis.scale == Scale::Log && lo <= 0.0 {
        return refuse(format!("range {lo}..{hi} on a log axis"), "start above zero");
    }
    Ok(())
}

/// Every printed word must have its glyphs in the bundled face, or the PNG would show boxes.
fn check_text(spec: &FigureSpec) -> Result<()> {
    let axes = spec.panels.iter().flat_map(|p| [&p.x, &p.y]).chain(&spec.colour);
    let words = axes.flat_map(|a| a.categories.iter().chain([&a.label]).chain(&a.unit));
    let panels = spec.panels.iter().flat_map(|p| {
        let references = p.references.iter().map(|r| &r.label);
        p.series.iter().map(|s| &s.name).chain(&p.label).chain(references)
    });
    let rest = spec.notes.iter().chain(spec.intervals.iter().map(|i| &i.of));
    for text in words.chain(panels).chain(rest) {
        if let Some(c) = face::missing(text) {
            let what = format!("`{text}` has {c:?}, which the bundled face lacks");
            return Err(Error::input(
                Place::key("figure"),
                what,
                "use Latin, Greek or mathematical characters",
            ));
        }
    }
    Ok(())
}
