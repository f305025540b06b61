//! What becomes of a connection that is being made: whom it serves, and whom its failure concerns.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::join_all;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tonic::{Code, Status};
use tonic_connect::transport::ClientCertificates;
use tonic_connect::{Channel, Client, HttpVersion, Protocol};

use crate::tls::{self, Authority, greet};

const WIRES: [(Protocol, HttpVersion); 4] = [
    (Protocol::Connect, HttpVersion::Auto),
    (Protocol::Connect, HttpVersion::Http1),
    (Protocol::Connect, HttpVersion::Http2),
    (Protocol::Grpc, HttpVersion::Auto),
];

/// Stands before a server, and holds what comes until it is told to let it through.
struct Gate {
    address: SocketAddr,
    /// One for each connection that came.
    came: mpsc::UnboundedReceiver<()>,
    permits: Arc<Semaphore>,
}

impl Gate {
    async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (arrivals, came) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(0));
        let through = Arc::clone(&permits);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let _ = arrivals.send(());
                let through = Arc::clone(&through);
                tokio::spawn(async move {
                    // A gate that closed for good lets the connection fall.
                    through.acquire().await.map_err(drop)?.forget();
                    let mut server = TcpStream::connect(server).await.map_err(drop)?;
                    copy_bidirectional(&mut client, &mut server)
                        .await
                        .map_err(drop)
                });
            }
        });
        Self {
            address,
            came,
            permits,
        }
    }

    fn open(&self) {
        self.permits.add_permits(1000);
    }

    fn close_for_good(&self) {
        self.permits.close();
    }

    /// How many more connections came than were waited for.
    fn more(&mut self) -> usize {
        std::iter::from_fn(|| self.came.try_recv().ok()).count()
    }
}

/// A gate before a server with TLS, and a channel through it.
async fn gated((protocol, version): (Protocol, HttpVersion)) -> (Gate, Channel) {
    let authority = Authority::new();
    let server = tls::serve("localhost", &authority, ClientCertificates::None).await;
    let gate = Gate::before(server).await;
    let builder = tls::builder(gate.address, &authority)
        .protocol(protocol)
        .http_version(version);
    (gate, builder.build().unwrap())
}

fn begin(channel: &Channel) -> JoinHandle<Result<String, Status>> {
    tokio::spawn(greet(Client::new(channel.clone())))
}

/// Begins a call, and gives it up as soon as it has asked for a connection.
async fn begin_and_give_up(channel: &Channel) {
    let mut call = pin!(greet(Client::new(channel.clone())));
    let waits = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
    assert!(waits);
}

#[tokio::test]
async fn a_call_that_is_given_up_takes_no_other_with_it() {
    for wire in WIRES {
        let (mut gate, channel) = gated(wire).await;
        let first = begin(&channel);
        gate.came.recv().await.unwrap();
        let others: Vec<_> = (0..5).map(|_| begin(&channel)).collect();
        // On the one thread of this runtime they ask for a connection before this goes on.
        tokio::task::yield_now().await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        gate.open();
        for other in join_all(others).await {
            assert!(other.unwrap().is_ok(), "{wire:?}");
        }
    }
}

#[tokio::test]
async fn calls_that_are_given_up_leave_one_connection_and_the_next_call_has_it() {
    for wire in WIRES {
        let (mut gate, channel) = gated(wire).await;
        for _ in 0..100 {
            begin_and_give_up(&channel).await;
        }
        let call = begin(&channel);
        gate.came.recv().await.unwrap();
        gate.open();
        call.await.unwrap().unwrap();
        begin(&channel).await.unwrap().unwrap();
        assert_eq!(gate.more(), 0, "{wire:?}");
    }
}

/// Hears that a call has what it waited for.
#[derive(Default)]
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_as_it_gets_its_connection_leaves_it_to_the_next() {
    for wire in WIRES {
        let (mut gate, channel) = gated(wire).await;
        let woken = Arc::new(Woken::default());
        let mut call = Box::pin(greet(Client::new(channel.clone())));
        let waker = Waker::from(Arc::clone(&woken));
        let waits = call.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(waits.is_pending());
        gate.came.recv().await.unwrap();
        gate.open();
        woken.0.notified().await;
        drop(call);
        begin(&channel).await.unwrap().unwrap();
        assert_eq!(gate.more(), 0, "{wire:?}");
    }
}

