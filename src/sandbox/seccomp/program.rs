//! Compiles answers to system calls into the kernel's BPF.
//!
//! The program is a binary search over the ranges of numbers that have one answer, so that it is short
//! and every call is found in a few steps: the kernel runs a filter for each call, and when it is
//! installed once for each number there is.

use std::ffi::c_long;

/// What becomes of a system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Allow,
    /// Refused with this error number.
    Refuse(i32),
    /// Allowed if all conditions of one of the rules hold, refused with `EPERM` otherwise.
    AllowIf(Vec<Rule>),
}

/// Conditions that must all hold.
pub(super) type Rule = Vec<Condition>;

/// Something about the lower 32 bits of an argument. The kernel ignores the upper ones in all the
/// arguments that are looked at here, so a filter that minded them could be passed by setting one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) argument: u8,
    pub(super) test: Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Is(u32),
    IsNot(u32),
    /// None of these bits is set.
    Lacks(u32),
}

/// One instruction of classic BPF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) if_true: u8,
    pub(super) if_false: u8,
    pub(super) operand: u32,
}

// `BPF_LD | BPF_W | BPF_ABS` and its like, from <linux/bpf_common.h>.
pub(super) const LOAD: u16 = 0x20;
pub(super) const JUMP: u16 = 0x05;
pub(super) const JUMP_IF_EQUAL: u16 = 0x15;
pub(super) const JUMP_IF_NOT_LESS: u16 = 0x35;
pub(super) const JUMP_IF_ANY_BIT: u16 = 0x45;
pub(super) const RETURN: u16 = 0x06;

// Offsets in `struct seccomp_data`.
pub(super) const NUMBER: u32 = 0;
pub(super) const ARCHITECTURE: u32 = 4;
pub(super) const ARGUMENTS: u32 = 16;

// `SECCOMP_RET_*`.
pub(super) const ALLOW: u32 = 0x7fff_0000;
pub(super) const ERRNO: u32 = 0x0005_0000;
pub(super) const KILL_PROCESS: u32 = 0x8000_0000;

/// The longest program that the kernel takes.
const MAX_INSTRUCTIONS: usize = 4096;

/// The program for calls of the architecture `audit_arch`; one that comes by another ends its process.
/// `answers` is sorted by number, and what is not in it is refused with `EPERM`. `None` when the program
/// would be too long.
pub(super) fn compile(audit_arch: u32, answers: &[(c_long, Answer)]) -> Option<Vec<Instruction>> {
    let mut program = vec![
        load(ARCHITECTURE),
        Instruction { code: JUMP_IF_EQUAL, if_true: 1, if_false: 0, operand: audit_arch },
        answer(KILL_PROCESS),
        load(NUMBER),
    ];
    program.extend(search(&ranges(answers)));
    (program.len() <= MAX_INSTRUCTIONS).then_some(program)
}

/// The first number of each range with one answer; each ends where the next begins.
fn ranges(answers: &[(c_long, Answer)]) -> Vec<(u32, Answer)> {
    let refused = Answer::Refuse(libc::EPERM);
    let mut ranges = vec![(0, refused.clone())];
    let mut add = |first: u32, answer: &Answer| match ranges.last_mut() {
        Some((_, last)) if last == answer => {}
        Some((start, last)) if *start == first => *last = answer.clone(),
        _ => ranges.push((first, answer.clone())),
    };
    let mut next = 0;
    for (number, answer) in answers {
        let number = *number as u32;
        if number > next {
            add(next, &refused);
        }
        add(number, answer);
        next = number + 1;
    }
    add(next, &refused);
    ranges
}

fn search(ranges: &[(u32, Answer)]) -> Vec<Instruction> {
    if let [(_, answer)] = ranges {
        return leaf(answer);
    }
    let (below, above) = ranges.split_at(ranges.len() / 2);
    let (first_above, below, above) = (above[0].0, search(below), search(above));
    // A conditional jump reaches 255 instructions, an unconditional one any number.
    let mut program = match u8::try_from(below.len()) {
        Ok(skipped) => {
            vec![Instruction { code: JUMP_IF_NOT_LESS, if_true: skipped, if_false: 0, operand: first_above }]
        }
        Err(_) => vec![
            Instruction { code: JUMP_IF_NOT_LESS, if_true: 0, if_false: 1, operand: first_above },
            Instruction { code: JUMP, if_true: 0, if_false: 0, operand: below.len() as u32 },
        ],
    };
    program.extend(below);
    program.extend(above);
    program
}

fn leaf(what: &Answer) -> Vec<Instruction> {
    match what {
        Answer::Allow => vec![answer(ALLOW)],
        Answer::Refuse(errno) => vec![answer(ERRNO | errno.unsigned_abs())],
        Answer::AllowIf(rules) => {
            let mut program: Vec<Instruction> = rules.iter().flat_map(rule).collect();
            program.push(answer(ERRNO | libc::EPERM.unsigned_abs()));
            program
        }
    }
}

