//! Prebuilds and projects as people see them.

use std::io::{self, Write};

use prebuilds::v1::environment_initializer::spec::Spec;
use prebuilds::v1::{GitInitializer, Prebuild, PrebuildPhase, PrebuildStatus, Project};

use crate::failure::Failure;
use crate::humanize::{age, between, moment, one_line, size};
use crate::output::{self, Rows};
use crate::style::Style;
use crate::table::{Cell, Table};

/// The phase of a prebuild; UNSPECIFIED when a server sends one that this version does not know.
pub(crate) fn phase(prebuild: &Prebuild) -> PrebuildPhase {
    status(prebuild).phase()
}

/// The status, empty when a server sends none.
pub(crate) fn status(prebuild: &Prebuild) -> &PrebuildStatus {
    static NONE: PrebuildStatus = PrebuildStatus {
        phase: 0,
        completion_time: None,
        failure_message: String::new(),
        log_url: String::new(),
        environment_id: String::new(),
        status_version: 0,
        warning_message: String::new(),
        snapshot_completion_percentage: 0,
        snapshot_size_bytes: 0,
    };
    prebuild.status.as_ref().unwrap_or(&NONE)
}

/// How old a prebuild is, for people.
pub(crate) fn prebuild_age(prebuild: &Prebuild) -> String {
    age(prebuild
        .metadata
        .as_ref()
        .and_then(|metadata| moment(metadata.created_at)))
}

/// How long a prebuild took, for people; empty as long as it has not ended.
fn took(prebuild: &Prebuild) -> String {
    between(
        prebuild
            .metadata
            .as_ref()
            .and_then(|metadata| moment(metadata.created_at)),
        moment(status(prebuild).completion_time),
    )
}

/// The size of the snapshot, for people; empty without one.
fn snapshot_size(prebuild: &Prebuild) -> String {
    match u64::try_from(status(prebuild).snapshot_size_bytes) {
        Ok(bytes) if bytes > 0 => size(bytes),
        _ => String::new(),
    }
}

/// The failure of a prebuild, else its warning, on one line.
fn remark(prebuild: &Prebuild) -> String {
    let status = status(prebuild);
    if status.failure_message.is_empty() {
        one_line(&status.warning_message)
    } else {
        one_line(&status.failure_message)
    }
}

impl Rows for Prebuild {
    fn table<W: Write>(out: W) -> Table<W> {
        Table::new(
            out,
            &[
                ("ID", 36),
                ("PROJECT", 36),
                ("PHASE", 12),
                ("CREATED", 11),
                ("TOOK", 7),
                ("SNAPSHOT", 9),
                ("REMARK", 0),
            ],
            Style::stdout(),
        )
    }

    fn row<W: Write>(&self, table: &mut Table<W>) -> io::Result<()> {
        let phase = phase(self);
        let project = self
            .metadata
            .as_ref()
            .map(|metadata| one_line(&metadata.project_id));
        table.row([
            one_line(&self.id).into(),
            project.unwrap_or_default().into(),
            Cell::coloured(phase.name(), Style::stdout().phase(phase, phase.name())),
            prebuild_age(self).into(),
            took(self).into(),
            snapshot_size(self).into(),
            remark(self).into(),
        ])
    }
}

impl Rows for Project {
    fn table<W: Write>(out: W) -> Table<W> {
        Table::new(
            out,
            &[
                ("ID", 36),
                ("NAME", 20),
                ("CREATED", 11),
                ("REVISION", 14),
                ("REPOSITORY", 0),
            ],
            Style::stdout(),
        )
    }

    fn row<W: Write>(&self, table: &mut Table<W>) -> io::Result<()> {
        let (repository, revision) = origin(self);
        let created = self
            .metadata
            .as_ref()
            .and_then(|metadata| moment(metadata.created_at));
        table.row([
            one_line(&self.id).into(),
            one_line(project_name(self)).into(),
            age(created).into(),
            one_line(&revision).into(),
            one_line(repository).into(),
        ])
    }
}

/// The name of a project.
pub(crate) fn project_name(project: &Project) -> &str {
    project
        .metadata
        .as_ref()
        .map_or("", |metadata| &metadata.name)
}

/// The git initializer of a project, if it has one.
pub(crate) fn git_initializer(project: &Project) -> Option<&GitInitializer> {
    let specs = project.initializer.as_ref()?.specs.iter();
    specs
        .filter_map(|spec| spec.spec.as_ref())
        .find_map(|spec| match spec {
            Spec::Git(git) => Some(git),
            Spec::ContextUrl(_) => None,
        })
}

/// The repository of a project, and which state of it is taken.
fn origin(project: &Project) -> (&str, String) {
    if let Some(git) = git_initializer(project) {
        let revision = match git.clone_target.as_str() {
            "" => "HEAD".to_owned(),
            // Commits are recognized by their beginning.
            target if target.len() >= 40 => target.chars().take(12).collect(),
            target => target.to_owned(),
        };
        return (&git.remote_uri, revision);
    }
    let specs = project.initializer.iter().flat_map(|all| &all.specs);
    let mut urls = specs.filter_map(|spec| match spec.spec.as_ref()? {
        Spec::ContextUrl(context) => Some(context.url.as_str()),
        Spec::Git(_) => None,
    });
    (urls.next().unwrap_or_default(), String::new())
}

/// Prints everything about one prebuild that a person asks for first, one line per fact.
pub(crate) fn describe(prebuild: &Prebuild, project: Option<&Project>) -> Result<(), Failure> {
    let style = Style::stdout();
    let status = status(prebuild);
    let phase = phase(prebuild);
    let metadata = prebuild.metadata.clone().unwrap_or_default();
    let project = match project {
        Some(project) => format!("{} ({})", project_name(project), project.id),
        None => metadata.project_id,
    };
    let progress = match phase {
        PrebuildPhase::Snapshotting => format!("{} %", status.snapshot_completion_percentage),
        _ => snapshot_size(prebuild),
    };
    for (name, value) in [
        ("prebuild", one_line(&prebuild.id)),
        ("project", one_line(&project)),
        ("class", one_line(&metadata.environment_class_id)),
        ("phase", style.phase(phase, phase.name())),
        ("created", prebuild_age(prebuild)),
        ("took", took(prebuild)),
        ("snapshot", progress),
        ("failure", one_line(&status.failure_message)),
        ("warning", one_line(&status.warning_message)),
        // Not its URL, which ends with the server when that is one of this command's own.
        ("log", format!("prebuilds logs {}", one_line(&prebuild.id))),
    ] {
        if !value.is_empty() {
            output::line(&format!("{} {value}", style.bold(&format!("{name:<9}"))))?;
        }
    }
    Ok(())
}
