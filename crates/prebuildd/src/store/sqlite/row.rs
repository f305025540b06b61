//! How values stand in columns, and come back checked.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use super::StoreError;
use crate::domain::Subject;

/// The column's value of a time: nanoseconds since the Unix epoch, until the year 2262.
pub(super) fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(if time > Timestamp::UNIX_EPOCH {
        i64::MAX
    } else {
        i64::MIN
    })
}

/// The column's value of an id.
pub(super) fn bytes(id: Uuid) -> Vec<u8> {
    id.into_bytes().to_vec()
}

/// The column's value of a count: SQLite's integers are signed.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The column's value of a limit of rows, one more than asked for, to see whether there are more.
pub(super) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

/// The column's value of something that is read and written whole.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) fn corrupt(column: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("column {column}: {why}"))
}

/// A row whose columns are read by name.
pub(super) struct Columns<'r>(pub(super) &'r SqliteRow);

impl Columns<'_> {
    pub(super) fn get<'r, T>(&'r self, column: &str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.0
            .try_get(column)
            .map_err(|error| corrupt(column, error))
    }

    pub(super) fn id(&self, column: &str) -> Result<Uuid, StoreError> {
        let bytes: &[u8] = self.get(column)?;
        Uuid::from_slice(bytes).map_err(|error| corrupt(column, error))
    }

    pub(super) fn optional_id(&self, column: &str) -> Result<Option<Uuid>, StoreError> {
        let bytes: Option<&[u8]> = self.get(column)?;
        bytes
            .map(Uuid::from_slice)
            .transpose()
            .map_err(|error| corrupt(column, error))
    }

    pub(super) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        let nanos: i64 = self.get(column)?;
        Timestamp::from_nanosecond(nanos.into()).map_err(|error| corrupt(column, error))
    }

    pub(super) fn optional_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        let nanos: Option<i64> = self.get(column)?;
        nanos
            .map(|nanos| Timestamp::from_nanosecond(nanos.into()))
            .transpose()
            .map_err(|error| corrupt(column, error))
    }

    /// An integer that must be in the range of `T`: a count or the number of an enumeration.
    pub(super) fn number<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: TryFrom<i64, Error: std::fmt::Display>,
    {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|error| corrupt(column, error))
    }

    pub(super) fn enumeration<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: TryFrom<i32, Error: std::fmt::Display>,
    {
        let number: i32 = self.number(column)?;
        T::try_from(number).map_err(|error| corrupt(column, error))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        let text: &str = self.get(column)?;
        serde_json::from_str(text).map_err(|error| corrupt(column, error))
    }

    pub(super) fn subject(&self, id: &str, principal: &str) -> Result<Subject, StoreError> {
        Ok(Subject {
            id: self.id(id)?,
            principal: self.enumeration(principal)?,
        })
    }
}

/// Cuts rows that were read with [`one_more`] to the page, and says where the next one begins.
pub(super) fn page<T, C>(
    mut items: Vec<T>,
    limit: usize,
    cursor: impl Fn(&T) -> C,
) -> super::super::Page<T, C> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(cursor) } else { None };
    super::super::Page { items, next }
}
