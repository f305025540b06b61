//! The data folder: where an embedded backend keeps everything, and who may work on it.
//!
//! One server works on a folder at a time, which a lock on a file in it makes sure of; the lock
//! goes with the process, however that ends. Beside the lock stands where that server listens, so
//! that commands on the same machine find it.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and at what distance, a lock that is held is asked for again.
const PROBE_TRIES: u32 = 3;
const PROBE_PAUSE: Duration = Duration::from_millis(5);

/// The second line beside the address of a server that is a command's own.
const TRANSIENT: &str = "transient";

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another server works on it.
    #[error("another server works on the data folder {}{}: use that server, stop it, or name another folder with --data-dir", path.display(), at(url.as_deref()))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Where that server listens, if it says so.
        url: Option<String>,
    },
    /// The system does not let us.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn at(url: Option<&str>) -> String {
    url.map(|url| format!(" (at {url})")).unwrap_or_default()
}

/// A data folder. What is in it is for its owner only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

/// The right to work on a data folder, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    address: PathBuf,
}

/// A server that works on a data folder now.
#[derive(Clone, PartialEq, Eq)]
pub struct RunningServer {
    /// Where it listens.
    pub url: String,
    /// A token of its first administrator.
    pub token: String,
    /// Whether it is a command's own and ends with it; another one may be started again.
    pub transient: bool,
}

impl std::fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningServer")
            .field("url", &self.url)
            .field("transient", &self.transient)
            .finish_non_exhaustive()
    }
}

impl DataDir {
    /// The folder, which is made when it does not exist, readable by its owner only. One that
    /// exists keeps its mode, since it may be a mount; the folders in it are closed to others.
    ///
    /// # Errors
    /// A folder cannot be made or closed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        let path = path.as_ref();
        make_folder(path)?;
        let root = fs::canonicalize(path).map_err(|source| DataDirError::Io {
            path: path.to_owned(),
            source,
        })?;
        let folder = Self { root };
        for path in [folder.environments(), folder.logs(), folder.snapshots()] {
            make_folder(&path)?;
            close_to_others(&path, 0o700)?;
        }
        Ok(folder)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The SQLite store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.root.join("store.sqlite")
    }

    /// The folders of environments in progress.
    #[must_use]
    pub fn environments(&self) -> PathBuf {
        self.root.join("environments")
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The snapshots.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// The secret of the first administrator's token.
    #[must_use]
    pub fn admin_token(&self) -> PathBuf {
        self.root.join("admin.token")
    }

    fn logs_key(&self) -> PathBuf {
        self.root.join("logs.key")
    }

    fn address(&self) -> PathBuf {
        self.root.join("server.addr")
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// [`DataDirError::InUse`] when a server works on it.
    pub fn lock(&self) -> Result<Lock, DataDirError> {
        for _ in 0..PROBE_TRIES {
            if let Some(file) = self.try_lock()? {
                let lock = Lock {
                    _file: file,
                    address: self.address(),
                };
                // Where a server listened that was killed.
                lock.withdraw();
                return Ok(lock);
            }
            // Whoever only looks for a server holds the lock for an instant.
            std::thread::sleep(PROBE_PAUSE);
        }
        Err(DataDirError::InUse {
            path: self.root.clone(),
            url: self.announced()?.map(|(url, _)| url),
        })
    }

    /// The server that works on the folder now; `None` when there is none, or when it is just
    /// starting.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn running_server(&self) -> Result<Option<RunningServer>, DataDirError> {
        if self.try_lock()?.is_some() {
            return Ok(None);
        }
        let (Some((url, transient)), Some(token)) = (self.announced()?, read(&self.admin_token())?)
        else {
            return Ok(None);
        };
        Ok(Some(RunningServer {
            url,
            token,
            transient,
        }))
    }

    /// Where the server listens that has the lock, and whether it is a command's own.
    fn announced(&self) -> Result<Option<(String, bool)>, DataDirError> {
        let text = read(&self.address())?;
        Ok(text.map(|text| match text.split_once('\n') {
            Some((url, kind)) => (url.to_owned(), kind == TRANSIENT),
            None => (text, false),
        }))
    }

    fn try_lock(&self) -> Result<Option<File>, DataDirError> {
        let path = self.root.join("lock");
        let failed = |source| DataDirError::Io {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The secret in a file that only its owner can read, if it is there.
    pub(crate) fn read_secret(&self, path: &Path) -> Result<Option<String>, DataDirError> {
        close_to_others(path, 0o600)?;
        read(path)
    }

    /// The key that signs tokens for logs, made at first use.
    pub(crate) fn logs_key_bytes(&self) -> Result<String, DataDirError> {
        let path = self.logs_key();
        match self.read_secret(&path)? {
            Some(key) => Ok(key),
            None => {
                let key = crate::tokens::new_secret().map_err(|source| DataDirError::Io {
                    path: path.clone(),
                    source,
                })?;
                write_private(&path, &key)?;
                Ok(key)
            }
        }
    }
}

impl Lock {
    /// Says where this process listens, and whether it is a command's own server.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn announce(&self, url: &str, transient: bool) -> Result<(), DataDirError> {
        if transient {
            write_private(&self.address, &format!("{url}\n{TRANSIENT}"))
        } else {
            write_private(&self.address, url)
        }
    }

    /// Without the lock the file means nothing, so that it may stay.
    fn withdraw(&self) {
        let _ = fs::remove_file(&self.address);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.withdraw();
    }
}

fn make_folder(path: &Path) -> Result<(), DataDirError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| DataDirError::Io {
            path: path.to_owned(),
            source,
        })
}

/// Gives what others may use the mode `private` instead; what is not there is no error.
fn close_to_others(path: &Path, private: u32) -> Result<(), DataDirError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            fs::set_permissions(path, Permissions::from_mode(private)).map_err(|source| {
                DataDirError::Io {
                    path: path.to_owned(),
                    source,
                }
            })
        }
        _ => Ok(()),
    }
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), DataDirError> {
    let temporary = path.with_extension("new");
    let failed = |source| DataDirError::Io {
        path: path.to_owned(),
        source,
    };
    let write = || {
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(failed)
}

/// The trimmed content of a small file; `None` when it is not there or empty.
fn read(path: &Path) -> Result<Option<String>, DataDirError> {
    let read = || {
        let mut text = String::new();
        File::open(path)?.take(4096).read_to_string(&mut text)?;
        Ok(text)
    };
    match read() {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DataDirError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}
