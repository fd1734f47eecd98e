//! The bundled face: what resvg draws with, and the widths that the layout reckons with.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use resvg::usvg::{self, Node, Tree, fontdb};

/// DejaVu Sans reduced to Latin, Greek, mathematical punctuation and arrows, without kerning, so that the
/// width of a text is the sum of the widths of its characters.
pub(super) static FACE: &[u8] = include_bytes!("../../../assets/DejaVuSans-subset.ttf");

/// Its family.
pub(super) const NAME: &str = "DejaVu Sans";

/// Font list written into every figure; viewers without the first find metrics close to it.
pub(super) const FAMILIES: &str = "\"DejaVu Sans\",\"Liberation Sans\",Arial,sans-serif";

/// Height of the Latin letters of the face above the baseline, in em; 0.24 em are below it.
pub(super) const ASCENT_EM: f64 = 0.76;

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FACE.to_vec());
    fonts.set_sans_serif_family(NAME);
    Arc::new(fonts)
});

/// Parser options with the bundled face and no other: the same picture on every machine.
pub(super) fn options() -> usvg::Options<'static> {
    usvg::Options { fontdb: FONTS.clone(), font_family: NAME.to_owned(), ..usvg::Options::default() }
}

/// Width of `text` in em; characters that the face lacks count nothing.
pub(super) fn width_em(text: &str) -> f64 {
    text.chars().filter_map(advance_em).sum()
}

/// The first character of `text` that the face lacks.
pub(super) fn missing(text: &str) -> Option<char> {
    text.chars().find(|&c| advance_em(c).is_none())
}

/// Advance width of one character in em, measured once per process.
fn advance_em(c: char) -> Option<f64> {
    static KNOWN: Mutex<BTreeMap<char, Option<f64>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known.entry(c).or_insert_with(|| {
        // Between bars, because a lone space has no box to measure.
        let with = measure(&format!("|{c}|"))?;
        Some(with - measure("||")?)
    })
}

/// Width of a short text in em as resvg lays it out; `None` if a glyph is missing or the text is not XML.
fn measure(text: &str) -> Option<f64> {
    const SIZE: f64 = 1000.0;
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><text y=\"{SIZE}\" font-size=\"{SIZE}\" \
         xml:space=\"preserve\">{text}</text></svg>"
    );
    if text.chars().any(char::is_control) {
        return None;
    }
    let tree = Tree::from_str(&svg, &options()).ok()?;
    let Node::Text(node) = tree.root().children().first()? else { return None };
    let mut glyphs = node.layouted().iter().flat_map(|span| &span.positioned_glyphs);
    if glyphs.any(|g| g.id.0 == 0) {
        return None;
    }
    Some(f64::from(node.bounding_box().width()) / SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_add_up() {
        for text in ["TTFT (s)", "p99 ≤ 1.5 × 10⁻³", "Ωμέγα → –", "AVAToWa & <b>"] {
            let whole = measure(text).expect("all glyphs are in the face");
            assert!((whole - width_em(text)).abs() < 1e-3, "{text}: {whole} against {}", width_em(text));
        }
    }

    #[test]
    fn a_foreign_character_is_named() {
        assert_eq!(missing("queue 列"), Some('列'));
        assert_eq!(missing("tab\there"), Some('\t'));
    }
}
