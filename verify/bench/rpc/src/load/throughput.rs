//! Calls and streamed messages per second, and the processor time of each.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bench_rpc::response;
use tokio::task::JoinSet;

use crate::call::{Call, Http, Kind, envelope};
use crate::connection::Connection;
use crate::figures::Figures;
use crate::tally::Tally;
use crate::{BoxError, Contestant, Plan};

/// Connections, and concurrent calls on each.
pub(crate) fn concurrency(call: Call) -> (usize, usize) {
    match (call.kind, call.http) {
        (Kind::Unary, Http::One) => (64, 1),
        (Kind::Unary, Http::Two) => (8, 16),
        _ => (8, 1),
    }
}

pub(crate) async fn measure(
    plan: &Plan,
    contestant: &Contestant,
    figures: &mut Figures,
) -> Result<(), BoxError> {
    let call = contestant.call;
    let server = plan.programs.start(contestant.serves_as)?;
    check(server.port, call)
        .await
        .map_err(|error| format!("{}: {error}", contestant.figure("answer")))?;

    let tally = Rc::new(Tally::of(u64::MAX));
    let (connections, streams) = concurrency(call);
    let mut load = JoinSet::new();
    for _ in 0..connections {
        let tally = Rc::clone(&tally);
        let port = server.port;
        load.spawn_local(async move {
            let mut connection = Connection::open(port, call, streams).await?;
            connection.run(&tally).await
        });
    }
    load.spawn_local(stay_awake());
    let sleep = |time: Duration| async move { tokio::time::sleep(time).await };
    tokio::select! {
        () = sleep(plan.warm_up) => {}
        ended = load.join_next() => return Err(format!("the load ended: {ended:?}").into()),
    }
    let message = envelope(&response()).len() as f64;
    let now = || -> io::Result<_> {
        let done = match call.kind {
            Kind::Unary => tally.calls() as f64,
            Kind::ServerStream | Kind::ClientStream => tally.streamed() as f64 / message,
        };
        Ok((Instant::now(), server.cpu()?, server.ticks()?, done))
    };
    let (began, cpu, ticks, done) = now()?;
    tokio::select! {
        () = sleep(plan.window) => {}
        ended = load.join_next() => return Err(format!("the load ended: {ended:?}").into()),
    }
    let end = now()?;
    let done = end.3 - done;
    if done < 1.0 {
        return Err(format!("{}: nothing was answered", contestant.figure("calls")).into());
    }
    let each = (end.1 - cpu).as_secs_f64() * 1e6 / done;
    let user = (end.2.0 - ticks.0) as f64 / ((end.2.1 - ticks.1) as f64).max(1.0);
    let (unit, rate) = match call.kind {
        Kind::Unary => ("us/request", "requests/s"),
        _ => ("us/message", "messages/s"),
    };
    figures.add(contestant.figure("cpu"), unit, each);
    figures.add(contestant.figure("cpu-user"), unit, each * user);
    figures.add(
        contestant.figure("rate"),
        rate,
        done / (end.0 - began).as_secs_f64(),
    );
    load.abort_all();
    while load.join_next().await.is_some() {}
    server.stop()?;
    Ok(())
}

/// Keeps this program from sleeping when nothing is to be read. To wake it is work that the system does in the server's
/// time: the more often, the slower the server is, and differently from run to run.
async fn stay_awake() -> io::Result<()> {
    loop {
        tokio::task::yield_now().await;
    }
}

/// One call, whose answer must be right.
pub(crate) async fn check(port: u16, call: Call) -> Result<(), BoxError> {
    let tally = Tally::of_one();
    let mut connection = Connection::open(port, call, 1).await?;
    connection.run(&tally).await?;
    Ok(call.check(&tally.into_answer())?)
}
