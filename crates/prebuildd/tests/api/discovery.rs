//! What a stranger may ask: what the server serves, and how it is.

use futures_util::StreamExt;
use tonic::Code;
use tonic_connect::{Channel, Protocol};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::server::Server;

fn channel(server: &Server) -> Channel {
    let channel = Channel::builder(&server.base).protocol(Protocol::Grpc);
    channel.build().unwrap()
}

#[tokio::test]
async fn health_needs_no_token_and_knows_the_services() {
    let server = Server::start().await;
    let mut health = HealthClient::new(channel(&server));
    let mut check = async |service: &str| {
        let service = service.to_owned();
        let answer = health.check(HealthCheckRequest { service }).await;
        answer.map(|answer| answer.into_inner().status())
    };
    for service in ["", "gitpod.v1.PrebuildService", "gitpod.v1.EventService"] {
        assert_eq!(check(service).await.unwrap(), ServingStatus::Serving);
    }
    let unknown = check("gitpod.v1.NoService").await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn health_tells_watchers_that_the_server_ends_and_lets_it() {
    let server = Server::start().await;
    let mut health = HealthClient::new(channel(&server));
    let mut watch = async |service: &str| {
        let service = service.to_owned();
        let answer = health.watch(HealthCheckRequest { service }).await;
        let statuses = answer.unwrap().into_inner();
        statuses.map(|answer| answer.unwrap().status())
    };
    let mut whole = watch("").await;
    let mut unknown = watch("gitpod.v1.NoService").await;
    assert_eq!(whole.next().await, Some(ServingStatus::Serving));
    assert_eq!(unknown.next().await, Some(ServingStatus::ServiceUnknown));
    server.shutdown.cancel();
    assert_eq!(whole.next().await, Some(ServingStatus::NotServing));
    assert_eq!(whole.next().await, None);
    assert_eq!(unknown.next().await, None);
}
