//! The standard health service of gRPC, `grpc.health.v1.Health`, for load balancers and `grpcurl`.
//!
//! Who answers at all serves; so there is one bit to tell, whether the server is about to end. It
//! needs no token, as `/healthz` needs none.

use std::pin::Pin;

use axum::Router;
use futures_util::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, async_trait};
use tonic_connect::server::Options;

use super::standard::health::health_check_response::ServingStatus;
use super::standard::health::health_connect::HealthConnect;
use super::standard::health::health_server::Health;
use super::standard::health::{HealthCheckRequest, HealthCheckResponse};

/// `services` are the full names that one may ask for; the empty name is the whole server.
pub(super) fn routes(
    services: &'static [&'static str],
    shutdown: CancellationToken,
    options: &Options,
) -> Router {
    let service = HealthConnect::new(Answers { services, shutdown });
    Router::new().route_service(
        "/grpc.health.v1.Health/{method}",
        service.with_options(options.clone()),
    )
}

struct Answers {
    services: &'static [&'static str],
    shutdown: CancellationToken,
}

impl Answers {
    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[async_trait]
impl Health for Answers {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !self.knows(service) {
            let service: String = service.chars().take(200).collect();
            return Err(Status::not_found(format!(
                "there is no service {service:?}"
            )));
        }
        Ok(Response::new(answer(if self.shutdown.is_cancelled() {
            ServingStatus::NotServing
        } else {
            ServingStatus::Serving
        })))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// The status now, and at the server's end that it ends. An unknown service is an answer here,
    /// not an error, as the protocol wants it.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let known = self.knows(&request.get_ref().service);
        let now = if known {
            ServingStatus::Serving
        } else {
            ServingStatus::ServiceUnknown
        };
        let ended = self.shutdown.clone().cancelled_owned();
        let end = stream::once(async move {
            ended.await;
            known.then(|| Ok(answer(ServingStatus::NotServing)))
        });
        let end = end.filter_map(std::future::ready);
        Ok(Response::new(
            stream::iter([Ok(answer(now))]).chain(end).boxed(),
        ))
    }
}
