//! Programs in a debugger: how long until they stop, what a step and a look cost, and what they lose of
//! their speed. Ours debugs in a sandbox; debugpy and V8's inspector debug on the host.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::Setting;
use crate::Result;
use crate::contest::{Contest, Peer, Row, Unit, timed};
use crate::debuggers::{Adapter, Breakpoint, Debugging, Inspector, Starter};

/// A language, with its programs: the lines of both are the same.
struct Language {
    name: &'static str,
    peer: Peer,
    /// Loops so many times, and says how long that took.
    hot: (&'static str, &'static str),
    /// The line of the loop's body, and one that is never reached.
    inside: u32,
    outside: u32,
    /// A condition that never holds.
    never: &'static str,
    /// Has a thousand variables and a long list.
    many: (&'static str, fn() -> String, u32),
    plain: &'static str,
}

const PYTHON: Language = Language {
    name: "python",
    peer: Peer::Debugpy,
    hot: (
        "hot.py",
        "import time\n\n\ndef work(n):\n    total = 0\n    for i in range(n):\n        total += i\n        total ^= 3\n    \
         return total\n\n\ndef other():\n    return 1\n\n\nbegan = time.perf_counter()\nwork(100000)\n\
         print(\"RESULT\", (time.perf_counter() - began) * 1e3, flush=True)\n",
    ),
    inside: 7,
    outside: 13,
    never: "i == -1",
    many: ("many.py", many_in_python, 1003),
    plain: "python3",
};

const NODE: Language = Language {
    name: "node",
    peer: Peer::Inspector,
    hot: (
        "hot.js",
        "\n\n\nfunction work(n) {\n  let total = 0;\n  for (let i = 0; i < n; i++) {\n    total += i;\n    total ^= 3;\n  }\n  \
         return total;\n}\nconst began = performance.now();\nif (began < 0) {\n  work(0);\n}\nwork(5000);\n\
         console.log(\"RESULT\", performance.now() - began);\n",
    ),
    inside: 7,
    // Not in a function that is never called: V8 knows no place for a breakpoint there.
    outside: 14,
    never: "i === -1",
    many: ("many.js", many_in_node, 1003),
    plain: "node",
};

fn many_in_python() -> String {
    let variables: String = (0..1000).map(|number| format!("    v{number} = {number}\n")).collect();
    format!("def many():\n    big = list(range(100000))\n{variables}    return big\n\n\nmany()\n")
}

fn many_in_node() -> String {
    let variables: String = (0..1000).map(|number| format!("  let v{number} = {number};\n")).collect();
    format!(
        "function many() {{\n  const big = Array.from({{ length: 100000 }}, (_, i) => i);\n{variables}  return big;\n}}\nmany();\n"
    )
}

/// Python, beside debugpy.
pub(super) fn python(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let debugpy = setting.peers.debugpy.as_ref().ok();
    let peer = debugpy.map(|python| -> Box<Starter<'_>> {
        let launch =
            json!({"type": "python", "subProcess": false, "redirectOutput": true, "python": ["/usr/bin/python3"]});
        Box::new(move |program, breakpoints, stops| {
            let mut command = Command::new(python);
            command.args(["-m", "debugpy.adapter"]);
            Adapter::start(&mut command, program, &launch, breakpoints, stops)
        })
    });
    rows(setting, &PYTHON, peer.as_deref())
}

/// Node, beside its own inspector.
pub(super) fn node(setting: &Setting<'_>) -> Result<Vec<Row>> {
    let peer: Box<Starter<'_>> = Box::new(Inspector::start);
    rows(setting, &NODE, Some(&*peer))
}

