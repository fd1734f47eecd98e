//! The figure from top to bottom: legend, panels with what stands above and below them, notes.

use super::canvas::Rect;
use super::face::ASCENT_EM;
use super::layout::{BAR_PX, ColourBar, Layout, Placed, Planner, TICK_GAP_PX, TICK_PX, Top};
use super::names::{self, Key, LEADING_EM, too_wide, wrap};
use super::spec::{At, Legend, Panel};
use crate::error::Result;

/// Distance of the legend's rows, in em.
const ROW_EM: f64 = 1.45;

impl Planner<'_> {
    /// Gives every row its height. `direct`: lines carry their names, so there is no legend.
    pub fn rows(&self, mut panels: Vec<Placed>, mut bar: Option<ColourBar>, direct: bool) -> Result<Layout> {
        let legend =
            if direct || self.spec.legend == Legend::None { Vec::new() } else { self.legend(&panels)? };
        let mut y = self.pad;
        if let Some((last, _)) = legend.last() {
            y += (last.row + 1) as f64 * ROW_EM * self.theme.text + self.theme.px(3.0);
        }
        for (panel, spec) in panels.iter_mut().zip(&self.spec.panels) {
            self.name_tops(panel, spec)?;
        }
        for (i, row) in panels.chunks_mut(self.columns).enumerate() {
            let between = if i > 0 { self.theme.px(3.0) } else { 0.0 };
            y = self.place_row(row, y + between);
        }
        if let Some(bar) = &mut bar {
            self.place_bar(bar, &panels);
        }
        let mut notes = Vec::new();
        let remarks = self.spec.remarks();
        if !remarks.is_empty() {
            y += self.theme.px(2.0);
        }
        for note in remarks {
            notes.extend(wrap(&note, self.theme.note, self.width - 2.0 * self.pad)?);
        }
        let height = y + notes.len() as f64 * LEADING_EM * self.theme.note + self.pad;
        Ok(Layout { width: self.width, height, panels, legend, notes, bar })
    }

    /// Legend entries, from the first frame's left edge if one row holds them there, else over the whole width.
    fn legend(&self, panels: &[Placed]) -> Result<Vec<(Key, String)>> {
        let (printed, sample) = (names::legend_names(self.spec), names::sample_px(self.spec));
        let rows = |from: f64| names::legend(&printed, sample, self.theme, self.width - self.pad - from);
        let frame = panels[0].frame.left;
        let one_row =
            rows(frame).ok().filter(|keys| keys.iter().all(|k| k.row == 0)).map(|keys| (keys, frame));
        let (mut keys, from) = match one_row {
            Some(found) => found,
            None => (rows(self.pad)?, self.pad),
        };
        for key in &mut keys {
            key.x += from;
            key.y = self.pad + (key.row as f64 + 0.5) * ROW_EM * self.theme.text;
        }
        Ok(keys.into_iter().map(|key| (key, printed[key.name].clone())).collect())
    }

    /// The facet strip, and names of vertical references in as few rows as keep them apart.
    fn name_tops(&self, panel: &mut Placed, spec: &Panel) -> Result<()> {
        if let Some(label) = &spec.label {
            panel.strip = wrap(label, self.theme.text, panel.frame.right - panel.frame.left)?;
        }
        let [from, to] = [panel.cell[0] + self.pad, panel.cell[1] - self.pad];
        let mut ends: Vec<f64> = Vec::new();
        let mut references: Vec<(f64, &str)> = Vec::new();
        for reference in spec.references.iter().filter(|r| !r.label.is_empty()) {
            if let At::X(x) = reference.at
                && panel.x.shows(x)
            {
                references.push((panel.x.at(x), &reference.label));
            }
        }
        references.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (at, text) in references {
            let half = self.small_width(text) / 2.0;
            if 2.0 * half > to - from {
                return Err(too_wide(text));
            }
            let x = at.clamp(from + half, to - half);
            let gap = self.theme.small * 0.6;
            let row = ends.iter().position(|&end| x - half >= end + gap).unwrap_or(ends.len());
            ends.resize(ends.len().max(row + 1), 0.0);
            ends[row] = x + half;
            panel.tops.push(Top { text: text.to_owned(), x, row });
        }
        Ok(())
    }

    /// Places a row of panels below `y` and returns where it ends.
    fn place_row(&self, row: &mut [Placed], y: f64) -> f64 {
        let above = |p: &Placed| {
            let strip = p.strip.len() as f64 * LEADING_EM * self.theme.text;
            let tops = p.tops.iter().map(|t| t.row + 1).max().unwrap_or(0) as f64;
            strip + tops * LEADING_EM * self.theme.small + self.theme.small * 0.45
        };
        let below = |p: &Placed| {
            let labels = match (p.x_words.labelled, p.x_words.upward) {
                (false, _) => return self.theme.px(TICK_PX) + self.theme.small * 0.45,
                (true, true) => self.widest_label(&p.x_words),
                (true, false) => p.x_words.most_lines() as f64 * self.theme.small * LEADING_EM,
            };
            let title = p.x_words.title.len() as f64 * LEADING_EM * self.theme.text;
            self.theme.px(TICK_PX + TICK_GAP_PX + 2.0) + labels + title
        };
        let most = |room: &dyn Fn(&Placed) -> f64| row.iter().map(room).fold(0.0, f64::max);
        let (top, rest) = (y + most(&above), most(&below));
        let mut bottom = top;
        for panel in row.iter_mut() {
            bottom = top + panel.frame.bottom - panel.frame.top;
            (panel.frame.top, panel.frame.bottom) = (top, bottom);
            (panel.y.from, panel.y.to) = (bottom, top);
        }
        bottom + rest
    }

    /// The colour bar beside the panels, as high as all their rows.
    fn place_bar(&self, bar: &mut ColourBar, panels: &[Placed]) {
        let left = self.width - self.bar_width(bar) + self.theme.px(BAR_PX[1]);
        let (top, bottom) = (panels[0].frame.top, panels[panels.len() - 1].frame.bottom);
        bar.area = Rect { left, top, right: left + self.theme.px(BAR_PX[0]), bottom };
        (bar.scale.from, bar.scale.to) = (bottom, top);
    }
}

/// Baseline of text of `size` whose capitals are centred on `middle`.
pub(super) fn centred(middle: f64, size: f64) -> f64 {
    middle + (ASCENT_EM - 0.03) / 2.0 * size
}
