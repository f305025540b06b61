//! `gitpod.v1.PrebuildService`.

use jiff::Timestamp;
use prebuilds::timeout::PrebuildTimeout;
use prebuilds::v1::prebuild_metadata::PrebuildTrigger;
use prebuilds::v1::prebuild_service_server::PrebuildService;
use prebuilds::v1::{self, PrebuildPhase};
use prost::Message;
use tonic::{Request, Response, Status};
use tonic_connect::validate::Validate;
use uuid::Uuid;

use super::convert::{id, ids};
use super::error::{internal, invalid, without_repeat};
use super::page::{Listing, QueryPage};
use super::{Api, initializer};
use crate::domain::{NewPrebuild, Prebuild, Project};
use crate::store::PrebuildFilter;

#[tonic::async_trait]
impl PrebuildService for Api {
    async fn create_prebuild(
        &self,
        request: Request<v1::CreatePrebuildRequest>,
    ) -> Result<Response<v1::CreatePrebuildResponse>, Status> {
        let caller = Self::writer(&request)?;
        let request = request.into_inner();
        // Before the schema's own rule on it, whose message counts in seconds.
        let timeout = request.spec.as_ref().and_then(|spec| spec.timeout.as_ref());
        let timeout = PrebuildTimeout::from_spec(timeout)
            .map_err(|error| invalid("spec.timeout", error.to_string()))?;
        request.validate()?;

        let project_id = id("project_id", &request.project_id)?;
        let organization_id = caller.organization_id;
        let project = self.store.get_project(organization_id, project_id).await?;
        let class = match request.environment_class_id.as_deref() {
            Some(text) => Some(id("environment_class_id", text)?),
            None => None,
        };
        let environment_class_id = self.class_of(&project, class).await?;
        let source = initializer::source(&project.initializer, &project.devcontainer_file_path)
            .map_err(|refused| {
                Status::failed_precondition(format!(
                    "project {project_id} cannot be cloned: {}; change it with UpdateProject",
                    refused.reason
                ))
            })?;
        let configuration = project.prebuild_configuration.as_ref();
        let new = NewPrebuild {
            organization_id,
            project_id,
            environment_class_id,
            creator: caller.subject,
            executor: configuration.and_then(|configuration| configuration.executor),
            trigger: PrebuildTrigger::Manual,
            timeout: timeout.get(),
            source,
        };
        let prebuild = Prebuild::new(new, Timestamp::now());
        self.store.create_prebuild(&prebuild).await?;
        Ok(Response::new(v1::CreatePrebuildResponse {
            prebuild: Some(self.prebuild_message(prebuild)),
        }))
    }

    async fn list_prebuilds(
        &self,
        request: Request<v1::ListPrebuildsRequest>,
    ) -> Result<Response<v1::ListPrebuildsResponse>, Status> {
        let caller = Self::caller(&request)?;
        let query = request.extensions().get::<QueryPage>().cloned();
        let mut request = request.into_inner();
        QueryPage::lay_over(query, &mut request.pagination);
        request.validate()?;

        let filter = request.filter.unwrap_or_default();
        let listing = Listing::new(
            "prebuilds",
            caller.organization_id,
            &[&filter.encode_to_vec()],
            request.pagination.as_ref(),
        )?;
        let after = listing.after(|bytes| Uuid::from_slice(bytes).ok())?;
        let filter = PrebuildFilter {
            project_ids: ids("filter.project_ids", &filter.project_ids)?,
            phases: filter.phases().collect(),
            triggers: filter.triggered_by().collect(),
            creator_ids: ids("filter.creator_ids", &filter.creator_ids)?,
            executor_ids: ids("filter.executor_ids", &filter.executor_ids)?,
        };
        let page = self
            .store
            .list_prebuilds(caller.organization_id, &filter, after, listing.size)
            .await?;
        let next = page.next.as_ref().map(|id| id.as_bytes().as_slice());
        Ok(Response::new(v1::ListPrebuildsResponse {
            pagination: Some(listing.response(next)),
            prebuilds: page
                .items
                .into_iter()
                .map(|prebuild| self.prebuild_message(prebuild))
                .collect(),
        }))
    }

    async fn get_prebuild(
        &self,
        request: Request<v1::GetPrebuildRequest>,
    ) -> Result<Response<v1::GetPrebuildResponse>, Status> {
        let caller = Self::caller(&request)?;
        let prebuild_id = prebuild_id(request.get_ref(), &request.get_ref().prebuild_id)?;
        let prebuild = self
            .store
            .get_prebuild(caller.organization_id, prebuild_id)
            .await?;
        Ok(Response::new(v1::GetPrebuildResponse {
            prebuild: Some(self.prebuild_message(prebuild)),
        }))
    }