fn rows(setting: &Setting<'_>, language: &Language, peer: Option<&Starter<'_>>) -> Result<Vec<Row>> {
    let launch = json!({"type": language.name});
    let ours = |program: &Path, breakpoints: &[Breakpoint<'_>], stops: bool| {
        let mut command = Command::new(setting.binary);
        Adapter::start(command.arg("dap"), program, &launch, breakpoints, stops)
    };
    let hot = setting.shelf.put(language.hot.0, language.hot.1)?;
    let many = setting.shelf.put(language.many.0, &language.many.1())?;
    let inside = [Breakpoint { line: language.inside, condition: None }];
    let outside = [Breakpoint { line: language.outside, condition: None }];
    let never = [Breakpoint { line: language.inside, condition: Some(language.never) }];
    let what = |what: &str| format!("{}, {what}", language.name);
    let mut rows = Vec::new();

    let begin = |start: &Starter<'_>| {
        let mut begun = None;
        let taken = timed(|| {
            begun = Some(start(&hot, &inside, true)?);
            Ok(())
        });
        drop(begun);
        taken
    };
    let contest = Contest::new(what("launch to first stop"), Unit::Milliseconds, || begin(&ours));
    rows.push(contest.peer(language.peer, peer.map(|start| move || begin(start))).run(setting.rounds(20))?);

    let stopped = |program: &Path, line| -> Result<Vec<Box<dyn Debugging>>> {
        let here = [Breakpoint { line, condition: None }];
        let starters = std::iter::once(&ours as &Starter<'_>).chain(peer);
        starters
            .map(|start| {
                let mut debugging = start(program, &here, true)?;
                debugging.clear()?;
                debugging.look()?;
                Ok(debugging)
            })
            .collect()
    };
    let mut in_loop = stopped(&hot, language.inside)?;
    rows.push(duel(setting, language, what("a step"), &mut in_loop, 200, |one: &mut dyn Debugging| one.step())?);
    rows.push(duel(setting, language, what("threads, stack, scopes, variables"), &mut in_loop, 100, |one| {
        one.look().map(drop)
    })?);
    rows.push(duel(setting, language, what("an evaluation"), &mut in_loop, 200, |one| {
        one.evaluate("total + 1").map(drop)
    })?);
    drop(in_loop);
    let mut in_many = stopped(&many, language.many.2)?;
    rows.push(duel(setting, language, what("a look at 1000 variables"), &mut in_many, 30, |one| {
        at_least(one.look()?, 1000)
    })?);
    rows.push(duel(setting, language, what("100 of 100 000 elements"), &mut in_many, 50, |one| {
        at_least(one.page("big")?, 100)
    })?);
    drop(in_many);

    let looping = |start: &Starter<'_>, breakpoints: &[Breakpoint<'_>]| start(&hot, breakpoints, false)?.result();
    let loops = [("a loop under a false condition", &never), ("a loop beside a breakpoint", &outside)];
    for (name, breakpoints) in loops {
        let contest = Contest::new(what(name), Unit::Milliseconds, || looping(&ours, breakpoints));
        let contest = contest.floor(|| alone(language.plain, &hot));
        rows.push(
            contest
                .peer(language.peer, peer.map(|start| move || looping(start, breakpoints)))
                .run(setting.rounds(10))?,
        );
    }
    Ok(rows)
}

/// Measures the same of ours and of the peer, each of which stands where it can be done.
fn duel(
    setting: &Setting<'_>,
    language: &Language,
    what: String,
    debugging: &mut [Box<dyn Debugging>],
    rounds: usize,
    work: impl Fn(&mut dyn Debugging) -> Result<()>,
) -> Result<Row> {
    let (ours, peer) = debugging.split_first_mut().ok_or("nothing is debugged")?;
    let work = &work;
    Contest::new(what, Unit::Milliseconds, || timed(|| work(&mut **ours)))
        .peer(language.peer, peer.first_mut().map(|peer| || timed(|| work(&mut **peer))))
        .run(setting.rounds(rounds))
}

fn at_least(came: usize, wanted: usize) -> Result<()> {
    if came >= wanted { Ok(()) } else { Err(format!("only {came} of {wanted} came").into()) }
}

/// What the program says of itself when nobody debugs it.
fn alone(interpreter: &str, program: &Path) -> Result<f64> {
    let output = Command::new(interpreter).arg(program).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let figure = said.split_whitespace().nth(1).ok_or_else(|| format!("it said {said:?}"))?;
    Ok(figure.parse()?)
}
