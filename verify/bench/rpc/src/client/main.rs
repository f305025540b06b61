//! One client: `rpc-client NAME DISCIPLINE PORT WARM-UP WINDOW` calls the server at a port of this machine, for two times in
//! milliseconds. It writes how many messages the second of them saw come, how much processor time this
//! program took in it in nanoseconds, and which part of that was its own code.
//!
//! All clients check what they get by its id, so that nobody leaves the message unread.

mod connectrpc;
mod ours;
mod plain;
mod tonic;

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use ::tonic::Streaming;
use bench_rpc::{account, text, v1};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep;

type BoxError = Box<dyn Error + Send + Sync>;

/// Calls at once: over HTTP/1.1 each needs a connection, over HTTP/2 all share one.
const AT_ONCE: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [name, discipline, port, warm_up, window] = arguments.as_slice() else {
        return Err("usage: rpc-client NAME DISCIPLINE PORT WARM-UP-MS WINDOW-MS".into());
    };
    let port = port.parse()?;
    let milliseconds = |text: &str| text.parse().map(Duration::from_millis);
    let (warm_up, window) = (milliseconds(warm_up)?, milliseconds(window)?);
    let measuring = async {
        let mut calls = Calls::default();
        match name.as_str() {
            "hyper" => plain::begin(discipline, port, &mut calls).await?,
            "ours" => ours::begin(discipline, port, &mut calls)?,
            "tonic" => tonic::begin(discipline, port, &mut calls)?,
            "connectrpc" => connectrpc::begin(discipline, port, &mut calls)?,
            other => return Err(format!("no client is called {other:?}").into()),
        }
        calls.go_on(warm_up).await?;
        let (done, cpu, ticks) = calls.account()?;
        calls.go_on(window).await?;
        let end = calls.account()?;
        let user = (end.2.0 - ticks.0) as f64 / ((end.2.1 - ticks.1) as f64).max(1.0);
        println!("{} {} {user}", end.0 - done, (end.1 - cpu).as_nanos());
        Ok(())
    };
    LocalSet::new().run_until(measuring).await
}

/// Calls that are made again and again, side by side.
#[derive(Default)]
struct Calls {
    running: JoinSet<Result<(), BoxError>>,
    done: Rc<Cell<u64>>,
}

impl Calls {
    /// Begins to repeat `call`.
    fn repeat(&mut self, mut call: impl AsyncFnMut() -> Result<(), BoxError> + 'static) {
        self.repeat_stream(async move |_| call().await);
    }

    /// Begins to repeat `call`, which counts all messages but the last.
    fn repeat_stream(
        &mut self,
        mut call: impl AsyncFnMut(&Cell<u64>) -> Result<(), BoxError> + 'static,
    ) {
        let done = Rc::clone(&self.done);
        self.running.spawn_local(async move {
            loop {
                call(&done).await?;
                done.set(done.get() + 1);
            }
        });
    }

    async fn go_on(&mut self, time: Duration) -> Result<(), BoxError> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            ended = self.running.join_next() => Err(format!("a call failed: {ended:?}").into()),
        }
    }

    /// Calls that are done, and the processor time so far.
    fn account(&self) -> Result<(u64, Duration, (u64, u64)), BoxError> {
        Ok((
            self.done.get(),
            account::cpu("self")?,
            account::ticks("self")?,
        ))
    }
}

fn request() -> v1::GetPrebuildRequest {
    v1::GetPrebuildRequest {
        prebuild_id: text::PREBUILD.to_owned(),
    }
}

/// The discipline of messages that stream to the client.
const STREAM: &str = "server-stream-grpc-h2c";

/// So many streams at once: each keeps the connection busy.
const STREAMS: usize = 8;

/// A stream so long that the call around it costs nothing.
fn watch() -> v1::WatchPrebuildRequest {
    v1::WatchPrebuildRequest {
        prebuild_id: text::PREBUILD.to_owned(),
        count: 10_000,
    }
}

/// Reads a stream to its end.
async fn read(
    mut messages: Streaming<v1::GetPrebuildResponse>,
    done: &Cell<u64>,
) -> Result<(), BoxError> {
    while let Some(message) = messages.message().await? {
        check(&message.prebuild.unwrap_or_default().id)?;
        done.set(done.get() + 1);
    }
    Ok(())
}

fn check(id: &str) -> Result<(), BoxError> {
    match id == text::PREBUILD {
        true => Ok(()),
        false => Err(format!("another message: {id:?}").into()),
    }
}
