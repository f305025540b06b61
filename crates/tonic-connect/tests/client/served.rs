//! The greeter behind a real listener of ours, and in this process; and clients of it.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tonic_connect::transport::Server;
use tonic_connect::{Builder, Channel, Client, Codec, HttpVersion, Protocol};

use crate::greeter::Greeter;

/// Serves `greeter` for as long as the test runs.
pub(crate) async fn serve(greeter: Greeter) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().serve(listener, greeter, std::future::pending()));
    address
}

/// Every protocol over every HTTP that carries it.
pub(crate) const WIRES: [(Protocol, HttpVersion); 5] = [
    (Protocol::Connect, HttpVersion::Http1),
    (Protocol::Connect, HttpVersion::Http2),
    (Protocol::Grpc, HttpVersion::Http2),
    (Protocol::GrpcWeb, HttpVersion::Http1),
    (Protocol::GrpcWeb, HttpVersion::Http2),
];

pub(crate) fn builder(
    address: SocketAddr,
    (protocol, version): (Protocol, HttpVersion),
) -> Builder {
    Channel::builder(format_args!("http://{address}"))
        .protocol(protocol)
        .http_version(version)
}

/// Clients over every wire to `address`, and over every protocol to a greeter in this process, in both codecs.
pub(crate) fn clients(address: SocketAddr) -> Vec<(String, Client)> {
    let mut channels = Vec::new();
    for wire in WIRES {
        let name = format!("{wire:?}");
        channels.push((name, builder(address, wire).build().unwrap()));
    }
    for protocol in [Protocol::Connect, Protocol::Grpc, Protocol::GrpcWeb] {
        let builder = Channel::builder("http://in.process").protocol(protocol);
        let channel = builder.build_over(Greeter::default()).unwrap();
        channels.push((format!("{protocol:?} in process"), channel));
    }
    let codecs = [Codec::Proto, Codec::Json];
    channels
        .into_iter()
        .flat_map(|(name, channel)| {
            codecs.map(|codec| {
                let client = Client::new(channel.clone()).codec(codec);
                (format!("{name} {codec:?}"), client)
            })
        })
        .collect()
}
