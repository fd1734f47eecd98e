//! What stands for numbers: lines, steps, bands, markers, bars and cells of one panel.

use super::axis::Scaled;
use super::canvas::{Canvas, Fill, Pen, Point, Rect, escape};
use super::clip;
use super::layout::Placed;
use super::spec::{Bins, Datum, FigureSpec, Grid, Mark, Panel, Series};
use super::style::{Look, Rgb, Shape, Theme};

/// Width of lines, in CSS pixels of paper size.
pub(super) const LINE_PX: f64 = 1.3;
const ERROR_PX: f64 = 0.9;
/// Opacity of bands.
pub(super) const BAND_OPACITY: f64 = 0.2;
const MARKER_PX: f64 = 2.0;
/// Lines with more points than this carry a few markers instead of one per point.
const FEW: usize = 15;
const MARKERS: usize = 5;
/// Share of the page's colour in a histogram's, so that curves stand out from it.
const PALE: f64 = 0.62;
/// Far below a canvas unit, far above rounding.
const HAIR: f64 = 1e-3;
/// Share of a category taken by its bars.
const GROUP: f64 = 0.76;

/// Draws the series of one panel.
pub(super) struct Marks<'a> {
    pub theme: &'a Theme,
    pub names: &'a [&'a str],
    pub at: &'a Placed,
    /// Scale of the colour axis.
    pub colour: Option<&'a Scaled>,
    /// The panel and its number.
    pub panel: &'a Panel,
    pub index: usize,
}

