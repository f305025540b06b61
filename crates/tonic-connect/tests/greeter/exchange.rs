//! A call over a connection that the test holds.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One JSON call over an HTTP/1.1 connection.
pub async fn exchange(stream: &mut TcpStream, body: &str) -> String {
    let request = format!(
        "POST /greet.v1.Greeter/Greet HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut response).await.unwrap(), 0, "closed");
    }
    String::from_utf8(response).unwrap()
}
