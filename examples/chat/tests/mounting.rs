//! The service mounts wherever tonic's own do, in front of every caller, next to tonic's health and reflection.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::pending;

use example_chat::rooms::Rooms;
use example_chat::v1::chat_service_client::ChatServiceClient;
use example_chat::v1::chat_service_connect::{ChatServiceConnect, SERVICE};
use example_chat::v1::{Message, SayRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_connect::transport::Server;
use tonic_connect::{Channel, Protocol};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

const SCHEMA: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.binpb"));

fn chat() -> ChatServiceConnect<Rooms> {
    ChatServiceConnect::new(Rooms::default())
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Calls the service in every protocol.
async fn is_served(url: &str) {
    for protocol in [Protocol::Connect, Protocol::Grpc, Protocol::GrpcWeb] {
        let channel = Channel::builder(url).service(&SERVICE).protocol(protocol);
        let mut client = ChatServiceClient::new(channel.build().unwrap());
        let message = Message {
            author: "Ada".to_owned(),
            text: format!("{protocol:?}"),
            time: None,
        };
        let request = SayRequest {
            room: "lounge".to_owned(),
            message: Some(message),
        };
        let said = client.say(request).await.unwrap().into_inner();
        assert_eq!(said.message.unwrap().text, format!("{protocol:?}"));
    }
}

/// Asks tonic's services on the same port.
async fn has_neighbours(url: &str) {
    let endpoint = tonic::transport::Endpoint::from_shared(url.to_owned());
    let channel = endpoint.unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    let request = HealthCheckRequest {
        service: ChatServiceConnect::<Rooms>::NAME.to_owned(),
    };
    let answer = health.check(request).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);

    let mut reflection = ServerReflectionClient::new(channel);
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let requests = tokio_stream::iter([request]);
    let answers = reflection.server_reflection_info(requests).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.into_iter().map(|found| found.name).collect();
    assert!(
        names.contains(&"chat.v1.ChatService".to_owned()),
        "{names:?}"
    );
}

#[tokio::test]
async fn in_axum_in_tonics_routes_and_in_tonics_server_next_to_health_and_reflection() {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<ChatServiceConnect<Rooms>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(SCHEMA)
        .build_v1()
        .unwrap();

    let (listener, axum) = listen().await;
    let router = axum::Router::new()
        .route_service("/chat.v1.ChatService/{method}", chat())
        .route_service("/grpc.health.v1.Health/{method}", health.clone())
        .route_service(
            "/grpc.reflection.v1.ServerReflection/{method}",
            reflection.clone(),
        );
    tokio::spawn(Server::new().serve(listener, router, pending()));

    let (listener, routes) = listen().await;
    let service = Routes::new(chat())
        .add_service(health.clone())
        .add_service(reflection.clone())
        .prepare();
    tokio::spawn(Server::new().serve(listener, service, pending()));

    let (listener, tonics) = listen().await;
    let router = tonic::transport::Server::builder()
        .accept_http1(true)
        .add_service(chat())
        .add_service(health)
        .add_service(reflection);
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));

    for url in [axum, routes, tonics] {
        is_served(&url).await;
        has_neighbours(&url).await;
    }
}

#[tokio::test]
async fn in_plain_hyper() {
    let (listener, url) = listen().await;
    let service = TowerToHyperService::new(chat());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let builder = Builder::new(TokioExecutor::new());
                // What a connection ends with is its client's business.
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    is_served(&url).await;
}
