//! Prebuilds in SQLite, as the API sees them; and how a row is read and saved.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use prebuilds::v1::PrebuildPhase;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    SqliteStore, StoreError, insert_error,
    projects::push_in,
    row::{Columns, bytes, corrupt, json, nanos, one_more, page, signed},
    unavailable,
};
use crate::{
    domain::{Lease, Prebuild, Subject},
    store::{Change, Operation, Page, PrebuildFilter, Prebuilds, Resource},
};

pub(super) fn prebuild(row: &SqliteRow) -> Result<Prebuild, StoreError> {
    let row = Columns(row);
    let executor = match row.optional_id("executor_id")? {
        Some(id) => Some(Subject {
            id,
            principal: row.enumeration("executor_principal")?,
        }),
        None => None,
    };
    let lease = match (
        row.optional_id("lease_owner")?,
        row.optional_time("lease_expires_at")?,
    ) {
        (Some(owner), Some(expires_at)) => Some(Lease { owner, expires_at }),
        (None, None) => None,
        _ => return Err(corrupt("lease_owner", "a lease needs owner and end")),
    };
    Ok(Prebuild {
        id: row.id("id")?,
        organization_id: row.id("organization_id")?,
        project_id: row.id("project_id")?,
        environment_class_id: row.id("environment_class_id")?,
        creator: row.subject("creator_id", "creator_principal")?,
        executor,
        trigger: row.enumeration("trigger_kind")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        spec_version: row.number("spec_version")?,
        desired_phase: row.enumeration("desired_phase")?,
        timeout: Duration::from_nanos(row.number("timeout")?),
        source: row.json("source")?,
        phase: row.enumeration("phase")?,
        status_version: row.number("status_version")?,
        completion_time: row.optional_time("completion_time")?,
        failure_message: row.get("failure_message")?,
        warning_message: row.get("warning_message")?,
        environment_id: row.optional_id("environment_id")?,
        snapshot_percentage: row.number("snapshot_percentage")?,
        snapshot_size_bytes: row.number("snapshot_size_bytes")?,
        commit: row.get("commit_id")?,
        reuse_key: row.get("reuse_key")?,
        attempts: row.number("attempts")?,
        attempt_epoch: row.number("attempt_epoch")?,
        epoch: row.number("epoch")?,
        lease,
    })
}

/// The row of `id`, in whichever organization and phase.
pub(super) async fn load(c: &mut SqliteConnection, id: Uuid) -> Result<Prebuild, StoreError> {
    let row = sqlx::query("SELECT * FROM prebuilds WHERE id = ?1")
        .bind(bytes(id))
        .fetch_optional(c)
        .await
        .map_err(unavailable)?;
    prebuild(&row.ok_or(StoreError::NotFound("prebuild"))?)
}

/// Writes everything of a row that may change.
pub(super) async fn save(c: &mut SqliteConnection, prebuild: &Prebuild) -> Result<(), StoreError> {
    bind_changeable(
        sqlx::query(
            "UPDATE prebuilds SET updated_at = ?2, spec_version = ?3, desired_phase = ?4, \
             phase = ?5, status_version = ?6, completion_time = ?7, failure_message = ?8, \
             warning_message = ?9, environment_id = ?10, snapshot_percentage = ?11, \
             snapshot_size_bytes = ?12, commit_id = ?13, reuse_key = ?14, attempts = ?15, \
             attempt_epoch = ?16, epoch = ?17, lease_owner = ?18, lease_expires_at = ?19, \
             needs_work = ?20 WHERE id = ?1",
        ),
        prebuild,
    )
    .execute(c)
    .await
    .map_err(unavailable)?;
    Ok(())
}

type Query = sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments>;

/// Binds ?1 to ?20: the id, then what may change.
fn bind_changeable(query: Query, prebuild: &Prebuild) -> Query {
    query
        .bind(bytes(prebuild.id))
        .bind(nanos(prebuild.updated_at))
        .bind(signed(prebuild.spec_version))
        .bind(prebuild.desired_phase as i32)
        .bind(prebuild.phase as i32)
        .bind(signed(prebuild.status_version))
        .bind(prebuild.completion_time.map(nanos))
        .bind(prebuild.failure_message.clone())
        .bind(prebuild.warning_message.clone())
        .bind(prebuild.environment_id.map(bytes))
        .bind(i64::from(prebuild.snapshot_percentage))
        .bind(signed(prebuild.snapshot_size_bytes))
        .bind(prebuild.commit.clone())
        .bind(prebuild.reuse_key.clone())
        .bind(i64::from(prebuild.attempts))
        .bind(signed(prebuild.attempt_epoch))
        .bind(signed(prebuild.epoch))
        .bind(prebuild.lease.map(|lease| bytes(lease.owner)))
        .bind(prebuild.lease.map(|lease| nanos(lease.expires_at)))
        .bind(prebuild.needs_work())
}

/// What the feed says about a change of a prebuild.
pub(super) fn changed(prebuild: &Prebuild, operation: Operation) -> Change {
    Change {
        organization_id: prebuild.organization_id,
        resource: Resource::Prebuild,
        id: prebuild.id,
        operation,
    }
}

/// The row of `id`, if it is the organization's.
async fn load_own(
    c: &mut SqliteConnection,
    organization_id: Uuid,
    id: Uuid,
) -> Result<Prebuild, StoreError> {
    let prebuild = load(c, id).await?;
    if prebuild.organization_id == organization_id {
        Ok(prebuild)
    } else {
        Err(StoreError::NotFound("prebuild"))
    }
}

