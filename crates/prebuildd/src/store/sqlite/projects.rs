//! Projects and environment classes in SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    SqliteStore, StoreError, insert_error,
    row::{Columns, bytes, json, nanos, one_more, page, signed},
    unavailable,
};
use crate::{
    domain::{EnvironmentClass, Project, new_id},
    store::{
        Change, EnvironmentClassFilter, Operation, Order, Page, ProjectCursor, ProjectFilter,
        ProjectKey, ProjectSort, Projects, Resource,
    },
};

/// Gives a new store its first environment class.
pub(super) async fn seed(
    c: &mut SqliteConnection,
    now: Timestamp,
) -> Result<((), Option<Change>), StoreError> {
    sqlx::query(
        "INSERT INTO environment_classes \
         (id, runner_id, display_name, description, configuration, enabled) \
         SELECT ?1, ?2, 'Default', 'Environments on the machine that runs this server', '[]', 1 \
         WHERE NOT EXISTS (SELECT 1 FROM environment_classes)",
    )
    .bind(bytes(new_id(now)))
    .bind(bytes(new_id(now)))
    .execute(c)
    .await
    .map_err(unavailable)?;
    Ok(((), None))
}

fn environment_class(row: &SqliteRow) -> Result<EnvironmentClass, StoreError> {
    let row = Columns(row);
    Ok(EnvironmentClass {
        id: row.id("id")?,
        runner_id: row.id("runner_id")?,
        display_name: row.get("display_name")?,
        description: row.get("description")?,
        configuration: row.json("configuration")?,
        enabled: row.get("enabled")?,
    })
}

fn project(row: &SqliteRow) -> Result<Project, StoreError> {
    let row = Columns(row);
    let configuration: Option<&str> = row.get("prebuild_configuration")?;
    Ok(Project {
        id: row.id("id")?,
        organization_id: row.id("organization_id")?,
        name: row.get("name")?,
        creator: row.subject("creator_id", "creator_principal")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        version: row.number("version")?,
        initializer: row.json("initializer")?,
        devcontainer_file_path: row.get("devcontainer_file_path")?,
        automations_file_path: row.get("automations_file_path")?,
        technical_description: row.get("technical_description")?,
        environment_classes: row.json("environment_classes")?,
        prebuild_configuration: match configuration {
            Some(_) => Some(row.json("prebuild_configuration")?),
            None => None,
        },
        recommended_editors: row.json("recommended_editors")?,
    })
}

fn changed(project: &Project, operation: Operation) -> Change {
    Change {
        organization_id: project.organization_id,
        resource: Resource::Project,
        id: project.id,
        operation,
    }
}

/// `SELECT columns FROM projects WHERE …`, narrowed by the filter.
fn select(columns: &str, organization_id: Uuid, filter: &ProjectFilter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT ");
    query
        .push(columns)
        .push(" FROM projects WHERE deleted = 0 AND organization_id = ")
        .push_bind(bytes(organization_id));
    push_in(&mut query, "id", filter.ids.iter().copied().map(bytes));
    push_in(
        &mut query,
        "repository",
        filter.repositories.iter().cloned(),
    );
    push_in(
        &mut query,
        "creator_id",
        filter.creator_ids.iter().copied().map(bytes),
    );
    if !filter.search.is_empty() {
        query
            .push(" AND (instr(lower(name), lower(")
            .push_bind(filter.search.clone())
            .push(")) > 0 OR instr(lower(repository), lower(")
            .push_bind(filter.search.clone())
            .push(")) > 0)");
    }
    query
}

/// ` AND column IN (…)`, or nothing for no values.
pub(super) fn push_in<T>(
    query: &mut QueryBuilder<Sqlite>,
    column: &str,
    values: impl ExactSizeIterator<Item = T>,
) where
    T: for<'q> sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite> + 'static,
{
    if values.len() == 0 {
        return;
    }
    query.push(" AND ").push(column).push(" IN (");
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value);
    }
    query.push(")");
}

