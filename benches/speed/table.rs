//! The table, in Markdown, as docs/performance.md carries it.

use std::fmt::Write as _;

use crate::contest::{Peer, Row, Samples, Unit};

/// All rows, with the columns of a width that a person can read too.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut lines = vec![header()];
    lines.extend(rows.iter().map(cells));
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        text.push('|');
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            let (before, after) = if column == 0 { ("", padding.as_str()) } else { (padding.as_str(), "") };
            write!(text, " {before}{cell}{after} |").expect("a string takes everything");
        }
        text.push('\n');
        if number == 0 {
            text.push('|');
            for (column, width) in widths.iter().enumerate() {
                let rule = if column == 0 { "-".repeat(*width) } else { format!("{}:", "-".repeat(width - 1)) };
                write!(text, " {rule} |").expect("a string takes everything");
            }
            text.push('\n');
        }
    }
    text
}

fn header() -> Vec<String> {
    let fixed = ["what", "unit", "n", "p50", "p99", "floor p50", "ratio"].map(str::to_owned);
    fixed.into_iter().chain(Peer::ALL.map(|peer| peer.name().to_owned())).collect()
}

fn cells(row: &Row) -> Vec<String> {
    let (unit, ours) = (row.unit, row.ours.median(row.unit));
    let floor = row.floor.as_ref().map(|floor| floor.median(unit));
    let peer = |peer| row.peers.iter().find(|(of, samples)| *of == peer && !samples.0.is_empty());
    let mut cells = vec![
        row.what.clone(),
        unit.name().to_owned(),
        row.ours.0.len().to_string(),
        figure(ours),
        // Of few samples there is no such thing.
        if row.ours.0.len() < 3 { absent() } else { figure(row.ours.percentile(0.99, unit)) },
        floor.map_or_else(absent, figure),
        floor.map_or_else(absent, |floor| format!("{:.2}", ours / floor)),
    ];
    cells.extend(Peer::ALL.map(|column| peer(column).map_or_else(absent, |(_, samples)| of_peer(samples, unit))));
    cells
}

fn of_peer(samples: &Samples, unit: Unit) -> String {
    figure(samples.median(unit))
}

fn absent() -> String {
    "–".to_owned()
}

/// Three digits that mean something.
fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}
