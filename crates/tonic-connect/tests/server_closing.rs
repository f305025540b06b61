//! Connections that the server asks to close, at shutdown and when they are old: calls that run end in peace, and nobody
//! holds the server up.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greeter::{GreetRequest, GreetResponse, Greeter, exchange, named, post};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tonic_connect::codegen::Service;
use tonic_connect::server::Body;
use tonic_connect::transport::{ClientCertificates, Server, ServerTls};

/// Longer than any test.
const HOUR: Duration = Duration::from_secs(60 * 60);

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

async fn start(server: Server) -> Running {
    start_with(server, Greeter::default()).await
}

/// A server whose calls of the name `wait` do so.
async fn start_waiting(server: Server, begun: &Arc<Notify>, may_end: &Arc<Notify>) -> Running {
    let shared = (Arc::clone(begun), Arc::clone(may_end));
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let (begun, may_end) = shared.clone();
        tonic_connect::server::unary(
            &Default::default(),
            &greeter::SERVICE.methods[0],
            tonic_connect::ProtoAndJson,
            request,
            |request: tonic::Request<GreetRequest>| async move {
                if request.get_ref().name == "wait" {
                    begun.notify_one();
                    may_end.notified().await;
                }
                Ok(tonic::Response::new(GreetResponse::default()))
            },
        )
    });
    start_with(server, service).await
}

async fn start_with<S>(server: Server, service: S) -> Running
where
    S: Service<Request<Incoming>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(server.serve(listener, service, async move {
        stopped.await.ok();
    }));
    Running {
        address,
        stop,
        served,
    }
}

fn tls() -> ServerTls {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let key = key.serialize_pem();
    ServerTls::from_pem(
        certificate.as_bytes(),
        key.as_bytes(),
        ClientCertificates::None,
    )
    .unwrap()
}

