//! Encodings both ways, and what they may not do.

use tonic::{Code, Request, Status};
use tonic_connect::server::Options;
use tonic_connect::{Client, Encoding};

use crate::canned::{Canned, frame, response};
use crate::echo::{self, Client as TonicClient, Echo};
use crate::greeter::{GreetRequest, GreetResponse, Greeter, SERVICE, gzip, named};
use crate::served::{WIRES, builder, serve};

fn long() -> Request<GreetRequest> {
    Request::new(GreetRequest {
        times: 200,
        ..named(&"Ada".repeat(100))
    })
}

#[tokio::test]
async fn every_encoding_goes_both_ways_in_every_protocol() {
    let options = Options::new().compress_min_bytes(0);
    let address = serve(Greeter { options }).await;
    for wire in WIRES {
        for encoding in Encoding::ALL.iter().copied() {
            let channel = builder(address, wire)
                .send_compressed(encoding)
                .accept_compressed([encoding])
                .compress_min_bytes(0)
                .build()
                .unwrap();
            let client = Client::new(channel);
            let response = client.unary(&SERVICE.methods[0], long()).await.unwrap();
            let response: GreetResponse = response.into_inner();
            assert!(response.greeting.len() > 60_000, "{wire:?} {encoding:?}");

            let requests = Request::new(tokio_stream::iter(["a", "b"].map(named)));
            let mut messages = client
                .bidi_streaming(&SERVICE.methods[3], requests)
                .await
                .unwrap()
                .into_inner();
            for expected in ["hello a", "hello b"] {
                let message: GreetResponse = messages.message().await.unwrap().unwrap();
                assert_eq!(message.greeting, expected, "{wire:?} {encoding:?}");
            }
            assert_eq!(messages.message().await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn a_small_message_goes_as_it_is_and_a_large_one_compressed() {
    let answer = response("200 OK", "Content-Type: application/proto\r\n", b"");
    let mut server = Canned::serve(answer, false).await;
    let channel = echo::builder(server.address)
        .send_compressed(Encoding::Gzip)
        .compress_min_bytes(100)
        .build()
        .unwrap();
    let mut client = TonicClient::new(channel);
    for (text, compressed) in [("x".repeat(97), false), ("x".repeat(98), true)] {
        echo::unary(&mut client, Request::new(Echo::new(&text)))
            .await
            .unwrap();
        let (head, body) = server.request().await;
        assert_eq!(head.contains("\r\ncontent-encoding: gzip\r\n"), compressed);
        assert_eq!(body.starts_with(&[0x1f, 0x8b]), compressed);
        assert_eq!(body == Echo::bytes(&text), !compressed);
    }
}

/// What the first message of a stream, or the only one of a unary call, came to.
async fn answered(
    stream: bool,
    headers: &str,
    body: &[u8],
    limit: usize,
) -> Result<String, Status> {
    let server = Canned::serve(response("200 OK", headers, body), false).await;
    let channel = echo::builder(server.address).max_response_bytes(limit);
    let mut client = TonicClient::new(channel.build().unwrap());
    let request = Request::new(Echo::default());
    if !stream {
        let response = echo::unary(&mut client, request).await?;
        return Ok(response.into_inner().text);
    }
    let mut messages = echo::stream(&mut client, request).await?.into_inner();
    Ok(messages.message().await?.unwrap_or_default().text)
}

#[tokio::test]
async fn what_unpacks_beyond_the_limit_is_resource_exhausted_and_what_does_not_unpack_internal() {
    let unary = "Content-Type: application/proto\r\nContent-Encoding: gzip\r\n";
    let stream = "Content-Type: application/connect+proto\r\nConnect-Content-Encoding: gzip\r\n";
    let text = "x".repeat(10_000);
    let packed = gzip(&Echo::bytes(&text));
    let end = frame(2, b"{}");
    let size = Echo::bytes(&text).len();
    for (is_stream, headers, of) in [
        (
            false,
            unary,
            &(|packed: &[u8]| packed.to_vec()) as &dyn Fn(&[u8]) -> Vec<u8>,
        ),
        (true, stream, &|packed: &[u8]| {
            [frame(1, packed), end.clone()].concat()
        }),
    ] {
        let body = of(&packed);
        assert_eq!(
            answered(is_stream, headers, &body, size).await.unwrap(),
            text
        );
        let status = answered(is_stream, headers, &body, size - 1)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        for broken in [&packed[..packed.len() - 9], b"not gzip"] {
            let status = answered(is_stream, headers, &of(broken), size)
                .await
                .unwrap_err();
            assert_eq!(status.code(), Code::Internal, "{status:?}");
            assert!(status.message().contains("gzip"), "{status:?}");
        }
    }
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_internal() {
    let headers = "Content-Type: application/proto\r\nContent-Encoding: deflate\r\n";
    let server = Canned::serve(response("200 OK", headers, b"x"), false).await;
    let channel = echo::builder(server.address).accept_compressed([Encoding::Gzip]);
    let mut client = TonicClient::new(channel.build().unwrap());
    let status = echo::unary(&mut client, Request::new(Echo::default()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("deflate"), "{status:?}");
}
