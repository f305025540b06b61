//! Serves the chat over Connect, gRPC and gRPC-Web, proto and JSON, on one port.
//!
//! `cargo run -p example-chat --bin chat-server [ADDRESS]`

use example_chat::rooms::Rooms;
use example_chat::v1::chat_service_connect::ChatServiceConnect;
use example_chat::v1::register_json_types;
use tokio::net::TcpListener;
use tonic_connect::transport::Server;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // So that error details are readable in JSON.
    register_json_types();
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8080")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let stop = async {
        // Without signals there is nothing to wait for but the end of the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Server::new()
        .serve(listener, ChatServiceConnect::new(Rooms::default()), stop)
        .await
}
