//! One implementation, not a line changed, behind tonic's own server and behind ours, called over every protocol.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use example_chat::rooms::Rooms;
use example_chat::v1::chat_service_client::ChatServiceClient;
use example_chat::v1::chat_service_connect::{ChatServiceConnect, SERVICE};
use example_chat::v1::chat_service_server::ChatServiceServer;
use example_chat::v1::{GetRoomRequest, HistoryRequest, Message, SayRequest};
use tokio::net::TcpListener;
use tonic::Code;
use tonic_connect::details::{self, BadRequest};
use tonic_connect::transport::Server;
use tonic_connect::{Channel, Protocol};

/// Serves new rooms by the server of this crate, and by tonic's own.
async fn serve() -> [String; 2] {
    let bind = async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    };
    let (listener, ours) = bind().await;
    let service = ChatServiceConnect::new(Rooms::default());
    tokio::spawn(Server::new().serve(listener, service, std::future::pending()));
    let (listener, tonics) = bind().await;
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let service = ChatServiceServer::new(Rooms::default());
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming),
    );
    [ours, tonics]
}

fn client(url: &str, protocol: Protocol) -> ChatServiceClient<Channel> {
    let channel = Channel::builder(url).service(&SERVICE).protocol(protocol);
    ChatServiceClient::new(channel.build().unwrap())
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

#[tokio::test]
async fn one_message_each_way_and_a_stream_back() {
    let [ours, tonics] = serve().await;
    for (url, protocol) in [
        (&ours, Protocol::Connect),
        (&ours, Protocol::Grpc),
        (&ours, Protocol::GrpcWeb),
        (&tonics, Protocol::Grpc),
    ] {
        let mut client = client(url, protocol);
        let said = client.say(say("Ada", "hello")).await.unwrap().into_inner();
        assert!(said.message.unwrap().time.is_some());

        let room = GetRoomRequest {
            room: "lounge".to_owned(),
        };
        let room = client.get_room(room).await.unwrap().into_inner();
        assert!(room.authors["Ada"] > 0, "{protocol:?}");

        let request = HistoryRequest {
            room: "lounge".to_owned(),
            limit: Some(1),
        };
        let mut history = client.history(request).await.unwrap().into_inner();
        assert_eq!(history.message().await.unwrap().unwrap().text, "hello");
        assert_eq!(history.message().await.unwrap(), None);
    }
}

#[tokio::test]
async fn streams_of_requests() {
    let [ours, tonics] = serve().await;
    for (url, protocol) in [
        (&ours, Protocol::Connect),
        (&ours, Protocol::Grpc),
        (&ours, Protocol::GrpcWeb),
        (&tonics, Protocol::Grpc),
    ] {
        let mut client = client(url, protocol);
        let requests = || tokio_stream::iter([say("Ada", "one"), say("Bob", "two")]);
        let imported = client.import(requests()).await.unwrap();
        assert_eq!(imported.into_inner().messages, 2);

        let mut heard = client.join(requests()).await.unwrap().into_inner();
        for expected in ["one", "two"] {
            assert_eq!(heard.message().await.unwrap().unwrap().text, expected);
        }
        assert_eq!(heard.message().await.unwrap(), None);
    }
}

#[tokio::test]
async fn errors_carry_their_details() {
    let [ours, tonics] = serve().await;
    for (url, protocol) in [
        (&ours, Protocol::Connect),
        (&ours, Protocol::Grpc),
        (&ours, Protocol::GrpcWeb),
        (&tonics, Protocol::Grpc),
    ] {
        let mut client = client(url, protocol);
        let status = client.say(say("", "hello")).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let detail: BadRequest = details::of(&status)[0].unpack().unwrap();
        assert_eq!(detail.field_violations[0].field, "message.author");

        let room = GetRoomRequest {
            room: "cellar".to_owned(),
        };
        let status = client.get_room(room).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::NotFound, "there is no room \"cellar\"")
        );
    }
}
