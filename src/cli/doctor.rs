//! `codebeaker doctor`: what can be used here, what can't, why, and the command that mends it.

use std::fmt::Write;
use std::io::Write as _;
use std::process::ExitCode;

use crate::config::file::Configuration;
use crate::protocol::server::{Check, CheckStatus, DoctorResult};
use crate::server;
use crate::session::Sessions;

pub(super) async fn report(sessions: &Sessions, configuration: &Configuration, json: bool) -> ExitCode {
    let mut result = server::examine(sessions).await;
    // Only this process knows how it was started: a wrong file would have ended it before.
    let summary = configuration.to_string();
    result.checks.push(Check { id: "settings".to_owned(), status: CheckStatus::Ok, summary, reason: None, fix: None });
    let text = if json {
        serde_json::to_string_pretty(&result).expect("a report can be written as JSON") + "\n"
    } else {
        as_text(&result)
    };
    // A reader that is gone wants no report.
    drop(std::io::stdout().write_all(text.as_bytes()));
    if result.healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mark(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Ok => "ok  ",
        CheckStatus::Warning => "warn",
        CheckStatus::Failed => "FAIL",
    }
}

fn as_text(result: &DoctorResult) -> String {
    let mut text = String::new();
    let width = result.checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    for check in &result.checks {
        let mut line = |mark: &str, id: &str, what: &str| {
            writeln!(text, "{mark}  {id:width$}  {what}").expect("text can be written to memory");
        };
        line(mark(check.status), &check.id, &check.summary);
        if let Some(reason) = &check.reason {
            line("    ", "", &format!("because: {reason}"));
        }
        if let Some(fix) = &check.fix {
            line("    ", "", &format!("mend it: {}", fix.description));
            if let Some(command) = &fix.command {
                line("    ", "", &format!("  $ {command}"));
            }
        }
    }
    text.push_str(if result.healthy {
        "Code can be run here.\n"
    } else {
        "Code can't be run here until what is marked FAIL is mended.\n"
    });
    text
}
