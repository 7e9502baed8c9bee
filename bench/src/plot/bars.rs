//! Ratios as bars: a block per cell of the matrix, a panel per peer, a row per workload.

use plotters::prelude::RGBColor;

use super::{Align, Axis, GRID, INK, Sheet, colour, picture};
use crate::lane::Lanes;
use crate::report::Cell;
use crate::stats::{Spread, ratio};

const LABELS: i32 = 215;
const PANEL: i32 = 330;
/// Room for the medians, at the right of each panel.
const NUMBERS: i32 = 56;
const GAP: i32 = 20;
const BAR: i32 = 9;
const ROW_GAP: i32 = 9;
/// The title of a block, and its axis.
const HEAD: i32 = 66;
const FOOT: i32 = 34;
const TOP: i32 = 76;

/// One row of a panel: the workload, and a ratio for each of verimem's structures.
struct Row {
    label: String,
    ratios: Vec<Option<Spread>>,
}

/// What is drawn of a cell: for each peer, its rows.
struct Block<'a> {
    title: String,
    panels: Vec<(&'a str, Vec<Row>)>,
}

impl Block<'_> {
    fn rows(&self) -> i32 {
        let longest = self.panels.iter().map(|(_, rows)| rows.len()).max();
        i32::try_from(longest.unwrap_or(0)).unwrap_or(0)
    }
}

fn places(lanes: &Lanes, ours: bool) -> Vec<usize> {
    let all = 0..lanes.len();
    all.filter(|&place| lanes[place].ours() == ours).collect()
}

/// The rows of one peer in one cell; a row without a ratio stays, so that panels line up.
fn rows(cell: &Cell, subjects: &[usize], peer: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = cell
        .series
        .iter()
        .map(|series| Row {
            label: match series.threads {
                1 => series.workload.clone(),
                threads => format!("{}, {threads} threads", series.workload),
            },
            ratios: subjects
                .iter()
                .map(|&subject| ratio(&series.rates[subject], &series.rates[peer]))
                .collect(),
        })
        .collect();
    let over = |place: usize| cell.overheads.get(place).copied().flatten();
    if !cell.overheads.is_empty() {
        let ratio = |&subject: &usize| ratio(&[over(subject)?], &[over(peer)?]);
        rows.push(Row {
            label: "memory (less is better)".into(),
            ratios: subjects.iter().map(ratio).collect(),
        });
    }
    rows
}

