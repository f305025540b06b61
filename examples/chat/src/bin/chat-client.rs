//! Calls methods of all four kinds with the client that tonic generates, over the protocol that is asked for.
//!
//! `cargo run -p example-chat --bin chat-client [URL [connect|grpc|grpc-web]]`

use example_chat::v1::chat_service_client::ChatServiceClient;
use example_chat::v1::chat_service_connect::SERVICE;
use example_chat::v1::{GetRoomRequest, HistoryRequest, Message, SayRequest};
use tonic_connect::{Channel, Protocol};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let protocol = match arguments.next().as_deref() {
        None | Some("connect") => Protocol::Connect,
        Some("grpc") => Protocol::Grpc,
        Some("grpc-web") => Protocol::GrpcWeb,
        Some(other) => {
            return Err(format!("unknown protocol {other}: connect, grpc or grpc-web").into());
        }
    };
    let channel = Channel::builder(url)
        .service(&SERVICE)
        .protocol(protocol)
        .build()?;
    let mut client = ChatServiceClient::new(channel);

    let said = client.say(say("Ada", "hello")).await?.into_inner();
    println!("said: {:?}", said.message.unwrap_or_default().text);

    // What is wrong is said by the rules in the schema.
    let refused = client.say(say("", "who am I?")).await;
    println!(
        "refused: {}",
        refused
            .err()
            .map_or_else(String::new, |status| status.to_string())
    );

    let imported = client
        .import(tokio_stream::iter([
            say("Bob", "hi"),
            say("Ada", "how are you?"),
        ]))
        .await?;
    println!("imported: {}", imported.into_inner().messages);

    let mut heard = client
        .join(tokio_stream::iter([
            say("Eve", "may I join?"),
            say("Eve", "bye"),
        ]))
        .await?
        .into_inner();
    while let Some(message) = heard.message().await? {
        println!("heard: {}: {}", message.author, message.text);
    }

    let room = || "lounge".to_owned();
    let mut history = client
        .history(HistoryRequest {
            room: room(),
            limit: Some(3),
        })
        .await?
        .into_inner();
    while let Some(message) = history.message().await? {
        let time = message
            .time
            .map_or_else(String::new, |time| time.to_string());
        println!("history: {time} {}: {}", message.author, message.text);
    }

    let room = client.get_room(GetRoomRequest { room: room() }).await?;
    println!("authors: {}", room.into_inner().authors.len());
    Ok(())
}

fn say(author: &str, text: &str) -> SayRequest {
    SayRequest {
        room: "lounge".to_owned(),
        message: Some(Message {
            author: author.to_owned(),
            text: text.to_owned(),
            time: None,
        }),
    }
}
