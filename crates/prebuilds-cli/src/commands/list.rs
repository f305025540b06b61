//! `prebuilds list`: the prebuilds of a server.

use prebuilds::v1::{PrebuildPhase, list_prebuilds_request};
use uuid::Uuid;

use crate::connection::{Connection, ServerArgs};
use crate::failure::Failure;
use crate::output::{self, FormatArgs};

const EXAMPLES: &str = "\
Examples:
  prebuilds list
  prebuilds list --phase completed --phase failed
  prebuilds list --project-id 01980000-0000-7000-8000-000000000000 --format json";

/// List prebuilds, the newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only prebuilds of this project; may be repeated
    #[arg(long, value_name = "ID")]
    project_id: Vec<Uuid>,
    /// Only prebuilds in this phase, like running or COMPLETED; may be repeated
    #[arg(long, value_name = "PHASE", value_delimiter = ',')]
    phase: Vec<PrebuildPhase>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let connection = Connection::open(&args.server).await?;
    let filter = list_prebuilds_request::Filter {
        project_ids: args.project_id.iter().map(Uuid::to_string).collect(),
        phases: args.phase.iter().map(|&phase| phase.into()).collect(),
        ..Default::default()
    };
    let nothing = if filter == list_prebuilds_request::Filter::default() {
        "No prebuilds yet: `prebuilds run` makes one of this checkout."
    } else {
        "No prebuilds like that."
    };
    let prebuilds = connection.client.list(filter);
    output::stream(args.format.format, prebuilds, nothing).await?;
    connection.close().await
}
