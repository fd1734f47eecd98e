//! Drawing of a laid-out figure: frames, ticks, words and keys; the numbers are in `marks`.

use super::axis::Scaled;
use super::canvas::{Anchor, Canvas, Fill, Label, Pen, Point, Rect};
use super::face::ASCENT_EM;
use super::layout::{ColourBar, Layout, Placed, SIDE_PX, TICK_GAP_PX, TICK_PX, Words};
use super::marks::{self, Marks};
use super::names::{self, KEY_GAP_PX, LEADING_EM};
use super::rows::centred;
use super::spec::{At, Axis, FigureSpec, Mark, Panel, Scale};
use super::style::{Rgb, Theme};

const SPINE_PX: f64 = 0.7;
const MINOR_PX: f64 = 1.8;

/// Draws all of `layout` on `canvas`.
pub(super) fn figure(spec: &FigureSpec, theme: &Theme, layout: &Layout, canvas: &mut dyn Canvas) {
    let names = spec.names();
    let page = Rect { left: 0.0, top: 0.0, right: layout.width.ceil(), bottom: layout.height.ceil() };
    canvas.rect(page, Fill::solid(theme.background), "");
    let mut brush = Brush { theme, canvas };
    for (index, (panel, at)) in spec.panels.iter().zip(&layout.panels).enumerate() {
        brush.grid(panel, at);
        brush.references(panel, at);
        let colour = layout.bar.as_ref().map(|b| &b.scale);
        Marks { theme, names: &names, at, colour, panel, index }.draw(brush.canvas);
        brush.frame(at, index);
        brush.x_axis(at);
        brush.y_axis(at);
        brush.names(at);
    }
    let sample = names::sample_px(spec);
    for (key, printed) in &layout.legend {
        let half = theme.px(3.2);
        let area =
            Rect { left: key.x, right: key.x + theme.px(sample), top: key.y - half, bottom: key.y + half };
        marks::sample(spec, names[key.name], theme.look(key.name), theme, area, brush.canvas);
        let at = (area.right + theme.px(KEY_GAP_PX), centred(key.y, theme.text));
        brush.word(printed, at, Anchor::Start, theme.text);
    }
    if let Some(bar) = &layout.bar {
        brush.colour_bar(bar);
    }
    let pad = theme.px(4.0);
    let first = layout.height - pad - layout.notes.len() as f64 * LEADING_EM * theme.note;
    for (i, note) in layout.notes.iter().enumerate() {
        let baseline = first + (i as f64 * LEADING_EM + ASCENT_EM) * theme.note;
        brush.word(note, (pad, baseline), Anchor::Start, theme.note);
    }
}

struct Brush<'a> {
    theme: &'a Theme,
    canvas: &'a mut dyn Canvas,
}

