//! The default store: one SQLite file, for one machine.
//!
//! Readers go through a small pool; every write goes through one connection, so that writers of this
//! process queue up without polling for SQLite's lock. Other processes may use the same file at the
//! same time. A write is a task of its own: a caller that goes away cannot leave a transaction
//! behind, nor one that is committed but not reported to the feed.

mod identities;
mod prebuilds;
mod projects;
mod queue;
mod row;
mod schema;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    io::Errno,
};
use sqlx::{
    SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::broadcast;

use super::{Change, Store, StoreError};

/// How long to wait for the write lock of another process before a call fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before asking again for what SQLite itself does not wait for.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// How many reads run at once.
const READERS: u32 = 4;

/// How many changes a subscriber of the feed may lag behind.
const FEED_CAPACITY: usize = 1024;

/// A [`Store`] in one SQLite file. Clones share it.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    readers: SqlitePool,
    /// Holds one connection.
    writer: SqlitePool,
    feed: broadcast::Sender<Change>,
}

/// What happens inside of one write transaction: its result, and what to tell the feed once it is
/// durable.
type Written<'c, T> = BoxFuture<'c, Result<(T, Option<Change>), StoreError>>;

impl SqliteStore {
    /// Opens the file at `path`, created with mode 0600 if there is none, and brings it up to the
    /// newest schema. `now` is the creation time of what a new store starts with.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] if a newer program wrote it; [`StoreError::Unavailable`] if it
    /// cannot be read or written.
    pub async fn open(path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let file = path.to_owned();
        tokio::task::spawn_blocking(move || make_private(&file))
            .await
            .map_err(|error| StoreError::Unavailable(error.into()))?
            .map_err(|error| {
                StoreError::Unavailable(format!("{}: {error}", path.display()).into())
            })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = open_writer(&options).await?;
        let mut connection = writer.acquire().await.map_err(unavailable)?;
        schema::migrate(&mut connection).await?;
        drop(connection);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await
            .map_err(unavailable)?;
        let (feed, _) = broadcast::channel(FEED_CAPACITY);
        let store = Self {
            shared: Arc::new(Shared {
                readers,
                writer,
                feed,
            }),
        };
        store
            .write(move |c| Box::pin(projects::seed(c, now)))
            .await?;
        Ok(store)
    }

    /// Closes the file once running calls are done. A store that is dropped instead closes in the
    /// background; nothing is lost either way.
    pub async fn close(&self) {
        self.shared.readers.close().await;
        self.shared.writer.close().await;
    }

    /// Runs `operation` in a transaction that holds the write lock from its beginning. An error
    /// undoes it.
    async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Written<'c, T> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let mut transaction = shared
                .writer
                .begin_with("BEGIN IMMEDIATE")
                .await
                .map_err(unavailable)?;
            let (result, change) = operation(&mut transaction).await?;
            transaction.commit().await.map_err(unavailable)?;
            if let Some(change) = change {
                // Fails only if nobody listens.
                let _ = shared.feed.send(change);
            }
            Ok(result)
        });
        task.await
            .map_err(|error| StoreError::Unavailable(error.into()))?
    }

    fn readers(&self) -> &SqlitePool {
        &self.shared.readers
    }
}

impl Store for SqliteStore {
    fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.shared.feed.subscribe()
    }
}

/// Opens the connection that writes. It is the first, and so puts a new file into write-ahead mode,
/// for which SQLite does not wait when another opens the same file: it fails at once, though
/// [`BUSY_TIMEOUT`] has been set. Of those that meet, one always comes through.
async fn open_writer(options: &SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    let began = Instant::now();
    loop {
        let opened = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(BUSY_TIMEOUT * 3)
            .connect_with(options.clone())
            .await;
        match opened {
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            opened => return opened.map_err(unavailable),
        }
    }
}

/// Whether another connection holds a lock that the call needs: `SQLITE_BUSY`, the lower eight bits
/// of its extended result codes.
fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: i32 = 5;
    error
        .as_database_error()
        .and_then(|error| error.code()?.parse().ok())
        .is_some_and(|code: i32| code & 0xff == SQLITE_BUSY)
}

/// Creates the file if there is none, and lets only its owner read it. SQLite gives the files beside
/// it the same mode.
///
/// The file is never opened here: a process that closes a file loses all POSIX locks that it has on
/// it, and with them SQLite's, if the same process has it open as a store already ("How To Corrupt
/// An SQLite Database File", section 2.2).
fn make_private(path: &Path) -> io::Result<()> {
    match mknodat(CWD, path, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) | Err(Errno::EXIST) => fs::set_permissions(path, fs::Permissions::from_mode(0o600)),
        Err(error) => Err(error.into()),
    }
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// The error of an insert, whose primary key or unique column may be taken and whose parent may be
/// missing.
fn insert_error(error: sqlx::Error, inserted: &'static str, parent: &'static str) -> StoreError {
    match error.as_database_error() {
        Some(database) if database.is_unique_violation() => StoreError::AlreadyExists(inserted),
        Some(database) if database.is_foreign_key_violation() => StoreError::NotFound(parent),
        _ => unavailable(error),
    }
}
