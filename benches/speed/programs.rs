//! The programs that are run, and the floor: the same programs, started by `posix_spawn` and read by us.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::Result;
use crate::contest::{megabytes_per_second, milliseconds};

/// Bytes of a stream that is measured.
pub(crate) const STREAM_BYTES: u64 = 100 << 20;

/// One line of a stream, its end included.
const LINE_BYTES: usize = 80;

/// How a program prints [`STREAM_BYTES`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pieces {
    /// Each line by a `write` of its own.
    Lines,
    /// 64 KiB of lines by each `write`.
    Chunks,
}

impl Pieces {
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Pieces::Lines => "lines",
            Pieces::Chunks => "chunks",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Pieces::Lines => LINE_BYTES,
            Pieces::Chunks => 64 << 10,
        }
    }
}

/// The argument that makes this executable the program that prints.
pub(crate) const EMIT: &str = "--emit";

/// Is the program that prints, if the arguments say so.
pub(crate) fn emit_if_asked() -> Result<bool> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, emit, how] = arguments.as_slice() else { return Ok(false) };
    if emit != EMIT {
        return Ok(false);
    }
    let pieces = if how == "lines" { Pieces::Lines } else { Pieces::Chunks };
    let mut line = [b'x'; LINE_BYTES];
    line[LINE_BYTES - 1] = b'\n';
    let text: Vec<u8> = line.iter().copied().cycle().take(pieces.bytes()).collect();
    // Unbuffered, for each piece is to be a `write`.
    let mut out = std::fs::File::from(rustix::io::dup(rustix::stdio::stdout())?);
    let mut left = STREAM_BYTES as usize;
    while left > 0 {
        let piece = &text[..text.len().min(left)];
        out.write_all(piece)?;
        left -= piece.len();
    }
    Ok(true)
}

/// A program on the host.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    argv: Vec<String>,
}

impl Program {
    pub(crate) fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect() }
    }

    /// The same program behind another, which is given it as its last arguments.
    #[must_use]
    pub(crate) fn behind(&self, wrapper: &[String]) -> Self {
        Self { argv: wrapper.iter().chain(&self.argv).cloned().collect() }
    }

    /// Its name and arguments.
    pub(crate) fn argv(&self) -> &[String] {
        &self.argv
    }

    /// Starts it, with nothing to read and its output to us. There is no hook between fork and exec, so
    /// the standard library takes `posix_spawn`.
    fn spawn(&self) -> Result<Child> {
        Ok(Command::new(&self.argv[0])
            .args(&self.argv[1..])
            .env_clear()
            // What the daemon gives its programs.
            .envs([("HOME", "/tmp"), ("LANG", "C.UTF-8"), ("PATH", "/usr/local/bin:/usr/bin:/bin")])
            .envs([("PYTHONUNBUFFERED", "1"), ("PYTHONUTF8", "1"), ("PYTHONDONTWRITEBYTECODE", "1")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?)
    }

    /// Milliseconds until it has ended and all it printed was read.
    pub(crate) fn run(&self) -> Result<f64> {
        let began = Instant::now();
        let output = self.spawn()?.wait_with_output()?;
        let taken = milliseconds(began.elapsed());
        if output.status.success() {
            return Ok(taken);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{} ended with {}: {}", self.argv[0], output.status, said.trim()).into())
    }

    /// Milliseconds until its first byte.
    pub(crate) fn first_byte(&self) -> Result<f64> {
        let began = Instant::now();
        let mut child = self.spawn()?;
        read_first(&mut child)?;
        let taken = milliseconds(began.elapsed());
        child.wait_with_output()?;
        Ok(taken)
    }

    /// Milliseconds from an interrupt, after its first byte, until it has ended.
    pub(crate) fn interrupt(&self) -> Result<f64> {
        let mut child = self.spawn()?;
        read_first(&mut child)?;
        let pid = rustix::process::Pid::from_child(&child);
        let began = Instant::now();
        rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
        child.wait_with_output()?;
        Ok(milliseconds(began.elapsed()))
    }

    /// Megabytes a second of what it prints.
    pub(crate) fn throughput(&self) -> Result<f64> {
        let mut buffer = vec![0; 256 << 10];
        let began = Instant::now();
        let mut child = self.spawn()?;
        let mut stdout = child.stdout.take().ok_or("no standard output")?;
        let mut bytes = 0;
        loop {
            match stdout.read(&mut buffer)? {
                0 => break,
                count => bytes += count as u64,
            }
        }
        child.wait()?;
        if bytes != STREAM_BYTES {
            return Err(format!("{} printed {bytes} bytes", self.argv[0]).into());
        }
        Ok(megabytes_per_second(bytes, began.elapsed()))
    }

    /// Milliseconds until so many of them, all started at once, have ended.
    pub(crate) fn many(&self, count: usize) -> Result<f64> {
        let began = Instant::now();
        let children: Vec<_> = (0..count).map(|_| self.spawn()).collect::<Result<_>>()?;
        for child in children {
            let output = child.wait_with_output()?;
            if !output.status.success() {
                return Err(format!("{} ended with {}", self.argv[0], output.status).into());
            }
        }
        Ok(milliseconds(began.elapsed()))
    }

    /// Starts it and waits for its first byte; for those that measure it while it runs.
    pub(crate) fn running(&self) -> Result<Running> {
        let mut running = Running(self.spawn()?);
        read_first(&mut running.0)?;
        Ok(running)
    }
}

/// A program that is killed when this is dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn read_first(child: &mut Child) -> Result<()> {
    let stdout = child.stdout.as_mut().ok_or("no standard output")?;
    Ok(stdout.read_exact(&mut [0])?)
}

/// A directory with the programs, which is gone with this.
pub(crate) struct Shelf(tempfile::TempDir);

impl Shelf {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(tempfile::Builder::new().prefix("codebeaker-bench-").tempdir()?))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file there.
    pub(crate) fn put(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }
}
