//! Appending to a log: bounded, line-aware, and never a reason for the prebuild to fail.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::sync::Arc;

use super::{ENDED, Extent, GROWING, Shared, lock};

/// What the lines of the runner itself may take beyond the limit: the reason why a prebuild ended
/// matters most, and comes last.
const RESERVE: u64 = 64 * 1024;

/// Appends to one log. Clones write to the same log. Writing is a write to the page cache and does
/// not wait for the disk. A log that cannot be written (a full disk) is reported to the server's
/// own log once; the prebuild goes on.
#[derive(Clone, Debug)]
pub struct LogWriter {
    shared: Arc<Shared>,
    limit: u64,
}

#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    length: u64,
    at_line_start: bool,
    failed: bool,
}

impl Shared {
    pub(super) fn open_for_writing(&self) -> io::Result<()> {
        let mut open = lock(&self.file);
        if open.is_some() {
            return Ok(());
        }
        // A log that has ended is read-only, for its owner too.
        match std::fs::set_permissions(&self.path, Permissions::from_mode(GROWING)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(GROWING)
            .open(&self.path)?;
        let length = file.metadata()?.len();
        let mut at_line_start = true;
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            at_line_start = last == [b'\n'];
        }
        *open = Some(OpenFile {
            file,
            length,
            at_line_start,
            failed: false,
        });
        self.extent.send_replace(Extent {
            length,
            ended: false,
        });
        Ok(())
    }
}

impl LogWriter {
    pub(super) fn new(shared: Arc<Shared>, limit: u64) -> Self {
        Self { shared, limit }
    }

    /// A line that stands out: what happens next. Starts on a new line.
    pub fn heading(&self, text: &str) {
        self.own_line("==> ", text);
    }

    /// One line of the runner's own. Starts on a new line.
    pub fn line(&self, text: &str) {
        self.own_line("", text);
    }

    /// Output of a command, as it came.
    pub fn write_chunk(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.append(bytes, false);
        }
    }

    /// Ends the log: followers read the rest and end too. What other writers of this log write
    /// after this is dropped.
    ///
    /// # Errors
    /// The file cannot be marked as ended.
    pub fn finish(&self) -> io::Result<()> {
        let mut open = lock(&self.shared.file);
        let Some(mut file) = open.take() else {
            return Ok(());
        };
        if !file.at_line_start {
            file.write(b"\n");
        }
        let marked = file.file.set_permissions(Permissions::from_mode(ENDED));
        self.shared.extent.send_replace(Extent {
            length: file.length,
            ended: true,
        });
        marked
    }

    fn own_line(&self, prefix: &str, text: &str) {
        let mut line = Vec::with_capacity(prefix.len() + text.len() + 1);
        line.extend_from_slice(prefix.as_bytes());
        line.extend_from_slice(text.trim_end_matches('\n').as_bytes());
        line.push(b'\n');
        self.append(&line, true);
    }

    fn append(&self, bytes: &[u8], own: bool) {
        let mut open = lock(&self.shared.file);
        let Some(file) = open.as_mut() else {
            return;
        };
        let before = file.length;
        if own && !file.at_line_start {
            file.write(b"\n");
        }
        if own && file.length >= self.limit {
            let left = (self.limit + RESERVE).saturating_sub(file.length);
            if bytes.len() as u64 <= left {
                file.write(bytes);
            }
        } else if file.length <= self.limit {
            let left = usize::try_from(self.limit - file.length).unwrap_or(usize::MAX);
            if bytes.len() <= left {
                file.write(bytes);
            } else {
                file.write(&bytes[..left]);
                // Past the limit from here on, so that this is said once, restarts included.
                file.write(
                    format!(
                        "\n[the log has reached its limit of {} bytes: further output was dropped]\n",
                        self.limit
                    )
                    .as_bytes(),
                );
            }
        }
        if file.length != before {
            let length = file.length;
            self.shared
                .extent
                .send_modify(|extent| extent.length = length);
        }
    }
}

impl OpenFile {
    fn write(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else {
            return;
        };
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.length += bytes.len() as u64;
                self.at_line_start = *last == b'\n';
            }
            Err(error) => {
                // Part of it may have been written.
                if let Ok(metadata) = self.file.metadata() {
                    self.length = metadata.len();
                }
                if !self.failed {
                    self.failed = true;
                    tracing::warn!(%error, "a log cannot be written");
                }
            }
        }
    }
}
