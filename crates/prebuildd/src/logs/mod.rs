//! The log of every prebuild: captured to one file, followed while it grows.
//!
//! `<folder>/<prebuild id>.log` holds the bytes, nothing else. Whether a log is still growing must
//! survive the server: a log that has ended is a read-only file. Writers and followers of one log
//! share a [`tokio::sync::watch`] of its length, so a follower sleeps until there are bytes, and
//! reads them from the file: it needs one buffer, however far behind it is.

mod follow;
mod token;
mod writer;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::watch;
use uuid::Uuid;

pub use follow::LogStream;
pub use token::{LogTokens, RefusedToken, VALIDITY};
pub use writer::LogWriter;

/// How many bytes one log takes, unless told otherwise: 64 MiB.
pub const DEFAULT_LIMIT: u64 = 64 * 1024 * 1024;
/// The mode of a log that still grows.
const GROWING: u32 = 0o600;
/// The mode of a log that has ended.
const ENDED: u32 = 0o400;

/// All logs of one data folder. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Logs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    limit: u64,
    /// The logs that somebody writes or follows.
    open: Mutex<HashMap<Uuid, Weak<Shared>>>,
}

/// What the writers and followers of one log have in common.
#[derive(Debug)]
struct Shared {
    id: Uuid,
    path: PathBuf,
    extent: watch::Sender<Extent>,
    file: Mutex<Option<writer::OpenFile>>,
    logs: Weak<Inner>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Extent {
    length: u64,
    ended: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Logs {
    /// Opens the folder, which is created when it does not exist.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        Self::with_limit(folder, DEFAULT_LIMIT)
    }

    /// As [`open`](Self::open), with `limit` bytes for each log.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn with_limit(folder: impl Into<PathBuf>, limit: u64) -> io::Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            inner: Arc::new(Inner {
                folder,
                limit,
                open: Mutex::default(),
            }),
        })
    }

    /// The file of the log, which need not exist.
    #[must_use]
    pub fn path(&self, id: Uuid) -> PathBuf {
        self.inner.folder.join(format!("{id}.log"))
    }

    /// Whether there is a log.
    #[must_use]
    pub fn exists(&self, id: Uuid) -> bool {
        self.path(id).exists()
    }

    /// Opens the log for appending, and creates it when there is none. A log that has ended grows
    /// again, as after a restart of the server between the last line and the last status.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn writer(&self, id: Uuid) -> io::Result<LogWriter> {
        let shared = self.shared(id);
        shared.open_for_writing()?;
        Ok(LogWriter::new(shared, self.inner.limit))
    }

    /// The bytes from `offset` on, and then those that are written, until the log ends. No log:
    /// one [`io::ErrorKind::NotFound`].
    #[must_use]
    pub fn follow(&self, id: Uuid, offset: u64) -> LogStream {
        LogStream::new(self.shared(id), offset)
    }

    /// At most `limit` bytes from `offset` on, as far as they have been written.
    ///
    /// # Errors
    /// There is no such log, or it cannot be read.
    pub async fn read(&self, id: Uuid, offset: u64, limit: usize) -> io::Result<Bytes> {
        let path = self.path(id);
        off_thread(move || {
            let file = File::open(path)?;
            let left = file.metadata()?.len().saturating_sub(offset);
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(limit);
            read_at(&file, offset, length)
        })
        .await
    }

    /// Removes the log. Followers of it end; there being none is fine.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&self, id: Uuid) -> io::Result<()> {
        let shared = self.shared(id);
        lock(&shared.file).take();
        let removed = std::fs::remove_file(&shared.path);
        shared.extent.send_modify(|extent| extent.ended = true);
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn shared(&self, id: Uuid) -> Arc<Shared> {
        let mut open = lock(&self.inner.open);
        if let Some(shared) = open.get(&id).and_then(Weak::upgrade) {
            return shared;
        }
        let path = self.path(id);
        let (extent, _) = watch::channel(extent_of(&path).unwrap_or(Extent {
            length: 0,
            ended: false,
        }));
        let shared = Arc::new(Shared {
            id,
            path,
            extent,
            file: Mutex::new(None),
            logs: Arc::downgrade(&self.inner),
        });
        open.insert(id, Arc::downgrade(&shared));
        shared
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(logs) = self.logs.upgrade() {
            let mut open = lock(&logs.open);
            // Another one may have taken the place since the last owner went.
            if open
                .get(&self.id)
                .is_some_and(|shared| shared.strong_count() == 0)
            {
                open.remove(&self.id);
            }
        }
    }
}

fn extent_of(path: &Path) -> io::Result<Extent> {
    let metadata = std::fs::metadata(path)?;
    Ok(Extent {
        length: metadata.len(),
        ended: metadata.permissions().mode() & 0o200 == 0,
    })
}

fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut buffer = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer.into())
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
