//! `prebuilds cancel`: stop a prebuild.

use uuid::Uuid;

use crate::connection::{Connection, ServerArgs};
use crate::failure::Failure;
use crate::output::{self, FormatArgs};

const EXAMPLES: &str = "\
Examples:
  prebuilds cancel 01980000-0000-7000-8000-000000000000

It is cancelled in the background; a prebuild that has ended stays as it is, and that is an error.";

/// Stop a prebuild that has not ended.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The id of the prebuild
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let connection = Connection::open(&args.server).await?;
    let prebuild = connection.client.cancel(&args.id.to_string()).await?;
    output::all(args.format.format, &[prebuild])?;
    connection.close().await
}
