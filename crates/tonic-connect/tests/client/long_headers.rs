//! Errors whose details do not fit into the headers of most: they arrive, and harm no other call of the connection.

use std::net::SocketAddr;

use hyper::body::Incoming;
use tokio::net::TcpListener;
use tonic::{Code, Request, Response, Status};
use tonic_connect::details::{self, BadRequest};
use tonic_connect::transport::Server;
use tonic_connect::{Client, ProtoAndJson};

use crate::greeter::{GreetRequest, GreetResponse, SERVICE, named};
use crate::served::{WIRES, builder};

/// Refuses with as many violations as the name says.
async fn refuse(request: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
    let count: usize = request.get_ref().name.parse().unwrap_or_default();
    let violation = |index| (format!("items[{index}].name"), "it is too long by far");
    Err(details::bad_request((0..count).map(violation)))
}

async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = tower::service_fn(|request: http::Request<Incoming>| {
        let (options, method) = (&Default::default(), &SERVICE.methods[0]);
        tonic_connect::server::unary(options, method, ProtoAndJson, request, refuse)
    });
    tokio::spawn(Server::new().serve(listener, service, std::future::pending()));
    address
}

async fn violations(client: &Client, count: usize) -> Result<usize, Status> {
    let request = Request::new(named(&count.to_string()));
    let status = client
        .unary::<_, GreetResponse>(&SERVICE.methods[0], request)
        .await
        .unwrap_err();
    if status.code() != Code::InvalidArgument {
        return Err(status);
    }
    let detail: BadRequest = details::of(&status)[0].unpack().unwrap();
    Ok(detail.field_violations.len())
}

#[tokio::test]
async fn an_error_with_details_of_a_hundred_kilobytes_arrives_over_every_wire() {
    let address = serve().await;
    for wire in WIRES {
        let client = Client::new(builder(address, wire).build().unwrap());
        for count in [1, 400, 1500] {
            let found = violations(&client, count).await;
            assert_eq!(found.unwrap(), count, "{wire:?}");
        }
    }
}

#[tokio::test]
async fn what_a_channel_takes_can_be_set() {
    let address = serve().await;
    // Connect has errors in its body.
    for wire in WIRES.into_iter().skip(2) {
        let small = builder(address, wire).max_header_bytes(8 * 1024);
        let client = Client::new(small.build().unwrap());
        assert_eq!(violations(&client, 20).await.unwrap(), 20, "{wire:?}");
        assert!(violations(&client, 400).await.is_err(), "{wire:?}");
    }
}
