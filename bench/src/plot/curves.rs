//! Speed over size as lines: a row of panels per curve, a panel per workload.

use plotters::prelude::RGBColor;

use super::{Align, Axis, GRID, INK, Sheet, colour, picture};
use crate::growth::{Curve, Point, cores};
use crate::lane::Lanes;
use crate::workload::Workload;

const LEFT: i32 = 62;
const PANEL: i32 = 300;
const HEIGHT: i32 = 230;
const GAP: i32 = 62;
const TOP: i32 = 80;
/// The heading of a row, and its axis.
const HEAD: i32 = 48;
const FOOT: i32 = 62;

/// The rows of panels: one per curve that has more than one place.
fn rows(points: &[Point]) -> Vec<Curve> {
    let several = |curve: &Curve| {
        let mut on = points
            .iter()
            .filter(|point| point.curve == *curve)
            .map(|point| point.x);
        on.next().is_some_and(|first| on.any(|x| x != first))
    };
    Curve::ALL.into_iter().filter(several).collect()
}

const fn title(curve: Curve) -> &'static str {
    match curve {
        Curve::Entries => "by the number of entries (random keys of 16 bytes, values of 100)",
        Curve::KeyLength => "by the length of random keys in bytes",
        Curve::Threads => "by the number of threads (hollow: more threads than cores)",
    }
}

/// Points per second over what varies, both axes logarithmic.
///
/// # Errors
///
/// There is nothing to draw, or it cannot be drawn.
pub fn curves(points: &[Point], lanes: &Lanes) -> Result<String, String> {
    let rows = rows(points);
    if rows.is_empty() {
        return Err("nothing to draw: no curve has two points".into());
    }
    let count = |number: usize| i32::try_from(number).unwrap_or(1);
    let width = LEFT + (PANEL + GAP) * count(Workload::GROWTH.len());
    let row_height = HEAD + HEIGHT + FOOT;
    let height = TOP + row_height * count(rows.len());
    picture((width.unsigned_abs(), height.unsigned_abs()), |sheet| {
        let title = "Millions of operations per second: median and range of the rounds";
        sheet.text(title, (20, 24), 18, Align::Left)?;
        let names = lanes.iter().enumerate();
        let names: Vec<(String, RGBColor)> = names
            .map(|(place, lane)| (lane.name().to_owned(), colour(place)))
            .collect();
        sheet.legend(&names, (20, 56))?;
        for (curve, y) in rows
            .into_iter()
            .zip((TOP..).step_by(row_height.unsigned_abs() as usize))
        {
            draw_curve(sheet, curve, points, y)?;
        }
        Ok(())
    })
}

/// The numbers 1, 2 and 5, times powers of ten, that enclose all of `numbers`; two at least.
fn ticks(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let sound = numbers.filter(|number| *number > 0.0 && number.is_finite());
    let (low, high) = sound.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), number| {
        (low.min(number), high.max(number))
    });
    if !low.is_finite() {
        return vec![1.0, 2.0];
    }
    let decades = -9..=9;
    let all: Vec<f64> = decades
        .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)))
        .collect();
    let first = all.iter().rposition(|&tick| tick <= low).unwrap_or(0);
    let last = all
        .iter()
        .position(|&tick| tick >= high)
        .unwrap_or(all.len() - 1);
    all[first..=last.max(first + 1).min(all.len() - 1)].to_vec()
}

