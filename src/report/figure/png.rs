//! The picture of a figure, from the very SVG, with the bundled face.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::Tree;

use super::canvas::Svg;
use super::face;
use crate::error::{Error, Result};

/// Print resolution.
const DOTS_PER_INCH: f64 = 300.0;

impl Svg {
    /// The figure as a PNG of 300 dots per inch that knows its printed size.
    pub fn png(&self) -> Result<Vec<u8>> {
        let fail = |what: String| Error::Usage(format!("figure cannot be drawn as PNG: {what}"));
        let tree = Tree::from_str(&self.xml, &face::options()).map_err(|e| fail(e.to_string()))?;
        let dots = |mm: f64| (mm / 25.4 * DOTS_PER_INCH).round().max(1.0) as u32;
        let (width, height) = (dots(self.width_mm), dots(self.height_mm));
        let mut pixels = Pixmap::new(width, height)
            .ok_or_else(|| fail(format!("{width} x {height} dots are too many")))?;
        let size = tree.size();
        let scale = Transform::from_scale(width as f32 / size.width(), height as f32 / size.height());
        resvg::render(&tree, scale, &mut pixels.as_mut());
        let image = pixels.encode_png().map_err(|e| fail(e.to_string()))?;
        Ok(with_resolution(image))
    }
}

/// Puts a pHYs chunk (PNG specification, 11.3.4.3) after the header, which is always the first 33 bytes.
fn with_resolution(mut image: Vec<u8>) -> Vec<u8> {
    let dots_per_metre = (DOTS_PER_INCH / 0.0254).round() as u32;
    let mut chunk = b"pHYs".to_vec();
    chunk.extend([dots_per_metre, dots_per_metre].map(u32::to_be_bytes).concat());
    chunk.push(1);
    let mut sum = flate2::Crc::new();
    sum.update(&chunk);
    let length = (chunk.len() - 4) as u32;
    let framed = [&length.to_be_bytes()[..], &chunk, &sum.sum().to_be_bytes()].concat();
    image.splice(33..33, framed);
    image
}
