//! Warm pools: environments that were started from a snapshot and wait.

use super::{Client, ClientError, Items};
use crate::v1::list_warm_pools_request::Filter;
use crate::v1::prebuild_service_client::PrebuildServiceClient;
use crate::v1::{
    CreateWarmPoolRequest, DeleteWarmPoolRequest, GetWarmPoolRequest, ListWarmPoolsRequest,
    UpdateWarmPoolRequest, WarmPool,
};

impl Client {
    /// Creates the warm pool of a project and class.
    ///
    /// # Errors
    /// [`ClientError::Status`], with `already_exists` when there is one.
    pub async fn create_warm_pool(
        &self,
        request: CreateWarmPoolRequest,
    ) -> Result<WarmPool, ClientError> {
        let response = self
            .act(request, |channel, request| async move {
                PrebuildServiceClient::new(channel)
                    .create_warm_pool(request)
                    .await
            })
            .await?;
        self.required(response.warm_pool, "warm_pool")
    }

    /// Reads one warm pool.
    ///
    /// # Errors
    /// [`ClientError::Status`], with `not_found` when there is none of this id.
    pub async fn get_warm_pool(&self, id: &str) -> Result<WarmPool, ClientError> {
        let request = GetWarmPoolRequest {
            warm_pool_id: id.to_owned(),
        };
        let response = self
            .read(request, |channel, request| async move {
                PrebuildServiceClient::new(channel)
                    .get_warm_pool(request)
                    .await
            })
            .await?;
        self.required(response.warm_pool, "warm_pool")
    }

    /// Warm pools: those that `filter` lets through.
    ///
    /// # Errors
    /// The stream's: [`ClientError::Status`], [`ClientError::RepeatedPageToken`].
    pub fn list_warm_pools(&self, filter: Filter) -> Items<WarmPool> {
        self.pages(move |client, pagination| {
            let request = ListWarmPoolsRequest {
                pagination,
                filter: Some(filter.clone()),
            };
            async move {
                let response = client
                    .read(request, |channel, request| async move {
                        PrebuildServiceClient::new(channel)
                            .list_warm_pools(request)
                            .await
                    })
                    .await?;
                Ok((response.warm_pools, response.pagination))
            }
        })
    }

    /// Changes the bounds of a warm pool; what is unset stays as it is.
    ///
    /// # Errors
    /// [`ClientError::Status`].
    pub async fn update_warm_pool(
        &self,
        request: UpdateWarmPoolRequest,
    ) -> Result<WarmPool, ClientError> {
        let response = self
            .act(request, |channel, request| async move {
                PrebuildServiceClient::new(channel)
                    .update_warm_pool(request)
                    .await
            })
            .await?;
        self.required(response.warm_pool, "warm_pool")
    }

    /// Drains and deletes a warm pool, in the background.
    ///
    /// # Errors
    /// [`ClientError::Status`].
    pub async fn delete_warm_pool(&self, id: &str) -> Result<(), ClientError> {
        let request = DeleteWarmPoolRequest {
            warm_pool_id: id.to_owned(),
        };
        self.act(request, |channel, request| async move {
            PrebuildServiceClient::new(channel)
                .delete_warm_pool(request)
                .await
        })
        .await?;
        Ok(())
    }
}
