//! `gitpod.v1.ProjectService`.

use std::sync::Arc;

use jiff::Timestamp;
use prebuilds::v1::project_service_server::ProjectService;
use prebuilds::v1::{self, CountResponseRelation, RunnerKind, SortOrder};
use prost::Message;
use tonic::{Request, Response, Status};
use tonic_connect::validate::Validate;
use uuid::Uuid;

use super::convert::{id, ids};
use super::error::{internal, invalid};
use super::page::{Listing, QueryPage};
use super::{Api, initializer, project_settings as settings};
use crate::domain::{Project, new_id};
use crate::store::{
    EnvironmentClassFilter, Order, PrebuildFilter, ProjectCursor, ProjectFilter, ProjectKey,
    ProjectSort, Store, StoreError,
};

/// How often an update is made anew when someone else was faster.
const UPDATE_ATTEMPTS: usize = 8;

/// How many rows are read at once where all are needed.
const BATCH: usize = 100;

#[tonic::async_trait]
impl ProjectService for Api {
    async fn create_project(
        &self,
        request: Request<v1::CreateProjectRequest>,
    ) -> Result<Response<v1::CreateProjectResponse>, Status> {
        let caller = Self::writer(&request)?;
        let request = request.into_inner();
        settings::check_timeout(request.prebuild_configuration.as_ref())?;
        request.validate()?;
        settings::check_path("devcontainer_file_path", &request.devcontainer_file_path)?;
        settings::check_path("automations_file_path", &request.automations_file_path)?;

        let environment_classes = self.default_classes().await?;
        let prebuild_configuration = request.prebuild_configuration.as_ref();
        let now = Timestamp::now();
        let project = Project {
            id: new_id(now),
            organization_id: caller.organization_id,
            name: request.name,
            creator: caller.subject,
            created_at: now,
            updated_at: now,
            version: 1,
            initializer: initializer::from_message(&request.initializer.unwrap_or_default())?,
            devcontainer_file_path: request.devcontainer_file_path,
            automations_file_path: request.automations_file_path,
            technical_description: request.technical_description,
            prebuild_configuration: prebuild_configuration
                .map(|configuration| settings::configuration(configuration, &environment_classes))
                .transpose()?,
            environment_classes,
            recommended_editors: Vec::new(),
        };
        self.store.create_project(&project).await?;
        Ok(Response::new(v1::CreateProjectResponse {
            project: Some(settings::project_message(project)),
        }))
    }

    async fn get_project(
        &self,
        request: Request<v1::GetProjectRequest>,
    ) -> Result<Response<v1::GetProjectResponse>, Status> {
        let caller = Self::caller(&request)?;
        request.get_ref().validate()?;
        let project_id = id("project_id", &request.get_ref().project_id)?;
        let project = self
            .store
            .get_project(caller.organization_id, project_id)
            .await?;
        Ok(Response::new(v1::GetProjectResponse {
            project: Some(settings::project_message(project)),
        }))
    }

