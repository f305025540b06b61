//! `prebuilds start`: choose a completed prebuild of a project, say why that one, and restore its
//! snapshot.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::builder::NonEmptyStringValueParser;
use futures_util::TryStreamExt;
use prebuildd::snapshot::{Manifest, RestoreError, RestoreOptions, restore};
use prebuilds::client::Client;
use prebuilds::v1::project_environment_class::EnvironmentClass;
use prebuilds::v1::{
    Prebuild, PrebuildPhase, Project, list_prebuilds_request, list_projects_request,
};
use uuid::Uuid;

use crate::connection::{Connection, ServerArgs};
use crate::failure::{Failure, note};
use crate::humanize::{one_line, size};
use crate::output::{self, Format, FormatArgs};
use crate::progress::Progress;
use crate::resources::{phase, prebuild_age, project_name, status};

const EXAMPLES: &str = "\
Examples:
  prebuilds start app --into ~/src/app
  prebuilds start app --into ~/src/app --home ~/src/app-home
  prebuilds start app --into /tmp/app --prebuild 01980000-0000-7000-8000-000000000000

Without --prebuild it is the newest completed prebuild of the class, which is said with its age and
commit; when there is none, why. The folder must not exist or be empty, and nothing is left behind
when this fails.";

/// How many of the newest prebuilds are looked at to explain a choice.
const LOOK_BACK: usize = 200;

/// Start from a snapshot: restore it into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The id or the name of the project
    #[arg(value_name = "PROJECT", value_parser = NonEmptyStringValueParser::new())]
    project: String,
    /// Where the workspace goes; it must not exist or be empty
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Where the environment's HOME goes, with the caches of tools [default: it is not restored]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// The prebuild to start from [default: the newest completed one]
    #[arg(long, value_name = "ID", conflicts_with = "environment_class_id")]
    prebuild: Option<Uuid>,
    /// The environment class [default: the project's default class]
    #[arg(long, value_name = "ID")]
    environment_class_id: Option<Uuid>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let connection = Connection::open(&args.server).await?;
    let client = &connection.client;

    let project = find_project(client, &args.project).await?;
    let (prebuild, why) = match args.prebuild {
        Some(id) => named(client, &project, id).await?,
        None => newest(client, &project, args.environment_class_id).await?,
    };
    let manifest = client.snapshot_manifest(&prebuild.id).await?;
    let manifest = Manifest::from_json(&manifest).map_err(Failure::failed)?;
    let commit = match manifest.description.commit.as_str() {
        "" => "no commit".to_owned(),
        commit => format!("commit {commit}"),
    };
    note(&format!(
        "Starting from prebuild {} (created {}, {commit}): {why}",
        prebuild.id,
        prebuild_age(&prebuild),
    ));

    let progress = Progress::new();
    progress.show(
        &format!("restoring {}", size(manifest.archive.size_bytes)),
        true,
    );
    let progress = Arc::new(Mutex::new(progress));
    let shown = Arc::clone(&progress);
    let options = RestoreOptions {
        home: args.home.clone(),
        progress: Some(Box::new(move |percent| {
            let mut progress = shown.lock().unwrap_or_else(PoisonError::into_inner);
            progress.percent(percent.into());
        })),
    };
    let archive = client.snapshot(&prebuild.id).await?;
    let restored = restore(archive, &manifest, &args.into, options).await;
    progress
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .end();
    let restored = restored.map_err(|error| match error {
        RestoreError::Occupied(_) | RestoreError::Nested { .. } | RestoreError::NoHome => {
            Failure::usage(error)
        }
        error => Failure::failed(error),
    })?;

    match args.format.format {
        Format::Json => output::json(&[prebuild])?,
        Format::Text => output::line(&format!(
            "Restored {} files ({}) into {}",
            restored.files,
            size(restored.bytes),
            args.into.display()
        ))?,
    }
    connection.close().await
}

/// The project of an id or a name.
async fn find_project(client: &Client, given: &str) -> Result<Project, Failure> {
    if let Ok(id) = Uuid::try_parse(given) {
        return Ok(client.get_project(&id.to_string()).await?);
    }
    let filter = list_projects_request::Filter {
        search: given.to_owned(),
        ..Default::default()
    };
    let mut found: Option<Project> = None;
    let mut projects = client.list_projects(filter);
    while let Some(project) = projects.try_next().await? {
        if project_name(&project) != given {
            continue;
        }
        if let Some(other) = found {
            return Err(Failure::usage(format!(
                "more than one project is called {given:?}, for instance {} and {}: give the id",
                other.id, project.id
            )));
        }
        found = Some(project);
    }
    found.ok_or_else(|| {
        Failure::failed(format!(
            "no project is called {given:?}: `prebuilds project list` shows what there is"
        ))
    })
}