#[tokio::test]
async fn shutdown_lets_calls_end_and_takes_no_more() {
    let running = start(Server::new()).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    exchange(&mut idle, "{}").await;
    // A call that has begun: its body is on the way.
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    exchange(&mut busy, "{}").await;
    let head = "POST /greet.v1.Greeter/Greet HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                expect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    busy.write_all(head.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        busy.read_buf(&mut response).await.unwrap();
    }
    assert!(
        response.starts_with(b"HTTP/1.1 100"),
        "the server waits for the body"
    );

    running.stop.send(()).unwrap();
    assert_eq!(
        idle.read(&mut [0; 16]).await.unwrap(),
        0,
        "an idle connection is closed"
    );
    assert!(!running.served.is_finished());
    assert!(
        TcpStream::connect(running.address).await.is_err(),
        "nobody listens"
    );
    busy.write_all(b"{}").await.unwrap();
    let mut response = String::new();
    busy.read_to_string(&mut response).await.unwrap();
    assert!(
        response.starts_with("HTTP/1.1 200") && response.ends_with("}"),
        "{response}"
    );
    running.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_closes_what_does_not_end_in_time() {
    let running = start(Server::new().drain(Duration::from_millis(50))).await;
    let mut stuck = TcpStream::connect(running.address).await.unwrap();
    exchange(&mut stuck, "{}").await;
    let body = r#"{"name":"hang"}"#;
    let request = format!(
        "POST /greet.v1.Greeter/Greet HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stuck.write_all(request.as_bytes()).await.unwrap();
    running.stop.send(()).unwrap();
    running.served.await.unwrap().unwrap();
    assert_eq!(stuck.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_peer_that_has_not_begun_a_call() {
    let patient = Server::new().header_read_timeout(HOUR).drain(HOUR);
    for (server, said) in [
        (patient.clone(), ""),
        (patient.clone(), "PRI * HT"),
        (patient.clone().tls(tls()), ""),
        (patient.tls(tls()), "\x16\x03\x01"),
    ] {
        let running = start(server).await;
        let mut silent = TcpStream::connect(running.address).await.unwrap();
        silent.write_all(said.as_bytes()).await.unwrap();
        // Accepted later, and closed for what it says.
        let mut other = TcpStream::connect(running.address).await.unwrap();
        other.write_all(b"neither\r\n\r\n").await.unwrap();
        other.read_to_end(&mut Vec::new()).await.ok();
        running.stop.send(()).unwrap();
        running.served.await.unwrap().unwrap();
        assert_eq!(silent.read(&mut [0; 16]).await.unwrap_or(0), 0);
    }
}

#[tokio::test]
async fn connections_are_asked_to_close_when_they_are_old() {
    let server = Server::new().max_connection_age(Duration::from_millis(100));
    let running = start(server).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    exchange(&mut idle, "{}").await;
    assert_eq!(idle.read(&mut [0; 16]).await.unwrap(), 0);

    // A call that runs has its grace, and is the last.
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    let head = "POST /greet.v1.Greeter/Greet HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 2\r\n\r\n{";
    busy.write_all(head.as_bytes()).await.unwrap();
    let mut younger = TcpStream::connect(running.address).await.unwrap();
    exchange(&mut younger, "{}").await;
    let mut younger = TcpStream::connect(running.address).await.unwrap();
    exchange(&mut younger, "{}").await;
    assert_eq!(younger.read(&mut [0; 16]).await.unwrap(), 0);
    busy.write_all(b"}").await.unwrap();
    let mut response = String::new();
    busy.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
}

#[tokio::test]
async fn an_old_connection_is_closed_when_its_calls_do_not_end() {
    let server = Server::new()
        .max_connection_age(Duration::from_millis(20))
        .max_connection_age_grace(Duration::from_millis(20));
    let running = start(server).await;
    for http2 in [false, true] {
        let client = Client::builder(TokioExecutor::new())
            .http2_only(http2)
            .build_http();
        let uri = format!("http://{}/greet.v1.Greeter/Greet", running.address);
        let mut request = post("Greet", "application/proto", &named("hang"));
        *request.uri_mut() = uri.parse().unwrap();
        client.request(request).await.unwrap_err();
    }
}

/// Sends a call over HTTP/2; its status, or that it is refused.
async fn send(client: &mut SendRequest<Full<Bytes>>, name: &str) -> hyper::Result<StatusCode> {
    let mut request = post("Greet", "application/json", &named(name));
    *request.uri_mut() = "http://x/greet.v1.Greeter/Greet".parse().unwrap();
    Ok(client.send_request(request).await?.status())
}

#[tokio::test]
async fn over_http2_the_call_that_runs_ends_in_peace_and_no_other_begins() {
    let patient = Server::new().drain(HOUR).max_connection_age_grace(HOUR);
    let young = Duration::from_millis(50);
    for (server, shuts_down) in [
        (patient.clone(), true),
        (patient.max_connection_age(young), false),
    ] {
        let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let running = start_waiting(server, &begun, &may_end).await;
        let stream = TokioIo::new(TcpStream::connect(running.address).await.unwrap());
        let (mut client, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let mut waiting = client.clone();
        let waiting = tokio::spawn(async move { send(&mut waiting, "wait").await });
        begun.notified().await;

        let mut stop = Some(running.stop);
        if shuts_down {
            stop.take().unwrap().send(()).unwrap();
        }
        // Those that come before the client knows are answered.
        while let Ok(status) = send(&mut client, "Ada").await {
            assert_eq!(status, 200);
        }
        may_end.notify_one();
        assert_eq!(waiting.await.unwrap().unwrap(), 200);
        drop((client, stop));
        running.served.await.unwrap().unwrap();
    }
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let head = [0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
    [&head, payload].concat()
}

/// Reads frames until there is one of this kind; an error when the connection ends first.
async fn read_frame(stream: &mut TcpStream, kind: u8) -> std::io::Result<()> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await?;
        if head[3] == kind {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_first_call_that_comes_when_its_connection_is_asked_to_close_is_served() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let soon = Server::new().header_read_timeout(Duration::from_millis(300));
    let running = start_waiting(soon, &begun, &may_end).await;
    let hello = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &frame(SETTINGS, 0, 0, b"")[..],
    ]
    .concat();
    let mut late = TcpStream::connect(running.address).await.unwrap();
    late.write_all(&hello).await.unwrap();
    read_frame(&mut late, GOAWAY).await.unwrap();
    // POST, http, and three headers that are spelled out (RFC 7541 section 6.2.2).
    let headers = [
        &b"\x83\x86\x01\x01x"[..],
        b"\x04\x17/greet.v1.Greeter/Greet",
        b"\x0f\x10\x10application/json",
    ];
    let call = [
        frame(HEADERS, 4, 1, &headers.concat()),
        frame(DATA, 1, 1, br#"{"name":"wait"}"#),
    ];
    late.write_all(&call.concat()).await.unwrap();
    begun.notified().await;
    // The time of whoever was asked before is over when one that sends no call is closed.
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    silent.write_all(&hello).await.unwrap();
    silent.read_to_end(&mut Vec::new()).await.ok();
    may_end.notify_one();
    read_frame(&mut late, HEADERS).await.unwrap();
}
