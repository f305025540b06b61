//! What connections cost that do nothing.

use crate::connection::Connection;
use crate::figures::Figures;
use crate::tally::Tally;
use crate::throughput::check;
use crate::{BoxError, Contestant, Plan};

const CONNECTIONS: u64 = 1_000;

/// Opens connections that make one call each and stay open.
pub(crate) async fn measure(
    plan: &Plan,
    contestant: &Contestant,
    figures: &mut Figures,
) -> Result<(), BoxError> {
    let call = contestant.call;
    let server = plan.programs.start(contestant.serves_as)?;
    check(server.port, call).await?;
    let before = server.memory()?;
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(server.port, call, 1).await?;
        connection.run(&Tally::of(1)).await?;
        open.push(connection);
    }
    let after = server.memory()?;
    let megabytes = (after as f64 - before as f64) / 1e6 * 1_000.0 / CONNECTIONS as f64;
    figures.add(
        contestant.figure("memory"),
        "MB/1000 idle connections",
        megabytes,
    );
    drop(open);
    server.stop()?;
    Ok(())
}
