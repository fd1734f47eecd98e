//! Sizes and positions: widths first (from measured words), then rows from top to bottom. The plot areas have a
//! given height, so nothing is circular but the x labels that hang over a panel's ends.

use super::axis::{self, Scaled, Ticks};
use super::canvas::Rect;
use super::face::width_em;
use super::names::{self, Key, LEADING_EM, Side, wrap};
use super::spec::{At, Axis, Datum, FigureSpec, Legend, Mark, Panel, Width};
use super::style::Theme;
use crate::error::{Error, Place, Result};

/// Everything that has a place.
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    pub panels: Vec<Placed>,
    /// Legend entries and their printed names.
    pub legend: Vec<(Key, String)>,
    pub notes: Vec<String>,
    pub bar: Option<ColourBar>,
}

/// A panel on the canvas.
pub(super) struct Placed {
    pub frame: Rect,
    /// Left and right end of what belongs to the panel, words included.
    pub cell: [f64; 2],
    pub x: Scaled,
    pub y: Scaled,
    pub x_words: Words,
    pub y_words: Words,
    /// Names right of the frame, relative to the frame's top.
    pub sides: Vec<Side>,
    /// Lines of the facet strip, and names of vertical references, all above the frame.
    pub strip: Vec<String>,
    pub tops: Vec<Top>,
}

/// The name of a vertical reference line: text, middle, row above the frame.
pub(super) struct Top {
    pub text: String,
    pub x: f64,
    pub row: usize,
}

/// Ticks and title of an axis.
#[derive(Clone, Default)]
pub(super) struct Words {
    pub ticks: Ticks,
    /// Empty on panels that share the axis of a neighbour.
    pub title: Vec<String>,
    /// Whether tick labels are printed.
    pub labelled: bool,
    /// Category names have words too long to stand side by side, and are turned upwards.
    pub upward: bool,
}

impl Words {
    /// Lines of the tallest tick label, at least one.
    pub fn most_lines(&self) -> usize {
        self.ticks.major.iter().map(|(_, label)| label.lines().count()).fold(1, usize::max)
    }
}

/// The key of the colour axis.
pub(super) struct ColourBar {
    pub area: Rect,
    pub scale: Scaled,
    pub words: Words,
}

/// Length of a labelled tick, and from its end to its label.
pub(super) const TICK_PX: f64 = 3.0;
/// See [`TICK_PX`].
pub(super) const TICK_GAP_PX: f64 = 3.0;
/// From the frame to the names on its right.
pub(super) const SIDE_PX: f64 = 5.0;
const PAD_PX: f64 = 4.0;
/// Width of the colour bar, and from the panels to it.
pub(super) const BAR_PX: [f64; 2] = [9.0, 6.0];
/// Share of the range left free at each end of an axis that follows its data.
const PAD_SHARE: f64 = 0.04;

/// Finds a place for everything, or names what has none.
pub(super) fn layout(spec: &FigureSpec, theme: &Theme) -> Result<Layout> {
    let planner = Planner::new(spec, theme);
    let mut panels = planner.vertical_axes()?;
    let direct = planner.name_sides(&mut panels)?;
    let bar = planner.colour_bar()?;
    let bar_width = bar.as_ref().map_or(0.0, |b| planner.bar_width(b));
    planner.place_columns(&mut panels, bar_width)?;
    planner.rows(panels, bar, direct)
}

pub(super) struct Planner<'a> {
    pub spec: &'a FigureSpec,
    pub theme: &'a Theme,
    pub width: f64,
    pub columns: usize,
    /// Around the figure, and between its panels.
    pub pad: f64,
    plot_height: f64,
    names: Vec<&'a str>,
}

