//! The system asks whether a silent peer is still there. Linux shows in `/proc/net/tcp` when it will do so next.

#![cfg(all(feature = "server", feature = "transport", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod greeter;

use std::net::SocketAddr;
use std::time::Duration;

use greeter::Greeter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic_connect::transport::Server;

/// In how long the system asks the peer of the server's connection whether it is still there, if it does.
fn asks_in(server: SocketAddr, peer: SocketAddr) -> Option<Duration> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let connection = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|columns| {
            let is = |column: &str, port: u16| column.ends_with(&format!(":{port:04X}"));
            is(columns[1], server.port()) && is(columns[2], peer.port())
        })
        .expect("a connection");
    let (timer, hundredths) = connection[5].split_once(':').unwrap();
    let hundredths = u64::from_str_radix(hundredths, 16).unwrap();
    // 2 is that of keep-alive.
    (timer == "02").then(|| Duration::from_millis(10 * hundredths))
}

#[tokio::test]
async fn a_peer_that_is_quiet_for_long_is_asked_whether_it_is_still_there() {
    let minute = Duration::from_secs(60);
    let hour = 60 * minute;
    let most = Duration::from_secs(32_767);
    for (server, expected) in [
        (Server::new(), Some(minute)),
        (Server::new().tcp_keepalive(Some(hour)), Some(hour)),
        (Server::new().tcp_keepalive(Some(Duration::MAX)), Some(most)),
        (Server::new().tcp_keepalive(None), None),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server.serve(listener, Greeter::default(), std::future::pending()));
        let quiet = TcpStream::connect(address).await.unwrap();
        // Accepted later, and closed for what it says.
        let mut other = TcpStream::connect(address).await.unwrap();
        other.write_all(b"no HTTP\r\n\r\n").await.unwrap();
        other.read_to_end(&mut Vec::new()).await.ok();
        let asks_in = asks_in(address, quiet.local_addr().unwrap());
        let (Some(asks_in), Some(expected)) = (asks_in, expected) else {
            assert_eq!(asks_in, expected);
            continue;
        };
        let right = expected / 2..=expected;
        assert!(
            right.contains(&asks_in),
            "{asks_in:?}, and not {expected:?}"
        );
    }
}
