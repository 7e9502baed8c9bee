//! A sheet to draw on, in pixels.

use plotters::coord::Shift;
use plotters::prelude::{
    DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, SVGBackend, Text,
    TextStyle, WHITE,
};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A place, from the left and from the top.
pub type Point = (i32, i32);

/// Text and outlines.
pub const INK: RGBColor = RGBColor(40, 40, 40);
/// Lines behind the results.
pub const GRID: RGBColor = RGBColor(218, 218, 218);
/// Colours that differ in brightness too: the first five of Okabe and Ito's, the yellow left out.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// The colour of the representation at a place.
pub const fn colour(place: usize) -> RGBColor {
    COLOURS[place % COLOURS.len()]
}

/// A stretch of the picture for the logarithms from `low` to `high`.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
    pub start: i32,
    pub end: i32,
}

impl Axis {
    /// The pixel of a number; numbers beyond the ends are drawn at the ends.
    pub fn at(&self, number: f64) -> i32 {
        let share = (number - self.low) / (self.high - self.low).max(1e-12);
        let length = f64::from(self.end - self.start);
        self.start + (share.clamp(0.0, 1.0) * length).round() as i32
    }
}

/// The powers of ten that hold all `numbers`, two at least.
pub fn decades(numbers: impl Iterator<Item = f64>) -> (i32, i32) {
    let sound = numbers.filter(|number| number.is_finite() && *number > 0.0);
    let (low, high) = sound.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), number| {
        (low.min(number), high.max(number))
    });
    if !low.is_finite() {
        return (0, 1);
    }
    let first = low.log10().floor() as i32;
    (first, (high.log10().ceil() as i32).max(first + 1))
}

/// Where a text stands with respect to its point.
#[derive(Debug, Clone, Copy)]
pub enum Align {
    Left,
    Centre,
    Right,
}

/// What is drawn on.
pub struct Sheet<'a>(DrawingArea<SVGBackend<'a>, Shift>);

fn failed(error: impl std::fmt::Display) -> String {
    format!("cannot draw: {error}")
}

impl Sheet<'_> {
    pub fn text(&self, text: &str, at: Point, size: i32, align: Align) -> Result<(), String> {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = TextStyle::from(("sans-serif", size).into_font())
            .color(&INK)
            .pos(Pos::new(horizontal, VPos::Center));
        let text = Text::new(text.to_owned(), at, style);
        self.0.draw(&text).map_err(failed)
    }

    pub fn line(&self, points: Vec<Point>, colour: RGBColor, width: u32) -> Result<(), String> {
        let path = PathElement::new(points, colour.stroke_width(width));
        self.0.draw(&path).map_err(failed)
    }

    pub fn bar(&self, corners: [Point; 2], colour: RGBColor) -> Result<(), String> {
        self.0
            .draw(&Rectangle::new(corners, colour.filled()))
            .map_err(failed)
    }

    /// Names with their colours, in a line.
    pub fn legend(&self, names: &[&str], at: Point) -> Result<(), String> {
        let mut x = at.0;
        for (place, name) in names.iter().enumerate() {
            self.bar([(x, at.1 - 6), (x + 12, at.1 + 6)], colour(place))?;
            self.text(name, (x + 18, at.1), 14, Align::Left)?;
            x += 50 + 9 * i32::try_from(name.len()).unwrap_or(20);
        }
        Ok(())
    }
}

/// Draws on a white sheet of that size.
pub fn picture(
    size: (u32, u32),
    draw: impl FnOnce(&Sheet<'_>) -> Result<(), String>,
) -> Result<String, String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let sheet = Sheet(area);
        draw(&sheet)?;
        sheet.0.present().map_err(failed)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_maps_its_ends_and_stops_there() {
        let axis = Axis {
            low: 2.0,
            high: 6.0,
            start: 100,
            end: 500,
        };
        assert_eq!((axis.at(2.0), axis.at(3.0), axis.at(6.0)), (100, 200, 500));
        assert_eq!((axis.at(-9.0), axis.at(99.0)), (100, 500));
    }

    #[test]
    fn decades_hold_all_numbers() {
        assert_eq!(decades([20.0, 3_000.0].into_iter()), (1, 4));
        assert_eq!(decades([100.0].into_iter()), (2, 3));
        assert_eq!(decades([0.0, f64::NAN].into_iter()), (0, 1));
    }
}
