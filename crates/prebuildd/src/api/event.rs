//! `gitpod.v1.EventService`.
//!
//! A watcher hears of changes that are made after its call was accepted, in their order. One that
//! reads too slowly to get all of them is cut off with `unavailable`, rather than left to believe
//! that nothing happened: it reads what it watches, and watches again.

use std::pin::Pin;

use futures_util::{Stream, stream};
use prebuilds::v1::event_service_server::EventService;
use prebuilds::v1::watch_events_request::Scope;
use prebuilds::v1::{ResourceOperation, ResourceType, WatchEventsRequest, WatchEventsResponse};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::{Request, Response, Status};
use tonic_connect::validate::Validate;
use uuid::Uuid;

use super::Api;
use super::convert::{id, ids};
use super::error::{invalid, without_repeat};
use crate::store::{Change, Operation, Resource, StoreError};

#[tonic::async_trait]
impl EventService for Api {
    type WatchEventsStream =
        Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let caller = Self::caller(&request)?;
        // First, so that nothing is missed that happens from here on.
        let changes = self.store.subscribe();
        let request = request.into_inner();
        request.validate()?;
        let filters = filters(&request)?;
        let watch = Watch {
            _open: self.streams.token(),
            api: self.clone(),
            organization_id: caller.organization_id,
            filters,
            changes,
        };
        let events = stream::unfold(Some(watch), |watch| async move {
            let mut watch = watch?;
            let next = watch.next().await;
            let watch = next.is_ok().then_some(watch);
            Some((next, watch))
        });
        Ok(Response::new(Box::pin(events)))
    }
}

struct Filter {
    resource: ResourceType,
    ids: Vec<Uuid>,
    creators: Vec<Uuid>,
}

fn filters(request: &WatchEventsRequest) -> Result<Vec<Filter>, Status> {
    if let Some(Scope::EnvironmentId(environment)) = &request.scope {
        id("environment_id", environment)?;
        if !request.resource_type_filters.is_empty() {
            return Err(invalid(
                "resource_type_filters",
                "cannot be combined with environment_id: watch the organization instead",
            ));
        }
        return Err(without_repeat(Status::unimplemented(
            "this server has no events of single environments: watch the organization instead",
        )));
    }
    let filters = request.resource_type_filters.iter().enumerate();
    filters
        .map(|(index, filter)| {
            let field = |name| format!("resource_type_filters[{index}].{name}");
            Ok(Filter {
                resource: filter.resource_type(),
                ids: ids(&field("resource_ids"), &filter.resource_ids)?,
                creators: ids(&field("creator_ids"), &filter.creator_ids)?,
            })
        })
        .collect()
}

/// One caller's view of the feed.
struct Watch {
    _open: TaskTrackerToken,
    api: Api,
    organization_id: Uuid,
    filters: Vec<Filter>,
    changes: broadcast::Receiver<Change>,
}

impl Watch {
    async fn next(&mut self) -> Result<WatchEventsResponse, Status> {
        loop {
            let change = tokio::select! {
                biased;
                () = self.api.shutdown.cancelled() => {
                    return Err(Status::unavailable("the server is shutting down: watch again"));
                }
                change = self.changes.recv() => change,
            };
            let change = change.map_err(|error| match error {
                RecvError::Lagged(count) => Status::unavailable(format!(
                    "{count} events were lost, because they were read too slowly: read what you \
                     watch, and watch again"
                )),
                RecvError::Closed => {
                    Status::unavailable("the server is shutting down: watch again")
                }
            })?;
            if change.organization_id == self.organization_id && self.selects(change).await? {
                return Ok(WatchEventsResponse {
                    operation: operation(change.operation) as i32,
                    resource_type: resource_type(change.resource) as i32,
                    resource_id: change.id.to_string(),
                });
            }
        }
    }

    async fn selects(&self, change: Change) -> Result<bool, Status> {
        if self.filters.is_empty() {
            return Ok(true);
        }
        let resource = resource_type(change.resource);
        let mut creator = None;
        for filter in &self.filters {
            if filter.resource != resource
                || !(filter.ids.is_empty() || filter.ids.contains(&change.id))
            {
                continue;
            }
            if filter.creators.is_empty() || change.operation == Operation::Delete {
                return Ok(true);
            }
            if creator.is_none() {
                creator = self.creator(change).await?;
            }
            // Gone in the meantime: its deletion is an event of its own.
            let Some(creator) = creator else {
                return Ok(false);
            };
            if filter.creators.contains(&creator) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn creator(&self, change: Change) -> Result<Option<Uuid>, StoreError> {
        let store = &self.api.store;
        let creator = match change.resource {
            Resource::Prebuild => store
                .get_prebuild(self.organization_id, change.id)
                .await
                .map(|prebuild| prebuild.creator.id),
            Resource::Project => store
                .get_project(self.organization_id, change.id)
                .await
                .map(|project| project.creator.id),
        };
        match creator {
            Ok(creator) => Ok(Some(creator)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn resource_type(resource: Resource) -> ResourceType {
    match resource {
        Resource::Prebuild => ResourceType::Prebuild,
        Resource::Project => ResourceType::Project,
    }
}

fn operation(operation: Operation) -> ResourceOperation {
    match operation {
        Operation::Create => ResourceOperation::Create,
        Operation::Update => ResourceOperation::Update,
        Operation::UpdateStatus => ResourceOperation::UpdateStatus,
        Operation::Delete => ResourceOperation::Delete,
    }
}
