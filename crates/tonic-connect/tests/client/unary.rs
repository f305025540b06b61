//! Unary calls over Connect.

use std::io::Write;
use std::time::Duration;

use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use tonic_connect::details::{self, BadRequest};

use crate::canned::{Canned, response};
use crate::echo::{self, Client, Echo};

const PROTO: &str = "Content-Type: application/proto\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_call_is_a_plain_post_and_its_answer_a_message_with_metadata() {
    let headers =
        format!("{PROTO}x-lead: 1\r\nTrailer-x-trail: 2\r\nx-b-bin: AAE\r\ngrpc-status: 5\r\n");
    let mut server = Canned::serve(response("200 OK", &headers, &Echo::bytes("pong")), false).await;
    let mut request = Request::new(Echo::new("ping"));
    request
        .metadata_mut()
        .insert("x-key", "value".parse().unwrap());
    request
        .metadata_mut()
        .insert_bin("x-key-bin", MetadataValue::from_bytes(b"\x00\xff"));
    request.set_timeout(Duration::from_millis(98_765));

    let response = echo::unary(&mut echo::client(server.address), request)
        .await
        .unwrap();
    assert_eq!(response.get_ref().text, "pong");
    assert_eq!(response.metadata().get("x-lead").unwrap(), "1");
    assert_eq!(response.metadata().get("x-trail").unwrap(), "2");
    assert_eq!(
        response
            .metadata()
            .get_bin("x-b-bin")
            .unwrap()
            .to_bytes()
            .unwrap()
            .as_ref(),
        b"\x00\x01"
    );

    let (head, body) = server.request().await;
    assert_eq!(body, Echo::bytes("ping"));
    assert!(
        head.starts_with("post /test.v1.echoservice/unary http/1.1\r\n"),
        "{head}"
    );
    for line in [
        "content-type: application/proto",
        "connect-protocol-version: 1",
        "connect-timeout-ms: 98765",
        "x-key: value",
        "x-key-bin: ap8",
        "content-length: 6",
        "accept-encoding: gzip, zstd, br, deflate",
    ] {
        assert!(
            head.contains(&format!("\r\n{line}\r\n")),
            "{line} in {head}"
        );
    }
    assert!(
        !head.contains("grpc") && !head.contains("\r\nte:") && !head.contains("content-encoding"),
        "{head}"
    );
}

#[tokio::test]
async fn an_empty_message_is_an_empty_body_both_ways() {
    let mut server = Canned::serve(response("200 OK", PROTO, b""), false).await;
    let response = echo::unary(
        &mut echo::client(server.address),
        Request::new(Echo::default()),
    )
    .await
    .unwrap();
    assert_eq!(response.into_inner(), Echo::default());
    assert_eq!(server.request().await.1, b"");
}

#[tokio::test]
async fn an_error_has_its_code_message_details_and_metadata() {
    let body = br#"{"code":"invalid_argument","message":"too short","details":[
        {"type":"google.rpc.BadRequest","value":"ChcKDHNwZWMudGltZW91dBIHdG9vIGxvdw"}]}"#;
    let headers = format!("{JSON}x-lead: 1\r\nTrailer-x-trail: 2\r\n");
    let server = Canned::serve(response("400 Bad Request", &headers, body), false).await;
    let status = echo::unary(
        &mut echo::client(server.address),
        Request::new(Echo::default()),
    )
    .await
    .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "too short")
    );
    let bad: BadRequest = details::of(&status)[0].unpack().unwrap();
    assert_eq!(bad.field_violations[0].field, "spec.timeout");
    assert_eq!(bad.field_violations[0].description, "too low");
    assert_eq!(status.metadata().get("x-lead").unwrap(), "1");
    assert_eq!(status.metadata().get("x-trail").unwrap(), "2");
}

