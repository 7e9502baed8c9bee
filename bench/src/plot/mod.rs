//! Figures as SVG.

mod bars;
mod curves;

pub use self::bars::bars;
pub use self::curves::curves;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Point = (i32, i32);

const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(218, 218, 218);
/// Colours that differ in brightness too: the first five of Okabe and Ito's, the yellow left out.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// The colour of the subject at a place.
const fn colour(place: usize) -> RGBColor {
    COLOURS[place % COLOURS.len()]
}

/// A stretch of the picture, in pixels, for the numbers from `low` to `high`.
#[derive(Debug, Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    start: i32,
    end: i32,
}

impl Axis {
    /// The pixel of a number; numbers beyond the ends are drawn at the ends.
    fn at(&self, number: f64) -> i32 {
        let share = (number - self.low) / (self.high - self.low).max(1e-12);
        let length = f64::from(self.end - self.start);
        self.start + (share.clamp(0.0, 1.0) * length).round() as i32
    }
}

/// Where a text stands with respect to its point.
#[derive(Debug, Clone, Copy)]
enum Align {
    Left,
    Centre,
    Right,
}

/// A white sheet to draw on.
struct Sheet<'a>(Area<'a>);

fn failed(error: impl std::fmt::Display) -> String {
    format!("cannot draw: {error}")
}

impl Sheet<'_> {
    fn text(&self, text: &str, at: Point, size: i32, align: Align) -> Result<(), String> {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = TextStyle::from(("sans-serif", size).into_font())
            .color(&INK)
            .pos(Pos::new(horizontal, VPos::Center));
        self.0
            .draw(&Text::new(text.to_owned(), at, style))
            .map_err(failed)
    }

    fn line(&self, points: Vec<Point>, colour: RGBColor, width: u32) -> Result<(), String> {
        let style = colour.stroke_width(width);
        self.0
            .draw(&PathElement::new(points, style))
            .map_err(failed)
    }

    fn bar(&self, corners: [Point; 2], colour: RGBColor) -> Result<(), String> {
        self.0
            .draw(&Rectangle::new(corners, colour.filled()))
            .map_err(failed)
    }

    fn dot(&self, at: Point, colour: RGBColor, filled: bool) -> Result<(), String> {
        let inside = if filled { colour } else { WHITE };
        self.0
            .draw(&Circle::new(at, 3, inside.filled()))
            .map_err(failed)?;
        self.0
            .draw(&Circle::new(at, 3, colour.stroke_width(1)))
            .map_err(failed)
    }

    /// The names of subjects with their colours, in a line.
    fn legend(&self, names: &[(String, RGBColor)], at: Point) -> Result<(), String> {
        let mut x = at.0;
        for (name, colour) in names {
            self.bar([(x, at.1 - 6), (x + 12, at.1 + 6)], *colour)?;
            self.text(name, (x + 18, at.1), 14, Align::Left)?;
            x += 50 + 8 * i32::try_from(name.len()).unwrap_or(20);
        }
        Ok(())
    }
}

/// Draws on a white sheet of that size.
fn picture(
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
            low: -1.0,
            high: 3.0,
            start: 100,
            end: 500,
        };
        assert_eq!((axis.at(-1.0), axis.at(0.0), axis.at(3.0)), (100, 200, 500));
        assert_eq!((axis.at(-9.0), axis.at(9.0)), (100, 500));
        let upwards = Axis {
            start: 500,
            end: 100,
            ..axis
        };
        assert_eq!((upwards.at(-1.0), upwards.at(3.0)), (500, 100));
    }
}
