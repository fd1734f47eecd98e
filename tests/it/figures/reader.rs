//! Reads a drawn figure back: frames, paths and words, with nothing taken from the code that drew them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use foretoken::report::figure::Svg;
use resvg::usvg::{self, Node, fontdb};
use roxmltree::Document;

/// Canvas units per typographic point at print size.
const UNITS_PER_PT: f64 = 8.0 * 96.0 / 72.0;
/// Frame corners and points are each rounded to whole units.
pub const TOLERANCE: f64 = 1.1;

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let face = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/DejaVuSans-subset.ttf");
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(std::fs::read(face).expect("the bundled face"));
    Arc::new(fonts)
});

/// An axis as the frame declares it: logarithmic or not, ends, canvas positions of the ends.
pub struct AxisSeen {
    log: bool,
    pub lo: f64,
    pub hi: f64,
    from: f64,
    to: f64,
}

impl AxisSeen {
    fn new(words: &str, from: f64, to: f64) -> AxisSeen {
        let words: Vec<&str> = words.split(' ').collect();
        let number = |i: usize| words[i].parse().expect("a number");
        AxisSeen { log: words[0] == "log", lo: number(1), hi: number(2), from, to }
    }

    /// Where a value stands.
    pub fn at(&self, value: f64) -> f64 {
        let share = match self.log {
            true => libm::log(value / self.lo) / libm::log(self.hi / self.lo),
            false => (value - self.lo) / (self.hi - self.lo),
        };
        self.from + share * (self.to - self.from)
    }
}

pub struct Frame {
    pub x: AxisSeen,
    pub y: AxisSeen,
}

impl Frame {
    /// Whether a canvas point lies in the frame.
    pub fn holds(&self, (x, y): (f64, f64)) -> bool {
        let within = |v: f64, axis: &AxisSeen| {
            (axis.from.min(axis.to) - TOLERANCE..=axis.from.max(axis.to) + TOLERANCE).contains(&v)
        };
        within(x, &self.x) && within(y, &self.y)
    }

    /// Whether a canvas point lies on the edge of the frame.
    pub fn on_edge(&self, (x, y): (f64, f64)) -> bool {
        let near =
            |v: f64, axis: &AxisSeen| (v - axis.from).abs() <= TOLERANCE || (v - axis.to).abs() <= TOLERANCE;
        near(x, &self.x) || near(y, &self.y)
    }
}

/// A word with the box of its ink in CSS pixels, its size in points and its colour.
#[derive(Debug)]
pub struct Word {
    pub text: String,
    /// Left, top, right, bottom.
    pub ink: [f64; 4],
    pub points: f64,
    pub colour: [u8; 3],
}

type Path = Vec<(f64, f64)>;

pub struct Drawn {
    pub frames: Vec<Frame>,
    /// Polylines, polygons and rectangles by (panel, series, kind).
    pub paths: BTreeMap<(usize, String, String), Vec<Path>>,
    pub words: Vec<Word>,
    pub size_px: [f64; 2],
    pub background: [u8; 3],
    /// Fills of cells in the order of their paths, by (panel, series, kind).
    pub fills: BTreeMap<(usize, String, String), Vec<[u8; 3]>>,
    /// Slices of the colour bar: value, middle height in canvas units, colour.
    pub slices: Vec<(f64, f64, [u8; 3])>,
    /// Right end of the colour bar in canvas units.
    pub bar_right: f64,
}

impl Drawn {
    pub fn read(svg: &Svg) -> Drawn {
        let document = Document::parse(&svg.xml).expect("well-formed XML");
        let mut drawn = Drawn {
            frames: Vec::new(),
            paths: BTreeMap::new(),
            words: words(svg, &document),
            size_px: [svg.width_mm, svg.height_mm].map(|mm| mm / 25.4 * 96.0),
            background: [0; 3],
            fills: BTreeMap::new(),
            slices: Vec::new(),
            bar_right: 0.0,
        };
        let first = document.descendants().find(|n| n.has_tag_name("rect")).expect("a background");
        drawn.background = colour(first.attribute("fill").expect("filled"));
        for node in document.descendants() {
            let Some(kind) = node.attribute("data-kind") else { continue };
            let path = path(&node);
            if kind == "slice" {
                let value = node.attribute("data-value").expect("a value").parse().expect("a number");
                let fill = colour(node.attribute("fill").expect("filled"));
                drawn.slices.push((value, (path[0].1 + path[1].1) / 2.0, fill));
                drawn.bar_right = path[1].0;
            }
            let Some(panel) = node.attribute("data-panel") else { continue };
            if kind == "frame" {
                let [(left, top), _, (right, bottom)] = path[..] else { panic!("a frame has three corners") };
                let axis = |name, from, to| AxisSeen::new(node.attribute(name).expect("an axis"), from, to);
                drawn.frames.push(Frame { x: axis("data-x", left, right), y: axis("data-y", bottom, top) });
                continue;
            }
            let series = node.attribute("data-series").expect("a series").to_owned();
            let key = (panel.parse().expect("a number"), series, kind.to_owned());
            if kind == "cell" {
                let fill = colour(node.attribute("fill").expect("filled"));
                drawn.fills.entry(key.clone()).or_default().push(fill);
            }
            drawn.paths.entry(key).or_default().push(path);
        }
        drawn
    }