#[tokio::test]
async fn strange_answers_get_the_codes_of_the_specification() {
    let not_found = br#"{"code":"not_found","message":"gone"}"#;
    for (answer, code, part) in [
        (
            response(
                "503 Service Unavailable",
                "Content-Type: text/html\r\n",
                b"<html>",
            ),
            Code::Unavailable,
            "503",
        ),
        (
            response("404 Not Found", "", b""),
            Code::Unimplemented,
            "404",
        ),
        (
            response("302 Found", "Location: /login\r\n", b""),
            Code::Unknown,
            "302",
        ),
        (response("500 X", JSON, b"{\"code\":"), Code::Unknown, "500"),
        // JSON that says it is something else is not an error of Connect.
        (
            response("404 Not Found", "Content-Type: text/plain\r\n", not_found),
            Code::Unimplemented,
            "404",
        ),
        (
            response(
                "404 Not Found",
                "Content-Type: Application/JSON; charset=utf-8\r\n",
                not_found,
            ),
            Code::NotFound,
            "gone",
        ),
        (
            response("200 OK", "Content-Type: text/html\r\n", b"<html>"),
            Code::Unknown,
            "text/html",
        ),
        (
            response("200 OK", JSON, b"{}"),
            Code::Internal,
            "application/json",
        ),
        (response("200 OK", "", b""), Code::Unknown, "content type"),
        (response("200 OK", PROTO, b"\xff"), Code::Internal, ""),
        (
            response(
                "200 OK",
                &format!("{PROTO}Content-Encoding: gzip\r\n"),
                b"x",
            ),
            Code::Internal,
            "gzip",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 9\r\n\r\nabc"
                .to_vec(),
            Code::Unavailable,
            "amid the response",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type".to_vec(),
            Code::Unavailable,
            "before it answered",
        ),
        (
            b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
            Code::Unavailable,
            "before it answered",
        ),
        (Vec::new(), Code::Unavailable, "before it answered"),
    ] {
        let shown = String::from_utf8_lossy(&answer).into_owned();
        let server = Canned::serve(answer, false).await;
        let status = echo::unary(
            &mut echo::client(server.address),
            Request::new(Echo::default()),
        )
        .await
        .unwrap_err();
        assert_eq!(status.code(), code, "{shown}: {status:?}");
        assert!(status.message().contains(part), "{shown}: {status:?}");
    }
}

#[tokio::test]
async fn a_response_beyond_the_limit_is_resource_exhausted_with_and_without_an_announced_length() {
    let large = Echo::bytes(&"x".repeat(100));
    let chunked = format!(
        "HTTP/1.1 200 OK\r\n{PROTO}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        large.len()
    );
    let announced =
        format!("HTTP/1.1 200 OK\r\n{PROTO}Content-Length: 99999999999\r\n\r\n").into_bytes();
    for answer in [
        response("200 OK", PROTO, &large),
        [chunked.as_bytes(), &large, b"\r\n0\r\n\r\n"].concat(),
        announced,
    ] {
        // Held open: the client must not wait for the rest.
        let server = Canned::serve(answer, true).await;
        let channel = echo::builder(server.address)
            .max_response_bytes(large.len() - 1)
            .build()
            .unwrap();
        let status = echo::unary(&mut Client::new(channel), Request::new(Echo::default()))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        assert!(
            status.message().contains("max_response_bytes"),
            "{status:?}"
        );
    }
    let server = Canned::serve(response("200 OK", PROTO, &large), false).await;
    let channel = echo::builder(server.address)
        .max_response_bytes(large.len())
        .build()
        .unwrap();
    echo::unary(&mut Client::new(channel), Request::new(Echo::default()))
        .await
        .unwrap();
}

#[tokio::test]
async fn compression_of_the_client_above_works_both_ways() {
    let headers = format!("{PROTO}Content-Encoding: gzip\r\n");
    let mut server = Canned::serve(
        response("200 OK", &headers, &gzip(&Echo::bytes("pong"))),
        false,
    )
    .await;
    let mut client = echo::client(server.address)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let response = echo::unary(&mut client, Request::new(Echo::new("ping")))
        .await
        .unwrap();
    assert_eq!(response.get_ref().text, "pong");
    let (head, body) = server.request().await;
    assert!(
        head.contains("\r\ncontent-encoding: gzip\r\n")
            && head.contains("\r\naccept-encoding: gzip"),
        "{head}"
    );
    assert_eq!(body[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn a_compressed_error_is_read() {
    let headers = format!("{JSON}Content-Encoding: gzip\r\n");
    let body = gzip(br#"{"code":"aborted","message":"m"}"#);
    let server = Canned::serve(response("409 Conflict", &headers, &body), false).await;
    let mut client = echo::client(server.address).accept_compressed(CompressionEncoding::Gzip);
    let status = echo::unary(&mut client, Request::new(Echo::default()))
        .await
        .unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "m"));
}
