//! A channel and the runtimes that it is called on: none, and one that ended.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tonic::{Code, Request, Response, Status};

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