impl<'a> Planner<'a> {
    fn new(spec: &'a FigureSpec, theme: &'a Theme) -> Planner<'a> {
        let mm = match spec.width {
            Width::OneColumn => 85.0,
            Width::TwoColumn => 175.0,
        };
        let columns = spec.per_row();
        let pleasant = (0.53 * mm / columns as f64).clamp(26.0, 58.0);
        let plot_height = theme.mm(spec.plot_height_mm.unwrap_or(pleasant));
        let names = spec.names();
        Planner { spec, theme, width: theme.mm(mm), plot_height, columns, pad: theme.px(PAD_PX), names }
    }

    /// Panels with their vertical axes on 0..=plot_height and their horizontal axes on 0..=1.
    fn vertical_axes(&self) -> Result<Vec<Placed>> {
        let mut placed = Vec::new();
        for (i, panel) in self.spec.panels.iter().enumerate() {
            let every =
                |shared: bool| if shared { &self.spec.panels[..] } else { std::slice::from_ref(panel) };
            let x = scaled(&panel.x, every(self.spec.share_x), Panel::x_values, [0.0, 1.0]);
            let y = scaled(&panel.y, every(self.spec.share_y), Panel::y_values, [self.plot_height, 0.0]);
            let labelled = !self.spec.share_y || i % self.columns == 0;
            let y_words = self.vertical_words(&panel.y, &y, labelled)?;
            let frame = Rect { left: 0.0, top: 0.0, right: 0.0, bottom: self.plot_height };
            let (x_words, sides, strip, tops) = (Words::default(), Vec::new(), Vec::new(), Vec::new());
            placed.push(Placed { frame, cell: [0.0; 2], x, y, x_words, y_words, sides, strip, tops });
        }
        Ok(placed)
    }

    fn vertical_words(&self, axis: &Axis, scale: &Scaled, labelled: bool) -> Result<Words> {
        let ticks = match axis.categories.is_empty() {
            true => axis::ticks(scale, 0.9 * self.theme.small, &|_| self.theme.small),
            false => self.categories(axis, scale)?,
        };
        let title = match labelled {
            true => wrap(&axis.title(ticks.exponent), self.theme.text, self.plot_height)?,
            false => Vec::new(),
        };
        Ok(Words { ticks, title, labelled, upward: false })
    }

    /// Names right of the frames: line ends if all panels have room for theirs, which is then returned as true.
    fn name_sides(&self, panels: &mut [Placed]) -> Result<bool> {
        let all = |ends: bool| -> Option<Vec<Vec<Side>>> {
            let pairs = self.spec.panels.iter().zip(panels.iter());
            pairs.map(|(p, at)| names::sides(p, &self.names, self.theme, &at.x, &at.y, ends)).collect()
        };
        let most = self.width / self.columns as f64 * 0.34;
        let narrow =
            |sides: &Vec<Vec<Side>>| sides.iter().flatten().all(|s| self.text_width(&s.text) <= most);
        let ends = (self.spec.legend == Legend::Direct).then(|| all(true).filter(narrow)).flatten();
        let direct = ends.is_some();
        let crowded = || {
            let what = "reference lines are too many for their names";
            Error::input(Place::key("figure"), what, "drop some or raise `plot_height_mm`")
        };
        let sides = ends.or_else(|| all(false)).ok_or_else(crowded)?;
        for (panel, sides) in panels.iter_mut().zip(sides) {
            panel.sides = sides;
        }
        Ok(direct)
    }

    /// Ticks of a categorical axis whose labels are at least one line apart.
    fn categories(&self, axis: &Axis, scale: &Scaled) -> Result<Ticks> {
        let apart = (scale.at(1.0) - scale.at(0.0)).abs();
        if apart < self.theme.small * 1.1 {
            let what = format!("no room for the {} categories of `{}`", axis.categories.len(), axis.label);
            return Err(Error::input(Place::key("figure"), what, "split the figure or make it larger"));
        }
        Ok(axis::categories(scale, &axis.categories))
    }

    pub fn text_width(&self, text: &str) -> f64 {
        width_em(text) * self.theme.text
    }

    /// Width of a tick label, which may have several lines.
    pub fn small_width(&self, text: &str) -> f64 {
        text.lines().map(width_em).fold(0.0, f64::max) * self.theme.small
    }

    pub fn widest_label(&self, words: &Words) -> f64 {
        words.ticks.major.iter().map(|(_, label)| self.small_width(label)).fold(0.0, f64::max)
    }

    /// Room left of a frame.
    fn left_of(&self, panel: &Placed) -> f64 {
        if !panel.y_words.labelled {
            return self.theme.px(TICK_PX) + self.pad;
        }
        let title = panel.y_words.title.len() as f64 * LEADING_EM * self.theme.text;
        let labels = self.widest_label(&panel.y_words) + self.theme.px(TICK_PX + TICK_GAP_PX);
        labels + title + self.theme.px(2.0) + self.pad
    }

    /// Room right of a frame.
    fn right_of(&self, panel: &Placed) -> f64 {
        let widest = panel.sides.iter().map(|s| self.text_width(&s.text)).fold(0.0, f64::max);
        self.pad + if widest > 0.0 { widest + self.theme.px(SIDE_PX) } else { 0.0 }
    }

    /// Frames from left to right, with their x ticks. Labels that hang over an end widen that margin.
    fn place_columns(&self, panels: &mut [Placed], bar_width: f64) -> Result<()> {
        let most = |room: &dyn Fn(&Placed) -> f64| -> Vec<f64> {
            let of = |c: usize| panels.iter().skip(c).step_by(self.columns).map(room).fold(0.0, f64::max);
            (0..self.columns).map(of).collect()
        };
        let (mut left, mut right) = (most(&|p| self.left_of(p)), most(&|p| self.right_of(p)));
        for _ in 0..4 {
            let margins: f64 = left.iter().chain(&right).sum();
            let plot = (self.width - bar_width - margins) / self.columns as f64;
            if plot < self.theme.mm(9.0) {
                let what = format!("{} panels in a row leave no room to plot", self.columns);
                return Err(Error::input(Place::key("figure"), what, "use fewer `columns` or shorter names"));
            }
            let mut enough = true;
            let mut start = 0.0;
            for c in 0..self.columns {
                let edges = [start + left[c], start + left[c] + plot];
                for (i, panel) in panels.iter_mut().enumerate().skip(c).step_by(self.columns) {
                    panel.cell = [start, edges[1] + right[c]];
                    self.horizontal_words(panel, i, edges)?;
                    let [over_left, over_right] = self.overhang(panel);
                    enough &=
                        over_left + self.pad <= left[c] + 0.5 && over_right + self.pad <= right[c] + 0.5;
                    left[c] = left[c].max(over_left + self.pad);
                    right[c] = right[c].max(over_right + self.pad);
                }
                start += left[c] + plot + right[c];
            }
            if enough {
                break;
            }
        }
        Ok(())
    }

    /// Lays the x axis of panel `i` between `edges` and finds its ticks.
    fn horizontal_words(&self, panel: &mut Placed, i: usize, edges: [f64; 2]) -> Result<()> {
        let axis = &self.spec.panels[i].x;
        [panel.frame.left, panel.frame.right] = edges;
        [panel.x.from, panel.x.to] = edges;
        let extent = |text: &str| self.small_width(text);
        let gap = 0.8 * self.theme.small;
        let last_in_column = i + self.columns >= self.spec.panels.len();
        let labelled = !self.spec.share_x || last_in_column;
        let mut words = Words { labelled, ..Words::default() };
        if axis.categories.is_empty() {
            words.ticks = axis::ticks(&panel.x, gap, &extent);
        } else {
            words.ticks = self.categories(axis, &panel.x)?;
            let room = panel.x.at(1.0) - panel.x.at(0.0) - gap;
            let broken = |(_, label): &(f64, String)| wrap(label, self.theme.small, room);
            match words.ticks.major.iter().map(broken).collect::<Result<Vec<_>>>() {
                Ok(lines) => {
                    words.ticks.major.iter_mut().zip(lines).for_each(|(tick, l)| tick.1 = l.join("\n"));
                }
                Err(_) => words.upward = true,
            }
        }
        if labelled {
            words.title = wrap(&axis.title(words.ticks.exponent), self.theme.text, edges[1] - edges[0])?;
        }
        panel.x_words = words;
        Ok(())
    }

    /// How far x labels reach beyond the two ends of the frame.
    fn overhang(&self, panel: &Placed) -> [f64; 2] {
        if !panel.x_words.labelled || panel.x_words.upward {
            return [0.0; 2];
        }
        panel.x_words.ticks.major.iter().fold([0.0f64; 2], |[left, right], (value, label)| {
            let (at, half) = (panel.x.at(*value), self.small_width(label) / 2.0);
            [left.max(panel.frame.left - at + half), right.max(at + half - panel.frame.right)]
        })
    }

    /// The colour bar on 0..=plot_height, if there is a colour axis.
    fn colour_bar(&self) -> Result<Option<ColourBar>> {
        let Some(axis) = &self.spec.colour else { return Ok(None) };
        let cells = self.spec.panels.iter().flat_map(|p| &p.series).filter_map(|s| match &s.mark {
            Mark::Heat(grid) => Some(grid.values.iter().flatten().copied()),
            _ => None,
        });
        let [lo, hi] = axis::domain(axis, cells.flatten(), 0.0);
        let scale = Scaled { lo, hi, scale: axis.scale, from: self.plot_height, to: 0.0 };
        let words = self.vertical_words(axis, &scale, true)?;
        Ok(Some(ColourBar { area: Rect { left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 }, scale, words }))
    }

    pub fn bar_width(&self, bar: &ColourBar) -> f64 {
        let title = bar.words.title.len() as f64 * LEADING_EM * self.theme.text;
        let labels = self.widest_label(&bar.words) + self.theme.px(TICK_PX + TICK_GAP_PX);
        self.theme.px(BAR_PX[0] + BAR_PX[1]) + labels + title + self.theme.px(4.0) + self.pad
    }
}

