//! Takes samples: ours, the floor and the peers by turns, so that a machine that drifts hurts all alike.

use std::time::{Duration, Instant};

use crate::Result;

/// What a sample counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Less is better.
    Milliseconds,
    /// 10⁶ bytes in a second; more is better.
    MegabytesPerSecond,
    /// 2²⁰ bytes; less is better.
    Mebibytes,
}

impl Unit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unit::Milliseconds => "ms",
            Unit::MegabytesPerSecond => "MB/s",
            Unit::Mebibytes => "MiB",
        }
    }
}

/// The samples of one contestant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(pub(crate) Vec<f64>);

impl Samples {
    /// The sample that `share` of all are no worse than.
    pub(crate) fn percentile(&self, share: f64, unit: Unit) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        if unit == Unit::MegabytesPerSecond {
            sorted.reverse();
        }
        let rank = (sorted.len() as f64 * share).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self, unit: Unit) -> f64 {
        self.percentile(0.5, unit)
    }
}

/// The peers, in the order of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Gvisor,
    Bubblewrap,
    SandboxRuntime,
    Ipykernel,
    DockerRun,
    Docker,
    DockerPy,
    LlmSandbox,
    Debugpy,
    Inspector,
}

impl Peer {
    pub(crate) const ALL: [Peer; 10] = [
        Peer::Gvisor,
        Peer::Bubblewrap,
        Peer::SandboxRuntime,
        Peer::Ipykernel,
        Peer::DockerRun,
        Peer::Docker,
        Peer::DockerPy,
        Peer::LlmSandbox,
        Peer::Debugpy,
        Peer::Inspector,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Bubblewrap => "bubblewrap",
            Peer::SandboxRuntime => "sandbox-runtime",
            Peer::Ipykernel => "ipykernel",
            // A session of ours too, but with a kernel of its own.
            Peer::Gvisor => "gVisor",
            Peer::DockerRun => "docker run",
            Peer::Docker => "docker exec",
            Peer::DockerPy => "docker-py",
            Peer::LlmSandbox => "llm-sandbox",
            Peer::Debugpy => "debugpy",
            Peer::Inspector => "inspector",
        }
    }
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) ours: Samples,
    pub(crate) floor: Option<Samples>,
    pub(crate) peers: Vec<(Peer, Samples)>,
    /// What the samples of ours and of the floor are called.
    pub(crate) heading: Heading,
    /// What went wrong with a contestant that isn't ours.
    pub(crate) remarks: Vec<String>,
}

/// What the two are called that every table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heading {
    /// Ours, on the floor.
    Floor,
    /// Ours in a container, and ours in the namespaces of this host.
    Places,
}

/// Takes one sample.
pub(crate) type Sampler<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

/// Who is measured against whom.
pub(crate) struct Contest<'a> {
    what: String,
    unit: Unit,
    heading: Heading,
    entrants: Vec<Entrant<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Ours,
    Floor,
    Peer(Peer),
}

struct Entrant<'a> {
    who: Who,
    sampler: Sampler<'a>,
    /// Takes part in each so manieth round, because it is slow.
    every: usize,
    samples: Samples,
}

impl<'a> Contest<'a> {
    pub(crate) fn new(what: impl Into<String>, unit: Unit, ours: impl FnMut() -> Result<f64> + 'a) -> Self {
        Self { what: what.into(), unit, heading: Heading::Floor, entrants: Vec::new() }.with(Who::Ours, 1, ours)
    }

    #[must_use]
    pub(crate) fn floor(self, sampler: impl FnMut() -> Result<f64> + 'a) -> Self {
        self.with(Who::Floor, 1, sampler)
    }

    /// The same of ours in the namespaces of this host, in the floor's stead.
    #[must_use]
    pub(crate) fn native(self, sampler: impl FnMut() -> Result<f64> + 'a) -> Self {
        Self { heading: Heading::Places, ..self }.floor(sampler)
    }

    /// A peer that is not here is `None`.
    #[must_use]
    pub(crate) fn peer<F: FnMut() -> Result<f64> + 'a>(self, peer: Peer, sampler: Option<F>) -> Self {
        self.slow_peer(peer, 1, sampler)
    }

    /// A peer that would make the whole contest slow takes part in each so manieth round.
    #[must_use]
    pub(crate) fn slow_peer<F>(self, peer: Peer, every: usize, sampler: Option<F>) -> Self
    where
        F: FnMut() -> Result<f64> + 'a,
    {
        match sampler {
            Some(sampler) => self.with(Who::Peer(peer), every, sampler),
            None => self,
        }
    }

    fn with(mut self, who: Who, every: usize, sampler: impl FnMut() -> Result<f64> + 'a) -> Self {
        self.entrants.push(Entrant { who, sampler: Box::new(sampler), every, samples: Samples::default() });
        self
    }

    /// Takes so many samples of each, after one of each that doesn't count. Who comes after whom changes
    /// from round to round: the caches are warm for whoever runs the same program next.
    ///
    /// # Errors
    /// When a sample of ours or of the floor can't be taken. A peer that fails is left out, with a remark.
    pub(crate) fn run(mut self, rounds: usize) -> Result<Row> {
        eprintln!("{} ...", self.what);
        let mut remarks = Vec::new();
        let mut lots = Lots(0x2545_f491_4f6c_dd1d);
        for round in 0..=rounds {
            lots.shuffle(&mut self.entrants);
            let mut failed = None;
            for entrant in self.entrants.iter_mut().filter(|entrant| round % entrant.every == 0) {
                match ((entrant.sampler)(), entrant.who) {
                    (Ok(_), _) if round == 0 => {}
                    (Ok(sample), _) => entrant.samples.0.push(sample),
                    (Err(error), Who::Peer(peer)) => {
                        remarks.push(format!("{}: {} failed: {error}", self.what, peer.name()));
                        failed = Some(entrant.who);
                    }
                    (Err(error), who) => return Err(format!("{}, {who:?}: {error}", self.what).into()),
                }
            }
            self.entrants.retain(|entrant| Some(entrant.who) != failed);
        }
        let mut row = Row {
            what: self.what,
            unit: self.unit,
            ours: Samples::default(),
            floor: None,
            peers: Vec::new(),
            heading: self.heading,
            remarks,
        };
        for Entrant { who, samples, .. } in self.entrants {
            match who {
                Who::Ours => row.ours = samples,
                Who::Floor => row.floor = Some(samples),
                Who::Peer(peer) => row.peers.push((peer, samples)),
            }
        }
        Ok(row)
    }
}

/// Numbers by chance enough to change an order (xorshift), and the same in every run.
struct Lots(u64);

impl Lots {
    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            all.swap(last, (self.0 % (last as u64 + 1)) as usize);
        }
    }
}

/// How long something took, in milliseconds.
pub(crate) fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    work()?;
    Ok(milliseconds(began.elapsed()))
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub(crate) fn megabytes_per_second(bytes: u64, duration: Duration) -> f64 {
    bytes as f64 / duration.as_secs_f64() / 1e6
}
