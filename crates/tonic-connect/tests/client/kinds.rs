//! Calls of every kind in every protocol, HTTP version and codec, over a network and without one, by our own client.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_connect::{Client, HttpVersion, Protocol, Trailers};

use crate::greeter::{GreetRequest, GreetResponse, Greeter, SERVICE, named};
use crate::served::{builder, clients, serve};

fn times(name: &str, times: u32) -> Request<GreetRequest> {
    Request::new(GreetRequest {
        times,
        ..named(name)
    })
}

async fn greet(
    client: &Client,
    request: Request<GreetRequest>,
) -> Result<Response<GreetResponse>, Status> {
    client.unary(&SERVICE.methods[0], request).await
}

async fn drain(messages: &mut Streaming<GreetResponse>) -> (Vec<String>, Result<(), Status>) {
    let mut greetings = Vec::new();
    loop {
        match messages.message().await {
            Ok(Some(message)) => greetings.push(message.greeting),
            Ok(None) => return (greetings, Ok(())),
            Err(status) => return (greetings, Err(status)),
        }
    }
}

fn assert_failure(status: &Status, wire: &str) {
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "no such person: Zoë"),
        "{wire}"
    );
    assert_eq!(status.metadata().get("x-why").unwrap(), "moved", "{wire}");
}

#[tokio::test]
async fn one_message_each_way_with_metadata_both_ways() {
    for (wire, client) in clients(serve(Greeter::default()).await) {
        let mut request = Request::new(named("Ada"));
        request
            .metadata_mut()
            .insert("x-sent", "1".parse().unwrap());
        request.set_timeout(Duration::from_secs(60));
        let response = greet(&client, request).await.unwrap();
        assert_eq!(
            response.get_ref().greeting,
            "hello Ada from stranger; ",
            "{wire}"
        );
        assert_eq!(response.metadata().get("x-seen").unwrap(), "1", "{wire}");
        assert_eq!(
            response.metadata().get("x-timeout").unwrap(),
            "60000",
            "{wire}"
        );
        let trailers = response.extensions().get::<Trailers>().unwrap();
        assert_eq!(trailers.0.get("checksum").unwrap(), "c0ffee", "{wire}");
        assert!(response.metadata().get("checksum").is_none(), "{wire}");

        let status = greet(&client, Request::new(named("fail")))
            .await
            .unwrap_err();
        assert_failure(&status, &wire);
    }
}

#[tokio::test]
async fn a_stream_back_that_ends_well_or_with_an_error() {
    for (wire, client) in clients(serve(Greeter::default()).await) {
        for name in ["Ada", "fail"] {
            let response = client
                .server_streaming(&SERVICE.methods[2], times(name, 3))
                .await
                .unwrap();
            assert_eq!(
                response.metadata().get("x-seen").unwrap(),
                "stream",
                "{wire}"
            );
            let mut messages: Streaming<GreetResponse> = response.into_inner();
            let (greetings, end) = drain(&mut messages).await;
            assert_eq!(greetings, ["1", "2", "3"], "{wire}");
            match end {
                Err(status) => assert_failure(&status, &wire),
                Ok(()) => {
                    let trailers = messages.trailers().await.unwrap().unwrap();
                    assert_eq!(trailers.get("checksum").unwrap(), "c0ffee", "{wire}");
                }
            }
        }
        let refused: Result<Response<Streaming<GreetResponse>>, _> = client
            .server_streaming(&SERVICE.methods[2], times("refuse", 3))
            .await;
        let status = match refused {
            Err(status) => status,
            Ok(response) => drain(&mut response.into_inner()).await.1.unwrap_err(),
        };
        assert_failure(&status, &wire);
    }
}

#[tokio::test]
async fn a_stream_there() {
    for (wire, client) in clients(serve(Greeter::default()).await) {
        let collect = async |names: &[&str]| -> Result<Response<GreetResponse>, Status> {
            let names: Vec<_> = names.iter().map(|name| named(name)).collect();
            let requests = Request::new(tokio_stream::iter(names));
            client.client_streaming(&SERVICE.methods[4], requests).await
        };
        for names in [&["a", "b", "c"] as &[&str], &[]] {
            let response = collect(names).await.unwrap();
            assert_eq!(response.into_inner().greeting, names.join("+"), "{wire}");
        }
        assert_failure(&collect(&["a", "fail", "c"]).await.unwrap_err(), &wire);
    }
}

#[tokio::test]
async fn streams_both_ways_one_after_the_other() {
    for (wire, client) in clients(serve(Greeter::default()).await) {
        let requests = Request::new(tokio_stream::iter(["a", "b"].map(named)));
        let response = client
            .bidi_streaming(&SERVICE.methods[3], requests)
            .await
            .unwrap();
        let (greetings, end) = drain(&mut response.into_inner()).await;
        assert_eq!(greetings, ["hello a", "hello b"], "{wire}");
        end.unwrap();
    }
}

#[tokio::test]
async fn over_http_2_each_request_may_wait_for_the_answer_to_the_last() {
    let address = serve(Greeter::default()).await;
    for protocol in [Protocol::Connect, Protocol::Grpc, Protocol::GrpcWeb] {
        let channel = builder(address, (protocol, HttpVersion::Http2))
            .build()
            .unwrap();
        let (requests, body) = mpsc::unbounded_channel();
        requests.send(named("0")).unwrap();
        let mut messages: Streaming<GreetResponse> = Client::new(channel)
            .bidi_streaming(
                &SERVICE.methods[3],
                Request::new(UnboundedReceiverStream::new(body)),
            )
            .await
            .unwrap()
            .into_inner();
        for turn in 1..100 {
            let answer = messages.message().await.unwrap().unwrap();
            assert_eq!(
                answer.greeting,
                format!("hello {}", turn - 1),
                "{protocol:?}"
            );
            requests.send(named(&turn.to_string())).unwrap();
        }
        drop(requests);
        assert_eq!(drain(&mut messages).await.0, ["hello 99"], "{protocol:?}");
    }
}

#[tokio::test]
async fn deadlines_hold_on_this_side_whatever_the_server_does() {
    for (wire, client) in clients(serve(Greeter::default()).await) {
        let mut request = Request::new(named("hang"));
        request.set_timeout(Duration::from_millis(20));
        let status = greet(&client, request).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{wire}: {status:?}");

        let mut request = times("hang", 1);
        request.set_timeout(Duration::from_millis(20));
        let response = client.server_streaming(&SERVICE.methods[2], request).await;
        let status = match response {
            Err(status) => status,
            Ok(response) => drain(&mut response.into_inner()).await.1.unwrap_err(),
        };
        assert_eq!(status.code(), Code::DeadlineExceeded, "{wire}: {status:?}");
    }
}
