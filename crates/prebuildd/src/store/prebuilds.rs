//! Prebuilds as the API sees them: those of one organization, those not yet deleted.

use async_trait::async_trait;
use jiff::Timestamp;
use prebuilds::v1::{PrebuildPhase, prebuild_metadata::PrebuildTrigger};
use uuid::Uuid;

use super::{Page, StoreError};
use crate::domain::Prebuild;

/// Which prebuilds to list: entries within a field are alternatives, fields narrow each other, an
/// empty field does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrebuildFilter {
    /// Those of these projects.
    pub project_ids: Vec<Uuid>,
    /// Those that stand in these phases. `DELETED` ones are never listed.
    pub phases: Vec<PrebuildPhase>,
    /// Those started by these triggers.
    pub triggers: Vec<PrebuildTrigger>,
    /// Those created by these subjects.
    pub creator_ids: Vec<Uuid>,
    /// Those that use the credentials of these subjects. Without an executor of its own a prebuild
    /// uses its creator's.
    pub executor_ids: Vec<Uuid>,
}

/// The API's side of prebuilds.
#[async_trait]
pub trait Prebuilds: Send + Sync {
    /// Adds a prebuild. Its project must exist and its organization must own it.
    async fn create_prebuild(&self, prebuild: &Prebuild) -> Result<(), StoreError>;

    /// A prebuild.
    async fn get_prebuild(&self, organization_id: Uuid, id: Uuid) -> Result<Prebuild, StoreError>;

    /// At most `limit` prebuilds that were created before the one with id `after`, newest first.
    async fn list_prebuilds(
        &self,
        organization_id: Uuid,
        filter: &PrebuildFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Prebuild, Uuid>, StoreError>;

    /// Asks for cancellation by the rules of [`Prebuild::request_cancel`]; returns the row as it is
    /// now.
    async fn request_cancel(
        &self,
        organization_id: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Prebuild, StoreError>;

    /// Asks for deletion by the rules of [`Prebuild::request_delete`]; one that is deleted stays so.
    async fn request_delete(
        &self,
        organization_id: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The newest completed prebuild of a project, of one class or of any, that nobody asked to
    /// delete.
    async fn newest_completed(
        &self,
        organization_id: Uuid,
        project_id: Uuid,
        environment_class_id: Option<Uuid>,
    ) -> Result<Option<Prebuild>, StoreError>;
}
