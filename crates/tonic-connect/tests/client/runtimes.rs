//! A channel and the runtimes that it is called on: none, one that ended, several one after another.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tonic::{Code, Request, Response, Status};
use tonic_connect::{HttpVersion, ProtoOnly, Protocol, transport};

use crate::echo::{self, Client, Echo};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What `work` comes to in a thread of its own, which may hang.
fn unless_it_hangs<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, result) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    result
        .recv_timeout(Duration::from_secs(20))
        .expect("it hangs or panicked")
}

/// Nobody connects there, so nobody needs to answer.
fn anywhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

async fn call(mut client: Client) -> Result<Response<Echo>, Status> {
    echo::unary(&mut client, Request::new(Echo::default())).await
}

#[test]
fn a_call_outside_of_a_runtime_is_an_error() {
    let status = unless_it_hangs(|| {
        let client = echo::client(anywhere());
        call(client).now_or_never().unwrap().unwrap_err()
    });
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("runtime"), "{status:?}");
}

#[test]
fn a_call_on_a_runtime_that_ended_is_an_error() {
    let status = unless_it_hangs(|| {
        let ended = runtime().handle().clone();
        let _context = ended.enter();
        call(echo::client(anywhere()))
            .now_or_never()
            .unwrap()
            .unwrap_err()
    });
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}

/// The address of a server of Connect and gRPC that outlives every runtime of a test.
fn serve_for_ever() -> SocketAddr {
    let (sender, address) = mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let service = tower::service_fn(|request: http::Request<hyper::body::Incoming>| {
                let echo = async |request: Request<Echo>| {
                    Ok::<_, Status>(Response::new(request.into_inner()))
                };
                tonic_connect::server::unary(
                    &Default::default(),
                    &echo::SERVICE.methods[0],
                    ProtoOnly,
                    request,
                    echo,
                )
            });
            transport::Server::new()
                .serve(listener, service, std::future::pending())
                .await
        })
    });
    address.recv().unwrap()
}

#[test]
fn a_channel_outlives_the_runtimes_that_it_is_called_on() {
    let address = serve_for_ever();
    for protocol in [Protocol::Connect, Protocol::Grpc] {
        let builder = echo::builder(address).protocol(protocol);
        let client = Client::new(builder.build().unwrap());
        for _ in 0..3 {
            let client = client.clone();
            unless_it_hangs(move || {
                runtime().block_on(async {
                    let mut given_up = Box::pin(call(client.clone()));
                    assert!(given_up.as_mut().now_or_never().is_none());
                    drop(given_up);
                    call(client.clone()).await.unwrap();
                    call(client.clone()).await.unwrap();
                    // One that the end of the runtime breaks off.
                    tokio::spawn(call(client.clone()));
                    tokio::spawn(call(client));
                });
            });
        }
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What `work` comes to without a runtime.
fn outside<T>(work: impl Future<Output = T>) -> T {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut work = std::pin::pin!(work);
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn requests_go_on_outside_of_a_runtime_over_a_connection_that_is_driven_by_one() {
    let address = serve_for_ever();
    let driving = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let builder = echo::builder(address).http_version(HttpVersion::Http2);
    let client = tonic_connect::Client::proto_only(builder.build().unwrap());
    let (unary, streams) = (&echo::SERVICE.methods[0], &echo::SERVICE.methods[2]);
    let first = client.unary::<_, Echo>(unary, Request::new(Echo::default()));
    driving.block_on(first).unwrap();
    let status = unless_it_hangs(move || {
        // Late, so that the request is still on its way when the call awaits the response.
        let mut late = true;
        let requests = futures_util::stream::poll_fn(move |cx| match std::mem::take(&mut late) {
            true => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            false => Poll::Ready(None::<Echo>),
        });
        outside(client.client_streaming::<_, Echo>(streams, Request::new(requests))).unwrap_err()
    });
    // That server has calls of one message alone.
    assert_eq!(status.code(), Code::Unknown, "{status:?}");
}
