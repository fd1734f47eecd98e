//! Looks: sizes, colours, dashes and markers of each style.

use std::str::FromStr;

use super::canvas::Pen;
use crate::error::{Error, Result};

/// Canvas units per CSS pixel: plotters counts in whole units, and eight of them to a pixel make curves smooth.
const UNITS_PER_PX: f64 = 8.0;
/// Canvas units per millimetre on paper.
pub(super) const UNITS_PER_MM: f64 = UNITS_PER_PX * 96.0 / 25.4;
/// Canvas units per typographic point.
pub(super) const UNITS_PER_PT: f64 = UNITS_PER_PX * 96.0 / 72.0;

/// Where a figure is shown.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Print at column width: 85 or 175 mm, black on white.
    #[default]
    Paper,
    /// Projected: 153 or 315 mm, larger text and thicker lines.
    Slides,
    /// Dark pages, at the size of paper.
    Dark,
}

impl FromStr for Style {
    type Err = Error;

    fn from_str(name: &str) -> Result<Style> {
        match name {
            "paper" => Ok(Style::Paper),
            "slides" => Ok(Style::Slides),
            "dark" => Ok(Style::Dark),
            _ => Err(Error::unknown("figure style", name, ["paper", "slides", "dark"])),
        }
    }
}

/// An sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// The colour `share` of the way from `self` to `other`.
    pub fn mix(self, other: Rgb, share: f64) -> Rgb {
        let channel = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
        Rgb(channel(self.0, other.0), channel(self.1, other.1), channel(self.2, other.2))
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// Contrast ratio (WCAG 2.2), 1 to 21.
    fn contrast(self, other: Rgb) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

const BLACK: Rgb = Rgb(0, 0, 0);
const BLUE: Rgb = Rgb(0, 114, 178);
const VERMILLION: Rgb = Rgb(213, 94, 0);
const GREEN: Rgb = Rgb(0, 158, 115);
const PURPLE: Rgb = Rgb(204, 121, 167);
const ORANGE: Rgb = Rgb(230, 159, 0);
const SKY: Rgb = Rgb(86, 180, 233);
const YELLOW: Rgb = Rgb(240, 228, 66);

/// Colours of Okabe and Ito (2008), those that stand out most from the page first.
const ON_LIGHT: [Rgb; 8] = [BLUE, VERMILLION, GREEN, BLACK, PURPLE, ORANGE, SKY, YELLOW];
const ON_DARK: [Rgb; 8] = [SKY, ORANGE, GREEN, Rgb(236, 238, 240), PURPLE, YELLOW, VERMILLION, BLUE];

/// Anchors of the viridis map (van der Walt and Smith 2015): uniform to the eye, and rising in grey.
const VIRIDIS: [Rgb; 9] = [
    Rgb(68, 1, 84),
    Rgb(71, 45, 123),
    Rgb(59, 82, 139),
    Rgb(44, 114, 142),
    Rgb(33, 145, 140),
    Rgb(40, 174, 128),
    Rgb(94, 201, 98),
    Rgb(173, 220, 48),
    Rgb(253, 231, 37),
];

/// Dash patterns in stroke widths; seven of them against eight colours make 56 distinct looks.
const DASHES: [&[f64]; 7] = [
    &[],
    &[4.0, 1.6],
    &[1.2, 1.4],
    &[6.0, 1.6, 1.2, 1.6],
    &[8.0, 2.0],
    &[2.4, 1.2],
    &[5.0, 1.4, 1.2, 1.4, 1.2, 1.4],
];

/// Shape of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Wedge,
}

const SHAPES: [Shape; 5] = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond, Shape::Wedge];

/// How one series looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub colour: Rgb,
    pub dash: &'static [f64],
    pub shape: Shape,
    /// Markers of the second and later rounds of shapes are hollow.
    pub hollow: bool,
}

/// Sizes (canvas units) and colours of a style.
#[derive(Clone, Debug)]
pub(super) struct Theme {
    /// Everything that is not text is this much larger than on paper.
    pub zoom: f64,
    /// Axis titles, names and facet strips.
    pub text: f64,
    /// Tick labels and reference labels.
    pub small: f64,
    /// Notes.
    pub note: f64,
    pub background: Rgb,
    pub ink: Rgb,
    pub grid: Rgb,
    palette: [Rgb; 8],
    /// Share of the colour map that is left out at its dark end, which a dark page would swallow.
    darkest: f64,
}

impl Theme {
    /// Sizes and colours of `style`.
    pub fn of(style: Style) -> Theme {
        let (zoom, points) = match style {
            Style::Paper | Style::Dark => (1.0, [7.0, 6.5, 6.1]),
            Style::Slides => (1.8, [14.0, 13.0, 12.0]),
        };
        let [text, small, note] = points.map(|pt: f64| (pt * UNITS_PER_PT).round());
        let (background, ink, grid, palette) = match style {
            Style::Paper | Style::Slides => {
                (Rgb(255, 255, 255), Rgb(26, 26, 26), Rgb(229, 229, 229), ON_LIGHT)
            }
            Style::Dark => (Rgb(20, 23, 28), Rgb(226, 229, 233), Rgb(50, 55, 63), ON_DARK),
        };
        let darkest = if style == Style::Dark { 0.14 } else { 0.0 };
        Theme { zoom, text, small, note, background, ink, grid, palette, darkest }
    }

    /// `px` CSS pixels of paper size in canvas units.
    pub fn px(&self, px: f64) -> f64 {
        px * UNITS_PER_PX * self.zoom
    }

    /// `mm` millimetres of paper size in canvas units.
    pub fn mm(&self, mm: f64) -> f64 {
        mm * UNITS_PER_MM * self.zoom
    }

    /// Look of the series at `index` of the figure's names.
    pub fn look(&self, index: usize) -> Look {
        Look {
            colour: self.palette[index % self.palette.len()],
            dash: DASHES[index % DASHES.len()],
            shape: SHAPES[index % SHAPES.len()],
            hollow: (index / SHAPES.len()) % 2 == 1,
        }
    }

    /// Pen of reference lines and guides: thin, grey, dashed.
    pub fn guide(&self) -> Pen<'static> {
        let colour = self.ink.mix(self.background, 0.3);
        Pen { colour, width: self.px(0.8), dash: &[4.0, 3.0] }
    }

    /// `colour` moved towards the ink until text in it has the WCAG contrast of 4.5 (with a little to spare).
    pub fn readable(&self, colour: Rgb) -> Rgb {
        let shades = (0..=20).map(|i| colour.mix(self.ink, f64::from(i) / 20.0));
        shades.into_iter().find(|c| c.contrast(self.background) >= 4.6).unwrap_or(self.ink)
    }

    /// Colour of the share `t` in 0..=1 of the colour axis.
    pub fn heat(&self, t: f64) -> Rgb {
        let from = self.darkest;
        let at = (from + (1.0 - from) * t.clamp(0.0, 1.0)) * (VIRIDIS.len() - 1) as f64;
        let i = (at as usize).min(VIRIDIS.len() - 2);
        VIRIDIS[i].mix(VIRIDIS[i + 1], at - i as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_of_contrast() {
        assert!((BLACK.contrast(Rgb(255, 255, 255)) - 21.0).abs() < 1e-9);
        assert!((SKY.contrast(SKY) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_map_rises_in_grey() {
        let theme = Theme::of(Style::Paper);
        let shades: Vec<f64> = (0..=64).map(|i| theme.heat(f64::from(i) / 64.0).luminance()).collect();
        assert!(shades.windows(2).all(|w| w[0] < w[1]));
    }
}
