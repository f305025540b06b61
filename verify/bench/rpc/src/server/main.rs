//! One contestant: `rpc-server NAME` serves on a port of its own, writes that to standard output, and ends when its
//! standard input does.

mod connectrpc;
mod plain;
mod service;

use std::error::Error;
use std::future::pending;
use std::io::Read as _;

use bench_rpc::response;
use bench_rpc::v1::bench_service_connect::BenchServiceConnect;
use bench_rpc::v1::bench_service_server::BenchServiceServer;
use prost::Message as _;
use service::Bench;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

type BoxError = Box<dyn Error + Send + Sync>;

// As `#[tokio::main]` has it everywhere: as many workers as cores, which is one here.
#[tokio::main]
async fn main() -> Result<(), BoxError> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        // At once, so that valgrind counts no farewell.
        std::process::exit(0)
    });
    let name = std::env::args().nth(1).unwrap_or_default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    match name.as_str() {
        "hyper-json" => {
            plain::serve(
                listener,
                "application/json",
                serde_json::to_vec(&response())?,
            )
            .await
        }
        "hyper-proto" => {
            plain::serve(listener, "application/proto", response().encode_to_vec()).await
        }
        "tonic" => Ok(tonic::transport::Server::builder()
            .add_service(BenchServiceServer::new(Bench))
            // As its own `serve` listens.
            .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
            .await?),
        "connectrpc" => connectrpc::serve(listener).await,
        "ours" => Ok(tonic_connect::transport::Server::new()
            .serve(listener, BenchServiceConnect::new(Bench), pending())
            .await?),
        other => Err(format!("no contestant is called {other:?}").into()),
    }
}
