//! `gitpod.v1.IdentityService`.

use prebuilds::v1::identity_service_server::IdentityService;
use prebuilds::v1::{GetAuthenticatedIdentityRequest, GetAuthenticatedIdentityResponse};
use tonic::{Request, Response, Status};

use super::{Api, convert};

#[tonic::async_trait]
impl IdentityService for Api {
    async fn get_authenticated_identity(
        &self,
        request: Request<GetAuthenticatedIdentityRequest>,
    ) -> Result<Response<GetAuthenticatedIdentityResponse>, Status> {
        let caller = Self::caller(&request)?;
        Ok(Response::new(GetAuthenticatedIdentityResponse {
            subject: Some(convert::subject(caller.subject)),
            organization_id: caller.organization_id.to_string(),
            // There are no plans here.
            organization_tier: String::new(),
        }))
    }
}
