//! A tar with one file in it: written, and read back as engines write it.

const BLOCK: usize = 512;

/// By how much such a tar may be longer than its file: the file's header and padding, another header with
/// what the first has no room for, and the padding at the end.
pub(super) const MAX_OVERHEAD: usize = 64 << 10;

/// A tar with this one file, which belongs to root and everybody may read and run.
pub(crate) fn of_file(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0; BLOCK];
    let mut field = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000755\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{:011o}\0", content.len()));
    field(136, "00000000000\0");
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\0");
    field(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = Vec::with_capacity(content.len() + 4 * BLOCK);
    tar.extend_from_slice(&header);
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    tar
}

/// Whether the tar's one file has exactly this content, belongs to root and may be run by everybody and be
/// written by nobody else.
pub(super) fn is_executable(tar: &[u8], content: &[u8]) -> bool {
    file(tar).is_some_and(|file| {
        file.kind == b'0'
            && file.owner == 0
            && file.mode & 0o022 == 0
            && file.mode & 0o555 == 0o555
            && file.content == content
    })
}

struct File<'a> {
    kind: u8,
    mode: usize,
    owner: usize,
    content: &'a [u8],
}

/// The first file, after the headers that only say more of it, such as when it was changed to the nanosecond.
fn file(mut tar: &[u8]) -> Option<File<'_>> {
    loop {
        let header = tar.get(..BLOCK)?;
        let length = number(&header[124..136])?;
        let end = BLOCK.checked_add(length)?;
        let content = tar.get(BLOCK..end)?;
        match header[156] {
            b'x' | b'g' => tar = tar.get(end.checked_next_multiple_of(BLOCK)?..)?,
            kind => {
                let [mode, owner] = [&header[100..108], &header[108..116]].map(number);
                // An old writer's zero byte means the same as '0'.
                let kind = if kind == 0 { b'0' } else { kind };
                return Some(File { kind, mode: mode?, owner: owner?, content });
            }
        }
    }
}

fn number(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(field).ok()?;
    usize::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        for content in [&b""[..], b"x", &[7; BLOCK], &[7; BLOCK + 1]] {
            let tar = of_file("agent", content);
            assert_eq!(tar.len() % BLOCK, 0);
            assert!(is_executable(&tar, content));
            assert!(!is_executable(&tar, b"another"));
        }
    }

    #[test]
    fn a_half_written_or_foreign_file_is_none() {
        let whole = of_file("agent", &[7; 3 * BLOCK]);
        for length in [0, 1, BLOCK, 2 * BLOCK] {
            assert!(!is_executable(&whole[..length], &[7; 3 * BLOCK]));
        }
        let with_mode = |mode: &str| {
            let mut tar = whole.clone();
            tar[100..107].copy_from_slice(mode.as_bytes());
            is_executable(&tar, &[7; 3 * BLOCK])
        };
        assert!(with_mode("0000755") && with_mode("0100755"));
        assert!(!with_mode("0000777") && !with_mode("0000644"));
        let mut link = whole;
        link[156] = b'2';
        assert!(!is_executable(&link, &[7; 3 * BLOCK]));
    }

    #[test]
    fn headers_that_say_more_are_passed_over() {
        let mut more = of_file("more", b"30 mtime=1.5\n");
        more[156] = b'x';
        more.truncate(2 * BLOCK);
        more.extend(of_file("agent", b"content"));
        assert!(is_executable(&more, b"content"));
    }
}
