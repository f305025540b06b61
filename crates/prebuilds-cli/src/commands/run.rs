//! `prebuilds run`: make a prebuild of a checkout or repository on this machine, and stay with it.

use clap::builder::NonEmptyStringValueParser;
use futures_util::TryStreamExt;
use prebuilds::client::{Client, ClientError, CreateOptions};
use prebuilds::timeout::PrebuildTimeout;
use prebuilds::v1::environment_initializer::{self, spec};
use prebuilds::v1::git_initializer::CloneTargetMode;
use prebuilds::v1::{
    CreateProjectRequest, EnvironmentInitializer, GitInitializer, Prebuild, PrebuildPhase, Project,
    UpdateProjectRequest, list_projects_request,
};

use crate::checkout::Target;
use crate::connection::Connection;
use crate::data_folder::DataDirArgs;
use crate::failure::{Failure, note, warn};
use crate::follow::{Ended, follow};
use crate::interrupt::Interrupts;
use crate::output::{self, Format, FormatArgs};
use crate::resources::{describe, git_initializer, phase, project_name};

const EXAMPLES: &str = "\
Examples:
  prebuilds run                          this checkout, at the commit that it stands at
  prebuilds run ../other --timeout 90m
  prebuilds run https://github.com/group/app.git --format json

Changes that are in no commit are left out. The project of the repository is made when there is
none. Commands run in a sandbox where bubblewrap works, else without one, which is said.

Exit codes:
  0 COMPLETED   1 FAILED, or cancelled by somebody else   2 bad usage
  130 interrupted by Ctrl-C, which cancels the prebuild (SIGTERM: 143, SIGHUP: 129)";

/// Make a prebuild of a checkout or repository on this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A folder in a git checkout, or the URL of a repository
    #[arg(value_name = "DIR or GIT URL", default_value = ".", value_parser = NonEmptyStringValueParser::new())]
    target: String,
    /// How long it may take, from 5m to 2h, like 45m or 1h30m [default: 60m]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<PrebuildTimeout>,
    #[command(flatten)]
    data_dir: DataDirArgs,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, interrupts: &mut Interrupts) -> Result<(), Failure> {
    let target = Target::find(&args.target)?;
    if target.uncommitted > 0 {
        warn(&format!(
            "uncommitted changes are left out ({} in `git status`): commit them to have them in \
             the prebuild",
            match target.uncommitted {
                1 => "1 entry".to_owned(),
                many => format!("{many} entries"),
            }
        ));
    }
    let folder = args.data_dir.path()?;
    let mut connection = tokio::select! {
        connection = Connection::to_folder(&folder) => connection?,
        signal = interrupts.next() => return Err(Failure::Interrupted(signal)),
    };
    let begun = loop {
        let error = match begin(&connection.client, &target, args.timeout).await {
            Ok(begun) => break begun,
            Err(error) => error,
        };
        let news = tokio::select! {
            news = connection.replace_after(error) => news?,
            signal = interrupts.next() => return Err(Failure::Interrupted(signal)),
        };
        note(news);
    };
    let Begun {
        project,
        word,
        prebuild,
    } = begun;
    note(&format!(
        "Prebuild {} of {} at {}",
        prebuild.id,
        target.repository,
        match &target.commit {
            Some(commit) => format!("commit {commit}"),
            None => "its HEAD".to_owned(),
        }
    ));

    let ended = follow(&mut connection, &[prebuild], true, interrupts).await?;
    // Whether or not somebody reads it, the exit code tells how it went.
    let printed = ended
        .prebuilds
        .iter()
        .try_for_each(|prebuild| print(args.format.format, prebuild, &project, &word));
    close(connection, interrupts, ended).await.and(printed)
}

/// A prebuild that was asked for.
struct Begun {
    project: Project,
    /// What names the project on a command line.
    word: String,
    prebuild: Prebuild,
}

