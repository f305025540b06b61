//! `tonic-peer serve` serves the same implementation as `ours serve` by tonic alone; `call URL` and
//! `prebuilds` call by tonic alone.

mod prebuilds;

use std::process::ExitCode;

use ours::cases::{self, Abilities, TIMED_OUT_BY_TONIC};
use ours::report::Report;
use ours::service::Echo;
use ours::v1::echo_service_client::EchoServiceClient;
use ours::v1::echo_service_server::EchoServiceServer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::transport::{Channel, Server};

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut report = Report::new("grpc");
    match arguments[..] {
        ["serve"] => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("listening on http://{}", listener.local_addr()?);
            let service = EchoServiceServer::new(Echo)
                .accept_compressed(Gzip)
                .send_compressed(Gzip);
            let connections = TcpListenerStream::new(listener);
            Server::builder()
                .add_service(service)
                .serve_with_incoming(connections)
                .await?;
        }
        ["call", url] => {
            let channel = Channel::from_shared(url.to_owned())?.connect().await?;
            let client = EchoServiceClient::new(channel)
                .accept_compressed(Gzip)
                .send_compressed(Gzip);
            let abilities = Abilities {
                full_duplex: true,
                tonic_serves: false,
                timed_out: TIMED_OUT_BY_TONIC,
            };
            cases::run(client, abilities, &mut report).await;
        }
        ["prebuilds"] => {
            let outcome = prebuilds::run()
                .await
                .map_err(|error| error.to_string().into());
            report.case("the life of a prebuild", outcome);
        }
        _ => return Err("usage: tonic-peer serve | call URL | prebuilds".into()),
    }
    Ok(if report.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
