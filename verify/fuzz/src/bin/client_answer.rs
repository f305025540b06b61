//! An arbitrary response to calls in every protocol: statuses, content types, error JSON and its details, ends of
//! streams, trailers, envelopes, compressed messages. Every call ends with a message or a status, and a call of one
//! message each way with the same over tonic's client as over ours, which reads the response on its own.
#![no_main]

use std::convert::Infallible;

use example_chat::v1::chat_service_client::ChatServiceClient;
use example_chat::v1::{HistoryRequest, SayRequest, SayResponse, chat_service_connect};
use http::HeaderMap;
use prebuilds_fuzz::http::{response, run};
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Response, Status};
use tonic_connect::{Channel, Protocol, Trailers};

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

type Answered = Result<Response<SayResponse>, Status>;
type Seen = (Result<SayResponse, (Code, String, Vec<u8>)>, HeaderMap);

/// What a caller sees of it.
fn outcome(answered: Answered) -> Seen {
    match answered {
        Ok(response) => {
            let (metadata, message, mut extensions) = response.into_parts();
            let mut metadata = metadata.into_headers();
            // tonic's adds the trailers to the headers, and the code; ours has them by themselves.
            metadata.remove("grpc-status");
            if let Some(Trailers(trailers)) = extensions.remove() {
                metadata.extend(trailers.into_headers());
            }
            (Ok(message), metadata)
        }
        Err(mut status) => {
            let metadata = std::mem::take(status.metadata_mut());
            let (message, details) = (status.message().to_owned(), status.details().to_vec());
            (
                Err((status.code(), message, details)),
                metadata.into_headers(),
            )
        }
    }
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if response(input).is_none() {
        return;
    }
    for protocol in [Protocol::Connect, Protocol::Grpc, Protocol::GrpcWeb] {
        let channel = channel(protocol, input);
        let ours = chat_service_connect::ChatServiceClient::new(channel.clone());
        let mut client = ChatServiceClient::new(channel);
        run(async move {
            let theirs = client.say(SayRequest::default()).await;
            let ours = ours.say(Request::new(SayRequest::default())).await;
            match &theirs {
                // tonic's client judges a message before it reads on; ours reads to the end first, which may say something
                // else.
                Err(status)
                    if ["failed to decode Protobuf message", "protocol error: "]
                        .iter()
                        .any(|start| status.message().starts_with(start)) =>
                {
                    assert!(ours.is_err(), "{protocol:?}: {ours:?}");
                }
                _ => {
                    let ((theirs, their_metadata), (ours, our_metadata)) =
                        (outcome(theirs), outcome(ours));
                    assert_eq!(theirs, ours, "{protocol:?}");
                    // An error of ours has the metadata of the headers in any case.
                    for (name, value) in &their_metadata {
                        let ours: Vec<_> = our_metadata.get_all(name).iter().collect();
                        assert!(
                            ours.contains(&value),
                            "{protocol:?}: {name}: {value:?}, {ours:?}"
                        );
                    }
                }
            }
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
