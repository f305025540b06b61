//! Methods without side effects, called by GET.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use base64::Engine as _;
use bytes::Bytes;
use greeter::{Greeter, call, gzip, outcome};
use http::{Request, StatusCode};
use http_body_util::Full;
use tonic::Code;

fn get(query: &str) -> Request<Full<Bytes>> {
    Request::get(format!("/greet.v1.Greeter/Read?{query}"))
        .body(Full::default())
        .unwrap()
}

#[tokio::test]
async fn a_read_can_be_a_get() {
    // {"name":"Ada"}, {"name":"+ é"} and the protobuf of name "Ada".
    for (query, content_type, name) in [
        (
            "connect=v1&encoding=json&message=%7B%22name%22%3A%22Ada%22%7D",
            "application/json",
            "Ada",
        ),
        (
            "encoding=json&message=%7B%22name%22:%22%2B+%C3%A9%22%7D",
            "application/json",
            "+ é",
        ),
        (
            "message=eyJuYW1lIjoiQWRhIn0&base64=1&encoding=json&connect=v1",
            "application/json",
            "Ada",
        ),
        (
            "message=eyJuYW1lIjoiQWRhIn0=&base64=1&encoding=json&utm=x&y",
            "application/json",
            "Ada",
        ),
        (
            "message=eyJuYW1lIjoiQWRhIn0%3D&base64=1&encoding=json",
            "application/json",
            "Ada",
        ),
        (
            "connect=v1&encoding=proto&message=%0A%03Ada",
            "application/proto",
            "Ada",
        ),
        (
            "connect=v1&encoding=proto&base64=1&message=CgNBZGE",
            "application/proto",
            "Ada",
        ),
        (
            "connect=v1&encoding=proto&message=",
            "application/proto",
            "",
        ),
    ] {
        let reply = call(Greeter::default(), get(query)).await;
        let outcome = outcome(content_type, &reply);
        assert_eq!(
            outcome.greetings,
            [format!("hello {name} from stranger; ")],
            "{query}: {}",
            outcome.message
        );
    }
    let packed = base64::prelude::BASE64_URL_SAFE.encode(gzip(b"\x0a\x03Ada"));
    for compression in ["compression=gzip", "compression=identity"] {
        let query = format!("connect=v1&encoding=proto&base64=1&{compression}&message={packed}");
        let reply = call(Greeter::default(), get(&query)).await;
        let expected = if compression.ends_with("gzip") {
            Code::Ok
        } else {
            Code::InvalidArgument
        };
        assert_eq!(
            outcome("application/proto", &reply).code,
            expected,
            "{compression}"
        );
    }
}

#[tokio::test]
async fn a_bad_get_is_told_what_is_wrong() {
    for (query, message) in [
        ("encoding=json", "query parameter message is missing"),
        (
            "connect=v2&encoding=json&message={}",
            "query parameter connect must be \"v1\"",
        ),
        ("encoding=json&message=*&base64=1", "not URL-safe base64"),
        (
            "encoding=json&message=%7B%7D&base64=yes",
            "query parameter base64 must be \"1\"",
        ),
        ("encoding=json&message=%7B", "invalid JSON message"),
    ] {
        let reply = call(Greeter::default(), get(&query.replace(['{', '}'], "%7B"))).await;
        let outcome = outcome("application/json", &reply);
        assert_eq!(outcome.code, Code::InvalidArgument, "{query}");
        assert!(
            outcome.message.contains(message),
            "{query}: {}",
            outcome.message
        );
    }
    let unknown = call(
        Greeter::default(),
        get("encoding=json&compression=zip&message="),
    )
    .await;
    assert_eq!(
        outcome("application/json", &unknown).code,
        Code::Unimplemented
    );
    for query in ["", "encoding=thrift&message=", "message=%7B%7D"] {
        assert_eq!(
            call(Greeter::default(), get(query)).await.status,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "{query}"
        );
    }
}

#[tokio::test]
async fn caches_are_told_what_a_response_depends_on() {
    for query in ["encoding=json&message=%7B%7D", "encoding=json"] {
        let reply = call(Greeter::default(), get(query)).await;
        assert_eq!(reply.headers["vary"], "Accept-Encoding", "{query}");
    }
    let posted = greeter::post("Read", "application/json", &greeter::named("Ada"));
    let reply = call(Greeter::default(), posted).await;
    assert!(!reply.headers.contains_key("vary"));
}