impl Marks<'_> {
    /// Cells, then areas, then lines and points, so that nothing thin is covered.
    pub fn draw(&self, canvas: &mut dyn Canvas) {
        for series in &self.panel.series {
            match &series.mark {
                Mark::Heat(grid) => self.cells(series, grid, canvas),
                Mark::Histogram(bins) => self.histogram(series, bins, canvas),
                Mark::Band(band) => self.band(series, band, false, canvas),
                Mark::Line(data) => self.bands(series, data, false, canvas),
                Mark::Step(data) => self.bands(series, data, true, canvas),
                Mark::Points(_) | Mark::Bars(_) => {}
            }
        }
        let groups: Vec<&Series> =
            self.panel.series.iter().filter(|s| matches!(s.mark, Mark::Bars(_))).collect();
        for series in &self.panel.series {
            match &series.mark {
                Mark::Line(data) => self.line(series, data, self.points(data), canvas),
                Mark::Step(data) => self.line(series, data, stairs(&self.points(data)), canvas),
                Mark::Points(data) => self.scatter(series, data, canvas),
                Mark::Bars(data) => {
                    let place = groups.iter().position(|s| std::ptr::eq(*s, series)).unwrap_or(0);
                    self.bars(series, data, [place as f64, groups.len() as f64], canvas);
                }
                Mark::Band(_) | Mark::Histogram(_) | Mark::Heat(_) => {}
            }
        }
    }

    fn look(&self, series: &Series) -> Look {
        self.theme.look(self.names.iter().position(|n| *n == series.name).unwrap_or(0))
    }

    fn tag(&self, series: &Series, kind: &str) -> String {
        format!("data-panel=\"{}\" data-series=\"{}\" data-kind=\"{kind}\"", self.index, escape(&series.name))
    }

    fn point(&self, x: f64, y: f64) -> Point {
        (self.at.x.at(x), self.at.y.at(y))
    }

    fn points(&self, data: &[Datum]) -> Vec<Point> {
        data.iter().map(|d| self.point(d.x, d.y)).collect()
    }

    /// The frame and a hair around it, so that rounding never cuts off what runs along its edge.
    fn view(&self) -> Rect {
        let Rect { left, top, right, bottom } = self.at.frame;
        Rect { left: left - HAIR, top: top - HAIR, right: right + HAIR, bottom: bottom + HAIR }
    }

    fn shows(&self, point: Point) -> bool {
        let f = self.view();
        (f.left..=f.right).contains(&point.0) && (f.top..=f.bottom).contains(&point.1)
    }

    /// One band per run of points that have an interval.
    fn bands(&self, series: &Series, data: &[Datum], stepped: bool, canvas: &mut dyn Canvas) {
        for run in data.chunk_by(|a, b| a.interval.is_some() == b.interval.is_some()) {
            let ends: Vec<[f64; 3]> =
                run.iter().filter_map(|d| d.interval.map(|[lo, hi]| [d.x, lo, hi])).collect();
            self.band(series, &ends, stepped, canvas);
        }
    }

    fn band(&self, series: &Series, ends: &[[f64; 3]], stepped: bool, canvas: &mut dyn Canvas) {
        let edge = |i: usize| {
            let points: Vec<Point> = ends.iter().map(|e| self.point(e[0], e[i])).collect();
            if stepped { stairs(&points) } else { points }
        };
        let ring: Vec<Point> = edge(1).into_iter().chain(edge(2).into_iter().rev()).collect();
        let ring = clip::area(&ring, self.view());
        if ring.len() > 2 {
            let fill = Fill { colour: self.look(series).colour, opacity: BAND_OPACITY };
            canvas.polygon(&ring, fill, &self.tag(series, "band"));
        }
    }

    /// A line with markers: one per point where they are few, some at equal distances along it otherwise.
    fn line(&self, series: &Series, data: &[Datum], path: Vec<Point>, canvas: &mut dyn Canvas) {
        let look = self.look(series);
        let guide = series.name.is_empty();
        let pen = match guide {
            true => self.theme.guide(),
            false => Pen { colour: look.colour, width: self.theme.px(LINE_PX), dash: look.dash },
        };
        let tag = self.tag(series, series.mark.kind());
        for part in clip::path(&path, self.view()) {
            canvas.polyline(&part, &pen, &tag);
        }
        if guide {
            return;
        }
        let points = self.points(data);
        let slot = self.names.iter().position(|n| *n == series.name).unwrap_or(0);
        for i in marked(&points, (slot as f64 + 0.5) / self.names.len().max(1) as f64) {
            if self.shows(points[i]) {
                marker(points[i], look, self.theme, "", canvas);
            }
        }
    }

    fn scatter(&self, series: &Series, data: &[Datum], canvas: &mut dyn Canvas) {
        let look = self.look(series);
        for d in data {
            let pen = Pen::solid(look.colour, self.theme.px(ERROR_PX));
            self.error_bar(d, self.at.x.at(d.x), pen, &self.tag(series, "interval"), canvas);
            let point = self.point(d.x, d.y);
            if self.shows(point) {
                marker(point, look, self.theme, &self.tag(series, "points"), canvas);
            }
        }
    }

    /// A vertical line over the interval with a cap at each end that is in the frame.
    fn error_bar(&self, d: &Datum, x: f64, pen: Pen<'_>, tag: &str, canvas: &mut dyn Canvas) {
        let Some(ends) = d.interval else { return };
        let half = self.theme.px(2.0);
        let [lo, hi] = ends.map(|v| self.at.y.at(v));
        let caps = [lo, hi].map(|y| [(x - half, y), (x + half, y)]);
        for stroke in [[(x, lo), (x, hi)], caps[0], caps[1]] {
            for part in clip::path(&stroke, self.view()) {
                canvas.polyline(&part, &pen, tag);
            }
        }
    }

    /// Bars of the series at `place` among `of` that share each category.
    fn bars(&self, series: &Series, data: &[Datum], [place, of]: [f64; 2], canvas: &mut dyn Canvas) {
        let look = self.look(series);
        let width = GROUP / of;
        for d in data {
            let left = d.x - GROUP / 2.0 + place * width;
            let (a, b) = (self.point(left, 0.0), self.point(left + width, d.y));
            let (top, bottom) = (a.1.min(b.1), a.1.max(b.1));
            if let Some(area) = self.within(Rect { left: a.0, right: b.0, top, bottom }) {
                canvas.rect(area, Fill::solid(look.colour), &self.tag(series, "bars"));
                if !series.name.is_empty() {
                    self.brand(area, a.1, look, canvas);
                }
            }
            // A rim of the page's colour, so that the bar's own never hides it.
            let rim = Pen::solid(self.theme.background, self.theme.px(ERROR_PX * 2.4));
            let pen = Pen::solid(self.theme.ink, self.theme.px(ERROR_PX));
            self.error_bar(d, (a.0 + b.0) / 2.0, rim, "", canvas);
            self.error_bar(d, (a.0 + b.0) / 2.0, pen, &self.tag(series, "interval"), canvas);
        }
    }

    /// The series' marker at the foot of its bar, for readers without colour.
    fn brand(&self, bar: Rect, foot: f64, look: Look, canvas: &mut dyn Canvas) {
        let room = self.theme.px(MARKER_PX) * 4.0;
        if bar.right - bar.left < room || bar.bottom - bar.top < room {
            return;
        }
        let up = if foot >= bar.bottom { bar.bottom - room * 0.6 } else { bar.top + room * 0.6 };
        let centre = ((bar.left + bar.right) / 2.0, up);
        inset(centre, look, self.theme, canvas);
    }

    /// Columns from zero; neighbours share an edge, so that none shows through.
    fn histogram(&self, series: &Series, bins: &Bins, canvas: &mut dyn Canvas) {
        let fill = Fill::solid(self.look(series).colour.mix(self.theme.background, PALE));
        for (x, height) in bins.columns() {
            let (a, b) = (self.point(x[0], 0.0), self.point(x[1], height));
            let (top, bottom) = (a.1.min(b.1), a.1.max(b.1));
            if let Some(area) = self.within(Rect { left: a.0, right: b.0, top, bottom }) {
                canvas.rect(area, fill, &self.tag(series, "bin"));
            }
        }
    }

    /// The part of `area` that lies in the frame, if any does.
    fn within(&self, area: Rect) -> Option<Rect> {
        let frame = self.at.frame;
        let area = Rect {
            left: area.left.max(frame.left),
            right: area.right.min(frame.right),
            top: area.top.max(frame.top),
            bottom: area.bottom.min(frame.bottom),
        };
        (area.left < area.right && area.top < area.bottom).then_some(area)
    }

    fn cells(&self, series: &Series, grid: &Grid, canvas: &mut dyn Canvas) {
        let Some(colour) = self.colour else { return };
        for (x, y, value) in grid.cells() {
            let Some(value) = value else { continue };
            let ((left, bottom), (right, top)) = (self.point(x[0], y[0]), self.point(x[1], y[1]));
            if let Some(area) = self.within(Rect { left, right, top, bottom }) {
                let share = (colour.at(value) - colour.from) / (colour.to - colour.from);
                canvas.rect(area, Fill::solid(self.theme.heat(share)), &self.tag(series, "cell"));
            }
        }
    }
}

