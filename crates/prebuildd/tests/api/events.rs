//! Streams of events.

use prebuilds::v1::event_service_client::EventServiceClient;
use prebuilds::v1::event_service_connect::SERVICE;
use prebuilds::v1::watch_events_request::{ResourceTypeFilter, Scope};
use prebuilds::v1::{ResourceOperation, ResourceType, WatchEventsRequest, WatchEventsResponse};
use serde_json::json;
use tonic::{Code, Status, Streaming};
use tonic_connect::{Channel, Protocol};
use uuid::Uuid;

use crate::server::{STRANGER, Server, TOKEN};

async fn watch(
    server: &Server,
    protocol: Protocol,
    token: &str,
    filters: Vec<ResourceTypeFilter>,
) -> Result<Streaming<WatchEventsResponse>, Status> {
    let channel = Channel::builder(&server.base)
        .protocol(protocol)
        .service(&SERVICE)
        .bearer_token(token)
        .build()
        .unwrap();
    let request = WatchEventsRequest {
        scope: Some(Scope::Organization(true)),
        resource_type_filters: filters,
    };
    let response = EventServiceClient::new(channel)
        .watch_events(request)
        .await?;
    Ok(response.into_inner())
}

async fn next(stream: &mut Streaming<WatchEventsResponse>) -> (ResourceOperation, String) {
    let event = stream.message().await.unwrap().unwrap();
    (event.operation(), event.resource_id)
}

fn of_prebuilds(ids: &[&str], creators: &[Uuid]) -> ResourceTypeFilter {
    ResourceTypeFilter {
        resource_type: ResourceType::Prebuild as i32,
        resource_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        creator_ids: creators.iter().map(Uuid::to_string).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_told_to_their_organization_as_filtered() {
    let server = Server::start().await;
    let project = server.project().await;
    let known = server.prebuild(&project).await;
    for protocol in [Protocol::Connect, Protocol::Grpc] {
        let open = |token, filters| watch(&server, protocol, token, filters);
        let mut all = open(TOKEN, vec![]).await.unwrap();
        let mut strangers = open(STRANGER, vec![]).await.unwrap();
        let mut one = open(TOKEN, vec![of_prebuilds(&[&known], &[])])
            .await
            .unwrap();
        let mine = of_prebuilds(&[], &[server.subject.id]);
        let mut mine = open(TOKEN, vec![mine]).await.unwrap();
        let others = of_prebuilds(&[], &[Uuid::from_u128(2)]);
        let mut others = open(TOKEN, vec![others, of_prebuilds(&[&known], &[])])
            .await
            .unwrap();

        let created = server.prebuild(&project).await;
        let rename = json!({"projectId": project, "name": "renamed"});
        server
            .call("ProjectService/UpdateProject", rename)
            .await
            .ok();
        let delete = json!({"prebuildId": known});
        server
            .call("PrebuildService/DeletePrebuild", delete)
            .await
            .ok();

        use ResourceOperation::{Create, Update};
        assert_eq!(next(&mut all).await, (Create, created.clone()));
        assert_eq!(next(&mut all).await, (Update, project.clone()));
        assert_eq!(next(&mut mine).await, (Create, created));
        if protocol == Protocol::Connect {
            // The second deletion changes nothing.
            assert_eq!(next(&mut one).await.1, known);
            assert_eq!(next(&mut mine).await.1, known);
            assert_eq!(next(&mut others).await.1, known);
        }
        let own = json!({"name": "own", "initializer": {"specs": [
            {"git": {"remoteUri": "/srv/app"}}
        ]}});
        let own = server
            .call_as(STRANGER, "ProjectService/CreateProject", own)
            .await
            .ok();
        let own = own["project"]["id"].as_str().unwrap().to_owned();
        // The first event of all: what the others did was not among them.
        assert_eq!(next(&mut strangers).await, (Create, own));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_are_let_go_when_the_server_ends() {
    let server = Server::start().await;
    let mut stream = watch(&server, Protocol::Connect, TOKEN, vec![])
        .await
        .unwrap();
    server.shutdown.cancel();
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_watched_is_refused() {
    let server = Server::start().await;
    let refused = async |request: WatchEventsRequest, token: &str| {
        let channel = Channel::builder(&server.base)
            .service(&SERVICE)
            .bearer_token(token)
            .build()
            .unwrap();
        let mut client = EventServiceClient::new(channel);
        let response = client.watch_events(request).await;
        match response {
            Err(status) => status,
            Ok(stream) => stream.into_inner().message().await.unwrap_err(),
        }
    };
    let environment = WatchEventsRequest {
        scope: Some(Scope::EnvironmentId(Uuid::from_u128(7).to_string())),
        resource_type_filters: vec![of_prebuilds(&[], &[])],
    };
    let status = refused(environment, TOKEN).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().contains("environment_id"), "{status}");
    let status = refused(WatchEventsRequest::default(), "wrong").await;
    assert_eq!(status.code(), Code::Unauthenticated, "{status}");
}
