//! The figure as a page of its own size, from the very SVG. svg2pdf brings an SVG parser of its own version, which
//! is given the same face and no other.

use std::sync::{Arc, LazyLock};

use svg2pdf::usvg::{Options, Tree, fontdb};
use svg2pdf::{ConversionOptions, PageOptions};

use super::canvas::Svg;
use super::face;
use crate::error::{Error, Result};

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(face::FACE.to_vec());
    fonts.set_sans_serif_family(face::NAME);
    Arc::new(fonts)
});

/// CSS pixels per inch: what a millimetre of the SVG is parsed into.
const PIXELS_PER_INCH: f32 = 96.0;

impl Svg {
    /// The figure as a PDF of one page, text kept as text in the embedded face.
    pub fn pdf(&self) -> Result<Vec<u8>> {
        let fail = |what: String| Error::Usage(format!("figure cannot be drawn as PDF: {what}"));
        let options =
            Options { fontdb: FONTS.clone(), font_family: face::NAME.to_owned(), ..Options::default() };
        let tree = Tree::from_str(&self.xml, &options).map_err(|e| fail(e.to_string()))?;
        let page = PageOptions { dpi: PIXELS_PER_INCH };
        svg2pdf::to_pdf(&tree, ConversionOptions::default(), page).map_err(|e| fail(e.to_string()))
    }
}
