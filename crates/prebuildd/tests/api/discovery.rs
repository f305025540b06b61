//! What a stranger may ask: what the server serves, and how it is.

use axum::http::Method;
use futures_util::StreamExt;
use prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use serde_json::json;
use tonic::Code;
use tonic_connect::{Channel, Protocol};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ExtensionRequest, ServerReflectionRequest};

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

#[tokio::test]
async fn health_answers_in_json_too() {
    let server = Server::start().await;
    let headers = [("content-type", "application/json")];
    let path = "/api/grpc.health.v1.Health/Check";
    let health = server.send(Method::POST, path, &headers, "{}").await;
    assert_eq!(health.ok(), json!({ "status": "SERVING" }));
}

/// What reflection answers to each question, as far as a test can tell it in a few words.
async fn reflect(server: &Server, questions: Vec<MessageRequest>) -> Vec<String> {
    let requests: Vec<_> = questions
        .into_iter()
        .map(|question| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        })
        .collect();
    let mut client = ServerReflectionClient::new(channel(server));
    let answers = client
        .server_reflection_info(futures_util::stream::iter(requests))
        .await;
    let answers = answers.unwrap().into_inner().map(|answer| {
        match answer.unwrap().message_response.unwrap() {
            MessageResponse::FileDescriptorResponse(files) => {
                let file = FileDescriptorProto::decode(&files.file_descriptor_proto[0][..]);
                file.unwrap().name.unwrap()
            }
            MessageResponse::AllExtensionNumbersResponse(numbers) => {
                format!("{:?}", numbers.extension_number)
            }
            MessageResponse::ListServicesResponse(services) => {
                let names = services.service.into_iter().map(|service| service.name);
                names.collect::<Vec<_>>().join(" ")
            }
            MessageResponse::ErrorResponse(error) => {
                format!("{}: {}", error.error_code, error.error_message)
            }
        }
    });
    answers.collect().await
}

#[tokio::test]
async fn reflection_finds_whatever_the_schema_declares() {
    let server = Server::start().await;
    let symbol = |name: &str| MessageRequest::FileContainingSymbol(name.to_owned());
    let extension = |number| {
        MessageRequest::FileContainingExtension(ExtensionRequest {
            containing_type: "google.protobuf.FieldOptions".to_owned(),
            extension_number: number,
        })
    };
    let prebuild = "gitpod/v1/prebuild.proto";
    let validate = "buf/validate/validate.proto";
    let cases = [
        (
            MessageRequest::FileByFilename(prebuild.to_owned()),
            prebuild,
        ),
        (symbol("gitpod.v1.PrebuildService"), prebuild),
        (symbol("gitpod.v1.PrebuildService.CreatePrebuild"), prebuild),
        (symbol("gitpod.v1.Prebuild"), prebuild),
        (symbol("gitpod.v1.Prebuild.spec"), prebuild),
        (symbol("gitpod.v1.PrebuildPhase"), prebuild),
        (symbol("gitpod.v1.PREBUILD_PHASE_COMPLETED"), prebuild),
        (symbol("buf.validate.field"), validate),
        (
            symbol("google.protobuf.Duration"),
            "google/protobuf/duration.proto",
        ),
        (
            symbol("grpc.health.v1.Health"),
            "grpc/health/v1/health.proto",
        ),
        (extension(1159), validate),
        (
            MessageRequest::AllExtensionNumbersOfType("google.protobuf.FieldOptions".to_owned()),
            "[1159]",
        ),
        (
            symbol("gitpod.v1.Nothing"),
            r#"5: the schema has no "gitpod.v1.Nothing""#,
        ),
        (
            symbol("gitpod.v1.Prebuild.nothing"),
            r#"5: the schema has no "gitpod.v1.Prebuild.nothing""#,
        ),
        (
            extension(-1),
            r#"5: the schema has no "google.protobuf.FieldOptions""#,
        ),
        (
            MessageRequest::FileByFilename("/etc/passwd".to_owned()),
            r#"5: the schema has no "/etc/passwd""#,
        ),
    ];
    let (questions, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    assert_eq!(reflect(&server, questions).await, expected);
    let services = reflect(&server, vec![MessageRequest::ListServices(String::new())]).await;
    for service in [
        "gitpod.v1.PrebuildService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ] {
        assert!(
            services[0].split(' ').any(|name| name == service),
            "{services:?}"
        );
    }
}
