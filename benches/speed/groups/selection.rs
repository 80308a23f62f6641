//! Selecting: how long it takes to choose among all that a well-equipped machine has.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use codebeaker::engine::{ENGINES, Engine};
use codebeaker::runtime::{
    Isolation, Lack, Offer, Probe, Refusal, Runtime, RuntimeError, Sandbox, SandboxSpec, Want, Workspace,
};
use codebeaker::session::{Preference, Question, Wish};

use super::Setting;
use crate::Result;
use crate::contest::{Contest, Row, Unit, milliseconds};

/// Engines that are considered, as if one language had so many.
const ENGINES_CONSIDERED: usize = 6;

/// Selections of one sample: one alone is too short for a clock.
const AT_A_TIME: u32 = 1000;

/// A runtime that has been looked at. Half of its engines are lacking, which takes longer to say than that they are
/// there.
struct Seen(&'static str, Isolation);

#[async_trait]
impl Runtime for Seen {
    fn id(&self) -> &'static str {
        self.0
    }

    fn isolation(&self) -> Isolation {
        self.1
    }

    async fn probe(&self) -> Probe {
        Probe { available: true, reason: None, fix: None, remarks: Vec::new() }
    }

    fn offer(&self, want: &Want<'_>) -> std::result::Result<Offer, Refusal> {
        let at = ENGINES.iter().position(|engine| Some(engine) == want.engine).unwrap_or_default();
        match want.engine {
            Some(engine) if at % 2 == 1 => Err(Refusal {
                lack: Lack::Image,
                reason: format!("there is no image codebeaker/{}:latest", engine.id),
                fix: Some(format!("codebeaker image build {}", engine.id)),
            }),
            _ => Ok(Offer { start: Some(Duration::from_millis(300)), memory_bytes: Some(20 << 20) }),
        }
    }

    async fn create(&self, _: SandboxSpec) -> std::result::Result<Sandbox, RuntimeError> {
        Err(RuntimeError::Unavailable { reason: "nothing is made here".to_owned() })
    }
}

pub(super) fn select(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let looked = Probe { available: true, reason: None, fix: None, remarks: Vec::new() };
    let places = [
        Seen("native", Isolation::Namespaces),
        Seen("docker", Isolation::Container),
        Seen("gvisor", Isolation::Kernel),
    ];
    let places = places.map(|place| (Arc::new(place) as Arc<dyn Runtime>, looked.clone()));
    let engines: Vec<&'static Engine> = ENGINES.iter().cycle().take(ENGINES_CONSIDERED).collect();
    let wish = Wish { engines, preference: Preference::Balanced, ..Wish::default() };
    let what = format!("selection, {ENGINES_CONSIDERED} engines in {} runtimes", places.len());
    let contest = Contest::new(what, Unit::Milliseconds, || {
        let began = Instant::now();
        for _ in 0..AT_A_TIME {
            let question = Question { wish: black_box(&wish), workspace: &Workspace::None, outlives: false };
            codebeaker::session::select(&places, &|_| true, &question).map_err(|_| "nothing could be selected")?;
        }
        Ok(milliseconds(began.elapsed()) / f64::from(AT_A_TIME))
    });
    Ok(vec![contest.run(setting.rounds(50))?])
}
