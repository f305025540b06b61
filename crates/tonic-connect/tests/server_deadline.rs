//! Deadlines over real connections whose peers do not read: the transport asks for nothing more, and time goes on.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use greeter::{GreetRequest, GreetResponse, SERVICE, envelope};
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tonic::{Response, Status};
use tonic_connect::ProtoAndJson;
use tonic_connect::server::Options;
use tonic_connect::transport::Server;

/// Notifies when it is dropped.
struct Resource(Arc<Notify>);

impl Drop for Resource {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Streams without end, and holds something meanwhile: what is notified when that is free.
async fn serve(options: Options) -> (SocketAddr, Arc<Notify>) {
    let freed = Arc::new(Notify::new());
    let shared = Arc::clone(&freed);
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let resource = Resource(Arc::clone(&shared));
        let method = &SERVICE.methods[2];
        let stream = |_: tonic::Request<GreetRequest>| async move {
            let messages = stream::repeat_with(move || {
                let _held = &resource;
                let greeting = "x".repeat(64 * 1024);
                Ok::<_, Status>(GreetResponse { greeting })
            });
            Ok(Response::new(messages))
        };
        tonic_connect::server::server_streaming(&options, method, ProtoAndJson, request, stream)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().serve(listener, service, std::future::pending()));
    (address, freed)
}

fn request(timeout: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = Request::post("http://x/greet.v1.Greeter/Count")
        .header("host", "x")
        .header("content-type", "application/connect+json");
    if let Some(timeout) = timeout {
        request = request.header("connect-timeout-ms", timeout);
    }
    let body = envelope(0, b"{}");
    request.body(Full::new(body.into())).unwrap()
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_dropped_at_its_deadline() {
    let moment = Duration::from_millis(50);
    for (timeout, options) in [
        (Some("50"), Options::new()),
        (None, Options::new().max_deadline(moment)),
    ] {
        let (address, freed) = serve(options).await;
        let io = || async { TokioIo::new(TcpStream::connect(address).await.unwrap()) };

        let (mut sender, connection) = http1::handshake(io().await).await.unwrap();
        tokio::spawn(connection);
        let unread = sender.send_request(request(timeout)).await.unwrap();
        freed.notified().await;
        drop(unread);

        let executor = TokioExecutor::new();
        let (mut sender, connection) = http2::handshake(executor, io().await).await.unwrap();
        tokio::spawn(connection);
        let unread = sender.send_request(request(timeout)).await.unwrap();
        freed.notified().await;
        drop(unread);
    }
}
