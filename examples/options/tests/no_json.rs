//! A service whose messages have no JSON: it speaks every protocol all the same, in the binary format alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::convert::Infallible;

use example_options::by_hand::Ribbon;
use example_options::no_json::shop::v1::shop_client::ShopClient as TonicClient;
use example_options::no_json::shop::v1::shop_connect::{SERVICE, ShopClient, ShopConnect};
use example_options::no_json::shop::v1::shop_server::Shop;
use example_options::no_json::shop::v1::{Order, Receipt};
use prost::Message;
use tokio_stream::StreamExt;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_connect::codegen::{Body as _, Service, http};
use tonic_connect::{Channel, Protocol};

struct Counter;

fn receipt(paper: &str) -> Receipt {
    let wrapping = Some(Ribbon {
        paper: paper.to_owned(),
    });
    Receipt {
        wrapping,
        ..Default::default()
    }
}

#[tonic::async_trait]
impl Shop for Counter {
    async fn buy(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        match request.into_inner().thing.as_str() {
            "" => Err(Status::not_found("no such thing")),
            thing => Ok(Response::new(receipt(thing))),
        }
    }

    type WatchStream = tokio_stream::Iter<std::vec::IntoIter<Result<Receipt, Status>>>;

    async fn watch(&self, request: Request<Order>) -> Result<Response<Self::WatchStream>, Status> {
        let thing = request.into_inner().thing;
        let receipts = vec![Ok(receipt(&thing)), Ok(receipt("more"))];
        Ok(Response::new(tokio_stream::iter(receipts)))
    }

    async fn collect(
        &self,
        request: Request<Streaming<Order>>,
    ) -> Result<Response<Receipt>, Status> {
        let mut orders = request.into_inner();
        let mut things = String::new();
        while let Some(order) = orders.message().await? {
            things.push_str(&order.thing);
        }
        Ok(Response::new(receipt(&things)))
    }

    async fn find(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        self.buy(request).await
    }
}

fn order(thing: &str) -> Order {
    Order {
        thing: thing.to_owned(),
        ..Default::default()
    }
}

fn paper(receipt: Receipt) -> String {
    receipt.wrapping.unwrap().paper
}

#[tokio::test]
async fn every_protocol_carries_it_under_both_clients() {
    for protocol in [Protocol::Connect, Protocol::Grpc, Protocol::GrpcWeb] {
        let channel = Channel::builder("http://in.process")
            .protocol(protocol)
            .service(&SERVICE)
            .build_over(ShopConnect::new(Counter))
            .unwrap();
        let mut tonics = TonicClient::new(channel.clone());
        let ours = ShopClient::new(channel).with_get(true);

        let bought = tonics.buy(order("book")).await.unwrap().into_inner();
        assert_eq!(paper(bought), "book");
        let bought = ours.buy(order("pen")).await.unwrap().into_inner();
        assert_eq!(paper(bought), "pen");
        let found = ours.find(order("ink")).await.unwrap().into_inner();
        assert_eq!(paper(found), "ink");

        let receipts = ours.watch(order("one")).await.unwrap().into_inner();
        let papers: Vec<_> = receipts.map(|each| paper(each.unwrap())).collect().await;
        assert_eq!(papers, ["one", "more"]);

        let orders = tokio_stream::iter(["a", "b"].map(order));
        let collected = ours.collect(orders).await.unwrap().into_inner();
        assert_eq!(paper(collected), "ab");

        let status = ours.buy(order("")).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::NotFound, "no such thing")
        );
    }
}

async fn answer(request: http::Request<String>) -> http::Response<Vec<u8>> {
    let answer: Result<_, Infallible> = ShopConnect::new(Counter).call(request).await;
    let (head, mut body) = answer.unwrap().into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| {
        let body = std::pin::Pin::new(&mut body);
        body.poll_frame(cx)
    })
    .await
    {
        bytes.extend_from_slice(frame.unwrap().data_ref().unwrap());
    }
    http::Response::from_parts(head, bytes)
}

fn post(method: &str, content_type: &str, body: &str) -> http::Request<String> {
    http::Request::post(format!("/shop.v1.Shop/{method}"))
        .header("content-type", content_type)
        .body(body.to_owned())
        .unwrap()
}

#[tokio::test]
async fn json_is_refused_and_not_offered() {
    let get = "/shop.v1.Shop/Find?connect=v1&encoding=json&message=%7B%7D";
    for request in [
        post("Buy", "application/json", "{}"),
        post("Buy", "application/grpc+json", ""),
        post("Buy", "application/grpc-web+json", ""),
        post("Watch", "application/connect+json", ""),
        http::Request::get(get).body(String::new()).unwrap(),
    ] {
        let asked = format!("{request:?}");
        let response = answer(request).await;
        assert_eq!(response.status(), 415, "{asked}");
        let accepted = response.headers()["accept-post"].to_str().unwrap();
        assert!(accepted.contains("application/grpc-web+proto"), "{asked}");
        assert!(!accepted.contains("json"), "{asked}: {accepted}");
    }
}

#[tokio::test]
async fn errors_over_connect_are_json_all_the_same() {
    let response = answer(post("Buy", "application/proto", "")).await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(
        String::from_utf8(response.into_body()).unwrap(),
        r#"{"code":"not_found","message":"no such thing"}"#
    );
}

#[tokio::test]
async fn gets_carry_the_binary_format() {
    let get = "/shop.v1.Shop/Find?connect=v1&encoding=proto&base64=1&message=CgNpbms";
    let response = answer(http::Request::get(get).body(String::new()).unwrap()).await;
    assert_eq!(response.status(), 200);
    let receipt = Receipt::decode(response.body().as_slice()).unwrap();
    assert_eq!(paper(receipt), "ink");
}

#[test]
fn messages_of_prost_types_stand_in_others() {
    use example_options::no_json::meta::v1::Entry;

    let file = prost_types::FileDescriptorProto {
        name: Some("a.proto".to_owned()),
        ..Default::default()
    };
    let entry = Entry {
        file: Some(file),
        ..Default::default()
    };
    assert_eq!(
        Entry::decode(entry.encode_to_vec().as_slice()).unwrap(),
        entry
    );
}
