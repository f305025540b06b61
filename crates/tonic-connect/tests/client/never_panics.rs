//! Whatever a server answers, a call comes to an end, and none of it is a panic.

use std::convert::Infallible;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use proptest::prelude::*;
use tonic::{Request, Response, Streaming};
use tonic_connect::{Channel, Client, Codec, Protocol};
use tower::service_fn;

use crate::canned::frame;
use crate::greeter::{GreetResponse, SERVICE, named};

const CONTENT_TYPES: [&str; 9] = [
    "application/proto",
    "application/json",
    "application/connect+proto",
    "application/connect+json",
    "application/grpc",
    "application/grpc+json",
    "application/grpc-web+proto",
    "application/grpc-web+json",
    "text/html",
];
const ENCODINGS: [&str; 6] = ["identity", "gzip", "zstd", "br", "deflate", "x"];

/// Frames that look right now and then, and anything else.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        Just(Vec::new()),
        Just(b"\x0a\x02hi".to_vec()),
        Just(br#"{"greeting":"hi"}"#.to_vec()),
        Just(br#"{"code":"aborted","details":[{"type":"a","value":"!"}]}"#.to_vec()),
        Just(br#"{"error":{"code":"x"},"metadata":{"a":["b"],"\u0000":["c"]}}"#.to_vec()),
        Just(b"grpc-status: 0\r\n".to_vec()),
        Just(b"grpc-status: 7\r\ngrpc-message: %zz\r\ngrpc-status-details-bin: !\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    let flags = prop::sample::select(vec![0u8, 0, 0, 1, 2, 3, 0x80, 0x81, 0xff]);
    let part = prop_oneof![
        3 => (flags, message).prop_map(|(flags, message)| frame(flags, message)),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_answer_panics(
        status in prop::sample::select(vec![200u16, 200, 200, 204, 304, 400, 401, 503, 999]),
        content_type in prop::sample::select(CONTENT_TYPES.to_vec()),
        encoding in prop::sample::select(ENCODINGS.to_vec()),
        header in prop::sample::select(vec!["x", "grpc-status", "grpc-status-details-bin", "trailer-x-bin"]),
        value in "[ -~]{0,8}",
        body in bodies(),
        piece in 1usize..64,
        trailers in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for protocol in [Protocol::Connect, Protocol::Grpc, Protocol::GrpcWeb] {
            for codec in [Codec::Proto, Codec::Json] {
                let (body, value) = (body.clone(), value.clone());
                let service = service_fn(move |_| {
                    let mut frames: Vec<Result<Frame<Bytes>, Infallible>> = body
                        .chunks(piece)
                        .map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk))))
                        .collect();
                    let mut response = http::Response::builder().status(status);
                    for name in ["content-encoding", "connect-content-encoding", "grpc-encoding"] {
                        response = response.header(name, encoding);
                    }
                    let response = response.header("content-type", content_type).header(header, &value);
                    if trailers {
                        let trailers = [(http::HeaderName::from_static("grpc-status"), value.parse().unwrap())];
                        frames.push(Ok(Frame::trailers(trailers.into_iter().collect())));
                    }
                    let body = StreamBody::new(tokio_stream::iter(frames));
                    std::future::ready(Ok::<_, Infallible>(response.body(body).unwrap()))
                });
                let channel = Channel::builder("http://in.process").protocol(protocol).max_response_bytes(1000);
                let client = Client::new(channel.build_over(service).unwrap()).codec(codec);
                runtime.block_on(async {
                    let _: Result<Response<GreetResponse>, _> =
                        client.unary(&SERVICE.methods[0], Request::new(named("Ada"))).await;
                    let stream: Result<Response<Streaming<GreetResponse>>, _> =
                        client.server_streaming(&SERVICE.methods[2], Request::new(named("Ada"))).await;
                    if let Ok(response) = stream {
                        let mut messages = response.into_inner();
                        while let Ok(Some(_)) = messages.message().await {}
                        let _ = messages.trailers().await;
                    }
                });
            }
        }
    }
}
