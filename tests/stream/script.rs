//! Programs that write known bytes in a known way: a script of writes and pauses, made up by proptest.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

/// What a stream is made of. Each is a pattern that repeats, so that a write may begin and end anywhere,
/// within a character too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Lines of ASCII.
    Lines,
    /// Characters of one to four bytes.
    Characters,
    /// Bytes of every value, which are not UTF-8.
    Bytes,
    /// Text with a byte here and there that doesn't belong into it, and with characters that are not whole.
    Broken,
}

impl Content {
    fn pattern(self) -> Vec<u8> {
        match self {
            Self::Lines => b"the quick brown fox\n".to_vec(),
            Self::Characters => "aé€😀ß漢\u{10ffff}\n".into(),
            Self::Bytes => (0u8..=255).map(|byte| byte.wrapping_mul(89)).collect(),
            Self::Broken => {
                [b"plain \xff", "gr\u{fc}n€".as_bytes(), b"\xe2\x82 \xf0\x9f\x98", "😀".as_bytes()].concat()
            }
        }
    }
}

/// One step of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// 1 or 2.
    descriptor: usize,
    length: usize,
    pause_ms: u64,
}

/// A program, with what it will have written.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    contents: [Content; 2],
    steps: Vec<Step>,
}

impl Script {
    /// Any program whose writes are no longer than this.
    pub(crate) fn any(longest: usize) -> impl Strategy<Value = Self> {
        let content =
            prop_oneof![Just(Content::Lines), Just(Content::Characters), Just(Content::Bytes), Just(Content::Broken)];
        let length = prop_oneof![4 => 0usize..40, 2 => 1000usize..5000, 1 => 0..=longest];
        let pause = prop_oneof![3 => Just(0u64), 1 => 1u64..12];
        let step = (1usize..=2, length, pause).prop_map(|(descriptor, length, pause_ms)| Step {
            descriptor,
            length,
            pause_ms,
        });
        ([content.clone(), content], prop::collection::vec(step, 0..14))
            .prop_map(|(contents, steps)| Self { contents, steps })
    }

    /// `source` of `session/execute`.
    pub(crate) fn source(&self) -> Value {
        let [first, second] = self.contents.map(|content| hex(&content.pattern()));
        let steps: Vec<_> = self.steps.iter().map(|step| (step.descriptor, step.length, step.pause_ms)).collect();
        let code = format!(
            "import os, time\n\
             patterns = {{1: bytes.fromhex('{first}'), 2: bytes.fromhex('{second}')}}\n\
             written = {{1: 0, 2: 0}}\n\
             for fd, length, pause in {steps:?}:\n\
             \x20   pattern, start = patterns[fd], written[fd] % len(patterns[fd])\n\
             \x20   data = (pattern * (length // len(pattern) + 2))[start:start + length]\n\
             \x20   written[fd] += length\n\
             \x20   while data:\n\
             \x20       data = data[os.write(fd, data):]\n\
             \x20   time.sleep(pause / 1000)\n"
        );
        json!({"code": code, "language": "python"})
    }

    /// All that it writes to a stream.
    pub(crate) fn expected(&self, stream: &str) -> Vec<u8> {
        let descriptor = if stream == "stderr" { 2 } else { 1 };
        let length = self.steps.iter().filter(|step| step.descriptor == descriptor).map(|step| step.length).sum();
        self.contents[descriptor - 1].pattern().into_iter().cycle().take(length).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text can be written to memory");
        text
    })
}

/// The places within characters, where nothing may be cut.
pub(crate) fn within_characters(bytes: &[u8]) -> BTreeSet<usize> {
    let mut within = BTreeSet::new();
    let mut at = 0;
    for piece in bytes.utf8_chunks() {
        for (place, character) in piece.valid().char_indices() {
            within.extend(at + place + 1..at + place + character.len_utf8());
        }
        at += piece.valid().len() + piece.invalid().len();
    }
    within
}
