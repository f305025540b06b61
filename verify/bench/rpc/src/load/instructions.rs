//! Instructions per call in the server's own code, counted by valgrind: the only figure that a busy machine does not
//! touch. Two runs that differ in nothing but the number of calls: start and end cancel out.

use std::fs;
use std::path::Path;

use crate::call::{Kind, STREAMED};
use crate::connection::Connection;
use crate::figures::Figures;
use crate::tally::Tally;
use crate::throughput::concurrency;
use crate::{BoxError, Contestant, Plan};

pub(crate) async fn measure(
    plan: &Plan,
    contestant: &Contestant,
    figures: &mut Figures,
) -> Result<(), BoxError> {
    let (few, many, messages, unit) = match contestant.call.kind {
        Kind::Unary => (320, 1920, 1, "instructions/request"),
        _ => (1, 3, STREAMED, "instructions/message"),
    };
    let file = |calls| {
        let name = contestant.figure("callgrind").replace('/', ".");
        plan.work.join(format!("{name}.{calls}"))
    };
    let mut counted = [0; 2];
    for (count, calls) in counted.iter_mut().zip([few, many]) {
        *count = instructions(plan, contestant, calls, &file(calls)).await?;
    }
    let more = counted[1].saturating_sub(counted[0]);
    let each = more as f64 / ((many - few) * u64::from(messages)) as f64;
    figures.add(contestant.figure("instructions"), unit, each);
    Ok(())
}

/// All instructions of a server that answers `calls` calls on one connection.
async fn instructions(
    plan: &Plan,
    contestant: &Contestant,
    calls: u64,
    out: &Path,
) -> Result<u64, BoxError> {
    let call = contestant.call;
    let server = plan.programs.start_counting(contestant.serves_as, out)?;
    let (_, streams) = concurrency(call);
    let mut connection = Connection::open(server.port, call, streams).await?;
    connection.run(&Tally::of(calls)).await?;
    server.stop()?;
    let profile = fs::read_to_string(out)?;
    let total = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| format!("no totals in {}", out.display()).into())
}
