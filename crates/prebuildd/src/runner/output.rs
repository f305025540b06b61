//! Output on its way into the log: commands that run side by side, and git's progress.

use std::time::{Duration, Instant};

use crate::logs::LogWriter;

/// The longest line that is kept together.
const MAX_LINE: usize = 8 * 1024;
/// How often a line that overwrites itself is shown.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Takes output as it comes.
pub(super) trait Sink: Send {
    fn take(&mut self, bytes: &[u8]);
}

/// The log itself, for a command that runs alone.
impl Sink for &LogWriter {
    fn take(&mut self, bytes: &[u8]) {
        self.write_chunk(bytes);
    }
}

/// Whole lines with the name of the command before each.
pub(super) struct Prefixed<'a> {
    log: &'a LogWriter,
    prefix: String,
    line: Vec<u8>,
}

impl<'a> Prefixed<'a> {
    pub(super) fn new(log: &'a LogWriter, name: &str) -> Self {
        let prefix = format!("[{name}] ");
        Self {
            log,
            line: prefix.clone().into_bytes(),
            prefix,
        }
    }

    fn end_line(&mut self) {
        self.line.push(b'\n');
        self.log.write_chunk(&self.line);
        self.line.truncate(self.prefix.len());
    }

    /// Writes what stands on a last line without an end.
    pub(super) fn finish(&mut self) {
        if self.line.len() > self.prefix.len() {
            self.end_line();
        }
    }
}

impl Sink for Prefixed<'_> {
    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            for piece in text.chunks(MAX_LINE) {
                if self.line.len() + piece.len() > MAX_LINE + self.prefix.len() {
                    self.end_line();
                }
                self.line.extend_from_slice(piece);
            }
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
    }
}

/// What git says: of a line that overwrites itself, now and then a state and the last one; and the
/// last lines for an error message.
pub(super) struct GitOutput<'a> {
    log: &'a LogWriter,
    line: Vec<u8>,
    shown: Instant,
    last: std::collections::VecDeque<String>,
}

impl<'a> GitOutput<'a> {
    pub(super) fn new(log: &'a LogWriter) -> Self {
        Self {
            log,
            line: Vec::new(),
            shown: Instant::now(),
            last: std::collections::VecDeque::new(),
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        self.line.clear();
        if line.is_empty() {
            return;
        }
        self.log.line(&line);
        if self.last.len() == 20 {
            self.last.pop_front();
        }
        self.last.push_back(line.chars().take(500).collect());
    }

    /// The last lines, the unfinished one included.
    pub(super) fn finish(mut self) -> Vec<String> {
        self.end_line();
        self.last.into()
    }
}

impl Sink for GitOutput<'_> {
    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                b'\r' if self.shown.elapsed() < PROGRESS_EVERY => self.line.clear(),
                b'\r' => {
                    self.shown = Instant::now();
                    self.end_line();
                }
                _ if self.line.len() >= MAX_LINE => {}
                _ => self.line.push(byte),
            }
        }
    }
}
