//! What prebuilds are made of and by whom: projects, environment classes, the caller itself.

use super::{Client, ClientError, Items};
use crate::v1::identity_service_client::IdentityServiceClient;
use crate::v1::project_service_client::ProjectServiceClient;
use crate::v1::runner_configuration_service_client::RunnerConfigurationServiceClient;
use crate::v1::{
    CreateProjectRequest, DeleteProjectRequest, EnvironmentClass, GetAuthenticatedIdentityRequest,
    GetAuthenticatedIdentityResponse, GetProjectRequest, ListEnvironmentClassesRequest,
    ListProjectsRequest, Project, UpdateProjectRequest, list_environment_classes_request,
    list_projects_request,
};

impl Client {
    /// Creates a project.
    ///
    /// # Errors
    /// [`ClientError::Status`].
    pub async fn create_project(
        &self,
        request: CreateProjectRequest,
    ) -> Result<Project, ClientError> {
        let response = self
            .act(request, |channel, request| async move {
                ProjectServiceClient::new(channel)
                    .create_project(request)
                    .await
            })
            .await?;
        self.required(response.project, "project")
    }

    /// Reads one project.
    ///
    /// # Errors
    /// [`ClientError::Status`], with `not_found` when there is none of this id.
    pub async fn get_project(&self, id: &str) -> Result<Project, ClientError> {
        let request = GetProjectRequest {
            project_id: id.to_owned(),
        };
        let response = self
            .read(request, |channel, request| async move {
                ProjectServiceClient::new(channel)
                    .get_project(request)
                    .await
            })
            .await?;
        self.required(response.project, "project")
    }

    /// Projects, the newest first: those that `filter` lets through.
    ///
    /// # Errors
    /// The stream's: [`ClientError::Status`], [`ClientError::RepeatedPageToken`].
    pub fn list_projects(&self, filter: list_projects_request::Filter) -> Items<Project> {
        self.pages(move |client, pagination| {
            let request = ListProjectsRequest {
                pagination,
                filter: Some(filter.clone()),
                ..ListProjectsRequest::default()
            };
            async move {
                let response = client
                    .read(request, |channel, request| async move {
                        ProjectServiceClient::new(channel)
                            .list_projects(request)
                            .await
                    })
                    .await?;
                Ok((response.projects, response.pagination))
            }
        })
    }

    /// Changes a project; what is unset stays as it is.
    ///
    /// # Errors
    /// [`ClientError::Status`].
    pub async fn update_project(
        &self,
        request: UpdateProjectRequest,
    ) -> Result<Project, ClientError> {
        let response = self
            .act(request, |channel, request| async move {
                ProjectServiceClient::new(channel)
                    .update_project(request)
                    .await
            })
            .await?;
        self.required(response.project, "project")
    }

    /// Deletes a project, and its prebuilds with it.
    ///
    /// # Errors
    /// [`ClientError::Status`].
    pub async fn delete_project(&self, id: &str) -> Result<(), ClientError> {
        let request = DeleteProjectRequest {
            project_id: id.to_owned(),
        };
        self.act(request, |channel, request| async move {
            ProjectServiceClient::new(channel)
                .delete_project(request)
                .await
        })
        .await?;
        Ok(())
    }

    /// The environment classes that the caller may use: those that `filter` lets through.
    ///
    /// # Errors
    /// The stream's: [`ClientError::Status`], [`ClientError::RepeatedPageToken`].
    pub fn list_environment_classes(
        &self,
        filter: list_environment_classes_request::Filter,
    ) -> Items<EnvironmentClass> {
        self.pages(move |client, pagination| {
            let request = ListEnvironmentClassesRequest {
                pagination,
                filter: Some(filter.clone()),
            };
            async move {
                let response = client
                    .read(request, |channel, request| async move {
                        RunnerConfigurationServiceClient::new(channel)
                            .list_environment_classes(request)
                            .await
                    })
                    .await?;
                Ok((response.environment_classes, response.pagination))
            }
        })
    }

    /// Who the caller is: the quickest check that server and token are right.
    ///
    /// # Errors
    /// [`ClientError::Status`], with `unauthenticated` when the token is not.
    pub async fn identity(&self) -> Result<GetAuthenticatedIdentityResponse, ClientError> {
        self.read(
            GetAuthenticatedIdentityRequest {},
            |channel, request| async move {
                IdentityServiceClient::new(channel)
                    .get_authenticated_identity(request)
                    .await
            },
        )
        .await
    }
}
