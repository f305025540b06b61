//! `prebuilds delete`: remove a prebuild with all that belongs to it.

use uuid::Uuid;

use crate::connection::{Connection, ServerArgs};
use crate::failure::{Failure, note};

const EXAMPLES: &str = "\
Examples:
  prebuilds delete 01980000-0000-7000-8000-000000000000

Snapshot and log are removed in the background; one that runs is cancelled first.";

/// Delete a prebuild with its snapshot and log.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The id of the prebuild
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let connection = Connection::open(&args.server).await?;
    connection.client.delete(&args.id.to_string()).await?;
    note(&format!("Prebuild {} is being deleted.", args.id));
    connection.close().await
}