impl Brush<'_> {
    fn word(&mut self, text: &str, at: Point, anchor: Anchor, size: f64) {
        self.label(text, at, anchor, size, self.theme.ink, false);
    }

    fn label(&mut self, text: &str, at: Point, anchor: Anchor, size: f64, colour: Rgb, upward: bool) {
        self.canvas.text(&Label { text: text.to_owned(), at, anchor, size, colour, upward });
    }

    fn stroke(&mut self, from: Point, to: Point, px: f64, colour: Rgb) {
        let pen = Pen::solid(colour, self.theme.px(px));
        self.canvas.polyline(&[from, to], &pen, "");
    }

    /// Faint lines at the labelled ticks of numeric axes, but not behind cells, whose gaps mean "no value".
    fn grid(&mut self, panel: &Panel, at: &Placed) {
        if panel.series.iter().any(|s| matches!(s.mark, Mark::Heat(_))) {
            return;
        }
        let Rect { left, top, right, bottom } = at.frame;
        let numeric = |axis: &Axis| axis.categories.is_empty();
        for (value, _) in at.x_words.ticks.major.iter().filter(|_| numeric(&panel.x)) {
            let x = at.x.at(*value);
            self.stroke((x, top), (x, bottom), 0.5, self.theme.grid);
        }
        for (value, _) in at.y_words.ticks.major.iter().filter(|_| numeric(&panel.y)) {
            let y = at.y.at(*value);
            self.stroke((left, y), (right, y), 0.5, self.theme.grid);
        }
    }

    fn references(&mut self, panel: &Panel, at: &Placed) {
        let Rect { left, top, right, bottom } = at.frame;
        let pen = self.theme.guide();
        for reference in &panel.references {
            let ends = match reference.at {
                At::X(x) if at.x.shows(x) => [(at.x.at(x), bottom), (at.x.at(x), top)],
                At::Y(y) if at.y.shows(y) => [(left, at.y.at(y)), (right, at.y.at(y))],
                At::X(_) | At::Y(_) => continue,
            };
            self.canvas.polyline(&ends, &pen, "data-kind=\"reference\"");
        }
    }

    /// The left and lower edge; it carries the axes, for whoever reads values off the picture.
    fn frame(&mut self, at: &Placed, index: usize) {
        let Rect { left, top, right, bottom } = at.frame;
        let describe = |axis: &Scaled| {
            let scale = if axis.scale == Scale::Log { "log" } else { "linear" };
            format!("{scale} {} {}", axis.lo, axis.hi)
        };
        let tag = format!(
            "data-kind=\"frame\" data-panel=\"{index}\" data-x=\"{}\" data-y=\"{}\"",
            describe(&at.x),
            describe(&at.y)
        );
        let pen = Pen::solid(self.theme.ink, self.theme.px(SPINE_PX));
        self.canvas.polyline(&[(left, top), (left, bottom), (right, bottom)], &pen, &tag);
    }

    fn x_axis(&mut self, at: &Placed) {
        let (theme, bottom) = (self.theme, at.frame.bottom);
        for value in &at.x_words.ticks.minor {
            let x = at.x.at(*value);
            self.stroke((x, bottom), (x, bottom + theme.px(MINOR_PX)), SPINE_PX, theme.ink);
        }
        let labels = bottom + theme.px(TICK_PX + TICK_GAP_PX);
        let mut widest = 0.0f64;
        for (value, text) in &at.x_words.ticks.major {
            let x = at.x.at(*value);
            self.stroke((x, bottom), (x, bottom + theme.px(TICK_PX)), SPINE_PX, theme.ink);
            if !at.x_words.labelled {
                continue;
            }
            if at.x_words.upward {
                widest = widest.max(super::face::width_em(text) * theme.small);
                let at = (centred(x, theme.small), labels);
                self.label(text, at, Anchor::End, theme.small, theme.ink, true);
            } else {
                for (i, line) in text.lines().enumerate() {
                    let baseline = labels + (ASCENT_EM + i as f64 * LEADING_EM) * theme.small;
                    self.word(line, (x, baseline), Anchor::Middle, theme.small);
                }
            }
        }
        let lines = at.x_words.most_lines() as f64 * LEADING_EM * theme.small;
        let below = if at.x_words.upward { widest } else { lines };
        let first = labels + below + theme.px(2.0) + ASCENT_EM * theme.text;
        let middle = (at.frame.left + at.frame.right) / 2.0;
        for (i, line) in at.x_words.title.iter().enumerate() {
            let baseline = first + i as f64 * LEADING_EM * theme.text;
            self.word(line, (middle, baseline), Anchor::Middle, theme.text);
        }
    }

    fn y_axis(&mut self, at: &Placed) {
        let (theme, left) = (self.theme, at.frame.left);
        self.y_ticks(&at.y_words, &at.y, left, -1.0);
        let middle = (at.frame.top + at.frame.bottom) / 2.0;
        let first = at.cell[0] + theme.px(4.0) + ASCENT_EM * theme.text;
        self.upward_title(&at.y_words, first, middle);
    }

    /// Ticks and labels that leave the vertical line at `edge` to the left (`side` = -1) or right (1).
    fn y_ticks(&mut self, words: &Words, scale: &Scaled, edge: f64, side: f64) {
        let theme = self.theme;
        for value in &words.ticks.minor {
            let y = scale.at(*value);
            self.stroke((edge, y), (edge + side * theme.px(MINOR_PX), y), SPINE_PX, theme.ink);
        }
        for (value, text) in &words.ticks.major {
            let y = scale.at(*value);
            self.stroke((edge, y), (edge + side * theme.px(TICK_PX), y), SPINE_PX, theme.ink);
            if words.labelled {
                let at = (edge + side * theme.px(TICK_PX + TICK_GAP_PX), centred(y, theme.small));
                let anchor = if side < 0.0 { Anchor::End } else { Anchor::Start };
                self.word(text, at, anchor, theme.small);
            }
        }
    }

    fn upward_title(&mut self, words: &Words, first: f64, middle: f64) {
        let theme = self.theme;
        for (i, line) in words.title.iter().enumerate() {
            let at = (first + i as f64 * LEADING_EM * theme.text, middle);
            self.label(line, at, Anchor::Middle, theme.text, theme.ink, true);
        }
    }

    /// Names of lines and references around the frame.
    fn names(&mut self, at: &Placed) {
        let (theme, frame) = (self.theme, at.frame);
        let x = frame.right + theme.px(SIDE_PX);
        for side in &at.sides {
            let from = (frame.left + side.from.0 * (frame.right - frame.left), frame.top + side.from.1);
            let y = frame.top + side.y;
            if (side.y - side.from.1).abs() > theme.px(1.5) {
                self.stroke((from.0 + theme.px(2.5), from.1), (x - theme.px(1.5), y), 0.5, side.colour);
            }
            let at = (x, centred(y, theme.text));
            self.label(&side.text, at, Anchor::Start, theme.text, side.colour, false);
        }
        let row = |row: usize| frame.top - theme.small * (0.45 + 0.24 + row as f64 * LEADING_EM);
        let rows = at.tops.iter().map(|t| t.row + 1).max().unwrap_or(0);
        for top in &at.tops {
            self.word(&top.text, (top.x, row(top.row)), Anchor::Middle, theme.small);
        }
        for (i, line) in at.strip.iter().rev().enumerate() {
            let above = (i as f64 * LEADING_EM + 0.24) * theme.text;
            let baseline = frame.top - theme.small * (0.45 + rows as f64 * LEADING_EM) - above;
            self.word(line, (frame.left, baseline), Anchor::Start, theme.text);
        }
    }

    /// The colour axis as a bar of thin slices.
    fn colour_bar(&mut self, bar: &ColourBar) {
        const SLICES: usize = 128;
        let (theme, area) = (self.theme, bar.area);
        let height = area.bottom - area.top;
        for i in 0..SLICES {
            let share = |i: usize| i as f64 / SLICES as f64;
            let (bottom, top) = (area.bottom - share(i) * height, area.bottom - share(i + 1) * height);
            let colour = theme.heat((share(i) + share(i + 1)) / 2.0);
            let tag = format!("data-kind=\"slice\" data-value=\"{}\"", bar.scale.value((top + bottom) / 2.0));
            self.canvas.rect(Rect { top, bottom, ..area }, Fill::solid(colour), &tag);
        }
        self.y_ticks(&bar.words, &bar.scale, area.right, 1.0);
        let lines = bar.words.title.len() as f64;
        let widths = bar.words.ticks.major.iter().map(|t| super::face::width_em(&t.1) * theme.small);
        let labels = widths.fold(0.0, f64::max) + theme.px(TICK_PX + TICK_GAP_PX + 4.0);
        let first = area.right + labels + ASCENT_EM * theme.text;
        if lines > 0.0 {
            self.upward_title(&bar.words, first, (area.top + area.bottom) / 2.0);
        }
    }
}
