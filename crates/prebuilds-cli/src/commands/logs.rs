//! `prebuilds logs`: what the commands of a prebuild said.

use std::io;

use futures_util::TryStreamExt;
use uuid::Uuid;

use crate::connection::{Connection, ServerArgs};
use crate::failure::Failure;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  prebuilds logs 01980000-0000-7000-8000-000000000000
  prebuilds logs 01980000-0000-7000-8000-000000000000 --follow";

/// Print the log of a prebuild.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The id of the prebuild
    #[arg(value_name = "ID")]
    id: Uuid,
    /// Go on until the prebuild has ended
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let connection = Connection::open(&args.server).await?;
    let mut log = connection
        .client
        .logs(&args.id.to_string(), args.follow)
        .await?;
    let mut stdout = io::stdout();
    while let Some(chunk) = log.try_next().await? {
        output::bytes(&mut stdout, &chunk)?;
    }
    connection.close().await
}
