//! Projects, and the environment classes that they choose among.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Page, StoreError};
use crate::domain::{EnvironmentClass, Project};

/// Which projects to list: entries within a field are alternatives, fields narrow each other, an
/// empty field does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectFilter {
    /// These projects.
    pub ids: Vec<Uuid>,
    /// Those whose name or repository contains this, in any ASCII case.
    pub search: String,
    /// Those of these repositories, exactly as they were given.
    pub repositories: Vec<String>,
    /// Those created by these subjects.
    pub creator_ids: Vec<Uuid>,
}

/// By what a listing of projects is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProjectKey {
    /// By creation.
    #[default]
    Created,
    /// By name, in the order of its bytes; then by creation.
    Name,
}

/// The direction of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Smallest or oldest first.
    Ascending,
    /// Largest or newest first.
    Descending,
}

/// How a listing of projects is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectSort {
    /// By what.
    pub key: ProjectKey,
    /// In which direction.
    pub order: Order,
}

impl Default for ProjectSort {
    /// Newest first.
    fn default() -> Self {
        Self {
            key: ProjectKey::Created,
            order: Order::Descending,
        }
    }
}

/// A place between two projects of a listing: just after the one it was taken from. It keeps its
/// meaning when projects come, go, or change their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectCursor {
    /// The project's name when the page was read.
    pub name: String,
    /// The project.
    pub id: Uuid,
}

/// Which environment classes to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentClassFilter {
    /// Those of these runners; empty: of all.
    pub runner_ids: Vec<Uuid>,
    /// Only those that are, or are not, enabled.
    pub enabled: Option<bool>,
}

/// Projects and environment classes.
#[async_trait]
pub trait Projects: Send + Sync {
    /// Adds a project.
    async fn create_project(&self, project: &Project) -> Result<(), StoreError>;

    /// A project.
    async fn get_project(&self, organization_id: Uuid, id: Uuid) -> Result<Project, StoreError>;

    /// At most `limit` projects after `after`.
    async fn list_projects(
        &self,
        organization_id: Uuid,
        filter: &ProjectFilter,
        sort: ProjectSort,
        after: Option<&ProjectCursor>,
        limit: usize,
    ) -> Result<Page<Project, ProjectCursor>, StoreError>;

    /// How many projects the filter selects.
    async fn count_projects(
        &self,
        organization_id: Uuid,
        filter: &ProjectFilter,
    ) -> Result<u64, StoreError>;

    /// Replaces everything of a project but its id, organization, creator and creation time. The
    /// given `version` must be the stored one, else [`StoreError::Conflict`]; it grows by one.
    /// Returns the row as it is now.
    async fn update_project(
        &self,
        project: &Project,
        now: Timestamp,
    ) -> Result<Project, StoreError>;

    /// Deletes a project: from now on it is not found. Its prebuilds stay until they are deleted.
    async fn delete_project(
        &self,
        organization_id: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// An environment class; all organizations share them.
    async fn get_environment_class(&self, id: Uuid) -> Result<EnvironmentClass, StoreError>;

    /// At most `limit` environment classes after the one with id `after`, oldest first. A store has
    /// one from its first start.
    async fn list_environment_classes(
        &self,
        filter: &EnvironmentClassFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<EnvironmentClass, Uuid>, StoreError>;
}
