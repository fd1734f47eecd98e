//! The figure as a page of its own size, from the very SVG, in the same face.

use resvg::usvg::Tree;
use svg2pdf::{ConversionOptions, PageOptions};

use super::canvas::Svg;
use super::face;
use crate::error::{Error, Result};

/// CSS pixels per inch: what a millimetre of the SVG is parsed into.
const PIXELS_PER_INCH: f32 = 96.0;

impl Svg {
    /// The figure as a PDF of one page, text kept as text in the embedded face.
    pub fn pdf(&self) -> Result<Vec<u8>> {
        let fail = |what: String| Error::Usage(format!("figure cannot be drawn as PDF: {what}"));
        let tree = Tree::from_str(&self.xml, &face::options()).map_err(|e| fail(e.to_string()))?;
        let page = PageOptions { dpi: PIXELS_PER_INCH };
        let pdf = svg2pdf::to_pdf(&tree, ConversionOptions::default(), page);
        Ok(ordered(&pdf.map_err(|e| fail(e.to_string()))?))
    }
}

/// The same file with the entries of each resource dictionary in order of their numbers. svg2pdf lists them in that
/// of a hash map, so that no two files would be equal. Nothing moves but these lines among themselves, so that all
/// offsets hold.
fn ordered(pdf: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = pdf.split(|&b| b == b'\n').collect();
    for run in lines.chunk_by_mut(|a, b| entry(a).is_some() && entry(b).is_some()) {
        run.sort_by_key(|line| entry(line));
    }
    lines.join(&b'\n')
}

/// Kind and number of a line like `/gs12 34 0 R`.
fn entry(line: &[u8]) -> Option<(&str, u32)> {
    let name = std::str::from_utf8(line).ok()?.trim_start().strip_prefix('/')?;
    let (name, reference) = name.split_once(' ')?;
    let number = reference.strip_suffix(" 0 R")?;
    let digits = name.find(|c: char| c.is_ascii_digit())?;
    number.parse::<u32>().ok()?;
    Some((&name[..digits], name[digits..].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_and_nothing_else() {
        let file = b"<<\n  /gs10 5 0 R\n  /gs2 71 0 R\n>>\n/Parent 3 0 R\n/xo1 4 0 R\n\xff\x00\n/xo0 9 0 R";
        let sorted = b"<<\n  /gs2 71 0 R\n  /gs10 5 0 R\n>>\n/Parent 3 0 R\n/xo1 4 0 R\n\xff\x00\n/xo0 9 0 R";
        assert_eq!(ordered(file), sorted);
    }
}
