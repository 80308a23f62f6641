//! What makes a breakpoint stop, as an expression that V8 evaluates each time it is met: so that what does
//! not stop costs no round trip.

use serde::Deserialize;
use serde_json::{Value, json};

use super::target::Target;
use crate::debug::backend::{Fault, HitCondition, LogPart, Terms};

/// The name by which the debugger is known inside the program: of a binding, which the bootloader takes away,
/// and of a symbol.
pub(super) const BINDING: &str = "__codebeaker";

/// Opens a message of the program's console that is a log message of a breakpoint.
pub(super) const LOG_TOKEN: &str = "__codebeaker:log";

/// The expression for these terms. `serial` is the breakpoint's own, never used again.
pub(super) fn expression(terms: &Terms, serial: u64) -> String {
    let mut parts = Vec::new();
    if let Some(condition) = &terms.condition {
        parts.push(format!("({condition}\n)"));
    }
    if let Some(hit) = terms.hit {
        let (test, number) = match hit {
            HitCondition::Equal(number) => ("===", number),
            HitCondition::AtLeast(number) => (">=", number),
            HitCondition::MoreThan(number) => (">", number),
            HitCondition::AtMost(number) => ("<=", number),
            HitCondition::LessThan(number) => ("<", number),
            HitCondition::Multiple(number) => ("%", number),
        };
        let met = if test == "%" { format!("n % {number} === 0") } else { format!("n {test} {number}") };
        parts.push(format!(
            "((o, k) => {{ const n = o[k] = (o[k] ?? 0) + 1; return {met}; }})\
             (globalThis[Symbol.for(\"{BINDING}:hits\")] ??= Object.create(null), {serial})"
        ));
    }
    if let Some(log) = &terms.log {
        let said = log.iter().map(|part| match part {
            LogPart::Text(text) => Value::from(text.as_str()).to_string(),
            LogPart::Expression(text) => {
                format!("(() => {{ try {{ return ({text}\n); }} catch (e) {{ return e; }} }})()")
            }
        });
        let said: Vec<_> = said.collect();
        let logger = format!("globalThis[Symbol.for(\"{BINDING}\")]?.console.log");
        parts.push(format!("({logger}(\"{LOG_TOKEN}\", {serial}, {}), false)", said.join(", ")));
    }
    parts.join(" && ")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Compiled {
    exception_details: Option<Thrown>,
}

/// What an evaluation threw.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct Thrown {
    text: String,
    exception: Option<super::remote::RemoteObject>,
}

impl Thrown {
    /// One line about it.
    pub(super) fn line(&self) -> String {
        let thrown = self.exception.as_ref().map(|thrown| thrown.text(false));
        thrown.filter(|line| !line.is_empty()).unwrap_or_else(|| super::paths::cut(&self.text, 1024).to_owned())
    }
}

impl Target {
    /// What is wrong with an expression, if anything.
    pub(super) async fn syntax_fault(&self, expression: &str) -> Result<Option<String>, Fault> {
        let params = json!({"expression": format!("({expression}\n)"), "sourceURL": "", "persistScript": false});
        let compiled: Compiled = self.channel.call("Runtime.compileScript", params).await?;
        Ok(compiled.exception_details.map(|thrown| thrown.line()))
    }

    /// What is wrong with the expressions of these terms, if anything.
    pub(super) async fn terms_fault(&self, terms: &Terms) -> Result<Option<String>, Fault> {
        if terms.log.is_some() && !self.options.logs {
            let why = "log messages of breakpoints work in Node alone";
            return Ok(Some(why.to_owned()));
        }
        let logged = terms.log.iter().flatten().filter_map(|part| match part {
            LogPart::Expression(text) => Some(text),
            LogPart::Text(_) => None,
        });
        for expression in terms.condition.iter().chain(logged) {
            if let Some(fault) = self.syntax_fault(expression).await? {
                return Ok(Some(fault));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_met_in_order_and_a_log_message_never_stops() {
        let terms = Terms {
            condition: Some("i > 2 // big".to_owned()),
            hit: Some(HitCondition::Multiple(3)),
            log: Some(vec![LogPart::Text("i is \"".to_owned()), LogPart::Expression("i".to_owned())]),
        };
        let text = expression(&terms, 7);
        let order = ["(i > 2 // big\n)", "n % 3 === 0", ", 7)", r#""i is \"""#, "return (i\n)", ", false)"];
        let mut rest = text.as_str();
        for part in order {
            rest = rest.split_once(part).unwrap_or_else(|| panic!("{part} in {text}")).1;
        }
        assert_eq!(expression(&Terms::default(), 1), "");
    }
}
