//! The queue of work in SQLite: the rows themselves.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{QueryBuilder, SqliteConnection};
use uuid::Uuid;

use super::{
    SqliteStore, StoreError,
    prebuilds::{changed, load, prebuild, save},
    projects::push_in,
    row::{Columns, bytes, nanos, signed},
    unavailable,
};
use crate::{
    domain::{Lease, Prebuild, StatusUpdate},
    store::{Operation, Queue, Work},
};
use prebuilds::v1::PrebuildPhase;

/// Selects what a claim of builds gives out. Within a project the rows in work count first, then the
/// waiting ones by age; so the `turn` of a project's next row grows with what it has in work.
const CLAIM_BUILDS: &str = "
    SELECT id FROM (
        SELECT id, lease_expires_at, row_number() OVER (
            PARTITION BY project_id ORDER BY coalesce(lease_expires_at, 0) <= ?1, id
        ) AS turn
        FROM prebuilds
        WHERE needs_work = 1 AND phase BETWEEN 10 AND 50 AND deadline > ?1
    )
    WHERE lease_expires_at IS NULL OR lease_expires_at <= ?1
    ORDER BY turn, id LIMIT ?2";

/// Selects what a claim of endings gives out: the oldest first.
const CLAIM_ENDS: &str = "
    SELECT id FROM prebuilds
    WHERE needs_work = 1 AND (phase NOT BETWEEN 10 AND 50 OR deadline <= ?1)
        AND (lease_expires_at IS NULL OR lease_expires_at <= ?1)
    ORDER BY id LIMIT ?2";

fn end_of_lease(now: Timestamp, lease: Duration) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}

/// The row of `id`, if the lease with `epoch` is held.
async fn load_held(
    c: &mut SqliteConnection,
    id: Uuid,
    epoch: u64,
) -> Result<(Prebuild, Lease), StoreError> {
    let prebuild = load(c, id).await?;
    match prebuild.lease {
        Some(lease) if prebuild.epoch == epoch => Ok((prebuild, lease)),
        _ => Err(StoreError::Conflict),
    }
}

#[async_trait]
impl Queue for SqliteStore {
    async fn load_prebuild(&self, id: Uuid) -> Result<Prebuild, StoreError> {
        let mut c = self.readers().acquire().await.map_err(unavailable)?;
        load(&mut c, id).await
    }

    async fn claim(
        &self,
        work: Work,
        owner: Uuid,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Prebuild>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let select = match work {
            Work::Build => CLAIM_BUILDS,
            Work::End => CLAIM_ENDS,
        };
        // An idle controller asks often: the write lock is only for what a read has found.
        let found = sqlx::query(select)
            .bind(nanos(now))
            .bind(1_i64)
            .fetch_optional(self.readers())
            .await
            .map_err(unavailable)?;
        if limit == 0 || found.is_none() {
            return Ok(Vec::new());
        }
        self.write(move |c| {
            Box::pin(async move {
                let ids = sqlx::query(select)
                    .bind(nanos(now))
                    .bind(limit)
                    .fetch_all(&mut *c)
                    .await
                    .map_err(unavailable)?;
                let mut claimed = Vec::with_capacity(ids.len());
                for row in &ids {
                    let row = sqlx::query(
                        "UPDATE prebuilds SET epoch = epoch + 1, lease_owner = ?2, \
                         lease_expires_at = ?3 WHERE id = ?1 RETURNING *",
                    )
                    .bind(bytes(Columns(row).id("id")?))
                    .bind(bytes(owner))
                    .bind(nanos(end_of_lease(now, lease)))
                    .fetch_one(&mut *c)
                    .await
                    .map_err(unavailable)?;
                    claimed.push(prebuild(&row)?);
                }
                Ok((claimed, None))
            })
        })
        .await
    }

    async fn renew(
        &self,
        id: Uuid,
        epoch: u64,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Prebuild, StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let (mut prebuild, held) = load_held(c, id, epoch).await?;
                prebuild.lease = Some(Lease {
                    owner: held.owner,
                    expires_at: end_of_lease(now, lease),
                });
                save(c, &prebuild).await?;
                Ok((prebuild, None))
            })
        })
        .await
    }

    async fn release(&self, id: Uuid, epoch: u64) -> Result<(), StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let row = sqlx::query(
                    "UPDATE prebuilds SET lease_owner = NULL, lease_expires_at = NULL \
                     WHERE id = ?1 AND epoch = ?2 AND lease_owner IS NOT NULL RETURNING *",
                )
                .bind(bytes(id))
                .bind(signed(epoch))
                .fetch_optional(c)
                .await
                .map_err(unavailable)?;
                // What is given up undone is work for someone else: that must be noticed.
                let change = match row.as_ref().map(prebuild).transpose()? {
                    Some(prebuild) if prebuild.needs_work() => {
                        Some(changed(&prebuild, Operation::UpdateStatus))
                    }
                    _ => None,
                };
                Ok(((), change))
            })
        })
        .await
    }

    async fn void_leases(&self) -> Result<u64, StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE prebuilds SET lease_owner = NULL, lease_expires_at = NULL \
                     WHERE lease_owner IS NOT NULL",
                )
                .execute(c)
                .await
                .map_err(unavailable)?;
                Ok((done.rows_affected(), None))
            })
        })
        .await
    }

    async fn update_status(
        &self,
        id: Uuid,
        epoch: u64,
        status_version: u64,
        update: StatusUpdate,
        now: Timestamp,
    ) -> Result<Prebuild, StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let (mut prebuild, _) = load_held(c, id, epoch).await?;
                if prebuild.status_version != status_version {
                    return Err(StoreError::Conflict);
                }
                prebuild.apply(update, now)?;
                save(c, &prebuild).await?;
                let operation = if prebuild.phase == PrebuildPhase::Deleted {
                    Operation::Delete
                } else {
                    Operation::UpdateStatus
                };
                let change = changed(&prebuild, operation);
                Ok((prebuild, Some(change)))
            })
        })
        .await
    }

    async fn next_deadline(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "SELECT min(instant) AS earliest FROM (SELECT CASE \
             WHEN lease_expires_at > ?1 THEN lease_expires_at \
             WHEN phase BETWEEN 10 AND 50 THEN deadline END AS instant \
             FROM prebuilds WHERE needs_work = 1) WHERE instant > ?1",
        )
        .bind(nanos(now))
        .fetch_one(self.readers())
        .await
        .map_err(unavailable)?;
        Columns(&row).optional_time("earliest")
    }

    async fn snapshots_in_use(&self, prebuild_ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
        let mut in_use = HashSet::new();
        for ids in prebuild_ids.chunks(500) {
            let mut query =
                QueryBuilder::new("SELECT id FROM prebuilds WHERE (phase = 60 OR needs_work = 1)");
            push_in(&mut query, "id", ids.iter().copied().map(bytes));
            let rows = query
                .build()
                .fetch_all(self.readers())
                .await
                .map_err(unavailable)?;
            for row in &rows {
                in_use.insert(Columns(row).id("id")?);
            }
        }
        Ok(in_use)
    }

    async fn environments_in_use(&self) -> Result<HashSet<Uuid>, StoreError> {
        sqlx::query(
            "SELECT environment_id FROM prebuilds WHERE needs_work = 1 \
             AND environment_id IS NOT NULL AND (phase BETWEEN 10 AND 50 OR phase = 75)",
        )
        .fetch_all(self.readers())
        .await
        .map_err(unavailable)?
        .iter()
        .map(|row| Columns(row).id("environment_id"))
        .collect()
    }
}
