//! How far a pull or a build is, put so that people can follow it.

use std::collections::BTreeMap;

use crate::container::engine::Progress;

/// The longest message, in characters.
const MAX_MESSAGE_CHARS: usize = 200;

/// The layers that are told apart; no image has more.
const MAX_LAYERS: usize = 512;

/// Lines of a build's output that are kept for the case that it fails.
const KEPT_LINES: usize = 10;

/// How much of a layer's work is to fetch it; the rest is to unpack it.
const FETCHING: f64 = 0.7;

/// What is being done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doing {
    /// In a few words, on one line.
    pub message: String,
    /// How much of it is done, where that can be said; never less than before.
    pub percentage: Option<u8>,
}

/// Follows a pull.
#[derive(Debug, Default)]
pub(super) struct Pulling {
    layers: BTreeMap<String, Layer>,
    highest: u8,
}

#[derive(Debug, Default)]
struct Layer {
    bytes: Option<u64>,
    done: f64,
}

impl Pulling {
    pub(super) fn take(&mut self, progress: &Progress) -> Doing {
        if let Some(part) = progress.part.as_deref().filter(|_| is_of_layer(&progress.step))
            && (self.layers.len() < MAX_LAYERS || self.layers.contains_key(part))
        {
            self.layers.entry(part.to_owned()).or_default().take(progress);
        }
        let done = self.layers.values().filter(|layer| layer.done >= 1.0).count();
        let message = if self.layers.is_empty() {
            line(&progress.step)
        } else {
            format!("{} ({done} of {} layers done)", line(&progress.step), self.layers.len())
        };
        Doing { message, percentage: Some(self.percentage()) }
    }

    /// By bytes, as far as they are known; a layer whose size isn't weighs as much as the others do.
    fn percentage(&mut self) -> u8 {
        let sizes: Vec<f64> = self.layers.values().filter_map(|layer| layer.bytes).map(|bytes| bytes as f64).collect();
        let usual = if sizes.is_empty() { 1.0 } else { (sizes.iter().sum::<f64>() / sizes.len() as f64).max(1.0) };
        let (mut all, mut done) = (0.0, 0.0);
        for layer in self.layers.values() {
            let weight = layer.bytes.map_or(usual, |bytes| bytes as f64);
            all += weight;
            done += weight * layer.done;
        }
        if all > 0.0 {
            // What is left after the last layer has no size.
            self.highest = self.highest.max((done / all * 99.0) as u8);
        }
        self.highest
    }
}

impl Layer {
    fn take(&mut self, progress: &Progress) {
        let part = || match (progress.done, progress.total) {
            (Some(done), Some(total)) if total > 0 => (done as f64 / total as f64).clamp(0.0, 1.0),
            _ => 0.0,
        };
        let done = match progress.step.as_str() {
            "Downloading" => {
                self.bytes = progress.total.filter(|total| *total > 0).or(self.bytes);
                FETCHING * part()
            }
            "Verifying Checksum" | "Download complete" => FETCHING,
            "Extracting" => FETCHING + (1.0 - FETCHING) * part(),
            "Pull complete" | "Already exists" => 1.0,
            _ => 0.0,
        };
        self.done = self.done.max(done);
    }
}

/// An engine also says things of the image as a whole, under its tag.
fn is_of_layer(step: &str) -> bool {
    let exact = ["Waiting", "Downloading", "Verifying Checksum", "Download complete", "Extracting", "Already exists"];
    exact.contains(&step) || ["Pulling fs layer", "Pull complete"].contains(&step)
}

/// Follows a build.
#[derive(Debug, Default)]
pub(super) struct Building {
    base: Pulling,
    highest: u8,
    lines: std::collections::VecDeque<String>,
}

impl Building {
    pub(super) fn take(&mut self, progress: &Progress) -> Doing {
        if progress.part.is_some() {
            // The base is fetched before the first step counts.
            let fetching = self.base.take(progress);
            return Doing { message: fetching.message, percentage: Some(self.highest) };
        }
        let message = line(&progress.step);
        if let Some((step, steps)) = counted(&message) {
            self.highest = self.highest.max(((step - 1) * 100 / steps).min(99) as u8);
        }
        if !message.is_empty() {
            if self.lines.len() == KEPT_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(message.clone());
        }
        Doing { message, percentage: Some(self.highest) }
    }

    /// What was printed last.
    pub(super) fn last_lines(self) -> Vec<String> {
        self.lines.into()
    }
}

/// The numbers of `Step 2/7 : RUN …`.
fn counted(message: &str) -> Option<(u32, u32)> {
    let (step, steps) = message.strip_prefix("Step ")?.split_once(' ')?.0.split_once('/')?;
    let (step, steps) = (step.parse().ok()?, steps.parse().ok()?);
    (1 <= step && step <= steps && steps < 1000).then_some((step, steps))
}

/// One line of it, without what would steer a terminal.
fn line(text: &str) -> String {
    let text = text.trim().lines().next_back().unwrap_or_default().trim();
    text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(part: &str, step: &str, done: u64, total: u64) -> Progress {
        let part = Some(part.to_owned()).filter(|part| !part.is_empty());
        Progress { part, step: step.to_owned(), done: Some(done), total: Some(total) }
    }

    #[test]
    fn a_pull_grows_by_bytes_and_never_shrinks() {
        let mut pulling = Pulling::default();
        let steps = [
            step("latest", "Pulling from tools/python", 0, 0),
            step("a", "Pulling fs layer", 0, 0),
            step("b", "Pulling fs layer", 0, 0),
            step("a", "Downloading", 50, 100),
            step("a", "Download complete", 0, 0),
            step("b", "Downloading", 0, 900),
            step("b", "Downloading", 900, 900),
            step("a", "Extracting", 100, 100),
            step("a", "Pull complete", 0, 0),
            step("b", "Pull complete", 0, 0),
        ];
        let told: Vec<Doing> = steps.iter().map(|step| pulling.take(step)).collect();
        let percentages: Vec<u8> = told.iter().filter_map(|doing| doing.percentage).collect();
        assert!(percentages.is_sorted() && percentages.len() == steps.len(), "{percentages:?}");
        assert_eq!((percentages[2], percentages[6], percentages[9]), (0, 69, 99));
        assert_eq!(told[9].message, "Pull complete (2 of 2 layers done)");
        assert_eq!(told[0].message, "Pulling from tools/python");
    }

    #[test]
    fn a_build_is_as_far_as_its_steps() {
        let mut building = Building::default();
        let mut take = |text: &str| building.take(&Progress { step: text.to_owned(), ..Progress::default() });
        assert_eq!(take("Step 1/4 : FROM a\n").percentage, Some(0));
        assert_eq!(take("Step 3/4 : RUN b").percentage, Some(50));
        assert_eq!(take("first\nlast\u{1b}[31m\n"), Doing { message: "last[31m".to_owned(), percentage: Some(50) });
        for odd in ["Step 0/0 : a", "Step 9/4 : a", "Step a/b", "Step 4294967295/1 : a"] {
            assert_eq!(take(odd).percentage, Some(50), "{odd}");
        }
        for number in 0..100 {
            take(&format!("line {number}"));
        }
        assert_eq!(building.last_lines().last().map(String::as_str), Some("line 99"));
    }
}