/// The prebuild that was asked for, which must be one of the project and have a snapshot.
async fn named(
    client: &Client,
    project: &Project,
    id: Uuid,
) -> Result<(Prebuild, String), Failure> {
    let prebuild = client.get(&id.to_string()).await?;
    let metadata = prebuild.metadata.as_ref();
    if metadata.is_none_or(|metadata| metadata.project_id != project.id) {
        return Err(Failure::usage(format!(
            "prebuild {id} is not one of project {} ({})",
            one_line(project_name(project)),
            project.id
        )));
    }
    if phase(&prebuild) != PrebuildPhase::Completed {
        return Err(Failure::failed(format!(
            "prebuild {id} has no snapshot: {}",
            state(&prebuild)
        )));
    }
    Ok((prebuild, "as asked for".to_owned()))
}

/// The newest completed prebuild of a class, and why it is that one.
async fn newest(
    client: &Client,
    project: &Project,
    class: Option<Uuid>,
) -> Result<(Prebuild, String), Failure> {
    let class = class
        .map(|class| class.to_string())
        .or_else(|| default_class(project));
    let is_of_class = |prebuild: &Prebuild| {
        let metadata = prebuild.metadata.as_ref();
        class.is_none() || metadata.map(|metadata| &metadata.environment_class_id) == class.as_ref()
    };
    let first = async |phases: Vec<i32>, at_most: usize| {
        let filter = list_prebuilds_request::Filter {
            project_ids: vec![project.id.clone()],
            phases,
            ..Default::default()
        };
        let mut prebuilds = client.list(filter);
        for _ in 0..at_most {
            match prebuilds.try_next().await? {
                Some(prebuild) if is_of_class(&prebuild) => return Ok(Some(prebuild)),
                Some(_) => {}
                None => break,
            }
        }
        Ok::<_, Failure>(None)
    };
    let completed = first(vec![PrebuildPhase::Completed.into()], usize::MAX).await?;
    let latest = first(Vec::new(), LOOK_BACK).await?;
    let name = one_line(project_name(project));
    let of = match &class {
        Some(class) => format!("project {name} and class {class}"),
        None => format!("project {name}"),
    };
    match (completed, latest) {
        (Some(completed), Some(latest)) if latest.id != completed.id => {
            let why = format!(
                "the newest completed one of {of}; prebuild {} is newer, but {}",
                latest.id,
                state(&latest)
            );
            Ok((completed, why))
        }
        (Some(completed), _) => Ok((completed, format!("the newest one of {of}"))),
        (None, Some(latest)) => Err(Failure::failed(format!(
            "no prebuild of {of} is completed; the newest is {}, created {}: {}",
            latest.id,
            prebuild_age(&latest),
            state(&latest)
        ))),
        (None, None) => Err(Failure::failed(format!(
            "there is no prebuild of {of} yet: `prebuilds trigger {} --wait` makes one",
            project.id
        ))),
    }
}

/// The class that prebuilds of a project have unless another is asked for.
fn default_class(project: &Project) -> Option<String> {
    let classes = project.environment_classes.iter();
    let class = classes.min_by_key(|class| class.order)?;
    match class.environment_class.as_ref()? {
        EnvironmentClass::EnvironmentClassId(id) => Some(id.clone()),
        EnvironmentClass::LocalRunner(_) => None,
    }
}

/// Where a prebuild without a snapshot stands, and what can be done.
fn state(prebuild: &Prebuild) -> String {
    let id = &prebuild.id;
    match phase(prebuild) {
        PrebuildPhase::Failed => format!(
            "it failed: {} (`prebuilds logs {id}` has its log)",
            one_line(&status(prebuild).failure_message)
        ),
        phase if phase.is_in_progress() => format!(
            "it is {} (`prebuilds logs {id} --follow` follows it)",
            phase.name()
        ),
        phase => format!("it is {}", phase.name()),
    }
}
