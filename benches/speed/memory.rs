//! How much memory processes take, as the kernel counts it.

use std::collections::HashMap;
use std::fs;

use crate::Result;

/// Memory in MiB.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Resident, pages that others share counted in full.
    pub(crate) resident: f64,
    /// The same with shared pages divided among those that share them.
    pub(crate) proportional: f64,
}

/// The memory of one process.
pub(crate) fn of(pid: u32) -> Result<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name: &str| -> Result<f64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)).ok_or("a process without memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    };
    Ok(Memory { resident: field("Rss:")?, proportional: field("Pss:")? })
}

/// The proportional memory of a process and of all that descend from it, and how many they are.
pub(crate) fn of_tree(pid: u32) -> Result<(f64, usize)> {
    let family = family(pid);
    let mut sum = 0.0;
    for pid in &family {
        sum += of(*pid)?.proportional;
    }
    Ok((sum, family.len()))
}

fn family(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for child in processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if let Some(parent) = parent(child) {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// `None` for a process that is gone by now.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
