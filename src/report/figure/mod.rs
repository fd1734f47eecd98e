//! Figures: a declarative [`FigureSpec`] drawn as SVG and PNG beside the very numbers that it shows.
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
mod png;
mod rows;
mod spec;
mod style;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

pub use canvas::Svg;
pub use spec::{
    At, Axis, Datum, FigureSpec, Grid, Intervals, Legend, Mark, Panel, Reference, Scale, Series, Width,
};
pub use style::Style;

use crate::error::{Error, Result};

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
/// x2, y2 (far edges of a cell), value (of a cell). Columns that do not apply stay empty.
pub fn data(spec: &FigureSpec) -> Result<String> {
    check::check(spec)?;
    table::csv(spec)
}

/// Writes `NAME.svg`, `NAME.png` (300 dpi) and `NAME.csv` (see [`data`]) into `dir`, each aside and then renamed.
/// Returns their paths. `dir` is made if it is not there.
///
/// # Errors
/// As [`render`], and I/O.
pub fn write(dir: &Path, name: &str, spec: &FigureSpec, style: Style) -> Result<[PathBuf; 3]> {
    let svg = render(spec, style)?;
    let png = svg.png()?;
    let csv = data(spec)?;
    fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
    let put = |extension: &str, bytes: &[u8]| {
        let path = dir.join(format!("{name}.{extension}"));
        let aside = dir.join(format!(".{name}.{extension}.part"));
        fs::write(&aside, bytes).map_err(|e| Error::io(&aside, e))?;
        fs::rename(&aside, &path).map_err(|e| Error::io(&path, e))?;
        Ok(path)
    };
    Ok([put("svg", svg.xml.as_bytes())?, put("png", &png)?, put("csv", csv.as_bytes())?])
}