    /// Every word is whole, legible, and apart from the others.
    pub fn check_words(&self) {
        for (i, word) in self.words.iter().enumerate() {
            let [left, top, right, bottom] = word.ink;
            let inside = left >= 0.0 && top >= 0.0 && right <= self.size_px[0] && bottom <= self.size_px[1];
            assert!(inside, "{word:?} is clipped by {:?}", self.size_px);
            assert!(word.points >= 6.0, "{word:?} is too small");
            let ratio = contrast(word.colour, self.background);
            assert!(ratio >= 4.5, "{word:?} has contrast {ratio}");
            for other in &self.words[i + 1..] {
                let [l, t, r, b] = other.ink;
                let apart = right <= l || r <= left || bottom <= t || b <= top;
                assert!(apart, "{word:?} meets {other:?}");
            }
        }
    }
}

fn path(node: &roxmltree::Node) -> Path {
    let number = |name: &str| node.attribute(name).expect("a position").parse::<f64>().expect("a number");
    if node.has_tag_name("rect") {
        let (x, y) = (number("x"), number("y"));
        return vec![(x, y), (x + number("width"), y + number("height"))];
    }
    if node.has_tag_name("circle") {
        return vec![(number("cx"), number("cy"))];
    }
    let pair = |p: &str| {
        let (x, y) = p.split_once(',').expect("a pair");
        (x.parse().expect("a number"), y.parse().expect("a number"))
    };
    node.attribute("points").expect("points").split_whitespace().map(pair).collect()
}

fn words(svg: &Svg, document: &Document) -> Vec<Word> {
    let options = usvg::Options { fontdb: FONTS.clone(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(&svg.xml, &options).expect("an SVG that resvg reads");
    let mut ink = Vec::new();
    collect(tree.root(), &mut ink);
    let texts: Vec<_> = document.descendants().filter(|n| n.has_tag_name("text")).collect();
    assert_eq!(ink.len(), texts.len(), "every word has glyphs");
    let word = |(node, ink): (&roxmltree::Node, [f64; 4])| Word {
        text: node.text().unwrap_or_default().to_owned(),
        ink,
        points: node.attribute("font-size").expect("a size").parse::<f64>().expect("a number") / UNITS_PER_PT,
        colour: colour(node.attribute("fill").expect("a colour")),
    };
    texts.iter().zip(ink).map(word).collect()
}

fn collect(group: &usvg::Group, ink: &mut Vec<[f64; 4]>) {
    for node in group.children() {
        match node {
            Node::Group(group) => collect(group, ink),
            Node::Text(text) => {
                let b = text.abs_stroke_bounding_box();
                ink.push([b.left(), b.top(), b.right(), b.bottom()].map(f64::from));
            }
            Node::Path(_) | Node::Image(_) => {}
        }
    }
}

fn colour(hex: &str) -> [u8; 3] {
    [1, 3, 5].map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("a hexadecimal colour"))
}

/// WCAG 2.2 contrast ratio.
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let luminance = |c: [u8; 3]| {
        let linear = c.map(|v| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { libm::pow((v + 0.055) / 1.055, 2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05
    };
    let (a, b) = (luminance(a), luminance(b));
    a.max(b) / a.min(b)
}

/// A row of the data file.
pub struct Row {
    pub panel: usize,
    pub series: String,
    pub kind: String,
    /// x, y, lo, hi, x2, y2, value.
    pub numbers: [Option<f64>; 7],
}

/// The data file.
pub fn rows(csv: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let row = |record: csv::StringRecord| Row {
        panel: record[0].parse().expect("a panel number"),
        series: record[1].to_owned(),
        kind: record[2].to_owned(),
        numbers: std::array::from_fn(|i| record[i + 3].parse().ok()),
    };
    reader.records().map(|r| row(r.expect("a record"))).collect()
}
