//! tonic's interceptors on a channel, which see the calls of every client.

use std::time::Duration;

use tonic::{Code, Request, Status};

use crate::canned::{Canned, response};
use crate::echo::{self, Client, Echo, SERVICE};

#[tokio::test]
async fn each_call_is_sent_as_the_interceptors_make_it_through_tonics_client_and_ours() {
    let answer = response("200 OK", "Content-Type: application/proto\r\n", b"");
    let mut server = Canned::serve(answer, false).await;
    let channel = echo::builder(server.address)
        .header("x-channel", "channel")
        .interceptor(|mut request: Request<()>| {
            request.set_timeout(Duration::from_secs(7));
            let metadata = request.metadata_mut();
            metadata.insert("x-first", "1".parse().unwrap());
            metadata.insert("x-channel", "first".parse().unwrap());
            // The protocol's own is not theirs.
            metadata.insert("content-type", "text/plain".parse().unwrap());
            Ok(request)
        })
        .interceptor(|mut request: Request<()>| {
            let first = request.metadata().get("x-first").cloned().unwrap();
            request.metadata_mut().insert("x-second", first);
            Ok(request)
        })
        .build()
        .unwrap();
    let ours = tonic_connect::Client::proto_only(channel.clone());
    let mut theirs = Client::new(channel);
    for own in [true, false] {
        let request = Request::new(Echo::default());
        match own {
            true => drop(ours.unary::<_, Echo>(&SERVICE.methods[0], request).await),
            false => drop(echo::unary(&mut theirs, request).await),
        }
        let (head, _) = server.request().await;
        for line in [
            "x-channel: first",
            "x-first: 1",
            "x-second: 1",
            "connect-timeout-ms: 7000",
            "content-type: application/proto",
        ] {
            assert!(
                head.contains(&format!("\r\n{line}\r\n")),
                "{line} in {head}"
            );
        }
    }
}

#[tokio::test]
async fn a_call_that_an_interceptor_refuses_is_not_sent() {
    let mut server = Canned::serve(Vec::new(), false).await;
    let channel = echo::builder(server.address)
        .interceptor(|_: Request<()>| Err(Status::failed_precondition("not today")))
        .build()
        .unwrap();
    let status = echo::unary(&mut Client::new(channel), Request::new(Echo::default()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(status.message(), "not today");
    assert!(server.seen.try_recv().is_err());
}
