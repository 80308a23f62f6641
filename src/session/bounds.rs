//! What a client may ask for: limits, variables and times, checked before anything is made.

use std::collections::BTreeMap;
use std::time::Duration;

use super::SessionError;
use crate::config::Limits;

/// The most bytes of a session's or an execution's environment: both together, with arguments beside them,
/// fit into what a sandbox takes at once.
const MAX_ENV_BYTES: usize = 128 * 1024;

/// Refuses limits that are over the ceiling or make no sense.
pub(super) fn check_limits(limits: &Limits, ceiling: &Limits) -> Result<(), SessionError> {
    let timeout = |limits: &Limits| millis(limits.execution_timeout);
    let wholes = [
        // Below this neither the agent nor any program starts.
        ("limits.memoryBytes", limits.memory_bytes, 8 << 20, ceiling.memory_bytes),
        ("limits.pids", limits.pids, 1, ceiling.pids),
        ("limits.diskBytes", limits.disk_bytes, 64 << 10, ceiling.disk_bytes),
        ("limits.outputBytes", limits.output_bytes, 0, ceiling.output_bytes),
        ("limits.openFiles", limits.open_files, 16, ceiling.open_files),
        ("limits.executionTimeoutMs", timeout(limits), 1, timeout(ceiling)),
    ];
    for (field, value, least, most) in wholes {
        if value < least || value > most {
            let why = format!("{value} is not between {least} and {most}");
            return Err(SessionError::Invalid { field, why });
        }
    }
    match limits.cpu {
        Some(cpu) if !(cpu.is_finite() && (0.01..=4096.0).contains(&cpu)) => {
            Err(SessionError::Invalid { field: "limits.cpu", why: format!("{cpu} is not between 0.01 and 4096") })
        }
        _ => Ok(()),
    }
}

/// Refuses names and values that can't be in an environment. Values are never repeated in the error.
pub(super) fn check_env(field: &'static str, env: Option<&BTreeMap<String, String>>) -> Result<(), SessionError> {
    let Some(env) = env else { return Ok(()) };
    let invalid = |why: String| Err(SessionError::Invalid { field, why });
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return invalid(format!("{name:?} can't be the name of a variable"));
        }
        if value.contains('\0') {
            return invalid(format!("the value of {name:?} contains NUL"));
        }
    }
    if env.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>() > MAX_ENV_BYTES {
        return invalid(format!("it is larger than {MAX_ENV_BYTES} bytes"));
    }
    Ok(())
}

/// Refuses lifetimes of nothing.
pub(super) fn check_lifetimes(idle: Option<Duration>, lifetime: Option<Duration>) -> Result<(), SessionError> {
    for (field, value) in [("idleTimeoutMs", idle), ("maxLifetimeMs", lifetime)] {
        if value.is_some_and(|value| value.is_zero() || value > Duration::from_secs(366 * 24 * 3600)) {
            return Err(SessionError::Invalid { field, why: "it is not between 1 ms and a year".to_owned() });
        }
    }
    Ok(())
}

/// A time as clients and notes tell it.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn a_secret_value_is_not_in_the_error_about_it() {
        let env = BTreeMap::from([("TOKEN".to_owned(), "s3cret\0".to_owned())]);
        let error = check_env("env", Some(&env)).unwrap_err().to_string();
        assert!(error.contains("TOKEN") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_limit_over_the_ceiling_is_refused_by_its_path() {
        let settings = Settings::default();
        let limits = Limits { pids: settings.ceiling.pids + 1, ..settings.limits };
        let error = check_limits(&limits, &settings.ceiling).unwrap_err();
        assert!(matches!(error, SessionError::Invalid { field: "limits.pids", .. }), "{error}");
        assert!(check_limits(&Limits { cpu: Some(f64::NAN), ..settings.limits }, &settings.ceiling).is_err());
    }
}
