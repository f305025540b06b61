//! What the builder takes and refuses.

use tonic::{Code, Request};
use tonic_connect::{Channel, HttpVersion, Protocol};

use crate::canned::{Canned, response};
use crate::echo::{self, Client, Echo, SERVICE};

#[tokio::test]
async fn urls_that_cannot_be_called_are_refused_by_name() {
    for (url, part) in [
        ("", "is not a URL"),
        ("not a url", "is not a URL"),
        ("/api", "has no scheme"),
        ("example.com", "has no scheme"),
        ("ftp://example.com", "another scheme"),
        ("http://example.com/api?x=1", "has a query"),
        ("http://user:hunter2@example.com", "carries credentials"),
        ("ht tp://user:hunter2@example.com", "is not a URL"),
        ("http://user:hun/ter2@example.com", "has a port that is not"),
        (
            "http://user:hun?ter2@example.com:1",
            "has a port that is not",
        ),
        ("http://example.com:99999", "has a port that is not"),
        ("http://example.com:80abc", "has a port that is not"),
        ("http://[::1]:x", "has a port that is not"),
        ("http://:80", "has no host"),
    ] {
        let error = Channel::builder(url).build().unwrap_err().to_string();
        assert!(error.contains(part), "{url}: {error}");
        assert!(!error.contains("hun"), "{error}");
        let shown = url.split("user").next().unwrap();
        assert!(error.contains(shown), "{error}");
    }
}

