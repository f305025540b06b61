//! Plain GETs on a channel: where they go, which headers go with them, how they end.

use futures_util::TryStreamExt;
use http::Uri;
use tonic::{Code, Status};
use tonic_connect::Channel;

use crate::canned::{Canned, response};

async fn read(channel: &Channel, target: &str, token: Option<&str>) -> Result<Vec<u8>, Status> {
    let target: Uri = target.parse().unwrap();
    let chunks: Vec<_> = channel.get(&target, token).await?.try_collect().await?;
    Ok(chunks.concat())
}

fn channel(server: &Canned) -> Channel {
    Channel::builder(format_args!("http://{}/api/", server.address))
        .bearer_token("of-the-channel")
        .header("x-tenant", "acme")
        .user_agent("test/1")
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_channels_headers_go_to_its_own_server_only() {
    let answer = response("200 OK", "", b"downloaded");
    let mut own = Canned::serve(answer.clone(), false).await;
    let mut other = Canned::serve(answer, false).await;
    let channel = channel(&own);
    let (own_url, other_url) = (
        format!("http://{}/elsewhere", own.address),
        format!("http://{}/elsewhere", other.address),
    );
    // Where to, with which token, what is asked for, and what is sent with it.
    for (target, token, path, of_channel, authorization) in [
        (
            "/part?a=b",
            None,
            "/api/part?a=b",
            true,
            Some("of-the-channel"),
        ),
        (
            "/part",
            Some("of-the-call"),
            "/api/part",
            true,
            Some("of-the-call"),
        ),
        (
            own_url.as_str(),
            None,
            "/elsewhere",
            true,
            Some("of-the-channel"),
        ),
        (other_url.as_str(), None, "/elsewhere", false, None),
        (
            other_url.as_str(),
            Some("of-the-call"),
            "/elsewhere",
            false,
            Some("of-the-call"),
        ),
    ] {
        let body = read(&channel, target, token).await.unwrap();
        assert_eq!(body, b"downloaded", "{target}");
        let server = if target == other_url {
            &mut other
        } else {
            &mut own
        };
        let (head, _) = server.request().await;
        assert!(
            head.starts_with(&format!("get {path} http/1.1\r\n")),
            "{head}"
        );
        assert!(head.contains("\r\nuser-agent: test/1\r\n"), "{head}");
        assert_eq!(
            head.contains("\r\nx-tenant: acme\r\n"),
            of_channel,
            "{head}"
        );
        let sent = head
            .lines()
            .find_map(|line| line.strip_prefix("authorization: bearer "));
        assert_eq!(sent, authorization, "{head}");
    }
}

#[tokio::test]
async fn what_is_not_a_download_is_an_error() {
    let json = "Content-Type: application/json\r\n";
    let text = "Content-Type: text/plain; charset=utf-8\r\n";
    let broken = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec();
    for (answer, code, message) in [
        (
            response(
                "404 Not Found",
                json,
                br#"{"code":"not_found","message":"no snapshot"}"#,
            ),
            Code::NotFound,
            "no snapshot",
        ),
        (response("404 Not Found", "", b""), Code::NotFound, "404"),
        (
            response("410 Gone", text, b"deleted\n"),
            Code::NotFound,
            "deleted",
        ),
        (
            response("401 Unauthorized", text, b"expired"),
            Code::Unauthenticated,
            "expired",
        ),
        (
            response("503 Service Unavailable", "", b""),
            Code::Unavailable,
            "503",
        ),
        (
            response("302 Found", "Location: /x\r\n", b""),
            Code::Unknown,
            "302",
        ),
        (broken, Code::Unavailable, "amid the response"),
        (Vec::new(), Code::Unavailable, "before it answered"),
    ] {
        let server = Canned::serve(answer, false).await;
        let error = read(&channel(&server), "/part", None).await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert!(error.message().contains(message), "{error:?}");
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused_unshown() {
    let server = Canned::serve("", false).await;
    let error = read(&channel(&server), "/", Some("se\ncret"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(!format!("{error:?}").contains("cret"), "{error:?}");
}

#[tokio::test]
async fn another_scheme_than_the_channels_is_refused_by_name() {
    let channel = Channel::builder("http://example.com").build().unwrap();
    for target in ["https://example.com/part", "ftp://example.com/part"] {
        let status = read(&channel, target, None).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{target}");
        let scheme = target.split(':').next().unwrap();
        assert!(status.message().starts_with(scheme), "{status:?}");
    }
}

#[tokio::test]
async fn a_target_with_credentials_or_a_port_that_is_none_is_refused_unshown() {
    let channel = Channel::builder("http://example.com").build().unwrap();
    for target in [
        "http://ada:secret@example.com/",
        "http://ada:secret@127.0.0.1:9/",
        "http://127.0.0.1:99999/secret",
    ] {
        let status = read(&channel, target, None).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(!format!("{status:?}").contains("secret"), "{status:?}");
    }
}
