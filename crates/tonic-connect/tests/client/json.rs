//! Messages as JSON: what is sent, and what is not an answer.

use tonic::{Code, Request, Status};
use tonic_connect::{Builder, Channel, Client, Codec, Protocol};

use crate::canned::{Canned, frame, response};
use crate::greeter::{GreetResponse, SERVICE, named};

const GREET: usize = 0;
const COUNT: usize = 2;

fn client(server: &Canned, build: impl Fn(Builder) -> Builder) -> Client {
    let builder = Channel::builder(format_args!("http://{}", server.address));
    Client::new(build(builder).build().unwrap()).codec(Codec::Json)
}

async fn greet(client: &Client) -> Result<String, Status> {
    let response = client
        .unary(&SERVICE.methods[GREET], Request::new(named("Ada")))
        .await?;
    let response: GreetResponse = response.into_inner();
    Ok(response.greeting)
}

#[tokio::test]
async fn each_protocol_names_json_in_its_content_types() {
    let json = br#"{"greeting":"hello"}"#;
    let sent = br#"{"name":"Ada","times":0,"style":null}"#;
    let web = [frame(0, json), frame(0x80, "grpc-status: 0\r\n")].concat();
    for (protocol, content_type, body, request) in [
        (
            Protocol::Connect,
            "application/json",
            json.to_vec(),
            sent.to_vec(),
        ),
        (
            Protocol::GrpcWeb,
            "application/grpc-web+json",
            web,
            frame(0, sent),
        ),
    ] {
        let head = format!("Content-Type: {content_type}\r\n");
        let mut server = Canned::serve(response("200 OK", &head, &body), false).await;
        let client = client(&server, |builder| builder.protocol(protocol));
        assert_eq!(greet(&client).await.unwrap(), "hello");
        let (head, body) = server.request().await;
        assert!(
            head.contains(&format!("\r\ncontent-type: {content_type}\r\n")),
            "{head}"
        );
        assert_eq!(body, request);
    }

    let stream = [frame(0, json), frame(2, b"{}")].concat();
    let head = "Content-Type: application/connect+json\r\n";
    let mut server = Canned::serve(response("200 OK", head, &stream), false).await;
    let mut messages = client(&server, |builder| builder)
        .server_streaming::<_, GreetResponse>(&SERVICE.methods[COUNT], Request::new(named("Ada")))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(messages.message().await.unwrap().unwrap().greeting, "hello");
    assert_eq!(messages.message().await.unwrap(), None);
    let (head, body) = server.request().await;
    assert!(
        head.contains("\r\ncontent-type: application/connect+json\r\n"),
        "{head}"
    );
    assert_eq!(body, frame(0, sent));
}

#[tokio::test]
async fn an_answer_that_is_no_json_of_the_message_is_internal() {
    let json = "Content-Type: application/json\r\n";
    for (headers, body, part) in [
        (json, &b"{"[..], "cannot be read"),
        (json, b"", "cannot be read"),
        (json, br#"{"greeting":1}"#, "greeting"),
        (
            "Content-Type: application/proto\r\n",
            b"",
            "application/proto",
        ),
    ] {
        let server = Canned::serve(response("200 OK", headers, body), false).await;
        let status = greet(&client(&server, |builder| builder))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status:?}");
        assert!(status.message().contains(part), "{status:?}");
    }
}

#[tokio::test]
async fn an_answer_as_large_as_the_channel_takes_is_not_too_large_for_the_client() {
    let greeting = "x".repeat(5 * 1024 * 1024);
    let body = format!(r#"{{"greeting":"{greeting}"}}"#);
    let answer = response(
        "200 OK",
        "Content-Type: application/json\r\n",
        body.as_bytes(),
    );
    let server = Canned::serve(answer, false).await;
    let status = greet(&client(&server, |builder| builder))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let client = client(&server, |builder| builder.max_response_bytes(body.len()));
    assert_eq!(greet(&client).await.unwrap(), greeting);
}
