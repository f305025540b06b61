//! The service of these tests, and calls of it as tonic generates them.

use http::uri::PathAndQuery;
use tonic::{Request, Response, Status, Streaming};
use tonic_connect::schema::{Idempotency, Method, MethodKind, Service};
use tonic_connect::{Builder, Channel};
use tonic_prost::ProstCodec;

/// Request and response of every method.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Echo {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

impl Echo {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
        }
    }

    pub(crate) fn bytes(text: &str) -> Vec<u8> {
        prost::Message::encode_to_vec(&Self::new(text))
    }
}

pub(crate) const UNARY: &str = "/test.v1.EchoService/Unary";
pub(crate) const SERVER_STREAM: &str = "/test.v1.EchoService/ServerStream";
pub(crate) const CLIENT_STREAM: &str = "/test.v1.EchoService/ClientStream";

pub(crate) static SERVICE: Service = Service {
    name: "test.v1.EchoService",
    methods: &[
        method(UNARY, MethodKind::Unary),
        method(SERVER_STREAM, MethodKind::ServerStreaming),
        method(CLIENT_STREAM, MethodKind::ClientStreaming),
    ],
};

const fn method(path: &'static str, kind: MethodKind) -> Method {
    Method {
        path,
        kind,
        idempotency: Idempotency::Unknown,
    }
}

pub(crate) type Client = tonic::client::Grpc<Channel>;

pub(crate) fn builder(address: std::net::SocketAddr) -> Builder {
    Channel::builder(format_args!("http://{address}")).service(&SERVICE)
}

pub(crate) fn client(address: std::net::SocketAddr) -> Client {
    Client::new(builder(address).build().unwrap())
}

pub(crate) fn path(path: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(path)
}

pub(crate) async fn unary(
    client: &mut Client,
    request: Request<Echo>,
) -> Result<Response<Echo>, Status> {
    client
        .unary(request, path(UNARY), ProstCodec::<Echo, Echo>::new())
        .await
}

pub(crate) async fn stream(
    client: &mut Client,
    request: Request<Echo>,
) -> Result<Response<Streaming<Echo>>, Status> {
    client
        .server_streaming(
            request,
            path(SERVER_STREAM),
            ProstCodec::<Echo, Echo>::new(),
        )
        .await
}

/// Every message of the stream and the status that it ended with; `None` for a good end.
pub(crate) async fn drain(streaming: &mut Streaming<Echo>) -> (Vec<String>, Option<Status>) {
    let mut texts = Vec::new();
    loop {
        match streaming.message().await {
            Ok(Some(message)) => texts.push(message.text),
            Ok(None) => return (texts, None),
            Err(status) => return (texts, Some(status)),
        }
    }
}
