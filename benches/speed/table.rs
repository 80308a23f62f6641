//! The table, in Markdown, as docs/performance.md carries it.

use std::fmt::Write as _;

use crate::contest::{Heading, Peer, Row, Samples, Unit};

/// All rows, in a table for each heading.
pub(crate) fn render(rows: &[Row]) -> String {
    let of = |heading| rows.iter().filter(|row| row.heading == heading).collect::<Vec<_>>();
    let tables = [Heading::Floor, Heading::Places].map(|heading| (heading, of(heading)));
    let tables = tables.iter().filter(|(_, rows)| !rows.is_empty()).map(|(heading, rows)| table(*heading, rows));
    tables.collect::<Vec<_>>().join("\n")
}

/// Rows, with the columns of a width that a person can read too.
fn table(heading: Heading, rows: &[&Row]) -> String {
    // Those who took no part need no column.
    let peers: Vec<Peer> =
        Peer::ALL.into_iter().filter(|peer| rows.iter().any(|row| of(row, *peer).is_some())).collect();
    let mut lines = vec![header(heading, &peers)];
    lines.extend(rows.iter().map(|row| cells(row, &peers)));
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

fn header(heading: Heading, peers: &[Peer]) -> Vec<String> {
    let fixed = match heading {
        Heading::Floor => ["what", "unit", "n", "p50", "p99", "floor p50", "ratio"],
        Heading::Places => ["what", "unit", "n", "Docker", "p99", "native", "ratio"],
    };
    fixed.map(str::to_owned).into_iter().chain(peers.iter().map(|peer| peer.name().to_owned())).collect()
}

/// What a peer has shown in a row.
fn of(row: &Row, peer: Peer) -> Option<&Samples> {
    row.peers.iter().find(|(of, samples)| *of == peer && !samples.0.is_empty()).map(|(_, samples)| samples)
}

fn cells(row: &Row, peers: &[Peer]) -> Vec<String> {
    let (unit, ours) = (row.unit, row.ours.median(row.unit));
    let floor = row.floor.as_ref().map(|floor| floor.median(unit));
    // A debugger's rival is the other debugger; there is no floor to debugging.
    let rival = [Peer::Debugpy, Peer::Inspector].into_iter().find_map(|peer| of(row, peer));
    let beside = rival.map(|rival| rival.median(unit)).or(floor);
    let mut cells = vec![
        row.what.clone(),
        unit.name().to_owned(),
        row.ours.0.len().to_string(),
        figure(ours),
        // Of few samples there is no such thing.
        if row.ours.0.len() < 3 { absent() } else { figure(row.ours.percentile(0.99, unit)) },
        floor.map_or_else(absent, figure),
        beside.map_or_else(absent, |beside| format!("{:.2}", ours / beside)),
    ];
    cells.extend(peers.iter().map(|peer| of(row, *peer).map_or_else(absent, |samples| of_peer(samples, unit))));
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
