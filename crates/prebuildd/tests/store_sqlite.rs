//! The suite of all stores, run against SQLite files, and what is particular to SQLite.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod store;

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use prebuildd::store::{Store, StoreError, sqlite::SqliteStore};
use rustix::{
    fs::{FlockOperation, fcntl_lock},
    io::Errno,
};

fn open(dir: PathBuf) -> BoxFuture<'static, Arc<dyn Store>> {
    Box::pin(async move {
        let store = SqliteStore::open(&dir.join("store.sqlite"), Timestamp::UNIX_EPOCH).await;
        Arc::new(store.unwrap()) as Arc<dyn Store>
    })
}

store::suite!(super::open);

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = open(dir.path().to_owned()).await;
    store
        .ensure_organization("acme", Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert!(files.len() >= 2, "the write-ahead log stands beside");
    for file in files {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    SqliteStore::open(&path, Timestamp::UNIX_EPOCH)
        .await
        .unwrap()
        .close()
        .await;
    let raw =
        sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(&path))
            .await
            .unwrap();
    sqlx::raw_sql("PRAGMA user_version = 1000")
        .execute(&raw)
        .await
        .unwrap();
    raw.close().await;
    let error = SqliteStore::open(&path, Timestamp::UNIX_EPOCH)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 1000, .. }));
    assert!(error.to_string().contains("schema 1000"), "{error}");
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    std::fs::write(&path, "x".repeat(8192)).unwrap();
    let error = SqliteStore::open(&path, Timestamp::UNIX_EPOCH)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn a_new_file_opened_eight_times_at_once_has_one_default_class() {
    let dir = tempfile::tempdir().unwrap();
    let opening = (0..8).map(|_| tokio::spawn(open(dir.path().to_owned())));
    let mut classes = std::collections::HashSet::new();
    for store in futures_util::future::join_all(opening).await {
        let page = store
            .unwrap()
            .list_environment_classes(&Default::default(), None, 10)
            .await
            .unwrap();
        assert_eq!(page.items.len(), 1);
        classes.insert(page.items[0].id);
    }
    assert_eq!(classes.len(), 1);
}

/// POSIX locks belong to a process, not to a file descriptor: whoever closes the file anywhere in
/// the process takes them from SQLite, and another process may then believe it is alone.
#[tokio::test]
async fn a_file_opened_twice_in_one_process_stays_locked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let first = open(dir.path().to_owned()).await;
    assert!(posix_lock_held(&path), "a store in use locks its file");
    let second = SqliteStore::open(&path, Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    assert!(
        posix_lock_held(&path),
        "a second opening takes no lock away"
    );
    second.close().await;
    assert!(posix_lock_held(&path), "nor does its end");
    drop(first);
}

/// Whether another process meets a POSIX lock on the file: this program again, with the test below.
fn posix_lock_held(path: &Path) -> bool {
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "another_process_meets_a_posix_lock"])
        .env("TEST_FILE", path)
        .output()
        .unwrap();
    String::from_utf8_lossy(&other.stdout).contains("1 passed")
}

#[test]
#[ignore = "a part of a_file_opened_twice_in_one_process_stays_locked, which starts it"]
fn another_process_meets_a_posix_lock() {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(std::env::var_os("TEST_FILE").unwrap())
        .unwrap();
    let locked = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive);
    assert!(matches!(locked, Err(Errno::AGAIN | Errno::ACCESS)));
}