    async fn update_project(
        &self,
        request: Request<v1::UpdateProjectRequest>,
    ) -> Result<Response<v1::UpdateProjectResponse>, Status> {
        let caller = Self::writer(&request)?;
        let request = request.into_inner();
        settings::check_timeout(request.prebuild_configuration.as_ref())?;
        request.validate()?;
        let project_id = id("project_id", &request.project_id)?;
        for _ in 0..UPDATE_ATTEMPTS {
            let mut project = self
                .store
                .get_project(caller.organization_id, project_id)
                .await?;
            settings::apply(&request, &mut project)?;
            match self.store.update_project(&project, Timestamp::now()).await {
                Err(StoreError::Conflict) => {}
                updated => {
                    return Ok(Response::new(v1::UpdateProjectResponse {
                        project: Some(settings::project_message(updated?)),
                    }));
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn list_projects(
        &self,
        request: Request<v1::ListProjectsRequest>,
    ) -> Result<Response<v1::ListProjectsResponse>, Status> {
        let caller = Self::caller(&request)?;
        let query = request.extensions().get::<QueryPage>().cloned();
        let mut request = request.into_inner();
        QueryPage::lay_over(query, &mut request.pagination);
        request.validate()?;

        let organization_id = caller.organization_id;
        let filter = request.filter.unwrap_or_default();
        let sort = request.sort.unwrap_or_default();
        let listing = Listing::new(
            "projects",
            organization_id,
            &[&filter.encode_to_vec(), &sort.encode_to_vec()],
            request.pagination.as_ref(),
        )?;
        let after: Option<ProjectCursor> =
            listing.after(|bytes| serde_json::from_slice(bytes).ok())?;
        let sort = project_sort(&sort)?;
        let wanted = ProjectFilter {
            ids: ids("filter.project_ids", &filter.project_ids)?,
            search: filter.search.clone(),
            repositories: filter.spec_remote_uris.clone(),
            creator_ids: ids("filter.creator_ids", &filter.creator_ids)?,
        };
        let counted = request.count.is_some_and(|count| count.include);
        let mut response = v1::ListProjectsResponse::default();
        let mut count = 0;
        if self.has_such_runner(&filter).await? {
            let page = self
                .store
                .list_projects(organization_id, &wanted, sort, after.as_ref(), listing.size)
                .await?;
            let next = page.next.as_ref().map(serde_json::to_vec).transpose();
            let next = next.map_err(|error| {
                tracing::error!(%error, "cannot write a page token");
                internal()
            })?;
            response.pagination = Some(listing.response(next.as_deref()));
            let projects = page.items.into_iter();
            response.projects = projects.map(settings::project_message).collect();
            if counted {
                count = self.store.count_projects(organization_id, &wanted).await?;
            }
        } else {
            response.pagination = Some(listing.response(None));
        }
        response.count = counted.then(|| v1::CountResponse {
            value: i32::try_from(count).unwrap_or(i32::MAX),
            relation: CountResponseRelation::Eq as i32,
        });
        Ok(Response::new(response))
    }

    async fn delete_project(
        &self,
        request: Request<v1::DeleteProjectRequest>,
    ) -> Result<Response<v1::DeleteProjectResponse>, Status> {
        let caller = Self::writer(&request)?;
        request.get_ref().validate()?;
        let project_id = id("project_id", &request.get_ref().project_id)?;
        let (store, organization_id) = (Arc::clone(&self.store), caller.organization_id);
        store.get_project(organization_id, project_id).await?;
        // A task of its own: a caller that goes away must not leave half of it undone.
        let deletion = tokio::spawn(async move {
            // Before the project, so that whoever is interrupted can call again; and after it, for
            // those that were created in the meantime.
            delete_prebuilds(&*store, organization_id, project_id).await?;
            store
                .delete_project(organization_id, project_id, Timestamp::now())
                .await?;
            delete_prebuilds(&*store, organization_id, project_id).await
        });
        deletion.await.map_err(|error| {
            tracing::error!(%error, "deleting a project failed");
            internal()
        })??;
        Ok(Response::new(v1::DeleteProjectResponse {}))
    }
}

impl Api {
    /// The classes of a new project: all that are enabled, the oldest first.
    async fn default_classes(&self) -> Result<Vec<Uuid>, StoreError> {
        let enabled = EnvironmentClassFilter {
            enabled: Some(true),
            ..EnvironmentClassFilter::default()
        };
        let page = self
            .store
            .list_environment_classes(&enabled, None, BATCH)
            .await?;
        Ok(page.items.into_iter().map(|class| class.id).collect())
    }

    /// Whether the runner that all projects of this server use is among those asked for.
    async fn has_such_runner(
        &self,
        filter: &v1::list_projects_request::Filter,
    ) -> Result<bool, Status> {
        if !filter.runner_kinds.is_empty()
            && !filter.runner_kinds.contains(&(RunnerKind::Remote as i32))
        {
            return Ok(false);
        }
        if filter.runner_ids.is_empty() {
            return Ok(true);
        }
        let of_runners = EnvironmentClassFilter {
            runner_ids: ids("filter.runner_ids", &filter.runner_ids)?,
            enabled: None,
        };
        let page = self
            .store
            .list_environment_classes(&of_runners, None, 1)
            .await?;
        Ok(!page.items.is_empty())
    }
}

/// Asks for the deletion of every prebuild of a project.
async fn delete_prebuilds(
    store: &dyn Store,
    organization_id: Uuid,
    project_id: Uuid,
) -> Result<(), StoreError> {
    let filter = PrebuildFilter {
        project_ids: vec![project_id],
        ..PrebuildFilter::default()
    };
    let mut after = None;
    loop {
        let page = store
            .list_prebuilds(organization_id, &filter, after, BATCH)
            .await?;
        for prebuild in page.items {
            match store
                .request_delete(organization_id, prebuild.id, Timestamp::now())
                .await
            {
                // Deleted in the meantime.
                Err(StoreError::NotFound(_)) => {}
                requested => requested?,
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn project_sort(sort: &v1::Sort) -> Result<ProjectSort, Status> {
    let (key, own_order) = match sort.field.as_str() {
        "" | "created_at" | "createdAt" => (ProjectKey::Created, Order::Descending),
        "name" => (ProjectKey::Name, Order::Ascending),
        other => {
            let other: String = other.chars().take(64).collect();
            return Err(invalid(
                "sort.field",
                format!("projects are not sorted by {other:?}: use name or created_at"),
            ));
        }
    };
    let order = match SortOrder::try_from(sort.order) {
        Ok(SortOrder::Unspecified) => own_order,
        Ok(SortOrder::Asc) => Order::Ascending,
        Ok(SortOrder::Desc) => Order::Descending,
        Err(_) => {
            let reason = format!("{} is not known: use ASC or DESC", sort.order);
            return Err(invalid("sort.order", reason));
        }
    };
    Ok(ProjectSort { key, order })
}