/// The corners of right-continuous steps.
fn stairs(points: &[Point]) -> Vec<Point> {
    let corners = points.windows(2).flat_map(|w| [(w[1].0, w[0].1), w[1]]);
    points.first().copied().into_iter().chain(corners).collect()
}

/// Which points carry a marker; `phase` in 0..1 keeps the markers of close lines apart.
fn marked(points: &[Point], phase: f64) -> Vec<usize> {
    if points.len() <= FEW {
        return (0..points.len()).collect();
    }
    let lengths: Vec<f64> = std::iter::once(0.0)
        .chain(points.windows(2).scan(0.0, |sum, w| {
            *sum += (w[1].0 - w[0].0).abs() + (w[1].1 - w[0].1).abs();
            Some(*sum)
        }))
        .collect();
    let total = lengths.last().copied().unwrap_or(0.0);
    let mut chosen: Vec<usize> = (0..MARKERS)
        .map(|k| total * (k as f64 + phase) / MARKERS as f64)
        .map(|length| lengths.partition_point(|&l| l < length).min(points.len() - 1))
        .collect();
    chosen.dedup();
    chosen
}

/// A marker with a thin rim of background, so that it stands out from lines below.
fn marker(at: Point, look: Look, theme: &Theme, tag: &str, canvas: &mut dyn Canvas) {
    let radius = theme.px(MARKER_PX);
    shape(at, look.shape, radius + theme.px(0.7), theme.background, "", canvas);
    shape(at, look.shape, radius, look.colour, tag, canvas);
    if look.hollow {
        shape(at, look.shape, radius - theme.px(0.9), theme.background, "", canvas);
    }
}

