//! Streams of responses over Connect.

use tonic::codec::CompressionEncoding;
use tonic::{Code, Request};

use crate::canned::{Canned, frame, response};
use crate::echo::{self, Client, Echo};

const STREAM: &str = "Content-Type: application/connect+proto\r\n";

/// Some messages, then what stands at the end.
fn stream(end: &[u8]) -> Vec<u8> {
    let body = [&frame(0, Echo::bytes("one")), &frame(0, b""), end].concat();
    response("200 OK", &format!("{STREAM}x-lead: 1\r\n"), &body)
}

#[tokio::test]
async fn messages_come_one_by_one_and_the_end_gives_the_trailers() {
    let mut server = Canned::serve(
        stream(&frame(2, br#"{"metadata":{"x-trail":["2","3"]}}"#)),
        false,
    )
    .await;
    let mut client = echo::client(server.address);
    let response = echo::stream(&mut client, Request::new(Echo::new("ping")))
        .await
        .unwrap();
    assert_eq!(response.metadata().get("x-lead").unwrap(), "1");
    let mut messages = response.into_inner();
    let (texts, status) = echo::drain(&mut messages).await;
    assert_eq!(texts, ["one", ""]);
    assert!(status.is_none(), "{status:?}");
    let trailers = messages.trailers().await.unwrap().unwrap();
    assert_eq!(
        trailers.get_all("x-trail").iter().collect::<Vec<_>>(),
        ["2", "3"]
    );

    let (head, body) = server.request().await;
    assert_eq!(body, frame(0, Echo::bytes("ping")));
    assert!(
        head.contains("\r\ncontent-type: application/connect+proto\r\n"),
        "{head}"
    );
    assert!(
        !head.contains("grpc") && !head.contains("\r\nte:"),
        "{head}"
    );
}

#[tokio::test]
async fn an_error_at_the_end_comes_after_the_messages() {
    let end = br#"{"error":{"code":"data_loss","message":"m","details":[{"type":"a.B","value":"AA"}]},"metadata":{"k":["v"]}}"#;
    let server = Canned::serve(stream(&frame(2, end)), false).await;
    let mut messages = echo::stream(
        &mut echo::client(server.address),
        Request::new(Echo::default()),
    )
    .await
    .unwrap()
    .into_inner();
    let (texts, status) = echo::drain(&mut messages).await;
    let status = status.unwrap();
    assert_eq!(texts, ["one", ""]);
    assert_eq!((status.code(), status.message()), (Code::DataLoss, "m"));
    assert_eq!(tonic_connect::details::of(&status)[0].type_name(), "a.B");
    assert_eq!(status.metadata().get("k").unwrap(), "v");
}

#[tokio::test]
async fn a_stream_that_does_not_end_well_is_an_error() {
    let end = frame(2, b"{}");
    let many: Vec<_> = (0..20_000).map(|n| format!(r#""x-{n}":["y"]"#)).collect();
    let many = many.join(",");
    for (name, tail, code) in [
        ("no end", Vec::new(), Code::Internal),
        ("end within a prefix", vec![0, 0], Code::Internal),
        (
            "end within a message",
            frame(0, b"abc")[..7].to_vec(),
            Code::Internal,
        ),
        ("end within the end", end[..6].to_vec(), Code::Internal),
        ("an end that is no JSON", frame(2, b"{"), Code::Internal),
        ("an empty end", frame(2, b""), Code::Internal),
        (
            "a message after the end",
            [end.clone(), frame(0, b"")].concat(),
            Code::Internal,
        ),
        (
            "two ends",
            [end.clone(), end.clone()].concat(),
            Code::Internal,
        ),
        (
            "a part of a frame after the end",
            [end.clone(), vec![0]].concat(),
            Code::Internal,
        ),
        ("an unknown flag", frame(0x80, b""), Code::Internal),
        (
            "a compressed message though none was asked for",
            frame(1, b"x"),
            Code::Internal,
        ),
        (
            "a compressed end without an encoding",
            frame(3, b"x"),
            Code::Internal,
        ),
        (
            "a length beyond the limit",
            vec![0, 0xff, 0xff, 0xff, 0xff],
            Code::ResourceExhausted,
        ),
        (
            "an end beyond the limit",
            vec![2, 0xff, 0xff, 0xff, 0xff],
            Code::ResourceExhausted,
        ),
        (
            "more trailers than a map of headers holds",
            frame(2, format!(r#"{{"metadata":{{{many}}}}}"#)),
            Code::ResourceExhausted,
        ),
        (
            "an error without a code",
            frame(2, br#"{"error":{}}"#),
            Code::Unknown,
        ),
    ] {
        let server = Canned::serve(stream(&tail), false).await;
        let mut messages = echo::stream(
            &mut echo::client(server.address),
            Request::new(Echo::default()),
        )
        .await
        .unwrap()
        .into_inner();
        let (texts, status) = echo::drain(&mut messages).await;
        assert_eq!(texts, ["one", ""], "{name}");
        assert_eq!(status.map(|status| status.code()), Some(code), "{name}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_amid_a_stream_is_unavailable() {
    let mut answer = stream(&frame(2, b"{}"));
    answer.truncate(answer.len() - 3);
    let server = Canned::serve(answer, false).await;
    let mut messages = echo::stream(
        &mut echo::client(server.address),
        Request::new(Echo::default()),
    )
    .await
    .unwrap()
    .into_inner();
    let (texts, status) = echo::drain(&mut messages).await;
    assert_eq!(texts, ["one", ""]);
    assert_eq!(status.unwrap().code(), Code::Unavailable);
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_an_error_with_its_metadata() {
    for (answer, code) in [
        (
            response("401 Unauthorized", "x-lead: 1\r\n", b""),
            Code::Unauthenticated,
        ),
        (
            response(
                "502 Bad Gateway",
                "x-lead: 1\r\nContent-Type: text/html\r\n",
                b"<html>",
            ),
            Code::Unavailable,
        ),
        (
            response(
                "200 OK",
                "x-lead: 1\r\nContent-Type: application/connect+json\r\n",
                b"",
            ),
            Code::Internal,
        ),
        (
            response(
                "200 OK",
                "x-lead: 1\r\nContent-Type: application/proto\r\n",
                b"",
            ),
            Code::Unknown,
        ),
    ] {
        let server = Canned::serve(answer, false).await;
        let status = echo::stream(
            &mut echo::client(server.address),
            Request::new(Echo::default()),
        )
        .await
        .unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
        assert_eq!(status.metadata().get("x-lead").unwrap(), "1");
    }
}

#[tokio::test]
async fn compressed_messages_and_a_compressed_end_are_read() {
    let gzip = |bytes: &[u8]| {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let end = gzip(br#"{"error":{"code":"aborted"}}"#);
    let body = [
        frame(1, gzip(&Echo::bytes("one"))),
        frame(0, Echo::bytes("two")),
        frame(3, end),
    ]
    .concat();
    let headers = format!("{STREAM}Connect-Content-Encoding: gzip\r\n");
    let mut server = Canned::serve(response("200 OK", &headers, &body), false).await;
    let mut client: Client =
        echo::client(server.address).accept_compressed(CompressionEncoding::Gzip);
    let mut messages = echo::stream(&mut client, Request::new(Echo::default()))
        .await
        .unwrap()
        .into_inner();
    let (texts, status) = echo::drain(&mut messages).await;
    assert_eq!(texts, ["one", "two"]);
    assert_eq!(status.unwrap().code(), Code::Aborted);
    assert!(
        server
            .request()
            .await
            .0
            .contains("\r\nconnect-accept-encoding: gzip")
    );
}
