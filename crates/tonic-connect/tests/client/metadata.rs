//! Metadata of errors, which come in the headers and in the trailers of a response, and of requests.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::body::Body;
use tonic::{Code, Request, Status};
use tonic_connect::{Channel, Client, Encoding, ProtoOnly, Protocol};
use tower::service_fn;

use crate::echo::{self, Echo};

/// A client of a service that answers with these headers and trailers, and no message.
fn answering(protocol: Protocol, headers: HeaderMap, trailers: HeaderMap) -> Client<ProtoOnly> {
    let service = service_fn(move |_: http::Request<Body>| {
        let trailers = Frame::<Bytes>::trailers(trailers.clone());
        let body = StreamBody::new(tokio_stream::once(Ok::<_, Infallible>(trailers)));
        let mut response = http::Response::new(body);
        if headers.contains_key("trailer-x-name") {
            *response.status_mut() = http::StatusCode::NOT_FOUND;
        }
        *response.headers_mut() = headers.clone();
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let builder = Channel::builder("http://in.process").protocol(protocol);
    Client::proto_only(builder.build_over(service).unwrap())
}

async fn refused(client: Client<ProtoOnly>) -> Status {
    let request = Request::new(Echo::default());
    let call = client.unary::<_, Echo>(&echo::SERVICE.methods[0], request);
    call.await.unwrap_err()
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    pairs.collect()
}

#[tokio::test]
async fn an_error_has_what_headers_and_trailers_say_under_one_name() {
    for (protocol, leading, trailing) in [
        (
            Protocol::Grpc,
            headers(&[("content-type", "application/grpc"), ("x-name", "header")]),
            headers(&[("grpc-status", "5"), ("x-name", "trailer")]),
        ),
        (
            Protocol::Connect,
            headers(&[("x-name", "header"), ("trailer-x-name", "trailer")]),
            HeaderMap::new(),
        ),
    ] {
        let status = refused(answering(protocol, leading, trailing)).await;
        let values: Vec<_> = status.metadata().get_all("x-name").iter().collect();
        assert_eq!(values, ["header", "trailer"], "{protocol:?} {status:?}");
    }
}

#[tokio::test]
async fn an_error_with_more_metadata_than_a_map_holds_loses_some_of_it() {
    let mut leading = headers(&[("content-type", "application/grpc")]);
    let name = |index| HeaderName::try_from(format!("x-{index}")).unwrap();
    let value = HeaderValue::from_static("header");
    while leading
        .try_append(name(leading.len()), value.clone())
        .is_ok()
    {}
    let trailing = headers(&[("grpc-status", "5"), ("y", "1"), ("z", "2")]);
    let status = refused(answering(Protocol::Grpc, leading, trailing)).await;
    assert_eq!(status.code(), Code::NotFound, "{status:?}");
}

#[tokio::test]
async fn metadata_does_not_say_how_the_messages_of_a_call_are_encoded() {
    for protocol in [Protocol::Connect, Protocol::Grpc, Protocol::GrpcWeb] {
        let (seen, mut requests) = tokio::sync::mpsc::unbounded_channel();
        let service = service_fn(move |request: http::Request<Body>| {
            seen.send(request.into_parts().0.headers).unwrap();
            std::future::ready(Ok::<_, Infallible>(http::Response::new(Body::empty())))
        });
        let builder = Channel::builder("http://in.process").protocol(protocol);
        let builder = builder
            .send_compressed(Encoding::Gzip)
            .compress_min_bytes(0);
        let client = Client::proto_only(builder.build_over(service).unwrap());
        for value in ["br", "x"] {
            let mut request = Request::new(Echo::new("hi"));
            let encoding = value.parse().unwrap();
            request.metadata_mut().insert("grpc-encoding", encoding);
            let call = client.unary::<_, Echo>(&echo::SERVICE.methods[0], request);
            call.await.unwrap_err();
            let headers = requests.recv().await.unwrap();
            let name = match protocol {
                Protocol::Connect => "content-encoding",
                _ => "grpc-encoding",
            };
            let named: Vec<_> = headers.get_all(name).iter().collect();
            assert_eq!(named, ["gzip"], "{protocol:?}");
        }
    }
}
