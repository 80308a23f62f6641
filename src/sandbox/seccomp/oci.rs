//! The same filter in the form in which container engines take one (the OCI runtime specification's).
//!
//! It means what the program of [`filters`](super::filters) means for every call of the table: both are made from the
//! same answers. What has no name can't be said in this form, and an engine's default for it is to refuse.
//! The container's own set-up runs little under it: it is installed as the last thing before PID 1 begins.

use std::collections::BTreeMap;
use std::ffi::c_long;
use std::sync::OnceLock;

use serde::Serialize;

use super::program::{Answer, Condition, Rule, Test};
use super::{Profile, SeccompError, answers, calls};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    default_action: &'static str,
    architectures: [&'static str; 1],
    syscalls: Vec<Entry>,
}

/// Calls with one answer. An entry without `args` holds whatever the arguments are; with some, where all hold.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    names: Vec<&'static str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<Argument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno_ret: Option<i32>,
}

/// `argument & value == valueTwo`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u8,
    value: u64,
    value_two: u64,
    op: &'static str,
}

/// The filter of `profile` as JSON.
///
/// # Errors
/// On a processor whose calls are not known.
pub fn document(profile: Profile) -> Result<&'static str, SeccompError> {
    static WRITTEN: [OnceLock<String>; 4] = [const { OnceLock::new() }; 4];
    let architectures = [architecture()?];
    let slot = &WRITTEN[usize::from(profile.counted_memory) + 2 * usize::from(profile.writes_host_files)];
    Ok(slot.get_or_init(|| {
        let document = Document { default_action: "SCMP_ACT_ERRNO", architectures, syscalls: entries(profile) };
        serde_json::to_string(&document).expect("a filter can be written as JSON")
    }))
}

/// This processor in the words of the specification. No other is named, so that calls by another's numbers end
/// their process.
fn architecture() -> Result<&'static str, SeccompError> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("SCMP_ARCH_X86_64"),
        "aarch64" => Ok("SCMP_ARCH_AARCH64"),
        other => Err(SeccompError::Architecture(other)),
    }
}

fn entries(profile: Profile) -> Vec<Entry> {
    let names = names();
    let mut allowed = Entry { names: Vec::new(), action: "SCMP_ACT_ALLOW", args: Vec::new(), errno_ret: None };
    let mut refused: BTreeMap<i32, Vec<&'static str>> = BTreeMap::new();
    let mut depending = Vec::new();
    for (number, answer) in answers(profile) {
        let Some(name) = names.get(&number).copied() else { continue };
        match answer {
            Answer::Allow => allowed.names.push(name),
            Answer::Refuse(errno) => refused.entry(errno).or_default().push(name),
            Answer::AllowIf(rules) => {
                for args in rules.iter().flat_map(alternatives) {
                    depending.push(Entry { names: vec![name], args, ..allowed_alone() });
                }
            }
        }
    }
    let refused = refused.into_iter().map(|(errno, names)| Entry {
        names,
        action: "SCMP_ACT_ERRNO",
        args: Vec::new(),
        errno_ret: Some(errno),
    });
    std::iter::once(allowed).chain(refused).chain(depending).collect()
}

fn allowed_alone() -> Entry {
    Entry { names: Vec::new(), action: "SCMP_ACT_ALLOW", args: Vec::new(), errno_ret: None }
}

/// The name of every call of the table, by its number.
fn names() -> BTreeMap<c_long, &'static str> {
    let groups = calls::ALWAYS.into_iter().chain([&calls::UNOWNED_MEMORY, &calls::BY_ARGUMENTS, &calls::UNKNOWN]);
    groups.flat_map(|group| group.calls).map(|call| (call.number, call.name())).collect()
}

/// The lower 32 bits of an argument where those of `mask` are as in `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pattern {
    mask: u32,
    value: u32,
}

impl Pattern {
    const ANY: Self = Self { mask: 0, value: 0 };

    /// What fits both; `None` when nothing does.
    fn and(self, other: Self) -> Option<Self> {
        let differ = (self.value ^ other.value) & self.mask & other.mask;
        (differ == 0).then_some(Self { mask: self.mask | other.mask, value: self.value | other.value })
    }
}

/// A rule as lists of which one must hold. Of two conditions on one argument an engine makes two entries of which
/// either may hold, so each list has an argument once.
fn alternatives(rule: &Rule) -> Vec<Vec<Argument>> {
    let mut patterns: BTreeMap<u8, Vec<Pattern>> = BTreeMap::new();
    for condition in rule {
        let fitting = patterns.entry(condition.argument).or_insert_with(|| vec![Pattern::ANY]);
        let further = of_condition(condition);
        *fitting = fitting.iter().flat_map(|one| further.iter().filter_map(|other| one.and(*other))).collect();
    }
    let mut alternatives = vec![Vec::new()];
    for (index, patterns) in patterns {
        alternatives = alternatives
            .iter()
            .flat_map(|begun: &Vec<Argument>| {
                patterns.iter().map(move |pattern| {
                    let argument = Argument {
                        index,
                        value: u64::from(pattern.mask),
                        value_two: u64::from(pattern.value),
                        op: "SCMP_CMP_MASKED_EQ",
                    };
                    begun.iter().cloned().chain([argument]).collect()
                })
            })
            .collect();
    }
    alternatives
}

