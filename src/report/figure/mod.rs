//! Figures: a declarative [`FigureSpec`] drawn as SVG, PNG and PDF beside the very numbers that it shows.
//!
//! Every word is measured with the bundled face before anything is placed, so nothing is clipped and no two
//! labels meet. What has no room, or cannot be drawn honestly (NaN, a zero on a log axis, an interval without n),
//! is refused by name.

mod axis;
mod canvas;
mod check;
mod clip;
mod draw;
mod face;
mod layout;
mod marks;
mod names;
mod pdf;
mod png;
mod rows;
mod save;
mod spec;
mod style;
mod table;

use std::path::{Path, PathBuf};

pub use canvas::Svg;
pub use save::{Picture, put, save, stored, to_json};
pub use spec::{
    At, Axis, Bins, Datum, FigureSpec, Grid, Intervals, Legend, Mark, Panel, Reference, Scale, Series, Width,
};
pub use style::Style;

use crate::error::Result;

/// Draws `spec`.
///
/// # Errors
/// A number that cannot be drawn, by panel and series; words for which there is no room, or no glyph.
pub fn render(spec: &FigureSpec, style: Style) -> Result<Svg> {
    check::check(spec)?;
    let theme = style::Theme::of(style);
    let layout = layout::layout(spec, &theme)?;
    let mut canvas = canvas::SvgCanvas::new(layout.width, layout.height);
    draw::figure(spec, &theme, &layout, &mut canvas);
    Ok(canvas.finish(&spec.caption))
}

/// The plotted numbers of `spec` in long form, in the order of drawing: panel (from 0), series, kind, x, y, lo, hi,
/// x2, y2 (far edges of a cell or bin), value (of a cell). Columns that do not apply stay empty.
pub fn data(spec: &FigureSpec) -> Result<String> {
    check::check(spec)?;
    table::csv(spec)
}

/// Writes `NAME.svg`, `NAME.png` (300 dpi) and `NAME.csv` (see [`data`]) into `dir`, each aside and then renamed.
/// Returns their paths. `dir` is made if it is not there.
///
/// # Errors
/// As [`render`], and I/O.
pub fn write(dir: &Path, name: &str, spec: &FigureSpec, style: Style) -> Result<Vec<PathBuf>> {
    save(&dir.join(name), spec, style, &[Picture::Svg, Picture::Png])
}