#[tokio::test]
async fn calls_that_wait_share_a_connection_of_http2_and_have_one_each_of_http1() {
    for (wire, connections) in WIRES.into_iter().zip([1, 5, 1, 1]) {
        let (mut gate, channel) = gated(wire).await;
        let calls: Vec<_> = (0..5).map(|_| begin(&channel)).collect();
        for _ in 0..connections {
            gate.came.recv().await.unwrap();
        }
        gate.open();
        for call in join_all(calls).await {
            call.unwrap().unwrap();
        }
        assert_eq!(gate.more(), 0, "{wire:?}");
    }
}

#[tokio::test]
async fn a_connection_that_fails_fails_those_who_wait_for_it_and_the_next_call_tries_again() {
    for wire in WIRES {
        let (mut gate, channel) = gated(wire).await;
        let calls: Vec<_> = (0..5).map(|_| begin(&channel)).collect();
        gate.came.recv().await.unwrap();
        gate.close_for_good();
        for call in join_all(calls).await {
            let status = call.unwrap().unwrap_err();
            assert_eq!(status.code(), Code::Unavailable, "{wire:?}: {status:?}");
            assert!(status.message().starts_with("cannot connect to localhost:"));
        }
        gate.more();
        assert!(begin(&channel).await.unwrap().is_err());
        assert_eq!(gate.more(), 1, "{wire:?}");
    }
}

/// Where TLS decides and the server takes HTTP/1.1 alone, the first connection shows that the others need one each.
#[tokio::test]
async fn calls_to_a_server_of_http1_have_a_connection_each_once_that_is_known() {
    let authority = Authority::new();
    let server = tls::serve_http1("localhost", &authority).await;
    let mut gate = Gate::before(server).await;
    let channel = tls::builder(gate.address, &authority).build().unwrap();
    let calls: Vec<_> = (0..5).map(|_| begin(&channel)).collect();
    gate.came.recv().await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(gate.more(), 0);
    gate.open();
    for call in join_all(calls).await {
        assert_eq!(call.unwrap().unwrap(), "HTTP/1.1 false");
    }
    assert!(gate.more() <= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_call_is_answered_however_many_are_given_up_beside_it() {
    for wire in WIRES {
        let (gate, channel) = gated(wire).await;
        gate.open();
        let mut calls = Vec::new();
        // Servers close a connection of HTTP/2 whose streams are reset in a storm; a dozen is none.
        for round in 0..36 {
            let call = begin(&channel);
            match round % 3 {
                // Later for each, so that they end in every state of a call.
                0 => {
                    for _ in 0..round * round {
                        tokio::task::yield_now().await;
                    }
                    call.abort();
                }
                _ => calls.push(call),
            }
        }
        for call in join_all(calls).await {
            call.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_server_may_change_its_http_version() {
    let authority = Authority::new();
    let servers = [
        tls::serve_http1("localhost", &authority).await,
        tls::serve("localhost", &authority, ClientCertificates::None).await,
    ];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = tls::builder(listener.local_addr().unwrap(), &authority)
        .pool_max_idle(0)
        .build()
        .unwrap();
    let (current, server) = watch::channel(servers[0]);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = *server.borrow();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    for now in [0, 1, 0, 1, 1, 0, 0] {
        current.send(servers[now]).unwrap();
        let expected = ["HTTP/1.1 false", "HTTP/2.0 false"][now];
        assert_eq!(begin(&channel).await.unwrap().unwrap(), expected);
    }
    // Side by side, calls may also get a connection that another began before the change.
    for now in [0, 1, 0, 1, 1, 0, 0] {
        current.send(servers[now]).unwrap();
        let calls = (0..5).map(|_| begin(&channel));
        for call in join_all(calls).await {
            call.unwrap().unwrap();
        }
    }
}
