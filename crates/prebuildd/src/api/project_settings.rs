//! The settings of a project, between the schema and the domain.

use std::path::{Component, Path};

use prebuilds::timeout::PrebuildTimeout;
use prebuilds::v1;
use prebuilds::v1::prebuild_trigger::{DailySchedule, Trigger};
use prebuilds::v1::project_environment_class::EnvironmentClass;
use tonic::Status;
use uuid::Uuid;

use super::convert::{duration, ids, subject, subject_of, timestamp};
use super::error::invalid;
use super::initializer;
use crate::domain::{Editor, PrebuildConfiguration, Project};

/// The longest path of a file in a repository, in bytes.
const MAX_PATH_BYTES: usize = 1024;
/// The most editors, and the most versions of each.
const MAX_EDITORS: usize = 50;

/// Checks the timeout before the schema's own rule on it, whose message counts in seconds.
pub(super) fn check_timeout(
    configuration: Option<&v1::ProjectPrebuildConfiguration>,
) -> Result<(), Status> {
    let timeout = configuration.and_then(|configuration| configuration.timeout.as_ref());
    match PrebuildTimeout::from_spec(timeout) {
        Ok(_) => Ok(()),
        Err(error) => Err(invalid("prebuild_configuration.timeout", error.to_string())),
    }
}

/// Checks the path of a file in the repository.
pub(super) fn check_path(field: &str, path: &str) -> Result<(), Status> {
    if path.len() > MAX_PATH_BYTES {
        let reason = format!(
            "has {} bytes: at most {MAX_PATH_BYTES} are allowed",
            path.len()
        );
        return Err(invalid(field, reason));
    }
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if path.contains('\0') || !Path::new(path).components().all(inside) {
        let reason = format!("{path:?} leaves the repository: give a path below its root");
        return Err(invalid(field, reason));
    }
    Ok(())
}

/// The configuration of prebuilds in a request, for a project with these classes.
pub(super) fn configuration(
    message: &v1::ProjectPrebuildConfiguration,
    classes: &[Uuid],
) -> Result<PrebuildConfiguration, Status> {
    const CLASSES: &str = "prebuild_configuration.environment_class_ids";
    let mut environment_class_ids = ids(CLASSES, &message.environment_class_ids)?;
    if let Some(other) = environment_class_ids
        .iter()
        .find(|id| !classes.contains(id))
    {
        let reason = format!("{other} is not a class of the project");
        return Err(invalid(CLASSES, reason));
    }
    environment_class_ids.sort_unstable();
    environment_class_ids.dedup();
    let timeout = PrebuildTimeout::from_spec(message.timeout.as_ref())
        .map_err(|error| invalid("prebuild_configuration.timeout", error.to_string()))?;
    let schedule = message.trigger.as_ref().and_then(|trigger| trigger.trigger);
    let hour = match schedule {
        Some(Trigger::DailySchedule(DailySchedule { hour_utc })) => {
            let hour = u8::try_from(hour_utc).ok().filter(|hour| *hour < 24);
            Some(hour.ok_or_else(|| {
                invalid(
                    "prebuild_configuration.trigger.daily_schedule.hour_utc",
                    "must be from 0 to 23",
                )
            })?)
        }
        None => None,
    };
    Ok(PrebuildConfiguration {
        enabled: message.enabled,
        environment_class_ids,
        timeout: message.timeout.is_some().then(|| timeout.get()),
        daily_schedule_hour_utc: hour,
        executor: subject_of("prebuild_configuration.executor", message.executor.as_ref())?,
        enable_jetbrains_warmup: message.enable_jetbrains_warmup,
    })
}

/// Changes what the request names, and leaves the rest.
pub(super) fn apply(
    request: &v1::UpdateProjectRequest,
    project: &mut Project,
) -> Result<(), Status> {
    if let Some(name) = &request.name {
        project.name.clone_from(name);
    }
    if let Some(message) = &request.initializer {
        project.initializer = initializer::from_message(message)?;
    }
    if let Some(path) = &request.devcontainer_file_path {
        check_path("devcontainer_file_path", path)?;
        project.devcontainer_file_path.clone_from(path);
    }
    if let Some(path) = &request.automations_file_path {
        check_path("automations_file_path", path)?;
        project.automations_file_path.clone_from(path);
    }
    if let Some(text) = &request.technical_description {
        project.technical_description.clone_from(text);
    }
    if let Some(message) = &request.prebuild_configuration {
        let configuration = configuration(message, &project.environment_classes)?;
        project.prebuild_configuration = Some(configuration);
    }
    if let Some(message) = &request.recommended_editors {
        project.recommended_editors = editors(message)?;
    }
    Ok(())
}

fn editors(message: &v1::RecommendedEditors) -> Result<Vec<Editor>, Status> {
    let most = message.editors.values().map(|editor| editor.versions.len());
    if message.editors.len().max(most.max().unwrap_or(0)) > MAX_EDITORS {
        let reason = format!("at most {MAX_EDITORS} editors of {MAX_EDITORS} versions are allowed");
        return Err(invalid("recommended_editors.editors", reason));
    }
    let mut editors: Vec<_> = message
        .editors
        .iter()
        .map(|(name, editor)| Editor {
            name: name.clone(),
            versions: editor.versions.clone(),
        })
        .collect();
    editors.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(editors)
}

fn configuration_message(configuration: PrebuildConfiguration) -> v1::ProjectPrebuildConfiguration {
    let hour = configuration.daily_schedule_hour_utc;
    v1::ProjectPrebuildConfiguration {
        enabled: configuration.enabled,
        environment_class_ids: configuration
            .environment_class_ids
            .iter()
            .map(Uuid::to_string)
            .collect(),
        timeout: configuration.timeout.map(duration),
        trigger: hour.map(|hour| v1::PrebuildTrigger {
            trigger: Some(Trigger::DailySchedule(DailySchedule {
                hour_utc: i32::from(hour),
            })),
        }),
        executor: configuration.executor.map(subject),
        enable_jetbrains_warmup: configuration.enable_jetbrains_warmup,
    }
}

/// A row as the API shows it.
pub(super) fn project_message(project: Project) -> v1::Project {
    let environment_classes: Vec<_> = (0_i32..)
        .zip(&project.environment_classes)
        .map(|(order, class)| v1::ProjectEnvironmentClass {
            environment_class: Some(EnvironmentClass::EnvironmentClassId(class.to_string())),
            order,
        })
        .collect();
    let editors = project.recommended_editors;
    // Older clients read the deprecated field.
    #[allow(deprecated)]
    v1::Project {
        id: project.id.to_string(),
        metadata: Some(v1::ProjectMetadata {
            organization_id: project.organization_id.to_string(),
            name: project.name,
            creator: Some(subject(project.creator)),
            created_at: Some(timestamp(project.created_at)),
            updated_at: Some(timestamp(project.updated_at)),
        }),
        initializer: Some(initializer::to_message(project.initializer)),
        environment_class: environment_classes.first().cloned(),
        devcontainer_file_path: project.devcontainer_file_path,
        environment_classes,
        used_by: None,
        automations_file_path: project.automations_file_path,
        technical_description: project.technical_description,
        prebuild_configuration: project.prebuild_configuration.map(configuration_message),
        desired_phase: v1::ProjectPhase::Active as i32,
        recommended_editors: (!editors.is_empty()).then(|| v1::RecommendedEditors {
            editors: editors
                .into_iter()
                .map(|editor| {
                    let versions = editor.versions;
                    (editor.name, v1::EditorVersions { versions })
                })
                .collect(),
        }),
    }
}
