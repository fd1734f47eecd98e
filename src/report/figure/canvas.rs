//! The primitives that a figure is drawn with, and the one backend that has them: plotters' SVG writer.

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::face;
use super::style::{Rgb, UNITS_PER_MM};

/// A position on the canvas, x to the right, y down.
pub(super) type Point = (f64, f64);

/// A rectangle on the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen<'a> {
    pub colour: Rgb,
    pub width: f64,
    /// Dash lengths in stroke widths; empty for a solid line.
    pub dash: &'a [f64],
}

impl Pen<'static> {
    /// A solid line.
    pub fn solid(colour: Rgb, width: f64) -> Pen<'static> {
        Pen { colour, width, dash: &[] }
    }
}

/// How an area is filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    pub colour: Rgb,
    pub opacity: f64,
}

impl Fill {
    /// An opaque fill.
    pub fn solid(colour: Rgb) -> Fill {
        Fill { colour, opacity: 1.0 }
    }
}

/// Which part of a text stands at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One line of text.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub text: String,
    /// Position of the anchor on the baseline.
    pub at: Point,
    pub anchor: Anchor,
    pub size: f64,
    pub colour: Rgb,
    /// Turned by a quarter, to be read upwards.
    pub upward: bool,
}

/// What every backend must draw. Each call makes one element that carries the attributes in `tag`.
pub(super) trait Canvas {
    /// An open path.
    fn polyline(&mut self, points: &[Point], pen: &Pen, tag: &str);
    /// A filled area.
    fn polygon(&mut self, points: &[Point], fill: Fill, tag: &str);
    /// A filled rectangle with crisp edges.
    fn rect(&mut self, area: Rect, fill: Fill, tag: &str);
    /// A disc.
    fn circle(&mut self, centre: Point, radius: f64, fill: Fill, tag: &str);
    /// A line of text.
    fn text(&mut self, label: &Label);
}

/// plotters' SVG backend, one element at a time: its elements know no dashes, joins or metadata, so each is
/// taken out of plotters' document and given those attributes before it joins ours.
pub(super) struct SvgCanvas {
    size: (u32, u32),
    body: String,
}

impl SvgCanvas {
    /// An empty canvas of `width` x `height` units.
    pub fn new(width: f64, height: f64) -> SvgCanvas {
        SvgCanvas { size: (width.ceil() as u32, height.ceil() as u32), body: String::new() }
    }

    /// The document, `width` mm wide, with a description for screen readers.
    pub fn finish(self, description: &str) -> Svg {
        let (width, height) = self.size;
        let [width_mm, height_mm] = [width, height].map(|units| f64::from(units) / UNITS_PER_MM);
        let xml = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width_mm:.3}mm\" \
             height=\"{height_mm:.3}mm\" viewBox=\"0 0 {width} {height}\">\n<desc>{}</desc>\n{}</svg>\n",
            escape(description),
            self.body
        );
        Svg { xml, width_mm, height_mm }
    }

    fn element<E: std::fmt::Debug>(
        &mut self,
        attributes: &str,
        draw: impl FnOnce(&mut SVGBackend<'_>) -> Result<(), E>,
    ) {
        let mut document = String::new();
        let mut backend = SVGBackend::with_string(&mut document, self.size);
        draw(&mut backend).expect("writing to a string does not fail");
        drop(backend);
        let inside = document.split_once('\n').and_then(|(_, rest)| rest.strip_suffix("</svg>\n"));
        let element = inside.expect("plotters writes one tag a line").replace('\n', "");
        let end = element.find('>').expect("an element has a tag");
        let end = if element[..end].ends_with('/') { end - 1 } else { end };
        let (tag, rest) = element.split_at(end);
        let space = if attributes.is_empty() { "" } else { " " };
        self.body.extend([tag.trim_end(), space, attributes, rest, "\n"]);
    }
}

/// A drawn figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Svg {
    /// The document.
    pub xml: String,
    /// Printed width in mm.
    pub width_mm: f64,
    /// Printed height in mm.
    pub height_mm: f64,
}

/// Text as XML character data or attribute value.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn whole((x, y): Point) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

fn colour(Rgb(r, g, b): Rgb, opacity: f64) -> ShapeStyle {
    ShapeStyle { color: RGBColor(r, g, b).mix(opacity), filled: true, stroke_width: 0 }
}

impl Canvas for SvgCanvas {
    fn polyline(&mut self, points: &[Point], pen: &Pen, tag: &str) {
        let mut attributes = "stroke-linejoin=\"round\"".to_owned();
        if !pen.dash.is_empty() {
            let lengths: Vec<String> = pen.dash.iter().map(|d| format!("{:.0}", d * pen.width)).collect();
            attributes += &format!(" stroke-dasharray=\"{}\"", lengths.join(" "));
        }
        if !tag.is_empty() {
            attributes += &format!(" {tag}");
        }
        let mut points: Vec<_> = points.iter().copied().map(whole).collect();
        points.dedup();
        let style = ShapeStyle { stroke_width: pen.width.round().max(1.0) as u32, ..colour(pen.colour, 1.0) };
        self.element(&attributes, |b| b.draw_path(points, &style));
    }

    fn polygon(&mut self, points: &[Point], fill: Fill, tag: &str) {
        let points: Vec<_> = points.iter().copied().map(whole).collect();
        self.element(tag, |b| b.fill_polygon(points, &colour(fill.colour, fill.opacity)));
    }

    fn rect(&mut self, area: Rect, fill: Fill, tag: &str) {
        let (corner, opposite) = (whole((area.left, area.top)), whole((area.right, area.bottom)));
        let attributes = format!("shape-rendering=\"crispEdges\" {tag}");
        let style = colour(fill.colour, fill.opacity);
        self.element(attributes.trim_end(), |b| b.draw_rect(corner, opposite, &style, true));
    }

    fn circle(&mut self, centre: Point, radius: f64, fill: Fill, tag: &str) {
        let style = colour(fill.colour, fill.opacity);
        self.element(tag, |b| b.draw_circle(whole(centre), radius.round() as u32, &style, true));
    }

    fn text(&mut self, label: &Label) {
        let h = match label.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // plotters shifts "top" text down by 0.76 em, and prints its size over 1.24.
        let shift = 0.76 * label.size;
        let (x, y) = label.at;
        let (at, turn) = match label.upward {
            true => ((x - shift, y), FontTransform::Rotate270),
            false => ((x, y - shift), FontTransform::None),
        };
        let Rgb(r, g, b) = label.colour;
        let ink = RGBColor(r, g, b);
        let font = (face::FAMILIES, label.size * 1.24).into_font().transform(turn);
        let style = TextStyle::from(font).color(&ink).pos(Pos::new(h, VPos::Top));
        self.element("", |b| b.draw_text(&label.text, &style, whole(at)));
    }
}
