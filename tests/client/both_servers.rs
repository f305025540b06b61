//! One implementation of the service behind tonic's own server and behind ours: clients see the same of both.

use std::sync::Arc;

use prebuilds::v1::prebuild_service_client::PrebuildServiceClient;
use prebuilds::v1::prebuild_service_connect::{PrebuildServiceConnect, SERVICE};
use prebuilds::v1::prebuild_service_server::PrebuildServiceServer;
use prebuilds::v1::*;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Status};
use tonic_connect::codegen::Body;
use tonic_connect::{Channel, HttpVersion, Protocol, details};

use crate::server::{Fake, TOKEN, start, uuid};

/// Serves by tonic alone.
async fn tonics(fake: Arc<Fake>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = PrebuildServiceServer::from_arc(fake);
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    url
}

/// Serves by the runtime of this project.
async fn ours(fake: Arc<Fake>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = PrebuildServiceConnect::from_arc(fake);
    let server = tonic_connect::transport::Server::new();
    tokio::spawn(server.serve(listener, service, std::future::pending()));
    url
}

fn authorized<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let token = format!("Bearer {TOKEN}").parse().unwrap();
    request.metadata_mut().insert("authorization", token);
    request
}

/// What a client sees: messages, codes, words and details.
async fn seen<T>(fake: &Fake, mut client: PrebuildServiceClient<T>) -> String
where
    T: tonic::client::GrpcService<tonic::body::Body>,
    T::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    T::ResponseBody: Body<Data = bytes::Bytes> + Send + 'static,
    <T::ResponseBody as Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let refused = |status: Status| {
        (
            status.code(),
            status.message().to_owned(),
            details::of(&status),
        )
    };
    let id = || uuid(1);

    let stranger = client.list_prebuilds(ListPrebuildsRequest::default()).await;
    let stranger = stranger.map_err(refused).unwrap_err();
    let create = CreatePrebuildRequest {
        project_id: uuid(7),
        ..Default::default()
    };
    let created = client.create_prebuild(authorized(create)).await.unwrap();
    let get = GetPrebuildRequest { prebuild_id: id() };
    let got = client.get_prebuild(authorized(get)).await.unwrap();
    let missing = GetPrebuildRequest {
        prebuild_id: uuid(2),
    };
    let missing = client.get_prebuild(authorized(missing)).await;
    let missing = missing.map_err(refused).unwrap_err();
    fake.fail_next([details::bad_request([(
        "spec.timeout",
        "299s is below 5m: ünsure",
    )])]);
    let cancel = CancelPrebuildRequest { prebuild_id: id() };
    let invalid = client.cancel_prebuild(authorized(cancel.clone())).await;
    let invalid = invalid.map_err(refused).unwrap_err();
    let cancelled = client.cancel_prebuild(authorized(cancel)).await.unwrap();
    let list = ListPrebuildsRequest {
        pagination: Some(PaginationRequest {
            page_size: 10,
            ..Default::default()
        }),
        ..Default::default()
    };
    let listed = client.list_prebuilds(authorized(list)).await.unwrap();
    let warm = client
        .list_warm_pools(authorized(ListWarmPoolsRequest::default()))
        .await;
    let warm = warm.map_err(refused).unwrap_err();

    assert_eq!(
        (stranger.0, missing.0),
        (Code::Unauthenticated, Code::NotFound)
    );
    assert_eq!((invalid.0, invalid.2.len()), (Code::InvalidArgument, 1));
    let messages = (
        created.into_inner(),
        got.into_inner(),
        cancelled.into_inner(),
        listed.into_inner(),
    );
    format!("{messages:#?} {stranger:#?} {missing:#?} {invalid:#?} {warm:#?}")
}

#[tokio::test]
async fn a_service_is_the_same_behind_tonics_server_and_ours() {
    let running = start().await;
    let channel = tonic::transport::Endpoint::new(tonics(Arc::clone(&running.fake)).await)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let expected = seen(&running.fake, PrebuildServiceClient::new(channel)).await;

    for (protocol, version) in [
        (Protocol::Grpc, HttpVersion::Http2),
        (Protocol::GrpcWeb, HttpVersion::Http1),
        (Protocol::GrpcWeb, HttpVersion::Http2),
        (Protocol::Connect, HttpVersion::Http1),
        (Protocol::Connect, HttpVersion::Http2),
    ] {
        let running = start().await;
        let channel = Channel::builder(ours(Arc::clone(&running.fake)).await)
            .protocol(protocol)
            .http_version(version)
            .service(&SERVICE)
            .build()
            .unwrap();
        let found = seen(&running.fake, PrebuildServiceClient::new(channel)).await;
        assert_eq!(found, expected, "{protocol:?} {version:?}");
    }
    // tonic's own client against ours, and our channel against tonic's.
    let running = start().await;
    let channel = tonic::transport::Endpoint::new(ours(Arc::clone(&running.fake)).await)
        .unwrap()
        .connect()
        .await
        .unwrap();
    assert_eq!(
        seen(&running.fake, PrebuildServiceClient::new(channel)).await,
        expected
    );
    let running = start().await;
    let channel = Channel::builder(tonics(Arc::clone(&running.fake)).await)
        .protocol(Protocol::Grpc)
        .build()
        .unwrap();
    assert_eq!(
        seen(&running.fake, PrebuildServiceClient::new(channel)).await,
        expected
    );
}
