//! `prebuilds get`: everything about one prebuild.

use uuid::Uuid;

use crate::connection::{Connection, ServerArgs};
use crate::failure::Failure;
use crate::output::{self, Format, FormatArgs};
use crate::resources::describe;

const EXAMPLES: &str = "\
Examples:
  prebuilds get 01980000-0000-7000-8000-000000000000
  prebuilds get 01980000-0000-7000-8000-000000000000 --format json | jq -r '.[0].status.phase'";

/// Show one prebuild.
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
    let prebuild = connection.client.get(&args.id.to_string()).await?;
    match args.format.format {
        Format::Json => output::json(&[prebuild])?,
        Format::Text => describe(&prebuild, None)?,
    }
    connection.close().await
}