/// What fits a condition: patterns that have nothing in common.
fn of_condition(condition: &Condition) -> Vec<Pattern> {
    match condition.test {
        Test::Is(value) => vec![Pattern { mask: u32::MAX, value }],
        Test::Lacks(bits) => vec![Pattern { mask: bits, value: 0 }],
        // A number that isn't this one has a first bit, from the highest, in which it differs.
        Test::IsNot(value) => (0..u32::BITS)
            .map(|bit| {
                let mask = u32::MAX << bit;
                Pattern { mask, value: (value ^ (1 << bit)) & mask }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::program::{ALLOW, ERRNO, tests::run};
    use super::super::{audit_arch, compile};
    use super::*;

    /// What an engine makes of the document: an entry that fits decides, and without one the default is to refuse.
    fn meaning(entries: &[Entry], name: &str, arguments: [u64; 6]) -> u32 {
        let holds = |argument: &Argument| {
            assert_eq!(argument.op, "SCMP_CMP_MASKED_EQ");
            arguments[usize::from(argument.index)] & argument.value == argument.value_two
        };
        let mut fitting = entries.iter().filter(|entry| entry.names.contains(&name) && entry.args.iter().all(holds));
        let answer = match fitting.next() {
            None => ERRNO | libc::EPERM as u32,
            Some(Entry { action: "SCMP_ACT_ALLOW", .. }) => ALLOW,
            Some(Entry { action: "SCMP_ACT_ERRNO", errno_ret: Some(errno), .. }) => ERRNO | *errno as u32,
            Some(other) => panic!("{other:?}"),
        };
        // Either of two rules may allow a call; nothing else may be said twice.
        assert!(fitting.all(|entry| answer == ALLOW && entry.action == "SCMP_ACT_ALLOW"), "{name} {arguments:?}");
        answer
    }

    /// Numbers at which a rule about this call may change its mind, with upper halves that it must not mind.
    fn telling(rules: &[Rule]) -> Vec<u64> {
        let mut numbers = vec![0, 1, u64::from(u32::MAX), 1 << 32, u64::MAX];
        for condition in rules.iter().flatten() {
            let (Test::Is(value) | Test::IsNot(value) | Test::Lacks(value)) = condition.test;
            let value = u64::from(value);
            numbers.extend([value, !value, value + 1, value.wrapping_sub(1), value | 1 << 32, value | u64::MAX << 32]);
            numbers.extend((0..32).map(|bit| value ^ 1 << bit));
            numbers.extend((0..32).map(|bit| value & 1 << bit));
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    #[test]
    fn both_forms_mean_the_same_for_every_call() {
        for (counted_memory, writes_host_files) in [(false, false), (true, false), (false, true), (true, true)] {
            let profile = Profile { counted_memory, writes_host_files };
            let (program, entries, answers) = (compile(profile).unwrap(), entries(profile), answers(profile));
            for (number, name) in names() {
                let same = |arguments| {
                    let one = run(&program, audit_arch().unwrap(), number as u32, arguments);
                    assert_eq!(meaning(&entries, name, arguments), one, "{name} {arguments:x?}");
                };
                let Some(Answer::AllowIf(rules)) = answers.get(&number) else {
                    same([0; 6]);
                    continue;
                };
                let numbers = telling(rules);
                let looked_at: Vec<usize> =
                    (0..6).filter(|at| rules.iter().flatten().any(|one| usize::from(one.argument) == *at)).collect();
                // No rule looks at more than two.
                let (first, second) = (looked_at[0], looked_at.get(1).copied());
                for one in &numbers {
                    let mut arguments = [0; 6];
                    arguments[first] = *one;
                    match second {
                        None => same(arguments),
                        Some(second) => numbers.iter().for_each(|other| {
                            arguments[second] = *other;
                            same(arguments);
                        }),
                    }
                }
            }
        }
    }

    #[test]
    fn every_call_of_the_table_has_a_name_of_its_own() {
        let names = names();
        for number in answers(Profile { counted_memory: true, writes_host_files: true }).into_keys() {
            assert!(names.contains_key(&number) || calls::NEWER.contains(&number), "{number}");
        }
        assert_eq!(names[&libc::SYS_execve], "execve");
        let distinct: std::collections::BTreeSet<_> = names.values().collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn an_argument_is_in_an_entry_once() {
        for entry in entries(Profile { counted_memory: false, writes_host_files: true }) {
            let indexes: std::collections::BTreeSet<_> = entry.args.iter().map(|argument| argument.index).collect();
            assert_eq!(indexes.len(), entry.args.len(), "{entry:?}");
        }
    }
}
