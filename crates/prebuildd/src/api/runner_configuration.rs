//! `gitpod.v1.RunnerConfigurationService`.

use prebuilds::v1::runner_configuration_service_server::RunnerConfigurationService;
use prebuilds::v1::{self, RunnerKind, RunnerProvider};
use prost::Message;
use tonic::{Request, Response, Status};
use tonic_connect::validate::Validate;
use uuid::Uuid;

use super::Api;
use super::convert::ids;
use super::page::{Listing, QueryPage};
use crate::domain::EnvironmentClass;
use crate::store::{EnvironmentClassFilter, Page};

#[tonic::async_trait]
impl RunnerConfigurationService for Api {
    async fn list_environment_classes(
        &self,
        request: Request<v1::ListEnvironmentClassesRequest>,
    ) -> Result<Response<v1::ListEnvironmentClassesResponse>, Status> {
        let caller = Self::caller(&request)?;
        let query = request.extensions().get::<QueryPage>().cloned();
        let mut request = request.into_inner();
        QueryPage::lay_over(query, &mut request.pagination);
        request.validate()?;

        let filter = request.filter.unwrap_or_default();
        let listing = Listing::new(
            "environment classes",
            caller.organization_id,
            &[&filter.encode_to_vec()],
            request.pagination.as_ref(),
        )?;
        let after = listing.after(|bytes| Uuid::from_slice(bytes).ok())?;
        let store_filter = EnvironmentClassFilter {
            runner_ids: ids("filter.runner_ids", &filter.runner_ids)?,
            enabled: filter.enabled.or(filter.can_create_environments),
        };
        let page = if selects_this_kind_of_runner(&filter) {
            self.store
                .list_environment_classes(&store_filter, after, listing.size)
                .await?
        } else {
            Page {
                items: Vec::new(),
                next: None,
            }
        };
        let next = page.next.as_ref().map(|id| id.as_bytes().as_slice());
        Ok(Response::new(v1::ListEnvironmentClassesResponse {
            pagination: Some(listing.response(next)),
            environment_classes: page.items.into_iter().map(message).collect(),
        }))
    }
}

/// Whether runners like ours are among those asked for: on a server, a Linux host. Whoever may call
/// may create environments of an enabled class.
fn selects_this_kind_of_runner(filter: &v1::list_environment_classes_request::Filter) -> bool {
    #[allow(deprecated)]
    let provider = RunnerProvider::LinuxHost as i32;
    let none_or = |numbers: &[i32], ours| numbers.is_empty() || numbers.contains(&ours);
    let contradicts = filter
        .enabled
        .zip(filter.can_create_environments)
        .is_some_and(|(enabled, usable)| enabled != usable);
    none_or(&filter.runner_kinds, RunnerKind::Remote as i32)
        && none_or(&filter.runner_providers, provider)
        && !contradicts
}

fn message(class: EnvironmentClass) -> v1::EnvironmentClass {
    v1::EnvironmentClass {
        id: class.id.to_string(),
        display_name: class.display_name,
        description: class.description,
        configuration: class
            .configuration
            .into_iter()
            .map(|(key, value)| v1::FieldValue { key, value })
            .collect(),
        runner_id: class.runner_id.to_string(),
        enabled: class.enabled,
    }
}
