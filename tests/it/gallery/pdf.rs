//! The PDF: one page of the printed size, with text in the embedded face.

use super::fixture::shared;
use super::{pair, spec};
use foretoken::gallery::{Choices, Kind};
use foretoken::report::figure::{Style, render};
use std::io::Read;

/// The inflated streams of a PDF.
fn streams(pdf: &[u8]) -> Vec<Vec<u8>> {
    let find =
        |from: usize, what: &[u8]| pdf[from..].windows(what.len()).position(|w| w == what).map(|i| from + i);
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(start) = find(from, b"stream\n") {
        let end = find(start, b"endstream").expect("a stream ends");
        let mut bytes = Vec::new();
        let body = &pdf[start + 7..end];
        if flate2::read::ZlibDecoder::new(body).read_to_end(&mut bytes).is_ok() {
            found.push(bytes);
        }
        from = end + 9;
    }
    found
}

fn count(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).filter(|w| *w == what).count()
}

#[test]
fn a_pdf_has_its_size_and_its_text() {
    let choices = Choices { conditions: vec![pair("predictor.sigma", "0.5")], ..Choices::default() };
    let spec = spec(Kind::Load, shared().path("sweep"), &choices);
    for style in [Style::Paper, Style::Slides, Style::Dark] {
        let svg = render(&spec, style).expect("drawable");
        let pdf = svg.pdf().expect("drawable");
        assert_eq!(pdf, svg.pdf().expect("drawable"), "the same bytes twice");
        assert!(pdf.starts_with(b"%PDF-1."));
        let text = String::from_utf8_lossy(&pdf);
        let boxes = text.split("/MediaBox [").nth(1).and_then(|t| t.split(']').next()).expect("a page size");
        let points: Vec<f64> = boxes.split_whitespace().map(|n| n.parse().expect("a number")).collect();
        let mm = [points[2], points[3]].map(|pt| pt / 72.0 * 25.4);
        assert!((mm[0] - svg.width_mm).abs() < 0.05 && (mm[1] - svg.height_mm).abs() < 0.05, "{mm:?}");
        assert!(text.contains("+DejaVuSans"), "a subset of the face is named");
        assert!(text.contains("/FontFile2") || text.contains("/FontFile3"), "and embedded");
        assert!(text.contains("/ToUnicode"), "and can be searched");
        let shown: usize = streams(&pdf).iter().map(|s| count(s, b" Tf\n")).sum();
        assert!(shown >= count(svg.xml.as_bytes(), b"<text"), "every word is text");
    }
}