/// Asks for the prebuild. To do so again on the next server is harmless: a project that was made is
/// found, and only when the server was killed between creating the prebuild and saying so is there
/// a second one, of the same commit.
async fn begin(
    client: &Client,
    target: &Target,
    timeout: Option<PrebuildTimeout>,
) -> Result<Begun, ClientError> {
    let project = project_of(client, target).await?;
    // Asked now: the server may be another command's, and end with the last prebuild.
    let word = word_for(client, &project).await?;
    let options = CreateOptions {
        timeout,
        ..CreateOptions::default()
    };
    let prebuild = client.create(&project.id, options).await?;
    Ok(Begun {
        project,
        word,
        prebuild,
    })
}

/// Ends the connection and tells how the prebuilds went; a signal meanwhile gives up waiting for
/// what other commands have under way.
pub(crate) async fn close(
    connection: Connection,
    interrupts: &mut Interrupts,
    ended: Ended,
) -> Result<(), Failure> {
    let result = ended.result();
    tokio::select! {
        closed = connection.close() => result.and(closed),
        signal = interrupts.next() => result.and(Err(Failure::Interrupted(signal))),
    }
}

fn print(
    format: Format,
    prebuild: &Prebuild,
    project: &Project,
    word: &str,
) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(prebuild);
    }
    describe(prebuild, Some(project))?;
    if phase(prebuild) == PrebuildPhase::Completed {
        output::line(&format!(
            "\nStart from it: prebuilds start {word} --into DIR"
        ))?;
    }
    Ok(())
}

/// What names a project on a command line: its name where that is clear, else its id.
async fn word_for(client: &Client, project: &Project) -> Result<String, ClientError> {
    let name = project_name(project);
    let filter = list_projects_request::Filter {
        search: name.to_owned(),
        ..Default::default()
    };
    let projects: Vec<Project> = client.list_projects(filter).try_collect().await?;
    let namesakes = projects.iter().filter(|other| project_name(other) == name);
    let is_clear = is_plain(name) && namesakes.count() == 1;
    Ok(if is_clear { name } else { &project.id }.to_owned())
}

/// Whether a shell takes the word as it stands.
fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.chars().all(plain)
}

/// The project of a repository, set to what is to be built; made when there is none.
async fn project_of(client: &Client, target: &Target) -> Result<Project, ClientError> {
    let wanted = initializer(
        &target.repository,
        match target.commit {
            Some(_) => CloneTargetMode::RemoteCommit,
            None => CloneTargetMode::RemoteHead,
        },
        target.commit.as_deref().unwrap_or_default(),
    );
    // The filter of the schema takes only URIs, and a checkout has a path.
    let mut projects = client.list_projects(list_projects_request::Filter::default());
    while let Some(project) = projects.try_next().await? {
        let repository = git_initializer(&project).map(|git| git.remote_uri.as_str());
        if repository != Some(&target.repository) {
            continue;
        }
        if project.initializer.as_ref() == Some(&wanted) {
            return Ok(project);
        }
        let request = UpdateProjectRequest {
            project_id: project.id,
            initializer: Some(wanted),
            ..UpdateProjectRequest::default()
        };
        return client.update_project(request).await;
    }
    let request = CreateProjectRequest {
        name: target.name.clone(),
        initializer: Some(wanted),
        ..CreateProjectRequest::default()
    };
    client.create_project(request).await
}

/// The initializer of a repository at a revision of it.
pub(crate) fn initializer(
    repository: &str,
    mode: CloneTargetMode,
    target: &str,
) -> EnvironmentInitializer {
    let git = GitInitializer {
        remote_uri: repository.to_owned(),
        target_mode: mode.into(),
        clone_target: target.to_owned(),
        ..GitInitializer::default()
    };
    EnvironmentInitializer {
        specs: vec![environment_initializer::Spec {
            spec: Some(spec::Spec::Git(git)),
        }],
    }
}
