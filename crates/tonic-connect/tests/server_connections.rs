//! Real connections: HTTP/1.1 and h2c on one port, tonic's own client, how many there may be.

#![cfg(all(feature = "server", feature = "transport"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use greeter::{
    GreetRequest, GreetResponse, Greeter, STREAMING, UNARY, exchange, named, outcome, post,
};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Code;
use tonic_connect::transport::Server;
use tonic_prost::ProstCodec;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

async fn start(server: Server) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(server.serve(listener, Greeter::default(), async move {
        stopped.await.ok();
    }));
    Running {
        address,
        stop,
        served,
    }
}

fn client(http2: bool) -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build_http()
}

async fn send(
    client: &Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    mut request: Request<Full<Bytes>>,
) -> greeter::Reply {
    *request.uri_mut() = format!("http://{address}{}", request.uri())
        .parse()
        .unwrap();
    // Trailers of HTTP/1.1 are sent to those who ask for them.
    request
        .headers_mut()
        .insert("te", "trailers".parse().unwrap());
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    greeter::Reply {
        status: head.status,
        headers: head.headers,
        data: body.to_bytes(),
        trailers,
    }
}

#[tokio::test]
async fn both_http_versions_serve_every_protocol_on_one_port() {
    let running = start(Server::new()).await;
    for http2 in [false, true] {
        let client = client(http2);
        for (method, content_types) in [("Greet", UNARY), ("Count", STREAMING)] {
            for content_type in content_types {
                for (name, code) in [
                    ("Ada", Code::Ok),
                    ("fail", Code::NotFound),
                    ("panic", Code::Internal),
                ] {
                    let message = GreetRequest {
                        times: 5000,
                        ..named(name)
                    };
                    let reply = send(
                        &client,
                        running.address,
                        post(method, content_type, &message),
                    )
                    .await;
                    let outcome = outcome(content_type, &reply);
                    assert_eq!(
                        outcome.code, code,
                        "http2 {http2} {method} {content_type} {name}"
                    );
                    if !greeter::is_enveloped(content_type) {
                        assert!(
                            reply.headers.contains_key("content-length"),
                            "one body, not a stream of chunks"
                        );
                    }
                }
            }
        }
    }
    running.stop.send(()).unwrap();
    running.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn tonics_own_client_is_served() {
    let running = start(Server::new()).await;
    let endpoint =
        tonic::transport::Endpoint::from_shared(format!("http://{}", running.address)).unwrap();
    let mut grpc = tonic::client::Grpc::new(endpoint.connect().await.unwrap())
        .send_compressed(tonic::codec::CompressionEncoding::Gzip)
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip);
    let codec = ProstCodec::<GreetRequest, GreetResponse>::default;

    for times in [1, 500] {
        grpc.ready().await.unwrap();
        let mut request = tonic::Request::new(GreetRequest {
            times,
            ..named("Ada")
        });
        request
            .metadata_mut()
            .insert("x-sent", "yes".parse().unwrap());
        request.set_timeout(Duration::from_secs(60));
        let response = grpc.unary(
            request,
            Uri::from_static("/greet.v1.Greeter/Greet")
                .into_parts()
                .path_and_query
                .unwrap(),
            codec(),
        );
        let response = response.await.unwrap();
        assert_eq!(response.metadata().get("x-seen").unwrap(), "yes");
        // tonic's client adds the trailers to the metadata.
        assert_eq!(response.metadata().get("checksum").unwrap(), "c0ffee");
        assert_eq!(
            response.get_ref().greeting,
            "hello Ada from stranger; ".repeat(times as usize)
        );
    }

    for (name, code) in [("fail", Code::NotFound), ("panic", Code::Internal)] {
        grpc.ready().await.unwrap();
        let path = Uri::from_static("/greet.v1.Greeter/Greet")
            .into_parts()
            .path_and_query
            .unwrap();
        let status = grpc
            .unary(tonic::Request::new(named(name)), path, codec())
            .await
            .unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        if code == Code::NotFound {
            assert_eq!(status.message(), "no such person: Zoë");
            assert_eq!(status.metadata().get("x-why").unwrap(), "moved");
        }
    }

    for (name, code) in [("", None), ("fail", Some(Code::NotFound))] {
        grpc.ready().await.unwrap();
        let path = Uri::from_static("/greet.v1.Greeter/Count")
            .into_parts()
            .path_and_query
            .unwrap();
        let request = tonic::Request::new(GreetRequest {
            times: 3000,
            ..named(name)
        });
        let mut stream = grpc
            .server_streaming(request, path, codec())
            .await
            .unwrap()
            .into_inner();
        let mut expected = 0;
        let mut end = None;
        while let Some(next) = stream.next().await {
            match next {
                Ok(message) => {
                    expected += 1;
                    assert_eq!(message.greeting, expected.to_string());
                }
                Err(status) => end = Some(status.code()),
            }
        }
        assert_eq!((expected, end), (3000, code));
    }

    // Unknown to the service: gRPC says so in its own way.
    grpc.ready().await.unwrap();
    let path = Uri::from_static("/greet.v1.Greeter/Nope")
        .into_parts()
        .path_and_query
        .unwrap();
    let status = grpc
        .unary(tonic::Request::new(named("Ada")), path, codec())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_connection_outlives_a_panic() {
    let running = start(Server::new()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    for (name, status) in [
        ("panic", "500"),
        ("Ada", "200"),
        ("panic", "500"),
        ("Ada", "200"),
    ] {
        let body = format!(r#"{{"name":"{name}"}}"#);
        assert_eq!(&exchange(&mut stream, &body).await[9..12], status);
    }
}

#[tokio::test]
async fn a_client_that_sends_far_too_much_still_reads_why() {
    let running = start(Server::new()).await;
    let client = client(false);
    let request =
        Request::post("/greet.v1.Greeter/Greet").header("content-type", "application/json");
    let body = Full::new(Bytes::from(vec![b' '; 20 * 1024 * 1024]));
    let reply = send(&client, running.address, request.body(body).unwrap()).await;
    let outcome = outcome("application/json", &reply);
    assert_eq!(outcome.code, Code::ResourceExhausted);
    assert!(
        outcome
            .message
            .contains("20971520 bytes is over the limit of 4194304 bytes"),
        "{}",
        outcome.message
    );
}

#[tokio::test]
async fn a_call_is_dropped_when_its_caller_goes_away() {
    struct Dropped(Option<oneshot::Sender<()>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).ok();
        }
    }
    for http2 in [false, true] {
        let (started, has_started) = oneshot::channel();
        let (dropped, was_dropped) = oneshot::channel();
        let ends = std::sync::Arc::new(std::sync::Mutex::new(Some((
            started,
            Dropped(Some(dropped)),
        ))));
        let service = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
            let (started, dropped) = ends.lock().unwrap().take().unwrap();
            let method = &greeter::SERVICE.methods[0];
            tonic_connect::server::unary(
                &Default::default(),
                method,
                tonic_connect::ProtoAndJson,
                request,
                |_: tonic::Request<GreetRequest>| async move {
                    started.send(()).unwrap();
                    let _dropped = dropped;
                    std::future::pending::<Result<tonic::Response<GreetResponse>, tonic::Status>>()
                        .await
                },
            )
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(Server::new().serve(listener, service, std::future::pending()));
        let client = client(http2);
        let call = tokio::spawn(async move {
            send(
                &client,
                address,
                post("Greet", "application/proto", &named("Ada")),
            )
            .await
        });
        has_started.await.unwrap();
        call.abort();
        was_dropped.await.unwrap();
    }
}

#[tokio::test]
async fn the_service_mounts_in_tonics_routes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = tonic::service::Routes::new(Greeter::default()).prepare();
    tokio::spawn(Server::new().serve(listener, routes, std::future::pending()));
    for http2 in [false, true] {
        let client = client(http2);
        for content_type in [
            "application/json",
            "application/proto",
            "application/grpc-web+json",
        ] {
            let reply = send(&client, address, post("Greet", content_type, &named("Ada"))).await;
            assert_eq!(
                outcome(content_type, &reply).greetings,
                ["hello Ada from stranger; "],
                "{content_type}"
            );
        }
    }
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_closed() {
    let running = start(Server::new().header_read_timeout(Duration::from_millis(50))).await;
    for said in [
        "",
        "PRI * HT",
        "POST /greet",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // Ends only when the server closes.
        stream.read_to_end(&mut rest).await.ok();
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_slot() {
    let running = start(Server::new().max_connections(1)).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    exchange(&mut first, "{}").await;
    let mut second = TcpStream::connect(running.address).await.unwrap();
    let mut waiting = Box::pin(exchange(&mut second, "{}"));
    // The first is served as long as it is there, the second not.
    for _ in 0..3 {
        exchange(&mut first, "{}").await;
        assert!(
            tokio::time::timeout(Duration::ZERO, waiting.as_mut())
                .await
                .is_err()
        );
    }
    drop(first);
    assert!(waiting.await.contains("200 OK"));
}

/// The first bytes of an HTTP/2 client: the preface and empty settings.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn a_peer_that_answers_no_pings_is_closed() {
    let soon = Duration::from_millis(30);
    let running = start(Server::new().http2_keep_alive(Some((soon, soon)))).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(HTTP2).await.unwrap();
    // Ends only when the server closes.
    stream.read_to_end(&mut Vec::new()).await.ok();
}

#[tokio::test]
async fn the_limit_of_concurrent_streams_is_announced() {
    let running = start(Server::new().max_concurrent_streams(7)).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(HTTP2).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "the first frame has the settings");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let streams = settings.chunks(6).find(|setting| setting[1] == 3).unwrap();
    assert_eq!(streams[2..], [0, 0, 0, 7]);
}

#[tokio::test]
async fn without_keep_alive_a_connection_serves_one_call() {
    let running = start(Server::new().http1_keep_alive(false)).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let answer = exchange(&mut stream, "{}").await;
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
}