fn draw_curve(sheet: &Sheet<'_>, curve: Curve, points: &[Point], top: i32) -> Result<(), String> {
    sheet.text(title(curve), (20, top + 14), 15, Align::Left)?;
    let here: Vec<&Point> = points.iter().filter(|point| point.curve == curve).collect();
    let mut xs: Vec<usize> = here.iter().map(|point| point.x).collect();
    xs.sort_unstable();
    xs.dedup();
    let log = |x: usize| (x as f64).log10();
    let margin = 0.04 * (log(xs[xs.len() - 1]) - log(xs[0]));
    let mut left = LEFT;
    for workload in Workload::GROWTH {
        let mut own = here.clone();
        own.retain(|point| point.workload == workload.name());
        let ends = own
            .iter()
            .flat_map(|point| [point.rate.low / 1e6, point.rate.high / 1e6]);
        let ticks = ticks(ends);
        let x = Axis {
            low: log(xs[0]) - margin,
            high: log(xs[xs.len() - 1]) + margin,
            start: left,
            end: left + PANEL,
        };
        let y = Axis {
            low: ticks[0].log10(),
            high: ticks[ticks.len() - 1].log10(),
            start: top + HEAD + HEIGHT,
            end: top + HEAD,
        };
        sheet.text(
            workload.name(),
            (left + PANEL / 2, top + HEAD - 10),
            13,
            Align::Centre,
        )?;
        draw_axes(sheet, x, y, &xs, &ticks)?;
        draw_lines(sheet, x, y, &own)?;
        left += PANEL + GAP;
    }
    Ok(())
}

/// 1000 as `1k`, 10^6 as `1M`.
fn short(number: usize) -> String {
    match number {
        1_000_000.. if number.is_multiple_of(1_000_000) => format!("{}M", number / 1_000_000),
        1_000.. if number.is_multiple_of(1_000) => format!("{}k", number / 1_000),
        _ => number.to_string(),
    }
}

fn draw_axes(
    sheet: &Sheet<'_>,
    x: Axis,
    y: Axis,
    xs: &[usize],
    ticks: &[f64],
) -> Result<(), String> {
    for &number in xs {
        let at = x.at((number as f64).log10());
        sheet.line(vec![(at, y.start), (at, y.end)], GRID, 1)?;
        sheet.text(&short(number), (at, y.start + 14), 11, Align::Centre)?;
    }
    for &tick in ticks {
        let at = y.at(tick.log10());
        sheet.line(vec![(x.start, at), (x.end, at)], GRID, 1)?;
        let digits = (-tick.log10().floor()).max(0.0) as usize;
        sheet.text(
            &format!("{tick:.digits$}"),
            (x.start - 6, at),
            11,
            Align::Right,
        )?;
    }
    let corner = (x.start, y.start);
    sheet.line(vec![(x.start, y.end), corner, (x.end, y.start)], INK, 1)
}

fn draw_lines(sheet: &Sheet<'_>, x: Axis, y: Axis, points: &[&Point]) -> Result<(), String> {
    let subjects = points
        .iter()
        .map(|point| point.subject)
        .max()
        .map_or(0, |last| last + 1);
    for subject in 0..subjects {
        let colour = colour(subject);
        let own: Vec<_> = points
            .iter()
            .filter(|point| point.subject == subject)
            .collect();
        let height = |rate: f64| y.at((rate / 1e6).max(1e-9).log10());
        let at = |point: &Point| x.at((point.x as f64).log10());
        let path = own
            .iter()
            .map(|point| (at(point), height(point.rate.median)));
        if own.len() > 1 {
            sheet.line(path.clone().collect(), colour, 2)?;
        }
        for (point, place) in own.iter().zip(path) {
            let range = [point.rate.low, point.rate.high].map(|rate| (place.0, height(rate)));
            sheet.line(range.to_vec(), colour, 1)?;
            let hollow = point.curve == Curve::Threads && point.threads > cores();
            sheet.dot(place, colour, !hollow)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_enclose_the_numbers() {
        let near = |numbers: &[f64], wanted: &[f64]| {
            let ticks = ticks(numbers.iter().copied());
            assert_eq!(ticks.len(), wanted.len(), "{ticks:?}");
            let mut pairs = ticks.iter().zip(wanted);
            assert!(pairs.all(|(a, b)| (a / b - 1.0).abs() < 1e-9), "{ticks:?}");
        };
        near(&[0.3, 7.0], &[0.2, 0.5, 1.0, 2.0, 5.0, 10.0]);
        near(&[1.5], &[1.0, 2.0]);
        near(&[], &[1.0, 2.0]);
        near(&[0.0, 3.0], &[2.0, 5.0]);
    }

    #[test]
    fn numbers_are_shortened_where_they_are_round() {
        let texts = [8, 500, 1_000, 1_500, 10_000_000].map(short);
        assert_eq!(texts, ["8", "500", "1k", "1500", "10M"]);
    }
}
