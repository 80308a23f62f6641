//! Counting in UTF-16 code units, as editors do.

/// Counts along a line, from one place to a later one.
pub(super) struct Counter<'a> {
    line: &'a [u8],
    bytes: usize,
    units: u64,
}

impl<'a> Counter<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Counter { line, bytes: 0, units: 0 }
    }

    /// How many code units there are before this byte. What is no UTF-8 counts as it is shown, as `U+FFFD`.
    pub(super) fn at(&mut self, byte: usize) -> u64 {
        let byte = byte.clamp(self.bytes, self.line.len());
        for chunk in self.line[self.bytes..byte].utf8_chunks() {
            let valid: usize = chunk.valid().chars().map(char::len_utf16).sum();
            self.units += valid as u64 + u64::from(!chunk.invalid().is_empty());
        }
        self.bytes = byte;
        self.units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_units_are_counted_as_a_text_that_is_shown_has_them() {
        let line = "aü\u{10348}x".as_bytes();
        let mut counter = Counter::new(line);
        assert_eq!([0, 1, 3, 7, 8, 99].map(|byte| counter.at(byte)), [0, 1, 2, 4, 5, 5]);
        let line = b"a\xff\xfe\xf0\x90b";
        let shown: usize = String::from_utf8_lossy(line).encode_utf16().count();
        assert_eq!(Counter::new(line).at(line.len()), shown as u64);
    }
}
