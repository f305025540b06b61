//! `prebuilds trigger`: create the prebuilds of a project, one for each of its classes.

use prebuilds::client::{Client, ClientError, CreateOptions};
use prebuilds::timeout::PrebuildTimeout;
use prebuilds::v1::Prebuild;
use uuid::Uuid;

use super::run::close;
use crate::connection::{Connection, ServerArgs};
use crate::failure::{Failure, note};
use crate::follow::follow;
use crate::interrupt::Interrupts;
use crate::output::{self, FormatArgs};

const EXAMPLES: &str = "\
Examples:
  prebuilds trigger 01980000-0000-7000-8000-000000000000
  prebuilds trigger 01980000-0000-7000-8000-000000000000 --prebuild-timeout 2h --wait
  prebuilds trigger 01980000-0000-7000-8000-000000000000 --format json

Without a class, one prebuild for each class in the prebuild configuration of the project; without
such a configuration, one of the project's default class.

Exit codes with --wait:
  0 all COMPLETED   1 one FAILED, or was cancelled by somebody else   2 bad usage
  130 interrupted by Ctrl-C, which cancels them";

/// Create a prebuild of a project.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The id of the project
    #[arg(value_name = "PROJECT_ID")]
    project_id: Uuid,
    /// The environment class to prebuild for
    #[arg(long, value_name = "ID")]
    environment_class_id: Option<Uuid>,
    /// How long each may take, from 5m to 2h, like 45m or 1h30m [default: 60m]
    #[arg(long, value_name = "DURATION")]
    prebuild_timeout: Option<PrebuildTimeout>,
    /// Wait until they have ended, and exit as `run` does
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, interrupts: &mut Interrupts) -> Result<(), Failure> {
    let work = async {
        let mut connection = Connection::open(&args.server).await?;
        let prebuilds = create(&mut connection, &args).await?;
        Ok::<_, Failure>((connection, prebuilds))
    };
    let (mut connection, prebuilds) = tokio::select! {
        created = work => created?,
        signal = interrupts.next() => return Err(Failure::Interrupted(signal)),
    };
    if !args.wait && !connection.is_embedded() {
        return output::all(args.format.format, &prebuilds);
    }
    if !args.wait {
        note("No server runs on the data folder of this machine: waiting here for the end.");
    }
    let ended = follow(&mut connection, &prebuilds, false, interrupts).await?;
    let printed = output::all(args.format.format, &ended.prebuilds);
    close(connection, interrupts, ended).await.and(printed)
}

/// Creates the prebuilds; on the next server when that of another command goes away. That is
/// harmless: only when it was killed between creating a prebuild and saying so is there another one
/// of the same class.
async fn create(connection: &mut Connection, args: &Args) -> Result<Vec<Prebuild>, Failure> {
    let project_id = args.project_id.to_string();
    let classes = loop {
        match classes(&connection.client, &project_id, args).await {
            Ok(classes) => break classes,
            Err(error) => note(connection.replace_after(error).await?),
        }
    };
    let mut created: Vec<Prebuild> = Vec::with_capacity(classes.len());
    while let Some(class) = classes.get(created.len()) {
        let options = CreateOptions {
            environment_class_id: class.clone(),
            timeout: args.prebuild_timeout,
        };
        let error = match connection.client.create(&project_id, options).await {
            Ok(prebuild) => {
                created.push(prebuild);
                continue;
            }
            Err(error) => error,
        };
        match connection.replace_after(error).await {
            Ok(news) => note(news),
            Err(failure) => {
                for prebuild in created {
                    note(&format!("Created prebuild {} before that.", prebuild.id));
                }
                return Err(failure);
            }
        }
    }
    Ok(created)
}

/// The classes to make a prebuild for; none of them named stands for the default of the project.
async fn classes(
    client: &Client,
    project_id: &str,
    args: &Args,
) -> Result<Vec<Option<String>>, ClientError> {
    if let Some(class) = args.environment_class_id {
        return Ok(vec![Some(class.to_string())]);
    }
    let project = client.get_project(project_id).await?;
    let configured = project.prebuild_configuration.unwrap_or_default();
    Ok(match configured.environment_class_ids {
        none if none.is_empty() => vec![None],
        classes => classes.into_iter().map(Some).collect(),
    })
}
