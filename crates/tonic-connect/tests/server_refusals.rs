//! What is wrong with a request, and what it is told.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use greeter::{Greeter, call, encode, envelope, gzip, named, outcome, raw};
use tonic::Code;

#[tokio::test]
async fn what_is_no_call_gets_a_plain_http_answer() {
    for (verb, method, content_type, status, name, value) in [
        ("GET", "Greet", "application/json", 405, "allow", "POST"),
        ("PUT", "Greet", "application/json", 405, "allow", "POST"),
        ("GET", "Count", "application/json", 405, "allow", "POST"),
        (
            "DELETE",
            "Read",
            "application/json",
            405,
            "allow",
            "GET, POST",
        ),
        (
            "POST",
            "Greet",
            "text/plain",
            415,
            "accept-post",
            "application/json",
        ),
        (
            "POST",
            "Greet",
            "application/json; charset=latin1",
            415,
            "accept-post",
            "application/json",
        ),
        (
            "POST",
            "Greet",
            "application/connect+json",
            415,
            "accept-post",
            "application/json",
        ),
        (
            "POST",
            "Greet",
            "application/grpc+thrift",
            415,
            "accept-post",
            "application/grpc",
        ),
        (
            "POST",
            "Count",
            "application/json",
            415,
            "accept-post",
            "application/connect+json",
        ),
        ("POST", "Read", "", 415, "accept-post", "application/proto"),
    ] {
        let mut request = raw(method, content_type, "{}");
        *request.method_mut() = verb.parse().unwrap();
        let reply = call(Greeter::default(), request).await;
        assert_eq!(reply.status, status, "{verb} {method} {content_type}");
        let header = reply.headers[name].to_str().unwrap();
        assert!(
            header
                .split(", ")
                .any(|item| value.split(", ").any(|v| v == item)),
            "{header}"
        );
        assert_eq!(name == "allow", header == value, "{header}");
    }
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let good = || encode("application/proto", &named("Ada"));
    let two = || [envelope(0, &good()), envelope(0, &good())].concat();
    type Headers = &'static [(&'static str, &'static str)];
    /// Method, content type, headers, body; code and a part of the message.
    type Case = (
        &'static str,
        &'static str,
        Headers,
        Vec<u8>,
        Code,
        &'static str,
    );
    let cases: Vec<Case> = vec![
        // Bodies.
        (
            "Greet",
            "application/proto",
            &[],
            b"\x0a\xff".to_vec(),
            Code::InvalidArgument,
            "invalid protobuf message",
        ),
        (
            "Greet",
            "application/json",
            &[],
            b"".to_vec(),
            Code::InvalidArgument,
            "send at least {}",
        ),
        (
            "Greet",
            "application/json",
            &[],
            b"{} x".to_vec(),
            Code::InvalidArgument,
            "trailing characters",
        ),
        (
            "Greet",
            "application/json",
            &[],
            br#"{"name":7}"#.to_vec(),
            Code::InvalidArgument,
            "name: invalid type: integer `7`",
        ),
        (
            "Greet",
            "application/json",
            &[],
            b"{\"name\": \"a\",\n \"style\": {\"exclamationMarks\": [1, 2, \"3\"]}}".to_vec(),
            Code::InvalidArgument,
            "style.exclamationMarks[2]: invalid type: string \"3\"",
        ),
        (
            "Greet",
            "application/json",
            &[],
            br#"{"style":{"x":1}}"#.to_vec(),
            Code::InvalidArgument,
            "unknown field `x`",
        ),
        (
            "Greet",
            "application/grpc+json",
            &[],
            envelope(0, b"[1"),
            Code::InvalidArgument,
            "invalid JSON message",
        ),
        // Envelopes.
        (
            "Greet",
            "application/grpc",
            &[],
            vec![],
            Code::Unimplemented,
            "no message",
        ),
        (
            "Greet",
            "application/grpc-web",
            &[],
            vec![],
            Code::Unimplemented,
            "no message",
        ),
        (
            "Count",
            "application/connect+proto",
            &[],
            vec![],
            Code::Unimplemented,
            "no message",
        ),
        (
            "Greet",
            "application/grpc",
            &[],
            two(),
            Code::Unimplemented,
            "more than one message",
        ),
        (
            "Count",
            "application/connect+proto",
            &[],
            two(),
            Code::Unimplemented,
            "more than one message",
        ),
        (
            "Greet",
            "application/grpc",
            &[],
            vec![0, 0, 0],
            Code::InvalidArgument,
            "promised 5 bytes, got 3",
        ),
        (
            "Greet",
            "application/grpc",
            &[],
            vec![0, 0, 0, 0, 9, 1],
            Code::InvalidArgument,
            "promised 9 bytes, got 1",
        ),
        (
            "Greet",
            "application/grpc",
            &[],
            envelope(0x80, b""),
            Code::InvalidArgument,
            "flags 0x80",
        ),
        (
            "Count",
            "application/connect+proto",
            &[],
            envelope(2, b"{}"),
            Code::InvalidArgument,
            "flags 0x02",
        ),
        (
            "Greet",
            "application/grpc",
            &[],
            envelope(1, &gzip(&good())),
            Code::Internal,
            "flagged as compressed",
        ),
        (
            "Count",
            "application/connect+proto",
            &[],
            envelope(1, b""),
            Code::Internal,
            "flagged as compressed",
        ),
        // Compression.
        (
            "Greet",
            "application/proto",
            &[("content-encoding", "zip")],
            good(),
            Code::Unimplemented,
            "supported encodings are gzip",
        ),
        (
            "Greet",
            "application/grpc",
            &[("grpc-encoding", "zip")],
            vec![],
            Code::Unimplemented,
            "supported encodings are gzip",
        ),
        (
            "Count",
            "application/connect+json",
            &[("connect-content-encoding", "zip")],
            vec![],
            Code::Unimplemented,
            "\"zip\"",
        ),
        (
            "Greet",
            "application/proto",
            &[("content-encoding", "gzip")],
            good(),
            Code::InvalidArgument,
            "invalid gzip data",
        ),
        (
            "Greet",
            "application/grpc",
            &[("grpc-encoding", "gzip")],
            envelope(1, b"no"),
            Code::InvalidArgument,
            "invalid gzip data",
        ),
        // Headers.
        (
            "Greet",
            "application/json",
            &[("connect-protocol-version", "2")],
            b"{}".to_vec(),
            Code::InvalidArgument,
            "must be \"1\"",
        ),
        (
            "Count",
            "application/connect+json",
            &[("connect-protocol-version", "")],
            vec![],
            Code::InvalidArgument,
            "must be \"1\"",
        ),
        (
            "Greet",
            "application/json",
            &[("connect-timeout-ms", "1s")],
            b"{}".to_vec(),
            Code::InvalidArgument,
            "1s",
        ),
        (
            "Greet",
            "application/grpc",
            &[("grpc-timeout", "1")],
            envelope(0, b""),
            Code::InvalidArgument,
            "grpc-timeout",
        ),
        // Methods.
        (
            "Nope",
            "application/json",
            &[],
            vec![],
            Code::Unimplemented,
            "/greet.v1.Greeter/Nope does not exist",
        ),
        (
            "Nope",
            "application/grpc",
            &[],
            vec![],
            Code::Unimplemented,
            "/greet.v1.Greeter/Nope does not exist",
        ),
        (
            "Nope",
            "application/grpc-web+json",
            &[],
            vec![],
            Code::Unimplemented,
            "does not exist",
        ),
    ];
    for (method, content_type, headers, body, code, message) in cases {
        let mut request = raw(method, content_type, body);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let reply = call(Greeter::default(), request).await;
        let outcome = outcome(content_type, &reply);
        assert_eq!(
            outcome.code, code,
            "{method} {content_type} {headers:?}: {}",
            outcome.message
        );
        assert!(
            outcome.message.contains(message),
            "{method} {content_type} {headers:?}: {}",
            outcome.message
        );
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found_and_not_retried_by_http_clients() {
    for (verb, content_type, status) in [
        ("POST", "application/json", 404),
        ("POST", "application/proto", 404),
        ("POST", "text/plain", 404),
        ("GET", "", 404),
    ] {
        let mut request = raw("Nope", content_type, "");
        *request.method_mut() = verb.parse().unwrap();
        assert_eq!(
            call(Greeter::default(), request).await.status,
            status,
            "{verb} {content_type}"
        );
    }
}