/// The whole powers of two that hold all ratios to the peer at `place`, and at least a half and two.
fn range(blocks: &[Block<'_>], place: usize) -> (f64, f64) {
    let rows = blocks.iter().flat_map(|block| &block.panels[place].1);
    let spreads = rows.flat_map(|row| row.ratios.iter().flatten());
    let sound = |number: f64| (number.is_finite() && number > 0.0).then(|| number.log2());
    spreads.fold((-1.0, 1.0), |(low, high): (f64, f64), spread| {
        let least = sound(spread.low).map_or(low, |least| low.min(least.floor()));
        let most = sound(spread.high).map_or(high, |most| high.max(most.ceil()));
        (least.max(-8.0), most.min(12.0))
    })
}

/// The ratios of verimem's structures to each peer, in all cells.
///
/// # Errors
///
/// There is nothing to compare, or the picture cannot be drawn.
pub fn bars(cells: &[Cell], lanes: &Lanes) -> Result<String, String> {
    let (subjects, peers) = (places(lanes, true), places(lanes, false));
    if subjects.is_empty() || peers.is_empty() {
        return Err("nothing to draw: choose one of verimem's structures and a peer".into());
    }
    let block = |cell: &Cell| Block {
        title: cell.name.to_string(),
        panels: peers
            .iter()
            .map(|&peer| (lanes[peer].name(), rows(cell, &subjects, peer)))
            .collect(),
    };
    let blocks: Vec<Block<'_>> = cells.iter().map(block).collect();
    let ranges: Vec<(f64, f64)> = (0..peers.len())
        .map(|place| range(&blocks, place))
        .collect();
    let row = row_height(subjects.len());
    let height = |block: &Block<'_>| HEAD + block.rows() * row + FOOT;
    let width = LABELS + (PANEL + NUMBERS + GAP) * i32::try_from(peers.len()).unwrap_or(1);
    let total = TOP + blocks.iter().map(height).sum::<i32>() + GAP;
    let size = (width.unsigned_abs(), total.unsigned_abs());
    picture(size, |sheet| {
        let title = "verimem over its peers: operations per second, median and range of the rounds";
        sheet.text(title, (GAP, 24), 18, Align::Left)?;
        let named = |&place: &usize| (lanes[place].name().to_owned(), colour(place));
        let names: Vec<(String, RGBColor)> = subjects.iter().map(named).collect();
        sheet.legend(&names, (GAP, 54))?;
        let mut y = TOP;
        for block in &blocks {
            draw_block(sheet, block, &ranges, y, &names)?;
            y += height(block);
        }
        Ok(())
    })
}

fn row_height(subjects: usize) -> i32 {
    BAR * i32::try_from(subjects).unwrap_or(1) + ROW_GAP
}

fn draw_block(
    sheet: &Sheet<'_>,
    block: &Block<'_>,
    ranges: &[(f64, f64)],
    top: i32,
    names: &[(String, RGBColor)],
) -> Result<(), String> {
    sheet.text(&block.title, (GAP, top + 20), 15, Align::Left)?;
    let height = row_height(names.len());
    let mut left = LABELS;
    for (index, (peer, rows)) in block.panels.iter().enumerate() {
        let (low, high) = ranges[index];
        let axis = Axis {
            low,
            high,
            start: left,
            end: left + PANEL,
        };
        let (first, last) = (top + HEAD, top + HEAD + height * block.rows());
        let title = format!("over {peer}");
        sheet.text(&title, (left + PANEL / 2, top + 48), 14, Align::Centre)?;
        draw_grid(sheet, axis, first, last)?;
        for (row, y) in rows
            .iter()
            .zip((first..).step_by(height.unsigned_abs() as usize))
        {
            if index == 0 {
                sheet.text(&row.label, (LABELS - 8, y + height / 2), 12, Align::Right)?;
            }
            draw_row(sheet, axis, row, y, names)?;
        }
        left += PANEL + NUMBERS + GAP;
    }
    Ok(())
}

/// A line for each power of two, the one for equality stronger.
fn draw_grid(sheet: &Sheet<'_>, axis: Axis, top: i32, bottom: i32) -> Result<(), String> {
    // No more labels than there is room for.
    let step = if axis.high - axis.low > 10.0 { 2 } else { 1 };
    let powers = (axis.low as i32)..=(axis.high as i32);
    for power in powers.filter(|power| power % step == 0) {
        let x = axis.at(f64::from(power));
        let colour = if power == 0 { INK } else { GRID };
        sheet.line(vec![(x, top), (x, bottom)], colour, 1)?;
        let label = if power < 0 {
            format!("1/{}", 1 << -power)
        } else {
            format!("{}", 1 << power)
        };
        sheet.text(&label, (x, bottom + 10), 11, Align::Centre)?;
    }
    Ok(())
}

fn draw_row(
    sheet: &Sheet<'_>,
    axis: Axis,
    row: &Row,
    top: i32,
    names: &[(String, RGBColor)],
) -> Result<(), String> {
    let mut y = top + ROW_GAP / 2;
    for (ratio, (_, colour)) in row.ratios.iter().zip(names) {
        if let Some(ratio) = ratio.filter(|ratio| ratio.median.is_finite() && ratio.low > 0.0) {
            let (one, x) = (axis.at(0.0), axis.at(ratio.median.log2()));
            sheet.bar([(one.min(x), y), (one.max(x), y + BAR - 1)], *colour)?;
            let middle = y + BAR / 2;
            let (from, to) = (axis.at(ratio.low.log2()), axis.at(ratio.high.log2()));
            sheet.line(vec![(from, middle), (to, middle)], INK, 1)?;
            for end in [from, to] {
                sheet.line(vec![(end, middle - 2), (end, middle + 3)], INK, 1)?;
            }
            let number = format!("{:.2}", ratio.median);
            sheet.text(&number, (axis.end + NUMBERS - 8, middle), 10, Align::Right)?;
        }
        y += BAR;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(spreads: &[(f64, f64)]) -> Block<'static> {
        let spread = |&(low, high): &(f64, f64)| {
            Some(Spread {
                low,
                median: low,
                high,
            })
        };
        let row = Row {
            label: String::new(),
            ratios: spreads.iter().map(spread).collect(),
        };
        Block {
            title: String::new(),
            panels: vec![("peer", vec![row])],
        }
    }

    #[test]
    fn ranges_hold_all_ratios_and_one() {
        assert_eq!(range(&[block(&[(1.1, 1.2)])], 0), (-1.0, 1.0));
        assert_eq!(
            range(&[block(&[(0.2, 1.0)]), block(&[(1.0, 9.0)])], 0),
            (-3.0, 4.0)
        );
        assert_eq!(range(&[block(&[(-1.0, f64::INFINITY)])], 0), (-1.0, 1.0));
    }
}
