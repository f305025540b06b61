//! The schema of the file, and how an older one is brought up to it.
//!
//! SQLite's `user_version` counts the migrations that were applied. All that are missing are applied
//! in one transaction that holds the write lock, so that processes that open a file together agree,
//! and a process that is killed leaves the old schema or the new one.

use sqlx::{Connection, SqliteConnection};

use super::{StoreError, unavailable};

/// The migrations, in order. One that was released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_initial.sql")];

/// Brings the file up to the newest schema.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(unavailable)?;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *transaction)
        .await
        .map_err(unavailable)?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::raw_sql(*migration)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
    }
    // A pragma takes no parameters; `known` is a number of ours.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "PRAGMA user_version = {known}"
    )))
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)
}