#[async_trait]
impl Prebuilds for SqliteStore {
    async fn create_prebuild(&self, prebuild: &Prebuild) -> Result<(), StoreError> {
        let prebuild = prebuild.clone();
        self.write(move |c| {
            Box::pin(async move {
                let project = sqlx::query(
                    "SELECT 1 FROM projects WHERE id = ?1 AND organization_id = ?2 AND deleted = 0",
                )
                .bind(bytes(prebuild.project_id))
                .bind(bytes(prebuild.organization_id))
                .fetch_optional(&mut *c)
                .await
                .map_err(unavailable)?;
                project.ok_or(StoreError::NotFound("project"))?;
                let query = sqlx::query(
                    "INSERT INTO prebuilds (id, updated_at, spec_version, desired_phase, phase, \
                     status_version, completion_time, failure_message, warning_message, \
                     environment_id, snapshot_percentage, snapshot_size_bytes, commit_id, \
                     reuse_key, attempts, attempt_epoch, epoch, lease_owner, lease_expires_at, \
                     needs_work, organization_id, project_id, environment_class_id, creator_id, \
                     creator_principal, executor_id, executor_principal, trigger_kind, \
                     created_at, timeout, deadline, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
                     ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, \
                     ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)",
                );
                let timeout = i64::try_from(prebuild.timeout.as_nanos()).unwrap_or(i64::MAX);
                bind_changeable(query, &prebuild)
                    .bind(bytes(prebuild.organization_id))
                    .bind(bytes(prebuild.project_id))
                    .bind(bytes(prebuild.environment_class_id))
                    .bind(bytes(prebuild.creator.id))
                    .bind(prebuild.creator.principal as i32)
                    .bind(prebuild.executor.map(|executor| bytes(executor.id)))
                    .bind(prebuild.executor.map(|executor| executor.principal as i32))
                    .bind(prebuild.trigger as i32)
                    .bind(nanos(prebuild.created_at))
                    .bind(timeout)
                    .bind(nanos(prebuild.deadline()))
                    .bind(json(&prebuild.source)?)
                    .execute(c)
                    .await
                    .map_err(|error| insert_error(error, "prebuild", "environment class"))?;
                Ok(((), Some(changed(&prebuild, Operation::Create))))
            })
        })
        .await
    }

    async fn get_prebuild(&self, organization_id: Uuid, id: Uuid) -> Result<Prebuild, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM prebuilds WHERE id = ?1 AND organization_id = ?2 AND phase <> 90",
        )
        .bind(bytes(id))
        .bind(bytes(organization_id))
        .fetch_optional(self.readers())
        .await
        .map_err(unavailable)?;
        prebuild(&row.ok_or(StoreError::NotFound("prebuild"))?)
    }

    async fn list_prebuilds(
        &self,
        organization_id: Uuid,
        filter: &PrebuildFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Prebuild, Uuid>, StoreError> {
        let mut query =
            QueryBuilder::new("SELECT * FROM prebuilds WHERE phase <> 90 AND organization_id = ");
        query.push_bind(bytes(organization_id));
        push_in(
            &mut query,
            "project_id",
            filter.project_ids.iter().copied().map(bytes),
        );
        push_in(
            &mut query,
            "phase",
            filter.phases.iter().map(|phase| *phase as i32),
        );
        push_in(
            &mut query,
            "trigger_kind",
            filter.triggers.iter().map(|trigger| *trigger as i32),
        );
        push_in(
            &mut query,
            "creator_id",
            filter.creator_ids.iter().copied().map(bytes),
        );
        push_in(
            &mut query,
            "coalesce(executor_id, creator_id)",
            filter.executor_ids.iter().copied().map(bytes),
        );
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(bytes(after));
        }
        query
            .push(" ORDER BY id DESC LIMIT ")
            .push_bind(one_more(limit));
        let rows = query
            .build()
            .fetch_all(self.readers())
            .await
            .map_err(unavailable)?;
        let prebuilds = rows.iter().map(prebuild).collect::<Result<Vec<_>, _>>()?;
        Ok(page(prebuilds, limit, |prebuild| prebuild.id))
    }

    async fn request_cancel(
        &self,
        organization_id: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Prebuild, StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let mut prebuild = load_own(c, organization_id, id).await?;
                if prebuild.phase == PrebuildPhase::Deleted {
                    return Err(StoreError::NotFound("prebuild"));
                }
                if !prebuild.request_cancel(now)? {
                    return Ok((prebuild, None));
                }
                save(c, &prebuild).await?;
                let change = changed(&prebuild, Operation::Update);
                Ok((prebuild, Some(change)))
            })
        })
        .await
    }

    async fn request_delete(
        &self,
        organization_id: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let mut prebuild = load_own(c, organization_id, id).await?;
                if !prebuild.request_delete(now) {
                    return Ok(((), None));
                }
                save(c, &prebuild).await?;
                Ok(((), Some(changed(&prebuild, Operation::Update))))
            })
        })
        .await
    }

    async fn newest_completed(
        &self,
        organization_id: Uuid,
        project_id: Uuid,
        environment_class_id: Option<Uuid>,
    ) -> Result<Option<Prebuild>, StoreError> {
        sqlx::query(
            "SELECT * FROM prebuilds WHERE organization_id = ?1 AND project_id = ?2 \
             AND phase = 60 AND phase <> 90 AND desired_phase <> 90 \
             AND (?3 IS NULL OR environment_class_id = ?3) ORDER BY id DESC LIMIT 1",
        )
        .bind(bytes(organization_id))
        .bind(bytes(project_id))
        .bind(environment_class_id.map(bytes))
        .fetch_optional(self.readers())
        .await
        .map_err(unavailable)?
        .as_ref()
        .map(prebuild)
        .transpose()
    }
}