#[tokio::test]
async fn headers_that_cannot_be_sent_are_refused_without_their_values() {
    let builder = || Channel::builder("http://example.com");
    for (builder, name) in [
        (builder().header("bad name", "hunter2"), "bad name"),
        (builder().header("x", "hunter2\n"), "x"),
        (builder().bearer_token("hunter2\r\n"), "authorization"),
        (builder().user_agent("hunter2\0"), "user-agent"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(
            error.contains(&format!("{name:?}")) && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn headers_that_say_how_a_message_is_sent_are_the_channels_own() {
    for name in ["Content-Length", "te", "grpc-timeout", "content-encoding"] {
        let builder = Channel::builder("http://example.com").header(name, "1");
        let error = builder.build().unwrap_err().to_string();
        let shown = format!("header {} belongs to the protocols", name.to_lowercase());
        assert!(error.starts_with(&shown), "{error}");
    }
    // A gateway may pass on the metadata of a call that it got: these are left out.
    for protocol in [Protocol::Connect, Protocol::GrpcWeb] {
        let mut server = Canned::serve(response("503 x", "", b""), false).await;
        let channel = echo::builder(server.address).protocol(protocol);
        let channel = channel.http_version(HttpVersion::Http1);
        let mut request = Request::new(Echo::new("all of it"));
        let names = [
            "content-length",
            "transfer-encoding",
            "content-encoding",
            "connect-timeout-ms",
            "expect",
            "host",
            "grpc-status",
            "upgrade",
        ];
        for name in names {
            request.metadata_mut().insert(name, "3".parse().unwrap());
        }
        request.metadata_mut().insert("x-own", "3".parse().unwrap());
        let mut client = Client::new(channel.build().unwrap());
        echo::unary(&mut client, request).await.unwrap_err();
        let (head, body) = server.request().await;
        assert!(body.ends_with(&Echo::bytes("all of it")), "{body:?}");
        let of_metadata: Vec<_> = head.lines().filter(|line| line.ends_with(": 3")).collect();
        assert_eq!(of_metadata, ["x-own: 3"], "{head}");
    }
}

#[tokio::test]
async fn a_user_agent_among_the_headers_is_sent() {
    let mut server = Canned::serve(response("503 x", "", b""), false).await;
    let channel = echo::builder(server.address).header("user-agent", "mine/1");
    let mut client = Client::new(channel.build().unwrap());
    let _ = echo::unary(&mut client, Request::new(Echo::default())).await;
    let (head, _) = server.request().await;
    assert!(head.contains("\r\nuser-agent: mine/1\r\n"), "{head}");
}

#[tokio::test]
async fn a_path_that_tonics_client_was_given_goes_before_the_methods() {
    let mut server = Canned::serve(response("503 x", "", b""), false).await;
    let channel = echo::builder(server.address).build().unwrap();
    let origin = format!("http://{}/api", server.address).parse().unwrap();
    let mut client = Client::with_origin(channel, origin);
    let _ = echo::unary(&mut client, Request::new(Echo::default())).await;
    let (head, _) = server.request().await;
    assert!(
        head.starts_with("post /api/test.v1.echoservice/unary http/1.1"),
        "{head}"
    );
}

#[tokio::test]
async fn secrets_are_in_no_debug_output() {
    let builder = Channel::builder("http://example.com/api")
        .bearer_token("hunter2")
        .header("x-key", "hunter2");
    let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap());
    assert!(
        shown.contains("http://example.com/api") && !shown.contains("hunter2"),
        "{shown}"
    );
    let shown = format!("{:?}", Channel::builder("http://user:hunter2@example.com"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn the_channels_headers_are_sent_and_a_calls_metadata_goes_before_them() {
    let mut server = Canned::serve(
        response("200 OK", "Content-Type: application/proto\r\n", b""),
        false,
    )
    .await;
    let channel = Channel::builder(format!("http://{}/api/", server.address))
        .service(&SERVICE)
        .bearer_token("token")
        .header("x-a", "1")
        .header("x-a", "2")
        .header("x-b", "3")
        .build()
        .unwrap();
    let mut client = Client::new(channel);

    echo::unary(&mut client, Request::new(Echo::default()))
        .await
        .unwrap();
    let (head, _) = server.request().await;
    assert!(
        head.starts_with("post /api/test.v1.echoservice/unary http/1.1\r\n"),
        "{head}"
    );
    for line in [
        "authorization: bearer token",
        "x-a: 1",
        "x-a: 2",
        "x-b: 3",
        "user-agent: tonic-connect/",
    ] {
        assert!(head.contains(&format!("\r\n{line}")), "{line} in {head}");
    }

    let mut request = Request::new(Echo::default());
    request
        .metadata_mut()
        .insert("authorization", "Basic x".parse().unwrap());
    request.metadata_mut().insert("x-a", "own".parse().unwrap());
    request
        .metadata_mut()
        .insert("user-agent", "mine".parse().unwrap());
    echo::unary(&mut client, request).await.unwrap();
    let (head, _) = server.request().await;
    for line in [
        "authorization: basic x\r\n",
        "x-a: own\r\n",
        "x-b: 3\r\n",
        "user-agent: mine\r\n",
    ] {
        assert!(head.contains(&format!("\r\n{line}")), "{line} in {head}");
    }
    assert!(
        !head.contains("bearer") && !head.contains("x-a: 1"),
        "{head}"
    );
}

#[tokio::test]
async fn a_refused_connection_is_unavailable_and_names_the_address_and_the_reason() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for protocol in [Protocol::Connect, Protocol::Grpc] {
        let mut client = Client::new(echo::builder(address).protocol(protocol).build().unwrap());
        let status = echo::unary(&mut client, Request::new(Echo::default()))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(
            status.message().contains(&address.to_string()),
            "{status:?}"
        );
        assert!(
            status.message().contains("Connection refused"),
            "{status:?}"
        );
    }
}

#[tokio::test]
async fn a_method_of_no_registered_service_is_an_error_that_names_the_remedy() {
    let mut client = Client::new(Channel::builder("http://127.0.0.1:9").build().unwrap());
    let status = echo::unary(&mut client, Request::new(Echo::default()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(
        status.message().contains(echo::UNARY) && status.message().contains(".service("),
        "{status:?}"
    );
}

#[tokio::test]
async fn certificates_and_keys_that_are_none_are_refused_without_showing_them() {
    let builder = || Channel::builder("https://example.com");
    let pem = |kind: &str| format!("-----BEGIN {kind}-----\naHVudGVyMg==\n-----END {kind}-----\n");
    for (builder, part) in [
        (
            builder().ca_certificates("hunter2"),
            "the CA certificates cannot be used: there is no",
        ),
        (
            builder().ca_certificates(pem("CERTIFICATE")),
            "the CA certificates cannot be used",
        ),
        (
            builder().client_certificate("hunter2", pem("PRIVATE KEY")),
            "the client certificate cannot be used: there is no",
        ),
        (
            builder().client_certificate(pem("CERTIFICATE"), "hunter2"),
            "the client key cannot be used: it is not a private key",
        ),
        (
            builder().client_certificate(pem("CERTIFICATE"), pem("PRIVATE KEY")),
            "the client certificate cannot be used",
        ),
    ] {
        let shown = format!("{builder:?}");
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        for text in [shown, error] {
            assert!(
                !text.contains("hunter2") && !text.contains("aHVu"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn grpc_over_http_1_is_refused() {
    let builder = Channel::builder("http://example.com").protocol(Protocol::Grpc);
    let error = builder
        .http_version(HttpVersion::Http1)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("gRPC needs HTTP/2"), "{error}");
}
