//! An arbitrary response to calls in every protocol: statuses, content types, error JSON and its details, ends of
//! streams, trailers, envelopes, compressed messages. Every call ends with a message or a status.
#![no_main]

use std::convert::Infallible;

use example_chat::v1::chat_service_client::ChatServiceClient;
use example_chat::v1::{HistoryRequest, SayRequest, chat_service_connect};
use prebuilds_fuzz::http::{response, run};
use tokio_stream::StreamExt as _;
use tonic_connect::{Channel, Protocol};

fn channel(protocol: Protocol, input: &[u8]) -> Channel {
    let input = input.to_vec();
    Channel::builder("http://chat.example")
        .protocol(protocol)
        .service(&chat_service_connect::SERVICE)
        .max_response_bytes(1024)
        .build_over(tower::service_fn(move |_| {
            let response = response(&input).expect("was read before");
            std::future::ready(Ok::<_, Infallible>(response))
        }))
        .expect("a channel")
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if response(input).is_none() {
        return;
    }
    for protocol in [Protocol::Connect, Protocol::Grpc, Protocol::GrpcWeb] {
        let mut client = ChatServiceClient::new(channel(protocol, input));
        run(async move {
            let _ = client.say(SayRequest::default()).await;
            if let Ok(answer) = client.history(HistoryRequest::default()).await {
                let mut messages = answer.into_inner();
                while let Some(Ok(_)) = messages.next().await {}
                let _ = messages.trailers().await;
            }
            let _ = client
                .import(tokio_stream::iter([SayRequest::default()]))
                .await;
        });
    }
});
