//! gRPC-Web, against servers that were written down before.

use tonic::{Code, Request};
use tonic_connect::{Protocol, details};

use crate::canned::{Canned, frame, response};
use crate::echo::{self, Client, Echo};
use crate::greeter::gzip;

const WEB: &str = "Content-Type: application/grpc-web+proto\r\nx-lead: 1\r\n";

async fn client(answer: Vec<u8>) -> (Client, Canned) {
    let server = Canned::serve(answer, false).await;
    let channel = echo::builder(server.address).protocol(Protocol::GrpcWeb);
    (Client::new(channel.build().unwrap()), server)
}

#[tokio::test]
async fn trailers_come_as_the_last_frame_in_any_case_and_compressed_if_they_like() {
    let block = "Grpc-Status:0\r\nX-Trail: 1\r\nx-trail:2\r\n";
    let message = frame(0, Echo::bytes("pong"));
    for (headers, trailers) in [
        (WEB.to_owned(), frame(0x80, block)),
        (
            format!("{WEB}grpc-encoding: gzip\r\n"),
            frame(0x81, gzip(block.as_bytes())),
        ),
    ] {
        let body = [message.clone(), trailers].concat();
        let (mut client, mut server) = client(response("200 OK", &headers, &body)).await;
        let response = echo::unary(&mut client, Request::new(Echo::new("ping")))
            .await
            .unwrap();
        assert_eq!(response.get_ref().text, "pong");
        assert_eq!(response.metadata().get("x-lead").unwrap(), "1");
        let trailers: Vec<_> = response.metadata().get_all("x-trail").iter().collect();
        assert_eq!(trailers, ["1", "2"]);

        let (head, body) = server.request().await;
        assert_eq!(body, frame(0, Echo::bytes("ping")));
        for line in [
            "post /test.v1.echoservice/unary http/1.1",
            "content-type: application/grpc-web+proto",
            "x-grpc-web: 1",
        ] {
            assert!(head.contains(&format!("{line}\r\n")), "{line} in {head}");
        }
        assert!(!head.contains("\r\nte:"), "{head}");
    }
}

#[tokio::test]
async fn an_error_stands_in_the_last_frame_or_in_the_headers() {
    let lines = "grpc-status: 5\r\ngrpc-message: gone%21\r\nx-trail: 1\r\n\
                 grpc-status-details-bin: CAUSABoFCgNhLkI\r\n";
    for answer in [
        response("200 OK", WEB, &frame(0x80, lines)),
        response("200 OK", &format!("{WEB}{lines}"), b""),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
            .to_vec()
            .into_iter()
            .chain(format!("{WEB}{lines}\r\n0\r\n\r\n").into_bytes())
            .collect(),
    ] {
        let (mut client, _server) = client(answer).await;
        let status = echo::unary(&mut client, Request::new(Echo::default()))
            .await
            .unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "gone!"));
        assert_eq!(status.metadata().get("x-trail").unwrap(), "1");
        assert_eq!(details::of(&status)[0].type_name(), "a.B");
    }
}

#[tokio::test]
async fn answers_that_break_the_rules_get_the_codes_of_the_specification() {
    let message = frame(0, Echo::bytes("x"));
    let ok = frame(0x80, "grpc-status: 0\r\n");
    let many: String = (0..20_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = format!("grpc-status: 0\r\n{many}");
    for (name, body, code) in [
        ("nothing", vec![], Code::Internal),
        ("no trailers", message.clone(), Code::Internal),
        (
            "trailers without a status",
            frame(0x80, "a: b\r\n"),
            Code::Unknown,
        ),
        (
            "a line that is no trailer",
            frame(0x80, "grpc-status\r\n"),
            Code::Internal,
        ),
        ("no message", ok.clone(), Code::Unimplemented),
        (
            "two messages",
            [message.clone(), message.clone(), ok.clone()].concat(),
            Code::Unimplemented,
        ),
        (
            "a message after the end",
            [message.clone(), ok.clone(), message.clone()].concat(),
            Code::Internal,
        ),
        ("a truncated message", message[..6].to_vec(), Code::Internal),
        (
            "truncated trailers",
            [message.clone(), ok[..7].to_vec()].concat(),
            Code::Internal,
        ),
        (
            "a compressed message without an encoding",
            frame(1, b"x"),
            Code::Internal,
        ),
        (
            "trailers beyond the limit",
            vec![0x80, 0xff, 0, 0, 0],
            Code::ResourceExhausted,
        ),
        (
            "more trailers than a map of headers holds",
            [message.clone(), frame(0x80, &many)].concat(),
            Code::ResourceExhausted,
        ),
        (
            "a status that is no number",
            frame(0x80, "grpc-status: x\r\n"),
            Code::Unknown,
        ),
    ] {
        let (mut client, _server) = client(response("200 OK", WEB, &body)).await;
        let status = echo::unary(&mut client, Request::new(Echo::default()))
            .await
            .unwrap_err();
        assert_eq!(status.code(), code, "{name}: {status:?}");
    }
    for (status, headers, code) in [
        ("200 OK", "Content-Type: text/html\r\n", Code::Unknown),
        (
            "200 OK",
            "Content-Type: application/grpc-web+json\r\n",
            Code::Internal,
        ),
        (
            "200 OK",
            "Content-Type: application/grpc-web-text\r\n",
            Code::Internal,
        ),
        ("503 Service Unavailable", WEB, Code::Unavailable),
        ("401 Unauthorized", "", Code::Unauthenticated),
    ] {
        let (mut client, _server) = client(response(status, headers, b"")).await;
        let status = echo::unary(&mut client, Request::new(Echo::default()))
            .await
            .unwrap_err();
        assert_eq!(status.code(), code, "{headers}: {status:?}");
    }
}

/// Our generated clients read the answer to a unary call without tonic's.
#[tokio::test]
async fn our_client_sees_what_tonics_sees_and_both_sets_of_metadata_of_an_error() {
    let pong = Echo::bytes("pong");
    let (ok, gone) = ("grpc-status: 0\r\n", "grpc-status: 5\r\nx-lead: 2\r\n");
    for (flags, end, expected) in [
        (0, ok, None),
        (0, gone, Some((Code::NotFound, vec!["1", "2"]))),
        // Neither a message, nor compressed, nor the end.
        (0b100, ok, Some((Code::Internal, vec!["1"]))),
    ] {
        let body = [frame(flags, &pong), frame(0x80, end)].concat();
        let (mut theirs, server) = client(response("200 OK", WEB, &body)).await;
        let channel = echo::builder(server.address).protocol(Protocol::GrpcWeb);
        let ours = tonic_connect::Client::proto_only(channel.build().unwrap());
        let theirs = echo::unary(&mut theirs, Request::new(Echo::default())).await;
        let ours = ours
            .unary::<_, Echo>(&echo::SERVICE.methods[0], Request::new(Echo::default()))
            .await;
        let Some((code, metadata)) = expected else {
            assert_eq!(ours.unwrap().into_inner(), theirs.unwrap().into_inner());
            continue;
        };
        let status = ours.unwrap_err();
        assert_eq!(status.code(), theirs.unwrap_err().code(), "{status:?}");
        assert_eq!(status.code(), code, "{status:?}");
        let leading: Vec<_> = status.metadata().get_all("x-lead").iter().collect();
        assert_eq!(leading, metadata, "{status:?}");
    }
}
