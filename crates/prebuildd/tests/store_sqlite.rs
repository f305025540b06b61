//! The suite of all stores, run against SQLite files, and what is particular to SQLite.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod store;

use std::{os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use prebuildd::store::{Store, StoreError, sqlite::SqliteStore};

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
