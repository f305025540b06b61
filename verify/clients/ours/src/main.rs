//! `ours serve` is the server that other peers call; `ours call PEER URL` calls another peer's
//! server; `ours descriptors` prints the compiled schema.

use std::io::Write as _;
use std::process::ExitCode;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use ours::cases::{self, Abilities, TIMED_OUT_BY_TONIC};
use ours::report::Report;
use ours::service::Echo;
use ours::typed;
use ours::v1::echo_service_client::EchoServiceClient;
use ours::v1::echo_service_connect::{self, EchoServiceConnect, SERVICE};
use tokio::net::TcpListener;
use tonic::Code;
use tonic_connect::server::Cors;
use tonic_connect::transport::Server;
use tonic_connect::{Channel, Codec, Encoding, HttpVersion, Protocol};

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve"] => serve().await?,
        ["descriptors"] => std::io::stdout().write_all(ours::FILE_DESCRIPTOR_SET)?,
        ["call", server, url] => return call(server, url).await,
        _ => return Err("usage: ours serve | descriptors | call SERVER URL".into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// What pages send and read besides the protocols' own headers.
const METADATA: [HeaderName; 7] = [
    HeaderName::from_static("x-echo"),
    HeaderName::from_static("x-echo-bin"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-version"),
    HeaderName::from_static("x-request-encoding"),
    HeaderName::from_static("x-trailer"),
    HeaderName::from_static("x-trailer-bin"),
];

async fn serve() -> Result<(), Error> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(ours::FILE_DESCRIPTOR_SET)
    };
    let router = Router::new()
        .route_service(
            "/echo.v1.EchoService/{method}",
            EchoServiceConnect::new(Echo),
        )
        .layer(from_fn(reveal))
        .layer(Cors::any_origin().metadata(METADATA).layer())
        .route_service(
            "/grpc.reflection.v1.ServerReflection/{method}",
            reflection().build_v1()?,
        )
        .route_service(
            "/grpc.reflection.v1alpha.ServerReflection/{method}",
            reflection().build_v1alpha()?,
        );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Server::new()
        .serve(listener, router, std::future::pending())
        .await?;
    Ok(())
}

/// Tells the caller what came over the wire: `x-http-method`, `x-http-version`, and in
/// `x-request-encoding` how the request was compressed.
async fn reveal(request: Request, next: Next) -> Response {
    let method = HeaderValue::from_str(request.method().as_str()).ok();
    let version = HeaderValue::from_str(&format!("{:?}", request.version())).ok();
    let encoding = [
        "content-encoding",
        "connect-content-encoding",
        "grpc-encoding",
    ]
    .iter()
    .find_map(|name| request.headers().get(*name).cloned())
    .or_else(|| {
        let compressed = request
            .uri()
            .query()?
            .split('&')
            .find_map(|p| p.strip_prefix("compression="));
        HeaderValue::from_str(compressed?).ok()
    });
    let mut response = next.run(request).await;
    for (name, value) in [
        ("x-http-method", method),
        ("x-http-version", version),
        ("x-request-encoding", encoding),
    ] {
        if let Some(value) = value {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}

async fn call(server: &str, url: &str) -> Result<ExitCode, Error> {
    let tonic_serves = server == "tonic";
    let mut code = ExitCode::SUCCESS;
    for (name, protocol, version) in [
        ("connect h1", Protocol::Connect, HttpVersion::Http1),
        ("connect h2", Protocol::Connect, HttpVersion::Http2),
        ("grpc", Protocol::Grpc, HttpVersion::Http2),
        ("grpc-web h1", Protocol::GrpcWeb, HttpVersion::Http1),
        ("grpc-web h2", Protocol::GrpcWeb, HttpVersion::Http2),
    ] {
        // tonic's own server speaks gRPC only.
        if tonic_serves && protocol != Protocol::Grpc {
            continue;
        }
        let channel = || {
            Channel::builder(url)
                .protocol(protocol)
                .http_version(version)
                .service(&SERVICE)
        };
        let mut report = Report::new(name);
        let full_duplex = version == HttpVersion::Http2;
        let client = EchoServiceClient::new(channel().build()?);
        let timed_out = if tonic_serves {
            TIMED_OUT_BY_TONIC
        } else {
            &[Code::DeadlineExceeded]
        };
        cases::run(
            client,
            Abilities {
                full_duplex,
                tonic_serves,
                timed_out,
            },
            &mut report,
        )
        .await;
        let zipping = EchoServiceClient::new(channel().send_compressed(Encoding::Gzip).build()?);
        report.case("gzip", cases::unary(zipping).await);
        if !tonic_serves {
            let json = echo_service_connect::EchoServiceClient::new(channel().build()?)
                .with_codec(Codec::Json);
            report.case("json unary", typed::unary(&json).await);
            report.case("json client stream", typed::client_stream(&json).await);
            report.case("json stream error", typed::stream_error(&json).await);
            report.case("json error", typed::error(&json).await);
        }
        if protocol == Protocol::Connect {
            let getting =
                echo_service_connect::EchoServiceClient::new(channel().build()?).with_get(true);
            report.case("get", typed::get(&getting).await);
            report.case(
                "json get",
                typed::get(&getting.with_codec(Codec::Json)).await,
            );
        }
        if report.failed() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