/// The axis shared by `panels` (or of one), along `along`.
fn scaled(axis: &Axis, panels: &[Panel], values: fn(&Panel) -> Vec<f64>, along: [f64; 2]) -> Scaled {
    let marks = || panels.iter().flat_map(|p| &p.series).map(|s| &s.mark);
    let heat = marks().any(|m| matches!(m, Mark::Heat(_)));
    let pad = if heat { 0.0 } else { PAD_SHARE };
    let [lo, hi] = axis::domain(axis, panels.iter().flat_map(values), pad);
    Scaled { lo, hi, scale: axis.scale, from: along[0], to: along[1] }
}

impl Panel {
    fn x_values(&self) -> Vec<f64> {
        let of = |mark: &Mark| match mark {
            Mark::Band(band) => band.iter().map(|b| b[0]).collect(),
            Mark::Heat(grid) => grid.x_edges.clone(),
            Mark::Histogram(bins) => bins.edges.clone(),
            points => points.data().iter().map(|d| d.x).collect::<Vec<f64>>(),
        };
        let references =
            self.references.iter().filter_map(|r| if let At::X(x) = r.at { Some(x) } else { None });
        self.series.iter().flat_map(|s| of(&s.mark)).chain(references).collect()
    }

    fn y_values(&self) -> Vec<f64> {
        let of = |mark: &Mark| match mark {
            Mark::Band(band) => band.iter().flat_map(|b| [b[1], b[2]]).collect(),
            Mark::Heat(grid) => grid.y_edges.clone(),
            Mark::Histogram(bins) => bins.heights.iter().copied().chain([0.0]).collect(),
            points => {
                let foot = if matches!(points, Mark::Bars(_)) { Some(0.0) } else { None };
                let ends = |d: &Datum| [d.y].into_iter().chain(d.interval.into_iter().flatten());
                points.data().iter().flat_map(ends).chain(foot).collect::<Vec<f64>>()
            }
        };
        let references =
            self.references.iter().filter_map(|r| if let At::Y(y) = r.at { Some(y) } else { None });
        self.series.iter().flat_map(|s| of(&s.mark)).chain(references).collect()
    }
}