/// A marker cut out of an area.
fn inset(at: Point, look: Look, theme: &Theme, canvas: &mut dyn Canvas) {
    shape(at, look.shape, theme.px(MARKER_PX), theme.background, "", canvas);
    if look.hollow {
        shape(at, look.shape, theme.px(MARKER_PX - 0.9), look.colour, "", canvas);
    }
}

fn shape(at: Point, shape: Shape, radius: f64, colour: Rgb, tag: &str, canvas: &mut dyn Canvas) {
    match outline(shape, at, radius) {
        Some(corners) => canvas.polygon(&corners, Fill::solid(colour), tag),
        None => canvas.circle(at, radius, Fill::solid(colour), tag),
    }
}

/// Corners of a shape about as large as a disc of `radius`; none for the disc itself.
fn outline(shape: Shape, (x, y): Point, radius: f64) -> Option<Vec<Point>> {
    let corners: &[Point] = match shape {
        Shape::Circle => return None,
        Shape::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        Shape::Triangle => &[(0.0, -1.25), (1.15, 0.85), (-1.15, 0.85)],
        Shape::Diamond => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        Shape::Wedge => &[(0.0, 1.25), (1.15, -0.85), (-1.15, -0.85)],
    };
    Some(corners.iter().map(|&(dx, dy)| (x + dx * radius, y + dy * radius)).collect())
}

/// The sample of a series in the legend: `left..left + width` around the height `y`.
pub(super) fn sample(
    spec: &FigureSpec,
    name: &str,
    look: Look,
    theme: &Theme,
    area: Rect,
    canvas: &mut dyn Canvas,
) {
    let series = || spec.panels.iter().flat_map(|p| &p.series).filter(|s| s.name == name);
    let has = |kind: fn(&Mark) -> bool| series().any(|s| kind(&s.mark));
    let middle = (area.top + area.bottom) / 2.0;
    let centre = ((area.left + area.right) / 2.0, middle);
    let line = has(|m| matches!(m, Mark::Line(_) | Mark::Step(_)));
    let banded = |m: &Mark| matches!(m, Mark::Line(_) | Mark::Step(_)) && m.has_intervals();
    if has(|m| matches!(m, Mark::Band(_))) || has(banded) {
        canvas.rect(area, Fill { colour: look.colour, opacity: BAND_OPACITY }, "");
    }
    if has(|m| matches!(m, Mark::Histogram(_))) {
        canvas.rect(area, Fill::solid(look.colour.mix(theme.background, PALE)), "");
    }
    if has(|m| matches!(m, Mark::Bars(_))) {
        canvas.rect(area, Fill::solid(look.colour), "");
        inset(centre, look, theme, canvas);
    }
    if line {
        let pen = Pen { colour: look.colour, width: theme.px(LINE_PX), dash: look.dash };
        canvas.polyline(&[(area.left, middle), (area.right, middle)], &pen, "");
    }
    if line || has(|m| matches!(m, Mark::Points(_))) {
        marker(centre, look, theme, "", canvas);
    }
}
