//! `prebuilds project`: what prebuilds are made of.

use clap::Subcommand;
use prebuilds::v1::git_initializer::CloneTargetMode;
use prebuilds::v1::{CreateProjectRequest, list_projects_request};
use uuid::Uuid;

use super::run::initializer;
use crate::connection::{Connection, ServerArgs};
use crate::failure::{Failure, note};
use crate::output::{self, FormatArgs};

const EXAMPLES: &str = "\
Examples:
  prebuilds project create --name app --repository https://github.com/group/app.git
  prebuilds project list --format json
  prebuilds project delete 01980000-0000-7000-8000-000000000000";

const CREATE_EXAMPLES: &str = "\
Examples:
  prebuilds project create --name app --repository https://github.com/group/app.git
  prebuilds project create --name app --repository /srv/git/app.git --branch develop
  prebuilds project create --name docs --repository git@example.com:group/app.git \\
      --devcontainer .devcontainer/docs/devcontainer.json";

/// What to do with projects.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Create a project of a repository
    Create(CreateArgs),
    /// List the projects
    List(ListArgs),
    /// Show one project
    Get(GetArgs),
    /// Delete a project with its prebuilds
    Delete(DeleteArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = CREATE_EXAMPLES)]
pub(crate) struct CreateArgs {
    /// The name of the project, up to 80 characters
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The URL of the repository, or an absolute path on the server's machine
    #[arg(long, value_name = "URL")]
    repository: String,
    /// The branch to build [default: what the repository's HEAD names]
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// The devcontainer.json to use, relative to the repository [default: found by the rules]
    #[arg(long, value_name = "PATH")]
    devcontainer: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    /// The id of the project
    #[arg(value_name = "PROJECT_ID")]
    id: Uuid,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// The id of the project
    #[arg(value_name = "PROJECT_ID")]
    id: Uuid,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create(args).await,
        Command::List(args) => list(args).await,
        Command::Get(args) => get(args).await,
        Command::Delete(args) => delete(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<(), Failure> {
    let connection = Connection::open(&args.server).await?;
    let (mode, target) = match &args.branch {
        Some(branch) => (CloneTargetMode::RemoteBranch, branch.as_str()),
        None => (CloneTargetMode::RemoteHead, ""),
    };
    let request = CreateProjectRequest {
        name: args.name,
        initializer: Some(initializer(&args.repository, mode, target)),
        devcontainer_file_path: args.devcontainer.unwrap_or_default(),
        ..CreateProjectRequest::default()
    };
    let project = connection.client.create_project(request).await?;
    output::all(args.format.format, &[project])?;
    connection.close().await
}

async fn list(args: ListArgs) -> Result<(), Failure> {
    let connection = Connection::open(&args.server).await?;
    let projects = connection
        .client
        .list_projects(list_projects_request::Filter::default());
    let nothing = "No projects yet: `prebuilds project create` or `prebuilds run` makes one.";
    output::stream(args.format.format, projects, nothing).await?;
    connection.close().await
}

async fn get(args: GetArgs) -> Result<(), Failure> {
    let connection = Connection::open(&args.server).await?;
    let project = connection.client.get_project(&args.id.to_string()).await?;
    output::all(args.format.format, &[project])?;
    connection.close().await
}

async fn delete(args: DeleteArgs) -> Result<(), Failure> {
    let connection = Connection::open(&args.server).await?;
    connection
        .client
        .delete_project(&args.id.to_string())
        .await?;
    note(&format!("Project {} is deleted.", args.id));
    connection.close().await
}
