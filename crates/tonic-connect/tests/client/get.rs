//! Calls by GET: what their URLs are, and which calls are none.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use tonic::Request;
use tonic_connect::{Channel, Client, Codec, Encoding};

use crate::canned::{Canned, response};
use crate::greeter::{GreetResponse, Greeter, SERVICE, named};
use crate::served::{WIRES, builder, serve};

const READ: usize = 1;
const GREET: usize = 0;

/// The head of the request that calling the method makes.
async fn head(
    client: impl Fn(Client) -> Client,
    limit: usize,
    method: usize,
    name: &str,
) -> String {
    let answer = response("200 OK", "Content-Type: application/proto\r\n", b"");
    let mut server = Canned::serve(answer, false).await;
    let channel = Channel::builder(format_args!("http://{}/api", server.address))
        .send_compressed(Encoding::Gzip)
        .compress_min_bytes(100)
        .max_url_bytes(limit)
        .build()
        .unwrap();
    let client = client(Client::new(channel).use_get(true));
    let request = Request::new(named(name));
    // Not every answer is right for the codec; what is asked counts here.
    let _: Result<tonic::Response<GreetResponse>, _> =
        client.unary(&SERVICE.methods[method], request).await;
    let (head, body) = server.request().await;
    assert_eq!(head.starts_with("get "), body.is_empty(), "{head}");
    head
}

#[tokio::test]
async fn the_message_stands_in_the_query_and_the_headers_of_a_body_are_gone() {
    let proto = head(|client| client, 8000, READ, "ada").await;
    let message = URL_SAFE_NO_PAD
        .encode(named("ada").encode_to_vec())
        .to_lowercase();
    let path = "get /api/greet.v1.greeter/read?";
    assert!(
        proto.starts_with(&format!(
            "{path}base64=1&connect=v1&encoding=proto&message={message} http/1.1\r\n"
        )),
        "{proto}"
    );
    assert!(
        !proto.contains("content-") && !proto.contains("connect-protocol-version"),
        "{proto}"
    );

    let json = head(|client| client.codec(Codec::Json), 8000, READ, "a&b").await;
    let query = "connect=v1&encoding=json&message=%7b%22name%22%3a%22a%26b%22";
    assert!(json.starts_with(&format!("{path}{query}")), "{json}");
}

#[tokio::test]
async fn a_compressed_message_names_its_encoding() {
    let address = serve(Greeter::default()).await;
    let channel = builder(address, WIRES[0])
        .send_compressed(Encoding::Gzip)
        .compress_min_bytes(10);
    let client = Client::new(channel.build().unwrap()).use_get(true);
    for codec in [Codec::Proto, Codec::Json] {
        let client = client.clone().codec(codec);
        let name = "x".repeat(200);
        let response = client
            .unary(&SERVICE.methods[READ], Request::new(named(&name)))
            .await
            .unwrap();
        let response: GreetResponse = response.into_inner();
        assert_eq!(response.greeting, format!("hello {name} from stranger; "));
    }
    let head = head(|client| client, 8000, READ, &"x".repeat(200)).await;
    assert!(
        head.contains("?base64=1&compression=gzip&connect=v1&"),
        "{head}"
    );
}

#[tokio::test]
async fn long_calls_and_calls_with_side_effects_and_other_protocols_post() {
    let post = "post /api/greet.v1.greeter/";
    assert!(
        head(|client| client, 8000, GREET, "ada")
            .await
            .starts_with(post)
    );
    assert!(
        head(|client| client.use_get(false), 8000, READ, "ada")
            .await
            .starts_with(post)
    );
    assert!(
        head(|client| client, 60, READ, "ada")
            .await
            .starts_with(post)
    );
    let address = serve(Greeter::default()).await;
    for (protocol, version) in WIRES {
        let channel = builder(address, (protocol, version)).build().unwrap();
        let response = Client::new(channel)
            .use_get(true)
            .unary(&SERVICE.methods[READ], Request::new(named("ada")))
            .await;
        let response: GreetResponse = response.unwrap().into_inner();
        assert_eq!(
            response.greeting, "hello ada from stranger; ",
            "{protocol:?}"
        );
    }
}