#[async_trait]
impl Projects for SqliteStore {
    async fn create_project(&self, project: &Project) -> Result<(), StoreError> {
        let project = project.clone();
        self.write(move |c| {
            Box::pin(async move {
                let change = changed(&project, Operation::Create);
                let query = sqlx::query(
                    "INSERT INTO projects (id, name, updated_at, version, repository, \
                     initializer, devcontainer_file_path, automations_file_path, \
                     technical_description, environment_classes, prebuild_configuration, \
                     recommended_editors, organization_id, creator_id, creator_principal, \
                     created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
                     ?14, ?15, ?16)",
                );
                bind_changeable(query, &project)?
                    .bind(bytes(project.organization_id))
                    .bind(bytes(project.creator.id))
                    .bind(project.creator.principal as i32)
                    .bind(nanos(project.created_at))
                    .execute(c)
                    .await
                    .map_err(|error| insert_error(error, "project", "organization"))?;
                Ok(((), Some(change)))
            })
        })
        .await
    }

    async fn get_project(&self, organization_id: Uuid, id: Uuid) -> Result<Project, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM projects WHERE organization_id = ?1 AND id = ?2 AND deleted = 0",
        )
        .bind(bytes(organization_id))
        .bind(bytes(id))
        .fetch_optional(self.readers())
        .await
        .map_err(unavailable)?;
        project(&row.ok_or(StoreError::NotFound("project"))?)
    }

    async fn list_projects(
        &self,
        organization_id: Uuid,
        filter: &ProjectFilter,
        sort: ProjectSort,
        after: Option<&ProjectCursor>,
        limit: usize,
    ) -> Result<Page<Project, ProjectCursor>, StoreError> {
        let mut query = select("*", organization_id, filter);
        let (comparison, direction) = match sort.order {
            Order::Ascending => (" > ", " ASC"),
            Order::Descending => (" < ", " DESC"),
        };
        if let Some(after) = after {
            match sort.key {
                ProjectKey::Created => query.push(" AND id").push(comparison),
                ProjectKey::Name => query
                    .push(" AND (name, id)")
                    .push(comparison)
                    .push("(")
                    .push_bind(after.name.clone())
                    .push(", "),
            };
            query.push_bind(bytes(after.id));
            if sort.key == ProjectKey::Name {
                query.push(")");
            }
        }
        query.push(" ORDER BY ");
        if sort.key == ProjectKey::Name {
            query.push("name").push(direction).push(", ");
        }
        query
            .push("id")
            .push(direction)
            .push(" LIMIT ")
            .push_bind(one_more(limit));
        let rows = query
            .build()
            .fetch_all(self.readers())
            .await
            .map_err(unavailable)?;
        let projects = rows.iter().map(project).collect::<Result<Vec<_>, _>>()?;
        Ok(page(projects, limit, |project| ProjectCursor {
            name: project.name.clone(),
            id: project.id,
        }))
    }

    async fn count_projects(
        &self,
        organization_id: Uuid,
        filter: &ProjectFilter,
    ) -> Result<u64, StoreError> {
        let row = select("count(*) AS total", organization_id, filter)
            .build()
            .fetch_one(self.readers())
            .await
            .map_err(unavailable)?;
        Columns(&row).number("total")
    }

    async fn update_project(
        &self,
        project: &Project,
        now: Timestamp,
    ) -> Result<Project, StoreError> {
        let mut new = project.clone();
        self.write(move |c| {
            Box::pin(async move {
                let row = sqlx::query(
                    "SELECT * FROM projects WHERE organization_id = ?1 AND id = ?2 AND deleted = 0",
                )
                .bind(bytes(new.organization_id))
                .bind(bytes(new.id))
                .fetch_optional(&mut *c)
                .await
                .map_err(unavailable)?;
                let old = self::project(&row.ok_or(StoreError::NotFound("project"))?)?;
                if old.version != new.version {
                    return Err(StoreError::Conflict);
                }
                new.version += 1;
                new.updated_at = now;
                new.creator = old.creator;
                new.created_at = old.created_at;
                let query = sqlx::query(
                    "UPDATE projects SET name = ?2, updated_at = ?3, version = ?4, \
                     repository = ?5, initializer = ?6, devcontainer_file_path = ?7, \
                     automations_file_path = ?8, technical_description = ?9, \
                     environment_classes = ?10, prebuild_configuration = ?11, \
                     recommended_editors = ?12 WHERE id = ?1",
                );
                bind_changeable(query, &new)?
                    .execute(c)
                    .await
                    .map_err(unavailable)?;
                let change = changed(&new, Operation::Update);
                Ok((new, Some(change)))
            })
        })
        .await
    }

    async fn delete_project(
        &self,
        organization_id: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let row = sqlx::query(
                    "UPDATE projects SET deleted = 1, updated_at = ?3, version = version + 1 \
                     WHERE organization_id = ?1 AND id = ?2 AND deleted = 0 RETURNING *",
                )
                .bind(bytes(organization_id))
                .bind(bytes(id))
                .bind(nanos(now))
                .fetch_optional(c)
                .await
                .map_err(unavailable)?;
                let project = project(&row.ok_or(StoreError::NotFound("project"))?)?;
                Ok(((), Some(changed(&project, Operation::Delete))))
            })
        })
        .await
    }

    async fn get_environment_class(&self, id: Uuid) -> Result<EnvironmentClass, StoreError> {
        let row = sqlx::query("SELECT * FROM environment_classes WHERE id = ?1")
            .bind(bytes(id))
            .fetch_optional(self.readers())
            .await
            .map_err(unavailable)?;
        environment_class(&row.ok_or(StoreError::NotFound("environment class"))?)
    }

    async fn list_environment_classes(
        &self,
        filter: &EnvironmentClassFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<EnvironmentClass, Uuid>, StoreError> {
        let mut query = QueryBuilder::new("SELECT * FROM environment_classes WHERE 1 = 1");
        push_in(
            &mut query,
            "runner_id",
            filter.runner_ids.iter().copied().map(bytes),
        );
        if let Some(enabled) = filter.enabled {
            query.push(" AND enabled = ").push_bind(enabled);
        }
        if let Some(after) = after {
            query.push(" AND id > ").push_bind(bytes(after));
        }
        query.push(" ORDER BY id LIMIT ").push_bind(one_more(limit));
        let rows = query
            .build()
            .fetch_all(self.readers())
            .await
            .map_err(unavailable)?;
        let classes = rows
            .iter()
            .map(environment_class)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(page(classes, limit, |class| class.id))
    }
}

type Query = sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments>;

/// Binds ?1 to ?12: the id, then what an update may change.
fn bind_changeable(query: Query, project: &Project) -> Result<Query, StoreError> {
    Ok(query
        .bind(bytes(project.id))
        .bind(project.name.clone())
        .bind(nanos(project.updated_at))
        .bind(signed(project.version))
        .bind(project.initializer.repository().to_owned())
        .bind(json(&project.initializer)?)
        .bind(project.devcontainer_file_path.clone())
        .bind(project.automations_file_path.clone())
        .bind(project.technical_description.clone())
        .bind(json(&project.environment_classes)?)
        .bind(
            project
                .prebuild_configuration
                .as_ref()
                .map(json)
                .transpose()?,
        )
        .bind(json(&project.recommended_editors)?))
}