    async fn cancel_prebuild(
        &self,
        request: Request<v1::CancelPrebuildRequest>,
    ) -> Result<Response<v1::CancelPrebuildResponse>, Status> {
        let caller = Self::writer(&request)?;
        let prebuild_id = prebuild_id(request.get_ref(), &request.get_ref().prebuild_id)?;
        let prebuild = self
            .store
            .request_cancel(caller.organization_id, prebuild_id, Timestamp::now())
            .await?;
        Ok(Response::new(v1::CancelPrebuildResponse {
            prebuild: Some(self.prebuild_message(prebuild)),
        }))
    }

    async fn delete_prebuild(
        &self,
        request: Request<v1::DeletePrebuildRequest>,
    ) -> Result<Response<v1::DeletePrebuildResponse>, Status> {
        let caller = Self::writer(&request)?;
        let prebuild_id = prebuild_id(request.get_ref(), &request.get_ref().prebuild_id)?;
        self.store
            .request_delete(caller.organization_id, prebuild_id, Timestamp::now())
            .await?;
        Ok(Response::new(v1::DeletePrebuildResponse {}))
    }

    /// A read-only token may do this: whoever sees a prebuild sees its log.
    async fn create_prebuild_logs_token(
        &self,
        request: Request<v1::CreatePrebuildLogsTokenRequest>,
    ) -> Result<Response<v1::CreatePrebuildLogsTokenResponse>, Status> {
        let caller = Self::caller(&request)?;
        let prebuild_id = prebuild_id(request.get_ref(), &request.get_ref().prebuild_id)?;
        let organization_id = caller.organization_id;
        self.store
            .get_prebuild(organization_id, prebuild_id)
            .await?;
        let token = self
            .log_tokens
            .issue(prebuild_id, organization_id, Timestamp::now());
        let access_token = token.map_err(|error| {
            tracing::error!(%error, "cannot sign a logs token");
            internal()
        })?;
        Ok(Response::new(v1::CreatePrebuildLogsTokenResponse {
            access_token,
        }))
    }

    async fn create_warm_pool(
        &self,
        request: Request<v1::CreateWarmPoolRequest>,
    ) -> Result<Response<v1::CreateWarmPoolResponse>, Status> {
        Self::writer(&request)?;
        Err(no_warm_pools())
    }

    async fn get_warm_pool(
        &self,
        request: Request<v1::GetWarmPoolRequest>,
    ) -> Result<Response<v1::GetWarmPoolResponse>, Status> {
        Self::caller(&request)?;
        Err(no_warm_pools())
    }

    async fn list_warm_pools(
        &self,
        request: Request<v1::ListWarmPoolsRequest>,
    ) -> Result<Response<v1::ListWarmPoolsResponse>, Status> {
        Self::caller(&request)?;
        Err(no_warm_pools())
    }

    async fn update_warm_pool(
        &self,
        request: Request<v1::UpdateWarmPoolRequest>,
    ) -> Result<Response<v1::UpdateWarmPoolResponse>, Status> {
        Self::writer(&request)?;
        Err(no_warm_pools())
    }

    async fn delete_warm_pool(
        &self,
        request: Request<v1::DeleteWarmPoolRequest>,
    ) -> Result<Response<v1::DeleteWarmPoolResponse>, Status> {
        Self::writer(&request)?;
        Err(no_warm_pools())
    }
}

impl Api {
    /// The class to prebuild for: the one that was asked for, or else the project's default.
    async fn class_of(&self, project: &Project, asked: Option<Uuid>) -> Result<Uuid, Status> {
        let classes = &project.environment_classes;
        let class = match asked {
            Some(class) if classes.contains(&class) => class,
            Some(class) => {
                return Err(Status::failed_precondition(format!(
                    "environment class {class} is not one of project {}: use one of its \
                     environment_classes, or leave it out",
                    project.id
                )));
            }
            None => *classes.first().ok_or_else(|| {
                Status::failed_precondition(format!(
                    "project {} has no environment class",
                    project.id
                ))
            })?,
        };
        if self.store.get_environment_class(class).await?.enabled {
            Ok(class)
        } else {
            Err(Status::failed_precondition(format!(
                "environment class {class} is disabled"
            )))
        }
    }
}

/// The id in a valid request about one prebuild.
fn prebuild_id(request: &impl Validate, text: &str) -> Result<Uuid, Status> {
    request.validate()?;
    id("prebuild_id", text)
}

fn no_warm_pools() -> Status {
    without_repeat(Status::unimplemented(
        "this server has no warm pools: start environments from a prebuild's snapshot instead",
    ))
}

/// What is answered about the phase of a prebuild whose snapshot does not exist.
pub(crate) fn no_snapshot(phase: PrebuildPhase) -> Status {
    Status::failed_precondition(format!(
        "the prebuild has no snapshot: it is {}, and only a completed one has one",
        phase.name()
    ))
}
