//! Prebuilds: create, get, list, cancel, delete.

use super::{Client, ClientError, Items};
use crate::timeout::PrebuildTimeout;
use crate::v1::list_prebuilds_request::Filter;
use crate::v1::prebuild_service_client::PrebuildServiceClient;
use crate::v1::{
    CancelPrebuildRequest, CreatePrebuildLogsTokenRequest, CreatePrebuildRequest,
    DeletePrebuildRequest, GetPrebuildRequest, ListPrebuildsRequest, Prebuild, PrebuildSpec,
};

/// How a prebuild is made, where it is not as the project has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// The environment class to prebuild for; the project's default class unless it is set.
    pub environment_class_id: Option<String>,
    /// How long the prebuild may take, all phases together; the server's default of 60 minutes unless it is set.
    pub timeout: Option<PrebuildTimeout>,
}

impl Client {
    /// Starts a prebuild of a project. Every call makes a new one, so it is never repeated: after `unavailable` or
    /// `deadline_exceeded` look into [`Client::list`] whether it was made.
    ///
    /// # Errors
    /// [`ClientError::Status`] with `not_found` for an unknown project, `failed_precondition` for a class that the
    /// project does not have, and whatever the server says.
    pub async fn create(
        &self,
        project_id: &str,
        options: CreateOptions,
    ) -> Result<Prebuild, ClientError> {
        let request = CreatePrebuildRequest {
            project_id: project_id.to_owned(),
            environment_class_id: options.environment_class_id,
            spec: Some(PrebuildSpec {
                timeout: options.timeout.map(Into::into),
                ..PrebuildSpec::default()
            }),
        };
        let response = self
            .act(request, |channel, request| async move {
                PrebuildServiceClient::new(channel)
                    .create_prebuild(request)
                    .await
            })
            .await?;
        self.required(response.prebuild, "prebuild")
    }

    /// Reads one prebuild.
    ///
    /// # Errors
    /// [`ClientError::Status`], with `not_found` when there is none of this id.
    pub async fn get(&self, id: &str) -> Result<Prebuild, ClientError> {
        let request = GetPrebuildRequest {
            prebuild_id: id.to_owned(),
        };
        let response = self
            .read(request, |channel, request| async move {
                PrebuildServiceClient::new(channel)
                    .get_prebuild(request)
                    .await
            })
            .await?;
        self.required(response.prebuild, "prebuild")
    }

    /// Prebuilds, the newest first: those that `filter` lets through, all with the default filter. Pages are fetched
    /// as the stream is read.
    ///
    /// # Errors
    /// The stream's: [`ClientError::Status`], [`ClientError::RepeatedPageToken`].
    pub fn list(&self, filter: Filter) -> Items<Prebuild> {
        self.pages(move |client, pagination| {
            let request = ListPrebuildsRequest {
                pagination,
                filter: Some(filter.clone()),
            };
            async move {
                let response = client
                    .read(request, |channel, request| async move {
                        PrebuildServiceClient::new(channel)
                            .list_prebuilds(request)
                            .await
                    })
                    .await?;
                Ok((response.prebuilds, response.pagination))
            }
        })
    }

    /// Stops a prebuild that has not ended, and returns it: `CANCELLING` or `CANCELLED`.
    ///
    /// # Errors
    /// [`ClientError::Status`], with `failed_precondition` when it has ended.
    pub async fn cancel(&self, id: &str) -> Result<Prebuild, ClientError> {
        let request = CancelPrebuildRequest {
            prebuild_id: id.to_owned(),
        };
        let response = self
            .act(request, |channel, request| async move {
                PrebuildServiceClient::new(channel)
                    .cancel_prebuild(request)
                    .await
            })
            .await?;
        self.required(response.prebuild, "prebuild")
    }

    /// Marks a prebuild for deletion, with its snapshot and its log; the server deletes in the background. One that
    /// runs is cancelled first.
    ///
    /// # Errors
    /// [`ClientError::Status`].
    pub async fn delete(&self, id: &str) -> Result<(), ClientError> {
        let request = DeletePrebuildRequest {
            prebuild_id: id.to_owned(),
        };
        self.act(request, |channel, request| async move {
            PrebuildServiceClient::new(channel)
                .delete_prebuild(request)
                .await
        })
        .await?;
        Ok(())
    }

    /// A token that reads the log of one prebuild, and nothing else, for one hour. [`Client::logs`] does this by
    /// itself.
    ///
    /// # Errors
    /// [`ClientError::Status`].
    pub async fn create_logs_token(&self, id: &str) -> Result<String, ClientError> {
        let request = CreatePrebuildLogsTokenRequest {
            prebuild_id: id.to_owned(),
        };
        let response = self
            .act(request, |channel, request| async move {
                PrebuildServiceClient::new(channel)
                    .create_prebuild_logs_token(request)
                    .await
            })
            .await?;
        let token = Some(response.access_token).filter(|token| !token.is_empty());
        self.required(token, "access_token")
    }
}
