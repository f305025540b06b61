//! Bearer tokens that a callback gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tonic::{Code, Request, Status};

use crate::canned::{Canned, response};
use crate::echo::{self, Client, Echo};

fn ok() -> Vec<u8> {
    response("200 OK", "Content-Type: application/proto\r\n", b"")
}

#[tokio::test]
async fn each_call_and_download_asks_anew_unless_it_has_credentials_of_its_own() {
    let mut server = Canned::serve(ok(), false).await;
    let asked = Arc::new(AtomicU32::new(0));
    let source = {
        let asked = Arc::clone(&asked);
        move || {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            async move { Ok(format!("hunter{number}")) }
        }
    };
    let builder = echo::builder(server.address).bearer_token_from(source);
    assert!(!format!("{builder:?}").contains("hunter"));
    let channel = builder.build().unwrap();
    let mut client = Client::new(channel.clone());
    for number in 0..2 {
        echo::unary(&mut client, Request::new(Echo::default()))
            .await
            .unwrap();
        let (head, _) = server.request().await;
        let line = format!("\r\nauthorization: bearer hunter{number}\r\n");
        assert!(head.contains(&line), "{head}");
    }
    let mut request = Request::new(Echo::default());
    request
        .metadata_mut()
        .insert("authorization", "Basic own".parse().unwrap());
    echo::unary(&mut client, request).await.unwrap();
    let (head, _) = server.request().await;
    assert!(head.contains("\r\nauthorization: basic own\r\n"), "{head}");

    channel.get(&"/part".parse().unwrap(), None).await.unwrap();
    let (head, _) = server.request().await;
    assert!(
        head.contains("\r\nauthorization: bearer hunter2\r\n"),
        "{head}"
    );
    channel
        .get(&"/part".parse().unwrap(), Some("own"))
        .await
        .unwrap();
    let (head, _) = server.request().await;
    assert!(head.contains("\r\nauthorization: bearer own\r\n"), "{head}");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_token_that_cannot_be_had_ends_the_call_and_is_never_shown() {
    let server = Canned::serve(ok(), false).await;
    let refused = echo::builder(server.address)
        .bearer_token_from(|| async { Err(Status::unauthenticated("log in first")) });
    let unsendable =
        echo::builder(server.address).bearer_token_from(|| async { Ok("hunter\n2".to_owned()) });
    for (builder, part) in [
        (refused, "log in first"),
        (unsendable, "no header can carry"),
    ] {
        let mut client = Client::new(builder.build().unwrap());
        let status = echo::unary(&mut client, Request::new(Echo::default()))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert!(status.message().contains(part), "{status:?}");
        assert!(!format!("{status:?}").contains("hunter"), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_token_is_under_the_deadline() {
    let builder = echo::builder("127.0.0.1:9".parse().unwrap())
        .bearer_token_from(std::future::pending)
        .timeout(Duration::from_secs(5));
    let mut client = Client::new(builder.build().unwrap());
    let status = echo::unary(&mut client, Request::new(Echo::default()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}