/// Allows if all conditions hold, and otherwise goes on after its end.
fn rule(conditions: &Rule) -> Vec<Instruction> {
    let mut program = Vec::new();
    for (index, condition) in conditions.iter().enumerate() {
        program.push(load(ARGUMENTS + 8 * u32::from(condition.argument) + LOWER_HALF));
        // Two instructions for each condition that follows, and the answer.
        let away = (2 * (conditions.len() - index - 1) + 1) as u8;
        let (code, operand, holds_if_true) = match condition.test {
            Test::Is(value) => (JUMP_IF_EQUAL, value, true),
            Test::IsNot(value) => (JUMP_IF_EQUAL, value, false),
            Test::Lacks(bits) => (JUMP_IF_ANY_BIT, bits, false),
        };
        let (if_true, if_false) = if holds_if_true { (0, away) } else { (away, 0) };
        program.push(Instruction { code, if_true, if_false, operand });
    }
    program.push(answer(ALLOW));
    program
}

/// Where the lower 32 bits of a 64-bit number are.
const LOWER_HALF: u32 = if cfg!(target_endian = "little") { 0 } else { 4 };

fn load(offset: u32) -> Instruction {
    Instruction { code: LOAD, if_true: 0, if_false: 0, operand: offset }
}

fn answer(answer: u32) -> Instruction {
    Instruction { code: RETURN, if_true: 0, if_false: 0, operand: answer }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const ARCH: u32 = 0xC000_003E;

    /// What the kernel would do with a call: runs the program as it does.
    pub(in super::super) fn run(program: &[Instruction], arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let instruction = program[at];
            at += 1;
            let jump = |holds: bool| usize::from(if holds { instruction.if_true } else { instruction.if_false });
            match instruction.code {
                LOAD => {
                    accumulator = match instruction.operand {
                        NUMBER => number,
                        ARCHITECTURE => arch,
                        offset => arguments[(offset - ARGUMENTS) as usize / 8] as u32,
                    }
                }
                JUMP => at += instruction.operand as usize,
                JUMP_IF_EQUAL => at += jump(accumulator == instruction.operand),
                JUMP_IF_NOT_LESS => at += jump(accumulator >= instruction.operand),
                JUMP_IF_ANY_BIT => at += jump(accumulator & instruction.operand != 0),
                RETURN => return instruction.operand,
                code => panic!("no such instruction: {code:#x}"),
            }
        }
    }

    #[test]
    fn every_number_gets_its_own_answer() {
        let conditional = Answer::AllowIf(vec![
            vec![Condition { argument: 0, test: Test::Is(7) }, Condition { argument: 2, test: Test::Lacks(0b110) }],
            vec![Condition { argument: 1, test: Test::IsNot(9) }, Condition { argument: 5, test: Test::Is(1) }],
        ]);
        let answers: Vec<(c_long, Answer)> = (0..3000)
            .filter(|number| number % 5 != 0)
            .map(|number| match number % 7 {
                0 => (number, Answer::Refuse(libc::ENOSYS)),
                1 => (number, conditional.clone()),
                _ => (number, Answer::Allow),
            })
            .step_by(3)
            .collect();
        let program = super::ranges(&answers);
        let program = {
            let mut whole = vec![load(NUMBER)];
            whole.extend(search(&program));
            whole
        };
        for number in 0..3100 {
            let expected =
                answers.iter().find(|(allowed, _)| *allowed == c_long::from(number)).map(|(_, answer)| answer);
            for (arguments, holds) in [
                ([7, 0, 0b1001, 0, 0, 0], true),
                ([7, 9, 0b0010, 0, 0, 1], false),
                ([8, 8, 0, 0, 0, 1], true),
                ([8, 8, 0, 0, 0, 2], false),
                ([7 | 1 << 32, 9, 1 << 33, 0, 0, 0], true),
            ] {
                let wanted = match expected {
                    Some(Answer::Allow) => ALLOW,
                    Some(Answer::AllowIf(_)) if holds => ALLOW,
                    Some(Answer::Refuse(errno)) => ERRNO | errno.unsigned_abs(),
                    _ => ERRNO | libc::EPERM.unsigned_abs(),
                };
                assert_eq!(run(&program, ARCH, number, arguments), wanted, "{number} {arguments:?}");
            }
        }
    }

    #[test]
    fn another_architecture_is_the_end() {
        let program = compile(ARCH, &[(0, Answer::Allow)]).unwrap();
        assert_eq!(run(&program, ARCH, 0, [0; 6]), ALLOW);
        assert_eq!(run(&program, 0x4000_0003, 0, [0; 6]), KILL_PROCESS);
    }
}
